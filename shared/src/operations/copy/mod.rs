//! Copy: copies one sealed snapshot to another table, of another account or Region, so that it can
//! be restored there.
//!
//! A copy takes the header of the snapshot, its units, its pages, every record that its pages
//! name, and the captured configuration. Secrets of the configuration are encrypted again for the destination, or left
//! out. It leaves leases, listing checks, checkpoints of captures,
//! restores, ledgers, sub maps, and everything that only other snapshots name.
//!
//! # Order
//! 1. Read the whole source. A missing or altered item refuses the copy before anything is written.
//! 2. Take the export lease of the pool at the destination. No export and no removal works there
//!    until the header is written, so no removal can delete what the copy has found or written. Taking
//!    the lease takes undecided marks away. A header whose removal is decided ends the copy.
//! 3. Copy records before the page that names them, and pages before units. The copy never
//!    overwrites an item. An item with the same key and other content ends the copy. Two records
//!    are the same if their digests are (each table may name another snapshot that first saw a
//!    record). Any other two items are the same if all their attributes are.
//! 4. Read the whole destination: units against the seal, pages against units, records against
//!    pages.
//! 5. Write the header. Only now can a snapshot be found at the destination. Give the lease back.
//!
//! A copy may end at any call and be started again. It then writes what is missing. A repeated copy
//! writes nothing, and checks the destination once more.
//!
//! # Slices
//! A command copies in one go ([`copy()`]). Functions copy in slices ([`copy_slice`]), and hand on a
//! [`CopyPosition`]: the stage, and the place between two page batches. Batches are handled some at once, and their
//! results are taken in order. So everything before the place is done. Each slice takes the lease again. The lease says
//! since when the copy has been its holder. If another holder had it meanwhile, a removal may have deleted what the slices
//! before found or wrote. Then the copy begins again with step 3. The configuration and the units are no slices of their
//! own: Cognito's quotas bound both.
//!
//! Units, pages and headers are written only if nothing has their key. Records are inserted in
//! batches: what has their key stays, because the content of a record follows from its key. The
//! record of a secret is put, because an earlier copy may have left the secret out.
//!
//! # Cost
//! The copy reads each item of the snapshot twice in both tables, and writes each missing item
//! once. Memory does not grow with the pool. The copy works on at most 8 page batches with their
//! records. For at most 8 units it reads 16 page batches ahead.

mod check;
mod items;
mod refusals;
mod report;
mod secrets;
mod slice;

use std::collections::BTreeMap;
use std::pin::pin;

use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use serde_dynamo::{AttributeValue, Item};

pub use report::{Copied, ItemKind, Items, Stage, Tally, Watch};
pub use secrets::{CopySecrets, EncryptSecrets, LeaveSecretsOut};

use crate::catalog::{Catalog, ConfigurationKind, SealedBatch, header_item, header_key, unit_key};
use crate::model::configuration::SecretRecord;
use crate::model::{BatchPlace, CopyPosition, Counts, Digest, Lease, Snapshot, Unit};
use crate::operations::HeldLease;
use crate::pacing::{Budget, InFlightBytes};
use crate::ports::Clock;
use crate::ports::vault::{Key, REVISION, ReadVault, Vault, WriteOnceVault};
use crate::{ErrorKind, Result, item_size};
use check::{BATCHES_AT_ONCE, Damage, FIRST_READ, MAX_IN_FLIGHT, PlacedBatch, batches_of, check};
use items::Named;
pub use refusals::at_destination;
use refusals::{conflict, damaged_copy, damaged_source, lost_meanwhile, removed_there};
use slice::{Slice, within};

/// Secrets whose records are read at once.
const SECRETS_READ: usize = 25;

/// Units read at once, and units under work at once.
const UNITS_READ: usize = 100;
const UNITS_AT_ONCE: usize = 16;

/// Where a copy goes, and what it does with secrets.
#[derive(Debug)]
pub struct Destination<'a, D, C> {
    pub catalog: &'a Catalog<D>,
    pub secrets: &'a C,
}

impl<D, C> Clone for Destination<'_, D, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D, C> Copy for Destination<'_, D, C> {}

/// Copies a sealed snapshot from one table to another. `units` are its units, from
/// [`Catalog::sealed_snapshot`]. Meanwhile `holder` holds the export lease at the destination. If
/// the copy is dropped, release that lease.
///
/// # Errors
/// `SnapshotDamaged`, with nothing written, if items are missing or altered at the source.
/// `SnapshotBeingRemoved` if a removal at the source removes the snapshot meanwhile.
/// `ItemConflict` if the destination has other content under a key of the snapshot.
/// `CopyIncomplete` if items change meanwhile, or if the destination is not as the copy wrote it.
/// `ExportAlreadyRunning` if the lease at the destination has another holder. `LeaseLost` if the
/// copy was suspended until its lease ended. The error of a table that cannot be read or written.
pub async fn copy<S: ReadVault, D: Vault, C: CopySecrets>(
    source: &Catalog<S>,
    destination: Destination<'_, D, C>,
    snapshot: &Snapshot,
    units: &[Unit],
    holder: &str,
    clock: Clock,
    watch: &mut impl Watch,
) -> Result<Copied> {
    let copied = copy_sealed(source, destination, snapshot, units, holder, clock, watch).await;
    match copied {
        Err(error) if [ErrorKind::SnapshotDamaged, ErrorKind::CopyIncomplete].contains(&error.kind()) => {
            Err(source.removal_since(snapshot).await?.unwrap_or(error))
        }
        copied => copied,
    }
}

async fn copy_sealed<S: ReadVault, D: Vault, C: CopySecrets>(
    source: &Catalog<S>,
    Destination { catalog: destination, secrets }: Destination<'_, D, C>,
    snapshot: &Snapshot,
    units: &[Unit],
    holder: &str,
    clock: Clock,
    watch: &mut impl Watch,
) -> Result<Copied> {
    let in_flight = InFlightBytes::new(MAX_IN_FLIGHT);
    let work = Work { source, destination, secrets, snapshot, units, in_flight };
    let (mut position, budget) = (CopyPosition::default(), Budget::endless());
    let header = work.header().await?;
    work.check_source(&mut position, budget, watch).await?;
    let mut lease =
        HeldLease::take(destination, &snapshot.pool, holder, clock).await.map_err(at_destination)?;
    let copied = work.copy(&header, &mut position, budget, &mut lease, watch).await;
    let released = lease.give_back().await.map_err(at_destination);
    let (copied, _) = copied?;
    released?;
    Ok(copied)
}

/// How a slice of a copy ended.
#[derive(Debug)]
pub enum CopySlice {
    /// The time was spent. The next slice goes on here.
    Unfinished { position: CopyPosition, copied: Copied },
    /// The destination has the snapshot. The holder still has the lease.
    Complete { copied: Copied },
    /// Another run or command has the lease at the destination, or the holder has released it.
    InUse(Lease),
}

/// Copies the next part of a sealed snapshot, within the time of an invocation. The other arguments are those of
/// [`copy()`]. The holder keeps the lease at the destination, also after an error. Release it after the last slice.
///
/// # Errors
/// As [`copy()`]. `LeaseLost` if another holder took the lease meanwhile: the next slice then begins again to copy.
pub async fn copy_slice<S: ReadVault, D: Vault, C: CopySecrets>(
    source: &Catalog<S>,
    destination: Destination<'_, D, C>,
    (snapshot, units): (&Snapshot, &[Unit]),
    position: CopyPosition,
    budget: Budget,
    holder: &str,
    clock: Clock,
) -> Result<CopySlice> {
    let sliced = slice_sealed(source, destination, (snapshot, units), position, budget, holder, clock).await;
    match sliced {
        Err(error) if [ErrorKind::SnapshotDamaged, ErrorKind::CopyIncomplete].contains(&error.kind()) => {
            Err(source.removal_since(snapshot).await?.unwrap_or(error))
        }
        sliced => sliced,
    }
}

async fn slice_sealed<S: ReadVault, D: Vault, C: CopySecrets>(
    source: &Catalog<S>,
    Destination { catalog: destination, secrets }: Destination<'_, D, C>,
    (snapshot, units): (&Snapshot, &[Unit]),
    mut position: CopyPosition,
    budget: Budget,
    holder: &str,
    clock: Clock,
) -> Result<CopySlice> {
    let in_flight = InFlightBytes::new(MAX_IN_FLIGHT);
    let work = Work { source, destination, secrets, snapshot, units, in_flight };
    let header = work.header().await?;
    let begins_with_source = position.stage == Stage::Source;
    work.check_source(&mut position, budget, &mut ()).await?;
    if position.stage == Stage::Source || (begins_with_source && budget.is_spent()) {
        return Ok(CopySlice::Unfinished { position, copied: Copied::default() });
    }
    let taken = HeldLease::take_for_execution(destination, &snapshot.pool, holder, clock).await;
    let mut lease = match taken.map_err(at_destination)? {
        Ok(lease) => lease,
        Err(held) => return Ok(CopySlice::InUse(held)),
    };
    let held_since = Some(lease.held_since());
    if position.held_since != held_since {
        position = CopyPosition::at(Stage::Copy, held_since);
    }
    let (copied, progress) = work.copy(&header, &mut position, budget, &mut lease, &mut ()).await?;
    Ok(match progress {
        Course::Unfinished => CopySlice::Unfinished { position, copied },
        Course::Complete => CopySlice::Complete { copied },
    })
}

/// How far the work under the lease came.
enum Course {
    Unfinished,
    Complete,
}

/// Whether the destination had an item before the copy.
type WasThere = bool;

/// A copy under work.
struct Work<'a, S, D, C> {
    source: &'a Catalog<S>,
    destination: &'a Catalog<D>,
    secrets: &'a C,
    snapshot: &'a Snapshot,
    units: &'a [Unit],
    /// The records that are being copied.
    in_flight: InFlightBytes,
}

impl<S: ReadVault, D: Vault, C: CopySecrets> Work<'_, S, D, C> {
    /// Writes everything from a position on, the header last, or as much of it as there is time for.
    async fn copy(
        &self,
        header: &Item,
        position: &mut CopyPosition,
        budget: Budget,
        lease: &mut HeldLease<'_, D>,
        watch: &mut impl Watch,
    ) -> Result<(Copied, Course)> {
        self.refuse_other_header(header).await?;
        let before_header = async {
            let mut copied = Copied::default();
            let course = self.before_header(&mut copied, position, budget, watch).await?;
            Ok((copied, course))
        };
        let (mut copied, course) = lease.during(before_header).await?;
        if let Course::Unfinished = course {
            return Ok((copied, course));
        }
        // If the computer slept, a removal may have begun meanwhile. So look at the lease once more
        // before the header stands for all of this, and once more after that.
        lease.renew().await.map_err(at_destination)?;
        let key = header_key(self.snapshot);
        let was_there = self.put_once(&key, header).await?;
        copied.count(ItemKind::Header, item_size::of(&key, header), was_there);
        lease.renew().await.map_err(at_destination)?;
        Ok((copied, course))
    }

    /// Writes everything that the header stands for, and reads it again.
    async fn before_header(
        &self,
        copied: &mut Copied,
        position: &mut CopyPosition,
        budget: Budget,
        watch: &mut impl Watch,
    ) -> Result<Course> {
        if position.stage != Stage::Destination {
            let begins_with_units = self.is_at_end(position.place);
            if position.place.is_begin() {
                self.copy_configuration(copied).await?;
            }
            self.copy_pages(copied, &mut position.place, budget, watch).await?;
            if !self.is_at_end(position.place) || (budget.is_spent() && !begins_with_units) {
                return Ok(Course::Unfinished);
            }
            self.copy_units(copied).await?;
            *position = CopyPosition::at(Stage::Destination, position.held_since);
            if budget.is_spent() {
                return Ok(Course::Unfinished);
            }
        }
        self.verify(&mut position.place, budget, watch).await?;
        Ok(if self.is_at_end(position.place) { Course::Complete } else { Course::Unfinished })
    }
}

impl<S: ReadVault, D: WriteOnceVault, C: CopySecrets> Work<'_, S, D, C> {
    /// The header at the source, if the destination has no other one. A mark at the destination does
    /// not count yet.
    async fn header(&self) -> Result<Item> {
        let key = header_key(self.snapshot);
        let stored = self.source.vault().get(&key).await?;
        let Some(header) = stored.and_then(|item| header_item(item, self.snapshot)) else {
            return Err(damaged_source(&self.snapshot.id, &Damage::of(key)));
        };
        let there = self.destination.vault().get(&key).await.map_err(at_destination)?;
        let is_same =
            |there| header_item(there, self.snapshot).is_some_and(|there| same_content(&there, &header));
        if there.is_none_or(is_same) { Ok(header) } else { Err(conflict(&key)) }
    }

    /// Refuses a destination that has another header, or one with a decided mark. The holder of the
    /// lease has taken all other marks away.
    async fn refuse_other_header(&self, header: &Item) -> Result<()> {
        let key = header_key(self.snapshot);
        match self.destination.vault().get(&key).await.map_err(at_destination)? {
            Some(there) if !same_content(&there, header) => Err(self.other_header(&key).await),
            _ => Ok(()),
        }
    }

    /// The error for another header at the destination. A removal there may have begun, and stopped.
    async fn other_header(&self, key: &Key) -> crate::Error {
        match self.destination.snapshot(&self.snapshot.pool, &self.snapshot.id).await {
            Ok(Some(there)) if there.lasting_state().is_none() => removed_there(&there.id),
            _ => conflict(key),
        }
    }

    async fn copy_configuration(&self, copied: &mut Copied) -> Result<()> {
        let listed = self.source.listed_configuration(self.snapshot).await?;
        if let Some(key) = listed.damaged {
            return Err(lost_meanwhile(&key));
        }
        let is_secret = |(kind, _): &(ConfigurationKind, Digest)| *kind == ConfigurationKind::Secret;
        let (secrets, others): (Vec<_>, Vec<_>) = listed.records.into_iter().partition(is_secret);
        let secrets: Vec<Digest> = secrets.into_iter().map(|(_, name)| name).collect();
        for some in secrets.chunks(SECRETS_READ) {
            copied.add(&self.copy_secrets(some).await?);
        }
        // The list goes last, because it names the others.
        let named = |(kind, digest)| Named::configuration(&self.snapshot.pool, kind, digest);
        let named = others.into_iter().map(named);
        let named = std::iter::once(Named::settings(self.snapshot)).chain(named).collect();
        self.copy_records(named).await.map(|counted| copied.add(&counted))
    }

    /// Writes the records of secrets. A record that the destination has is written again if it is not as this copy makes
    /// it, because an earlier copy may have left the secret out.
    async fn copy_secrets(&self, names: &[Digest]) -> Result<Copied> {
        let mut counted = Copied::default();
        let pool = &self.snapshot.pool;
        let here = self.source.configuration_records::<SecretRecord>(pool, names).await?;
        let there = self.destination.configuration_records::<SecretRecord>(pool, names).await;
        for ((name, here), there) in names.iter().zip(here).zip(there.map_err(at_destination)?) {
            let here = here.map_err(|_| lost_meanwhile(&ConfigurationKind::Secret.key(pool, *name)))?;
            let there = there.ok().filter(|there| self.secrets.is_copied(&here, there));
            let was_there = there.is_some();
            let record = match there {
                Some(there) => there,
                None => {
                    let record = self.secrets.copied(pool, here).await?;
                    let put = self.destination.put_secret(pool, &self.snapshot.id, &record).await;
                    put.map_err(at_destination)?;
                    record
                }
            };
            counted.count(ItemKind::Configuration, record.bytes(), was_there);
            counted.secrets_left_out += u64::from(record.sealed().is_none());
        }
        Ok(counted)
    }

    /// Copies page batches from a place on, until the time is spent. `place` is then where the next slice goes on.
    async fn copy_pages(
        &self,
        copied: &mut Copied,
        place: &mut BatchPlace,
        budget: Budget,
        watch: &mut impl Watch,
    ) -> Result<()> {
        let slice = Slice::default();
        let copy = |PlacedBatch { number, batch }: PlacedBatch| async move {
            let batch = batch?.map_err(|key| lost_meanwhile(&key))?;
            let counted = self.copy_batch(&self.units[number], &batch).await?;
            let after = BatchPlace { unit: number, page: batch.last + 1, chain: batch.chain };
            Ok::<_, crate::Error>((number, batch, counted, after))
        };
        let batches = within(batches_of(self.source, self.snapshot, self.units, *place), budget, &slice);
        let mut done = pin!(batches.map(copy).buffered(BATCHES_AT_ONCE));
        let mut so_far = Counts::default();
        while let Some((number, batch, counted, after)) = done.try_next().await? {
            copied.add(&counted);
            *place = after;
            so_far.add(self.units[number].listing.kind(), batch.entries(), batch.pages.len() as u64, 0);
            watch.advanced(Stage::Copy, &so_far);
        }
        if !slice.is_cut() {
            *place = self.end();
        }
        Ok(())
    }

    /// The place after the last page of the snapshot.
    fn end(&self) -> BatchPlace {
        BatchPlace::before_unit(self.units.len())
    }

    fn is_at_end(&self, place: BatchPlace) -> bool {
        place == self.end()
    }

    /// Copies the records that the pages of a batch name, and then the batch.
    async fn copy_batch(&self, unit: &Unit, batch: &SealedBatch) -> Result<Copied> {
        let mut counted = Copied::default();
        for page in &batch.pages {
            counted.add(&self.copy_records(Named::by(unit, page)).await?);
        }
        let was_there = self.put_once(&batch.key, &batch.item).await?;
        counted.count(ItemKind::Page, item_size::of(&batch.key, &batch.item), was_there);
        Ok(counted)
    }

    async fn copy_records(&self, named: Vec<Named>) -> Result<Copied> {
        let mut counted = Copied::default();
        let mut rest = named.as_slice();
        while !rest.is_empty() {
            let (some, others) = rest.split_at(self.in_flight.fitting(rest.len(), FIRST_READ));
            rest = others;
            counted.add(&self.copy_some(some).await?);
        }
        Ok(counted)
    }

    /// Copies records that fit into memory together.
    async fn copy_some(&self, named: &[Named]) -> Result<Copied> {
        let mut counted = Copied::default();
        let mut in_flight = self.in_flight.begin(named.len()).await;
        let keys = || named.iter().map(|record| record.key.clone()).collect::<Vec<_>>();
        let there = async { self.destination.record_items(keys()).await.map_err(at_destination) };
        let (mut here, there) = try_join(self.source.record_items(keys()), there).await?;
        in_flight.has(here.len(), here.iter().map(|(key, items)| items.bytes(key)).sum());
        let (mut parts, mut own) = (Vec::new(), Vec::new());
        for record in named {
            let items = here
                .remove(&record.key)
                .filter(|items| record.is_in(items))
                .ok_or_else(|| lost_meanwhile(&record.key))?;
            let there = there.get(&record.key);
            let was_there = there.is_some_and(|there| record.is_in(there));
            counted.count(record.kind, items.bytes(&record.key), was_there);
            if was_there {
                continue;
            }
            match there {
                // An interrupted copy may have left parts. Nothing stands for them, and their content follows from
                // the record.
                None => {
                    let (parts_of_record, own_of_record) = items.into_items(record.key.clone());
                    parts.extend(parts_of_record);
                    own.push(own_of_record);
                }
                Some(there) => {
                    parts.extend(there.missing_parts(items).ok_or_else(|| conflict(&record.key))?);
                }
            }
        }
        // An item stands for its parts, so it goes last.
        for items in [parts, own] {
            if !items.is_empty() {
                self.destination.vault().insert_all(items).await.map_err(at_destination)?;
            }
        }
        Ok(counted)
    }

    async fn copy_units(&self, copied: &mut Copied) -> Result<()> {
        for some in self.units.chunks(UNITS_READ) {
            let keys: Vec<Key> = some.iter().map(|unit| unit_key(&self.snapshot.id, unit)).collect();
            let here: BTreeMap<_, _> = self.source.vault().get_all(keys.clone()).await?.into_iter().collect();
            if let Some(lost) = keys.iter().find(|key| !here.contains_key(key)) {
                return Err(lost_meanwhile(lost));
            }
            let put = |(key, item)| async move {
                self.put_once(&key, &item).await.map(|was_there| (key, item, was_there))
            };
            let mut done = pin!(stream::iter(here).map(put).buffer_unordered(UNITS_AT_ONCE));
            while let Some((key, item, was_there)) = done.try_next().await? {
                copied.count(ItemKind::Unit, item_size::of(&key, &item), was_there);
            }
        }
        Ok(())
    }

    /// Reads the source from a position on, unless the copy has read all of it.
    async fn check_source(
        &self,
        position: &mut CopyPosition,
        budget: Budget,
        watch: &mut impl Watch,
    ) -> Result<()> {
        if position.stage != Stage::Source {
            return Ok(());
        }
        let watched = (Stage::Source, watch);
        let damage =
            check(self.source, self.snapshot, self.units, &mut position.place, budget, watched).await?;
        if !damage.is_none() {
            return Err(damaged_source(&self.snapshot.id, &damage));
        }
        if self.is_at_end(position.place) {
            *position = CopyPosition::at(Stage::Copy, None);
        }
        Ok(())
    }

    /// Reads everything that the header will stand for, from a place on.
    async fn verify(&self, place: &mut BatchPlace, budget: Budget, watch: &mut impl Watch) -> Result<()> {
        let units = self.destination.sealed_units(self.snapshot).await.map_err(at_destination)?;
        let watched = (Stage::Destination, watch);
        let damage = check(self.destination, self.snapshot, &units, place, budget, watched)
            .await
            .map_err(at_destination)?;
        if damage.is_none() { Ok(()) } else { Err(damaged_copy(&self.snapshot.id, &damage)) }
    }

    /// Writes an item at the destination if nothing has its key.
    async fn put_once(&self, key: &Key, item: &Item) -> Result<WasThere> {
        let vault = self.destination.vault();
        let there = vault.get(key).await.map_err(at_destination)?;
        let was_there = there.is_some();
        let there = match there {
            None if vault.put_new(key, item.clone()).await.map_err(at_destination)? => return Ok(false),
            // Another copy wrote it, or the reply to the put was lost.
            None => vault.get(key).await.map_err(at_destination)?,
            there => there,
        };
        if there.is_some_and(|there| same_content(&there, item)) { Ok(was_there) } else { Err(conflict(key)) }
    }
}

/// Whether two items are the same. Their revisions do not count: a header that was marked for removal and
/// then kept is unchanged.
fn same_content(one: &Item, other: &Item) -> bool {
    let attributes = |item: &Item| item.inner().keys().filter(|name| *name != REVISION).count();
    let alike = |(name, value): (&String, &AttributeValue)| {
        name == REVISION || other.inner().get(name) == Some(value)
    };
    attributes(one) == attributes(other) && one.inner().iter().all(alike)
}
