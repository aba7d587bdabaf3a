//! Selections: who is to be restored, and which users are in its groups.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, CheckpointKey, encode, keys};
use crate::Result;
use crate::model::{GroupMatch, RunId, Selection, SelectionCheckpoint, Sub};
use crate::ports::vault::{ReadVault, Vault};

/// An item that says no more than its key.
#[derive(Debug, Serialize, Deserialize)]
struct Chosen {}

impl<V: ReadVault> Catalog<V> {
    /// Who is to be restored, where that is not everybody.
    pub async fn selection(&self, run: &RunId) -> Result<Option<Selection>> {
        self.read(&keys::selection(run)).await
    }

    /// How far the selected have been found.
    pub async fn selecting(&self, run: &RunId) -> Result<SelectionCheckpoint> {
        Ok(self.read(&keys::selection_scan(run)).await?.unwrap_or_default())
    }

    /// In which groups of a selection these users are.
    pub async fn in_groups(&self, run: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, GroupMatch>> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let of = |side| distinct.iter().map(move |sub| keys::selected(run, side, sub));
        let items = self.vault.get_all(of(true).chain(of(false)).collect()).await?;
        let there: HashSet<_> = items.into_iter().map(|(key, _)| key).collect();
        let is = |side, sub| there.contains(&keys::selected(run, side, sub));
        Ok(distinct.iter().map(|&sub| (sub.clone(), GroupMatch { select: is(true, sub), except: is(false, sub) })).collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Notes that these users are in groups of a selection.
    pub async fn put_in_groups(&self, run: &RunId, subs: &[Sub], meaning: GroupMatch) -> Result<()> {
        let sides = [(meaning.select, true), (meaning.except, false)].into_iter().filter(|(is, _)| *is);
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let keys = sides.flat_map(|(_, side)| distinct.iter().map(move |sub| keys::selected(run, side, sub)));
        let items = keys.map(|key| Ok((key, encode(&Chosen {})?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    /// Writes down who is to be restored.
    pub async fn put_selection(&self, run: &RunId, selection: &Selection) -> Result<()> {
        self.create(&keys::selection(run), selection).await.map(drop)
    }

    /// Puts `next` in the place of what it went on from; returns what is there afterwards.
    pub async fn put_selecting(&self, run: &RunId, next: &SelectionCheckpoint) -> Result<SelectionCheckpoint> {
        self.put_checkpoint(&CheckpointKey::selection_scan(run), next.step - 1, next).await
    }
}
