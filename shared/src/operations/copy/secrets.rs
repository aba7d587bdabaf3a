//! What a copy does with the secrets of a configuration: it leaves them out, or encrypts them for the destination.
//!
//! The list and the header at the destination are those of the source. So each secret has a record there in both cases,
//! under the same name.

use crate::Result;
use crate::model::PoolId;
use crate::model::configuration::{ConfigurationKeys, SecretRecord};
use crate::operations::secrets::{Sealer, refused, reveal};
use crate::ports::keys::{DecryptingKeys, EncryptingKeys};

use super::at_destination;

/// Makes the records of secrets for the destination of a copy.
pub trait CopySecrets: Sync {
    /// The record for the destination.
    fn copied(
        &self,
        pool: &PoolId,
        record: SecretRecord,
    ) -> impl Future<Output = Result<SecretRecord>> + Send;

    /// Whether the record `there` is as the copy of `record` should be.
    fn is_copied(&self, record: &SecretRecord, there: &SecretRecord) -> bool;
}

/// The destination gets no secret. A secret that it has stays.
#[derive(Debug, Clone, Copy)]
pub struct LeaveSecretsOut;

impl CopySecrets for LeaveSecretsOut {
    async fn copied(&self, _: &PoolId, record: SecretRecord) -> Result<SecretRecord> {
        Ok(record.left_out())
    }

    fn is_copied(&self, _: &SecretRecord, _: &SecretRecord) -> bool {
        true
    }
}

/// None leaves secrets out.
impl<C: CopySecrets> CopySecrets for Option<C> {
    async fn copied(&self, pool: &PoolId, record: SecretRecord) -> Result<SecretRecord> {
        match self {
            Some(secrets) => secrets.copied(pool, record).await,
            None => LeaveSecretsOut.copied(pool, record).await,
        }
    }

    fn is_copied(&self, record: &SecretRecord, there: &SecretRecord) -> bool {
        match self {
            Some(secrets) => secrets.is_copied(record, there),
            None => LeaveSecretsOut.is_copied(record, there),
        }
    }
}

/// The destination gets all secrets, encrypted with its own keys.
#[derive(Debug)]
pub struct EncryptSecrets<'a, S, D> {
    /// KMS at the source, and its Region.
    source: S,
    region: &'a str,
    /// KMS at the destination.
    destination: D,
    keys: &'a ConfigurationKeys,
}

impl<'a, S, D> EncryptSecrets<'a, S, D> {
    /// `source` is KMS in `region`, which has the key of the source. `destination` has `keys`.
    pub fn new(source: S, region: &'a str, destination: D, keys: &'a ConfigurationKeys) -> Self {
        Self { source, region, destination, keys }
    }
}

impl<S: DecryptingKeys, D: EncryptingKeys + Clone> CopySecrets for EncryptSecrets<'_, S, D> {
    async fn copied(&self, pool: &PoolId, record: SecretRecord) -> Result<SecretRecord> {
        let Some(text) = reveal(&self.source, self.region, pool, &record).await? else {
            return Ok(record.left_out());
        };
        let sealer = Sealer::new(self.destination.clone(), self.keys, pool, None);
        let mac = sealer.mac(&text).await.map_err(|error| at_destination(refused(&self.keys.mac, &error)))?;
        let sealed = sealer.seal(&record, &text).await;
        let sealed = sealed.map_err(|error| at_destination(refused(&self.keys.encryption, &error)))?;
        Ok(record.copied_as(sealed, &self.keys.mac, &mac))
    }

    fn is_copied(&self, record: &SecretRecord, there: &SecretRecord) -> bool {
        let is_encrypted = there.sealed().is_some_and(|sealed| sealed.key == self.keys.encryption);
        let has_mac = there.to_mac().key.as_deref() == Some(self.keys.mac.id());
        record.sealed().is_none() || (is_encrypted && has_mac)
    }
}
