//! Which restores into a pool have a sub map that counts.

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{PoolId, Restore, RunId, TargetPool};
use crate::ports::vault::ReadVault;

/// The most restores whose sub maps are read, the newest ones.
const MAX_RESTORES: u32 = 1_000;

/// The restores into `pool` whose sub maps count for a snapshot of `source`, oldest first.
///
/// [`TargetPool::follows_repairs`] says which restores count.
pub(super) async fn with_sub_maps<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    source: &PoolId,
    snapshot: &RunId,
) -> Result<Vec<Restore>> {
    let counts = |restore: &Restore| {
        if TargetPool::of(source, pool).follows_repairs() {
            restore.target_pool() == TargetPool::Own
        } else {
            restore.snapshot == *snapshot
        }
    };
    let newest_first = catalog.restores_with_sub_maps(pool, MAX_RESTORES, counts).await?;
    Ok(newest_first.into_iter().rev().collect())
}
