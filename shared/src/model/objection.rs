//! Objections: why the target cannot take a user, as the forecast counts them.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ReasonCode, Sub, setting_name};

/// The users that cannot be created for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Objection {
    pub users: u64,
    /// The subs of the first of these users.
    pub first: Vec<Sub>,
}

impl Objection {
    /// Whether it counts no user.
    pub fn is_none(&self) -> bool {
        self.users == 0
    }

    /// Counts a user, and names it if fewer than `most` are named.
    pub(super) fn count(&mut self, sub: Sub, most: usize) {
        self.users += 1;
        if self.first.len() < most {
            self.first.push(sub);
        }
    }
}

/// A rule of the target's settings that a user breaks. Stored as `<rule>: <attribute, alias or provider>`. A report
/// shows it, so the name is a [`setting_name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaViolation {
    /// The user lacks this required attribute.
    RequiredAttribute(String),
    /// The target does not declare this attribute.
    UndeclaredAttribute(String),
    /// The value of this attribute is outside the limits, or has a form that Cognito refuses.
    Limits(String),
    /// The user exists, has another value of this attribute, and the attribute cannot change.
    FixedAttribute(String),
    /// The username has the form of this alias.
    NameOfAlias(String),
    /// The target lacks the identity provider of this link.
    Provider(String),
}

impl SchemaViolation {
    /// The user lacks the required attribute `name`.
    pub fn required(name: &str) -> Self {
        Self::RequiredAttribute(setting_name(name).to_owned())
    }

    /// The target does not declare the attribute `name`.
    pub fn undeclared(name: &str) -> Self {
        Self::UndeclaredAttribute(setting_name(name).to_owned())
    }

    /// The value of the attribute `name` is outside the limits.
    pub fn limits(name: &str) -> Self {
        Self::Limits(setting_name(name).to_owned())
    }

    /// The attribute `name` of a user that exists cannot change.
    pub fn fixed(name: &str) -> Self {
        Self::FixedAttribute(setting_name(name).to_owned())
    }

    /// The target lacks the identity provider `name`.
    pub fn provider(name: &str) -> Self {
        Self::Provider(setting_name(name).to_owned())
    }

    /// The username has the form of the alias `name`.
    pub fn name_of_alias(name: &str) -> Self {
        Self::NameOfAlias(setting_name(name).to_owned())
    }

    /// The rule, and the attribute, alias or provider.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::RequiredAttribute(name) => ("requiredAttributeMissing", name),
            Self::UndeclaredAttribute(name) => ("attributeNotDeclared", name),
            Self::Limits(name) => ("valueNotAccepted", name),
            Self::FixedAttribute(name) => ("attributeNotMutable", name),
            Self::NameOfAlias(name) => ("usernameLooksLikeAlias", name),
            Self::Provider(name) => ("providerMissing", name),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (rule, name) = text.split_once(": ")?;
        let all = [
            Self::required,
            Self::undeclared,
            Self::limits,
            Self::fixed,
            Self::name_of_alias,
            Self::provider,
        ];
        all.into_iter().map(|of| of(name)).find(|violation| violation.parts().0 == rule)
    }
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rule, name) = self.parts();
        write!(f, "{rule}: {name}")
    }
}

/// Why a user cannot be created. Stored as the text of the violation or of the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectionReason {
    /// Only the settings of this target cause it.
    Violation(SchemaViolation),
    /// The user or its record causes it.
    Reason(ReasonCode),
}

impl From<SchemaViolation> for ObjectionReason {
    fn from(violation: SchemaViolation) -> Self {
        Self::Violation(violation)
    }
}

impl From<ReasonCode> for ObjectionReason {
    fn from(code: ReasonCode) -> Self {
        Self::Reason(code)
    }
}

impl fmt::Display for ObjectionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::Reason(code) => code.fmt(f),
        }
    }
}

impl Ord for ObjectionReason {
    /// The order of the texts: a forecast lists objections in it.
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl PartialOrd for ObjectionReason {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for ObjectionReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectionReason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let violation = SchemaViolation::parse(&text).map(Self::Violation);
        violation
            .or_else(|| ReasonCode::parse(&text).map(Self::Reason))
            .ok_or_else(|| serde::de::Error::custom("no objection"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{ErrorCode, Operation, RefusedCall};

    #[test]
    fn an_objection_names_no_text_that_is_no_setting() {
        let texts = [
            SchemaViolation::required("anna@example.com"),
            SchemaViolation::undeclared("custom:Имя"),
            SchemaViolation::parse("valueNotAccepted: anna@example.com").unwrap(),
            SchemaViolation::provider("a\nb"),
        ];
        for text in texts.map(|violation| violation.to_string()) {
            assert!(text.ends_with(": …"), "{text}");
        }
    }

    #[test]
    fn objections_are_stored_under_the_text_of_their_reason() {
        let name = || "custom:plan: b".to_owned();
        let refused = RefusedCall {
            operation: Operation::AdminCreateUser,
            code: ErrorCode::of("LimitExceededException"),
        };
        let counts: BTreeMap<ObjectionReason, u64> = [
            (SchemaViolation::RequiredAttribute(name()).into(), 1),
            (SchemaViolation::UndeclaredAttribute(name()).into(), 2),
            (SchemaViolation::Limits(name()).into(), 3),
            (SchemaViolation::Provider(name()).into(), 4),
            (ReasonCode::FederatedUser.into(), 5),
            (ReasonCode::Refused(refused).into(), 6),
            (SchemaViolation::NameOfAlias(name()).into(), 7),
            (SchemaViolation::FixedAttribute(name()).into(), 8),
        ]
        .into();
        let item: serde_dynamo::Item = serde_dynamo::to_item(&counts).unwrap();
        assert_eq!(serde_dynamo::from_item::<_, BTreeMap<ObjectionReason, u64>>(item).unwrap(), counts);
        let texts: Vec<_> = counts.keys().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "attributeNotDeclared: custom:plan: b",
                "attributeNotMutable: custom:plan: b",
                "federatedUser",
                "providerMissing: custom:plan: b",
                "refused: AdminCreateUser LimitExceededException",
                "requiredAttributeMissing: custom:plan: b",
                "usernameLooksLikeAlias: custom:plan: b",
                "valueNotAccepted: custom:plan: b",
            ]
        );
    }
}
