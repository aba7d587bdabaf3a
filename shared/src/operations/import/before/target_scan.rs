//! Who is in the target already: listed before anybody is created, so that they need not be met one by one. Looking a user up makes
//! it count as active; listing it does not.
//!
//! In the pool that the snapshot was taken of a `sub` tells more than a name. There the users of the snapshot are noted first, so
//! that the listing can tell them from strangers: only a stranger is anybody whom a name can bring together with the snapshot.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{
    Execution, Existing, ForecastCheckpoint, ListingCheckpoint, NameKey, Restore, ScannedUser, Sub, TargetSettings, User,
};
use crate::operations::export::broken_off_again;
use crate::operations::refusals::refused;
use crate::pacing::{Budget, PacedPool};
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;

/// Pages between two checkpoints.
const PAGES_AT_ONCE: u32 = 20;
/// Pages of the snapshot noted at once.
const NOTED_AT_ONCE: u64 = 8;

/// Lists the target for `execution`, where it may hold users and nobody was created yet; returns whether that is done.
pub async fn list<P: Pool, V: Vault>(
    pool: &PacedPool<P>,
    catalog: &Catalog<V>,
    outlook: &ForecastCheckpoint,
    execution: &Execution,
    budget: Budget,
) -> Result<bool> {
    let restore = &outlook.restore;
    if restore.options.existing == Existing::Fail {
        return Ok(true);
    }
    let mut state = catalog.meeting(&restore.id).await?;
    let mut pages = 0;
    while !state.done {
        state = match restore.is_repair() && state.noted < outlook.users.count() {
            true => note_pages(catalog, outlook, state).await?,
            false => list_page(pool, catalog, restore, execution, state).await?,
        };
        pages += 1;
        let pause = budget.is_spent();
        if state.done || pause || pages % PAGES_AT_ONCE == 0 {
            let next = ListingCheckpoint { step: state.step + 1, ..state };
            state = catalog.put_meeting(&restore.id, &next).await?;
        }
        if pause && !state.done {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Notes who is in the snapshot. Who is on a page that cannot be read is found by name at best.
async fn note_pages<V: Vault>(
    catalog: &Catalog<V>,
    outlook: &ForecastCheckpoint,
    state: ListingCheckpoint,
) -> Result<ListingCheckpoint> {
    let (restore, last) = (&outlook.restore, outlook.users.count().min(state.noted + NOTED_AT_ONCE));
    let note = |number| async move {
        let content = catalog.page_of(&restore.snapshot, &outlook.users, number).await?.1.unwrap_or_default();
        let subs: Vec<_> = content.0.into_iter().map(|entry| Sub::new(entry.key)).collect();
        catalog.put_own(&restore.id, &subs).await
    };
    let notes = stream::iter(state.noted + 1..=last).map(note).buffer_unordered(NOTED_AT_ONCE as usize);
    notes.try_collect::<()>().await?;
    Ok(ListingCheckpoint { noted: last, ..state })
}

async fn list_page<P: Pool, V: Vault>(
    pool: &PacedPool<P>,
    catalog: &Catalog<V>,
    restore: &Restore,
    execution: &Execution,
    state: ListingCheckpoint,
) -> Result<ListingCheckpoint> {
    let listed = match pool.list_users(state.token.as_deref()).await {
        Ok(listed) if state.token.is_none() || listed.next_token != state.token => listed,
        Err(error) if error.kind != PoolErrorKind::InvalidParameter || state.token.is_none() => {
            return Err(refused(pool.id(), error));
        }
        // The token was refused, or the listing does not get on: from the beginning. Whoever is met again is met once.
        _ => {
            let broken_off = broken_off_again(&state.broken_off, execution, pool.id(), "users")?;
            return Ok(ListingCheckpoint { broken_off, token: None, ..state });
        }
    };
    let (settings, except) = (&restore.settings, restore.options.old_sub_attribute.as_deref());
    // Whoever came since the restore began may be its own: an invocation that lags behind must not take them for others. Cognito says
    // who has the name when they are to be created.
    let came_before = |user: &User| user.record.created.is_none_or(|created| created.as_second() < restore.began().as_second());
    let users: Vec<User> = listed.entries.into_iter().filter(came_before).collect();
    let met = if restore.is_repair() {
        let subs: Vec<_> = users.iter().map(|user| user.sub.clone()).collect();
        let own = catalog.own(&restore.id, &subs).await?;
        catalog.put_here(&restore.id, &users.iter().map(|user| (user.sub.clone(), met(user, except))).collect()).await?;
        strangers(settings, except, &users, &own)
    } else {
        let name = |user: &User| settings.name_there(&user.record).map(|name| settings.name_key(&name));
        users.iter().filter_map(|user| Some((name(user)?, met(user, except)))).collect()
    };
    catalog.put_met(&restore.id, &met).await?;
    Ok(ListingCheckpoint { done: listed.next_token.is_none(), token: listed.next_token, ..state })
}

fn met(user: &User, except: Option<&str>) -> ScannedUser {
    ScannedUser { sub: user.sub.clone(), username: user.record.username.clone(), content: user.record.kept_digest(except) }
}

/// The users whom the snapshot does not have, by their names.
fn strangers(
    settings: &TargetSettings,
    except: Option<&str>,
    users: &[User],
    own: &HashSet<Sub>,
) -> HashMap<NameKey, ScannedUser> {
    let mut strangers = HashMap::new();
    for user in users.iter().filter(|user| !own.contains(&user.sub)) {
        for name in settings.name_there(&user.record).iter().chain([&user.record.username]) {
            strangers.insert(settings.name_key(name), met(user, except));
        }
    }
    strangers
}
