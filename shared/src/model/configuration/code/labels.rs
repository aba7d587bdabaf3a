//! The names of resources in code: valid, unique, and the same for the same objects.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::Tool;
use super::places::snake_case;
use crate::model::configuration::difference::document::POOL_WIDE;
use crate::model::configuration::{ObjectKind, ObjectName};

/// The most characters of a name from the pool. Logical ids of CloudFormation have at most 255.
const MAX_CHARS: usize = 60;

/// The labels of the resources of these objects. Objects that would have the same label get a part of a digest of their
/// names as well.
pub(super) fn labels(objects: &BTreeMap<&ObjectName, &Value>, tool: Tool) -> BTreeMap<ObjectName, String> {
    let bare: Vec<(&ObjectName, String)> =
        objects.keys().map(|name| (*name, label(name, objects, tool))).collect();
    let mut counts: BTreeMap<(ObjectKind, &str), usize> = BTreeMap::new();
    for (name, label) in &bare {
        *counts.entry((name.kind, label)).or_default() += 1;
    }
    let unique = |(name, label): &(&ObjectName, String)| {
        let is_unique = counts[&(name.kind, label.as_str())] == 1;
        let label = if is_unique { label.clone() } else { with_digest(label, name, tool) };
        ((*name).clone(), label)
    };
    bare.iter().map(unique).collect()
}

fn with_digest(label: &str, name: &ObjectName, tool: Tool) -> String {
    let digest = Sha256::digest(name.to_string().as_bytes());
    let digest: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    match tool {
        Tool::CloudFormation => format!("{label}{digest}"),
        Tool::Terraform => format!("{label}_{digest}"),
    }
}

fn label(name: &ObjectName, objects: &BTreeMap<&ObjectName, &Value>, tool: Tool) -> String {
    let words = words(name, objects);
    match tool {
        Tool::CloudFormation => format!("{}{}", prefix(name.kind), pascal_case(&words)),
        Tool::Terraform => {
            let label = spelled(&snake_case(&words));
            match label.chars().next() {
                Some(first) if !first.is_ascii_digit() => label,
                Some(_) => format!("{}_{label}", snake_case(prefix(name.kind))),
                None if name.kind.is_single() => "main".to_owned(),
                None => snake_case(prefix(name.kind)),
            }
        }
    }
}

/// The words that a reader knows the object by.
fn words(name: &ObjectName, objects: &BTreeMap<&ObjectName, &Value>) -> String {
    let single = match name.kind {
        ObjectKind::UserPool | ObjectKind::LogDelivery | ObjectKind::WebAcl => Some(""),
        _ if name.id == POOL_WIDE => Some("pool"),
        _ => None,
    };
    if let Some(words) = single {
        return words.to_owned();
    }
    let Some(id) = name.client() else { return name.id.clone() };
    let client = ObjectName::of(ObjectKind::Client, id);
    let known = objects.get(&client).and_then(|client| client["ClientName"].as_str());
    format!("{}{}", known.unwrap_or(id), name.id[id.len()..].replace('/', " "))
}

/// The first word of a logical id. No prefix is the beginning of another.
fn prefix(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::UserPool => "UserPool",
        ObjectKind::Client => "Client",
        ObjectKind::IdentityProvider => "Provider",
        ObjectKind::ResourceServer => "ResourceServer",
        ObjectKind::Domain => "Domain",
        ObjectKind::UiCustomization => "Look",
        ObjectKind::Branding => "Branding",
        ObjectKind::RiskConfiguration => "Risk",
        ObjectKind::LogDelivery => "LogDelivery",
        ObjectKind::Terms => "Terms",
        ObjectKind::Replica => "Replica",
        ObjectKind::WebAcl => "WebAclAssociation",
        ObjectKind::Mfa
        | ObjectKind::ClientSecrets
        | ObjectKind::Sessions
        | ObjectKind::CimdPolicy
        | ObjectKind::SigningCertificate => "Other",
    }
}

/// The words without what an identifier cannot have: `my-app (new)` is `MyAppNew`.
pub(super) fn pascal_case(words: &str) -> String {
    let parts = words.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let word = |part: &str| {
        let (first, rest) = part.split_at(1);
        first.to_ascii_uppercase() + rest
    };
    parts.map(word).collect::<String>().chars().take(MAX_CHARS).collect()
}

/// The words in lower case with `_` between them.
pub(super) fn spelled(words: &str) -> String {
    let parts = words.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let joined = parts.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_");
    joined.chars().take(MAX_CHARS).collect()
}
