//! Ahead of their turn: members are added while users are still being restored.
//!
//! Users and memberships count against different quotas of Cognito's. Where those of users leave calls to spare, whoever is restored
//! already joins groups meanwhile. Nobody knows who is next in a group, so the members are gone through a few times while the users are, and
//! once more, for good, when all users are there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::model::{Ahead, Category, Ceilings, Method, Restore, RestoreUnit, Tps};
use crate::operations::import::{Ended, Import, PAGES_AT_ONCE, ReadPage, UNITS_AT_ONCE};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;

/// How often the members are gone through in all: when a quarter of the users are there, half of them, three quarters, and all. Each time
/// whoever is not in yet is looked for again: at most two and a half read units a membership rather than one.
const SWEEPS: u64 = 4;
/// Entries of a full page.
const ENTRIES_OF_A_PAGE: u64 = 60;
/// How often it is looked at how far the users have come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether the users of a restore leave calls to spare: a user takes two, and its quotas may allow fewer than the limit.
///
/// Only where everybody is restored by calls: a selection or a repair is short, and what an import job makes is there at once.
pub fn works_ahead(restore: &Restore, ceilings: &Ceilings, tps: Tps) -> bool {
    let is_plain = restore.options.method == Method::Api && restore.selection.is_none() && !restore.is_repair();
    let users = ceilings.slowest([Category::UserCreation, Category::UserAccountRecovery], tps);
    is_plain && restore.pass == 1 && 2 * users < tps.get()
}

impl<P: Pool, V: Vault> Import<P, V> {
    /// Adds members until that is their turn, the time is spent, or no sweep is left; so many pages of users were done before.
    pub(crate) async fn add_members_ahead(&self, mut units: Vec<RestoreUnit>, pages_of_users: u64) -> Result<()> {
        let handled = self.handled.lock().await.0.users;
        let users_there = |now: u64| (pages_of_users * ENTRIES_OF_A_PAGE) + now.saturating_sub(handled);
        let mut swept = 0;
        while let Some(sweep) = self.next_sweep(swept, users_there).await {
            let sweeps = units.into_iter().map(|unit| self.sweep(unit, sweep));
            units = stream::iter(sweeps).buffer_unordered(UNITS_AT_ONCE).try_collect().await.inspect_err(|_| {
                // Whatever the users' side has begun is brought to an end and written down.
                self.stop.store(true, Ordering::Relaxed);
            })?;
            swept = sweep;
        }
        Ok(())
    }

    /// Begins nothing more ahead of its turn.
    pub(crate) fn stop_ahead(&self) {
        self.ahead_ended.store(true, Ordering::Relaxed);
    }

    fn goes_on_ahead(&self) -> bool {
        self.goes_on() && !self.ahead_ended.load(Ordering::Relaxed)
    }

    /// Waits until so many users are there that it is worth while to go through the members again; none where that is over. What was
    /// handled in this execution is turned into how many users are there by `users_there`.
    async fn next_sweep(&self, swept: u64, users_there: impl Fn(u64) -> u64) -> Option<u64> {
        while self.goes_on_ahead() && swept < SWEEPS - 1 {
            let due = users_there(self.handled.lock().await.0.users) * SWEEPS / self.restore.expected.users.max(1);
            if due > swept {
                return Some(due.min(SWEEPS - 1));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    /// Goes through the pages of a group's members, from where an earlier invocation has left that.
    async fn sweep(&self, mut unit: RestoreUnit, sweep: u64) -> Result<RestoreUnit> {
        let first = if unit.ahead.sweep == sweep { unit.ahead.next_page } else { 1 };
        if unit.ahead.sweep > sweep || first > unit.pages() {
            return Ok(unit);
        }
        let pages = stream::iter(first..=unit.pages()).map(|number| self.add_members_of_page(&unit, number));
        let swept: Vec<bool> = pages.buffered(PAGES_AT_ONCE).try_collect().await?;
        let swept = swept.into_iter().take_while(|swept| *swept).count() as u64;
        if swept == 0 {
            return Ok(unit);
        }
        unit.ahead = Ahead { sweep, next_page: first + swept };
        self.catalog.put_restore_units(&self.restore.id, std::slice::from_ref(&unit)).await?;
        Ok(unit)
    }

    /// Adds those members on a page who are there; returns whether it was gone through.
    async fn add_members_of_page(&self, unit: &RestoreUnit, number: u64) -> Result<bool> {
        if !self.goes_on_ahead() {
            return Ok(false);
        }
        match self.read_page(unit, number, true).await? {
            ReadPage::Ended(ended) => Ok(ended == Ended::Done),
            page @ ReadPage::Open { .. } => {
                self.restore_page(unit, page, true).await?;
                Ok(self.goes_on_ahead())
            }
        }
    }
}
