//! The second stage: looks up the users of the snapshot that the listing did not show.

use std::collections::HashSet;

use super::compare::{differences, may_be_created, recognised};
use super::marks::Marks;
use crate::Result;
use crate::model::{
    Finding, FindingKind, LedgerPage, Listing, Note, Origin, Outcome, Place, Reason, Restore, RestoreUnit,
    Sub, SubMapEntry, User, UserRecord, Verification, VerificationStage,
};
use crate::operations::import::context::Context;
use crate::operations::import::intent::Intent;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

pub async fn look_up_page<B: Backend>(
    context: &Context<B>,
    units: &[RestoreUnit],
    marks: &mut Marks,
    mut state: Verification,
) -> Result<Verification> {
    let Context { catalog, restore, .. } = context;
    let number = state.next_page;
    let users = units.iter().find(|unit| unit.listing == Listing::Users);
    let Some(unit) = users.filter(|unit| number <= unit.pages()) else {
        let has_taken_back = catalog.has_taken_back(&restore.id, restore.pass).await?;
        let stage = if has_taken_back { VerificationStage::Memberships } else { VerificationStage::Done };
        return Ok(Verification { stage, ..state });
    };
    let marks = marks.of_page(context, state.attempt, number).await?;
    let mut unseen = Vec::new();
    let users = users_of_page(context, unit, number).await?;
    let mut without_values = HashSet::new();
    for PresentUser { place, sub, lacks_values } in users.present {
        match marks.get(number, place) {
            Some(true) => state.result.different += 1,
            Some(false) if lacks_values => state.result.without_refused_values += 1,
            Some(false) => state.result.same += 1,
            None => {
                if lacks_values {
                    without_values.insert(sub.clone());
                }
                unseen.push(sub);
            }
        }
    }
    let (findings, lost) = look_up(context, &unseen).await?;
    // The findings come before the ledger. Another invocation then counts the users that this one takes back.
    catalog.put_findings(&restore.id, restore.pass, &findings).await?;
    for entry in &lost {
        take_back(context, entry).await?;
    }
    let taken_back = catalog.taken_back(&restore.id, restore.pass, &users.lost).await?.len() as u64;
    let count = |kind| findings.iter().filter(|finding| finding.kind == kind).count() as u64;
    let (missing, different) = (count(FindingKind::Missing), count(FindingKind::Different));
    state.result.missing += missing + taken_back;
    state.result.different += different;
    without_values.retain(|sub| findings.iter().all(|finding| finding.sub != *sub));
    let without_values = without_values.len() as u64;
    state.result.without_refused_values += without_values;
    state.result.same += unseen.len() as u64 - missing - different - without_values;
    state.next_page += 1;
    Ok(state)
}

/// Users of a page, by their outcomes in the ledger.
struct UsersOfPage {
    /// The users that the target has.
    present: Vec<PresentUser>,
    /// The users that the target had and lost.
    lost: Vec<Sub>,
}

/// A user that the target has, by the ledger.
struct PresentUser {
    place: u8,
    sub: Sub,
    /// Whether the restore left out values that the target refuses.
    lacks_values: bool,
}

async fn users_of_page<B: Backend>(
    context: &Context<B>,
    unit: &RestoreUnit,
    number: u64,
) -> Result<UsersOfPage> {
    let Context { catalog, restore, .. } = context;
    let ledger = catalog.ledger_page(&restore.id, &unit.id(), number).await?.unwrap_or_default();
    let content = catalog.page_of(&restore.snapshot, &unit.source, number).await?.1.unwrap_or_default();
    let mut users = UsersOfPage { present: Vec::new(), lost: Vec::new() };
    for (place, entry) in content.0.into_iter().enumerate() {
        if ledger.is_present(place) {
            let lacks_values = ledger.lacks_values(place);
            users.present.push(PresentUser { place: place as u8, sub: Sub::new(entry.key), lacks_values });
        } else if matches!(ledger.outcome(place), Some(Outcome::Failed { reason: Reason::UserMissing })) {
            users.lost.push(Sub::new(entry.key));
        }
    }
    Ok(users)
}

/// Looks up users one by one. Returns the findings, and the entries of the users that the ledger takes back.
async fn look_up<B: Backend>(context: &Context<B>, subs: &[Sub]) -> Result<(Vec<Finding>, Vec<SubMapEntry>)> {
    let Context { pool, catalog, restore, .. } = context;
    let mut entries = catalog.sub_map(restore, subs).await?;
    let (mut findings, mut lost) = (Vec::new(), Vec::new());
    for sub in subs {
        let entry = entries.remove(sub).and_then(|entry| Some((entry.restored.clone()?, entry)));
        let Some((restored, entry)) = entry else {
            findings.push(Finding::new(FindingKind::Missing, sub.clone(), Vec::new()));
            continue;
        };
        let is_restored = |user: &User| match &restored.sub {
            Some(sub) => *sub == user.sub,
            None => may_be_created(context, user),
        };
        match pool.get_user(&restored.username).await {
            Ok(user) if is_restored(&user) => {
                let fields = compare(context, &entry, &user).await?;
                if !fields.is_empty() {
                    findings.push(Finding::new(FindingKind::Different, sub.clone(), fields));
                }
            }
            Err(error) if error.kind != PoolErrorKind::UserNotFound => return Err(context.refused(error)),
            _ => {
                let taken_back = is_taken_back(restore, &entry);
                let finding = Finding::new(FindingKind::Missing, sub.clone(), Vec::new());
                findings.push(Finding { taken_back, ..finding });
                lost.extend(taken_back.then_some(entry));
            }
        }
    }
    Ok((findings, lost))
}

/// Whether the next pass restores a user that the target has lost.
///
/// The restore creates again only what it created. Other users existed before it: the operator may have
/// deleted them on purpose. After the restore has succeeded, this holds for every user.
fn is_taken_back(restore: &Restore, entry: &SubMapEntry) -> bool {
    entry.origin() == Some(Origin::Created) && !restore.has_succeeded
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

/// Removes the outcome of a user from the ledger, because the target lacks the user.
async fn take_back<B: Backend>(context: &Context<B>, entry: &SubMapEntry) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let named = [(entry.old_sub.as_str(), entry.digest)];
    let record = catalog.records::<UserRecord>(&restore.source, &named).await?.pop();
    let notes = record
        .and_then(std::result::Result::ok)
        .map_or_else(Vec::new, |record| notes_of(restore, entry, record));
    let Place { page, place } = entry.place;
    let (unit, key) = (Listing::Users.unit_id(), entry.old_sub.to_string());
    let take_back = |ledger: &mut LedgerPage| {
        // A later pass may have restored the user already.
        if ledger.pass <= restore.pass {
            ledger.take_back(place.into(), key.clone(), &notes);
        }
    };
    catalog.change_ledger_page(&restore.id, &unit, page, &LedgerPage::default(), take_back).await.map(drop)
}

/// The notes of the report about a user that the restore created.
fn notes_of(restore: &Restore, entry: &SubMapEntry, mut record: UserRecord) -> Vec<Note> {
    let left_out = restore.leave_out_values(&mut record);
    let Ok(mut intent) = Intent::of(&entry.old_sub, &record, &restore.settings, &restore.options) else {
        return Vec::new();
    };
    intent.note_left_out(&left_out);
    if entry.is_by_job() {
        return intent.notes_of_job(&record);
    }
    intent.notes.retain(|note| *note != Note::Invited || !entry.not_invited);
    intent.notes
}
