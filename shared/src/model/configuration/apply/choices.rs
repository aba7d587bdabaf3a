//! What the operator asks a roll back for, and what the operator allows.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::Value;

use super::super::ObjectKind;
use super::super::difference::{ComparedObject, Difference, Values};

/// The choices of the operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplyChoices {
    /// The parts that are rolled back. Empty for all.
    pub only: Vec<Part>,
    pub allow: BTreeSet<Allow>,
    /// Whether attributes that the pool lacks are added. No attribute can be removed again.
    pub add_attributes: bool,
    /// Whether deleted clients are created again, under new ids.
    pub recreate_clients: bool,
    /// Whether objects are deleted that the snapshot does not have.
    pub delete_extra: bool,
}

/// A text that is the name of no part, or of nothing that can be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnknownName {
    /// The names that exist, in their order.
    Known(Vec<&'static str>),
    /// A pool has one object of this kind, so it has no other name.
    Single(ObjectKind),
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(known) => write!(f, "The names are {}.", known.join(", ")),
            Self::Single(kind) => write!(f, "{kind} has no objects with names of their own."),
        }
    }
}

impl std::error::Error for UnknownName {}

/// All objects of a kind (`clients`), or one of them by its name or its id (`clients/web`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    pub kind: ObjectKind,
    /// None for all objects of the kind.
    pub object: Option<String>,
}

impl FromStr for Part {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (kind, object) = text.split_once('/').map_or((text, None), |(kind, id)| (kind, Some(id)));
        let known = ObjectKind::ALL.iter().copied().find(|known| known.name() == kind);
        let part = known.map(|kind| Self { kind, object: object.map(str::to_owned) });
        let is_possible = |part: &Self| match &part.object {
            Some(object) => !part.kind.is_single() && !object.is_empty(),
            None => true,
        };
        let unknown = match &part {
            Some(Self { kind, object: Some(object) }) if kind.is_single() && !object.is_empty() => {
                UnknownName::Single(*kind)
            }
            _ => UnknownName::Known(ObjectKind::ALL.iter().map(|kind| kind.name()).collect()),
        };
        part.filter(is_possible).ok_or(unknown)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.object {
            Some(object) => write!(f, "{}/{object}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

impl Part {
    /// Whether the object belongs to the part.
    pub(super) fn includes(&self, object: &ComparedObject) -> bool {
        let Some(part) = &self.object else { return object.kind == Some(self.kind) };
        let has_id = [&object.old, &object.new].into_iter().flatten().any(|name| name.id == *part);
        object.kind == Some(self.kind) && (has_id || object.text == self.to_string())
    }
}

macro_rules! allows {
    ($($allow:ident $name:literal : $what:literal);+ $(;)?) => {
        /// What only happens if the operator allows it by name: it costs money, weakens the pool, or breaks what
        /// relies on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Allow { $(#[doc = $what] $allow),+ }

        impl Allow {
            pub const ALL: &'static [Self] = &[$(Self::$allow),+];

            /// All names, each with what it allows.
            pub const WORDS: &'static str = concat!($("`", $name, "`: ", $what, " "),+);

            /// The name, as the operator writes it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$allow => $name),+ }
            }

            /// What it allows, for a reader.
            pub fn words(self) -> &'static str {
                match self { $(Self::$allow => $what),+ }
            }
        }
    };
}

allows! {
    MfaOff "mfa-off": "Then MFA is optional, or off.";
    DeletionProtectionOff "deletion-protection-off": "Then a call of DeleteUserPool can delete the user pool.";
    AddOns "add-ons": "Then the pool has threat protection, which costs money, or loses it.";
    Tier "tier": "Then the pool has another tier, and another price.";
    Issuer "issuer": "Then each new token has another issuer. Applications that check tokens refuse them until they accept it.";
    Key "key": "Then another key encrypts the pool. The pool works only while that key does.";
    LostSecret "lost-secret": "A secret is replaced or deleted that the stored capture does not have. No command brings it back.";
    LostLogo "lost-logo": "A logo is replaced or deleted that the command could not read. No command brings it back.";
    UnknownMembers "unknown-members": "The request may reset a member that this version does not know. No command brings it back.";
}

impl Allow {
    /// Whether it gives up something that only a request shows to be lost. So the way back needs it if the way there does.
    pub fn is_of_loss(self) -> bool {
        matches!(self, Self::LostSecret | Self::LostLogo | Self::UnknownMembers)
    }

    /// What a roll back needs to be allowed that undoes a change of another one. None if it needs nothing.
    pub fn of_way_back(done: &Difference) -> Option<Self> {
        let member = done.field.as_deref()?.split(['.', '[']).next()?;
        match (done.object.kind?, member) {
            (ObjectKind::UserPool, "UserPoolAddOns") => Some(Self::AddOns),
            (ObjectKind::UserPool, "UserPoolTier") => Some(Self::Tier),
            (ObjectKind::UserPool, "IssuerConfiguration") => Some(Self::Issuer),
            (ObjectKind::UserPool, "KeyConfiguration") => Some(Self::Key),
            (ObjectKind::UserPool, "DeletionProtection") if is_stronger(&done.values) => {
                Some(Self::DeletionProtectionOff)
            }
            (ObjectKind::Mfa, "MfaConfiguration") if is_stronger(&done.values) => Some(Self::MfaOff),
            _ => None,
        }
    }
}

/// Whether a protection or MFA is stronger after a change than before.
fn is_stronger(values: &Values) -> bool {
    let Values::Shown { old, new } = values else { return true };
    let strength = |value: &Option<Value>| match value.as_ref().and_then(Value::as_str) {
        Some("ON" | "ACTIVE") => 2,
        Some("OPTIONAL") => 1,
        _ => 0,
    };
    strength(new) > strength(old)
}

impl FromStr for Allow {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = Self::ALL.iter().copied().find(|allow| allow.name() == text);
        known.ok_or_else(|| UnknownName::Known(Self::ALL.iter().map(|allow| allow.name()).collect()))
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Allow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_kind_or_one_object_and_an_error_lists_the_kinds() {
        for text in ["userPool", "clients", "clients/web", "terms/web/privacy-policy"] {
            assert_eq!(text.parse::<Part>().unwrap().to_string(), text);
        }
        for text in ["", "client", "clients/"] {
            let error = text.parse::<Part>().unwrap_err().to_string();
            assert!(error.contains("userPool, mfa, clients"), "{text}: {error}");
        }
        let error = "mfa/x".parse::<Part>().unwrap_err().to_string();
        assert_eq!(error, "mfa has no objects with names of their own.");
    }

    #[test]
    fn what_is_allowed_has_a_name_and_an_error_lists_the_names() {
        for allow in Allow::ALL {
            assert_eq!(allow.name().parse::<Allow>().unwrap(), *allow);
        }
        let error = "everything".parse::<Allow>().unwrap_err().to_string();
        assert_eq!(
            error,
            "The names are mfa-off, deletion-protection-off, add-ons, tier, issuer, key, lost-secret, lost-logo, \
             unknown-members."
        );
    }
}
