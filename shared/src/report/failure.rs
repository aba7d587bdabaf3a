//! How a run failed.

use serde::{Deserialize, Serialize};

use super::guidance::cause;
use crate::Error;
use crate::model::{Failure, RunId, RunKind};

/// The status of a run that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureStatus {
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReport {
    /// What the run was to do.
    pub operation: RunKind,
    pub status: FailureStatus,
    /// Always false: the state machine does not call finalize again.
    pub more: bool,
    /// The snapshot or restore. None if the run ended before it made one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The name of the error.
    pub error: String,
    /// What happened and what to do.
    pub cause: String,
    /// The command that takes the tag of the target away. None if no restore had begun, or if the target had no tag that
    /// opens it to imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untag_with: Option<String>,
    /// Whether a message went to the topic.
    pub notified: bool,
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self { error: error.kind().name().to_owned(), cause: cause(error) }
    }
}
