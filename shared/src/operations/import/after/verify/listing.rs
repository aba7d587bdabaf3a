//! The first stage: lists the target and compares every user of this restore.

use std::collections::HashMap;

use super::compare::{differences, may_be_created, recognised};
use super::state::VerifyState;
use crate::Result;
use crate::model::{
    Digest, Existing, Finding, FindingKind, NameKey, Sub, SubMapEntry, User, UserRecord, Verification, VerificationStage,
};
use crate::operations::import::break_offs;
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Listed, Pool, PoolErrorKind};

/// Lists the next page of the target and compares it.
pub async fn compare_page<B: Backend>(context: &Context<B>, state: &mut VerifyState) -> Result<()> {
    let Context { pool, catalog, restore, .. } = context;
    let token = state.verification.token.clone();
    let Listed { entries: users, next_token } = match pool.list_users(token.as_deref()).await {
        Ok(listed) if token.is_none() || listed.next_token != token => listed,
        Err(error) if error.kind != PoolErrorKind::InvalidParameter || token.is_none() => {
            return Err(context.refused(error));
        }
        // The token was refused or repeated: the listing starts again.
        _ => return start_again(context, state),
    };
    let (extra, findings) = compare(context, state, &users).await?;
    catalog.put_findings(&restore.id, restore.pass, &findings).await?;
    let verification = &mut state.verification;
    verification.result.extra += extra;
    verification.listed += users.len() as u64;
    if next_token.is_none() {
        verification.stage = VerificationStage::Missing;
    }
    verification.token = next_token;
    Ok(())
}

/// Starts the listing again, under a new attempt with marks of its own.
fn start_again<B: Backend>(context: &Context<B>, state: &mut VerifyState) -> Result<()> {
    let (pool, execution) = (context.pool.id(), &context.restore.execution);
    let before = state.verification.clone();
    let broken_off = break_offs::count(&before.broken_off, execution, pool, "users")?;
    state.verification = Verification { attempt: before.attempt + 1, broken_off, token: None, listed: 0, ..before };
    state.verification.result.extra = 0;
    state.marks.clear();
    Ok(())
}

/// Compares users of the target; returns how many of them are not of this restore, and what was found.
async fn compare<B: Backend>(context: &Context<B>, state: &mut VerifyState, users: &[User]) -> Result<(u64, Vec<Finding>)> {
    let Context { catalog, restore, .. } = context;
    let subs: Vec<Sub> = users.iter().map(|user| user.sub.clone()).collect();
    let mut entries = catalog.restored_as_all(&restore.id, &subs).await?;
    if state.has_users_of_jobs {
        recognise_users_of_jobs(context, users, &mut entries).await?;
    }
    let restored: Vec<(&User, &SubMapEntry)> =
        users.iter().filter_map(|user| entries.get(&user.sub).map(|entry| (user, entry))).collect();
    let named: Vec<(&str, Digest)> = restored.iter().map(|(_, entry)| (entry.old_sub.as_str(), entry.digest)).collect();
    let records = catalog.records::<UserRecord>(&restore.source, &named).await?;

    let extra: Vec<&Sub> = subs.iter().filter(|sub| !entries.contains_key(*sub)).collect();
    let mut findings = Vec::new();
    // If the target may hold other users, they are no finding.
    if restore.options.existing == Existing::Fail {
        let finding = |sub: &&Sub| Finding { kind: FindingKind::Extra, sub: (*sub).clone(), fields: Vec::new() };
        findings.extend(extra.iter().map(finding));
    }
    for ((user, entry), record) in restored.into_iter().zip(records) {
        let Some((page, place)) = entry.page_and_place() else { continue };
        let fields = differences(context, user, entry, record);
        state.mark(page, place, !fields.is_empty());
        if !fields.is_empty() {
            findings.push(Finding { kind: FindingKind::Different, sub: entry.old_sub.clone(), fields });
        }
    }
    Ok((extra.len() as u64, findings))
}

/// Adds the users that import jobs created. No call has shown them before; their sign-in names tell which they are.
async fn recognise_users_of_jobs<B: Backend>(
    context: &Context<B>,
    users: &[User],
    entries: &mut HashMap<Sub, SubMapEntry>,
) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let settings = &restore.settings;
    let new = users.iter().filter(|user| !entries.contains_key(&user.sub) && may_be_created(context, user));
    let name_key = |user: &User| settings.name_there(&user.record).map(|name| settings.name_key(&name));
    let named: Vec<(NameKey, &User)> = new.filter_map(|user| Some((name_key(user)?, user))).collect();
    let keys: Vec<_> = named.iter().map(|(key, _)| *key).collect();
    let in_jobs = catalog.in_jobs(&restore.id, &keys).await?;
    let old_subs: Vec<_> = in_jobs.values().map(|in_job| in_job.old_sub.clone()).collect();
    let mut sub_map = catalog.sub_map(restore, &old_subs).await?;
    let mut found = Vec::new();
    for (key, user) in named {
        // The entry is removed, so that a page that lists a user twice recognises it once.
        let entry = in_jobs.get(&key).and_then(|in_job| sub_map.remove(&in_job.old_sub));
        if let Some(entry) = entry.and_then(|entry| recognised(&entry, user)) {
            entries.insert(user.sub.clone(), entry.clone());
            found.push(entry);
        }
    }
    catalog.put_sub_map(restore, &found).await
}
