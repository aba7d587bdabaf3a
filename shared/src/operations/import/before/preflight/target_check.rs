//! Whether the settings of the target allow a restore of the snapshot.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, Record};
use crate::model::{
    AttributeSchema, DataType, Federated, ImportInput, PoolDescription, Snapshot, UniqueName, setting_name,
};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// Characters of a `sub`.
const SUB_LENGTH: u32 = 36;
/// The most characters of a custom attribute that declares no maximum.
const DEFAULT_MAX_LENGTH: u32 = 256;

/// The most custom attributes of a pool. Source: "Quotas in Amazon Cognito", developer guide.
const MAX_CUSTOM_ATTRIBUTES: usize = 50;

/// Custom attributes that the restore declares in the target.
pub type Declarations = BTreeMap<String, AttributeSchema>;

/// What the restore must know of a target that can be used.
pub struct CheckedTarget {
    /// The attributes to declare in it.
    pub to_declare: Declarations,
    /// The names that may be equal in it, although they differ in the source.
    pub collides_by: Vec<UniqueName>,
    /// Its aliases that the source does not have.
    pub new_aliases: Vec<String>,
}

/// Compares the target with the source of a snapshot.
///
/// # Errors
/// One error that names all obstacles, so that the operator creates the next target only once.
pub async fn check<V: Vault>(
    catalog: &Catalog<V>,
    input: &ImportInput,
    target: &PoolDescription,
    snapshot: &Snapshot,
) -> Result<CheckedTarget> {
    let source = source_of(catalog, snapshot).await?;
    let sign_in = check_sign_in(input, &source, target);
    match (sign_in, check_attributes(input, &source, target)) {
        (Ok(()), Ok(to_declare)) => {
            let collides_by = {
                let makes_natives = input.options.federated == Federated::Link;
                UniqueName::that_may_collide(&source, target, makes_natives)
            };
            let is_new = |alias: &&String| !source.alias_attributes.contains(*alias);
            let new_aliases = target.alias_attributes.iter().filter(is_new).cloned().collect();
            Ok(CheckedTarget { to_declare, collides_by, new_aliases })
        }
        (sign_in, attributes) => {
            let errors: Vec<Error> = sign_in.err().into_iter().chain(attributes.err()).collect();
            Err(combine(&errors))
        }
    }
}

/// The settings of the source when the snapshot was taken.
async fn source_of<V: Vault>(catalog: &Catalog<V>, snapshot: &Snapshot) -> Result<PoolDescription> {
    let (pool, digest) = (&snapshot.pool, snapshot.configuration);
    match catalog.records(pool, &[("", digest)]).await?.pop() {
        Some(Ok(source)) => Ok(source),
        _ => Err(Error::new(
            ErrorKind::SnapshotDamaged,
            format!(
                "The configuration of the source (item {}) is missing or altered.",
                PoolDescription::key(pool, "", digest)
            ),
            Guidance::RECOVER_ITEM,
        )),
    }
}

fn check_sign_in(input: &ImportInput, source: &PoolDescription, target: &PoolDescription) -> Result<()> {
    let has_same_kind = source.username_attributes.is_empty() == target.username_attributes.is_empty();
    if has_same_kind
        && source.username_attributes.iter().all(|name| target.username_attributes.contains(name))
    {
        return Ok(());
    }
    let sign_in = |pool: &PoolDescription| match pool.username_attributes.as_slice() {
        [] => "username".to_owned(),
        names => names.iter().map(|name| setting_name(name)).collect::<Vec<_>>().join(" and "),
    };
    Err(Error::new(
        ErrorKind::TargetNotSupported,
        format!(
            "Users of source user pool {} sign in by {}, users of target user pool {} by {}.",
            input.source,
            sign_in(source),
            input.target,
            sign_in(target)
        ),
        "Create a target with the same UsernameAttributes; they cannot be changed later.",
    ))
}

/// Checks that the target declares the custom attributes of the source. Returns those that the
/// restore declares.
fn check_attributes(
    input: &ImportInput,
    source: &PoolDescription,
    target: &PoolDescription,
) -> Result<Declarations> {
    let options = &input.options;
    let mut missing: Declarations = source
        .custom_attributes()
        .filter(|(name, schema)| {
            target.attributes.get(*name).is_none_or(|other| other.data_type != schema.data_type)
        })
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    if let Some(name) = &options.old_sub_attribute {
        match missing.get(name).or(target.attributes.get(name)) {
            Some(schema) if can_hold_sub(schema) => {}
            None if options.create_missing_attributes => {
                drop(missing.insert(name.clone(), old_sub_attribute()))
            }
            _ => return Err(no_old_sub_attribute(input, name)),
        }
    }
    let is_of_another_type = missing.keys().any(|name| target.attributes.contains_key(name));
    if missing.is_empty() {
        return Ok(missing);
    }
    if options.create_missing_attributes && !is_of_another_type {
        let attributes = target.custom_attributes().count() + missing.len();
        return if attributes > MAX_CUSTOM_ATTRIBUTES {
            Err(too_many_attributes(input, attributes))
        } else {
            Ok(missing)
        };
    }
    let names: Vec<_> = missing.iter().map(|(name, schema)| declaration(name, schema)).collect();
    Err(Error::new(
        ErrorKind::MissingCustomAttributes,
        format!("Target user pool {} does not declare {}.", input.target, names.join(", ")),
        Guidance::CreateMissingAttributes.and("An attribute of another type needs a new pool."),
    ))
}

/// Cognito cannot remove an attribute again, so none is declared if not all can be.
fn too_many_attributes(input: &ImportInput, attributes: usize) -> Error {
    Error::new(
        ErrorKind::TargetNotSupported,
        format!(
            "With the attributes of the snapshot, target user pool {} would have {attributes} custom attributes. A \
             pool can have {MAX_CUSTOM_ATTRIBUTES}.",
            input.target
        ),
        "Create a target that declares the custom attributes of the source and few others.",
    )
}

fn declaration(name: &str, schema: &AttributeSchema) -> String {
    format!("{} ({})", setting_name(name), setting_name(schema.data_type.as_str()))
}

fn can_hold_sub(schema: &AttributeSchema) -> bool {
    let maximum =
        schema.maximum.as_ref().and_then(|maximum| maximum.parse().ok()).unwrap_or(DEFAULT_MAX_LENGTH);
    schema.data_type == DataType::String && maximum >= SUB_LENGTH
}

/// The declaration of an attribute that keeps the old `sub`.
fn old_sub_attribute() -> AttributeSchema {
    let (minimum, maximum) = (Some("0".to_owned()), Some(SUB_LENGTH.to_string()));
    AttributeSchema { data_type: DataType::String, mutable: true, required: false, minimum, maximum }
}

fn no_old_sub_attribute(input: &ImportInput, name: &str) -> Error {
    Error::new(
        ErrorKind::MissingCustomAttributes,
        format!(
            "Target user pool {} does not declare {} as text of {SUB_LENGTH} characters.",
            input.target,
            setting_name(name)
        ),
        Guidance::CreateMissingAttributes,
    )
}

/// One error of the kind of the first, with the messages of all.
fn combine(errors: &[Error]) -> Error {
    let kind = errors.first().map_or(ErrorKind::Internal, Error::kind);
    let messages: Vec<_> = errors.iter().map(Error::message).collect();
    let guidance = errors.iter().map(|error| error.guidance().clone()).collect();
    Error::new(kind, messages.join(" "), Guidance::All(guidance))
}
