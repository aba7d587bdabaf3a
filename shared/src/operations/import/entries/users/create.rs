//! Creates a user. If Cognito answers that the user exists, the restore looks at the existing user.

use super::existing;
use super::lookups::PageLookups;
use super::open_user::OpenUser;
use super::password;
use super::target_user::{Resolution, TargetUser};
use crate::Result;
use crate::model::{Reason, UserRecord};
use crate::operations::import::context::Context;
use crate::operations::import::entries::state::Entries;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;
use crate::ports::pool::{NewUser, Pool, PoolErrorKind};

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
    if let Some(attribute) = &restore.options.old_sub_attribute {
        new.attributes.insert(attribute.clone(), user.sub.to_string());
    }
    lookups.creations.note().await?;
    let taken = match pool.create_user(&new).await {
        Ok(created) => return Ok(Resolution::Found(TargetUser::created(created))),
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
