//! The captured configuration of a snapshot.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use shared::format::{form, plural};
use shared::model::configuration::ObjectKind;
use shared::model::configuration::schema::is_default_attribute;
use shared::model::{PoolId, RunId};
use shared::operations::{CapturedSnapshot, Holding};
use shared::report::NotCapturedObject;

use super::Report;

/// What `pool show` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolShown {
    user_pool_id: PoolId,
    /// The id of the snapshot or the capture.
    snapshot_id: RunId,
    #[serde(skip)]
    holding: Holding,
    /// The objects, by kind.
    #[serde(flatten)]
    objects: Map<String, Value>,
    /// Captured objects of kinds that this version does not know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown_objects: Vec<String>,
    not_captured: Vec<NotCapturedObject>,
    /// The members that are stored encrypted.
    stored_secrets: Vec<StoredSecret>,
    secrets_left_out: u64,
    /// Whether the secrets stand in their places.
    #[serde(skip)]
    reveals_secrets: bool,
}

/// A member that is stored encrypted.
#[derive(Debug, Serialize)]
struct StoredSecret {
    object: String,
    member: String,
}

impl PoolShown {
    /// `reveals_secrets`: whether the secrets stand in their places.
    pub fn new(captured: &CapturedSnapshot, reveals_secrets: bool) -> Self {
        let stored_secrets = captured.list.entries().iter().flat_map(|entry| {
            let object = entry.name.to_string();
            let stored = entry.secrets.iter();
            stored.map(move |secret| StoredSecret { object: object.clone(), member: secret.member.clone() })
        });
        Self {
            user_pool_id: captured.pool.clone(),
            snapshot_id: captured.id.clone(),
            holding: captured.holding,
            objects: captured.document(),
            unknown_objects: captured.list.unknown().iter().map(|entry| entry.name.clone()).collect(),
            not_captured: captured.list.not_captured().iter().map(NotCapturedObject::whole).collect(),
            stored_secrets: stored_secrets.collect(),
            secrets_left_out: captured.list.secrets_left_out(),
            reveals_secrets,
        }
    }
}

impl Report for PoolShown {
    fn human(&self, _: Timestamp) -> String {
        let (pool, noun, id) = (&self.user_pool_id, self.holding.noun(), &self.snapshot_id);
        let mut text = format!("Configuration of user pool {pool} in {noun} {id}\n");
        for kind in ObjectKind::ALL {
            let value = &self.objects[kind.name()];
            match value {
                Value::Object(objects) if !kind.is_single() => objects
                    .iter()
                    .for_each(|(name, object)| self.section(&mut text, &format!("{kind}/{name}"), object)),
                Value::Null => {}
                object if *kind == ObjectKind::UserPool => {
                    user_pool(&mut text, object);
                    self.stored_in(&mut text, kind.name());
                }
                object => self.section(&mut text, kind.name(), object),
            }
        }
        if !self.unknown_objects.is_empty() {
            text += "\nOf kinds that this version does not know\n";
            self.unknown_objects.iter().for_each(|name| text += &format!("  {}\n", plain(name)));
        }
        if !self.not_captured.is_empty() {
            text += "\nNot captured\n";
            for lacking in &self.not_captured {
                text += &format!("  {}: {}", plain(&lacking.object), lacking.reason.words());
                text += &lacking.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
                let held = lacking.held_by.as_ref();
                let holds = if lacking.holder_removed { "held it, and was removed" } else { "holds it" };
                text += &held.map(|id| format!("; snapshot {id} {holds}")).unwrap_or_default();
                text.push('\n');
            }
        }
        if !self.stored_secrets.is_empty() {
            let stored = self.stored_secrets.len() as u64;
            let are = form(stored, "is", "are");
            text +=
                &format!("\n{} {are} stored encrypted.", plural(stored, "secret member", "secret members"));
            text += &if self.reveals_secrets {
                format!(" In the objects, {} in clear.", form(stored, "it is", "they are"))
            } else {
                format!(" Print {} with --secrets.", form(stored, "it", "them"))
            };
        }
        text += &match self.secrets_left_out {
            0 => "\nNo member was left out as a secret.".to_owned(),
            1 => "\n1 member was left out, because it is secret.".to_owned(),
            count => format!("\n{count} members were left out, because they are secret."),
        };
        text
    }
}

/// A name on one line.
fn plain(name: &str) -> String {
    if name.contains(char::is_control) { format!("{name:?}") } else { name.to_owned() }
}

/// The pool itself. Standard attributes as Cognito makes them take one line.
fn user_pool(text: &mut String, object: &Value) {
    let (mut object, mut names) = (object.clone(), Vec::new());
    if let Some(attributes) = object.get_mut("SchemaAttributes").and_then(Value::as_array_mut) {
        attributes.retain(|attribute| {
            let name = attribute["Name"].as_str().filter(|_| is_default_attribute(attribute));
            names.extend(name.map(str::to_owned));
            name.is_none()
        });
    }
    section(text, ObjectKind::UserPool.name(), &object);
    if !names.is_empty() {
        let (count, have) =
            (plural(names.len() as u64, "standard attribute", "standard attributes"), names.len());
        let have = form(have as u64, "has its default values", "have their default values");
        *text += &format!("  {count} {have}: {}. --json shows them.\n", names.join(", "));
    }
}

/// An object under its name.
fn section(text: &mut String, name: &str, object: &Value) {
    *text += &format!("\n{}\n", plain(name));
    // The JSON of a value that was read as JSON.
    let json = serde_json::to_string_pretty(object).unwrap_or_default();
    json.lines().for_each(|line| *text += &format!("  {line}\n"));
}

impl PoolShown {
    /// An object under its name, and which of its members are stored encrypted.
    fn section(&self, text: &mut String, name: &str, object: &Value) {
        section(text, name, object);
        self.stored_in(text, name);
    }

    /// Which members of an object are stored encrypted.
    fn stored_in(&self, text: &mut String, name: &str) {
        for secret in self.stored_secrets.iter().filter(|secret| secret.object == name) {
            if !self.reveals_secrets {
                *text += &format!("  A secret is stored: {}\n", plain(&secret.member));
            }
        }
    }
}
