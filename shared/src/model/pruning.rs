//! The removal of snapshots: what holds it up, how far it is, and its counts.

use serde::{Deserialize, Serialize};

use super::{Digest, PoolId, RunId};

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
    /// Comparisons for the plan of a removal that has decided nothing yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<UserComparison>,
}

impl PruneCheckpoint {
    /// The deletion of records of these snapshots, at a position.
    pub fn at(snapshots: Digest, next_place: Option<u64>) -> Self {
        Self { snapshots, next_place, compared: Vec::new() }
    }
}

/// How many users of a sealed snapshot are missing from a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserComparison {
    snapshot: RunId,
    newer: RunId,
    /// Users are compared in so many parts.
    pub parts: u64,
    /// The next part, from 0.
    pub next_part: u64,
    /// Users of the snapshot in the parts so far.
    users: u64,
    /// Users of the snapshot in the parts so far that the newer one lacks.
    missing: u64,
}

impl UserComparison {
    /// The most parts: one for each first digit of a `sub`.
    pub const MAX_PARTS: u64 = 16;
    /// Users of a part: 17 bytes each, 26 MB. In the largest pool, with 40 million users, a part is larger:
    /// 43 MB. Source: "Quotas in Amazon Cognito", developer guide.
    const USERS_A_PART: u64 = 1_500_000;

    /// The comparison of a snapshot of `users` users, before it begins.
    pub fn new(snapshot: RunId, newer: RunId, users: u64) -> Self {
        let parts = users.div_ceil(Self::USERS_A_PART).clamp(1, Self::MAX_PARTS);
        Self { snapshot, newer, parts, next_part: 0, users: 0, missing: 0 }
    }

    pub fn is_of(&self, snapshot: &RunId, newer: &RunId) -> bool {
        (&self.snapshot, &self.newer) == (snapshot, newer)
    }

    pub fn is_done(&self) -> bool {
        self.next_part >= self.parts
    }

    /// Adds a part.
    pub fn add(&mut self, users: u64, missing: u64) {
        self.next_part += 1;
        self.users += users;
        self.missing += missing;
    }

    /// Whether over 20 % of the users are missing.
    pub fn has_lost_users(&self) -> bool {
        u128::from(self.missing) * 5 > u128::from(self.users)
    }
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
