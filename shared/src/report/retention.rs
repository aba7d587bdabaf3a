//! What a removal did.

use serde::{Deserialize, Serialize};

use crate::format::plural;
use crate::model::{Failure, Metric, Metrics, PoolId, Pruned, RunId, RunKind};

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetentionReport {
    /// The rules, such as `days=35,monthly=12`.
    pub rules: String,
    /// What was removed.
    pub removed: Pruned,
    /// How many snapshots are held back because the pool has lost users since.
    pub held_back: u64,
    /// The first of them.
    pub held_back_snapshots: Vec<RunId>,
    /// Snapshots that stay because an import uses them.
    pub in_use: Vec<RunId>,
    /// Why retention failed, before or during the removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl RetentionReport {
    /// The most held-back snapshots that the report names.
    pub const NAMED: usize = 10;

    /// All of it in words, with a blank before it. Empty if nothing happened.
    pub fn summary(&self) -> String {
        let mut words = match self.removed.snapshots + self.removed.captures {
            0 => String::new(),
            _ => format!(" Retention ({}) removed {}.", self.rules, self.removed.summary()),
        };
        if self.held_back > 0 {
            let more = match self.held_back - self.held_back_snapshots.len() as u64 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            words += &format!(
                " ATTENTION: held back from retention: {}, because over 20 % of the users are missing from the next newer snapshot \
                 that stays: {}{more}. Check that the users were deleted on purpose, then prune the snapshots by hand.",
                plural(self.held_back, "snapshot", "snapshots"),
                named(&self.held_back_snapshots)
            );
        }
        if !self.in_use.is_empty() {
            words += &format!(" Kept for now, because an import uses it: {}.", named(&self.in_use));
        }
        if let Some(Failure { error, cause }) = &self.failure {
            words += &format!(
                " ATTENTION: retention ({}) failed: {error}: {cause} The next sealed snapshot starts another removal.",
                self.rules
            );
        }
        words
    }
}

fn named(snapshots: &[RunId]) -> String {
    snapshots.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ")
}

impl Pruned {
    /// `2 snapshots and 1 capture (1,200 records, 6,671 pages and 7,890 items in all)`. Without captures, it names none.
    pub fn summary(&self) -> String {
        let snapshots = plural(self.snapshots, "snapshot", "snapshots");
        let captures = plural(self.captures, "capture", "captures");
        let what = match (self.snapshots, self.captures) {
            (_, 0) => snapshots,
            (0, _) => captures,
            _ => format!("{snapshots} and {captures}"),
        };
        format!(
            "{what} ({}, {} and {} in all)",
            plural(self.records, "record", "records"),
            plural(self.pages, "page", "pages"),
            plural(self.items, "item", "items")
        )
    }
}

impl Metrics {
    /// The metrics of a removal that has ended. `run` is the sealed snapshot that started it.
    pub fn of_removal(pool: PoolId, run: RunId, report: &RetentionReport) -> Self {
        let values = vec![
            (Metric::SnapshotsPruned, report.removed.snapshots as f64),
            (Metric::SnapshotsHeldBack, report.held_back as f64),
            (Metric::PruningFailed, f64::from(u8::from(report.failure.is_some()))),
        ];
        Self { operation: RunKind::Export, pool, run: Some(run), values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_was_removed_what_stays_and_what_failed() {
        let id = |hour: u32| RunId::parse(&format!("20261121T{hour:02}0000000Z-00000000")).unwrap();
        let mut report = RetentionReport { rules: "days=35".to_owned(), ..RetentionReport::default() };
        assert_eq!(report.summary(), "");
        report.removed = Pruned { snapshots: 1, records: 1_200, pages: 2, items: 1_210, ..Pruned::default() };
        let removed =
            " Retention (days=35) removed 1 snapshot (1,200 records, 2 pages and 1,210 items in all).";
        assert_eq!(report.summary(), removed);
        report.held_back = 3;
        report.held_back_snapshots = vec![id(1), id(2)];
        report.in_use = vec![id(3)];
        report.failure =
            Some(Failure { error: "SnapshotDamaged".to_owned(), cause: "Page x is missing.".to_owned() });
        let words = report.summary();
        for part in [
            "3 snapshots",
            "-00000000 and 1 more. Check",
            "prune",
            "an import uses it: 20261121T03",
            "SnapshotDamaged: Page x is missing. The next sealed snapshot",
        ] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}
