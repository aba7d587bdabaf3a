//! The adapter for the Key Management Service.

use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, EncryptionAlgorithmSpec, MacAlgorithmSpec};

use super::codes::code_of;
use shared::model::configuration::{KeyArn, SecretContext};
use shared::ports::keys::{
    DataKey, DecryptingKeys, EncryptingKeys, KeyError, KeyOperation, KeyResult, Zeroizing,
};

/// KMS in the account and Region of its client.
#[derive(Debug, Clone)]
pub struct AwsKeys(Client);

impl AwsKeys {
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// A client that retries nothing, because the caller does.
    pub fn client(config: &aws_config::SdkConfig) -> Client {
        Client::from_conf(
            aws_sdk_kms::config::Builder::from(config)
                .retry_config(RetryConfig::disabled())
                .timeout_config(super::timeouts())
                .build(),
        )
    }
}

fn refused<E: ProvideErrorMetadata, R>(operation: KeyOperation, error: &SdkError<E, R>) -> KeyError {
    KeyError::of_code(operation, code_of(error).as_str())
}

/// The bytes of an answer, or the error for an answer that lacks them.
fn bytes(operation: KeyOperation, blob: Option<Blob>) -> KeyResult<Vec<u8>> {
    blob.map(Blob::into_inner).ok_or_else(|| KeyError::of_code(operation, "UnreadableAnswer"))
}

impl EncryptingKeys for AwsKeys {
    async fn mac(&self, key: &KeyArn, message: &[u8]) -> KeyResult<Vec<u8>> {
        let operation = KeyOperation::GenerateMac;
        let request = self.0.generate_mac().key_id(key.as_str()).mac_algorithm(MacAlgorithmSpec::HmacSha256);
        let answer = request.message(Blob::new(message)).send().await;
        bytes(operation, answer.map_err(|error| refused(operation, &error))?.mac)
    }

    async fn encrypt(&self, key: &KeyArn, context: &SecretContext, plaintext: &[u8]) -> KeyResult<Vec<u8>> {
        let operation = KeyOperation::Encrypt;
        let mut request = self.0.encrypt().key_id(key.as_str()).plaintext(Blob::new(plaintext));
        for (name, value) in context.pairs() {
            request = request.encryption_context(name, value);
        }
        let answer = request.encryption_algorithm(EncryptionAlgorithmSpec::SymmetricDefault).send().await;
        bytes(operation, answer.map_err(|error| refused(operation, &error))?.ciphertext_blob)
    }

    async fn data_key(&self, key: &KeyArn, context: &SecretContext) -> KeyResult<DataKey> {
        let operation = KeyOperation::GenerateDataKey;
        let mut request = self.0.generate_data_key().key_id(key.as_str()).key_spec(DataKeySpec::Aes256);
        for (name, value) in context.pairs() {
            request = request.encryption_context(name, value);
        }
        let answer = request.send().await.map_err(|error| refused(operation, &error))?;
        let plaintext = Zeroizing::new(bytes(operation, answer.plaintext)?);
        Ok(DataKey { plaintext, encrypted: bytes(operation, answer.ciphertext_blob)? })
    }
}

impl DecryptingKeys for AwsKeys {
    async fn decrypt(
        &self,
        key: &KeyArn,
        context: &SecretContext,
        ciphertext: &[u8],
    ) -> KeyResult<Zeroizing<Vec<u8>>> {
        let operation = KeyOperation::Decrypt;
        let mut request = self.0.decrypt().key_id(key.as_str()).ciphertext_blob(Blob::new(ciphertext));
        for (name, value) in context.pairs() {
            request = request.encryption_context(name, value);
        }
        let answer = request.encryption_algorithm(EncryptionAlgorithmSpec::SymmetricDefault).send().await;
        let plaintext = answer.map_err(|error| refused(operation, &error))?.plaintext;
        bytes(operation, plaintext).map(Zeroizing::new)
    }
}
