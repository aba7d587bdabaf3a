//! Finds the user of the target that a user of the snapshot is, or creates it.

use super::lookups::PageLookups;
use super::open_user::OpenUser;
use super::target_user::{Resolution, TargetUser};
use super::{create, existing};
use crate::Result;
use crate::model::{Existing, Origin, Outcome, Reason, ScannedUser, Sub, UserRecord, Username};
use crate::operations::import::context::Context;
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
    if matches!(intent, Err(NotCreated::LeftToSignIn))
        && let Some(signed_in) = signed_in(entries, user, record, lookups).await?
    {
        return Ok(signed_in);
    }
    let may_exist = intent.is_ok() || entries.context.restore.target_pool().may_hold_uncreatable_users();
    if may_exist
        && let Some(resolution) = resolve_existing(entries, user, record, intent.ok(), lookups).await?
    {
        return Ok(resolution);
    }
    match intent {
        Ok(intent) => create::create(entries, user, record, intent, lookups).await,
        Err(not_created) => Ok(Resolution::Settled(not_created.outcome())),
    }
}

/// A federated user that has signed in to the target, so that Cognito has created it there. None if
/// it has not, or if the target is the own pool and the restore may change the user.
///
/// The target scan finds such users. Without it, a later pass looks up each of them.
async fn signed_in<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    lookups: &PageLookups<'_, B>,
) -> Result<Option<Resolution>> {
    let Context { pool, restore, .. } = entries.context;
    let found = |sub, username| Some(Resolution::Found(TargetUser::signed_in(sub, username)));
    let is_itself = |sub: &Sub| restore.target_pool().has_snapshot_subs() && *sub == user.sub;
    // Users can sign up under such a name, or choose it as their alias.
    let has_name =
        |username: &Username| username.as_str().to_lowercase() == record.username.as_str().to_lowercase();
    if let Some(scanned) = lookups.in_target.get(&user.sub) {
        let stays = !restore.target_pool().has_snapshot_subs() || restore.options.existing == Existing::Skip;
        let is_left =
            stays && scanned.is_federated && has_name(&scanned.username) && !is_itself(&scanned.sub);
        return Ok(found(scanned.sub.clone(), scanned.username.clone()).filter(|_| is_left));
    }
    if restore.pass == 1 || restore.target_pool().looks_up_before_creation() {
        return Ok(None);
    }
    match pool.get_user(&record.username).await {
        Ok(now) if now.record.is_federated() && has_name(&now.record.username) => {
            Ok(found(now.sub, now.record.username))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind == PoolErrorKind::UserNotFound => Ok(None),
        Err(error) => entries.refused(error).map(|outcome| Some(Resolution::Settled(outcome))),
    }
}

/// Resolves a user that the target had before the restore wrote to it. None if the scan did not
/// find the user.
///
/// The restore looks up only users that it will change.
async fn resolve_existing<B: Backend>(
    entries: &Entries<'_, B>,
    user: &OpenUser,
    record: &UserRecord,
    intent: Option<&Intent>,
    lookups: &PageLookups<'_, B>,
) -> Result<Option<Resolution>> {
    let Context { pool, catalog, restore, .. } = entries.context;
    let Some(scanned) = lookups.in_target.get(&user.sub) else {
        return look_up(entries, user, record, intent, lookups).await;
    };
    let kept = || Outcome::Skipped { reason: Reason::AlreadyInTarget };
    if let Some(entry) = catalog.sub_map_by_new_sub(&restore.id, &scanned.sub).await? {
        return Ok(Some(match entry.origin().filter(|_| entry.old_sub == user.sub) {
            Some(Origin::Kept) => found(scanned, kept()),
            Some(Origin::Created | Origin::Found | Origin::SignedIn) => found(scanned, Outcome::AlreadyThere),
            None => Resolution::failed(Reason::UsernameTaken),
        }));
    }
    if scanned.content == record.kept_digest(restore.options.old_sub_attribute.as_deref()) {
        let lacks = user.left_out.iter().any(|name| !scanned.left_out.contains(name));
        return Ok(Some(found(scanned, Outcome::AlreadyThere).lacking(lacks)));
    }
    if restore.options.existing == Existing::Skip {
        return Ok(Some(found(scanned, kept())));
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
