//! The age of the newest sealed snapshots.

use serde::Serialize;

use crate::model::{PoolId, RunId};

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchReport {
    /// One entry for each pool.
    pub pools: Vec<WatchedPool>,
}

/// The age of the newest sealed snapshot of a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedPool {
    pub user_pool_id: PoolId,
    /// The snapshot. None if the pool has no sealed one.
    pub snapshot_id: Option<RunId>,
    /// The time since the snapshot was sealed, in seconds.
    pub age_seconds: Option<f64>,
}
