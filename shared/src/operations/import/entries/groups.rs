//! Groups: created with their settings.

use super::update;
use crate::Result;
use crate::model::{Digest, Existing, GroupName, GroupRecord, Listing, Outcome, Reason, RestoreUnit};
use crate::operations::import::{Handled, Import, OpenPage};
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;

impl<P: Pool, V: Vault> Import<P, V> {
    pub(crate) async fn restore_groups(&self, page: &OpenPage<'_>, done: &mut Vec<(usize, Handled)>) -> Result<()> {
        let entries = page.open.iter().filter_map(|&place| page.content.0.get(place).map(|entry| (place, entry)));
        let wanted: Vec<_> =
            entries.map(|(place, entry)| (place, (entry.key.as_str(), entry.digest.unwrap_or_default()))).collect();
        let named: Vec<(&str, Digest)> = wanted.iter().map(|(_, named)| *named).collect();
        let records = self.catalog.records::<GroupRecord>(&self.restore.source, &named).await?;
        let is_left_out = |name: &str| self.selection.as_ref().is_some_and(|selection| !selection.selects_group(name));
        let work = wanted.into_iter().zip(records).map(|((place, (name, _)), record)| {
            let record = if is_left_out(name) { Err(Reason::NotSelected) } else { record };
            (place, self.restore_group(record))
        });
        let work = work.collect();
        self.work_on(page.unit.listing.kind(), done, work).await
    }

    /// Creates a group of the snapshot that is not restored for its own sake; returns an outcome where that fails.
    pub(crate) async fn restore_group_of(&self, name: &GroupName) -> Result<Option<Outcome>> {
        let units = self.catalog.restore_units(&self.restore.id).await?;
        let unit = units.into_iter().find(|unit| unit.listing == Listing::Groups);
        for number in 1..=unit.as_ref().map_or(0, RestoreUnit::pages) {
            let Some(unit) = &unit else { break };
            let content = self.catalog.page_of(&self.restore.snapshot, &unit.source, number).await?.1.unwrap_or_default();
            let Some(entry) = content.0.into_iter().find(|entry| entry.key == name.as_str()) else { continue };
            let named = [(entry.key.as_str(), entry.digest.unwrap_or_default())];
            return Ok(match self.catalog.records::<GroupRecord>(&self.restore.source, &named).await?.pop() {
                Some(Ok(record)) => match self.pool.create_group(&record).await {
                    Ok(()) => None,
                    // By another member.
                    Err(error) if error.kind == PoolErrorKind::AlreadyExists => None,
                    Err(error) => Some(self.entry_refused(error)?),
                },
                Some(Err(reason)) => Some(Outcome::Failed { reason }),
                None => Some(Outcome::Failed { reason: Reason::GroupMissing }),
            });
        }
        Ok(Some(Outcome::Failed { reason: Reason::GroupMissing }))
    }

    async fn restore_group(&self, record: std::result::Result<GroupRecord, Reason>) -> Result<Handled> {
        let record = match record {
            Ok(record) => record,
            Err(reason @ Reason::NotSelected) => return Ok(Outcome::Skipped { reason }.into()),
            Err(reason) => return Ok(Outcome::Failed { reason }.into()),
        };
        let outcome = match self.pool.create_group(&record).await {
            Ok(()) => Outcome::Created,
            // Left by an invocation that was cut short, by a call whose reply was lost, or made by whoever made the pool.
            Err(error) if error.kind == PoolErrorKind::AlreadyExists => match self.pool.get_group(&record.name).await {
                Ok(there) if there.same_settings(&record) => self.made_by_this_restore(there.created),
                Ok(there) => match self.restore.options.existing {
                    Existing::Fail => Outcome::Failed { reason: Reason::GroupDiffers },
                    Existing::Skip => Outcome::Skipped { reason: Reason::AlreadyInTarget },
                    Existing::Update => match self.pool.update_group(&record).await {
                        // Cognito has no way to take a role or a precedence away.
                        Ok(()) if update::has_more_than(&there, &record) => Outcome::Failed { reason: Reason::GroupDiffers },
                        Ok(()) => Outcome::Updated { changed: there.settings_unlike(&record) },
                        Err(error) => self.entry_refused(error)?,
                    },
                },
                Err(error) => self.entry_refused(error)?,
            },
            Err(error) => self.entry_refused(error)?,
        };
        Ok(outcome.into())
    }
}
