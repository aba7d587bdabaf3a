//! The records that only removed snapshots name.

use std::collections::{HashMap, HashSet};
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::candidates::{Candidates, Named};
use super::refusals::{damaged, damaged_capture};
use super::report::{RemainingWork, Watch};
use super::work::{Captures, Work};
use crate::Result;
use crate::catalog::{NamedRecords, StoredBatch, unit_key};
use crate::model::{
    Digest, Listing, PruneCheckpoint, Pruned, RecordKind, RunId, Snapshot, SnapshotState, StoredCapture,
    SubPrefix, Unit, UnitId,
};
use crate::ports::vault::{Key, Vault};

/// Partitions read at once. One answer holds up to a megabyte.
const READ_AT_ONCE: usize = 4;
/// Records deleted at once: one DynamoDB transaction (100 items), less one for the fence.
const DELETED_AT_ONCE: usize = 99;

/// Whether the time was enough.
#[derive(Debug, PartialEq, Eq)]
enum Time {
    Enough,
    Spent,
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Deletes the records that `going` names and `staying` does not, from a position on. The captures that go and stay
    /// name records, too.
    pub(super) async fn remove_records(
        &mut self,
        removal_digest: Digest,
        from: u64,
        (going, staying): (&[Snapshot], &[Snapshot]),
        captures: &Captures,
    ) -> Result<RemainingWork> {
        let (mut next, mut progressed) = (Some(from), false);
        while let Some(from) = next {
            let mut candidates = Candidates::from(from, Candidates::MAX);
            let read = self.collect_candidates(&mut candidates, going, &captures.going).await? == Time::Enough
                && self.keep_configurations(&mut candidates, staying, &captures.staying).await?
                    == Time::Enough
                // No page names a record of a configuration.
                && (going.is_empty()
                    || self.keep_records_on_pages(&mut candidates, staying).await? == Time::Enough);
            if !read {
                return Ok(RemainingWork::Some { progressed });
            }
            if !self.decide().await? {
                return Ok(RemainingWork::Some { progressed: true });
            }
            let last = candidates.last();
            let reached = self.delete(candidates).await?;
            next = match reached {
                None => last.checked_add(1),
                Some(place) => Some(place),
            };
            let checkpoint = PruneCheckpoint::at(removal_digest, next);
            self.catalog.put_prune_checkpoint(self.pool, &checkpoint).await?;
            progressed = true;
            if reached.is_some() {
                return Ok(RemainingWork::Some { progressed });
            }
        }
        Ok(RemainingWork::None)
    }

    /// Collects the records that the removed snapshots name. A page that cannot be read names none,
    /// so records that only this page names stay.
    async fn collect_candidates(
        &mut self,
        candidates: &mut Candidates,
        going: &[Snapshot],
        captures: &[StoredCapture],
    ) -> Result<Time> {
        for snapshot in going {
            candidates.add(Named::settings(self.pool, snapshot.configuration));
        }
        let pool = self.pool;
        let mut add = |named: NamedRecords| {
            if let Some(key) = &named.damaged {
                tracing::warn!(%pool, item = %key, "an item of a snapshot that is removed cannot be read, and what it names is not looked for");
            }
            named
                .records
                .into_iter()
                .for_each(|(kind, digest)| candidates.add(Named::configuration(pool, kind, digest)));
        };
        let mut lists = HashSet::new();
        for snapshot in going {
            match self.configuration_of(snapshot, &mut lists).await? {
                Some(named) => add(named),
                None => return Ok(Time::Spent),
            }
        }
        for capture in captures {
            match self.configuration_of_capture(capture, &mut lists).await? {
                Some(named) => add(named),
                None => return Ok(Time::Spent),
            }
        }
        let mut unread = 0u64;
        let time = self
            .for_every_batch(going, |_, kind, batch| {
                match &batch.pages {
                    Some(pages) => {
                        let entries = pages.iter().flat_map(|page| &page.0);
                        entries
                            .filter_map(|entry| Named::by(pool, kind, entry))
                            .for_each(|named| candidates.add(named));
                    }
                    None => unread += 1,
                }
                Ok(true)
            })
            .await?;
        if unread > 0 {
            tracing::warn!(pool = %pool, batches = unread, "batches of snapshots that are removed cannot be read, and what they name is not looked for");
        }
        Ok(time)
    }

    /// Removes from the candidates every record of a configuration that a kept snapshot or stored capture names.
    ///
    /// # Errors
    /// If one of their lists is missing or altered.
    async fn keep_configurations(
        &mut self,
        candidates: &mut Candidates,
        staying: &[Snapshot],
        captures: &[StoredCapture],
    ) -> Result<Time> {
        let pool = self.pool;
        let mut keep = |named: NamedRecords| {
            named
                .records
                .into_iter()
                .for_each(|(kind, digest)| candidates.take_away(&Named::configuration(pool, kind, digest)));
        };
        let mut lists = HashSet::new();
        for snapshot in staying {
            let Some(named) = self.configuration_of(snapshot, &mut lists).await? else {
                return Ok(Time::Spent);
            };
            if let Some(key) = &named.damaged {
                return Err(damaged(pool, &snapshot.id, key));
            }
            keep(named);
        }
        for capture in captures {
            let Some(named) = self.configuration_of_capture(capture, &mut lists).await? else {
                return Ok(Time::Spent);
            };
            if let Some(key) = &named.damaged {
                return Err(damaged_capture(pool, &capture.id, key));
            }
            keep(named);
        }
        Ok(Time::Enough)
    }

    /// Removes from the candidates every record that a header or a page of a kept snapshot names.
    ///
    /// # Errors
    /// If one of its pages is missing or altered.
    async fn keep_records_on_pages(
        &mut self,
        candidates: &mut Candidates,
        staying: &[Snapshot],
    ) -> Result<Time> {
        for snapshot in staying {
            candidates.take_away(&Named::settings(self.pool, snapshot.configuration));
        }
        let mut sealed = self.pages_of_sealed(staying).await?;
        let pool = self.pool;
        // The removal is decided only after every page of every kept snapshot was read.
        let reads_all = !self.marked.is_empty();
        let time = self
            .for_every_batch(staying, |id, kind, batch| {
                let Some(pages) = &batch.pages else { return Err(damaged(pool, id, &batch.key)) };
                let entries = pages.iter().flat_map(|page| &page.0);
                entries
                    .filter_map(|entry| Named::by(pool, kind, entry))
                    .for_each(|named| candidates.take_away(&named));
                if let Some((attempt, expected, met)) = sealed.get_mut(&(id.clone(), batch.unit.clone()))
                    && *attempt == batch.attempt
                    && batch.last <= *expected
                {
                    *met += pages.len() as u64;
                }
                // Without candidates, no other page needs to be read.
                Ok(reads_all || !candidates.is_empty())
            })
            .await?;
        if time == Time::Spent || (candidates.is_empty() && !reads_all) {
            return Ok(time);
        }
        for ((id, unit), (attempt, pages, met)) in sealed {
            if met < pages {
                let missing = self.first_missing(&id, &unit, attempt, pages).await?;
                return Err(damaged(pool, &id, &missing));
            }
        }
        Ok(time)
    }

    /// The records of the configuration that a snapshot names, or none if the time is spent. `lists` are the lists
    /// of the snapshots before it, which need not be read again.
    async fn configuration_of(
        &mut self,
        snapshot: &Snapshot,
        lists: &mut HashSet<Digest>,
    ) -> Result<Option<NamedRecords>> {
        if self.budget.is_spent() {
            return Ok(None);
        }
        self.lease.keep().await?;
        let is_known = snapshot.captured_configuration.is_some_and(|captured| !lists.insert(captured.list));
        // The checkpoints of its capture are its own.
        let captured_configuration = snapshot.captured_configuration.filter(|_| !is_known);
        let snapshot = Snapshot { captured_configuration, ..snapshot.clone() };
        self.catalog.named_configuration(&snapshot).await.map(Some)
    }

    /// The same of a stored capture.
    async fn configuration_of_capture(
        &mut self,
        capture: &StoredCapture,
        lists: &mut HashSet<Digest>,
    ) -> Result<Option<NamedRecords>> {
        if self.budget.is_spent() {
            return Ok(None);
        }
        self.lease.keep().await?;
        if !lists.insert(capture.configuration.list) {
            return Ok(Some(NamedRecords::default()));
        }
        self.catalog.records_of_list(self.pool, capture.configuration).await.map(Some)
    }

    /// The units of the sealed snapshots, by name: the attempt that counts, the number of its
    /// pages, and the pages seen so far.
    ///
    /// # Errors
    /// If a snapshot lacks a unit that lists users or groups, because then its records are unknown.
    async fn pages_of_sealed(
        &self,
        snapshots: &[Snapshot],
    ) -> Result<HashMap<(RunId, String), (u32, u64, u64)>> {
        let sealed =
            snapshots.iter().filter(|snapshot| snapshot.lasting_state() == Some(SnapshotState::Sealed));
        let sealed: Vec<_> = sealed.map(|snapshot| snapshot.id.clone()).collect();
        let read =
            |id: RunId| async move { self.catalog.units_with_records(&id).await.map(|units| (id, units)) };
        let mut pages = HashMap::new();
        let mut units = pin!(stream::iter(sealed).map(read).buffer_unordered(READ_AT_ONCE));
        while let Some((id, units)) = units.try_next().await? {
            let counts = |listing: &Listing| {
                units.iter().find(|unit| unit.listing == *listing && !unit.is_superseded())
            };
            let by_sub = SubPrefix::ALL.map(|prefix| Listing::UsersBySub { prefix });
            let users = if by_sub.iter().any(|listing| counts(listing).is_some()) {
                by_sub.into()
            } else {
                vec![Listing::Users]
            };
            for listing in users.into_iter().chain([Listing::Groups]) {
                let Some(unit) = counts(&listing).filter(|unit| unit.is_done()) else {
                    let missing = unit_key(&id, &Unit::open(self.pool.clone(), listing));
                    return Err(damaged(self.pool, &id, &missing));
                };
                pages.insert((id.clone(), unit.id().to_string()), (unit.attempt, unit.pages, 0));
            }
        }
        Ok(pages)
    }

    /// The key of the page batch with the first missing page of an attempt. If that page has
    /// appeared meanwhile, the key of the batch with the last page.
    async fn first_missing(&self, id: &RunId, unit: &str, attempt: u32, pages: u64) -> Result<Key> {
        let unit = UnitId::named(unit);
        for number in 1..pages {
            let (key, page) = self.catalog.page(id, &unit, attempt, number).await?;
            if page.is_none() {
                return Ok(key);
            }
        }
        Ok(self.catalog.page(id, &unit, attempt, pages).await?.0)
    }

    /// Passes every page batch of users and groups of these snapshots to `take`, until `take`
    /// returns false.
    async fn for_every_batch(
        &mut self,
        snapshots: &[Snapshot],
        mut take: impl FnMut(&RunId, RecordKind, StoredBatch) -> Result<bool> + Send,
    ) -> Result<Time> {
        let catalog = self.catalog;
        let kinds = || RecordKind::ALL.into_iter().filter(|kind| kind.has_records());
        let of_snapshot =
            |snapshot: &Snapshot| kinds().map(|kind| (snapshot.id.clone(), kind)).collect::<Vec<_>>();
        let listings: Vec<_> = snapshots.iter().flat_map(of_snapshot).collect();
        let answers = stream::iter(listings).map(|(id, kind)| {
            catalog.every_batch(&id, kind).map_ok(move |batches| (id.clone(), kind, batches)).boxed()
        });
        let mut answers = pin!(answers.flatten_unordered(READ_AT_ONCE));
        loop {
            if self.budget.is_spent() {
                return Ok(Time::Spent);
            }
            let Some((id, kind, batches)) = answers.try_next().await? else { return Ok(Time::Enough) };
            self.lease.keep().await?;
            self.advance.pages_read += batches
                .iter()
                .filter_map(|batch| batch.pages.as_ref())
                .map(|pages| pages.len() as u64)
                .sum::<u64>();
            self.watch.advanced(&self.advance);
            for batch in batches {
                if !take(&id, kind, batch)? {
                    return Ok(Time::Enough);
                }
            }
        }
    }

    /// Deletes records in the order of their positions. If the time is spent, returns the position
    /// to continue from.
    ///
    /// It begins a position although the time is spent, and ends each position that it has begun. Otherwise the
    /// next invocation would begin with the same records.
    async fn delete(&mut self, candidates: Candidates) -> Result<Option<u64>> {
        let fence = self.lease.fence();
        let mut records = candidates.in_order(self.pool).peekable();
        while records.peek().is_some() {
            self.lease.keep().await?;
            let (places, some): (Vec<u64>, Vec<Key>) = records.by_ref().take(DELETED_AT_ONCE).unzip();
            let count = some.len() as u64;
            let keys = self.catalog.keys_to_delete(some).await?;
            let items = keys.len() as u64;
            if !self.catalog.vault().delete_while(&fence, keys).await? {
                return Err(self.lease.lost());
            }
            self.advance.removed.add(&Pruned { records: count, items, ..Pruned::default() });
            self.watch.advanced(&self.advance);
            match records.peek() {
                Some(&(place, _)) if self.budget.is_spent() && places.last() != Some(&place) => {
                    return Ok(Some(place));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}
