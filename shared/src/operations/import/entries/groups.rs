//! Groups: created with their settings. An existing group is left or updated.

use std::time::Duration;

use super::creations::PageCreations;
use super::entry::{Handled, OpenPage};
use super::refused_entry::reason_of;
use super::snapshot_groups::{self, record_of};
use super::state::Entries;
use super::update;
use super::workers::Worked;
use crate::Result;
use crate::catalog::ReadRecord;
use crate::model::{
    Digest, Existing, GroupName, GroupRecord, Note, Outcome, Reason, RefusedCall, Restore, RestoreUnit,
};
use crate::operations::import::context::Context;
use crate::operations::refusals::refused;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolError, PoolErrorKind, PoolResult};

/// Restores the open groups of a page.
pub async fn restore<B: Backend>(entries: &Entries<'_, B>, page: &OpenPage<'_>) -> Result<Worked> {
    let Context { catalog, restore, selection, .. } = entries.context;
    let open = page.open.iter().filter_map(|&place| page.content.0.get(place).map(|entry| (place, entry)));
    let (places, named): (Vec<usize>, Vec<(&str, Digest)>) =
        open.map(|(place, entry)| (place, (entry.key.as_str(), entry.digest.unwrap_or_default()))).unzip();
    let records = catalog.records::<GroupRecord>(&restore.source, &named).await?;
    let creations = PageCreations::of(entries.context, page);
    let first_places = snapshot_groups::first_places(entries).await?;
    let is_left_out = |name: &str| selection.as_ref().is_some_and(|selection| !selection.selects_group(name));
    let groups = places.into_iter().zip(named).zip(records).map(|((place, (name, _)), record)| {
        let record = if !first_places.is_first(name, page.number, place) {
            Err(Reason::ListedTwice)
        } else if is_left_out(name) {
            Err(Reason::NotSelected)
        } else {
            record
        };
        let lacks_role = page.without_role.contains(&place);
        (place, restore_group(entries, record, &creations, lacks_role))
    });
    let groups = groups.collect();
    Ok(entries.workers.run(page.unit.listing.kind(), groups, &entries.handled).await)
}

async fn restore_group<B: Backend>(
    entries: &Entries<'_, B>,
    record: ReadRecord<GroupRecord>,
    creations: &PageCreations<'_, B>,
    lacks_role: bool,
) -> Result<Handled> {
    let record = match record {
        Ok(record) => record,
        Err(reason @ (Reason::ListedTwice | Reason::NotSelected)) => {
            return Ok(Outcome::Skipped { reason }.into());
        }
        Err(reason) => return Ok(Outcome::Failed { reason }.into()),
    };
    let wanted = Wanted { lacks_role, ..Wanted::of(record, &entries.context.restore) };
    let settled = settle(entries, &wanted, creations).await?;
    let notes = wanted.notes(&settled);
    Ok(Handled { notes, ..settled.outcome.into() })
}

/// Creates a group, or settles what happens to the group of that name.
async fn settle<B: Backend>(
    entries: &Entries<'_, B>,
    wanted: &Wanted,
    creations: &PageCreations<'_, B>,
) -> Result<Settled> {
    let mut again_after = AGAIN_AFTER.into_iter();
    loop {
        creations.note().await?;
        let Creation { answer, refused_role } = create(entries, &wanted.record).await;
        let answer = match answer {
            Ok(()) => Answer::Settled(Settled::created(refused_role.map_or(Outcome::Created, |call| {
                Outcome::CreatedWithout { reason: role_not_restored(call) }
            }))),
            Err(error) if error.kind == PoolErrorKind::AlreadyExists && wanted.accepts_existing => {
                Answer::Settled(Settled::existing(Outcome::AlreadyThere, None))
            }
            Err(error) if error.kind == PoolErrorKind::AlreadyExists => {
                settle_existing(entries, wanted, creations, refused_role).await?
            }
            Err(error) if error.kind == PoolErrorKind::NotFound => {
                // If the pool itself is gone, the run ends.
                let pool = &entries.context.pool;
                pool.describe().await.map_err(|error| refused(pool.id(), error))?;
                Answer::Contradiction(error)
            }
            Err(error) => Answer::Settled(Settled::existing(entries.refused(error)?, None)),
        };
        match (answer, again_after.next()) {
            (Answer::Settled(settled), _) => return Ok(settled),
            (Answer::Contradiction(_), Some(wait)) => tokio::time::sleep(wait).await,
            (Answer::Contradiction(error), None) => {
                return Ok(Settled::existing(Outcome::Failed { reason: reason_of(error) }, None));
            }
        }
    }
}

/// The waits before the restore asks about a group again, if Cognito says that it exists, and then
/// that it does not. Such answers end after a while.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// What Cognito says about a group.
enum Answer {
    Settled(Settled),
    /// Cognito said that the group exists, and now says that it does not. Or it does not know the
    /// pool, which exists.
    Contradiction(PoolError),
}

/// What became of a group.
struct Settled {
    outcome: Outcome,
    /// Whether this call created it.
    is_new: bool,
    /// The role that it has in the target, if a call has shown the group.
    role: Option<String>,
}

impl Settled {
    fn created(outcome: Outcome) -> Self {
        Self { outcome, is_new: true, role: None }
    }

    fn existing(outcome: Outcome, role: Option<String>) -> Self {
        Self { outcome, is_new: false, role }
    }
}

/// A group as the restore creates it.
pub struct Wanted {
    pub record: GroupRecord,
    /// Whether the group loses its role because the input says so.
    leaves_out_role: bool,
    /// Whether the roles of existing groups count.
    compares_roles: bool,
    /// Whether an existing group of that name stays as it is, without a look at it. An example is a
    /// group that Cognito made for an identity provider.
    accepts_existing: bool,
    /// What happens to an existing group.
    existing: Existing,
    /// Whether an earlier pass created it without its role.
    lacks_role: bool,
}

impl Wanted {
    pub fn of(record: GroupRecord, restore: &Restore) -> Self {
        let roles = &restore.options.group_roles;
        let had_role = record.role_arn.is_some();
        let name = record.name_in(&restore.source, &restore.target);
        let accepts_existing = name != record.name;
        let record = roles.apply(GroupRecord { name, ..record });
        let leaves_out_role = had_role && record.role_arn.is_none();
        Self {
            record,
            leaves_out_role,
            compares_roles: roles.compares_roles(),
            accepts_existing,
            existing: restore.options.existing,
            lacks_role: false,
        }
    }

    /// A group that the selection does not name, for a selected member. An existing group stays as
    /// it is. Only the role of a group that the restore created counts.
    fn for_member(record: GroupRecord, restore: &Restore, lacks_role: bool) -> Self {
        let wanted = Self::of(record, restore);
        let accepts_existing = wanted.accepts_existing || wanted.record.role_arn.is_none();
        Self { accepts_existing, existing: Existing::Skip, lacks_role, ..wanted }
    }

    /// The settings of a group that differ from the wanted ones.
    fn settings_unlike(&self, existing: &GroupRecord) -> Vec<String> {
        let mut settings = existing.settings_unlike(&self.record);
        settings.retain(|name| name != GroupRecord::ROLE || self.compares_roles);
        settings
    }

    /// What the operator must know about the group. A group that has a role keeps it.
    fn notes(&self, settled: &Settled) -> Vec<Note> {
        let outcome = &settled.outcome;
        let has_group = matches!(outcome, Outcome::Created | Outcome::AlreadyThere | Outcome::Updated { .. });
        let is_left_out = self.leaves_out_role && has_group && settled.role.is_none();
        is_left_out.then_some(Note::RoleLeftOut).into_iter().collect()
    }
}

/// The reason of a group whose role Cognito refused with this call.
fn role_not_restored(call: RefusedCall) -> Reason {
    Reason::RoleNotRestored { call: Some(call) }
}

/// An attempt to create a group.
struct Creation {
    answer: PoolResult<()>,
    /// The call by which Cognito refused the group with its role, if it did. Then the answer is about
    /// the group without it.
    refused_role: Option<RefusedCall>,
}

/// Creates a group. If its role may be the reason why Cognito refuses it, creates it without the
/// role.
async fn create<B: Backend>(entries: &Entries<'_, B>, wanted: &GroupRecord) -> Creation {
    let pool = &entries.context.pool;
    match pool.create_group(wanted).await {
        Err(error) if is_about_role(entries.context, wanted, &error) => {
            let refused_role = Some(error.call());
            Creation { answer: pool.create_group(&without_role(wanted)).await, refused_role }
        }
        answer => Creation { answer, refused_role: None },
    }
}

fn without_role(wanted: &GroupRecord) -> GroupRecord {
    GroupRecord { role_arn: None, ..wanted.clone() }
}

/// Whether a refusal may be about the role of a group. A missing `iam:PassRole` and a missing
/// permission for the call have the same error. No role of another account can be passed. Source:
/// "Granting a user permissions to pass a role to an AWS service", IAM user guide.
///
/// While IAM may not know the tag of the pool, a denied call is about the pool. Otherwise IAM could learn the tag before the
/// call without the role, and the group would lose its role.
fn is_about_role<B: Backend>(context: &Context<B>, wanted: &GroupRecord, error: &PoolError) -> bool {
    let may_be = match error.kind {
        PoolErrorKind::AccessDenied => !error.is_of_credentials() && !context.tag_may_be_new(),
        PoolErrorKind::InvalidParameter | PoolErrorKind::Refused | PoolErrorKind::NotFound => true,
        _ => false,
    };
    wanted.role_arn.is_some() && may_be
}

/// Settles a group that exists. An earlier invocation, a call with a lost reply or the owner of the
/// pool may have created it.
///
/// A role is a privilege, and a creation time proves little. So only a group that an earlier pass
/// created without its role gets the role.
async fn settle_existing<B: Backend>(
    entries: &Entries<'_, B>,
    wanted: &Wanted,
    creations: &PageCreations<'_, B>,
    refused_role: Option<RefusedCall>,
) -> Result<Answer> {
    let pool = &entries.context.pool;
    let existing = match pool.get_group(&wanted.record.name).await {
        Ok(existing) => existing,
        Err(error) if error.kind == PoolErrorKind::NotFound => return Ok(Answer::Contradiction(error)),
        Err(error) => {
            return entries.refused(error).map(|outcome| Answer::Settled(Settled::existing(outcome, None)));
        }
    };
    let unlike = wanted.settings_unlike(&existing);
    let lacks_role = unlike == [GroupRecord::ROLE] && existing.role_arn.is_none();
    let is_created = (unlike.is_empty() || lacks_role) && creations.cover(existing.created).await?;
    let outcome = match wanted.existing {
        _ if unlike.is_empty() && is_created => Outcome::Created,
        _ if unlike.is_empty() => Outcome::AlreadyThere,
        _ if lacks_role && is_created && wanted.lacks_role => match pool.update_group(&wanted.record).await {
            Ok(()) => Outcome::Created,
            Err(error) if is_about_role(entries.context, &wanted.record, &error) => {
                Outcome::CreatedWithout { reason: role_not_restored(error.call()) }
            }
            Err(error) => group_refused(entries, error)?,
        },
        // The reply to its creation without the role was lost.
        _ if lacks_role && is_created && refused_role.is_some() => {
            Outcome::CreatedWithout { reason: Reason::RoleNotRestored { call: refused_role } }
        }
        Existing::Update => update(entries, wanted, &existing, unlike).await?,
        // This restore or the operator created it. It is counted, and gets no role.
        _ if lacks_role && is_created => Outcome::Failed { reason: Reason::GroupDiffers },
        Existing::Fail => Outcome::Failed { reason: Reason::GroupDiffers },
        Existing::Skip => Outcome::Skipped { reason: Reason::AlreadyInTarget },
    };
    Ok(Answer::Settled(Settled::existing(outcome, existing.role_arn)))
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
        Err(error) if is_about_role(entries.context, &wanted.record, &error) => {
            let refused_role = error.call();
            match pool.update_group(&without_role(&wanted.record)).await {
                // The group has the role already, and keeps it.
                Ok(()) if existing.role_arn == wanted.record.role_arn => Ok(Outcome::Updated { changed }),
                Ok(()) if existing.role_arn.is_some() => Ok(Outcome::Failed { reason: Reason::GroupDiffers }),
                Ok(()) => Ok(Outcome::Failed { reason: role_not_restored(refused_role) }),
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

/// A group that the selection does not name, after the restore made sure that it exists, because a
/// selected user is a member.
pub enum GroupOfMember {
    Exists {
        /// What the group lacks, if this restore created it.
        lacks: Option<Reason>,
        /// Notes about the group, if this call created it.
        notes: Vec<Note>,
    },
    /// The outcome of the membership.
    Refused(Outcome),
}

/// Creates a group that the selection does not name, because a selected user is a member.
/// `lacks_role` tells whether an earlier pass created it without its role.
pub async fn create_for_member<B: Backend>(
    entries: &Entries<'_, B>,
    unit: &RestoreUnit,
    name: &GroupName,
    lacks_role: bool,
) -> Result<GroupOfMember> {
    let record = match record_of(entries, name).await? {
        Ok(record) => record,
        Err(reason) => return Ok(GroupOfMember::Refused(Outcome::Failed { reason })),
    };
    let wanted = Wanted::for_member(record, &entries.context.restore, lacks_role);
    let creations = PageCreations::of_group(entries.context, unit.id());
    let settled = settle(entries, &wanted, &creations).await?;
    let notes = if settled.is_new { wanted.notes(&settled) } else { Vec::new() };
    Ok(match settled.outcome {
        Outcome::CreatedWithout { reason } | Outcome::Failed { reason: reason @ Reason::GroupDiffers } => {
            GroupOfMember::Exists { lacks: Some(reason), notes }
        }
        refused @ Outcome::Failed { .. } => GroupOfMember::Refused(refused),
        _ => GroupOfMember::Exists { lacks: None, notes },
    })
}
