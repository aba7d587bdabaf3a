//! Sealed snapshots: found and checked against their seal, or the named reason why one cannot be used.

use std::pin::pin;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde_dynamo::Item;

use super::{Catalog, keys};
use crate::model::{
    Digest, Page, PageContent, PageEntry, PoolId, RunId, SCHEMA_VERSION, SealBuilder, Snapshot, SnapshotSelector, SnapshotState,
    Unit,
};
use crate::vault::{Key, Vault};
use crate::{Error, ErrorKind, Result};

/// Pages read at once.
const READS: usize = 16;

/// A page that is the one which the seal covers.
#[derive(Debug, Clone)]
pub struct SealedPage {
    /// Its key.
    pub key: Key,
    /// As it is in the table.
    pub item: Item,
    /// Its entries.
    pub content: PageContent,
}

impl<V: Vault> Catalog<V> {
    /// The snapshot of `source` that `selector` names, and its plan, which agrees with its seal.
    ///
    /// # Errors
    /// When there is no such snapshot, or it is not sealed, of a newer schema, or its plan is not the one that was sealed.
    pub async fn sealed_snapshot(&self, source: &PoolId, selector: &SnapshotSelector) -> Result<(Snapshot, Vec<Unit>)> {
        let found = match selector {
            SnapshotSelector::Latest => self.newest_sealed(source, None).await?,
            SnapshotSelector::Id(id) => self.snapshot(source, id).await?,
        };
        match found {
            Some(snapshot) => {
                let units = self.plan_of(&snapshot).await?;
                Ok((snapshot, units))
            }
            None => Err(self.no_snapshot(source, selector).await?),
        }
    }

    /// Why the snapshot is not among those of the source.
    async fn no_snapshot(&self, source: &PoolId, selector: &SnapshotSelector) -> Result<Error> {
        let list = format!("List them with `cognito-backup snapshots --pool {source}`.");
        Ok(match selector {
            SnapshotSelector::Latest => match self.snapshots(source, None, 1).await?.is_empty() {
                true => Error::new(
                    ErrorKind::SnapshotNotFound,
                    format!("The backup table holds no snapshot of user pool {source}."),
                    "Check the pool id, and that the table is the one that the exports write to.",
                ),
                false => Error::new(
                    ErrorKind::SnapshotNotSealed,
                    format!("No snapshot of user pool {source} was ever completed."),
                    list,
                ),
            },
            SnapshotSelector::Id(id) => match self.pool_of_snapshot(id).await? {
                Some(other) if other != *source => Error::new(
                    ErrorKind::SnapshotOfAnotherPool,
                    format!("Snapshot {id} was taken of user pool {other}, not of {source}."),
                    format!("Name {other} as the source, or give another snapshot. {list}"),
                ),
                _ => Error::new(ErrorKind::SnapshotNotFound, format!("User pool {source} has no snapshot {id}."), list),
            },
        })
    }

    /// The plan of a snapshot, where that can be used. Only `snapshot` says what was sealed: its header may be in another table.
    ///
    /// # Errors
    /// As [`Self::sealed_snapshot`].
    pub async fn plan_of(&self, snapshot: &Snapshot) -> Result<Vec<Unit>> {
        let id = &snapshot.id;
        if snapshot.schema_version > SCHEMA_VERSION {
            return Err(Error::new(
                ErrorKind::UnsupportedSchema,
                format!(
                    "Snapshot {id} has schema version {}; this version reads up to {SCHEMA_VERSION}.",
                    snapshot.schema_version
                ),
                "Use the version of cognito-backup that wrote it, or a newer one.",
            ));
        }
        if snapshot.state == SnapshotState::Pruning {
            return Err(being_removed(id));
        }
        let Some(seal) = snapshot.seal.as_ref().filter(|_| snapshot.state == SnapshotState::Sealed) else {
            return Err(Error::new(
                ErrorKind::SnapshotNotSealed,
                format!("Snapshot {id} is not sealed: its export is still running, failed or was aborted."),
                "Use a sealed snapshot; `latest` picks the newest one.",
            ));
        };
        let units = self.units(id).await?;
        let mut sum = SealBuilder::new(snapshot);
        units.iter().for_each(|unit| sum.add(unit));
        let (counts, digest) = sum.finish();
        if digest != seal.digest || counts != snapshot.counts || units.iter().any(|unit| !unit.done) {
            return Err(Error::new(
                ErrorKind::SnapshotDamaged,
                format!("The plan of snapshot {id} (items SNAP#{id} UNIT#…) does not match its seal."),
                "Items were lost or altered: restore them from point-in-time recovery or the replica, or use another snapshot.",
            ));
        }
        Ok(units)
    }

    /// Hands the entries of a unit to `take`, in their order.
    ///
    /// # Errors
    /// When a page is missing, or not the one that the seal covers.
    pub async fn sealed_entries(&self, snapshot: &RunId, unit: &Unit, mut take: impl FnMut(PageEntry)) -> Result<()> {
        let mut pages = pin!(self.sealed_pages(snapshot, unit));
        while let Some(page) = pages.try_next().await? {
            page.map_err(|key| damaged_page(&key))?.content.0.into_iter().for_each(&mut take);
        }
        Ok(())
    }

    /// The pages of a unit in their order: each the page, or the key under which it is missing or not the one that the seal covers.
    pub fn sealed_pages<'a>(
        &'a self,
        snapshot: &'a RunId,
        unit: &'a Unit,
    ) -> impl Stream<Item = Result<std::result::Result<SealedPage, Key>>> + Send + 'a {
        let id = unit.id();
        let read = move |number| {
            let key = keys::page(snapshot, &id, unit.attempt, number);
            async move { Ok::<_, Error>((number, self.vault.get(&key).await?, key)) }
        };
        // Nothing is known of the page that follows a damaged one but that it is sound in itself.
        let (id, mut before) = (unit.id(), Some(Digest::default()));
        stream::iter(1..=unit.pages).map(read).buffered(READS).map_ok(move |(number, item, key)| {
            let page = item.as_ref().and_then(|item| serde_dynamo::from_item::<_, Page>(item.clone()).ok());
            let page = page.filter(|page| before.is_none_or(|before| page.previous == before));
            let page = page.filter(|page| number < unit.pages || page.chain == unit.chain);
            let sound = page.and_then(|page| Some((page.chain, page.verified(&id, number).ok()?)));
            before = sound.as_ref().map(|(chain, _)| *chain);
            match (sound, item) {
                (Some((_, content)), Some(item)) => Ok(SealedPage { key, item, content }),
                _ => Err(key),
            }
        })
    }
}

/// The error for a snapshot that nobody should begin to rely on.
pub(crate) fn being_removed(id: &RunId) -> Error {
    Error::new(
        ErrorKind::SnapshotBeingRemoved,
        format!("Snapshot {id} is being removed, by retention or by hand."),
        "Use another snapshot; `latest` picks the newest one, `cognito-backup snapshots` lists them all.",
    )
}

fn damaged_page(key: &Key) -> Error {
    Error::new(
        ErrorKind::SnapshotDamaged,
        format!("Page {key} is missing or altered."),
        "Restore the item from point-in-time recovery or the replica, or use another snapshot.",
    )
}
