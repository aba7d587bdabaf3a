//! Memberships: users of the snapshot, found in the target through the sub map, added to a group.

use std::collections::HashMap;

use super::{Handled, Import, OpenPage};
use crate::Result;
use crate::model::{GroupName, Outcome, Reason, Sub, SubMapEntry};
use crate::pool::{Pool, PoolErrorKind};
use crate::vault::Vault;

impl<P: Pool, V: Vault> Import<P, V> {
    pub(super) async fn restore_members(
        &self,
        page: &OpenPage<'_>,
        group: &GroupName,
        done: &mut Vec<(usize, Handled)>,
    ) -> Result<()> {
        let members: Vec<_> = page.open.iter().map(|&place| (place, Sub::new(page.key(place)))).collect();
        let subs: Vec<_> = members.iter().map(|(_, sub)| sub.clone()).collect();
        let sub_map = self.catalog.sub_map(&self.restore.id, &subs).await?;
        let work = members.into_iter().map(|(place, sub)| (place, self.restore_member(sub, group, &sub_map))).collect();
        self.work_on(page.unit.listing.kind(), done, work).await
    }

    async fn restore_member(&self, sub: Sub, group: &GroupName, sub_map: &HashMap<Sub, SubMapEntry>) -> Result<Handled> {
        let user = match sub_map.get(&sub).map(|entry| &entry.restored) {
            Some(Some(user)) if user.kept => return Ok(Outcome::Skipped { reason: Reason::UserKept }.into()),
            Some(Some(user)) => user,
            Some(None) => return Ok(Outcome::Skipped { reason: Reason::UserNotRestored }.into()),
            // The sub map names whoever was to be restored.
            None if self.selection.is_some() => return Ok(Outcome::Skipped { reason: Reason::NotSelected }.into()),
            None => return Ok(Outcome::Skipped { reason: Reason::UserNotInSnapshot }.into()),
        };
        // Adding a member twice is the same as adding it once, so a lost reply needs no question.
        let mut added = self.pool.add_to_group(&user.username, group).await;
        if self.selection.is_some() && added.as_ref().is_err_and(|error| error.kind == PoolErrorKind::NotFound) {
            // Groups come back with the first selected member that needs them.
            if let Some(outcome) = self.restore_group_of(group).await? {
                return Ok(outcome.into());
            }
            added = self.pool.add_to_group(&user.username, group).await;
        }
        let outcome = match added {
            Ok(()) => Outcome::Created,
            Err(error) if error.kind == PoolErrorKind::NotFound => Outcome::Failed { reason: Reason::GroupMissing },
            Err(error) => self.entry_refused(error)?,
        };
        Ok(outcome.into())
    }
}
