//! Restores a page of the snapshot: reads it with its ledger page, restores the open entries, and
//! writes their outcomes.

use super::entry::{Handled, OpenPage, Turn, WorkEnd};
use super::state::Entries;
use super::workers::Worked;
use super::{groups, members, users};
use crate::Result;
use crate::model::{LedgerPage, Listing, Outcome, PageContent, RecordKind, RestoreUnit};
use crate::operations::import::context::Context;
use crate::ports::Backend;

pub enum ReadPage {
    /// No entry on it is open, or there is no time for it.
    Closed(WorkEnd),
    Open {
        number: u64,
        content: PageContent,
        /// Its ledger page, if an invocation has written one.
        ledger: Option<LedgerPage>,
    },
}

/// Reads a page and its ledger page. The first page that lists a user owns it.
pub async fn read<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    number: u64,
    turn: Turn,
) -> Result<ReadPage> {
    if !entries.workers.may_start() || entries.in_flight.at_capacity() {
        return Ok(ReadPage::Closed(WorkEnd::OutOfTime));
    }
    let Context { catalog, restore, .. } = entries.context;
    let id = unit.id();
    let ledger = catalog.ledger_page(&restore.id, &id, number).await?;
    if let Some(ledger) = ledger.as_ref().filter(|ledger| ledger.is_done(restore.pass)) {
        if turn == Turn::Due {
            entries.handled.add_found(unit.listing.kind(), ledger).await?;
        }
        return Ok(ReadPage::Closed(WorkEnd::Done));
    }
    let (key, page) = catalog.page_of(&restore.snapshot, &unit.source, number).await?;
    let Some(content) = page else {
        tracing::error!(run = %restore.id, key = %key, "page of the snapshot missing or altered");
        put_damaged(entries.context, unit, number, key.to_string()).await?;
        return Ok(ReadPage::Closed(WorkEnd::Done));
    };
    if unit.listing.kind() == RecordKind::User {
        entries.in_flight.register_page(number, &content);
    }
    Ok(ReadPage::Open { number, content, ledger })
}

/// Writes to the ledger that a page of the snapshot is damaged.
async fn put_damaged<B: Backend>(
    context: &Context<B>,
    unit: &RestoreUnit,
    number: u64,
    key: String,
) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let damaged = LedgerPage::damaged(key, restore.pass);
    let note = |ledger: &mut LedgerPage| {
        if ledger.pass <= restore.pass && !ledger.is_done(restore.pass) {
            *ledger = damaged.clone();
        }
    };
    catalog.change_ledger_page(&restore.id, &unit.id(), number, &damaged, note).await.map(drop)
}

/// Restores the open entries of a page.
pub async fn restore<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    page: ReadPage,
    turn: Turn,
) -> Result<WorkEnd> {
    let (number, content, ledger) = match page {
        ReadPage::Open { number, content, ledger } if entries.workers.may_start() => {
            (number, content, ledger)
        }
        ReadPage::Open { .. } => return Ok(WorkEnd::OutOfTime),
        ReadPage::Closed(ended) => return Ok(ended),
    };
    let pass = entries.context.restore.pass;
    let untouched = LedgerPage::untouched(content.0.iter().map(|entry| entry.key.clone()), pass);
    let mut ledger = ledger.unwrap_or_else(|| untouched.clone());
    begin_pass(&mut ledger, &untouched, pass);

    let (open, without_role) = (ledger.open_places(pass), ledger.places_without_role());
    let page = OpenPage { unit, number, turn, content: &content, open, without_role };
    let Worked { done, error } = match &unit.listing {
        Listing::Groups => groups::restore(entries, &page).await?,
        Listing::Users | Listing::UsersBySub { .. } => users::restore(entries, &page).await?,
        Listing::Members { group } => members::restore(entries, &page, group).await?,
    };
    let is_untouched = done.iter().all(|(_, handled)| handled.outcome == Outcome::Pending);
    let ended = if is_untouched && (turn == Turn::Ahead || error.is_some()) {
        WorkEnd::OutOfTime
    } else {
        put_outcomes(entries.context, &page, &untouched, &done).await?
    };
    error.map_or(Ok(ended), Err)
}

/// Begins a pass on a ledger page. A page of the snapshot that was damaged in an earlier pass can
/// be read now.
fn begin_pass(ledger: &mut LedgerPage, untouched: &LedgerPage, pass: u32) {
    if ledger.damaged_page.is_some() {
        *ledger = untouched.clone();
    }
    ledger.begin_pass(pass);
}

/// Writes the outcomes of entries.
///
/// The sub map comes before the ledger, because the ledger implies it. The outcomes are merged into
/// the current ledger page, because another invocation may have changed it. An outcome that is
/// there stays.
async fn put_outcomes<B: Backend>(
    context: &Context<B>,
    page: &OpenPage<'_>,
    untouched: &LedgerPage,
    done: &[(usize, Handled)],
) -> Result<WorkEnd> {
    let Context { catalog, restore, .. } = context;
    let sub_map: Vec<_> = done.iter().filter_map(|(_, handled)| handled.sub_map.clone()).collect();
    catalog.put_sub_map(restore, &sub_map).await?;
    let add = |ledger: &mut LedgerPage| {
        if ledger.pass <= restore.pass {
            begin_pass(ledger, untouched, restore.pass);
            done.iter()
                .for_each(|(place, handled)| ledger.record(*place, handled.outcome.clone(), &handled.notes));
        }
    };
    let ledger =
        catalog.change_ledger_page(&restore.id, &page.unit.id(), page.number, untouched, add).await?;
    Ok(if ledger.is_done(restore.pass) { WorkEnd::Done } else { WorkEnd::OutOfTime })
}
