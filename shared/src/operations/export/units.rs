//! The units of an export, which change while the export learns more about the pool.

use super::context::Export;
use crate::model::{GroupName, Listing, Pages, RecordKind, Unit};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// What a look at the units led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Adapted {
    /// Other units are open now.
    Changed,
    Unchanged,
    /// A check of the listing needs another invocation.
    OutOfTime,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// All units. The first attempt at a unit has the limit that the previous snapshot calls for, in every invocation.
    /// Its item gets that limit with the end of the attempt.
    pub(super) async fn units(&self) -> Result<Vec<Unit>> {
        let mut units = self.catalog.units(&self.progress.run_id).await?;
        let is_new = |unit: &&mut Unit| unit.attempt == 1 && unit.is_open();
        units.iter_mut().filter(is_new).for_each(|unit| unit.limit = self.history.limit(&unit.listing));
        Ok(units)
    }

    /// Changes the units if that is due, or checks the listing of users.
    ///
    /// Several invocations may do this at once, or an invocation may have died half-way. So each
    /// step continues from any state.
    pub(super) async fn adapt_units(&self, units: &[Unit]) -> Result<Adapted> {
        if let Some(groups) = units.iter().find(|unit| unit.awaits_planning()) {
            self.add_member_units(groups).await?;
            return Ok(Adapted::Changed);
        }
        let Some(users) = units.iter().find(|unit| unit.listing == Listing::Users) else {
            return Ok(Adapted::Unchanged);
        };
        if units.iter().any(|unit| unit.is_open() && unit.listing.kind() != RecordKind::User) {
            return Ok(Adapted::Unchanged);
        }
        self.adapt_listing(users, units).await
    }

    /// Adds a unit for the members of each group. The listing of groups has ended, so every
    /// invocation adds the same units.
    async fn add_member_units(&self, groups: &Unit) -> Result<()> {
        let (snapshot, id) = (&self.progress.run_id, groups.id());
        let pages = Pages::of(groups);
        for number in 1..=pages.count() {
            let (key, content) = self.catalog.page_of(snapshot, &pages, number).await?;
            let content = content.ok_or_else(|| {
                Error::new(
                    ErrorKind::SnapshotDamaged,
                    format!("Item {key} is missing or altered."),
                    Guidance::NEW_EXPORT,
                )
            })?;
            let members =
                content.0.into_iter().map(|entry| Listing::Members { group: GroupName::new(entry.key) });
            let pool = &self.progress.user_pool_id;
            let units = members.map(|listing| Unit::open(pool.clone(), listing));
            self.catalog.add_units(snapshot, units.collect()).await?;
        }
        self.catalog.note_planned(snapshot, &id).await
    }
}
