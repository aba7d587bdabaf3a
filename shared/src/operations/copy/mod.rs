//! Copy: brings one sealed snapshot to another table, of another account or Region, where it can be restored from.
//!
//! What is copied is the snapshot: its header, its units, its pages, and every record that its pages name. Leases, restores, ledgers
//! and sub maps stay where they are, and so does what only other snapshots name.
//!
//! # In this order
//! 1. The source is read from end to end. Whatever is missing or altered there refuses the copy before anything is written.
//! 2. Records are copied before the page that names them, pages before units. What is there already is not written again, and never
//!    overwritten: an item of the same key with other content ends the copy. A record is the same if it has the digest in its key
//!    (which snapshot saw it first may differ from table to table), any other item if it is the same to the letter.
//! 3. The destination is read from end to end: the units against the seal, the pages against the units, the records against the pages.
//! 4. The header is written. Only now is there a snapshot to be found at the destination.
//!
//! A copy may end at any call and be started again: it then writes what is still missing. One that is repeated writes nothing and has
//! verified the destination once more.
//!
//! Two copies at once do each other no harm. Units, pages and the header are only put where nothing is. Records are put in batches, which
//! know no conditions: whoever else puts a record under a key between the look and the put can only put the same content.
//!
//! # Cost
//! Each item of the snapshot is read twice at either end, and written once where it is missing. Memory does not grow with the pool:
//! at most eight pages with their records are under work, at both ends, and as many units have 16 pages read ahead.

mod check;
mod items;
mod refusals;
mod report;

use std::collections::HashMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use serde_dynamo::{AttributeValue, Item};

pub use report::{Copied, ItemKind, Items, Stage, Tally, Watch};

use crate::Result;
use crate::catalog::{Catalog, SealedBatch, header_key, unit_key};
use crate::model::{Counts, Snapshot, Unit};
use crate::ports::vault::{Expect, Key, REVISION, Vault};
use check::{Damage, Read, check, sheets_of};
use items::Named;
use refusals::{at_destination, conflict, damaged_copy, damaged_source, lost_meanwhile};

/// Sheets under work at once, and units whose sheets are read.
const SHEETS_AT_ONCE: usize = 8;
/// Units read at once, and under work at once.
const UNITS_READ: usize = 100;
const UNITS_AT_ONCE: usize = 16;

/// Copies a sealed snapshot from one table to another; `units` is its plan, as [`Catalog::sealed_snapshot`] gives it.
///
/// # Errors
/// `SnapshotDamaged`, with nothing written, when items are missing or altered at the source; `ItemConflict` when the destination holds
/// other content under a key of the snapshot; `CopyIncomplete` when items change under way or are not as they should be at the
/// destination; otherwise when one of the tables cannot be read or written. The header is written only where there is no error.
pub async fn copy<S: Vault, D: Vault>(
    source: &Catalog<S>,
    destination: &Catalog<D>,
    snapshot: &Snapshot,
    units: &[Unit],
    watch: &mut impl Watch,
) -> Result<Copied> {
    let work = Work { source, destination, snapshot, units };
    let header = work.header().await?;
    let damage = check(source, snapshot, units, Stage::Source, watch).await?;
    if !damage.is_none() {
        return Err(damaged_source(&snapshot.id, &damage));
    }
    let mut copied = Copied::default();
    work.copy_configuration(&mut copied).await?;
    work.copy_pages(&mut copied, watch).await?;
    work.copy_units(&mut copied).await?;
    work.verify(watch).await?;
    let key = header_key(snapshot);
    let was_there = work.put_once(&key, &header).await?;
    copied.count(ItemKind::Header, &key, &header, was_there);
    Ok(copied)
}

/// Whether an item was at the destination before it was to be copied.
type WasThere = bool;

/// A copy under work.
struct Work<'a, S, D> {
    source: &'a Catalog<S>,
    destination: &'a Catalog<D>,
    snapshot: &'a Snapshot,
    units: &'a [Unit],
}

impl<S: Vault, D: Vault> Work<'_, S, D> {
    /// The header as it is at the source, where the destination has no other one.
    async fn header(&self) -> Result<Item> {
        let key = header_key(self.snapshot);
        let header = self.source.vault().get(&key).await?;
        let is_the_one =
            |item: &Item| serde_dynamo::from_item::<_, Snapshot>(item.clone()).is_ok_and(|read| read == *self.snapshot);
        let Some(header) = header.filter(is_the_one) else {
            return Err(damaged_source(&self.snapshot.id, &Damage::of(key)));
        };
        match self.destination.vault().get(&key).await.map_err(at_destination)? {
            Some(there) if !same_content(&there, &header) => Err(conflict(&key)),
            _ => Ok(header),
        }
    }

    async fn copy_configuration(&self, copied: &mut Copied) -> Result<()> {
        self.copy_records(vec![Named::configuration(self.snapshot)]).await.map(|counted| copied.add(&counted))
    }

    async fn copy_pages(&self, copied: &mut Copied, watch: &mut impl Watch) -> Result<()> {
        let sheets = sheets_of(self.source, self.snapshot, self.units);
        let copy = |(unit, sheet): (_, Read)| async move {
            let sheet = sheet?.map_err(|key| lost_meanwhile(&key))?;
            let counted = self.copy_sheet(unit, &sheet).await?;
            Ok::<_, crate::Error>((unit, sheet, counted))
        };
        let mut done = pin!(sheets.map(copy).buffer_unordered(SHEETS_AT_ONCE));
        let mut so_far = Counts::default();
        while let Some((unit, sheet, counted)) = done.try_next().await? {
            copied.add(&counted);
            so_far.add(unit.listing.kind(), sheet.entries(), sheet.pages.len() as u64, 0);
            watch.advanced(Stage::Copy, &so_far);
        }
        Ok(())
    }

    /// Copies the records that the pages of a sheet name, and then the sheet.
    async fn copy_sheet(&self, unit: &Unit, sheet: &SealedBatch) -> Result<Copied> {
        let mut counted = Copied::default();
        for page in &sheet.pages {
            counted.add(&self.copy_records(Named::by(unit, page)).await?);
        }
        let was_there = self.put_once(&sheet.key, &sheet.item).await?;
        counted.count(ItemKind::Page, &sheet.key, &sheet.item, was_there);
        Ok(counted)
    }

    async fn copy_records(&self, named: Vec<Named>) -> Result<Copied> {
        let mut counted = Copied::default();
        if named.is_empty() {
            return Ok(counted);
        }
        let keys = || named.iter().map(|record| record.key.clone()).collect::<Vec<_>>();
        let there = async { self.destination.vault().get_all(keys()).await.map_err(at_destination) };
        let (here, there) = try_join(self.source.vault().get_all(keys()), there).await?;
        let (mut here, there): (HashMap<_, _>, HashMap<_, _>) = (here.into_iter().collect(), there.into_iter().collect());
        let mut new = Vec::new();
        for record in named {
            let item = here.remove(&record.key).filter(|item| record.is_in(item)).ok_or_else(|| lost_meanwhile(&record.key))?;
            let was_there = match there.get(&record.key) {
                Some(there) if !record.is_in(there) => return Err(conflict(&record.key)),
                there => there.is_some(),
            };
            counted.count(record.kind, &record.key, &item, was_there);
            if !was_there {
                new.push((record.key, item));
            }
        }
        if !new.is_empty() {
            self.destination.vault().put_all(new).await.map_err(at_destination)?;
        }
        Ok(counted)
    }

    async fn copy_units(&self, copied: &mut Copied) -> Result<()> {
        for some in self.units.chunks(UNITS_READ) {
            let keys: Vec<Key> = some.iter().map(|unit| unit_key(&self.snapshot.id, unit)).collect();
            let here: HashMap<_, _> = self.source.vault().get_all(keys.clone()).await?.into_iter().collect();
            if let Some(lost) = keys.iter().find(|key| !here.contains_key(key)) {
                return Err(lost_meanwhile(lost));
            }
            let put = |(key, item)| async move { self.put_once(&key, &item).await.map(|was_there| (key, item, was_there)) };
            let mut done = pin!(stream::iter(here).map(put).buffer_unordered(UNITS_AT_ONCE));
            while let Some((key, item, was_there)) = done.try_next().await? {
                copied.count(ItemKind::Unit, &key, &item, was_there);
            }
        }
        Ok(())
    }

    /// Reads what the header is going to stand for.
    async fn verify(&self, watch: &mut impl Watch) -> Result<()> {
        let units = self.destination.plan_of(self.snapshot).await.map_err(at_destination)?;
        let damage = check(self.destination, self.snapshot, &units, Stage::Destination, watch).await.map_err(at_destination)?;
        if damage.is_none() { Ok(()) } else { Err(damaged_copy(&self.snapshot.id, &damage)) }
    }

    /// Puts an item at the destination unless it is there already. Whatever else is there under its key stays.
    async fn put_once(&self, key: &Key, item: &Item) -> Result<WasThere> {
        let vault = self.destination.vault();
        let there = vault.get(key).await.map_err(at_destination)?;
        let was_there = there.is_some();
        let there = match there {
            None if vault.put_if(key, item.clone(), Expect::Absent).await.map_err(at_destination)? => return Ok(false),
            // Another copy was here, or the answer to the put was lost on the way.
            None => vault.get(key).await.map_err(at_destination)?,
            there => there,
        };
        if there.is_some_and(|there| same_content(&there, item)) { Ok(was_there) } else { Err(conflict(key)) }
    }
}

/// Whether two items are the same, however often each was changed: a header that was marked for removal and then kept is what it was.
fn same_content(one: &Item, other: &Item) -> bool {
    let attributes = |item: &Item| item.inner().keys().filter(|name| *name != REVISION).count();
    let alike = |(name, value): (&String, &AttributeValue)| name == REVISION || other.inner().get(name) == Some(value);
    attributes(one) == attributes(other) && one.inner().iter().all(alike)
}
