//! The capture of the configuration of a pool, after its users are listed.
//!
//! Only what the pool may not have, or Cognito does not give out, is missing from a capture, and it is named with
//! its reason ([`NotCaptured`]). Only DescribeUserPool can fail the export: no other read may cost the users.
//!
//! | file | what it does |
//! |---|---|
//! | [`reading`] | one read or listing: which answers are objects, and which are reasons |
//! | [`found`] | what is captured so far, stored in groups, and the checkpoint between two invocations |
//! | [`pool`] | the objects of the pool itself |
//! | [`listed`] | the objects that Cognito lists |
//! | [`clients`] | the objects of each client |
//!
//! The reads of different operations overlap, because Cognito limits each operation to 5 calls a second. At the
//! end, the list of the records is stored. The invocation then writes its digest to the header of the snapshot,
//! together with the counts, so that an unchanged configuration costs no write of its own.

mod clients;
mod found;
mod listed;
mod pool;
mod reading;

use std::collections::BTreeMap;
use std::sync::Mutex;

use self::found::Found;
use self::reading::GivenUp;
use super::context::Export;
use crate::catalog::Catalog;
use crate::model::configuration::{CapturedConfiguration, CapturedList};
use crate::model::{RunId, Snapshot, SnapshotState};
use crate::ports::pool::{Operation, Pool};
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// Headers that are read to find the last snapshot with a configuration.
const HEADERS_READ: u32 = 25;

/// A capture under work.
pub(super) struct Capturing<'a, P, V> {
    export: &'a Export<'a, P, V>,
    found: tokio::sync::Mutex<Found>,
    /// Operations that are not called again in this capture, and why.
    given_up: Mutex<BTreeMap<Operation, GivenUp>>,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Captures the configuration, unless that is done. Returns whether work is left.
    pub(super) async fn capture_configuration(&self) -> Result<bool> {
        if !self.captures_configuration || self.snapshot.captured_configuration.is_some() {
            return Ok(false);
        }
        let snapshot = &self.progress.run_id;
        let found = Found::resuming(self.catalog.capture_checkpoints(snapshot).await?);
        let capturing =
            Capturing { export: self, found: tokio::sync::Mutex::new(found), given_up: Mutex::default() };
        match capturing.read_all().await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::OutOfTime => {
                capturing.leave().await?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        let list = capturing.finish().await?;
        let captured = CapturedConfiguration { list: list.digest() };
        self.catalog.store_configuration(&self.progress.user_pool_id, snapshot, &[list]).await?;
        *self.captured.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(captured);
        Ok(false)
    }
}

impl<P: Pool, V: Vault> Capturing<'_, P, V> {
    /// Reads all objects that the capture does not have yet.
    async fn read_all(&self) -> Result<()> {
        let Some(pool) = self.read_pool().await? else { return Ok(()) };
        futures::try_join!(
            self.read_single(),
            self.read_domains(&pool),
            self.read_listed(),
            self.read_clients(&pool),
        )?;
        Ok(())
    }

    /// The list of everything. What it lacks names the last snapshot that holds it.
    async fn finish(self) -> Result<CapturedList> {
        self.flush().await?;
        let list = self.found.into_inner().into_list();
        if list.not_captured().is_empty() {
            return Ok(list);
        }
        Ok(match earlier_list(&self.export.catalog, &self.export.snapshot).await? {
            Some((snapshot, earlier)) => list.after(&earlier, &snapshot),
            None => list,
        })
    }
}

/// The list of the newest sealed snapshot before this one that holds a configuration, if it can be read.
async fn earlier_list<V: Vault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
) -> Result<Option<(RunId, CapturedList)>> {
    let before = catalog.snapshots(&snapshot.pool, Some(&snapshot.id), HEADERS_READ).await?;
    for earlier in before {
        if earlier.lasting_state() != Some(SnapshotState::Sealed) {
            continue;
        }
        if let Some(Ok(list)) = catalog.captured_list(&earlier).await? {
            return Ok(Some((earlier.id, list)));
        }
    }
    Ok(None)
}
