//! Sealed snapshots: how they are found, checked against their seal, or refused with a reason.

use std::collections::VecDeque;
use std::pin::pin;

use futures::{Stream, TryStreamExt, stream};
use jiff::Timestamp;
use serde_dynamo::Item;

use super::{Catalog, ReadRecord, keys};
use crate::model::{
    Digest, GroupName, GroupRecord, Listing, PageBatch, PageContent, PageEntry, PoolId, RunId,
    SCHEMA_VERSION, SealBuilder, Snapshot, SnapshotSelector, SnapshotState, Unit,
};
use crate::ports::vault::{Key, Order, Query, ReadVault};
use crate::{Error, ErrorKind, Guidance, Result};

/// Batches of one query: half a megabyte.
const BATCHES_A_QUERY: u32 = 16;

/// A page batch that the seal covers.
#[derive(Debug, Clone)]
pub struct SealedBatch {
    pub key: Key,
    pub item: Item,
    pub pages: Vec<PageContent>,
    /// The number of the last of these pages.
    pub last: u64,
    /// The chain digest of all pages up to that one.
    pub chain: Digest,
}

/// A page batch, or the key of one that is missing or not the one that the seal covers.
pub type ReadBatch = std::result::Result<SealedBatch, Key>;

impl SealedBatch {
    pub fn entries(&self) -> u64 {
        self.pages.iter().map(|page| page.0.len() as u64).sum()
    }
}

impl<V: ReadVault> Catalog<V> {
    /// The snapshot of `source` that `selector` names, and its units, which match its seal. A mark
    /// counts as [`Self::as_readers_see`] says.
    ///
    /// # Errors
    /// If there is no such snapshot. If the snapshot is not sealed or has a newer schema. If its
    /// units do not match its seal.
    pub async fn sealed_snapshot(
        &self,
        source: &PoolId,
        selector: &SnapshotSelector,
        now: Timestamp,
    ) -> Result<(Snapshot, Vec<Unit>)> {
        let found = match selector {
            SnapshotSelector::Latest => self.newest_sealed(source, None, now).await?,
            SnapshotSelector::Id(id) => match self.snapshot(source, id).await? {
                Some(snapshot) => Some(self.as_readers_see(snapshot, now).await?),
                None => None,
            },
        };
        match found {
            Some(snapshot) => match self.sealed_units(&snapshot).await {
                Ok(units) => Ok((snapshot, units)),
                Err(damaged) if damaged.kind() == ErrorKind::SnapshotDamaged => {
                    Err(self.removal_since(&snapshot).await?.unwrap_or(damaged))
                }
                Err(error) => Err(error),
            },
            None => Err(self.no_snapshot(source, selector).await?),
        }
    }

    /// The groups on a page of a unit that lists groups, each with its record. None if the page cannot be read.
    pub async fn groups_on_page(
        &self,
        source: &PoolId,
        snapshot: &RunId,
        unit: &Unit,
        number: u64,
    ) -> Result<Option<Vec<(String, ReadRecord<GroupRecord>)>>> {
        let (_, page) = self.page(snapshot, &unit.id(), unit.attempt, number).await?;
        let Some(PageContent(entries)) = page else { return Ok(None) };
        let named: Vec<_> =
            entries.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
        let records = self.records::<GroupRecord>(source, &named).await?;
        let names = named.iter().map(|(name, _)| (*name).to_owned());
        Ok(Some(names.zip(records).collect()))
    }

    /// The first `most` of the groups whose records are missing from the table or altered, among those that `wanted`
    /// chooses. A page that cannot be read names none.
    pub async fn damaged_groups(
        &self,
        source: &PoolId,
        snapshot: &RunId,
        wanted: impl Fn(&str) -> bool,
        most: usize,
    ) -> Result<Vec<GroupName>> {
        let mut damaged = Vec::new();
        for unit in self.units(snapshot).await?.iter().filter(|unit| unit.listing == Listing::Groups) {
            for number in 1..=unit.pages {
                let groups = self.groups_on_page(source, snapshot, unit, number).await?.unwrap_or_default();
                let bad = groups.into_iter().filter(|(name, record)| record.is_err() && wanted(name));
                damaged.extend(bad.map(|(name, _)| GroupName::new(name)));
                if damaged.len() >= most {
                    damaged.truncate(most);
                    return Ok(damaged);
                }
            }
        }
        Ok(damaged)
    }

    /// The error for a snapshot whose removal was decided after its header was read. Then missing items are
    /// no damage.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn removal_since(&self, snapshot: &Snapshot) -> Result<Option<Error>> {
        let now = self.snapshot(&snapshot.pool, &snapshot.id).await?;
        let is_removed = now.is_none_or(|now| now.lasting_state().is_none());
        Ok(is_removed.then(|| being_removed(&snapshot.id)))
    }

    /// Why the source does not have the snapshot.
    async fn no_snapshot(&self, source: &PoolId, selector: &SnapshotSelector) -> Result<Error> {
        let list = Guidance::ListSnapshots { pool: source.to_string() };
        Ok(match selector {
            SnapshotSelector::Latest if self.snapshots(source, None, 1).await?.is_empty() => Error::new(
                ErrorKind::SnapshotNotFound,
                format!("The backup table holds no snapshot of user pool {source}."),
                "Check the pool id, and that the table is the one that the exports write to.",
            ),
            SnapshotSelector::Latest => Error::new(
                ErrorKind::SnapshotNotSealed,
                format!("User pool {source} has no sealed snapshot."),
                list,
            ),
            SnapshotSelector::Id(id) if self.stored_capture(source, id).await?.is_some() => Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{id} is a stored capture of user pool {source}. It holds a configuration, and no users."
                ),
                Guidance::UseAnotherSnapshot.and(list),
            ),
            SnapshotSelector::Id(id) => match self.pool_of_snapshot(id).await? {
                Some(other) if other != *source => Error::new(
                    ErrorKind::SnapshotOfAnotherPool,
                    format!("Snapshot {id} is of user pool {other}, not of {source}."),
                    Guidance::NameSource { pool: other.to_string() }.and(list),
                ),
                _ => Error::new(
                    ErrorKind::SnapshotNotFound,
                    format!("User pool {source} has no snapshot {id}."),
                    list,
                ),
            },
        })
    }

    /// The units of a snapshot that can be used. Only `snapshot` says what was sealed, because its
    /// header may be in another table.
    ///
    /// # Errors
    /// See [`Self::sealed_snapshot`].
    pub async fn sealed_units(&self, snapshot: &Snapshot) -> Result<Vec<Unit>> {
        let id = &snapshot.id;
        if snapshot.schema_version > SCHEMA_VERSION {
            return Err(Error::new(
                ErrorKind::UnsupportedSchema,
                format!(
                    "Snapshot {id} has schema version {}; this version reads up to {SCHEMA_VERSION}.",
                    snapshot.schema_version
                ),
                Guidance::NEWER_VERSION,
            ));
        }
        if snapshot.state == SnapshotState::Pruning {
            return Err(marked(snapshot));
        }
        let Some(seal) = snapshot.seal.as_ref().filter(|_| snapshot.state == SnapshotState::Sealed) else {
            return Err(Error::new(
                ErrorKind::SnapshotNotSealed,
                format!("Snapshot {id} is not sealed: its export is still running, failed or was aborted."),
                Guidance::UseAnotherSnapshot,
            ));
        };
        let units = self.units(id).await?;
        let mut sum = SealBuilder::new(snapshot);
        units.iter().for_each(|unit| sum.add(unit));
        let (counts, digest) = sum.finish();
        if digest != seal.digest || counts != snapshot.counts || units.iter().any(Unit::is_open) {
            return Err(Error::new(
                ErrorKind::SnapshotDamaged,
                format!(
                    "The list of units of snapshot {id} (items {}) does not match its seal.",
                    keys::units_of_snapshot(id)
                ),
                Guidance::RECOVER_ITEM,
            ));
        }
        Ok(units)
    }

    /// Passes the entries of a unit to `take`, in order.
    ///
    /// # Errors
    /// If a batch is missing, or is not the one that the seal covers.
    pub async fn sealed_entries(
        &self,
        snapshot: &RunId,
        unit: &Unit,
        mut take: impl FnMut(PageEntry),
    ) -> Result<()> {
        let mut batches = pin!(self.sealed_batches(snapshot, unit));
        while let Some(batch) = batches.try_next().await? {
            let pages = batch.map_err(|key| damaged_batch(&key))?.pages;
            pages.into_iter().flat_map(|page| page.0).for_each(&mut take);
        }
        Ok(())
    }

    /// The page batches of a unit in their order. Each answer is the batch, or the key of a batch
    /// that is missing or differs from the sealed one.
    pub fn sealed_batches<'a>(
        &'a self,
        snapshot: &'a RunId,
        unit: &'a Unit,
    ) -> impl Stream<Item = Result<ReadBatch>> + Send + 'a {
        self.sealed_batches_from(snapshot, unit, 1, Digest::default())
    }

    /// The same from page `first` on, with which a batch begins. `chain` is the chain digest of the pages before it.
    pub fn sealed_batches_from<'a>(
        &'a self,
        snapshot: &'a RunId,
        unit: &'a Unit,
        first: u64,
        chain: Digest,
    ) -> impl Stream<Item = Result<ReadBatch>> + Send + 'a {
        // A batch has the number of its first page.
        let after = (first > 1).then(|| keys::page(snapshot, &unit.id(), unit.attempt, first - 1).sk);
        let query = Query {
            pk: keys::snapshot_partition(snapshot),
            prefix: keys::pages(&unit.id(), unit.attempt),
            after,
            order: Order::Ascending,
            limit: BATCHES_A_QUERY,
        };
        // After a damaged batch, the chain is unknown. So only the next batch's own digest can be
        // checked.
        let walk = Walk {
            snapshot,
            unit,
            query: Some(query),
            waiting: VecDeque::new(),
            next: first,
            before: Some(chain),
        };
        stream::try_unfold(walk, move |mut walk| async move {
            while walk.waiting.is_empty()
                && let Some(query) = walk.query.as_mut()
            {
                let found = self.vault.query(query).await?;
                walk.waiting.extend(found.items);
                match found.next {
                    None => walk.query = None,
                    next => query.after = next,
                }
            }
            Ok(walk.step().map(|step| (step, walk)))
        })
    }
}

/// A walk along the page batches of a unit.
struct Walk<'a> {
    snapshot: &'a RunId,
    unit: &'a Unit,
    query: Option<Query>,
    waiting: VecDeque<(String, Item)>,
    /// The first page of the next batch.
    next: u64,
    /// The chain digest before it, if that is known.
    before: Option<Digest>,
}

impl Walk<'_> {
    /// The next batch, or the key of one that is missing or altered. None at the end.
    fn step(&mut self) -> Option<ReadBatch> {
        let unit = self.unit;
        if self.next > unit.pages {
            return None;
        }
        let (expected, id) = (keys::page(self.snapshot, &unit.id(), unit.attempt, self.next), unit.id());
        let missing = |walk: &mut Self, next| {
            (walk.next, walk.before) = (next, None);
            Some(Err(expected.clone()))
        };
        let number = |sk: &str| keys::page_number(sk).unwrap_or_default();
        // No batch begins within the one before.
        while self.waiting.front().is_some_and(|(sk, _)| number(sk) < self.next) {
            self.waiting.pop_front();
        }
        let first = match self.waiting.front() {
            Some((sk, _)) => number(sk),
            None => unit.pages + 1,
        };
        let Some((_, item)) = self.waiting.pop_front_if(|_| first == self.next) else {
            return missing(self, first);
        };
        let batch =
            serde_dynamo::from_item::<_, PageBatch>(item.clone()).ok().filter(|batch| batch.first == first);
        let batch = batch.filter(|batch| self.before.is_none_or(|before| batch.previous == before));
        let batch = batch.filter(|batch| {
            batch.last() < unit.pages || (batch.last(), batch.chain) == (unit.pages, unit.chain)
        });
        match batch.and_then(|batch| Some((batch.last(), batch.chain, batch.verified(&id).ok()?))) {
            Some((last, chain, pages)) => {
                (self.next, self.before) = (last + 1, Some(chain));
                Some(Ok(SealedBatch { key: expected, item, pages, last, chain }))
            }
            None => {
                let next = self.waiting.front().and_then(|(sk, _)| keys::page_number(sk));
                missing(self, next.unwrap_or(unit.pages + 1))
            }
        }
    }
}

/// The error for a snapshot with a mark that counts.
pub(crate) fn marked(snapshot: &Snapshot) -> Error {
    match snapshot.lasting_state() {
        None => being_removed(&snapshot.id),
        Some(_) => Error::new(
            ErrorKind::RemovalUndecided,
            format!(
                "A removal of snapshots of user pool {} is under way. It may remove snapshot {}.",
                snapshot.pool, snapshot.id
            ),
            "Wait for the end of that removal, or stop it. Then try again.",
        ),
    }
}

/// The error for a snapshot whose removal is decided.
pub(crate) fn being_removed(id: &RunId) -> Error {
    Error::new(
        ErrorKind::SnapshotBeingRemoved,
        format!("Snapshot {id} is being removed, by retention or by hand."),
        Guidance::UseAnotherSnapshot,
    )
}

fn damaged_batch(key: &Key) -> Error {
    Error::new(
        ErrorKind::SnapshotDamaged,
        format!("Item {key} of the snapshot is missing or altered."),
        Guidance::RECOVER_ITEM,
    )
}
