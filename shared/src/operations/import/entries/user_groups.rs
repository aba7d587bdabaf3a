//! User groups: looks up the groups of selected users that the target had before the restore.
//!
//! A group may have many members, and a selection few users. Then one call for each user takes fewer calls than the
//! listing of the members.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::state::Entries;
use crate::Result;
use crate::model::{GroupName, RestoredUser, Sub};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Users looked up at once.
const LOOK_UPS_AT_ONCE: usize = 16;

/// The users of this list that were in a group of the target before this pass added members.
///
/// What a look-up finds is stored before the restore adds the user to a group. So a later invocation does not take its
/// own memberships for older ones.
pub async fn in_group<B: Backend>(
    entries: &Entries<'_, B>,
    users: &[&RestoredUser],
    group: &GroupName,
) -> Result<HashSet<Sub>> {
    let Context { catalog, restore, .. } = entries.context;
    let by_sub: HashMap<&Sub, &RestoredUser> =
        users.iter().filter_map(|&user| Some((user.sub.as_ref()?, user))).collect();
    let subs: Vec<Sub> = by_sub.keys().map(|&sub| sub.clone()).collect();
    // A user may be in several groups, whose pages are restored side by side. The first one looks the user up for all.
    let _looking_up = entries.looking_up.lock().await;
    let mut groups = catalog.user_groups(restore, &subs).await?;
    let unknown = by_sub.into_iter().filter(|(sub, _)| !groups.contains_key(*sub));
    let looked_up = unknown.map(|(sub, user)| async move {
        Ok::<_, crate::Error>(match look_up(entries, user).await? {
            Some(found) => Some((sub.clone(), catalog.note_user_groups(restore, sub, found).await?)),
            None => None,
        })
    });
    let looked_up: Vec<_> =
        stream::iter(looked_up.collect::<Vec<_>>()).buffer_unordered(LOOK_UPS_AT_ONCE).try_collect().await?;
    groups.extend(looked_up.into_iter().flatten());
    Ok(groups.into_iter().filter(|(_, groups)| groups.contains(group)).map(|(sub, _)| sub).collect())
}

/// The groups that a user of the target is in. None if Cognito refuses the call for this user, for example because the
/// user is gone. Then the call that adds the user to a group decides.
async fn look_up<B: Backend>(
    entries: &Entries<'_, B>,
    user: &RestoredUser,
) -> Result<Option<BTreeSet<GroupName>>> {
    let mut listing = entries.context.new_listing("the groups of a user");
    let mut groups = BTreeSet::new();
    while !listing.has_ended() {
        let token = listing.token();
        let answer = entries.context.pool.list_groups_of_user(&user.username, token).await;
        let answer = match answer {
            Err(error) if token.is_none() || error.kind != PoolErrorKind::InvalidParameter => {
                entries.refused(error)?;
                return Ok(None);
            }
            answer => answer,
        };
        groups.extend(listing.advance(answer)?.into_entries());
    }
    Ok(Some(groups))
}
