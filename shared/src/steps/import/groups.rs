//! Groups: created with their settings.

use super::{Handled, Import, OpenPage, update};
use crate::Result;
use crate::model::{Digest, Existing, GroupRecord, Outcome, Reason};
use crate::pool::{Pool, PoolErrorKind};
use crate::vault::Vault;

impl<P: Pool, V: Vault> Import<P, V> {
    pub(super) async fn restore_groups(&self, page: &OpenPage<'_>, done: &mut Vec<(usize, Handled)>) -> Result<()> {
        let entries = page.open.iter().filter_map(|&place| page.content.0.get(place).map(|entry| (place, entry)));
        let wanted: Vec<_> =
            entries.map(|(place, entry)| (place, (entry.key.as_str(), entry.digest.unwrap_or_default()))).collect();
        let named: Vec<(&str, Digest)> = wanted.iter().map(|(_, named)| *named).collect();
        let records = self.catalog.records::<GroupRecord>(&self.restore.source, &named).await?;
        let work = wanted.into_iter().zip(records).map(|((place, _), record)| (place, self.restore_group(record))).collect();
        self.work_on(page.unit.listing.kind(), done, work).await
    }

    async fn restore_group(&self, record: std::result::Result<GroupRecord, Reason>) -> Result<Handled> {
        let record = match record {
            Ok(record) => record,
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
                        Ok(()) => Outcome::Updated { changed: update::group_settings(&there, &record) },
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
