//! The removal of the snapshots that no rule keeps. The event about a sealed snapshot starts it.
//!
//! It has a state machine and a role of its own, so that no export can delete an item. It takes the lease on exports of
//! the pool. If another run or command holds it, that removal is skipped: the next sealed snapshot starts another one. A
//! removal waits for the end of a copy from another account.
//! A failure is reported, logged, measured and announced.
//!
//! EventBridge may deliver an event twice, and any principal of the account may put one. So the event only names the
//! pool: the rules of the deployment and the table decide what goes.

use super::announce::announce;
use crate::catalog::Catalog;
use crate::model::{Failure, Lease, Metrics, PoolId, Pruned, RemovalProgress, Retention};
use crate::operations::HeldLease;
use crate::operations::prune::{Decision, Ended, RemainingWork, RemovalRequest, prune};
use crate::pacing::Budget;
use crate::ports::vault::Vault;
use crate::ports::{Announcement, Backend};
use crate::report::{RemovalReport, RetentionReport, RunReport, cause};
use crate::{Error, ErrorKind, Guidance, Result};

/// What an invocation did of a removal.
enum Removal {
    /// The time was spent before the end. The invocations so far have removed this much.
    Unfinished(Pruned),
    /// It ended, with or without a failure.
    Ended(RetentionReport),
}

/// Removes the snapshots of a pool that no rule of the deployment keeps, or continues to remove them.
///
/// The report goes into the table while the removal has the lease. So an invocation that repeats the end, and another
/// execution for the same event, report the same.
///
/// # Errors
/// If the table cannot be read or written. The state machine tries again if that can help.
pub(super) async fn remove<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: RemovalProgress,
    budget: Budget,
) -> Result<RunReport> {
    let RemovalProgress { user_pool_id: pool, snapshot_id: snapshot, execution, .. } = &progress;
    let skipped = |report: RemovalReport| {
        tracing::info!(run = %snapshot, %pool, "removal skipped");
        Ok(RunReport::Removal(Box::new(report)))
    };
    let Some(retention) = backend.retention() else {
        return skipped(RemovalReport::without_rules(pool, snapshot));
    };
    if let Some(report) = catalog.applied_retention(pool, snapshot).await? {
        return Ok(ended(backend, &progress, report).await);
    }
    let mut lease = match HeldLease::take_for_execution(catalog, pool, &execution.id, backend.clock()).await?
    {
        Ok(lease) => lease,
        // A copy puts the event about each snapshot, and keeps the lease until it has copied all.
        Err(held) if held.is_of_copy() => return Err(waits_for_copy(pool, &held)),
        Err(held) => return skipped(RemovalReport::in_use(pool, snapshot, &held)),
    };
    let report = match apply(catalog, &progress, retention, &mut lease, budget).await? {
        Removal::Unfinished(removed) => {
            let removed = Some(removed);
            return Ok(RunReport::UnfinishedRemoval(RemovalProgress { more: true, removed, ..progress }));
        }
        Removal::Ended(report) => report,
    };
    let report = match catalog.put_applied_retention(pool, snapshot, &report).await {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!(error = error.kind().name(), "the report of the removal is not in the table");
            report
        }
    };
    if let Err(error) = lease.give_back().await {
        tracing::warn!(error = error.kind().name(), "the lease of the removal ends by itself");
    }
    Ok(ended(backend, &progress, report).await)
}

async fn apply<V: Vault>(
    catalog: &Catalog<V>,
    progress: &RemovalProgress,
    retention: &Retention,
    lease: &mut HeldLease<'_, V>,
    budget: Budget,
) -> Result<Removal> {
    let pool = &progress.user_pool_id;
    let before = progress.removed.unwrap_or_default();
    let request = RemovalRequest::ByPolicy { retention: retention.clone(), automatic: true };
    match prune(catalog, pool, &request, lease, budget, &mut ()).await {
        Ok(Ended { removed, remaining: RemainingWork::Some { progressed }, .. }) => {
            let removed = sum(before, &removed);
            if progressed {
                return Ok(Removal::Unfinished(removed));
            }
            if let Err(error) = lease.take_undecided_marks_away().await {
                tracing::warn!(error = error.kind().name(), "marks stay on snapshots until the lease ends");
            }
            Ok(failed(retention, removed, &too_long(progress)))
        }
        Ok(Ended { plan, removed, remaining: RemainingWork::None }) => {
            let held_back = plan.ids(|decision| *decision == Decision::HeldBack);
            let in_use = plan.ids(|decision| matches!(decision, Decision::InUse { .. }));
            let report = RetentionReport {
                rules: retention.to_string(),
                removed: sum(before, &removed),
                held_back: held_back.len() as u64,
                held_back_snapshots: held_back.into_iter().take(RetentionReport::NAMED).collect(),
                in_use: in_use.into_iter().take(RetentionReport::NAMED).collect(),
                failure: None,
            };
            let Pruned { snapshots, records, items, .. } = report.removed;
            let (run, held_back) = (&progress.snapshot_id, report.held_back);
            tracing::info!(%run, %pool, snapshots, records, items, held_back, "retention applied");
            Ok(Removal::Ended(report))
        }
        Err(error) if error.kind().retryable() => Err(error),
        Err(error) => Ok(failed(retention, before, &error)),
    }
}

/// Measures and announces a removal that has ended.
async fn ended<B: Backend>(backend: &B, progress: &RemovalProgress, retention: RetentionReport) -> RunReport {
    let RemovalProgress { user_pool_id: pool, snapshot_id: snapshot, .. } = progress;
    backend.measure(&Metrics::of_removal(pool.clone(), snapshot.clone(), &retention));
    let mut report = RemovalReport::ended(pool, snapshot, retention);
    if report.needs_attention() {
        report.notified = announce(backend, &Announcement::removed(&report)).await;
    }
    RunReport::Removal(Box::new(report))
}

fn sum(mut before: Pruned, now: &Pruned) -> Pruned {
    before.add(now);
    before
}

fn failed(retention: &Retention, removed: Pruned, error: &Error) -> Removal {
    tracing::error!(error = error.kind().name(), message = cause(error), "retention failed");
    let failure = Failure::from(error);
    Removal::Ended(RetentionReport {
        rules: retention.to_string(),
        removed,
        failure: Some(failure),
        ..RetentionReport::default()
    })
}

fn waits_for_copy(pool: &PoolId, lease: &Lease) -> Error {
    let (holder, work) = (lease.shown_holder(), lease.work());
    Error::new(
        ErrorKind::RemovalUndecided,
        format!("User pool {pool} is in use: {holder} {work}."),
        "The state machine tries again for two hours. The next copied snapshot starts another removal.",
    )
}

fn too_long(progress: &RemovalProgress) -> Error {
    let pool = &progress.user_pool_id;
    Error::new(
        ErrorKind::PruningTooLong,
        format!("One invocation is too short to read the pages of all snapshots of user pool {pool}."),
        Guidance::PruneByHand { pool: pool.to_string() },
    )
}
