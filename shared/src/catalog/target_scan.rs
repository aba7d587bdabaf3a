//! Who is in a target before a restore writes to it.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, decode, encode, keys};
use crate::Result;
use crate::model::{ListingCheckpoint, NameKey, RunId, ScannedUser, Sub, UnitId};
use crate::ports::vault::{Key, ReadVault, Vault};

/// An item that says no more than its key.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {}

impl<V: ReadVault> Catalog<V> {
    /// How far the target of a restore has been listed.
    pub async fn meeting(&self, restore: &RunId) -> Result<ListingCheckpoint> {
        Ok(self.read(&keys::target_scan(restore)).await?.unwrap_or_default())
    }

    /// Which of these users of the target the snapshot has, by `sub`. For a restore into the snapshot's own pool only.
    pub async fn snapshot_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<HashSet<Sub>> {
        self.noted(subs, |sub| keys::snapshot_sub(restore, sub)).await
    }

    /// Who of the target has these `sub`s; those that nobody has are left out.
    pub async fn target_users_by_sub(&self, restore: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, ScannedUser>> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = self.vault.get_all(distinct.into_iter().map(|sub| keys::target_sub(restore, sub)).collect()).await?;
        let found = items.into_iter().map(|(key, item)| decode(&key, item).map(|user: ScannedUser| (user.sub.clone(), user)));
        found.collect()
    }

    /// How far the members of a unit's group have been listed.
    pub async fn gathering(&self, restore: &RunId, unit: &UnitId) -> Result<ListingCheckpoint> {
        Ok(self.read(&keys::member_scan(restore, unit)).await?.unwrap_or_default())
    }

    /// Which of these users of the target are in a unit's group.
    pub async fn members_among(&self, restore: &RunId, unit: &UnitId, subs: &[Sub]) -> Result<HashSet<Sub>> {
        self.noted(subs, |sub| keys::member(restore, unit, sub)).await
    }

    async fn noted(&self, subs: &[Sub], key_of: impl Fn(&Sub) -> Key) -> Result<HashSet<Sub>> {
        let mut by_key: HashMap<Key, Sub> = subs.iter().map(|sub| (key_of(sub), sub.clone())).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        Ok(items.into_iter().filter_map(|(key, _)| by_key.remove(&key)).collect())
    }

    /// Who of the target has these names; names that nobody has are left out.
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
    /// Notes that the snapshot has these users.
    pub async fn put_snapshot_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<()> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = distinct.into_iter().map(|sub| Ok((keys::snapshot_sub(restore, sub), encode(&Noted {})?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes that down.
    pub async fn put_target_users_by_sub(&self, restore: &RunId, users: &HashMap<Sub, ScannedUser>) -> Result<()> {
        let items = users.iter().map(|(sub, user)| Ok((keys::target_sub(restore, sub), encode(user)?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Notes that these users of the target are in a unit's group.
    pub async fn put_members(&self, restore: &RunId, unit: &UnitId, subs: &[Sub]) -> Result<()> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = distinct.into_iter().map(|sub| Ok((keys::member(restore, unit, sub), encode(&Noted {})?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes that down.
    pub async fn put_target_users_by_name(&self, restore: &RunId, users: &HashMap<NameKey, ScannedUser>) -> Result<()> {
        let items = users.iter().map(|(name, user)| Ok((keys::target_name(restore, *name), encode(user)?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Puts `next` in the place of what it went on from; returns what is there afterwards.
    pub async fn put_meeting(&self, restore: &RunId, next: &ListingCheckpoint) -> Result<ListingCheckpoint> {
        self.put_checkpoint(&CheckpointKey::target_scan(restore), next.step - 1, next).await
    }

    /// Puts `next` in the place of what it went on from; returns what is there afterwards.
    pub async fn put_gathering(&self, restore: &RunId, unit: &UnitId, next: &ListingCheckpoint) -> Result<ListingCheckpoint> {
        self.put_checkpoint(&CheckpointKey::member_scan(restore, unit), next.step - 1, next).await
    }
}
