//! Snapshots.

use jiff::Timestamp;
use serde::Serialize;
use shared::model::{Counts, Failure, PoolId, RunId, Snapshot, SnapshotState, StoredCapture, UserListing};

use super::Report;
use super::text::{ago, number, seconds_between, table, time};
use crate::aws::RunStatus;
use crate::causes::cause_in_flags;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotRow {
    pub snapshot_id: RunId,
    /// `RUNNING`, `SEALED`, `FAILED` or `PRUNING`.
    pub status: SnapshotState,
    /// Whether a removal of the snapshot is decided. If not, a removal under way may still leave it.
    #[serde(skip)]
    pub is_removal_decided: bool,
    /// When the export began.
    pub began_at: Timestamp,
    /// When the snapshot was sealed.
    pub sealed_at: Option<Timestamp>,
    /// Seconds since the snapshot was sealed, else since the export began.
    pub age_seconds: u64,
    /// What the snapshot holds so far.
    #[serde(flatten)]
    pub counts: Counts,
    /// How the users were listed: `one` or `split`. None if the listing has not ended.
    pub listing: Option<UserListing>,
    /// Cognito's estimate of the users when the export began.
    pub estimated_users: u64,
    /// The execution of the export.
    pub execution_arn: String,
    /// How that execution ended, if it left the snapshot `RUNNING`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_status: Option<RunStatus>,
    /// Why the export failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl SnapshotRow {
    /// The row of `snapshot`.
    pub fn new(snapshot: Snapshot, now: Timestamp) -> Self {
        let began_at = snapshot.id.time();
        let is_removal_decided = snapshot.lasting_state().is_none();
        let sealed_at = snapshot.seal.map(|seal| seal.sealed_at);
        Self {
            snapshot_id: snapshot.id,
            status: snapshot.state,
            is_removal_decided,
            began_at,
            sealed_at,
            age_seconds: seconds_between(sealed_at.unwrap_or(began_at), now),
            counts: snapshot.counts,
            listing: snapshot.listing,
            estimated_users: snapshot.estimated_users,
            execution_arn: snapshot.execution.id,
            execution_status: None,
            failure: snapshot.failure,
        }
    }
}

/// The status in words.
pub(super) fn status(status: SnapshotState) -> &'static str {
    match status {
        SnapshotState::Running => "RUNNING",
        SnapshotState::Sealed => "SEALED",
        SnapshotState::Failed => "FAILED",
        SnapshotState::Pruning => "PRUNING",
    }
}

/// A snapshot in words: when it was sealed, and what it holds.
pub fn snapshot_in_words(snapshot: &Snapshot, now: Timestamp) -> String {
    let when = match &snapshot.seal {
        Some(seal) => format!("sealed {} ({})", time(seal.sealed_at), ago(seal.sealed_at, now)),
        None => "which is not sealed".to_owned(),
    };
    format!("Snapshot {}, {when}: {}.", snapshot.id, snapshot.counts.summary())
}

/// A table of snapshots, and under it why some failed.
pub fn snapshot_table(rows: &[SnapshotRow], now: Timestamp) -> String {
    let cells = |row: &SnapshotRow| {
        let counts = row.counts;
        let mut cells = vec![row.snapshot_id.to_string(), status(row.status).to_owned()];
        cells.push(row.sealed_at.map_or_else(|| "-".to_owned(), time));
        cells.push(ago(row.sealed_at.unwrap_or(row.began_at), now));
        cells.extend(
            [counts.users, counts.groups, counts.memberships, counts.pages, counts.records_written]
                .map(number),
        );
        cells
    };
    let header = [
        "SNAPSHOT",
        "STATE",
        "SEALED AT",
        "AGE",
        ">USERS",
        ">GROUPS",
        ">MEMBERSHIPS",
        ">PAGES",
        ">NEW RECORDS",
    ];
    let mut text = table(&header, rows.iter().map(cells));
    for row in rows {
        if let Some(status) = row.execution_status {
            text += &format!(
                "\n{} is incomplete: its execution is {status}. Start a new export.",
                row.snapshot_id
            );
        }
        if let Some(meaning) = row.listing.map(UserListing::meaning).filter(|words| !words.is_empty()) {
            text += &format!("\n{}: {meaning}", row.snapshot_id);
        }
        if row.status == SnapshotState::Pruning {
            text += &if row.is_removal_decided {
                format!("\n{} is being removed: you cannot use it.", row.snapshot_id)
            } else {
                let id = &row.snapshot_id;
                format!("\n{id} may be removed: a removal is under way. Wait for its end, or stop it.")
            };
        }
        if let Some(failure) = &row.failure {
            let cause = cause_in_flags(&failure.cause);
            text += &format!("\n{} failed: {}: {cause}", row.snapshot_id, failure.error);
        }
    }
    text
}

/// All snapshots of a pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotList {
    pub user_pool_id: PoolId,
    pub table: String,
    /// The table and its Region.
    #[serde(skip)]
    pub place: String,
    /// The newest first.
    pub snapshots: Vec<SnapshotRow>,
    /// The newest first.
    pub captures: Vec<CaptureRow>,
}

/// A configuration that `pool apply` has stored before it changed the pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureRow {
    pub capture_id: RunId,
    pub captured_at: Timestamp,
    /// Seconds since then.
    pub age_seconds: u64,
    /// The snapshot or capture that was applied next.
    pub before_applying: RunId,
    /// Whether its removal is decided.
    pub is_being_removed: bool,
}

impl CaptureRow {
    pub fn new(capture: StoredCapture, now: Timestamp) -> Self {
        let captured_at = capture.time();
        Self {
            capture_id: capture.id,
            captured_at,
            age_seconds: seconds_between(captured_at, now),
            before_applying: capture.before_applying,
            is_being_removed: capture.is_being_removed,
        }
    }
}

/// A table of captures, and under it those that are being removed.
fn capture_table(rows: &[CaptureRow], now: Timestamp) -> String {
    let cells = |row: &CaptureRow| {
        let at = row.captured_at;
        vec![row.capture_id.to_string(), time(at), ago(at, now), row.before_applying.to_string()]
    };
    let mut text = table(&["CAPTURE", "STORED AT", "AGE", "BEFORE APPLYING"], rows.iter().map(cells));
    for row in rows.iter().filter(|row| row.is_being_removed) {
        text += &format!("\n{} is being removed: you cannot use it.", row.capture_id);
    }
    text
}

impl Report for SnapshotList {
    fn human(&self, now: Timestamp) -> String {
        let snapshots = if self.snapshots.is_empty() {
            format!(
                "There is no snapshot of user pool {} in {}. Check the id, --table and --region.",
                self.user_pool_id, self.place
            )
        } else {
            snapshot_table(&self.snapshots, now)
        };
        if self.captures.is_empty() {
            return snapshots;
        }
        format!(
            "{snapshots}\n\nConfigurations that `pool apply` has stored before its changes (no users):\n{}",
            capture_table(&self.captures, now)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn snapshots_are_shown_as_a_table() {
        let now = testing::now();
        let failed = testing::failed_snapshot(2, 12);
        let list = SnapshotList {
            user_pool_id: testing::pool("a"),
            table: "backup".into(),
            place: "table backup in Region eu-west-1".into(),
            snapshots: [failed, testing::snapshot(1, 400_000)]
                .map(|snapshot| SnapshotRow::new(snapshot, now))
                .into(),
            captures: vec![CaptureRow::new(testing::capture(3), now)],
        };
        insta::assert_snapshot!(list.human(now));
        insta::assert_snapshot!(serde_json::to_string_pretty(&list).unwrap());
    }

    #[test]
    fn a_table_says_which_snapshots_a_split_listing_lists() {
        let split =
            |number| Snapshot { listing: Some(UserListing::Split), ..testing::snapshot(number, 400_000) };
        let now = testing::now();
        let rows = [split(1), testing::snapshot(2, 400_000)].map(|snapshot| SnapshotRow::new(snapshot, now));
        let text = snapshot_table(&rows, now);
        let says = format!("{}: A split listing lists its users", rows[0].snapshot_id);
        assert!(text.contains(&says), "{text}");
        let of_one = format!("{}: A split", rows[1].snapshot_id);
        assert!(!text.contains(&of_one), "{text}");
    }

    #[test]
    fn an_empty_list_names_the_table() {
        let list = SnapshotList {
            user_pool_id: testing::pool("a"),
            table: "backup".into(),
            place: "table backup in Region eu-west-1".into(),
            snapshots: Vec::new(),
            captures: Vec::new(),
        };
        assert_eq!(
            list.human(testing::now()),
            "There is no snapshot of user pool eu-west-1_a in table backup in Region eu-west-1. Check the id, --table and --region."
        );
    }
}
