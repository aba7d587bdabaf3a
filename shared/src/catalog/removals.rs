//! The removal of snapshots: marks on headers, holds of imports, the checkpoint of prune, and the
//! items to delete.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::Item;

use super::{Catalog, QUERY_LIMIT, decode, encode, encode_revision, keys, revision};
use crate::Result;
use crate::model::{
    Hold, Lease, PageBatch, PageContent, PoolId, PruneCheckpoint, RecordKind, RemovalMark, RunId, RunKind,
    Snapshot, SnapshotState, Unit, UnitId,
};
use crate::ports::vault::{Fence, Key, Order, Query, ReadVault, Vault};
use crate::report::RetentionReport;

/// The attributes of a header that a mark changes.
const STATE: &str = "state";
const REMOVAL: &str = "removal";
/// Headers of one query. Each has about a kilobyte.
const HEADERS_A_QUERY: u32 = 200;

/// What the removal did that a sealed snapshot started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct AppliedRetention {
    export: RunId,
    report: RetentionReport,
}

/// A header with a mark, as it was written.
#[derive(Debug, Clone)]
pub struct Marked {
    snapshot: Snapshot,
    revision: u64,
}

impl Marked {
    /// The pool and the snapshot.
    pub fn of(&self) -> (&PoolId, &RunId) {
        (&self.snapshot.pool, &self.snapshot.id)
    }
}

/// The item of the header of `snapshot`, without a mark that counts for nothing. None if `item` is
/// another header.
pub(crate) fn header_item(mut item: Item, snapshot: &Snapshot) -> Option<Item> {
    let stored: Snapshot = serde_dynamo::from_item(item.clone()).ok()?;
    if stored.removal.is_some() && snapshot.removal.is_none() {
        let unmarked: Item = serde_dynamo::to_item(snapshot).ok()?;
        let state = unmarked.get(STATE)?.clone();
        item.inner_mut().insert(STATE.to_owned(), state);
        item.inner_mut().remove(REMOVAL);
    }
    let read: Snapshot = serde_dynamo::from_item(item.clone()).ok()?;
    (read == *snapshot).then_some(item)
}

/// A page batch of any attempt at any unit.
#[derive(Debug, Clone)]
pub struct StoredBatch {
    pub key: Key,
    pub unit: String,
    pub attempt: u32,
    /// The number of its last page, from 1.
    pub last: u64,
    /// Its pages. None if it cannot be read or was altered.
    pub pages: Option<Vec<PageContent>>,
}

impl<V: ReadVault> Catalog<V> {
    /// All snapshots of a pool, newest first. A pool gets a few a day, so it has thousands at most.
    pub async fn all_snapshots(&self, pool: &PoolId) -> Result<Vec<Snapshot>> {
        let mut all: Vec<Snapshot> = Vec::new();
        loop {
            let older = self.snapshots(pool, all.last().map(|last| &last.id), HEADERS_A_QUERY).await?;
            if older.is_empty() {
                return Ok(all);
            }
            all.extend(older);
        }
    }

    /// A snapshot without a mark that counts for nothing. A mark counts if the removal is decided,
    /// or if a removal may still decide it: the export lease of the pool is in force.
    ///
    /// It changes nothing in the table.
    pub async fn as_readers_see(&self, snapshot: Snapshot, now: Timestamp) -> Result<Snapshot> {
        let Some(was) = snapshot.lasting_state().filter(|_| snapshot.removal.is_some()) else {
            return Ok(snapshot);
        };
        let lease = self.lease(&snapshot.pool, RunKind::Export).await?;
        if lease.is_some_and(|lease| lease.expires > now) {
            return Ok(snapshot);
        }
        // The removal may have decided and given its lease back since the header was read.
        let is_decided = match self.snapshot(&snapshot.pool, &snapshot.id).await? {
            Some(there) => there.lasting_state().is_none(),
            None => true,
        };
        if is_decided {
            let removal = Some(RemovalMark { was, decided: true });
            return Ok(Snapshot { removal, ..snapshot });
        }
        Ok(Snapshot { state: was, removal: None, ..snapshot })
    }

    /// Until when an import needs the snapshot, unless it renews its lease on the target: the end of the lease that ends
    /// last. None if no import needs it.
    pub async fn held_until(&self, snapshot: &RunId, now: Timestamp) -> Result<Option<Timestamp>> {
        let holds: Vec<Hold> = self.read_all(keys::holds(snapshot), keys::HOLDS, Order::Ascending).await?;
        let mut until = None;
        for hold in holds {
            let lease = self.lease(&hold.target, RunKind::Import).await?;
            let lease = lease.filter(|lease| lease.holder == hold.execution && lease.expires > now);
            until = until.max(lease.map(|lease| lease.expires));
        }
        Ok(until)
    }

    /// A lease as it is in the table, ended or not.
    pub async fn lease(&self, pool: &PoolId, operation: RunKind) -> Result<Option<Lease>> {
        self.read(&keys::lease(pool, operation)).await
    }

    /// A fence that holds until another execution takes the lease on the exports of a pool.
    pub fn export_fence(&self, pool: &PoolId, holder: &str) -> Fence {
        Fence { key: keys::lease(pool, RunKind::Export), holder: holder.to_owned() }
    }

    /// The checkpoint of prune.
    pub async fn prune_checkpoint(&self, pool: &PoolId) -> Result<Option<PruneCheckpoint>> {
        self.read(&keys::pruning(pool)).await
    }

    /// What the removal did that this sealed snapshot started. None if it has not ended, or if that of a later snapshot
    /// has ended since.
    pub async fn applied_retention(&self, pool: &PoolId, export: &RunId) -> Result<Option<RetentionReport>> {
        let last = self.last_removal(pool).await?;
        Ok(last.filter(|(snapshot, _)| snapshot == export).map(|(_, report)| report))
    }

    /// The sealed snapshot that started the last removal that has ended, and what that removal did. None if no removal
    /// has ended.
    pub async fn last_removal(&self, pool: &PoolId) -> Result<Option<(RunId, RetentionReport)>> {
        let applied: Option<AppliedRetention> = self.read(&keys::retention(pool)).await?;
        Ok(applied.map(|applied| (applied.export, applied.report)))
    }

    /// The page batches of all attempts at all units of a kind, superseded or not, one query at a
    /// time.
    pub fn every_batch(&self, snapshot: &RunId, kind: RecordKind) -> BoxStream<'_, Result<Vec<StoredBatch>>> {
        self.partition(keys::snapshot_partition(snapshot), keys::every_batch(kind), move |key, item| {
            let (unit, attempt, first) = keys::unit_attempt_and_number(&key.sk).unwrap_or_default();
            let batch =
                serde_dynamo::from_item::<_, PageBatch>(item).ok().filter(|batch| batch.first == first);
            let last = batch.as_ref().map_or(first, PageBatch::last);
            let pages = batch.and_then(|batch| batch.verified(&UnitId::named(unit)).ok());
            StoredBatch { unit: unit.to_owned(), attempt, last, pages, key }
        })
    }

    /// The keys of the page batches, units and checkpoints of a snapshot, of the item of its execution, and of the
    /// holds on it, one query at a time.
    pub fn items_of_snapshot(&self, snapshot: &RunId) -> BoxStream<'_, Result<Vec<Key>>> {
        let partitions = [
            (keys::snapshot_partition(snapshot), keys::PAGES),
            (keys::snapshot_partition(snapshot), keys::UNITS),
            (keys::snapshot_partition(snapshot), keys::CHECKS),
            (keys::snapshot_partition(snapshot), keys::CAPTURES),
            (keys::snapshot_partition(snapshot), keys::EXECUTION),
            (keys::holds(snapshot), keys::HOLDS),
        ];
        stream::iter(partitions)
            .flat_map(|(pk, prefix)| self.partition(pk, prefix.to_owned(), |key, _| key))
            .boxed()
    }

    /// The units of a snapshot whose entries have records, superseded units included.
    pub async fn units_with_records(&self, snapshot: &RunId) -> Result<Vec<Unit>> {
        let mut units = Vec::new();
        for kind in RecordKind::ALL.into_iter().filter(|kind| kind.has_records()) {
            let prefix = keys::units_of_kind(kind);
            units.extend(self.read_all(keys::snapshot_partition(snapshot), &prefix, Order::Ascending).await?);
        }
        Ok(units)
    }

    fn partition<'a, T: Send + 'a>(
        &'a self,
        pk: String,
        prefix: String,
        mut read: impl FnMut(Key, serde_dynamo::Item) -> T + Send + 'a,
    ) -> BoxStream<'a, Result<Vec<T>>> {
        let first = Some(Query { pk, prefix, after: None, order: Order::Ascending, limit: QUERY_LIMIT });
        let answers = stream::try_unfold(first, move |query| async move {
            let Some(mut query) = query else { return Ok(None) };
            let found = self.vault.query(&query).await?;
            let pk = query.pk.clone();
            let next = found.next.map(|after| {
                query.after = Some(after);
                query
            });
            Ok::<_, crate::Error>(Some(((pk, found.items), next)))
        });
        answers
            .map_ok(move |(pk, items)| {
                items.into_iter().map(|(sk, item)| read(Key::new(pk.as_str(), sk), item)).collect()
            })
            .boxed()
    }
}

impl<V: Vault> Catalog<V> {
    /// Makes a mark final, unless the header has changed since the mark was written. Returns
    /// whether the snapshot will be removed now.
    pub async fn decide_removal(&self, marked: Marked) -> Result<bool> {
        let Marked { mut snapshot, revision } = marked;
        let key = keys::header(&snapshot);
        if let Some(mark) = &mut snapshot.removal {
            mark.decided = true;
        }
        if self.vault.replace(&key, encode_revision(&snapshot, revision + 1)?, revision).await? {
            return Ok(true);
        }
        // After a lost reply, the table holds what this call has written.
        let stored: Option<Snapshot> = self.read(&key).await?;
        Ok(stored.is_none_or(|stored| stored.lasting_state().is_none()))
    }

    /// Writes that an import needs the snapshot.
    pub async fn hold(&self, snapshot: &RunId, restore: &RunId, hold: &Hold) -> Result<()> {
        self.put_all(vec![(keys::hold(snapshot, restore), encode(hold)?)]).await
    }

    /// Writes what the removal did that this sealed snapshot started. What a removal for a later snapshot did stays, and
    /// what an invocation has written for the same one, unless that is a failure. Returns what the table holds then.
    pub async fn put_applied_retention(
        &self,
        pool: &PoolId,
        export: &RunId,
        report: &RetentionReport,
    ) -> Result<RetentionReport> {
        let mine = AppliedRetention { export: export.clone(), report: report.clone() };
        let replace = |stored: &mut AppliedRetention| {
            let repeats = stored.export == *export && stored.report.failure.is_none();
            if stored.export <= *export && !repeats {
                *stored = mine.clone();
            }
        };
        Ok(self.change_or_create(&keys::retention(pool), &mine, replace).await?.report)
    }

    pub async fn put_prune_checkpoint(&self, pool: &PoolId, checkpoint: &PruneCheckpoint) -> Result<()> {
        self.vault.put_all(vec![(keys::pruning(pool), encode(checkpoint)?)]).await
    }

    pub async fn forget_prune_checkpoint(&self, pool: &PoolId) -> Result<()> {
        self.vault.delete_all(vec![keys::pruning(pool)]).await
    }

    /// Writes the mark of removal on a header in any state. A mark that is not final is written
    /// again. So no invocation acts on findings from before the new mark. None if the snapshot does
    /// not exist, or if its mark is final.
    pub async fn mark_for_removal(&self, pool: &PoolId, id: &RunId) -> Result<Option<Marked>> {
        let mut marked = None;
        let mark = |snapshot: &mut Snapshot| {
            let Some(was) = snapshot.lasting_state() else {
                marked = None;
                return Ok(false);
            };
            snapshot.state = SnapshotState::Pruning;
            snapshot.removal = Some(RemovalMark { was, decided: false });
            marked = Some(snapshot.clone());
            Ok(true)
        };
        let key = keys::snapshot(pool, id);
        self.change(&key, mark).await?;
        let Some(snapshot) = marked else { return Ok(None) };
        // Read the revision back instead of computing it: another invocation may have changed the
        // header since.
        let Some(item) = self.vault.get(&key).await? else { return Ok(None) };
        let revision = revision(&item);
        Ok((decode::<Snapshot>(&key, item)? == snapshot).then_some(Marked { snapshot, revision }))
    }

    /// Takes away every mark of a pool that is not decided. Returns how many snapshots have a
    /// decided mark.
    pub async fn take_undecided_marks_away(&self, pool: &PoolId) -> Result<u64> {
        let mut decided = 0;
        for snapshot in self.all_snapshots(pool).await? {
            if snapshot.lasting_state().is_none() {
                decided += 1;
            } else if snapshot.removal.is_some() {
                self.take_mark_away(pool, &snapshot.id).await?;
            }
        }
        Ok(decided)
    }

    /// Removes a mark that is not final.
    pub async fn take_mark_away(&self, pool: &PoolId, id: &RunId) -> Result<()> {
        let take_away = |snapshot: &mut Snapshot| match (&snapshot.removal, snapshot.lasting_state()) {
            (Some(_), Some(was)) => {
                snapshot.state = was;
                snapshot.removal = None;
                Ok(true)
            }
            _ => Ok(false),
        };
        self.change(&keys::snapshot(pool, id), take_away).await.map(drop)
    }
}
