//! Memberships: restored users are added to their groups. The sub map says which user of the target
//! each member is.

use std::collections::{HashMap, HashSet};

use super::entry::{Handled, OpenPage, Turn, WorkEnd};
use super::groups::{self, GroupOfMember};
use super::member_scan::{self, Way, scans_members};
use super::snapshot_groups;
use super::state::Entries;
use super::user_groups;
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
    /// What the group lacks, if this restore created it for a selected member.
    group_lacks: Option<Reason>,
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
    let is_older = |user: &&RestoredUser| matches!(user.origin, Origin::Found | Origin::SignedIn);
    let older: Vec<_> =
        sub_map.values().filter_map(|entry| entry.restored.as_ref()).filter(is_older).collect();
    let name_in_target = snapshot_groups::name_in_target(entries, group).await?;
    let subs_of = |users: Vec<&RestoredUser>| users.into_iter().filter_map(|user| user.sub.clone()).collect();
    let unit = page.unit.id();
    let in_group = match member_scan::way(entries, page, group, older.len()).await? {
        Some(Way::Scan { max_calls }) => {
            let scanned = member_scan::scan_for_pages(entries, page.unit, &name_in_target, max_calls).await?;
            if scanned == WorkEnd::OutOfTime {
                return Ok(Worked { done: Vec::new(), error: None });
            }
            let older: Vec<_> = subs_of(older);
            catalog.members_among(&restore.id, &unit, &older).await?
        }
        Some(Way::LookUps) => user_groups::in_group(entries, &older, &name_in_target).await?,
        None if scans_members(entries.context) => {
            let restored: Vec<_> =
                subs_of(sub_map.values().filter_map(|entry| entry.restored.as_ref()).collect());
            catalog.members_among(&restore.id, &unit, &restored).await?
        }
        None => HashSet::new(),
    };
    let is_restored = |entry: &SubMapEntry| entry.origin().is_some_and(|origin| origin != Origin::Kept);
    let mut group_lacks = None;
    // The ledger names no such group. So the restore looks at its role before it adds a member.
    if sub_map.values().any(is_restored) && snapshot_groups::is_created_with_role(entries, group).await? {
        match groups::create_for_member(entries, page.unit, group, !page.without_role.is_empty()).await? {
            GroupOfMember::Exists { lacks, .. } => group_lacks = lacks,
            // Each member has its own attempt.
            GroupOfMember::Refused(_) => {}
        }
    }
    let lookups = MemberLookups { sub_map, in_group, name_in_target, group_lacks };
    let restore_member = |sub| restore_member(entries, sub, page, group, &lookups);
    let members = page.open.iter().copied().zip(subs.into_iter().map(restore_member)).collect();
    Ok(entries.workers.run(page.unit.listing.kind(), members, &entries.handled).await)
}

async fn restore_member<B: Backend>(
    entries: &Entries<'_, B>,
    sub: Sub,
    page: &OpenPage<'_>,
    group: &GroupName,
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
        _ if page.turn == Turn::Ahead => return Ok(Outcome::Pending.into()),
        Some(None) => {
            let reason = left_out.map_or(Reason::UserNotRestored, LeftOut::reason);
            return Ok(Outcome::Skipped { reason }.into());
        }
        // The sub map names every user that the restore handles.
        None if is_selection => return Ok(Outcome::Skipped { reason: Reason::NotSelected }.into()),
        None => return Ok(Outcome::Skipped { reason: Reason::MemberWithoutUser }.into()),
    };
    let handled = if user.sub.as_ref().is_some_and(|sub| lookups.in_group.contains(sub)) {
        Outcome::AlreadyThere.into()
    } else {
        add_member(entries, user, page, group, &lookups.name_in_target).await?
    };
    Ok(match (&handled.outcome, &lookups.group_lacks) {
        (Outcome::Created | Outcome::AlreadyThere, Some(reason)) => {
            Handled { outcome: Outcome::CreatedWithout { reason: reason.clone() }, ..handled }
        }
        _ => handled,
    })
}

/// Adds a user to a group. A second call has no effect, so a lost reply needs no check.
async fn add_member<B: Backend>(
    entries: &Entries<'_, B>,
    user: &RestoredUser,
    page: &OpenPage<'_>,
    group: &GroupName,
    name_in_target: &GroupName,
) -> Result<Handled> {
    let Context { pool, selection, .. } = entries.context;
    let mut added = pool.add_to_group(&user.username, name_in_target).await;
    let (mut notes, mut group_lacks) = (Vec::new(), None);
    if selection.is_some() && added.as_ref().is_err_and(|error| error.kind == PoolErrorKind::NotFound) {
        // The first selected member that needs a group creates it.
        match groups::create_for_member(entries, page.unit, group, false).await? {
            GroupOfMember::Exists { lacks, notes: about_group } => {
                (group_lacks, notes) = (lacks, about_group)
            }
            GroupOfMember::Refused(outcome) => return Ok(outcome.into()),
        }
        added = pool.add_to_group(&user.username, name_in_target).await;
    }
    let outcome = match added {
        Ok(()) => group_lacks.map_or(Outcome::Created, |reason| Outcome::CreatedWithout { reason }),
        // Members that are not due must not slow down the users.
        Err(error)
            if page.turn == Turn::Ahead
                && matches!(
                    error.kind,
                    PoolErrorKind::Throttled | PoolErrorKind::Transient | PoolErrorKind::OutOfTime
                ) =>
        {
            entries.workers.stop_ahead();
            Outcome::Pending
        }
        Err(error) if error.kind == PoolErrorKind::NotFound => {
            // A group of a selected member was there or created just before.
            let was_there = selection.is_some() || snapshot_groups::is_present(entries, group).await?;
            let reason = if was_there { Reason::GroupMissing } else { Reason::GroupNotRestored };
            Outcome::Failed { reason }
        }
        Err(error) => entries.refused(error)?,
    };
    Ok(Handled { notes, ..outcome.into() })
}
