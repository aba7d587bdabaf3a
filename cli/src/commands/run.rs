//! What `export` and `import` have in common: start an execution, watch it, and tell what it came to.

use std::future::Future;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::model::{ImportInput, Lease, PoolId, Restore, RunKind, Tps};
use shared::ports::vault::Vault;
use shared::report::{ExportReport, ImportReport, PlanReport};
use shared::{Error, ErrorKind};

use super::{Deployment, Session};
use crate::args::RunArgs;
use crate::aws::{ExecutionView, Executions, RunInput, RunStatus};
use crate::exit::ExitStatus;
use crate::guidance::for_refusal;
use crate::losses::first_losses;
use crate::output::{Answer, ExportEnd, ImportEnd, PlanEnd, StillRunning};
use crate::problem::{Problem, Result};
use crate::watch::{DeployedRun, Watched, find_restore, find_snapshot, lost_sight, watch};

/// A run that is to be made.
pub struct RunRequest {
    /// Its input, checked.
    pub input: RunInput,
    /// Its input, as the state machine takes it.
    pub json: Value,
    /// The pool worked on.
    pub pool: PoolId,
    /// Whether to leave it alone once it has started.
    pub no_wait: bool,
}

/// `input` with the limits that are given.
///
/// # Errors
/// For what is no limit, and for categories that do not read `NAME=N`.
pub fn with_limits(mut input: Value, run: &RunArgs) -> Result<Value> {
    if let Some(tps) = run.tps.as_deref().map(Tps::parse).transpose()? {
        input["tps"] = tps.get().into();
    }
    for ceiling in &run.tps_by_category {
        let (category, tps) = ceiling.split_once('=').unwrap_or((ceiling, ""));
        input["tpsByCategory"][category] = Tps::parse(tps)?.get().into();
    }
    Ok(input)
}

/// The limit in words.
pub fn limit(tps: Option<Tps>) -> String {
    tps.map_or_else(|| "the deployment's own limit".to_owned(), |tps| format!("{tps} calls per second"))
}

/// Starts a run, and watches it unless told otherwise.
///
/// # Errors
/// When it cannot be started, fails, or cannot be watched.
pub async fn carry_out<E: Executions, V: Vault, S: Future<Output = ()>>(
    deployment: &Deployment<E, V>,
    order: RunRequest,
    session: Session<'_, S>,
) -> Result<Answer> {
    let operation = order.input.operation().unwrap_or(RunKind::Export);
    let machine = deployment.executions.machine(operation).await?;
    let name = execution_name(operation, &order.pool, (session.now)())?;
    let arn = deployment.executions.start(&machine, &name, &order.json).await?;
    session.meter.note(&format!("Started execution {arn}"));
    let still_running = || Ok(Answer::new(&StillRunning::new(operation, arn.clone()), ExitStatus::Running, (session.now)()));
    if order.no_wait {
        return still_running();
    }
    let mut run = DeployedRun::new(&deployment.executions, &deployment.catalog, &arn, &order.input);
    match watch(&mut run, session.meter, session.enough).await {
        Ok(Watched::Ended(view)) => conclude(deployment, *view, (session.now)()).await,
        Ok(Watched::StillRunning) => still_running(),
        Err(error) => Err(lost_sight(&error, &arn)),
    }
}

/// `export-<pool>-20261121T020000Z-1a2b3c4d`: readable, and never used twice. Step Functions takes 80 characters.
fn execution_name(operation: RunKind, pool: &PoolId, now: Timestamp) -> Result<String> {
    let verb = match operation {
        RunKind::Export => "export",
        RunKind::Import => "import",
    };
    let random = getrandom::u32().map_err(|error| {
        Error::new(ErrorKind::Internal, format!("The system gives no random numbers: {error}."), "Try again in a moment.")
    })?;
    let pool: String = pool.as_str().chars().take(46).collect();
    Ok(format!("{verb}-{pool}-{}-{random:08x}", now.strftime("%Y%m%dT%H%M%SZ")))
}

/// Tells what a run that ended came to.
///
/// # Errors
/// When it failed, or its report cannot be read.
pub async fn conclude<E, V: Vault>(deployment: &Deployment<E, V>, view: ExecutionView, now: Timestamp) -> Result<Answer> {
    match (view.status, &view.input) {
        (RunStatus::Succeeded, RunInput::Export(_)) => {
            let report: ExportReport = report(&view)?;
            Ok(Answer::new(&ExportEnd { execution_arn: view.arn, report }, ExitStatus::Done, now))
        }
        (RunStatus::Succeeded, RunInput::Import(input)) if input.dry_run => {
            let report: PlanReport = report(&view)?;
            Ok(Answer::new(&PlanEnd { execution_arn: view.arn, report }, ExitStatus::Done, now))
        }
        (RunStatus::Succeeded, RunInput::Import(input)) => {
            let report: ImportReport = report(&view)?;
            Ok(Answer::new(&ImportEnd::complete(view.arn.clone(), input, report), ExitStatus::Done, now))
        }
        (RunStatus::Partial, RunInput::Import(input)) => match partial(deployment, &view, input).await {
            Some(end) => Ok(Answer::new(&end, ExitStatus::Partial, now)),
            None => Err(failed(&view, true)),
        },
        _ => Err(failed(&view, has_begun(deployment, &view).await)),
    }
}

fn report<T: DeserializeOwned>(view: &ExecutionView) -> Result<T, Error> {
    serde_json::from_value(view.output.clone().unwrap_or_default()).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("Execution {} succeeded, but its output cannot be read: {error}.", view.arn),
            "Use the version of this program that belongs to the deployment; `cognito-backup status` reads the table.",
        )
    })
}

/// What a partial restore came to, if the table can be read.
async fn partial<E, V: Vault>(deployment: &Deployment<E, V>, view: &ExecutionView, input: &ImportInput) -> Option<ImportEnd> {
    let restore: Restore = find_restore(&deployment.catalog, &input.target, &view.arn).await.ok()??;
    let totals = restore.totals.clone()?;
    let losses = first_losses(&deployment.catalog, &restore, &totals).await.unwrap_or_default();
    Some(ImportEnd::partial(view.arn.clone(), input, restore, totals, losses))
}

/// Whether a run had written its plan before it failed. Where the table cannot be read, it may have.
pub async fn has_begun<E, V: Vault>(deployment: &Deployment<E, V>, view: &ExecutionView) -> bool {
    let catalog = &deployment.catalog;
    match &view.input {
        RunInput::Export(input) => find_snapshot(catalog, &input.pool, &view.arn).await.map_or(true, |found| found.is_some()),
        RunInput::Import(input) => find_restore(catalog, &input.target, &view.arn).await.map_or(true, |found| found.is_some()),
        RunInput::Unreadable => false,
    }
}

/// The exit status of a run that stands as `view`.
pub fn exit_status(view: &ExecutionView, begun: bool) -> ExitStatus {
    match view.status {
        RunStatus::Running => ExitStatus::Running,
        RunStatus::Succeeded => ExitStatus::Done,
        RunStatus::Partial => ExitStatus::Partial,
        RunStatus::Failed => ExitStatus::of_error(view.error.as_deref().unwrap_or_default(), begun),
        RunStatus::Aborted | RunStatus::TimedOut => ExitStatus::Failed,
    }
}

fn failed(view: &ExecutionView, begun: bool) -> Problem {
    let (error, message) = match view.status {
        RunStatus::Aborted => ("Aborted", "Somebody stopped the execution."),
        RunStatus::TimedOut => ("TimedOut", "The time of the execution ran out."),
        _ => ("Failed", "The execution failed and named no cause."),
    };
    let status = exit_status(view, begun);
    let stopped_by_force = matches!(view.status, RunStatus::Aborted | RunStatus::TimedOut);
    let mut guidance = match (&view.input, status) {
        (_, ExitStatus::Refused) => for_refusal(view.error.as_deref().unwrap_or_default()),
        (RunInput::Export(_), _) => "Earlier snapshots are untouched.".to_owned(),
        (RunInput::Import(_), ExitStatus::Partial) => {
            format!("`cognito-backup status --execution {}` shows what is missing; the same import tries it once more.", view.arn)
        }
        (RunInput::Import(_), _) => {
            "Once the cause is mended, start the import again with the same arguments: it goes on where it stopped.".to_owned()
        }
        (RunInput::Unreadable, _) => String::new(),
    };
    if stopped_by_force {
        guidance += &format!(" Its lease keeps other runs off the pool for up to {} minutes.", Lease::DURATION.as_mins());
    }
    Problem {
        error: view.error.clone().unwrap_or_else(|| error.to_owned()),
        message: view.cause.clone().unwrap_or_else(|| message.to_owned()),
        guidance,
        execution_arn: Some(view.arn.to_string()),
        status,
    }
}

#[cfg(test)]
mod tests {
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
    fn a_run_that_failed_says_what_to_do() {
        let mut view = testing::execution(RunStatus::Failed);
        view.error = Some("TargetNotEmpty".into());
        view.cause = Some("User pool eu-west-1_b already holds users. Create an empty one.".into());
        let refused = failed(&view, false);
        assert_eq!((refused.error.as_str(), refused.status), ("TargetNotEmpty", ExitStatus::Refused));
        assert_eq!(Some(refused.message.as_str()), view.cause.as_deref());
        assert!(
            refused.guidance.starts_with("On the command line: ") && refused.guidance.contains("--existing skip"),
            "{refused}"
        );
        view.error = Some("Throttled".into());
        let stopped = failed(&view, true);
        assert_eq!(stopped.status, ExitStatus::Failed);
        assert!(stopped.guidance.contains("it goes on where it stopped"));
        let aborted = failed(&testing::execution(RunStatus::Aborted), true);
        assert_eq!((aborted.error.as_str(), aborted.status), ("Aborted", ExitStatus::Failed));
        assert!(aborted.guidance.ends_with("for up to 20 minutes."), "{aborted}");
    }
}
