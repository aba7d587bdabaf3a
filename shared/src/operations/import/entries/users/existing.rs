//! Decides what happens to an existing user of the target that may be a user of the snapshot.

use super::create::may_be_about_confirmation;
use super::lookups::PageLookups;
use super::open_user::OpenUser;
use super::target_user::{FailedInvitation, Resolution, TargetUser, lacks_preferred_username};
use crate::Result;
use crate::model::{
    Existing, Operation, Origin, Outcome, PREFERRED_USERNAME, Reason, Restore, SubMapEntry, User, UserRecord,
};
use crate::operations::import::context::Context;
use crate::operations::import::creation_time::is_created_during;
use crate::operations::import::entries::refused_entry::reason_of;
use crate::operations::import::entries::state::Entries;
use crate::operations::import::entries::update::{self, Difference};
use crate::ports::Backend;

/// Decides about the user `found`. `taken` is the reason if `found` is another user.
pub async fn decide<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    found: &User,
    taken: Reason,
    lookups: &PageLookups<'_, B>,
) -> Result<Resolution> {
    let Context { catalog, restore, .. } = entries.context;
    let has_same_sub = found.sub == user.sub;
    if !has_same_sub && entries.context.user_matcher().is_snapshot_user(&found.sub).await? {
        // Another user of the snapshot has this name now, and is restored separately.
        return Ok(Resolution::failed(taken));
    }
    // Two users of the snapshot never become one, even if the target treats their names as equal.
    if let Some(entry) = catalog.sub_map_by_new_sub(&restore.id, &found.sub).await? {
        return Ok(restored_before(restore, user, found, entry, taken));
    }
    if !has_same_sub && is_federated_stranger(found, record) {
        return Ok(Resolution::failed(taken));
    }
    let difference = Difference::between(&found.record, record, restore.options.old_sub_attribute.as_deref())
        .keeping(&user.left_out);
    let is_begun = !has_same_sub
        && is_as_created(restore, user, record, found, &difference)
        && may_be_begun(entries, user, record, found, lookups).await?;
    Ok(match restore.options.existing {
        _ if is_begun => created_without_answer(restore, found),
        Existing::Fail => Resolution::failed(taken),
        _ if taken == Reason::AliasTaken => Resolution::failed(taken),
        _ if difference.is_none() => {
            let lacks = |name: &String| !found.record.attributes.contains_key(name);
            Resolution::Found(TargetUser::existing(found, Outcome::AlreadyThere))
                .lacking(user.left_out.iter().any(lacks))
        }
        Existing::Skip => Resolution::Found(TargetUser::existing(found, kept())),
        Existing::Update => update_user(entries, user, record, found, &difference, taken).await?,
    })
}

fn kept() -> Outcome {
    Outcome::Skipped { reason: Reason::AlreadyInTarget }
}

/// The result in the sub map, if this restore has settled the user before.
fn restored_before(
    restore: &Restore,
    user: &OpenUser,
    found: &User,
    entry: SubMapEntry,
    taken: Reason,
) -> Resolution {
    match entry.origin().filter(|_| entry.old_sub == user.sub) {
        Some(Origin::Created) => created_by_restore(restore, found),
        Some(Origin::Kept) => Resolution::Found(TargetUser::existing(found, kept())),
        Some(Origin::SignedIn) => {
            Resolution::Found(TargetUser::signed_in(found.sub.clone(), found.record.username.clone()))
        }
        Some(Origin::Found) => Resolution::Found(TargetUser::existing(found, Outcome::AlreadyThere)),
        None => Resolution::failed(taken),
    }
}

fn created_by_restore(restore: &Restore, found: &User) -> Resolution {
    let is_created = is_created_during(restore, found.record.created);
    let outcome = if is_created { Outcome::Created } else { Outcome::AlreadyThere };
    Resolution::Found(TargetUser::created_before(found, outcome))
}

/// The answer to the creation is lost, and with it whether the invitation went. A second message is a lesser harm than
/// a user who cannot sign in.
fn created_without_answer(restore: &Restore, found: &User) -> Resolution {
    match created_by_restore(restore, found) {
        Resolution::Found(target) => {
            Resolution::Found(TargetUser { failed_invitation: Some(FailedInvitation::Before), ..target })
        }
        settled => settled,
    }
}

/// Whether an earlier invocation may have created the user and died before it wrote that to the
/// table, or an import job of this restore whose log does not say so.
///
/// Cognito itself creates a federated user at the first sign-in. The restore never completes such a
/// user.
async fn may_be_begun<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    found: &User,
    lookups: &PageLookups<'_, B>,
) -> Result<bool> {
    if found.record.is_federated() {
        return Ok(false);
    }
    let created = found.record.created;
    Ok(lookups.creations.cover(created).await?
        || is_of_job(entries, user, record).await? && entries.jobs_were_at_work(created))
}

/// Whether the file of a job named the user.
async fn is_of_job<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
) -> Result<bool> {
    let Context { catalog, restore, .. } = entries.context;
    let Some(name) = restore.settings.sign_in_name(record).filter(|_| entries.jobs.is_some()) else {
        return Ok(false);
    };
    let in_jobs = catalog.users_in_jobs(&restore.id, &[restore.settings.name_key(&name)]).await?;
    Ok(in_jobs.into_values().any(|in_job| in_job.old_sub == user.sub))
}

/// Whether a user has the attributes with which this restore creates it. If the target refuses an
/// attribute of a user that is not confirmed, the restore creates the user without it.
fn is_as_created(
    restore: &Restore,
    user: &OpenUser,
    record: &UserRecord,
    found: &User,
    difference: &Difference,
) -> bool {
    if !difference.is_in_attributes() {
        return true;
    }
    let Some((name, _)) = restore.settings.refusable_until_confirmed(record) else { return false };
    let mut created = record.clone();
    created.attributes.remove(name);
    let old_sub_attribute = restore.options.old_sub_attribute.as_deref();
    lacks_preferred_username(&found.record)
        && !Difference::between(&found.record, &created, old_sub_attribute)
            .keeping(&user.left_out)
            .is_in_attributes()
}

/// Whether Cognito created the user at a federated sign-in, and the user only shares the address of
/// a native user of the snapshot.
///
/// If the usernames are equal, it is the same user with another status.
fn is_federated_stranger(found: &User, record: &UserRecord) -> bool {
    found.record.is_federated() && !record.is_federated() && found.record.username != record.username
}

/// Changes the user to match the snapshot.
async fn update_user<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    found: &User,
    difference: &Difference,
    taken: Reason,
) -> Result<Resolution> {
    let Context { pool, restore, .. } = entries.context;
    if difference.would_send_message(&restore.settings) {
        return Ok(Resolution::failed(Reason::WouldSendMessage));
    }
    // Assign the user before the change, because another user of the snapshot may be about to
    // change the same user.
    if !entries.in_flight.assign(&found.sub, &user.sub) {
        return Ok(Resolution::failed(taken));
    }
    let username = &found.record.username;
    match update::user(pool, username, difference).await {
        // Cognito may refuse one attribute of a user that is not confirmed. The user gets the others.
        Err(error)
            if error.operation == Operation::AdminUpdateUserAttributes
                && may_be_about_confirmation(&error)
                && restore.settings.refusable_until_confirmed(record).is_some()
                && let Some(rest) = difference.without(PREFERRED_USERNAME) =>
        {
            match update::user(pool, username, &rest).await {
                Ok(()) => Ok(Resolution::failed(reason_of(error))),
                Err(error) => entries.refused(error).map(Resolution::Settled),
            }
        }
        Ok(()) => Ok(Resolution::Found(TargetUser::existing(
            found,
            Outcome::Updated { changed: difference.names() },
        ))),
        Err(error) => entries.refused(error).map(Resolution::Settled),
    }
}
