//! Finding out who is selected, before anything is touched: the members of the selection's groups first, then every user.

use std::collections::HashMap;

use crate::catalog::Catalog;
use crate::model::{GroupName, Listing, Pages, Reason, Restore, Selection, SelectionCheckpoint, Sub, Unit, UserRecord};
use crate::pacing::Budget;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Pages between two checkpoints.
const PAGES_AT_ONCE: u32 = 50;

/// The selection of a restore, once everybody whom it selects has been found; none if there is no time left. The outer option of the
/// result is that; the inner one is none where everybody is restored.
pub async fn selection_of<V: Vault>(
    catalog: &Catalog<V>,
    restore: &Restore,
    budget: Budget,
) -> Result<Option<Option<Selection>>> {
    if restore.selection.is_none() {
        return Ok(Some(None));
    }
    let missing = || {
        let what =
            format!("The selection of restore {} (item RESTORE#{} SELECTION) is not there any more.", restore.id, restore.id);
        Error::new(ErrorKind::RunEnded, what, "Start a new import.")
    };
    let selection = catalog.selection(&restore.id).await?.ok_or_else(missing)?;
    let mut state = catalog.selecting(&restore.id).await?;
    let units = catalog.units(&restore.snapshot).await?;
    let mut pages = 0;
    while !state.done {
        look_at(catalog, restore, &selection, &units, &mut state).await?;
        pages += 1;
        if state.done || pages % PAGES_AT_ONCE == 0 || budget.is_spent() {
            let next = SelectionCheckpoint { step: state.step + 1, ..state };
            state = catalog.put_selecting(&restore.id, &next).await?;
        }
        if !state.done && budget.is_spent() {
            return Ok(None);
        }
    }
    if state.selected == 0 {
        return Err(Error::new(
            ErrorKind::SelectionEmpty,
            format!("Nobody in snapshot {} is selected.", restore.snapshot),
            "Names are compared letter by letter with those in the snapshot; `cognito-backup import --plan` shows who is selected.",
        ));
    }
    Ok(Some(Some(selection)))
}

/// A user of a page: its place, its `sub` and its record, or why there is none.
pub type UserOfPage = (u8, Sub, std::result::Result<UserRecord, Reason>);

/// The selected users of a page, and those whose records cannot be read; none where the page is damaged.
pub async fn users_of<V: Vault>(
    catalog: &Catalog<V>,
    restore: &Restore,
    selection: Option<&Selection>,
    users: &Pages,
    number: u64,
) -> Result<Option<Vec<UserOfPage>>> {
    let (_, page) = catalog.page_of(&restore.snapshot, users, number).await?;
    let Some(content) = page else { return Ok(None) };
    let named: Vec<_> = content.0.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
    let records = catalog.records::<UserRecord>(&restore.source, &named).await?;
    let subs: Vec<_> = named.into_iter().map(|(sub, _)| Sub::new(sub)).collect();
    let in_groups = match selection {
        Some(_) => catalog.in_groups(&restore.id, &subs).await?,
        None => HashMap::new(),
    };
    let is_selected = |sub: &Sub, record: &UserRecord| {
        let in_groups = in_groups.get(sub).copied().unwrap_or_default();
        selection.is_none_or(|selection| selection.selects(sub, record, in_groups))
    };
    let users = subs.into_iter().zip(records).enumerate();
    let selected = users.filter(|(_, (sub, record))| record.as_ref().map_or(true, |record| is_selected(sub, record)));
    Ok(Some(selected.map(|(place, (sub, record))| (place as u8, sub, record)).collect()))
}

/// Looks at the next page.
async fn look_at<V: Vault>(
    catalog: &Catalog<V>,
    restore: &Restore,
    selection: &Selection,
    units: &[Unit],
    state: &mut SelectionCheckpoint,
) -> Result<()> {
    let groups = selection.groups();
    // A group that the snapshot lacks has no pages.
    let pages = match groups.get(state.group) {
        Some((group, _)) => {
            let listing = Listing::Members { group: GroupName::new(*group) };
            units.iter().find(|unit| unit.listing == listing).map(Pages::of).unwrap_or_default()
        }
        None => Pages::of_users(units),
    };
    if state.next_page > pages.count() {
        state.done = groups.get(state.group).is_none();
        (state.group, state.next_page) = (state.group + 1, 1);
        return Ok(());
    }
    let content = catalog.page_of(&restore.snapshot, &pages, state.next_page).await?.1.unwrap_or_default();
    match groups.get(state.group) {
        Some((_, meaning)) => {
            let members: Vec<_> = content.0.into_iter().map(|entry| Sub::new(entry.key)).collect();
            catalog.put_in_groups(&restore.id, &members, *meaning).await?;
        }
        None => {
            let named: Vec<_> = content.0.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
            let records = catalog.records::<UserRecord>(&restore.source, &named).await?;
            let subs: Vec<_> = named.iter().map(|(sub, _)| Sub::new(*sub)).collect();
            let in_groups = catalog.in_groups(&restore.id, &subs).await?;
            let selected = subs.iter().zip(&records).filter(|(sub, record)| {
                let in_groups = in_groups.get(sub).copied().unwrap_or_default();
                record.as_ref().is_ok_and(|record| selection.selects(sub, record, in_groups))
            });
            state.selected += selected.count() as u64;
        }
    }
    state.next_page += 1;
    Ok(())
}
