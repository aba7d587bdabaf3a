//! The Key Management Service in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::model::configuration::{ConfigurationKeys, KeyArn, SecretContext};
use shared::ports::keys::{
    DataKey, DecryptingKeys, EncryptingKeys, KeyError, KeyOperation, KeyResult, Zeroizing,
};

use super::calls::CallSite;
use super::fingerprint::Fingerprint;
use super::script::Gate;

/// The account of a backend.
pub const ACCOUNT: &str = "123456789012";
/// The most bytes of a plaintext, and of a message (AWS KMS API reference).
const MAX_BYTES: usize = 4096;
/// The most characters of an encryption context in JSON ("Encryption context", AWS KMS developer guide).
const MAX_CONTEXT: usize = 8192;
const MAGIC: &[u8] = b"memory-kms";

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// `ENCRYPT_DECRYPT`, `SYMMETRIC_DEFAULT`.
    Encryption,
    /// `GENERATE_VERIFY_MAC`, `HMAC_256`.
    Mac,
}

/// The multi-Region keys of all accounts. Clones share them.
#[derive(Clone, Default)]
pub struct KeyRing(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    keys: BTreeMap<String, Key>,
    /// The codes with which operations are refused, and how often. None: until the test cancels it.
    refusals: BTreeMap<KeyOperation, (String, Option<u64>)>,
    calls: BTreeMap<KeyOperation, u64>,
    /// The number of ciphertexts and data keys so far. It makes each of them another one.
    made: u64,
}

struct Key {
    account: String,
    regions: BTreeSet<String>,
    use_: KeyUse,
    is_enabled: bool,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("keys", &self.state().keys.len()).finish_non_exhaustive()
    }
}

impl KeyRing {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a multi-Region key with a replica in each Region.
    pub fn create(&self, use_: KeyUse, account: &str, regions: &[&str]) -> KeyArn {
        let mut state = self.state();
        let id = format!("mrk-{:032x}", state.keys.len() + 1);
        let region = regions.first().copied().unwrap_or("eu-west-1");
        let arn = format!("arn:aws:kms:{region}:{account}:key/{id}");
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        state.keys.insert(id, Key { account: account.to_owned(), regions, use_, is_enabled: true });
        KeyArn::try_from(arn).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Creates both keys of a deployment.
    pub fn create_both(&self, account: &str, regions: &[&str]) -> ConfigurationKeys {
        let [encryption, mac] =
            [KeyUse::Encryption, KeyUse::Mac].map(|use_| self.create(use_, account, regions));
        ConfigurationKeys { encryption, mac }
    }

    /// Enables or disables a key in all Regions.
    pub fn set_enabled(&self, key: &KeyArn, is_enabled: bool) {
        if let Some(key) = self.state().keys.get_mut(key.id()) {
            key.is_enabled = is_enabled;
        }
    }

    /// Refuses every call of an operation with this code. None cancels that.
    pub fn refuse(&self, operation: KeyOperation, code: Option<&str>) {
        let mut state = self.state();
        match code {
            Some(code) => state.refusals.insert(operation, (code.to_owned(), None)),
            None => state.refusals.remove(&operation),
        };
    }

    /// Refuses the next calls of an operation with this code.
    pub fn refuse_next(&self, operation: KeyOperation, code: &str, times: u64) {
        self.state().refusals.insert(operation, (code.to_owned(), Some(times)));
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: KeyOperation) -> u64 {
        self.state().calls.get(&operation).copied().unwrap_or_default()
    }
}

/// KMS in one Region, for a caller of one account.
#[derive(Debug, Clone)]
pub struct MemoryKeys {
    pub(super) ring: KeyRing,
    pub(super) region: String,
    pub(super) account: String,
    pub(super) gate: Gate,
}

impl MemoryKeys {
    /// Makes a call: counts it, checks the key, and does `work` with the number of this ciphertext.
    async fn call<T: Send>(
        &self,
        operation: KeyOperation,
        key: &KeyArn,
        use_: KeyUse,
        work: impl FnOnce(u64) -> Result<T, &'static str> + Send,
    ) -> KeyResult<T> {
        self.gate.record.add(|calls| {
            calls.keys.insert(operation);
        });
        let act = || {
            let mut state = self.ring.state();
            *state.calls.entry(operation).or_default() += 1;
            if let Some((code, times)) = state.refusals.get_mut(&operation) {
                match times {
                    None => return Err(KeyError::of_code(operation, code)),
                    Some(0) => {}
                    Some(times) => {
                        *times -= 1;
                        return Err(KeyError::of_code(operation, code));
                    }
                }
            }
            state.made += 1;
            let made = state.made;
            let usable = match state.keys.get(key.id()) {
                // KMS does not tell another account whether a key exists.
                Some(stored) if stored.account != self.account => Err("AccessDeniedException"),
                None if key.account() != self.account => Err("AccessDeniedException"),
                Some(stored)
                    if stored.account == key.account()
                        && key.region() == self.region
                        && stored.regions.contains(&self.region) =>
                {
                    match stored {
                        Key { is_enabled: false, .. } => Err("DisabledException"),
                        Key { use_: stored, .. } if *stored != use_ => Err("InvalidKeyUsageException"),
                        _ => Ok(()),
                    }
                }
                _ => Err("NotFoundException"),
            };
            usable.and_then(|()| work(made)).map_err(|code| KeyError::of_code(operation, code))
        };
        self.gate.call_elsewhere(CallSite::Keys(operation), act).await
    }
}

/// The fingerprint of a context: a ciphertext is bound to it.
fn bound(context: &SecretContext) -> Result<[u8; 8], &'static str> {
    let pairs = context.pairs();
    let length: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    if length > MAX_CONTEXT || pairs.iter().any(|(_, value)| value.is_empty()) {
        return Err("ValidationException");
    }
    Ok(Fingerprint::of(&pairs).to_be_bytes())
}

/// "Encrypts": flips the bits. A test finds no plaintext in the result.
fn seal(
    key: &KeyArn,
    context: &SecretContext,
    plaintext: &[u8],
    number: u64,
) -> Result<Vec<u8>, &'static str> {
    let mut sealed = MAGIC.to_vec();
    sealed.extend(Fingerprint::of(&key.id()).to_be_bytes());
    sealed.extend(bound(context)?);
    sealed.extend(number.to_be_bytes());
    sealed.extend(plaintext.iter().map(|byte| !byte));
    Ok(sealed)
}

fn is_length_allowed(bytes: &[u8]) -> Result<(), &'static str> {
    if (1..=MAX_BYTES).contains(&bytes.len()) { Ok(()) } else { Err("ValidationException") }
}

impl EncryptingKeys for MemoryKeys {
    async fn mac(&self, key: &KeyArn, message: &[u8]) -> KeyResult<Vec<u8>> {
        self.call(KeyOperation::GenerateMac, key, KeyUse::Mac, |_| {
            is_length_allowed(message)?;
            let words = (0..4_u64).map(|word| Fingerprint::of(&(key.id(), message, word)));
            Ok(words.flat_map(u64::to_be_bytes).collect())
        })
        .await
    }

    async fn encrypt(&self, key: &KeyArn, context: &SecretContext, plaintext: &[u8]) -> KeyResult<Vec<u8>> {
        self.call(KeyOperation::Encrypt, key, KeyUse::Encryption, |number| {
            is_length_allowed(plaintext)?;
            seal(key, context, plaintext, number)
        })
        .await
    }

    async fn data_key(&self, key: &KeyArn, context: &SecretContext) -> KeyResult<DataKey> {
        self.call(KeyOperation::GenerateDataKey, key, KeyUse::Encryption, |number| {
            let words = (0..4_u64).map(|word| Fingerprint::of(&(number, word)));
            let plaintext: Vec<u8> = words.flat_map(u64::to_be_bytes).collect();
            let encrypted = seal(key, context, &plaintext, number)?;
            Ok(DataKey { plaintext: Zeroizing::new(plaintext), encrypted })
        })
        .await
    }
}

impl DecryptingKeys for MemoryKeys {
    async fn decrypt(
        &self,
        key: &KeyArn,
        context: &SecretContext,
        ciphertext: &[u8],
    ) -> KeyResult<Zeroizing<Vec<u8>>> {
        self.call(KeyOperation::Decrypt, key, KeyUse::Encryption, |_| {
            let rest = ciphertext.strip_prefix(MAGIC).ok_or("InvalidCiphertextException")?;
            let (of_key, rest) = rest.split_at_checked(8).ok_or("InvalidCiphertextException")?;
            let (of_context, rest) = rest.split_at_checked(8).ok_or("InvalidCiphertextException")?;
            let (_, flipped) = rest.split_at_checked(8).ok_or("InvalidCiphertextException")?;
            if of_key != Fingerprint::of(&key.id()).to_be_bytes() {
                return Err("IncorrectKeyException");
            }
            if of_context != bound(context)? {
                return Err("InvalidCiphertextException");
            }
            Ok(Zeroizing::new(flipped.iter().map(|byte| !byte).collect()))
        })
        .await
    }
}
