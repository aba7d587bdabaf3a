//! A global table: two tables in two Regions that replicate to each other.
//!
//! It behaves like a DynamoDB global table with asynchronous replication. Source: "How DynamoDB global tables work",
//! Amazon DynamoDB developer guide.
//!
//! - A write takes effect in its own Region. Its conditions look at that Region alone.
//! - Each item is replicated by itself, after any time and in any order. So a transaction, or a page before the item
//!   that follows it, may arrive in parts.
//! - If both Regions write an item, the last writer wins, in both. A deletion is a write.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_dynamo::Item;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::calls::CallSite;
use super::fingerprint::{Fingerprint, in_any_order, of_item};
use super::turnstile::{Reach, Turnstile};
use super::vault::{MemoryVault, Table};
use shared::ports::vault::Key;

/// When and in which Region an item was written. The greater version wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Version {
    at: Timestamp,
    /// Distinguishes writes of the same millisecond, within a Region.
    number: u64,
    region: u8,
}

/// A write that the other Region has not got yet.
#[derive(Debug)]
struct Change {
    key: Key,
    /// None for a deletion.
    item: Option<Item>,
    version: Version,
    left_at: Instant,
}

/// What a table of a global table remembers of its writes.
#[derive(Debug)]
pub(super) struct Replication {
    region: u8,
    writes: u64,
    versions: HashMap<Key, Version>,
    outbox: Vec<Change>,
    /// Notified of each write that leaves.
    has_left: Arc<Notify>,
}

impl Replication {
    fn of_region(region: u8) -> Self {
        Self { region, writes: 0, versions: HashMap::new(), outbox: Vec::new(), has_left: Arc::default() }
    }

    /// A fingerprint of the writes that are to arrive, and of those that they must outdo.
    pub(super) fn fingerprint(&self) -> u64 {
        let versions = self.versions.iter().map(|entry| Fingerprint::of(&entry));
        let outbox = self.outbox.iter().map(|Change { key, item, version, .. }| {
            Fingerprint::of(&(key, item.as_ref().map(of_item), version))
        });
        Fingerprint::of(&(in_any_order(versions), in_any_order(outbox)))
    }

    /// Notes a write of this Region.
    pub(super) fn note(&mut self, key: &Key, item: Option<Item>, at: Timestamp) {
        self.writes += 1;
        let mut version = Version { at, number: self.writes, region: self.region };
        // A write outdoes what its Region has, also if the other Region wrote it within the same millisecond.
        if let Some(known) = self.versions.get(key).filter(|known| **known >= version) {
            version = Version { at: known.at, number: known.number + 1, region: self.region };
        }
        self.versions.insert(key.clone(), version);
        self.outbox.push(Change { key: key.clone(), item, version, left_at: Instant::now() });
        self.has_left.notify_one();
    }

    /// Whether a write of the other Region wins.
    fn accepts(&mut self, change: &Change) -> bool {
        let wins = self.versions.get(&change.key).is_none_or(|known| *known < change.version);
        if wins {
            self.versions.insert(change.key.clone(), change.version);
        }
        wins
    }
}

impl Table {
    fn receive(&mut self, change: Change) {
        if self.replication.as_mut().is_some_and(|replication| replication.accepts(&change)) {
            self.set(&change.key, change.item);
        }
    }
}

/// A table and its replica.
#[derive(Debug, Clone)]
pub struct MemoryGlobalTable {
    first: MemoryVault,
    second: MemoryVault,
}

impl MemoryGlobalTable {
    /// Adds a replica to `first`, a table without one. The replica begins with the items that the table has.
    pub fn replicate(first: &MemoryVault) -> Self {
        let second = first.in_another_region();
        for (region, vault) in [(0, first), (1, &second)] {
            vault.table().replication = Some(Replication::of_region(region));
        }
        Self { first: first.clone(), second }
    }

    /// The table in the second Region.
    pub fn second(&self) -> &MemoryVault {
        &self.second
    }

    /// The writes that one of the Regions has not got yet.
    pub fn in_flight(&self) -> usize {
        let waiting =
            |vault: &MemoryVault| vault.table().replication.as_ref().map_or(0, |it| it.outbox.len());
        waiting(&self.first) + waiting(&self.second)
    }

    /// Replicates those of the waiting writes that `arrives` chooses, by key and time of the write.
    pub fn deliver(&self, mut arrives: impl FnMut(&Key, Timestamp) -> bool) {
        for (from, to) in [(&self.first, &self.second), (&self.second, &self.first)] {
            let arrived: Vec<_> = {
                let mut table = from.table();
                let Some(replication) = &mut table.replication else { continue };
                replication.outbox.extract_if(.., |change| arrives(&change.key, change.version.at)).collect()
            };
            let mut table = to.table();
            arrived.into_iter().for_each(|change| table.receive(change));
        }
    }

    /// Replicates the writes of one Region, the oldest first. One whose key `waits` arrives when the turnstile lets it
    /// in, and at the latest after `max_lag`. The others arrive as soon as all before them have. It does not end.
    pub async fn replicate_through(
        &self,
        turnstile: &Turnstile,
        from_second: bool,
        waits: impl Fn(&Key) -> bool,
        max_lag: Duration,
    ) {
        let (from, to) = if from_second { (&self.second, &self.first) } else { (&self.first, &self.second) };
        let has_left = {
            let table = from.table();
            let Some(replication) = &table.replication else { return };
            Arc::clone(&replication.has_left)
        };
        loop {
            deliver_while(from, to, |change| !waits(&change.key));
            // What the next step brings: a write that waits, and those after it that do not.
            let next = {
                let table = from.table();
                let outbox = table.replication.iter().flat_map(|replication| &replication.outbox);
                let count = outbox.clone().skip(1).take_while(|change| !waits(&change.key)).count() + 1;
                let latest = outbox.clone().next().map(|oldest| oldest.left_at + max_lag);
                let keys = outbox.take(count).map(|change| change.key.clone()).collect();
                latest.map(|latest| (latest, Reach::Items(keys)))
            };
            let Some((latest, reach)) = next else {
                has_left.notified().await;
                continue;
            };
            tokio::select! {
                biased;
                () = turnstile.pass(&CallSite::Arrival, &reach) => {}
                () = sleep_until(latest) => {}
                () = has_left.notified() => continue,
            }
            let mut has_arrived = false;
            deliver_while(from, to, |_| !std::mem::replace(&mut has_arrived, true));
        }
    }

    /// Waits until one of the Regions has written. A write before the wait counts, too.
    pub async fn written(&self) {
        let has_left = |vault: &MemoryVault| {
            vault.table().replication.as_ref().map(|replication| Arc::clone(&replication.has_left))
        };
        let (Some(first), Some(second)) = (has_left(&self.first), has_left(&self.second)) else { return };
        tokio::select! {
            () = first.notified() => {}
            () = second.notified() => {}
        }
    }

    /// Replicates everything.
    pub fn deliver_all(&self) {
        self.deliver(|_, _| true);
    }
}

/// Replicates the oldest waiting writes of a Region, up to the first that does not arrive.
fn deliver_while(from: &MemoryVault, to: &MemoryVault, mut arrives: impl FnMut(&Change) -> bool) {
    let arrived: Vec<_> = {
        let mut table = from.table();
        let Some(replication) = &mut table.replication else { return };
        let outbox = &mut replication.outbox;
        let end = outbox.iter().position(|change| !arrives(change)).unwrap_or(outbox.len());
        outbox.drain(..end).collect()
    };
    let mut table = to.table();
    arrived.into_iter().for_each(|change| table.receive(change));
}
