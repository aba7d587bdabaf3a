//! The target scan and the member scans: their checkpoints, and the users that they found.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, decode, encode, keys};
use crate::Result;
use crate::model::{NameKey, RunId, ScannedUser, Sub, UnitId};
use crate::ports::vault::{Key, ReadVault, Vault};

#[derive(Debug, Serialize, Deserialize)]
struct KeyOnly {}

impl<V: ReadVault> Catalog<V> {
    /// The `sub`s among these that the snapshot has. For a repair only.
    pub async fn snapshot_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<HashSet<Sub>> {
        self.existing_subs(subs, |sub| keys::snapshot_sub(restore, sub)).await
    }

    /// The target users with these `sub`s. Leaves out `sub`s that no target user has.
    pub async fn target_users_by_sub(&self, restore: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, ScannedUser>> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = self.vault.get_all(distinct.into_iter().map(|sub| keys::target_sub(restore, sub)).collect()).await?;
        let found = items.into_iter().map(|(key, item)| decode(&key, item).map(|user: ScannedUser| (user.sub.clone(), user)));
        found.collect()
    }

    /// The `sub`s among these that are in the group of `unit`.
    pub async fn members_among(&self, restore: &RunId, unit: &UnitId, subs: &[Sub]) -> Result<HashSet<Sub>> {
        self.existing_subs(subs, |sub| keys::member(restore, unit, sub)).await
    }

    async fn existing_subs(&self, subs: &[Sub], key_of: impl Fn(&Sub) -> Key) -> Result<HashSet<Sub>> {
        let mut by_key: HashMap<Key, Sub> = subs.iter().map(|sub| (key_of(sub), sub.clone())).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        Ok(items.into_iter().filter_map(|(key, _)| by_key.remove(&key)).collect())
    }

    /// The target users with these sign-in names. Leaves out names that no target user has.
    pub async fn target_users_by_name(&self, restore: &RunId, names: &[NameKey]) -> Result<HashMap<NameKey, ScannedUser>> {
        let mut by_key: HashMap<Key, NameKey> = names.iter().map(|&name| (keys::target_name(restore, name), name)).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        let found = items.into_iter().filter_map(|(key, item)| {
            let name = by_key.remove(&key)?;
            Some(decode(&key, item).map(|user| (name, user)))
        });
        found.collect()
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes that the snapshot has users with these `sub`s.
    pub async fn put_snapshot_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<()> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = distinct.into_iter().map(|sub| Ok((keys::snapshot_sub(restore, sub), encode(&KeyOnly {})?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    pub async fn put_target_users_by_sub(&self, restore: &RunId, users: &HashMap<Sub, ScannedUser>) -> Result<()> {
        let items = users.iter().map(|(sub, user)| Ok((keys::target_sub(restore, sub), encode(user)?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes that these target users are in the group of `unit`.
    pub async fn put_members(&self, restore: &RunId, unit: &UnitId, subs: &[Sub]) -> Result<()> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = distinct.into_iter().map(|sub| Ok((keys::member(restore, unit, sub), encode(&KeyOnly {})?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    pub async fn put_target_users_by_name(&self, restore: &RunId, users: &HashMap<NameKey, ScannedUser>) -> Result<()> {
        let items = users.iter().map(|(name, user)| Ok((keys::target_name(restore, *name), encode(user)?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }
}
