//! Selections of restores and stored ones, and the members of the groups that they name.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, encode, keys};
use crate::model::{
    GroupMatch, ImportInput, RunId, Selection, SelectionId, SelectionSource, StoredSelection, Sub,
    UnmatchedNames,
};
use crate::ports::vault::{EXPIRES_AT, ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

/// The most bytes of a stored selection as JSON. DynamoDB accepts items of 400 KB, and counts fewer bytes. The copy of
/// the restore is not larger.
const MAX_STORED: usize = 350 * 1024;

/// An item that has no content beside its key.
#[derive(Debug, Serialize, Deserialize)]
struct Selected {}

impl<V: ReadVault> Catalog<V> {
    /// The input with its selection, which the table may have.
    ///
    /// # Errors
    /// `SelectionNotFound` if the table does not have it. `InvalidInput` if it is of another pool, if it selects nothing,
    /// or if it has no time at which it expires.
    pub async fn with_selection(&self, input: ImportInput<SelectionSource>) -> Result<ImportInput> {
        let id = match &input.selection {
            SelectionSource::Stored(id) => id,
            SelectionSource::Input(selection) => {
                let selection = selection.clone();
                return Ok(input.with_selection(selection));
            }
        };
        let key = keys::stored_selection(id);
        let Some(item) = self.vault.get(&key).await? else {
            return Err(Error::new(
                ErrorKind::SelectionNotFound,
                format!(
                    "The backup table does not have the selection of the import (item {key}), or it has expired."
                ),
                Guidance::StoreSelection,
            ));
        };
        // An item that never expires would keep the names for ever.
        let lasts = !item.inner().contains_key(EXPIRES_AT);
        let stored: Option<StoredSelection> = serde_dynamo::from_item(item).ok();
        let Some(stored) = stored.filter(|stored| !lasts && stored.selection.is_sound()) else {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "The selection of the import (item {key}) cannot be read, names no user and no group, or has no \
                     {EXPIRES_AT}."
                ),
                Guidance::StoreSelection,
            ));
        };
        if stored.source != input.source {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "The selection of the import (item {key}) is for snapshots of user pool {}, not of {}.",
                    stored.source, input.source
                ),
                Guidance::StoreSelection,
            ));
        }
        Ok(input.with_selection(stored.selection))
    }

    /// The selection of a restore. None if all users are restored.
    pub async fn selection(&self, run: &RunId) -> Result<Option<Selection>> {
        self.read(&keys::selection(run)).await
    }

    /// The names of the selection that match nothing in the snapshot. None of them before its users were found.
    pub async fn unmatched_names(&self, run: &RunId) -> Result<UnmatchedNames> {
        let state = self.checkpoint(&CheckpointKey::selection_scan(run)).await?;
        Ok(state.map(|state| state.unmatched).unwrap_or_default())
    }

    /// For each of these users: whether it is a member of a group that the selection names, or
    /// excepts.
    pub async fn in_groups(&self, run: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, GroupMatch>> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let of = |side| distinct.iter().map(move |sub| keys::selected(run, side, sub));
        let items = self.vault.get_all(of(true).chain(of(false)).collect()).await?;
        let found: HashSet<_> = items.into_iter().map(|(key, _)| key).collect();
        let is = |side, sub| found.contains(&keys::selected(run, side, sub));
        Ok(distinct
            .iter()
            .map(|&sub| (sub.clone(), GroupMatch { select: is(true, sub), except: is(false, sub) }))
            .collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes members of a group that the selection names, or excepts.
    pub async fn put_in_groups(&self, run: &RunId, subs: &[Sub], meaning: GroupMatch) -> Result<()> {
        let sides = [(meaning.select, true), (meaning.except, false)].into_iter().filter(|(is, _)| *is);
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let keys = sides.flat_map(|(_, side)| distinct.iter().map(move |sub| keys::selected(run, side, sub)));
        let items = keys.map(|key| Ok((key, encode(&Selected {})?)));
        self.put_all(items.collect::<Result<_>>()?).await
    }

    /// Stores a selection for imports whose input has only its id.
    ///
    /// # Errors
    /// `InvalidInput` if the selection does not fit into an item.
    pub async fn store_selection(&self, id: &SelectionId, selection: &StoredSelection) -> Result<()> {
        let bytes = serde_json::to_vec(selection).map_err(super::unwritable)?.len();
        if bytes > MAX_STORED {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("The selection has {bytes} bytes, and an import can have {MAX_STORED}."),
                "Select groups instead of users, or import in several parts.",
            ));
        }
        // No other selection has a random id. If the item is there, an earlier attempt of the same call wrote it.
        self.create(&keys::stored_selection(id), selection).await.map(drop)
    }

    /// Writes the selection of a restore.
    pub async fn put_selection(&self, run: &RunId, selection: &Selection) -> Result<()> {
        self.create(&keys::selection(run), selection).await.map(drop)
    }
}
