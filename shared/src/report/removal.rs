//! How the removal of snapshots ended that a sealed snapshot started.

use serde::{Deserialize, Serialize};

use super::RetentionReport;
use crate::model::{ErrorCode, Lease, PoolId, RemovalOperation, RunId};

/// How a removal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RemovalStatus {
    /// The rules are applied. Snapshots may be held back or in use.
    Applied,
    /// Another run or command works on the pool, or the deployment has no rules.
    Skipped,
    /// It has worked as long as a removal may. The next sealed snapshot starts another one, which continues.
    Unfinished,
    /// An error stopped it. The next sealed snapshot starts another one.
    Failed,
}

/// The answer of finalize at the end of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovalReport {
    /// `removal`.
    pub operation: RemovalOperation,
    pub status: RemovalStatus,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    pub user_pool_id: PoolId,
    /// The sealed snapshot that started the removal.
    pub snapshot_id: RunId,
    /// What was removed, and what stays. None if the removal was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionReport>,
    /// The name of the error, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorCode>,
    /// All of this in words.
    pub summary: String,
    /// Whether a message went to the topic.
    pub notified: bool,
}

impl RemovalReport {
    /// The report of a removal that ended, with or without a failure.
    pub fn ended(pool: &PoolId, snapshot: &RunId, retention: RetentionReport) -> Self {
        let failure = retention.failure.as_ref();
        let status = if failure.is_some() { RemovalStatus::Failed } else { RemovalStatus::Applied };
        let summary = match retention.summary().trim() {
            "" => format!("Retention ({}) keeps every snapshot of user pool {pool}.", retention.rules),
            words => words.to_owned(),
        };
        Self {
            operation: RemovalOperation::Removal,
            status,
            more: false,
            user_pool_id: pool.clone(),
            snapshot_id: snapshot.clone(),
            error: failure.map(|failure| ErrorCode::of(&failure.error)),
            retention: Some(retention),
            summary,
            notified: false,
        }
    }

    /// The report of a removal that found the pool in use.
    pub fn in_use(pool: &PoolId, snapshot: &RunId, lease: &Lease) -> Self {
        let (holder, work) = (lease.shown_holder(), lease.work());
        let why = format!(
            "This removal did nothing: {holder} {work}. The next sealed snapshot of user pool {pool} starts another removal."
        );
        Self::skipped(pool, snapshot, why)
    }

    /// The report of a removal in a deployment without rules.
    pub fn without_rules(pool: &PoolId, snapshot: &RunId) -> Self {
        Self::skipped(
            pool,
            snapshot,
            "This removal did nothing: the deployment keeps every snapshot.".to_owned(),
        )
    }

    /// The report of a removal for a snapshot that the pool does not have.
    pub fn of_no_snapshot(pool: &PoolId, snapshot: &RunId) -> Self {
        let why = format!("This removal did nothing: user pool {pool} has no snapshot {snapshot}.");
        Self::skipped(pool, snapshot, why)
    }

    /// The report of a removal that has worked as long as a removal may. `retention` says what it has removed.
    pub fn unfinished(pool: &PoolId, snapshot: &RunId, retention: RetentionReport) -> Self {
        let why = format!(
            "This removal has worked for over 90 minutes, and exports of user pool {pool} wait for it. So it has ended. The next \
             sealed snapshot starts a removal that continues.{}",
            retention.summary()
        );
        Self {
            status: RemovalStatus::Unfinished,
            retention: Some(retention),
            ..Self::skipped(pool, snapshot, why)
        }
    }

    fn skipped(pool: &PoolId, snapshot: &RunId, summary: String) -> Self {
        Self {
            operation: RemovalOperation::Removal,
            status: RemovalStatus::Skipped,
            more: false,
            user_pool_id: pool.clone(),
            snapshot_id: snapshot.clone(),
            retention: None,
            error: None,
            summary,
            notified: false,
        }
    }

    /// Whether an operator has to look at it.
    pub fn needs_attention(&self) -> bool {
        let holds_back = self.retention.as_ref().is_some_and(|retention| retention.held_back > 0);
        self.status == RemovalStatus::Failed || holds_back
    }
}
