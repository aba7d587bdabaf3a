//! Records: the content of users, groups and pools, each stored once under its digest.
//!
//! A record is one item, readable in the console. If the item exceeds DynamoDB's limit, the record is stored in
//! parts: see [`record_parts`](super::record_parts).

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_dynamo::Item;

use super::configurations::ConfigurationKind;
use super::record_parts::{self, PartCount};
use super::{Catalog, encode, keys};
use crate::model::{
    Digest, GroupName, GroupRecord, PoolDescription, PoolId, Reason, RecordKind, RunId, Sub, UserRecord,
};
use crate::ports::vault::{Key, ReadVault, Vault};
use crate::{Result, item_size};

/// The most bytes of items that are read or written with one call, unless a single record has more.
const MAX_CALL_BYTES: usize = 2 * 1024 * 1024;
/// How many records the first call reads, before any size is known.
const FIRST_CALL: usize = 16;

/// A record as it was read, or why it cannot be read.
pub type ReadRecord<T> = std::result::Result<T, Reason>;

/// Content that is stored under its digest.
pub trait Record: Clone + Serialize + DeserializeOwned + Send + Sync {
    /// The key of the record of the user, group or pool called `name`.
    fn key(pool: &PoolId, name: &str, digest: Digest) -> Key;

    fn content_digest(&self) -> Digest;
}

impl Record for UserRecord {
    fn key(pool: &PoolId, sub: &str, digest: Digest) -> Key {
        keys::user_record(pool, &Sub::new(sub), digest)
    }

    fn content_digest(&self) -> Digest {
        self.digest()
    }
}

impl Record for GroupRecord {
    fn key(pool: &PoolId, name: &str, digest: Digest) -> Key {
        keys::group_record(pool, &GroupName::new(name), digest)
    }

    fn content_digest(&self) -> Digest {
        self.digest()
    }
}

impl Record for PoolDescription {
    fn key(pool: &PoolId, _: &str, digest: Digest) -> Key {
        keys::pool_record(pool, digest)
    }

    fn content_digest(&self) -> Digest {
        self.digest()
    }
}

impl RecordKind {
    /// The key of the record of the entry `name`. None if entries of this kind have no records.
    pub fn record_key(self, pool: &PoolId, name: &str, digest: Digest) -> Option<Key> {
        match self {
            Self::User => Some(UserRecord::key(pool, name, digest)),
            Self::Group => Some(GroupRecord::key(pool, name, digest)),
            Self::Membership => None,
        }
    }

    /// Whether `items` hold the record of this kind with this digest.
    pub fn is_record(self, items: &RecordItems, digest: Digest) -> bool {
        match self {
            Self::User => items.holds::<UserRecord>(digest),
            Self::Group => items.holds::<GroupRecord>(digest),
            Self::Membership => false,
        }
    }
}

/// A record as an item: its fields, and the snapshot that first held it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stored<'a, R> {
    #[serde(flatten)]
    record: &'a R,
    first_seen: &'a RunId,
}

/// A record as read from its item.
#[derive(Deserialize)]
struct Read<R> {
    #[serde(flatten)]
    record: R,
}

/// The items of a record, in the order in which they are written: its parts, if it is stored in parts, and then the
/// item under its own key.
#[derive(Debug, Clone)]
pub struct RecordItems {
    /// The parts that were found, in their order.
    pub(super) parts: Vec<(Key, Item)>,
    pub(super) own: Item,
}

impl RecordItems {
    /// The items of the record `key` with their keys, those of the parts first.
    pub fn into_items(self, key: Key) -> (Vec<(Key, Item)>, (Key, Item)) {
        (self.parts, (key, self.own))
    }

    /// The parts of `whole` that these items of the same record lack. None if anything else differs.
    pub fn missing_parts(&self, whole: Self) -> Option<Vec<(Key, Item)>> {
        let count = PartCount::of(&self.own)?;
        let is_same = Some(count) == PartCount::of(&whole.own)
            && self.parts.iter().all(|part| whole.parts.contains(part));
        is_same.then(|| whole.parts.into_iter().filter(|part| !self.parts.contains(part)).collect())
    }

    /// The size of all items together, as DynamoDB counts it.
    pub fn bytes(&self, key: &Key) -> usize {
        let parts = self.parts.iter().map(|(key, part)| item_size::of(key, part));
        item_size::of(key, &self.own) + parts.sum::<usize>()
    }

    /// Whether these items hold the record with this digest.
    pub fn holds<R: Record>(&self, digest: Digest) -> bool {
        self.clone().into_record::<R>(digest).is_some()
    }

    /// The record with this digest. None if the items hold other content, or if a part is missing.
    fn into_record<R: Record>(self, digest: Digest) -> Option<R> {
        let record: R = match PartCount::of(&self.own) {
            Some(count) => serde_json::from_str(&record_parts::joined(count, self.parts)?).ok()?,
            None => serde_dynamo::from_item::<_, Read<R>>(self.own).ok()?.record,
        };
        (record.content_digest() == digest).then_some(record)
    }
}

impl<V: ReadVault> Catalog<V> {
    /// Reads the records that `wanted` names, in this order. Each answer is the record, or the
    /// reason why it cannot be used.
    ///
    /// The caller bounds how many records it holds. The items that they are read from take no more than a few
    /// megabytes at once, in all calls together.
    pub async fn records<R: Record>(
        &self,
        pool: &PoolId,
        wanted: &[(&str, Digest)],
    ) -> Result<Vec<ReadRecord<R>>> {
        let mut last_use = HashMap::new();
        let mut keys = Vec::with_capacity(wanted.len());
        for (place, (name, digest)) in wanted.iter().enumerate() {
            let key = R::key(pool, name, *digest);
            if last_use.insert(key.clone(), place).is_none() {
                keys.push((key, *digest));
            }
        }
        let mut found = HashMap::with_capacity(keys.len());
        self.each_record(&keys, |key, record: ReadRecord<R>| drop(found.insert(key.clone(), record))).await?;
        let records = wanted.iter().enumerate().map(|(place, (name, digest))| {
            let key = R::key(pool, name, *digest);
            // A record that is named again is copied.
            let is_last = last_use.get(&key) == Some(&place);
            let record = if is_last { found.remove(&key) } else { found.get(&key).cloned() };
            record.unwrap_or_else(|| Err(Reason::RecordMissing { key: key.to_string() }))
        });
        Ok(records.collect())
    }

    /// Reads the records that `wanted` names, each once, and maps each of them at once. So the records themselves need
    /// not fit into memory together.
    pub async fn map_records<R: Record, T: Send>(
        &self,
        pool: &PoolId,
        wanted: &[(&str, Digest)],
        mut map: impl FnMut(ReadRecord<R>) -> T + Send,
    ) -> Result<Vec<T>> {
        let keys: Vec<_> =
            wanted.iter().map(|(name, digest)| (R::key(pool, name, *digest), *digest)).collect();
        let mut mapped = Vec::with_capacity(keys.len());
        self.each_record(&keys, |_, record| mapped.push(map(record))).await?;
        Ok(mapped)
    }

    /// Passes the records under different keys to `take`, in order.
    async fn each_record<R: Record>(
        &self,
        wanted: &[(Key, Digest)],
        mut take: impl FnMut(&Key, ReadRecord<R>) + Send,
    ) -> Result<()> {
        let mut rest = wanted;
        while !rest.is_empty() {
            let (some, others) = rest.split_at(self.reads.fitting(rest.len(), FIRST_CALL));
            rest = others;
            let mut in_flight = self.reads.begin(some.len()).await;
            let mut items = self.record_items(some.iter().map(|(key, _)| key.clone()).collect()).await?;
            in_flight.has(items.len(), items.iter().map(|(key, items)| items.bytes(key)).sum());
            for (key, digest) in some {
                let record = match items.remove(key) {
                    Some(items) => items
                        .into_record(*digest)
                        .ok_or_else(|| Reason::RecordDamaged { key: key.to_string() }),
                    None => Err(Reason::RecordMissing { key: key.to_string() }),
                };
                take(key, record);
            }
        }
        Ok(())
    }

    /// Reads all items of records by their keys. The answer leaves out records that the table does not have. A part
    /// that is missing is left out, too.
    pub async fn record_items(&self, keys: Vec<Key>) -> Result<HashMap<Key, RecordItems>> {
        let own = self.vault.get_all(keys).await?;
        let mut records = HashMap::with_capacity(own.len());
        for (key, own) in own {
            let parts = match PartCount::of(&own) {
                Some(count) => self.parts(&key, count).await?,
                None => Vec::new(),
            };
            records.insert(key, RecordItems { parts, own });
        }
        Ok(records)
    }

    async fn parts(&self, record: &Key, count: PartCount) -> Result<Vec<(Key, Item)>> {
        let mut parts = self.vault.get_all(count.keys(record)).await?;
        parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(parts)
    }

    /// The keys of all items of these records, in the order in which they are deleted: the item under the key of the
    /// record first, because without it no export takes the record for stored. It looks for every part that a record may
    /// have: the table may have lost some of them.
    pub async fn keys_to_delete(&self, records: Vec<Key>) -> Result<Vec<Key>> {
        let (texts, records): (Vec<Key>, Vec<Key>) =
            records.into_iter().partition(|record| ConfigurationKind::of(record).is_some());
        let parts = records.iter().flat_map(record_parts::all_keys).collect();
        let existing = self.vault.existing(parts).await?;
        let with_parts = records.into_iter().flat_map(|record| {
            let parts = record_parts::all_keys(&record).into_iter().filter(|part| existing.contains(part));
            let parts: Vec<Key> = parts.collect();
            std::iter::once(record).chain(parts)
        });
        let mut keys: Vec<Key> = with_parts.collect();
        for record in texts {
            let parts = self.text_parts(&record).await?;
            keys.push(record);
            keys.extend(parts);
        }
        Ok(keys)
    }
}

impl<V: Vault> Catalog<V> {
    /// The records that the table does not have, each once. A record that lacks a part is one of them.
    ///
    /// The caller must hold the lease of the pool. Otherwise prune might remove a record that the
    /// table has before a page names it.
    pub async fn absent<'a, R: Record + 'a>(
        &self,
        pool: &PoolId,
        records: impl Iterator<Item = (&'a str, Digest, &'a R)> + Send,
    ) -> Result<Vec<(&'a str, Digest, &'a R)>> {
        let mut by_key: HashMap<Key, (&str, Digest, &R)> = records
            .map(|(name, digest, record)| (R::key(pool, name, digest), (name, digest, record)))
            .collect();
        if by_key.is_empty() {
            return Ok(Vec::new());
        }
        let mut parts: HashMap<Key, Vec<Key>> = HashMap::new();
        for (key, (_, _, record)) in &by_key {
            if let Some(count) = record_parts::count(key, *record)? {
                parts.insert(key.clone(), count.keys(key));
            }
        }
        let keys = by_key.keys().chain(parts.values().flatten()).cloned().collect();
        let present: HashSet<Key> = self.vault.existing(keys).await?;
        let is_whole = |key: &Key| {
            present.contains(key)
                && parts.get(key).is_none_or(|parts| parts.iter().all(|part| present.contains(part)))
        };
        by_key.retain(|key, _| !is_whole(key));
        Ok(by_key.into_values().collect())
    }

    /// Writes records that [`Self::absent`] has named.
    ///
    /// The parts of a record go before the item under its key, so that item stands for all of them.
    pub async fn write<R: Record>(
        &self,
        pool: &PoolId,
        snapshot: &RunId,
        records: &[(&str, Digest, &R)],
    ) -> Result<()> {
        let mut items = Vec::new();
        let mut bytes = 0;
        for (name, digest, record) in records {
            let key = R::key(pool, name, *digest);
            let (parts, own) = match record_parts::split(&key, *record)? {
                Some((count, parts)) => (parts, count.item(snapshot)?),
                None => (Vec::new(), encode(&Stored { record: *record, first_seen: snapshot })?),
            };
            for part in parts {
                self.vault.insert_all(vec![part]).await?;
            }
            let size = item_size::of(&key, &own);
            if bytes + size > MAX_CALL_BYTES && !items.is_empty() {
                self.vault.insert_all(std::mem::take(&mut items)).await?;
                bytes = 0;
            }
            bytes += size;
            items.push((key, own));
        }
        if items.is_empty() { Ok(()) } else { self.vault.insert_all(items).await }
    }
}
