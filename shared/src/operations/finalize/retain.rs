//! Retention: removes the older snapshots that no rule keeps, after an export has sealed its
//! snapshot.
//!
//! It works under the lease of the export. A failure here never fails the export. It is reported,
//! logged and measured, and the next export tries again.

use crate::catalog::Catalog;
use crate::model::{Failure, Progress, Pruned, Retention};
use crate::operations::HeldLease;
use crate::operations::prune::{Decision, Ended, RemainingWork, RemovalRequest, prune};
use crate::pacing::Budget;
use crate::ports::Backend;
use crate::report::{RetentionReport, cause};
use crate::{Error, ErrorKind, Guidance};

/// What an invocation did for retention.
pub(super) enum Retained {
    /// Nothing: the deployment has no retention, or another invocation applies it.
    NotApplied,
    /// The time was spent before the end. The invocations so far have removed this much.
    Unfinished(Pruned),
    /// It ended, with or without a failure.
    Ended(RetentionReport),
}

/// Applies the retention of the deployment to the pool of an export, or continues to apply it.
///
/// The report goes into the table while the export has its lease. So an invocation that repeats the end of the export
/// reports the same.
pub(super) async fn retain<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: &Progress,
    budget: Budget,
) -> Retained {
    let Some(retention) = backend.retention() else { return Retained::NotApplied };
    let (pool, run) = (&progress.user_pool_id, &progress.run_id);
    match catalog.applied_retention(pool, run).await {
        Ok(Some(report)) => return Retained::Ended(report),
        Ok(None) => {}
        Err(error) => return failed(retention, progress.pruned.unwrap_or_default(), &error),
    }
    let retained = apply(backend, catalog, progress, retention, budget).await;
    let Retained::Ended(report) = retained else { return retained };
    match catalog.put_applied_retention(pool, run, &report).await {
        Ok(report) => Retained::Ended(report),
        Err(error) => {
            tracing::warn!(error = error.kind().name(), "the report of the retention is not in the table");
            Retained::Ended(report)
        }
    }
}

async fn apply<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: &Progress,
    retention: &Retention,
    budget: Budget,
) -> Retained {
    let pool = &progress.user_pool_id;
    let mut lease = HeldLease::of_export(catalog, pool, &progress.execution.id, backend.clock());
    let before = progress.pruned.unwrap_or_default();
    let request = RemovalRequest::ByPolicy { retention: retention.clone(), automatic: true };
    let pruned = match lease.keep().await {
        // The lease was released. This invocation is late, or another one applies the retention.
        Err(error) if error.kind() == ErrorKind::LeaseLost && progress.pruned.is_none() => {
            return Retained::NotApplied;
        }
        Err(error) => Err(error),
        Ok(()) => prune(catalog, pool, &request, &mut lease, budget, &mut ()).await,
    };
    match pruned {
        Ok(Ended { removed, remaining: RemainingWork::Some { progressed }, .. }) => {
            let removed = sum(before, &removed);
            // The first invocation also sealed the snapshot, so it may have had too little time for
            // progress.
            if progressed || progress.pruned.is_none() {
                return Retained::Unfinished(removed);
            }
            if let Err(error) = lease.take_undecided_marks_away().await {
                tracing::warn!(error = error.kind().name(), "marks stay on snapshots until the lease ends");
            }
            failed(retention, removed, &too_long(progress))
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
            let (run, held_back) = (&progress.run_id, report.held_back);
            tracing::info!(%run, %pool, snapshots, records, items, held_back, "retention applied");
            Retained::Ended(report)
        }
        Err(error) => failed(retention, before, &error),
    }
}

fn sum(mut before: Pruned, now: &Pruned) -> Pruned {
    before.add(now);
    before
}

fn failed(retention: &Retention, removed: Pruned, error: &Error) -> Retained {
    tracing::error!(error = error.kind().name(), message = cause(error), "retention failed");
    let failure = Failure::from(error);
    Retained::Ended(RetentionReport {
        rules: retention.to_string(),
        removed,
        failure: Some(failure),
        ..RetentionReport::default()
    })
}

fn too_long(progress: &Progress) -> Error {
    let pool = &progress.user_pool_id;
    Error::new(
        ErrorKind::PruningTooLong,
        format!("One invocation is too short to read the pages of all snapshots of user pool {pool}."),
        Guidance::PruneByHand { pool: pool.to_string() },
    )
}
