//! How an export ended.

use serde::{Deserialize, Serialize};

use super::RetentionReport;
use crate::format::plural;
use crate::model::{CallStats, Counts, PoolId, RunId, RunKind, SnapshotState, lost_users};

/// How an export ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportReport {
    /// `export`.
    pub operation: RunKind,
    /// `SEALED`.
    pub status: SnapshotState,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    pub snapshot_id: RunId,
    pub user_pool_id: PoolId,
    /// What the snapshot holds.
    #[serde(flatten)]
    pub counts: Counts,
    /// The calls of the export.
    pub calls: CallStats,
    /// What retention did. None if no retention is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionReport>,
    /// All of this in words.
    pub summary: String,
    /// Whether a message went to the topic.
    pub notified: bool,
}

impl ExportReport {
    /// The snapshot in words: what it holds, what the snapshot before it held, what is incomplete.
    ///
    /// `vanished_groups` were deleted during the export.
    pub fn summary(
        pool: &PoolId,
        snapshot: &RunId,
        counts: &Counts,
        before: Option<&Counts>,
        vanished_groups: u64,
        retention: Option<&RetentionReport>,
    ) -> String {
        let mut words = format!(
            "Snapshot {snapshot} of user pool {pool} is sealed: {} on {}, {}. {}",
            counts.summary(),
            plural(counts.pages, "page", "pages"),
            plural(counts.records_written, "new record", "new records"),
            comparison(counts, before)
        );
        if vanished_groups > 0 {
            let groups = plural(vanished_groups, "group", "groups");
            words += &format!(" Deleted during the export: {groups}. Their memberships are incomplete.");
        }
        words + &retention.map(RetentionReport::summary).unwrap_or_default()
    }
}

/// The counts of a snapshot beside those of the snapshot before it.
fn comparison(now: &Counts, before: Option<&Counts>) -> String {
    match before {
        None => "It is the first sealed snapshot of this pool.".to_owned(),
        Some(before) if lost_users(before.users, now.users) => format!(
            "ATTENTION: the snapshot before held {}. Check that the missing users were deleted on purpose. Earlier snapshots \
             still hold them.",
            before.summary()
        ),
        Some(before) => format!("The snapshot before held {}.", before.summary()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(users: u64) -> Counts {
        Counts { users, groups: 1, memberships: 2, ..Counts::default() }
    }

    #[test]
    fn the_report_of_an_emptied_pool_warns() {
        let compared = |now, before: Option<u64>| comparison(&counts(now), before.map(counts).as_ref());
        assert!(compared(0, Some(300)).starts_with("ATTENTION: the snapshot before held 300 users"));
        assert!(!compared(290, Some(300)).contains("ATTENTION"));
        assert!(compared(1, None).contains("first"));
    }
}
