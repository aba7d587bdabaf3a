//! Finds the user of the target that a user of the snapshot is, or creates it.

use super::lookups::PageLookups;
use super::open_user::OpenUser;
use super::target_user::{Resolution, TargetUser};
use super::{create, existing};
use crate::Result;
use crate::model::{Origin, Outcome, Reason, ScannedUser, Sub, UserRecord, Username};
use crate::operations::import::context::Context;
use crate::operations::import::encounter::{Comparison, Encounter};
use crate::operations::import::entries::state::Entries;
use crate::operations::import::intent::{Intent, NotCreated};
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Resolves a user. `intent` is the restore's intent, or the reason why it creates no user.
pub async fn resolve<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    intent: std::result::Result<&Intent, &NotCreated>,
    lookups: &PageLookups<'_, B>,
) -> Result<Resolution> {
    if let Ok(intent) = intent
        && lookups.is_created_by_job(entries.context, intent, user.at)
    {
        return Ok(Resolution::Found(TargetUser::by_job(intent)));
    }
    let restore = &entries.context.restore;
    let not_created = intent.err().copied();
    let found = lookups.in_target.get(&user.sub);
    let resolved = match Encounter::of(restore, &user.sub, record, not_created, found) {
        Encounter::SignedIn(scanned) => Some(signed_in(scanned.sub.clone(), scanned.username.clone())),
        Encounter::Present(scanned) => resolve_present(entries, user, record, scanned, lookups).await?,
        // The user that the scan has found is another one.
        Encounter::Absent if found.is_some() => None,
        Encounter::Absent => match look_up_signed_in(entries, record, not_created).await? {
            Some(signed_in) => Some(signed_in),
            None => look_up(entries, user, record, intent.ok(), lookups).await?,
        },
    };
    if let Some(resolution) = resolved {
        return Ok(resolution);
    }
    match intent {
        Ok(intent) => create::create(entries, user, record, intent, lookups).await,
        Err(not_created) => Ok(Resolution::Settled(not_created.outcome())),
    }
}

fn signed_in(sub: Sub, username: Username) -> Resolution {
    Resolution::Found(TargetUser::signed_in(sub, username))
}

/// Looks up a federated user that is left to its sign-in: it may have signed in to the target, so that Cognito
/// has created it there. The target scan finds such users. A later pass has no scan.
async fn look_up_signed_in<B: Backend>(
    entries: &Entries<'_, B>,
    record: &UserRecord,
    not_created: Option<NotCreated>,
) -> Result<Option<Resolution>> {
    let Context { pool, restore, .. } = entries.context;
    let is_left = not_created == Some(NotCreated::LeftToSignIn);
    if !is_left || restore.pass == 1 || restore.target_pool().looks_up_before_creation() {
        return Ok(None);
    }
    // Users can choose such a name as their alias.
    let has_name =
        |username: &Username| username.as_str().to_lowercase() == record.username.as_str().to_lowercase();
    match pool.get_user(&record.username).await {
        Ok(now) if now.record.is_federated() && has_name(&now.record.username) => {
            Ok(Some(signed_in(now.sub, now.record.username)))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind == PoolErrorKind::UserNotFound => Ok(None),
        Err(error) => entries.refused(error).map(|outcome| Some(Resolution::Settled(outcome))),
    }
}

/// Resolves a user that the target had before the restore wrote to it. None if it is gone since.
///
/// The restore looks up only users that it will change.
async fn resolve_present<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    scanned: &ScannedUser,
    lookups: &PageLookups<'_, B>,
) -> Result<Option<Resolution>> {
    let Context { pool, catalog, restore, .. } = entries.context;
    let kept = || Outcome::Skipped { reason: Reason::AlreadyInTarget };
    if let Some(entry) = catalog.sub_map_by_new_sub(&restore.id, &scanned.sub).await? {
        return Ok(Some(match entry.origin().filter(|_| entry.old_sub == user.sub) {
            Some(Origin::Kept) => found(scanned, kept()),
            Some(Origin::Created | Origin::Found | Origin::SignedIn) => found(scanned, Outcome::AlreadyThere),
            None => Resolution::failed(Reason::UsernameTaken),
        }));
    }
    match Comparison::of(restore, record, &user.left_out, scanned) {
        Comparison::Same { lacks_left_out } => {
            return Ok(Some(found(scanned, Outcome::AlreadyThere).lacking(lacks_left_out)));
        }
        Comparison::Kept => return Ok(Some(found(scanned, kept()))),
        Comparison::Changed => {}
    }
    match pool.get_user(&scanned.username).await {
        Ok(now) if now.sub == scanned.sub => {
            existing::decide(entries, user, record, &now, Reason::UsernameTaken, lookups).await.map(Some)
        }
        // The user was deleted since the scan. Another user may have its name.
        Ok(_) => Ok(None),
        Err(error) if error.kind == PoolErrorKind::UserNotFound => Ok(None),
        Err(error) => entries.refused(error).map(|outcome| Some(Resolution::Settled(outcome))),
    }
}

fn found(scanned: &ScannedUser, outcome: Outcome) -> Resolution {
    Resolution::Found(TargetUser {
        outcome,
        sub: Some(scanned.sub.clone()),
        username: scanned.username.clone(),
        is_created_by_restore: false,
        is_new: false,
        has_signed_in: false,
        has_password: true,
        failed_invitation: None,
        lacks_left_out: false,
        lacks_preferred_username: false,
    })
}

/// Looks up a user of the own pool that the scan did not find.
///
/// A listing may miss a user that changes meanwhile. If the user's address changed as well, the
/// restore would create the user twice. No look-up is needed in another pool, or if the restore
/// would create the user under the old username. Then Cognito refuses to create a second user.
async fn look_up<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    intent: Option<&Intent>,
    lookups: &PageLookups<'_, B>,
) -> Result<Option<Resolution>> {
    let restore = &entries.context.restore;
    if !restore.target_pool().looks_up_before_creation() || (intent.is_none() && restore.pass == 1) {
        return Ok(None);
    }
    for (username, sub) in candidates(user, record, intent, lookups, restore.pass) {
        match entries.context.pool.get_user(username).await {
            Ok(now) if sub.is_none_or(|sub| *sub == now.sub) => {
                return existing::decide(entries, user, record, &now, Reason::UsernameTaken, lookups)
                    .await
                    .map(Some);
            }
            Ok(_) => {}
            Err(error) if error.kind == PoolErrorKind::UserNotFound => {}
            Err(error) => return entries.refused(error).map(|outcome| Some(Resolution::Settled(outcome))),
        }
    }
    Ok(None)
}

/// The usernames that the user may have in the own pool, each with the `sub` that proves it.
fn candidates<'a, B: Backend>(
    user: &'a OpenUser,
    record: &'a UserRecord,
    intent: Option<&Intent>,
    lookups: &'a PageLookups<'_, B>,
    pass: u32,
) -> Vec<(&'a Username, Option<&'a Sub>)> {
    let mut candidates = Vec::new();
    if intent.is_none_or(|intent| intent.name != record.username) {
        candidates.push((&record.username, Some(&user.sub)));
    }
    let successors = lookups.successors.get(&user.sub).into_iter().flatten();
    candidates.extend(successors.map(|successor| (&successor.username, successor.sub.as_ref())));
    // Cognito gives the name of an identity to no other user, so the name needs no proof.
    if record.is_federated() && pass > 1 {
        candidates.push((&record.username, None));
    }
    candidates
}
