//! Checks of the listing of users, before an export believes it.
//!
//! | question | when | what it compares | what it looks up |
//! |---|---|---|---|
//! | members | after one listing | `sub`s of memberships with those of users | the first 60 unknown `sub`s |
//! | split | after a split listing | the previous snapshot and the memberships with the split listing | unknown `sub`s |
//! | agreement | after both listings | one listing with the other | `sub`s that only one names, later sign-ups excepted |
//!
//! If too many `sub`s are unknown after a split listing, the first 60 are looked up: they tell a broken filter from a
//! pool that many users have left. A look-up is ListUsers with the exact filter `sub = "…"`, which Cognito documents. Everything is compared in parts
//! by the first digit of the `sub`. So memory holds at most a sixteenth of the `sub`s of a split listing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::super::refusals::refused;
use super::super::second_look::{LookedUp, is_of_the_run, look_up};
use super::context::Export;
use crate::catalog::{CheckpointKey, PagedWork, ReadRecord};
use crate::model::{
    Category, CheckStage, Digest, Doubt, Listing, ListingCheck, ListingQuestion, NamedBy, PageEntry,
    RecordKind, RunId, Snapshot, Sub, Unit, UserRecord,
};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// Look-ups between two checkpoints.
const LOOK_UPS_A_PAGE: usize = ListingCheck::SAMPLE;
/// Look-ups at once.
const LOOK_UPS_AT_ONCE: usize = 16;
/// After one listing, memory may hold this many `sub`s of members in any case: a megabyte.
const MIN_MEMBERS_A_PART: u64 = 65_536;

/// Units that are read at once, half a megabyte each. A pool may have 10,000 groups, with a query for each.
const UNITS_READ_AT_ONCE: usize = 8;
/// The most users of one part that only the one listing may name. Above this number, the comparison decides
/// nothing.
const MAX_ONLY_ONE: usize = 65_536;
/// Records of users that are read at once.
const RECORDS_A_READ: usize = 1_000;
/// Users or members of one query, at least: 16 batches of 32 KB.
const ENTRIES_A_QUERY: u64 = 7_500;
/// How long a query may take before one was measured.
const TIME_OF_QUERY: Duration = Duration::from_millis(200);
/// A younger invocation has nearly all of its time left. No other invocation would have more time for a
/// check.
const FRESH: Duration = Duration::from_secs(10);

/// What a look-up found.
enum LookUp {
    /// The user, and when it was created.
    Found(Option<Timestamp>),
    Gone,
    /// Cognito did not answer, or answered something else.
    Failed,
}

/// `sub`s, each with a flag. A UUID takes 16 bytes.
#[derive(Default)]
struct Flagged {
    uuids: HashMap<[u8; 16], bool>,
    others: HashMap<Sub, bool>,
}

impl Flagged {
    fn insert(&mut self, sub: Sub) {
        match sub.uuid_bytes() {
            Some(uuid) => self.uuids.entry(uuid).or_default(),
            None => self.others.entry(sub).or_default(),
        };
    }

    fn flag(&mut self, sub: &Sub) -> Option<&mut bool> {
        match sub.uuid_bytes() {
            Some(uuid) => self.uuids.get_mut(&uuid),
            None => self.others.get_mut(sub),
        }
    }

    fn remove(&mut self, sub: &Sub) {
        match sub.uuid_bytes() {
            Some(uuid) => self.uuids.remove(&uuid),
            None => self.others.remove(sub),
        };
    }

    fn len(&self) -> u64 {
        (self.uuids.len() + self.others.len()) as u64
    }

    fn without_flag(self) -> impl Iterator<Item = Sub> {
        let uuids =
            self.uuids.into_iter().filter(|(_, flag)| !flag).map(|(uuid, _)| Sub::from_uuid_bytes(uuid));
        uuids.chain(self.others.into_iter().filter(|(_, flag)| !flag).map(|(sub, _)| sub))
    }
}

/// The unknown `sub`s of a part, in order.
type Unknown = BTreeMap<Sub, NamedBy>;

/// What the comparison of one part found.
struct Compared {
    unknown: Unknown,
    /// Users that the listing names.
    named: u64,
    /// Users that the previous snapshot names.
    before: u64,
    /// The most `sub`s that the comparison held in memory at once.
    held: u64,
}

/// The previous snapshot cannot be read.
struct Unreadable;

/// One check. It works part by part.
struct Check<'a, P, V> {
    export: &'a Export<'a, P, V>,
    question: ListingQuestion,
    /// The units of this snapshot.
    units: &'a [Unit],
    /// The previous snapshot and its units.
    previous: Option<(&'a Snapshot, Vec<Unit>)>,
    parts: usize,
    /// The most unknown `sub`s of which all are looked up.
    max_unknown: u64,
    /// The time of the longest comparison of a part in this invocation.
    time_of_part: Duration,
    /// When the split listing began.
    split_began_at: Option<Timestamp>,
    /// The part that was compared last, and its unknown `sub`s.
    last: Option<(usize, Vec<(Sub, NamedBy)>)>,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Carries out a check. `units` are done and no longer change. Returns none if work is left.
    pub(super) async fn check(
        &self,
        question: ListingQuestion,
        units: &[Unit],
        header: &Snapshot,
    ) -> Result<Option<ListingCheck>> {
        let users = units.iter().filter(|unit| unit.listing.kind() == RecordKind::User);
        let attempts = users.filter(|unit| !unit.is_superseded()).map(|unit| unit.attempt).sum();
        let key = CheckpointKey::listing_check(&header.id, question, attempts);
        let state = self.catalog.checkpoint(&key).await?.unwrap_or_default();
        if state.stage == CheckStage::Done {
            return Ok(Some(state));
        }
        let entries = |kind| {
            let of_kind =
                units.iter().filter(move |unit| unit.listing.kind() == kind && !unit.is_superseded());
            of_kind.map(|unit| unit.entries)
        };
        let (users, memberships): (u64, u64) =
            (entries(RecordKind::User).sum(), entries(RecordKind::Membership).sum());
        let parts = if question == ListingQuestion::Members {
            let most = (users / ListingCheck::PARTS as u64).max(MIN_MEMBERS_A_PART);
            (memberships.div_ceil(most) as usize).min(ListingCheck::PARTS)
        } else {
            ListingCheck::PARTS
        };
        let (previous, is_readable) = match (&self.previous, question) {
            (Some(previous), ListingQuestion::Split) => {
                match self.catalog.sealed_units(previous.snapshot()).await {
                    Ok(units) => (Some((previous.snapshot(), units)), true),
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::SnapshotDamaged | ErrorKind::UnsupportedSchema
                        ) =>
                    {
                        (None, false)
                    }
                    Err(error) => return Err(error),
                }
            }
            (None, ListingQuestion::Split) => (None, false),
            _ => (None, true),
        };
        let state = if is_readable { state } else { state.doubted(Doubt::PreviousUnreadable) };
        let max_unknown = match (question, &self.previous) {
            (ListingQuestion::Members, _) => u64::MAX,
            (ListingQuestion::Split, Some(previous)) => {
                ListingCheck::max_unknown(previous.snapshot().counts.users)
            }
            (ListingQuestion::Split | ListingQuestion::Agreement, _) => {
                let one = units.iter().filter(|unit| unit.listing == Listing::Users);
                ListingCheck::max_unknown(one.map(|unit| unit.entries).sum())
            }
        };
        let mut check = Check {
            export: self,
            question,
            units,
            previous,
            parts,
            max_unknown,
            time_of_part: Duration::ZERO,
            split_began_at: header.split.began_at,
            last: None,
        };
        let first = if parts == 0 { check.compared_all(state).await? } else { state };
        let is_fresh = self.began.elapsed() < FRESH;
        if !is_fresh && !self.budget.leaves(check.expected_time()) {
            return Ok(None);
        }
        let work = self.catalog.work_through(&key, first, &mut check);
        if is_fresh {
            // It has as much time as the next invocation. So it gives nothing up.
            work.await
        } else {
            timeout_at(self.budget.last_answer_at(), work).await.unwrap_or(Ok(None))
        }
    }

    /// Looks up a user.
    ///
    /// # Errors
    /// If Cognito throttles or denies the call, if the pool is gone, or if the invocation may not call any more.
    async fn look_up(&self, sub: &Sub) -> Result<LookUp> {
        match look_up(&self.pool, sub).await {
            Ok(LookedUp::Found(user)) => Ok(LookUp::Found(user.record.created)),
            Ok(LookedUp::Gone) => Ok(LookUp::Gone),
            Err(error) if is_of_the_run(error.kind) => Err(refused(self.pool.id(), error)),
            Ok(LookedUp::Undecided) | Err(_) => Ok(LookUp::Failed),
        }
    }
}

impl<P: Pool, V: Vault> Check<'_, P, V> {
    async fn compare(&self, part: usize) -> Result<std::result::Result<Compared, Unreadable>> {
        let compared = match self.question {
            ListingQuestion::Members => self.compare_members(part).await.map(Ok),
            ListingQuestion::Split => self.compare_split(part).await,
            ListingQuestion::Agreement => self.compare_listings(part).await.map(Ok),
        }?;
        if let Ok(Compared { held, .. }) = compared {
            tracing::debug!(question = self.question.name(), part, held, "a part of the users is compared");
        }
        Ok(compared)
    }

    /// The `sub`s of memberships that no listing names.
    async fn compare_members(&self, part: usize) -> Result<Compared> {
        let mut members = Flagged::default();
        self.own(part, |listing| listing.kind() == RecordKind::Membership, |sub, _| members.insert(sub))
            .await?;
        let held = members.len();
        self.own(part, |listing| listing.kind() == RecordKind::User, |sub, _| members.remove(&sub)).await?;
        let membership = NamedBy { membership: true, ..NamedBy::default() };
        let unknown = members.without_flag().map(|sub| (sub, membership)).collect();
        Ok(Compared { unknown, named: 0, before: 0, held })
    }

    /// The `sub`s that the previous snapshot or a membership names, and the split listing does not.
    async fn compare_split(&self, part: usize) -> Result<std::result::Result<Compared, Unreadable>> {
        let Some((previous, previous_units)) = &self.previous else { return Ok(Err(Unreadable)) };
        let mut listed = Flagged::default();
        self.own(part, is_split, |sub, _| listed.insert(sub)).await?;
        let (named, mut before, mut unknown) = (listed.len(), 0, Unknown::new());
        // Beyond this number, the split listing is not believed, and what else is unknown does not matter.
        let most = self.max_unknown as usize + 1;
        let mut take = |sub: Sub, by_previous: bool| match listed.flag(&sub) {
            Some(is_counted) => {
                before += u64::from(by_previous && !*is_counted);
                *is_counted |= by_previous;
            }
            None if unknown.len() >= most => {}
            None => {
                let named_by: &mut NamedBy = unknown.entry(sub).or_default();
                before += u64::from(by_previous && !named_by.previous);
                named_by.previous |= by_previous;
                named_by.membership |= !by_previous;
            }
        };
        let is_readable = self
            .entries(
                &previous.id,
                previous_units,
                part,
                |listing| listing.kind() == RecordKind::User,
                |sub, _| take(sub, true),
            )
            .await?;
        if is_readable.is_err() {
            return Ok(Err(Unreadable));
        }
        self.own(part, |listing| listing.kind() == RecordKind::Membership, |sub, _| take(sub, false)).await?;
        let held = named + unknown.len() as u64;
        Ok(Ok(Compared { unknown, named, before, held }))
    }

    /// The `sub`s that only one of both listings names. Those of users that the one listing shows as created after
    /// the split listing began are left out: they speak against neither.
    async fn compare_listings(&self, part: usize) -> Result<Compared> {
        let (mut listed, mut only_one) = (Flagged::default(), Vec::new());
        self.own(part, is_split, |sub, _| listed.insert(sub)).await?;
        self.own(
            part,
            |listing| *listing == Listing::Users,
            |sub, digest| match listed.flag(&sub) {
                Some(is_in_both) => *is_in_both = true,
                None if only_one.len() > MAX_ONLY_ONE => {}
                None => only_one.push((sub, digest)),
            },
        )
        .await?;
        let held = listed.len() + only_one.len() as u64;
        let most = self.max_unknown as usize + 1;
        let earlier = if only_one.len() > MAX_ONLY_ONE {
            only_one.into_iter().take(most).map(|(sub, _)| sub).collect()
        } else {
            self.created_before_split(only_one, most).await?
        };
        let mut unknown: Unknown = earlier.into_iter().map(|sub| (sub, NamedBy::default())).collect();
        let split = NamedBy { split: true, ..NamedBy::default() };
        unknown.extend(listed.without_flag().take(most).map(|sub| (sub, split)));
        Ok(Compared { unknown, named: 0, before: 0, held })
    }

    /// The users of `listed` whose records do not say that they were created after the split listing began, at
    /// most `most`.
    async fn created_before_split(
        &self,
        listed: Vec<(Sub, Option<Digest>)>,
        most: usize,
    ) -> Result<Vec<Sub>> {
        let Export { catalog, progress, .. } = self.export;
        let mut earlier = Vec::new();
        for some in listed.chunks(RECORDS_A_READ) {
            let with_records: Vec<_> =
                some.iter().filter_map(|(sub, digest)| Some((sub.as_str(), (*digest)?))).collect();
            let is_later = |record: ReadRecord<UserRecord>| {
                record.is_ok_and(|user| self.is_after_split_began(user.created))
            };
            let later = catalog.map_records(&progress.user_pool_id, &with_records, is_later).await?;
            let later: HashSet<&str> = with_records
                .iter()
                .zip(later)
                .filter(|(_, later)| *later)
                .map(|((sub, _), _)| *sub)
                .collect();
            let others = some.iter().map(|(sub, _)| sub).filter(|sub| !later.contains(sub.as_str()));
            earlier.extend(others.take(most - earlier.len()).cloned());
            if earlier.len() == most {
                break;
            }
        }
        Ok(earlier)
    }

    fn is_after_split_began(&self, created: Option<Timestamp>) -> bool {
        created.zip(self.split_began_at).is_some_and(|(created, began)| created >= began)
    }

    /// Passes the `sub`s of a part to `take`, from the units of this snapshot that `wanted` accepts.
    async fn own(
        &self,
        part: usize,
        wanted: impl Fn(&Listing) -> bool,
        take: impl FnMut(Sub, Option<Digest>),
    ) -> Result<()> {
        let id = &self.export.progress.run_id;
        self.entries(id, self.units, part, wanted, take).await?.map_err(|Unreadable| {
            let what = format!("A page of snapshot {id} is missing or altered.");
            Error::new(ErrorKind::SnapshotDamaged, what, Guidance::NEW_EXPORT)
        })
    }

    async fn entries(
        &self,
        snapshot: &RunId,
        units: &[Unit],
        part: usize,
        wanted: impl Fn(&Listing) -> bool,
        mut take: impl FnMut(Sub, Option<Digest>),
    ) -> Result<std::result::Result<(), Unreadable>> {
        let may_name = |listing: &Listing| match listing {
            Listing::UsersBySub { prefix } => prefix.place() * self.parts / ListingCheck::PARTS == part,
            _ => true,
        };
        let counts = |unit: &&Unit| {
            unit.entries > 0 && !unit.is_superseded() && wanted(&unit.listing) && may_name(&unit.listing)
        };
        let mut of_units = Vec::new();
        for unit in units.iter().filter(counts) {
            of_units.push(self.export.catalog.sealed_batches(snapshot, unit).boxed());
        }
        let mut batches = stream::iter(of_units).flatten_unordered(UNITS_READ_AT_ONCE);
        while let Some(batch) = batches.try_next().await? {
            let Ok(batch) = batch else { return Ok(Err(Unreadable)) };
            for PageEntry { key, digest } in batch.pages.into_iter().flat_map(|page| page.0) {
                let sub = Sub::new(key);
                if part_of(&sub, self.parts) == part {
                    take(sub, digest);
                }
            }
        }
        Ok(Ok(()))
    }

    /// How long the comparison of one part takes, before one was measured.
    fn expected_time(&self) -> Duration {
        let of_previous = self.previous.iter().flat_map(|(_, units)| units);
        let units: Vec<_> =
            self.units.iter().chain(of_previous).filter(|unit| !unit.is_superseded()).collect();
        let long = units.iter().map(|unit| unit.entries / ENTRIES_A_QUERY).sum::<u64>();
        let short = units.len().div_ceil(UNITS_READ_AT_ONCE) as u64;
        TIME_OF_QUERY * u32::try_from(long + short).unwrap_or(u32::MAX)
    }

    /// The state after the comparison of all parts.
    async fn compared_all(&self, state: ListingCheck) -> Result<ListingCheck> {
        if state.stage == CheckStage::Done {
            return Ok(state);
        }
        if self.question == ListingQuestion::Members {
            let members_without_user = state.all_unknown();
            let stage = if members_without_user > 0 { CheckStage::Sample } else { CheckStage::Done };
            return Ok(ListingCheck { stage, members_without_user, ..state });
        }
        self.next_look_up(ListingCheck { stage: CheckStage::LookUp, part: 0, ..state }).await
    }

    /// Moves to the next part with unknown users. If there is none, ends the check.
    async fn next_look_up(&self, state: ListingCheck) -> Result<ListingCheck> {
        let next = (state.part..self.parts).find(|&part| state.unknown[part] > 0);
        match (next, self.question) {
            (Some(part), _) => Ok(ListingCheck { part, ..state }),
            (None, ListingQuestion::Split) => {
                // The estimate of the begin counts users that were deleted since.
                let pool = &self.export.pool;
                let now = pool.describe().await.map_err(|error| refused(pool.id(), error))?.estimated_users;
                Ok(state.judged(self.export.snapshot.estimated_users.min(now)))
            }
            (None, _) => Ok(ListingCheck { stage: CheckStage::Done, ..state }),
        }
    }

    async fn compare_next(&mut self, mut state: ListingCheck) -> Result<ListingCheck> {
        let began = Instant::now();
        let compared = self.compare(state.part).await?;
        self.time_of_part = self.time_of_part.max(began.elapsed());
        let Ok(Compared { unknown, named, before, .. }) = compared else {
            return Ok(state.doubted(Doubt::PreviousUnreadable));
        };
        state.unknown.push(unknown.len() as u64);
        let room = ListingCheck::SAMPLE - state.sample.len();
        state.sample.extend(unknown.into_iter().take(room));
        state.named += named;
        state.before += before;
        state.part += 1;
        if state.all_unknown() > self.max_unknown {
            let doubt = Some(Doubt::TooManyUnknown);
            return Ok(ListingCheck { stage: CheckStage::Sample, doubt, ..state });
        }
        if state.part == self.parts { self.compared_all(state).await } else { Ok(state) }
    }

    async fn look_up_next(&mut self, mut state: ListingCheck) -> Result<ListingCheck> {
        if self.last.as_ref().is_none_or(|(part, _)| *part != state.part) {
            let began = Instant::now();
            let compared = self.compare(state.part).await?;
            self.time_of_part = self.time_of_part.max(began.elapsed());
            let Ok(Compared { unknown, .. }) = compared else {
                return Ok(state.doubted(Doubt::PreviousUnreadable));
            };
            self.last = Some((state.part, unknown.into_iter().collect()));
        }
        let unknown = self.last.as_ref().map(|(_, unknown)| unknown.as_slice()).unwrap_or_default();
        let some: Vec<_> = unknown.iter().skip(state.looked_up).take(LOOK_UPS_A_PAGE).cloned().collect();
        let unknown = unknown.len();
        state.looked_up += some.len();
        self.look_up(&mut state, some).await?;
        // What one listing overlooks must be known, even if the split listing overlooks a user, too.
        let is_decided = match self.question {
            ListingQuestion::Agreement => {
                state.overlooked.is_some() || state.doubt == Some(Doubt::LookUpFailed)
            }
            ListingQuestion::Split | ListingQuestion::Members => state.doubt.is_some(),
        };
        if is_decided {
            return Ok(ListingCheck { stage: CheckStage::Done, ..state });
        }
        if state.looked_up < unknown {
            return Ok(state);
        }
        self.next_look_up(ListingCheck { part: state.part + 1, looked_up: 0, ..state }).await
    }

    async fn look_up_sample(&self, mut state: ListingCheck) -> Result<ListingCheck> {
        let sample = std::mem::take(&mut state.sample);
        self.look_up(&mut state, sample).await?;
        Ok(ListingCheck { stage: CheckStage::Done, ..state })
    }

    /// Looks up unknown users, and notes what that means.
    async fn look_up(&self, state: &mut ListingCheck, some: Vec<(Sub, NamedBy)>) -> Result<()> {
        let export = self.export;
        let look_ups = stream::iter(some).map(|(sub, named_by)| async move {
            export.look_up(&sub).await.map(|found| (sub, named_by, found))
        });
        let found: Vec<_> = look_ups.buffered(LOOK_UPS_AT_ONCE).try_collect().await?;
        for (sub, named_by, found) in found {
            self.note(state, sub, named_by, found);
        }
        Ok(())
    }

    fn note(&self, state: &mut ListingCheck, sub: Sub, named_by: NamedBy, found: LookUp) {
        match (self.question, found) {
            (ListingQuestion::Members, LookUp::Found(_)) => state.overlooked = Some(sub),
            (ListingQuestion::Members, LookUp::Gone | LookUp::Failed) => state.name_without_user(sub),
            // The one listing began after the split listing had named this user.
            (ListingQuestion::Agreement, LookUp::Found(_)) if named_by.split => state.overlooked = Some(sub),
            (ListingQuestion::Agreement, LookUp::Found(created)) if self.is_after_split_began(created) => {}
            (_, LookUp::Found(_)) => state.doubt = Some(Doubt::UserFound),
            (_, LookUp::Failed) if state.doubt == Some(Doubt::UserFound) => {}
            (_, LookUp::Failed) => state.doubt = Some(Doubt::LookUpFailed),
            (_, LookUp::Gone) => {
                state.deleted += u64::from(named_by.previous);
                if named_by.membership {
                    state.members_without_user += 1;
                    state.name_without_user(sub);
                }
            }
        }
    }
}

impl<P: Pool, V: Vault> PagedWork for Check<'_, P, V> {
    type State = ListingCheck;

    async fn page(&mut self, state: ListingCheck) -> Result<ListingCheck> {
        match state.stage {
            CheckStage::Comparison => self.compare_next(state).await,
            CheckStage::LookUp => self.look_up_next(state).await,
            CheckStage::Sample => self.look_up_sample(state).await,
            CheckStage::Done => Ok(state),
        }
    }

    fn has_time(&self, state: &ListingCheck) -> bool {
        let is_known = self.last.as_ref().is_some_and(|(part, _)| *part == state.part);
        let (calls, compares) = match state.stage {
            CheckStage::Comparison => (0, true),
            CheckStage::LookUp => (LOOK_UPS_A_PAGE as u32, !is_known),
            CheckStage::Sample => (LOOK_UPS_A_PAGE as u32, false),
            CheckStage::Done => (0, false),
        };
        let rounds = calls.div_ceil(LOOK_UPS_AT_ONCE as u32);
        let time_of_calls = (Duration::from_secs(1) * calls / self.export.progress.rate(Category::UserList))
            .max(self.export.pool.latency().unwrap_or_default() * rounds);
        let time_of_part = if !compares {
            Duration::ZERO
        } else if self.time_of_part.is_zero() {
            self.expected_time()
        } else {
            self.time_of_part + self.time_of_part / 4
        };
        self.export.budget.leaves(time_of_calls + time_of_part)
    }

    fn is_due(&self, _: u32) -> bool {
        true
    }
}

fn is_split(listing: &Listing) -> bool {
    matches!(listing, Listing::UsersBySub { .. })
}

/// The part of a `sub`, from 0. Its first digit decides.
fn part_of(sub: &Sub, parts: usize) -> usize {
    let digit = sub.as_str().chars().next().and_then(|first| first.to_digit(16)).unwrap_or_default();
    digit as usize * parts / ListingCheck::PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_is_in_one_part_and_parts_are_even() {
        for parts in 1..=ListingCheck::PARTS {
            let of = |digit: u32| part_of(&Sub::new(format!("{digit:x}")), parts);
            let found: Vec<_> = (0..16).map(of).collect();
            assert!(found.is_sorted() && found[0] == 0 && found[15] == parts - 1, "{parts}: {found:?}");
        }
        assert_eq!(part_of(&Sub::new("zebra"), 16), 0);
    }
}
