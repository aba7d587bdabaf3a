//! Enumerate: checks what a run is to do, takes the lease and writes the units.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::ceilings;
use super::closed::close_stopped;
use super::event::{self, BeginEvent};
use super::import::{Preflight, RestoreStart};
use super::patience::{of_import, patient};
use super::refusals::{pool_elsewhere, refused, require_table, require_tag};
use super::run::{claim_lease, end_calls, lease_key, paced_pool, released, require_sealed};
use crate::catalog::{Catalog, TakenLease};
use crate::format::time;
use crate::model::{
    CallStats, Ceilings, ExportInput, Hold, ImportInput, Lease, Listing, PoolDescription, PoolId, Progress,
    RecordLookUps, RestoreState, RunId, RunKind, SelectionSource, Snapshot, SnapshotState, SplitListing,
    StartedBy, StartedRun, Tps, Unit,
};
use crate::pacing::{Budget, PacedPool};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::report::SkipReport;
use crate::{Error, ErrorKind, Result};

/// The longest lag of the replication for which a removal in another Region and an import always see each other.
const MAX_LAG: Duration = Duration::from_secs(10);

/// Headers among which a skipped export looks for the snapshot of the running one. It is nearly always the newest.
const RUNNING_AMONG: u32 = 10;

/// How enumerate ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Begun {
    /// The run has begun: the state machine goes on with its pages.
    Run(Progress),
    /// A scheduled export leaves the pool to the export that is at work. The state machine ends here.
    Skipped(SkipReport),
}

impl Begun {
    /// The progress of a run. None if the execution was skipped.
    pub fn run(self) -> Option<Progress> {
        match self {
            Self::Run(progress) => Some(progress),
            Self::Skipped(_) => None,
        }
    }
}

/// Begins a run, or refuses it before anything is written.
pub async fn enumerate<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<Begun> {
    let event: BeginEvent = event::read("enumerate", event)?;
    match event.operation {
        RunKind::Export => {
            let input = ExportInput::parse(&event.input)?;
            require_table(backend.table(), input.table.as_ref())?;
            let pool = input.pool.clone();
            let progress = first_progress(backend, &event, &pool, input.tps, &input.ceilings)?;
            let begun = begin_export(backend, progress, input, budget).await;
            patient(backend, &pool, &event.execution, begun).await
        }
        RunKind::Import => {
            let input = ImportInput::parse(&event.input)?;
            require_table(backend.table(), input.table.as_ref())?;
            let (target_pool, target) = (input.target_pool(), input.target.clone());
            let progress = first_progress(backend, &event, &target, input.tps, &input.ceilings)?;
            let begun = begin_import(backend, progress.clone(), input, budget).await;
            begun.map(Begun::Run).map_err(|error| of_import(backend, &progress, target_pool, error))
        }
    }
}

fn first_progress<B: Backend>(
    backend: &B,
    event: &BeginEvent,
    pool: &PoolId,
    tps: Option<Tps>,
    stated: &Ceilings,
) -> Result<Progress> {
    if let Some(region) = backend.region().filter(|&region| region != pool.region()) {
        return Err(pool_elsewhere(pool, region));
    }
    let tps = tps.unwrap_or(backend.default_tps());
    Ok(Progress {
        operation: event.operation,
        execution: event.execution.clone(),
        user_pool_id: pool.clone(),
        run_id: RunId::of(&event.execution),
        tps,
        ceilings: ceilings::provisional(stated, backend.headroom()),
        dry_run: false,
        more: true,
        wait_seconds: None,
        calls: CallStats::none(tps),
        lease_generation: None,
    })
}

async fn begin_export<B: Backend>(
    backend: &B,
    progress: Progress,
    input: ExportInput,
    budget: Budget,
) -> Result<Begun> {
    let catalog = Catalog::new(backend.vault());
    let begun = catalog.snapshot(&progress.user_pool_id, &progress.run_id).await?;
    if begun.is_some_and(|begun| begun.state != SnapshotState::Running) {
        // This late invocation finds a run that has ended. It must not take the lease, because no
        // later invocation would release it.
        return Ok(Begun::Run(progress));
    }
    let lease = match claim_lease(&catalog, &progress, true, backend.clock()).await? {
        Ok(lease) => lease,
        Err(held) if held.is_of_removal() => return Err(waits_for_removal(&progress, &held)),
        Err(held) if input.started_by == StartedBy::Schedule && held.is_of_execution() => {
            return skipped(&catalog, &progress, &held).await.map(Begun::Skipped);
        }
        Err(held) => return Err(already_running(&progress, &held)),
    };
    let begun = write_snapshot(backend, &catalog, progress, input, budget, &lease).await;
    end_calls(&lease).await;
    begun.map(Begun::Run)
}

/// The end of a scheduled export whose pool the holder of `lease` exports.
async fn skipped<V: Vault>(catalog: &Catalog<V>, progress: &Progress, lease: &Lease) -> Result<SkipReport> {
    let pool = &progress.user_pool_id;
    let newest = catalog.snapshots(pool, None, RUNNING_AMONG).await?;
    let running = newest.into_iter().find(|snapshot| snapshot.execution.id == lease.holder);
    tracing::info!(run = %progress.run_id, %pool, holder = lease.shown_holder(), "export skipped");
    Ok(SkipReport::of_export(pool, lease, running.map(|snapshot| snapshot.id)))
}

/// Writes the header and the units of a new snapshot.
async fn write_snapshot<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: Progress,
    input: ExportInput,
    budget: Budget,
    lease: &TakenLease<B::Vault>,
) -> Result<Progress> {
    note_started(catalog, &progress, backend.clock()).await?;
    let pool = paced_pool(backend, &progress, budget, lease);
    let description = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let ceilings = ceilings::resolve(&pool, &progress, backend.headroom()).await;
    let progress = Progress { ceilings, ..progress };
    // A removal that left these marks no longer has the lease.
    catalog.take_undecided_marks_away(pool.id()).await?;

    let before = catalog.newest_sealed(pool.id(), Some(&progress.run_id), backend.clock().now()).await?;
    let may_split = input.split_listing || backend.splits_listings();
    let split = before.as_ref().map(|before| &before.split);
    let split = SplitListing::after(split, may_split, progress.execution.started_at);
    let look_ups = RecordLookUps::after(before.as_ref().map(|before| &before.look_ups));
    let snapshot = Snapshot { split, look_ups, ..new_snapshot(&progress, &description, &input) };
    let configuration = ("", description.digest(), &description);
    let absent = catalog.absent(pool.id(), [configuration].into_iter()).await?;
    let [mut groups, users] =
        [Listing::Groups, Listing::Users].map(|listing| Unit::open(pool.id().clone(), listing));
    if !absent.is_empty() && before.is_some_and(|before| before.configuration == configuration.1) {
        groups.lost.note_before_listing();
    }
    // Before the write, because afterwards no invocation finds that the configuration was lost.
    catalog.add_units(&snapshot.id, vec![groups, users]).await?;
    catalog.write(pool.id(), &snapshot.id, &absent).await?;
    catalog.begin_snapshot(&snapshot).await?;
    require_not_stopped(catalog, &progress, backend.clock()).await?;
    tracing::info!(run = %progress.run_id, pool = %pool.id(), tps = progress.tps.get(), "export begun");
    Ok(with_calls(progress, &pool, lease).await)
}

fn new_snapshot(progress: &Progress, description: &PoolDescription, input: &ExportInput) -> Snapshot {
    Snapshot {
        estimated_users: description.estimated_users,
        captures_mfa: input.capture_mfa,
        leaves_secrets_out: !input.capture_secrets,
        configuration: description.digest(),
        ..Snapshot::begun(progress.run_id.clone(), progress.user_pool_id.clone(), progress.execution.clone())
    }
}

async fn begin_import<B: Backend>(
    backend: &B,
    progress: Progress,
    input: ImportInput<SelectionSource>,
    budget: Budget,
) -> Result<Progress> {
    let catalog = Catalog::new(backend.vault());
    let progress = Progress { dry_run: input.dry_run, ..progress };
    if !input.dry_run {
        let restore = catalog.restore_of_execution(&progress.user_pool_id, &progress.execution.id).await?;
        if let Some(ended) = restore.filter(|restore| restore.state != RestoreState::Running) {
            // This late invocation finds a run that has ended. It must not take the lease, because
            // no later invocation would release it.
            return Ok(Progress { run_id: ended.id, ..progress });
        }
    }
    let input = catalog.with_selection(input).await?;
    let lease = take_lease(backend, &catalog, &progress).await?;
    let begun = write_restore(backend, &catalog, progress, input, budget, &lease).await;
    end_calls(&lease).await;
    begun
}

/// Checks the target, and writes the header and the units of a restore. In a dry run, writes the
/// state of its forecast.
async fn write_restore<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: Progress,
    input: ImportInput,
    budget: Budget,
    lease: &TakenLease<B::Vault>,
) -> Result<Progress> {
    note_started(catalog, &progress, backend.clock()).await?;
    let pool = paced_pool(backend, &progress, budget, lease);
    let target = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    if backend.requires_pool_tag() {
        require_tag(&progress, input.target_pool(), &target)?;
    }
    let ceilings = ceilings::resolve(&pool, &progress, backend.headroom()).await;
    let progress = Progress { ceilings, ..progress };
    let preflight = Preflight {
        pool: &pool,
        target: &target,
        catalog,
        input: &input,
        progress: &progress,
        sub_map_retention: input.sub_map_lifetime.retention(backend.sub_map_retention()),
        now: backend.clock().now(),
    };
    let start = preflight.check().await?;
    if input.dry_run {
        put_selection(catalog, &start, &input).await?;
        start.begin_dry_run(catalog).await?;
        return Ok(with_calls(progress, &pool, lease).await);
    }
    hold(backend, catalog, &start, &progress).await?;
    put_selection(catalog, &start, &input).await?;
    let run_id = start.begin(catalog).await?;
    require_not_stopped(catalog, &progress, backend.clock()).await?;
    tracing::info!(run = %run_id, pool = %pool.id(), tps = progress.tps.get(), "import begun");
    Ok(with_calls(Progress { run_id, ..progress }, &pool, lease).await)
}

/// Writes which run the execution carries out, before the first call. From then on, the execution may hold the lease for
/// long, and an operator may stop it.
///
/// # Errors
/// [`ErrorKind::RunEnded`] if the execution was stopped.
async fn note_started<V: Vault>(catalog: &Catalog<V>, progress: &Progress, clock: Clock) -> Result<()> {
    let run = StartedRun {
        execution: progress.execution.clone(),
        operation: progress.operation,
        user_pool_id: Some(progress.user_pool_id.clone()),
        dry_run: progress.dry_run,
        stop: None,
    };
    let run = catalog.note_started(&run).await?;
    end_if_stopped(catalog, progress, &run, clock).await
}

/// Looks for a stop of the execution after the header is written. Finalize writes the stop before it reads the header,
/// so it may have found none.
///
/// # Errors
/// [`ErrorKind::RunEnded`] if the execution was stopped.
async fn require_not_stopped<V: Vault>(
    catalog: &Catalog<V>,
    progress: &Progress,
    clock: Clock,
) -> Result<()> {
    match catalog.started_run(progress.operation, &progress.execution).await? {
        Some(run) => end_if_stopped(catalog, progress, &run, clock).await,
        None => Ok(()),
    }
}

/// Releases the lease and closes the run if its execution was stopped. Step Functions does not end the invocation that
/// runs meanwhile.
async fn end_if_stopped<V: Vault>(
    catalog: &Catalog<V>,
    progress: &Progress,
    run: &StartedRun,
    clock: Clock,
) -> Result<()> {
    let now = clock.now();
    let Some(stop) = run.ended_by(now) else { return Ok(()) };
    let Progress { operation, user_pool_id, execution, .. } = progress;
    catalog.release_lease(&lease_key(progress), &execution.id, now).await?;
    close_stopped(catalog, *operation, user_pool_id, &execution.id, &stop.failure).await?;
    Err(released(progress))
}

/// Writes the selection, unless the operator wants all users restored.
async fn put_selection<V: Vault>(
    catalog: &Catalog<V>,
    start: &RestoreStart,
    input: &ImportInput,
) -> Result<()> {
    match input.selection.digest() {
        Some(_) => catalog.put_selection(start.id(), &input.selection).await,
        None => Ok(()),
    }
}

async fn with_calls<P: Pool, V: Vault>(
    progress: Progress,
    pool: &PacedPool<P>,
    lease: &TakenLease<V>,
) -> Progress {
    let calls = pool.limiter().stats().await;
    Progress { calls, lease_generation: Some(lease.generation()), ..progress }
}

/// Holds the snapshot, so that prune leaves it while the import works.
///
/// Prune marks the header first, then looks for holds. The import writes its hold first, then reads
/// the header. So one of the two always sees the other.
///
/// Removals work in the Region of the snapshot's pool. In another Region, the hold and the marks arrive with a lag.
/// If no lag exceeds [`MAX_LAG`]: a removal that does not see the hold looked for it less than one lag after it was
/// written. Its mark is older, so it arrives less than two lags after the hold was written. A mark without a lease
/// may be decided, and the end of the lease has overtaken the decision. Then the decision arrives within one more lag.
async fn hold<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    start: &RestoreStart,
    progress: &Progress,
) -> Result<()> {
    let restore = start.restore();
    let hold = Hold { target: restore.target.clone(), execution: progress.execution.id.clone() };
    catalog.hold(&restore.snapshot, &restore.id, &hold).await?;
    let is_elsewhere = backend.region().is_some_and(|region| region != restore.source.region());
    if is_elsewhere {
        tokio::time::sleep(2 * MAX_LAG).await;
    }
    require_sealed(backend, catalog, restore).await?;
    if is_elsewhere {
        let header = catalog.snapshot(&restore.source, &restore.snapshot).await?;
        if header.is_some_and(|header| header.removal.is_some()) {
            tokio::time::sleep(MAX_LAG).await;
            require_sealed(backend, catalog, restore).await?;
        }
    }
    Ok(())
}

/// Takes the lease before the first call of the run.
async fn take_lease<B: Backend>(
    backend: &B,
    catalog: &Catalog<B::Vault>,
    progress: &Progress,
) -> Result<TakenLease<B::Vault>> {
    match claim_lease(catalog, progress, true, backend.clock()).await? {
        Ok(lease) => Ok(lease),
        Err(lease) => Err(already_running(progress, &lease)),
    }
}

/// A removal holds the lease of the pool. It is no export, so a skipped export would leave a snapshot out.
fn waits_for_removal(progress: &Progress, lease: &Lease) -> Error {
    let (pool, holder) = (&progress.user_pool_id, lease.shown_holder());
    Error::new(
        ErrorKind::RemovalUndecided,
        format!("User pool {pool} is in use: {holder} {}.", lease.work()),
        "The state machine tries again for two hours. If the export fails, start it again after the removal.",
    )
}

fn already_running(progress: &Progress, lease: &Lease) -> Error {
    let (kind, what) = match progress.operation {
        RunKind::Export => (ErrorKind::ExportAlreadyRunning, lease.work()),
        RunKind::Import => (ErrorKind::ImportAlreadyRunning, "restores into it"),
    };
    Error::new(
        kind,
        format!("User pool {} is in use: {} {what}.", progress.user_pool_id, lease.shown_holder()),
        format!("Wait for its end. If it was killed or aborted, its lease ends at {}.", time(lease.expires)),
    )
}
