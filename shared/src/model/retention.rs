//! Retention: which snapshots of a pool are kept, and why.
//!
//! The rules are those of restic's `forget`. Days, weeks (ISO 8601) and months count in UTC. The time of a
//! snapshot is the start of its export. Days count back from the newest sealed snapshot, not from now. So a
//! pool whose exports stopped loses no snapshot as time passes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, tz::TimeZone};
use serde::Serialize;

use super::RunId;
use crate::{Error, ErrorKind, Guidance};

/// What a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Rule {
    /// The newest snapshots.
    Last,
    /// All snapshots of the last `n` × 24 hours.
    Days,
    /// The newest snapshot of each of the last days that have one.
    Daily,
    /// The newest snapshot of each of the last weeks that have one.
    Weekly,
    /// The newest snapshot of each of the last months that have one.
    Monthly,
}

impl Rule {
    pub const ALL: [Self; 5] = [Self::Last, Self::Days, Self::Daily, Self::Weekly, Self::Monthly];
    /// The largest count of a rule.
    pub const MAX: u32 = 9_999;

    /// Whether a rule can have this number.
    pub fn can_have(count: u32) -> bool {
        (1..=Self::MAX).contains(&count)
    }

    /// The name, as in `SNAPSHOT_RETENTION`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Days => "days",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }

    /// Two snapshots with equal values are in the same day, week or month. The other rules have no
    /// periods.
    fn period(self, id: &RunId) -> (i16, i16) {
        let date = id.time().to_zoned(TimeZone::UTC).date();
        match self {
            Self::Last | Self::Days | Self::Daily => (date.year(), date.day_of_year()),
            Self::Weekly => {
                let week = date.iso_week_date();
                (week.year(), week.week().into())
            }
            Self::Monthly => (date.year(), date.month().into()),
        }
    }
}

/// The rules of a pool. A sealed snapshot is kept if a rule keeps it, or if it is the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention(BTreeMap<Rule, u32>);

/// What retention must know of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The id begins with the snapshot's time.
    pub id: RunId,
    pub sealed: bool,
}

/// What retention decides about a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Kept(Vec<KeptFor>),
    /// No rule keeps it.
    Removed,
    /// No rule keeps it, and it holds users that the pool has lost. An operator looks at the result, so it
    /// goes.
    RemovedWithLostUsers,
    /// No rule keeps it, but it holds users that the pool has lost. It stays until an operator has looked.
    HeldBack,
}

/// What the rules say about the snapshots of a pool, newest first, and which of them must be compared.
///
/// A sealed snapshot that no rule keeps is compared with the next newer sealed one that stays. If over 20 %
/// of its users are missing there, the pool has lost them, and automatic retention holds it back. Then it
/// stays, and an older one is compared with it. Ordinary leavers hold nothing back, because neighbours
/// have most users in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    verdicts: Vec<Verdict>,
    is_sealed: Vec<bool>,
    /// The newest snapshot that has not been looked at.
    next: usize,
    automatic: bool,
}

impl Judgement {
    /// The next snapshot to compare, and the one to compare it with, as positions. None if all are compared.
    pub fn next_comparison(&self) -> Option<(usize, usize)> {
        let is_open = |&at: &usize| self.is_sealed[at] && self.verdicts[at] == Verdict::Removed;
        let older = (self.next..self.verdicts.len()).find(is_open)?;
        let stays = |&at: &usize| {
            self.is_sealed[at] && matches!(self.verdicts[at], Verdict::Kept(_) | Verdict::HeldBack)
        };
        // The newest sealed snapshot stays, and is newer.
        (0..older).rev().find(stays).map(|newer| (older, newer))
    }

    /// Takes the result of the comparison of the snapshot at a position.
    pub fn compared(&mut self, at: usize, has_lost_users: bool) {
        self.next = at + 1;
        if has_lost_users {
            self.verdicts[at] =
                if self.automatic { Verdict::HeldBack } else { Verdict::RemovedWithLostUsers };
        }
    }

    /// The verdicts, newest first.
    pub fn into_verdicts(self) -> Vec<Verdict> {
        self.verdicts
    }
}

/// Why a snapshot stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptFor {
    /// It is the newest sealed snapshot.
    Newest,
    Rule(Rule),
    /// It was never completed, and no newer snapshot was.
    NothingNewerSealed,
}

/// Whether the newer of two snapshots has over 20 % fewer users.
pub fn lost_users(before: u64, now: u64) -> bool {
    u128::from(now) * 5 < u128::from(before) * 4
}

impl Retention {
    /// A policy of some rules, each with its count.
    ///
    /// # Errors
    /// If there is no rule, or if a count is 0 or above [`Rule::MAX`].
    pub fn new(rules: impl IntoIterator<Item = (Rule, u32)>) -> Result<Self, Error> {
        let rules: BTreeMap<_, _> = rules.into_iter().collect();
        if rules.is_empty() {
            return Err(refused("A retention without a rule keeps only the newest snapshot."));
        }
        if let Some((rule, count)) = rules.iter().find(|(_, count)| !Rule::can_have(**count)) {
            return Err(refused(&format!("Rule {} of the retention has the number {count}.", rule.name())));
        }
        Ok(Self(rules))
    }

    /// Reads `days=35,monthly=12`.
    ///
    /// # Errors
    /// For any other form.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut rules = BTreeMap::new();
        for (place, part) in text.split(',').enumerate() {
            let rule = part.split_once('=').and_then(|(name, count)| {
                let rule = Rule::ALL.into_iter().find(|rule| rule.name() == name.trim())?;
                let digits = count.trim();
                let plain = digits.bytes().all(|b| b.is_ascii_digit());
                Some((rule, digits.parse().ok().filter(|_| plain)?))
            });
            let Some((rule, count)) = rule else {
                return Err(refused(&format!("Part {} of the retention is no rule.", place + 1)));
            };
            if rules.insert(rule, count).is_some() {
                return Err(refused(&format!("The retention has rule {} twice.", rule.name())));
            }
        }
        Self::new(rules)
    }

    /// Decides about the snapshots of a pool, newest first.
    ///
    /// If no snapshot is sealed, all stay. If `automatic` is set, no operator looks at the result. Then
    /// snapshots that hold lost users are held back.
    pub fn judge(&self, snapshots: &[Past], automatic: bool) -> Judgement {
        let verdicts = self.by_rules(snapshots);
        let is_sealed = snapshots.iter().map(|past| past.sealed).collect();
        Judgement { verdicts, is_sealed, next: 0, automatic }
    }

    fn by_rules(&self, snapshots: &[Past]) -> Vec<Verdict> {
        let Some(newest) = snapshots.iter().find(|past| past.sealed) else {
            return snapshots.iter().map(|_| Verdict::Kept(vec![KeptFor::NothingNewerSealed])).collect();
        };
        let mut kept_by: BTreeMap<&RunId, BTreeSet<KeptFor>> =
            BTreeMap::from([(&newest.id, BTreeSet::from([KeptFor::Newest]))]);
        for (&rule, &count) in &self.0 {
            for id in keeps(rule, count, newest, snapshots) {
                kept_by.entry(id).or_default().insert(KeptFor::Rule(rule));
            }
        }
        let verdict = |past: &Past| match kept_by.get(&past.id) {
            Some(why) => Verdict::Kept(why.iter().copied().collect()),
            None if !past.sealed && past.id > newest.id => Verdict::Kept(vec![KeptFor::NothingNewerSealed]),
            None => Verdict::Removed,
        };
        snapshots.iter().map(verdict).collect()
    }
}

/// The snapshots that a rule keeps. Only the rule of days keeps snapshots that were never completed.
fn keeps<'a>(rule: Rule, count: u32, newest: &Past, snapshots: &'a [Past]) -> Vec<&'a RunId> {
    let count = count as usize;
    let sealed = snapshots.iter().filter(|past| past.sealed).map(|past| &past.id);
    match rule {
        Rule::Last => sealed.take(count).collect(),
        Rule::Days => {
            let span = SignedDuration::from_hours(24 * count as i64);
            let within = |id: &RunId| newest.id.time().duration_since(id.time()) <= span;
            snapshots.iter().map(|past| &past.id).filter(|id| within(id)).collect()
        }
        Rule::Daily | Rule::Weekly | Rule::Monthly => {
            let mut last = None;
            let begins = |id: &&RunId| {
                let period = rule.period(id);
                last.replace(period) != Some(period)
            };
            sealed.filter(begins).take(count).collect()
        }
    }
}

fn refused(what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, what, Guidance::GiveRetention { max: Rule::MAX })
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (rule, count)) in self.0.iter().enumerate() {
            write!(f, "{}{}={count}", if at > 0 { "," } else { "" }, rule.name())?;
        }
        Ok(())
    }
}

impl KeptFor {
    /// The reason in a word or two, for tables and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Rule(rule) => rule.name(),
            Self::NothingNewerSealed => "nothing newer sealed",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reason_to_keep_a_snapshot_has_a_name() {
        let reasons = [KeptFor::Newest, KeptFor::Rule(Rule::Monthly), KeptFor::NothingNewerSealed];
        assert_eq!(reasons.map(KeptFor::name), ["newest", Rule::Monthly.name(), "nothing newer sealed"]);
    }

    /// A snapshot. The id ends in the number of its users, of which the newest sign up last and leave last.
    fn past_at(time: jiff::Timestamp, sealed: bool, users: u64) -> Past {
        let text = time.strftime("%Y%m%dT%H%M%S%3fZ");
        Past { id: RunId::parse(&format!("{text}-{users:08x}")).unwrap(), sealed }
    }

    fn past(time: &str, sealed: bool, users: u64) -> Past {
        past_at(time.parse().unwrap(), sealed, users)
    }

    fn users(past: &Past) -> u64 {
        u64::from_str_radix(&past.id.as_str()[20..], 16).unwrap()
    }

    /// The verdicts after all comparisons, with snapshots that lose users and gain none.
    fn judged(policy: &Retention, snapshots: &[Past], automatic: bool) -> Vec<Verdict> {
        let mut judgement = policy.judge(snapshots, automatic);
        while let Some((older, newer)) = judgement.next_comparison() {
            judgement.compared(older, lost_users(users(&snapshots[older]), users(&snapshots[newer])));
        }
        judgement.into_verdicts()
    }

    fn kept(policy: &str, times: &[&str]) -> Vec<usize> {
        let snapshots: Vec<_> = times.iter().map(|time| past(time, true, 5)).collect();
        let verdicts = judged(&Retention::parse(policy).unwrap(), &snapshots, true);
        (0..times.len()).filter(|&at| matches!(verdicts[at], Verdict::Kept(_))).collect()
    }

    #[test]
    fn a_policy_reads_as_it_is_written() {
        for text in ["last=1", "days=35,monthly=12", "last=3,days=1,daily=7,weekly=4,monthly=9999"] {
            assert_eq!(Retention::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Retention::parse(" monthly = 2, last=1").unwrap().to_string(), "last=1,monthly=2");
        for bad in [
            "",
            ",",
            "days",
            "days=",
            "days=0",
            "days=-1",
            "days=+1",
            "days=x",
            "days=10000",
            "years=1",
            "days=1,days=2",
            "days=1,",
        ] {
            let error = Retention::parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
            assert!(*error.guidance() == Guidance::GiveRetention { max: Rule::MAX });
        }
    }

    #[test]
    fn rules_count_as_restic_does() {
        // Sunday and Monday are in two weeks. 2026-12-31 and 2027-01-01 are in one week (ISO week
        // 53 of 2026).
        let times = [
            "2027-01-01T12:00:00Z",
            "2027-01-01T02:00:00Z",
            "2026-12-31T02:00:00Z",
            "2026-12-28T23:59:59Z",
            "2026-12-27T00:00:00Z",
            "2026-11-30T00:00:00Z",
            "2025-12-31T00:00:00Z",
        ];
        assert_eq!(kept("last=2", &times), [0, 1]);
        assert_eq!(kept("daily=3", &times), [0, 2, 3]);
        assert_eq!(kept("weekly=2", &times), [0, 4]);
        assert_eq!(kept("weekly=3", &times), [0, 4, 5]);
        assert_eq!(kept("monthly=3", &times), [0, 2, 5]);
        assert_eq!(kept("monthly=9", &times), [0, 2, 5, 6], "December of another year is another month");
        assert_eq!(kept("days=1", &times), [0, 1]);
        assert_eq!(kept("days=2", &times), [0, 1, 2]);
        assert_eq!(kept("last=1,days=2,monthly=3", &times), [0, 1, 2, 5]);
    }

    #[test]
    fn only_the_rule_of_days_keeps_unsealed_snapshots_and_all_stay_if_none_newer_is_sealed() {
        let snapshots = [
            past("2026-11-21T04:00:00Z", false, 0),
            past("2026-11-21T02:00:00Z", true, 5),
            past("2026-11-20T12:00:00Z", false, 0),
            past("2026-11-18T02:00:00Z", false, 0),
        ];
        let by = |policy: &str| judged(&Retention::parse(policy).unwrap(), &snapshots, true);
        assert_eq!(by("last=9")[2..], [Verdict::Removed, Verdict::Removed]);
        assert_eq!(by("days=1")[2..], [Verdict::Kept(vec![KeptFor::Rule(Rule::Days)]), Verdict::Removed]);
        assert_eq!(by("daily=9")[0], Verdict::Kept(vec![KeptFor::NothingNewerSealed]));
        let unsealed = [past("2026-11-21T04:00:00Z", false, 0), past("2026-11-18T02:00:00Z", false, 0)];
        let verdicts = judged(&Retention::parse("last=1").unwrap(), &unsealed, true);
        assert!(
            verdicts.iter().all(|verdict| matches!(verdict, Verdict::Kept(_))),
            "where nothing is sealed, nothing goes"
        );
    }

    #[test]
    fn snapshots_with_users_that_the_pool_lost_are_held_back_until_an_operator_looks() {
        let users = [79, 100, 99, 98, 1_000];
        let times = [
            "2026-11-25T00:00:00Z",
            "2026-11-24T00:00:00Z",
            "2026-11-23T00:00:00Z",
            "2026-11-22T00:00:00Z",
            "2026-11-21T00:00:00Z",
        ];
        let snapshots: Vec<_> =
            times.iter().zip(users).map(|(time, users)| past(time, true, users)).collect();
        let policy = Retention::parse("last=1").unwrap();
        let verdicts = |automatic| judged(&policy, &snapshots, automatic);
        let held = |automatic| {
            verdicts(automatic).iter().map(|verdict| *verdict == Verdict::HeldBack).collect::<Vec<_>>()
        };
        // The third and the fourth are compared with the second, which stays.
        assert_eq!(held(true), [false, true, false, false, true]);
        assert_eq!(held(false), [false; 5]);
        let goes = |verdict: &Verdict| matches!(verdict, Verdict::Removed | Verdict::RemovedWithLostUsers);
        assert!(verdicts(false)[1..].iter().all(goes));
        assert_eq!(verdicts(false)[4], Verdict::RemovedWithLostUsers);
        assert!(lost_users(100, 79) && !lost_users(100, 80) && !lost_users(0, 0) && lost_users(1, 0));
    }

    #[test]
    fn ordinary_leavers_over_a_year_hold_nothing_back() {
        // A year of weeks, in each of which 1 % of the users leave: 40 % over the year.
        let begin: jiff::Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let week = |weeks: i64| {
            let users = 1_000.0 / 0.99_f64.powi(weeks as i32);
            past_at(begin - SignedDuration::from_hours(weeks * 168), true, users as u64)
        };
        let snapshots: Vec<_> = (0..52).map(week).collect();
        assert!(lost_users(users(&snapshots[51]), users(&snapshots[0])));
        let verdicts = judged(&Retention::parse("monthly=11").unwrap(), &snapshots, true);
        let count = |verdict: Verdict| verdicts.iter().filter(|other| **other == verdict).count();
        assert_eq!((count(Verdict::HeldBack), count(Verdict::Removed)), (0, 41));
    }

    fn history() -> impl Strategy<Value = Vec<Past>> {
        let one = (prop::bool::weighted(0.7), 0u64..300);
        prop::collection::btree_map(0i64..800 * 24 * 60, one, 0..40).prop_map(|all| {
            let begin = 1_750_000_000;
            let past = |(minute, (sealed, users)): (i64, (bool, u64))| {
                past_at(jiff::Timestamp::from_second(begin + minute * 60).unwrap(), sealed, users)
            };
            all.into_iter().rev().map(past).collect()
        })
    }

    fn policy() -> impl Strategy<Value = Retention> {
        let rule = (prop::sample::select(&Rule::ALL[..]), 1u32..12);
        prop::collection::vec(rule, 1..5).prop_map(|rules| Retention::new(rules).unwrap())
    }

    proptest! {
        #[test]
        fn the_newest_sealed_snapshot_stays_under_every_policy(snapshots in history(), policy in policy(), automatic: bool) {
            let verdicts = judged(&policy, &snapshots, automatic);
            prop_assert_eq!(verdicts.len(), snapshots.len());
            let stays = |verdict: &Verdict| matches!(verdict, Verdict::Kept(_));
            match snapshots.iter().position(|past| past.sealed) {
                Some(newest) => prop_assert!(verdicts[..=newest].iter().all(stays), "it, and whatever is newer"),
                None => prop_assert!(verdicts.iter().all(stays)),
            }
        }

        #[test]
        fn unsealed_snapshots_change_nothing_for_sealed_ones(snapshots in history(), policy in policy(), automatic: bool) {
            let sealed: Vec<_> = snapshots.iter().filter(|past| past.sealed).cloned().collect();
            let of_sealed: Vec<_> = judged(&policy, &snapshots, automatic).into_iter().zip(&snapshots).filter(|(_, past)| past.sealed).map(|(verdict, _)| verdict).collect();
            prop_assert_eq!(of_sealed, judged(&policy, &sealed, automatic));
        }

        /// Removed snapshots change nothing for the others.
        #[test]
        fn another_rule_or_a_higher_count_never_keeps_fewer_snapshots(snapshots in history(), policy in policy(), more in policy(), automatic: bool) {
            let mut both = policy.0.clone();
            for (rule, count) in &more.0 {
                let there = both.entry(*rule).or_insert(*count);
                *there = (*there).max(*count);
            }
            let one = judged(&policy, &snapshots, automatic);
            let wider = judged(&Retention(both), &snapshots, automatic);
            for (one, wider) in one.iter().zip(&wider) {
                prop_assert!(!matches!(one, Verdict::Kept(_)) || matches!(wider, Verdict::Kept(_)));
            }
            let goes = |verdict: &Verdict| matches!(verdict, Verdict::Removed | Verdict::RemovedWithLostUsers);
            let left: Vec<_> = snapshots.iter().zip(&one).filter(|(_, verdict)| !goes(verdict)).map(|(past, _)| past.clone()).collect();
            prop_assert!(!judged(&policy, &left, automatic).iter().any(goes), "a second look removes no more");
        }

        #[test]
        fn a_counting_rule_keeps_as_many_snapshots_as_it_says_or_all(snapshots in history(), count in 1u32..12) {
            let sealed: Vec<_> = snapshots.iter().filter(|past| past.sealed).collect();
            for rule in [Rule::Last, Rule::Daily, Rule::Weekly, Rule::Monthly] {
                let day = |past: &Past| past.id.time().as_second().div_euclid(24 * 3600);
                let periods: BTreeSet<_> = sealed.iter().map(|past| match rule {
                    Rule::Last => past.id.as_str().to_owned(),
                    // 1970-01-05 was a Monday.
                    Rule::Weekly => (day(past) - 4).div_euclid(7).to_string(),
                    Rule::Monthly => past.id.as_str()[..6].to_owned(),
                    _ => past.id.as_str()[..8].to_owned(),
                }).collect();
                let verdicts = judged(&Retention::new([(rule, count)]).unwrap(), &snapshots, false);
                let by_rule = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Kept(why) if why.contains(&KeptFor::Rule(rule)))).count();
                prop_assert_eq!(by_rule, periods.len().min(count as usize), "{:?}", rule);
            }
        }
    }
}
