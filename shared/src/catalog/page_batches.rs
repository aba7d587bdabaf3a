//! Page batches, and the pages in them.
//!
//! The key of a batch holds the number of its first page, which follows from the batch before. So
//! if two invocations store different batches that begin with the same page, only one of them
//! succeeds.

use super::batch_reader::{KeptBatch, MAX_KEPT};
use super::{Catalog, decode, encode, keys};
use crate::model::{PageBatch, PageContent, Pages, RunId, Unit, UnitId};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

impl<V: ReadVault> Catalog<V> {
    /// The last batch that an attempt has stored.
    pub async fn last_batch(
        &self,
        snapshot: &RunId,
        unit: &UnitId,
        attempt: u32,
    ) -> Result<Option<PageBatch>> {
        self.batch_before(snapshot, unit, attempt, None)
            .await?
            .map(|(key, item)| decode(&key, item))
            .transpose()
    }

    /// One of `pages` of a snapshot that no longer changes, and the key of its batch. The page is
    /// none if its batch is missing or altered, or if there are fewer pages.
    pub async fn page_of(
        &self,
        snapshot: &RunId,
        pages: &Pages,
        number: u64,
    ) -> Result<(Key, Option<PageContent>)> {
        match pages.locate(number) {
            Some((span, number)) => self.page(snapshot, &span.unit, span.attempt, number).await,
            None => Ok((keys::page_beyond(snapshot, number), None)),
        }
    }

    /// One page of an attempt that is no longer listed, and the key of its batch. See
    /// [`Self::page_of`].
    pub async fn page(
        &self,
        snapshot: &RunId,
        unit: &UnitId,
        attempt: u32,
        number: u64,
    ) -> Result<(Key, Option<PageContent>)> {
        let of_attempt = format!("{snapshot}#{}", keys::pages(unit, attempt));
        let mut batches = self.batches.0.lock().await;
        if let Some((batch, page)) =
            batches.get(&of_attempt).and_then(|batch| Some((batch, batch.page(number)?)))
        {
            return Ok((batch.key.clone(), Some(page)));
        }
        let Some((key, item)) = self.batch_before(snapshot, unit, attempt, Some(number + 1)).await? else {
            return Ok((keys::page(snapshot, unit, attempt, 1), None));
        };
        let batch: Option<PageBatch> = serde_dynamo::from_item(item).ok();
        let sound = batch.filter(|batch| keys::page_number(&key.sk) == Some(batch.first));
        let Some((first, pages)) = sound.and_then(|batch| Some((batch.first, batch.verified(unit).ok()?)))
        else {
            return Ok((key, None));
        };
        let behind = first + pages.len() as u64;
        let batch = KeptBatch { key: key.clone(), first, pages };
        let Some(page) = batch.page(number) else {
            // The batch after this one is missing.
            return Ok((keys::page(snapshot, unit, attempt, behind), None));
        };
        if batches.len() >= MAX_KEPT {
            batches.clear();
        }
        batches.insert(of_attempt, batch);
        Ok((key, Some(page)))
    }

    /// The batch with page `number` of a unit. None if there is no such batch, or if it cannot be
    /// read.
    pub async fn batch_with(&self, snapshot: &RunId, unit: &Unit, number: u64) -> Result<Option<PageBatch>> {
        let found = self.batch_before(snapshot, &unit.id(), unit.attempt, Some(number + 1)).await?;
        let batch = found.and_then(|(_, item)| serde_dynamo::from_item::<_, PageBatch>(item).ok());
        Ok(batch.filter(|batch| batch.last() >= number))
    }

    /// The last batch that begins before page `before`, or the last batch of all.
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
    /// Stores a batch, unless the table has one that begins with the same page. Returns the batch
    /// that is in the table now.
    pub async fn add_batch(
        &self,
        snapshot: &RunId,
        unit: &UnitId,
        attempt: u32,
        batch: PageBatch,
    ) -> Result<PageBatch> {
        let key = keys::page(snapshot, unit, attempt, batch.first);
        if self.vault.put_new(&key, encode(&batch)?).await? {
            return Ok(batch);
        }
        let stored = self.read(&key).await?;
        stored.ok_or_else(|| {
            Error::new(
                ErrorKind::SnapshotDamaged,
                format!("Another program wrote item {key} and deleted it."),
                Guidance::NEW_EXPORT,
            )
        })
    }
}
