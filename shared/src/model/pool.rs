//! What is kept of a pool's configuration: what a restore must compare.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder};

/// A pool's settings that decide whether and how its users can be restored elsewhere.
/// Source: the `UserPoolType` shape of the Cognito user pools API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolDescription {
    /// Its name.
    pub name: String,
    /// `email`, `phone_number` or both, where users sign in with these instead of a username.
    #[serde(default)]
    pub username_attributes: Vec<String>,
    /// The attributes that serve as additional sign-in names.
    #[serde(default)]
    pub alias_attributes: Vec<String>,
    /// The attributes that Cognito verifies by itself.
    #[serde(default)]
    pub auto_verified_attributes: Vec<String>,
    /// Whether usernames differ by case.
    pub case_sensitive: bool,
    /// `OFF`, `OPTIONAL` or `ON`.
    pub mfa: String,
    /// The schema, by attribute name (`custom:` included).
    pub attributes: BTreeMap<String, AttributeSchema>,
    /// The password policy.
    pub password_policy: PasswordPolicy,
    /// Cognito's own estimate of the number of users. It changes from day to day, so it is no part of the record.
    #[serde(skip)]
    pub estimated_users: u64,
}

/// The declaration of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeSchema {
    /// `String`, `Number`, `DateTime` or `Boolean`.
    pub data_type: String,
    /// Whether it can be changed after creation.
    pub mutable: bool,
    /// Whether every user must have it.
    pub required: bool,
    /// Least length or value, where limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    /// Greatest length or value, where limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<String>,
}

/// What a password must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordPolicy {
    /// Least number of characters, 6 to 99.
    pub minimum_length: u32,
}

impl PoolDescription {
    /// The digest under which the record is stored.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new("pool").json(self).finish()
    }

    /// The declarations that an application added: `custom:` and `dev:custom:`.
    pub fn custom_attributes(&self) -> impl Iterator<Item = (&String, &AttributeSchema)> {
        self.attributes.iter().filter(|(name, _)| name.starts_with("custom:") || name.starts_with("dev:"))
    }
}
