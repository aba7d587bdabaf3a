//! What the diff of two configurations found.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::model::configuration::{Field, NotCapturedReason, ObjectKind, ObjectName};

/// The differences between two configurations, the old one and the new one.
///
/// Its members are sorted by kind, by name and by field, so equal input gives equal output. No member holds a
/// secret or the value of a member that the table of fields does not know.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationDifference {
    /// Whether there is no difference. What was not compared does not count.
    pub same: bool,
    pub differences: Vec<Difference>,
    pub not_compared: Vec<NotCompared>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub object: ComparedObject,
    /// The path of the member: `Policies.PasswordPolicy.MinimumLength`, `SchemaAttributes[custom:x].Mutable`,
    /// `UserPoolTags.team`. None, and null in JSON, if the whole object was added or removed.
    pub field: Option<String>,
    pub change: Change,
    #[serde(flatten)]
    pub values: Values,
    /// The row of the member. None for a whole object, and for a member that the table does not know.
    #[serde(skip)]
    pub row: Option<&'static Field>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Only the new configuration has it.
    Added,
    /// Only the old configuration has it.
    Removed,
    Changed,
}

/// The values of a difference. In JSON, a difference with neither `old` nor `new` withholds them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    Shown {
        #[serde(skip_serializing_if = "Option::is_none")]
        old: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        new: Option<Value>,
    },
    /// A secret, a member that the table does not know, or an image that the capture could not fetch. With
    /// braces, it has no members in JSON.
    Withheld {},
}

/// Something that was not compared, because the sides do not have comparable values. It is no difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// One object, or a kind of objects.
    pub object: ComparedObject,
    /// None for all members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub reason: NotComparedReason,
    /// The side without the value. None if both sides have it, in forms that cannot be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Why the capture could not read it, in the words of the capture. For `NoMac`, the code of KMS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NotComparedReason {
    /// The capture could not read the object or keep the member, or could not read the client that the member names.
    NotCaptured,
    /// The capture left the secret out.
    LeftOut,
    /// Cognito does not answer the member, or no longer does.
    NotReadable,
    /// One side has the value and the other its MAC.
    KeptDifferently,
    /// The MACs are of different keys, or a document does not name the key.
    OtherKey,
    /// KMS made no MAC of a secret of the live pool.
    NoMac,
    /// A later version captured the object, and this one does not know its kind.
    UnknownKind,
}

/// One of the two configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    Old,
    New,
}

/// The object of a difference. In JSON, it is its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComparedObject {
    /// None for a kind that this version does not know.
    pub kind: Option<ObjectKind>,
    /// The words for a reader: `clients/web`, `terms/web/privacy-policy`, `mfa`.
    pub text: String,
    /// The name in the old configuration. None if it lacks the object, and for a kind.
    pub old: Option<ObjectName>,
    /// The name in the new configuration. None if it lacks the object, and for a kind.
    pub new: Option<ObjectName>,
}

impl ComparedObject {
    /// All objects of a kind.
    pub(super) fn all(kind: ObjectKind) -> Self {
        Self { kind: Some(kind), text: kind.name().to_owned(), old: None, new: None }
    }
}

impl Serialize for ComparedObject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl ConfigurationDifference {
    pub(super) fn new(mut differences: Vec<Difference>, mut not_compared: Vec<NotCompared>) -> Self {
        differences.sort_by(|a, b| (&a.object, &a.field, a.change).cmp(&(&b.object, &b.field, b.change)));
        not_compared.sort_by(|a, b| {
            let [a_key, b_key] = [a, b].map(|entry| {
                (entry.object.kind.is_none(), &entry.object, &entry.field, entry.reason, entry.side)
            });
            a_key.cmp(&b_key)
        });
        Self { same: differences.is_empty(), differences, not_compared }
    }

    /// What one side could not read, although the other one could, and secrets that KMS made no MAC of. What the tier or the
    /// Region of a pool does not have is no such part.
    pub fn unread(&self, side: Side) -> impl Iterator<Item = &NotCompared> {
        let is_of_capture = |note: &NotCompared| note.reason == NotComparedReason::NotCaptured;
        let is_failure = |note: &NotCompared| {
            note.detail.as_deref().is_some_and(|detail| NotCapturedReason::parse(detail).is_failure())
        };
        let is_read_by_other = move |note: &NotCompared| {
            !self.not_compared.iter().any(|other| {
                is_of_capture(other)
                    && other.side == Some(side.other())
                    && (&other.object, &other.field) == (&note.object, &note.field)
            })
        };
        self.not_compared.iter().filter(move |note| {
            let is_unread = match note.reason {
                NotComparedReason::NotCaptured => is_failure(note) && is_read_by_other(note),
                NotComparedReason::NoMac => true,
                _ => false,
            };
            note.side == Some(side) && is_unread
        })
    }
}

impl Values {
    pub(super) fn added(new: Value) -> Self {
        Self::Shown { old: None, new: Some(new) }
    }

    pub(super) fn removed(old: Value) -> Self {
        Self::Shown { old: Some(old), new: None }
    }

    pub(super) fn changed(old: Value, new: Value) -> Self {
        Self::Shown { old: Some(old), new: Some(new) }
    }
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Old, Self::New];

    pub(super) fn other(self) -> Self {
        match self {
            Self::Old => Self::New,
            Self::New => Self::Old,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_says_what_to_do_about_every_reason() {
        use NotComparedReason::{
            KeptDifferently, LeftOut, NoMac, NotCaptured, NotReadable, OtherKey, UnknownKind,
        };
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/reasons.md");
        let page = std::fs::read_to_string(page).unwrap();
        let (_, section) = page.split_once("## What a comparison leaves out").unwrap();
        let section = section.split("\n## ").next().unwrap();
        for reason in [NotCaptured, LeftOut, NotReadable, KeptDifferently, OtherKey, NoMac, UnknownKind] {
            let name = serde_json::to_value(reason).unwrap();
            let row = format!("| `{}` |", name.as_str().unwrap());
            assert_eq!(section.lines().filter(|line| line.starts_with(&row)).count(), 1, "{row}");
        }
    }
}
