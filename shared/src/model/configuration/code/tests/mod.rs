//! Goal: code has each setting of a pool at its place, or says that it does not have it, and never has a secret.
//!
//! Method: captures of one large pool, of single members, and of objects with unusual names, for both tools.

mod document;
mod evaluated;
mod every_member;
mod names;
mod plans;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::model::configuration::{
    Asset, Capture, CapturedEntry, CapturedList, CapturedObject, CapturedSecret, NotCaptured, ObjectKind,
    ObjectName, assets_in,
};
use crate::model::{Digest, PoolId};

/// A capture of a pool.
pub(super) struct Case {
    objects: BTreeMap<ObjectName, Value>,
    notes: Vec<NotCaptured>,
}

impl Case {
    pub fn of(objects: &[(&str, Value)]) -> Self {
        let objects = objects.iter();
        let named = objects.map(|(name, object)| (ObjectName::parse(name).unwrap(), object.clone()));
        Self { objects: named.collect(), notes: Vec::new() }
    }

    /// The pool that the tests of the comparison have, with objects of every kind and a canary in place of each secret.
    pub fn of_document() -> Self {
        let text = include_str!("../../difference/tests/document.json");
        let document: Value = serde_json::from_str(text).unwrap();
        let mut objects = BTreeMap::new();
        for kind in ObjectKind::ALL {
            match &document[kind.name()] {
                Value::Array(elements) => objects.extend(
                    elements.iter().map(|object| (ObjectName::of(*kind, id(*kind, object)), object.clone())),
                ),
                object => drop(objects.insert(ObjectName::single(*kind), object.clone())),
            }
        }
        Self { objects, notes: Vec::new() }
    }

    pub fn without_notes_but(mut self, notes: Vec<NotCaptured>) -> Self {
        self.notes = notes;
        self
    }

    pub fn as_code(&self, tool: Tool) -> PoolAsCode {
        let (mut entries, mut objects) = (Vec::new(), Vec::new());
        for (name, answer) in &self.objects {
            let mut answer = answer.clone();
            // The document has the client to name the object. No answer has it.
            if name.kind == ObjectKind::ClientSecrets {
                answer.as_object_mut().unwrap().remove("ClientId");
            }
            let answer = &answer;
            let Capture { object, assets, withheld } = Capture::of(name.clone(), answer).unwrap();
            let secret = |member: &crate::model::configuration::Withheld| CapturedSecret {
                member: member.path.clone(),
                place: member.place.clone(),
                mac: "mac".to_owned(),
                mac_key: "key".to_owned(),
                record: Digest::from_bytes([0; 16]),
            };
            entries.push(CapturedEntry {
                name: name.clone(),
                digest: object.digest(),
                assets: Vec::new(),
                secrets: withheld.iter().map(secret).collect(),
                secrets_left_out: 0,
            });
            objects.push(with_assets(object, &assets));
        }
        let pool = PoolId::parse("eu-west-1_EXAMPLE").unwrap();
        as_code(tool, &pool, &CapturedList::new(entries, self.notes.clone()), &objects)
    }
}

/// The object with the bytes of its assets, as the command reads them back.
fn with_assets(mut object: CapturedObject, assets: &[Asset]) -> CapturedObject {
    for text in assets_in(object.name.kind, &mut object.document) {
        let asset = assets.iter().find(|asset| asset.digest().to_string() == *text).unwrap();
        asset.base64().clone_into(text);
    }
    object
}

fn id(kind: ObjectKind, object: &Value) -> String {
    let text = |member: &str| object[member].as_str().unwrap_or("ALL").to_owned();
    match kind {
        ObjectKind::IdentityProvider => text("ProviderName"),
        ObjectKind::ResourceServer => text("Identifier"),
        ObjectKind::Domain => text("Domain"),
        ObjectKind::CimdPolicy => text("CIMDPolicyId"),
        ObjectKind::Replica => text("RegionName"),
        ObjectKind::Terms => format!("{}/{}", text("ClientId"), text("TermsName")),
        _ => text("ClientId"),
    }
}

fn resource<'a>(code: &'a PoolAsCode, object: &str) -> &'a Resource {
    let found = code.resources.iter().find(|resource| resource.object.to_string() == object);
    found.unwrap_or_else(|| panic!("{object}: {code:?}"))
}

/// The gaps of an object, as a reader sees them.
fn gaps(code: &PoolAsCode, object: &str, tool: Tool) -> Vec<String> {
    code.gaps.iter().filter(|gap| gap.object == object).map(|gap| gap.words(tool)).collect()
}

/// What Terraform ignores of an object.
fn ignored_by(code: &PoolAsCode, object: &str) -> Vec<String> {
    let name = |ignored: &Ignored| match &ignored.key {
        Some(key) => format!("{}[{key}]", ignored.member),
        None => ignored.member.to_owned(),
    };
    resource(code, object).ignored.iter().map(name).collect()
}

fn value(json: Value) -> Code {
    Code::Value(json)
}

fn object(members: &[(&str, Code)]) -> Code {
    Code::Object(members.iter().map(|(name, code)| ((*name).to_owned(), code.clone())).collect())
}

fn pool() -> (&'static str, Value) {
    let arn = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_EXAMPLE";
    ("userPool", json!({"Id": "eu-west-1_EXAMPLE", "Name": "shop", "Arn": arn}))
}
