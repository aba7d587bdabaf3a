//! The backup table, as the steps see it. Requests take virtual time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use heap::uncounted;
use jiff::Timestamp;
use serde_dynamo::Item;
use shared::model::ExpiresAt;
use shared::ports::vault::{
    EXPIRES_AT, Fence, FencedBatch, Found, Key, Query, ReadVault, Vault, WriteOnceVault, check_distinct,
    delete_in_transactions, expiry_value, has_expired,
};
use shared::{Result, item_size};

use crate::kind::Kind;
use crate::service::{Service, State};

/// The mean times of DynamoDB's requests. These are assumptions: DynamoDB promises single-digit milliseconds
/// for single items, and nothing for batches.
const READ: Duration = Duration::from_millis(4);
const WRITE: Duration = Duration::from_millis(6);
const QUERY: Duration = Duration::from_millis(8);
const READ_BATCH: Duration = Duration::from_millis(10);
const WRITE_BATCH: Duration = Duration::from_millis(12);
/// The sizes of the adapter's batches, and how many batches and how many single writes it sends at the same time.
const KEYS_PER_BATCH: usize = 100;
const ITEMS_PER_BATCH: usize = 25;
const MAX_CONCURRENT_BATCHES: usize = 4;
const MAX_CONCURRENT_WRITES: usize = 32;
/// The most bytes of the items of one transaction.
const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// The backup table, as the steps see it.
#[derive(Debug, Clone)]
pub struct SimulatedVault {
    service: Arc<Service>,
}

impl SimulatedVault {
    /// The table of a service.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }

    /// Waits until `requests` requests are answered. Each takes `mean` on average.
    async fn wait(&self, mean: Duration, requests: usize) {
        self.wait_for_rounds(mean, requests.div_ceil(MAX_CONCURRENT_BATCHES)).await;
    }

    /// Waits until `writes` writes of single items are answered.
    async fn wait_for_writes(&self, writes: usize) {
        self.wait_for_rounds(WRITE, writes.div_ceil(MAX_CONCURRENT_WRITES)).await;
    }

    /// Waits for requests that leave together, and then for the next ones.
    async fn wait_for_rounds(&self, mean: Duration, rounds: usize) {
        for _ in 0..rounds.max(1) {
            let time = self.service.next_call_time(mean);
            tokio::time::sleep(time.total()).await;
        }
    }

    /// Reads an item. Its memory counts as the function's.
    fn read(&self, key: &Key) -> Result<Option<Item>> {
        let found = uncounted(|| {
            let state = self.service.state();
            state.table.find(&state.population, key)
        })?;
        let item = found.map(|found| found.into_item(&self.service.population())).transpose()?;
        let size = item.as_ref().map_or(0, |item| item_size::of(key, item));
        let kind = Kind::of(&key.pk, &key.sk);
        uncounted(|| self.service.state().table.units.read(kind, size));
        Ok(item.filter(|item| !has_expired(item, self.now())))
    }

    /// Puts an item if the current one has the revision `expected`. None means that there is no item.
    async fn put_if(&self, key: &Key, item: Item, expected: Option<u64>) -> Result<bool> {
        self.wait(WRITE, 1).await;
        uncounted(|| {
            let mut state = self.service.state();
            let State { table, population, history, .. } = &mut *state;
            let size = item_size::check(key, &item)?;
            let is_expected = table.has_revision(key, expected, self.now())?;
            if is_expected {
                table.put(population, history, key, &item)?;
            } else {
                table.units.write(Kind::of(&key.pk, &key.sk), size);
            }
            Ok(is_expected)
        })
    }
}

impl ReadVault for SimulatedVault {
    fn now(&self) -> Timestamp {
        self.service.clock().now()
    }

    async fn get(&self, key: &Key) -> Result<Option<Item>> {
        self.wait(READ, 1).await;
        self.read(key)
    }

    async fn get_all(&self, keys: Vec<Key>) -> Result<Vec<(Key, Item)>> {
        uncounted(|| check_distinct(keys.iter()))?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.wait(READ_BATCH, keys.len().div_ceil(KEYS_PER_BATCH)).await;
        let found = keys.into_iter().map(|key| Ok(self.read(&key)?.map(|item| (key, item))));
        found.filter_map(Result::transpose).collect()
    }

    async fn existing(&self, keys: Vec<Key>) -> Result<HashSet<Key>> {
        uncounted(|| check_distinct(keys.iter()))?;
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        self.wait(READ_BATCH, keys.len().div_ceil(KEYS_PER_BATCH)).await;
        let exists: Vec<bool> = uncounted(|| {
            let mut state = self.service.state();
            let State { table, population, .. } = &mut *state;
            keys.iter().map(|key| table.has(population, key, self.now())).collect()
        });
        Ok(keys.into_iter().zip(exists).filter_map(|(key, exists)| exists.then_some(key)).collect())
    }

    async fn query(&self, query: &Query) -> Result<Found> {
        self.wait(QUERY, 1).await;
        let page = uncounted(|| self.service.state().table.query(query))?;
        let mut found = page.unpack()?;
        found.items.retain(|(_, item)| !has_expired(item, self.now()));
        Ok(found)
    }
}

impl WriteOnceVault for SimulatedVault {
    async fn put_new(&self, key: &Key, item: Item) -> Result<bool> {
        self.put_if(key, item, None).await
    }

    async fn insert_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        uncounted(|| check_distinct(items.iter().map(|(key, _)| key)))?;
        if items.is_empty() {
            return Ok(());
        }
        self.wait(WRITE_BATCH, items.len().div_ceil(ITEMS_PER_BATCH)).await;
        uncounted(|| {
            let mut state = self.service.state();
            let State { table, population, history, .. } = &mut *state;
            items.iter().try_for_each(|(key, item)| table.insert(population, history, key, item))
        })
    }

    async fn put_all(&self, items: Vec<(Key, Item)>) -> Result<()> {
        uncounted(|| check_distinct(items.iter().map(|(key, _)| key)))?;
        if items.is_empty() {
            return Ok(());
        }
        self.wait_for_writes(items.len()).await;
        uncounted(|| {
            let mut state = self.service.state();
            let State { table, population, history, .. } = &mut *state;
            items.iter().try_for_each(|(key, item)| table.put(population, history, key, item))
        })
    }
}

impl Vault for SimulatedVault {
    async fn replace(&self, key: &Key, item: Item, revision: u64) -> Result<bool> {
        self.put_if(key, item, Some(revision)).await
    }

    async fn set_expiry(&self, keys: Vec<Key>, expires_at: Option<ExpiresAt>) -> Result<()> {
        uncounted(|| check_distinct(keys.iter()))?;
        self.wait_for_writes(keys.len()).await;
        uncounted(|| {
            let mut state = self.service.state();
            let State { table, population, history, .. } = &mut *state;
            for key in &keys {
                let Some(found) = table.find(population, key)? else { continue };
                let mut item = found.into_item(population)?;
                if has_expired(&item, self.now()) {
                    continue;
                }
                match expires_at {
                    Some(expires_at) => {
                        drop(item.inner_mut().insert(EXPIRES_AT.to_owned(), expiry_value(expires_at)));
                    }
                    None => drop(item.inner_mut().remove(EXPIRES_AT)),
                }
                table.put(population, history, key, &item)?;
            }
            Ok(())
        })
    }

    async fn delete_all(&self, keys: Vec<Key>) -> Result<()> {
        uncounted(|| check_distinct(keys.iter()))?;
        self.wait(WRITE_BATCH, keys.len().div_ceil(ITEMS_PER_BATCH)).await;
        uncounted(|| {
            let mut state = self.service.state();
            let State { table, population, .. } = &mut *state;
            keys.iter().for_each(|key| table.remove(population, key, false));
        });
        Ok(())
    }

    async fn delete_while(&self, fence: &Fence, keys: Vec<Key>) -> Result<bool> {
        uncounted(|| check_distinct(keys.iter().chain([&fence.key])))?;
        self.wait(WRITE_BATCH, keys.len().div_ceil(KEYS_PER_BATCH)).await;
        delete_in_transactions(keys, |some| {
            let ended = uncounted(|| {
                let mut state = self.service.state();
                let State { table, population, .. } = &mut *state;
                let sizes = some.iter().chain([&fence.key]).map(|key| table.size(population, key));
                if sizes.sum::<usize>() > MAX_TRANSACTION_BYTES {
                    return Ok(FencedBatch::TooLarge);
                }
                if !table.is_held(fence)? {
                    return Ok(FencedBatch::FenceBroken);
                }
                some.iter().for_each(|key| table.remove(population, key, true));
                Ok(FencedBatch::Deleted)
            });
            async move { ended }
        })
        .await
    }
}
