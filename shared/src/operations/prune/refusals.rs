//! The errors that end a removal.

use jiff::Timestamp;

use crate::format::time;
use crate::model::{PoolId, RunId};
use crate::ports::vault::Key;
use crate::{Error, ErrorKind, Guidance};

/// A page of a kept snapshot cannot be read.
pub(super) fn damaged(pool: &PoolId, snapshot: &RunId, key: &Key) -> Error {
    Error::new(
        ErrorKind::SnapshotDamaged,
        format!("Snapshot {snapshot} stays, but its item {key} is missing or altered."),
        Guidance::from("The removal deleted no record, because the item may name it.")
            .and(Guidance::RecoverOrRemove { pool: pool.to_string(), snapshot: snapshot.to_string() }),
    )
}

/// The list of a kept stored capture cannot be read.
pub(super) fn damaged_capture(pool: &PoolId, capture: &RunId, key: &Key) -> Error {
    Error::new(
        ErrorKind::SnapshotDamaged,
        format!("Capture {capture} stays, but its item {key} is missing or altered."),
        Guidance::from("The removal deleted no record, because the item may name it.")
            .and(Guidance::RecoverOrRemove { pool: pool.to_string(), snapshot: capture.to_string() }),
    )
}

/// A newer version wrote the snapshot or the stored capture.
pub(super) fn newer_schema(snapshot: &RunId, version: u32) -> Error {
    Error::new(
        ErrorKind::UnsupportedSchema,
        format!("Snapshot {snapshot} has schema version {version}, which this version cannot read."),
        Guidance::from("The removal deleted nothing, because the snapshot may name any record.")
            .and(Guidance::NEWER_VERSION),
    )
}

/// The pool has no such snapshot.
pub(super) fn not_found(pool: &PoolId, snapshot: &RunId) -> Error {
    Error::new(
        ErrorKind::SnapshotNotFound,
        format!("User pool {pool} has no snapshot {snapshot}."),
        Guidance::from("The removal deleted nothing.")
            .and(Guidance::ListSnapshots { pool: pool.to_string() }),
    )
}

/// The operator named the newest sealed snapshot.
pub(super) fn newest(pool: &PoolId, snapshot: &RunId) -> Error {
    Error::new(
        ErrorKind::SnapshotNotRemovable,
        format!("Snapshot {snapshot} is the newest sealed one of user pool {pool}, which always stays."),
        "The removal deleted nothing. Take another snapshot first, or leave this one out.",
    )
}

/// An import needs a snapshot that the operator named.
pub(super) fn in_use(snapshot: &RunId, held_until: Timestamp) -> Error {
    Error::new(
        ErrorKind::SnapshotInUse,
        format!(
            "An import uses snapshot {snapshot}. If it was aborted, its lease ends at {}.",
            time(held_until)
        ),
        Guidance::from("The removal deleted nothing.").and(Guidance::WaitForImport),
    )
}
