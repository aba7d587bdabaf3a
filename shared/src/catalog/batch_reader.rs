//! The page batches that were read last.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::model::PageContent;
use crate::ports::vault::Key;

/// Batches that are kept in memory. The library reads several units at once, each in the order of
/// its pages.
pub(super) const MAX_KEPT: usize = 16;

/// The batches that were read last, one for each unit. The lock lets one read pass at a time,
/// because the next read may find its batch.
#[derive(Debug, Clone, Default)]
pub(super) struct BatchReader(pub Arc<Mutex<HashMap<String, KeptBatch>>>);

/// A sound batch that was read, kept for its next pages.
#[derive(Debug)]
pub(super) struct KeptBatch {
    pub key: Key,
    pub first: u64,
    pub pages: Vec<PageContent>,
}

impl KeptBatch {
    pub fn page(&self, number: u64) -> Option<PageContent> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.pages.get(place).cloned()
    }
}
