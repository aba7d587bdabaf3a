//! The encryption of the secrets of a configuration, and their decryption for the operator.
//!
//! An export asks for the MAC of a secret first. If the table has the record that the MAC names, the secret is
//! unchanged, and nothing is encrypted. A value that is too large for KMS is encrypted by AES-256-GCM with a data key,
//! which serves this value alone.
//!
//! No limiter stands before KMS: an export makes two calls for each secret at most, and Cognito answers at most five
//! clients and five providers a second. The lowest quota of KMS allows hundreds of such calls a second.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use backon::BackoffBuilder;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::capture::KeptSecret;
use crate::catalog::Catalog;
use crate::model::configuration::{
    CapturedSecret, ConfigurationKeys, Envelope, KeyArn, ObjectName, SealedSecret, SecretRecord, SecretText,
    Withheld,
};
use crate::model::{PoolId, RunId};
use crate::pacing::{Budget, FullJitter};
use crate::ports::keys::{DecryptingKeys, EncryptingKeys, KeyError, KeyErrorKind, KeyOperation, KeyResult};
use crate::ports::vault::WriteOnceVault;
use crate::{Error, ErrorKind, Guidance, Result};

/// Attempts at one call of KMS, the first included.
const ATTEMPTS: usize = 8;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The bytes of a nonce of AES-GCM (NIST SP 800-38D).
const NONCE: usize = 12;

/// Encrypts the secrets of one pool.
#[derive(Debug)]
pub(super) struct Sealer<'a, K> {
    service: K,
    keys: &'a ConfigurationKeys,
    pool: &'a PoolId,
    budget: Option<Budget>,
    /// The operations that this invocation does not call again: every call of them fails, or KMS did not answer one to
    /// the end of its attempts. Otherwise an outage would cost these attempts for each secret.
    given_up: Mutex<BTreeMap<KeyOperation, KeyError>>,
}

impl<'a, K: EncryptingKeys> Sealer<'a, K> {
    pub fn new(service: K, keys: &'a ConfigurationKeys, pool: &'a PoolId, budget: Option<Budget>) -> Self {
        Self { service, keys, pool, budget, given_up: Mutex::default() }
    }

    /// The MAC of a value.
    pub async fn mac(&self, text: &SecretText) -> KeyResult<Vec<u8>> {
        let digest = text.sha256();
        self.call(KeyOperation::GenerateMac, || self.service.mac(&self.keys.mac, digest.as_slice())).await
    }

    /// The link to the record of a member at a place, and the record, which holds no ciphertext yet.
    pub async fn link(
        &self,
        named: (&str, &str, &str),
        text: &SecretText,
    ) -> KeyResult<(CapturedSecret, SecretRecord)> {
        Ok(SecretRecord::link(named, self.keys, &self.mac(text).await?))
    }

    /// Encrypts a value.
    pub async fn seal(&self, record: &SecretRecord, text: &SecretText) -> KeyResult<SealedSecret> {
        let context = &record.context(self.pool);
        let key = &self.keys.encryption;
        if text.reveal().len() <= SecretText::MAX_DIRECT {
            let encrypt = || self.service.encrypt(key, context, text.reveal());
            let ciphertext = STANDARD.encode(self.call(KeyOperation::Encrypt, encrypt).await?);
            return Ok(SealedSecret { key: key.clone(), ciphertext, envelope: None });
        }
        let operation = KeyOperation::GenerateDataKey;
        let data_key = self.call(operation, || self.service.data_key(key, context)).await?;
        let nonce: [u8; NONCE] = {
            let mut nonce = [0; NONCE];
            getrandom::fill(&mut nonce).map_err(|_| KeyError::of_code(operation, "NoRandomBytes"))?;
            nonce
        };
        let aad = context.associated_data();
        let payload = Payload { msg: text.reveal(), aad: &aad };
        let ciphertext = cipher(&data_key.plaintext)
            .and_then(|cipher| cipher.encrypt(Nonce::from_slice(&nonce), payload).ok())
            .ok_or_else(|| KeyError::of_code(operation, "UnusableDataKey"))?;
        let envelope =
            Envelope { data_key: STANDARD.encode(data_key.encrypted), nonce: STANDARD.encode(nonce) };
        Ok(SealedSecret {
            key: key.clone(),
            ciphertext: STANDARD.encode(ciphertext),
            envelope: Some(envelope),
        })
    }

    /// Keeps a secret of an object in the record that its MAC names, unless the table has that record.
    ///
    /// # Errors
    /// If the table cannot be read or written.
    pub async fn keep<V: WriteOnceVault>(
        &self,
        catalog: &Catalog<V>,
        first_seen: &RunId,
        object: &ObjectName,
        secret: &Withheld,
    ) -> Result<KeptSecret> {
        let text = secret.reveal();
        if text.reveal().len() > SecretText::MAX {
            return Ok(KeptSecret::TooLarge);
        }
        let object = object.to_string();
        let (link, record) = match self.link((&object, &secret.path, &secret.place), text).await {
            Ok(linked) => linked,
            Err(error) => return Ok(KeptSecret::Refused(error)),
        };
        if catalog.has_secret(self.pool, link.record).await? {
            return Ok(KeptSecret::Kept(link));
        }
        match self.seal(&record, text).await {
            Ok(sealed) => {
                catalog.put_secret(self.pool, first_seen, &record.sealed_as(sealed)).await?;
                Ok(KeptSecret::Kept(link))
            }
            Err(error) => Ok(KeptSecret::Refused(error)),
        }
    }

    /// Makes a call, unless the operation is given up.
    async fn call<T, F: Future<Output = KeyResult<T>> + Send>(
        &self,
        operation: KeyOperation,
        attempt: impl Fn() -> F + Send + Sync,
    ) -> KeyResult<T> {
        let lock = || self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = lock().get(&operation) {
            return Err(error.clone());
        }
        let result = retried(self.budget, attempt).await;
        if let Err(error) = &result
            && (error.is_of_all_calls() || error.is_passing())
            && lock().insert(operation, error.clone()).is_none()
        {
            tracing::warn!(
                operation = operation.name(), code = %error.code,
                "secrets of the configuration are not captured"
            );
        }
        result
    }
}

/// Calls KMS again while that can help and the time allows it.
async fn retried<T, F: Future<Output = KeyResult<T>> + Send>(
    budget: Option<Budget>,
    attempt: impl Fn() -> F + Send + Sync,
) -> KeyResult<T> {
    let mut waits = FullJitter::new(ATTEMPTS, FIRST_WAIT, MAX_WAIT).build();
    loop {
        let error = match attempt().await {
            Err(error) if error.is_passing() => error,
            result => return result,
        };
        let Some(wait) = waits.next() else { return Err(error) };
        if budget.is_some_and(|budget| !budget.leaves(wait)) {
            return Err(error);
        }
        sleep(wait).await;
    }
}

fn cipher(data_key: &[u8]) -> Option<Aes256Gcm> {
    Aes256Gcm::new_from_slice(data_key).ok()
}

/// Decrypts a secret, with KMS in `region`, which has the key or a replica of it. None if a copy left the secret out.
///
/// # Errors
/// `AccessDenied` if the caller may not decrypt with the key. `CallRefused` if the key cannot be used. `SnapshotDamaged`
/// if the record is not what the export encrypted.
pub async fn reveal<K: DecryptingKeys>(
    service: &K,
    region: &str,
    pool: &PoolId,
    record: &SecretRecord,
) -> Result<Option<SecretText>> {
    let Some(sealed) = record.sealed() else { return Ok(None) };
    let key = sealed.key.in_region(region);
    let context = &record.context(pool);
    let damaged = || {
        let what = "The record of a secret is altered: it cannot be decrypted.";
        Error::new(ErrorKind::SnapshotDamaged, what, Guidance::RECOVER_ITEM)
    };
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| damaged());
    let ciphertext = decode(&sealed.ciphertext)?;
    let encrypted = match &sealed.envelope {
        None => ciphertext.clone(),
        Some(envelope) => decode(&envelope.data_key)?,
    };
    let decrypted = retried(None, || service.decrypt(&key, context, &encrypted)).await;
    let decrypted = decrypted.map_err(|error| refused(&key, &error))?;
    let plaintext = match &sealed.envelope {
        None => decrypted,
        Some(envelope) => {
            let nonce = decode(&envelope.nonce)?;
            let aad = context.associated_data();
            let payload = Payload { msg: ciphertext.as_slice(), aad: &aad };
            let nonce = Some(nonce).filter(|nonce| nonce.len() == NONCE).ok_or_else(damaged)?;
            cipher(&decrypted)
                .and_then(|cipher| cipher.decrypt(Nonce::from_slice(&nonce), payload).ok())
                .map(Zeroizing::new)
                .ok_or_else(damaged)?
        }
    };
    SecretText::parse(plaintext).ok_or_else(damaged).map(Some)
}

/// The error of a command to which KMS refused a call.
pub(super) fn refused(key: &KeyArn, error: &KeyError) -> Error {
    let operation = error.operation.name();
    let what = |what: &str| format!("KMS {what} {operation} with the key {key} ({}).", error.code);
    match error.kind {
        KeyErrorKind::AccessDenied => Error::new(
            ErrorKind::AccessDenied,
            what("denied"),
            "Allow the operation to your role in its policy and in that of the key. The encryption context names pool, object \
             and member.",
        ),
        KeyErrorKind::KeyUnusable => Error::new(
            ErrorKind::CallRefused,
            what("refused"),
            "The key must exist in this Region and be enabled. Replicate it to this Region, or use the Region of the key.",
        ),
        KeyErrorKind::Throttled => Error::new(ErrorKind::Throttled, what("throttled"), Guidance::TryLater),
        KeyErrorKind::Transient => {
            Error::new(ErrorKind::ServiceUnavailable, what("did not carry out"), Guidance::TryLater)
        }
        KeyErrorKind::Refused if error.operation == KeyOperation::Decrypt => Error::new(
            ErrorKind::SnapshotDamaged,
            what("refused"),
            "The record of the secret is altered, or is of another key. Recover the item from a backup of the table.",
        ),
        KeyErrorKind::Refused => Error::new(
            ErrorKind::CallRefused,
            what("refused"),
            "Look up the error code in the AWS KMS API reference, remove the cause and start again.",
        ),
    }
}
