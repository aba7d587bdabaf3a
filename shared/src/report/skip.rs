//! How a scheduled export ended that found its pool at work.

use serde::{Deserialize, Serialize};

use crate::model::{Lease, PoolId, RunId, RunKind};

/// The status of an execution that left its work to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SkipStatus {
    /// Another execution did the same work at that time.
    Skipped,
}

/// How a scheduled export ended that found its pool at work. It is no failure: the other export takes a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkipReport {
    /// `export`.
    pub operation: RunKind,
    /// `SKIPPED`.
    pub status: SkipStatus,
    /// Always false: the execution ends here.
    pub more: bool,
    pub user_pool_id: PoolId,
    /// The ARN of the execution that exports the pool.
    pub running_execution_arn: String,
    /// The snapshot that it takes. None if it has not begun one yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_snapshot_id: Option<RunId>,
    /// All of this in words.
    pub summary: String,
    /// Always false: nothing is to do, so the topic gets no message.
    pub notified: bool,
}

impl SkipReport {
    /// The report of an export of `pool` that found the lease of another execution, which takes `snapshot`.
    pub fn of_export(pool: &PoolId, lease: &Lease, snapshot: Option<RunId>) -> Self {
        let execution = lease.shown_holder();
        let takes = snapshot.as_ref().map(|id| format!(" It takes snapshot {id}.")).unwrap_or_default();
        Self {
            operation: RunKind::Export,
            status: SkipStatus::Skipped,
            more: false,
            user_pool_id: pool.clone(),
            running_execution_arn: execution.to_owned(),
            running_snapshot_id: snapshot,
            summary: format!(
                "This scheduled export of user pool {pool} did nothing: execution {execution} exports the pool already.{takes}"
            ),
            notified: false,
        }
    }
}
