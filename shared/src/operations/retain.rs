//! Retention at the end of an export: once its snapshot is sealed, and as long as it holds its lease, older ones that no rule keeps are removed.
//!
//! Nothing that goes wrong here fails the export, whose snapshot is sealed: it is reported, logged and measured, and the next export tries
//! again.

use crate::catalog::Catalog;
use crate::model::{Failure, Progress, Pruned, Retention, RetentionReport};
use crate::operations::prune::{Decision, Ended, HeldLease, Left, RemovalRequest, prune};
use crate::pacing::Budget;
use crate::ports::Backend;
use crate::{Error, ErrorKind};

/// How retention stands.
pub(super) enum Retained {
    /// It is not asked for, or not the business of this invocation.
    No,
    /// The time was spent before its end.
    Unfinished(Pruned),
    /// It came to an end, whatever that was.
    Ended(RetentionReport),
}

/// Applies the retention of the deployment to the pool of an export that has sealed its snapshot, or goes on with that.
pub(super) async fn retain<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: &Progress,
    budget: Budget,
) -> Retained {
    let Some(retention) = backend.retention() else { return Retained::No };
    let pool = &progress.user_pool_id;
    let mut tenure = HeldLease::of_export(catalog, pool, &progress.execution.id, backend.clock());
    let before = progress.pruned.unwrap_or_default();
    let wanted = RemovalRequest::ByPolicy { retention: retention.clone(), automatic: true };
    let pruned = match tenure.keep().await {
        // The lease has been given back: this invocation comes too late, or somebody else does its work.
        Err(error) if error.kind() == ErrorKind::LeaseLost && progress.pruned.is_none() => return Retained::No,
        Err(error) => Err(error),
        Ok(()) => prune(catalog, pool, &wanted, &mut tenure, budget, &mut ()).await,
    };
    match pruned {
        Ok(Ended { removed, left: Left::Something { progressed }, .. }) => {
            let removed = sum(before, &removed);
            // The first invocation had other things to do as well.
            if progressed || progress.pruned.is_none() {
                return Retained::Unfinished(removed);
            }
            failed(retention, removed, &too_long(progress))
        }
        Ok(Ended { plan, removed, left: Left::Nothing }) => {
            let held_back = plan.ids(|fate| *fate == Decision::HeldBack);
            let report = RetentionReport {
                rules: retention.to_string(),
                removed: sum(before, &removed),
                held_back: held_back.len() as u64,
                held_back_snapshots: held_back.into_iter().take(RetentionReport::NAMED).collect(),
                in_use: plan.ids(|fate| *fate == Decision::InUse).into_iter().take(RetentionReport::NAMED).collect(),
                failure: None,
            };
            let (snapshots, records, items) = (report.removed.snapshots, report.removed.records, report.removed.items);
            tracing::info!(run = %progress.run_id, pool = %pool, snapshots, records, items, held_back = report.held_back, "retention applied");
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
    tracing::error!(error = error.kind().name(), message = %error, "retention could not be applied");
    let failure = Failure { error: error.kind().name().to_owned(), cause: error.to_string() };
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
        format!(
            "Remove snapshots with `cognito-backup prune --pool {pool}`, which may take as long as it needs; keep fewer of them."
        ),
    )
}
