//! Member scan: lists the members that a group of the target has.
//!
//! Most members of a repaired pool are in their groups already. A listing finds 60 of them with one
//! call. Another pool in use may have them, too: then the restore lists the members of a group when it
//! comes to the first member that existed before. For a selection of few users,
//! [`user_groups`](super::user_groups) may take fewer calls.

use super::entry::{OpenPage, Turn, WorkEnd};
use super::snapshot_groups;
use super::state::Entries;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{
    Existing, GroupName, ListingCheckpoint, ListingPosition, RecordKind, RestoreUnit, UnitId,
};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::{ErrorKind, Result};

/// Pages between two checkpoints.
const CHECKPOINT_EVERY: u32 = 20;

/// Whether the restore scans the members of all its groups.
///
/// A later pass has little left to do, and the scan would be too old for it. A selection of few
/// users has fewer memberships than its groups have pages.
pub fn scans_members<B: Backend>(context: &Context<B>) -> bool {
    context.restore.target_pool().holds_most_entries() && context.restore.pass == 1 && !is_for_few(context)
}

fn is_for_few<B: Backend>(context: &Context<B>) -> bool {
    context.selection.as_ref().is_some_and(|selection| selection.select.is_some())
}

/// How the restore tells a membership that it adds from one that the target had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It lists the members of each group with a member that existed before.
    Scan {
        /// The most calls for a group. None if the listing goes to its end.
        max_calls: Option<u64>,
    },
    /// It looks up the groups of each selected user that existed before.
    LookUps,
}

/// The way for a page with `older` members that existed before. None if all members of groups are scanned, or if the
/// restore adds every member.
pub async fn way<B: Backend>(
    entries: &Entries<'_, B>,
    page: &OpenPage<'_>,
    group: &GroupName,
    older: usize,
) -> Result<Option<Way>> {
    if older == 0 {
        Ok(None)
    } else if is_for_few(entries.context) {
        way_for_few(entries).await.map(Some)
    } else if is_for_pool_in_use(entries.context) && !snapshot_groups::is_created(entries, group).await? {
        // Ahead of its turn, a page does not say yet how many of its members existed before.
        let may_be_older = if page.turn == Turn::Ahead { page.open.len() } else { older };
        // Each call may save up to 60, if the other pages are like this one.
        let max_calls = Some(may_be_older as u64 * page.unit.pages());
        Ok(Some(Way::Scan { max_calls }))
    } else {
        Ok(None)
    }
}

/// Whether the restore works on all users, in another pool that may have had users.
///
/// A scan is too old for a later pass, which has few members left.
fn is_for_pool_in_use<B: Backend>(context: &Context<B>) -> bool {
    let restore = &context.restore;
    !restore.target_pool().holds_most_entries()
        && restore.options.existing != Existing::Fail
        && restore.pass == 1
}

/// The way that takes fewer calls for the members that existed before: at most one for each selected user.
async fn way_for_few<B: Backend>(entries: &Entries<'_, B>) -> Result<Way> {
    let Context { catalog, restore, .. } = entries.context;
    // Groups of another pool may be larger than in the snapshot. A scan is too old for a later pass.
    if !restore.target_pool().holds_most_entries() || restore.pass > 1 {
        return Ok(Way::LookUps);
    }
    let decide = || async {
        let units = catalog.restore_units(&restore.id).await?;
        let members = units.iter().filter(|unit| unit.listing.kind() == RecordKind::Membership);
        let pages: u64 = members.map(RestoreUnit::pages).sum();
        let scan = catalog.checkpoint(&CheckpointKey::selection_scan(&restore.id)).await?;
        let selected = scan.map_or(0, |scan| scan.selected);
        Ok(if pages <= selected { Way::Scan { max_calls: None } } else { Way::LookUps })
    };
    entries.way_for_few.get_or_try_init(decide).await.copied()
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
    scan(entries, unit, group, None).await
}

/// Scans the members of a unit's group for its pages, which are restored side by side. The first page that needs the
/// scan makes it for all.
pub async fn scan_for_pages<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    group: &GroupName,
    max_calls: Option<u64>,
) -> Result<WorkEnd> {
    let of_unit = entries.scans.lock().await.entry(unit.id()).or_default().clone();
    of_unit.get_or_try_init(|| scan(entries, unit, group, max_calls)).await.copied()
}

/// Scans the members of a group of the target for a unit, unless an earlier scan has ended. After `max_calls` it ends
/// early.
async fn scan<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    group: &GroupName,
    max_calls: Option<u64>,
) -> Result<WorkEnd> {
    let Context { catalog, restore, .. } = entries.context;
    let unit = unit.id();
    let key = CheckpointKey::member_scan(&restore.id, &unit);
    let state = catalog.checkpoint(&key).await?.unwrap_or_default();
    let last_state =
        catalog.work_through(&key, state, &mut MemberScan { entries, unit, group, max_calls }).await?;
    Ok(if last_state.is_some() { WorkEnd::Done } else { WorkEnd::OutOfTime })
}

struct MemberScan<'a, B: Backend> {
    entries: &'a Entries<'a, B>,
    unit: UnitId,
    group: &'a GroupName,
    max_calls: Option<u64>,
}

impl<B: Backend> MemberScan<'_, B> {
    /// Whether the restore goes on without the listing of this group.
    fn gives_no_members(&self, error: ErrorKind) -> bool {
        match error {
            ErrorKind::CallRefused | ErrorKind::ListingFailed => true,
            // These speak of all groups. The next invocation tries again a listing that saves many calls: most members of
            // the own pool are in their groups.
            ErrorKind::Throttled | ErrorKind::ServiceUnavailable => self.max_calls.is_some(),
            _ => false,
        }
    }
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
        let members = match listing.advance(answer) {
            Ok(listed) => listed.into_entries(),
            // A scan only tells which memberships were there. The restore adds every member that it did not list, and
            // counts it as created. To add a member again has no effect.
            Err(error) if self.gives_no_members(error.kind()) => {
                tracing::warn!(error = %error, "the members of a group cannot be listed: all others are added");
                let position = ListingPosition { token: None, ended: true, ..state.position };
                return Ok(ListingCheckpoint { position, ..state });
            }
            Err(error) => return Err(error),
        };
        catalog.put_members(&restore.id, &self.unit, &members).await?;
        let listed = state.listed + 1;
        let mut position = listing.into_position();
        if self.max_calls.is_some_and(|max| listed >= max) {
            position = ListingPosition { token: None, ended: true, ..position };
        }
        Ok(ListingCheckpoint { listed, position, ..state })
    }

    fn has_time(&self, _: &ListingCheckpoint) -> bool {
        self.entries.workers.may_start()
    }

    fn is_due(&self, pages: u32) -> bool {
        pages >= CHECKPOINT_EVERY
    }
}
