//! Verifications: how far they have come, whom they have met, and what they found.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, QUERY_LIMIT, decode, encode, keys};
use crate::Result;
use crate::model::{Finding, RunId, SeenUsers, Sub, SubMapEntry, Verification};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};

/// An item of marks.
#[derive(Debug, Default, Serialize, Deserialize)]
struct MarksItem {
    marks: SeenUsers,
}

impl<V: ReadVault> Catalog<V> {
    /// How far the verification of a pass has come, if it has begun.
    pub async fn verification(&self, restore: &RunId, pass: u32) -> Result<Option<Verification>> {
        self.read(&keys::verification(restore, pass)).await
    }

    /// Whom an attempt of a verification has met so far, of the pages in one chunk.
    pub async fn seen_users(&self, restore: &RunId, pass: u32, attempt: u32, chunk: u64) -> Result<SeenUsers> {
        let item: Option<MarksItem> = self.read(&keys::seen_users(restore, pass, attempt, chunk)).await?;
        Ok(item.unwrap_or_default().marks)
    }

    /// Whom jobs did not create, of the pages in one chunk: a mark, differing or not, means that the API is to do it.
    pub async fn missed_by_jobs(&self, restore: &RunId, chunk: u64) -> Result<SeenUsers> {
        let item: Option<MarksItem> = self.read(&keys::job_missed(restore, chunk)).await?;
        Ok(item.unwrap_or_default().marks)
    }

    /// What the verification of a pass found: the next findings after `after`, and where to go on.
    pub async fn findings(&self, restore: &RunId, pass: u32, after: Option<String>) -> Result<(Vec<Finding>, Option<String>)> {
        let query = Query {
            pk: keys::restore_partition(restore),
            prefix: keys::findings(pass),
            after,
            order: Order::Ascending,
            limit: QUERY_LIMIT,
        };
        let found = self.vault.query(&query).await?;
        let findings = found.items.into_iter().map(|(sk, item)| decode(&Key::new(query.pk.as_str(), sk), item));
        Ok((findings.collect::<Result<_>>()?, found.next))
    }

    /// Who of the snapshot became these users of the target, by their `sub` there.
    pub async fn sub_map_by_new_subs(&self, restore: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, SubMapEntry>> {
        let mut keys: Vec<_> = subs.iter().map(|sub| keys::new_sub(restore, sub)).collect();
        keys.sort();
        keys.dedup();
        let items = self.vault.get_all(keys).await?;
        let entries = items.into_iter().map(|(key, item)| decode::<SubMapEntry>(&key, item));
        let by_new_sub = |entry: SubMapEntry| entry.restored.clone().and_then(|user| Some((user.sub?, entry)));
        Ok(entries.collect::<Result<Vec<_>>>()?.into_iter().filter_map(by_new_sub).collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes down what was found. The same finding twice is one.
    pub async fn put_findings(&self, restore: &RunId, pass: u32, findings: &[Finding]) -> Result<()> {
        let mut items: HashMap<Key, _> = HashMap::new();
        for finding in findings {
            items.insert(keys::finding(restore, pass, finding.kind, &finding.sub), encode(finding)?);
        }
        self.vault.put_all(items.into_iter().collect()).await
    }

    async fn merge_seen_users(&self, key: &Key, marks: &SeenUsers) -> Result<()> {
        loop {
            let there = self
                .change(key, |item: &mut MarksItem| {
                    let before = item.marks.clone();
                    item.marks.merge(marks);
                    Ok(item.marks != before)
                })
                .await?;
            if there.is_some() || self.create(key, &MarksItem { marks: marks.clone() }).await? {
                return Ok(());
            }
        }
    }

    /// Puts `next` in the place of the verification that it went on from, and returns what is there afterwards: something else where
    /// another invocation went on from there before.
    pub async fn put_verification(&self, restore: &RunId, pass: u32, next: &Verification) -> Result<Verification> {
        self.put_checkpoint(&CheckpointKey::verification(restore, pass), next.step - 1, next).await
    }

    /// Adds to them.
    pub async fn add_seen_users(&self, restore: &RunId, pass: u32, attempt: u32, chunk: u64, marks: &SeenUsers) -> Result<()> {
        self.merge_seen_users(&keys::seen_users(restore, pass, attempt, chunk), marks).await
    }

    /// Adds to them.
    pub async fn add_missed_by_jobs(&self, restore: &RunId, chunk: u64, marks: &SeenUsers) -> Result<()> {
        self.merge_seen_users(&keys::job_missed(restore, chunk), marks).await
    }
}
