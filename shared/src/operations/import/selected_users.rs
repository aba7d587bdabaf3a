//! The selected users of a page of the snapshot, with their records.

use std::collections::HashMap;

use super::context::Context;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{PageContent, Pages, Sub, UserRecord};
use crate::ports::Backend;

/// A user on a page of the snapshot.
pub struct SelectedUser {
    /// The place on the page, from 0.
    pub place: u8,
    pub sub: Sub,
    /// The record, without the values that the restore leaves out.
    pub record: ReadRecord<UserRecord>,
    /// The attributes whose values are left out.
    pub left_out: Vec<String>,
}

/// The selected users of a page. If the record of a user cannot be read and the user may be selected, the
/// answer names it, too. None if the page is damaged.
pub async fn of_page<B: Backend>(
    context: &Context<B>,
    users: &Pages,
    number: u64,
) -> Result<Option<Vec<SelectedUser>>> {
    match context.catalog.page_of(&context.restore.snapshot, users, number).await? {
        (_, Some(content)) => of_content(context, content).await.map(Some),
        (_, None) => Ok(None),
    }
}

/// The users of a page as the snapshot has them, each with whether the selection restores it. None if only the
/// record of a user can tell, and it cannot be read. Or None if the page is damaged.
pub async fn all_of_page<B: Backend>(
    context: &Context<B>,
    users: &Pages,
    number: u64,
) -> Result<Option<Vec<(SelectedUser, Option<bool>)>>> {
    match context.catalog.page_of(&context.restore.snapshot, users, number).await? {
        (_, Some(content)) => all_of_content(context, content).await.map(Some),
        (_, None) => Ok(None),
    }
}

/// The users of a page whose records can be read.
pub fn readable(users: &[SelectedUser]) -> Vec<(&Sub, &UserRecord)> {
    users.iter().filter_map(|user| Some((&user.sub, user.record.as_ref().ok()?))).collect()
}

async fn of_content<B: Backend>(context: &Context<B>, content: PageContent) -> Result<Vec<SelectedUser>> {
    let all = all_of_content(context, content).await?;
    let may_be_selected = all.into_iter().filter(|(_, is_selected)| *is_selected != Some(false));
    let mut selected: Vec<_> = may_be_selected.map(|(user, _)| user).collect();
    for user in &mut selected {
        if let Ok(record) = &mut user.record {
            user.left_out = context.restore.leave_out_values(record);
        }
    }
    Ok(selected)
}

async fn all_of_content<B: Backend>(
    context: &Context<B>,
    content: PageContent,
) -> Result<Vec<(SelectedUser, Option<bool>)>> {
    let Context { catalog, restore, selection, .. } = context;
    let named: Vec<_> =
        content.0.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
    let records = catalog.records::<UserRecord>(&restore.source, &named).await?;
    let subs: Vec<_> = named.into_iter().map(|(sub, _)| Sub::new(sub)).collect();
    let in_groups = match selection {
        Some(_) => catalog.in_groups(&restore.id, &subs).await?,
        None => HashMap::new(),
    };
    let is_selected = |sub: &Sub, record: &ReadRecord<UserRecord>| {
        let Some(selection) = selection else { return Some(true) };
        let in_groups = in_groups.get(sub).copied().unwrap_or_default();
        match record {
            Ok(record) => Some(selection.selects(sub, record, in_groups)),
            Err(_) => selection.selects_without_record(sub, in_groups),
        }
    };
    let users = (0..).zip(subs).zip(records).map(|((place, sub), record)| {
        let is_selected = is_selected(&sub, &record);
        (SelectedUser { place, sub, record, left_out: Vec::new() }, is_selected)
    });
    Ok(users.collect())
}
