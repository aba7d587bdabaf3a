//! The items that belong to one snapshot alone: its pages, its units, the holds on it, and its header. And the header of a stored
//! capture.

use std::pin::pin;

use futures::TryStreamExt;

use super::report::Watch;
use super::work::Work;
use crate::Result;
use crate::catalog::{header_key, is_page_batch};
use crate::model::{Pruned, Snapshot, StoredCapture};
use crate::ports::vault::Vault;

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Deletes all items but the header of a snapshot whose records are done. Returns whether there
    /// was time for all of them.
    ///
    /// The removal is decided, and nothing else names these items, so no fence is needed.
    pub(super) async fn remove_items(&mut self, snapshot: &Snapshot, progressed: &mut bool) -> Result<bool> {
        let mut keys = pin!(self.catalog.items_of_snapshot(&snapshot.id));
        loop {
            if self.budget.is_spent() {
                return Ok(false);
            }
            let Some(some) = keys.try_next().await? else { break };
            if some.is_empty() {
                continue;
            }
            self.lease.keep().await?;
            let (items, pages) =
                (some.len() as u64, some.iter().filter(|key| is_page_batch(key)).count() as u64);
            self.catalog.vault().delete_all(some).await?;
            *progressed = true;
            self.advance.removed.add(&Pruned { pages, items, ..Pruned::default() });
            self.watch.advanced(&self.advance);
        }
        Ok(true)
    }

    /// Deletes the header. It goes last, because the next removal finds the rest of a snapshot by
    /// its header.
    pub(super) async fn remove_header(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.catalog.vault().delete_all(vec![header_key(snapshot)]).await?;
        self.advance.removed.add(&Pruned { snapshots: 1, items: 1, ..Pruned::default() });
        self.watch.advanced(&self.advance);
        Ok(())
    }

    /// Deletes the header of a stored capture. It has no other item of its own.
    pub(super) async fn remove_capture(&mut self, capture: &StoredCapture) -> Result<()> {
        self.catalog.delete_stored_capture(self.pool, &capture.id).await?;
        self.advance.removed.add(&Pruned { captures: 1, items: 1, ..Pruned::default() });
        self.watch.advanced(&self.advance);
        Ok(())
    }
}
