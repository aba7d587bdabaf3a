//! Member scan: lists the members that a group of the own pool has.
//!
//! Most members of a repaired pool are in their groups already. A listing finds 60 of them with one
//! call. For a selection of few users, [`user_groups`](super::user_groups) may take fewer calls.

use super::entry::WorkEnd;
use super::state::Entries;
use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{GroupName, ListingCheckpoint, ListingPosition, RecordKind, RestoreUnit, UnitId};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Pages between two checkpoints.
const CHECKPOINT_EVERY: u32 = 20;

/// Whether the restore scans the members of its groups.
///
/// A later pass has little left to do, and the scan would be too old for it. A selection of few
/// users has fewer memberships than its groups have pages.
pub fn scans_members<B: Backend>(context: &Context<B>) -> bool {
    context.restore.target_pool().holds_most_entries() && context.restore.pass == 1 && !is_for_few(context)
}

fn is_for_few<B: Backend>(context: &Context<B>) -> bool {
    context.selection.as_ref().is_some_and(|selection| selection.select.is_some())
}

/// How a selection of few users tells a membership that it adds from one that the target had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayForFew {
    /// It lists the members of each group with a member that existed before.
    Scan,
    /// It looks up the groups of each selected user that existed before.
    LookUps,
}

/// The way that takes fewer calls for the members that existed before: at most one for each selected user. None if all
/// users are restored.
pub async fn way_for_few<B: Backend>(entries: &Entries<'_, B>) -> Result<Option<WayForFew>> {
    let Context { catalog, restore, .. } = entries.context;
    if !is_for_few(entries.context) {
        return Ok(None);
    }
    // Groups of another pool may be larger than in the snapshot. A scan is too old for a later pass.
    if !restore.target_pool().holds_most_entries() || restore.pass > 1 {
        return Ok(Some(WayForFew::LookUps));
    }
    let decide = || async {
        let units = catalog.restore_units(&restore.id).await?;
        let members = units.iter().filter(|unit| unit.listing.kind() == RecordKind::Membership);
        let pages: u64 = members.map(RestoreUnit::pages).sum();
        let scan = catalog.checkpoint(&CheckpointKey::selection_scan(&restore.id)).await?;
        let selected = scan.map_or(0, |scan| scan.selected);
        Ok(if pages <= selected { WayForFew::Scan } else { WayForFew::LookUps })
    };
    entries.way_for_few.get_or_try_init(decide).await.copied().map(Some)
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
