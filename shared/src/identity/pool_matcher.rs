//! The users of a snapshot that a pool has, as a comparison finds them: all users of the snapshot
//! are in memory.

use std::collections::HashMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::index::RowsByFingerprint;
use super::names::SignInNames;
use super::{Fingerprint, Lineage, Row, SnapshotUsers, restores};
use crate::catalog::{Catalog, ReadRecord};
use crate::model::{
    Digest, LeftOut, PoolDescription, PoolId, Restore, RunId, Snapshot, Sub, SubMapEntry, TargetPool, User,
    UserRecord,
};
use crate::ports::vault::ReadVault;
use crate::{Error, Result};

/// Records read with one call of the table, and such calls at once.
const RECORDS_A_CALL: usize = 100;
const CALLS_AT_ONCE: usize = 8;

/// How a user was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    Sub,
    /// The sub map of a restore.
    SubMap,
    /// The sign-in name.
    Name,
}

/// Finds users of a pool in a snapshot.
#[derive(Debug)]
pub struct PoolMatcher {
    pool: TargetPool,
    /// By the `sub` in the pool: the users that a sub map names.
    by_sub_map: RowsByFingerprint,
    /// By name: the users that no sub map names. In the own pool: all users.
    by_name: RowsByFingerprint,
    /// By position: why the newest restore that names the user left it out, if the input said so.
    left_out: HashMap<usize, LeftOut>,
    names: SignInNames,
    /// The restores whose sub maps count, oldest first.
    restores: Vec<Restore>,
    snapshot: RunId,
}

impl PoolMatcher {
    /// Reads all that is needed to find the users of `pool` in the snapshot.
    pub async fn read<V: ReadVault>(
        catalog: &Catalog<V>,
        snapshot: &Snapshot,
        pool: &PoolId,
        description: &PoolDescription,
        users: &SnapshotUsers,
    ) -> Result<Self> {
        let restores = restores::with_sub_maps(catalog, pool, &snapshot.pool, &snapshot.id).await?;
        let pool = TargetPool::of(&snapshot.pool, pool);
        let mut left_out = HashMap::new();
        let (by_sub_map, unnamed) = if pool.follows_repairs() {
            // All users, because only the listing of the pool shows which users have kept their
            // `sub`.
            (follow_sub_maps(catalog, &restores, users, &mut left_out).await?, users.rows().collect())
        } else {
            read_sub_maps(catalog, &restores, users, &mut left_out).await?
        };
        let (by_name, names) = (RowsByFingerprint::default(), SignInNames::of_pool(description));
        let snapshot_id = snapshot.id.clone();
        let mut matcher =
            Self { pool, by_sub_map, by_name, left_out, names, restores, snapshot: snapshot_id };
        matcher.read_names(catalog, snapshot, users, unnamed).await?;
        Ok(matcher)
    }

    /// Reads the records of `unnamed` users for their names.
    async fn read_names<V: ReadVault>(
        &mut self,
        catalog: &Catalog<V>,
        snapshot: &Snapshot,
        users: &SnapshotUsers,
        unnamed: Vec<Row>,
    ) -> Result<()> {
        let names = &self.names;
        // The records of a hundred large users take megabytes, so only their names are kept.
        let names_of = move |record: ReadRecord<UserRecord>| {
            let names = names.of_snapshot_user(&record.ok()?).into_iter();
            Some(names.map(Fingerprint::of_name).collect::<Vec<_>>())
        };
        let read = |rows: Vec<Row>| async move {
            let subs: Vec<Sub> = rows.iter().map(|row| users.sub(*row)).collect();
            let digests = rows.iter().map(|row| users.digest(*row));
            let named: Vec<(&str, Digest)> = subs.iter().map(Sub::as_str).zip(digests).collect();
            let names = catalog.map_records(&snapshot.pool, &named, names_of).await?;
            Ok::<_, Error>(rows.into_iter().zip(names).collect::<Vec<_>>())
        };
        let mut by_name = Vec::with_capacity(unnamed.len());
        let mut answers =
            pin!(stream::iter(unnamed).chunks(RECORDS_A_CALL).map(read).buffered(CALLS_AT_ONCE));
        while let Some(answer) = answers.try_next().await? {
            for (row, names) in answer {
                // A user whose record cannot be read has no name.
                by_name.extend(names.into_iter().flatten().map(|name| (name, row)));
            }
        }
        self.by_name = RowsByFingerprint::new(by_name);
        Ok(())
    }

    /// The snapshot user that the pool user with this `sub` is, by `sub` or by sub map.
    pub fn by_sub(&self, users: &SnapshotUsers, sub: &Sub) -> Option<(Row, FoundBy)> {
        let itself =
            users.row_of(sub).filter(|_| self.pool.has_snapshot_subs()).map(|row| (row, FoundBy::Sub));
        itself.or_else(|| self.by_sub_map.get(Fingerprint::of_sub(sub)).map(|row| (row, FoundBy::SubMap)))
    }

    /// The snapshot users that a pool user can be, the most likely first.
    pub fn candidates(&self, users: &SnapshotUsers, user: &User) -> Vec<(Row, FoundBy)> {
        let by_sub = self.by_sub(users, &user.sub);
        if by_sub.is_some_and(|(_, found_by)| found_by == FoundBy::Sub || !self.pool.has_snapshot_subs()) {
            return by_sub.into_iter().collect();
        }
        let names = self.names.of_pool_user(&user.record).into_iter().map(Fingerprint::of_name);
        let by_name = names.filter_map(|name| self.by_name.get(name)).map(|row| (row, FoundBy::Name));
        by_sub.into_iter().chain(by_name).collect()
    }

    /// Whether the pool must be listed to its end before one of the candidates can be chosen. In
    /// the own pool, a candidate may still be listed by its own `sub`.
    pub fn must_wait(&self, candidates: &[(Row, FoundBy)]) -> bool {
        self.pool.has_snapshot_subs()
            && candidates.first().is_some_and(|(_, found_by)| *found_by != FoundBy::Sub)
    }

    /// Frees the memory of the names, once every user of the pool has been matched.
    pub fn forget_names(&mut self) {
        self.by_name = RowsByFingerprint::default();
    }

    /// Why the newest restore that names the snapshot user left it out. None unless its input said so.
    pub fn left_out(&self, row: Row) -> Option<LeftOut> {
        self.left_out.get(&row.position()).copied()
    }

    /// The restore whose input says what the pool was to get of the snapshot: the newest one that has handled
    /// entries. A restore of a selection decides only if there is no other, because it leaves other groups as
    /// they are.
    pub fn decisive_restore(&self) -> Option<&Restore> {
        let of_snapshot =
            || self.restores().filter(|restore| restore.snapshot == self.snapshot && restore.has_handled());
        of_snapshot().find(|restore| restore.selection.is_none()).or_else(|| of_snapshot().next())
    }

    /// The restores whose sub maps count, newest first.
    pub fn restores(&self) -> impl Iterator<Item = &Restore> {
        self.restores.iter().rev()
    }

    /// The attributes that users of the pool sign in with. None if they sign in with the username.
    pub fn sign_in_attributes(&self) -> &[String] {
        self.names.attributes()
    }

    /// Whether the snapshot was taken of this pool.
    pub fn is_own_pool(&self) -> bool {
        self.pool == TargetPool::Own
    }
}

/// Follows the sub maps of all repairs of the own pool.
async fn follow_sub_maps<V: ReadVault>(
    catalog: &Catalog<V>,
    repairs: &[Restore],
    users: &SnapshotUsers,
    left_out: &mut HashMap<usize, LeftOut>,
) -> Result<RowsByFingerprint> {
    let mut lineage = Lineage::default();
    let is_snapshot_user = |sub: &Fingerprint| users.row_of_fingerprint(*sub).is_some();
    for repair in repairs {
        let follow = |entry: &SubMapEntry| {
            if let Some(row) = users.row_of(&entry.old_sub) {
                match why_left_out(entry) {
                    Some(why) => left_out.insert(row.position(), why),
                    None => left_out.remove(&row.position()),
                };
            }
            if let Some(sub) = sub_in_pool(entry) {
                lineage.follow(
                    &Fingerprint::of_sub(&entry.old_sub),
                    &Fingerprint::of_sub(sub),
                    is_snapshot_user,
                );
            }
        };
        each_entry(catalog, repair, follow).await?;
    }
    let rows =
        lineage.into_origins().filter_map(|(sub, origin)| Some((sub, users.row_of_fingerprint(origin)?)));
    Ok(RowsByFingerprint::new(rows.collect()))
}

/// Reads the sub maps of all restores of the snapshot into another pool. The newest one that names
/// a user counts. Returns also the users that no sub map names.
async fn read_sub_maps<V: ReadVault>(
    catalog: &Catalog<V>,
    restores: &[Restore],
    users: &SnapshotUsers,
    left_out: &mut HashMap<usize, LeftOut>,
) -> Result<(RowsByFingerprint, Vec<Row>)> {
    let mut is_named = vec![false; users.len()];
    let mut is_decided = vec![false; users.len()];
    let mut rows = Vec::new();
    for restore in restores.iter().rev() {
        let take = |entry: &SubMapEntry| {
            if let Some(row) = users.row_of(&entry.old_sub)
                && !std::mem::replace(&mut is_decided[row.position()], true)
                && let Some(why) = why_left_out(entry)
            {
                left_out.insert(row.position(), why);
            }
            if let Some((row, sub)) = users.row_of(&entry.old_sub).zip(sub_in_pool(entry))
                && !std::mem::replace(&mut is_named[row.position()], true)
            {
                rows.push((Fingerprint::of_sub(sub), row));
            }
        };
        each_entry(catalog, restore, take).await?;
    }
    let unnamed = users.rows().filter(|row| !is_named[row.position()]).collect();
    Ok((RowsByFingerprint::new(rows), unnamed))
}

/// Why the input left the user out of the target.
fn why_left_out(entry: &SubMapEntry) -> Option<LeftOut> {
    entry.left_out.filter(|_| entry.restored.is_none())
}

/// Hands every entry of a sub map to `take`.
async fn each_entry<V: ReadVault>(
    catalog: &Catalog<V>,
    restore: &Restore,
    mut take: impl FnMut(&SubMapEntry),
) -> Result<()> {
    let mut after = None;
    loop {
        let (entries, next) = catalog.sub_map_page(&restore.id, after).await?;
        entries.iter().for_each(&mut take);
        match next {
            None => return Ok(()),
            next => after = next,
        }
    }
}

/// The `sub` in the pool, if the restore has created the user again and knows its `sub`.
fn sub_in_pool(entry: &SubMapEntry) -> Option<&Sub> {
    entry.restored.as_ref().and_then(|user| user.sub.as_ref())
}
