//! Which run an execution carries out. An execution that is stopped from outside leaves nothing else that says so.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Execution, Failure, Lease, PoolId, RunKind};

/// The run of an execution. Finalize finds it by the execution alone, because the event about a stopped execution may
/// lack the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedRun {
    pub execution: Execution,
    pub operation: RunKind,
    /// The source pool of an export, the target pool of an import. None if the execution was stopped before enumerate
    /// wrote the pool, and the event lacks the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_pool_id: Option<PoolId>,
    /// Whether the run only makes a forecast.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The last stop of the execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
}

/// The stop of an execution from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    pub at: Timestamp,
    /// How the run failed by it.
    pub failure: Failure,
    /// Whether finalize has closed the run and announced the stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
}

impl StartedRun {
    /// The stop that ended the run. None if a redrive is at work: no invocation from before the stop can run at `now`,
    /// and finalize has not closed the run.
    pub fn ended_by(&self, now: Timestamp) -> Option<&Stop> {
        self.stop.as_ref().filter(|stop| stop.recorded || now <= stop.at + Lease::MAX_INVOCATION)
    }

    /// Whether finalize has closed the run and announced its stop.
    pub fn stop_is_recorded(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.recorded)
    }
}
