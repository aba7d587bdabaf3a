//! The removal of snapshots: the mark on a header, and what a removal comes to.

use serde::{Deserialize, Serialize};

use super::{Digest, PoolId, SnapshotState};

/// The mark on the header of a snapshot that is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovalMark {
    /// The state before.
    pub was: SnapshotState,
    /// Whether it goes for certain: nothing is deleted before, and from then on nothing takes the mark away.
    #[serde(default)]
    pub decided: bool,
}

/// Who is at work on a snapshot to restore it: for as long as that execution holds the lease on the target, the snapshot stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The pool that is restored into.
    pub target: PoolId,
    /// The ARN of the execution.
    pub execution: String,
}

/// How far the deletion of records has come, for whoever goes on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneCheckpoint {
    /// A digest of the ids of all snapshots that are removed together.
    pub snapshots: Digest,
    /// The place from which on records may be left; none where no record is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_place: Option<u64>,
}

/// What was removed. Where a removal was interrupted, what was deleted just before that may be missing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: u64,
    /// Records that no snapshot names any more: of users, groups and the pool's configuration.
    pub records: u64,
    /// Pages.
    pub pages: u64,
    /// Items of all kinds, records, pages and headers among them.
    pub items: u64,
}

impl Pruned {
    /// Adds another part of the same removal.
    pub fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.records += other.records;
        self.pages += other.pages;
        self.items += other.items;
    }
}
