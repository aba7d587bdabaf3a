//! Export: lists the open units of a snapshot, several at once, until the time is spent or no unit
//! is open.
//!
//! Records are written before the page batch that names them, and the batch before the page that
//! follows it. So the table holds all that a batch names, and the next invocation continues after
//! the last batch.

mod check;
mod configuration;
mod context;
mod listing;
mod previous;
mod split;
mod units;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::context::{Export, KnownLimits, not_written};
use self::listing::Ended;
use self::previous::Previous;
use self::units::Adapted;
use super::event;
use super::patience::patient;
use super::run::{end_calls, is_work_left, keep_lease, paced_pool};
use super::secrets::Sealer;
use crate::Result;
use crate::catalog::{Catalog, SoFar};
use crate::model::{ListingHistory, Progress, SnapshotState};
use crate::pacing::{Budget, InFlightBytes, UserSizes};
use crate::ports::Backend;
use crate::ports::keys::EncryptingKeys;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

/// Units listed at once. The limiter decides the rate. This number only hides latency.
const UNITS_AT_ONCE: usize = 16;
/// The most bytes of users in flight. A page is in memory up to seven times at once: as the answer, its parts, the
/// users, their items, and the requests that store them.
const MAX_IN_FLIGHT: usize = 12 * 1024 * 1024;

/// Stores the next pages of a snapshot.
pub async fn export_pages<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<Progress> {
    let progress: Progress = event::read("export-page", event)?;
    let (pool, execution) = (progress.user_pool_id.clone(), progress.execution.clone());
    let stored = store_pages(backend, progress, budget).await;
    patient(backend, &pool, &execution, stored).await
}

async fn store_pages<B: Backend>(backend: &B, progress: Progress, budget: Budget) -> Result<Progress> {
    let began = Instant::now();
    let catalog = Catalog::new(backend.vault());
    let snapshot = match catalog.snapshot(&progress.user_pool_id, &progress.run_id).await? {
        Some(snapshot) if snapshot.state == SnapshotState::Running => snapshot,
        Some(snapshot) if snapshot.state == SnapshotState::Sealed => {
            return Ok(Progress { more: false, ..progress });
        }
        _ => return Err(not_written(&progress)),
    };
    // After the check of the state, because a run that has ended has released its lease and must
    // not take it again.
    let lease = keep_lease(&catalog, &progress, true, backend.clock()).await?;
    // Prune removes no snapshot while its export holds the lease, but it may have begun before
    // that.
    let current = catalog.snapshot(&progress.user_pool_id, &progress.run_id).await?;
    if current.is_none_or(|current| matches!(current.state, SnapshotState::Pruning | SnapshotState::Failed)) {
        return Err(not_written(&progress));
    }
    let pool = paced_pool(backend, &progress, budget, &lease);
    let previous = Previous::before(&catalog, &snapshot, backend.clock().now()).await?;
    let history = match &previous {
        Some(previous) => previous.listing_history(&catalog).await?,
        None => ListingHistory::default(),
    };
    // If the invocation before died, it may have met larger users than any snapshot tells of. So this one asks for one
    // page after the other.
    let before = previous.as_ref().filter(|_| !lease.follows_a_death());
    let sizes = UserSizes::of_pool(before.and_then(|previous| previous.snapshot().largest_user));
    let counted = Mutex::new((snapshot.counts, Instant::now()));
    let split_refused = AtomicBool::new(false);
    let export = Export {
        pool,
        catalog,
        progress: &progress,
        snapshot,
        previous,
        budget,
        began,
        clock: backend.clock(),
        split_refused,
        records_lost: AtomicBool::new(false),
        counted,
        in_flight: InFlightBytes::new(MAX_IN_FLIGHT),
        sizes,
        history,
        history_fails: AtomicBool::new(false),
        known_limits: KnownLimits::default(),
        captures_configuration: backend.captures_configuration(),
        captured: std::sync::Mutex::default(),
    };
    // The header says what the input wants.
    let keys = backend.configuration_keys().filter(|_| !export.snapshot.leaves_secrets_out);
    let sealer = keys.map(|keys| Sealer::new(backend.keys(), keys, &progress.user_pool_id, Some(budget)));
    let worked = export.work(sealer.as_ref()).await;
    end_calls(&lease).await;
    let more = is_work_left(worked, &export.pool)?;
    let counts = export.counted.lock().await.0;
    let noted = SoFar {
        counts,
        largest_user: export.sizes.seen(),
        captured: *export.captured.lock().unwrap_or_else(PoisonError::into_inner),
    };
    export.catalog.note_so_far(&progress.user_pool_id, &progress.run_id, noted).await?;
    let calls = export.pool.limiter().stats().await;
    tracing::info!(
        run = %progress.run_id,
        calls = calls.total,
        peak = calls.peak_per_second,
        throttled = calls.throttled,
        more,
        "export pages stored"
    );
    Ok(Progress { more, calls, lease_generation: Some(lease.generation()), ..progress.clone() })
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Works through the phases. Returns whether work is left.
    async fn work<K: EncryptingKeys>(&self, sealer: Option<&Sealer<'_, K>>) -> Result<bool> {
        loop {
            let units = self.units().await?;
            match self.adapt_units(&units).await? {
                Adapted::Changed => continue,
                Adapted::OutOfTime => return Ok(true),
                Adapted::Unchanged => {}
            }
            // What the history says of a unit says nothing about others.
            let learned = units.iter().filter(|unit| unit.large_pages > 0);
            learned.for_each(|unit| self.known_limits.note(unit.listing.kind(), unit.limit));
            let open: Vec<_> = units.into_iter().filter(|unit| unit.is_open()).collect();
            let Some(phase) = open.iter().map(|unit| unit.listing.phase()).min() else {
                // After the users, so that no read of the configuration delays them.
                return self.capture_configuration(sealer).await;
            };
            let due = open.into_iter().filter(|unit| unit.listing.phase() == phase);
            let ended: Vec<Ended> = stream::iter(due)
                .map(|unit| self.list(unit))
                .buffer_unordered(UNITS_AT_ONCE)
                .try_collect()
                .await?;
            if self.split_refused.swap(false, Ordering::Relaxed) {
                self.undo_split(true).await?;
            } else if self.records_lost.swap(false, Ordering::Relaxed) {
                // The units start again with the next look at them.
            } else if ended.contains(&Ended::OutOfTime) {
                return Ok(true);
            }
        }
    }
}
