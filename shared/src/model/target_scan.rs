//! The users that a target has before a restore writes to it.

use serde::{Deserialize, Serialize};

use super::{Digest, ListingPosition, Sub, Username};

/// How far a target scan or a member scan has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingCheckpoint {
    /// Counts the checkpoints.
    pub step: u64,
    /// Pages of the snapshot whose `sub`s are in the table. Only the target scan of the own pool
    /// writes them, before it lists.
    #[serde(default)]
    pub noted: u64,
    /// Where the listing stands.
    pub position: ListingPosition,
}

/// A user of the target, as the scan shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedUser {
    pub sub: Sub,
    pub username: Username,
    /// The digest of what a restore keeps: see [`UserRecord::kept_digest`](super::UserRecord::kept_digest).
    pub content: Digest,
    /// The attributes whose values the restore would leave out of it. The digest is without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Whether Cognito made the user at a federated sign-in.
    #[serde(default)]
    pub is_federated: bool,
}
