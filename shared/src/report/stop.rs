//! How finalize recorded that an execution was stopped from outside.

use serde::{Deserialize, Serialize};

use crate::model::{Failure, RunId, RunKind};

/// Who stopped an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopStatus {
    /// An operator or a program.
    Aborted,
    /// Step Functions, because it took too long.
    TimedOut,
}

impl StopStatus {
    /// The name of the error of the run.
    pub fn error(self) -> &'static str {
        match self {
            Self::Aborted => "Aborted",
            Self::TimedOut => "TimedOut",
        }
    }

    /// What happened, in a sentence.
    pub fn cause(self) -> &'static str {
        match self {
            Self::Aborted => "An operator or a program stopped the execution.",
            Self::TimedOut => "The execution took too long, and Step Functions stopped it.",
        }
    }

    /// The failure of a run that was stopped. `ended` is the run, if it had ended before.
    pub fn failure(self, ended: Option<&RunId>) -> Failure {
        let ended = ended.map(|id| format!(" Its run {id} had ended before.")).unwrap_or_default();
        Failure { error: self.error().to_owned(), cause: format!("{}{ended}", self.cause()) }
    }
}

/// What finalize did about a stopped execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopOutcome {
    /// It closed the run, or the run had ended or never begun. The pool is free.
    Recorded,
    /// An earlier delivery of the event did all of that.
    RecordedBefore,
    /// The execution is at work again. Nothing was changed.
    AtWorkAgain,
}

/// How finalize recorded that an execution was stopped from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopReport {
    /// What the run was to do.
    pub operation: RunKind,
    /// How the execution ended.
    pub status: StopStatus,
    pub outcome: StopOutcome,
    /// The snapshot or restore. None if the execution has none, or if another execution continues the restore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// The command that takes the tag of the target away. None if the stop ended no restore, or if the target had no tag
    /// that opens it to imports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untag_with: Option<String>,
    /// Whether a message went to the topic.
    pub notified: bool,
}
