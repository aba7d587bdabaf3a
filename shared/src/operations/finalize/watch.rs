//! Watch: measures the age of the newest sealed snapshot of each pool, even if no export runs.

use jiff::{SignedDuration, Timestamp};

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Metrics, PoolId, RunId};
use crate::operations::event::WatchEvent;
use crate::ports::Backend;
use crate::report::{WatchReport, WatchedPool};

/// How far the clock of a function may be behind another one.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Whether a time is in the future, by more than clocks differ.
pub(super) fn is_future(time: Timestamp, now: Timestamp) -> bool {
    time.duration_since(now) > CLOCK_SKEW
}

/// Measures the ages. A pool without a sealed snapshot gets no metric, and an alarm treats the
/// missing metric as a breach.
pub(super) async fn watch<B: Backend>(backend: &B, event: WatchEvent) -> Result<WatchReport> {
    let catalog = Catalog::new(backend.vault());
    let mut pools = Vec::with_capacity(event.user_pool_ids.len());
    for pool in event.user_pool_ids {
        pools.push(measure(backend, &catalog, pool).await?);
    }
    Ok(WatchReport { pools })
}

async fn measure<B: Backend>(backend: &B, catalog: &Catalog<B::Vault>, pool: PoolId) -> Result<WatchedPool> {
    let newest = catalog.newest_sealed(&pool, None, backend.clock().now()).await?;
    let now = backend.clock().now();
    let newest = newest.and_then(|newest| newest.seal.map(|seal| (newest.id, seal.sealed_at)));
    // No export has written a snapshot from the future. It must not hide that no export runs.
    let newest = newest.filter(|(_, sealed_at)| !is_future(*sealed_at, now));
    let age = |sealed_at| now.duration_since(sealed_at).as_secs_f64().max(0.0);
    let (snapshot_id, age_seconds) = newest.map(|(id, sealed_at)| (id, age(sealed_at))).unzip();
    if let Some((snapshot, age)) = snapshot_id.as_ref().zip(age_seconds) {
        backend.measure(&Metrics::of_watched(pool.clone(), RunId::clone(snapshot), age));
    }
    tracing::info!(%pool, snapshot = snapshot_id.as_ref().map(tracing::field::display), age_seconds, "watched");
    Ok(WatchedPool { user_pool_id: pool, snapshot_id, age_seconds })
}
