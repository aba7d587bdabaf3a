//! The users of a snapshot that a target has, as an import finds them: page by page, in the items
//! that the target scan has written.

use std::collections::{HashMap, HashSet};

use super::{Lineage, names, restores};
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Existing, Restore, RestoredUser, RunId, ScannedUser, Sub, UserRecord};
use crate::ports::vault::ReadVault;

/// Finds users of a snapshot in the target of a restore.
pub struct UserMatcher<'a, V> {
    catalog: &'a Catalog<V>,
    restore: &'a Restore,
    repairs: &'a EarlierRepairs,
}

/// The repairs of a pool, oldest first, the current one included. None if the restore is no repair.
#[derive(Debug)]
pub struct EarlierRepairs(Vec<RunId>);

impl EarlierRepairs {
    pub async fn before<V: ReadVault>(catalog: &Catalog<V>, restore: &Restore) -> Result<Self> {
        if !restore.target_pool().follows_repairs() {
            return Ok(Self(Vec::new()));
        }
        let repairs =
            restores::with_sub_maps(catalog, &restore.target, &restore.source, &restore.snapshot).await?;
        Ok(Self(repairs.into_iter().map(|repair| repair.id).collect()))
    }
}

impl<'a, V: ReadVault> UserMatcher<'a, V> {
    pub fn new(catalog: &'a Catalog<V>, restore: &'a Restore, repairs: &'a EarlierRepairs) -> Self {
        Self { catalog, restore, repairs }
    }

    /// Which of these snapshot users the target scan has found, and as which target user. In a
    /// later pass the answer is empty, because the scan is too old.
    pub async fn in_target(&self, users: &[(&Sub, &UserRecord)]) -> Result<HashMap<Sub, ScannedUser>> {
        if self.restore.options.existing == Existing::Fail || self.restore.pass > 1 {
            return Ok(HashMap::new());
        }
        let mut found = HashMap::new();
        if self.restore.target_pool().has_snapshot_subs() {
            let subs: Vec<Sub> = users.iter().map(|(sub, _)| (*sub).clone()).collect();
            found = self.catalog.target_users_by_sub(&self.restore.id, &subs).await?;
            found.extend(self.successors_in_target(&subs, &found).await?);
        }
        let is_found = |sub: &Sub| found.contains_key(sub);
        let by_name = self.by_name(users.iter().filter(|(sub, _)| !is_found(sub)).copied()).await?;
        found.extend(by_name);
        Ok(found)
    }

    /// For each of the users that is not `found`: the newest successor that the target has.
    async fn successors_in_target(
        &self,
        subs: &[Sub],
        found: &HashMap<Sub, ScannedUser>,
    ) -> Result<HashMap<Sub, ScannedUser>> {
        let gone: Vec<Sub> = subs.iter().filter(|sub| !found.contains_key(*sub)).cloned().collect();
        let successors = self.successors(&gone).await?;
        let all: Vec<Sub> = successors.values().flatten().filter_map(|user| user.sub.clone()).collect();
        let in_target = self.catalog.target_users_by_sub(&self.restore.id, &all).await?;
        let newest_in_target = |users: Vec<RestoredUser>| {
            users.iter().find_map(|user| in_target.get(user.sub.as_ref()?)).cloned()
        };
        Ok(successors.into_iter().filter_map(|(sub, users)| Some((sub, newest_in_target(users)?))).collect())
    }

    async fn by_name(
        &self,
        users: impl Iterator<Item = (&Sub, &UserRecord)>,
    ) -> Result<HashMap<Sub, ScannedUser>> {
        let Restore { settings, options, .. } = self.restore;
        let pool = self.restore.target_pool();
        let key_of =
            |record| names::in_target(record, settings, options, pool).map(|name| settings.name_key(&name));
        let keys: Vec<_> = users.filter_map(|(sub, record)| Some((sub.clone(), key_of(record)?))).collect();
        let scanned = self
            .catalog
            .target_users_by_name(&self.restore.id, &keys.iter().map(|(_, key)| *key).collect::<Vec<_>>())
            .await?;
        Ok(keys.into_iter().filter_map(|(sub, key)| Some((sub, scanned.get(&key)?.clone()))).collect())
    }

    /// The users that earlier repairs created for these snapshot users, the newest first.
    pub async fn successors(&self, subs: &[Sub]) -> Result<HashMap<Sub, Vec<RestoredUser>>> {
        let (mut lineage, mut successors) = (Lineage::default(), HashMap::<Sub, Vec<RestoredUser>>::new());
        if subs.is_empty() {
            return Ok(successors);
        }
        let asked: HashSet<&Sub> = subs.iter().collect();
        for repair in &self.repairs.0 {
            let known: Vec<Sub> = subs.iter().chain(lineage.successors()).cloned().collect();
            let entries = self.catalog.sub_map_of(repair, &known).await?;
            let brought_back = entries.into_iter().filter_map(|(old, entry)| Some((old, entry.restored?)));
            let brought_back: Vec<_> =
                brought_back.filter_map(|(old, user)| Some((old, user.sub.clone()?, user))).collect();
            let new: Vec<Sub> = brought_back.iter().map(|(_, new, _)| new.clone()).collect();
            let in_snapshot = if new.is_empty() {
                HashSet::new()
            } else {
                self.catalog.snapshot_subs(&self.restore.id, &new).await?
            };
            let is_snapshot_user = |sub: &Sub| asked.contains(sub) || in_snapshot.contains(sub);
            for (old, new, user) in brought_back {
                let Some(origin) = lineage.follow(&old, &new, is_snapshot_user) else { continue };
                let users = successors.entry(origin).or_default();
                users.retain(|other| other.sub != user.sub);
                users.insert(0, user);
            }
        }
        Ok(successors)
    }

    /// Whether the snapshot has this target user, by `sub`. False if the restore is no repair,
    /// because then a `sub` says nothing.
    pub async fn is_snapshot_user(&self, sub: &Sub) -> Result<bool> {
        Ok(self.restore.target_pool().has_snapshot_subs()
            && !self.catalog.snapshot_subs(&self.restore.id, std::slice::from_ref(sub)).await?.is_empty())
    }
}
