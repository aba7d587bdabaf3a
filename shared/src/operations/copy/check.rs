//! Checks a whole snapshot, in either table, and names what is missing or altered.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::items::Named;
use super::report::{Stage, Watch};
use super::{BATCHES_AT_ONCE, Result};
use crate::Error;
use crate::catalog::{Catalog, ReadBatch};
use crate::format::grouped;
use crate::model::{Counts, Snapshot, Unit};
use crate::ports::vault::{Key, ReadVault};

/// How many damaged items are named.
const NAMED: usize = 20;

pub(super) type Read = Result<ReadBatch>;

/// Items that are missing or altered.
#[derive(Debug, Default)]
pub(super) struct Damage {
    named: Vec<Key>,
    count: u64,
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

/// Checks every page batch of `units`, and every record that `snapshot` or a page names.
pub(super) async fn check<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
    units: &[Unit],
    stage: Stage,
    watch: &mut impl Watch,
) -> Result<Damage> {
    let (mut damage, mut so_far) = (Damage::default(), Counts::default());
    watch.advanced(stage, &so_far);
    damaged_records(catalog, vec![Named::configuration(snapshot)])
        .await?
        .into_iter()
        .for_each(|key| damage.add(key));
    let check = |(unit, batch): (_, Read)| async move {
        Ok::<_, Error>(match batch? {
            Ok(batch) => {
                let mut damaged = Vec::new();
                for page in &batch.pages {
                    damaged.extend(damaged_records(catalog, Named::by(unit, page)).await?);
                }
                (unit, batch.entries(), batch.pages.len() as u64, damaged)
            }
            Err(key) => (unit, 0, 0, vec![key]),
        })
    };
    let mut checked = pin!(batches_of(catalog, snapshot, units).map(check).buffer_unordered(BATCHES_AT_ONCE));
    while let Some((unit, entries, pages, damaged)) = checked.try_next().await? {
        damaged.into_iter().for_each(|key| damage.add(key));
        so_far.add(unit.listing.kind(), entries, pages, 0);
        watch.advanced(stage, &so_far);
    }
    Ok(damage)
}

/// All page batches of a snapshot with their units. Those of one unit come in order.
pub(super) fn batches_of<'a, V: ReadVault>(
    catalog: &'a Catalog<V>,
    snapshot: &'a Snapshot,
    units: &'a [Unit],
) -> impl Stream<Item = (&'a Unit, Read)> {
    let batches =
        |unit: &'a Unit| catalog.sealed_batches(&snapshot.id, unit).map(move |batch| (unit, batch)).boxed();
    stream::iter(units).map(batches).flatten_unordered(BATCHES_AT_ONCE)
}

async fn damaged_records<V: ReadVault>(catalog: &Catalog<V>, named: Vec<Named>) -> Result<Vec<Key>> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let keys = named.iter().map(|record| record.key.clone()).collect();
    let found: HashMap<_, _> = catalog.vault().get_all(keys).await?.into_iter().collect();
    let sound = |record: &Named| found.get(&record.key).is_some_and(|item| record.is_in(item));
    Ok(named.into_iter().filter(|record| !sound(record)).map(|record| record.key).collect())
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
