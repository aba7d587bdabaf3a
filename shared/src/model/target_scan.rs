//! The target scan: the users that a target has before a restore writes to it.

use serde::{Deserialize, Serialize};

use super::{BreakOffs, Digest, Sub, Username};

/// How far a listing of the target is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingCheckpoint {
    /// Raised at every checkpoint, so only one of two invocations continues from each.
    pub step: u64,
    /// Into the own pool: the pages of the snapshot whose subs are written down, before the target is
    /// listed.
    #[serde(default)]
    pub noted: u64,
    /// How many times Cognito broke the listing off.
    #[serde(default)]
    pub broken_off: BreakOffs,
    /// The token from which the listing continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub done: bool,
}

/// A user that the target scan found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScannedUser {
    pub sub: Sub,
    pub username: Username,
    /// The digest of what a restore keeps: see [`UserRecord::kept_digest`](super::UserRecord::kept_digest).
    pub content: Digest,
}
