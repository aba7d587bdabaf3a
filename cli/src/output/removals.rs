//! The last removal of snapshots that a sealed snapshot started.

use serde::Serialize;
use shared::model::{PoolId, RunId};
use shared::report::{RemovalReport, RemovalStatus, RetentionReport};

/// The last removal that has ended. A removal that was aborted or skipped leaves nothing in the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovalRow {
    /// The sealed snapshot that started it.
    pub snapshot_id: RunId,
    /// `APPLIED` or `FAILED`.
    pub status: RemovalStatus,
    /// What was removed, what stays, and why it failed.
    pub retention: RetentionReport,
    #[serde(skip)]
    summary: String,
}

impl RemovalRow {
    pub fn new(pool: &PoolId, snapshot_id: RunId, retention: RetentionReport) -> Self {
        let RemovalReport { status, summary, .. } =
            RemovalReport::ended(pool, &snapshot_id, retention.clone());
        Self { snapshot_id, status, retention, summary }
    }

    pub fn human(&self) -> String {
        format!("Last removal, after snapshot {}: {}", self.snapshot_id, self.summary)
    }
}
