//! The removal of snapshots: what holds it up, how far it is, and its counts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, PoolId, RunId};

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
    /// A digest of the ids of all snapshots and stored captures that are removed together.
    pub snapshots: Digest,
    /// The position from which records may be left. None if no record is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_place: Option<u64>,
    /// Comparisons for the plan of a removal that has decided nothing yet.
    #[serde(default, skip_serializing_if = "UserComparisons::is_empty")]
    pub compared: UserComparisons,
}

impl PruneCheckpoint {
    /// The deletion of records of these snapshots, at a position.
    pub fn at(snapshots: Digest, next_place: Option<u64>) -> Self {
        Self { snapshots, next_place, compared: UserComparisons::default() }
    }
}

/// How many users of a sealed snapshot are missing from a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserComparison {
    snapshot: RunId,
    newer: RunId,
    /// The number of parts in which users are compared.
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

/// Comparisons of snapshots with newer ones. In the table, each that is done takes 8 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserComparisons {
    /// For each comparison that is done: a hash of the two ids, whose last bit tells whether the pool has lost
    /// users.
    #[serde(default, with = "verdicts", skip_serializing_if = "BTreeSet::is_empty")]
    done: BTreeSet<u64>,
    /// The comparison under work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<UserComparison>,
}

impl UserComparisons {
    /// The most verdicts in an item: 360 KB. An hourly export makes fewer snapshots in five years. The next
    /// invocation compares the others again.
    const MAX_STORED: usize = 45_000;

    pub fn is_empty(&self) -> bool {
        self.done.is_empty() && self.current.is_none()
    }

    fn hash(snapshot: &RunId, newer: &RunId) -> u64 {
        let digest = DigestBuilder::new("compared").text(snapshot.as_str()).text(newer.as_str()).finish();
        let bytes = digest.into_bytes();
        bytes.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte)) & !1
    }

    /// Whether the pool has lost users of the snapshot. None if that is not compared yet.
    pub fn verdict(&self, snapshot: &RunId, newer: &RunId) -> Option<bool> {
        let hash = Self::hash(snapshot, newer);
        [false, true].into_iter().find(|&has_lost| self.done.contains(&(hash | u64::from(has_lost))))
    }

    /// Begins a comparison of a snapshot of `users` users, or continues it.
    pub fn current(&mut self, snapshot: &RunId, newer: &RunId, users: u64) -> &mut UserComparison {
        let continued = self.current.take().filter(|current| current.is_of(snapshot, newer));
        let new = || UserComparison::new(snapshot.clone(), newer.clone(), users);
        self.current.insert(continued.unwrap_or_else(new))
    }

    /// Keeps the verdict of the comparison under work, if that is done.
    pub fn settle(&mut self) {
        if let Some(current) = self.current.take_if(|current| current.is_done()) {
            let hash = Self::hash(&current.snapshot, &current.newer);
            self.done.insert(hash | u64::from(current.has_lost_users()));
        }
    }
}

/// Verdicts as bytes.
mod verdicts {
    use std::collections::BTreeSet;

    use serde::{Deserializer, Serializer};

    use super::UserComparisons;
    use crate::model::binary::bytes;

    pub fn serialize<S: Serializer>(done: &BTreeSet<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = done.iter().take(UserComparisons::MAX_STORED);
        let packed: Vec<u8> = stored.flat_map(|verdict| verdict.to_be_bytes()).collect();
        bytes::serialize(&packed, serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<u64>, D::Error> {
        let packed = bytes::deserialize(deserializer)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        Ok(packed.chunks_exact(8).map(number).collect())
    }
}

/// What was removed. After an interruption the last deletions may be missing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    pub snapshots: u64,
    /// Stored captures.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub captures: u64,
    /// Records that no snapshot and no stored capture names now: of users, groups and the pool's configuration.
    pub records: u64,
    pub pages: u64,
    /// All items: records, pages, headers and others.
    pub items: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Pruned {
    pub fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.captures += other.captures;
        self.records += other.records;
        self.pages += other.pages;
        self.items += other.items;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> RunId {
        RunId::parse(&format!("20261121T020000000Z-{number:08x}")).unwrap()
    }

    #[test]
    fn comparisons_of_all_snapshots_fit_into_an_item_and_keep_their_verdicts() {
        let mut comparisons = UserComparisons::default();
        for number in 1..=5_000 {
            let current = comparisons.current(&id(number), &id(number - 1), 10);
            current.add(10, number % 2 * 3);
            comparisons.settle();
        }
        comparisons.current(&id(6_000), &id(5_999), 4_000_000).add(1_500_000, 7);
        comparisons.settle();
        let checkpoint = PruneCheckpoint {
            compared: comparisons.clone(),
            ..PruneCheckpoint::at(Digest::default(), Some(0))
        };
        let item: serde_dynamo::Item = serde_dynamo::to_item(&checkpoint).unwrap();
        let read: PruneCheckpoint = serde_dynamo::from_item(item).unwrap();
        assert_eq!(read.compared, comparisons);
        for number in 1..=5_000 {
            assert_eq!(read.compared.verdict(&id(number), &id(number - 1)), Some(number % 2 == 1));
        }
        assert_eq!(read.compared.verdict(&id(6_000), &id(5_999)), None, "a part of it is left");
        assert_eq!(comparisons.current(&id(6_000), &id(5_999), 4_000_000).next_part, 1);
        assert_eq!(comparisons.current(&id(6_000), &id(5_998), 4_000_000).next_part, 0, "another comparison");
        const { assert!(UserComparisons::MAX_STORED * 8 <= 360_000) };
    }
}
