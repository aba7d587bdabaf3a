//! The end of a failed run: records and announces the failure, and releases the lease.

use super::announce::announce;
use super::publish::publish_restored;
use crate::Result;
use crate::catalog::{Catalog, LeaseKey};
use crate::model::{
    ExportInput, Failure, ImportInput, Metrics, PoolId, Restore, RestoreState, RunId, RunKind, Snapshot,
    SnapshotState,
};
use crate::operations::event::FailedEvent;
use crate::ports::vault::Vault;
use crate::ports::{Announcement, Backend};
use crate::report::{FailureReport, FailureStatus, RunReport};

/// Records a run that failed. A run that was refused before it began has no header to record the
/// failure in.
pub(super) async fn record<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    failed: FailedEvent,
) -> Result<RunReport> {
    let FailedEvent { operation, input, execution, error } = failed;
    let failure = error.into_failure();
    let pool = match operation {
        RunKind::Export => ExportInput::parse(&input).ok().map(|input| input.pool),
        RunKind::Import => ImportInput::parse(&input).ok().map(|input| input.target),
    };
    let (mut run_id, mut restore) = (None, None);
    if let Some(pool) = &pool {
        run_id = match operation {
            RunKind::Export => mark_export_failed(catalog, pool, &RunId::of(&execution), &failure).await?,
            RunKind::Import => {
                restore = mark_import_failed(catalog, pool, &execution.id, &failure).await?;
                restore.as_ref().map(|restore| restore.id.clone())
            }
        };
        catalog
            .release_lease(&LeaseKey::of_pool(pool, operation), &execution.id, backend.clock().now())
            .await?;
    }
    // The operator of a dry run sees its answer. So a failed dry run sends no message and no
    // metric.
    let is_dry_run =
        operation == RunKind::Import && ImportInput::parse(&input).is_ok_and(|input| input.dry_run);
    let untag_with = restore.as_ref().and_then(Restore::untag_line);
    let mut notified = false;
    if !is_dry_run {
        let announcement =
            Announcement::failed(operation, pool.as_ref(), &execution.id, &failure, untag_with.as_deref());
        notified = announce(backend, &announcement).await;
        if let Some(pool) = pool {
            backend.measure(&Metrics::of_failed(operation, pool, run_id.clone()));
        }
        if let Some(restore) = restore {
            publish_restored(backend, &restore).await;
        }
    }
    tracing::error!(error = failure.error, cause = failure.cause, "run failed");
    let Failure { error, cause } = failure;
    Ok(RunReport::Failed(FailureReport {
        operation,
        status: FailureStatus::Failed,
        more: false,
        run_id,
        error,
        cause,
        untag_with,
        notified,
    }))
}

async fn mark_export_failed<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    id: &RunId,
    failure: &Failure,
) -> Result<Option<RunId>> {
    let fail = |snapshot: &mut Snapshot| {
        snapshot.state = SnapshotState::Failed;
        snapshot.failure = Some(failure.clone());
    };
    Ok(catalog.change_snapshot(pool, id, fail).await?.map(|snapshot| snapshot.id))
}

async fn mark_import_failed<V: Vault>(
    catalog: &Catalog<V>,
    target: &PoolId,
    execution: &str,
    failure: &Failure,
) -> Result<Option<Restore>> {
    let Some(restore) = catalog.restore_of_execution(target, execution).await? else { return Ok(None) };
    catalog
        .change_restore(target, &restore.id, |restore| {
            if restore.state == RestoreState::Running {
                restore.state = RestoreState::Failed;
                restore.failure = Some(failure.clone());
            }
        })
        .await
}
