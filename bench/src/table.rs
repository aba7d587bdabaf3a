//! The backup table: items in a store, user records by number.
//!
//! A user record is not kept: that it was written is, by the first bits of its digest, and its content is worked out from the user's number
//! when it is read.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use heap::uncounted;
use serde_dynamo::{AttributeValue, Item};
use shared::ports::vault::{Expect, Fence, Found, HOLDER, Key, Query, REVISION, Vault};
use shared::{Error, ErrorKind, Result, item_size};

use crate::kind::Kind;
use crate::population::{History, Population, Version};
use crate::service::Service;
use crate::store::{self, Store};
use crate::units::Units;

/// How long DynamoDB takes, on average. An assumption: it promises single-digit milliseconds for single items, and nothing for batches.
const READ: Duration = Duration::from_millis(4);
const WRITE: Duration = Duration::from_millis(6);
const QUERY: Duration = Duration::from_millis(8);
const READ_BATCH: Duration = Duration::from_millis(10);
const WRITE_BATCH: Duration = Duration::from_millis(12);
/// Keys of a batch, and batches under way at once: as [`shared_aws`] has them.
const KEYS_OF_BATCH: usize = 100;
const ITEMS_OF_BATCH: usize = 25;
const BATCHES_AT_ONCE: usize = 4;

/// What the table holds, and what it took to read and write it.
#[derive(Debug)]
pub struct Table {
    store: Store,
    /// By version: the first bits of the digest of each user's record, 0 where that version was not written.
    records: Vec<Vec<u32>>,
    /// Which snapshot first saw a record: the last one that wrote any.
    first_seen: AttributeValue,
    /// Read and write units since they were last taken.
    pub units: Units,
}

/// A key of a user record: whose, and the first bits of the digest.
struct RecordKey {
    number: u32,
    digest: u32,
}

impl RecordKey {
    fn of(people: &Population, key: &Key) -> Option<Self> {
        let (_, sub) = key.pk.strip_prefix("USER#")?.rsplit_once('#')?;
        let digest = u32::from_str_radix(key.sk.strip_prefix("REC#")?.get(..8)?, 16).ok()?;
        Some(Self { number: people.number_of(sub)?, digest: digest.max(1) })
    }
}

impl Table {
    /// An empty table.
    pub fn new() -> Result<Self> {
        let (records, first_seen) = (Vec::new(), AttributeValue::S(String::new()));
        Ok(Self { store: Store::new()?, records, first_seen, units: Units::default() })
    }

    /// Which version of a user a record is, if it was written.
    fn version(&self, key: &RecordKey) -> Option<Version> {
        let is_it = |digests: &Vec<u32>| digests.get(key.number as usize) == Some(&key.digest);
        self.records.iter().position(is_it).map(|version| version as Version)
    }

    fn put(&mut self, people: &Population, history: &History, key: &Key, item: &Item) -> Result<()> {
        let size = item_size::of(key, item);
        if size > item_size::MOST {
            return Err(Error::new(ErrorKind::CallRefused, format!("Item {key} exceeds 400 KB."), ""));
        }
        self.units.write(Kind::of(&key.pk, &key.sk), size);
        let Some(record) = RecordKey::of(people, key) else { return self.store.put(key, item, size) };
        let version = usize::from(history.version(record.number));
        if self.records.len() <= version {
            self.records.resize_with(version + 1, Vec::new);
        }
        let digests = &mut self.records[version];
        if digests.is_empty() {
            digests.resize(people.users as usize, 0);
        }
        digests[record.number as usize] = record.digest;
        if let Some(first_seen) = item.inner().get("firstSeen").filter(|first_seen| **first_seen != self.first_seen) {
            self.first_seen = first_seen.clone();
        }
        Ok(())
    }

    fn has(&mut self, people: &Population, key: &Key) -> bool {
        let size = match RecordKey::of(people, key) {
            // A user record has less than the 4 KB of one unit.
            Some(record) => self.version(&record).map(|_| 1),
            None => self.store.size(key),
        };
        self.units.read(Kind::of(&key.pk, &key.sk), size.unwrap_or(0));
        size.is_some()
    }

    /// Deletes an item, in a transaction at twice the cost; what is not there costs a unit all the same.
    fn remove(&mut self, people: &Population, key: &Key, in_transaction: bool) {
        let size = match RecordKey::of(people, key) {
            Some(record) => {
                if let Some(version) = self.version(&record) {
                    self.records[usize::from(version)][record.number as usize] = 0;
                }
                0
            }
            None => self.store.size(key).unwrap_or(0),
        };
        for _ in 0..1 + u8::from(in_transaction) {
            self.units.write(Kind::of(&key.pk, &key.sk), size);
        }
        self.store.remove(key);
    }

    /// Whether the item of a fence is held by whom it names.
    fn is_held(&self, fence: &Fence) -> Result<bool> {
        let Some((bytes, _)) = self.store.get(&fence.key)? else { return Ok(false) };
        let holder = AttributeValue::S(fence.holder.clone());
        Ok(store::unpacked(&bytes)?.inner().get(HOLDER) == Some(&holder))
    }

    fn holds(&self, key: &Key, expect: Expect) -> Result<bool> {
        let there = self.store.get(key)?;
        Ok(match expect {
            Expect::Absent => there.is_none(),
            Expect::Revision(revision) => match there {
                None => false,
                Some((bytes, _)) => {
                    let item = store::unpacked(&bytes)?;
                    item.inner().get(REVISION) == Some(&AttributeValue::N(revision.to_string()))
                }
            },
        })
    }
}

/// What was found under a key.
enum There {
    Packed(Vec<u8>),
    Record(u32, Version, AttributeValue),
}

/// The table, as the steps see it.
#[derive(Debug, Clone)]
pub struct SimulatedVault {
    service: Arc<Service>,
}

impl SimulatedVault {
    /// The table of a service.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }

    /// Waits as long as so many requests of `mean` take, a few at once.
    async fn wait(&self, mean: Duration, requests: usize) {
        for _ in 0..requests.div_ceil(BATCHES_AT_ONCE).max(1) {
            let times = self.service.draw(mean);
            tokio::time::sleep(times.there + times.back).await;
        }
    }

    fn find(&self, key: &Key) -> Result<Option<There>> {
        uncounted(|| {
            let mut world = self.service.world();
            let people = world.people;
            let table = &mut world.table;
            if let Some(record) = RecordKey::of(&people, key) {
                return Ok(table.version(&record).map(|version| There::Record(record.number, version, table.first_seen.clone())));
            }
            Ok(table.store.get(key)?.map(|(bytes, _)| There::Packed(bytes)))
        })
    }

    /// Reads an item; what it comes to is the function's.
    fn read(&self, key: &Key) -> Result<Option<Item>> {
        let item = match self.find(key)? {
            None => None,
            Some(There::Packed(bytes)) => Some(store::unpacked(&bytes)?),
            Some(There::Record(number, version, first_seen)) => {
                let record = self.service.people().record(number, version);
                let item: serde_dynamo::Result<Item> = serde_dynamo::to_item(&record);
                let mut item =
                    item.map_err(|error| Error::new(ErrorKind::Internal, format!("A record cannot be written: {error}."), ""))?;
                item.inner_mut().insert("firstSeen".to_owned(), first_seen);
                Some(item)
            }
        };
        let size = item.as_ref().map_or(0, |item| item_size::of(key, item));
        let kind = Kind::of(&key.pk, &key.sk);
        uncounted(|| self.service.world().table.units.read(kind, size));
        Ok(item)
    }
}

fn is_distinct<'a>(keys: impl Iterator<Item = &'a Key>) -> Result<()> {
    let mut seen = HashSet::new();
    match keys.into_iter().find(|key| !seen.insert(*key)) {
        None => Ok(()),
        Some(key) => Err(Error::new(ErrorKind::CallRefused, format!("A batch names key {key} twice."), "")),
    }
}

impl Vault for SimulatedVault {
    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.wait(READ, 1).await;
        self.read(key)
    }

    async fn put_if(&self, key: &Key, item: Item, expect: Expect) -> Result<bool> {
        self.wait(WRITE, 1).await;
        uncounted(|| {
            let mut world = self.service.world();
            let world = &mut *world;
            let is_to_be = world.table.holds(key, expect)?;
            if is_to_be {
                world.table.put(&world.people, &world.history, key, &item)?;
            } else {
                world.table.units.write(Kind::of(&key.pk, &key.sk), item_size::of(key, &item));
            }
            Ok(is_to_be)
        })
    }

    async fn put_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        uncounted(|| is_distinct(items.iter().map(|(key, _)| key)))?;
        if items.is_empty() {
            return Ok(());
        }
        self.wait(WRITE_BATCH, items.len().div_ceil(ITEMS_OF_BATCH)).await;
        uncounted(|| {
            let mut world = self.service.world();
            let world = &mut *world;
            items.iter().try_for_each(|(key, item)| world.table.put(&world.people, &world.history, key, item))
        })
    }

    async fn get_all(&self, keys: Vec<Key>) -> Result<Vec<(Key, Item)>> {
        uncounted(|| is_distinct(keys.iter()))?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.wait(READ_BATCH, keys.len().div_ceil(KEYS_OF_BATCH)).await;
        let found = keys.into_iter().map(|key| Ok(self.read(&key)?.map(|item| (key, item))));
        found.filter_map(Result::transpose).collect()
    }

    async fn existing(&self, keys: Vec<Key>) -> Result<HashSet<Key>> {
        uncounted(|| is_distinct(keys.iter()))?;
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        self.wait(READ_BATCH, keys.len().div_ceil(KEYS_OF_BATCH)).await;
        let is_there: Vec<bool> = uncounted(|| {
            let mut world = self.service.world();
            let people = world.people;
            keys.iter().map(|key| world.table.has(&people, key)).collect()
        });
        Ok(keys.into_iter().zip(is_there).filter_map(|(key, is_there)| is_there.then_some(key)).collect())
    }

    async fn delete_all(&self, keys: Vec<Key>) -> Result<()> {
        self.wait(WRITE_BATCH, keys.len().div_ceil(ITEMS_OF_BATCH)).await;
        uncounted(|| {
            let mut world = self.service.world();
            let people = world.people;
            keys.iter().for_each(|key| world.table.remove(&people, key, false));
        });
        Ok(())
    }

    async fn delete_while(&self, fence: &Fence, keys: Vec<Key>) -> Result<bool> {
        self.wait(WRITE_BATCH, keys.len().div_ceil(KEYS_OF_BATCH)).await;
        uncounted(|| {
            let mut world = self.service.world();
            let people = world.people;
            let is_held = world.table.is_held(fence)?;
            if is_held {
                keys.iter().for_each(|key| world.table.remove(&people, key, true));
            }
            Ok(is_held)
        })
    }

    async fn query(&self, query: &Query) -> Result<Found> {
        self.wait(QUERY, 1).await;
        let answer = uncounted(|| {
            let mut world = self.service.world();
            let answer = world.table.store.query(query)?;
            world.table.units.read(Kind::of(&query.pk, &query.prefix), answer.bytes);
            Ok::<_, Error>(answer)
        })?;
        answer.unpacked()
    }
}
