//! Lost members: a user that the target has lost has lost its memberships, too. If the verification of the pass before
//! took the user back, this pass adds the memberships again.

use super::state::Entries;
use crate::Result;
use crate::model::{LedgerPage, PageContent, RecordKind, RestoreUnit, Sub};
use crate::operations::import::context::Context;
use crate::ports::Backend;

/// Whether a ledger page may count memberships that are lost. Then its page of the snapshot is read, although no
/// entry on it is open.
pub async fn may_lack<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    ledger: &LedgerPage,
) -> Result<bool> {
    let Context { catalog, restore, .. } = entries.context;
    // A page of this pass has been asked before. In the first pass, no pass is before.
    if unit.listing.kind() != RecordKind::Membership || ledger.pass >= restore.pass {
        return Ok(false);
    }
    let read = || catalog.has_taken_back(&restore.id, restore.pass - 1);
    entries.has_taken_back.get_or_try_init(read).await.copied()
}

/// The places of the memberships on a page that the ledger counts, and whose users were taken back.
pub async fn of_page<B: Backend>(
    entries: &Entries<'_, B>,
    content: &PageContent,
    ledger: &LedgerPage,
) -> Result<Vec<usize>> {
    let Context { catalog, restore, .. } = entries.context;
    let added = content.0.iter().enumerate().filter(|(place, _)| ledger.outcome(*place).is_none());
    let added: Vec<_> = added.map(|(place, entry)| (place, Sub::new(entry.key.as_str()))).collect();
    let subs: Vec<_> = added.iter().map(|(_, sub)| sub.clone()).collect();
    let taken_back = catalog.taken_back(&restore.id, restore.pass - 1, &subs).await?;
    Ok(added.into_iter().filter(|(_, sub)| taken_back.contains(sub)).map(|(place, _)| place).collect())
}
