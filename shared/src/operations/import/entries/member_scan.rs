//! Member scan: lists the members that a group of the own pool has.
//!
//! Most members of a pool that is repaired are in their groups already. A listing finds 60 of them with one call.

use super::entry::WorkEnd;
use super::state::Entries;
use crate::Result;
use crate::model::{GroupName, ListingCheckpoint, RestoreUnit, UnitId};
use crate::operations::import::break_offs;
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Pages between two checkpoints.
const CHECKPOINT_EVERY: u32 = 20;

/// Whether the restore scans the members of its groups.
///
/// A later pass has little left to do, and the scan would be too old for it. A few selected users have fewer memberships than
/// their groups have pages.
pub fn scans_members<B: Backend>(context: &Context<B>) -> bool {
    let is_for_few = context.selection.as_ref().is_some_and(|selection| selection.select.is_some());
    context.restore.is_repair() && context.restore.pass == 1 && !is_for_few
}

/// Scans the members of a unit's group, if the restore does that.
pub async fn run<B: Backend>(entries: &Entries<'_, B>, unit: &RestoreUnit, group: &GroupName) -> Result<WorkEnd> {
    if !scans_members(entries.context) {
        return Ok(WorkEnd::Done);
    }
    let Context { catalog, restore, .. } = entries.context;
    let id = unit.id();
    let mut state = catalog.gathering(&restore.id, &id).await?;
    let mut pages = 0;
    while !state.done {
        state = scan_page(entries.context, &id, group, state).await?;
        pages += 1;
        let is_spent = !entries.workers.may_start();
        if state.done || is_spent || pages % CHECKPOINT_EVERY == 0 {
            let next = ListingCheckpoint { step: state.step + 1, ..state };
            state = catalog.put_gathering(&restore.id, &id, &next).await?;
        }
        if is_spent && !state.done {
            return Ok(WorkEnd::OutOfTime);
        }
    }
    Ok(WorkEnd::Done)
}

async fn scan_page<B: Backend>(
    context: &Context<B>,
    unit: &UnitId,
    group: &GroupName,
    state: ListingCheckpoint,
) -> Result<ListingCheckpoint> {
    let Context { pool, catalog, restore, .. } = context;
    let listed = match pool.list_members(group, state.token.as_deref()).await {
        Ok(listed) if state.token.is_none() || listed.next_token != state.token => listed,
        // The pool exists, so the group is missing: it has no members.
        Err(error) if error.kind == PoolErrorKind::NotFound => {
            return Ok(ListingCheckpoint { done: true, token: None, ..state });
        }
        Err(error) if error.kind != PoolErrorKind::InvalidParameter || state.token.is_none() => {
            return Err(context.refused(error));
        }
        _ => {
            let broken_off = break_offs::count(&state.broken_off, &restore.execution, pool.id(), &unit.to_string())?;
            return Ok(ListingCheckpoint { broken_off, token: None, ..state });
        }
    };
    catalog.put_joined(&restore.id, unit, &listed.entries).await?;
    Ok(ListingCheckpoint { done: listed.next_token.is_none(), token: listed.next_token, ..state })
}
