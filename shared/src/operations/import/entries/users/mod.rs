//! Users: created with every attribute that can be set and with what the options ask for. An
//! existing user is left or updated.
//!
//! | file | what |
//! |---|---|
//! | [`open_user`] | a user of the snapshot that is being restored |
//! | [`lookups`] | what the table says about the users of a page |
//! | [`target_user`] | the user of the target that it becomes |
//! | [`resolve`] | finds that user or creates it |
//! | [`create`] | creates it |
//! | [`existing`] | decides what happens to an existing user |
//! | [`complete`] | adds to a created user what its creation leaves out |
//! | [`password`] | random passwords |

mod complete;
mod create;
mod existing;
mod lookups;
mod open_user;
mod password;
mod resolve;
mod target_user;

use self::complete::Completed;
use self::lookups::PageLookups;
use self::open_user::OpenUser;
use self::target_user::{FailedInvitation, Resolution, TargetUser};
use super::entry::{Handled, OpenPage};
use super::state::Entries;
use super::workers::Worked;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{
    Digest, LeftOut, Note, Origin, Outcome, Reason, RestoredUser, SubMapEntry, UserRecord, Username,
};
use crate::operations::import::context::Context;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;

/// Restores the open users of a page.
pub async fn restore<B: Backend>(entries: &Entries<'_, B>, page: &OpenPage<'_>) -> Result<Worked> {
    let Context { catalog, restore, .. } = entries.context;
    let mut users = OpenUser::of_page(page);
    let named: Vec<(&str, Digest)> = users.iter().map(|user| (user.sub.as_str(), user.digest)).collect();
    let mut records = catalog.records::<UserRecord>(&restore.source, &named).await?;
    for (user, record) in users.iter_mut().zip(&mut records) {
        if let Ok(record) = record {
            user.leave_out_values(restore, record);
        }
    }
    let lookups = PageLookups::read(entries, page, &users, &records).await?;
    let restored = users.iter().zip(records).map(|(user, record)| {
        let place = usize::from(user.at.place);
        (place, restore_user(entries, user, record, &lookups))
    });
    let restored = restored.collect();
    Ok(entries.workers.run(page.unit.listing.kind(), restored, &entries.handled).await)
}

async fn restore_user<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: ReadRecord<UserRecord>,
    lookups: &PageLookups<'_, B>,
) -> Result<Handled> {
    let Context { restore, selection, .. } = entries.context;
    let is_restored_elsewhere =
        lookups.sub_map.get(&user.sub).is_some_and(|entry| user.is_restored_elsewhere(entry));
    if user.is_repeated || is_restored_elsewhere || !entries.in_flight.is_first_place(&user.sub, user.at) {
        return Ok(Outcome::Skipped { reason: Reason::ListedTwice }.into());
    }
    let in_groups = lookups.in_groups.get(&user.sub).copied().unwrap_or_default();
    let is_selected = selection.as_ref().map_or(Some(true), |selection| match &record {
        Ok(record) => {
            let whole = user.with_left_out.as_deref().unwrap_or(record);
            Some(selection.selects(&user.sub, whole, in_groups))
        }
        Err(_) => selection.selects_without_record(&user.sub, in_groups),
    });
    if is_selected == Some(false) {
        return Ok(Outcome::Skipped { reason: Reason::NotSelected }.into());
    }
    let record = match record {
        Ok(record) => record,
        Err(reason) => return Ok(not_restored(user, Username::new(""), Outcome::Failed { reason })),
    };
    if let Some(outcome) = lookups.collision(restore, &user.sub) {
        return Ok(not_restored(user, record.username, outcome));
    }
    let _in_flight = entries.users_in_flight.begin_sized(record.bytes()).await;
    let mut intent = Intent::of(&user.sub, &record, &restore.settings, &restore.options);
    if let Ok(intent) = &mut intent {
        intent.note_left_out(&user.left_out);
    }
    let mut target = match resolve::resolve(entries, user, &record, intent.as_ref(), lookups).await? {
        Resolution::Found(target) => target,
        Resolution::Settled(outcome) => return Ok(not_restored(user, record.username, outcome)),
        Resolution::NotInvited(outcome) => {
            let handled = not_restored(user, record.username, outcome);
            let sub_map = handled.sub_map.map(|entry| SubMapEntry { not_invited: true, ..entry });
            return Ok(Handled { sub_map, ..handled });
        }
    };
    // Two users of the snapshot never become one user of the target.
    if target.sub.as_ref().is_some_and(|sub| !entries.in_flight.assign(sub, &user.sub)) {
        let outcome = Outcome::Failed { reason: Reason::UsernameTaken };
        return Ok(not_restored(user, record.username, outcome));
    }
    let was_not_invited = lookups.sub_map.get(&user.sub).is_some_and(|entry| entry.not_invited);
    if was_not_invited && !target.is_new {
        target.failed_invitation.get_or_insert(FailedInvitation::Before);
    }
    match &intent {
        Ok(intent) if target.is_created_by_restore => {
            let mut notes =
                if target.is_by_job() { intent.notes_of_job(&record) } else { intent.notes.clone() };
            let Completed { refused, not_invited } =
                complete::complete(entries, &record, intent, &target).await?;
            let outcome = refused.unwrap_or(target.outcome.clone());
            notes.retain(|note| *note != Note::Invited || !not_invited);
            let handled = restored(user, record.username, target, outcome);
            let sub_map = handled.sub_map.map(|entry| SubMapEntry { not_invited, ..entry });
            Ok(Handled { notes, sub_map, ..handled })
        }
        _ => {
            let outcome = target.outcome.clone();
            let is_changed = matches!(outcome, Outcome::Updated { .. });
            let is_noted = target.lacks_left_out || is_changed && !user.left_out.is_empty();
            let notes = is_noted.then_some(Note::ValueNotRestored);
            let handled = restored(user, record.username, target, outcome);
            Ok(Handled { notes: notes.into_iter().collect(), ..handled })
        }
    }
}

fn restored(user: &OpenUser, old_username: Username, target: TargetUser, outcome: Outcome) -> Handled {
    let TargetUser { sub, username, is_created_by_restore, has_signed_in, .. } = target;
    let origin = match &outcome {
        _ if is_created_by_restore => Origin::Created,
        _ if has_signed_in => Origin::SignedIn,
        Outcome::Skipped { reason: Reason::AlreadyInTarget } => Origin::Kept,
        _ => Origin::Found,
    };
    let sub_map = user.sub_map_entry(old_username, Some(RestoredUser { sub, username, origin }));
    Handled { outcome, notes: Vec::new(), sub_map: Some(sub_map) }
}

fn not_restored(user: &OpenUser, old_username: Username, outcome: Outcome) -> Handled {
    let left_out = LeftOut::of(&outcome);
    let sub_map = SubMapEntry { left_out, ..user.sub_map_entry(old_username, None) };
    Handled { outcome, notes: Vec::new(), sub_map: Some(sub_map) }
}
