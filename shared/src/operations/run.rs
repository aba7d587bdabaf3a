//! What a step does around its work: it paces the calls, holds the lease and checks that its run
//! may continue.

use crate::catalog::{Catalog, being_removed, marked};
use crate::model::{Execution, Lease, PoolId, Progress, Restore, RunId, RunKind, SnapshotState};
use crate::pacing::{Budget, PacedPool};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::{Error, ErrorKind, Guidance, Result};

/// The pool of a run, behind the limits of the run. The limiter continues after the calls of the
/// last invocation. No call outlives the budget.
pub(super) fn paced_pool<B: Backend>(backend: &B, progress: &Progress, budget: Budget) -> PacedPool<B::Pool> {
    let pool = PacedPool::new(
        backend.pool(&progress.user_pool_id),
        progress.tps,
        &progress.ceilings,
        backend.clock(),
        progress.calls,
    );
    pool.within(budget)
}

/// Whether work is left after an invocation whose work ended like this. If a call ran out of time,
/// the next invocation continues.
///
/// # Errors
/// Any other error. `ServiceUnavailable` if Cognito answered no call of the invocation: then the
/// state machine waits before it tries again, and gives up at last.
pub(super) fn is_work_left<P: Pool>(worked: Result<bool>, pool: &PacedPool<P>) -> Result<bool> {
    match worked {
        Err(error) if error.kind() == ErrorKind::OutOfTime => match pool.latency() {
            Some(_) => Ok(true),
            None => {
                let what = format!("Cognito answered no call about user pool {} in time.", pool.id());
                Err(Error::new(ErrorKind::ServiceUnavailable, what, Guidance::TryLater))
            }
        },
        worked => worked,
    }
}

/// The result of a try to take a lease.
pub(super) enum LeaseClaim {
    /// The execution holds the lease now.
    Ours,
    /// Another execution holds it.
    HeldBy(Lease),
}

/// Takes or renews the lease of a run.
pub(super) async fn take_lease<V: Vault>(
    catalog: &Catalog<V>,
    operation: RunKind,
    pool: &PoolId,
    execution: &Execution,
    clock: Clock,
) -> Result<LeaseClaim> {
    let lease = catalog.take_lease(pool, operation, &execution.id, clock.now()).await?;
    Ok(if lease.holder == execution.id { LeaseClaim::Ours } else { LeaseClaim::HeldBy(lease) })
}

/// Renews the lease of a run.
///
/// # Errors
/// [`ErrorKind::LeaseLost`] if another execution holds it. Then this run must not continue.
pub(super) async fn keep_lease<V: Vault>(
    catalog: &Catalog<V>,
    progress: &Progress,
    clock: Clock,
) -> Result<()> {
    match take_lease(catalog, progress.operation, &progress.user_pool_id, &progress.execution, clock).await? {
        LeaseClaim::Ours => Ok(()),
        LeaseClaim::HeldBy(lease) => Err(Error::new(
            ErrorKind::LeaseLost,
            format!(
                "Run {} lost its lease: it was idle, and execution {} took over user pool {}.",
                progress.run_id, lease.holder, progress.user_pool_id
            ),
            "Wait for that execution to end, then start this one again if you still need it.",
        )),
    }
}

/// Checks that the snapshot of a restore is still sealed. The import holds it.
///
/// A mark without a lease counts for nothing. The import leaves it in the table, because its role
/// may write no item of the source pool. If that removal wakes up, it finds the hold before it
/// decides.
pub(super) async fn require_sealed<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    restore: &Restore,
) -> Result<()> {
    let (pool, id) = (&restore.source, &restore.snapshot);
    let Some(stored) = catalog.snapshot(pool, id).await? else { return Err(being_removed(id)) };
    let seen = catalog.as_readers_see(stored, backend.clock().now()).await?;
    match seen.state {
        SnapshotState::Sealed => Ok(()),
        SnapshotState::Pruning => Err(marked(&seen)),
        SnapshotState::Running | SnapshotState::Failed => Err(being_removed(id)),
    }
}

/// The error for an import whose restore has ended or does not exist.
pub(super) fn run_ended(progress: &Progress) -> Error {
    Error::new(
        ErrorKind::RunEnded,
        format!("Restore {} into user pool {} has ended.", progress.run_id, progress.user_pool_id),
        Guidance::SameInputAgain,
    )
}

/// How long a run has taken, in seconds. Its id starts with the time at which it began.
pub(super) fn seconds_since<B: Backend>(backend: &B, id: &RunId) -> f64 {
    backend.clock().now().duration_since(id.time()).as_secs_f64().max(0.0)
}
