//! Groups: created with their settings. An existing group is left or updated.

use super::creations::PageCreations;
use super::entry::{Handled, OpenPage};
use super::state::Entries;
use super::update;
use super::workers::Worked;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{Digest, Existing, GroupName, GroupRecord, Listing, Outcome, Reason};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// Restores the open groups of a page.
pub async fn restore<B: Backend>(entries: &Entries<'_, B>, page: &OpenPage<'_>) -> Result<Worked> {
    let Context { catalog, restore, selection, .. } = entries.context;
    let open = page.open.iter().filter_map(|&place| page.content.0.get(place).map(|entry| (place, entry)));
    let (places, named): (Vec<usize>, Vec<(&str, Digest)>) =
        open.map(|(place, entry)| (place, (entry.key.as_str(), entry.digest.unwrap_or_default()))).unzip();
    let records = catalog.records::<GroupRecord>(&restore.source, &named).await?;
    let creations = PageCreations::of(entries.context, page);
    let is_left_out = |name: &str| selection.as_ref().is_some_and(|selection| !selection.selects_group(name));
    let groups = places.into_iter().zip(named).zip(records).map(|((place, (name, _)), record)| {
        let record = if is_left_out(name) { Err(Reason::NotSelected) } else { record };
        (place, restore_group(entries, record, &creations))
    });
    let groups = groups.collect();
    Ok(entries.workers.run(page.unit.listing.kind(), groups, &entries.handled).await)
}

async fn restore_group<B: Backend>(
    entries: &Entries<'_, B>,
    record: ReadRecord<GroupRecord>,
    creations: &PageCreations<'_, B>,
) -> Result<Handled> {
    let record = match record {
        Ok(record) => record,
        Err(reason @ Reason::NotSelected) => return Ok(Outcome::Skipped { reason }.into()),
        Err(reason) => return Ok(Outcome::Failed { reason }.into()),
    };
    creations.note().await?;
    let outcome = match entries.context.pool.create_group(&record).await {
        Ok(()) => Outcome::Created,
        Err(error) if error.kind == PoolErrorKind::AlreadyExists => {
            settle_existing(entries, &record, creations).await?
        }
        Err(error) => entries.refused(error)?,
    };
    Ok(outcome.into())
}

/// Settles a group that exists. An earlier invocation, a call with a lost reply or the owner of the
/// pool may have created it.
async fn settle_existing<B: Backend>(
    entries: &Entries<'_, B>,
    record: &GroupRecord,
    creations: &PageCreations<'_, B>,
) -> Result<Outcome> {
    let Context { pool, restore, .. } = entries.context;
    let existing = match pool.get_group(&record.name).await {
        Ok(existing) => existing,
        Err(error) => return entries.refused(error),
    };
    if existing.same_settings(record) {
        let is_created = creations.cover(existing.created).await?;
        return Ok(if is_created { Outcome::Created } else { Outcome::AlreadyThere });
    }
    match restore.options.existing {
        Existing::Fail => Ok(Outcome::Failed { reason: Reason::GroupDiffers }),
        Existing::Skip => Ok(Outcome::Skipped { reason: Reason::AlreadyInTarget }),
        Existing::Update => match pool.update_group(record).await {
            // Cognito cannot remove a role or a precedence.
            Ok(()) if update::has_more_than(&existing, record) => {
                Ok(Outcome::Failed { reason: Reason::GroupDiffers })
            }
            Ok(()) => Ok(Outcome::Updated { changed: existing.settings_unlike(record) }),
            Err(error) => entries.refused(error),
        },
    }
}

/// Creates a group that the selection does not name, because a selected user is a member. Returns
/// the outcome if that fails.
pub async fn create_for_member<B: Backend>(
    entries: &Entries<'_, B>,
    name: &GroupName,
) -> Result<Option<Outcome>> {
    let record = match record_of(entries, name).await? {
        Ok(record) => record,
        Err(reason) => return Ok(Some(Outcome::Failed { reason })),
    };
    match entries.context.pool.create_group(&record).await {
        Ok(()) => Ok(None),
        // Another member has created it already.
        Err(error) if error.kind == PoolErrorKind::AlreadyExists => Ok(None),
        Err(error) => entries.refused(error).map(Some),
    }
}

async fn record_of<B: Backend>(
    entries: &Entries<'_, B>,
    name: &GroupName,
) -> Result<ReadRecord<GroupRecord>> {
    let Context { catalog, restore, .. } = entries.context;
    let units = catalog.restore_units(&restore.id).await?;
    let groups = units.into_iter().find(|unit| unit.listing == Listing::Groups);
    let groups = groups.map(|unit| unit.source).unwrap_or_default();
    for number in 1..=groups.count() {
        let content = catalog.page_of(&restore.snapshot, &groups, number).await?.1.unwrap_or_default();
        let Some(entry) = content.0.into_iter().find(|entry| entry.key == name.as_str()) else { continue };
        let named = [(entry.key.as_str(), entry.digest.unwrap_or_default())];
        let record = catalog.records::<GroupRecord>(&restore.source, &named).await?.pop();
        return Ok(record.unwrap_or(Err(Reason::GroupMissing)));
    }
    Ok(Err(Reason::GroupMissing))
}
