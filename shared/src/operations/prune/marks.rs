//! SeenUsers on headers: put, made to stay, or taken away again.

use super::held_lease::HeldLease;
use super::plan::{Decision, Plan, RemovalReason};
use super::{Watch, Work};
use crate::Result;
use crate::catalog::{Catalog, Marked};
use crate::model::{PoolId, RunId};
use crate::ports::vault::Vault;

/// What became of a header that was to be marked.
enum Mark {
    Put(Box<Marked>),
    /// It is bound to go, or gone.
    NotNeeded,
    /// An import is at work on the snapshot, or somebody else on the mark.
    InTheWay,
}

/// SeenUsers what is to go, the oldest first, and returns the marks. What an import began to rely on meanwhile stays, and a mark that somebody
/// left on what is to stay is taken away.
pub(super) async fn mark<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    plan: &mut Plan,
    tenure: &mut HeldLease<'_, V>,
) -> Result<Vec<Marked>> {
    let mut marks = Vec::new();
    for planned in plan.snapshots.iter_mut().rev() {
        tenure.keep().await?;
        let id = &planned.snapshot.id;
        match planned.fate {
            Decision::Removed(RemovalReason::Begun) => {}
            Decision::Removed(_) => match put(catalog, pool, id, tenure).await? {
                Mark::Put(marked) => marks.push(*marked),
                Mark::NotNeeded => {}
                Mark::InTheWay => planned.fate = Decision::InUse,
            },
            Decision::Kept(_) | Decision::HeldBack | Decision::InUse if planned.snapshot.removal.is_some() => {
                catalog.take_mark_away(pool, id).await?;
            }
            Decision::Kept(_) | Decision::HeldBack | Decision::InUse => {}
        }
    }
    Ok(marks)
}

/// SeenUsers a snapshot and looks at the imports, in that order.
async fn put<V: Vault>(catalog: &Catalog<V>, pool: &PoolId, id: &RunId, tenure: &HeldLease<'_, V>) -> Result<Mark> {
    let Some(marked) = catalog.mark_for_removal(pool, id).await? else {
        let there = catalog.snapshot(pool, id).await?;
        let goes = there.is_none_or(|there| there.lasting_state().is_none());
        return Ok(if goes { Mark::NotNeeded } else { Mark::InTheWay });
    };
    if catalog.is_held(id, tenure.now()).await? {
        catalog.take_mark_away(pool, id).await?;
        return Ok(Mark::InTheWay);
    }
    Ok(Mark::Put(Box::new(marked)))
}

/// Takes marks away after an error. Where that fails, too, the next removal does so, or decides.
pub(super) async fn take_away<V: Vault>(catalog: &Catalog<V>, marks: Vec<Marked>) {
    for marked in marks {
        let (pool, id) = marked.of();
        if let Err(error) = catalog.take_mark_away(pool, id).await {
            tracing::warn!(run = %id, error = error.kind().name(), "the mark of a removal stays on a snapshot until the next removal");
        }
    }
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Decides the removal of everything that is marked. Returns false where somebody else was at a mark: what is known of the imports, and of
    /// what may go, is out of date then.
    pub(super) async fn decide(&mut self) -> Result<bool> {
        while let Some(marked) = self.marked.pop() {
            if !self.catalog.decide_removal(marked).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
