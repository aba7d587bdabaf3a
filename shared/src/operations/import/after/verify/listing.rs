//! The first stage: lists the target and compares every user of this restore.

use std::collections::HashMap;

use super::compare::{differences, may_be_created, recognised};
use super::marks::Marks;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{
    Digest, Existing, Finding, FindingKind, Listing, NameKey, Place, Sub, SubMapEntry, User, UserRecord,
    Verification, VerificationStage,
};
use crate::operations::import::context::Context;
use crate::operations::second_look::lasting_differences;
use crate::pacing::Step;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Lists the next page of the target and compares it.
pub async fn compare_page<B: Backend>(
    context: &Context<B>,
    marks: &mut Marks,
    has_users_of_jobs: bool,
    mut state: Verification,
) -> Result<Verification> {
    let Context { pool, catalog, restore, .. } = context;
    let mut listing = context.resume_listing(Listing::Users.unit_id(), state.position);
    let answer = pool.list_users(listing.limit(), listing.token()).await;
    match listing.advance(answer)? {
        Step::Page(users) => {
            let (extra, findings) = compare(context, marks, has_users_of_jobs, &users).await?;
            catalog.put_findings(&restore.id, restore.pass, &findings).await?;
            state.result.extra += extra;
            state.listed += users.len() as u64;
        }
        // The next attempt writes its own marks.
        Step::Restarted => {
            state.attempt += 1;
            state.listed = 0;
            state.result.extra = 0;
            marks.clear();
        }
    }
    if listing.has_ended() {
        state.stage = VerificationStage::Missing;
    }
    Ok(Verification { position: listing.into_position(), ..state })
}

/// Compares users of the target. Returns how many of them are not of this restore, and the
/// findings.
async fn compare<B: Backend>(
    context: &Context<B>,
    marks: &mut Marks,
    has_users_of_jobs: bool,
    users: &[User],
) -> Result<(u64, Vec<Finding>)> {
    let Context { catalog, restore, .. } = context;
    let subs: Vec<Sub> = users.iter().map(|user| user.sub.clone()).collect();
    let mut entries = catalog.sub_map_by_new_subs(&restore.id, &subs).await?;
    if has_users_of_jobs {
        recognise_users_of_jobs(context, users, &mut entries).await?;
    }
    let restored: Vec<(&User, &SubMapEntry)> =
        users.iter().filter_map(|user| entries.get(&user.sub).map(|entry| (user, entry))).collect();
    let named: Vec<(&str, Digest)> =
        restored.iter().map(|(_, entry)| (entry.old_sub.as_str(), entry.digest)).collect();
    let records = catalog.records::<UserRecord>(&restore.source, &named).await?;

    let extra: Vec<&Sub> = subs.iter().filter(|sub| !entries.contains_key(*sub)).collect();
    let mut findings = Vec::new();
    // If the target may hold other users, they are no finding.
    if restore.options.existing == Existing::Fail {
        let finding = |sub: &&Sub| Finding::new(FindingKind::Extra, (*sub).clone(), Vec::new());
        findings.extend(extra.iter().map(finding));
    }
    for ((user, entry), record) in restored.into_iter().zip(records) {
        let Place { page, place } = entry.place;
        let Some(fields) = look_again(context, user, entry, record).await? else { continue };
        marks.add(page, place, !fields.is_empty());
        if !fields.is_empty() {
            findings.push(Finding::new(FindingKind::Different, entry.old_sub.clone(), fields));
        }
    }
    Ok((extra.len() as u64, findings))
}

/// The fields that differ. A user that differs in the listing is looked up, because a listing may
/// show a change some seconds late. None if the look-up does not find the user: the second stage
/// decides then.
async fn look_again<B: Backend>(
    context: &Context<B>,
    user: &User,
    entry: &SubMapEntry,
    record: ReadRecord<UserRecord>,
) -> Result<Option<Vec<String>>> {
    let fields = differences(context, user, entry, record.clone());
    if fields.is_empty() || record.is_err() {
        return Ok(Some(fields));
    }
    let second_look = async {
        match context.pool.get_user(&user.record.username).await {
            Ok(now) => Ok(Some(now).filter(|now| now.sub == user.sub)),
            Err(error) if error.kind == PoolErrorKind::UserNotFound => Ok(None),
            Err(error) => Err(context.refused(error)),
        }
    };
    lasting_differences(fields, second_look, |now| differences(context, now, entry, record)).await
}

/// Adds the users that import jobs created. No call has shown them before. Their sign-in names tell
/// which users of the snapshot they are.
async fn recognise_users_of_jobs<B: Backend>(
    context: &Context<B>,
    users: &[User],
    entries: &mut HashMap<Sub, SubMapEntry>,
) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let settings = &restore.settings;
    let new = users.iter().filter(|user| !entries.contains_key(&user.sub) && may_be_created(context, user));
    let name_key =
        |user: &User| settings.name_of_target_user(&user.record).map(|name| settings.name_key(&name));
    let named: Vec<(NameKey, &User)> = new.filter_map(|user| Some((name_key(user)?, user))).collect();
    let keys: Vec<_> = named.iter().map(|(key, _)| *key).collect();
    let in_jobs = catalog.users_in_jobs(&restore.id, &keys).await?;
    let old_subs: Vec<_> = in_jobs.values().map(|in_job| in_job.old_sub.clone()).collect();
    let mut sub_map = catalog.sub_map(restore, &old_subs).await?;
    let mut found = Vec::new();
    for (key, user) in named {
        // The entry is removed, so that a page that lists a user twice recognises the user once.
        let entry = in_jobs.get(&key).and_then(|in_job| sub_map.remove(&in_job.old_sub));
        if let Some(entry) = entry.and_then(|entry| recognised(&entry, user)) {
            entries.insert(user.sub.clone(), entry.clone());
            found.push(entry);
        }
    }
    catalog.put_sub_map(restore, &found).await
}
