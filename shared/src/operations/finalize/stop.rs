//! The end of an execution that was aborted or timed out: no state of its state machine could record it.
//!
//! EventBridge may deliver the event late and more than once. So the lease decides first, in one conditional write: it is
//! released if no invocation has taken it since the stop. Otherwise the execution was redriven. No invocation of the
//! execution takes a released lease again, so the run stays closed.

use super::announce::announce;
use crate::catalog::{Catalog, LeaseKey, StoppedLease};
use crate::model::{
    ExportInput, Failure, ImportInput, MachineArn, Metrics, PoolId, Restore, RestoreState, RunId, RunKind,
    Snapshot, SnapshotState, StartedRun,
};
use crate::operations::event::{StoppedExecution, unreadable};
use crate::ports::vault::Vault;
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
        notified,
    };
    let run =
        match catalog.started_run(operation, &execution).await? {
            Some(run) => Some(run),
            // The execution was stopped before enumerate wrote which run it carries out.
            None => stopped.input().and_then(|input| of_input(operation, &input)).map(
                |(user_pool_id, dry_run)| StartedRun {
                    execution: execution.clone(),
                    operation,
                    user_pool_id,
                    dry_run,
                    stop_recorded: false,
                },
            ),
        };
    let Some(run) = run else {
        // It took no lease, and its pool is not known.
        let failure = stopped.status.failure(None);
        let announcement = Announcement::failed(operation, None, &execution.id, &failure);
        return Ok(report(StopOutcome::Recorded, None, announce(backend, &announcement).await));
    };
    if run.stop_recorded {
        return Ok(report(StopOutcome::RecordedBefore, None, false));
    }
    let (pool, now) = (&run.user_pool_id, backend.clock().now());
    let key = if run.dry_run {
        LeaseKey::of_dry_run(&RunId::of(&execution))
    } else {
        LeaseKey::of_pool(pool, operation)
    };
    let lease = catalog.release_lease_of_stopped(&key, &execution.id, stopped_at, now).await?;
    if lease == StoppedLease::TakenAgain {
        tracing::warn!(%pool, "the stopped execution is at work again");
        return Ok(report(StopOutcome::AtWorkAgain, None, false));
    }
    let failure = stopped.status.failure(None);
    let closed = match operation {
        RunKind::Export => close_export(catalog, pool, &execution.id, &failure).await?,
        RunKind::Import => close_import(catalog, pool, &execution.id, &failure).await?,
    };
    // The operator of a dry run sees its answer, as after a failed one.
    let mut notified = false;
    if !run.dry_run {
        let ended_before = closed.as_ref().filter(|closed| !closed.is_stopped).map(|closed| &closed.id);
        let failure = stopped.status.failure(ended_before);
        let announcement = Announcement::failed(operation, Some(pool), &execution.id, &failure);
        notified = announce(backend, &announcement).await;
        let id = closed.as_ref().map(|closed| closed.id.clone());
        backend.measure(&Metrics::of_failed(operation, pool.clone(), id));
    }
    catalog.note_stop_recorded(&run).await?;
    tracing::error!(%pool, error = stopped.status.error(), "execution stopped");
    Ok(report(StopOutcome::Recorded, closed.map(|closed| closed.id), notified))
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

/// The run of a stopped execution.
struct Closed {
    id: RunId,
    /// Whether the stop ended it. Otherwise it had ended before.
    is_stopped: bool,
}

async fn close_export<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    execution: &str,
    failure: &Failure,
) -> Result<Option<Closed>> {
    let Some(snapshot) = catalog.snapshot_of_execution(pool, execution).await? else { return Ok(None) };
    let fail = |snapshot: &mut Snapshot| {
        if snapshot.state == SnapshotState::Running {
            snapshot.state = SnapshotState::Failed;
            snapshot.failure = Some(failure.clone());
        }
    };
    let closed = catalog.change_snapshot(pool, &snapshot.id, fail).await?;
    Ok(closed
        .map(|snapshot| Closed { is_stopped: snapshot.failure.as_ref() == Some(failure), id: snapshot.id }))
}

/// Closes the restore of an import, unless another execution continues it.
async fn close_import<V: Vault>(
    catalog: &Catalog<V>,
    target: &PoolId,
    execution: &str,
    failure: &Failure,
) -> Result<Option<Closed>> {
    let Some(restore) = catalog.restore_of_execution(target, execution).await? else { return Ok(None) };
    let fail = |restore: &mut Restore| {
        if restore.state == RestoreState::Running && restore.execution.id == execution {
            restore.state = RestoreState::Failed;
            restore.failure = Some(failure.clone());
        }
    };
    let closed = catalog.change_restore(target, &restore.id, fail).await?;
    let closed = closed.filter(|restore| restore.execution.id == execution);
    Ok(closed.map(|restore| Closed { is_stopped: restore.failure.as_ref() == Some(failure), id: restore.id }))
}
