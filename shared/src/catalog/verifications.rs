//! Verifications: their checkpoints, the users that they have seen, and their findings.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, QUERY_LIMIT, decode, encode, keys};
use crate::Result;
use crate::model::{Finding, FindingKind, RunId, SeenUsers, Sub, SubMapEntry, Verification};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};

/// Users of the pages in one chunk.
#[derive(Debug, Default, Serialize, Deserialize)]
struct UsersItem {
    users: SeenUsers,
}

impl<V: ReadVault> Catalog<V> {
    /// The verification of a pass, if it has begun.
    pub async fn verification(&self, restore: &RunId, pass: u32) -> Result<Option<Verification>> {
        self.checkpoint(&CheckpointKey::verification(restore, pass)).await
    }

    /// The users of the pages in one chunk that an attempt of a verification has seen.
    pub async fn seen_users(
        &self,
        restore: &RunId,
        pass: u32,
        attempt: u32,
        chunk: u64,
    ) -> Result<SeenUsers> {
        let item: Option<UsersItem> = self.read(&keys::seen_users(restore, pass, attempt, chunk)).await?;
        Ok(item.unwrap_or_default().users)
    }

    /// The users of the pages in one chunk that no job has created. The API creates each user that
    /// is marked, whether it differs or not.
    pub async fn missed_by_jobs(&self, restore: &RunId, chunk: u64) -> Result<SeenUsers> {
        let item: Option<UsersItem> = self.read(&keys::job_missed(restore, chunk)).await?;
        Ok(item.unwrap_or_default().users)
    }

    /// The next findings of a pass after `after`, and the sort key to continue after.
    pub async fn findings(
        &self,
        restore: &RunId,
        pass: u32,
        after: Option<String>,
    ) -> Result<(Vec<Finding>, Option<String>)> {
        let query = Query {
            pk: keys::restore_partition(restore),
            prefix: keys::findings(pass),
            after,
            order: Order::Ascending,
            limit: QUERY_LIMIT,
        };
        let found = self.vault.query(&query).await?;
        let findings =
            found.items.into_iter().map(|(sk, item)| decode(&Key::new(query.pk.as_str(), sk), item));
        Ok((findings.collect::<Result<_>>()?, found.next))
    }

    /// Whether the verification of a pass took users back.
    pub async fn has_taken_back(&self, restore: &RunId, pass: u32) -> Result<bool> {
        let mut after = None;
        loop {
            let query = Query {
                pk: keys::restore_partition(restore),
                prefix: keys::findings_of(pass, FindingKind::Missing),
                after,
                order: Order::Ascending,
                limit: QUERY_LIMIT,
            };
            let found = self.vault.query(&query).await?;
            for (sk, item) in found.items {
                if decode::<Finding>(&Key::new(query.pk.as_str(), sk), item)?.taken_back {
                    return Ok(true);
                }
            }
            if found.next.is_none() {
                return Ok(false);
            }
            after = found.next;
        }
    }

    /// The users among `subs` that the verification of a pass took back. `subs` are those of the snapshot.
    pub async fn taken_back(&self, restore: &RunId, pass: u32, subs: &[Sub]) -> Result<HashSet<Sub>> {
        let key = |sub| keys::finding(restore, pass, FindingKind::Missing, sub);
        let mut keys: Vec<_> = subs.iter().map(key).collect();
        keys.sort();
        keys.dedup();
        let findings = self.vault.get_all(keys).await?.into_iter();
        let findings: Vec<_> =
            findings.map(|(key, item)| decode::<Finding>(&key, item)).collect::<Result<_>>()?;
        Ok(findings.into_iter().filter(|finding| finding.taken_back).map(|finding| finding.sub).collect())
    }

    /// The entries of the sub map by the `sub` in the target, for each of these `sub`s that has an
    /// entry.
    pub async fn sub_map_by_new_subs(
        &self,
        restore: &RunId,
        subs: &[Sub],
    ) -> Result<HashMap<Sub, SubMapEntry>> {
        let mut keys: Vec<_> = subs.iter().map(|sub| keys::new_sub(restore, sub)).collect();
        keys.sort();
        keys.dedup();
        let items = self.vault.get_all(keys).await?;
        let entries = items.into_iter().map(|(key, item)| decode::<SubMapEntry>(&key, item));
        let by_new_sub =
            |entry: SubMapEntry| entry.restored.clone().and_then(|user| Some((user.sub?, entry)));
        Ok(entries.collect::<Result<Vec<_>>>()?.into_iter().filter_map(by_new_sub).collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes findings. Writing the same finding twice makes one item.
    pub async fn put_findings(&self, restore: &RunId, pass: u32, findings: &[Finding]) -> Result<()> {
        let mut items: HashMap<Key, _> = HashMap::new();
        for finding in findings {
            items.insert(keys::finding(restore, pass, finding.kind, &finding.sub), encode(finding)?);
        }
        self.put_all(items.into_iter().collect()).await
    }

    async fn merge_seen_users(&self, key: &Key, users: &SeenUsers) -> Result<()> {
        loop {
            let stored = self
                .change(key, |item: &mut UsersItem| {
                    let before = item.users.clone();
                    item.users.merge(users);
                    Ok(item.users != before)
                })
                .await?;
            if stored.is_some() || self.create(key, &UsersItem { users: users.clone() }).await? {
                return Ok(());
            }
        }
    }

    /// Adds users that an attempt of a verification has seen.
    pub async fn add_seen_users(
        &self,
        restore: &RunId,
        pass: u32,
        attempt: u32,
        chunk: u64,
        users: &SeenUsers,
    ) -> Result<()> {
        self.merge_seen_users(&keys::seen_users(restore, pass, attempt, chunk), users).await
    }

    /// Adds users that no job has created.
    pub async fn add_missed_by_jobs(&self, restore: &RunId, chunk: u64, users: &SeenUsers) -> Result<()> {
        self.merge_seen_users(&keys::job_missed(restore, chunk), users).await
    }
}
