//! The capture of the configuration of a pool, after its users are listed.
//!
//! Only what the pool may not have, or Cognito does not give out, is missing from a capture, and it is named with
//! its reason ([`NotCaptured`]). Only DescribeUserPool can fail the export: no other read may cost the users.
//!
//! | file | what it does |
//! |---|---|
//! | [`reading`] | one read or listing: which answers are objects, and which are reasons |
//! | [`failures`] | which operations are not called again |
//! | [`found`] | what is captured so far, stored in groups, and the checkpoint between two invocations |
//! | [`pool`] | the objects of the pool itself |
//! | [`listed`] | the objects that Cognito lists |
//! | [`clients`] | the objects of each client |
//!
//! The reads of different operations overlap, because Cognito limits each operation to 5 calls a second. If Cognito
//! does not answer for a part, other invocations ask again. At the end, the list of the records is stored. The
//! invocation then writes its digest to the header of the snapshot, together with the counts, so that an unchanged
//! configuration costs no write of its own.

mod clients;
mod failures;
mod found;
mod listed;
mod pool;
mod reading;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use tokio::sync::OnceCell;

use self::failures::Failures;
use self::found::{End, Found};
use super::context::Export;
use crate::catalog::Catalog;
use crate::model::configuration::{CapturedConfiguration, CapturedList};
use crate::model::{RunId, Snapshot, SnapshotState};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// Headers that are read to find the last snapshot with a configuration.
const HEADERS_READ: u32 = 25;

/// A capture under work.
pub(super) struct Capturing<'a, P, V> {
    export: &'a Export<'a, P, V>,
    found: tokio::sync::Mutex<Found>,
    /// One group of objects is stored at a time.
    flushing: tokio::sync::Mutex<()>,
    failures: Failures,
    /// Whether Cognito did not find something. Then the pool may be deleted.
    has_missed: AtomicBool,
    /// Read once it is needed.
    earlier: OnceCell<Option<(RunId, CapturedList)>>,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Captures the configuration, unless that is done. Returns whether work is left.
    pub(super) async fn capture_configuration(&self) -> Result<bool> {
        if !self.captures_configuration || self.snapshot.captured_configuration.is_some() {
            return Ok(false);
        }
        let snapshot = &self.progress.run_id;
        let found = Found::resuming(self.catalog.capture_checkpoints(snapshot).await?);
        let capturing = Capturing {
            export: self,
            found: tokio::sync::Mutex::new(found),
            flushing: tokio::sync::Mutex::default(),
            failures: Failures::default(),
            has_missed: AtomicBool::new(false),
            earlier: OnceCell::new(),
        };
        match capturing.read_all().await {
            Ok(()) => {
                if capturing.lacks_answers().await && capturing.leave(End::WithoutAnswers).await? {
                    capturing.wait_for_cognito().await;
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == ErrorKind::OutOfTime => {
                if capturing.leave(End::OutOfTime).await? {
                    return Err(error);
                }
                capturing.lacks_the_rest().await;
            }
            Err(error) => {
                // What is read stays read. If the table fails, too, the next invocation reads it again.
                if matches!(error.kind(), ErrorKind::Throttled | ErrorKind::ServiceUnavailable) {
                    let _ = capturing.leave(End::Failed).await;
                }
                return Err(error);
            }
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
        self.look_for_deletion().await
    }

    /// Waits before the next invocation asks Cognito again.
    async fn wait_for_cognito(&self) {
        let wait = self.found.lock().await.wait();
        if self.export.budget.leaves(wait) {
            tokio::time::sleep(wait).await;
        }
    }

    /// The list of everything. What it lacks names the last snapshot that holds it.
    async fn finish(self) -> Result<CapturedList> {
        self.flush().await?;
        let earlier = self.earlier().await?.clone();
        let list = self.found.into_inner().into_list();
        let Some((snapshot, earlier)) = earlier else { return Ok(list) };
        let list = list.after(&earlier, &snapshot);
        let mut removed = BTreeSet::new();
        for holder in list.holders().into_iter().filter(|holder| *holder != snapshot) {
            let header = self.export.catalog.snapshot(&self.export.snapshot.pool, &holder).await?;
            let state = header.and_then(|header| header.lasting_state());
            if state != Some(SnapshotState::Sealed) {
                removed.insert(holder);
            }
        }
        Ok(list.without_holders(&removed))
    }

    /// The list of the last snapshot with a configuration, and the id of that snapshot. None if there is none.
    pub(super) async fn earlier(&self) -> Result<&Option<(RunId, CapturedList)>> {
        let Export { catalog, snapshot, .. } = self.export;
        self.earlier.get_or_try_init(|| earlier_list(catalog, snapshot)).await
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
