//! Finalize: seals a snapshot and removes those that retention does not keep, or closes a restore, gives the lease back and tells the
//! topic. A failed run ends here too, so that it is always recorded and announced. Between runs it is asked how old the newest
//! snapshots are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::announce::comparison;
use super::event::{self, EndEvent, FailedEvent};
use super::retain::{Retained, retain};
use super::watch::watch;
use super::{import, keep_lease, run_ended};
use crate::catalog::{Catalog, LedgerSum};
use crate::format::plural;
use crate::model::{
    Category, ExportInput, ExportReport, Failure, FailureReport, ForecastCheckpoint, ImportInput, ImportReport, Listing, Metrics,
    PlanReport, Planned, PoolId, Progress, RestoreState, RestoreUnit, RetentionReport, RunId, RunKind, RunReport, Seal,
    SealBuilder, Snapshot, SnapshotState, SubPrefix, VerificationStage,
};
use crate::pacing::Budget;
use crate::ports::vault::Vault;
use crate::ports::{Announcement, Backend};
use crate::{Error, ErrorKind, Result};

/// How many of the last restores into a pool are looked through for the one that failed.
const LAST_RESTORES: u32 = 10;

/// Ends a run, or, if its ledger is too long for one invocation, or there is too much to remove, does some of it and asks to be called again.
pub async fn finalize<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<RunReport> {
    let catalog = Catalog::new(backend.vault());
    match event::read("finalize", event)? {
        EndEvent::Failed(failed) => end_failed(backend, &catalog, failed).await,
        EndEvent::Watch(event) => watch(backend, event).await.map(RunReport::Watched),
        EndEvent::Finished(progress) => match progress.operation {
            RunKind::Export => seal(backend, &catalog, progress, budget).await,
            RunKind::Import if progress.dry_run => plan(&catalog, progress).await,
            RunKind::Import => close(backend, &catalog, progress, budget).await,
        },
    }
}

/// Checks that a snapshot is complete, and seals it; then removes the ones that retention does not keep.
async fn seal<B: Backend>(backend: &B, catalog: &Catalog<B::Vault>, progress: Progress, budget: Budget) -> Result<RunReport> {
    let (pool, id) = (&progress.user_pool_id, &progress.run_id);
    let missing = || Error::new(ErrorKind::RunEnded, format!("User pool {pool} has no snapshot {id}."), "Start a new export.");
    let snapshot = catalog.snapshot(pool, id).await?.ok_or_else(missing)?;
    let units = catalog.units(id).await?;
    let vanished = units.iter().filter(|unit| unit.vanished).count();

    let sealed = match snapshot.state {
        SnapshotState::Sealed => snapshot,
        SnapshotState::Failed | SnapshotState::Pruning => return Err(given_up(id)),
        SnapshotState::Running => {
            keep_lease(catalog, &progress, backend.clock()).await?;
            if let Some(unit) = units.iter().find(|unit| unit.is_open() || unit.awaits_planning()) {
                return Err(Error::new(
                    ErrorKind::ListingFailed,
                    format!("Unit {} of snapshot {id} was not listed to its end.", unit.id()),
                    "Nothing is sealed that is not complete: start a new export.",
                ));
            }
            let counts = |listing: Listing| units.iter().any(|unit| unit.listing == listing && !unit.superseded);
            let all_by_sub = || SubPrefix::ALL.into_iter().all(|prefix| counts(Listing::UsersBySub { prefix }));
            // Whoever doubts several listings writes it down before anything else, and may still be about to take them back.
            if !counts(Listing::Users) && (snapshot.is_doubted() || !all_by_sub()) {
                return Err(Error::new(
                    ErrorKind::ListingFailed,
                    format!("Not all users are listed in what counts for snapshot {id}."),
                    "Nothing is sealed that is not complete: start a new export.",
                ));
            }
            if let Some(key) = catalog.unit_without_end(id, &units).await? {
                return Err(Error::new(
                    ErrorKind::SnapshotDamaged,
                    format!("Page {key} is missing or altered, or is not the end of its listing."),
                    "Nothing is sealed that is not complete: start a new export.",
                ));
            }
            let mut sum = SealBuilder::new(&snapshot);
            units.iter().for_each(|unit| sum.add(unit));
            let (counts, digest) = sum.finish();
            let seal = Seal {
                sealed_at: backend.clock().now(),
                digest,
                tool_version: env!("CARGO_PKG_VERSION").to_owned(),
                calls: progress.calls,
                before: catalog.newest_sealed(pool, Some(id)).await?.map(|before| before.counts),
            };
            let doubted_at = snapshot.doubted_at;
            let seal_it = |snapshot: &mut Snapshot| {
                // Where its listings came into doubt after the plan was read, the plan is another one by now.
                if snapshot.state != SnapshotState::Running || snapshot.doubted_at != doubted_at {
                    return;
                }
                snapshot.state = SnapshotState::Sealed;
                snapshot.counts = counts;
                snapshot.seal = Some(seal.clone());
            };
            let sealed = catalog.change_snapshot(pool, id, seal_it).await?.ok_or_else(missing)?;
            match sealed.state {
                SnapshotState::Sealed => sealed,
                SnapshotState::Running => {
                    return Err(Error::new(
                        ErrorKind::ServiceUnavailable,
                        format!("The plan of snapshot {id} changed while it was being sealed."),
                        "The state machine tries again by itself.",
                    ));
                }
                SnapshotState::Failed | SnapshotState::Pruning => return Err(given_up(id)),
            }
        }
    };
    // What was there before may be removed below: the seal says what it held.
    let before = sealed.seal.as_ref().and_then(|seal| seal.before);
    let retention = match retain(backend, catalog, &progress, budget).await {
        Retained::Unfinished(pruned) => {
            return Ok(RunReport::Unfinished(Progress { more: true, pruned: Some(pruned), ..progress }));
        }
        Retained::Ended(report) => Some(report),
        Retained::No => None,
    };
    catalog.release_lease(pool, RunKind::Export, &progress.execution.id, backend.clock().now()).await?;

    let mut summary = format!(
        "Snapshot {id} of user pool {pool} is sealed: {} on {}, {}. {}",
        sealed.counts.summary(),
        plural(sealed.counts.pages, "page", "pages"),
        plural(sealed.counts.records_written, "new record", "new records"),
        comparison(sealed.counts, before)
    );
    if vanished > 0 {
        let groups = plural(vanished as u64, "group", "groups");
        summary += &format!(" Deleted while the export ran: {groups}, whose memberships are incomplete.");
    }
    summary += &retention.as_ref().map(RetentionReport::summary).unwrap_or_default();
    let mut report = ExportReport {
        operation: RunKind::Export,
        status: SnapshotState::Sealed,
        more: false,
        snapshot_id: id.clone(),
        user_pool_id: pool.clone(),
        counts: sealed.counts,
        calls: sealed.seal.map_or(progress.calls, |seal| seal.calls),
        retention,
        summary,
        notified: false,
    };
    let seconds = seconds_since(backend, id);
    let metrics = Metrics::of_sealed(pool.clone(), id.clone(), report.counts, before, report.calls, seconds);
    backend.measure(&match &report.retention {
        Some(retention) => metrics.with_retention(retention),
        None => metrics,
    });
    report.notified = announce(backend, &Announcement::sealed(&report)).await;
    tracing::info!(run = %id, users = report.counts.users, groups = report.counts.groups, memberships = report.counts.memberships, pages = report.counts.pages, "snapshot sealed");
    Ok(RunReport::Export(report))
}

/// The error for a snapshot that is to be sealed and cannot be any more.
fn given_up(id: &RunId) -> Error {
    Error::new(ErrorKind::RunEnded, format!("Snapshot {id} was given up before."), "Start a new export.")
}

/// Adds up the ledger of a restore, and closes it.
async fn close<B: Backend>(backend: &B, catalog: &Catalog<B::Vault>, progress: Progress, budget: Budget) -> Result<RunReport> {
    let (target, id) = (&progress.user_pool_id, &progress.run_id);
    let missing =
        || Error::new(ErrorKind::RunEnded, format!("User pool {target} has no restore {id}."), "Start the import again.");
    let restore = catalog.restore(target, id).await?.ok_or_else(missing)?;
    // A run whose end was recorded has given its lease back; it is only reported once more.
    if restore.state == RestoreState::Running {
        keep_lease(catalog, &progress, backend.clock()).await?;
    }
    let Some(sum) = add_up(catalog, id, restore.pass, budget).await? else {
        return Ok(RunReport::Unfinished(Progress { more: true, ..progress }));
    };
    let pages: u64 = catalog.restore_units(id).await?.iter().map(RestoreUnit::pages).sum();
    if sum.pages != pages {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("The ledger of restore {id} has {} pages, the snapshot {pages}.", sum.pages),
            "Start the import again with the same input: it does what is missing.",
        ));
    }
    let verified = catalog.verification(id, restore.pass).await?.filter(|there| there.stage == VerificationStage::Done);
    let Some(verification) = verified.map(|there| there.result) else {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("What restore {id} has brought was not verified to the end."),
            "Start the import again with the same input: it does what is missing.",
        ));
    };
    let jobs = catalog.import_jobs(id).await?.map(|jobs| jobs.report);
    let whole = sum.totals.is_complete() && verification.is_clean();
    let status = if whole { RestoreState::Succeeded } else { RestoreState::Partial };
    catalog
        .change_restore(target, id, |restore| {
            restore.state = status;
            restore.totals = Some(sum.totals.clone());
            restore.verification = Some(verification);
            restore.calls = Some(progress.calls);
        })
        .await?;
    catalog.release_lease(target, RunKind::Import, &progress.execution.id, backend.clock().now()).await?;

    let mut report = ImportReport {
        operation: RunKind::Import,
        status,
        more: false,
        restore_id: id.clone(),
        snapshot_id: restore.snapshot,
        source_user_pool_id: restore.source,
        target_user_pool_id: target.clone(),
        summary: ImportReport::summary(&sum.totals, jobs.as_ref(), Some(&verification)),
        totals: sum.totals,
        verification,
        jobs,
        calls: progress.calls,
        notified: false,
    };
    let seconds = seconds_since(backend, id);
    backend.measure(&Metrics::of_restored(target.clone(), id.clone(), &report.totals, report.calls, seconds));
    report.notified = announce(backend, &Announcement::restored(&report)).await;
    tracing::info!(run = %id, status = ?status, users = report.totals.users.present(), lost = report.totals.users.lost, "restore closed");
    Ok(RunReport::Import(Box::new(report)))
}

/// What a dry run found out.
async fn plan<V: Vault>(catalog: &Catalog<V>, progress: Progress) -> Result<RunReport> {
    let outlook = catalog.outlook(&progress.run_id).await?.ok_or_else(|| run_ended(&progress))?;
    let refusal = import::refusal(&outlook);
    let ForecastCheckpoint { restore, forecast, .. } = outlook;
    let (expected, is_repair) = (restore.expected, restore.is_repair());
    let pages_of_users = expected.users.div_ceil(60);
    // The verification lists the users once more.
    let mut listings = BTreeMap::from([(Category::UserPoolRead, 2), (Category::UserList, pages_of_users)]);
    let (mut groups, mut members) = (BTreeMap::new(), BTreeMap::new());
    // Who is there is listed first: the users, and of everybody's groups, looked at one by one, the members.
    if is_repair {
        listings.insert(Category::UserList, 2 * pages_of_users);
    }
    match (restore.selection.is_none(), is_repair) {
        (true, true) => {
            groups.extend([Category::UserPoolResourceUpdate, Category::UserPoolResourceRead].map(|of| (of, expected.groups)));
            members.insert(Category::UserList, expected.groups + expected.memberships.div_ceil(60));
        }
        (true, false) => {
            groups.insert(Category::UserPoolResourceUpdate, expected.groups);
            members.insert(Category::UserUpdate, expected.memberships);
        }
        (false, _) => {}
    }
    let mut users = forecast.user_calls.clone();
    let total_calls = [&listings, &groups, &users, &members].into_iter().flat_map(BTreeMap::values).sum();
    if import::works_ahead(&restore, &progress.ceilings, progress.tps) {
        std::mem::take(&mut members).into_iter().for_each(|(of, calls)| *users.entry(of).or_default() += calls);
    }
    // What comes one after the other adds up.
    let seconds = |calls| progress.ceilings.seconds(calls, progress.tps);
    let least_seconds = [&listings, &groups, &users, &members].into_iter().map(seconds).sum::<f64>();
    let least_seconds = (least_seconds - 1e-6).ceil() as u64;
    Ok(RunReport::Plan(Box::new(PlanReport {
        operation: RunKind::Import,
        status: Planned::Planned,
        dry_run: true,
        more: false,
        snapshot_id: restore.snapshot,
        source_user_pool_id: restore.source,
        target_user_pool_id: restore.target,
        expected,
        summary: {
            let mut words = forecast.summary(total_calls, progress.tps, least_seconds);
            if restore.selection.is_some() {
                words += " One more for each membership of those selected.";
            } else if is_repair {
                words += " One more for each membership that is missing.";
            }
            if let Some(refusal) = &refusal {
                words += &format!(" As it is, the import would be refused ({}) without acceptLosses.", refusal.kind().name());
            }
            words
        },
        refusal: refusal.map(|refusal| refusal.kind().name().to_owned()),
        forecast,
        total_calls,
        least_seconds,
    })))
}

/// The sum of the whole ledger; none when the time is spent before its end.
async fn add_up<V: Vault>(catalog: &Catalog<V>, id: &RunId, pass: u32, budget: Budget) -> Result<Option<LedgerSum>> {
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

/// Records and announces a run that failed. A run that was refused before it began has nothing to record.
async fn end_failed<B: Backend>(backend: &B, catalog: &Catalog<B::Vault>, failed: FailedEvent) -> Result<RunReport> {
    let FailedEvent { operation, input, execution, error } = failed;
    let failure = error.into_failure();
    let pool = match operation {
        RunKind::Export => ExportInput::parse(&input).ok().map(|input| input.pool),
        RunKind::Import => ImportInput::parse(&input).ok().map(|input| input.target),
    };
    let run_id = match &pool {
        Some(pool) => {
            let run_id = match operation {
                RunKind::Export => mark_export_failed(catalog, pool, &RunId::of(&execution), &failure).await?,
                RunKind::Import => mark_import_failed(catalog, pool, &execution.id, &failure).await?,
            };
            catalog.release_lease(pool, operation, &execution.id, backend.clock().now()).await?;
            run_id
        }
        None => None,
    };
    // Whoever asks what would happen gets the answer, and nobody else has to know.
    let is_dry_run = operation == RunKind::Import && ImportInput::parse(&input).is_ok_and(|input| input.dry_run);
    let notified =
        !is_dry_run && announce(backend, &Announcement::failed(operation, pool.as_ref(), &execution.id, &failure)).await;
    if let Some(pool) = pool.as_ref().filter(|_| !is_dry_run) {
        backend.measure(&Metrics::of_failed(operation, pool.clone(), run_id.clone()));
    }
    tracing::error!(error = failure.error, cause = failure.cause, "run failed");
    let Failure { error, cause } = failure;
    Ok(RunReport::Failed(FailureReport { operation, status: RestoreState::Failed, more: false, run_id, error, cause, notified }))
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
) -> Result<Option<RunId>> {
    let restores = catalog.restores(target, LAST_RESTORES).await?;
    let Some(restore) = restores.into_iter().find(|restore| restore.execution.id == execution) else { return Ok(None) };
    catalog
        .change_restore(target, &restore.id, |restore| {
            if restore.state == RestoreState::Running {
                restore.state = RestoreState::Failed;
                restore.failure = Some(failure.clone());
            }
        })
        .await?;
    Ok(Some(restore.id))
}

/// How long a run has taken: its id starts with the time at which it began.
fn seconds_since<B: Backend>(backend: &B, id: &RunId) -> f64 {
    backend.clock().now().duration_since(id.time()).as_secs_f64().max(0.0)
}

/// Tells the topic. A message that cannot be sent is no reason to fail a run that is over and recorded: the report says so.
async fn announce<B: Backend>(backend: &B, announcement: &Announcement) -> bool {
    match backend.announce(announcement).await {
        Ok(notified) => notified,
        Err(error) => {
            tracing::error!(error = error.kind().name(), message = %error, "the topic could not be told");
            false
        }
    }
}
