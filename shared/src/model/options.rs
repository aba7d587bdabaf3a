//! How an import is to go about it. Every option has a default, and the defaults change nothing that is there and send nothing.

use serde::{Deserialize, Serialize};

/// What the password of a restored user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Passwords {
    /// A random permanent password that nobody knows: CONFIRMED, and "forgot password" works where an address is verified.
    #[default]
    Random,
    /// A random temporary password in an invitation that Cognito sends: FORCE_CHANGE_PASSWORD.
    Temporary,
}

/// Which way users get into the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// Calls for every user.
    #[default]
    Api,
    /// Import jobs: a file of users at a time, each of whom has to reset the password. Calls for those whom a file cannot carry, and
    /// for everybody where the target starts no jobs.
    Csv,
}

/// What becomes of users that an identity provider signed in (`EXTERNAL_PROVIDER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Federated {
    /// Left to Cognito, which creates them at their next sign-in; counted and named.
    #[default]
    Skip,
    /// Created under a neutral name and linked to their identity.
    Link,
}

/// What becomes of users and groups that the target has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Existing {
    /// A target with users of other origin is refused before anything is written.
    #[default]
    Fail,
    /// They stay as they are; only what is missing is made.
    Skip,
    /// What differs from the snapshot is changed, and nothing else.
    Update,
}

/// How an import is to go about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportOptions {
    /// Which way users get into the target.
    pub method: Method,
    /// What the passwords of users are that calls create.
    pub passwords: Passwords,
    /// What becomes of federated users.
    pub federated: Federated,
    /// What becomes of what is there.
    pub existing: Existing,
    /// Whether to begin although the settings of the target keep some users, or links of users, from being restored.
    pub accept_losses: bool,
    /// Whether custom attributes that the target lacks are added to it.
    pub create_missing_attributes: bool,
    /// The custom attribute that gets the `sub` of the snapshot, with its prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_sub_attribute: Option<String>,
}
