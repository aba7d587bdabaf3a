//! Sheets, and the pages on them.
//!
//! A sheet is found by the number of its first page. Where one begins follows from the sheet before, so of two invocations that store
//! different sheets from the same page on, only one gets its way.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Catalog, decode, encode, keys};
use crate::model::{PageBatch, PageContent, Pages, RunId, Unit, UnitId};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};
use crate::{Error, ErrorKind, Result};

/// Sheets that are remembered: pages are read one after the other, in several units at once.
const REMEMBERED: usize = 16;

/// The sheets that were read last, one of each unit. Whoever wants a page waits for whoever reads its sheet.
#[derive(Debug, Clone, Default)]
pub(super) struct BatchReader(Arc<Mutex<HashMap<String, ReadBatch>>>);

/// A sheet that was read and is sound.
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
    /// The last sheet that an attempt has stored.
    pub async fn last_batch(&self, snapshot: &RunId, unit: &UnitId, attempt: u32) -> Result<Option<PageBatch>> {
        self.batch_before(snapshot, unit, attempt, None).await?.map(|(key, item)| decode(&key, item)).transpose()
    }

    /// One of `pages` of a snapshot that does not change any more, and the key of the sheet that it is on. The page is none where that
    /// sheet is missing or not as it was written, and where there are not as many pages.
    pub async fn page_of(&self, snapshot: &RunId, pages: &Pages, number: u64) -> Result<(Key, Option<PageContent>)> {
        match pages.locate(number) {
            Some((span, number)) => self.page(snapshot, &span.unit, span.attempt, number).await,
            None => Ok((keys::page_beyond(snapshot, number), None)),
        }
    }

    /// One page of an attempt that is not listed any more, and the key of the sheet that it is on; as [`Self::page_of`].
    pub async fn page(&self, snapshot: &RunId, unit: &UnitId, attempt: u32, number: u64) -> Result<(Key, Option<PageContent>)> {
        let of_attempt = format!("{snapshot}#{}", keys::pages(unit, attempt));
        let mut sheets = self.sheets.0.lock().await;
        if let Some((sheet, page)) = sheets.get(&of_attempt).and_then(|sheet| Some((sheet, sheet.page(number)?))) {
            return Ok((sheet.key.clone(), Some(page)));
        }
        let Some((key, item)) = self.batch_before(snapshot, unit, attempt, Some(number + 1)).await? else {
            return Ok((keys::page(snapshot, unit, attempt, 1), None));
        };
        let sheet: Option<PageBatch> = serde_dynamo::from_item(item).ok();
        let sound = sheet.filter(|sheet| keys::page_number(&key.sk) == Some(sheet.first));
        let Some((first, pages)) = sound.and_then(|sheet| Some((sheet.first, sheet.verified(unit).ok()?))) else {
            return Ok((key, None));
        };
        let behind = first + pages.len() as u64;
        let sheet = ReadBatch { key: key.clone(), first, pages };
        let Some(page) = sheet.page(number) else {
            // Beyond the end of the sheet before, one is missing that began there.
            return Ok((keys::page(snapshot, unit, attempt, behind), None));
        };
        if sheets.len() >= REMEMBERED {
            sheets.clear();
        }
        sheets.insert(of_attempt, sheet);
        Ok((key, Some(page)))
    }

    /// The sheet of a unit that page `number` is on, if it is there and sound.
    pub async fn batch_with(&self, snapshot: &RunId, unit: &Unit, number: u64) -> Result<Option<PageBatch>> {
        let found = self.batch_before(snapshot, &unit.id(), unit.attempt, Some(number + 1)).await?;
        let sheet = found.and_then(|(_, item)| serde_dynamo::from_item::<_, PageBatch>(item).ok());
        Ok(sheet.filter(|sheet| sheet.last() >= number))
    }

    /// The last sheet that begins before page `before`, or the last one of all.
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
    /// Stores a sheet unless one that begins with the same page is there already; returns the sheet that is there now.
    pub async fn add_batch(&self, snapshot: &RunId, unit: &UnitId, attempt: u32, sheet: PageBatch) -> Result<PageBatch> {
        let key = keys::page(snapshot, unit, attempt, sheet.first);
        if self.vault.put_new(&key, encode(&sheet)?).await? {
            return Ok(sheet);
        }
        let there = self.read(&key).await?;
        there.ok_or_else(|| Error::new(ErrorKind::SnapshotDamaged, format!("Item {key} came and went."), "Start a new export."))
    }
}
