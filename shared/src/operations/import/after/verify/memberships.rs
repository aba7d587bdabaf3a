//! The third stage: the memberships of users that the target lost are lost, too. It takes them back, page by page.

use crate::Result;
use crate::model::{LedgerPage, RecordKind, RestoreUnit, Sub, Verification, VerificationStage};
use crate::operations::import::context::Context;
use crate::ports::Backend;

pub async fn take_back_page<B: Backend>(
    context: &Context<B>,
    units: &[RestoreUnit],
    mut state: Verification,
) -> Result<Verification> {
    let mut members = units.iter().filter(|unit| unit.listing.kind() == RecordKind::Membership);
    let mut unit = members.nth(state.member_unit as usize);
    while unit.is_some_and(|unit| state.member_pages >= unit.pages()) {
        (state.member_unit, state.member_pages) = (state.member_unit + 1, 0);
        unit = members.next();
    }
    let Some(unit) = unit else { return Ok(Verification { stage: VerificationStage::Done, ..state }) };
    state.member_pages += 1;
    take_back(context, unit, state.member_pages).await?;
    Ok(state)
}

/// Removes the outcomes of the lost memberships on a page from the ledger.
async fn take_back<B: Backend>(context: &Context<B>, unit: &RestoreUnit, number: u64) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let id = unit.id();
    let Some(ledger) = catalog.ledger_page(&restore.id, &id, number).await? else { return Ok(()) };
    let (key, content) = catalog.page_of(&restore.snapshot, &unit.source, number).await?;
    let Some(content) = content else {
        // Nothing says which memberships are lost. The next pass adds all of the page, if it can be read by then.
        let damaged = LedgerPage::damaged(key.to_string(), restore.pass);
        return change(context, unit, number, |ledger| *ledger = damaged.clone()).await;
    };
    let present = content.0.into_iter().enumerate().filter(|(place, _)| ledger.is_present(*place));
    let present: Vec<_> = present.map(|(place, entry)| (place, Sub::new(entry.key))).collect();
    let subs: Vec<_> = present.iter().map(|(_, sub)| sub.clone()).collect();
    let users = catalog.taken_back(&restore.id, restore.pass, &subs).await?;
    let lost: Vec<_> = present.into_iter().filter(|(_, sub)| users.contains(sub)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let take_back = |ledger: &mut LedgerPage| {
        lost.iter().for_each(|(place, sub)| ledger.take_back(*place, sub.to_string(), &[]));
    };
    change(context, unit, number, take_back).await
}

/// Changes a ledger page, unless a later pass has worked on it.
async fn change<B: Backend>(
    context: &Context<B>,
    unit: &RestoreUnit,
    number: u64,
    change: impl Fn(&mut LedgerPage) + Send + Sync,
) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let change = |ledger: &mut LedgerPage| {
        if ledger.pass <= restore.pass {
            change(ledger);
        }
    };
    let first = LedgerPage::default();
    catalog.change_ledger_page(&restore.id, &unit.id(), number, &first, change).await.map(drop)
}
