//! What code does not have of a captured configuration.

use serde::Serialize;

use super::Tool;

/// An object, or a member of it, that the code does not have as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    pub object: String,
    /// None if it is the whole object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    pub reason: GapReason,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum GapReason {
    /// The tool has no resource for the object.
    NoResource,
    /// The tool has no member for it.
    NoMember,
    /// The tool cannot import the object, because of its name.
    NotImportable,
    /// The tool compares the order of a list, and no capture has it.
    OrderNotCaptured,
    /// The tool takes the sender of the pool for a second factor that the pool does not have.
    MeansFactor,
    /// Its name is that of a standard attribute.
    NameOfStandardAttribute,
    /// The tool cannot declare the attribute.
    NotDeclarable,
    /// The tool demands a member that it lacks.
    Incomplete,
    /// The tool adds default units to it that the object does not have.
    DefaultsAdded,
    /// The tool has no member for it. A request without it may reset it.
    ResetByUpdate,
    /// The tool sets no factor while the second factors are off.
    BesideOff,
    /// The tool replaces the object if the member comes to the code.
    ReplacesIfAdded,
    /// The tool evaluates such a text or key.
    Evaluated,
    /// AWS makes it, or a client that registers itself.
    MadeByItself,
    /// The snapshot does not have it.
    NotCaptured,
    /// This version does not know it.
    Unknown,
}

impl GapReason {
    /// The words for a reader, after the name.
    pub fn words(self, tool: Tool) -> String {
        let name = tool.name();
        match self {
            Self::NoResource => format!("{name} has no resource for it"),
            Self::NoMember => format!("{name} has no property for it"),
            Self::NotImportable => format!("{name} cannot import an object with this name"),
            Self::OrderNotCaptured => {
                format!("{name} compares the order, which the snapshot does not have; changes are ignored")
            }
            Self::MeansFactor => {
                format!("the pool has no SMS factor, but {name} adds it when it changes the second factors")
            }
            Self::NameOfStandardAttribute => {
                format!("{name} would take it for the standard attribute of that name")
            }
            Self::NotDeclarable => format!("{name} cannot declare this attribute"),
            Self::Incomplete => {
                format!("{name} demands members that it does not have; changes are ignored")
            }
            Self::DefaultsAdded => {
                format!("the plan of {name} adds the default units to it, which changes no duration")
            }
            Self::ResetByUpdate => {
                format!("{name} has no property for it, and may reset it when it changes the pool")
            }
            Self::BesideOff => format!("{name} sets no factor while the second factors are off"),
            Self::ReplacesIfAdded => {
                format!("the code does not have it, and {name} replaces the object if you add it")
            }
            Self::Evaluated => format!("{name} would evaluate it"),
            Self::MadeByItself => "AWS keeps it, or it registered itself".to_owned(),
            Self::NotCaptured => "the snapshot does not have it".to_owned(),
            Self::Unknown => "this version does not know it".to_owned(),
        }
    }
}

impl Gap {
    /// The object and the member, on one line.
    pub fn name(&self) -> String {
        let name = match &self.member {
            Some(member) => format!("{} {member}", self.object),
            None => self.object.clone(),
        };
        if name.contains(char::is_control) { format!("{name:?}") } else { name }
    }

    /// The name and the reason, on one line.
    pub fn words(&self, tool: Tool) -> String {
        format!("{}: {}", self.name(), self.reason.words(tool))
    }
}
