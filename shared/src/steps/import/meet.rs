//! Who is in the target already: listed before anybody is created, so that they need not be met one by one. Looking a user up makes
//! it count as active; listing it does not.

use std::collections::HashMap;

use super::{Import, refused};
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Existing, Meeting, Met, NameKey, Restore, TargetSettings, User, UserRecord};
use crate::pacing::{Budget, PacedPool};
use crate::pool::{Pool, PoolErrorKind};
use crate::steps::export::{LISTING_ATTEMPTS, listing_failed};
use crate::vault::Vault;

/// Pages between two checkpoints.
const PAGES_AT_ONCE: u32 = 20;

/// Lists the target, where it may hold users and nobody was created yet; returns whether that is done.
pub async fn list<P: Pool, V: Vault>(
    pool: &PacedPool<P>,
    catalog: &Catalog<V>,
    restore: &Restore,
    budget: Budget,
) -> Result<bool> {
    if restore.options.existing == Existing::Fail {
        return Ok(true);
    }
    let mut state = catalog.meeting(&restore.id).await?;
    let mut pages = 0;
    while !state.done {
        state = list_page(pool, catalog, restore, state).await?;
        pages += 1;
        let pause = budget.is_spent();
        if state.done || pause || pages % PAGES_AT_ONCE == 0 {
            let next = Meeting { step: state.step + 1, ..state };
            state = catalog.put_meeting(&restore.id, &next).await?;
        }
        if pause && !state.done {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn list_page<P: Pool, V: Vault>(
    pool: &PacedPool<P>,
    catalog: &Catalog<V>,
    restore: &Restore,
    state: Meeting,
) -> Result<Meeting> {
    let listed = match pool.list_users(state.token.as_deref()).await {
        Ok(listed) if state.token.is_none() || listed.next_token != state.token => listed,
        Err(error) if error.kind != PoolErrorKind::InvalidParameter || state.token.is_none() => {
            return Err(refused(pool.id(), error));
        }
        // The token was refused, or the listing does not get on: from the beginning. Whoever is met again is met once.
        _ if state.attempt + 1 >= LISTING_ATTEMPTS => return Err(listing_failed(pool.id(), "users")),
        _ => return Ok(Meeting { attempt: state.attempt + 1, token: None, ..state }),
    };
    let (settings, except) = (&restore.settings, restore.options.old_sub_attribute.as_deref());
    let met: HashMap<NameKey, Met> = listed.entries.into_iter().filter_map(|user| meet(settings, except, user)).collect();
    catalog.put_met(&restore.id, &met).await?;
    Ok(Meeting { done: listed.next_token.is_none(), token: listed.next_token, ..state })
}

fn meet(settings: &TargetSettings, except: Option<&str>, user: User) -> Option<(NameKey, Met)> {
    let name = settings.sign_in_name(&user.record)?;
    let content = user.record.kept_digest(except);
    Some((settings.name_key(&name), Met { sub: user.sub, username: user.record.username, content }))
}

impl<P: Pool, V: Vault> Import<P, V> {
    /// Who of the target has the name of one of these users. In a later pass the listing is too old to be relied on.
    pub(super) async fn met(&self, records: impl Iterator<Item = &UserRecord>) -> Result<HashMap<NameKey, Met>> {
        if self.restore.options.existing == Existing::Fail || self.restore.pass > 1 {
            return Ok(HashMap::new());
        }
        let settings = &self.restore.settings;
        let names: Vec<_> =
            records.filter_map(|record| settings.sign_in_name(record)).map(|name| settings.name_key(&name)).collect();
        self.catalog.met(&self.restore.id, &names).await
    }
}
