//! The common part of `export` and `import`: they start an execution, watch it and report its end.

use std::future::Future;

use clap::Args;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::catalog::Catalog;
use shared::format::plural;
use shared::model::{
    Category, Ceilings, ExportInput, GroupName, ImportInput, Lease, PoolId, Restore, RestoreState, RunKind,
    SelectionSource, Tps,
};
use shared::ports::vault::Vault;
use shared::report::{ExportReport, ImportReport, PlanReport, SkipReport, StopStatus};
use shared::{Error, ErrorKind};

use super::{Deployment, Session};
use crate::arguments;
use crate::aws::{ExecutionArn, ExecutionView, Executions, Machine, RunInput, RunStatus, name_of_table};
use crate::causes::{for_refusal, from_cause};
use crate::exit::ExitStatus;
use crate::losses::{MAX_NAMED, first_losses};
use crate::output::flags::command;
use crate::output::{Answer, ExportEnd, ImportEnd, PlanEnd, SkippedEnd, StillRunning};
use crate::problem::{Problem, Result};
use crate::watch::{DeployedRun, Watched, lost_sight, watch};

/// The options of the verbs that start a run.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The run")]
pub struct RunArgs {
    /// Cognito calls per second, 1 to 200 [default: that of the deployment]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tps: Option<String>,
    /// Calls per second of one of Cognito's request quota categories, such as UserCreation=40
    #[arg(long, value_name = "CATEGORY=N")]
    pub tps_by_category: Vec<String>,
    /// Start the run and do not wait for its end
    #[arg(long)]
    pub no_wait: bool,
}

/// A run to start.
pub struct RunRequest {
    operation: RunKind,
    /// The pool on which the run works: the source of an export, the target of an import.
    pool: PoolId,
    /// The checked input.
    input: RunInput,
    /// The same input, in the form that the state machine reads.
    json: Value,
    /// Whether the command ends after the start of the run.
    no_wait: bool,
    /// The file of the roles of groups.
    roles: Option<String>,
}

impl RunRequest {
    /// An export to start.
    pub fn export(input: ExportInput, json: Value, no_wait: bool) -> Self {
        let pool = input.pool.clone();
        let input = RunInput::Export(input);
        Self { operation: RunKind::Export, pool, input, json, no_wait, roles: None }
    }

    /// An import to start. `json` names the stored selection of `input`, if it has one. `roles` is the file of the roles
    /// of groups.
    pub fn import(input: ImportInput, json: Value, no_wait: bool, roles: Option<String>) -> Self {
        let pool = input.target.clone();
        let input = RunInput::Import(Box::new(input.into()));
        Self { operation: RunKind::Import, pool, input, json, no_wait, roles }
    }
}

/// `input` with the limits that the options state.
///
/// # Errors
/// If a limit is no number from 1 to 200, an argument does not read `NAME=N`, or a category has two limits.
pub fn with_limits(mut input: Value, run: &RunArgs) -> Result<Value> {
    if let Some(tps) = arguments::read_if_given("--tps", run.tps.as_deref(), Tps::parse)? {
        input["tps"] = tps.get().into();
    }
    for argument in &run.tps_by_category {
        let (category, tps) = arguments::read("--tps-by-category", argument, ceiling)?;
        let limits = &mut input["tpsByCategory"];
        if limits.get(category.name()).is_some() {
            let message = format!("--tps-by-category limits category {} twice.", category.name());
            let guidance = "Leave one of the two limits out.";
            return Err(Problem::refused(ErrorKind::InvalidInput.name(), message, guidance.to_owned()));
        }
        limits[category.name()] = tps.get().into();
    }
    Ok(input)
}

/// The limit of a category: `UserCreation=40`.
fn ceiling(argument: &str) -> Result<(Category, Tps), Error> {
    let Some((name, tps)) = argument.split_once('=') else {
        return Err(Ceilings::refuse("The limit is missing.".to_owned()));
    };
    let category = Category::named(name).ok_or_else(|| Ceilings::refuse_name(&format!("{name:?}"), name))?;
    match Tps::parse(tps) {
        Ok(tps) => Ok((category, tps)),
        Err(_) => Err(Ceilings::refuse_limit("The limit", category)),
    }
}

/// `input` with the table that the settings name, so that a run on another one is refused.
///
/// The state machine knows its table by the name.
pub fn with_table(mut input: Value, table: Option<&str>) -> Value {
    if let Some(table) = table {
        input["table"] = name_of_table(table).into();
    }
    input
}

/// Whether a name or an ARN is of the table `name`.
pub fn names_table(table: &str, name: &str) -> bool {
    name_of_table(table) == name
}

/// The limit in words.
pub fn limit(tps: Option<Tps>) -> String {
    match tps {
        Some(tps) => format!("{} per second", plural(tps.get().into(), "call", "calls")),
        None => "the limit of the deployment".to_owned(),
    }
}

/// Starts a run, and watches it unless the request says otherwise.
///
/// # Errors
/// `TableNotFound` before anything is started. If the run cannot be started, fails, or cannot be watched.
pub async fn carry_out<E: Executions, V: Vault, S: Future<Output = ()>>(
    deployment: &Deployment<E, V>,
    request: RunRequest,
    session: Session<'_, S>,
) -> Result<Answer> {
    let machine = machine_of(deployment, request.operation).await?;
    carry_out_on(deployment, &machine, request, session).await
}

/// The state machine of a run, if its table exists.
///
/// # Errors
/// `TableNotFound`. If the ARN of the state machine cannot be found out.
pub async fn machine_of<E: Executions, V: Vault>(
    deployment: &Deployment<E, V>,
    operation: RunKind,
) -> Result<Machine> {
    match deployment.catalog.require_table().await {
        Err(error) if error.kind() == ErrorKind::TableNotFound => Err(error.into()),
        // An operator may start runs without permission to read the table.
        _ => Ok(deployment.executions.machine(operation).await?),
    }
}

/// Starts a run on its [state machine](machine_of), and watches it unless the request says otherwise.
///
/// # Errors
/// If the run cannot be started, fails, or cannot be watched.
pub async fn carry_out_on<E: Executions, V: Vault, S: Future<Output = ()>>(
    deployment: &Deployment<E, V>,
    machine: &Machine,
    request: RunRequest,
    session: Session<'_, S>,
) -> Result<Answer> {
    let operation = request.operation;
    let name = execution_name(operation, &request.pool, (session.now)())?;
    let arn = deployment.executions.start(machine, &name, &request.json).await?;
    session.meter.note(&format!("Started execution {arn}"));
    let still_running =
        || Ok(Answer::new(&StillRunning::new(operation, arn.clone()), ExitStatus::Running, (session.now)()));
    if request.no_wait {
        return still_running();
    }
    let mut run = DeployedRun::new(&deployment.executions, &deployment.catalog, &arn, &request.input);
    match watch(&mut run, session.meter, session.interrupted).await {
        Ok(Watched::Ended(view)) => {
            // The request has the selection itself.
            let view = ExecutionView { input: request.input, ..*view };
            conclude(deployment, view, request.roles.as_deref(), (session.now)()).await
        }
        Ok(Watched::StillRunning) => still_running(),
        Err(error) => Err(lost_sight(&error, &arn)),
    }
}

/// `export-<pool>-20261121T020000Z-1a2b3c4d`: readable, and unique. Step Functions accepts 80 characters.
fn execution_name(operation: RunKind, pool: &PoolId, now: Timestamp) -> Result<String> {
    let random = getrandom::u32().map_err(|error| {
        let message = format!("The system gives no random numbers: {error}.");
        Error::new(ErrorKind::Internal, message, "Start the command again.")
    })?;
    let pool: String = pool.as_str().chars().take(46).collect();
    Ok(format!("{}-{pool}-{}-{random:08x}", operation.verb(), now.strftime("%Y%m%dT%H%M%SZ")))
}

/// The answer about a run that has ended. `roles` is the file of the roles of groups, if the command knows it.
///
/// # Errors
/// If the run failed, or its report or its stored selection cannot be read.
pub async fn conclude<E, V: Vault>(
    deployment: &Deployment<E, V>,
    view: ExecutionView,
    roles: Option<&str>,
    now: Timestamp,
) -> Result<Answer> {
    match (view.status, &view.input) {
        (RunStatus::Succeeded, RunInput::Export(_)) => {
            let report: ExportReport = report(&view)?;
            Ok(Answer::new(&ExportEnd { execution_arn: view.arn, report }, ExitStatus::Done, now))
        }
        (RunStatus::Succeeded, RunInput::Import(input)) if input.dry_run => {
            let report: PlanReport = report(&view)?;
            let damaged_groups = first_damaged_groups(&deployment.catalog, input, &report).await;
            let end = PlanEnd { execution_arn: view.arn, report, damaged_groups };
            Ok(Answer::new(&end, end.exit_status(), now))
        }
        (RunStatus::Succeeded, RunInput::Import(input)) => {
            let report: ImportReport = report(&view)?;
            let input = deployment.catalog.with_selection((**input).clone()).await?;
            let end = ImportEnd::complete(view.arn.clone(), &input, report).with_roles(roles);
            Ok(Answer::new(&end, ExitStatus::Done, now))
        }
        (RunStatus::Skipped, _) => {
            let report: SkipReport = report(&view)?;
            Ok(Answer::new(&SkippedEnd { execution_arn: view.arn, report }, ExitStatus::Done, now))
        }
        (RunStatus::Partial, RunInput::Import(input)) => match partial(deployment, &view, input).await {
            Some(end) => Ok(Answer::new(&end.with_roles(roles), ExitStatus::Partial, now)),
            None => Err(failed(&view, true)),
        },
        (_, RunInput::Import(input)) => {
            let restore = deployment.catalog.restore_of_execution(&input.target, view.arn.as_str()).await;
            let begun = restore.as_ref().map_or(true, Option::is_some);
            let untag_with = restore.ok().flatten().and_then(|restore| restore.untag_line()).map(Into::into);
            Err(Problem { untag_with, ..failed(&view, begun) })
        }
        _ => Err(failed(&view, has_begun(deployment, &view).await)),
    }
}

fn report<T: DeserializeOwned>(view: &ExecutionView) -> Result<T, Error> {
    serde_json::from_value(view.output.clone().unwrap_or_default()).map_err(|_| {
        Error::new(
            ErrorKind::Internal,
            format!("Execution {} succeeded, but its output is unreadable.", view.arn),
            format!(
                "Use the version of this program that belongs to the deployment. `{}` reads the table.",
                command("status")
            ),
        )
    })
}

/// The first groups that the plan counts as damaged. None if the table cannot be read.
async fn first_damaged_groups<V: Vault>(
    catalog: &Catalog<V>,
    input: &ImportInput<SelectionSource>,
    report: &PlanReport,
) -> Vec<GroupName> {
    if report.forecast.damaged_groups == 0 {
        return Vec::new();
    }
    let (source, snapshot) = (&report.source_user_pool_id, &report.snapshot_id);
    let Ok(input) = catalog.with_selection(input.clone()).await else { return Vec::new() };
    let wanted = |name: &str| input.selection.selects_group(name);
    catalog.damaged_groups(source, snapshot, wanted, MAX_NAMED as usize).await.unwrap_or_default()
}

/// The end of a restore that an earlier execution ended. None if the table does not have its totals, or cannot be read.
pub async fn ended<E, V: Vault>(
    deployment: &Deployment<E, V>,
    restore: Restore,
    input: &ImportInput,
) -> Option<ImportEnd> {
    let arn = ExecutionArn::parse(&restore.execution.id).ok()?;
    let totals = restore.totals.clone()?;
    let losses = first_losses(&deployment.catalog, &restore, &totals).await.unwrap_or_default();
    Some(ImportEnd::of_restore(arn, input, restore, totals, losses))
}

/// Watches an execution to its end, and reports it. None if the operator interrupts the command. `roles` is the file of
/// the roles of groups.
///
/// # Errors
/// If the run failed, or cannot be watched.
pub async fn follow<E: Executions, V: Vault>(
    deployment: &Deployment<E, V>,
    view: &ExecutionView,
    roles: Option<&str>,
    session: Session<'_, impl Future<Output = ()>>,
) -> Result<Option<Answer>> {
    let mut run = DeployedRun::new(&deployment.executions, &deployment.catalog, &view.arn, &view.input);
    match watch(&mut run, session.meter, session.interrupted).await {
        Ok(Watched::Ended(view)) => conclude(deployment, *view, roles, (session.now)()).await.map(Some),
        Ok(Watched::StillRunning) => Ok(None),
        Err(error) => Err(lost_sight(&error, &view.arn)),
    }
}

/// The end of a partial restore. None if the table cannot be read.
async fn partial<E, V: Vault>(
    deployment: &Deployment<E, V>,
    view: &ExecutionView,
    input: &ImportInput<SelectionSource>,
) -> Option<ImportEnd> {
    let input = deployment.catalog.with_selection(input.clone()).await.ok()?;
    let restore: Restore =
        deployment.catalog.restore_of_execution(&input.target, view.arn.as_str()).await.ok()??;
    // The execution has ended partial, whatever the header says now.
    ended(deployment, Restore { state: RestoreState::Partial, ..restore }, &input).await
}

/// Whether a run had written its header before it failed. If the table cannot be read, the answer is yes: it may have.
pub async fn has_begun<E, V: Vault>(deployment: &Deployment<E, V>, view: &ExecutionView) -> bool {
    let catalog = &deployment.catalog;
    match &view.input {
        RunInput::Export(input) => catalog
            .snapshot_of_execution(&input.pool, view.arn.as_str())
            .await
            .map_or(true, |found| found.is_some()),
        RunInput::Import(input) => catalog
            .restore_of_execution(&input.target, view.arn.as_str())
            .await
            .map_or(true, |found| found.is_some()),
        RunInput::Unreadable => false,
    }
}

/// The exit status of a run.
pub fn exit_status(view: &ExecutionView, begun: bool) -> ExitStatus {
    match view.status {
        RunStatus::Running => ExitStatus::Running,
        RunStatus::Succeeded | RunStatus::Skipped => ExitStatus::Done,
        RunStatus::Partial => ExitStatus::Partial,
        RunStatus::Failed => ExitStatus::of_error(view.error.as_deref().unwrap_or_default(), begun),
        RunStatus::Aborted | RunStatus::TimedOut => ExitStatus::Failed,
    }
}

fn failed(view: &ExecutionView, begun: bool) -> Problem {
    let (error, message) = match view.status {
        RunStatus::Aborted => (StopStatus::Aborted.error(), StopStatus::Aborted.cause()),
        RunStatus::TimedOut => (StopStatus::TimedOut.error(), StopStatus::TimedOut.cause()),
        _ => ("Failed", "The execution failed and named no cause."),
    };
    let status = exit_status(view, begun);
    let error = view.error.clone().unwrap_or_else(|| error.to_owned());
    let cause = view.cause.as_deref().unwrap_or(message);
    let translated = from_cause(cause);
    let in_words = translated.as_ref().map_or_else(|| for_refusal(&error), |(_, words)| words.clone());
    let message = translated.map_or(cause, |(message, _)| message);
    // The function repeats no role of the input. This terminal gave them.
    let role = match &view.input {
        RunInput::Import(input) => input.options.group_roles.entry_of(message),
        RunInput::Export(_) | RunInput::Unreadable => None,
    };
    Problem {
        guidance: after_failure(view, in_words, status),
        error,
        message: role.map_or_else(|| message.to_owned(), |role| format!("{message} The entry maps {role}.")),
        execution_arn: Some(view.arn.as_str().into()),
        untag_with: None,
        creation: None,
        status,
    }
}

/// What to do after a run failed. `in_words` is what to do about its error.
fn after_failure(view: &ExecutionView, in_words: String, status: ExitStatus) -> String {
    let mut guidance = match (&view.input, status) {
        (_, ExitStatus::Refused) | (RunInput::Unreadable, _) => in_words,
        (RunInput::Export(_), _) => "Earlier snapshots are unchanged.".to_owned(),
        (RunInput::Import(_), ExitStatus::Partial) => {
            let show = command(format!("status --execution {}", view.arn));
            format!("`{show}` shows what is missing. The same import tries the missing entries again.")
        }
        (RunInput::Import(_), _) if !in_words.is_empty() => in_words,
        (RunInput::Import(_), _) => {
            "Remove the cause, then start the import again with the same arguments: it continues where it stopped.".to_owned()
        }
    };
    if matches!(view.status, RunStatus::Aborted | RunStatus::TimedOut) {
        guidance += &format!(
            " Its lease keeps other runs off the pool for up to {} minutes.",
            Lease::DURATION.as_mins()
        );
    }
    guidance
}

#[cfg(test)]
mod tests {
    use shared::model::GroupRoles;

    use super::*;
    use crate::testing;

    #[test]
    fn execution_names_are_readable_short_and_unique() {
        let long = PoolId::parse(&format!("eu-west-1_{}", "a".repeat(45))).unwrap();
        let name = || execution_name(RunKind::Export, &long, testing::now()).unwrap();
        assert!(name().len() <= 80 && name() != name());
        let name = execution_name(RunKind::Import, &testing::pool("b"), testing::now()).unwrap();
        assert!(name.starts_with("import-eu-west-1_b-20261121T120000Z-"), "{name}");
    }

    #[test]
    fn a_limit_agrees_with_its_noun() {
        let limits = [1, 2].map(|tps| limit(Tps::new(tps).ok()));
        assert_eq!(limits, ["1 call per second", "2 calls per second"]);
    }

    #[test]
    fn a_run_that_failed_says_what_to_do() {
        let mut view = testing::execution(RunStatus::Failed);
        view.error = Some("TargetNotEmpty".into());
        view.cause = Some("User pool eu-west-1_b already holds users. Create an empty one.".into());
        let refused = failed(&view, false);
        assert_eq!((refused.error.as_str(), refused.status), ("TargetNotEmpty", ExitStatus::Refused));
        assert_eq!(Some(refused.message.as_str()), view.cause.as_deref());
        assert!(
            refused.guidance.starts_with("On the command line: ")
                && refused.guidance.contains("--existing skip"),
            "{refused}"
        );
        view.error = Some("Throttled".into());
        let stopped = failed(&view, true);
        assert_eq!(stopped.status, ExitStatus::Failed);
        assert!(stopped.guidance.contains("it continues where it stopped"));
        view.error = Some("SelectionEmpty".into());
        let empty = failed(&view, true);
        assert_eq!(empty.status, ExitStatus::Refused);
        assert!(
            !empty.guidance.contains("where it stopped") && empty.guidance.contains("--email"),
            "the same arguments select no user again"
        );
        let aborted = failed(&testing::execution(RunStatus::Aborted), true);
        assert_eq!((aborted.error.as_str(), aborted.status), ("Aborted", ExitStatus::Failed));
        assert!(aborted.guidance.ends_with("for up to 20 minutes."), "{aborted}");
    }

    #[test]
    fn an_import_into_a_pool_without_the_tag_prints_the_line_that_gives_it() {
        let line = "aws cognito-idp tag-resource --resource-arn arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_b \
                    --tags cognito-backup=target --region eu-west-1";
        let guidance = shared::Guidance::TagPool {
            arn: "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_b".to_owned(),
            tag: "target".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        let mut view = testing::execution(RunStatus::Failed);
        view.error = Some("PoolNotTagged".into());
        view.cause =
            Some(format!("User pool eu-west-1_b has no tag. {}", shared::report::in_members(&guidance)));
        let untagged = failed(&view, false);
        assert_eq!(
            (untagged.message.as_str(), untagged.status),
            ("User pool eu-west-1_b has no tag.", ExitStatus::Refused)
        );
        assert_eq!(untagged.guidance, format!("Allow it with `{line}`. Then start the command again."));
    }

    #[test]
    fn the_role_that_no_group_has_is_named() {
        let role = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        let mut input = testing::import_input();
        input.options.group_roles = GroupRoles::Map(["a", "b"].map(|name| (role(name), role("new"))).into());
        let mut view = testing::execution(RunStatus::Failed);
        view.input = RunInput::Import(Box::new(input.into()));
        view.error = Some("InvalidInput".into());
        let unknown = "The map of group roles names a role that no group of snapshot X has: ";
        view.cause = Some(format!("{unknown}{}.", GroupRoles::entry_name(1, 2)));
        let problem = failed(&view, false);
        assert!(problem.message.ends_with(&format!(" The entry maps {}.", role("b"))), "{problem}");
        assert_eq!(problem.status, ExitStatus::Refused);
    }

    #[test]
    fn a_run_whose_input_cannot_be_read_has_no_kind() {
        let view = ExecutionView { input: RunInput::Unreadable, ..testing::execution(RunStatus::Failed) };
        assert_eq!(view.input.operation(), None);
        assert_eq!(failed(&view, false).guidance, "");
    }
}
