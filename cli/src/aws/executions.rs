//! Executions of the two state machines, without types of the SDK.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::model::{ExportInput, ImportInput, RunKind, SelectionSource};
use shared::report::{SkipReport, SkipStatus};
use shared::{Error, ErrorKind};

use super::machine::Machine;
use crate::exit::RESTORE_PARTIAL;
use crate::output::flags::command;

/// The calls of Step Functions that this program makes.
pub trait Executions {
    /// The state machine for `operation`. It need not exist.
    async fn machine(&self, operation: RunKind) -> Result<Machine, Error>;

    /// Refuses a state machine that does not exist.
    async fn require(&self, machine: &Machine) -> Result<(), Error>;

    /// Starts an execution. If an execution with that name and input exists, returns that one.
    async fn start(&self, machine: &Machine, name: &str, input: &Value) -> Result<ExecutionArn, Error>;

    async fn describe(&self, arn: &ExecutionArn) -> Result<ExecutionView, Error>;

    /// All running executions of `machine`, and the last `ended` of the ended ones; newest first.
    async fn list(&self, machine: &Machine, ended: usize) -> Result<Vec<ExecutionArn>, Error>;
}

/// The ARN of an execution: `arn:aws:states:<Region>:<account>:execution:<state machine>:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ExecutionArn(String);

impl ExecutionArn {
    /// Parses an ARN.
    ///
    /// # Errors
    /// If the text is not the ARN of an execution.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<_> = text.split(':').collect();
        match parts[..] {
            ["arn", _, "states", region, _, "execution", machine, name, ..]
                if ![region, machine, name].iter().any(|part| part.is_empty()) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Error::new(
                ErrorKind::InvalidInput,
                "This is not the ARN of an execution.",
                format!(
                    "It looks like arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-export:NAME. `{}` lists \
                     the last executions.",
                    command("status")
                ),
            )),
        }
    }

    /// The ARN of the execution `name` of a state machine.
    pub fn of(machine: &str, name: &str) -> Result<Self, Error> {
        Self::parse(&format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn region(&self) -> &str {
        self.0.split(':').nth(3).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.0.split(':').nth(7).unwrap_or_default()
    }
}

impl fmt::Display for ExecutionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The status of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// The execution runs, or waits for a redrive.
    Running,
    /// The run did everything.
    Succeeded,
    /// A schedule started the execution while another one did the same work. It did nothing.
    Skipped,
    /// The restore ended, but something could not be restored.
    Partial,
    /// The run was refused or failed.
    Failed,
    /// An operator or a program stopped the execution.
    Aborted,
    /// The execution took too long, and Step Functions stopped it.
    TimedOut,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Skipped => "SKIPPED",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
            Self::TimedOut => "TIMED_OUT",
        })
    }
}

/// The input of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunInput {
    Export(ExportInput),
    Import(Box<ImportInput<SelectionSource>>),
    /// Neither input.
    Unreadable,
}

impl RunInput {
    /// Reads the input of an execution of either state machine.
    pub fn parse(input: &Value) -> Self {
        if let Ok(export) = ExportInput::parse(input) {
            return Self::Export(export);
        }
        ImportInput::parse(input).map_or(Self::Unreadable, |input| Self::Import(Box::new(input)))
    }

    /// The kind of the run. None if the input cannot be read.
    pub fn operation(&self) -> Option<RunKind> {
        match self {
            Self::Export(_) => Some(RunKind::Export),
            Self::Import(_) => Some(RunKind::Import),
            Self::Unreadable => None,
        }
    }
}

/// One execution.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionView {
    pub arn: ExecutionArn,
    pub status: RunStatus,
    pub started_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    pub input: RunInput,
    /// The output, if the execution succeeded.
    pub output: Option<Value>,
    /// The name of the error with which it ended.
    pub error: Option<String>,
    /// The sentences about the error.
    pub cause: Option<String>,
}

impl ExecutionView {
    /// The status of an execution that succeeded with this output.
    pub fn succeeded_status(output: Option<&Value>) -> RunStatus {
        let is_skipped = output.is_some_and(|output| output["status"] == json!(SkipStatus::Skipped));
        if is_skipped { RunStatus::Skipped } else { RunStatus::Succeeded }
    }

    /// What a skipped execution says about itself. None for any other one.
    pub fn skipped(&self) -> Option<SkipReport> {
        let output = self.output.clone().filter(|_| self.status == RunStatus::Skipped)?;
        serde_json::from_value(output).ok()
    }

    /// The status of an execution that ended `FAILED` with `error`. A partial restore ends so, too.
    pub fn failed_status(error: Option<&str>) -> RunStatus {
        if error == Some(RESTORE_PARTIAL) { RunStatus::Partial } else { RunStatus::Failed }
    }

    /// The sentence in a cause. If no state caught the error of a function, JSON surrounds it.
    pub fn sentence(cause: String) -> String {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct FunctionError {
            error_message: String,
        }
        serde_json::from_str::<FunctionError>(&cause).map_or(cause, |error| error.error_message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_holds_the_region_the_state_machine_and_the_name() {
        let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:cognito-backup-export";
        let arn = ExecutionArn::of(machine, "export-1").unwrap();
        assert_eq!(
            arn.as_str(),
            "arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-export:export-1"
        );
        assert_eq!((arn.region(), arn.name()), ("eu-west-1", "export-1"));
        for bad in [
            "",
            "export-1",
            machine,
            "arn:aws:states:eu-west-1:1:execution:m:",
            "arn:aws:sns:eu-west-1:1:execution:m:n",
        ] {
            assert_eq!(ExecutionArn::parse(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }

    #[test]
    fn the_inputs_of_both_state_machines_are_recognised() {
        let operation = |input| RunInput::parse(&input).operation();
        assert_eq!(operation(json!({"userPoolId": "eu-west-1_a"})), Some(RunKind::Export));
        assert_eq!(
            operation(json!({"sourceUserPoolId": "eu-west-1_a", "targetUserPoolId": "eu-west-1_b"})),
            Some(RunKind::Import)
        );
        assert_eq!(operation(json!({"pool": 1})), None);
    }

    #[test]
    fn an_execution_that_succeeded_may_have_been_skipped() {
        for (output, status) in [
            (json!({"status": "SKIPPED"}), RunStatus::Skipped),
            (json!({"status": "SEALED"}), RunStatus::Succeeded),
            (json!("SKIPPED"), RunStatus::Succeeded),
        ] {
            assert_eq!(ExecutionView::succeeded_status(Some(&output)), status, "{output}");
        }
        assert_eq!(ExecutionView::succeeded_status(None), RunStatus::Succeeded);
    }

    #[test]
    fn a_sentence_is_read_out_of_the_json_of_a_cause() {
        assert_eq!(ExecutionView::sentence("No pool.".into()), "No pool.");
        assert_eq!(
            ExecutionView::sentence(r#"{"errorType":"X","errorMessage":"No pool."}"#.into()),
            "No pool."
        );
    }
}
