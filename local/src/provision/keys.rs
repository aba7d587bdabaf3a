//! The KMS keys with which exports keep secrets of a configuration.

use anyhow::{Context, Result};
use aws_sdk_kms::Client;
use aws_sdk_kms::types::{KeySpec, KeyUsageType};

use crate::aws::{self, REGION};

/// The ARNs of both keys.
#[derive(Debug)]
pub struct ConfigurationKeys {
    /// Encrypts secrets: the value of `CONFIGURATION_KEY_ARN`.
    pub key: String,
    /// Tells a changed secret: the value of `CONFIGURATION_MAC_KEY_ARN`.
    pub mac_key: String,
}

impl ConfigurationKeys {
    /// Creates two multi-Region keys.
    ///
    /// # Errors
    /// If a call fails.
    pub async fn create(access_key_id: &str, endpoint_url: &str) -> Result<Self> {
        let client = Client::new(&aws::config_of(access_key_id, endpoint_url, REGION));
        let key = client.create_key().multi_region(true).send().await;
        let key = key.context("cannot create the key for secrets")?.key_metadata;
        let mac = client.create_key().multi_region(true).key_spec(KeySpec::Hmac256);
        let mac = mac.key_usage(KeyUsageType::GenerateVerifyMac).send().await;
        let mac = mac.context("cannot create the HMAC key for secrets")?.key_metadata;
        Ok(Self {
            key: key.and_then(|key| key.arn).context("the key has no ARN")?,
            mac_key: mac.and_then(|key| key.arn).context("the HMAC key has no ARN")?,
        })
    }

    /// The key to which an alias leads.
    ///
    /// # Errors
    /// If there is no such alias.
    pub async fn arn_of_alias(endpoint_url: &str, region: &'static str, alias: &str) -> Result<String> {
        let client = Client::new(&aws::config(endpoint_url, region));
        let found = client.describe_key().key_id(alias).send().await;
        let found = found.with_context(|| format!("cannot find the key {alias}"))?.key_metadata;
        found.and_then(|key| key.arn).context("the key has no ARN")
    }

    /// The variables of the functions that name the keys.
    pub fn variables(self) -> [(String, String); 2] {
        [
            ("CONFIGURATION_KEY_ARN".to_owned(), self.key),
            ("CONFIGURATION_MAC_KEY_ARN".to_owned(), self.mac_key),
        ]
    }
}
