//! Checks a whole snapshot, in either table, and names what is missing or altered.

use std::fmt;
use std::pin::{Pin, pin};

use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::items::Named;
use super::report::{Stage, Watch};
use super::slice::{Slice, within};
use crate::catalog::{Catalog, ReadBatch};
use crate::format::grouped;
use crate::model::{BatchPlace, Counts, Snapshot, Unit};
use crate::pacing::{Budget, InFlightBytes};
use crate::ports::vault::{Key, ReadVault};
use crate::{Error, Result};

/// Page batches under work at once, and units whose page batches are read at once.
pub(super) const BATCHES_AT_ONCE: usize = 8;
/// The most bytes of records in flight. A copy holds them at most ten times: as answers and items of both tables.
pub(super) const MAX_IN_FLIGHT: usize = 4 * 1024 * 1024;
/// Records in the first read, before any size is known.
pub(super) const FIRST_READ: usize = 16;
/// The most damaged items that the error names.
const NAMED: usize = 20;

pub(super) type Read = Result<ReadBatch>;

/// Items that are missing or altered.
#[derive(Debug, Default)]
pub(super) struct Damage {
    named: Vec<Key>,
    count: u64,
    /// Whether the check stopped before the end.
    is_partial: bool,
}

impl Damage {
    pub fn of(key: Key) -> Self {
        let mut damage = Self::default();
        damage.add(key);
        damage
    }

    pub fn is_none(&self) -> bool {
        self.count == 0
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// What comes before the number: nothing if it is the number of all damaged items.
    pub fn at_least(&self) -> &'static str {
        if self.is_partial { "At least " } else { "" }
    }

    fn add(&mut self, key: Key) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(key);
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<String> = self.named.iter().map(Key::to_string).collect();
        f.write_str(&named.join("; "))?;
        match self.count - self.named.len() as u64 {
            0 => Ok(()),
            more => write!(f, "; and {} more", grouped(more)),
        }
    }
}

/// Checks every page batch of `units` from a place on, and every record that `snapshot` or a page names. If the time is
/// spent first, `place` is where the next check goes on. With damage, no check goes on.
pub(super) async fn check<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
    units: &[Unit],
    place: &mut BatchPlace,
    budget: Budget,
    (stage, watch): (Stage, &mut impl Watch),
) -> Result<Damage> {
    let (mut damage, mut so_far) = (Damage::default(), Counts::default());
    let in_flight = &InFlightBytes::new(MAX_IN_FLIGHT);
    watch.advanced(stage, &so_far);
    if place.is_begin() {
        let listed = catalog.listed_configuration(snapshot).await?;
        let configuration =
            listed.records.iter().map(|(kind, digest)| Named::configuration(&snapshot.pool, *kind, *digest));
        let named = configuration.chain([Named::settings(snapshot)]).collect();
        damaged_records(catalog, named, in_flight).await?.into_iter().for_each(|key| damage.add(key));
    }
    let slice = Slice::default();
    let check = |PlacedBatch { number, batch }: PlacedBatch| async move {
        let unit = &units[number];
        Ok::<_, Error>(match batch? {
            Ok(batch) => {
                let mut damaged = Vec::new();
                for page in &batch.pages {
                    damaged.extend(damaged_records(catalog, Named::by(unit, page), in_flight).await?);
                }
                let after = BatchPlace { unit: number, page: batch.last + 1, chain: batch.chain };
                (number, batch.entries(), batch.pages.len() as u64, damaged, Some(after))
            }
            Err(key) => (number, 0, 0, vec![key], None),
        })
    };
    let batches = within(batches_of(catalog, snapshot, units, *place), budget, &slice);
    let mut checked = pin!(batches.map(check).buffered(BATCHES_AT_ONCE));
    while let Some((number, entries, pages, damaged, after)) = checked.try_next().await? {
        damaged.into_iter().for_each(|key| damage.add(key));
        *place = after.unwrap_or(*place);
        so_far.add(units[number].listing.kind(), entries, pages, 0);
        watch.advanced(stage, &so_far);
    }
    if slice.is_cut() {
        damage.is_partial = true;
    } else {
        *place = BatchPlace::before_unit(units.len());
    }
    Ok(damage)
}

/// A page batch of a snapshot, and the number of its unit, from 0 on.
pub(super) struct PlacedBatch {
    pub number: usize,
    pub batch: Read,
}

/// The page batches of a snapshot from a place on, in their order. The first batches of the next units are read ahead.
pub(super) fn batches_of<'a, V: ReadVault>(
    catalog: &'a Catalog<V>,
    snapshot: &'a Snapshot,
    units: &'a [Unit],
    from: BatchPlace,
) -> impl Stream<Item = PlacedBatch> + Send + 'a {
    let batches = move |number: usize| {
        let BatchPlace { page, chain, .. } =
            if number == from.unit { from } else { BatchPlace::before_unit(number) };
        let batches = catalog.sealed_batches_from(&snapshot.id, &units[number], page, chain);
        let mut batches = batches.map(move |batch| PlacedBatch { number, batch }).boxed().peekable();
        async move {
            Pin::new(&mut batches).peek().await;
            batches
        }
    };
    stream::iter(from.unit..units.len()).map(batches).buffered(BATCHES_AT_ONCE).flatten()
}

/// The records whose items are missing or altered.
async fn damaged_records<V: ReadVault>(
    catalog: &Catalog<V>,
    named: Vec<Named>,
    in_flight: &InFlightBytes,
) -> Result<Vec<Key>> {
    let mut damaged = Vec::new();
    let mut rest = named.as_slice();
    while !rest.is_empty() {
        let (some, others) = rest.split_at(in_flight.fitting(rest.len(), FIRST_READ));
        rest = others;
        let mut piece = in_flight.begin(some.len()).await;
        let found = catalog.record_items(some.iter().map(|record| record.key.clone()).collect()).await?;
        piece.has(found.len(), found.iter().map(|(key, items)| items.bytes(key)).sum());
        let is_sound = |record: &&Named| found.get(&record.key).is_some_and(|items| record.is_in(items));
        damaged.extend(some.iter().filter(|record| !is_sound(record)).map(|record| record.key.clone()));
    }
    Ok(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_many_damaged_items_are_named_and_all_are_counted() {
        let mut damage = Damage::of(Key::new("SNAP#1", "PAGES#users#001#0000001"));
        assert_eq!(damage.to_string(), "SNAP#1 PAGES#users#001#0000001");
        (0..1_019).for_each(|number| damage.add(Key::new("USER#p#s", format!("REC#{number}"))));
        assert!(damage.to_string().ends_with("USER#p#s REC#18; and 1,000 more"), "{damage}");
        assert_eq!(damage.count(), 1_020);
    }
}
