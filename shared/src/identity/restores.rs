//! Which restores into a pool have a sub map that counts.

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{PoolId, Restore, RunId};
use crate::ports::vault::ReadVault;

/// How many of the newest restores into a pool are searched.
const MAX_RESTORES: u32 = 100;

/// The restores into `pool` whose sub maps count for a snapshot of `source`, oldest first.
///
/// In the own pool, all repairs count, of any snapshot, because a later repair may have created the
/// user of an earlier one again. In another pool, only the restores of this snapshot count.
pub(super) async fn with_sub_maps<V: ReadVault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    source: &PoolId,
    snapshot: &RunId,
) -> Result<Vec<Restore>> {
    let is_own_pool = pool == source;
    let counts =
        |restore: &Restore| if is_own_pool { restore.is_repair() } else { restore.snapshot == *snapshot };
    let newest_first = catalog.restores(pool, MAX_RESTORES).await?.into_iter();
    Ok(newest_first.rev().filter(counts).collect())
}
