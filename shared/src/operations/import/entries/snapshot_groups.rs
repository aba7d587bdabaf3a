//! Groups of the snapshot: where they are, what members must know of them, and what became of them.

use std::collections::{HashMap, HashSet};

use super::groups::Wanted;
use super::state::Entries;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{
    GroupName, GroupRecord, Listing, Operation, Outcome, Pages, Reason, Restore, provider_group_in,
};
use crate::operations::import::context::Context;
use crate::ports::Backend;

/// What members must know of a group of the snapshot.
pub struct GroupOfSnapshot {
    name_in_target: GroupName,
    /// Whether the restore gives it a role, if it creates it.
    gets_role: bool,
}

/// The groups of the snapshot that can be read, by name.
pub type GroupsOfSnapshot = HashMap<GroupName, GroupOfSnapshot>;

/// The name in the target of a group of the snapshot.
pub async fn name_in_target<B: Backend>(entries: &Entries<'_, B>, name: &GroupName) -> Result<GroupName> {
    let Restore { source, target, .. } = &entries.context.restore;
    // Only a group of such a name needs its record, which tells whether the operator made it.
    match provider_group_in(name, source, target) {
        None => Ok(name.clone()),
        Some(of_provider) => {
            let groups = groups_of_snapshot(entries).await?;
            Ok(groups.get(name).map_or(of_provider, |group| group.name_in_target.clone()))
        }
    }
}

/// Whether the restore creates a group for its selected members, and gives it a role.
pub async fn is_created_with_role<B: Backend>(entries: &Entries<'_, B>, name: &GroupName) -> Result<bool> {
    let Context { selection, .. } = entries.context;
    if selection.as_ref().is_none_or(|selection| selection.selects_group(name.as_str())) {
        return Ok(false);
    }
    Ok(groups_of_snapshot(entries).await?.get(name).is_some_and(|group| group.gets_role))
}

async fn groups_of_snapshot<'a, B: Backend>(entries: &'a Entries<'_, B>) -> Result<&'a GroupsOfSnapshot> {
    let read = || async {
        let restore = &entries.context.restore;
        let mut groups = GroupsOfSnapshot::new();
        let pages = group_pages(entries).await?;
        for number in 1..=pages.count() {
            for record in page_of_records(entries, pages, number, |_| true).await?.into_iter().flatten() {
                let name = record.name.clone();
                let Wanted { record, .. } = Wanted::of(record, restore);
                let gets_role = record.role_arn.is_some();
                let group = GroupOfSnapshot { name_in_target: record.name, gets_role };
                groups.entry(name).or_insert(group);
            }
        }
        Ok(groups)
    };
    entries.groups_of_snapshot.get_or_try_init(read).await
}

/// What the ledger says about the groups of the snapshot.
#[derive(Debug, Default)]
pub struct GroupOutcomes {
    /// Groups that this restore created. A ledger page counts groups as created and as already there, but
    /// does not say which is which. If it counts both, it is of no use.
    created: HashSet<GroupName>,
    /// Groups that the target had, or got.
    present: HashSet<GroupName>,
}

/// Whether the ledger says that this restore created a group.
pub async fn is_created<B: Backend>(entries: &Entries<'_, B>, name: &GroupName) -> Result<bool> {
    Ok(group_outcomes(entries).await?.created.contains(name))
}

/// Whether the ledger says that the target had a group, or got it from this restore.
pub async fn is_present<B: Backend>(entries: &Entries<'_, B>, name: &GroupName) -> Result<bool> {
    Ok(group_outcomes(entries).await?.present.contains(name))
}

async fn group_outcomes<'a, B: Backend>(entries: &'a Entries<'_, B>) -> Result<&'a GroupOutcomes> {
    let read = || async {
        let Context { catalog, restore, .. } = entries.context;
        let mut outcomes = GroupOutcomes::default();
        let pages = group_pages(entries).await?;
        for number in 1..=pages.count() {
            let unit = Listing::Groups.unit_id();
            let Some(ledger) = catalog.ledger_page(&restore.id, &unit, number).await? else { continue };
            let content = catalog.page_of(&restore.snapshot, pages, number).await?.1.unwrap_or_default();
            for (place, entry) in content.0.into_iter().enumerate() {
                let (name, outcome) = (GroupName::new(entry.key), ledger.outcome(place));
                let is_created = match outcome {
                    None => ledger.already_there == 0,
                    Some(outcome) => matches!(outcome, Outcome::CreatedWithout { .. }),
                };
                if is_created {
                    outcomes.created.insert(name.clone());
                }
                if outcome.is_none_or(has_group) {
                    outcomes.present.insert(name);
                }
            }
        }
        Ok(outcomes)
    };
    entries.group_outcomes.get_or_try_init(read).await
}

/// Whether the target has a group with this outcome.
fn has_group(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Created
        | Outcome::CreatedWithout { .. }
        | Outcome::AlreadyThere
        | Outcome::Updated { .. } => true,
        Outcome::Skipped { reason } => *reason == Reason::AlreadyInTarget,
        Outcome::Failed { reason } => match reason {
            Reason::GroupDiffers | Reason::RoleNotRestored { .. } => true,
            Reason::Refused { call, .. } => call.operation == Operation::UpdateGroup,
            _ => false,
        },
        Outcome::Pending => false,
    }
}

/// The record of a group of the snapshot.
pub async fn record_of<B: Backend>(
    entries: &Entries<'_, B>,
    name: &GroupName,
) -> Result<ReadRecord<GroupRecord>> {
    let pages = group_pages(entries).await?;
    for number in 1..=pages.count() {
        let found = page_of_records(entries, pages, number, |key| key == name.as_str()).await?.pop();
        if let Some(record) = found {
            return Ok(record);
        }
    }
    Ok(Err(Reason::GroupNotRestored))
}

/// The first place of each group of the snapshot. Cognito may list a group twice, and its settings may
/// have changed in between.
#[derive(Debug, Default)]
pub struct FirstPlaces(HashMap<GroupName, (u64, usize)>);

impl FirstPlaces {
    /// Whether no earlier place of the snapshot names the group.
    pub fn is_first(&self, name: &str, page: u64, place: usize) -> bool {
        self.0.get(&GroupName::new(name)).is_none_or(|first| *first == (page, place))
    }
}

/// The first places of the groups of the snapshot. A page that cannot be read names none.
pub async fn first_places<'a, B: Backend>(entries: &'a Entries<'_, B>) -> Result<&'a FirstPlaces> {
    let read = || async {
        let Context { catalog, restore, .. } = entries.context;
        let mut first = FirstPlaces::default();
        let pages = group_pages(entries).await?;
        for number in 1..=pages.count() {
            let content = catalog.page_of(&restore.snapshot, pages, number).await?.1.unwrap_or_default();
            for (place, entry) in content.0.into_iter().enumerate() {
                first.0.entry(GroupName::new(entry.key)).or_insert((number, place));
            }
        }
        Ok(first)
    };
    entries.first_places_of_groups.get_or_try_init(read).await
}

/// The pages of the groups in the snapshot.
async fn group_pages<'a, B: Backend>(entries: &'a Entries<'_, B>) -> Result<&'a Pages> {
    let read = || async {
        let Context { catalog, restore, .. } = entries.context;
        let units = catalog.restore_units(&restore.id).await?;
        let groups = units.into_iter().find(|unit| unit.listing == Listing::Groups);
        Ok(groups.map(|unit| unit.source).unwrap_or_default())
    };
    entries.group_pages.get_or_try_init(read).await
}

/// The records of the groups on a page whose name is `wanted`.
async fn page_of_records<B: Backend>(
    entries: &Entries<'_, B>,
    pages: &Pages,
    number: u64,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<ReadRecord<GroupRecord>>> {
    let Context { catalog, restore, .. } = entries.context;
    let content = catalog.page_of(&restore.snapshot, pages, number).await?.1.unwrap_or_default();
    let named = content.0.iter().filter(|entry| wanted(&entry.key));
    let named: Vec<_> = named.map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
    catalog.records::<GroupRecord>(&restore.source, &named).await
}
