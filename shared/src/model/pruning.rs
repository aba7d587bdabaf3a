//! The removal of snapshots: what holds it up, how far it is, and its counts.

use serde::{Deserialize, Serialize};

use super::{Digest, PoolId};

/// The note that an import needs a snapshot. The snapshot stays as long as that execution holds the lease
/// on the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The target pool.
    pub target: PoolId,
    /// The ARN of the execution.
    pub execution: String,
}

/// How far the deletion of records is. The next invocation continues from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneCheckpoint {
    /// A digest of the ids of all snapshots that are removed together.
    pub snapshots: Digest,
    /// The position from which records may be left. None if no record is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_place: Option<u64>,
}

/// What was removed. After an interruption the last deletions may be missing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    pub snapshots: u64,
    /// Records that no snapshot names now: of users, groups and the pool's configuration.
    pub records: u64,
    pub pages: u64,
    /// All items: records, pages, headers and others.
    pub items: u64,
}

impl Pruned {
    pub fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.records += other.records;
        self.pages += other.pages;
        self.items += other.items;
    }
}
