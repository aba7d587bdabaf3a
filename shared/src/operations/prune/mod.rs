//! Prune: removes snapshots, and the records that no other snapshot names.
//!
//! A record that a kept snapshot names must never be deleted. So:
//!
//! 1. The removal holds the pool's **export lease**. No export can find a record and name it
//!    meanwhile. Records are deleted in transactions that check the lease in the table (a
//!    [`Fence`](crate::ports::vault::Fence)). A removal that was suspended for an hour, and wakes
//!    up after another export, deletes nothing more.
//! 2. The header of each snapshot to remove is **marked**
//!    ([`SnapshotState::Pruning`](crate::model::SnapshotState::Pruning)). While the removal holds
//!    the lease, no run can import, copy or verify it, and `latest` skips it. Then the removal looks
//!    for imports. An import writes a [`Hold`](crate::model::Hold) and reads the header after that,
//!    so one of the two sees the other. If an import needs the snapshot, the removal removes the
//!    mark. A mark without a lease counts for nothing: see
//!    [`Catalog::as_readers_see`](crate::catalog::Catalog::as_readers_see).
//! 3. **Records** on the pages of marked snapshots are candidates. The removal reads every page of
//!    every other snapshot of the pool, sealed or not, of any attempt. A record that such a page
//!    names is no candidate. The same is true of the records of configurations, which the header
//!    names through a list, or checkpoints of a capture do. If such a page or list is missing or
//!    altered, the removal removes the marks and deletes nothing: the operator may need the snapshot
//!    before the damaged one. Otherwise the removal is **decided**, nothing undoes it, and the
//!    remaining candidates are deleted.
//! 4. **Pages and units go next, the header last.** While the header exists, the next removal finds
//!    the work and continues it.
//!
//! **Stored captures** hold configurations alone. No rule removes them, and each keeps all records that its list
//! names. The operator names those that go. No import uses them, so their headers get no mark before the
//! removal is decided. It is decided together with that of the snapshots.
//!
//! A removal may end at any call, and any later removal of the same pool continues it. Two removals
//! at once delete the same items. A removal that is stopped takes its undecided marks away. After a
//! crash, the next holder of the lease takes them away. Imports only read them, because they may write
//! no item of the source pool. Before it decides, a removal looks for holds once more: it may have
//! been suspended, and its lease may have ended meanwhile.
//!
//! Before all that, a snapshot that no rule keeps is compared with the next newer snapshot that stays.
//! Automatic retention holds it back if the pool has lost users since.
//!
//! Records are handled by position, a number made from the `sub`, as many at a time as fit into
//! memory. For each such range the removal reads all pages of users and groups of the pool's
//! snapshots once. One invocation must read a whole range.
//!
//! # Limits
//! Reads are strongly consistent only within a Region. So prune in the Region of the pool, where
//! its exports run. An import in another Region writes its hold there, and waits before it reads the
//! header. So one of the two still sees the other, if the replication is at most 10 seconds late. If it
//! is later, an import may find its snapshot removed after it has begun, and fails with that message. An
//! import that begins while a removal, whose lease has ended, is suspended between its last look for
//! holds and its decision fails with it, too.
//!
//! If an export dies after it wrote a record and before it wrote the page, no page names that
//! record. It stays in the table.

mod candidates;
mod comparison;
mod items;
mod marks;
mod plan;
mod records;
mod refusals;
mod report;
mod work;

use comparison::{Comparisons, UnderLease};
pub use plan::{Decision, Plan, Planned, PlannedCapture, RemovalReason, RemovalRequest, plan};
pub use report::{Advance, Ended, RemainingWork, Watch};
use work::{Captures, Work};

use crate::catalog::Catalog;
use crate::model::{Digest, DigestBuilder, PoolId, PruneCheckpoint, Pruned, Snapshot};
use crate::operations::HeldLease;
use crate::pacing::Budget;
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// Removes snapshots of a pool until all are gone or the time is spent.
///
/// # Errors
/// `SnapshotDamaged`, with no record deleted, if a page of a kept snapshot is missing or altered.
/// `LeaseLost` if the removal does not hold the export lease. The errors of [`plan()`]. The error
/// of a table that cannot be read or written. After any error the next removal continues.
pub async fn prune<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    wanted: &RemovalRequest,
    lease: &mut HeldLease<'_, V>,
    budget: Budget,
    watch: &mut impl Watch,
) -> Result<Ended> {
    lease.keep().await?;
    // A late invocation of an earlier removal may have left a checkpoint without comparisons.
    let stored = catalog.prune_checkpoint(pool).await?;
    let has_stored = stored.is_some();
    let compared = stored.map(|checkpoint| checkpoint.compared);
    let mut comparisons = Comparisons { all: compared.unwrap_or_default(), parts_done: 0 };
    let (now, mut upkeep) = (lease.now(), UnderLease { lease: &mut *lease, budget });
    let plan = plan::with_comparisons(catalog, pool, wanted, now, &mut comparisons, &mut upkeep).await?;
    let Some(plan) = plan else {
        let progressed = comparisons.parts_done > 0;
        put_comparisons(catalog, pool, comparisons).await?;
        let remaining = RemainingWork::Some { progressed };
        return Ok(Ended { plan: Plan::default(), removed: Pruned::default(), remaining });
    };
    let mut ended = work(catalog, pool, plan, lease, budget, watch).await;
    if ended.as_ref().is_err_and(|error| error.kind() != ErrorKind::LeaseLost) {
        marks::take_away(lease).await;
    }
    match &mut ended {
        // The next invocation has more time for the removal, because it need not compare again.
        Ok(Ended { remaining: RemainingWork::Some { progressed }, .. }) if comparisons.parts_done > 0 => {
            *progressed = true;
            put_comparisons(catalog, pool, comparisons).await?;
        }
        // If snapshots were removed, the checkpoint is gone.
        Ok(Ended { remaining: RemainingWork::None, removed, .. }) if has_stored && removed.snapshots == 0 => {
            catalog.forget_prune_checkpoint(pool).await?;
        }
        _ => {}
    }
    ended
}

/// Leaves the comparisons to the next invocation.
async fn put_comparisons<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    comparisons: Comparisons,
) -> Result<()> {
    let stored = catalog.prune_checkpoint(pool).await?;
    let stored = stored.unwrap_or_else(|| PruneCheckpoint::at(Digest::default(), Some(0)));
    let checkpoint = PruneCheckpoint { compared: comparisons.all, ..stored };
    catalog.put_prune_checkpoint(pool, &checkpoint).await
}

async fn work<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    mut plan: Plan,
    lease: &mut HeldLease<'_, V>,
    budget: Budget,
    watch: &mut impl Watch,
) -> Result<Ended> {
    let marked = marks::mark(catalog, pool, &mut plan, lease).await?;
    let (going, staying): (Vec<&Planned>, Vec<&Planned>) =
        plan.snapshots.iter().partition(|planned| matches!(planned.fate, Decision::Removed(_)));
    let snapshots =
        |some: Vec<&Planned>| some.into_iter().map(|planned| planned.snapshot.clone()).collect::<Vec<_>>();
    let (going, staying) = (snapshots(going), snapshots(staying));
    let captures = Captures::of(&plan);
    if going.is_empty() && captures.going.is_empty() {
        return Ok(Ended { plan, removed: Pruned::default(), remaining: RemainingWork::None });
    }
    let undecided = captures.undecided.clone();
    let mut work =
        Work { catalog, pool, lease, budget, watch, marked, undecided, advance: Advance::of(&plan) };
    let remaining = work.remove(&going, &staying, &captures).await?;
    let removed = work.advance.removed;
    Ok(Ended { plan, removed, remaining })
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Removes marked snapshots and stored captures: the records that only they name, and then their items. The captures
    /// come first, and then the snapshots, the oldest first.
    async fn remove(
        &mut self,
        going: &[Snapshot],
        staying: &[Snapshot],
        captures: &Captures,
    ) -> Result<RemainingWork> {
        let ids = going.iter().map(|snapshot| &snapshot.id);
        let ids = ids.chain(captures.going.iter().map(|capture| &capture.id));
        let removal_digest = ids.fold(DigestBuilder::new("prune"), |digest, id| digest.text(id.as_str()));
        let removal_digest = removal_digest.finish();
        // A checkpoint of another set of snapshots says nothing about this set.
        let is_of_these = |there: &PruneCheckpoint| {
            there.snapshots == removal_digest && self.marked.is_empty() && self.undecided.is_empty()
        };
        let checkpoint = self.catalog.prune_checkpoint(self.pool).await?.filter(is_of_these);
        let begun = checkpoint.unwrap_or(PruneCheckpoint::at(removal_digest, Some(0)));
        if let Some(from) = begun.next_place
            && let RemainingWork::Some { progressed } =
                self.remove_records(removal_digest, from, (going, staying), captures).await?
        {
            return Ok(RemainingWork::Some { progressed });
        }
        let mut progressed = begun.next_place.is_some();
        for (at, capture) in captures.going.iter().enumerate().rev() {
            self.lease.keep().await?;
            if at == 0 && going.is_empty() {
                self.catalog.forget_prune_checkpoint(self.pool).await?;
            }
            self.remove_capture(capture).await?;
            progressed = true;
        }
        for (at, snapshot) in going.iter().enumerate().rev() {
            if !self.remove_items(snapshot, &mut progressed).await? {
                return Ok(RemainingWork::Some { progressed });
            }
            // The checkpoint goes before the last header, because without a header no removal would
            // look for it.
            if at == 0 {
                self.catalog.forget_prune_checkpoint(self.pool).await?;
            }
            self.remove_header(snapshot).await?;
            progressed = true;
        }
        Ok(RemainingWork::None)
    }
}
