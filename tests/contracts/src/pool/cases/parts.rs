//! What the cases are made of.

use std::time::Duration;

use shared::model::{AttributeSchema, DataType, UserStatus};
use shared::ports::pool::PoolErrorKind;

use crate::pool::{Call, Case, Expected, Group, Settings, UserIs, UserName, UserToCreate};

pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const NO_USER: PoolErrorKind = PoolErrorKind::UserNotFound;
pub(super) const INVALID: PoolErrorKind = PoolErrorKind::InvalidParameter;

pub(super) fn person(number: u32) -> UserName {
    UserName::Person(number)
}

pub(super) fn named(name: &str) -> UserName {
    UserName::Named(name.to_owned())
}

pub(super) fn group(name: &str) -> Group {
    Group::Named(name.to_owned())
}

pub(super) fn new(name: UserName) -> UserToCreate {
    UserToCreate { name, attributes: Vec::new(), password: None, invitation: None }
}

pub(super) fn create(name: &str, attributes: &[(&'static str, &str)]) -> Call {
    Call::CreateUser(UserToCreate { attributes: values(attributes), ..new(named(name)) })
}

/// Pairs in the form that a call takes.
pub(super) fn values(attributes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    attributes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

pub(super) fn refused(kind: PoolErrorKind) -> Expected {
    Expected::Refused(vec![kind])
}

/// A refusal with AliasExistsException or UsernameExistsException.
pub(super) fn taken() -> Expected {
    Expected::Refused(vec![PoolErrorKind::AlreadyExists, PoolErrorKind::AliasTaken])
}

/// A text of 2 to 4 characters.
pub(super) fn text(mutable: bool) -> AttributeSchema {
    AttributeSchema {
        data_type: DataType::String,
        mutable,
        required: false,
        minimum: Some("2".to_owned()),
        maximum: Some("4".to_owned()),
    }
}

/// A number from 1 to 9.
pub(super) fn number() -> AttributeSchema {
    AttributeSchema {
        data_type: DataType::Number,
        minimum: Some("1".to_owned()),
        maximum: Some("9".to_owned()),
        ..text(true)
    }
}

pub(super) fn case(name: &'static str, given: Vec<Call>, then: Vec<(Call, Expected)>) -> Case {
    Case { name, settings: Settings::default(), given, then }
}

impl Case {
    pub(super) fn in_pool(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }
}

pub(super) fn changes_password(number: u32) -> UserIs {
    UserIs { name: Some(person(number)), status: Some(UserStatus::ForceChangePassword), ..UserIs::default() }
}

pub(super) fn confirmed(number: u32, enabled: bool) -> UserIs {
    UserIs {
        name: Some(person(number)),
        status: Some(UserStatus::Confirmed),
        enabled: Some(enabled),
        ..UserIs::default()
    }
}
