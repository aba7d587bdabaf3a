//! Who of a pool is who of a snapshot.

use std::collections::HashSet;

use futures::{StreamExt, TryStreamExt, stream};

use super::findings::{MatchedBy, RestoreUsed};
use super::index::{Index, Place, Short, Table};
use super::names::SignIn;
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Digest, PoolDescription, PoolId, Restore, Snapshot, Sub, SubMapEntry, User, UserRecord};
use crate::vault::Vault;

/// How many of the newest restores into the pool are looked through for those of the snapshot.
const NEWEST: u32 = 100;
/// Records read with one call of the table, and such calls at once.
const RECORDS: usize = 100;
const READS: usize = 8;

/// How somebody was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By `sub`.
    Sub,
    /// By the sub map of a restore.
    SubMap,
    /// By the name people sign in with.
    Name,
}

/// What finds users of a pool in a snapshot.
#[derive(Debug)]
pub struct Matching {
    own_pool: bool,
    /// Those whom the sub maps name, by the `sub` in the pool.
    restored: Table,
    /// Those whom they do not, by their names.
    named: Table,
    /// Those who cannot be found by name, because their record cannot be read.
    unreadable: HashSet<usize>,
    sign_in: SignIn,
    restores: Vec<Restore>,
}

impl Matching {
    /// Reads what it takes to find users of `pool` in the snapshot.
    pub async fn find<V: Vault>(
        catalog: &Catalog<V>,
        snapshot: &Snapshot,
        pool: &PoolId,
        description: &PoolDescription,
        index: &Index,
    ) -> Result<Self> {
        let mut matching = Self {
            own_pool: snapshot.pool == *pool,
            restored: Table::default(),
            named: Table::default(),
            unreadable: HashSet::new(),
            sign_in: SignIn::to(description),
            restores: Vec::new(),
        };
        if !matching.own_pool {
            let restores = catalog.restores(pool, NEWEST).await?.into_iter();
            matching.restores = restores.filter(|restore| restore.snapshot == snapshot.id).collect();
            let unnamed = matching.read_sub_maps(catalog, index).await?;
            matching.read_names(catalog, snapshot, index, unnamed).await?;
        }
        Ok(matching)
    }

    /// Reads the sub maps of all restores; returns whom none of them names. Somebody whom two of them name is who the newer one says.
    async fn read_sub_maps<V: Vault>(&mut self, catalog: &Catalog<V>, index: &Index) -> Result<Vec<Place>> {
        let mut is_named = vec![false; index.len()];
        let mut rows = Vec::new();
        for restore in &self.restores {
            let mut after = None;
            loop {
                let (entries, next) = catalog.sub_map_page(&restore.id, after).await?;
                for entry in &entries {
                    let Some((place, sub)) = index.place_of(&entry.old_sub).zip(sub_in_pool(entry)) else { continue };
                    if !std::mem::replace(&mut is_named[place.position()], true) {
                        rows.push((Short::of_sub(sub), place));
                    }
                }
                match next {
                    None => break,
                    next => after = next,
                }
            }
        }
        self.restored = Table::new(rows);
        Ok(index.places().filter(|place| !is_named[place.position()]).collect())
    }

    /// Reads the records of `unnamed` users for their names.
    async fn read_names<V: Vault>(
        &mut self,
        catalog: &Catalog<V>,
        snapshot: &Snapshot,
        index: &Index,
        unnamed: Vec<Place>,
    ) -> Result<()> {
        let read = |some: Vec<Place>| async move {
            let subs: Vec<Sub> = some.iter().map(|place| index.sub(*place)).collect();
            let wanted: Vec<(&str, Digest)> =
                subs.iter().zip(&some).map(|(sub, place)| (sub.as_str(), index.digest(*place))).collect();
            let records = catalog.records::<UserRecord>(&snapshot.pool, &wanted).await?;
            Ok::<_, crate::Error>(some.into_iter().zip(records).collect::<Vec<_>>())
        };
        let mut rows = Vec::with_capacity(unnamed.len());
        let mut answers = std::pin::pin!(stream::iter(unnamed).chunks(RECORDS).map(read).buffered(READS));
        while let Some(answer) = answers.try_next().await? {
            for (place, record) in answer {
                match record {
                    Ok(record) => rows.extend(self.sign_in.names_of(&record).into_iter().map(|name| (name, place))),
                    Err(_) => drop(self.unreadable.insert(place.position())),
                }
            }
        }
        self.named = Table::new(rows);
        Ok(())
    }

    /// Who of the snapshot the user of the pool with this `sub` is, as far as a `sub` tells.
    pub fn by_sub(&self, index: &Index, sub: &Sub) -> Option<(Place, Way)> {
        match self.own_pool {
            true => index.place_of(sub).map(|place| (place, Way::Sub)),
            false => self.restored.get(Short::of_sub(sub)).map(|place| (place, Way::SubMap)),
        }
    }

    /// Who of the snapshot a user of the pool can be, most likely first.
    pub fn candidates(&self, index: &Index, user: &User) -> Vec<(Place, Way)> {
        match self.by_sub(index, &user.sub) {
            Some(found) => vec![found],
            None if self.own_pool => Vec::new(),
            None => {
                let names = self.sign_in.names_in_pool(&user.record).into_iter();
                names.filter_map(|name| self.named.get(name)).map(|place| (place, Way::Name)).collect()
            }
        }
    }

    /// Forgets the names, which take up memory: everybody was met.
    pub fn forget_names(&mut self) {
        self.named = Table::default();
    }

    /// Whether a user of the snapshot could not be looked for by name, because the record cannot be read.
    pub fn is_unreadable(&self, place: Place) -> bool {
        self.unreadable.contains(&place.position())
    }

    /// Whether a restore has written the old `sub` to this attribute.
    pub fn keeps_old_sub(&self, attribute: &str) -> bool {
        self.restores.iter().any(|restore| restore.options.old_sub_attribute.as_deref() == Some(attribute))
    }

    /// How users are matched, nobody counted yet.
    pub fn matched_by(&self) -> MatchedBy {
        let used = |restore: &Restore| RestoreUsed { restore_id: restore.id.clone(), status: restore.state };
        MatchedBy {
            restores: self.restores.iter().map(used).collect(),
            sign_in_attributes: self.sign_in.attributes().to_vec(),
            own_pool: self.own_pool,
            ..MatchedBy::default()
        }
    }
}

/// The `sub` in the pool, where the restore has brought the user and knows it.
fn sub_in_pool(entry: &SubMapEntry) -> Option<&Sub> {
    entry.restored.as_ref().and_then(|user| user.sub.as_ref())
}
