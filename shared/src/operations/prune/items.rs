//! What belongs to one snapshot alone: its pages, its units, the holds on it, and its header.

use std::pin::pin;

use futures::TryStreamExt;

use super::{Watch, Work};
use crate::Result;
use crate::catalog::header_key;
use crate::model::{Pruned, Snapshot};
use crate::ports::vault::Vault;

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Deletes all but the header of a snapshot whose records are dealt with; returns whether there was time to.
    ///
    /// Its removal is decided, and nothing that is deleted here is named by anything else: no fence is needed.
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
            self.tenure.keep().await?;
            let (items, pages) = (some.len() as u64, some.iter().filter(|key| key.sk.starts_with("PAGES#")).count() as u64);
            self.catalog.vault().delete_all(some).await?;
            *progressed = true;
            self.advance.removed.add(&Pruned { pages, items, ..Pruned::default() });
            self.watch.advanced(&self.advance);
        }
        Ok(true)
    }

    /// Deletes the header, by which what is left of a snapshot can be found: nothing else may be left.
    pub(super) async fn remove_header(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.catalog.vault().delete_all(vec![header_key(snapshot)]).await?;
        self.advance.removed.add(&Pruned { snapshots: 1, items: 1, ..Pruned::default() });
        self.watch.advanced(&self.advance);
        Ok(())
    }
}
