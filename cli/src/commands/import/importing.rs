//! The import into a pool that the command has created: it waits for an execution that imports already, and starts one
//! only if none has succeeded.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use shared::ErrorKind;
use shared::catalog::Catalog;
use shared::model::{ImportInput, ImportOptions, PoolId, Restore, RestoreState, RunKind};
use shared::ports::Clock;
use shared::ports::vault::Vault;
use tokio::time::sleep;

use super::Request;
use crate::aws::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
use crate::commands::pool::create::of_interruption;
use crate::commands::run::{ended, follow, machine_of};
use crate::commands::{Deployment, Session};
use crate::exit::ExitStatus;
use crate::output::{Answer, StillRunning};
use crate::problem::Result;
use crate::watch::Meter;

/// How often the command looks for an import that runs already, if an execution was refused because of it.
const LOOKS: usize = 3;
/// The wait between two of these looks. A list of executions shows a new one late. Source: `ListExecutions`, Step Functions
/// API reference ("eventually consistent").
const WAIT: Duration = Duration::from_secs(5);
/// Shows the progress of all phases, and ends them if the operator interrupts the command.
pub struct Phases<'a, 'i, S> {
    pub meter: &'a mut Meter,
    pub lines: &'a mut dyn std::io::Write,
    pub interrupted: Pin<&'i mut S>,
    pub now: fn() -> Timestamp,
}

impl<S: Future<Output = ()>> Phases<'_, '_, S> {
    fn session(&mut self) -> Session<'_, Pin<&mut S>> {
        let interrupted = self.interrupted.as_mut();
        Session { meter: self.meter, lines: self.lines, interrupted, now: self.now }
    }

    /// The result of `work`, unless the operator interrupts the command before its end.
    ///
    /// The first phase has taken the place of the system's handler of Ctrl-C. From then on, only what looks for an
    /// interruption ends.
    ///
    /// # Errors
    /// Those of the work. `Interrupted`: no import has begun.
    async fn before_import<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.interrupted.as_mut() => {
                Err(of_interruption("The command stopped before it began an import.", ""))
            }
            done = work => done,
        }
    }
}

/// The end of the import. If an execution imports already, the command waits for that one. If the import has succeeded
/// already, nothing is started.
pub async fn imported<E: Executions, V: Vault, S: Future<Output = ()>>(
    import: &Request,
    deployment: &Deployment<E, V>,
    clock: Clock,
    phases: &mut Phases<'_, '_, S>,
) -> Result<Answer> {
    let mut looks = 0;
    loop {
        looks += 1;
        let looked = running(deployment, &import.input.target, clock.now());
        if let Some(view) = phases.before_import(looked).await? {
            phases
                .meter
                .note(&format!("Execution {} imports already. The command waits for its end.", view.arn));
            let same = is_same(&deployment.catalog, &view, import);
            let is_same = phases.before_import(async { Ok(same.await) }).await?;
            let followed = Box::pin(follow(deployment, &view, import.roles(), phases.session())).await;
            match followed {
                Ok(None) => {
                    let still = StillRunning::new(RunKind::Import, view.arn.clone());
                    return Ok(Answer::new(&still, ExitStatus::Running, (phases.now)()));
                }
                Ok(Some(answer)) if is_same => return Ok(answer),
                Err(problem) if is_same => return Err(import.with_line(problem)),
                // The end of an execution with another input says nothing about this import.
                Ok(Some(_)) => {}
                Err(problem) => {
                    let has_ended = async { Ok(has_ended(deployment, &view.arn).await) };
                    if !phases.before_import(has_ended).await? {
                        return Err(problem);
                    }
                }
            }
        }
        let done = done_before(import, deployment, (phases.now)());
        if let Some(answer) = phases.before_import(done).await? {
            return Ok(answer);
        }
        let machine = phases.before_import(machine_of(deployment, RunKind::Import)).await?;
        match Box::pin(import.start(deployment, &machine, phases.session())).await {
            Err(problem) if problem.error == ErrorKind::ImportAlreadyRunning.name() && looks < LOOKS => {
                let wait = async {
                    sleep(WAIT).await;
                    Ok(())
                };
                phases.before_import(wait).await?;
            }
            ended => return ended,
        }
    }
}

/// Whether an execution is known to have ended. The command may have lost sight of it before that.
async fn has_ended<E: Executions, V: Vault>(deployment: &Deployment<E, V>, arn: &ExecutionArn) -> bool {
    let looked = deployment.executions.describe(arn).await;
    looked.is_ok_and(|view| view.status != RunStatus::Running)
}

/// Whether an execution is known to restore what the import would restore.
async fn is_same<V: Vault>(catalog: &Catalog<V>, view: &ExecutionView, import: &Request) -> bool {
    let RunInput::Import(input) = &view.input else { return false };
    let wanted = &import.input;
    let same =
        (&input.source, &input.target, &input.snapshot) == (&wanted.source, &wanted.target, &wanted.snapshot);
    if !same || input.dry_run || input.options != wanted.options {
        return false;
    }
    // If the stored selection cannot be read, the header of the restore has its digest later.
    let input = catalog.with_selection((**input).clone()).await;
    input.is_ok_and(|input| input.selection == wanted.selection)
}

/// Whether a restore that has succeeded has done what the import would do.
///
/// The operator may have imported by hand into the pool, with the options that an earlier answer advised. The target then
/// has all that the snapshot holds. So it does not matter how that import treated users that existed, whether it would
/// have accepted losses, and how it created users.
fn has_done(restore: Restore, input: &ImportInput) -> bool {
    let ImportOptions { existing, accept_losses, create_missing_attributes, method, .. } = input.options;
    let options =
        ImportOptions { existing, accept_losses, create_missing_attributes, method, ..restore.options };
    Restore { options, ..restore }.has_input(input)
}

/// The execution that imports into the pool now.
async fn running<E: Executions, V: Vault>(
    deployment: &Deployment<E, V>,
    pool: &PoolId,
    now: Timestamp,
) -> Result<Option<ExecutionView>> {
    let executions = &deployment.executions;
    let lease = deployment.catalog.lease(pool, RunKind::Import).await?;
    let holder =
        lease.filter(|lease| lease.expires > now).and_then(|lease| ExecutionArn::parse(&lease.holder).ok());
    if let Some(arn) = holder {
        match executions.describe(&arn).await {
            Ok(view) if view.status == RunStatus::Running => return Ok(Some(view)),
            Ok(_) => {}
            Err(error) if error.kind().retryable() => return Err(error.into()),
            // It may be of a state machine that was deleted, or of another deployment. If it runs, its lease refuses the
            // import.
            Err(_) => {}
        }
    }
    // An execution that was just started has no lease yet.
    let machine = executions.machine(RunKind::Import).await?;
    let mut oldest: Option<ExecutionView> = None;
    for arn in executions.list(&machine, 0).await? {
        let view = executions.describe(&arn).await?;
        let RunInput::Import(input) = &view.input else { continue };
        let is_of_pool = view.status == RunStatus::Running && input.target == *pool && !input.dry_run;
        if is_of_pool && oldest.as_ref().is_none_or(|oldest| view.started_at < oldest.started_at) {
            oldest = Some(view);
        }
    }
    Ok(oldest)
}

/// The end of the import, if it has succeeded already.
pub async fn done_before<E, V: Vault>(
    import: &Request,
    deployment: &Deployment<E, V>,
    now: Timestamp,
) -> Result<Option<Answer>> {
    let input = &import.input;
    let last = deployment.catalog.last_restore_that_wrote(&input.target).await?;
    let Some(restore) =
        last.filter(|last| last.state == RestoreState::Succeeded && has_done(last.clone(), input))
    else {
        return Ok(None);
    };
    let end = ended(deployment, restore, input).await;
    Ok(end.map(|end| {
        let end = end.with_roles(import.roles());
        Answer::new(&end, ExitStatus::Done, now)
    }))
}
