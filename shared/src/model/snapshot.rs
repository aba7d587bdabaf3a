//! Snapshots: the users, groups and memberships of a pool at one time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CallStats, Digest, DigestBuilder, Execution, Failure, PoolId, RecordKind, RunId, Unit};

/// The layout of items that this version writes, and the newest that it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// The state of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SnapshotState {
    /// An export writes it. After an abort it stays so.
    Running,
    /// It is complete, and never changes again.
    Sealed,
    /// The export gave up.
    Failed,
    /// It is being removed, and no run can use it.
    Pruning,
}

/// The mark in the header of a snapshot that is being removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovalMark {
    /// The state before the mark.
    pub was: SnapshotState,
    /// Whether the removal is decided. Before that, nothing is deleted. After that, nothing takes the mark
    /// away.
    #[serde(default)]
    pub decided: bool,
}

/// What a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Users in the listing. A user that Cognito listed twice counts twice.
    pub users: u64,
    pub groups: u64,
    pub memberships: u64,
    pub pages: u64,
    /// Records that no earlier snapshot holds.
    pub records_written: u64,
}

impl Counts {
    pub fn of(&self, kind: RecordKind) -> u64 {
        match kind {
            RecordKind::User => self.users,
            RecordKind::Group => self.groups,
            RecordKind::Membership => self.memberships,
        }
    }

    fn of_mut(&mut self, kind: RecordKind) -> &mut u64 {
        match kind {
            RecordKind::User => &mut self.users,
            RecordKind::Group => &mut self.groups,
            RecordKind::Membership => &mut self.memberships,
        }
    }

    /// Adds `entries` of `kind` on `pages` pages.
    pub fn add(&mut self, kind: RecordKind, entries: u64, pages: u64, records_written: u64) {
        *self.of_mut(kind) += entries;
        self.pages += pages;
        self.records_written += records_written;
    }
}

/// The header of a snapshot: its state, its progress and its seal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub id: RunId,
    /// The pool that it was taken of.
    pub pool: PoolId,
    pub state: SnapshotState,
    /// The layout of its items.
    pub schema_version: u32,
    /// The execution that writes it.
    pub execution: Execution,
    /// Cognito's estimate of the number of users at the start of the export.
    pub estimated_users: u64,
    /// Whether the export looked up the second factors of every user.
    #[serde(default)]
    pub captures_mfa: bool,
    /// When a split listing of this pool failed: while this is recent, exports use one listing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_listing_failed_at: Option<Timestamp>,
    /// The digest of the pool's configuration record.
    pub configuration: Digest,
    /// The counts so far, refreshed every few seconds. Final in a sealed snapshot.
    pub counts: Counts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Why the export failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The mark of its removal, in the state [`SnapshotState::Pruning`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<RemovalMark>,
}

impl Snapshot {
    /// Whether its own split listing has failed, so that one listing lists all users.
    pub fn split_has_failed(&self) -> bool {
        self.split_listing_failed_at == Some(self.execution.started_at)
    }

    /// The state without a mark that may still be taken away. None if the removal is decided.
    pub fn lasting_state(&self) -> Option<SnapshotState> {
        match &self.removal {
            Some(mark) if mark.decided => None,
            Some(mark) => Some(mark.was),
            // In this state the mark should exist. Without the mark, no run may rely on the
            // snapshot.
            None if self.state == SnapshotState::Pruning => None,
            None => Some(self.state),
        }
    }
}

/// Evidence that a pool had been emptied: an earlier snapshot of it holds many more users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shrunk {
    /// The largest sealed snapshot of the time before.
    pub snapshot: RunId,
    /// The users that it holds.
    pub users: u64,
    /// Whether the operator restores the smaller snapshot all the same.
    pub accepted: bool,
}

/// Closes a snapshot, and proves that it is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    pub sealed_at: Timestamp,
    /// The digest over the position and content of every page of every unit: see [`SealBuilder`].
    pub digest: Digest,
    /// The version of the tool that sealed it.
    pub tool_version: String,
    /// The calls of the export.
    pub calls: CallStats,
    /// The counts of the sealed snapshot before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Counts>,
}

/// Adds up the units of a snapshot, in the order of their names, to its counts and its digest.
pub struct SealBuilder {
    digest: DigestBuilder,
    counts: Counts,
}

impl SealBuilder {
    /// Starts with the identity of a snapshot.
    pub fn new(snapshot: &Snapshot) -> Self {
        let digest = DigestBuilder::new("seal")
            .number(snapshot.schema_version.into())
            .text(snapshot.pool.as_str())
            .text(snapshot.id.as_str())
            .digest(snapshot.configuration);
        Self { digest, counts: Counts::default() }
    }

    /// Adds a unit that is done. A superseded unit adds nothing.
    pub fn add(&mut self, unit: &Unit) {
        if unit.is_superseded() {
            return;
        }
        let digest = std::mem::replace(&mut self.digest, DigestBuilder::new(""));
        self.digest = digest
            .text(&unit.id().to_string())
            .number(unit.attempt.into())
            .number(unit.pages)
            .number(unit.entries)
            .digest(unit.chain);
        self.counts.add(unit.listing.kind(), unit.entries, unit.pages, unit.records_written);
    }

    pub fn finish(self) -> (Counts, Digest) {
        (self.counts, self.digest.finish())
    }
}
