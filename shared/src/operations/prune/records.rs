//! Records that only snapshots which go have named.

use std::collections::HashMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::candidates::{Candidates, Named};
use super::refusals::damaged;
use super::{Left, Watch, Work};
use crate::Result;
use crate::catalog::{StoredBatch, unit_key};
use crate::model::{
    Digest, Listing, PruneCheckpoint, Pruned, RecordKind, RunId, Snapshot, SnapshotState, SubPrefix, Unit, UnitId,
};
use crate::ports::vault::{Key, Vault};

/// Partitions of snapshots that are read at once; an answer of one holds up to a megabyte.
const READ_AT_ONCE: usize = 4;
/// Records deleted at once: one transaction of DynamoDB, with a place left for the fence.
const DELETED_AT_ONCE: usize = 99;

/// What is named by its record on pages. Members are named by the pages of users.
const KINDS: [RecordKind; 2] = [RecordKind::User, RecordKind::Group];

/// Whether there was time for it.
#[derive(Debug, PartialEq, Eq)]
enum Time {
    Enough,
    Spent,
}

impl<V: Vault, W: Watch> Work<'_, '_, V, W> {
    /// Deletes the records that `going` names and `staying` does not, from a place on.
    pub(super) async fn remove_records(
        &mut self,
        together: Digest,
        from: u64,
        going: &[Snapshot],
        staying: &[Snapshot],
    ) -> Result<Left> {
        let (mut next, begun) = (Some(from), from);
        let mut progressed = false;
        while let Some(from) = next {
            let mut candidates = Candidates::from(from, Candidates::MOST);
            let read = self.gather(&mut candidates, going).await? == Time::Enough
                && self.take_away_what_stays(&mut candidates, staying).await? == Time::Enough;
            if !read {
                return Ok(Left::Something { progressed });
            }
            if !self.decide().await? {
                return Ok(Left::Something { progressed: true });
            }
            let last = candidates.last();
            let reached = self.delete(candidates).await?;
            next = match reached {
                None => last.checked_add(1),
                Some(place) => Some(place),
            };
            progressed |= next.is_none_or(|next| next > begun);
            let checkpoint = PruneCheckpoint { snapshots: together, next_place: next };
            self.catalog.put_prune_checkpoint(self.pool, &checkpoint).await?;
            if reached.is_some() {
                return Ok(Left::Something { progressed });
            }
        }
        Ok(Left::Nothing)
    }

    /// Collects what the snapshots that go name. A page of theirs that cannot be read names nothing: what only it named stays.
    async fn gather(&mut self, candidates: &mut Candidates, going: &[Snapshot]) -> Result<Time> {
        for snapshot in going {
            candidates.add(Named::configuration(self.pool, snapshot.configuration));
        }
        let mut unread = 0u64;
        let pool = self.pool;
        let time = self
            .for_every_sheet(going, |_, kind, sheet| {
                match &sheet.pages {
                    Some(pages) => {
                        let entries = pages.iter().flat_map(|page| &page.0);
                        entries.filter_map(|entry| Named::by(pool, kind, entry)).for_each(|named| candidates.add(named));
                    }
                    None => unread += 1,
                }
                Ok(true)
            })
            .await?;
        if unread > 0 {
            tracing::warn!(pool = %pool, sheets = unread, "sheets of snapshots that are removed cannot be read, and what they name is not looked for");
        }
        Ok(time)
    }

    /// Takes away what any other snapshot names.
    ///
    /// # Errors
    /// When one of its pages is missing or altered.
    async fn take_away_what_stays(&mut self, candidates: &mut Candidates, staying: &[Snapshot]) -> Result<Time> {
        for snapshot in staying {
            candidates.take_away(&Named::configuration(self.pool, snapshot.configuration));
        }
        let mut sealed = self.pages_of_sealed(staying).await?;
        let pool = self.pool;
        // Nothing is decided before everything that stays was found to be there.
        let reads_all = !self.marked.is_empty();
        let time = self
            .for_every_sheet(staying, |id, kind, sheet| {
                let Some(pages) = &sheet.pages else { return Err(damaged(id, &sheet.key)) };
                let entries = pages.iter().flat_map(|page| &page.0);
                entries.filter_map(|entry| Named::by(pool, kind, entry)).for_each(|named| candidates.take_away(&named));
                if let Some((attempt, expected, met)) = sealed.get_mut(&(id.clone(), sheet.unit.clone()))
                    && *attempt == sheet.attempt
                    && sheet.last <= *expected
                {
                    *met += pages.len() as u64;
                }
                // Where nothing is left that might go, it does not matter who names it.
                Ok(reads_all || !candidates.is_empty())
            })
            .await?;
        if time == Time::Spent || (candidates.is_empty() && !reads_all) {
            return Ok(time);
        }
        for ((id, unit), (attempt, pages, met)) in sealed {
            if met < pages {
                return Err(damaged(&id, &self.first_missing(&id, &unit, attempt, pages).await?));
            }
        }
        Ok(time)
    }

    /// The units that the sealed ones among `snapshots` consist of, by name: the attempt that counts, how many pages there have to be, and
    /// how many of them were met, none so far.
    ///
    /// # Errors
    /// When a snapshot has not all units that list users and groups: whom they name could not be known.
    async fn pages_of_sealed(&self, snapshots: &[Snapshot]) -> Result<HashMap<(RunId, String), (u32, u64, u64)>> {
        let sealed = snapshots.iter().filter(|snapshot| snapshot.lasting_state() == Some(SnapshotState::Sealed));
        let sealed: Vec<_> = sealed.map(|snapshot| snapshot.id.clone()).collect();
        let read = |id: RunId| async move { self.catalog.units_with_records(&id).await.map(|units| (id, units)) };
        let mut pages = HashMap::new();
        let mut units = pin!(stream::iter(sealed).map(read).buffer_unordered(READ_AT_ONCE));
        while let Some((id, units)) = units.try_next().await? {
            let counts = |listing: &Listing| units.iter().find(|unit| unit.listing == *listing && !unit.superseded);
            let by_sub = SubPrefix::ALL.map(|prefix| Listing::UsersBySub { prefix });
            let users = if by_sub.iter().any(|listing| counts(listing).is_some()) { by_sub.into() } else { vec![Listing::Users] };
            for listing in users.into_iter().chain([Listing::Groups]) {
                let Some(unit) = counts(&listing).filter(|unit| unit.done) else {
                    return Err(damaged(&id, &unit_key(&id, &Unit::open(self.pool.clone(), listing))));
                };
                pages.insert((id.clone(), unit.id().to_string()), (unit.attempt, unit.pages, 0));
            }
        }
        Ok(pages)
    }

    /// The key of the sheet with the first page of an attempt that is not there; of the last one where it came meanwhile.
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

    /// Hands every sheet with users or groups of some snapshots to `take`, as long as that returns true.
    async fn for_every_sheet(
        &mut self,
        snapshots: &[Snapshot],
        mut take: impl FnMut(&RunId, RecordKind, StoredBatch) -> Result<bool> + Send,
    ) -> Result<Time> {
        let catalog = self.catalog;
        let of_snapshot = |snapshot: &Snapshot| KINDS.map(|kind| (snapshot.id.clone(), kind));
        let listings: Vec<_> = snapshots.iter().flat_map(of_snapshot).collect();
        let answers = stream::iter(listings)
            .map(|(id, kind)| catalog.every_sheet(&id, kind).map_ok(move |sheets| (id.clone(), kind, sheets)).boxed());
        let mut answers = pin!(answers.flatten_unordered(READ_AT_ONCE));
        loop {
            if self.budget.is_spent() {
                return Ok(Time::Spent);
            }
            let Some((id, kind, sheets)) = answers.try_next().await? else { return Ok(Time::Enough) };
            self.tenure.keep().await?;
            self.advance.pages_read +=
                sheets.iter().filter_map(|sheet| sheet.pages.as_ref()).map(|pages| pages.len() as u64).sum::<u64>();
            self.watch.advanced(&self.advance);
            for sheet in sheets {
                if !take(&id, kind, sheet)? {
                    return Ok(Time::Enough);
                }
            }
        }
    }

    /// Deletes records in the order of their places; returns the place to go on from where the time was spent before the end.
    async fn delete(&mut self, candidates: Candidates) -> Result<Option<u64>> {
        let fence = self.tenure.fence();
        let mut records = candidates.in_order(self.pool).peekable();
        while let Some(&(place, _)) = records.peek() {
            if self.budget.is_spent() {
                return Ok(Some(place));
            }
            self.tenure.keep().await?;
            let some: Vec<_> = records.by_ref().take(DELETED_AT_ONCE).map(|(_, key)| key).collect();
            let count = some.len() as u64;
            if !self.catalog.vault().delete_while(&fence, some).await? {
                return Err(self.tenure.lost());
            }
            self.advance.removed.add(&Pruned { records: count, items: count, ..Pruned::default() });
            self.watch.advanced(&self.advance);
        }
        Ok(None)
    }
}
