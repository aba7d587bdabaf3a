//! Export: works on the open units of a snapshot, several at once, until the time is spent or nothing is left.
//!
//! Records are in the table before the sheet that names them, and a sheet before the listing goes on behind it. So a sheet in the table
//! vouches for all that it names, and whoever comes next goes on after the last one.

mod listing;
mod plan;
mod previous;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::listing::Ended;
use self::previous::Previous;
use super::{event, keep_lease, paced};
use crate::catalog::Catalog;
use crate::model::{BreakOffs, Counts, Execution, PageBatch, PoolId, Progress, RecordKind, Snapshot, SnapshotState};
use crate::pacing::{Budget, PacedPool};
use crate::ports::Backend;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Units worked on at once. The limiter decides the rate; this only hides latency.
const UNITS_AT_ONCE: usize = 16;
/// Attempts at one listing before the run gives up.
pub(crate) const LISTING_ATTEMPTS: u32 = 10;
/// How often the header is told how far the run has come.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// Stores the next pages of a snapshot.
pub async fn export_pages<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<Progress> {
    let progress: Progress = event::read("export-page", event)?;
    let catalog = Catalog::new(backend.vault());
    let snapshot = match catalog.snapshot(&progress.user_pool_id, &progress.run_id).await? {
        Some(snapshot) if snapshot.state == SnapshotState::Running => snapshot,
        Some(snapshot) if snapshot.state == SnapshotState::Sealed => return Ok(Progress { more: false, ..progress }),
        _ => return Err(not_written(&progress)),
    };
    // Not before: the lease of a run that has ended has been given back.
    keep_lease(&catalog, &progress, backend.clock()).await?;
    // Nor can the snapshot be removed any more from here on; but it may have been, while the lease was nobody's.
    let still = catalog.snapshot(&progress.user_pool_id, &progress.run_id).await?;
    if still.is_none_or(|still| matches!(still.state, SnapshotState::Pruning | SnapshotState::Failed)) {
        return Err(not_written(&progress));
    }
    let pool = paced(backend, &progress);
    let previous = Previous::before(&catalog, &snapshot).await?;
    let noted = Mutex::new((snapshot.counts, Instant::now()));
    let in_doubt = AtomicBool::new(false);
    let export = Export { pool, catalog, progress: &progress, snapshot, previous, budget, in_doubt, noted };
    let more = export.work().await?;
    let noted = export.noted.lock().await.0;
    export.catalog.note_counts(&progress.user_pool_id, &progress.run_id, noted).await?;
    let calls = export.pool.limiter().stats().await;
    tracing::info!(run = %progress.run_id, calls = calls.total, peak = calls.peak_per_second, throttled = calls.throttled, more, "export pages stored");
    Ok(Progress { more, calls, ..progress.clone() })
}

struct Export<'a, P, V> {
    pool: PacedPool<P>,
    catalog: Catalog<V>,
    progress: &'a Progress,
    /// The header as it was when this invocation began.
    snapshot: Snapshot,
    /// The snapshot before.
    previous: Option<Previous>,
    budget: Budget,
    /// Set when one of several listings of users turns out not to be what was asked for: the others need not go on.
    in_doubt: AtomicBool,
    /// Counts so far, and when the header was last told.
    noted: Mutex<(Counts, Instant)>,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Works through the phases; returns whether anything is left.
    async fn work(&self) -> Result<bool> {
        loop {
            let units = self.catalog.units(&self.progress.run_id).await?;
            if self.plan(&units).await? {
                continue;
            }
            let open: Vec<_> = units.into_iter().filter(|unit| unit.is_open()).collect();
            let Some(phase) = open.iter().map(|unit| unit.listing.phase()).min() else { return Ok(false) };
            let now = open.into_iter().filter(|unit| unit.listing.phase() == phase);
            let ended: Vec<Ended> =
                stream::iter(now).map(|unit| self.list(unit)).buffer_unordered(UNITS_AT_ONCE).try_collect().await?;
            if self.in_doubt.swap(false, Ordering::Relaxed) {
                self.list_users_by_one().await?;
            } else if ended.contains(&Ended::OutOfTime) {
                return Ok(true);
            }
        }
    }

    /// Counts a sheet, and tells the header now and then.
    async fn note(&self, kind: RecordKind, sheet: &PageBatch) -> Result<()> {
        let mut noted = self.noted.lock().await;
        noted.0.add(kind, sheet.count.into(), sheet.pages(), sheet.records_written.into());
        if noted.1.elapsed() >= NOTE_EVERY {
            noted.1 = Instant::now();
            self.catalog.note_counts(&self.progress.user_pool_id, &self.progress.run_id, noted.0).await?;
        }
        Ok(())
    }
}

/// The error for a snapshot that was given up or removed.
fn not_written(progress: &Progress) -> Error {
    Error::new(
        ErrorKind::RunEnded,
        format!("Snapshot {} of user pool {} is not being written any more.", progress.run_id, progress.user_pool_id),
        "Start a new export.",
    )
}

/// Counts a listing of a restore that was broken off once more; an error where that was too often.
pub(crate) fn broken_off_again(before: &BreakOffs, execution: &Execution, pool: &PoolId, unit: &str) -> Result<BreakOffs> {
    let now = before.once_more(execution);
    if now.times() >= LISTING_ATTEMPTS { Err(listing_failed(pool, unit)) } else { Ok(now) }
}

/// The error for a listing that Cognito has broken off too often.
pub(crate) fn listing_failed(pool: &PoolId, unit: &str) -> Error {
    Error::new(
        ErrorKind::ListingFailed,
        format!("Cognito broke off the listing of unit {unit} of user pool {pool} {LISTING_ATTEMPTS} times."),
        "Start the run again; a lower TPS of other tools on this account may help.",
    )
}
