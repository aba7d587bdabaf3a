//! Who of the snapshot is whom among the users whom the target had before the restore wrote to it.
//!
//! In most targets a name is all there is to go by. In the pool that the snapshot was taken of, a user is, in this order,
//! 1. whoever has the `sub` of the snapshot: the same user, whatever has become of the addresses;
//! 2. whom an earlier restore of the kind has made of it, and a later one of that: the sub maps tell, and they are followed;
//! 3. the stranger who has the name: somebody who has signed up again. A stranger is whom the snapshot does not have.

use std::collections::{HashMap, HashSet};

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Existing, Restore, RestoredUser, RunId, ScannedUser, Sub, UserRecord, UserStatus, Username};
use crate::ports::vault::Vault;

/// How many of the newest restores into a pool are looked through for those that repaired it.
const NEWEST: u32 = 100;

/// What is known of who is where.
pub struct UserMatcher<'a, V> {
    catalog: &'a Catalog<V>,
    restore: &'a Restore,
    repairs: &'a EarlierRepairs,
}

/// The restores into a pool of its own snapshots, oldest first, this one among them; none where the target is another pool.
#[derive(Debug)]
pub struct EarlierRepairs(Vec<RunId>);

impl EarlierRepairs {
    /// Finds them.
    pub async fn before<V: Vault>(catalog: &Catalog<V>, restore: &Restore) -> Result<Self> {
        if !restore.is_repair() {
            return Ok(Self(Vec::new()));
        }
        let newest = catalog.restores(&restore.target, NEWEST).await?;
        Ok(Self(newest.into_iter().rev().filter(Restore::is_repair).map(|other| other.id).collect()))
    }
}

impl<'a, V: Vault> UserMatcher<'a, V> {
    /// What is known to a restore.
    pub fn new(catalog: &'a Catalog<V>, restore: &'a Restore, repairs: &'a EarlierRepairs) -> Self {
        Self { catalog, restore, repairs }
    }

    /// Which of these users of the snapshot the listing of the target has shown, and as whom. In a later pass the listing is too old
    /// to be relied on.
    pub async fn shown(&self, users: &[(&Sub, &UserRecord)]) -> Result<HashMap<Sub, ScannedUser>> {
        if self.restore.options.existing == Existing::Fail || self.restore.pass > 1 {
            return Ok(HashMap::new());
        }
        let id = &self.restore.id;
        let mut found = HashMap::new();
        if self.restore.is_repair() {
            found = self.catalog.here(id, &users.iter().map(|(sub, _)| (*sub).clone()).collect::<Vec<_>>()).await?;
            let gone: Vec<Sub> = users.iter().map(|(sub, _)| (*sub).clone()).filter(|sub| !found.contains_key(sub)).collect();
            let successors = self.successors(&gone).await?;
            let all: Vec<Sub> = successors.values().flatten().filter_map(|user| user.sub.clone()).collect();
            let here = self.catalog.here(id, &all).await?;
            for (sub, users) in successors {
                let there = users.iter().find_map(|user| here.get(user.sub.as_ref()?));
                found.extend(there.map(|there| (sub, there.clone())));
            }
        }
        let settings = &self.restore.settings;
        let unfound = users.iter().filter(|(sub, _)| !found.contains_key(*sub));
        let keys: Vec<_> =
            unfound.filter_map(|(sub, record)| Some(((*sub).clone(), settings.name_key(&self.name_of(record)?)))).collect();
        let met = self.catalog.met(id, &keys.iter().map(|(_, key)| *key).collect::<Vec<_>>()).await?;
        found.extend(keys.into_iter().filter_map(|(sub, key)| Some((sub, met.get(&key)?.clone()))));
        Ok(found)
    }

    /// The name by which a user of the snapshot is known in the target.
    fn name_of(&self, record: &UserRecord) -> Option<Username> {
        let settings = &self.restore.settings;
        match record.status == UserStatus::ExternalProvider {
            // Cognito makes the same name of the identity again.
            true if self.restore.is_repair() => Some(record.username.clone()),
            // Elsewhere the user would get a neutral name, which nobody else has.
            true if settings.username_attributes.is_empty() => None,
            _ => settings.sign_in_name(record),
        }
    }

    /// Whom earlier restores have made of these users, the newest first. Who is a user of the snapshot in its own right is nobody's
    /// successor.
    pub async fn successors(&self, subs: &[Sub]) -> Result<HashMap<Sub, Vec<RestoredUser>>> {
        // Whom each `sub` that has come up so far stands for.
        let mut stands_for: HashMap<Sub, Sub> = subs.iter().map(|sub| (sub.clone(), sub.clone())).collect();
        let mut successors: HashMap<Sub, Vec<RestoredUser>> = HashMap::new();
        if subs.is_empty() || self.repairs.0.is_empty() {
            return Ok(successors);
        }
        for earlier in &self.repairs.0 {
            let known: Vec<Sub> = stands_for.keys().cloned().collect();
            for (old, entry) in self.catalog.sub_map_of(earlier, &known).await? {
                let Some(user) = entry.restored.filter(|user| user.sub.is_some()) else { continue };
                let (Some(new), Some(first)) = (user.sub.clone(), stands_for.get(&old).cloned()) else { continue };
                let successors = successors.entry(first.clone()).or_default();
                successors.retain(|there| there.sub != user.sub);
                successors.insert(0, user);
                stands_for.entry(new).or_insert(first);
            }
        }
        let all: Vec<Sub> = successors.values().flatten().filter_map(|user| user.sub.clone()).collect();
        let own: HashSet<Sub> = self.catalog.own(&self.restore.id, &all).await?;
        successors.values_mut().for_each(|users| users.retain(|user| user.sub.as_ref().is_some_and(|sub| !own.contains(sub))));
        Ok(successors)
    }

    /// Whether a user of the target is one of the snapshot in its own right.
    pub async fn is_own(&self, sub: &Sub) -> Result<bool> {
        Ok(self.restore.is_repair() && !self.catalog.own(&self.restore.id, std::slice::from_ref(sub)).await?.is_empty())
    }
}
