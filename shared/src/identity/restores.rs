//! Which restores into a pool have a sub map that counts.

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{PoolId, Restore, RunId, TargetPool};
use crate::ports::vault::ReadVault;

/// How many of the newest restores into a pool are searched.
const MAX_RESTORES: u32 = 100;

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
    let newest_first = catalog.restores_with_sub_maps(pool, MAX_RESTORES).await?.into_iter();
    Ok(newest_first.rev().filter(counts).collect())
}
