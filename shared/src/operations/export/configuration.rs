//! The configuration in an export: captured after the users are listed, stored, and left to the next invocation
//! if the time ends or Cognito does not answer.
//!
//! At the end, the list of the records is stored. The invocation then writes the digest of the list to the
//! header of the snapshot, together with the counts. So an unchanged configuration costs no write of its own.

use std::collections::BTreeSet;

use tokio::sync::OnceCell;

use super::context::Export;
use crate::model::configuration::{
    Asset, CapturedConfiguration, CapturedList, CapturedObject, ObjectName, Withheld,
};
use crate::model::{RunId, SnapshotState};
use crate::operations::capture::{Capturing, End, Found, Keeper, KeptSecret};
use crate::operations::captured_configuration::{Earlier, earlier_list, last_known};
use crate::operations::secrets::Sealer;
use crate::ports::keys::EncryptingKeys;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{ErrorKind, Result};

/// The table, for the objects of the snapshot.
struct Stored<'a, P, V, K> {
    export: &'a Export<'a, P, V>,
    /// None if secrets are left out.
    sealer: Option<&'a Sealer<'a, K>>,
    /// Read once it is needed.
    earlier: OnceCell<Option<(RunId, CapturedList)>>,
    /// The same list, with the last known records of what it lacks.
    last_known: OnceCell<CapturedList>,
}

impl<P: Pool, V: Vault, K: EncryptingKeys> Keeper for &Stored<'_, P, V, K> {
    async fn keep_asset(&self, asset: Asset) -> Result<()> {
        let Export { catalog, progress, .. } = self.export;
        catalog.store_configuration(&progress.user_pool_id, &progress.run_id, &[asset]).await.map(drop)
    }

    async fn keep_objects(&self, objects: Vec<CapturedObject>) -> Result<()> {
        let Export { catalog, progress, .. } = self.export;
        catalog.store_configuration(&progress.user_pool_id, &progress.run_id, &objects).await.map(drop)
    }

    async fn keep_secret(&self, object: &ObjectName, secret: &Withheld) -> Result<KeptSecret> {
        let Export { catalog, progress, .. } = self.export;
        match self.sealer {
            Some(sealer) => sealer.keep(catalog, &progress.run_id, object, secret).await,
            None => Ok(KeptSecret::LeftOut),
        }
    }

    async fn had(&self, name: &ObjectName) -> Result<bool> {
        Ok(self.last_known().await?.has_or_had(name))
    }

    async fn was_answered(&self, name: &ObjectName, beside: &ObjectName) -> Result<bool> {
        Ok(self.earlier().await?.as_ref().is_some_and(|(_, list)| list.was_answered(name, beside)))
    }
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Captures the configuration, unless that is done, and its secrets if there is a sealer. Returns whether work is left.
    pub(super) async fn capture_configuration<K: EncryptingKeys>(
        &self,
        sealer: Option<&Sealer<'_, K>>,
    ) -> Result<bool> {
        if !self.captures_configuration || self.snapshot.captured_configuration.is_some() {
            return Ok(false);
        }
        let (pool, snapshot) = (&self.progress.user_pool_id, &self.progress.run_id);
        let found = Found::resuming(self.catalog.capture_checkpoints(snapshot).await?);
        let (checkpoints, stored) = (found.checkpoints, Stored::of(self, sealer));
        let capturing = Capturing::resuming(&self.pool, Some(self.budget), &stored, found);
        let leave = async |end| self.leave(checkpoints, &capturing, end).await;
        match capturing.read_all().await {
            Ok(()) => {
                if capturing.lacks_answers().await && leave(End::WithoutAnswers).await? {
                    // Cognito may answer the next invocation.
                    let wait = capturing.wait().await;
                    if self.budget.leaves(wait) {
                        tokio::time::sleep(wait).await;
                    }
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == ErrorKind::OutOfTime => {
                if leave(End::OutOfTime).await? {
                    return Err(error);
                }
                capturing.lacks_the_rest().await;
            }
            Err(error) => {
                // What is read stays read. If the table fails, too, the next invocation reads it again.
                if matches!(error.kind(), ErrorKind::Throttled | ErrorKind::ServiceUnavailable) {
                    let _ = leave(End::Failed).await;
                }
                return Err(error);
            }
        }
        let list = stored.compared_with_earlier(capturing.end().await?.into_list()).await?;
        let captured = CapturedConfiguration { list: list.digest() };
        self.catalog.store_configuration(pool, snapshot, &[list]).await?;
        *self.captured.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(captured);
        Ok(false)
    }

    /// Leaves what is captured so far to the next invocation, after so many checkpoints. If another invocation wrote a
    /// checkpoint meanwhile, that one counts. Returns whether the next invocation may do better.
    async fn leave<S: Keeper>(
        &self,
        checkpoints: u32,
        capturing: &Capturing<'_, P, S>,
        end: End,
    ) -> Result<bool> {
        let Some(left) = capturing.leave(end).await? else { return Ok(false) };
        for (number, checkpoint) in (checkpoints + 1..).zip(left) {
            if !self.catalog.add_capture_checkpoint(&self.progress.run_id, number, &checkpoint).await? {
                break;
            }
        }
        Ok(true)
    }
}

impl<'a, P: Pool, V: Vault, K: EncryptingKeys> Stored<'a, P, V, K> {
    fn of(export: &'a Export<'a, P, V>, sealer: Option<&'a Sealer<'a, K>>) -> Self {
        Self { export, sealer, earlier: OnceCell::new(), last_known: OnceCell::new() }
    }

    /// The list of everything. What it lacks names the last snapshot that holds it.
    async fn compared_with_earlier(&self, list: CapturedList) -> Result<CapturedList> {
        if list.not_captured().is_empty() {
            return Ok(list);
        }
        let Some((snapshot, earlier)) = self.earlier().await? else { return Ok(list) };
        let list = list.after(earlier, snapshot);
        let mut removed = BTreeSet::new();
        for holder in list.holders().into_iter().filter(|holder| holder != snapshot) {
            let header = self.export.catalog.snapshot(&self.export.snapshot.pool, &holder).await?;
            let state = header.and_then(|header| header.lasting_state());
            if state != Some(SnapshotState::Sealed) {
                removed.insert(holder);
            }
        }
        Ok(list.without_holders(&removed))
    }

    /// The list of the last snapshot with a configuration, and the id of that snapshot. None if there is none.
    async fn earlier(&self) -> Result<&Option<(RunId, CapturedList)>> {
        let Export { catalog, snapshot, .. } = self.export;
        let read = async || match earlier_list(catalog, snapshot).await? {
            Earlier::Found(id, list) => Ok(Some((id, list))),
            Earlier::NoneIsReadable | Earlier::None => Ok(None),
        };
        self.earlier.get_or_try_init(read).await
    }

    async fn last_known(&self) -> Result<&CapturedList> {
        let read = async || match self.earlier().await? {
            Some((_, list)) => {
                let Export { catalog, snapshot, .. } = self.export;
                last_known(catalog, &snapshot.pool, list.clone()).await
            }
            None => Ok(CapturedList::default()),
        };
        self.last_known.get_or_try_init(read).await
    }
}
