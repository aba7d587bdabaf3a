//! Ahead of their turn: adds members to groups while users are still being restored.
//!
//! Users and memberships count against different quotas of Cognito. If the quotas of users leave
//! calls to spare, users that are restored join their groups meanwhile. No list says which members
//! these are, so the members are swept a few times while the users are restored. A last sweep, when
//! they are due, settles every membership.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use super::concurrency::{PAGES_AT_ONCE, UNITS_AT_ONCE};
use super::entry::{Turn, WorkEnd};
use super::page::{self, ReadPage};
use super::state::Entries;
use crate::Result;
use crate::model::{Ahead, Category, Ceilings, Method, PAGE_SIZE, Restore, RestoreUnit, Tps};
use crate::ports::Backend;

/// The number of sweeps: after each quarter of the users. Together they cost at most 2.5 read units
/// a membership, not one.
const SWEEPS: u64 = 4;
/// How often the progress of the users is checked.
const CHECK_EVERY: Duration = Duration::from_secs(1);

/// Whether the users of a restore leave calls to spare. A user takes two calls, and the quotas of
/// these may be below the limit.
///
/// Selections and repairs are short, and import jobs create their users at once: none of these
/// works ahead.
pub fn works_ahead(restore: &Restore, ceilings: &Ceilings, tps: Tps) -> bool {
    let is_plain = restore.options.method == Method::Api
        && restore.selection.is_none()
        && !restore.target_pool().holds_most_entries();
    let users = ceilings.slowest([Category::UserCreation, Category::UserAccountRecovery], tps);
    is_plain && restore.pass == 1 && 2 * users < tps.get()
}

/// Adds members until they are due, the time is spent or no sweep is left. `user_pages_done` pages
/// of users are done before.
pub async fn add_members<B: Backend>(
    entries: &Entries<'_, B>,
    mut units: Vec<RestoreUnit>,
    user_pages_done: u64,
) -> Result<()> {
    let handled_before = entries.handled.users().await;
    let restored =
        |handled: u64| user_pages_done * u64::from(PAGE_SIZE) + handled.saturating_sub(handled_before);
    let mut swept = 0;
    while let Some(sweep) = next_sweep(entries, swept, restored).await {
        let sweeps = units.into_iter().map(|unit| sweep_unit(entries, unit, sweep));
        // After an error, the pages of users end and write what they have begun.
        let sweeps = stream::iter(sweeps).buffer_unordered(UNITS_AT_ONCE).try_collect();
        units = sweeps.await.inspect_err(|_| entries.workers.stop())?;
        swept = sweep;
    }
    Ok(())
}

/// Waits until enough users are restored for the next sweep; none if there is none. `restored`
/// turns the count of handled users into that of restored ones.
async fn next_sweep<B: Backend>(
    entries: &Entries<'_, B>,
    swept: u64,
    restored: impl Fn(u64) -> u64,
) -> Option<u64> {
    let expected = entries.context.restore.expected.users.max(1);
    while entries.workers.may_start_ahead() && swept < SWEEPS - 1 {
        let due = restored(entries.handled.users().await) * SWEEPS / expected;
        if due > swept {
            return Some(due.min(SWEEPS - 1));
        }
        tokio::time::sleep(CHECK_EVERY).await;
    }
    None
}

/// Sweeps the members of a group, from the page on that an earlier invocation has reached.
async fn sweep_unit<B: Backend>(
    entries: &Entries<'_, B>,
    mut unit: RestoreUnit,
    sweep: u64,
) -> Result<RestoreUnit> {
    let first = if unit.ahead.sweep == sweep { unit.ahead.next_page } else { 1 };
    if unit.ahead.sweep > sweep || first > unit.pages() {
        return Ok(unit);
    }
    let pages = stream::iter(first..=unit.pages()).map(|number| sweep_page(entries, &unit, number));
    let swept: Vec<WorkEnd> = pages.buffered(PAGES_AT_ONCE).try_collect().await?;
    let swept = swept.into_iter().take_while(|ended| *ended == WorkEnd::Done).count() as u64;
    if swept == 0 {
        return Ok(unit);
    }
    unit.ahead = Ahead { sweep, next_page: first + swept };
    let unit_slice = std::slice::from_ref(&unit);
    entries.context.catalog.put_restore_units(&entries.context.restore.id, unit_slice).await?;
    Ok(unit)
}

/// Adds the members on a page whose users are restored.
async fn sweep_page<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    number: u64,
) -> Result<WorkEnd> {
    if !entries.workers.may_start_ahead() {
        return Ok(WorkEnd::OutOfTime);
    }
    match page::read(entries, unit, number, Turn::Ahead).await? {
        ReadPage::Closed(ended) => Ok(ended),
        page @ ReadPage::Open { .. } => {
            page::restore(entries, unit, page, Turn::Ahead).await?;
            Ok(if entries.workers.may_start_ahead() { WorkEnd::Done } else { WorkEnd::OutOfTime })
        }
    }
}
