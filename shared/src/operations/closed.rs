//! Closes the run of an execution that was stopped from outside.

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Failure, PoolId, Restore, RestoreState, RunId, RunKind, Snapshot, SnapshotState};
use crate::ports::vault::Vault;

/// The run of a stopped execution.
pub(super) struct Closed {
    pub id: RunId,
    /// Whether the stop ended it. Otherwise it had ended before.
    pub is_stopped: bool,
    /// The header of a restore that the stop ended.
    pub restore: Option<Restore>,
}

/// Closes the run of an execution, unless it has ended or another execution continues it. `pool` is the source of an
/// export, the target of an import. None if the execution has no run.
///
/// # Errors
/// If the table cannot be read or written.
pub(super) async fn close_stopped<V: Vault>(
    catalog: &Catalog<V>,
    operation: RunKind,
    pool: &PoolId,
    execution: &str,
    failure: &Failure,
) -> Result<Option<Closed>> {
    match operation {
        RunKind::Export => close_export(catalog, pool, execution, failure).await,
        RunKind::Import => close_import(catalog, pool, execution, failure).await,
    }
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
    Ok(closed.map(|snapshot| {
        let is_stopped = snapshot.failure.as_ref() == Some(failure);
        Closed { is_stopped, id: snapshot.id, restore: None }
    }))
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
    Ok(closed.map(|restore| {
        let is_stopped = restore.failure.as_ref() == Some(failure);
        Closed { is_stopped, id: restore.id.clone(), restore: is_stopped.then_some(restore) }
    }))
}
