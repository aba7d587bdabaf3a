//! The removal of snapshots: the mark in a header, and the counts of a removal.

use serde::{Deserialize, Serialize};

use super::{Digest, Failure, PoolId, RunId, SnapshotState};
use crate::format::plural;

/// The mark in the header of a snapshot that is being removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovalMark {
    /// The state before the mark.
    pub was: SnapshotState,
    /// Whether the removal is decided. Before that, nothing is deleted. After that, nothing takes the mark
    /// away.
    #[serde(default)]
    pub decided: bool,
}

/// The note that an import needs a snapshot. The snapshot stays as long as that execution holds the lease
/// on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The target pool.
    pub target: PoolId,
    /// The ARN of the execution.
    pub execution: String,
}

/// How far the deletion of records is. The next invocation continues from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneCheckpoint {
    /// A digest of the ids of all snapshots that are removed together.
    pub snapshots: Digest,
    /// The position from which records may be left; none if no record is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_place: Option<u64>,
}

/// What was removed. After an interruption the last deletions may be missing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    pub snapshots: u64,
    /// Records that no snapshot names now: of users, groups and the pool's configuration.
    pub records: u64,
    pub pages: u64,
    /// All items: records, pages, headers and others.
    pub items: u64,
}

impl Pruned {
    pub fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.records += other.records;
        self.pages += other.pages;
        self.items += other.items;
    }

    /// `2 snapshots (1,200 records, 6,671 pages and 7,890 items in all)`.
    pub fn summary(&self) -> String {
        format!(
            "{} ({}, {} and {} in all)",
            plural(self.snapshots, "snapshot", "snapshots"),
            plural(self.records, "record", "records"),
            plural(self.pages, "page", "pages"),
            plural(self.items, "item", "items")
        )
    }
}

/// What retention did at the end of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionReport {
    /// The rules, as in `SNAPSHOT_RETENTION`.
    pub rules: String,
    pub removed: Pruned,
    /// How many snapshots are held back because the pool lost users since.
    pub held_back: u64,
    /// The first of these snapshots.
    pub held_back_snapshots: Vec<RunId>,
    /// Snapshots that stay because an import needs them.
    pub in_use: Vec<RunId>,
    /// Why retention failed, or did not finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl RetentionReport {
    /// How many of the snapshots that are held back are named.
    pub const NAMED: usize = 10;

    pub fn summary(&self) -> String {
        let mut words = match self.removed.snapshots {
            0 => String::new(),
            _ => format!(" Retention ({}) removed {}.", self.rules, self.removed.summary()),
        };
        if self.held_back > 0 {
            let named: Vec<_> = self.held_back_snapshots.iter().map(RunId::as_str).collect();
            let more = match self.held_back - named.len() as u64 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            words += &format!(
                " ATTENTION: held back from retention: {}, because the pool has over 20 % fewer users now: {}{more}. Once that is known to be right, \
                 remove them by hand with `cognito-backup prune`.",
                plural(self.held_back, "snapshot", "snapshots"),
                named.join(", ")
            );
        }
        if !self.in_use.is_empty() {
            let named: Vec<_> = self.in_use.iter().map(RunId::as_str).collect();
            words += &format!(" Kept for now, because an import is at work on it: {}.", named.join(", "));
        }
        if let Some(Failure { error, cause }) = &self.failure {
            words += &format!(
                " ATTENTION: retention ({}) could not be applied to its end: {error}: {cause} The next export tries again.",
                self.rules
            );
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_went_what_stays_and_what_went_wrong() {
        let id = |hour: u32| RunId::parse(&format!("20261121T{hour:02}0000000Z-00000000")).unwrap();
        let mut report = RetentionReport { rules: "days=35".to_owned(), ..RetentionReport::default() };
        assert_eq!(report.summary(), "");
        report.removed = Pruned { snapshots: 1, records: 1_200, pages: 2, items: 1_210 };
        assert_eq!(report.summary(), " Retention (days=35) removed 1 snapshot (1,200 records, 2 pages and 1,210 items in all).");
        report.held_back = 3;
        report.held_back_snapshots = vec![id(1), id(2)];
        report.in_use = vec![id(3)];
        report.failure = Some(Failure { error: "SnapshotDamaged".to_owned(), cause: "Page x is missing.".to_owned() });
        let words = report.summary();
        for part in [
            "3 snapshots",
            "-00000000 and 1 more. Once",
            "prune",
            "at work on it: 20261121T03",
            "SnapshotDamaged: Page x is missing. The next export",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
