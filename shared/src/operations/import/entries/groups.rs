//! Groups: created with their settings. An existing group is left or updated.

use std::time::Duration;

use super::entry::{Handled, OpenPage};
use super::refused_entry::reason_of;
use super::state::Entries;
use super::update;
use super::workers::Worked;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{
    Digest, Existing, GroupName, GroupRecord, GroupRoles, Listing, Note, Outcome, Reason, Restore,
    provider_group_in,
};
use crate::operations::import::context::Context;
use crate::operations::import::creation_time;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolError, PoolErrorKind, PoolResult};

/// Restores the open groups of a page.
pub async fn restore<B: Backend>(entries: &Entries<'_, B>, page: &OpenPage<'_>) -> Result<Worked> {
    let Context { catalog, restore, selection, .. } = entries.context;
    let open = page.open.iter().filter_map(|&place| page.content.0.get(place).map(|entry| (place, entry)));
    let (places, named): (Vec<usize>, Vec<(&str, Digest)>) =
        open.map(|(place, entry)| (place, (entry.key.as_str(), entry.digest.unwrap_or_default()))).unzip();
    let records = catalog.records::<GroupRecord>(&restore.source, &named).await?;
    let is_left_out = |name: &str| selection.as_ref().is_some_and(|selection| !selection.selects_group(name));
    let groups = places.into_iter().zip(named).zip(records).map(|((place, (name, _)), record)| {
        let record = if is_left_out(name) { Err(Reason::NotSelected) } else { record };
        (place, restore_group(entries, record))
    });
    let groups = groups.collect();
    Ok(entries.workers.run(page.unit.listing.kind(), groups, &entries.handled).await)
}

async fn restore_group<B: Backend>(
    entries: &Entries<'_, B>,
    record: ReadRecord<GroupRecord>,
) -> Result<Handled> {
    let record = match record {
        Ok(record) => record,
        Err(reason @ Reason::NotSelected) => return Ok(Outcome::Skipped { reason }.into()),
        Err(reason) => return Ok(Outcome::Failed { reason }.into()),
    };
    let wanted = Wanted::of(record, &entries.context.restore);
    let mut again_after = AGAIN_AFTER.into_iter();
    loop {
        let answer = match create(entries, &wanted.record).await {
            Err(error) if error.kind == PoolErrorKind::AlreadyExists && wanted.is_of_provider => {
                Answer::Settled(Outcome::AlreadyThere)
            }
            Err(error) if error.kind == PoolErrorKind::AlreadyExists => {
                settle_existing(entries, &wanted).await?
            }
            Ok(created) => Answer::Settled(created.outcome()),
            Err(error) => Answer::Settled(entries.refused(error)?),
        };
        match (answer, again_after.next()) {
            (Answer::Settled(outcome), _) => return Ok(wanted.handled(outcome)),
            (Answer::Contradiction(_), Some(wait)) => tokio::time::sleep(wait).await,
            (Answer::Contradiction(error), None) => {
                return Ok(Outcome::Failed { reason: reason_of(error) }.into());
            }
        }
    }
}

/// The waits before the restore asks about a group again, if Cognito says that it exists, and then
/// that it does not. Such answers end after a while.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// What Cognito says about a group that exists.
enum Answer {
    Settled(Outcome),
    /// Cognito said that the group exists, and now says that it does not.
    Contradiction(PoolError),
}

/// A group as the restore creates it.
struct Wanted {
    record: GroupRecord,
    /// Whether the group loses its role because the input says so.
    leaves_out_role: bool,
    /// Whether the roles of existing groups count.
    compares_roles: bool,
    /// Whether Cognito made the group for an identity provider. The target's own group stays as it is.
    is_of_provider: bool,
}

impl Wanted {
    fn of(record: GroupRecord, restore: &Restore) -> Self {
        let roles = &restore.options.group_roles;
        let had_role = record.role_arn.is_some();
        let name = record.name_in(&restore.source, &restore.target);
        let is_of_provider = name != record.name;
        let record = roles.apply(GroupRecord { name, ..record });
        let leaves_out_role = had_role && record.role_arn.is_none();
        Self { record, leaves_out_role, compares_roles: *roles != GroupRoles::Skip, is_of_provider }
    }

    /// The settings of a group that differ from the wanted ones.
    fn settings_unlike(&self, existing: &GroupRecord) -> Vec<String> {
        let mut settings = existing.settings_unlike(&self.record);
        settings.retain(|name| name != ROLE || self.compares_roles);
        settings
    }

    fn handled(&self, outcome: Outcome) -> Handled {
        let has_group = matches!(outcome, Outcome::Created | Outcome::AlreadyThere | Outcome::Updated { .. });
        let notes = (self.leaves_out_role && has_group).then_some(Note::RoleLeftOut);
        Handled { notes: notes.into_iter().collect(), ..outcome.into() }
    }
}

/// The name of the role among the settings of a group.
const ROLE: &str = "role";

/// How a group was created.
enum Created {
    Whole,
    /// Without its role, which could not be passed.
    WithoutRole,
}

impl Created {
    fn outcome(self) -> Outcome {
        match self {
            Self::Whole => Outcome::Created,
            Self::WithoutRole => Outcome::CreatedWithout { reason: Reason::RoleNotRestored },
        }
    }
}

/// Creates a group. If its role may be the reason why Cognito refuses it, creates it without the
/// role.
async fn create<B: Backend>(entries: &Entries<'_, B>, wanted: &GroupRecord) -> PoolResult<Created> {
    let pool = &entries.context.pool;
    match pool.create_group(wanted).await {
        Err(error) if is_about_role(wanted, &error) => {
            pool.create_group(&without_role(wanted)).await.map(|()| Created::WithoutRole)
        }
        answer => answer.map(|()| Created::Whole),
    }
}

fn without_role(wanted: &GroupRecord) -> GroupRecord {
    GroupRecord { role_arn: None, ..wanted.clone() }
}

/// Whether a refusal may be about the role of a group. A missing `iam:PassRole` and a missing
/// permission for the call have the same error. No role of another account can be passed. Source:
/// "Granting a user permissions to pass a role to an AWS service", IAM user guide.
fn is_about_role(wanted: &GroupRecord, error: &PoolError) -> bool {
    wanted.role_arn.is_some()
        && matches!(
            error.kind,
            PoolErrorKind::AccessDenied
                | PoolErrorKind::InvalidParameter
                | PoolErrorKind::Refused
                | PoolErrorKind::NotFound
        )
}

/// Settles a group that exists. An earlier invocation, a call with a lost reply or the owner of the
/// pool may have created it.
async fn settle_existing<B: Backend>(entries: &Entries<'_, B>, wanted: &Wanted) -> Result<Answer> {
    let Context { pool, restore, .. } = entries.context;
    let existing = match pool.get_group(&wanted.record.name).await {
        Ok(existing) => existing,
        Err(error) if error.kind == PoolErrorKind::NotFound => return Ok(Answer::Contradiction(error)),
        Err(error) => return entries.refused(error).map(Answer::Settled),
    };
    let unlike = wanted.settings_unlike(&existing);
    let is_created = creation_time::is_created_during(restore, existing.created);
    let lacks_role = unlike == [ROLE] && existing.role_arn.is_none();
    let outcome = match restore.options.existing {
        _ if unlike.is_empty() && is_created => Outcome::Created,
        _ if unlike.is_empty() => Outcome::AlreadyThere,
        // This restore created it without its role.
        _ if lacks_role && is_created => match pool.update_group(&wanted.record).await {
            Ok(()) => Outcome::Created,
            Err(error) if is_about_role(&wanted.record, &error) => Created::WithoutRole.outcome(),
            Err(error) => group_refused(entries, error)?,
        },
        Existing::Fail => Outcome::Failed { reason: Reason::GroupDiffers },
        Existing::Skip => Outcome::Skipped { reason: Reason::AlreadyInTarget },
        Existing::Update => update(entries, wanted, &existing, unlike).await?,
    };
    Ok(Answer::Settled(outcome))
}

/// Changes a group of the target to match the snapshot.
async fn update<B: Backend>(
    entries: &Entries<'_, B>,
    wanted: &Wanted,
    existing: &GroupRecord,
    changed: Vec<String>,
) -> Result<Outcome> {
    let pool = &entries.context.pool;
    let has_more = update::has_more_than(existing, &wanted.record, wanted.compares_roles);
    match pool.update_group(&wanted.record).await {
        // Cognito cannot remove a role or a precedence.
        Ok(()) if has_more => Ok(Outcome::Failed { reason: Reason::GroupDiffers }),
        Ok(()) => Ok(Outcome::Updated { changed }),
        Err(error) if is_about_role(&wanted.record, &error) => {
            match pool.update_group(&without_role(&wanted.record)).await {
                // The group has the role already, and keeps it.
                Ok(()) if existing.role_arn == wanted.record.role_arn => Ok(Outcome::Updated { changed }),
                Ok(()) => Ok(Outcome::Failed { reason: Reason::RoleNotRestored }),
                Err(error) => group_refused(entries, error),
            }
        }
        Err(error) => group_refused(entries, error),
    }
}

/// The outcome of a group that exists, after Cognito refused a call about it. If the pool itself is
/// gone, the call for the next entry ends the run.
fn group_refused<B: Backend>(entries: &Entries<'_, B>, error: PoolError) -> Result<Outcome> {
    if error.kind == PoolErrorKind::NotFound {
        return Ok(Outcome::Failed { reason: reason_of(error) });
    }
    entries.refused(error)
}

/// The result of [`create_for_member`].
pub enum CreatedForMember {
    /// The target has the group, with these notes if this call created it.
    Exists(Vec<Note>),
    /// The outcome of the membership.
    Refused(Outcome),
}

/// Creates a group that the selection does not name, because a selected user is a member.
pub async fn create_for_member<B: Backend>(
    entries: &Entries<'_, B>,
    name: &GroupName,
) -> Result<CreatedForMember> {
    let record = match record_of(entries, name).await? {
        Ok(record) => record,
        Err(reason) => return Ok(CreatedForMember::Refused(Outcome::Failed { reason })),
    };
    let wanted = Wanted::of(record, &entries.context.restore);
    match create(entries, &wanted.record).await {
        Ok(Created::WithoutRole) => Ok(CreatedForMember::Exists(vec![Note::RoleNotRestored])),
        Ok(Created::Whole) => Ok(CreatedForMember::Exists(
            wanted.leaves_out_role.then_some(Note::RoleLeftOut).into_iter().collect(),
        )),
        // Another member has created it already.
        Err(error) if error.kind == PoolErrorKind::AlreadyExists => Ok(CreatedForMember::Exists(Vec::new())),
        Err(error) => entries.refused(error).map(CreatedForMember::Refused),
    }
}

/// The name in the target of a group of the snapshot.
pub async fn name_in_target<B: Backend>(entries: &Entries<'_, B>, name: &GroupName) -> Result<GroupName> {
    let Restore { source, target, .. } = &entries.context.restore;
    // Only a group of such a name needs its record, which tells whether the operator made it.
    match provider_group_in(name, source, target) {
        None => Ok(name.clone()),
        Some(of_provider) => {
            Ok(record_of(entries, name).await?.map_or(of_provider, |record| record.name_in(source, target)))
        }
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
