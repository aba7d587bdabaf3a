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
    /// The input of the execution, as it was given.
    pub input: Value,
    pub execution: Execution,
}

/// What finalize is called for: the end of a run, or a look at what runs have left.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum EndEvent {
    Failed(FailedEvent),
    Finished(Progress),
    Watch(WatchEvent),
}

/// Asks how old the newest snapshots of some pools are.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WatchEvent {
    /// Always `watch`.
    #[serde(rename = "operation")]
    _operation: WatchOperation,
    /// The pools.
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

/// What a `Catch` hands on.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CaughtError {
    error: String,
    #[serde(default)]
    cause: String,
}

impl CaughtError {
    /// The error's name and sentence: a function's cause is JSON around the sentence.
    pub fn into_failure(self) -> Failure {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct FunctionError {
            error_message: String,
        }
        let cause = serde_json::from_str::<FunctionError>(&self.cause).map_or(self.cause, |cause| cause.error_message);
        Failure { error: self.error, cause }
    }
}

/// Reads the event of `function`.
pub fn read<T: DeserializeOwned>(function: &str, event: Value) -> Result<T> {
    serde_json::from_value(event).map_err(|error| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("The event of function {function} cannot be read: {error}."),
            "The functions are called by the state machines in statemachines/; start an execution of one of these instead.",
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_caught_error_is_unwrapped() {
        let caught = |cause: &str| CaughtError { error: "PoolNotFound".into(), cause: cause.into() }.into_failure().cause;
        assert_eq!(caught(r#"{"errorType":"PoolNotFound","errorMessage":"No pool.","stackTrace":[]}"#), "No pool.");
        assert_eq!(caught("Killed"), "Killed");
    }

    #[test]
    fn an_unreadable_event_is_named() {
        for event in [json!([]), json!("x"), json!({"operation": "export"}), json!({"operation": "erase"})] {
            let error = read::<BeginEvent>("enumerate", event).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("start an execution"));
        }
    }
}
