//! Who is in a target before a restore writes to it.

use serde::{Deserialize, Serialize};

use super::{BreakOffs, Digest, Sub, Username};

/// How far the target has been listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingCheckpoint {
    /// Counted up at every checkpoint, so that of two invocations at once only one goes on from each.
    pub step: u64,
    /// Pages of the snapshot whose users have been noted, where the target is the snapshot's own pool: before it is listed.
    #[serde(default)]
    pub noted: u64,
    /// How often it was broken off.
    #[serde(default)]
    pub broken_off: BreakOffs,
    /// Where it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Whether it has come to its end.
    pub done: bool,
}

/// A user of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedUser {
    /// Its `sub`.
    pub sub: Sub,
    /// Its username.
    pub username: Username,
    /// What it has of what a restore keeps: see [`UserRecord::kept_digest`](super::UserRecord::kept_digest).
    pub content: Digest,
}
