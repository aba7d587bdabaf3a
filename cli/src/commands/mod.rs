//! The verbs: one file each, with its arguments. A command reads its arguments into a request. The request does its work
//! on a deployment.

pub mod completions;
pub mod copy;
pub mod export;
pub mod import;
pub mod man;
pub mod pool;
pub mod prune;
mod run;
pub mod snapshots;
pub mod status;
pub mod sub_map;
#[cfg(test)]
mod tests;
mod tps;
pub mod verify;

use std::io::Write;

use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::model::{PoolId, RunId};
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use crate::output::flags::command;
use crate::problem::Result;
use crate::watch::Meter;

/// What commands work on: the state machines and the table of one deployment.
pub struct Deployment<E, V> {
    pub executions: E,
    pub catalog: Catalog<V>,
    /// The name of the table.
    pub table: String,
    /// The Region of the table.
    pub region: String,
}

impl<E, V> Deployment<E, V> {
    /// The table and its Region: `table backup in Region eu-west-1`.
    pub fn place(&self) -> String {
        format!("table {} in Region {}", self.table, self.region)
    }

    /// `error`, with the table that the command has read if it lacks a snapshot.
    pub fn of_snapshot(&self, error: Error) -> Error {
        of_snapshot(error, &self.place())
    }
}

/// `error`, with the `place` of the table that the command has read if it lacks a snapshot: --table may name the wrong
/// one.
fn of_snapshot(error: Error, place: &str) -> Error {
    if error.kind() != ErrorKind::SnapshotNotFound || error.message().contains(place) {
        return error;
    }
    let message = format!("{} The command has looked in {place}.", error.message());
    Error::new(error.kind(), message, error.guidance().clone().and(Guidance::CheckTable))
}

/// Where a command shows progress, and when it stops.
pub struct Session<'a, S> {
    /// Shows progress.
    pub meter: &'a mut Meter,
    /// Takes results that are too long for one answer, line by line: stdout.
    pub lines: &'a mut dyn Write,
    /// Ends when the operator interrupts the command.
    pub interrupted: S,
    pub now: fn() -> Timestamp,
}

/// The pool of the snapshot `id`.
///
/// # Errors
/// If the table does not hold the snapshot.
async fn pool_of<V: Vault>(catalog: &Catalog<V>, place: &str, id: &RunId) -> Result<PoolId> {
    catalog.pool_of_snapshot(id).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::SnapshotNotFound,
            format!("There is no snapshot {id} in {place}."),
            format!(
                "Check the id, and that exports write to this table. `{}` lists the snapshots of a pool.",
                command("snapshots --pool POOL_ID")
            ),
        )
        .into()
    })
}
