//! A table in memory.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_dynamo::{AttributeValue, Item};

use super::calls::CallSite;
use super::fingerprint::{Fingerprint, in_any_order, of_item};
use super::regions::Replication;
use super::script::{Applied, Fault, Gate, Passage};
use super::turnstile::Reach;
use shared::model::ExpiresAt;
use shared::ports::Clock;
use shared::ports::vault::{
    Access, EXPIRES_AT, Fence, FencedBatch, Found, HOLDER, Key, Order, Query, REVISION, ReadVault, Vault,
    WriteOnceVault, check_distinct, delete_in_transactions, expiry_value, has_expired,
};
use shared::{Error, ErrorKind, Guidance, Result, item_size};

/// The most bytes in one answer of a query.
const MAX_QUERY_BYTES: usize = 1024 * 1024;
/// The most bytes of the items of one transaction. Items that are deleted count.
/// Source: "Constraints in Amazon DynamoDB", developer guide.
const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// A table in memory. Clones share its content.
///
/// Items keep to DynamoDB's sizes, conditional puts to its conditions, queries to its limits. A
/// write or read of several items must not name a key twice, as in a DynamoDB batch.
///
/// An item that has expired is absent for every call, but stays in the table until [`Self::sweep`] deletes it.
#[derive(Debug, Clone)]
pub struct MemoryVault {
    table: Arc<Mutex<Table>>,
    gate: Gate,
    clock: Clock,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    partitions: HashMap<String, BTreeMap<String, Stored>>,
    puts: BTreeMap<String, u64>,
    /// The number of keys that `existing` looked up.
    looked_up: u64,
    /// Whether there is no such table.
    is_deleted: bool,
    /// Its writes for another Region, if it has a replica.
    pub(super) replication: Option<Replication>,
    /// Queries by the prefix of their sort keys.
    queries: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Stored {
    item: Item,
    size: usize,
    fingerprint: OnceCell<u64>,
}

impl Table {
    fn get(&self, key: &Key) -> Option<&Stored> {
        self.partitions.get(&key.pk)?.get(&key.sk)
    }

    fn put(&mut self, key: &Key, item: Item, now: Timestamp) -> Result<()> {
        item_size::check(key, &item)?;
        let kind = key.pk.split('#').next().unwrap_or_default();
        *self.puts.entry(kind.to_owned()).or_default() += 1;
        self.write(key, Some(item), now);
        Ok(())
    }

    /// Writes or deletes an item in this Region.
    fn write(&mut self, key: &Key, item: Option<Item>, now: Timestamp) -> Option<Item> {
        if let Some(replication) = &mut self.replication {
            replication.note(key, item.clone(), now);
        }
        self.set(key, item)
    }

    /// Sets or deletes an item. Returns what was there.
    pub(super) fn set(&mut self, key: &Key, item: Option<Item>) -> Option<Item> {
        let Some(item) = item else {
            let partition = self.partitions.get_mut(&key.pk)?;
            let removed = partition.remove(&key.sk).map(|stored| stored.item);
            if partition.is_empty() {
                self.partitions.remove(&key.pk);
            }
            return removed;
        };
        let stored = Stored { size: item_size::of(key, &item), item, fingerprint: OnceCell::new() };
        let partition = self.partitions.entry(key.pk.clone()).or_default();
        partition.insert(key.sk.clone(), stored).map(|stored| stored.item)
    }

    /// The item, unless it has expired.
    fn read(&self, key: &Key, now: Timestamp) -> Option<Item> {
        self.get(key).map(|stored| &stored.item).filter(|item| !has_expired(item, now)).cloned()
    }

    /// Puts an item if the table holds none with its key, not even an expired one.
    fn insert(&mut self, key: &Key, item: Item, now: Timestamp) -> Result<()> {
        item_size::check(key, &item)?;
        if self.get(key).is_some() { Ok(()) } else { self.put(key, item, now) }
    }

    fn put_expecting(
        &mut self,
        key: &Key,
        item: Item,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<bool> {
        item_size::check(key, &item)?;
        let stored_revision = self.read(key, now).map(|item| item.inner().get(REVISION).cloned());
        let holds = match expected {
            None => stored_revision.is_none(),
            Some(revision) => stored_revision == Some(Some(AttributeValue::N(revision.to_string()))),
        };
        if holds {
            self.put(key, item, now)?;
        }
        Ok(holds)
    }

    /// Whether the item of the fence has the holder of the fence.
    fn holds(&self, fence: &Fence) -> bool {
        let holder = self.get(&fence.key).and_then(|stored| stored.item.inner().get(HOLDER));
        holder == Some(&AttributeValue::S(fence.holder.clone()))
    }

    /// One transaction that checks the fence and deletes items.
    fn delete_while(&mut self, fence: &Fence, keys: &[Key], now: Timestamp) -> FencedBatch {
        let items = keys.iter().chain([&fence.key]).filter_map(|key| self.get(key));
        if items.map(|stored| stored.size).sum::<usize>() > MAX_TRANSACTION_BYTES {
            return FencedBatch::TooLarge;
        }
        if !self.holds(fence) {
            return FencedBatch::FenceBroken;
        }
        keys.iter().for_each(|key| drop(self.write(key, None, now)));
        FencedBatch::Deleted
    }

    fn query(&self, query: &Query, now: Timestamp) -> Found {
        let Some(partition) = self.partitions.get(&query.pk) else {
            return Found { items: Vec::new(), next: None };
        };
        let after = query.after.as_deref();
        let in_prefix = |(sk, _): &(&String, &Stored)| sk.starts_with(&query.prefix);
        let mut found = Found { items: Vec::new(), next: None };
        let (mut bytes, mut looked_at) = (0, 0);
        let mut take = |(sk, stored): (&String, &Stored)| {
            (bytes, looked_at) = (bytes + stored.size, looked_at + 1);
            if !has_expired(&stored.item, now) {
                found.items.push((sk.clone(), stored.item.clone()));
            }
            let full = looked_at >= query.limit as usize || bytes >= MAX_QUERY_BYTES;
            // DynamoDB stops at the limit. It does not check whether more items follow.
            found.next = full.then(|| sk.clone());
            full
        };
        match query.order {
            Order::Ascending => {
                let begin = match after.filter(|after| *after >= query.prefix.as_str()) {
                    Some(after) => Bound::Excluded(after),
                    None => Bound::Included(query.prefix.as_str()),
                };
                partition.range::<str, _>((begin, Bound::Unbounded)).take_while(in_prefix).any(&mut take);
            }
            Order::Descending => {
                let beyond = format!("{}{}", query.prefix, char::MAX);
                let end = after.filter(|after| *after < beyond.as_str()).unwrap_or(&beyond);
                let from_top = partition.range::<str, _>((Bound::Unbounded, Bound::Excluded(end))).rev();
                from_top.take_while(in_prefix).any(&mut take);
            }
        }
        found
    }
}

impl MemoryVault {
    /// An empty table. Its items expire by `clock`.
    pub fn new(clock: Clock) -> Self {
        Self { table: Arc::default(), gate: Gate::default(), clock }
    }

    pub(super) fn through(&self, gate: &Gate) -> Self {
        Self { table: Arc::clone(&self.table), gate: gate.clone(), clock: self.clock }
    }

    /// A table of its own with the same items, gate and clock.
    pub(super) fn in_another_region(&self) -> Self {
        let other = Self { table: Arc::default(), ..self.clone() };
        for (key, item) in self.items() {
            other.table().set(&key, Some(item));
        }
        other
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let table = self.table();
        let items = table.partitions.iter().flat_map(|(pk, partition)| {
            partition.iter().map(move |(sk, stored)| {
                *stored.fingerprint.get_or_init(|| Fingerprint::of(&(pk, sk, of_item(&stored.item))))
            })
        });
        let replication = table.replication.as_ref().map(Replication::fingerprint);
        Fingerprint::of(&(in_any_order(items), replication))
    }

    /// Whether both are one table.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table)
    }

    pub fn looked_up(&self) -> u64 {
        self.table().looked_up
    }

    /// The number of queries of sort keys that begin with exactly this prefix.
    pub fn queries(&self, prefix: &str) -> u64 {
        self.table().queries.get(prefix).copied().unwrap_or(0)
    }

    /// The number of items put into partitions whose keys begin with `kind` and `#`.
    pub fn puts(&self, kind: &str) -> u64 {
        self.table().puts.get(kind).copied().unwrap_or(0)
    }

    pub fn items(&self) -> BTreeMap<Key, Item> {
        let table = self.table();
        let all = table
            .partitions
            .iter()
            .flat_map(|(pk, partition)| partition.iter().map(move |entry| (pk, entry)));
        all.map(|(pk, (sk, stored))| (Key::new(pk.as_str(), sk.as_str()), stored.item.clone())).collect()
    }

    /// Puts an item without any check, as an operator may who copies or repairs a table.
    pub fn put_by_hand(&self, key: &Key, item: Item) {
        let now = self.clock.now();
        self.table().write(key, Some(item), now);
    }

    /// Deletes those of the items that have expired that `deletes` names, as DynamoDB does at some time after they
    /// expire, in any order.
    pub fn sweep(&self, mut deletes: impl FnMut(&Key) -> bool) {
        let now = self.clock.now();
        for (key, _) in self.items().into_iter().filter(|(_, item)| has_expired(item, now)) {
            if deletes(&key) {
                self.remove(&key);
            }
        }
    }

    /// Deletes an item without any check.
    pub fn remove(&self, key: &Key) -> Option<Item> {
        let now = self.clock.now();
        self.table().write(key, None, now)
    }

    /// Deletes the table itself. Every call is refused from then on.
    pub fn delete_table(&self) {
        self.table().is_deleted = true;
    }

    async fn enter<'a>(
        &self,
        reach: Reach,
        accesses: impl IntoIterator<Item = (Access, &'a str)> + Send,
    ) -> Result<Passage> {
        let mut site = None;
        self.gate.record.add(|calls| {
            for (access, pk) in accesses {
                calls.note_access(access, pk);
                site = Some((access, pk));
            }
        });
        // The last access names a call of several: of a fenced deletion, the deletion.
        let (access, pk) = site.unwrap_or((Access::GetAll, ""));
        let passage = self.gate.enter(&CallSite::of_vault(access, pk), reach).await;
        if let Some(Fault::Refuse(_) | Fault::RefuseWith(..)) = passage.fault {
            let message = "The backup table did not carry out a request (injected).";
            return Err(Error::new(ErrorKind::ServiceUnavailable, message, Guidance::TryLater));
        }
        if self.table().is_deleted {
            let message = "There is no backup table with this name.";
            return Err(Error::new(ErrorKind::TableNotFound, message, Guidance::CheckTable));
        }
        Ok(passage)
    }
}

/// How many of the items of a write take effect.
fn applied(passage: &Passage, items: usize) -> usize {
    match passage.fault {
        Some(Fault::Die(Applied::Half)) => items / 2,
        _ => items,
    }
}

impl MemoryVault {
    /// Puts an item if its revision is `expected`. Without one, puts it if the key has no item.
    async fn put_expecting(&self, key: &Key, item: Item, expected: Option<u64>) -> Result<bool> {
        let passage = self.enter(Reach::Items(vec![key.clone()]), [(Access::PutIf, key.pk.as_str())]).await?;
        let now = self.now();
        let done = match passage.fault {
            Some(Fault::Die(Applied::Half)) => Ok(false),
            Some(Fault::LostReply) => {
                let mut table = self.table();
                table
                    .put_expecting(key, item.clone(), expected, now)
                    .and_then(|_| table.put_expecting(key, item, expected, now))
            }
            _ => self.table().put_expecting(key, item, expected, now),
        };
        self.gate.leave(&passage, || Fingerprint::default().shown(&done.as_ref().ok()).finish()).await;
        done
    }

    /// Carries out a call on several items: DynamoDB reads or writes each by itself. Behind a turnstile, each is a
    /// step of its own, in the order of their keys: the caller may hold them in no particular order.
    async fn each<T, R>(
        &self,
        passage: &Passage,
        mut items: Vec<T>,
        key: impl Fn(&T) -> &Key + Send,
        mut act: impl FnMut(&mut Table, Timestamp, T) -> Result<R> + Send,
        fingerprint: impl Fn(&R) -> u64 + Send,
    ) -> Result<Vec<R>>
    where
        T: Send,
        R: Send,
    {
        if self.gate.is_in_steps() {
            items.sort_by(|one, other| key(one).cmp(key(other)));
        }
        let mut done = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.gate.enter_again(passage).await;
            }
            let now = self.now();
            let result = act(&mut self.table(), now, item)?;
            self.gate.note(|| fingerprint(&result));
            done.push(result);
        }
        Ok(done)
    }

    /// Reads items, each as a step of its own.
    async fn read_each(&self, passage: &Passage, keys: Vec<Key>) -> Result<Vec<(Key, Item)>> {
        let read =
            |table: &mut Table, now: Timestamp, key: Key| Ok(table.read(&key, now).map(|item| (key, item)));
        let found = self
            .each(
                passage,
                keys,
                |key| key,
                read,
                |found| Fingerprint::of(&found.as_ref().map(|(_, item)| of_item(item))),
            )
            .await?;
        Ok(found.into_iter().flatten().collect())
    }
}

impl MemoryVault {
    /// Writes items, each as a step of its own.
    async fn write_each(
        &self,
        access: Access,
        mut items: Vec<(Key, Item)>,
        write: fn(&mut Table, &Key, Item, Timestamp) -> Result<()>,
    ) -> Result<()> {
        check_distinct(items.iter().map(|(key, _)| key))?;
        let passage = self
            .enter(
                Reach::Items(items.iter().map(|(key, _)| key.clone()).collect()),
                items.iter().map(|(key, _)| (access, key.pk.as_str())),
            )
            .await?;
        items.truncate(applied(&passage, items.len()));
        let write =
            |table: &mut Table, now: Timestamp, (key, item): (Key, Item)| write(table, &key, item, now);
        let written = self.each(&passage, items, |(key, _)| key, write, |()| 0).await;
        self.gate.leave(&passage, || 0).await;
        written.map(drop)
    }
}

impl ReadVault for MemoryVault {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        let passage = self.enter(Reach::Items(vec![key.clone()]), [(Access::Get, key.pk.as_str())]).await?;
        let item = self.table().read(key, self.now());
        self.gate.leave(&passage, || Fingerprint::of(&item.as_ref().map(of_item))).await;
        Ok(item)
    }

    async fn get_all(&self, keys: Vec<Key>) -> Result<Vec<(Key, Item)>> {
        check_distinct(keys.iter())?;
        let passage = self
            .enter(Reach::Items(keys.clone()), keys.iter().map(|key| (Access::GetAll, key.pk.as_str())))
            .await?;
        let items = self.read_each(&passage, keys).await;
        self.gate.leave(&passage, || 0).await;
        items
    }

    async fn existing(&self, keys: Vec<Key>) -> Result<HashSet<Key>> {
        check_distinct(keys.iter())?;
        let passage = self
            .enter(Reach::Items(keys.clone()), keys.iter().map(|key| (Access::GetAll, key.pk.as_str())))
            .await?;
        self.table().looked_up += keys.len() as u64;
        let found = self.read_each(&passage, keys).await;
        self.gate.leave(&passage, || 0).await;
        Ok(found?.into_iter().map(|(key, _)| key).collect())
    }

    async fn query(&self, query: &Query) -> Result<Found> {
        let passage = self
            .enter(
                Reach::Query { pk: query.pk.clone(), prefix: query.prefix.clone() },
                [(Access::Query, query.pk.as_str())],
            )
            .await?;
        let found = {
            let (mut table, now) = (self.table(), self.now());
            *table.queries.entry(query.prefix.clone()).or_default() += 1;
            table.query(query, now)
        };
        let answer = || {
            let items: Vec<_> = found.items.iter().map(|(sk, item)| (sk, of_item(item))).collect();
            Fingerprint::of(&(items, &found.next))
        };
        self.gate.leave(&passage, answer).await;
        Ok(found)
    }
}

impl WriteOnceVault for MemoryVault {
    async fn put_new(&self, key: &Key, item: Item) -> Result<bool> {
        self.put_expecting(key, item, None).await
    }

    async fn insert_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        self.write_each(Access::InsertAll, items, Table::insert).await
    }

    async fn put_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        self.write_each(Access::PutAll, items, Table::put).await
    }
}

impl Vault for MemoryVault {
    async fn replace(&self, key: &Key, item: Item, revision: u64) -> Result<bool> {
        self.put_expecting(key, item, Some(revision)).await
    }

    async fn set_expiry(&self, mut keys: Vec<Key>, expires_at: Option<ExpiresAt>) -> Result<()> {
        check_distinct(keys.iter())?;
        let passage = self
            .enter(Reach::Items(keys.clone()), keys.iter().map(|key| (Access::Update, key.pk.as_str())))
            .await?;
        keys.truncate(applied(&passage, keys.len()));
        let set = |table: &mut Table, now: Timestamp, key: Key| {
            let Some(mut item) = table.read(&key, now) else { return Ok(()) };
            match expires_at {
                Some(expires_at) => {
                    item.inner_mut().insert(EXPIRES_AT.to_owned(), expiry_value(expires_at));
                }
                None => drop(item.inner_mut().remove(EXPIRES_AT)),
            }
            table.put(&key, item, now)
        };
        let set = self.each(&passage, keys, |key| key, set, |()| 0).await;
        self.gate.leave(&passage, || 0).await;
        set.map(drop)
    }

    async fn delete_all(&self, mut keys: Vec<Key>) -> Result<()> {
        check_distinct(keys.iter())?;
        let passage = self
            .enter(Reach::Items(keys.clone()), keys.iter().map(|key| (Access::DeleteAll, key.pk.as_str())))
            .await?;
        keys.truncate(applied(&passage, keys.len()));
        let delete = |table: &mut Table, now: Timestamp, key: Key| {
            drop(table.write(&key, None, now));
            Ok(())
        };
        let deleted = self.each(&passage, keys, |key| key, delete, |()| 0).await;
        self.gate.leave(&passage, || 0).await;
        deleted.map(drop)
    }

    async fn delete_while(&self, fence: &Fence, mut keys: Vec<Key>) -> Result<bool> {
        // The fence is checked in the same transaction, which names no item twice.
        check_distinct(keys.iter().chain([&fence.key]))?;
        let checks = keys.iter().map(|_| (Access::CheckFence, fence.key.pk.as_str()));
        let deletes = keys.iter().map(|key| (Access::DeleteFenced, key.pk.as_str()));
        let passage = self
            .enter(Reach::Items(keys.iter().chain([&fence.key]).cloned().collect()), checks.chain(deletes))
            .await?;
        keys.truncate(applied(&passage, keys.len()));
        let transactions = AtomicUsize::new(0);
        let transact = async |some: Vec<Key>| {
            // The table refuses larger transactions, so that a scheduler can separate any two deletions.
            if self.gate.is_in_steps() && some.len() > 1 {
                return Ok(FencedBatch::TooLarge);
            }
            if transactions.fetch_add(1, Ordering::Relaxed) > 0 {
                self.gate.enter_again(&passage).await;
            }
            let now = self.now();
            let ended = self.table().delete_while(fence, &some, now);
            self.gate.note(|| Fingerprint::default().shown(&ended).finish());
            Ok(ended)
        };
        let held = delete_in_transactions(keys, transact).await;
        self.gate.leave(&passage, || 0).await;
        held
    }
}
