//! Runs a state machine and waits until it ends.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The ARN of the execution.
    pub execution_arn: String,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: ExecutionStatus,
    /// The output of a success.
    pub output: Option<Value>,
    /// The name of the error of a failure.
    pub error: Option<String>,
    /// The cause of the error: a sentence or JSON.
    pub cause: Option<String>,
}

impl Outcome {
    /// The output of a success.
    ///
    /// # Errors
    /// The error and the cause of a failure.
    pub fn success(self) -> Result<Value> {
        let [error, cause] = [&self.error, &self.cause].map(|text| text.as_deref().unwrap_or("none given"));
        ensure!(
            self.status == ExecutionStatus::Succeeded,
            "{} ended {}: error {error}, cause {cause}",
            self.execution_arn,
            self.status
        );
        self.output.context("the execution has no output")
    }
}

/// Starts an execution and returns its ARN.
///
/// # Errors
/// If it cannot be started.
pub async fn start(client: &Client, state_machine_arn: &str, input: &Value) -> Result<String> {
    let started =
        client.start_execution().state_machine_arn(state_machine_arn).input(input.to_string()).send().await;
    Ok(started.with_context(|| format!("cannot start {state_machine_arn}"))?.execution_arn)
}

/// Waits until an execution ends, without a timeout. It asks every 100 milliseconds.
///
/// # Errors
/// If the execution cannot be described, or its output is not JSON.
pub async fn wait(client: &Client, execution_arn: &str) -> Result<Outcome> {
    loop {
        let seen = client.describe_execution().execution_arn(execution_arn).send().await;
        let seen = seen.with_context(|| format!("cannot describe {execution_arn}"))?;
        if seen.status != ExecutionStatus::Running {
            // The emulator gives an output to a failed execution. AWS does not.
            let output = seen.output.filter(|_| seen.status == ExecutionStatus::Succeeded);
            let output = output.map(|text| serde_json::from_str(&text)).transpose();
            return Ok(Outcome {
                execution_arn: seen.execution_arn,
                status: seen.status,
                output: output.context("the output is not JSON")?,
                error: seen.error,
                cause: seen.cause,
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Starts an execution and waits until it ends. An execution that fails is an [`Outcome`], not an error.
///
/// # Errors
/// As [`start`] and [`wait`].
pub async fn run(client: &Client, state_machine_arn: &str, input: &Value) -> Result<Outcome> {
    let execution_arn = start(client, state_machine_arn, input).await?;
    wait(client, &execution_arn).await
}
