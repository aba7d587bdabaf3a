//! Watch: measures how old the newest sealed snapshot of each pool is, whether or not exports run at all.

use super::event::WatchEvent;
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Metrics, WatchReport, WatchedPool};
use crate::ports::Backend;

/// Measures. A pool without any sealed snapshot has no age and is left out of the metrics: an alarm takes the silence for a breach.
pub(super) async fn watch<B: Backend>(backend: &B, event: WatchEvent) -> Result<WatchReport> {
    let catalog = Catalog::new(backend.vault());
    let mut pools = Vec::with_capacity(event.user_pool_ids.len());
    for pool in event.user_pool_ids {
        let newest = catalog.newest_sealed(&pool, None).await?;
        let newest = newest.and_then(|newest| newest.seal.map(|seal| (newest.id, seal.sealed_at)));
        let age = newest.as_ref().map(|(_, sealed_at)| backend.clock().now().duration_since(*sealed_at).as_secs_f64().max(0.0));
        if let Some(((snapshot, _), age)) = newest.as_ref().zip(age) {
            backend.measure(&Metrics::of_watched(pool.clone(), snapshot.clone(), age));
        }
        let snapshot_id = newest.map(|(snapshot, _)| snapshot);
        tracing::info!(%pool, snapshot = snapshot_id.as_ref().map(tracing::field::display), age_seconds = age, "watched");
        pools.push(WatchedPool { user_pool_id: pool, snapshot_id, age_seconds: age });
    }
    Ok(WatchReport { pools })
}
