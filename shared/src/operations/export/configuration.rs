//! The configuration in an export: captured after the users are listed, stored, and left to the next invocation
//! if the time ends.
//!
//! At the end, the list of the records is stored. The invocation then writes its digest to the header of the
//! snapshot, together with the counts, so that an unchanged configuration costs no write of its own.

use super::context::Export;
use crate::catalog::Catalog;
use crate::model::configuration::{Asset, CapturedConfiguration, CapturedList, CapturedObject};
use crate::model::{PoolId, RunId};
use crate::operations::capture::{Capturing, Found, Keeper};
use crate::operations::captured_configuration::earlier_list;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// The table, for the objects of one snapshot.
struct Stored<'a, V> {
    catalog: &'a Catalog<V>,
    pool: &'a PoolId,
    snapshot: &'a RunId,
}

impl<V: Vault> Keeper for Stored<'_, V> {
    async fn keep_asset(&self, asset: Asset) -> Result<()> {
        self.catalog.store_configuration(self.pool, self.snapshot, &[asset]).await.map(drop)
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        self.catalog.store_configuration(self.pool, self.snapshot, &objects).await.map(drop)
    }
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Captures the configuration, unless that is done. Returns whether work is left.
    pub(super) async fn capture_configuration(&self) -> Result<bool> {
        if !self.captures_configuration || self.snapshot.captured_configuration.is_some() {
            return Ok(false);
        }
        let (pool, snapshot) = (&self.progress.user_pool_id, &self.progress.run_id);
        let found = Found::resuming(self.catalog.capture_checkpoints(snapshot).await?);
        let keeper = Stored { catalog: &self.catalog, pool, snapshot };
        let capturing = Capturing::resuming(&self.pool, Some(self.budget), keeper, found);
        match capturing.read_all().await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::OutOfTime => {
                self.leave(&capturing.end().await?).await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        let list = self.compared_with_earlier(capturing.end().await?.into_list()).await?;
        let captured = CapturedConfiguration { list: list.digest() };
        self.catalog.store_configuration(pool, snapshot, &[list]).await?;
        *self.captured.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(captured);
        Ok(false)
    }

    /// Leaves what is captured so far to the next invocation. If another invocation wrote a checkpoint meanwhile,
    /// that one counts.
    async fn leave(&self, found: &Found) -> Result<()> {
        for (number, checkpoint) in (found.checkpoints + 1..).zip(found.to_checkpoints()) {
            if !self.catalog.add_capture_checkpoint(&self.progress.run_id, number, &checkpoint).await? {
                break;
            }
        }
        Ok(())
    }

    /// The list of everything. What it lacks names the last snapshot that holds it.
    async fn compared_with_earlier(&self, list: CapturedList) -> Result<CapturedList> {
        if list.not_captured().is_empty() {
            return Ok(list);
        }
        Ok(match earlier_list(&self.catalog, &self.snapshot).await? {
            Some((snapshot, earlier)) => list.after(&earlier, &snapshot),
            None => list,
        })
    }
}
