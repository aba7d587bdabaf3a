//! Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use serde_json::Value;
use shared::model::RunKind;
use shared::{Error, ErrorKind};

use super::executions::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
use super::failure;
use crate::settings::Settings;

/// The state machines of one deployment.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    export: Option<String>,
    import: Option<String>,
}

impl StepFunctions {
    /// The state machines that `settings` name, or those with the usual names.
    pub fn new(client: Client, settings: &Settings) -> Self {
        let given = |arn: &Option<String>| arn.clone().filter(|arn| !arn.is_empty());
        Self {
            client,
            export: given(&settings.export_state_machine),
            import: given(&settings.import_state_machine),
        }
    }

    async fn list_page(
        &self,
        machine: &str,
        status: Option<ExecutionStatus>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionArn)>, Error> {
        let call = self.client.list_executions().state_machine_arn(machine).set_status_filter(status);
        let limit = i32::try_from(limit).unwrap_or(1000);
        let listed =
            call.max_results(limit).send().await.map_err(|error| failure::named("ListExecutions", &error))?;
        listed
            .executions
            .iter()
            .map(|item| Ok((timestamp(&item.start_date), ExecutionArn::parse(&item.execution_arn)?)))
            .collect()
    }
}

/// The most executions that run at once: the lease allows one for each pool. One answer holds 1,000.
const MAX_RUNNING: usize = 1000;

impl Executions for StepFunctions {
    async fn machine(&self, operation: RunKind) -> Result<String, Error> {
        let (given, name, option) = match operation {
            RunKind::Export => (&self.export, "cognito-backup-export", "--export-state-machine"),
            RunKind::Import => (&self.import, "cognito-backup-import", "--import-state-machine"),
        };
        if let Some(arn) = given {
            return Ok(arn.clone());
        }
        let mut pages = self.client.list_state_machines().into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(machine) = pages.next().await {
            let machine = machine.map_err(|error| failure::named("ListStateMachines", &error))?;
            if machine.name == name {
                found.push(machine.state_machine_arn);
            }
        }
        only_one(found, name, option)
    }

    async fn start(&self, machine: &str, name: &str, input: &Value) -> Result<ExecutionArn, Error> {
        let call =
            self.client.start_execution().state_machine_arn(machine).name(name).input(input.to_string());
        match call.send().await {
            Ok(started) => ExecutionArn::parse(&started.execution_arn),
            // Names are unique. So the first attempt succeeded, and its reply was lost.
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_execution_already_exists()) =>
            {
                ExecutionArn::of(machine, name)
            }
            Err(error) => Err(failure::named("StartExecution", &error)),
        }
    }

    async fn describe(&self, arn: &ExecutionArn) -> Result<ExecutionView, Error> {
        let seen = self.client.describe_execution().execution_arn(arn.as_str()).send().await;
        Ok(view(arn, seen.map_err(|error| failure::named("DescribeExecution", &error))?))
    }

    async fn list(&self, machine: &str, ended: usize) -> Result<Vec<ExecutionArn>, Error> {
        let running = self.list_page(machine, Some(ExecutionStatus::Running), MAX_RUNNING).await?;
        let newest = if ended == 0 {
            Vec::new()
        } else {
            self.list_page(machine, None, (ended + running.len()).min(MAX_RUNNING)).await?
        };
        Ok(running_and_ended(running, newest, ended))
    }
}

/// An execution, and when it started.
type Started = (Timestamp, ExecutionArn);

/// All running executions, and the last `ended` of the other ones among the `newest`; newest first.
fn running_and_ended(running: Vec<Started>, newest: Vec<Started>, ended: usize) -> Vec<ExecutionArn> {
    let others: Vec<_> = newest.into_iter().filter(|last| !running.contains(last)).take(ended).collect();
    let mut all = running;
    all.extend(others);
    all.sort_by_key(|(started, _)| std::cmp::Reverse(*started));
    all.into_iter().map(|(_, arn)| arn).collect()
}

fn only_one(mut found: Vec<String>, name: &str, option: &str) -> Result<String, Error> {
    let message = match (found.pop(), found.len()) {
        (Some(one), 0) => return Ok(one),
        (None, _) => format!("This account and Region have no state machine named {name}."),
        (Some(_), others) => {
            format!("This account and Region have {} state machines named {name}.", others + 1)
        }
    };
    let guidance = format!(
        "Give the ARN with {option}, or check --profile and --region: the deployment may be in another account or Region."
    );
    Err(Error::new(ErrorKind::InvalidConfiguration, message, guidance))
}

fn view(arn: &ExecutionArn, seen: DescribeExecutionOutput) -> ExecutionView {
    let status = match &seen.status {
        ExecutionStatus::Succeeded => RunStatus::Succeeded,
        ExecutionStatus::Failed => ExecutionView::failed_status(seen.error.as_deref()),
        ExecutionStatus::Aborted => RunStatus::Aborted,
        ExecutionStatus::TimedOut => RunStatus::TimedOut,
        _ => RunStatus::Running,
    };
    let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    ExecutionView {
        arn: arn.clone(),
        status,
        started_at: timestamp(&seen.start_date),
        stopped_at: seen.stop_date.as_ref().map(timestamp),
        input: RunInput::parse(&json(seen.input.as_deref().unwrap_or_default())),
        output: seen.output.as_deref().filter(|_| status == RunStatus::Succeeded).map(json),
        error: seen.error,
        cause: seen.cause.map(ExecutionView::sentence),
    }
}

/// Step Functions sends milliseconds as a fraction, which no floating point number holds exactly.
fn timestamp(time: &DateTime) -> Timestamp {
    let millis = (time.as_nanos() + 500_000).div_euclid(1_000_000);
    i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guidance::in_flags;

    #[test]
    fn a_state_machine_is_found_if_exactly_one_has_its_name() {
        let found = |arns: &[&str]| {
            only_one(
                arns.iter().map(|arn| (*arn).to_owned()).collect(),
                "cognito-backup-export",
                "--export-state-machine",
            )
        };
        assert_eq!(found(&["a"]), Ok("a".to_owned()));
        for (arns, words) in
            [(&[][..], "no state machine named"), (&["a", "b"][..], "2 state machines named")]
        {
            let error = found(arns).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidConfiguration);
            assert!(
                error.to_string().contains(words)
                    && in_flags(error.guidance()).contains("--export-state-machine"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_list_has_each_running_execution_although_newer_ones_have_ended() {
        let started = |second: i64| {
            let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:m";
            let arn = ExecutionArn::of(machine, &second.to_string()).unwrap();
            (Timestamp::from_second(second).unwrap(), arn)
        };
        let names = |ended| {
            let newest = [9, 8, 7, 5].map(started).to_vec();
            let listed = running_and_ended(vec![started(7), started(2)], newest, ended);
            listed.iter().map(|arn| arn.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(0), ["7", "2"]);
        assert_eq!(names(1), ["9", "7", "2"]);
        assert_eq!(names(5), ["9", "8", "7", "5", "2"]);
    }

    #[test]
    fn times_are_rounded_to_the_millisecond() {
        for (nanos, text) in
            [(378_999_948, "1970-01-01T00:00:00.379Z"), (292_000_055, "1970-01-01T00:00:00.292Z")]
        {
            assert_eq!(timestamp(&DateTime::from_nanos(nanos).unwrap()).to_string(), text);
        }
    }

    #[test]
    fn a_failed_execution_has_a_partial_restore_or_a_sentence() {
        let arn = ExecutionArn::of("arn:aws:states:eu-west-1:1:stateMachine:m", "n").unwrap();
        let failed = |error: &str| {
            let seen = DescribeExecutionOutput::builder()
                .execution_arn(arn.as_str())
                .state_machine_arn("m")
                .status(ExecutionStatus::Failed)
                .start_date(DateTime::from_secs(1_700_000_000))
                .output("{}")
                .error(error)
                .cause(r#"{"errorMessage":"No."}"#);
            view(&arn, seen.build().unwrap())
        };
        let partial = failed("RestorePartial");
        assert_eq!((partial.status, partial.output), (RunStatus::Partial, None));
        let refused = failed("PoolNotFound");
        assert_eq!((refused.status, refused.cause.as_deref()), (RunStatus::Failed, Some("No.")));
        assert_eq!(refused.started_at.to_string(), "2023-11-14T22:13:20Z");
    }
}
