//! Snapshots: the users, groups and memberships of a pool at one time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::configuration::{CapturedConfiguration, ConfigurationChanges};
use super::{CallStats, Digest, DigestBuilder, Execution, Failure, PoolId, RecordKind, RunId, Sub, Unit};

/// The layout of items that this version writes, and the newest that it reads.
///
/// 1: no configuration is captured. 2: the header can name a captured configuration, and the seal covers it.
pub const SCHEMA_VERSION: u32 = 2;

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
    /// Whether the export leaves secrets of the configuration out, although the deployment has keys for them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaves_secrets_out: bool,
    /// What the exports of the pool know about its split listings.
    #[serde(default, rename = "splitListing")]
    pub split: SplitListing,
    /// How its users are listed. Set when the check of that listing has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<UserListing>,
    /// The `sub`s that a membership names and the listing of users does not.
    #[serde(default)]
    pub members_without_user: u64,
    /// The first of these `sub`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subs_without_user: Vec<Sub>,
    /// The first attempt of the one listing that did not name a user that Cognito has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlooked_in: Option<u32>,
    /// Which known records the export looks up in the table.
    #[serde(default)]
    pub look_ups: RecordLookUps,
    /// The bytes of the largest user that the export has seen, as [`UserBytes`](super::UserBytes) counts them. None
    /// before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_user: Option<u64>,
    /// The digest of the record of the pool's settings.
    pub configuration: Digest,
    /// The configuration that the export has captured. None before the capture has ended, and in snapshots of
    /// versions that captured none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_configuration: Option<CapturedConfiguration>,
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
    /// The header of a snapshot whose export begins now. It knows nothing of the pool yet.
    pub fn begun(id: RunId, pool: PoolId, execution: Execution) -> Self {
        Self {
            id,
            pool,
            state: SnapshotState::Running,
            schema_version: SCHEMA_VERSION,
            execution,
            estimated_users: 0,
            captures_mfa: false,
            leaves_secrets_out: false,
            split: SplitListing::default(),
            listing: None,
            members_without_user: 0,
            subs_without_user: Vec::new(),
            overlooked_in: None,
            look_ups: RecordLookUps::default(),
            largest_user: None,
            configuration: Digest::default(),
            captured_configuration: None,
            counts: Counts::default(),
            seal: None,
            failure: None,
            removal: None,
        }
    }

    /// Whether its own split listing has failed or is in doubt, so that one listing lists all users.
    pub fn split_has_failed(&self) -> bool {
        self.split.is_discarded
    }

    /// Whether its own split listing has failed, so that later exports do not try it for 30 days.
    pub fn split_failure_is_remembered(&self) -> bool {
        self.split.failed_at == Some(self.execution.started_at)
    }

    /// Whether its own split listing and its one listing disagree, so that splitting is off from now on.
    pub fn listings_disagree(&self) -> bool {
        self.split.turned_off_at == Some(self.execution.started_at)
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
    /// Whether the operator restores the smaller snapshot in spite of that.
    pub accepted: bool,
}

/// How the users of a snapshot were listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserListing {
    /// By one listing.
    One,
    /// By a split listing. Cognito documents no such listing, so new users that it overlooks cannot be proven
    /// absent.
    Split,
}

/// Why an export makes one listing, although it may split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OneListing {
    /// The pool has no earlier sealed snapshot with which a split listing could be compared.
    NoSnapshotBefore,
    /// The export looks up second factors.
    CapturesMfa,
    /// A split listing of the pool failed less than 30 days ago.
    FailedBefore,
    /// An earlier comparison has turned splitting off.
    Off,
    /// One listing takes under five minutes at the speed of the calls before.
    Short,
    /// One listing makes nearly as many calls as the limit allows.
    KeepsUp,
}

/// What the exports of a pool know about its split listings. Each export continues with the knowledge of the
/// newest sealed snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SplitListing {
    /// Whether the input or the deployment allows this export to split the listing.
    pub allowed: bool,
    /// Why this export makes one listing, although it may split. None if it split, or has not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_listing: Option<OneListing>,
    /// When the split listing of this export began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// Whether this export also lists by one listing, and compares the two.
    pub is_compared: bool,
    /// Whether that comparison shows nothing: too many users differ, or Cognito did not answer a look-up.
    pub is_undecided: bool,
    /// Whether the split listing of this export does not count.
    pub is_discarded: bool,
    /// The split snapshots since the last comparison, this one included.
    pub uncompared: u32,
    /// When a split listing of the pool failed: for 30 days, exports use one listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// When a comparison found that the listings disagree. No later export of the pool splits its listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turned_off_at: Option<Timestamp>,
}

impl SplitListing {
    /// After a split listing has failed, how long the exports of the pool use one listing.
    const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);
    /// After this many split listings in a row, an export compares the last one with one listing.
    const COMPARED_EVERY: u32 = 7;

    /// What an export that begins at `now` knows after a snapshot with the knowledge `before`.
    pub fn after(before: Option<&Self>, allowed: bool, now: Timestamp) -> Self {
        let is_recent = |failed_at: &Timestamp| now.duration_since(*failed_at) < Self::RETRY_AFTER;
        Self {
            allowed,
            uncompared: before.map_or(0, |before| before.uncompared),
            failed_at: before.and_then(|before| before.failed_at).filter(is_recent),
            turned_off_at: before.and_then(|before| before.turned_off_at),
            ..Self::default()
        }
    }

    /// Why earlier exports keep this one from splitting. None if they do not.
    pub fn prevented_by(&self) -> Option<OneListing> {
        if self.turned_off_at.is_some() {
            Some(OneListing::Off)
        } else {
            self.failed_at.map(|_| OneListing::FailedBefore)
        }
    }

    /// Whether an export may split the listing.
    pub fn is_possible(&self) -> bool {
        self.allowed && self.prevented_by().is_none()
    }

    /// Begins a split listing.
    pub fn begin(&mut self, now: Timestamp) {
        if self.began_at.is_none() {
            self.began_at = Some(now);
            self.one_listing = None;
            self.is_compared = self.uncompared + 1 >= Self::COMPARED_EVERY;
        }
    }
}

/// Which records the export looks up in the table, of those that the previous snapshot names.
///
/// An export looks up one such record in eight, and the next export another eighth. So eight exports look up all of
/// them. If one is missing, the same export looks up all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecordLookUps {
    /// Which eighth: 0 to 7.
    pub turn: u8,
    /// Whether a record was missing, so that the export looks up all.
    pub all: bool,
    /// Records that were missing, and were written again. The seal adds up what the units have noted.
    pub written_again: u64,
}

impl RecordLookUps {
    /// An export looks up one of this many records. So this many exports look up all, and write lost ones
    /// again.
    const ONE_OF: u8 = 8;

    /// The look-ups of an export after a snapshot with the look-ups `before`.
    pub fn after(before: Option<&Self>) -> Self {
        Self { turn: before.map_or(0, |before| (before.turn + 1) % Self::ONE_OF), ..Self::default() }
    }

    /// Whether the record of this user is looked up, unless all are.
    pub fn are_due(&self, sub: &str) -> bool {
        // A `sub` that is no UUID is always looked up.
        Sub::new(sub).uuid_bytes().is_none_or(|sub| sub[15] % Self::ONE_OF == self.turn)
    }
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
    /// How the configuration differs from that of an earlier snapshot. None if no earlier one holds a configuration that
    /// can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_changes: Option<ConfigurationChanges>,
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
        // The seal of a snapshot without a captured configuration is that of the versions that captured none.
        let digest = match snapshot.captured_configuration {
            Some(captured) => digest.text("captured configuration").digest(captured.list),
            None => digest,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_failed_split_listing_is_forgotten_after_30_days_and_a_disagreement_never() {
        let failed = SplitListing { failed_at: Some(at("2026-01-01T00:00:00Z")), ..SplitListing::default() };
        let possible =
            |before: &SplitListing, now: &str| SplitListing::after(Some(before), true, at(now)).is_possible();
        assert!(!possible(&failed, "2026-01-30T23:59:59Z"));
        assert!(possible(&failed, "2026-01-31T00:00:00Z"));
        let off = SplitListing { turned_off_at: Some(at("2026-01-01T00:00:00Z")), ..SplitListing::default() };
        assert!(!possible(&off, "2036-01-01T00:00:00Z"));
        assert!(!SplitListing::after(None, false, at("2026-01-01T00:00:00Z")).is_possible());
    }

    #[test]
    fn every_seventh_split_listing_is_compared() {
        let now = at("2026-01-01T00:00:00Z");
        let mut before = SplitListing::default();
        let compared = (1..=14).filter(|_| {
            let mut split = SplitListing::after(Some(&before), true, now);
            split.begin(now);
            split.uncompared = if split.is_compared { 0 } else { split.uncompared + 1 };
            before = split;
            before.is_compared
        });
        assert_eq!(compared.collect::<Vec<_>>(), [7, 14]);
    }

    #[test]
    fn eight_exports_look_up_every_record() {
        let subs: Vec<_> = (0..=255).map(|last| Sub::from_uuid_bytes([last; 16])).collect();
        let (mut before, mut due) =
            (RecordLookUps { turn: 5, ..RecordLookUps::default() }, vec![0; subs.len()]);
        for _ in 0..8 {
            let look_ups = RecordLookUps::after(Some(&before));
            subs.iter().zip(&mut due).for_each(|(sub, due)| *due += u8::from(look_ups.are_due(sub.as_str())));
            before = look_ups;
        }
        assert!(due.iter().all(|&due| due == 1), "{due:?}");
        assert_eq!(RecordLookUps::after(None).turn, 0);
    }

    fn snapshot() -> Snapshot {
        let execution = Execution { id: "export".to_owned(), started_at: at("2026-01-01T00:00:00Z") };
        let id = RunId::parse("20260101T000000000Z-1a2b3c4d").unwrap();
        let pool = PoolId::parse("eu-west-1_A").unwrap();
        Snapshot { state: SnapshotState::Sealed, ..Snapshot::begun(id, pool, execution) }
    }

    #[test]
    fn counts_are_added_up_by_kind() {
        let mut counts = Counts::default();
        counts.add(RecordKind::User, 60, 1, 7);
        counts.add(RecordKind::User, 3, 2, 1);
        counts.add(RecordKind::Group, 2, 1, 0);
        counts.add(RecordKind::Membership, 5, 3, 0);
        let expected = Counts { users: 63, groups: 2, memberships: 5, pages: 7, records_written: 8 };
        assert_eq!(counts, expected);
    }

    #[test]
    fn a_snapshot_knows_what_its_own_split_listing_came_to() {
        let said = |split| {
            let snapshot = Snapshot { split, ..snapshot() };
            [
                snapshot.split_has_failed(),
                snapshot.split_failure_is_remembered(),
                snapshot.listings_disagree(),
            ]
        };
        let (own, earlier) = (Some(at("2026-01-01T00:00:00Z")), Some(at("2025-12-31T00:00:00Z")));
        let none = SplitListing::default;
        assert_eq!(said(none()), [false, false, false]);
        assert_eq!(said(SplitListing { is_discarded: true, ..none() }), [true, false, false]);
        assert_eq!(said(SplitListing { failed_at: own, ..none() }), [false, true, false]);
        assert_eq!(said(SplitListing { turned_off_at: own, ..none() }), [false, false, true]);
        let of_others = SplitListing { failed_at: earlier, turned_off_at: earlier, ..none() };
        assert_eq!(said(of_others), [false, false, false], "an earlier export found it");
    }

    #[test]
    fn no_run_relies_on_a_snapshot_whose_removal_is_decided_or_unknown() {
        let lasting = |state, removal| Snapshot { state, removal, ..snapshot() }.lasting_state();
        let mark = |decided| Some(RemovalMark { was: SnapshotState::Failed, decided });
        assert_eq!(lasting(SnapshotState::Sealed, None), Some(SnapshotState::Sealed));
        assert_eq!(lasting(SnapshotState::Pruning, mark(false)), Some(SnapshotState::Failed));
        assert_eq!(lasting(SnapshotState::Pruning, mark(true)), None);
        assert_eq!(lasting(SnapshotState::Pruning, None), None);
    }
}
