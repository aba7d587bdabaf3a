//! Snapshots and their units.

use std::collections::HashMap;
use std::future::ready;
use std::pin::pin;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::{Catalog, decode, keys};
use crate::model::configuration::CapturedConfiguration;
use crate::model::{
    Counts, Listing, ListingHistory, PageBatch, PoolId, RunId, SCHEMA_VERSION, Snapshot, SnapshotState,
    SubPrefix, Unit, UnitId, UnitState,
};
use crate::ports::vault::{Key, Order, Query, ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

/// Headers of snapshots in one query.
const SNAPSHOTS_A_QUERY: u32 = 25;
/// Conditional writes under way at once.
const WRITES_AT_ONCE: usize = 16;

/// What an invocation of an export writes to the header.
#[derive(Debug, Clone, Copy)]
pub struct SoFar {
    pub counts: Counts,
    /// The bytes of the largest user. 0 before the first.
    pub largest_user: u64,
    /// The configuration, if this invocation has captured it.
    pub captured: Option<CapturedConfiguration>,
}

impl<V: ReadVault> Catalog<V> {
    pub async fn snapshot(&self, pool: &PoolId, id: &RunId) -> Result<Option<Snapshot>> {
        self.read(&keys::snapshot(pool, id)).await
    }

    /// The snapshots of a pool, newest first, at most `limit`. With `before`, only older ones.
    pub async fn snapshots(
        &self,
        pool: &PoolId,
        before: Option<&RunId>,
        limit: u32,
    ) -> Result<Vec<Snapshot>> {
        let query = Query {
            pk: keys::pool_partition(pool),
            prefix: keys::SNAPSHOTS.to_owned(),
            after: before.map(|id| keys::snapshot(pool, id).sk),
            order: Order::Descending,
            limit,
        };
        let found = self.vault.query(&query).await?;
        found.items.into_iter().map(|(sk, item)| decode(&Key::new(query.pk.as_str(), sk), item)).collect()
    }

    /// The snapshots of a pool, newest first. With `before`, only older ones. Memory holds the headers of one query.
    pub fn snapshots_newest_first(
        &self,
        pool: &PoolId,
        before: Option<&RunId>,
    ) -> impl Stream<Item = Result<Snapshot>> + Send + use<'_, V> {
        let before = before.map(|id| keys::snapshot(pool, id));
        self.last_first(keys::pool_partition(pool), keys::SNAPSHOTS, before, SNAPSHOTS_A_QUERY)
    }

    /// The snapshot that the execution takes, or took.
    pub async fn snapshot_of_execution(&self, pool: &PoolId, execution: &str) -> Result<Option<Snapshot>> {
        let is_of_execution = |snapshot: &Snapshot| ready(snapshot.execution.id == execution);
        pin!(self.snapshots_newest_first(pool, None).try_filter(is_of_execution)).try_next().await
    }

    /// The newest sealed snapshot of a pool. With `before`, the newest one before that. A mark
    /// counts as [`Self::as_readers_see`] says.
    pub async fn newest_sealed(
        &self,
        pool: &PoolId,
        before: Option<&RunId>,
        now: Timestamp,
    ) -> Result<Option<Snapshot>> {
        let mut snapshots = pin!(self.snapshots_newest_first(pool, before));
        while let Some(snapshot) = snapshots.try_next().await? {
            let seen = self.as_readers_see(snapshot, now).await?;
            if seen.state == SnapshotState::Sealed {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }

    /// The sealed snapshot with the most users among those begun since `since` and before `before`.
    pub async fn largest_sealed(
        &self,
        pool: &PoolId,
        since: Timestamp,
        before: &RunId,
    ) -> Result<Option<Snapshot>> {
        let mut largest: Option<Snapshot> = None;
        let mut snapshots = pin!(self.snapshots_newest_first(pool, Some(before)));
        while let Some(snapshot) = snapshots.try_next().await? {
            if snapshot.id.time() < since {
                break;
            }
            let is_sealed = snapshot.lasting_state() == Some(SnapshotState::Sealed);
            let users = largest.as_ref().map_or(0, |largest| largest.counts.users);
            if is_sealed && snapshot.counts.users > users {
                largest = Some(snapshot);
            }
        }
        Ok(largest)
    }

    /// What the listings of a sealed snapshot say about those of a later one. It reads the units only if the users are
    /// large.
    pub async fn listing_history(&self, before: &Snapshot) -> Result<ListingHistory> {
        let largest_user = before.largest_user.unwrap_or_default();
        if !ListingHistory::is_needed(largest_user) {
            return Ok(ListingHistory::default());
        }
        Ok(ListingHistory::new(largest_user, &self.units(&before.id).await?))
    }

    /// All units of a snapshot, in the order of their names. A pool has at most 10,000 groups, so
    /// there are at most 10,018.
    ///
    /// A unit of a split listing gets its item with its first change. Until then it is open.
    pub async fn units(&self, snapshot: &RunId) -> Result<Vec<Unit>> {
        let mut units: Vec<Unit> =
            self.read_all(keys::snapshot_partition(snapshot), keys::UNITS, Order::Ascending).await?;
        let split = units.iter().find(|unit| unit.listing == Listing::Users && unit.is_superseded());
        if let Some(pool) = split.map(|users| users.pool.clone()) {
            let open = SubPrefix::ALL.map(|prefix| Unit::open(pool.clone(), Listing::UsersBySub { prefix }));
            let missing: Vec<_> = open
                .into_iter()
                .filter(|unit| units.iter().all(|other| other.listing != unit.listing))
                .collect();
            units.extend(missing);
            units.sort_by_cached_key(Unit::id);
        }
        Ok(units)
    }

    /// The pool that a snapshot was taken of, as its units say.
    pub async fn pool_of_snapshot(&self, snapshot: &RunId) -> Result<Option<PoolId>> {
        let query = Query {
            pk: keys::snapshot_partition(snapshot),
            prefix: keys::UNITS.to_owned(),
            after: None,
            order: Order::Ascending,
            limit: 1,
        };
        let first = self.vault.query(&query).await?.items.into_iter().next();
        first
            .map(|(sk, item)| decode::<Unit>(&Key::new(query.pk, sk), item).map(|unit| unit.pool))
            .transpose()
    }

    pub async fn unit(&self, snapshot: &RunId, unit: &UnitId) -> Result<Option<Unit>> {
        self.read(&keys::unit(keys::snapshot_partition(snapshot), unit)).await
    }

    /// Returns the key of the first missing, altered or unfinished last batch of a unit. A last
    /// batch is unfinished if it does not end the listing.
    pub async fn unit_without_end(&self, snapshot: &RunId, units: &[Unit]) -> Result<Option<Key>> {
        let last = |unit: &Unit| keys::page(snapshot, &unit.id(), unit.attempt, unit.last_batch);
        let units: Vec<_> = units.iter().filter(|unit| !unit.is_superseded()).collect();
        for units in units.chunks(100) {
            let batches: HashMap<_, _> = self
                .vault
                .get_all(units.iter().map(|unit| last(unit)).collect())
                .await?
                .into_iter()
                .collect();
            for unit in units {
                let batch = batches
                    .get(&last(unit))
                    .and_then(|item| serde_dynamo::from_item::<_, PageBatch>(item.clone()).ok());
                let ends = |batch: &PageBatch| {
                    batch.next_token.is_none() && batch.chain == unit.chain && batch.last() == unit.pages
                };
                if !batch.is_some_and(|batch| ends(&batch) && batch.verified(&unit.id()).is_ok()) {
                    return Ok(Some(last(unit)));
                }
            }
        }
        Ok(None)
    }
}

impl<V: Vault> Catalog<V> {
    /// Begins a snapshot whose units are written. So a header means that all units exist. A header that an
    /// earlier invocation has written stays.
    pub async fn begin_snapshot(&self, snapshot: &Snapshot) -> Result<()> {
        self.create(&keys::snapshot(&snapshot.pool, &snapshot.id), snapshot).await.map(drop)
    }

    /// Changes the header of a snapshot. A snapshot that is sealed or being removed never changes.
    pub async fn change_snapshot(
        &self,
        pool: &PoolId,
        id: &RunId,
        mut change: impl FnMut(&mut Snapshot) + Send,
    ) -> Result<Option<Snapshot>> {
        self.change(&keys::snapshot(pool, id), |snapshot: &mut Snapshot| {
            let open = matches!(snapshot.state, SnapshotState::Running | SnapshotState::Failed);
            if open {
                change(snapshot);
            }
            Ok(open)
        })
        .await
    }

    /// Writes what a running snapshot holds so far. The configuration that was captured first stays.
    pub async fn note_so_far(&self, pool: &PoolId, id: &RunId, noted: SoFar) -> Result<()> {
        self.change(&keys::snapshot(pool, id), |snapshot: &mut Snapshot| {
            let largest_user = snapshot.largest_user.max(Some(noted.largest_user).filter(|bytes| *bytes > 0));
            let captured = snapshot.captured_configuration.or(noted.captured);
            let is_known = snapshot.counts == noted.counts
                && snapshot.largest_user == largest_user
                && snapshot.captured_configuration == captured;
            let stale = snapshot.state == SnapshotState::Running && !is_known;
            snapshot.counts = noted.counts;
            snapshot.largest_user = largest_user;
            snapshot.captured_configuration = captured;
            if captured.is_some() {
                // An older version may have begun the snapshot.
                snapshot.schema_version = snapshot.schema_version.max(SCHEMA_VERSION);
            }
            Ok(stale)
        })
        .await
        .map(drop)
    }

    /// Adds units. Existing ones stay as they are.
    pub async fn add_units(&self, snapshot: &RunId, units: Vec<Unit>) -> Result<()> {
        stream::iter(units)
            .map(|unit| async move {
                self.create(&keys::unit(keys::snapshot_partition(snapshot), &unit.id()), &unit).await
            })
            .buffer_unordered(WRITES_AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Changes a unit, which may have no item yet if it is of a split listing.
    ///
    /// # Errors
    /// `SnapshotDamaged` if a unit that must have an item has none.
    async fn change_or_open(
        &self,
        snapshot: &RunId,
        from: &Unit,
        mut change: impl FnMut(&mut Unit) + Send,
    ) -> Result<Unit> {
        let key = keys::unit(keys::snapshot_partition(snapshot), &from.id());
        if matches!(from.listing, Listing::UsersBySub { .. }) {
            return self
                .change_or_create(&key, &Unit::open(from.pool.clone(), from.listing.clone()), change)
                .await;
        }
        let changed = self
            .change(&key, |unit: &mut Unit| {
                let before = unit.clone();
                change(unit);
                Ok(*unit != before)
            })
            .await?;
        changed.ok_or_else(|| {
            Error::new(ErrorKind::SnapshotDamaged, format!("Item {key} is missing."), Guidance::NEW_EXPORT)
        })
    }

    /// Writes that the group of a unit was deleted while the export listed its members.
    pub async fn note_vanished(&self, snapshot: &RunId, unit: &UnitId) -> Result<()> {
        let vanish = |unit: &mut Unit| Ok(set_state(unit, unit.state.after_group_deleted()));
        self.change(&keys::unit(keys::snapshot_partition(snapshot), unit), vanish).await.map(drop)
    }

    /// Writes that each group that `unit` lists has a unit for its members.
    pub async fn note_planned(&self, snapshot: &RunId, unit: &UnitId) -> Result<()> {
        let plan = |unit: &mut Unit| Ok(set_state(unit, UnitState::Planned));
        self.change(&keys::unit(keys::snapshot_partition(snapshot), unit), plan).await.map(drop)
    }

    /// Changes a unit, unless it is done or at another attempt than `from`. Returns the unit that
    /// is in the table afterwards.
    pub async fn change_unit(
        &self,
        snapshot: &RunId,
        from: &Unit,
        mut change: impl FnMut(&mut Unit) + Send,
    ) -> Result<Unit> {
        let change = |unit: &mut Unit| {
            if unit.attempt == from.attempt && !unit.is_done() {
                change(unit);
            }
        };
        self.change_or_open(snapshot, from, change).await
    }

    /// Lists a unit again under the next attempt, which looks up all records. A unit whose attempt does so already, or
    /// that does not count, stays as it is.
    pub async fn look_up_all(&self, snapshot: &RunId, from: &Unit) -> Result<()> {
        let restart = |unit: &mut Unit| {
            if !unit.looks_up_all && !unit.is_superseded() {
                *unit = Unit { limit: from.limit, ..unit.looking_up_all() };
            }
        };
        self.change_or_open(snapshot, from, restart).await.map(drop)
    }

    /// Lists a unit again under the next attempt. A unit that is in another attempt by now stays as it is.
    pub async fn list_again(&self, snapshot: &RunId, from: &Unit) -> Result<()> {
        let restart = |unit: &mut Unit| {
            if unit.attempt == from.attempt && !unit.is_superseded() {
                *unit = Unit { limit: from.limit, ..unit.listed_again() };
            }
        };
        self.change_or_open(snapshot, from, restart).await.map(drop)
    }

    /// Writes that other units list the same users as this one, so that this one does not count.
    pub async fn supersede(&self, snapshot: &RunId, unit: &Unit) -> Result<()> {
        self.change_or_open(snapshot, unit, |unit| unit.state = UnitState::Superseded).await.map(drop)
    }

    /// Opens a superseded unit again. Any other unit stays as it is.
    pub async fn reopen(&self, snapshot: &RunId, unit: &Unit) -> Result<()> {
        let reopen = |unit: &mut Unit| {
            if unit.is_superseded() {
                unit.state = UnitState::Open;
            }
        };
        self.change_or_open(snapshot, unit, reopen).await.map(drop)
    }
}

/// Sets the state of a unit; returns whether it was another one.
fn set_state(unit: &mut Unit, state: UnitState) -> bool {
    std::mem::replace(&mut unit.state, state) != state
}
