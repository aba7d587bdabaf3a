//! Creates a user. If Cognito answers that the user exists, the restore looks at the existing user.

use std::sync::atomic::Ordering;

use super::existing;
use super::lookups::PageLookups;
use super::open_user::OpenUser;
use super::password;
use super::target_user::{FailedInvitation, Resolution, TargetUser};
use crate::Result;
use crate::model::{Origin, Reason, RestoredUser, SubMapEntry, User, UserRecord};
use crate::operations::import::context::Context;
use crate::operations::import::entries::state::Entries;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;
use crate::ports::pool::{NewUser, Pool, PoolError, PoolErrorKind, PoolResult};

/// Creates the user. If it exists, returns the user that an earlier attempt or another client
/// created.
pub async fn create<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    intent: &Intent,
    lookups: &PageLookups<'_, B>,
) -> Result<Resolution> {
    let Context { pool, restore, .. } = entries.context;
    let attributes = record.restorable_attributes().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut new = NewUser {
        username: intent.name.clone(),
        attributes: attributes.collect(),
        temporary_password: password::random(restore.settings.password_length)?,
        invitation: intent.invitation,
    };
    // The plan refuses to overwrite a value. It has not looked at a user that was in the target until now.
    if let Some(attribute) = &restore.options.old_sub_attribute
        && !record.has_other_value(attribute, user.sub.as_str())
    {
        new.attributes.insert(attribute.clone(), user.sub.to_string());
    }
    lookups.creations.note().await?;
    let taken = match create_user(entries, record, new).await {
        Ok(created) => return Ok(Resolution::Found(TargetUser::created(created))),
        Err(error) if error.kind == PoolErrorKind::Undelivered => {
            return note_undelivered(entries, user, record, intent, error).await;
        }
        Err(error) if error.kind == PoolErrorKind::AlreadyExists => Reason::UsernameTaken,
        Err(error) if error.kind == PoolErrorKind::AliasTaken => Reason::AliasTaken,
        Err(error) => return entries.refused(error).map(Resolution::Settled),
    };
    let found = match pool.get_user(&intent.name).await {
        Ok(found) => found,
        Err(error) if error.kind == PoolErrorKind::UserNotFound => return Ok(Resolution::failed(taken)),
        Err(error) => return entries.refused(error).map(Resolution::Settled),
    };
    let has_the_name = found.record.username.as_str().to_lowercase() == intent.name.as_str().to_lowercase();
    if restore.settings.username_attributes.is_empty() && !has_the_name {
        // An alias of another user equals the name.
        return Ok(Resolution::failed(taken));
    }
    existing::decide(entries, user, record, &found, taken, lookups).await
}

/// Notes at once that Cognito created the user and could not send the invitation. Otherwise an
/// invocation that finds the user would take it for invited.
async fn note_undelivered<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    intent: &Intent,
    error: PoolError,
) -> Result<Resolution> {
    let Context { pool, catalog, restore, .. } = entries.context;
    let entry =
        |restored| SubMapEntry { not_invited: true, ..user.sub_map_entry(record.username.clone(), restored) };
    // Before the look-up, which can fail.
    catalog.put_sub_map(restore, &[entry(None)]).await?;
    let created = match pool.get_user(&intent.name).await {
        Ok(created) => created,
        Err(again) if again.kind == PoolErrorKind::UserNotFound => {
            return entries.refused(error).map(Resolution::NotInvited);
        }
        Err(again) => return entries.refused(again).map(Resolution::Settled),
    };
    let (sub, username) = (Some(created.sub.clone()), created.record.username.clone());
    let restored = RestoredUser { sub, username, origin: Origin::Created };
    catalog.put_sub_map(restore, &[entry(Some(restored))]).await?;
    let failed_invitation = Some(FailedInvitation::Now);
    Ok(Resolution::Found(TargetUser { failed_invitation, ..TargetUser::created(created) }))
}

/// Creates the user. If Cognito may refuse an attribute because the user is not confirmed yet,
/// creates it without the attribute. [`complete`](super::complete) sets it later.
async fn create_user<B: Backend>(
    entries: &Entries<'_, B>,
    record: &UserRecord,
    mut new: NewUser,
) -> PoolResult<User> {
    let pool = &entries.context.pool;
    let refusable = entries.context.restore.settings.refusable_until_confirmed(record);
    let Some((name, _)) = refusable else { return pool.create_user(&new).await };
    if !entries.creates_without_alias.load(Ordering::Relaxed) {
        match pool.create_user(&new).await {
            Err(error) if may_be_about_confirmation(&error) => {}
            answer => return answer,
        }
    }
    new.attributes.remove(name);
    let created = pool.create_user(&new).await;
    if created.is_ok() {
        // The next users need not be refused first.
        entries.creates_without_alias.store(true, Ordering::Relaxed);
    }
    created
}

/// Whether Cognito may have refused an attribute because the user is not confirmed. It was seen to
/// say that the user does not exist, if `preferred_username` equals the username: aws-sdk-net 761.
/// What a trigger of the pool refuses, the restore must not get past the trigger.
pub fn may_be_about_confirmation(error: &PoolError) -> bool {
    use PoolErrorKind::{InvalidParameter, Refused, UserNotFound};
    matches!(error.kind, InvalidParameter | UserNotFound | Refused) && !error.is_of_trigger()
}
