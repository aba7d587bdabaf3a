//! The port for the Key Management Service, which encrypts the secrets of configurations.
//!
//! Two traits, by capability: an export may encrypt, and only the operator may decrypt.

use std::fmt;
use std::future::Future;

/// Bytes that are overwritten in memory when they are dropped.
pub use zeroize::Zeroizing;

use crate::model::ErrorCode;
use crate::model::configuration::{KeyArn, SecretContext};

/// The result of a call of KMS.
pub type KeyResult<T> = Result<T, KeyError>;

/// An operation of KMS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyOperation {
    GenerateMac,
    Encrypt,
    GenerateDataKey,
    Decrypt,
}

impl KeyOperation {
    pub fn name(self) -> &'static str {
        match self {
            Self::GenerateMac => "GenerateMac",
            Self::Encrypt => "Encrypt",
            Self::GenerateDataKey => "GenerateDataKey",
            Self::Decrypt => "Decrypt",
        }
    }
}

/// What a refused call means for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyErrorKind {
    /// A policy of the key or of the caller denies the call.
    AccessDenied,
    /// The key does not exist in this Region, is disabled, or will be deleted.
    KeyUnusable,
    Throttled,
    /// A fault of the service or of the connection.
    Transient,
    /// The service refused the call for another reason.
    Refused,
}

/// Why KMS did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {code}", operation.name())]
pub struct KeyError {
    pub operation: KeyOperation,
    pub kind: KeyErrorKind,
    pub code: ErrorCode,
}

impl KeyError {
    /// The error for the code that KMS answered.
    ///
    /// Source: the errors of the operations, and "Common errors", AWS KMS API reference.
    pub fn of_code(operation: KeyOperation, code: &str) -> Self {
        let kind = match code {
            "AccessDeniedException" | "KMSAccessDeniedException" => KeyErrorKind::AccessDenied,
            "DisabledException" | "NotFoundException" | "KMSInvalidStateException" => {
                KeyErrorKind::KeyUnusable
            }
            "ThrottlingException" | "Throttling" | "LimitExceededException" => KeyErrorKind::Throttled,
            "DependencyTimeoutException"
            | "KMSInternalException"
            | "KeyUnavailableException"
            | "InternalFailure"
            | "ServiceUnavailable"
            | "Timeout"
            | "NoConnection"
            | "UnreadableAnswer"
            // The credentials of the invocation are at fault. The next one has others.
            | "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId" => KeyErrorKind::Transient,
            _ => KeyErrorKind::Refused,
        };
        Self { operation, kind, code: ErrorCode::of(code) }
    }

    /// Whether the same call may succeed in a moment.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, KeyErrorKind::Throttled | KeyErrorKind::Transient)
    }

    /// Whether every call of the operation with this key fails.
    pub fn is_of_all_calls(&self) -> bool {
        matches!(self.kind, KeyErrorKind::AccessDenied | KeyErrorKind::KeyUnusable)
    }
}

/// A data key of 256 bits.
pub struct DataKey {
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The same, encrypted by KMS.
    pub encrypted: Vec<u8>,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Makes MACs and encrypts. Each method makes one call and retries nothing.
pub trait EncryptingKeys: Send + Sync {
    /// `GenerateMac` with `HMAC_SHA_256`.
    fn mac(&self, key: &KeyArn, message: &[u8]) -> impl Future<Output = KeyResult<Vec<u8>>> + Send;

    /// `Encrypt`: at most 4,096 bytes.
    fn encrypt(
        &self,
        key: &KeyArn,
        context: &SecretContext,
        plaintext: &[u8],
    ) -> impl Future<Output = KeyResult<Vec<u8>>> + Send;

    /// `GenerateDataKey` of 256 bits.
    fn data_key(
        &self,
        key: &KeyArn,
        context: &SecretContext,
    ) -> impl Future<Output = KeyResult<DataKey>> + Send;
}

/// Decrypts, with the permission of the operator.
pub trait DecryptingKeys: Send + Sync {
    /// `Decrypt`.
    fn decrypt(
        &self,
        key: &KeyArn,
        context: &SecretContext,
        ciphertext: &[u8],
    ) -> impl Future<Output = KeyResult<Zeroizing<Vec<u8>>>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_whether_another_call_can_succeed() {
        let of = |code| KeyError::of_code(KeyOperation::Encrypt, code);
        for code in ["ThrottlingException", "KeyUnavailableException", "Timeout", "ExpiredTokenException"] {
            assert!(of(code).is_passing() && !of(code).is_of_all_calls(), "{code}");
        }
        for code in
            ["AccessDeniedException", "DisabledException", "NotFoundException", "KMSInvalidStateException"]
        {
            assert!(!of(code).is_passing() && of(code).is_of_all_calls(), "{code}");
        }
        assert_eq!(of("ValidationException").kind, KeyErrorKind::Refused);
        assert_eq!(of("planted value").to_string(), "Encrypt: UnreadableCode");
    }
}
