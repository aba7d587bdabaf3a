//! Adds to a created user what AdminCreateUser and import jobs leave out.

use super::create::may_be_about_confirmation;
use super::password;
use super::target_user::{FailedInvitation, TargetUser};
use crate::Result;
use crate::model::{Identity, Outcome, Reason, UserRecord, Username};
use crate::operations::import::context::Context;
use crate::operations::import::entries::refused_entry::reason_of;
use crate::operations::import::entries::state::Entries;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// What became of a user that was completed.
pub struct Completed {
    /// The outcome of the first refused call. None if Cognito refused none.
    pub refused: Option<Outcome>,
    /// Whether Cognito could not send the invitation.
    pub not_invited: bool,
}

/// Completes a user. It makes all calls, each of which can be made twice. The first refusal is the
/// outcome.
pub async fn complete<B: Backend>(
    entries: &Entries<'_, B>,
    record: &UserRecord,
    intent: &Intent,
    target: &TargetUser,
) -> Result<Completed> {
    let Context { pool, restore, .. } = entries.context;
    let username = &target.username;
    let mut refused = None;
    let mut keep_first = |outcome: Outcome| {
        refused.get_or_insert(outcome);
    };
    if intent.invitation.is_none() && !target.has_password {
        // It differs from the temporary password, because a pool may refuse the last few passwords.
        let password = password::random(restore.settings.password_length)?;
        if let Err(error) = pool.set_password(username, &password).await {
            keep_first(entries.refused(error)?);
        }
    }
    let invitation = invite_again(entries, intent, target).await?;
    let not_invited = invitation != Invitation::Settled;
    if let Invitation::Refused(outcome) = invitation {
        keep_first(outcome);
    }
    let mut lacks_name = None;
    match set_preferred_username(entries, record, target).await? {
        Some(outcome @ Outcome::CreatedWithout { .. }) => lacks_name = Some(outcome),
        Some(outcome) => keep_first(outcome),
        None => {}
    }
    match username_for_links(entries, intent, target).await? {
        Ok(username) => {
            for identity in &intent.identities {
                if let Some(outcome) = link(entries, &username, identity).await? {
                    keep_first(outcome);
                }
            }
        }
        Err(outcome) => keep_first(outcome),
    }
    if let Some(codes) = &intent.codes
        && let Err(error) = pool.set_mfa(username, codes).await
    {
        keep_first(entries.refused(error)?);
    }
    // This call comes last, because Cognito may refuse the others for a disabled user.
    if intent.disable
        && let Err(error) = pool.disable_user(username).await
    {
        keep_first(entries.refused(error)?);
    }
    if not_invited {
        refused.get_or_insert(Outcome::CreatedWithout { reason: Reason::NotInvited });
    }
    // A refusal of another call says more.
    let refused = refused.or(lacks_name);
    Ok(Completed { refused, not_invited })
}

/// The username of the user to link, or the outcome if Cognito does not show it.
///
/// AdminLinkProviderForUser takes the username alone: "DestinationUser.ProviderAttributeValue must be
/// the name of the user in the user pool" (API reference). Any other call also takes an alias.
async fn username_for_links<B: Backend>(
    entries: &Entries<'_, B>,
    intent: &Intent,
    target: &TargetUser,
) -> Result<std::result::Result<Username, Outcome>> {
    if intent.identities.is_empty() || !target.is_by_job() {
        return Ok(Ok(target.username.clone()));
    }
    match entries.context.pool.get_user(&target.username).await {
        Ok(user) => Ok(Ok(user.record.username)),
        Err(error) => entries.refused(error).map(Err),
    }
}

/// What became of an invitation that failed.
#[derive(Debug, PartialEq, Eq)]
enum Invitation {
    /// It was sent, or the user needs none.
    Settled,
    /// It was not sent. The next start sends it again.
    NotSent,
    /// Cognito refused the call for another reason.
    Refused(Outcome),
}

/// Sends an invitation again that failed before, or of which no answer is known.
async fn invite_again<B: Backend>(
    entries: &Entries<'_, B>,
    intent: &Intent,
    target: &TargetUser,
) -> Result<Invitation> {
    let Context { pool, restore, .. } = entries.context;
    let (medium, failed) = match (intent.invitation, target.failed_invitation) {
        (Some(medium), Some(failed)) if !target.has_password => (medium, failed),
        _ => return Ok(Invitation::Settled),
    };
    if failed == FailedInvitation::Now {
        return Ok(Invitation::NotSent);
    }
    let password = password::random(restore.settings.password_length)?;
    match pool.invite_again(&target.username, &password, medium).await {
        Ok(()) => Ok(Invitation::Settled),
        Err(error) if error.kind == PoolErrorKind::Undelivered => Ok(Invitation::NotSent),
        Err(error) => entries.refused(error).map(Invitation::Refused),
    }
}

/// Sets the `preferred_username` that Cognito may have refused before the user was confirmed. Returns
/// the outcome if that fails.
async fn set_preferred_username<B: Backend>(
    entries: &Entries<'_, B>,
    record: &UserRecord,
    target: &TargetUser,
) -> Result<Option<Outcome>> {
    let Context { pool, restore, .. } = entries.context;
    let refusable = restore.settings.refusable_until_confirmed(record);
    let Some((name, value)) = refusable.filter(|_| target.lacks_preferred_username) else { return Ok(None) };
    let attributes = [(name.to_owned(), value.to_owned())].into();
    match pool.update_attributes(&target.username, &attributes).await {
        Ok(()) => Ok(None),
        Err(error) if error.kind == PoolErrorKind::AliasTaken => {
            Ok(Some(Outcome::Failed { reason: Reason::AliasTaken }))
        }
        // The user exists, even if Cognito says otherwise.
        Err(error) if may_be_about_confirmation(&error) => {
            let call = Some(error.call());
            Ok(Some(Outcome::CreatedWithout { reason: Reason::PreferredUsernameNotSet { call } }))
        }
        Err(error) => entries.refused(error).map(Some),
    }
}

/// Links an identity to the user. Returns the outcome if that fails.
async fn link<B: Backend>(
    entries: &Entries<'_, B>,
    username: &Username,
    identity: &Identity,
) -> Result<Option<Outcome>> {
    let pool = &entries.context.pool;
    let Err(error) = pool.link_identity(username, identity).await else { return Ok(None) };
    // Cognito refuses a second link with an error that has other causes, too.
    if matches!(
        error.kind,
        PoolErrorKind::InvalidParameter | PoolErrorKind::AliasTaken | PoolErrorKind::Refused
    ) {
        match pool.get_user(username).await {
            Ok(user) if user.record.identities().is_some_and(|linked| linked.contains(identity)) => {
                return Ok(None);
            }
            Ok(_) => {}
            Err(error) => return entries.refused(error).map(Some),
        }
    }
    match error.kind {
        // The pool exists, so the provider is missing.
        PoolErrorKind::NotFound => Ok(Some(Outcome::Failed { reason: reason_of(error) })),
        _ => entries.refused(error).map(Some),
    }
}
