//! The second stage: looks up the users of the snapshot that the listing did not show.

use super::compare::{differences, may_be_created, recognised};
use super::marks::Marks;
use crate::Result;
use crate::model::{
    Finding, FindingKind, LedgerPage, Listing, Note, Outcome, Place, Reason, Restore, RestoreUnit, Sub,
    SubMapEntry, User, UserRecord, Verification, VerificationStage,
};
use crate::operations::import::context::Context;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

pub async fn look_up_page<B: Backend>(
    context: &Context<B>,
    users: Option<&RestoreUnit>,
    marks: &mut Marks,
    mut state: Verification,
) -> Result<Verification> {
    let Context { catalog, restore, .. } = context;
    let number = state.next_page;
    let Some(unit) = users.filter(|unit| number <= unit.pages()) else {
        return Ok(Verification { stage: VerificationStage::Done, ..state });
    };
    let marks = marks.of_page(context, state.attempt, number).await?;
    let mut unseen = Vec::new();
    for (place, sub) in present_users(context, unit, number).await? {
        match marks.get(number, place) {
            Some(true) => state.result.different += 1,
            Some(false) => state.result.same += 1,
            None => unseen.push(sub),
        }
    }
    let findings = look_up(context, &unseen).await?;
    catalog.put_findings(&restore.id, restore.pass, &findings).await?;
    let count = |kind| findings.iter().filter(|finding| finding.kind == kind).count() as u64;
    let (missing, different) = (count(FindingKind::Missing), count(FindingKind::Different));
    state.result.missing += missing;
    state.result.different += different;
    state.result.same += unseen.len() as u64 - missing - different;
    state.next_page += 1;
    Ok(state)
}

/// The users of a page that the target has by the ledger, with their places.
async fn present_users<B: Backend>(
    context: &Context<B>,
    unit: &RestoreUnit,
    number: u64,
) -> Result<Vec<(u8, Sub)>> {
    let Context { catalog, restore, .. } = context;
    let ledger = catalog.ledger_page(&restore.id, &unit.id(), number).await?.unwrap_or_default();
    let content = catalog.page_of(&restore.snapshot, &unit.source, number).await?.1.unwrap_or_default();
    let present = content.0.into_iter().enumerate().filter(|(place, _)| is_present(&ledger, *place));
    Ok(present.map(|(place, entry)| (place as u8, Sub::new(entry.key))).collect())
}

/// Whether the target has an entry by the ledger. An empty ledger page says nothing about its
/// entries.
fn is_present(ledger: &LedgerPage, place: usize) -> bool {
    let entries =
        u64::from(ledger.created) + u64::from(ledger.already_there) + ledger.exceptions.len() as u64;
    entries > 0
        && ledger
            .outcome(place)
            .is_none_or(|outcome| matches!(outcome, Outcome::Updated { .. } | Outcome::CreatedWithout { .. }))
}

/// Looks up users one by one.
async fn look_up<B: Backend>(context: &Context<B>, subs: &[Sub]) -> Result<Vec<Finding>> {
    let Context { pool, catalog, restore, .. } = context;
    let entries = catalog.sub_map(restore, subs).await?;
    let mut findings = Vec::new();
    for sub in subs {
        let finding = |kind, fields| Finding { kind, sub: sub.clone(), fields };
        let Some((entry, restored)) =
            entries.get(sub).and_then(|entry| Some((entry, entry.restored.as_ref()?)))
        else {
            findings.push(finding(FindingKind::Missing, Vec::new()));
            continue;
        };
        let is_restored = |user: &User| match &restored.sub {
            Some(sub) => *sub == user.sub,
            None => may_be_created(context, user),
        };
        match pool.get_user(&restored.username).await {
            Ok(user) if is_restored(&user) => {
                let fields = compare(context, entry, &user).await?;
                if !fields.is_empty() {
                    findings.push(finding(FindingKind::Different, fields));
                }
            }
            Err(error) if error.kind != PoolErrorKind::UserNotFound => return Err(context.refused(error)),
            _ => {
                findings.push(finding(FindingKind::Missing, Vec::new()));
                take_back(context, entry).await?;
            }
        }
    }
    Ok(findings)
}

/// Compares a user that was looked up. Returns the fields that differ.
async fn compare<B: Backend>(context: &Context<B>, entry: &SubMapEntry, user: &User) -> Result<Vec<String>> {
    let Context { catalog, restore, .. } = context;
    if let Some(entry) = recognised(entry, user) {
        catalog.put_sub_map(restore, &[entry]).await?;
    }
    let named = [(entry.old_sub.as_str(), entry.digest)];
    let record = catalog.records::<UserRecord>(&restore.source, &named).await?.pop();
    Ok(differences(context, user, entry, record.unwrap_or(Err(Reason::UserMissing))))
}

/// Removes the outcome of a user of an import job from the ledger, because the target lacks the
/// user. The next pass creates the user by calls.
async fn take_back<B: Backend>(context: &Context<B>, entry: &SubMapEntry) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let is_of_job = entry.restored.as_ref().is_some_and(|restored| restored.sub.is_none());
    if !is_of_job {
        return Ok(());
    }
    let named = [(entry.old_sub.as_str(), entry.digest)];
    let record = catalog.records::<UserRecord>(&restore.source, &named).await?.pop();
    let notes = record
        .and_then(std::result::Result::ok)
        .map_or_else(Vec::new, |record| notes_of_job(restore, entry, record));
    let Place { page, place } = entry.place;
    let (unit, key) = (Listing::Users.unit_id(), entry.old_sub.to_string());
    let take_back = |ledger: &mut LedgerPage| ledger.take_back(place.into(), key.clone(), &notes);
    catalog.change_ledger_page(&restore.id, &unit, page, &LedgerPage::default(), take_back).await.map(drop)
}

/// The notes of the report about a user of an import job.
fn notes_of_job(restore: &Restore, entry: &SubMapEntry, mut record: UserRecord) -> Vec<Note> {
    let left_out = restore.leave_out_values(&mut record);
    let Ok(mut intent) = Intent::of(&entry.old_sub, &record, &restore.settings, &restore.options) else {
        return Vec::new();
    };
    intent.note_left_out(&left_out);
    intent.notes_of_job(&record)
}
