//! The end of an import: adds up the ledger and closes the restore.

use super::announce::announce;
use super::publish::publish_restored;
use crate::catalog::{Catalog, LeaseKey, LedgerSum};
use crate::model::{
    JobsReport, Metrics, Progress, Restore, RestoreState, RestoreUnit, RunId, RunKind, VerificationResult,
    VerificationStage,
};
use crate::operations::run::{keep_lease, seconds_since};
use crate::pacing::Budget;
use crate::ports::vault::Vault;
use crate::ports::{Announcement, Backend};
use crate::report::{ImportReport, RunReport};
use crate::{Error, ErrorKind, Guidance, Result};

/// Closes a restore. It is `SUCCEEDED` if its ledger is complete and its verification is clean, and
/// otherwise `PARTIAL`.
///
/// If an earlier pass succeeded, the verification decides nothing: the later pass has only added
/// memberships, and users may have been changed or deleted on purpose since.
pub(super) async fn close<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: Progress,
    budget: Budget,
) -> Result<RunReport> {
    let (target, id) = (&progress.user_pool_id, &progress.run_id);
    let restore = catalog.restore(target, id).await?.ok_or_else(|| {
        let what = format!("User pool {target} has no restore {id}.");
        Error::new(ErrorKind::RunEnded, what, Guidance::SameInputAgain)
    })?;
    // If the restore was closed before, it has no lease. The invocation only reports it again.
    if restore.state == RestoreState::Running
        && let Err(error) = keep_lease(catalog, &progress, false, backend.clock()).await
    {
        // Another invocation may have closed the restore and released the lease since.
        let now = catalog.restore(target, id).await?.map(|restore| restore.state);
        let is_closed = matches!(now, Some(RestoreState::Succeeded | RestoreState::Partial));
        if error.kind() != ErrorKind::RunEnded || !is_closed {
            return Err(error);
        }
    }
    let Some(sum) = add_up(catalog, id, restore.pass, budget).await? else {
        return Ok(RunReport::Unfinished(Progress { more: true, ..progress }));
    };
    require_every_page(catalog, id, &sum).await?;
    let verification = finished_verification(catalog, &restore).await?;
    let unmatched_names = catalog.unmatched_names(id).await?;
    let jobs = catalog.import_jobs(id).await?.map(|jobs| jobs.report);
    let is_whole = sum.totals.is_complete() && (restore.has_succeeded || verification.is_clean());
    let status = if is_whole { RestoreState::Succeeded } else { RestoreState::Partial };
    let header = catalog
        .change_restore(target, id, |restore| {
            restore.state = status;
            restore.totals = Some(sum.totals.clone());
            restore.verification = Some(verification);
            restore.calls = Some(progress.calls);
            restore.unmatched_names = unmatched_names.clone();
        })
        .await?;
    catalog
        .release_lease(
            &LeaseKey::of_pool(target, RunKind::Import),
            &progress.execution.id,
            backend.clock().now(),
        )
        .await?;
    let restore = Restore { unmatched_names, ..restore };
    let closed = Closed { restore, header, status, sum, verification, jobs };
    Ok(RunReport::Import(Box::new(report(backend, &progress, closed).await)))
}

/// What finalize reports about a closed restore.
struct Closed {
    restore: Restore,
    /// The header of the restore as it is closed.
    header: Option<Restore>,
    status: RestoreState,
    sum: LedgerSum,
    verification: VerificationResult,
    jobs: Option<JobsReport>,
}

/// The sum of the whole ledger. None if the time is spent before.
async fn add_up<V: Vault>(
    catalog: &Catalog<V>,
    id: &RunId,
    pass: u32,
    budget: Budget,
) -> Result<Option<LedgerSum>> {
    let begun = catalog.ledger_sum(id).await?.filter(|sum| sum.pass == pass);
    let mut sum = begun.unwrap_or(LedgerSum { pass, ..LedgerSum::default() });
    while !sum.complete {
        if budget.is_spent() {
            catalog.put_ledger_sum(id, &sum).await?;
            return Ok(None);
        }
        let (pages, next) = catalog.ledger(id, sum.added_up_to.clone()).await?;
        for (_, kind, page) in &pages {
            sum.totals.add(*kind, page);
            sum.pages += 1;
        }
        sum.complete = next.is_none();
        sum.added_up_to = next.or(sum.added_up_to);
    }
    catalog.put_ledger_sum(id, &sum).await?;
    Ok(Some(sum))
}

/// Checks that every page of the snapshot has its ledger page.
async fn require_every_page<V: Vault>(catalog: &Catalog<V>, id: &RunId, sum: &LedgerSum) -> Result<()> {
    let pages: u64 = catalog.restore_units(id).await?.iter().map(RestoreUnit::pages).sum();
    if sum.pages == pages {
        return Ok(());
    }
    let what = format!("The ledger of restore {id} has {} pages, the snapshot {pages}.", sum.pages);
    Err(Error::new(ErrorKind::Internal, what, Guidance::SameInputAgain))
}

async fn finished_verification<V: Vault>(
    catalog: &Catalog<V>,
    restore: &Restore,
) -> Result<VerificationResult> {
    let verification = catalog.verification(&restore.id, restore.pass).await?;
    match verification.filter(|verification| verification.stage == VerificationStage::Done) {
        Some(verification) => Ok(verification.result),
        None => {
            let what = format!("The verification of restore {} has not ended.", restore.id);
            Err(Error::new(ErrorKind::Internal, what, Guidance::SameInputAgain))
        }
    }
}

/// Reports, measures and announces a closed restore.
async fn report<B: Backend>(backend: &B, progress: &Progress, closed: Closed) -> ImportReport {
    let Closed { restore, header, status, sum, verification, jobs } = closed;
    let mut report = ImportReport {
        operation: RunKind::Import,
        status,
        more: false,
        untag_with: restore.untag_line(),
        restore_id: restore.id,
        snapshot_id: restore.snapshot,
        source_user_pool_id: restore.source,
        target_user_pool_id: restore.target,
        summary: ImportReport::summary(
            &sum.totals,
            jobs.as_ref(),
            Some(&verification),
            restore.has_succeeded,
            restore.shrunk.as_ref(),
            &restore.unmatched_names,
        ),
        totals: sum.totals,
        verification,
        jobs,
        shrunk: restore.shrunk,
        unmatched_names: restore.unmatched_names,
        calls: progress.calls,
        notified: false,
    };
    let (target, id) = (&report.target_user_pool_id, &report.restore_id);
    let seconds = seconds_since(backend, id);
    backend.measure(&Metrics::of_restored(target.clone(), id.clone(), &report.totals, report.calls, seconds));
    report.notified = announce(backend, &Announcement::restored(&report)).await;
    if let Some(header) = header {
        publish_restored(backend, &header).await;
    }
    let (users, lost) = (report.totals.users.present(), report.totals.users.lost);
    tracing::info!(run = %report.restore_id, status = ?status, users, lost, "restore closed");
    report
}
