//! Groups: whether the target can hold those of the snapshot beside its own, and which roles they get.

use std::collections::BTreeSet;

use crate::catalog::ReadRecord;
use crate::model::{Forecast, GroupRecord, Listing, RolesForecast};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::Pool;
use crate::{Error, ErrorKind, Guidance, Result};

/// The most groups of a pool. Source: "Quotas in Amazon Cognito", developer guide.
pub const MAX_GROUPS: u64 = 10_000;

/// Counts the groups above the target's limit, and the roles of groups that the target lacks.
///
/// # Errors
/// `InvalidInput` if the input maps a role that no group of the snapshot has.
pub async fn count<B: Backend>(context: &Context<B>, forecast: &mut Forecast) -> Result<()> {
    let mut snapshot = read_snapshot(context).await?;
    require_known_roles(context, &snapshot)?;
    let is_whole = context.selection.is_none();
    if snapshot.names.is_empty() || (!is_whole && snapshot.with_role.is_empty()) {
        return Ok(());
    }
    let in_target = names_in_target(context).await?;
    snapshot.with_role.retain(|group| !in_target.contains(group.name.as_str()));
    forecast.group_roles = roles(context, &snapshot.with_role);
    if is_whole {
        let groups = snapshot.names.union(&in_target).count() as u64;
        forecast.groups_too_many = groups.saturating_sub(MAX_GROUPS);
    }
    Ok(())
}

/// The groups of the snapshot.
#[derive(Default)]
struct GroupsOfSnapshot {
    /// In the target.
    names: BTreeSet<String>,
    /// The roles of all groups.
    roles: BTreeSet<String>,
    /// The selected groups that have a role.
    with_role: Vec<GroupRecord>,
    /// Whether a page or a record cannot be read.
    is_damaged: bool,
}

impl GroupsOfSnapshot {
    fn add(&mut self, record: ReadRecord<GroupRecord>, is_selected: impl Fn(&str) -> bool) {
        match record {
            Ok(group) => {
                self.roles.extend(group.role_arn.clone());
                if group.role_arn.is_some() && is_selected(group.name.as_str()) {
                    self.with_role.push(group);
                }
            }
            Err(_) => self.is_damaged = true,
        }
    }
}

async fn read_snapshot<B: Backend>(context: &Context<B>) -> Result<GroupsOfSnapshot> {
    let Context { catalog, restore, selection, .. } = context;
    let is_selected = |name: &str| selection.as_ref().is_none_or(|selection| selection.selects_group(name));
    let mut groups = GroupsOfSnapshot::default();
    for unit in catalog.units(&restore.snapshot).await?.iter().filter(|unit| unit.listing == Listing::Groups)
    {
        for number in 1..=unit.pages {
            let (_, page) = catalog.page(&restore.snapshot, &unit.id(), unit.attempt, number).await?;
            groups.is_damaged |= page.is_none();
            let entries = page.unwrap_or_default().0;
            let named: Vec<_> =
                entries.iter().map(|entry| (entry.key.as_str(), entry.digest.unwrap_or_default())).collect();
            let records = catalog.records::<GroupRecord>(&restore.source, &named).await?;
            for ((name, _), record) in named.into_iter().zip(records) {
                let name_in_target = |group: &GroupRecord| group.name_in(&restore.source, &restore.target);
                let name = record
                    .as_ref()
                    .map_or_else(|_| name.to_owned(), |group| name_in_target(group).to_string());
                groups.names.insert(name);
                groups.add(record, is_selected);
            }
        }
    }
    Ok(groups)
}

/// Checks that groups of the snapshot have the roles that the input maps. A damaged snapshot may
/// have had them.
fn require_known_roles<B: Backend>(context: &Context<B>, snapshot: &GroupsOfSnapshot) -> Result<()> {
    let mut mapped = context.restore.options.group_roles.mapped();
    match mapped.position(|role| !snapshot.roles.contains(role)) {
        Some(place) if !snapshot.is_damaged => {
            let what = format!(
                "The map of group roles names a role that no group of snapshot {} has: entry {}, in the order of the ARNs.",
                context.restore.snapshot,
                place + 1
            );
            let guidance = Guidance::ImportInput(Some("groupRoles".to_owned()));
            Err(Error::new(ErrorKind::InvalidInput, what, guidance))
        }
        _ => Ok(()),
    }
}

fn roles<B: Backend>(context: &Context<B>, groups: &[GroupRecord]) -> RolesForecast {
    let (options, account) = (&context.restore.options, context.restore.execution.account());
    let mut forecast = RolesForecast::default();
    for group in groups {
        forecast.count(&options.group_roles.apply(group.clone()), account);
    }
    forecast
}

async fn names_in_target<B: Backend>(context: &Context<B>) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut listing = context.new_listing(Listing::Groups.unit_id());
    while !listing.has_ended() {
        let answer = context.pool.list_groups(listing.token()).await;
        let groups = listing.advance(answer)?.into_entries();
        names.extend(groups.into_iter().map(|group| group.name.to_string()));
    }
    Ok(names)
}
