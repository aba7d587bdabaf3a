//! Marks on headers: put, taken away again, or made to stay.

use super::plan::{Fate, Going, Plan};
use super::tenure::Tenure;
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{PoolId, RunId};
use crate::vault::Vault;

/// Decides the removal of what is to go, the oldest first. What an import began to rely on meanwhile stays, and so does what somebody
/// marked who did not get any further, if it is to stay by now.
pub(super) async fn settle<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    plan: &mut Plan,
    tenure: &mut Tenure<'_, V>,
) -> Result<()> {
    for planned in plan.snapshots.iter_mut().rev() {
        tenure.keep().await?;
        let id = &planned.snapshot.id;
        match planned.fate {
            Fate::Removed(Going::Begun) => {}
            Fate::Removed(_) => {
                if !decide(catalog, pool, id, tenure).await? {
                    planned.fate = Fate::InUse;
                }
            }
            Fate::Kept(_) | Fate::HeldBack | Fate::InUse if planned.snapshot.removal.is_some() => {
                catalog.take_mark_away(pool, id).await?;
            }
            Fate::Kept(_) | Fate::HeldBack | Fate::InUse => {}
        }
    }
    Ok(())
}

/// Marks a snapshot, looks at the imports, and decides; returns whether it goes.
async fn decide<V: Vault>(catalog: &Catalog<V>, pool: &PoolId, id: &RunId, tenure: &Tenure<'_, V>) -> Result<bool> {
    let Some(marked) = catalog.mark_for_removal(pool, id).await? else {
        // Somebody else decided it, or has removed it; or is at it, and the next removal will see.
        let there = catalog.snapshot(pool, id).await?;
        return Ok(there.is_none_or(|there| there.lasting_state().is_none()));
    };
    if catalog.is_held(id, tenure.now()).await? {
        catalog.take_mark_away(pool, id).await?;
        return Ok(false);
    }
    catalog.decide_removal(marked).await
}
