//! Whether a snapshot that no rule keeps holds users that the pool has lost: over 20 % of its users are
//! missing from the next newer snapshot that stays.
//!
//! Users are compared by `sub`, in parts by its first digit, so that a part fits into memory. A result
//! holds for good, because sealed snapshots never change. An invocation without time leaves its results to
//! the next one.

use std::pin::pin;

use futures::TryStreamExt;

use super::refusals::damaged;
use crate::catalog::Catalog;
use crate::identity::Fingerprint;
use crate::model::{RecordKind, RunId, Snapshot, Sub, UserComparison, UserComparisons};
use crate::operations::HeldLease;
use crate::pacing::Budget;
use crate::ports::vault::{Key, ReadVault, Vault};
use crate::{ErrorKind, Result};

/// What a comparison does while it reads.
pub(super) trait Upkeep: Send {
    /// Renews the lease.
    fn keep(&mut self) -> impl Future<Output = Result<()>> + Send;
    fn is_out_of_time(&self) -> bool;
}

/// A plan that changes nothing needs no lease, and has no limit.
impl Upkeep for () {
    async fn keep(&mut self) -> Result<()> {
        Ok(())
    }

    fn is_out_of_time(&self) -> bool {
        false
    }
}

/// A removal under the export lease.
pub(super) struct UnderLease<'a, 'b, V> {
    pub lease: &'a mut HeldLease<'b, V>,
    pub budget: Budget,
}

impl<V: Vault> Upkeep for UnderLease<'_, '_, V> {
    async fn keep(&mut self) -> Result<()> {
        self.lease.keep().await
    }

    fn is_out_of_time(&self) -> bool {
        self.budget.is_spent()
    }
}

/// The comparisons of a removal.
#[derive(Debug, Default)]
pub(super) struct Comparisons {
    /// All comparisons, those of earlier invocations included.
    pub all: UserComparisons,
    /// How many parts this invocation has compared.
    pub parts_done: u64,
}

impl Comparisons {
    /// Whether `older` holds users that the pool has lost since. None if the time is spent.
    ///
    /// # Errors
    /// `SnapshotDamaged` if a page of the newer snapshot is missing or altered.
    pub async fn has_lost_users<V: ReadVault>(
        &mut self,
        catalog: &Catalog<V>,
        older: &Snapshot,
        newer: &Snapshot,
        upkeep: &mut impl Upkeep,
    ) -> Result<Option<bool>> {
        if let Some(has_lost_users) = self.all.verdict(&older.id, &newer.id) {
            return Ok(Some(has_lost_users));
        }
        let current = self.all.current(&older.id, &newer.id, older.counts.users);
        while !current.is_done() {
            let part = Part { number: current.next_part, of: current.parts };
            match part.compare(catalog, older, newer, upkeep).await? {
                Some(Compared { users, missing }) => current.add(users, missing),
                None => return Ok(None),
            }
            self.parts_done += 1;
        }
        let has_lost_users = current.has_lost_users();
        self.all.settle();
        Ok(Some(has_lost_users))
    }
}

/// The users whose `sub`s begin with some digits.
struct Part {
    number: u64,
    of: u64,
}

/// The users of a part of a snapshot, and how many of them the newer one lacks.
struct Compared {
    users: u64,
    missing: u64,
}

impl Part {
    async fn compare<V: ReadVault>(
        &self,
        catalog: &Catalog<V>,
        older: &Snapshot,
        newer: &Snapshot,
        upkeep: &mut impl Upkeep,
    ) -> Result<Option<Compared>> {
        let mut users = Vec::new();
        let Some(unreadable) = self.read(catalog, &older.id, upkeep, |sub| users.push(sub)).await? else {
            return Ok(None);
        };
        if !unreadable.is_empty() {
            // No import can restore the users on these pages from this snapshot.
            tracing::warn!(snapshot = %older.id, batches = unreadable.len(), "batches of a snapshot cannot be compared");
        }
        users.sort_unstable();
        users.dedup();
        let mut is_found = vec![false; users.len()];
        let find = |sub: Fingerprint| {
            if let Ok(at) = users.binary_search(&sub) {
                is_found[at] = true;
            }
        };
        let Some(unreadable) = self.read(catalog, &newer.id, upkeep, find).await? else { return Ok(None) };
        if let Some(key) = unreadable.first() {
            return Err(damaged(&newer.pool, &newer.id, key));
        }
        let missing = is_found.iter().filter(|is_found| !**is_found).count() as u64;
        Ok(Some(Compared { users: users.len() as u64, missing }))
    }

    /// Passes the users of this part to `take`. Returns the keys of the batches that cannot be read, or
    /// none if the time is spent.
    async fn read<V: ReadVault>(
        &self,
        catalog: &Catalog<V>,
        snapshot: &RunId,
        upkeep: &mut impl Upkeep,
        mut take: impl FnMut(Fingerprint) + Send,
    ) -> Result<Option<Vec<Key>>> {
        let mut unreadable = Vec::new();
        let units = catalog.units(snapshot).await?;
        let of_users =
            units.iter().filter(|unit| unit.listing.kind() == RecordKind::User && !unit.is_superseded());
        for unit in of_users {
            let mut batches = pin!(catalog.sealed_batches(snapshot, unit));
            while let Some(batch) = batches.try_next().await? {
                if upkeep.is_out_of_time() {
                    return Ok(None);
                }
                upkeep.keep().await?;
                match batch {
                    Ok(batch) => {
                        let entries = batch.pages.into_iter().flat_map(|page| page.0);
                        let subs = entries.map(|entry| Fingerprint::of_sub(&Sub::new(entry.key)));
                        subs.filter(|sub| self.holds(*sub)).for_each(&mut take);
                    }
                    Err(key) => unreadable.push(key),
                }
            }
        }
        Ok(Some(unreadable))
    }

    fn holds(&self, sub: Fingerprint) -> bool {
        u64::from(sub.first_digit()) * self.of / UserComparison::MAX_PARTS == self.number
    }
}

/// Whether the comparison failed because of a damaged page.
pub(super) fn is_damaged(error: &crate::Error) -> bool {
    error.kind() == ErrorKind::SnapshotDamaged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sub_is_in_one_part() {
        for of in 1..=UserComparison::MAX_PARTS {
            for byte in 0..=u8::MAX {
                let sub = Fingerprint::of_sub(&Sub::from_uuid_bytes([byte; 16]));
                let parts = (0..of).filter(|&number| Part { number, of }.holds(sub)).count();
                assert_eq!(parts, 1, "{byte} of {of}");
                let number = u64::from(byte >> 4) * of / UserComparison::MAX_PARTS;
                assert!(Part { number, of }.holds(sub), "{byte} of {of}: a part takes as much as another");
            }
        }
    }
}
