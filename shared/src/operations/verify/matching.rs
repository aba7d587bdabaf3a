//! Who of a pool is who of a snapshot.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use super::findings::{MatchedBy, RestoreUsed};
use super::index::{Index, Place, Short, Table};
use super::names::SignIn;
use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Digest, PoolDescription, PoolId, Restore, Snapshot, Sub, SubMapEntry, User, UserRecord};
use crate::ports::vault::Vault;

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
    /// Those whom they do not, by their names; in its own pool everybody.
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
        let restores = catalog.restores(pool, NEWEST).await?.into_iter();
        let unnamed = if matching.own_pool {
            matching.restores = restores.filter(Restore::is_repair).collect();
            matching.follow_sub_maps(catalog, index).await?;
            // Who has kept the `sub` is not known before the pool is listed.
            index.places().collect()
        } else {
            matching.restores = restores.filter(|restore| restore.snapshot == snapshot.id).collect();
            matching.read_sub_maps(catalog, index).await?
        };
        matching.read_names(catalog, snapshot, index, unnamed).await?;
        Ok(matching)
    }

    /// Reads the sub maps of all restores into the snapshot's own pool, be they of this snapshot or another, and follows them: whom one
    /// has brought back may have been lost again, and brought back by a later one.
    async fn follow_sub_maps<V: Vault>(&mut self, catalog: &Catalog<V>, index: &Index) -> Result<()> {
        let mut became: HashMap<Short, Vec<Short>> = HashMap::new();
        for restore in &self.restores {
            let mut after = None;
            loop {
                let (entries, next) = catalog.sub_map_page(&restore.id, after).await?;
                for entry in entries.iter().filter(|entry| !entry.kept_sub()) {
                    let Some(sub) = sub_in_pool(entry) else { continue };
                    became.entry(Short::of_sub(&entry.old_sub)).or_default().push(Short::of_sub(sub));
                }
                match next {
                    None => break,
                    next => after = next,
                }
            }
        }
        let mut rows = Vec::new();
        for (first, place) in became.keys().filter_map(|old| Some((*old, index.place_of_short(*old)?))) {
            let (mut seen, mut open) = (HashSet::from([first]), vec![first]);
            while let Some(sub) = open.pop() {
                let next = became.get(&sub).into_iter().flatten().filter(|next| seen.insert(**next));
                open.extend(next.copied());
            }
            // Whoever is in the snapshot in its own right is nobody else.
            rows.extend(seen.into_iter().filter(|sub| index.place_of_short(*sub).is_none()).map(|sub| (sub, place)));
        }
        rows.sort();
        self.restored = Table::new(rows);
        Ok(())
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
        let itself = index.place_of(sub).filter(|_| self.own_pool).map(|place| (place, Way::Sub));
        itself.or_else(|| self.restored.get(Short::of_sub(sub)).map(|place| (place, Way::SubMap)))
    }

    /// Who of the snapshot a user of the pool can be, most likely first.
    pub fn candidates(&self, index: &Index, user: &User) -> Vec<(Place, Way)> {
        let by_sub = self.by_sub(index, &user.sub);
        if by_sub.is_some_and(|(_, way)| way == Way::Sub || !self.own_pool) {
            return by_sub.into_iter().collect();
        }
        let names = self.sign_in.names_in_pool(&user.record).into_iter();
        let by_name = names.filter_map(|name| self.named.get(name)).map(|place| (place, Way::Name));
        by_sub.into_iter().chain(by_name).collect()
    }

    /// Whether a user of the pool can only be known for certain when the whole pool has been listed: in its own pool a user of the
    /// snapshot may turn up by `sub`, whoever else has the name by now.
    pub fn must_wait(&self, candidates: &[(Place, Way)]) -> bool {
        self.own_pool && candidates.first().is_some_and(|(_, way)| *way != Way::Sub)
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
