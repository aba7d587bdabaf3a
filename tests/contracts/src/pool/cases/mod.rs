//! The cases of a pool.
//!
//! Unless a case names a source, it is the API reference or the developer guide of Amazon Cognito
//! user pools. If they do not say with which error a call is refused, a case accepts any error that
//! fits.

mod attributes;
mod federation;
mod groups;
mod jobs;
mod listings;
mod names;
mod passwords;
mod pools;
mod users;

use std::time::Duration;

use shared::model::{AttributeSchema, DataType, UserStatus};
use shared::ports::pool::PoolErrorKind;

use super::{Call, Case, Expected, Group, New, Settings, UserIs, Who};

pub fn cases() -> Vec<Case> {
    let by_topic = [
        users::cases(),
        names::cases(),
        attributes::cases(),
        passwords::cases(),
        groups::cases(),
        listings::cases(),
        federation::cases(),
        jobs::cases(),
        pools::cases(),
    ];
    by_topic.into_iter().flatten().collect()
}

const HOUR: Duration = Duration::from_secs(3600);
const NO_USER: PoolErrorKind = PoolErrorKind::UserNotFound;
const INVALID: PoolErrorKind = PoolErrorKind::InvalidParameter;

fn person(number: u32) -> Who {
    Who::Person(number)
}

fn named(name: &str) -> Who {
    Who::Named(name.to_owned())
}

fn group(name: &str) -> Group {
    Group::Named(name.to_owned())
}

fn new(who: Who) -> New {
    New { who, attributes: Vec::new(), password: None, invitation: None }
}

fn create(name: &str, attributes: &[(&'static str, &str)]) -> Call {
    Call::CreateUser(New { attributes: values(attributes), ..new(named(name)) })
}

/// Pairs in the form that a call takes.
fn values(attributes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    attributes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn refused(kind: PoolErrorKind) -> Expected {
    Expected::Refused(vec![kind])
}

/// A refusal with AliasExistsException or UsernameExistsException.
fn taken() -> Expected {
    Expected::Refused(vec![PoolErrorKind::AlreadyExists, PoolErrorKind::AliasTaken])
}

/// A text of 2 to 4 characters.
fn text(mutable: bool) -> AttributeSchema {
    AttributeSchema {
        data_type: DataType::String,
        mutable,
        required: false,
        minimum: Some("2".to_owned()),
        maximum: Some("4".to_owned()),
    }
}

/// A number from 1 to 9.
fn number() -> AttributeSchema {
    AttributeSchema {
        data_type: DataType::Number,
        minimum: Some("1".to_owned()),
        maximum: Some("9".to_owned()),
        ..text(true)
    }
}

fn case(name: &'static str, given: Vec<Call>, then: Vec<(Call, Expected)>) -> Case {
    Case { name, settings: Settings::default(), given, then }
}

impl Case {
    fn in_pool(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

fn changes_password(number: u32) -> UserIs {
    UserIs { name: Some(person(number)), status: Some(UserStatus::ForceChangePassword), ..UserIs::default() }
}

fn confirmed(number: u32, enabled: bool) -> UserIs {
    UserIs {
        name: Some(person(number)),
        status: Some(UserStatus::Confirmed),
        enabled: Some(enabled),
        ..UserIs::default()
    }
}
