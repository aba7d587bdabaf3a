//! Marks in headers: written, decided, or removed.

use jiff::Timestamp;

use super::plan::{Decision, Plan, RemovalReason};
use super::report::Watch;
use super::work::Work;
use crate::Result;
use crate::catalog::{Catalog, Marked};
use crate::model::{PoolId, RunId};
use crate::operations::HeldLease;
use crate::ports::vault::Vault;

/// Whether a header was marked.
enum Mark {
    Put(Box<Marked>),
    /// The removal is decided, or done.
    NotNeeded,
    /// An import needs the snapshot, or another removal changed the mark.
    InTheWay {
        /// When the lease of that import ends.
        held_until: Option<Timestamp>,
    },
}

/// Marks the snapshots to remove, the oldest first. Returns the marks. A snapshot that an import
/// has begun to need stays. If an earlier removal left a mark on a kept snapshot, the mark is
/// removed.
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
                Mark::InTheWay { held_until } => planned.fate = Decision::InUse { held_until },
            },
            Decision::Kept(_) | Decision::HeldBack | Decision::InUse { .. }
                if planned.snapshot.removal.is_some() =>
            {
                catalog.take_mark_away(pool, id).await?;
            }
            Decision::Kept(_) | Decision::HeldBack | Decision::InUse { .. } => {}
        }
    }
    Ok(marks)
}

/// Marks a snapshot, then looks for imports. An import writes its hold, then reads the header. So
/// one of the two always sees the other.
async fn put<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    id: &RunId,
    lease: &HeldLease<'_, V>,
) -> Result<Mark> {
    let Some(marked) = catalog.mark_for_removal(pool, id).await? else {
        let there = catalog.snapshot(pool, id).await?;
        let goes = there.is_none_or(|there| there.lasting_state().is_none());
        return Ok(if goes { Mark::NotNeeded } else { Mark::InTheWay { held_until: None } });
    };
    if let Some(held_until) = catalog.held_until(id, lease.now()).await? {
        catalog.take_mark_away(pool, id).await?;
        return Ok(Mark::InTheWay { held_until: Some(held_until) });
    }
    Ok(Mark::Put(Box::new(marked)))
}

/// Takes undecided marks away after an error. If that fails too, they count for nothing as soon as
/// the lease ends.
pub(super) async fn take_away<V: Vault>(lease: &HeldLease<'_, V>) {
    if let Err(error) = lease.take_undecided_marks_away().await {
        tracing::warn!(
            error = error.kind().name(),
            "marks of a removal stay on snapshots until its lease ends"
        );
    }
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Decides the removal of every marked snapshot, and then that of stored captures. Returns false if another command changed a
    /// mark, or an import has begun to need a snapshot. Then the plan is out of date.
    pub(super) async fn decide(&mut self) -> Result<bool> {
        while let Some(marked) = self.marked.pop() {
            let (_, id) = marked.of();
            let is_held = self.catalog.held_until(id, self.lease.now()).await?.is_some();
            if is_held || !self.catalog.decide_removal(marked).await? {
                return Ok(false);
            }
        }
        while let Some(capture) = self.undecided.pop() {
            self.catalog.decide_capture_removal(self.pool, &capture.id).await?;
        }
        Ok(true)
    }
}
