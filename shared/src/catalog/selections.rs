//! Selections: the selection of a restore, its checkpoint, and the users in its groups.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Catalog, encode, keys};
use crate::Result;
use crate::model::{GroupMatch, RunId, Selection, Sub};
use crate::ports::vault::{ReadVault, Vault};

#[derive(Debug, Serialize, Deserialize)]
struct KeyOnly {}

impl<V: ReadVault> Catalog<V> {
    /// The selection of a restore; none if it restores all users.
    pub async fn selection(&self, run: &RunId) -> Result<Option<Selection>> {
        self.read(&keys::selection(run)).await
    }

    /// For each user, whether it is in a selected group, and whether it is in an excepted one.
    pub async fn in_groups(&self, run: &RunId, subs: &[Sub]) -> Result<HashMap<Sub, GroupMatch>> {
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let keys_of = |side| distinct.iter().map(move |sub| keys::selected(run, side, sub));
        let items = self.vault.get_all(keys_of(true).chain(keys_of(false)).collect()).await?;
        let existing: HashSet<_> = items.into_iter().map(|(key, _)| key).collect();
        let is_in = |side, sub| existing.contains(&keys::selected(run, side, sub));
        Ok(distinct
            .iter()
            .map(|&sub| (sub.clone(), GroupMatch { select: is_in(true, sub), except: is_in(false, sub) }))
            .collect())
    }
}

impl<V: Vault> Catalog<V> {
    /// Writes that these users are in groups of the selection.
    pub async fn put_in_groups(&self, run: &RunId, subs: &[Sub], group_match: GroupMatch) -> Result<()> {
        let sides = [(group_match.select, true), (group_match.except, false)].into_iter().filter(|(applies, _)| *applies);
        let distinct: HashSet<&Sub> = subs.iter().collect();
        let keys = sides.flat_map(|(_, side)| distinct.iter().map(move |sub| keys::selected(run, side, sub)));
        let items = keys.map(|key| Ok((key, encode(&KeyOnly {})?)));
        self.vault.put_all(items.collect::<Result<_>>()?).await
    }

    pub async fn put_selection(&self, run: &RunId, selection: &Selection) -> Result<()> {
        self.create(&keys::selection(run), selection).await.map(drop)
    }
}
