//! The progress that travels through a state machine. All of it is small and of fixed size.
//! Everything that grows with the pool is in the table.

use serde::{Deserialize, Serialize};

use super::{CallStats, Category, Ceilings, Execution, PoolId, Pruned, RunId, RunKind, Tps};

/// The event that one invocation hands to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub operation: RunKind,
    /// The execution.
    pub execution: Execution,
    /// The source pool of an export, the target pool of an import.
    pub user_pool_id: PoolId,
    /// The snapshot or restore.
    pub run_id: RunId,
    /// The limit of all calls, calls per second.
    pub tps: Tps,
    /// Lower limits of single categories, calls per second.
    #[serde(default, skip_serializing_if = "Ceilings::is_empty")]
    pub ceilings: Ceilings,
    /// Whether the run only makes a forecast.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether the state machine calls the same function again.
    pub more: bool,
    /// How long the state machine waits before that, in seconds, because an import job runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<u32>,
    /// The calls of this execution so far.
    pub calls: CallStats,
    /// The generation of the lease at which the last of these calls left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_generation: Option<u64>,
}

/// The member `operation` of events and reports about a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemovalOperation {
    Removal,
}

/// The event that one invocation of a removal gets from the state machine, or hands to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemovalProgress {
    pub operation: RemovalOperation,
    pub user_pool_id: PoolId,
    /// The sealed snapshot that started the removal.
    pub snapshot_id: RunId,
    /// The execution. It holds the lease on exports of the pool.
    pub execution: Execution,
    /// Whether the state machine calls the function again.
    #[serde(default)]
    pub more: bool,
    /// What was removed so far. None until the removal has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<Pruned>,
}

impl Progress {
    /// The limit of a category, calls per second.
    pub fn rate(&self, category: Category) -> u32 {
        self.ceilings.rate(category, self.tps)
    }
}
