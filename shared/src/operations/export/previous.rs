//! The previous snapshot: it proves that records are in the table, so that the export need not look
//! them up.
//!
//! As far as is known, Cognito lists a pool in the same order every day. So the export reads the
//! pages of the previous snapshot along with the listing, one page batch ahead. A record that they
//! name is in the table, because prune removes no record of the newest sealed snapshot. If the
//! order differs, nothing is proven and the export looks up every record. That costs reads and
//! changes nothing else.
//!
//! An item may get lost all the same, for example if a tool copies the table in part. So the export looks up an eighth
//! of the proven records, see [`RecordLookUps`](crate::model::RecordLookUps).

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;

use futures::TryStreamExt;
use jiff::Timestamp;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{
    Digest, Listing, ListingHistory, PageBatch, PageEntry, Snapshot, Sub, SubPrefix, Unit, UserListing,
};
use crate::ports::vault::Vault;

/// Entries that are kept although the listing has not named them. They are deleted users, and users
/// that are listed in another position.
const MAX_KEPT: usize = 4_096;
/// How many entries the window holds at least beyond the last one that the listing has named.
const MIN_AHEAD: u64 = 240;
/// Page batches that are read for one page, after many consecutive users were deleted.
const MAX_BATCHES_A_PAGE: usize = 2;
/// Page batches without an entry of the listing that are passed over at once. The one listing of a large pool may begin
/// with a hundred thousand users of other split listings.
const MAX_PASSED_OVER: usize = 500;
/// If one listing reads a split listing: unknown users of one first digit in a row that may all be new. A page of the
/// one listing may name few users of a digit.
const MAX_NEW_IN_A_ROW: usize = 2;

/// The newest sealed snapshot before this one.
#[derive(Debug)]
pub(super) struct Previous {
    snapshot: Snapshot,
}

/// The entries of the previous snapshot that the listing will probably name next.
#[derive(Debug, Default)]
pub(super) struct Window {
    reading: Reading,
    known: HashMap<[u8; 16], Known>,
    in_order: VecDeque<[u8; 16]>,
    /// Entries read so far.
    read: u64,
    /// The greatest position, among those entries, of an entry that the listing has named.
    named: u64,
    /// The first page of the batch with that entry. None before the first.
    named_on: Option<u64>,
    /// Whether a split listing reads the one listing of the previous snapshot.
    reads_one: bool,
    /// If one listing reads a split listing of the previous snapshot: a window for each first digit.
    of_split: Vec<Window>,
    /// Whether this is a window for one first digit.
    is_of_split: bool,
    /// Unknown users since the last known one.
    unknown_in_a_row: usize,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    digest: Digest,
    /// From 1, in the order of reading.
    position: u64,
    /// The first page of its batch.
    page: u64,
}

impl Window {
    /// The window of a listing that continues after the batch `last`.
    pub fn after(last: Option<&PageBatch>) -> Self {
        match last.map(|last| last.previous_pages.as_slice()).unwrap_or_default() {
            [] => Self::default(),
            &[page] => Self { named_on: Some(page), ..Self::default() },
            pages => {
                let of_digit =
                    |&page| Self { named_on: Some(page).filter(|page| *page > 0), ..Self::of_digit() };
                Self { of_split: pages.iter().map(of_digit).collect(), ..Self::default() }
            }
        }
    }

    fn of_digit() -> Self {
        Self { is_of_split: true, ..Self::default() }
    }

    /// How far a listing has come in those of the previous snapshot. None if it reads one of its own kind.
    pub fn previous_pages(&self) -> Option<Vec<u64>> {
        if self.of_split.is_empty() {
            return self.page_of_one().map(|page| vec![page]);
        }
        Some(self.of_split.iter().map(|window| window.named_on.unwrap_or_default()).collect())
    }

    /// How far a split listing has come in the one listing of the previous snapshot. None if it reads none.
    fn page_of_one(&self) -> Option<u64> {
        if !self.reads_one {
            return None;
        }
        let passed_over = match &self.reading {
            Reading::From(_, next) if self.read == 0 => Some(*next),
            _ => None,
        };
        passed_over.or(self.named_on)
    }
}

#[derive(Debug, Default)]
enum Reading {
    #[default]
    NotBegun,
    /// The unit, and the first page of its next page batch.
    From(Unit, u64),
    /// No page is left, or none that is sound.
    Ended,
}

impl Previous {
    /// The newest sealed snapshot of the pool before `snapshot`, if there is one.
    pub async fn before<V: Vault>(
        catalog: &Catalog<V>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let newest = catalog.newest_sealed(&snapshot.pool, Some(&snapshot.id), now).await?;
        Ok(newest.map(|snapshot| Self { snapshot }))
    }

    /// What its listings say about those of this export. It reads the units only if the users are large.
    pub async fn listing_history<V: Vault>(&self, catalog: &Catalog<V>) -> Result<ListingHistory> {
        catalog.listing_history(&self.snapshot).await
    }

    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// How many of these records of groups its `unit` names.
    pub async fn groups_among<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        unit: &Unit,
        wanted: &HashSet<(&str, Digest)>,
    ) -> Result<u64> {
        let id = &self.snapshot.id;
        let Some(same) = catalog.unit(id, &unit.id()).await?.filter(Unit::is_done) else { return Ok(0) };
        let mut found = 0;
        let mut batches = pin!(catalog.sealed_batches(id, &same));
        while let Some(batch) = batches.try_next().await? {
            // Nothing is known of groups on a page that cannot be read.
            let entries = batch.into_iter().flat_map(|batch| batch.pages).flat_map(|page| page.0);
            let is_wanted = |entry: &PageEntry| {
                entry.digest.is_some_and(|digest| wanted.contains(&(entry.key.as_str(), digest)))
            };
            found += entries.filter(is_wanted).count() as u64;
        }
        Ok(found)
    }

    /// For each record that page `number` of `unit` names: whether the previous snapshot names it, so that the table
    /// must hold it.
    pub async fn names<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        unit: &Unit,
        number: u64,
        named: &[(&str, Digest)],
        window: &mut Window,
    ) -> Result<Vec<bool>> {
        let reads_split = unit.listing == Listing::Users && self.snapshot.listing == Some(UserListing::Split);
        if !reads_split {
            return self.names_in_one(catalog, unit, number, named, window).await;
        }
        window.of_split.resize_with(SubPrefix::ALL.len(), Window::of_digit);
        let mut is_named = vec![false; named.len()];
        for (prefix, window) in SubPrefix::ALL.into_iter().zip(&mut window.of_split) {
            let of_digit = named.iter().copied().enumerate().filter(|(_, (sub, _))| prefix.begins(sub));
            let (places, of_digit): (Vec<usize>, Vec<_>) = of_digit.unzip();
            if !of_digit.is_empty() {
                let unit = Unit::open(unit.pool.clone(), Listing::UsersBySub { prefix });
                let are_named = self.names_in_one(catalog, &unit, number, &of_digit, window).await?;
                places.into_iter().zip(are_named).for_each(|(place, named)| is_named[place] = named);
            }
        }
        Ok(is_named)
    }

    /// The same, from one listing of the previous snapshot.
    async fn names_in_one<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        unit: &Unit,
        number: u64,
        named: &[(&str, Digest)],
        window: &mut Window,
    ) -> Result<Vec<bool>> {
        let subs: Vec<_> = named.iter().map(|(sub, _)| Sub::new(*sub).uuid_bytes()).collect();
        for _ in 0..MAX_BATCHES_A_PAGE {
            let found = || subs.iter().flatten().filter_map(|sub| window.known.get(sub));
            let unknown = subs.len() - found().count();
            let last = found().max_by_key(|known| known.position).filter(|last| last.position > window.named);
            let (named, named_on) =
                last.map_or((window.named, window.named_on), |last| (last.position, Some(last.page)));
            // A few unknown users are new. If most are unknown, the listing is in another position.
            let may_be_new = window.is_of_split && window.unknown_in_a_row + unknown <= MAX_NEW_IN_A_ROW;
            let is_elsewhere = 2 * unknown > subs.len() && !may_be_new;
            let is_behind = unknown > 0 && (window.read - named < MIN_AHEAD || is_elsewhere);
            (window.named, window.named_on) = (named, named_on);
            if !is_behind || !self.read_next(catalog, unit, number, window).await? {
                break;
            }
        }
        let unknown = subs.iter().flatten().filter(|sub| !window.known.contains_key(*sub)).count();
        let row = if unknown < subs.len() { 0 } else { window.unknown_in_a_row };
        window.unknown_in_a_row = row.saturating_add(unknown);
        let is_named = |(sub, (_, digest)): (Option<[u8; 16]>, &(&str, Digest))| {
            sub.is_some_and(|sub| {
                let known = window.known.remove(&sub);
                known.is_some_and(|known| known.digest == *digest)
            })
        };
        Ok(subs.into_iter().zip(named).map(is_named).collect())
    }

    /// Reads the next page batch with entries that `unit` can name, or passes over others. Returns whether there was a
    /// batch.
    async fn read_next<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        unit: &Unit,
        number: u64,
        window: &mut Window,
    ) -> Result<bool> {
        let (id, before) = (&self.snapshot.id, window.read);
        for _ in 0..MAX_PASSED_OVER {
            if window.read > before {
                break;
            }
            let (unit_before, first) = match std::mem::replace(&mut window.reading, Reading::Ended) {
                Reading::NotBegun => match self.begin(catalog, unit, number, window).await? {
                    Some((unit_before, first)) => {
                        window.reads_one = unit_before.listing != unit.listing;
                        (unit_before, first)
                    }
                    None => return Ok(false),
                },
                Reading::From(unit_before, first) if first <= unit_before.pages => (unit_before, first),
                _ => return Ok(false),
            };
            let Some(batch) = catalog.batch_with(id, &unit_before, first).await? else { return Ok(false) };
            let Ok(pages) = batch.verified(&unit_before.id()) else { return Ok(false) };
            window.reading = Reading::From(unit_before, batch.last() + 1);
            let entries = pages.into_iter().flat_map(|page| page.0);
            for entry in entries.filter(|entry| unit.listing.can_name(&entry.key)) {
                if let (Some(sub), Some(digest)) = (Sub::new(entry.key).uuid_bytes(), entry.digest) {
                    window.read += 1;
                    window.known.insert(sub, Known { digest, position: window.read, page: batch.first });
                    window.in_order.push_back(sub);
                }
            }
        }
        while window.in_order.len() > MAX_KEPT {
            window.in_order.pop_front().and_then(|sub| window.known.remove(&sub));
        }
        Ok(true)
    }

    /// The unit of the previous snapshot that lists the users of `unit`, and the page to begin with. A split listing
    /// reads the one listing of the previous snapshot if that has no split listing. It begins with the page to which it
    /// has come, and so does one listing that reads a split listing.
    async fn begin<V: Vault>(
        &self,
        catalog: &Catalog<V>,
        unit: &Unit,
        number: u64,
        window: &Window,
    ) -> Result<Option<(Unit, u64)>> {
        let (id, reached) = (&self.snapshot.id, window.named_on.unwrap_or(1));
        // A listing that continues after a crash probably continues at the same position as the previous one.
        if let Some(same) = catalog.unit(id, &unit.id()).await?.filter(Unit::is_done) {
            if window.is_of_split {
                return Ok(Some((same, reached)));
            }
            let entries_before = (number - 1) * u64::from(unit.limit.get());
            let first = (entries_before / u64::from(same.limit.get()) + 1).min(same.pages);
            return Ok(Some((same, first)));
        }
        let is_of_split = matches!(unit.listing, Listing::UsersBySub { .. });
        let one = if is_of_split { catalog.unit(id, &Listing::Users.unit_id()).await? } else { None };
        Ok(one.filter(Unit::is_done).map(|one| (one, reached)))
    }
}
