//! The headers of stored captures.

use std::pin::pin;

use futures::TryStreamExt;

use super::{Catalog, keys};
use crate::Result;
use crate::model::{PoolId, RunId, StoredCapture};
use crate::ports::vault::{ReadVault, Vault};

/// Headers of one query. Each has some 300 bytes.
const HEADERS_A_QUERY: u32 = 200;

impl<V: ReadVault> Catalog<V> {
    pub async fn stored_capture(&self, pool: &PoolId, id: &RunId) -> Result<Option<StoredCapture>> {
        self.read(&keys::stored_capture(pool, id)).await
    }

    /// The stored captures of a pool, newest first. Each is the work of an operator, so there are few.
    pub async fn stored_captures(&self, pool: &PoolId) -> Result<Vec<StoredCapture>> {
        let partition = keys::pool_partition(pool);
        pin!(self.last_first(partition, keys::STORED_CAPTURES, None, HEADERS_A_QUERY)).try_collect().await
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes the header of a stored capture. Its records and its list are in the table.
    pub async fn begin_stored_capture(&self, capture: &StoredCapture) -> Result<()> {
        self.create(&keys::stored_capture(&capture.pool, &capture.id), capture).await.map(drop)
    }

    /// Decides that a stored capture is removed. From then on, no command reads it.
    pub async fn decide_capture_removal(&self, pool: &PoolId, id: &RunId) -> Result<()> {
        let decide = |capture: &mut StoredCapture| {
            let is_new = !capture.is_being_removed;
            capture.is_being_removed = true;
            Ok(is_new)
        };
        self.change(&keys::stored_capture(pool, id), decide).await.map(drop)
    }

    /// Deletes the header of a stored capture. Its records are deleted before.
    pub async fn delete_stored_capture(&self, pool: &PoolId, id: &RunId) -> Result<()> {
        self.vault.delete_all(vec![keys::stored_capture(pool, id)]).await
    }
}
