//! The events that the state machines send to the functions.

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::model::{CopyProgress, ErrorCode, Execution, Failure, PoolId, Progress, RemovalProgress, RunKind};
use crate::report::StopStatus;
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

/// The event of finalize: the end of a run, a removal or a copy of snapshots, or a question about the age of snapshots.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum EndEvent {
    Failed(FailedEvent),
    Stopped(StoppedEvent),
    Finished(Progress),
    Removal(RemovalProgress),
    Copy(CopyProgress),
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

/// The event of EventBridge about an execution that was stopped from outside, so that no state could record its end.
/// Source: "Automating Step Functions event delivery with EventBridge", AWS Step Functions developer guide. EventBridge
/// adds other members, and may deliver the event more than once.
#[derive(Debug, Deserialize)]
pub struct StoppedEvent {
    #[serde(rename = "source")]
    _source: StepFunctions,
    #[serde(rename = "detail-type")]
    _detail_type: StatusChange,
    pub detail: StoppedExecution,
}

#[derive(Debug, Deserialize)]
enum StepFunctions {
    #[serde(rename = "aws.states")]
    States,
}

#[derive(Debug, Deserialize)]
enum StatusChange {
    #[serde(rename = "Step Functions Execution Status Change")]
    OfExecution,
}

/// The execution that was stopped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedExecution {
    pub execution_arn: String,
    pub state_machine_arn: String,
    pub name: String,
    pub status: StopStatus,
    /// Milliseconds since 1970.
    start_date: i64,
    /// Milliseconds since 1970.
    stop_date: i64,
    /// The input as JSON. None if the execution is encrypted with a customer's key, or if the input is too long.
    input: Option<String>,
}

impl StoppedExecution {
    /// The execution, as its other events name it. None if its start is no time.
    pub fn execution(&self) -> Option<Execution> {
        let started_at = Timestamp::from_millisecond(self.start_date).ok()?;
        Some(Execution { id: self.execution_arn.clone(), started_at })
    }

    /// When it was stopped. None if that is no time.
    pub fn stopped_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.stop_date).ok()
    }

    /// The input, if the event has a readable one.
    pub fn input(&self) -> Option<Value> {
        serde_json::from_str(self.input.as_deref()?).ok()
    }
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
///
/// Only the causes of this program's own errors are kept. Others can quote the input of a state, or what a
/// function printed as it died.
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
        let error = ErrorCode::of(&self.error);
        let is_ours = ErrorKind::ALL.iter().any(|kind| kind.name() == error.as_str());
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct FunctionError {
            error_message: String,
        }
        let ours = serde_json::from_str::<FunctionError>(&self.cause).ok().filter(|_| is_ours);
        let cause = ours.map_or_else(|| service_cause(error.as_str()).to_owned(), |ours| ours.error_message);
        Failure { error: error.into(), cause }
    }
}

/// What an error means that is not one of this program.
/// Sources: "Handling errors in Step Functions workflows", AWS Step Functions developer guide; the error types of
/// functions, AWS Lambda developer guide.
fn service_cause(error: &str) -> &'static str {
    match error {
        "States.Timeout" | "Sandbox.Timedout" => "A function did not end in time.",
        "Runtime.ExitError" => "The process of a function ended before it answered. Its log may say why.",
        "Runtime.OutOfMemory" => "A function ran out of memory.",
        "States.DataLimitExceeded" => "An answer of a function was too large for the state machine.",
        "Lambda.TooManyRequestsException" => "Lambda throttled a function.",
        error if error.starts_with("Lambda.") => "Lambda did not carry out a call of a function.",
        error if error.starts_with("States.") => "The state machine stopped the run.",
        _ => "The history of the execution says more.",
    }
}

/// Reads the event of `function`.
///
/// # Errors
/// `InvalidInput`, if the event cannot be read.
pub fn read<T: DeserializeOwned>(function: &str, event: Value) -> Result<T> {
    serde_json::from_value(event).map_err(|_| unreadable(function))
}

/// The error for an event that `function` cannot read. The parser's error may quote the event.
pub fn unreadable(function: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("The event of function {function} cannot be read."),
        "Only the state machines call the functions: start an execution of one of them instead.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_caught_error_is_unwrapped() {
        let cause = r#"{"errorType":"PoolNotFound","errorMessage":"No pool.","stackTrace":[]}"#;
        let caught = CaughtError { error: "PoolNotFound".into(), cause: cause.into() };
        assert_eq!(caught.into_failure().cause, "No pool.");
    }

    #[test]
    fn the_cause_of_an_error_of_a_service_is_replaced() {
        let panicked = r#"{"errorType":"&str","errorMessage":"Lambda panicked: no char in anna"}"#;
        for (error, cause) in [
            ("Runtime.ExitError", "RequestId: 1 Error: Runtime exited: anna"),
            ("States.ParameterPathFailure", "The path is not in the input {\"emails\": [\"anna\"]}"),
            ("PoolNotFound", "anna"),
            ("&str", panicked),
            ("anna@example.com", ""),
        ] {
            let failure = CaughtError { error: error.into(), cause: cause.into() }.into_failure();
            assert!(!format!("{failure:?}").contains("anna"), "{failure:?}");
            assert!(failure.cause.ends_with('.') && !failure.error.is_empty(), "{failure:?}");
        }
    }

    #[test]
    fn an_unreadable_event_is_named() {
        for event in [json!([]), json!("anna"), json!({"operation": "export"}), json!({"operation": "anna"})]
        {
            let error = read::<BeginEvent>("enumerate", event).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let cause = crate::report::cause(&error);
            assert!(cause.contains("start an execution") && !cause.contains("anna"), "{cause}");
        }
    }
}
