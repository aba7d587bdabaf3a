//! What a capture of a configuration could not read, and why.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ObjectKind, ObjectName};
use crate::model::text_enum::open_enum;
use crate::model::{ErrorCode, RunId, setting_name};

/// One object, or all objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uncaptured {
    /// The objects of the kind cannot be listed, or their owners cannot.
    All(ObjectKind),
    One(ObjectName),
    /// Objects of a kind that a later version knows, by their text.
    Other(String),
}

impl Uncaptured {
    /// None for a kind that this version does not know.
    pub fn kind(&self) -> Option<ObjectKind> {
        match self {
            Self::All(kind) => Some(*kind),
            Self::One(name) => Some(name.kind),
            Self::Other(_) => None,
        }
    }

    /// Whether `name` is one of these objects.
    pub fn includes(&self, name: &ObjectName) -> bool {
        match self {
            Self::All(kind) => name.kind == *kind,
            Self::One(one) => name == one,
            Self::Other(_) => false,
        }
    }

    /// The name, as reports show it. Parts with unusual characters are left out.
    pub fn shown_name(&self) -> String {
        match self {
            Self::All(kind) => kind.name().to_owned(),
            Self::One(name) if name.id.is_empty() => name.kind.name().to_owned(),
            Self::Other(text) => text.split('/').map(setting_name).collect::<Vec<_>>().join("/"),
            Self::One(name) => {
                let parts: Vec<&str> = name.id.split('/').map(setting_name).collect();
                format!("{}/{}", name.kind, parts.join("/"))
            }
        }
    }

    /// Reads a name as [`Display`](fmt::Display) writes it. None if the kind is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        match ObjectName::parse(text) {
            Some(name) => Some(Self::One(name)),
            None => {
                let kind = ObjectKind::ALL.iter().copied().find(|kind| kind.name() == text)?;
                Some(Self::All(kind))
            }
        }
    }
}

/// The name in JSON: `clients` for all clients, `clients/…` for one.
impl fmt::Display for Uncaptured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(kind) => kind.fmt(f),
            Self::One(name) => name.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl Serialize for Uncaptured {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Uncaptured {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self::parse(&text).unwrap_or(Self::Other(text)))
    }
}

open_enum! {
    /// Why an object was not captured.
    ///
    /// A later version may know more reasons. So its lists are readable here, too.
    pub enum NotCapturedReason {
        /// The role of the export lacks a permission.
        AccessDenied = "accessDenied",
        /// The tier of the pool does not have it.
        Tier = "tier",
        /// The add-on of the pool is off.
        AddOnOff = "addOnOff",
        /// The pool is a replica, or a recovery of its users runs.
        NotEnabled = "notEnabled",
        /// The Region or this Cognito does not know the operation.
        NotSupported = "notSupported",
        /// Cognito was throttled or unavailable for too long.
        Unavailable = "unavailable",
        /// Cognito refused the call for another reason.
        Refused = "refused",
        /// The answer is not as the API describes it.
        Unreadable = "unreadable",
        /// It is larger than the table of backups can store.
        TooLarge = "tooLarge",
        /// The pool was deleted during the capture.
        PoolDeleted = "poolDeleted",
        /// This version of the export does not read it.
        NotRead = "notRead",
        /// This version of the export does not know the member, so it may be secret.
        UnknownMember = "unknownMember",
        /// KMS did not encrypt the secret.
        NotEncrypted = "notEncrypted",
    }
}

impl NotCapturedReason {
    /// The words for a reader, after "because".
    pub fn words(&self) -> &'static str {
        match self {
            Self::AccessDenied => "the export may not read it",
            Self::Tier => "the tier of the pool does not have it",
            Self::AddOnOff => "the threat protection of the pool is off",
            Self::NotEnabled => "the pool is a replica, or a recovery of its users runs",
            Self::NotSupported => "Cognito does not have it in this Region",
            Self::Unavailable => "Cognito did not answer for too long",
            Self::Refused => "Cognito refused the call",
            Self::Unreadable => "the answer of Cognito is not readable",
            Self::TooLarge => "it is too large",
            Self::PoolDeleted => "the pool was deleted meanwhile",
            Self::NotRead => "this version does not read it",
            Self::UnknownMember => "this version does not know it",
            Self::NotEncrypted => "KMS did not encrypt it",
            Self::Other(_) => "a later version gave a reason that this one does not know",
        }
    }

    /// Whether the owner of the pool has turned the object off. Then nothing is missing from the snapshot.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Tier | Self::AddOnOff)
    }

    /// Whether the export tried to capture the object, and could not.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::AccessDenied
            | Self::Unavailable
            | Self::Refused
            | Self::Unreadable
            | Self::TooLarge
            | Self::PoolDeleted
            | Self::NotEncrypted => true,
            Self::Tier
            | Self::AddOnOff
            | Self::NotEnabled
            | Self::NotSupported
            | Self::NotRead
            | Self::UnknownMember
            | Self::Other(_) => false,
        }
    }
}

/// By their texts.
impl Ord for NotCapturedReason {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for NotCapturedReason {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// An object that a snapshot lacks, although the pool may have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotCaptured {
    pub object: Uncaptured,
    /// The member that is missing, if the rest of the object is captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    pub reason: NotCapturedReason,
    /// The operation that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The error code of Cognito or KMS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// The last snapshot that holds the object, or one of these objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<RunId>,
    /// Whether that snapshot was removed before this list was written.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub holder_removed: bool,
}

impl NotCaptured {
    pub fn new(object: Uncaptured, reason: NotCapturedReason) -> Self {
        Self {
            object,
            member: None,
            reason,
            operation: None,
            code: None,
            held_by: None,
            holder_removed: false,
        }
    }

    /// Whether the snapshot probably lacks something: an earlier snapshot holds it, and the owner of the pool did not
    /// turn it off.
    pub fn is_incomplete(&self) -> bool {
        self.held_by.is_some() && !self.reason.is_absence()
    }

    /// Whether the operator should look at it: the snapshot probably lacks something, or the export could not find out.
    pub fn needs_attention(&self) -> bool {
        use NotCapturedReason::{AccessDenied, NotEncrypted, PoolDeleted, Unavailable};
        self.is_incomplete() || matches!(self.reason, AccessDenied | Unavailable | PoolDeleted | NotEncrypted)
    }

    /// The whole name. Reports and logs show [another](Self::shown_name).
    pub fn name(&self) -> String {
        match &self.member {
            Some(member) => format!("{} {}", self.object, member.replace("[]", "")),
            None => self.object.to_string(),
        }
    }

    /// The name, as reports show it. Parts with unusual characters are left out.
    pub fn shown_name(&self) -> String {
        let name = self.object.shown_name();
        self.shown_member().map_or_else(|| name.clone(), |member| format!("{name} {member}"))
    }

    /// The missing member, as reports show it.
    pub fn shown_member(&self) -> Option<String> {
        self.member.as_deref().map(shown_member)
    }
}

/// The path of a member, as reports show it.
pub(super) fn shown_member(path: &str) -> String {
    setting_name(&path.replace("[]", "")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_objects_is_read_as_it_is_written() {
        for (text, expected) in [
            ("clients", Uncaptured::All(ObjectKind::Client)),
            ("clients/1", Uncaptured::One(ObjectName::of(ObjectKind::Client, "1"))),
            ("mfa", Uncaptured::One(ObjectName::single(ObjectKind::Mfa))),
            ("terms/1/terms-of-use", Uncaptured::One(ObjectName::of(ObjectKind::Terms, "1/terms-of-use"))),
        ] {
            assert_eq!(Uncaptured::parse(text), Some(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        assert_eq!(Uncaptured::parse("mfa/1"), None);
        assert_eq!(Uncaptured::parse("new"), None);
    }

    #[test]
    fn the_documentation_says_what_to_do_about_every_reason() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/reasons.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once("## What a capture lacks").unwrap();
        let section = section.split("\n## ").next().unwrap();
        for reason in NotCapturedReason::KNOWN {
            let rows = section.lines().filter(|line| line.starts_with(&format!("| `{}` |", reason.as_str())));
            assert_eq!(rows.count(), 1, "{}", reason.as_str());
        }
    }

    #[test]
    fn a_report_shows_no_unusual_name() {
        let shown = |id: &str| {
            let name = ObjectName::of(ObjectKind::IdentityProvider, id);
            NotCaptured::new(Uncaptured::One(name), NotCapturedReason::Refused).shown_name()
        };
        assert_eq!(shown("Google"), "identityProviders/Google");
        assert_eq!(shown("anna@example.com"), "identityProviders/…");
    }
}
