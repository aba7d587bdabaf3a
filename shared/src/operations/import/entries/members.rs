//! Memberships: restored users are added to their groups. The sub map says which user of the target
//! each member is.

use std::collections::{HashMap, HashSet};

use super::entry::{Handled, OpenPage, Turn, WorkEnd};
use super::groups::{self, CreatedForMember};
use super::member_scan::{self, scans_for_few, scans_members};
use super::state::Entries;
use super::workers::Worked;
use crate::Result;
use crate::model::{GroupName, LeftOut, Origin, Outcome, Reason, RestoredUser, Sub, SubMapEntry};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// What the table says about the members on a page.
struct MemberLookups {
    sub_map: HashMap<Sub, SubMapEntry>,
    /// Users of the target that are in the group already, by `sub` in the target.
    in_group: HashSet<Sub>,
    /// The name of the group in the target.
    name_in_target: GroupName,
}

/// Restores the open memberships of a page.
pub async fn restore<B: Backend>(
    entries: &Entries<'_, B>,
    page: &OpenPage<'_>,
    group: &GroupName,
) -> Result<Worked> {
    let Context { catalog, restore, .. } = entries.context;
    let subs: Vec<_> = page.open.iter().map(|&place| Sub::new(page.key(place))).collect();
    let sub_map = catalog.sub_map(restore, &subs).await?;
    let mut in_group = HashSet::new();
    let mut is_scanned = scans_members(entries.context);
    let had_user = |entry: &SubMapEntry| entry.origin() == Some(Origin::Found);
    if scans_for_few(entries.context, page.unit) && sub_map.values().any(had_user) {
        // The pages of a unit are restored side by side, and the first one scans for all.
        let _scanning = entries.scanning.lock().await;
        if member_scan::scan(entries, page.unit, group).await? == WorkEnd::OutOfTime {
            return Ok(Worked { done: Vec::new(), error: None });
        }
        is_scanned = true;
    }
    if is_scanned {
        let target_sub = |entry: &SubMapEntry| entry.restored.as_ref().and_then(|user| user.sub.clone());
        let target_subs: Vec<_> = sub_map.values().filter_map(target_sub).collect();
        in_group = catalog.members_among(&restore.id, &page.unit.id(), &target_subs).await?;
    }
    let name_in_target = groups::name_in_target(entries, group).await?;
    let lookups = MemberLookups { sub_map, in_group, name_in_target };
    let restore_member = |sub| restore_member(entries, sub, group, page.turn, &lookups);
    let members = page.open.iter().copied().zip(subs.into_iter().map(restore_member)).collect();
    Ok(entries.workers.run(page.unit.listing.kind(), members, &entries.handled).await)
}

async fn restore_member<B: Backend>(
    entries: &Entries<'_, B>,
    sub: Sub,
    group: &GroupName,
    turn: Turn,
    lookups: &MemberLookups,
) -> Result<Handled> {
    let is_selection = entries.context.selection.is_some();
    let entry = lookups.sub_map.get(&sub);
    let left_out = entry.and_then(|entry| entry.left_out);
    let user = match entry.map(|entry| &entry.restored) {
        Some(Some(user)) if user.origin == Origin::Kept => {
            return Ok(Outcome::Skipped { reason: Reason::UserKept }.into());
        }
        Some(Some(user)) => user,
        // The restore may not have reached the user yet, or another page may list the user too.
        _ if turn == Turn::Ahead => return Ok(Outcome::Pending.into()),
        Some(None) => {
            let reason = left_out.map_or(Reason::UserNotRestored, LeftOut::reason);
            return Ok(Outcome::Skipped { reason }.into());
        }
        // The sub map names every user that the restore handles.
        None if is_selection => return Ok(Outcome::Skipped { reason: Reason::NotSelected }.into()),
        None => return Ok(Outcome::Skipped { reason: Reason::MemberWithoutUser }.into()),
    };
    if user.sub.as_ref().is_some_and(|sub| lookups.in_group.contains(sub)) {
        return Ok(Outcome::AlreadyThere.into());
    }
    add_member(entries, user, group, &lookups.name_in_target, turn).await
}

/// Adds a user to a group. A second call has no effect, so a lost reply needs no check.
async fn add_member<B: Backend>(
    entries: &Entries<'_, B>,
    user: &RestoredUser,
    group: &GroupName,
    name_in_target: &GroupName,
    turn: Turn,
) -> Result<Handled> {
    let Context { pool, selection, .. } = entries.context;
    let mut added = pool.add_to_group(&user.username, name_in_target).await;
    let mut notes = Vec::new();
    if selection.is_some() && added.as_ref().is_err_and(|error| error.kind == PoolErrorKind::NotFound) {
        // The first selected member that needs a group creates it.
        match groups::create_for_member(entries, group).await? {
            CreatedForMember::Exists(about_group) => notes = about_group,
            CreatedForMember::Refused(outcome) => return Ok(outcome.into()),
        }
        added = pool.add_to_group(&user.username, name_in_target).await;
    }
    let outcome = match added {
        Ok(()) => Outcome::Created,
        // Members that are not due must not slow down the users.
        Err(error)
            if turn == Turn::Ahead
                && matches!(
                    error.kind,
                    PoolErrorKind::Throttled | PoolErrorKind::Transient | PoolErrorKind::OutOfTime
                ) =>
        {
            entries.workers.stop_ahead();
            Outcome::Pending
        }
        Err(error) if error.kind == PoolErrorKind::NotFound => {
            Outcome::Failed { reason: Reason::GroupMissing }
        }
        Err(error) => entries.refused(error)?,
    };
    Ok(Handled { notes, ..outcome.into() })
}
