//! Prune: removes snapshots that nobody wants any more, and the records that no other snapshot names.
//!
//! What must never happen is that a record goes which a snapshot that stays names. So:
//!
//! 1. Whoever prunes holds the pool's **export lease**: no export can find meanwhile that a record is there already, and name it. Records
//!    are deleted in transactions that look at the lease themselves (a [`Fence`](crate::ports::vault::Fence)). Whoever was suspended for an hour,
//!    and wakes up after another export, deletes nothing more.
//! 2. The header of a snapshot that is to go is **marked** ([`SnapshotState::Pruning`](crate::model::SnapshotState::Pruning)). From then on it is not `latest`, and cannot be
//!    imported, copied or compared with. Then imports are looked at: one that relies on a snapshot says so (a [`Hold`](crate::model::Hold)),
//!    and reads the header after that, so that one of the two sees the other. Where one is at work, the mark is taken away again.
//! 3. **Records** that the pages of marked snapshots name are candidates. Every page of every other snapshot of the pool, of any attempt,
//!    sealed or not, takes away what it names. If one of those pages is missing or altered, the marks are taken away and nothing is
//!    deleted: whoever finds a snapshot damaged may need the one before it. Otherwise the removal is **decided**, nothing takes it back any
//!    more, and what is left of the candidates is deleted.
//! 4. **Pages, units, and the header last**: as long as the header is there, the removal can be found and gone on with.
//!
//! A removal may end at any call, and be gone on with by anybody who prunes the same pool. Two at once delete the same.
//!
//! Records are worked on by their place, a number made from the `sub`: as many at a time as fit into memory. For each such range all pages
//! of users and groups of the pool's snapshots are read once; a range has to be read within one invocation.
//!
//! # What it does not see
//! Reads are strongly consistent within a Region. Exports take place in the Region of the pool, and that is where to prune. An import
//! in another Region takes hold there; that gets here within seconds, and one that begins in these very seconds may find its snapshot
//! removed: it then fails and says so.
//!
//! A record that an export wrote before it died, and before the page that names it, is named by nobody and found by nobody. It stays.

mod candidates;
mod held_lease;
mod items;
mod marks;
mod plan;
mod records;
mod refusals;
mod report;

pub use held_lease::HeldLease;
pub use plan::{Decision, Plan, Planned, RemovalReason, RemovalRequest, plan};
pub use report::{Advance, Ended, Left, Watch};

use crate::Result;
use crate::catalog::{Catalog, Marked};
use crate::model::{DigestBuilder, PoolId, PruneCheckpoint, Pruned, Snapshot};
use crate::pacing::Budget;
use crate::ports::vault::Vault;

/// Removes the snapshots of a pool that are not wanted, until that is done or the time is spent.
///
/// # Errors
/// `SnapshotDamaged`, with no record deleted, when a page of a snapshot that stays is missing or altered; `LeaseLost` when the lease on the
/// pool's exports is not, or not any more, that of `tenure`; as [`plan()`]; and when the table cannot be read or written. Whatever the
/// error, the next removal goes on where this one was.
pub async fn prune<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    wanted: &RemovalRequest,
    tenure: &mut HeldLease<'_, V>,
    budget: Budget,
    watch: &mut impl Watch,
) -> Result<Ended> {
    tenure.keep().await?;
    let mut plan = plan::plan(catalog, pool, wanted, tenure.now()).await?;
    let marked = marks::mark(catalog, pool, &mut plan, tenure).await?;

    let (going, staying): (Vec<&Planned>, Vec<&Planned>) =
        plan.snapshots.iter().partition(|planned| matches!(planned.fate, Decision::Removed(_)));
    let snapshots = |some: Vec<&Planned>| some.into_iter().map(|planned| planned.snapshot.clone()).collect::<Vec<_>>();
    let (going, staying) = (snapshots(going), snapshots(staying));
    if going.is_empty() {
        return Ok(Ended { plan, removed: Pruned::default(), left: Left::Nothing });
    }
    let mut work = Work { catalog, pool, tenure, budget, watch, marked, advance: Advance::of(&plan) };
    let left = work.remove(&going, &staying).await;
    let Work { marked: undecided, advance: Advance { removed, .. }, .. } = work;
    if left.is_err() {
        marks::take_away(catalog, undecided).await;
    }
    let left = left?;
    Ok(Ended { plan, removed, left })
}

/// A removal under work.
struct Work<'a, 'b, V, W> {
    catalog: &'a Catalog<V>,
    pool: &'a PoolId,
    tenure: &'a mut HeldLease<'b, V>,
    budget: Budget,
    watch: &'a mut W,
    /// Those whose removal is not decided yet.
    marked: Vec<Marked>,
    advance: Advance,
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Removes snapshots that are marked: what only they name, and then themselves, the oldest first.
    async fn remove(&mut self, going: &[Snapshot], staying: &[Snapshot]) -> Result<Left> {
        let together = going.iter().fold(DigestBuilder::new("prune"), |digest, snapshot| digest.text(snapshot.id.as_str()));
        let together = together.finish();
        // What another set of snapshots was compared with says nothing of this one.
        let is_of_these = |there: &PruneCheckpoint| there.snapshots == together && self.marked.is_empty();
        let checkpoint = self.catalog.prune_checkpoint(self.pool).await?.filter(is_of_these);
        let begun = checkpoint.unwrap_or(PruneCheckpoint { snapshots: together, next_place: Some(0) });
        if let Some(from) = begun.next_place
            && let Left::Something { progressed } = self.remove_records(together, from, going, staying).await?
        {
            return Ok(Left::Something { progressed });
        }
        let mut progressed = begun.next_place.is_some();
        for (at, snapshot) in going.iter().enumerate().rev() {
            if !self.remove_items(snapshot, &mut progressed).await? {
                return Ok(Left::Something { progressed });
            }
            // Before the last header: without one, nobody would look for what is left.
            if at == 0 {
                self.catalog.forget_prune_checkpoint(self.pool).await?;
            }
            self.remove_header(snapshot).await?;
            progressed = true;
        }
        Ok(Left::Nothing)
    }
}
