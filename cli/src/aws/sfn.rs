//! Step Functions.

use std::error::Error as StdError;

use aws_config::{Region, SdkConfig};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::primitives::DateTime;
use aws_sdk_sfn::types::ExecutionStatus;
use jiff::Timestamp;
use serde_json::Value;
use shared::Error;
use shared::model::RunKind;
use shared_aws::codes::code_of;
use tokio::sync::OnceCell;

use super::caller::Caller;
use super::executions::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
use super::failure;
use super::machine::Machine;
use super::table::name_of_table;
use crate::settings::Settings;

/// The state machines of one deployment.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    config: SdkConfig,
    /// The ARNs that the settings give.
    export: Option<String>,
    import: Option<String>,
    /// The name of the table.
    table: String,
    caller: OnceCell<Caller>,
}

impl StepFunctions {
    /// The state machines that `settings` name, or those of the deployment with their table.
    pub fn new(config: &SdkConfig, settings: &Settings) -> Self {
        let given = |arn: &Option<String>| arn.clone().filter(|arn| !arn.is_empty());
        Self {
            client: Client::new(config),
            config: config.clone(),
            export: given(&settings.export_state_machine),
            import: given(&settings.import_state_machine),
            table: name_of_table(settings.table()).to_owned(),
            caller: OnceCell::new(),
        }
    }

    async fn list_page(
        &self,
        machine: &Machine,
        status: Option<ExecutionStatus>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, ExecutionArn)>, Error> {
        let call = self.client.list_executions().state_machine_arn(&machine.arn).set_status_filter(status);
        let limit = i32::try_from(limit).unwrap_or(1000);
        let listed = call.max_results(limit).send().await;
        listed
            .map_err(|error| on_machine("ListExecutions", &error, machine))?
            .executions
            .iter()
            .map(|item| Ok((timestamp(&item.start_date), ExecutionArn::parse(&item.execution_arn)?)))
            .collect()
    }
}

/// The most executions that run at once: the lease allows one for each pool. One answer holds 1,000.
const MAX_RUNNING: usize = 1000;

impl Executions for StepFunctions {
    async fn machine(&self, operation: RunKind) -> Result<Machine, Error> {
        let given = match operation {
            RunKind::Export => &self.export,
            RunKind::Import => &self.import,
        };
        if let Some(arn) = given {
            return Ok(Machine::given(operation, arn.clone()));
        }
        let caller = self.caller.get_or_try_init(|| Caller::of(&self.config)).await?;
        let region = self.config.region().map(Region::as_ref).unwrap_or_default();
        Ok(Machine::of_deployment(operation, caller, region, &self.table))
    }

    // DescribeStateMachine would need a permission that no other call of an operator needs.
    async fn require(&self, machine: &Machine) -> Result<(), Error> {
        self.list_page(machine, Some(ExecutionStatus::Running), 1).await.map(drop)
    }

    async fn start(&self, machine: &Machine, name: &str, input: &Value) -> Result<ExecutionArn, Error> {
        let call = self.client.start_execution().state_machine_arn(&machine.arn).name(name);
        match call.input(input.to_string()).send().await {
            Ok(started) => ExecutionArn::parse(&started.execution_arn),
            // Names are unique. So the first attempt succeeded, and its reply was lost.
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_execution_already_exists()) =>
            {
                ExecutionArn::of(&machine.arn, name)
            }
            Err(error) => Err(on_machine("StartExecution", &error, machine)),
        }
    }

    async fn describe(&self, arn: &ExecutionArn) -> Result<ExecutionView, Error> {
        let seen = self.client.describe_execution().execution_arn(arn.as_str()).send().await;
        Ok(view(arn, seen.map_err(|error| failure::named("DescribeExecution", &error))?))
    }

    async fn list(&self, machine: &Machine, ended: usize) -> Result<Vec<ExecutionArn>, Error> {
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

/// The named error for a failed `call` on a state machine.
fn on_machine<E, R>(call: &str, error: &SdkError<E, R>, machine: &Machine) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    let code = code_of(error);
    match code.as_str() {
        "StateMachineDoesNotExist" => machine.missing(),
        "AccessDenied" | "AccessDeniedException" => machine.denied(call, &code),
        _ => failure::named(call, error),
    }
}

fn view(arn: &ExecutionArn, seen: DescribeExecutionOutput) -> ExecutionView {
    let json = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    let output = seen.output.as_deref().filter(|_| seen.status == ExecutionStatus::Succeeded).map(json);
    let status = match &seen.status {
        ExecutionStatus::Succeeded => ExecutionView::succeeded_status(output.as_ref()),
        ExecutionStatus::Failed => ExecutionView::failed_status(seen.error.as_deref()),
        ExecutionStatus::Aborted => RunStatus::Aborted,
        ExecutionStatus::TimedOut => RunStatus::TimedOut,
        _ => RunStatus::Running,
    };
    ExecutionView {
        arn: arn.clone(),
        status,
        started_at: timestamp(&seen.start_date),
        stopped_at: seen.stop_date.as_ref().map(timestamp),
        input: RunInput::parse(&json(seen.input.as_deref().unwrap_or_default())),
        output,
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
    use clap::Parser;
    use shared::ErrorKind;

    use super::super::answers::{ACCOUNT, Server, caller_identity};
    use super::*;
    use crate::args::Cli;
    use crate::guidance::in_flags;

    /// The state machines of a command with these options. The environment of the test names none.
    async fn machines(server: &Server, options: &str) -> StepFunctions {
        let line = format!("cognito-backup status {options}");
        let mut settings = Cli::parse_from(line.split(' ')).settings;
        let (export, import) = (&mut settings.export_state_machine, &mut settings.import_state_machine);
        for (option, arn) in [("--export-state-machine", export), ("--import-state-machine", import)] {
            *arn = arn.take().filter(|_| options.contains(option));
        }
        StepFunctions::new(&server.config().await, &settings)
    }

    fn refusal(code: &str) -> (u16, String) {
        (400, format!(r#"{{"__type":"{code}","message":"Words."}}"#))
    }

    #[tokio::test]
    async fn a_state_machine_is_found_by_account_region_and_table_with_one_call_of_sts() {
        let server = Server::start(|_| caller_identity());
        for table in ["users", "arn:aws:dynamodb:eu-west-1:123456789012:table/users"] {
            let executions = machines(&server, &format!("--table {table}")).await;
            let before = server.requests().len();
            for (operation, name) in [(RunKind::Export, "users-export"), (RunKind::Import, "users-import")] {
                let machine = executions.machine(operation).await.unwrap();
                assert_eq!(
                    machine.arn,
                    format!("arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:{name}"),
                    "{table}"
                );
            }
            assert_eq!(server.requests().len(), before + 1, "{table}");
        }
        assert!(server.requests().iter().all(|request| request.contains("Action=GetCallerIdentity")));
    }

    #[tokio::test]
    async fn a_state_machine_that_the_settings_name_comes_before_that_of_the_table() {
        let server = Server::start(|_| caller_identity());
        let executions = machines(&server, "--table users --import-state-machine arn:of:mine").await;
        let import = executions.machine(RunKind::Import).await.unwrap();
        assert_eq!((import.arn.as_str(), server.requests().len()), ("arn:of:mine", 0));
        let export = executions.machine(RunKind::Export).await.unwrap();
        assert!(export.arn.ends_with(":stateMachine:users-export"), "{export:?}");
        // An empty variable names none.
        let executions = machines(&server, "--table users --import-state-machine=").await;
        let import = executions.machine(RunKind::Import).await.unwrap();
        assert!(import.arn.ends_with(":stateMachine:users-import"), "{import:?}");
    }

    #[tokio::test]
    async fn each_call_on_a_state_machine_says_that_it_is_missing_or_denied() {
        let arn = format!("arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:users-export");
        for (code, kind) in [
            ("StateMachineDoesNotExist", ErrorKind::InvalidConfiguration),
            ("AccessDeniedException", ErrorKind::AccessDenied),
        ] {
            let is_sts = |request: &str| request.contains("Action=GetCallerIdentity");
            let server =
                Server::start(move |request| if is_sts(request) { caller_identity() } else { refusal(code) });
            let executions = machines(&server, "--table users").await;
            let machine = executions.machine(RunKind::Export).await.unwrap();
            for error in [
                executions.require(&machine).await.unwrap_err(),
                executions.list(&machine, 3).await.unwrap_err(),
                executions.start(&machine, "name", &Value::Null).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                let words = format!("{error} {}", in_flags(error.guidance()));
                assert!(
                    words.contains(&arn) && words.contains("heck --table, --region and --profile"),
                    "{words}"
                );
            }
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
