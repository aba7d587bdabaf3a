//! How the copy of the new snapshots of a pool from another account ended.

use serde::{Deserialize, Serialize};

use crate::format::{grouped, plural};
use crate::model::{
    CopiedSoFar, CopyOperation, CopyProgress, ErrorCode, Lease, Metric, Metrics, PoolId, RunKind,
};

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CopyStatus {
    /// The table has all new snapshots.
    Copied,
    /// Another run or command works on the pool. The next start goes on.
    Skipped,
    /// An error ended the copy, or a snapshot could not be copied.
    Failed,
}

/// The answer of finalize at the end of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyReport {
    /// `copy`.
    pub operation: CopyOperation,
    pub status: CopyStatus,
    /// Always false: the state machine does not call the function again.
    pub more: bool,
    pub user_pool_id: PoolId,
    /// What was copied, and what was not.
    #[serde(flatten)]
    pub copied: CopiedSoFar,
    /// The name of the error that ended the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorCode>,
    /// All of this in words.
    pub summary: String,
    /// Whether a message went to the topic.
    pub notified: bool,
}

impl CopyReport {
    /// The report of a copy that looked at every new snapshot.
    pub fn ended(progress: &CopyProgress) -> Self {
        let failed = !progress.so_far.failed.is_empty();
        let status = if failed { CopyStatus::Failed } else { CopyStatus::Copied };
        let mut report = Self::new(progress, status, String::new());
        report.error = progress.so_far.failed.last().map(|last| last.error.clone());
        report
    }

    /// The report of a copy that an error ended. `cause` says what happened and what to do.
    pub fn failed(progress: &CopyProgress, error: ErrorCode, cause: &str) -> Self {
        let words = format!(" ATTENTION: the copy failed: {error}: {cause}");
        Self { error: Some(error), ..Self::new(progress, CopyStatus::Failed, words) }
    }

    /// The report of a copy that found the pool in use.
    pub fn in_use(progress: &CopyProgress, lease: &Lease) -> Self {
        let (holder, work) = (lease.shown_holder(), lease.work());
        let words = format!(" The copy stopped: {holder} {work}. The next start goes on.");
        Self::new(progress, CopyStatus::Skipped, words)
    }

    fn new(progress: &CopyProgress, status: CopyStatus, end: String) -> Self {
        let (pool, copied) = (&progress.user_pool_id, progress.so_far.clone());
        Self {
            operation: CopyOperation::Copy,
            status,
            more: false,
            user_pool_id: pool.clone(),
            summary: summary(pool, &copied) + &end,
            copied,
            error: None,
            notified: false,
        }
    }
}

fn summary(pool: &PoolId, copied: &CopiedSoFar) -> String {
    let snapshots = plural(copied.snapshots, "snapshot", "snapshots");
    let mut words = match &copied.newest {
        None => format!("Copied no snapshot of user pool {pool}."),
        Some(newest) => format!(
            "Copied {snapshots} of user pool {pool}: {}, {} bytes. The newest is {newest}.",
            plural(copied.written.items, "item", "items"),
            grouped(copied.written.bytes)
        ),
    };
    if copied.written.secrets_left_out > 0 {
        let secrets = plural(copied.written.secrets_left_out, "secret", "secrets");
        words += &format!(" {secrets} of configurations were left out.");
    }
    if copied.removed > 0 {
        let gone = plural(copied.removed, "snapshot", "snapshots");
        words += &format!(" The source removed {gone} before the copy.");
    }
    if !copied.failed.is_empty() {
        let named = copied.failed.iter().map(|one| format!("{} ({})", one.snapshot_id, one.error));
        words += &format!(
            " ATTENTION: not copied: {}. The log of the function names the damaged items. Later copies leave these snapshots \
             out, if they have a newer one. To get one, restore its items at the source, and copy it by hand.",
            named.collect::<Vec<_>>().join(", ")
        );
    }
    words
}

impl Metrics {
    /// The metrics of a copy that has ended.
    pub fn of_copy(report: &CopyReport) -> Self {
        let failed = report.status == CopyStatus::Failed;
        let values = vec![
            (Metric::SnapshotsCopied, report.copied.snapshots as f64),
            (Metric::CopyFailed, f64::from(u8::from(failed))),
        ];
        let (pool, run) = (report.user_pool_id.clone(), report.copied.newest.clone());
        Self { operation: RunKind::Export, pool, run, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CopiedItems, Execution, RunId, UncopiedSnapshot};

    #[test]
    fn a_report_says_what_was_copied_what_was_left_out_and_what_failed() {
        let id = |hour: u32| RunId::parse(&format!("20261121T{hour:02}0000000Z-00000000")).unwrap();
        let execution = Execution { id: "arn".to_owned(), started_at: id(1).time() };
        let mut progress = CopyProgress {
            operation: CopyOperation::Copy,
            user_pool_id: PoolId::parse("eu-west-1_A").unwrap(),
            execution,
            more: false,
            snapshot: None,
            passed_over: None,
            so_far: CopiedSoFar::default(),
        };
        let report = CopyReport::ended(&progress);
        assert_eq!(report.summary, "Copied no snapshot of user pool eu-west-1_A.");
        assert_eq!((report.status, report.error), (CopyStatus::Copied, None));
        progress.so_far = CopiedSoFar {
            snapshots: 2,
            newest: Some(id(3)),
            written: CopiedItems { items: 1_200, bytes: 34_000, secrets_left_out: 1 },
            removed: 1,
            failed: vec![UncopiedSnapshot { snapshot_id: id(2), error: ErrorCode::of("SnapshotDamaged") }],
        };
        let report = CopyReport::ended(&progress);
        assert_eq!(report.status, CopyStatus::Failed);
        for part in [
            "Copied 2 snapshots of user pool eu-west-1_A: 1,200 items, 34,000 bytes. The newest is 20261121T03",
            "1 secret of configurations",
            "The source removed 1 snapshot before",
            "not copied: 20261121T020000000Z-00000000 (SnapshotDamaged).",
        ] {
            assert!(report.summary.contains(part), "{part}: {}", report.summary);
        }
        let metrics = Metrics::of_copy(&report);
        assert_eq!(
            (metrics.get(Metric::SnapshotsCopied), metrics.get(Metric::CopyFailed)),
            (Some(2.0), Some(1.0))
        );
        let failed = CopyReport::failed(&progress, ErrorCode::of("AccessDenied"), "No. Do this.");
        assert!(
            failed.summary.ends_with("the copy failed: AccessDenied: No. Do this."),
            "{}",
            failed.summary
        );
    }
}
