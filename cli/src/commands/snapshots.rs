//! `snapshots`: list the snapshots of a user pool.

use clap::Args;
use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::model::{PoolId, Snapshot};
use shared::ports::vault::Vault;

use super::Deployment;
use crate::arguments;
use crate::exit::ExitStatus;
use crate::output::{Answer, CaptureRow, SnapshotList, SnapshotRow};
use crate::problem::Result;

/// How many headers one query asks for. Each has about a kilobyte.
const AT_ONCE: u32 = 200;

/// The arguments of `snapshots`.
#[derive(Debug, Args)]
pub struct SnapshotsArgs {
    /// The user pool
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
}

/// A list to make.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If the pool id cannot be read.
    pub fn read(args: &SnapshotsArgs) -> Result<Self> {
        Ok(Self { pool: arguments::read("--pool", &args.pool, PoolId::parse)? })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Lists all snapshots and captures of the pool.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn run<E, V: Vault>(&self, deployment: &Deployment<E, V>, now: Timestamp) -> Result<Answer> {
        let snapshots = all(&deployment.catalog, &self.pool, AT_ONCE).await?;
        let snapshots = rows(&deployment.catalog, snapshots, now).await?;
        let captures = deployment.catalog.stored_captures(&self.pool).await?;
        let list = SnapshotList {
            user_pool_id: self.pool.clone(),
            table: deployment.table.clone(),
            place: deployment.place(),
            snapshots,
            captures: captures.into_iter().map(|capture| CaptureRow::new(capture, now)).collect(),
        };
        Ok(Answer::new(&list, ExitStatus::Done, now))
    }
}

/// The rows of snapshots, without marks that count for nothing.
pub(super) async fn rows<V: Vault>(
    catalog: &Catalog<V>,
    snapshots: Vec<Snapshot>,
    now: Timestamp,
) -> shared::Result<Vec<SnapshotRow>> {
    let mut rows = Vec::new();
    for snapshot in snapshots {
        rows.push(SnapshotRow::new(catalog.as_readers_see(snapshot, now).await?, now));
    }
    Ok(rows)
}

/// All snapshots of `pool`, newest first. An answer may hold fewer than `at_once` before the end. An empty one is the end.
pub(super) async fn all<V: Vault>(
    catalog: &Catalog<V>,
    pool: &PoolId,
    at_once: u32,
) -> shared::Result<Vec<Snapshot>> {
    let mut all: Vec<Snapshot> = Vec::new();
    loop {
        let next = catalog.snapshots(pool, all.last().map(|last| &last.id), at_once).await?;
        if next.is_empty() {
            return Ok(all);
        }
        all.extend(next);
    }
}
