//! Who is in a target before a restore writes to it.

use std::collections::HashMap;

use super::{Catalog, decode, encode, keys};
use crate::Result;
use crate::model::{Meeting, Met, NameKey, RunId};
use crate::vault::{Key, Vault};

impl<V: Vault> Catalog<V> {
    /// How far the target of a restore has been listed.
    pub async fn meeting(&self, restore: &RunId) -> Result<Meeting> {
        Ok(self.read(&keys::meeting(restore)).await?.unwrap_or_default())
    }

    /// Puts `next` in the place of what it went on from; returns what is there afterwards.
    pub async fn put_meeting(&self, restore: &RunId, next: &Meeting) -> Result<Meeting> {
        self.put_next(&keys::meeting(restore), next).await
    }

    /// Who of the target has these names; names that nobody has are left out.
    pub async fn met(&self, restore: &RunId, names: &[NameKey]) -> Result<HashMap<NameKey, Met>> {
        let mut by_key: HashMap<Key, NameKey> = names.iter().map(|&name| (keys::met(restore, name), name)).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        let found = items.into_iter().filter_map(|(key, item)| {
            let name = by_key.remove(&key)?;
            Some(decode(&key, item).map(|user| (name, user)))
        });
        found.collect()
    }

    /// Writes that down.
    pub async fn put_met(&self, restore: &RunId, users: &HashMap<NameKey, Met>) -> Result<()> {
        let items = users.iter().map(|(name, user)| Ok((keys::met(restore, *name), encode(user)?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }
}
