//! Memberships: users of the snapshot, found in the target through the sub map, added to a group.
//!
//! In a pool that is repaired nearly everybody is a member already, so the members that its groups have are listed first: a call for
//! 60 of them, rather than one for each.

use std::collections::{HashMap, HashSet};

use crate::Result;
use crate::model::{GroupName, ListingCheckpoint, Outcome, Reason, RestoreUnit, Sub, SubMapEntry, UnitId};
use crate::operations::export::broken_off_again;
use crate::operations::import::{Handled, Import, OpenPage};
use crate::operations::refusals::refused;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;

/// Pages between two checkpoints.
const PAGES_AT_ONCE: u32 = 20;

impl<P: Pool, V: Vault> Import<P, V> {
    /// Lists the members that a group of a pool that is repaired has; returns whether that is done. A later pass has little left to do,
    /// and the listing would be too old for it.
    pub(crate) async fn gather(&self, unit: &RestoreUnit, group: &GroupName) -> Result<bool> {
        if !self.gathers() {
            return Ok(true);
        }
        let (restore, id) = (&self.restore.id, unit.id());
        let mut state = self.catalog.gathering(restore, &id).await?;
        let mut pages = 0;
        while !state.done {
            state = self.gather_page(&id, group, state).await?;
            pages += 1;
            let pause = !self.goes_on();
            if state.done || pause || pages % PAGES_AT_ONCE == 0 {
                let next = ListingCheckpoint { step: state.step + 1, ..state };
                state = self.catalog.put_gathering(restore, &id, &next).await?;
            }
            if pause && !state.done {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// For a few people who are selected, their own memberships are fewer calls.
    fn gathers(&self) -> bool {
        let is_of_few = self.selection.as_ref().is_some_and(|selection| selection.select.is_some());
        self.restore.is_repair() && self.restore.pass == 1 && !is_of_few
    }

    async fn gather_page(&self, unit: &UnitId, group: &GroupName, state: ListingCheckpoint) -> Result<ListingCheckpoint> {
        let listed = match self.pool.list_members(group, state.token.as_deref()).await {
            Ok(listed) if state.token.is_none() || listed.next_token != state.token => listed,
            // Not the pool, which was there a moment ago: the group has no members any more.
            Err(error) if error.kind == PoolErrorKind::NotFound => {
                return Ok(ListingCheckpoint { done: true, token: None, ..state });
            }
            Err(error) if error.kind != PoolErrorKind::InvalidParameter || state.token.is_none() => {
                return Err(refused(self.pool.id(), error));
            }
            _ => {
                let (execution, unit) = (&self.restore.execution, unit.to_string());
                let broken_off = broken_off_again(&state.broken_off, execution, self.pool.id(), &unit)?;
                return Ok(ListingCheckpoint { broken_off, token: None, ..state });
            }
        };
        self.catalog.put_joined(&self.restore.id, unit, &listed.entries).await?;
        Ok(ListingCheckpoint { done: listed.next_token.is_none(), token: listed.next_token, ..state })
    }

    pub(crate) async fn restore_members(
        &self,
        page: &OpenPage<'_>,
        unit: &UnitId,
        group: &GroupName,
        done: &mut Vec<(usize, Handled)>,
    ) -> Result<()> {
        let members: Vec<_> = page.open.iter().map(|&place| (place, Sub::new(page.key(place)))).collect();
        let subs: Vec<_> = members.iter().map(|(_, sub)| sub.clone()).collect();
        let sub_map = self.catalog.sub_map(&self.restore, &subs).await?;
        let joined = match self.gathers() {
            true => {
                let restored = |entry: &SubMapEntry| entry.restored.as_ref().and_then(|user| user.sub.clone());
                self.catalog.joined(&self.restore.id, unit, &sub_map.values().filter_map(restored).collect::<Vec<_>>()).await?
            }
            false => HashSet::new(),
        };
        let work =
            members.into_iter().map(|(place, sub)| (place, self.restore_member(sub, group, page.ahead, &sub_map, &joined)));
        let work = work.collect();
        self.work_on(page.unit.listing.kind(), done, work).await
    }

    async fn restore_member(
        &self,
        sub: Sub,
        group: &GroupName,
        ahead: bool,
        sub_map: &HashMap<Sub, SubMapEntry>,
        joined: &HashSet<Sub>,
    ) -> Result<Handled> {
        let user = match sub_map.get(&sub).map(|entry| &entry.restored) {
            Some(Some(user)) if user.kept => return Ok(Outcome::Skipped { reason: Reason::UserKept }.into()),
            Some(Some(user)) => user,
            // Another page may list the same user.
            Some(None) if ahead => return Ok(Outcome::Pending.into()),
            Some(None) => return Ok(Outcome::Skipped { reason: Reason::UserNotRestored }.into()),
            None if ahead => return Ok(Outcome::Pending.into()),
            // The sub map names whoever was to be restored.
            None if self.selection.is_some() => return Ok(Outcome::Skipped { reason: Reason::NotSelected }.into()),
            None => return Ok(Outcome::Skipped { reason: Reason::UserNotInSnapshot }.into()),
        };
        if user.sub.as_ref().is_some_and(|sub| joined.contains(sub)) {
            return Ok(Outcome::AlreadyThere.into());
        }
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
            // What is not due yet keeps nobody from going on.
            Err(error) if ahead && matches!(error.kind, PoolErrorKind::Throttled | PoolErrorKind::Transient) => {
                self.stop_ahead();
                Outcome::Pending
            }
            Err(error) if error.kind == PoolErrorKind::NotFound => Outcome::Failed { reason: Reason::GroupMissing },
            Err(error) => self.entry_refused(error)?,
        };
        Ok(outcome.into())
    }
}
