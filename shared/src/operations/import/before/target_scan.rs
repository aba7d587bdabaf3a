//! Target scan: lists the users that the target has before the restore writes to it.
//!
//! So the restore need not look them up one by one. A look-up makes a user count as active in that month; a listing does not.
//!
//! In the own pool a `sub` tells more than a name. There the scan writes down the users of the snapshot first. Only users that
//! the snapshot does not know are matched by name.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::model::{Existing, ListingCheckpoint, NameKey, Pages, Restore, ScannedUser, Sub, TargetSettings, User};
use crate::operations::import::break_offs;
use crate::operations::import::context::Context;
use crate::operations::import::phase::PhaseEnd;
use crate::ports::Backend;
use crate::ports::pool::{Listed, Pool, PoolErrorKind};

/// Steps between two checkpoints. A step is a page of the target or [`NOTED_AT_ONCE`] pages of the snapshot.
const CHECKPOINT_EVERY: u32 = 20;
/// Pages of the snapshot that are written down at once.
const NOTED_AT_ONCE: u64 = 8;

/// Scans the target, unless the restore may only begin in an empty one.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { catalog, restore, budget, .. } = context;
    if restore.options.existing == Existing::Fail {
        return Ok(PhaseEnd::Done);
    }
    let mut state = catalog.meeting(&restore.id).await?;
    let users = if state.done { Pages::default() } else { users_to_note(context).await? };
    let mut steps = 0;
    while !state.done {
        state = if state.noted < users.count() {
            note_snapshot_pages(context, &users, state).await?
        } else {
            scan_page(context, state).await?
        };
        steps += 1;
        let is_spent = budget.is_spent();
        if state.done || is_spent || steps % CHECKPOINT_EVERY == 0 {
            let next = ListingCheckpoint { step: state.step + 1, ..state };
            state = catalog.put_meeting(&restore.id, &next).await?;
        }
        if is_spent && !state.done {
            return Ok(PhaseEnd::OutOfTime);
        }
    }
    Ok(PhaseEnd::Done)
}

/// The pages of the snapshot's users, if the target is their own pool.
async fn users_to_note<B: Backend>(context: &Context<B>) -> Result<Pages> {
    if context.restore.is_repair() { Ok(context.forecast().await?.users) } else { Ok(Pages::default()) }
}

/// Writes down which users the snapshot has. A user on a damaged page can only be matched by name.
async fn note_snapshot_pages<B: Backend>(
    context: &Context<B>,
    users: &Pages,
    state: ListingCheckpoint,
) -> Result<ListingCheckpoint> {
    let Context { catalog, restore, .. } = context;
    let last = users.count().min(state.noted + NOTED_AT_ONCE);
    let note = |number| async move {
        let content = catalog.page_of(&restore.snapshot, users, number).await?.1.unwrap_or_default();
        let subs: Vec<_> = content.0.into_iter().map(|entry| Sub::new(entry.key)).collect();
        catalog.put_own(&restore.id, &subs).await
    };
    let notes = stream::iter(state.noted + 1..=last).map(note).buffer_unordered(NOTED_AT_ONCE as usize);
    notes.try_collect::<()>().await?;
    Ok(ListingCheckpoint { noted: last, ..state })
}

/// Lists one page of the target and writes down its users.
async fn scan_page<B: Backend>(context: &Context<B>, state: ListingCheckpoint) -> Result<ListingCheckpoint> {
    let Context { pool, restore, .. } = context;
    let listed = match pool.list_users(state.token.as_deref()).await {
        Ok(listed) if state.token.is_none() || listed.next_token != state.token => listed,
        Err(error) if error.kind != PoolErrorKind::InvalidParameter || state.token.is_none() => {
            return Err(context.refused(error));
        }
        // The token was refused or repeated: the listing starts again. A user that is listed twice is written once.
        _ => {
            let broken_off = break_offs::count(&state.broken_off, &restore.execution, pool.id(), "users")?;
            return Ok(ListingCheckpoint { broken_off, token: None, ..state });
        }
    };
    let Listed { entries, next_token } = listed;
    put_users(context, entries).await?;
    Ok(ListingCheckpoint { done: next_token.is_none(), token: next_token, ..state })
}

/// Writes down users of the target: by `sub` in the own pool, and by name.
async fn put_users<B: Backend>(context: &Context<B>, users: Vec<User>) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let (settings, except) = (&restore.settings, restore.options.old_sub_attribute.as_deref());
    // Users created after the restore began may be ours: a late invocation must not take them for existing ones. For them
    // Cognito says who has the name, when the restore tries to create it.
    let users: Vec<User> = users.into_iter().filter(|user| is_older(user, restore)).collect();
    let by_name = if restore.is_repair() {
        let subs: Vec<_> = users.iter().map(|user| user.sub.clone()).collect();
        let snapshot_subs = catalog.own(&restore.id, &subs).await?;
        let by_sub = users.iter().map(|user| (user.sub.clone(), scanned(user, except))).collect();
        catalog.put_here(&restore.id, &by_sub).await?;
        strangers_by_name(settings, except, &users, &snapshot_subs)
    } else {
        let name = |user: &User| settings.name_there(&user.record).map(|name| settings.name_key(&name));
        users.iter().filter_map(|user| Some((name(user)?, scanned(user, except)))).collect()
    };
    catalog.put_met(&restore.id, &by_name).await
}

fn is_older(user: &User, restore: &Restore) -> bool {
    user.record.created.is_none_or(|created| created.as_second() < restore.began().as_second())
}

fn scanned(user: &User, except: Option<&str>) -> ScannedUser {
    ScannedUser { sub: user.sub.clone(), username: user.record.username.clone(), content: user.record.kept_digest(except) }
}

/// The users that the snapshot does not know, by each of their names.
fn strangers_by_name(
    settings: &TargetSettings,
    except: Option<&str>,
    users: &[User],
    snapshot_subs: &HashSet<Sub>,
) -> HashMap<NameKey, ScannedUser> {
    let mut strangers = HashMap::new();
    for user in users.iter().filter(|user| !snapshot_subs.contains(&user.sub)) {
        for name in settings.name_there(&user.record).iter().chain([&user.record.username]) {
            strangers.insert(settings.name_key(name), scanned(user, except));
        }
    }
    strangers
}
