//! The copy of the new snapshots of a pool from the table of another account. A schedule starts it.
//!
//! The account that keeps the copies reads the source. No principal of the source account needs a right to write here.
//! So an administrator of the source, who can delete the backup there, cannot delete the copies.
//!
//! # Which snapshots
//! Those that are sealed at the source and newer than the newest sealed one here, the oldest first. So a snapshot that the
//! retention of this table removed does not come back. If there is none here, only the newest of the source is copied. If a
//! snapshot cannot be copied, the copy reports it and goes on with the next one. After [`MAX_FAILED`] of them it tries the
//! newest one, so that damage which many snapshots share cannot end the copies.
//!
//! A snapshot from the future does not count, at either end. An administrator of the source can write such headers. Copied,
//! they would hide the lack of new snapshots, and the retention here would count its days back from them.
//!
//! # Invocations
//! An invocation works on the snapshot that its event names, or looks for one. So an invocation that repeats another one
//! works on the same snapshot, and publishes its event again. The execution holds the lease on exports of the pool until it
//! finds no more snapshots. A release ends its work for good: a late invocation cannot take the lease again.
//!
//! A removal here may hold the lease, because each copied snapshot starts one. Then the state machine tries again. Any other
//! run or command is not waited for: the next start goes on.

use std::pin::pin;

use futures::TryStreamExt;
use jiff::Timestamp;

use super::announce::announce;
use super::publish::publish_copied;
use super::watch::is_future;
use crate::catalog::{Catalog, LeaseKey};
use crate::model::{
    CopiedItems, CopyProgress, ErrorCode, Lease, Metrics, PoolId, RunId, RunKind, Snapshot, SnapshotSelector,
    SnapshotState, SnapshotToCopy, UncopiedSnapshot,
};
use crate::operations::copy::{CopySlice, Destination, LeaveSecretsOut, copy_slice};
use crate::pacing::Budget;
use crate::ports::vault::{ReadVault, Vault};
use crate::ports::{Announcement, Backend};
use crate::report::{CopyReport, CopyStatus, RunReport, cause};
use crate::{Error, ErrorKind, Result};

/// The most snapshots that one execution fails to copy. Each of them is read as a whole.
const MAX_FAILED: usize = 10;

/// How an invocation ended.
enum Ended {
    /// The state machine calls the function again.
    Unfinished,
    /// No snapshot is left.
    Complete,
    /// Another run or command works on the pool.
    InUse(Lease),
}

/// Copies the new snapshots of a pool, or continues to copy them.
///
/// # Errors
/// If another try can help. The state machine tries again. Every other error is reported and announced.
pub(super) async fn copy_new<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    mut progress: CopyProgress,
    budget: Budget,
) -> Result<RunReport> {
    let report = match work(backend, catalog, &mut progress, budget).await {
        Ok(Ended::Unfinished) => {
            return Ok(RunReport::UnfinishedCopy(CopyProgress { more: true, ..progress }));
        }
        Ok(Ended::Complete) => CopyReport::ended(&progress),
        Ok(Ended::InUse(held)) => CopyReport::in_use(&progress, &held),
        Err(error) if error.kind().retryable() => return Err(error),
        Err(error) => {
            tracing::error!(error = error.kind().name(), message = cause(&error), "the copy failed");
            CopyReport::failed(&progress, ErrorCode::of(error.kind().name()), &cause(&error))
        }
    };
    // Another try cannot help now. Without a release, the lease ends within minutes.
    if let Err(error) = release(backend, catalog, &progress).await {
        tracing::warn!(error = error.kind().name(), "the lease of the copy ends by itself");
    }
    Ok(RunReport::Copied(Box::new(ended(backend, report).await)))
}

async fn work<B: Backend>(
    backend: &B,
    here: &Catalog<B::Vault>,
    progress: &mut CopyProgress,
    budget: Budget,
) -> Result<Ended> {
    let source = Catalog::new(backend.copy_source().await?.ok_or_else(no_source)?);
    if let Some(to_copy) = progress.snapshot.take() {
        match copy(backend, &source, here, progress, to_copy, budget).await? {
            Ended::Complete => {}
            other => return Ok(other),
        }
        progress.snapshot = next(&source, here, progress, backend.clock().now()).await?;
        return Ok(Ended::Unfinished);
    }
    progress.snapshot = next(&source, here, progress, backend.clock().now()).await?;
    Ok(if progress.snapshot.is_some() { Ended::Unfinished } else { Ended::Complete })
}

/// Copies a part of a snapshot, or its rest.
async fn copy<B: Backend>(
    backend: &B,
    source: &Catalog<B::CopySource>,
    here: &Catalog<B::Vault>,
    progress: &mut CopyProgress,
    to_copy: SnapshotToCopy,
    budget: Budget,
) -> Result<Ended> {
    let SnapshotToCopy { snapshot_id: id, position, mut written } = to_copy;
    let pool = progress.user_pool_id.clone();
    // A slice takes the lease after it has read the source. Another start need not read all of that in vain.
    let (held, now) = (here.lease(&pool, RunKind::Export).await?, backend.clock().now());
    if let Some(held) = held.filter(|held| held.expires > now && held.holder != progress.execution.id) {
        return in_use(progress, held);
    }
    let sliced = async {
        let selector = SnapshotSelector::Id(id.clone());
        let (snapshot, units) = source.sealed_snapshot(&pool, &selector, backend.clock().now()).await?;
        let to = Destination { catalog: here, secrets: &LeaveSecretsOut };
        let (holder, clock) = (&progress.execution.id, backend.clock());
        let slice = copy_slice(source, to, (&snapshot, &units), position, budget, holder, clock).await?;
        Ok((snapshot, slice))
    };
    match sliced.await {
        Ok((_, CopySlice::Unfinished { position, copied })) => {
            written.add(CopiedItems::from(&copied));
            progress.snapshot = Some(SnapshotToCopy { snapshot_id: id, position, written });
            Ok(Ended::Unfinished)
        }
        Ok((snapshot, CopySlice::Complete { copied })) => {
            written.add(CopiedItems::from(&copied));
            completed(backend, progress, &snapshot, written).await;
            Ok(Ended::Complete)
        }
        Ok((_, CopySlice::InUse(held))) => in_use(progress, held),
        Err(error) => pass_over(progress, id, error).map(|()| Ended::Complete),
    }
}

async fn completed<B: Backend>(
    backend: &B,
    progress: &mut CopyProgress,
    snapshot: &Snapshot,
    written: CopiedItems,
) {
    let (run, pool) = (&snapshot.id, &snapshot.pool);
    let CopiedItems { items, bytes, secrets_left_out } = written;
    tracing::info!(%run, %pool, items, bytes, secrets_left_out, "snapshot copied");
    publish_copied(backend, snapshot).await;
    progress.so_far.snapshots += 1;
    progress.so_far.written.add(written);
    progress.so_far.newest = progress.so_far.newest.take().max(Some(snapshot.id.clone()));
}

/// Another run or command has the lease here, or this execution has released it.
fn in_use(progress: &CopyProgress, held: Lease) -> Result<Ended> {
    let pool = &progress.user_pool_id;
    if held.is_released_by(&progress.execution.id) {
        let what = format!("This copy of the snapshots of user pool {pool} has ended.");
        return Err(Error::new(ErrorKind::RunEnded, what, "The next start goes on."));
    }
    if held.is_of_removal() {
        let (holder, work) = (held.shown_holder(), held.work());
        return Err(Error::new(
            ErrorKind::RemovalUndecided,
            format!("User pool {pool} is in use: {holder} {work}."),
            "The state machine tries again for two hours. After that, the next start goes on.",
        ));
    }
    Ok(Ended::InUse(held))
}

/// Notes that a snapshot cannot be copied, if the next one may.
///
/// # Errors
/// The error, if it concerns more than the snapshot.
fn pass_over(progress: &mut CopyProgress, id: RunId, error: Error) -> Result<()> {
    match error.kind() {
        ErrorKind::SnapshotBeingRemoved | ErrorKind::SnapshotNotFound => progress.so_far.removed += 1,
        ErrorKind::SnapshotDamaged
        | ErrorKind::SnapshotNotSealed
        | ErrorKind::ItemConflict
        | ErrorKind::CopyIncomplete
        | ErrorKind::UnsupportedSchema => {
            let (name, message) = (error.kind().name(), error.message());
            tracing::error!(run = %id, error = name, message, "a snapshot was not copied");
            let failed = UncopiedSnapshot { snapshot_id: id.clone(), error: ErrorCode::of(name) };
            progress.so_far.failed.push(failed);
        }
        // The state machine repeats the invocation, which takes the lease again.
        ErrorKind::LeaseLost => {
            let what =
                format!("Another run took the lease on user pool {} meanwhile.", progress.user_pool_id);
            return Err(Error::new(ErrorKind::Overtaken, what, "The state machine tries again."));
        }
        _ => return Err(error),
    }
    progress.passed_over = Some(id);
    Ok(())
}

/// The next snapshot to copy.
async fn next<S: ReadVault, V: Vault>(
    source: &Catalog<S>,
    here: &Catalog<V>,
    progress: &CopyProgress,
    now: Timestamp,
) -> Result<Option<SnapshotToCopy>> {
    let (pool, passed_over) = (&progress.user_pool_id, progress.passed_over.as_ref());
    let failed = progress.so_far.failed.len();
    let next = match newest(here, pool, None, now).await? {
        _ if failed > MAX_FAILED => None,
        None if failed == MAX_FAILED => None,
        None => newest(source, pool, passed_over, now).await?,
        Some(copied) if failed == MAX_FAILED => {
            let after = passed_over.map_or(&copied, |id| id.max(&copied));
            newest(source, pool, None, now).await?.filter(|newest| newest > after)
        }
        Some(copied) => {
            oldest_after(source, pool, passed_over.map_or(&copied, |id| id.max(&copied)), now).await?
        }
    };
    Ok(next.map(SnapshotToCopy::new))
}

/// Whether the snapshot is sealed, no removal of it is decided, and it is not from the future.
fn is_sealed(snapshot: &Snapshot, now: Timestamp) -> bool {
    let sealed_at = snapshot.seal.as_ref().map(|seal| seal.sealed_at);
    let is_of_the_past =
        sealed_at.is_some_and(|sealed_at| !is_future(sealed_at.max(snapshot.id.time()), now));
    if !is_of_the_past && sealed_at.is_some() {
        tracing::warn!(run = %snapshot.id, pool = %snapshot.pool, "a snapshot is from the future");
    }
    is_of_the_past && snapshot.lasting_state() == Some(SnapshotState::Sealed)
}

/// The newest sealed snapshot of a table. With `before`, the newest one before that.
async fn newest<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    before: Option<&RunId>,
    now: Timestamp,
) -> Result<Option<RunId>> {
    let mut snapshots = pin!(catalog.snapshots_newest_first(pool, before));
    while let Some(snapshot) = snapshots.try_next().await? {
        if is_sealed(&snapshot, now) {
            return Ok(Some(snapshot.id));
        }
    }
    Ok(None)
}

/// The oldest sealed snapshot of a table that is newer than `after`.
async fn oldest_after<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    after: &RunId,
    now: Timestamp,
) -> Result<Option<RunId>> {
    let mut oldest = None;
    let mut snapshots = pin!(catalog.snapshots_newest_first(pool, None));
    while let Some(snapshot) = snapshots.try_next().await?.filter(|snapshot| snapshot.id > *after) {
        if is_sealed(&snapshot, now) {
            oldest = Some(snapshot.id);
        }
    }
    Ok(oldest)
}

async fn release<B: Backend>(backend: &B, here: &Catalog<B::Vault>, progress: &CopyProgress) -> Result<()> {
    let key = LeaseKey::of_pool(&progress.user_pool_id, RunKind::Export);
    here.release_lease(&key, &progress.execution.id, backend.clock().now()).await
}

/// Measures a copy that has ended, and announces a failure.
async fn ended<B: Backend>(backend: &B, mut report: CopyReport) -> CopyReport {
    backend.measure(&Metrics::of_copy(&report));
    if report.status == CopyStatus::Failed {
        report.notified = announce(backend, &Announcement::not_copied(&report)).await;
    }
    report
}

fn no_source() -> Error {
    Error::new(
        ErrorKind::InvalidConfiguration,
        "The function's environment names no table to copy snapshots from.",
        "Set COPY_SOURCE_TABLE_ARN to the ARN of that table, and COPY_SOURCE_ROLE_ARN to that of the role that reads it.",
    )
}
