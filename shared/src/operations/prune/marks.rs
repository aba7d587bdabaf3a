//! Marks in headers: put, decided, or taken away.

use super::held_lease::HeldLease;
use super::plan::{Decision, Plan, RemovalReason};
use super::report::Watch;
use super::work::Work;
use crate::Result;
use crate::catalog::{Catalog, Marked};
use crate::model::{PoolId, RunId};
use crate::ports::vault::Vault;

/// What happened to a header that was to be marked.
enum Mark {
    Put(Box<Marked>),
    /// The removal is decided, or done.
    NotNeeded,
    /// An import needs the snapshot, or another removal changed the mark.
    InTheWay,
}

/// Marks the snapshots to remove, the oldest first, and returns the marks. A snapshot that an import has
/// begun to need stays. A mark that an earlier removal left on a kept snapshot is taken away.
pub(super) async fn mark<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    plan: &mut Plan,
    lease: &mut HeldLease<'_, V>,
) -> Result<Vec<Marked>> {
    let mut marks = Vec::new();
    for planned in plan.snapshots.iter_mut().rev() {
        lease.keep().await?;
        let id = &planned.snapshot.id;
        match planned.fate {
            Decision::Removed(RemovalReason::Begun) => {}
            Decision::Removed(_) => match put(catalog, pool, id, lease).await? {
                Mark::Put(marked) => marks.push(*marked),
                Mark::NotNeeded => {}
                Mark::InTheWay => planned.fate = Decision::InUse,
            },
            Decision::Kept(_) | Decision::HeldBack | Decision::InUse
                if planned.snapshot.removal.is_some() =>
            {
                catalog.take_mark_away(pool, id).await?;
            }
            Decision::Kept(_) | Decision::HeldBack | Decision::InUse => {}
        }
    }
    Ok(marks)
}

/// Marks a snapshot and then looks for imports. The order matters: an import writes its hold and then reads
/// the header, so one of the two sees the other.
async fn put<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    id: &RunId,
    lease: &HeldLease<'_, V>,
) -> Result<Mark> {
    let Some(marked) = catalog.mark_for_removal(pool, id).await? else {
        let there = catalog.snapshot(pool, id).await?;
        let goes = there.is_none_or(|there| there.lasting_state().is_none());
        return Ok(if goes { Mark::NotNeeded } else { Mark::InTheWay });
    };
    if catalog.is_held(id, lease.now()).await? {
        catalog.take_mark_away(pool, id).await?;
        return Ok(Mark::InTheWay);
    }
    Ok(Mark::Put(Box::new(marked)))
}

/// Takes marks away after an error. If that fails, too, the next removal takes them away or decides.
pub(super) async fn take_away<V: Vault>(catalog: &Catalog<V>, marks: Vec<Marked>) {
    for marked in marks {
        let (pool, id) = marked.of();
        if let Err(error) = catalog.take_mark_away(pool, id).await {
            tracing::warn!(run = %id, error = error.kind().name(), "the mark of a removal stays on a snapshot until the next removal");
        }
    }
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Decides the removal of every marked snapshot. Returns false if another removal changed a mark: then
    /// what is known of imports and candidates is out of date.
    pub(super) async fn decide(&mut self) -> Result<bool> {
        while let Some(marked) = self.marked.pop() {
            if !self.catalog.decide_removal(marked).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
