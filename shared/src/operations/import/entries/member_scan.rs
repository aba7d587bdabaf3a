//! Member scan: lists the members that a group of the own pool has.
//!
//! Most members of a repaired pool are in their groups already. A listing finds 60 of them with one
//! call.

use super::entry::WorkEnd;
use super::state::Entries;
use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{GroupName, ListingCheckpoint, ListingPosition, RestoreUnit, UnitId};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Pages between two checkpoints.
const CHECKPOINT_EVERY: u32 = 20;
/// The most pages of a group, of the snapshot, that the restore scans for a few selected users.
const MAX_PAGES_FOR_FEW: u64 = 10;

/// Whether the restore scans the members of its groups.
///
/// A later pass has little left to do, and the scan would be too old for it. A selection of few
/// users has fewer memberships than its groups have pages.
pub fn scans_members<B: Backend>(context: &Context<B>) -> bool {
    let is_for_few = context.selection.as_ref().is_some_and(|selection| selection.select.is_some());
    context.restore.target_pool().holds_most_entries() && context.restore.pass == 1 && !is_for_few
}

/// Whether a selection of few users scans the members of a group with a member that existed before.
/// Otherwise the restore could not tell a membership that it adds from one that was there.
pub fn scans_for_few<B: Backend>(context: &Context<B>, unit: &RestoreUnit) -> bool {
    context.restore.target_pool().holds_most_entries()
        && context.restore.pass == 1
        && !scans_members(context)
        && unit.pages() <= MAX_PAGES_FOR_FEW
}

/// Scans the members of a unit's group, if [`scans_members`].
pub async fn run<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    group: &GroupName,
) -> Result<WorkEnd> {
    if !scans_members(entries.context) {
        return Ok(WorkEnd::Done);
    }
    scan(entries, unit, group).await
}

/// Scans the members of a unit's group, unless an earlier scan has ended.
pub async fn scan<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    group: &GroupName,
) -> Result<WorkEnd> {
    let Context { catalog, restore, .. } = entries.context;
    let unit = unit.id();
    let key = CheckpointKey::member_scan(&restore.id, &unit);
    let state = catalog.checkpoint(&key).await?.unwrap_or_default();
    let last_state = catalog.work_through(&key, state, &mut MemberScan { entries, unit, group }).await?;
    Ok(if last_state.is_some() { WorkEnd::Done } else { WorkEnd::OutOfTime })
}

struct MemberScan<'a, B: Backend> {
    entries: &'a Entries<'a, B>,
    unit: UnitId,
    group: &'a GroupName,
}

impl<B: Backend> PagedWork for MemberScan<'_, B> {
    type State = ListingCheckpoint;

    async fn page(&mut self, state: ListingCheckpoint) -> Result<ListingCheckpoint> {
        let Context { pool, catalog, restore, .. } = self.entries.context;
        let mut listing = self.entries.context.resume_listing(&self.unit, state.position.clone());
        let (limit, sizes) = (listing.limit(), &self.entries.sizes);
        let mut in_flight = self.entries.members_in_flight.begin_page(|| sizes.page(limit)).await;
        let answer = pool.list_members(self.group, listing.limit(), listing.token()).await;
        if let Ok(listed) = &answer {
            sizes.note(listed.bytes);
            in_flight.has(listed.entries.len(), listed.bytes.sum);
        }
        if answer.as_ref().is_err_and(|error| error.kind == PoolErrorKind::NotFound) {
            // The pool exists, so the group is missing and has no members.
            let position = ListingPosition { token: None, ended: true, ..state.position };
            return Ok(ListingCheckpoint { position, ..state });
        }
        let members = listing.advance(answer)?.into_entries();
        catalog.put_members(&restore.id, &self.unit, &members).await?;
        Ok(ListingCheckpoint { position: listing.into_position(), ..state })
    }

    fn has_time(&self, _: &ListingCheckpoint) -> bool {
        self.entries.workers.may_start()
    }

    fn is_due(&self, pages: u32) -> bool {
        pages >= CHECKPOINT_EVERY
    }
}
