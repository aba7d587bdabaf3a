//! The events that the state machines send to the functions.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::model::{Execution, Failure, PoolId, Progress, RunKind};
use crate::{Error, ErrorKind, Result};

/// The first event of a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginEvent {
    pub operation: RunKind,
    /// The input of the execution, not parsed yet.
    pub input: Value,
    pub execution: Execution,
}

/// The event of finalize: the end of a run, or a question about the age of snapshots.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum EndEvent {
    Failed(FailedEvent),
    Finished(Progress),
    Watch(WatchEvent),
}

/// Asks how old the newest snapshot of each of these pools is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WatchEvent {
    #[serde(rename = "operation")]
    _operation: WatchOperation,
    pub user_pool_ids: Vec<PoolId>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum WatchOperation {
    Watch,
}

/// The last event of a run that failed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailedEvent {
    pub operation: RunKind,
    pub input: Value,
    pub execution: Execution,
    pub error: CaughtError,
}

/// The error that a `Catch` of the state machine passes on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CaughtError {
    error: String,
    #[serde(default)]
    cause: String,
}

impl CaughtError {
    /// The name and the sentence of the error. The cause of a function's error is JSON that
    /// contains the sentence.
    pub fn into_failure(self) -> Failure {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct FunctionError {
            error_message: String,
        }
        let cause = serde_json::from_str::<FunctionError>(&self.cause)
            .map_or(self.cause, |cause| cause.error_message);
        Failure { error: self.error, cause }
    }
}

/// Reads the event of `function`.
///
/// # Errors
/// `InvalidInput`, if the event cannot be read.
pub fn read<T: DeserializeOwned>(function: &str, event: Value) -> Result<T> {
    serde_json::from_value(event).map_err(|error| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("The event of function {function} cannot be read: {error}."),
            "Only the state machines call the functions: start an execution of one of them instead.",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_caught_error_is_unwrapped() {
        let caught = |cause: &str| {
            CaughtError { error: "PoolNotFound".into(), cause: cause.into() }.into_failure().cause
        };
        assert_eq!(
            caught(r#"{"errorType":"PoolNotFound","errorMessage":"No pool.","stackTrace":[]}"#),
            "No pool."
        );
        assert_eq!(caught("Killed"), "Killed");
    }

    #[test]
    fn an_unreadable_event_is_named() {
        for event in [json!([]), json!("x"), json!({"operation": "export"}), json!({"operation": "erase"})] {
            let error = read::<BeginEvent>("enumerate", event).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(crate::report::cause(&error).contains("start an execution"));
        }
    }
}
