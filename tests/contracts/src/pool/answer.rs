//! The answer to a call, and whether it is the expected one.

use std::collections::{BTreeMap, BTreeSet};

use shared::model::{
    AttributeSchema, GroupRecord, Identity, MfaPreference, MfaSetting, PoolDescription, User,
};
use shared::ports::pool::{ImportJob, PoolError, PoolErrorKind};

use super::{Expected, Settings, Stage, UserIs, UserName};

pub(super) enum Answer {
    Done,
    Page(usize, Option<String>),
    Number(u64),
    User(Box<User>),
    Group(GroupRecord),
    Names(Vec<String>),
    Limit(u32),
    Job(ImportJob),
    Description(Box<PoolDescription>),
    Refused(PoolErrorKind, String),
    /// The stage does not model the call.
    NotModelled(&'static str),
    /// An answer that breaks a rule for every answer.
    Wrong(String),
}

impl From<PoolError> for Answer {
    fn from(error: PoolError) -> Self {
        Self::Refused(error.kind, error.code.into())
    }
}

impl Answer {
    /// Whether the answer is the expected one, for a pool with these settings.
    pub fn is_owed<S: Stage>(&self, expected: &Expected, settings: &Settings, stage: &S) -> bool {
        match (self, expected) {
            (answer, Expected::Done) => {
                !matches!(answer, Self::Refused(..) | Self::NotModelled(_) | Self::Wrong(_))
            }
            (Self::Refused(kind, _), Expected::Refused(kinds)) => kinds.contains(kind),
            (Self::Page(entries, token), Expected::Page(wanted, more)) => {
                entries == wanted && token.is_some() == *more
            }
            (Self::Number(number), Expected::Number(wanted)) => number == wanted,
            (Self::User(user), Expected::User(wanted)) => is_user(user, wanted, stage),
            (Self::Group(group), Expected::Group(description, precedence)) => {
                group.description.as_deref() == *description && group.precedence == *precedence
            }
            (Self::Group(group), Expected::Role(role)) => group.role_arn.as_deref() == *role,
            (Self::Names(names), Expected::Names(wanted)) => {
                names.len() == wanted.len()
                    && wanted.iter().all(|name| names.iter().any(|there| there == name))
            }
            (Self::Names(names), Expected::NamesInOrder(wanted)) => names == wanted,
            (Self::Names(names), Expected::NamesAmong(wanted, others)) => {
                let distinct: BTreeSet<_> = names.iter().map(String::as_str).collect();
                let has = |name: &&str| distinct.contains(name);
                distinct.len() == names.len() && wanted.iter().all(has) && !others.iter().any(has)
            }
            (Self::Limit(limit), Expected::Limit) => *limit > 0,
            (Self::Job(job), Expected::Job(statuses, counts)) => {
                statuses.contains(&job.status) && [job.imported, job.skipped, job.failed] == *counts
            }
            (Self::Description(description), Expected::Settings) => is_made_of(description, settings),
            _ => false,
        }
    }
}

fn is_user<S: Stage>(User { sub, record }: &User, wanted: &UserIs, stage: &S) -> bool {
    let name = wanted.name.as_ref().map(|who| who.username(stage));
    let created = match &wanted.name {
        Some(UserName::Person(number)) => stage.person(*number).attributes,
        _ => BTreeMap::new(),
    };
    let mut attributes: BTreeMap<&str, Option<&str>> =
        created.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
    attributes.extend(wanted.attributes.iter().map(|(name, value)| (*name, value.as_deref())));
    let has = |(name, value): (&str, Option<&str>)| record.attributes.get(name).map(String::as_str) == value;
    let mfa = wanted.mfa.as_ref().map(|(enabled, preferred)| factors(enabled, *preferred));
    let identities = wanted.identities.as_ref().map(|identities| {
        let identity = |(provider, id): &(&str, &str)| Identity {
            provider_name: (*provider).to_owned(),
            user_id: (*id).to_owned(),
        };
        identities.iter().map(identity).collect::<Vec<_>>()
    });
    name.is_none_or(|name| record.username == name)
        && (!wanted.is_named_by_sub || record.username.as_str() == sub.as_str())
        && wanted.status.as_ref().is_none_or(|status| record.status == *status)
        && wanted.enabled.is_none_or(|enabled| record.enabled == enabled)
        && attributes.into_iter().all(has)
        && mfa.is_none_or(|mfa| record.mfa.clone().unwrap_or_default() == mfa)
        && identities.is_none_or(|identities| record.identities() == Some(identities))
}

/// Whether the description of a pool shows the settings that it was created with.
fn is_made_of(description: &PoolDescription, settings: &Settings) -> bool {
    let same = |names: &[String], wanted: &[&str]| {
        names.len() == wanted.len() && wanted.iter().all(|name| names.iter().any(|there| there == name))
    };
    let requires = |name: &&str| description.attributes.get(*name).is_some_and(|schema| schema.required);
    let declares =
        |(name, wanted): &(&str, AttributeSchema)| description.attributes.get(*name) == Some(wanted);
    same(&description.username_attributes, &settings.sign_in_by)
        && same(&description.alias_attributes, &settings.aliases)
        && same(&description.auto_verified_attributes, &settings.auto_verified)
        && description.case_sensitive == settings.case_sensitive
        && (description.mfa != MfaSetting::Off) == settings.has_mfa
        && (settings.recovery.is_empty()
            || description.account_recovery.as_ref().is_some_and(|ways| same(ways, &settings.recovery)))
        && settings.required.iter().all(requires)
        && settings.custom.iter().all(declares)
        && description.attributes.contains_key("sub")
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Page(entries, token) => {
                write!(f, "a page of {entries} entries, token: {}", token.is_some())
            }
            Self::Number(number) => write!(f, "{number}"),
            Self::User(user) => write!(f, "a user with {:?}, {:?}", shown(user), user.record.mfa),
            Self::Group(group) => {
                let (description, precedence) = (&group.description, group.precedence);
                write!(f, "a group with {description:?}, {precedence:?}, {:?}", group.role_arn)
            }
            Self::Names(names) => write!(f, "{names:?}"),
            Self::Limit(limit) => write!(f, "{limit} per second"),
            Self::Job(ImportJob { status, imported, skipped, failed, .. }) => {
                write!(f, "a job {status:?} with {imported} imported, {skipped} skipped, {failed} failed")
            }
            Self::Description(description) => write!(f, "{description:?}"),
            Self::Refused(kind, code) => write!(f, "{kind:?} ({code})"),
            Self::NotModelled(what) => write!(f, "that the stage has no {what}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// The fields of a user that the cases compare. All users of the cases are invented.
fn shown(user: &User) -> String {
    let User { sub, record } = user;
    let attributes: Vec<_> =
        record.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "sub {sub}, username {}, {}, enabled {}, {}",
        record.username.as_str(),
        record.status.as_str(),
        record.enabled,
        attributes.join(" ")
    )
    .chars()
    .take(600)
    .collect()
}

/// Second factors in the form of the model.
pub(super) fn factors(enabled: &[&'static str], preferred: Option<&'static str>) -> MfaPreference {
    MfaPreference {
        enabled: enabled.iter().map(|factor| (*factor).to_owned()).collect(),
        preferred: preferred.map(str::to_owned),
    }
}
