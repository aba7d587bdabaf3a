//! How an import restores users. With the defaults it changes no existing user and sends no message.

use serde::{Deserialize, Serialize};

use super::GroupRoles;

/// The password of a restored user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Passwords {
    /// A random permanent password, which the import does not keep. The user is CONFIRMED. "Forgot
    /// password" works if an address is verified.
    #[default]
    Random,
    /// A random temporary password in an invitation that Cognito sends. The user is in
    /// FORCE_CHANGE_PASSWORD.
    Temporary,
}

/// How users get into the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Method {
    /// The import creates every user with calls.
    #[default]
    Api,
    /// Import jobs create users from files, and each of these users must set a new password. Calls create
    /// the users that no file can carry, and all users if the target starts no jobs.
    Csv,
}

/// What happens to users of an identity provider (`EXTERNAL_PROVIDER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Federated {
    /// The import leaves them to Cognito, which creates them at their next sign-in. They are counted and
    /// named.
    #[default]
    Skip,
    /// The import creates them under a neutral name and links them to their identity.
    Link,
}

/// What happens to users that signed up and were not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unconfirmed {
    /// The import creates them like all others. They are confirmed then, and counted.
    #[default]
    Restore,
    /// The import leaves them out.
    Skip,
}

/// What happens to users and groups that the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Existing {
    /// The import refuses a target with users of other origin before it writes anything.
    #[default]
    Fail,
    /// They stay as they are. The import creates only what is missing.
    Skip,
    /// The import changes what differs from the snapshot, and nothing else.
    Update,
}

/// The options of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImportOptions {
    pub method: Method,
    /// The passwords of users that calls create.
    pub passwords: Passwords,
    pub federated: Federated,
    pub unconfirmed: Unconfirmed,
    pub existing: Existing,
    /// The IAM roles of groups.
    pub group_roles: GroupRoles,
    /// Whether the import begins although the settings of the target keep some users, or links of users,
    /// from being restored.
    pub accept_losses: bool,
    /// Whether the import declares custom attributes that the target lacks.
    pub create_missing_attributes: bool,
    /// The custom attribute, with its prefix, that gets the user's `sub` in the snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_sub_attribute: Option<String>,
}
