//! An operator with the command line, in the environment that a deployment asks for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use local::build;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Command;

use crate::World;

/// Runs `cognito-backup` against the deployment of a [`World`], with the credentials of its account.
pub struct Operator {
    program: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Operator {
    /// Builds the command line and prepares the environment.
    pub async fn new(world: &World) -> Result<Self> {
        let environment = world.stack.deployment.environment();
        let environment = environment.map(|(variable, value)| (variable, value.into())).into();
        Ok(Self { program: build::command_line(build::Output::Quiet).await?, environment })
    }

    /// An operator without a deployment in the environment. Only the table, which has the default name, says which
    /// deployment it is.
    pub async fn at(endpoint_url: &str, region: &str, access_key_id: &str) -> Result<Self> {
        let environment: [(&'static str, &str); 7] = [
            ("AWS_ENDPOINT_URL", endpoint_url),
            ("AWS_REGION", region),
            ("AWS_ACCESS_KEY_ID", access_key_id),
            ("AWS_SECRET_ACCESS_KEY", local::aws::SECRET_ACCESS_KEY),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ];
        let environment = environment.map(|(variable, value)| (variable, value.into())).into();
        Ok(Self { program: build::command_line(build::Output::Quiet).await?, environment })
    }

    /// Sets another environment variable.
    #[must_use]
    pub fn with_variable(mut self, variable: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// Runs a command. Single spaces separate its arguments.
    pub async fn run(&self, arguments: &str) -> Result<Output> {
        self.command(arguments).output().await.context("cannot run the command line")
    }

    /// Runs a command, and asks it to end (SIGTERM) after `delay`. A command that has ended before is not asked.
    pub async fn run_and_terminate(&self, arguments: &str, delay: Duration) -> Result<Output> {
        let mut command = self.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let id =
            child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("the command has ended")?;
        let ended = tokio::spawn(child.wait_with_output());
        tokio::time::sleep(delay).await;
        if !ended.is_finished() {
            match kill_process(id, Signal::TERM) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => return Err(error).context("cannot send the signal"),
            }
        }
        ended.await?.context("cannot run the command line")
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments.split(' '))
            .envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// Runs a command with `--json` and reads the JSON object on standard output.
    ///
    /// # Errors
    /// If the exit code is not `code`, or if standard output is not a JSON object.
    pub async fn run_json(&self, code: i32, arguments: &str) -> Result<Value> {
        let output = self.run(&format!("{arguments} --json")).await?;
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.code() == Some(code), "{arguments}\n{:?}\n{stdout}\n{stderr}", output.status);
        serde_json::from_str(&stdout).with_context(|| format!("standard output is not JSON: {stdout}"))
    }
}
