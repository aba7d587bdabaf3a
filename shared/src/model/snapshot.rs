//! Snapshots: what one export saw.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CallStats, Digest, DigestBuilder, Execution, Failure, PoolId, RecordKind, RemovalMark, RunId, Unit};

/// The layout of items that this version writes, and the newest it reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Where a snapshot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SnapshotState {
    /// Being written. A run that was aborted stays so.
    Running,
    /// Complete. It never changes again.
    Sealed,
    /// Given up.
    Failed,
    /// Being removed: it can be used for nothing any more.
    Pruning,
}

/// How much a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Users listed. One that Cognito listed twice counts twice.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Memberships of users in groups.
    pub memberships: u64,
    /// Pages stored.
    pub pages: u64,
    /// Records of users and groups that no earlier snapshot held.
    pub records_written: u64,
}

impl Counts {
    /// Adds `entries` of `kind` that stand on `pages` pages.
    pub fn add(&mut self, kind: RecordKind, entries: u64, pages: u64, records_written: u64) {
        match kind {
            RecordKind::Group => self.groups += entries,
            RecordKind::Membership => self.memberships += entries,
            RecordKind::User => self.users += entries,
        }
        self.pages += pages;
        self.records_written += records_written;
    }
}

/// The header of a snapshot, its progress and its seal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Its id.
    pub id: RunId,
    /// The pool it was taken of.
    pub pool: PoolId,
    /// Where it stands.
    pub state: SnapshotState,
    /// The layout of its items.
    pub schema_version: u32,
    /// The execution that writes or wrote it.
    pub execution: Execution,
    /// Cognito's estimate of the number of users when the export began.
    pub estimated_users: u64,
    /// Whether every user was looked up for the second factors.
    #[serde(default)]
    pub captures_mfa: bool,
    /// Since when listing users by several listings at once is in doubt for this pool, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubted_at: Option<Timestamp>,
    /// The digest of the pool's configuration record.
    pub configuration: Digest,
    /// What is stored so far, refreshed every few seconds; final in a sealed snapshot.
    pub counts: Counts,
    /// The seal, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<Seal>,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The mark of its removal, while it is [`SnapshotState::Pruning`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removal: Option<RemovalMark>,
}

impl Snapshot {
    /// Whether its own several listings of users turned out to be in the wrong, so that everybody is listed by one.
    pub fn is_doubted(&self) -> bool {
        self.doubted_at == Some(self.execution.started_at)
    }

    /// Its state, leaving out a mark that may still be taken away; none where it is bound to go.
    pub fn lasting_state(&self) -> Option<SnapshotState> {
        match &self.removal {
            Some(mark) if mark.decided => None,
            Some(mark) => Some(mark.was),
            // A mark cannot be lost; were it, nothing may rely on the snapshot.
            None if self.state == SnapshotState::Pruning => None,
            None => Some(self.state),
        }
    }
}

/// The closing item of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// When it was sealed.
    pub sealed_at: Timestamp,
    /// Over the place and content of every page of every unit: see [`SealBuilder`].
    pub digest: Digest,
    /// The version of the tool that sealed it.
    pub tool_version: String,
    /// The calls that the export took.
    pub calls: CallStats,
    /// What the sealed snapshot before it held, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Counts>,
}

/// Adds up the units of a snapshot, in the order of their names, to its counts and its digest.
pub struct SealBuilder {
    digest: DigestBuilder,
    counts: Counts,
}

impl SealBuilder {
    /// Starts with a snapshot's identity.
    pub fn new(snapshot: &Snapshot) -> Self {
        let digest = DigestBuilder::new("seal")
            .number(snapshot.schema_version.into())
            .text(snapshot.pool.as_str())
            .text(snapshot.id.as_str())
            .digest(snapshot.configuration);
        Self { digest, counts: Counts::default() }
    }

    /// Adds a unit that is done. One that others have superseded adds nothing.
    pub fn add(&mut self, unit: &Unit) {
        if unit.superseded {
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

    /// The counts and the digest.
    pub fn finish(self) -> (Counts, Digest) {
        (self.counts, self.digest.finish())
    }
}
