//! Stores the configuration that a pool has now, before a command changes it.
//!
//! The command holds the export lease of the pool, so no removal deletes a record that the capture names. The records
//! go first, then the list, and then the header. A command that stops before the header leaves records that nothing
//! names, as an export does.

use serde_json::Value;

use crate::catalog::Catalog;
use crate::model::configuration::{
    Asset, CapturedConfiguration, CapturedList, CapturedObject, ConfigurationKeys, ObjectName, SecretRecord,
    Withheld,
};
use crate::model::{PoolId, RunId, SnapshotState, StoredCapture};
use crate::operations::capture::{Keeper, KeptSecret, LiveConfiguration, Memory, WatchReading, read_live};
use crate::operations::captured_configuration::CapturedSnapshot;
use crate::operations::held_lease::HeldLease;
use crate::operations::secrets::Sealer;
use crate::pacing::PacedPool;
use crate::ports::keys::EncryptingKeys;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// The snapshots that are looked through for the keys of the table.
const SNAPSHOTS_READ: u32 = 10;

/// The pool whose configuration is stored.
#[derive(Debug)]
pub struct PresentPool<'a, P, K> {
    pub pool: &'a PacedPool<P>,
    /// The list that the configuration is compared with, as [`live_configuration`](super::live_configuration) takes it.
    pub earlier: &'a CapturedList,
    /// KMS, and the keys of the table. None if secrets are left out.
    pub keys: Option<(K, &'a ConfigurationKeys)>,
}

/// A configuration whose records are stored, and which no header names yet.
#[derive(Debug)]
pub struct PreparedCapture {
    capture: StoredCapture,
    /// The configuration, as it was stored. The bytes of assets are replaced by their digests.
    pub live: LiveConfiguration,
}

/// Reads the configuration of a pool, and stores its records and its list. The caller holds the export lease of the
/// pool. `applied` is the snapshot or stored capture that the caller applies next.
///
/// # Errors
/// Those of [`live_configuration`](super::live_configuration). The error of a table that cannot be read or written.
pub async fn prepare_capture<V: Vault, P: Pool, K: EncryptingKeys>(
    catalog: &Catalog<V>,
    id: RunId,
    applied: &RunId,
    present: PresentPool<'_, P, K>,
    watch: &mut impl WatchReading,
) -> Result<PreparedCapture> {
    let PresentPool { pool, earlier, keys } = present;
    let sealer = keys.map(|(service, keys)| Sealer::new(service, keys, pool.id(), None));
    let (memory, id) = (Memory::after(earlier), &id);
    let storing = Storing { catalog, pool: pool.id(), id, sealer: sealer.as_ref(), memory: &memory };
    // The future is large.
    let list = Box::pin(read_live(pool, &storing, &memory, watch)).await?;
    let configuration = CapturedConfiguration { list: list.digest() };
    catalog.store_configuration(pool.id(), id, std::slice::from_ref(&list)).await?;
    let capture = StoredCapture::new(id.clone(), pool.id().clone(), configuration, applied.clone());
    let (objects, answers) = memory.into_objects();
    Ok(PreparedCapture { capture, live: LiveConfiguration { list, objects, answers } })
}

impl PreparedCapture {
    /// Writes the header, so that commands find the capture.
    ///
    /// # Errors
    /// `LeaseLost` if the lease was lost meanwhile. Then there is no header.
    pub async fn keep<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        lease: &mut HeldLease<'_, V>,
    ) -> Result<&StoredCapture> {
        // If the computer slept, a removal may have deleted records. So look at the lease before the header stands for
        // them, and once more after that.
        lease.renew().await?;
        catalog.begin_stored_capture(&self.capture).await?;
        if let Err(error) = lease.renew().await {
            if error.kind() == ErrorKind::LeaseLost {
                catalog.delete_stored_capture(&self.capture.pool, &self.capture.id).await?;
            }
            return Err(error);
        }
        Ok(&self.capture)
    }
}

/// The table, for the objects of a stored capture.
struct Storing<'a, V, K> {
    catalog: &'a Catalog<V>,
    pool: &'a PoolId,
    id: &'a RunId,
    sealer: Option<&'a Sealer<'a, K>>,
    memory: &'a Memory<'a>,
}

impl<V: Vault, K: EncryptingKeys> Keeper for &Storing<'_, V, K> {
    async fn keep_asset(&self, asset: Asset) -> Result<()> {
        self.catalog.store_configuration(self.pool, self.id, &[asset]).await.map(drop)
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        self.catalog.store_configuration(self.pool, self.id, &objects).await?;
        self.memory.keep_objects(objects).await
    }

    async fn keep_secret(&self, object: &ObjectName, secret: &Withheld) -> Result<KeptSecret> {
        match self.sealer {
            Some(sealer) => sealer.keep(self.catalog, self.id, object, secret).await,
            None => Ok(KeptSecret::LeftOut),
        }
    }

    fn sees(&self, name: &ObjectName, answer: &Value) {
        self.memory.sees(name, answer);
    }

    async fn had(&self, name: &ObjectName) -> Result<bool> {
        self.memory.had(name).await
    }

    async fn was_answered(&self, name: &ObjectName, beside: &ObjectName) -> Result<bool> {
        self.memory.was_answered(name, beside).await
    }
}

/// The keys with which the secrets of the table are encrypted, in `region`: those of `applied`, or of the newest of ten
/// snapshots that holds a secret. None if none holds one. Both keys are in one account.
///
/// # Errors
/// If the table cannot be read.
pub async fn table_keys<V: Vault>(
    catalog: &Catalog<V>,
    applied: &CapturedSnapshot,
    region: &str,
) -> Result<Option<ConfigurationKeys>> {
    if let Some(keys) = applied.keys(region) {
        return Ok(Some(keys));
    }
    for snapshot in catalog.snapshots(&applied.pool, None, SNAPSHOTS_READ).await? {
        if snapshot.lasting_state() != Some(SnapshotState::Sealed) {
            continue;
        }
        let Some(Ok(list)) = catalog.captured_list(&snapshot).await? else { continue };
        let records = catalog.configuration_records::<SecretRecord>(&applied.pool, &list.secrets()).await?;
        if let Some(keys) = records.into_iter().flatten().find_map(|record| record.keys(region)) {
            return Ok(Some(keys));
        }
    }
    Ok(None)
}
