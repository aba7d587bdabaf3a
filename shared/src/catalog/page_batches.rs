//! Page batches: how they are stored, and how one page is read.
//!
//! The key of a batch ends with the number of its first page. That number follows from the batch before. So
//! if two invocations store different batches from the same page on, only one of them succeeds.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Catalog, decode, encode, keys};
use crate::model::{PageBatch, PageContent, Pages, RunId, Unit, UnitId};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};
use crate::{Error, ErrorKind, Result};

/// Batches in memory. A restore reads the pages of a unit in order, and several units at once.
const MAX_BATCHES: usize = 16;

/// The batch that was read last, for each unit. A task that wants a page waits while another task reads a
/// batch.
#[derive(Debug, Clone, Default)]
pub(super) struct BatchReader(Arc<Mutex<HashMap<String, ReadBatch>>>);

/// A batch that was read and verified.
#[derive(Debug)]
struct ReadBatch {
    key: Key,
    first: u64,
    pages: Vec<PageContent>,
}

impl ReadBatch {
    fn page(&self, number: u64) -> Option<PageContent> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.pages.get(place).cloned()
    }
}

impl<V: ReadVault> Catalog<V> {
    /// The last batch that an attempt has stored.
    pub async fn last_batch(&self, snapshot: &RunId, unit: &UnitId, attempt: u32) -> Result<Option<PageBatch>> {
        self.batch_before(snapshot, unit, attempt, None).await?.map(|(key, item)| decode(&key, item)).transpose()
    }

    /// Reads one of `pages` of a snapshot that no longer changes. Returns the key of its batch, and the
    /// page. The page is none if the batch is missing or altered, or if the snapshot has fewer pages.
    pub async fn page_of(&self, snapshot: &RunId, pages: &Pages, number: u64) -> Result<(Key, Option<PageContent>)> {
        match pages.locate(number) {
            Some((span, number)) => self.page(snapshot, &span.unit, span.attempt, number).await,
            None => Ok((keys::page_beyond(snapshot, number), None)),
        }
    }

    /// Reads one page of an attempt that is complete; see [`Self::page_of`].
    pub async fn page(&self, snapshot: &RunId, unit: &UnitId, attempt: u32, number: u64) -> Result<(Key, Option<PageContent>)> {
        let attempt_key = format!("{snapshot}#{}", keys::pages(unit, attempt));
        let mut batches = self.batches.0.lock().await;
        if let Some((batch, page)) = batches.get(&attempt_key).and_then(|batch| Some((batch, batch.page(number)?))) {
            return Ok((batch.key.clone(), Some(page)));
        }
        let Some((key, item)) = self.batch_before(snapshot, unit, attempt, Some(number + 1)).await? else {
            return Ok((keys::page(snapshot, unit, attempt, 1), None));
        };
        let batch: Option<PageBatch> = serde_dynamo::from_item(item).ok();
        let sound = batch.filter(|batch| keys::page_number(&key.sk) == Some(batch.first));
        let Some((first, pages)) = sound.and_then(|batch| Some((batch.first, batch.verified(unit).ok()?))) else {
            return Ok((key, None));
        };
        let next = first + pages.len() as u64;
        let batch = ReadBatch { key: key.clone(), first, pages };
        let Some(page) = batch.page(number) else {
            // The page lies beyond the batch before it, so the batch that begins there is missing.
            return Ok((keys::page(snapshot, unit, attempt, next), None));
        };
        if batches.len() >= MAX_BATCHES {
            batches.clear();
        }
        batches.insert(attempt_key, batch);
        Ok((key, Some(page)))
    }

    /// The batch that holds page `number` of a unit. None if it is missing or cannot be decoded.
    pub async fn batch_with(&self, snapshot: &RunId, unit: &Unit, number: u64) -> Result<Option<PageBatch>> {
        let found = self.batch_before(snapshot, &unit.id(), unit.attempt, Some(number + 1)).await?;
        let batch = found.and_then(|(_, item)| serde_dynamo::from_item::<_, PageBatch>(item).ok());
        Ok(batch.filter(|batch| batch.last() >= number))
    }

    /// The last batch that begins before page `before`; without `before`, the last batch of the attempt.
    async fn batch_before(
        &self,
        snapshot: &RunId,
        unit: &UnitId,
        attempt: u32,
        before: Option<u64>,
    ) -> Result<Option<(Key, serde_dynamo::Item)>> {
        let query = Query {
            pk: keys::snapshot_partition(snapshot),
            prefix: keys::pages(unit, attempt),
            after: before.map(|number| keys::page(snapshot, unit, attempt, number).sk),
            order: Order::Descending,
            limit: 1,
        };
        let found = self.vault.query(&query).await?.items.into_iter().next();
        Ok(found.map(|(sk, item)| (Key::new(query.pk, sk), item)))
    }
}

impl<V: Vault> Catalog<V> {
    /// Stores a batch if no batch begins with the same page. Returns the batch that is in the table now.
    pub async fn add_batch(&self, snapshot: &RunId, unit: &UnitId, attempt: u32, batch: PageBatch) -> Result<PageBatch> {
        let key = keys::page(snapshot, unit, attempt, batch.first);
        if self.vault.put_new(&key, encode(&batch)?).await? {
            return Ok(batch);
        }
        let stored = self.read(&key).await?;
        stored.ok_or_else(|| {
            Error::new(ErrorKind::SnapshotDamaged, format!("Item {key} was deleted during the export."), "Start a new export.")
        })
    }
}
