//! What became of the snapshots of a pool: the answer of `prune`.

use jiff::Timestamp;
use serde::Serialize;
use shared::format::plural;
use shared::model::{KeptFor, PoolId, Pruned, RunId, Snapshot, SnapshotState};
use shared::operations::prune::{Decision, Plan, RemovalReason};

use super::Report;
use super::text::{ago, number, table};
use crate::aws::TablePlace;

/// A removal that came to its end, or the plan of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneEnd {
    /// The pool.
    pub user_pool_id: PoolId,
    /// The table.
    pub table: TablePlace,
    /// Whether nothing was changed: only what would become of the snapshots was asked for.
    pub planned: bool,
    /// All of its snapshots, newest first, and what became of each.
    pub snapshots: Vec<PrunedRow>,
    /// What was removed, where anything was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<Pruned>,
    /// What it came to, in plain words.
    pub summary: String,
}

/// A snapshot and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunedRow {
    /// Its id.
    pub snapshot_id: RunId,
    /// Its state before.
    pub status: SnapshotState,
    /// Users in it.
    pub users: u64,
    /// What becomes of it.
    pub fate: FateName,
    /// Why.
    pub why: Vec<&'static str>,
}

/// What becomes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FateName {
    /// It stays.
    Kept,
    /// It goes, or is gone.
    Removed,
    /// It was to go, and stays because an import is at work on it.
    InUse,
}

impl PruneEnd {
    /// What became of the snapshots; with nothing said of what was `removed`, what would become of them.
    pub fn new(pool: &PoolId, place: &TablePlace, plan: Plan, removed: Option<Pruned>) -> Self {
        let snapshots: Vec<_> = plan.snapshots.into_iter().map(|planned| row(planned.snapshot, &planned.fate)).collect();
        Self {
            user_pool_id: pool.clone(),
            table: place.clone(),
            planned: removed.is_none(),
            summary: summary(pool, &snapshots, removed.as_ref()),
            snapshots,
            removed,
        }
    }
}

fn row(snapshot: Snapshot, fate: &Decision) -> PrunedRow {
    let (name, why) = match fate {
        Decision::Kept(why) if why.is_empty() => (FateName::Kept, vec!["not named"]),
        Decision::Kept(why) => (FateName::Kept, why.iter().map(|why: &KeptFor| why.name()).collect()),
        Decision::HeldBack => (FateName::Kept, vec!["more users than now"]),
        Decision::InUse => (FateName::InUse, vec!["import at work"]),
        Decision::Removed(going) => {
            let why = match going {
                RemovalReason::NoRule => "no rule keeps it",
                RemovalReason::NeverCompleted => "never completed",
                RemovalReason::Named => "named",
                RemovalReason::Begun => "removal begun before",
            };
            (FateName::Removed, vec![why])
        }
    };
    PrunedRow {
        status: snapshot.lasting_state().unwrap_or(snapshot.state),
        snapshot_id: snapshot.id,
        users: snapshot.counts.users,
        fate: name,
        why,
    }
}

fn summary(pool: &PoolId, rows: &[PrunedRow], removed: Option<&Pruned>) -> String {
    let count = |fate| rows.iter().filter(|row| row.fate == fate).count() as u64;
    let snapshots = |count| plural(count, "snapshot", "snapshots");
    let (going, staying, in_use) = (count(FateName::Removed), count(FateName::Kept), count(FateName::InUse));
    let mut words = match removed {
        None => format!(
            "Of user pool {pool}, {} would be removed and {} kept. Nothing was changed.",
            snapshots(going),
            number(staying)
        ),
        Some(_) if going == 0 => format!("User pool {pool} has no snapshot to remove. It keeps {}.", number(staying)),
        Some(removed) => format!("Removed of user pool {pool}: {}. {} kept.", removed.summary(), number(staying)),
    };
    if in_use > 0 {
        words += &format!(" An import is at work on {}: run the command again when it has ended.", snapshots(in_use));
    }
    words
}

impl Report for PruneEnd {
    fn human(&self, now: Timestamp) -> String {
        if self.snapshots.is_empty() {
            return format!("{} holds no snapshot of user pool {}.", self.table, self.user_pool_id);
        }
        let cells = |row: &PrunedRow| {
            let becomes = match (row.fate, self.planned) {
                (FateName::Kept, _) => "kept",
                (FateName::Removed, true) => "would be removed",
                (FateName::Removed, false) => "removed",
                (FateName::InUse, _) => "in use",
            };
            vec![
                row.snapshot_id.to_string(),
                super::snapshots::status(row.status).to_owned(),
                ago(row.snapshot_id.time(), now),
                number(row.users),
                becomes.to_owned(),
                row.why.join(", "),
            ]
        };
        let rows = self.snapshots.iter().map(cells);
        format!("{}\n\n{}", self.summary, table(&["SNAPSHOT", "STATE", "BEGUN", ">USERS", "BECOMES", "WHY"], rows))
    }
}

#[cfg(test)]
mod tests {
    use shared::model::Rule;
    use shared::operations::prune::Planned;

    use super::*;
    use crate::testing;

    fn plan() -> Plan {
        let planned = |hour, fate| Planned { snapshot: testing::snapshot(hour, 400_000 + u64::from(hour)), fate };
        let mut failed = planned(8, Decision::Removed(RemovalReason::NeverCompleted));
        failed.snapshot.state = SnapshotState::Failed;
        let snapshots = vec![
            planned(9, Decision::Kept(vec![KeptFor::Newest, KeptFor::Rule(Rule::Days)])),
            failed,
            planned(7, Decision::InUse),
            planned(6, Decision::HeldBack),
            planned(5, Decision::Kept(Vec::new())),
            planned(4, Decision::Removed(RemovalReason::NoRule)),
            planned(3, Decision::Removed(RemovalReason::Named)),
            planned(2, Decision::Removed(RemovalReason::Begun)),
        ];
        Plan { snapshots }
    }

    #[test]
    fn every_snapshot_is_listed_with_what_becomes_of_it_and_why() {
        let end = |removed| PruneEnd::new(&testing::pool("a"), &testing::place("111111111111"), plan(), removed);
        let removed = Pruned { snapshots: 4, records: 1_200, pages: 26_684, items: 27_900 };
        insta::assert_snapshot!(end(None).human(testing::now()));
        insta::assert_snapshot!(end(Some(removed)).human(testing::now()));
        insta::assert_snapshot!(serde_json::to_string_pretty(&end(Some(removed))).unwrap());
    }

    #[test]
    fn where_nothing_is_to_go_it_says_so() {
        let planned = Planned { snapshot: testing::snapshot(9, 5), fate: Decision::Kept(vec![KeptFor::Newest]) };
        let end =
            |snapshots| PruneEnd::new(&testing::pool("a"), &testing::place("1"), Plan { snapshots }, Some(Pruned::default()));
        assert!(
            end(vec![planned])
                .human(testing::now())
                .starts_with("User pool eu-west-1_a has no snapshot to remove. It keeps 1.\n")
        );
        assert!(end(vec![]).human(testing::now()).contains("holds no snapshot of user pool eu-west-1_a"));
    }
}
