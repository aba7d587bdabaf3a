//! The page batches that were read last.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::model::PageContent;
use crate::ports::vault::Key;

/// Batches that are kept in memory: pages are read in their order, in several units at once.
pub(super) const MAX_KEPT: usize = 16;

/// The batches that were read last, one for each unit. One read at a time: the next one may find
/// its batch.
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
