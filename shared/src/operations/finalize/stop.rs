//! The end of an execution that was aborted or timed out: no state of its state machine could record it.
//!
//! EventBridge may deliver the event late and more than once. So the lease decides, in one conditional write: it is
//! released unless an invocation took it when none from before the stop could run any more. Then the execution was
//! redriven. No invocation of the execution begins to work after its stop is recorded, so the run stays closed.

use super::announce::announce;
use super::publish::publish_restored;
use crate::catalog::{Catalog, LeaseKey, StoppedLease};
use crate::model::{
    ExportInput, ImportInput, MachineArn, Metrics, PoolId, Restore, RunId, RunKind, StartedRun, Stop,
};
use crate::operations::closed::close_stopped;
use crate::operations::event::{StoppedExecution, unreadable};
use crate::ports::{Announcement, Backend};
use crate::report::{StopOutcome, StopReport};
use crate::{Error, ErrorKind, Result};

/// Records that an execution of this deployment was stopped.
///
/// # Errors
/// `InvalidInput` if the execution is not of a state machine of this deployment. If the table cannot be read or written.
pub(super) async fn record<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    stopped: StoppedExecution,
) -> Result<StopReport> {
    let operation = operation_of(backend, &stopped)?;
    let (execution, stopped_at) =
        stopped.execution().zip(stopped.stopped_at()).ok_or_else(|| unreadable("finalize"))?;
    let report = |outcome, run_id, notified| StopReport {
        operation,
        status: stopped.status,
        outcome,
        run_id,
        untag_with: None,
        notified,
    };
    let failure = stopped.status.failure(None);
    let known = stopped.input().and_then(|input| of_input(operation, &input));
    let (user_pool_id, dry_run) = known.map_or((None, false), |(pool, dry_run)| (Some(pool), dry_run));
    // What the table says if the execution was stopped before enumerate wrote which run it carries out.
    let run = StartedRun { execution: execution.clone(), operation, user_pool_id, dry_run, stop: None };
    // Before the lease and the header are looked at. Enumerate takes the lease and writes the header before it looks for
    // the stop. So one of the two always sees the other.
    let stop = Stop { at: stopped_at, failure: failure.clone(), recorded: false };
    let run = catalog.note_stop(&run, &stop).await?;
    if run.stop_is_recorded() {
        // No invocation begins to work after that, so there is nothing to close.
        return Ok(report(StopOutcome::RecordedBefore, None, false));
    }
    let Some(pool) = &run.user_pool_id else {
        // If enumerate takes the lease now, it finds the stop.
        let announcement = Announcement::failed(operation, None, &execution.id, &failure, None);
        let notified = announce(backend, &announcement).await;
        catalog.note_stop_recorded(&run).await?;
        return Ok(report(StopOutcome::Recorded, None, notified));
    };
    let now = backend.clock().now();
    let key = LeaseKey::of_run(operation, pool, run.dry_run, &RunId::of(&execution));
    let lease = catalog.release_lease_of_stopped(&key, &execution.id, stopped_at, now).await?;
    if lease == StoppedLease::TakenAgain {
        tracing::warn!(%pool, "the stopped execution is at work again");
        return Ok(report(StopOutcome::AtWorkAgain, None, false));
    }
    let closed = close_stopped(catalog, operation, pool, &execution.id, &failure).await?;
    let ended = closed.as_ref().and_then(|closed| closed.restore.as_ref());
    let untag_with = ended.and_then(Restore::untag_line);
    // The operator of a dry run sees its answer, as after a failed one.
    let mut notified = false;
    if !run.dry_run {
        let ended_before = closed.as_ref().filter(|closed| !closed.is_stopped).map(|closed| &closed.id);
        let failure = stopped.status.failure(ended_before);
        let announcement =
            Announcement::failed(operation, Some(pool), &execution.id, &failure, untag_with.as_deref());
        notified = announce(backend, &announcement).await;
        let id = closed.as_ref().map(|closed| closed.id.clone());
        backend.measure(&Metrics::of_failed(operation, pool.clone(), id));
        if let Some(restore) = ended {
            publish_restored(backend, restore).await;
        }
    }
    catalog.note_stop_recorded(&run).await?;
    tracing::error!(%pool, error = stopped.status.error(), "execution stopped");
    let report = report(StopOutcome::Recorded, closed.map(|closed| closed.id), notified);
    Ok(StopReport { untag_with, ..report })
}

/// What the state machine of the execution does.
///
/// # Errors
/// `InvalidInput` if it is not of this deployment, or if the event contradicts itself.
fn operation_of<B: Backend>(backend: &B, stopped: &StoppedExecution) -> Result<RunKind> {
    let machine = MachineArn::parse(&stopped.state_machine_arn);
    let machine = machine.filter(|machine| machine.execution(&stopped.name) == stopped.execution_arn);
    machine.and_then(|machine| machine.operation_in(backend.table(), backend.region())).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            "The event is about an execution of a state machine that is not of this deployment.",
            format!(
                "Let the rule of EventBridge send only events about {} and {} of this Region.",
                RunKind::Export.machine_of(backend.table()),
                RunKind::Import.machine_of(backend.table())
            ),
        )
    })
}

/// The pool of a run, and whether it is a dry run.
fn of_input(operation: RunKind, input: &serde_json::Value) -> Option<(PoolId, bool)> {
    match operation {
        RunKind::Export => ExportInput::parse(input).ok().map(|input| (input.pool, false)),
        RunKind::Import => ImportInput::parse(input).ok().map(|input| (input.target, input.dry_run)),
    }
}
