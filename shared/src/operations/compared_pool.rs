//! The configuration that a pool has now, to compare it with a capture that holds secrets.
//!
//! The capture has a MAC of each secret. KMS makes those of the live secrets with the same key, so nothing is decrypted,
//! and nothing is stored.

use super::capture::{Keeper, KeptSecret, Memory, WatchReading, read_live};
use super::secrets::Sealer;
use crate::Result;
use crate::model::configuration::difference::document::Configuration;
use crate::model::configuration::{
    Asset, CapturedList, CapturedObject, ConfigurationKeys, ObjectName, Withheld,
};
use crate::operations::captured_configuration::of_document;
use crate::pacing::PacedPool;
use crate::ports::keys::{EncryptingKeys, KeyError, KeyErrorKind};
use crate::ports::pool::Pool;

/// Reads the configuration of a pool, to compare it. It changes nothing. `earlier` is as
/// [`live_configuration`](super::live_configuration) takes it. `keys` is KMS and the keys of the capture. Without them,
/// the secrets are left out. A secret of which KMS makes no MAC is not compared.
///
/// # Errors
/// Those of [`live_configuration`](super::live_configuration).
pub async fn compared_pool<P: Pool, K: EncryptingKeys>(
    pool: &PacedPool<P>,
    earlier: &CapturedList,
    keys: Option<(K, &ConfigurationKeys)>,
    watch: &mut impl WatchReading,
) -> Result<Configuration> {
    let sealer = keys.map(|(service, keys)| Sealer::new(service, keys, pool.id(), None));
    let memory = Memory::after(earlier);
    let comparing = Comparing { memory: &memory, sealer: sealer.as_ref() };
    // The future is large.
    let list = Box::pin(read_live(pool, &comparing, &memory, watch)).await?;
    let (objects, _) = memory.into_objects();
    of_document(Configuration::of_live(&list, objects))
}

/// The memory, with a MAC of each secret.
struct Comparing<'a, K> {
    memory: &'a Memory<'a>,
    sealer: Option<&'a Sealer<'a, K>>,
}

impl<K: EncryptingKeys> Keeper for &Comparing<'_, K> {
    async fn keep_asset(&self, asset: Asset) -> Result<()> {
        self.memory.keep_asset(asset).await
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        self.memory.keep_objects(objects).await
    }

    async fn keep_secret(&self, object: &ObjectName, secret: &Withheld) -> Result<KeptSecret> {
        let Some(sealer) = self.sealer else { return Ok(KeptSecret::LeftOut) };
        let named = (&*object.to_string(), &*secret.path, &*secret.place);
        Ok(match sealer.link(named, secret.reveal()).await {
            Ok((link, _)) => KeptSecret::Kept(link),
            // The sealer has asked several times. Another look at the pool would not ask again.
            Err(error) => KeptSecret::Refused(KeyError { kind: KeyErrorKind::Refused, ..error }),
        })
    }

    async fn had(&self, name: &ObjectName) -> Result<bool> {
        self.memory.had(name).await
    }

    async fn was_answered(&self, name: &ObjectName, beside: &ObjectName) -> Result<bool> {
        self.memory.was_answered(name, beside).await
    }
}
