//! The answer of `prune`: what happens to each snapshot of a pool.

use jiff::Timestamp;
use serde::Serialize;
use shared::format::{form, plural};
use shared::model::{KeptFor, PoolId, Pruned, RunId, Snapshot, SnapshotState};
use shared::operations::prune::{Decision, Plan, PlannedCapture, RemovalReason};

use super::Report;
use super::flags::command;
use super::text::{ago, number, table, time};
use crate::aws::TablePlace;

/// A removal that was completed, or the plan of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneEnd {
    pub user_pool_id: PoolId,
    pub table: TablePlace,
    /// Whether this is only a plan: nothing was changed.
    pub planned: bool,
    /// All snapshots of the pool, newest first.
    pub snapshots: Vec<PrunedRow>,
    /// All captures of the pool, newest first.
    pub captures: Vec<PrunedCapture>,
    /// What was removed. None for a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Pruned>,
    /// The result in words.
    pub summary: String,
}

/// A snapshot, and what happens to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedRow {
    pub snapshot_id: RunId,
    /// Its state before the removal.
    pub status: SnapshotState,
    /// Users in it.
    pub users: u64,
    pub fate: DecisionName,
    pub why: Vec<&'static str>,
    /// If an import uses it: when the lease of the import ends, unless the import renews it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
}

/// A capture, and what happens to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedCapture {
    pub capture_id: RunId,
    pub fate: DecisionName,
    pub why: &'static str,
}

impl PrunedCapture {
    fn new(planned: &PlannedCapture) -> Self {
        let (fate, why) = match planned.removal {
            None => (DecisionName::Kept, "no rule removes a capture"),
            Some(RemovalReason::Begun) => (DecisionName::Removed, BEGUN),
            Some(_) => (DecisionName::Removed, "you named it"),
        };
        Self { capture_id: planned.capture.id.clone(), fate, why }
    }
}

/// Why prune continues the removal of a snapshot.
const BEGUN: &str = "removal already begun";
/// Why a snapshot needs a look: it holds users that the pool has lost since.
const USERS_LOST: &str = "users lost since";

/// What happens to a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DecisionName {
    /// The snapshot stays.
    Kept,
    /// The snapshot is removed, or would be.
    Removed,
    /// The snapshot stays, although it is to be removed: an import uses it.
    InUse,
}

impl PruneEnd {
    /// The answer about `plan`. Without `removed`, nothing was changed.
    pub fn new(pool: &PoolId, place: &TablePlace, plan: Plan, removed: Option<Pruned>) -> Self {
        let snapshots: Vec<_> =
            plan.snapshots.into_iter().map(|planned| row(planned.snapshot, &planned.fate)).collect();
        let captures: Vec<_> = plan.captures.iter().map(PrunedCapture::new).collect();
        Self {
            user_pool_id: pool.clone(),
            table: place.clone(),
            planned: removed.is_none(),
            summary: summary(pool, &snapshots, &captures, removed.as_ref()),
            snapshots,
            captures,
            removed,
        }
    }
}

fn row(snapshot: Snapshot, fate: &Decision) -> PrunedRow {
    let (name, why) = match fate {
        Decision::Kept(why) if why.is_empty() => (DecisionName::Kept, vec!["not named"]),
        Decision::Kept(why) => (DecisionName::Kept, why.iter().map(|why: &KeptFor| why.name()).collect()),
        Decision::HeldBack => (DecisionName::Kept, vec![USERS_LOST]),
        Decision::InUse { .. } => (DecisionName::InUse, vec!["import uses it"]),
        Decision::Removed(going) => {
            let why = match going {
                RemovalReason::NoRule => vec!["no rule keeps it"],
                RemovalReason::NoRuleAndLostUsers => vec!["no rule keeps it", USERS_LOST],
                RemovalReason::NeverCompleted => vec!["never completed"],
                RemovalReason::Named => vec!["named"],
                RemovalReason::Begun => vec![BEGUN],
            };
            (DecisionName::Removed, why)
        }
    };
    let held_until = match fate {
        Decision::InUse { held_until } => *held_until,
        Decision::Kept(_) | Decision::HeldBack | Decision::Removed(_) => None,
    };
    PrunedRow {
        held_until,
        status: snapshot.lasting_state().unwrap_or(snapshot.state),
        snapshot_id: snapshot.id,
        users: snapshot.counts.users,
        fate: name,
        why,
    }
}

fn summary(
    pool: &PoolId,
    rows: &[PrunedRow],
    captures: &[PrunedCapture],
    removed: Option<&Pruned>,
) -> String {
    let count = |fate| rows.iter().filter(|row| row.fate == fate).count() as u64;
    let snapshots = |count| plural(count, "snapshot", "snapshots");
    let (going, staying, in_use) =
        (count(DecisionName::Removed), count(DecisionName::Kept), count(DecisionName::InUse));
    let captures_going = captures.iter().filter(|row| row.fate == DecisionName::Removed).count() as u64;
    let going_words = match captures_going {
        0 => snapshots(going),
        some => format!("{} and {}", snapshots(going), plural(some, "capture", "captures")),
    };
    let kept = if captures_going == 0 { number(staying) } else { snapshots(staying) };
    let mut words = match removed {
        None => {
            format!("Plan for user pool {pool}: remove {going_words}, keep {}. This changes nothing.", kept)
        }
        Some(_) if going + captures_going == 0 => {
            format!("User pool {pool} has no snapshot to remove. It keeps {}.", number(staying))
        }
        Some(removed) => {
            format!("User pool {pool}: {} removed, {kept} kept.", removed.summary())
        }
    };
    let is_continued =
        rows.iter().any(|row| row.why.contains(&BEGUN)) || captures.iter().any(|row| row.why == BEGUN);
    if removed.is_some() && is_continued {
        words += " These numbers may include what an interrupted removal had already deleted.";
    }
    if in_use > 0 {
        words += &format!(" An import uses {}: run the command again when it has ended.", snapshots(in_use));
        if let Some(until) = rows.iter().filter_map(|row| row.held_until).max() {
            words += &format!(
                " If no import runs, one was aborted: its lease ends at {}. `{}` shows what runs.",
                time(until),
                command("status")
            );
        }
    }
    let lost = rows.iter().filter(|row| row.why.contains(&USERS_LOST)).count() as u64;
    if lost > 0 && removed.is_none() {
        words += &format!(
            " ATTENTION: over 20 % of the users of {} are missing later (users lost since). Keep {}, unless the users were \
             deleted on purpose.",
            snapshots(lost),
            form(lost, "it", "them")
        );
    }
    words
}

impl Report for PruneEnd {
    fn human(&self, now: Timestamp) -> String {
        if self.snapshots.is_empty() && self.captures.is_empty() {
            return format!("{} holds no snapshot of user pool {}.", self.table, self.user_pool_id);
        }
        let result = |fate| match (fate, self.planned) {
            (DecisionName::Kept, _) => "kept".to_owned(),
            (DecisionName::Removed, true) => "to remove".to_owned(),
            (DecisionName::Removed, false) => "removed".to_owned(),
            (DecisionName::InUse, _) => "in use".to_owned(),
        };
        let cells = |row: &PrunedRow| {
            vec![
                row.snapshot_id.to_string(),
                super::snapshots::status(row.status).to_owned(),
                ago(row.snapshot_id.time(), now),
                number(row.users),
                result(row.fate),
                row.why.join(", "),
            ]
        };
        let mut text = self.summary.clone();
        if !self.snapshots.is_empty() {
            let header = ["SNAPSHOT", "STATE", "BEGUN", ">USERS", "RESULT", "WHY"];
            text += &format!("\n\n{}", table(&header, self.snapshots.iter().map(cells)));
        }
        if !self.captures.is_empty() {
            let cells = |row: &PrunedCapture| {
                let id = row.capture_id.to_string();
                vec![id, ago(row.capture_id.time(), now), result(row.fate), row.why.to_owned()]
            };
            let header = ["CAPTURE", "STORED", "RESULT", "WHY"];
            text += &format!("\n\n{}", table(&header, self.captures.iter().map(cells)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use shared::model::Rule;
    use shared::operations::prune::Planned;

    use super::*;
    use crate::testing;

    fn plan() -> Plan {
        let planned =
            |hour, fate| Planned { snapshot: testing::snapshot(hour, 400_000 + u64::from(hour)), fate };
        let mut failed = planned(8, Decision::Removed(RemovalReason::NeverCompleted));
        failed.snapshot.state = SnapshotState::Failed;
        let snapshots = vec![
            planned(9, Decision::Kept(vec![KeptFor::Newest, KeptFor::Rule(Rule::Days)])),
            failed,
            planned(7, Decision::InUse { held_until: Some(testing::now()) }),
            planned(6, Decision::HeldBack),
            planned(5, Decision::Kept(Vec::new())),
            planned(4, Decision::Removed(RemovalReason::NoRule)),
            planned(3, Decision::Removed(RemovalReason::Named)),
            planned(2, Decision::Removed(RemovalReason::Begun)),
            planned(1, Decision::Removed(RemovalReason::NoRuleAndLostUsers)),
        ];
        let capture = |number, removal| PlannedCapture { capture: testing::capture(number), removal };
        let captures = vec![
            capture(3, None),
            capture(2, Some(RemovalReason::Named)),
            capture(1, Some(RemovalReason::Begun)),
        ];
        Plan { snapshots, captures }
    }

    #[test]
    fn every_snapshot_is_listed_with_its_result_and_the_reason() {
        let end =
            |removed| PruneEnd::new(&testing::pool("a"), &testing::place("111111111111"), plan(), removed);
        let removed = Pruned { snapshots: 5, captures: 2, records: 1_200, pages: 26_684, items: 27_900 };
        insta::assert_snapshot!(end(None).human(testing::now()));
        insta::assert_snapshot!(end(Some(removed)).human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end(Some(removed))).unwrap());
    }

    #[test]
    fn a_pool_without_snapshots_to_remove_says_so() {
        let planned =
            Planned { snapshot: testing::snapshot(9, 5), fate: Decision::Kept(vec![KeptFor::Newest]) };
        let end = |snapshots| {
            PruneEnd::new(
                &testing::pool("a"),
                &testing::place("1"),
                Plan { snapshots, captures: Vec::new() },
                Some(Pruned::default()),
            )
        };
        assert!(
            end(vec![planned])
                .human(testing::now())
                .starts_with("User pool eu-west-1_a has no snapshot to remove. It keeps 1.\n")
        );
        assert!(end(vec![]).human(testing::now()).contains("holds no snapshot of user pool eu-west-1_a"));
    }
}
