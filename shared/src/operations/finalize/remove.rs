//! The removal of the snapshots that no rule keeps. The event about a sealed snapshot starts it.
//!
//! It has a state machine and a role of its own, so that no export can delete an item. It takes the lease on exports of
//! the pool. If another run or command holds it, that removal is skipped: the next sealed snapshot starts another one. A
//! removal waits for the end of a copy from another account.
//! A failure is reported, logged, measured and announced.
//!
//! EventBridge may deliver an event twice, and any principal of the account may put one. So the event only names the
//! pool: the rules of the deployment and the table decide what goes.

use jiff::SignedDuration;

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

/// How long a removal works. An export waits two hours for its lease at most, and an invocation may last 15 minutes more.
const LONGEST: SignedDuration = SignedDuration::from_mins(90);

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
/// execution for the same event, report the same. After a failure, another execution tries again.
///
/// A removal that has worked for [`LONGEST`] ends, so that exports do not fail. The next one continues.
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
    if catalog.snapshot(pool, snapshot).await?.is_none() {
        return skipped(RemovalReport::of_no_snapshot(pool, snapshot));
    }
    let applied = catalog.applied_retention(pool, snapshot).await?;
    if let Some(report) = applied.filter(|report| report.failure.is_none()) {
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
        Removal::Unfinished(removed) if lease.now().duration_since(execution.started_at) < LONGEST => {
            let removed = Some(removed);
            return Ok(RunReport::UnfinishedRemoval(RemovalProgress { more: true, removed, ..progress }));
        }
        Removal::Unfinished(removed) => {
            forget_marks(&lease).await;
            give_back(lease).await;
            let report =
                RetentionReport { rules: retention.to_string(), removed, ..RetentionReport::default() };
            backend.measure(&Metrics::of_removal(pool.clone(), snapshot.clone(), &report));
            tracing::info!(run = %snapshot, %pool, "the removal has worked long enough");
            return Ok(RunReport::Removal(Box::new(RemovalReport::unfinished(pool, snapshot, report))));
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
    give_back(lease).await;
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
            forget_marks(lease).await;
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
        Err(error) if error.kind() == ErrorKind::LeaseLost => Err(lost(pool)),
        Err(error) => Ok(failed(retention, before, &error)),
    }
}

/// Takes the marks away that are not decided.
async fn forget_marks<V: Vault>(lease: &HeldLease<'_, V>) {
    if let Err(error) = lease.take_undecided_marks_away().await {
        tracing::warn!(error = error.kind().name(), "marks stay on snapshots until the lease ends");
    }
}

async fn give_back<V: Vault>(lease: HeldLease<'_, V>) {
    if let Err(error) = lease.give_back().await {
        tracing::warn!(error = error.kind().name(), "the lease of the removal ends by itself");
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

fn lost(pool: &PoolId) -> Error {
    Error::new(
        ErrorKind::RemovalUndecided,
        format!("The lease of the removal on user pool {pool} has ended, or another run took it."),
        "The state machine tries again. If another run or command has the lease, it skips this removal.",
    )
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
