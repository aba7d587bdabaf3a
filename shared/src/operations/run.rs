//! What a step does around its work: it paces the calls, holds the lease and checks that its run
//! may continue.

use crate::catalog::{Catalog, Claim, LeaseKey, TakenLease, being_removed, marked};
use crate::model::{Lease, Progress, Restore, RunId, RunKind, Snapshot, SnapshotState};
use crate::pacing::{Budget, PacedPool};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::{Error, ErrorKind, Guidance, Result};

/// The pool of a run, behind the limits of the run. The limiter continues after the calls of the
/// last invocation. No call outlives the budget, and none leaves after another invocation has taken
/// the lease.
pub(super) fn paced_pool<B: Backend>(
    backend: &B,
    progress: &Progress,
    budget: Budget,
    lease: &TakenLease<B::Vault>,
) -> PacedPool<B::Pool> {
    let pool = PacedPool::new(
        backend.pool(&progress.user_pool_id),
        progress.tps,
        &progress.ceilings,
        backend.clock(),
        progress.calls,
    );
    pool.within(budget).during(lease.tenure(progress.lease_generation))
}

/// Ends an invocation that called Cognito, after its last call. The next invocation then need not
/// wait. If the table cannot be written, it waits.
pub(super) async fn end_calls<V: Vault>(lease: &TakenLease<V>) {
    if let Err(error) = lease.end().await {
        tracing::warn!(error = error.kind().name(), "the next invocation waits before its first call");
    }
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

/// The lease of a run.
pub(super) fn lease_key(progress: &Progress) -> LeaseKey {
    let Progress { operation, user_pool_id, dry_run, run_id, .. } = progress;
    LeaseKey::of_run(*operation, user_pool_id, *dry_run, run_id)
}

/// Takes the lease of a run for its next invocation. `calls` says whether that invocation is going to
/// call Cognito. The inner error is the lease of another holder.
///
/// # Errors
/// [`ErrorKind::RunEnded`] if the run has released its lease.
pub(super) async fn claim_lease<V: Vault + Clone>(
    catalog: &Catalog<V>,
    progress: &Progress,
    calls: bool,
    clock: Clock,
) -> Result<std::result::Result<TakenLease<V>, Lease>> {
    let (key, now) = (lease_key(progress), clock.now());
    let claim = catalog.take_lease(&key, &Lease::new(&progress.execution.id, now), calls, now).await?;
    Ok(match claim {
        Claim::Taken(generation) => Ok(TakenLease::new(catalog.clone(), key, generation)),
        Claim::HeldBy(lease) if lease.is_released_by(&progress.execution.id) => {
            return Err(released(progress));
        }
        Claim::HeldBy(lease) => Err(lease),
    })
}

/// Takes the lease of a run again, for an invocation after the first.
///
/// # Errors
/// [`ErrorKind::LeaseLost`] if another execution holds it. Then this run must not continue.
/// [`ErrorKind::RunEnded`] if the run has released it.
pub(super) async fn keep_lease<V: Vault + Clone>(
    catalog: &Catalog<V>,
    progress: &Progress,
    calls: bool,
    clock: Clock,
) -> Result<TakenLease<V>> {
    match claim_lease(catalog, progress, calls, clock).await? {
        Ok(lease) => Ok(lease),
        Err(lease) => Err(Error::new(
            ErrorKind::LeaseLost,
            format!(
                "Run {} lost its lease: it was idle, and execution {} took over user pool {}.",
                progress.run_id,
                lease.shown_holder(),
                progress.user_pool_id
            ),
            "Wait for that execution to end, then start this one again if you still need it.",
        )),
    }
}

/// Checks that the snapshot of a restore is still sealed, and returns its header. The import holds it.
///
/// A mark without a lease counts for nothing. The import leaves it in the table, because its role
/// may write no item of the source pool. If that removal wakes up, it finds the hold before it
/// decides.
pub(super) async fn require_sealed<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    restore: &Restore,
) -> Result<Snapshot> {
    let (pool, id) = (&restore.source, &restore.snapshot);
    let Some(stored) = catalog.snapshot(pool, id).await? else { return Err(being_removed(id)) };
    let seen = catalog.as_readers_see(stored, backend.clock().now()).await?;
    match seen.state {
        SnapshotState::Sealed => Ok(seen),
        SnapshotState::Pruning => Err(marked(&seen)),
        SnapshotState::Running | SnapshotState::Failed => Err(being_removed(id)),
    }
}

/// The error for a late invocation: its run has released the lease.
pub(super) fn released(progress: &Progress) -> Error {
    let Progress { operation, run_id, user_pool_id, .. } = progress;
    let (operation, guidance) = match operation {
        RunKind::Export => ("export", Guidance::NEW_EXPORT),
        RunKind::Import => ("import", Guidance::SameInputAgain),
    };
    let what = format!("The {operation} {run_id} of user pool {user_pool_id} has ended.");
    Error::new(ErrorKind::RunEnded, what, guidance)
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
