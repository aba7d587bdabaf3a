//! Groups: whether the target can hold those of the snapshot beside its own, and which roles they get.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, ReadRecord};
use crate::model::{Existing, Forecast, GroupRecord, GroupRoles, Listing, RolesForecast, RunId, Snapshot};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::Pool;
use crate::ports::vault::ReadVault;
use crate::{Error, ErrorKind, Guidance, Result};

/// The most groups of a pool. Source: "Quotas in Amazon Cognito", developer guide.
pub const MAX_GROUPS: u64 = 10_000;

/// Counts damaged groups, groups above the target's limit, and the roles of groups that the target lacks.
///
/// # Errors
/// `InvalidInput` if the input maps a role that no group of the snapshot has.
pub async fn count<B: Backend>(context: &Context<B>, forecast: &mut Forecast) -> Result<()> {
    let mut snapshot = read_snapshot(context).await?;
    let known = (&snapshot.roles, snapshot.is_damaged);
    require_known_roles(&context.restore.options.group_roles, &context.restore.snapshot, known)?;
    forecast.damaged_groups = snapshot.damaged;
    forecast.damaged_pages = snapshot.damaged_pages;
    let is_whole = context.selection.is_none();
    let has_roles = !snapshot.with_role.is_empty() || !snapshot.not_selected.is_empty();
    if snapshot.names.is_empty() || (!is_whole && !has_roles) {
        return Ok(());
    }
    let in_target = roles_in_target(context).await?;
    snapshot.with_role.retain(|group| gets_role(context, group, &in_target));
    snapshot.not_selected.retain(|group| !in_target.contains_key(group.name.as_str()));
    forecast.group_roles = roles(context, &snapshot);
    if is_whole {
        let in_target: BTreeSet<String> = in_target.into_keys().collect();
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
    /// The other groups that have a role. The restore creates those of selected users.
    not_selected: Vec<GroupRecord>,
    /// The selected groups whose records cannot be read.
    damaged: u64,
    damaged_pages: u64,
    /// Whether a page or a record cannot be read.
    is_damaged: bool,
}

impl GroupsOfSnapshot {
    fn add(&mut self, name: &str, record: ReadRecord<GroupRecord>, is_selected: impl Fn(&str) -> bool) {
        match record {
            Ok(group) if group.role_arn.is_none() => {}
            Ok(group) if is_selected(group.name.as_str()) => self.with_role.push(group),
            Ok(group) => self.not_selected.push(group),
            Err(_) => {
                self.is_damaged = true;
                self.damaged += u64::from(is_selected(name));
            }
        }
    }
}

async fn read_snapshot<B: Backend>(context: &Context<B>) -> Result<GroupsOfSnapshot> {
    let Context { catalog, restore, selection, .. } = context;
    let is_selected = |name: &str| selection.as_ref().is_none_or(|selection| selection.selects_group(name));
    let (mut groups, mut seen) = (GroupsOfSnapshot::default(), BTreeSet::new());
    for unit in catalog.units(&restore.snapshot).await?.iter().filter(|unit| unit.listing == Listing::Groups)
    {
        for number in 1..=unit.pages {
            let page = catalog.groups_on_page(&restore.source, &restore.snapshot, unit, number).await?;
            groups.is_damaged |= page.is_none();
            groups.damaged_pages += u64::from(page.is_none());
            for (name, record) in page.unwrap_or_default() {
                let name_in_target = |group: &GroupRecord| group.name_in(&restore.source, &restore.target);
                let in_target =
                    record.as_ref().map_or_else(|_| name.clone(), |group| name_in_target(group).to_string());
                groups.names.insert(in_target);
                groups.roles.extend(record.iter().filter_map(|group| group.role_arn.clone()));
                // The restore creates a group that is listed twice from the first record.
                if seen.insert(name.clone()) {
                    groups.add(&name, record, is_selected);
                }
            }
        }
    }
    Ok(groups)
}

/// Checks, before an import begins, that groups of the snapshot have the roles that its input maps.
///
/// # Errors
/// `InvalidInput` if no group has one of them. If the table cannot be read.
pub async fn check_roles<V: ReadVault>(
    catalog: &Catalog<V>,
    snapshot: &Snapshot,
    roles: &GroupRoles,
) -> Result<()> {
    if roles.mapped().next().is_none() {
        return Ok(());
    }
    let (mut known, mut is_damaged) = (BTreeSet::new(), false);
    for unit in catalog.units(&snapshot.id).await?.iter().filter(|unit| unit.listing == Listing::Groups) {
        for number in 1..=unit.pages {
            let page = catalog.groups_on_page(&snapshot.pool, &snapshot.id, unit, number).await?;
            is_damaged |= page.is_none();
            for (_, record) in page.unwrap_or_default() {
                is_damaged |= record.is_err();
                known.extend(record.ok().and_then(|group| group.role_arn));
            }
        }
    }
    require_known_roles(roles, &snapshot.id, (&known, is_damaged))
}

/// Checks that groups of the snapshot have the roles that the input maps, `known` being theirs. A damaged snapshot may
/// have had them.
fn require_known_roles(
    roles: &GroupRoles,
    snapshot: &RunId,
    (known, is_damaged): (&BTreeSet<String>, bool),
) -> Result<()> {
    match roles.mapped().position(|role| !known.contains(role)) {
        Some(place) if !is_damaged => {
            let what = format!(
                "The map of group roles names a role that no group of snapshot {snapshot} has: {}.",
                GroupRoles::entry_name(place, roles.mapped().count())
            );
            let guidance = Guidance::ImportInput(Some("groupRoles".to_owned()));
            Err(Error::new(ErrorKind::InvalidInput, what, guidance))
        }
        _ => Ok(()),
    }
}

/// Whether the restore passes the role of a selected group, or loses it: the target lacks the group,
/// or the restore changes its role.
fn gets_role<B: Backend>(
    context: &Context<B>,
    group: &GroupRecord,
    in_target: &BTreeMap<String, Option<String>>,
) -> bool {
    let options = &context.restore.options;
    match in_target.get(group.name.as_str()) {
        None => true,
        Some(role) => {
            let wanted = options.group_roles.apply(group.clone()).role_arn;
            options.existing == Existing::Update && wanted.is_some() && wanted != *role
        }
    }
}

fn roles<B: Backend>(context: &Context<B>, snapshot: &GroupsOfSnapshot) -> RolesForecast {
    let (options, account) = (&context.restore.options, context.restore.execution.account());
    let mut forecast = RolesForecast::default();
    for group in &snapshot.with_role {
        forecast.count(&options.group_roles.apply(group.clone()), account);
    }
    for group in &snapshot.not_selected {
        forecast.count_if_needed(&options.group_roles.apply(group.clone()));
    }
    forecast
}

/// The groups of the target, by name, with their roles.
async fn roles_in_target<B: Backend>(context: &Context<B>) -> Result<BTreeMap<String, Option<String>>> {
    let mut roles = BTreeMap::new();
    let mut listing = context.new_listing(Listing::Groups.unit_id());
    while !listing.has_ended() {
        let answer = context.pool.list_groups(listing.token()).await;
        let groups = listing.advance(answer)?.into_entries();
        roles.extend(groups.into_iter().map(|group| (group.name.to_string(), group.role_arn)));
    }
    Ok(roles)
}
