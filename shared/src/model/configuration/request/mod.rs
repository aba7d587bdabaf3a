//! The requests that write an object of a configuration: the one that creates it, and the one that changes it.
//!
//! The table of fields decides what a request has. A request has every field of the object, because neither its
//! presence nor its absence can be relied on: Cognito resets some members that a request lacks, and keeps others.
//! What a document has only as a [placeholder](super::difference::document::SecretPlaceholder) is not sent.

mod defaults;
mod projection;
mod secrets;
#[cfg(test)]
mod tests;

use std::fmt;

pub use secrets::{missing_secrets, put_secret, secrets_of};
use serde_json::{Map, Value};

use super::difference::document::POOL_WIDE;
use super::{
    Comparison, Field, KeyValue, Nature, ObjectKind, ObjectName, Tier, Write, operations_of, path, schema,
};
use crate::model::{Operation, PoolId};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The object does not exist.
    Create,
    /// The object exists, or the request sets it.
    Update,
}

impl Purpose {
    /// Whether a request for this purpose takes the member.
    fn takes(self, row: &Field) -> bool {
        let writes = match row.write {
            Write::Always => true,
            Write::OnlyCreate => self == Self::Create,
            Write::OnlyUpdate => self == Self::Update,
            Write::Never => false,
        };
        writes && matches!(row.nature, Nature::Setting | Nature::Name | Nature::Secret)
    }
}

/// A call that writes an object of a configuration. It can hold secrets, so its request is never shown.
#[derive(Clone, PartialEq)]
pub struct ConfigurationWrite {
    operation: Operation,
    request: Map<String, Value>,
}

impl fmt::Debug for ConfigurationWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigurationWrite").field("operation", &self.operation).finish_non_exhaustive()
    }
}

impl ConfigurationWrite {
    /// A call with this request. None if the operation writes no object of a configuration.
    pub fn new(operation: Operation, request: Map<String, Value>) -> Option<Self> {
        operation.writes_configuration().then_some(Self { operation, request })
    }

    /// The request that makes `object` in a pool. Objects that no operation creates are set. None if no operation
    /// writes the object.
    ///
    /// `object` has the ids that the new pool gave to clients. `tier` is the tier of the pool.
    pub fn creating(name: &ObjectName, object: &Value, pool: &PoolId, tier: Option<Tier>) -> Option<Self> {
        let operations = operations_for(name)?;
        let (row, purpose) = match (&operations.create, &operations.update) {
            (Some(create), _) => (create, Purpose::Create),
            (None, Some(update)) => (update, Purpose::Update),
            (None, None) => return None,
        };
        Self::of(name, object, object, pool, (row, purpose), tier)
    }

    /// The request that changes the object that the pool has as `live` to `object`. None if no operation changes it.
    pub fn updating(
        name: &ObjectName,
        object: &Value,
        live: &Value,
        pool: &PoolId,
        tier: Option<Tier>,
    ) -> Option<Self> {
        let row = operations_for(name)?.update.as_ref()?;
        Self::of(name, object, live, pool, (row, Purpose::Update), tier)
    }

    /// The request that deletes the object that the pool has as `live`. None if no operation deletes it, or it is
    /// the pool.
    pub fn deleting(name: &ObjectName, live: &Value, pool: &PoolId) -> Option<Self> {
        let row = operations_for(name)?.delete.as_ref()?;
        let operation = Operation::named(row.name)?;
        Self::new(operation, keys(row, name, live, pool)?)
    }

    /// The requests that add the attributes of a pool which the request that creates it cannot have.
    pub fn adding_attributes(user_pool: &Value, pool: &PoolId) -> Vec<Self> {
        Self::lacking_attributes(user_pool, &Value::Null, pool)
    }

    /// Those of [these requests](Self::adding_attributes) that a pool still needs. `live` is the pool as Cognito
    /// describes it.
    pub fn lacking_attributes(user_pool: &Value, live: &Value, pool: &PoolId) -> Vec<Self> {
        let known: Vec<&Value> = live["SchemaAttributes"].as_array().into_iter().flatten().collect();
        let has = |attribute: &Value| known.iter().any(|known| known["Name"] == attribute["Name"]);
        // The limit counts the whole list, so the list is divided before the known attributes are taken out.
        let (_, added) = attributes(user_pool);
        Self::adding(added.into_iter().filter(|attribute| !has(attribute)), pool)
    }

    /// The requests that add these attributes, as Cognito describes them, to a pool.
    pub fn adding<'a>(attributes: impl Iterator<Item = &'a Value>, pool: &PoolId) -> Vec<Self> {
        let forms: Vec<Value> = attributes.filter_map(schema::create_form).collect();
        let request = |forms: &[Value]| {
            let members = [("UserPoolId", pool.as_str().into()), ("CustomAttributes", forms.into())];
            Map::from_iter(members.map(|(member, value): (&str, Value)| (member.to_owned(), value)))
        };
        forms
            .chunks(MAX_ADDED)
            .map(|forms| Self { operation: Operation::AddCustomAttributes, request: request(forms) })
            .collect()
    }

    /// The request that sets the object that the pool has as `live` to nothing. None if the object is one that an
    /// operation creates or every pool has.
    pub fn clearing(name: &ObjectName, live: &Value, pool: &PoolId) -> Option<Self> {
        let is_cleared = matches!(name.kind, ObjectKind::UiCustomization | ObjectKind::RiskConfiguration);
        let row = operations_for(name)?.update.as_ref().filter(|_| is_cleared)?;
        Self::new(Operation::named(row.name)?, keys(row, name, live, pool)?)
    }

    fn of(
        name: &ObjectName,
        object: &Value,
        live: &Value,
        pool: &PoolId,
        (row, purpose): (&super::Operation, Purpose),
        tier: Option<Tier>,
    ) -> Option<Self> {
        let mut request = request_members(name.kind, object, purpose, tier);
        // Cognito removes the look if the request has neither. A logo may not be captured.
        if name.kind == ObjectKind::UiCustomization && request.is_empty() {
            return None;
        }
        request.extend(keys(row, name, live, pool)?);
        Self::new(Operation::named(row.name)?, request)
    }

    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The request, for the adapter that sends it.
    pub fn reveal(&self) -> Value {
        Value::Object(self.request.clone())
    }

    /// Sets or removes a top-level member, for what a caller decides: the name of a new pool, a tag, a secret.
    #[must_use]
    pub fn with(mut self, member: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.request.insert(member.to_owned(), value),
            None => self.request.remove(member),
        };
        self
    }
}

/// The read of an object: the operation, its request without paging, and the member of the answer that holds the object
/// or the list with it. `known` is the object as it was, with the ids that Cognito gave it. None if the object cannot be
/// found without such an id.
pub fn reading(
    name: &ObjectName,
    known: &Value,
    pool: &PoolId,
) -> Option<(&'static super::Operation, Map<String, Value>)> {
    let row = operations_for(name)?.read.as_ref()?;
    let mut request = keys(row, name, known, pool)?;
    if name.kind == ObjectKind::Branding {
        request.insert("ReturnMergedResources".to_owned(), false.into());
    }
    Some((row, request))
}

/// The operations of an object. Sessions of the pool and of a client have different ones.
fn operations_for(name: &ObjectName) -> Option<&'static super::Operations> {
    let is_of_client = name.kind == ObjectKind::Sessions && name.id != POOL_WIDE;
    operations_of(name.kind)
        .find(|operations| (operations.found == super::Found::EachClient) == is_of_client)
        .or_else(|| operations_of(name.kind).next())
}

/// The members that find the object. None if the object lacks one of them.
fn keys(
    row: &super::Operation,
    name: &ObjectName,
    live: &Value,
    pool: &PoolId,
) -> Option<Map<String, Value>> {
    let mut found = Map::new();
    for key in row.keys {
        let value = match key.value {
            KeyValue::PoolId => Value::from(pool.as_str()),
            KeyValue::PoolArn => return None,
            KeyValue::ClientId if name.id == POOL_WIDE => continue,
            KeyValue::ClientId => live["ClientId"].as_str().or_else(|| name.client()).map(Value::from)?,
            KeyValue::Member => live[key.member].as_str().map(Value::from)?,
        };
        found.insert(key.member.to_owned(), value);
    }
    Some(found)
}

/// The members of a request that writes the object, without those that find it.
///
/// A request that changes an object also has the defaults of what the object lacks. If the tier is known, a member
/// above it is left out of these.
pub fn request_members(
    kind: ObjectKind,
    object: &Value,
    purpose: Purpose,
    tier: Option<Tier>,
) -> Map<String, Value> {
    renamed(kind, written_members(kind, object, purpose, tier))
}

/// The members of a read that a request can write, under the names of reads and without a default.
///
/// It has what the object has, also what a request must leave out: a factor beside `OFF`.
pub(super) fn writable_members(kind: ObjectKind, object: &Value) -> Map<String, Value> {
    let mut members = projection::project(kind, object, Purpose::Create);
    if kind == ObjectKind::Branding {
        retain_one_source(object, &mut members, Purpose::Create);
    }
    members
}

/// [These members](request_members) under the names of reads.
fn written_members(
    kind: ObjectKind,
    object: &Value,
    purpose: Purpose,
    tier: Option<Tier>,
) -> Map<String, Value> {
    let object = defaults::normalised(kind, object, purpose);
    let mut request = projection::project(kind, &object, purpose);
    if purpose == Purpose::Update {
        defaults::fill(kind, &object, &mut request, tier);
    }
    match kind {
        ObjectKind::UserPool if purpose == Purpose::Create => {
            let (created, _) = attributes(&object);
            let forms: Vec<Value> = created.into_iter().filter_map(schema::create_form).collect();
            request.remove("SchemaAttributes");
            if !forms.is_empty() {
                request.insert("SchemaAttributes".to_owned(), forms.into());
            }
        }
        // Cognito refuses a factor beside `OFF`, even one that is not enabled.
        ObjectKind::Mfa if object["MfaConfiguration"].as_str().unwrap_or("OFF") == "OFF" => {
            request
                .retain(|member, _| ["MfaConfiguration", "WebAuthnConfiguration"].contains(&member.as_str()));
        }
        ObjectKind::Branding => retain_one_source(&object, &mut request, purpose),
        _ => {}
    }
    request
}

/// Removes from a style what excludes the rest of it.
fn retain_one_source(branding: &Value, request: &mut Map<String, Value>, purpose: Purpose) {
    if branding["UseCognitoProvidedValues"] == true {
        // The values of Cognito exclude settings and assets.
        request.retain(|member, _| !["Settings", "Assets"].contains(&member.as_str()));
    } else if request.contains_key("Settings") && purpose == Purpose::Create {
        // A request with both is refused.
        request.remove("UseCognitoProvidedValues");
    }
}

/// The attributes for `CreateUserPool`, and those that only `AddCustomAttributes` can add: above the limit of the
/// request, and custom ones with the name of a standard one.
fn attributes(user_pool: &Value) -> (Vec<&Value>, Vec<&Value>) {
    let all = user_pool["SchemaAttributes"].as_array().into_iter().flatten();
    let (mut created, mut added) = (Vec::new(), Vec::new());
    for attribute in all.filter(|attribute| schema::create_form(attribute).is_some()) {
        let name = attribute["Name"].as_str().unwrap_or_default();
        let is_custom = schema::standard_attribute(name).is_none();
        let is_ambiguous = schema::standard_attribute(schema::name_in_request(name)).is_some();
        if created.len() >= MAX_ATTRIBUTES || (is_custom && is_ambiguous) {
            added.push(attribute);
        } else {
            created.push(attribute);
        }
    }
    (created, added)
}

/// The most attributes of `CreateUserPool`. Source: `SchemaAttributesListType`, Amazon Cognito user pools API.
const MAX_ATTRIBUTES: usize = 50;
/// The most attributes of `AddCustomAttributes`. Source: `CustomAttributesListType`.
const MAX_ADDED: usize = 25;

/// The request with the names that requests have for members.
fn renamed(kind: ObjectKind, request: Map<String, Value>) -> Map<String, Value> {
    let first = |path: &'static str| path.split(['.', '[']).next().unwrap_or(path);
    let new_name = |member: &str| {
        let row =
            super::fields_of(kind).iter().find(|row| row.written_as.is_some() && first(row.path) == member);
        row.map_or_else(|| member.to_owned(), |row| first(row.request_path()).to_owned())
    };
    request.into_iter().map(|(member, value)| (new_name(&member), value)).collect()
}

/// Whether another member holds the same, and the request sends only that one.
fn is_withheld(row: &Field, object: &Value) -> bool {
    let Comparison::Mirror(path) = row.comparison else { return false };
    // Another object has the mirror, and its own request sends it.
    row.withheld && (path.contains('/') || path::at(object, path).is_some())
}
