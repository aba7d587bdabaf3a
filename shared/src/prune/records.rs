//! Records that only snapshots which go have named.

use std::collections::HashMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use super::candidates::{Candidates, Named};
use super::refusals::damaged;
use super::{Left, Watch, Work};
use crate::Result;
use crate::catalog::{StoredPage, unit_key};
use crate::model::{Digest, EntryKind, Listing, PruneCheckpoint, Pruned, RunId, Snapshot, SnapshotState, Unit, UnitId};
use crate::vault::{Key, Vault};

/// Partitions of snapshots that are read at once; an answer of one holds up to a megabyte.
const READ_AT_ONCE: usize = 4;
/// Records deleted at once: one transaction of DynamoDB, with a place left for the fence.
const DELETED_AT_ONCE: usize = 99;

/// The listings whose pages name records.
const LISTINGS: [Listing; 2] = [Listing::Users, Listing::Groups];

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
            .for_every_page(going, |_, kind, page| {
                match &page.content {
                    Some(content) => {
                        content.0.iter().filter_map(|entry| Named::by(pool, kind, entry)).for_each(|named| candidates.add(named))
                    }
                    None => unread += 1,
                }
                Ok(true)
            })
            .await?;
        if unread > 0 {
            tracing::warn!(pool = %pool, pages = unread, "pages of snapshots that are removed cannot be read, and what they name is not looked for");
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
            .for_every_page(staying, |id, kind, page| {
                let Some(content) = &page.content else { return Err(damaged(id, &page.key)) };
                content.0.iter().filter_map(|entry| Named::by(pool, kind, entry)).for_each(|named| candidates.take_away(&named));
                let of = (id.clone(), kind == EntryKind::User);
                if let Some((attempt, pages, met)) = sealed.get_mut(&of)
                    && *attempt == page.attempt
                    && page.number <= *pages
                {
                    *met += 1;
                }
                // Where nothing is left that might go, it does not matter who names it.
                Ok(reads_all || !candidates.is_empty())
            })
            .await?;
        if time == Time::Spent || (candidates.is_empty() && !reads_all) {
            return Ok(time);
        }
        for ((id, users), (attempt, pages, met)) in sealed {
            if met < pages {
                let listing = if users { Listing::Users } else { Listing::Groups };
                return Err(damaged(&id, &self.first_missing(&id, &listing.unit_id(), attempt, pages).await?));
            }
        }
        Ok(time)
    }

    /// The attempts that the sealed ones among `snapshots` consist of, how many pages there have to be, and how many of them were met: none so
    /// far. By snapshot, and by whether it is the listing of users.
    async fn pages_of_sealed(&self, snapshots: &[Snapshot]) -> Result<HashMap<(RunId, bool), (u32, u64, u64)>> {
        let sealed = snapshots.iter().filter(|snapshot| snapshot.lasting_state() == Some(SnapshotState::Sealed));
        let sealed: Vec<_> = sealed.map(|snapshot| snapshot.id.clone()).collect();
        let ids = LISTINGS.map(|listing| listing.unit_id());
        let read = |id: RunId| {
            let ids = &ids;
            async move { self.catalog.units_with_records(&id, ids).await.map(|units| (id, units)) }
        };
        let mut pages = HashMap::new();
        let mut units = pin!(stream::iter(sealed).map(read).buffer_unordered(READ_AT_ONCE));
        while let Some((id, units)) = units.try_next().await? {
            for listing in &LISTINGS {
                let Some(unit) = units.iter().find(|unit| unit.listing == *listing) else {
                    let unit = Unit::open(self.pool.clone(), listing.clone());
                    return Err(damaged(&id, &unit_key(&id, &unit)));
                };
                pages.insert((id.clone(), *listing == Listing::Users), (unit.attempt, unit.pages, 0));
            }
        }
        Ok(pages)
    }

    /// The first page of an attempt that is not there; the last one where it came meanwhile.
    async fn first_missing(&self, id: &RunId, unit: &UnitId, attempt: u32, pages: u64) -> Result<Key> {
        for number in 1..pages {
            let (key, page) = self.catalog.page(id, unit, attempt, number).await?;
            if page.is_none() {
                return Ok(key);
            }
        }
        Ok(self.catalog.page(id, unit, attempt, pages).await?.0)
    }

    /// Hands every page of users and groups of some snapshots to `take`, as long as that returns true.
    async fn for_every_page(
        &mut self,
        snapshots: &[Snapshot],
        mut take: impl FnMut(&RunId, EntryKind, StoredPage) -> Result<bool> + Send,
    ) -> Result<Time> {
        let catalog = self.catalog;
        let of_snapshot = |snapshot: &Snapshot| LISTINGS.map(|listing| (snapshot.id.clone(), listing));
        let listings: Vec<_> = snapshots.iter().flat_map(of_snapshot).collect();
        let answers = stream::iter(listings).map(|(id, listing)| {
            let kind = listing.kind();
            catalog.every_page(&id, listing.unit_id()).map_ok(move |pages| (id.clone(), kind, pages)).boxed()
        });
        let mut answers = pin!(answers.flatten_unordered(READ_AT_ONCE));
        loop {
            if self.budget.is_spent() {
                return Ok(Time::Spent);
            }
            let Some((id, kind, pages)) = answers.try_next().await? else { return Ok(Time::Enough) };
            self.tenure.keep().await?;
            self.advance.pages_read += pages.len() as u64;
            self.watch.advanced(&self.advance);
            for page in pages {
                if !take(&id, kind, page)? {
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
