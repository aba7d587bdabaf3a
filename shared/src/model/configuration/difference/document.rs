//! A configuration as a JSON document in Cognito's own member names.
//!
//! The document has one member for each kind of objects. The value is the object itself if a pool has only
//! one of its kind, and otherwise a list of objects. `notCaptured` lists what the capture could not read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

use super::output::NotComparedReason;
use crate::model::Digest;
use crate::model::configuration::{Nature, ObjectKind, ObjectName, fields_of};
use crate::model::nameable::setting_name;

/// The id of the object for the whole pool, if clients have objects of the same kind.
pub const POOL_WIDE: &str = "ALL";

const NOT_CAPTURED: &str = "notCaptured";

/// The configuration of one pool at one time.
///
/// It may hold secrets in clear, so its `Debug` shows no values.
#[derive(Clone, Default)]
pub struct Configuration {
    pub(super) objects: BTreeMap<ObjectName, Value>,
    pub(super) not_captured: BTreeMap<Uncaptured, String>,
    /// Members that the capture could not read or keep of an object that it has, with the reasons.
    pub(super) lacking_members: BTreeMap<ObjectName, BTreeMap<String, LackingMember>>,
    /// The same for objects of kinds that this version does not know, by their texts.
    pub(super) unknown_not_captured: BTreeMap<String, String>,
    /// Captured objects of such kinds, with the digests of their records.
    pub(super) unknown_objects: BTreeMap<String, Digest>,
    /// Objects whose secrets the capture left out, without a placeholder.
    pub(super) left_out: BTreeSet<ObjectName>,
}

/// Why a configuration lacks a member.
#[derive(Debug, Clone)]
pub(super) struct LackingMember {
    pub reason: NotComparedReason,
    /// The reason of the capture, or the code of KMS.
    pub detail: String,
}

/// What a capture could not read: one object, or all objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uncaptured {
    pub kind: ObjectKind,
    /// None for all objects of the kind, or if a pool has only one.
    pub id: Option<String>,
}

/// What a document has in place of a secret. In JSON: `{"$secret": {"mac": "…", "key": "mrk-…"}}`, or
/// `{"$secret": {}}` if the capture left the secret out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPlaceholder {
    /// None if the capture left the secret out.
    pub mac: Option<SecretMac>,
}

/// The MAC of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretMac {
    /// The MACs of one key are equal if and only if the secrets are equal.
    pub mac: String,
    /// The id of the KMS key: `mrk-…`. A multi-Region key has the same id in every Region ("Multi-Region
    /// keys", AWS KMS developer guide). None if the document does not name it. Then the MAC is compared with
    /// no other.
    pub key: Option<String>,
}

/// Why a document is no configuration. The text names no value of the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    #[error("the configuration is no JSON object. Capture it again.")]
    NoObject,
    #[error(
        "the configuration has a member `{0}` that this version does not know. Use the version that wrote it."
    )]
    UnknownMember(String),
    #[error("`{0}` of the configuration has another form than this version knows. Capture it again.")]
    OtherForm(&'static str),
    #[error("an object of `{kind}` lacks its `{member}`. Capture the configuration again.")]
    Unnamed { kind: ObjectKind, member: &'static str },
    #[error("two objects of `{0}` have the same name. Capture the configuration again.")]
    Twice(ObjectKind),
}

impl Configuration {
    /// Reads a document. A kind that it lacks has no objects.
    ///
    /// # Errors
    ///
    /// Another form, a member that is no kind, and objects without a name or with the same name.
    pub fn from_document(document: Value) -> Result<Self, DocumentError> {
        let Value::Object(members) = document else { return Err(DocumentError::NoObject) };
        let mut configuration = Self::default();
        for (name, value) in members {
            if name == NOT_CAPTURED {
                if !value.is_null() {
                    configuration.read_not_captured(&value)?;
                }
                continue;
            }
            let kind =
                kind(&name).ok_or_else(|| DocumentError::UnknownMember(setting_name(&name).to_owned()))?;
            match value {
                Value::Null => {}
                Value::Object(_) if kind.is_single() => {
                    configuration.insert(ObjectName::single(kind), value)?
                }
                Value::Array(objects) if !kind.is_single() => {
                    for object in objects {
                        configuration.insert(object_name(kind, &object)?, object)?;
                    }
                }
                _ => return Err(DocumentError::OtherForm(kind.name())),
            }
        }
        Ok(configuration)
    }

    /// Adds an object, in Cognito's own members. The id of an object that a client has is
    /// [`id_of_client_object`].
    ///
    /// # Errors
    ///
    /// [`DocumentError::Twice`] if there is one with this name.
    pub fn insert(&mut self, name: ObjectName, mut object: Value) -> Result<(), DocumentError> {
        let kind = name.kind;
        // Cognito's answer has no such member. The capture adds it to name the object.
        if kind == ObjectKind::ClientSecrets
            && let Some(members) = object.as_object_mut()
        {
            members.remove(CLIENT_ID);
        }
        if self.objects.insert(name, object).is_some() {
            return Err(DocumentError::Twice(kind));
        }
        Ok(())
    }

    /// The object of this name.
    pub fn object(&self, name: &ObjectName) -> Option<&Value> {
        self.objects.get(name)
    }

    /// All objects, in the order of their names.
    #[cfg(test)]
    pub(in super::super) fn all_objects(&self) -> impl Iterator<Item = (&ObjectName, &Value)> {
        self.objects.iter()
    }

    /// Puts an object in the place of the one with this name.
    pub(in super::super) fn put(&mut self, name: ObjectName, object: Value) {
        self.objects.insert(name, object);
    }

    /// Takes an object out.
    pub(in super::super) fn take(&mut self, name: &ObjectName) -> Option<Value> {
        self.objects.remove(name)
    }

    /// Says that a capture could not read something, or the member of an object.
    pub fn set_not_captured(
        &mut self,
        uncaptured: Uncaptured,
        member: Option<&str>,
        detail: impl Into<String>,
    ) {
        let Uncaptured { kind, id } = &uncaptured;
        let object = match id {
            Some(id) => Some(ObjectName::of(*kind, id.as_str())),
            None => kind.is_single().then(|| ObjectName::single(*kind)),
        };
        match (object, member) {
            (Some(object), Some(member)) => {
                let reason = NotComparedReason::NotCaptured;
                self.set_lacking(object, member, LackingMember { reason, detail: detail.into() });
            }
            _ => drop(self.not_captured.insert(uncaptured, detail.into())),
        }
    }

    /// Says that no member of the object is lacking.
    pub(in super::super) fn set_complete(&mut self, name: &ObjectName) {
        self.lacking_members.remove(name);
    }

    /// Says that KMS made no MAC of a member, with the code of its answer.
    pub(super) fn set_without_mac(&mut self, object: ObjectName, member: &str, code: &str) {
        let lacking = LackingMember { reason: NotComparedReason::NoMac, detail: code.to_owned() };
        self.set_lacking(object, member, lacking);
    }

    fn set_lacking(&mut self, object: ObjectName, member: &str, lacking: LackingMember) {
        self.lacking_members.entry(object).or_default().insert(member.replace("[]", ""), lacking);
    }

    /// Says that a capture could not read objects of a kind that this version does not know.
    pub(super) fn set_unknown_not_captured(&mut self, text: String, reason: &str) {
        self.unknown_not_captured.insert(text, reason.to_owned());
    }

    /// The only object of its kind.
    pub(in super::super) fn single(&self, kind: ObjectKind) -> Option<&Value> {
        self.objects.get(&ObjectName::single(kind))
    }

    /// The ids and objects of a kind.
    pub(in super::super) fn objects_of(&self, kind: ObjectKind) -> impl Iterator<Item = (&str, &Value)> {
        let objects = self.objects.iter().filter(move |(name, _)| name.kind == kind);
        objects.map(|(name, object)| (name.id.as_str(), object))
    }

    /// The ids of a kind that the capture could not read, with the reasons.
    pub(super) fn uncaptured_ids(&self, kind: ObjectKind) -> impl Iterator<Item = (&str, &str)> {
        let uncaptured = self.not_captured.iter().filter(move |(uncaptured, _)| uncaptured.kind == kind);
        uncaptured.filter_map(|(uncaptured, reason)| Some((uncaptured.id.as_deref()?, reason.as_str())))
    }

    /// The reason why an object was not captured.
    pub(super) fn why_uncaptured(&self, kind: ObjectKind, id: &str) -> Option<&str> {
        let id = Some(id.to_owned());
        self.not_captured.get(&Uncaptured { kind, id }).map(String::as_str)
    }

    /// The reason why a kind was not captured.
    pub(in super::super) fn uncaptured_kind(&self, kind: ObjectKind) -> Option<&str> {
        self.not_captured.get(&Uncaptured { kind, id: None }).map(String::as_str)
    }

    /// Whether both are configurations of one pool, in which ids never change.
    pub(super) fn is_of_same_pool(&self, other: &Self) -> bool {
        self.pool_id().is_some_and(|id| other.pool_id() == Some(id))
    }

    /// The id of the pool. If the pool itself was not captured, the id is in other objects.
    fn pool_id(&self) -> Option<&str> {
        let pool = self.single(ObjectKind::UserPool).and_then(|pool| pool["Id"].as_str());
        pool.or_else(|| self.objects.values().find_map(|object| object["UserPoolId"].as_str()))
    }

    fn read_not_captured(&mut self, entries: &Value) -> Result<(), DocumentError> {
        let other_form = DocumentError::OtherForm(NOT_CAPTURED);
        for entry in entries.as_array().ok_or_else(|| other_form.clone())? {
            let (Some(text), Some(reason)) = (entry["object"].as_str(), entry["reason"].as_str()) else {
                return Err(other_form);
            };
            let object = Uncaptured::parse(text).ok_or_else(|| other_form.clone())?;
            let member = match &entry["member"] {
                Value::Null => None,
                member => Some(member.as_str().ok_or_else(|| other_form.clone())?),
            };
            self.set_not_captured(object, member, reason);
        }
        Ok(())
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.objects.keys().map(ToString::to_string).collect();
        f.debug_struct("Configuration")
            .field("objects", &names)
            .field("not_captured", &self.not_captured)
            .field("lacking_members", &self.lacking_members)
            .finish()
    }
}

impl Uncaptured {
    /// Reads `riskConfigurations` or `riskConfigurations/ALL`. None if the kind is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        match kind(text) {
            Some(kind) => Some(Self { kind, id: None }),
            None => ObjectName::parse(text).map(|name| Self { kind: name.kind, id: Some(name.id) }),
        }
    }
}

impl SecretPlaceholder {
    const MEMBER: &str = "$secret";

    /// The placeholder, if the value is one.
    pub fn read(value: &Value) -> Option<Self> {
        let members = value.as_object().filter(|members| members.len() == 1)?;
        let placeholder = members.get(Self::MEMBER)?.as_object()?;
        let text = |member: &str| placeholder.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(Self { mac: text("mac").map(|mac| SecretMac { mac, key: text("key") }) })
    }

    /// The placeholder in JSON.
    pub fn to_value(&self) -> Value {
        let mut placeholder = Map::new();
        if let Some(SecretMac { mac, key }) = &self.mac {
            placeholder.insert("mac".to_owned(), json!(mac));
            placeholder.extend(key.iter().map(|key| ("key".to_owned(), json!(key))));
        }
        json!({ Self::MEMBER: placeholder })
    }
}

impl SecretMac {
    /// Whether both MACs are certainly of one key. Otherwise they say nothing about the secrets.
    pub fn is_of_same_key(&self, other: &Self) -> bool {
        self.key.is_some() && self.key == other.key
    }
}

/// The id of an object that a client has: the id of the client, and the rest of the name if the client can
/// have many.
pub fn id_of_client_object(client: &str, rest: &str) -> String {
    if rest.is_empty() { client.to_owned() } else { format!("{client}/{rest}") }
}

/// Whether clients have objects of this kind, so that the name begins with the id of a client or
/// [`POOL_WIDE`].
pub(super) fn is_of_client(kind: ObjectKind) -> bool {
    kind == ObjectKind::ClientSecrets
        || (kind != ObjectKind::Client && name_members(kind).any(|member| member == CLIENT_ID))
}

/// The members that name an object of this kind.
pub(super) fn name_members(kind: ObjectKind) -> impl Iterator<Item = &'static str> {
    fields_of(kind).iter().filter(|row| row.nature == Nature::Name).map(|row| row.path)
}

const CLIENT_ID: &str = "ClientId";

/// The name of an element of a list. Cognito's answer for the whole pool has no `ClientId`: its id is
/// [`POOL_WIDE`]. Cognito's answer for the secrets of a client has none either: the capture adds it.
fn object_name(kind: ObjectKind, object: &Value) -> Result<ObjectName, DocumentError> {
    if !object.is_object() {
        return Err(DocumentError::OtherForm(kind.name()));
    }
    let is_pool_wide =
        matches!(kind, ObjectKind::UiCustomization | ObjectKind::RiskConfiguration | ObjectKind::Sessions);
    let value = |member: &'static str| match object[member].as_str() {
        Some(value) if !value.is_empty() => Ok(value),
        _ if is_pool_wide && member == CLIENT_ID => Ok(POOL_WIDE),
        _ => Err(DocumentError::Unnamed { kind, member }),
    };
    let id = if is_of_client(kind) {
        let rest = name_members(kind).find(|member| *member != CLIENT_ID);
        id_of_client_object(value(CLIENT_ID)?, rest.map(value).transpose()?.unwrap_or_default())
    } else {
        name_members(kind).next().map(value).transpose()?.unwrap_or_default().to_owned()
    };
    Ok(ObjectName::of(kind, id))
}

fn kind(name: &str) -> Option<ObjectKind> {
    ObjectKind::ALL.iter().copied().find(|kind| kind.name() == name)
}
