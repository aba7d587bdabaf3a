//! Selections, and the members of the groups that they name.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, encode, keys};
use crate::Result;
use crate::model::{GroupMatch, RunId, Selection, Sub, UnmatchedNames};
use crate::ports::vault::{ReadVault, Vault};

/// An item that has no content beside its key.
#[derive(Debug, Serialize, Deserialize)]
struct Selected {}

impl<V: ReadVault> Catalog<V> {
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

    /// Writes the selection of a restore.
    pub async fn put_selection(&self, run: &RunId, selection: &Selection) -> Result<()> {
        self.create(&keys::selection(run), selection).await.map(drop)
    }
}
