//! The steps: what each of the four functions does, written against [`Backend`] alone.
//!
//! Every step takes the event as it came and the time it may use, and may be called again with the same event at any time.

mod announce;
mod ceilings;
pub mod copy;
mod enumerate;
mod event;
mod export;
mod finalize;
mod import;
pub mod prune;
mod refusals;
mod retain;
pub mod verify;
mod watch;

pub use enumerate::enumerate;
pub use export::export_pages;
pub(crate) use export::{LISTING_ATTEMPTS, listing_failed};
pub use finalize::finalize;
pub use import::import_pages;

use crate::catalog::{Catalog, being_removed};
use crate::model::{Execution, PoolId, Progress, Restore, RunKind, SnapshotState};
use crate::pacing::PacedPool;
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::{Error, ErrorKind, Result};

/// The pool of a run behind the run's limiter, which goes on where the invocation before left off.
fn paced<B: Backend>(backend: &B, progress: &Progress) -> PacedPool<B::Pool> {
    PacedPool::new(backend.pool(&progress.user_pool_id), progress.tps, &progress.ceilings, backend.clock(), progress.calls)
}

/// Takes or renews the run's lease, or says who holds it.
async fn take_lease<V: Vault>(
    catalog: &Catalog<V>,
    operation: RunKind,
    pool: &PoolId,
    execution: &Execution,
    clock: Clock,
) -> Result<std::result::Result<(), crate::model::Lease>> {
    let lease = catalog.take_lease(pool, operation, &execution.id, clock.now()).await?;
    Ok(if lease.holder == execution.id { Ok(()) } else { Err(lease) })
}

/// Renews the lease of a run that had it; a run that lost it must not go on.
async fn keep_lease<V: Vault>(catalog: &Catalog<V>, progress: &Progress, clock: Clock) -> Result<()> {
    match take_lease(catalog, progress.operation, &progress.user_pool_id, &progress.execution, clock).await? {
        Ok(()) => Ok(()),
        Err(lease) => Err(Error::new(
            ErrorKind::LeaseLost,
            format!(
                "Run {} was idle for so long that execution {} took over user pool {}.",
                progress.run_id, lease.holder, progress.user_pool_id
            ),
            "Wait for that execution to end, then start this one again if it is still needed.",
        )),
    }
}

/// Whether the snapshot that an import relies on is still there.
async fn require_sealed<V: Vault>(catalog: &Catalog<V>, restore: &Restore) -> Result<()> {
    let snapshot = catalog.snapshot(&restore.source, &restore.snapshot).await?;
    match snapshot.is_some_and(|snapshot| snapshot.state == SnapshotState::Sealed) {
        true => Ok(()),
        false => Err(being_removed(&restore.snapshot)),
    }
}

/// The error for an import whose run is over, or never was.
fn run_ended(progress: &Progress) -> Error {
    Error::new(
        ErrorKind::RunEnded,
        format!("Restore {} into user pool {} is not going on any more.", progress.run_id, progress.user_pool_id),
        "Start the import again with the same input to continue it.",
    )
}
