//! Which run an execution carries out. An execution that is stopped from outside leaves nothing else that says so.

use serde::{Deserialize, Serialize};

use super::{Execution, PoolId, RunKind};

/// The run of an execution. Finalize finds it by the execution alone, because the event about a stopped execution may
/// lack the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedRun {
    pub execution: Execution,
    pub operation: RunKind,
    /// The source pool of an export, the target pool of an import.
    pub user_pool_id: PoolId,
    /// Whether the run only makes a forecast.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether finalize has recorded and announced that the execution was stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_recorded: bool,
}
