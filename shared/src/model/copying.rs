//! How far the copy of snapshots from the table of another account has come. It travels through the state machine, so all
//! of it is small.

use serde::{Deserialize, Serialize};

use super::{Digest, ErrorCode, Execution, PoolId, RunId};

/// The stages of a copy. Each of them reads the whole snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CopyStage {
    /// Reads the snapshot in the source table.
    #[default]
    Source,
    /// Writes it into the destination, except for its header.
    Copy,
    /// Reads it in the destination. The header follows.
    Destination,
}

/// A place between two page batches of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BatchPlace {
    /// How many units come before, in the order of their names.
    pub unit: usize,
    /// The first page after the place, from 1 on.
    pub page: u64,
    /// The chain digest of the pages before it.
    pub chain: Digest,
}

impl BatchPlace {
    /// The place before the first page of a unit.
    pub fn before_unit(unit: usize) -> Self {
        Self { unit, page: 1, chain: Digest::default() }
    }

    /// Whether it is the place before the first page of the first unit.
    pub fn is_begin(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for BatchPlace {
    fn default() -> Self {
        Self::before_unit(0)
    }
}

/// How far the copy of one snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyPosition {
    pub stage: CopyStage,
    /// The place in this stage.
    pub place: BatchPlace,
    /// Since which generation of the lease at the destination the copy has been its holder. None before the copy wrote
    /// anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<u64>,
}

impl CopyPosition {
    /// The begin of a stage.
    pub fn at(stage: CopyStage, held_since: Option<u64>) -> Self {
        Self { stage, place: BatchPlace::default(), held_since }
    }
}

/// What copies wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopiedItems {
    /// Items that the destination lacked. A record counts once for each page that names it.
    pub items: u64,
    /// The sizes of these items, in bytes, as DynamoDB counts them.
    pub bytes: u64,
    /// Secrets of configurations that were left out.
    pub secrets_left_out: u64,
}

impl CopiedItems {
    pub fn add(&mut self, other: Self) {
        self.items += other.items;
        self.bytes += other.bytes;
        self.secrets_left_out += other.secrets_left_out;
    }
}

/// A snapshot that could not be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UncopiedSnapshot {
    pub snapshot_id: RunId,
    pub error: ErrorCode,
}

/// What a copy of new snapshots did so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopiedSoFar {
    /// Snapshots that the destination has now, and lacked before.
    pub snapshots: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<RunId>,
    pub written: CopiedItems,
    /// Snapshots that the source removed before they were copied.
    pub removed: u64,
    /// The snapshots that could not be copied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<UncopiedSnapshot>,
}

/// The member `operation` of events and reports about a copy of new snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CopyOperation {
    Copy,
}

/// The snapshot that an invocation copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapshotToCopy {
    pub snapshot_id: RunId,
    pub position: CopyPosition,
    /// What the invocations before wrote of it.
    pub written: CopiedItems,
}

impl SnapshotToCopy {
    /// A snapshot of which nothing is copied yet.
    pub fn new(snapshot_id: RunId) -> Self {
        Self { snapshot_id, position: CopyPosition::default(), written: CopiedItems::default() }
    }
}

/// The event that one invocation of a copy of new snapshots gets from the state machine, or hands to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyProgress {
    pub operation: CopyOperation,
    pub user_pool_id: PoolId,
    /// The execution. It holds the lease on exports of the pool at the destination.
    pub execution: Execution,
    /// Whether the state machine calls the function again.
    #[serde(default)]
    pub more: bool,
    /// The snapshot to copy. If there is none, the invocation looks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotToCopy>,
    /// The last snapshot that could not be copied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_over: Option<RunId>,
    #[serde(default)]
    pub so_far: CopiedSoFar,
}
