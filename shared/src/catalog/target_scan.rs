//! Users of a target, and members of its groups, that scans and look-ups have found before the restore writes to
//! it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, decode, encode, keys};
use crate::Result;
use crate::model::{GroupName, NameKey, Restore, RunId, ScannedUser, Sub, UnitId};
use crate::ports::vault::{Key, ReadVault, Vault};

/// An item that has no content beside its key.
#[derive(Debug, Serialize, Deserialize)]
struct Present {}

/// The groups that a user of the target was in.
#[derive(Debug, Serialize, Deserialize)]
struct UserGroups {
    groups: BTreeSet<GroupName>,
}

impl<V: ReadVault> Catalog<V> {
    /// The `sub`s of this list that the snapshot has. Only for a restore into the own pool.
    pub async fn snapshot_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<HashSet<Sub>> {
        self.present(subs, |sub| keys::snapshot_sub(restore, sub)).await
    }

    /// The users of the own pool with these `sub`s, if the scan has found them.
    pub async fn target_users_by_sub(
        &self,
        restore: &RunId,
        subs: &[Sub],
    ) -> Result<HashMap<Sub, ScannedUser>> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = self
            .vault
            .get_all(distinct.into_iter().map(|sub| keys::target_sub(restore, sub)).collect())
            .await?;
        let found = items
            .into_iter()
            .map(|(key, item)| decode(&key, item).map(|user: ScannedUser| (user.sub.clone(), user)));
        found.collect()
    }

    /// The users of the target with these names, if the scan has found them.
    pub async fn target_users_by_name(
        &self,
        restore: &RunId,
        names: &[NameKey],
    ) -> Result<HashMap<NameKey, ScannedUser>> {
        let mut by_key: HashMap<Key, NameKey> =
            names.iter().map(|&name| (keys::target_name(restore, name), name)).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        let found = items.into_iter().filter_map(|(key, item)| {
            let name = by_key.remove(&key)?;
            Some(decode(&key, item).map(|user| (name, user)))
        });
        found.collect()
    }

    /// The users of this list that are members of the unit's group in the target.
    pub async fn members_among(&self, restore: &RunId, unit: &UnitId, subs: &[Sub]) -> Result<HashSet<Sub>> {
        self.present(subs, |sub| keys::member(restore, unit, sub)).await
    }

    /// The groups of these users of the target, if this pass has looked them up.
    pub async fn user_groups(
        &self,
        restore: &Restore,
        subs: &[Sub],
    ) -> Result<HashMap<Sub, BTreeSet<GroupName>>> {
        let mut by_key: HashMap<Key, &Sub> =
            subs.iter().map(|sub| (keys::user_groups(&restore.id, restore.pass, sub), sub)).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        let found = items.into_iter().filter_map(|(key, item)| {
            let sub = by_key.remove(&key)?.clone();
            Some(decode(&key, item).map(|found: UserGroups| (sub, found.groups)))
        });
        found.collect()
    }

    async fn present(&self, subs: &[Sub], key_of: impl Fn(&Sub) -> Key) -> Result<HashSet<Sub>> {
        let mut by_key: HashMap<Key, Sub> = subs.iter().map(|sub| (key_of(sub), sub.clone())).collect();
        let items = self.vault.get_all(by_key.keys().cloned().collect()).await?;
        Ok(items.into_iter().filter_map(|(key, _)| by_key.remove(&key)).collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes the `sub`s that the snapshot has, for a restore into the own pool.
    pub async fn put_snapshot_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<()> {
        self.put_present(subs, |sub| keys::snapshot_sub(restore, sub)).await
    }

    /// Writes users of the own pool under their `sub`.
    pub async fn put_target_users_by_sub(
        &self,
        restore: &RunId,
        users: &HashMap<Sub, ScannedUser>,
    ) -> Result<()> {
        let items = users.iter().map(|(sub, user)| Ok((keys::target_sub(restore, sub), encode(user)?)));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes users of the target under their sign-in names.
    pub async fn put_target_users_by_name(
        &self,
        restore: &RunId,
        users: &HashMap<NameKey, ScannedUser>,
    ) -> Result<()> {
        let items = users.iter().map(|(name, user)| Ok((keys::target_name(restore, *name), encode(user)?)));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes members of the unit's group.
    pub async fn put_members(&self, restore: &RunId, unit: &UnitId, subs: &[Sub]) -> Result<()> {
        self.put_present(subs, |sub| keys::member(restore, unit, sub)).await
    }

    /// Notes the groups that a user of the target is in. Returns those that were noted first, possibly by another
    /// invocation.
    pub async fn note_user_groups(
        &self,
        restore: &Restore,
        sub: &Sub,
        groups: BTreeSet<GroupName>,
    ) -> Result<BTreeSet<GroupName>> {
        let key = keys::user_groups(&restore.id, restore.pass, sub);
        let found = UserGroups { groups };
        if self.create(&key, &found).await? {
            return Ok(found.groups);
        }
        let first: Option<UserGroups> = self.read(&key).await?;
        Ok(first.unwrap_or(found).groups)
    }

    async fn put_present(&self, subs: &[Sub], key_of: impl Fn(&Sub) -> Key) -> Result<()> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let items = distinct.into_iter().map(|sub| Ok((key_of(sub), encode(&Present {})?)));
        self.put_all(items.collect::<Result<_>>()?).await
    }
}
