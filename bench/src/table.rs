//! The backup table: items in a store, and user records by number.
//!
//! The table does not store the content of a user record. It remembers the first bits of the record's digest,
//! and computes the content from the user's number when the record is read.

use jiff::Timestamp;
use serde_dynamo::{AttributeValue, Item};
use shared::ports::vault::{Fence, HOLDER, Key, Query, REVISION, has_expired};
use shared::{Error, ErrorKind, Result, item_size};

use crate::kind::Kind;
use crate::population::{History, Population, Version};
use crate::store::{self, QueryPage, Store};
use crate::units::Units;

/// The items of the table, and the read and write units that they took.
#[derive(Debug)]
pub struct Table {
    store: Store,
    /// By version and user number: the first bits of the record's digest. 0 if the table lacks the record.
    record_digests: Vec<Vec<u32>>,
    /// The attribute `firstSeen` of all user records: the last snapshot that wrote one.
    first_seen: AttributeValue,
    /// The read and write units of the current run.
    pub units: Units,
}

/// The key of a user record: the user's number, and the first bits of the digest.
struct RecordKey {
    number: u32,
    digest: u32,
}

impl RecordKey {
    fn of(population: &Population, key: &Key) -> Option<Self> {
        let (_, sub) = key.pk.strip_prefix("USER#")?.rsplit_once('#')?;
        let digest = u32::from_str_radix(key.sk.strip_prefix("REC#")?.get(..8)?, 16).ok()?;
        Some(Self { number: population.number_with_sub(sub)?, digest: digest.max(1) })
    }
}

/// An item as the table has it.
pub enum FoundItem {
    /// The bytes of [`packed`](crate::packed).
    Packed(Vec<u8>),
    /// A user record in one item, not computed yet.
    UserRecord { number: u32, version: Version, first_seen: AttributeValue },
}

impl FoundItem {
    /// The item. Its memory belongs to the caller, because the service calls this while allocations
    /// count as the function's.
    ///
    /// # Errors
    /// If the bytes or the record cannot be read.
    pub fn into_item(self, population: &Population) -> Result<Item> {
        match self {
            Self::Packed(bytes) => store::unpack(&bytes),
            Self::UserRecord { number, version, first_seen } => {
                let item: serde_dynamo::Result<Item> =
                    serde_dynamo::to_item(population.record(number, version));
                let mut item = item.map_err(|error| {
                    Error::new(
                        ErrorKind::Internal,
                        format!("The bench cannot write a user record: {error}."),
                        "",
                    )
                })?;
                item.inner_mut().insert("firstSeen".to_owned(), first_seen);
                Ok(item)
            }
        }
    }
}

impl Table {
    /// An empty table.
    ///
    /// # Errors
    /// If the temporary file cannot be created.
    pub fn new() -> Result<Self> {
        let (record_digests, first_seen) = (Vec::new(), AttributeValue::S(String::new()));
        Ok(Self { store: Store::new()?, record_digests, first_seen, units: Units::default() })
    }

    /// The version of the user in this record, if the record is in the table.
    fn version(&self, key: &RecordKey) -> Option<Version> {
        let has_record = |digests: &Vec<u32>| digests.get(key.number as usize) == Some(&key.digest);
        self.record_digests.iter().position(has_record).map(|version| version as Version)
    }

    /// The user record with this key and its version, if the table has it as one item that it computes.
    fn record(&self, population: &Population, key: &Key) -> Option<(RecordKey, Version)> {
        let record = RecordKey::of(population, key)?;
        let version = self.version(&record)?;
        Some((record, version))
    }

    /// Finds the item with this key. It does not count read units: the caller does, because a user record has
    /// no size before [`FoundItem::into_item`].
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn find(&self, population: &Population, key: &Key) -> Result<Option<FoundItem>> {
        if let Some((record, version)) = self.record(population, key) {
            let (number, first_seen) = (record.number, self.first_seen.clone());
            return Ok(Some(FoundItem::UserRecord { number, version, first_seen }));
        }
        Ok(self.store.get(key)?.map(|(bytes, _)| FoundItem::Packed(bytes)))
    }

    /// Puts an item.
    ///
    /// # Errors
    /// If DynamoDB would not take the item, or the store cannot be written.
    pub fn put(&mut self, population: &Population, history: &History, key: &Key, item: &Item) -> Result<()> {
        let size = item_size::check(key, item)?;
        self.units.write(Kind::of(&key.pk, &key.sk), size);
        // The item of a record in parts is kept as it is.
        let in_one_item = RecordKey::of(population, key).filter(|_| !item.inner().contains_key("parts"));
        let Some(record) = in_one_item else { return self.store.put(key, item, size) };
        let version = usize::from(history.version(record.number));
        if self.record_digests.len() <= version {
            self.record_digests.resize_with(version + 1, Vec::new);
        }
        let digests = &mut self.record_digests[version];
        if digests.is_empty() {
            digests.resize(population.users as usize, 0);
        }
        digests[record.number as usize] = record.digest;
        if let Some(first_seen) =
            item.inner().get("firstSeen").filter(|first_seen| **first_seen != self.first_seen)
        {
            self.first_seen = first_seen.clone();
        }
        Ok(())
    }

    /// Puts an item if the table has none with its key, not even an expired one. A refused insert takes the same
    /// write units.
    ///
    /// # Errors
    /// Those of [`Self::put`].
    pub fn insert(
        &mut self,
        population: &Population,
        history: &History,
        key: &Key,
        item: &Item,
    ) -> Result<()> {
        let size = item_size::check(key, item)?;
        let is_present = self.record(population, key).is_some() || self.store.get(key)?.is_some();
        if is_present {
            self.units.write(Kind::of(&key.pk, &key.sk), size);
            Ok(())
        } else {
            self.put(population, history, key, item)
        }
    }

    /// Whether the table has an item with this key that has not expired. Counts the read.
    pub fn has(&mut self, population: &Population, key: &Key, now: Timestamp) -> bool {
        let size = match self.record(population, key) {
            Some(_) => Some(population.people.record_bytes()),
            None => match self.store.get(key) {
                Ok(Some((bytes, size))) => {
                    store::unpack(&bytes).ok().filter(|item| !has_expired(item, now)).map(|_| size)
                }
                _ => None,
            },
        };
        self.units.read(Kind::of(&key.pk, &key.sk), size.unwrap_or(0));
        size.is_some()
    }

    /// Deletes an item. A transaction costs twice the units. A key without an item costs one write.
    pub fn remove(&mut self, population: &Population, key: &Key, in_transaction: bool) {
        let size = match self.record(population, key) {
            Some((record, version)) => {
                self.record_digests[usize::from(version)][record.number as usize] = 0;
                0
            }
            None => self.store.size(key).unwrap_or(0),
        };
        for _ in 0..1 + u8::from(in_transaction) {
            self.units.write(Kind::of(&key.pk, &key.sk), size);
        }
        self.store.remove(key);
    }

    /// The size of the item with this key, 0 without one.
    pub fn size(&self, population: &Population, key: &Key) -> usize {
        match self.record(population, key) {
            Some(_) => population.people.record_bytes(),
            None => self.store.size(key).unwrap_or(0),
        }
    }

    /// Whether the holder that the fence names holds the fence's item.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn is_held(&self, fence: &Fence) -> Result<bool> {
        let Some((bytes, _)) = self.store.get(&fence.key)? else { return Ok(false) };
        let holder = AttributeValue::S(fence.holder.clone());
        Ok(store::unpack(&bytes)?.inner().get(HOLDER) == Some(&holder))
    }

    /// Whether the item with this key has the revision `expected`. None means that there is no item.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn has_revision(&self, key: &Key, expected: Option<u64>, now: Timestamp) -> Result<bool> {
        let stored = self.store.get(key)?.map(|(bytes, _)| store::unpack(&bytes)).transpose()?;
        Ok(match (expected, stored.filter(|item| !has_expired(item, now))) {
            (None, current) => current.is_none(),
            (Some(_), None) => false,
            (Some(revision), Some(item)) => {
                item.inner().get(REVISION) == Some(&AttributeValue::N(revision.to_string()))
            }
        })
    }

    /// Answers a query. Counts the read.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn query(&mut self, query: &Query) -> Result<QueryPage> {
        let page = self.store.query(query)?;
        self.units.read(Kind::of(&query.pk, &query.prefix), page.bytes);
        Ok(page)
    }
}
