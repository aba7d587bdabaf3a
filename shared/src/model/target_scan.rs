//! Who is in a target before a restore writes to it.

use serde::{Deserialize, Serialize};

use super::{Digest, Execution, Sub, Username};

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

/// How often a listing was broken off while one execution was at it. Another execution begins to count anew: a token is outdated after
/// an hour, and a restore that has failed has to be able to go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreakOffs {
    /// The execution.
    execution: String,
    /// How often.
    times: u32,
}

impl BreakOffs {
    /// Once more, while `execution` was at it.
    #[must_use]
    pub fn once_more(&self, execution: &Execution) -> Self {
        let before = if self.execution == execution.id { self.times } else { 0 };
        Self { execution: execution.id.clone(), times: before + 1 }
    }

    /// How often.
    pub fn times(&self) -> u32 {
        self.times
    }
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
