//! Enumerate: checks what a run is to do, takes the lease and writes the plan.

use serde_json::Value;

use super::event::{self, BeginEvent};
use super::import::before::preflight::{Plan, Preflight};
use super::refusals::{pool_elsewhere, refused, repair_refused};
use super::{ceilings, paced, require_sealed, take_lease};
use crate::catalog::Catalog;
use crate::model::{
    CallStats, Ceilings, Counts, ExportInput, Hold, ImportInput, Lease, Listing, PoolId, Progress, RestoreState, RunId, RunKind,
    SCHEMA_VERSION, Snapshot, SnapshotState, Tps, Unit,
};
use crate::ports::Backend;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Begins a run, or refuses it before anything is written.
pub async fn enumerate<B: Backend>(backend: &B, event: Value) -> Result<Progress> {
    let event: BeginEvent = event::read("enumerate", event)?;
    match event.operation {
        RunKind::Export => {
            let input = ExportInput::parse(&event.input)?;
            begin_export(backend, begin(backend, &event, &input.pool, input.tps, &input.ceilings)?, input).await
        }
        RunKind::Import => {
            let input = ImportInput::parse(&event.input)?;
            let (is_repair, target) = (input.is_repair(), input.target.clone());
            let begun = begin_import(backend, begin(backend, &event, &target, input.tps, &input.ceilings)?, input).await;
            begun.map_err(|error| if is_repair { repair_refused(&target, error) } else { error })
        }
    }
}

fn begin<B: Backend>(backend: &B, event: &BeginEvent, pool: &PoolId, tps: Option<Tps>, stated: &Ceilings) -> Result<Progress> {
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
        pruned: None,
        calls: CallStats::none(tps),
    })
}

async fn begin_export<B: Backend>(backend: &B, progress: Progress, input: ExportInput) -> Result<Progress> {
    let catalog = Catalog::new(backend.vault());
    let pool = paced(backend, &progress);
    let description = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let ceilings = ceilings::of_run(&pool, &progress, backend.headroom()).await;
    let progress = Progress { ceilings, ..progress };
    let begun = catalog.snapshot(pool.id(), &progress.run_id).await?;
    if begun.is_some_and(|begun| begun.state != SnapshotState::Running) {
        // This invocation comes so late that the run is over. It must not take the lease, which nobody would give back.
        return Ok(Progress { calls: pool.limiter().stats().await, ..progress });
    }
    let lease = take_lease(&catalog, RunKind::Export, pool.id(), &progress.execution, backend.clock()).await?;
    lease.map_err(|held| already_running(RunKind::Export, pool.id(), &held))?;

    let snapshot = Snapshot {
        id: progress.run_id.clone(),
        pool: pool.id().clone(),
        state: SnapshotState::Running,
        schema_version: SCHEMA_VERSION,
        execution: progress.execution.clone(),
        estimated_users: description.estimated_users,
        captures_mfa: input.capture_mfa,
        doubted_at: None,
        configuration: description.digest(),
        counts: Counts::default(),
        seal: None,
        failure: None,
        removal: None,
    };
    catalog.write_new(pool.id(), &snapshot.id, [("", description.digest(), &description)].into_iter()).await?;
    let units = [Listing::Groups, Listing::Users].map(|listing| Unit::open(pool.id().clone(), listing));
    catalog.begin_snapshot(&snapshot, units.into()).await?;
    tracing::info!(run = %progress.run_id, pool = %pool.id(), tps = progress.tps.get(), "export begun");
    Ok(Progress { calls: pool.limiter().stats().await, ..progress })
}

async fn begin_import<B: Backend>(backend: &B, progress: Progress, input: ImportInput) -> Result<Progress> {
    let catalog = Catalog::new(backend.vault());
    let pool = paced(backend, &progress);
    let target = pool.describe().await.map_err(|error| refused(pool.id(), error))?;
    let ceilings = ceilings::of_run(&pool, &progress, backend.headroom()).await;
    let progress = Progress { ceilings, ..progress };
    if input.dry_run {
        let progress = Progress { dry_run: true, ..progress };
        let plan =
            Preflight { pool: &pool, target: &target, catalog: &catalog, input: &input, progress: &progress }.check().await?;
        if input.selection.digest().is_some() {
            catalog.put_selection(&progress.run_id, &input.selection).await?;
        }
        plan.begin_dry_run(&catalog).await?;
        return Ok(Progress { calls: pool.limiter().stats().await, ..progress });
    }
    let last = catalog.restores(pool.id(), 1).await?.pop();
    if let Some(ended) = last.filter(|last| last.execution == progress.execution && last.state != RestoreState::Running) {
        // This invocation comes so late that the run is over. It must not take the lease, which nobody would give back.
        return Ok(Progress { run_id: ended.id, calls: pool.limiter().stats().await, ..progress });
    }
    let lease = take_lease(&catalog, RunKind::Import, pool.id(), &progress.execution, backend.clock()).await?;
    lease.map_err(|held| already_running(RunKind::Import, pool.id(), &held))?;
    let plan = Preflight { pool: &pool, target: &target, catalog: &catalog, input: &input, progress: &progress }.check().await?;
    hold(&catalog, &plan, &progress).await?;
    if input.selection.digest().is_some() {
        catalog.put_selection(plan.id(), &input.selection).await?;
    }
    let run_id = plan.begin(&catalog).await?;
    tracing::info!(run = %run_id, pool = %pool.id(), tps = progress.tps.get(), "import begun");
    Ok(Progress { run_id, calls: pool.limiter().stats().await, ..progress })
}

/// Takes hold of the snapshot, so that it is not removed while the import is at work. Whoever removes it marks its header first and looks
/// for holds after that; this is the other way round, so that one of the two sees the other.
async fn hold<V: Vault>(catalog: &Catalog<V>, plan: &Plan, progress: &Progress) -> Result<()> {
    let restore = plan.restore();
    let hold = Hold { target: restore.target.clone(), execution: progress.execution.id.clone() };
    catalog.hold(&restore.snapshot, &restore.id, &hold).await?;
    require_sealed(catalog, restore).await
}

fn already_running(operation: RunKind, pool: &PoolId, held: &Lease) -> Error {
    let (kind, what) = match operation {
        RunKind::Export => (ErrorKind::ExportAlreadyRunning, "is being exported"),
        RunKind::Import => (ErrorKind::ImportAlreadyRunning, "is being restored into"),
    };
    Error::new(
        kind,
        format!("User pool {pool} {what} by execution {}.", held.holder),
        format!("Wait for it to end; if it was aborted, its lease ends by itself at {}.", held.expires),
    )
}
