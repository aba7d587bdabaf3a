//! Restores a unit, several pages at once.

use std::pin::pin;

use futures::{StreamExt, stream};

use super::concurrency::PAGES_AT_ONCE;
use super::entry::{Turn, WorkEnd};
use super::state::Entries;
use super::{member_scan, page};
use crate::Result;
use crate::model::{Listing, RestoreUnit};
use crate::operations::import::context::Context;
use crate::ports::Backend;

/// Restores the open pages of a unit.
pub async fn restore<B: Backend>(entries: &Entries<'_, B>, mut unit: RestoreUnit) -> Result<WorkEnd> {
    let Context { catalog, restore, .. } = entries.context;
    let first = unit.resume_at(restore.pass).unwrap_or(unit.pages() + 1);
    unit.pass = restore.pass;
    unit.next_page = first;
    if let Listing::Members { group } = &unit.listing
        && member_scan::run(entries, &unit, group).await? == WorkEnd::OutOfTime
    {
        return Ok(WorkEnd::OutOfTime);
    }
    let mut ended = WorkEnd::Done;
    let mut first_error = None;
    let mut reached = first;
    {
        // Pages are restored and written side by side, so that no call waits for the table. They
        // end in their order.
        let restore_page = |number| restore_page(entries, &unit, number);
        let mut pages = pin!(stream::iter(first..=unit.pages()).map(restore_page).buffered(PAGES_AT_ONCE));
        while let Some(page) = pages.next().await {
            match page {
                Ok(WorkEnd::Done) if ended == WorkEnd::Done && first_error.is_none() => reached += 1,
                Ok(WorkEnd::Done) => {}
                Ok(WorkEnd::OutOfTime) => ended = WorkEnd::OutOfTime,
                Err(error) => {
                    // The other pages end and write what they have begun.
                    entries.workers.stop();
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    unit.next_page = reached;
    // This write only says which page to read first. Without it, the ledger says the same page by
    // page.
    if reached > first || (ended == WorkEnd::Done && first_error.is_none()) {
        catalog.put_restore_units(&restore.id, std::slice::from_ref(&unit)).await?;
    }
    first_error.map_or(Ok(ended), Err)
}

async fn restore_page<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    number: u64,
) -> Result<WorkEnd> {
    let page = {
        // The lock is fair, so pages are read in their order. All users before a page are
        // registered when it is read.
        let _reading = entries.reading.lock().await;
        page::read(entries, unit, number, Turn::Due).await.inspect_err(|_| entries.workers.stop())?
    };
    page::restore(entries, unit, page, Turn::Due).await
}
