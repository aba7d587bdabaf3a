//! From the objects of a capture to resources.

mod evaluated;
mod gaps;
mod identity;
mod pool;
mod source;
mod terraform;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::evaluated::is_evaluated;
use super::labels::{labels, pascal_case, spelled};
use super::members::{is_default, path_in, placed};
use super::resource::{is_worth_protection, type_of};
use super::value::{Position, put};
use super::{
    Attribute, Code, Gap, GapReason, Members, PoolAsCode, Reference, Resource, SecretParameter, Tool,
};
use crate::model::PoolId;
use crate::model::configuration::members::rows_of;
use crate::model::configuration::path::{at, texts_at};
use crate::model::configuration::rebuild::is_made_by_itself;
use crate::model::configuration::{
    CapturedList, CapturedObject, Field, Nature, ObjectKind, ObjectName, ProviderType,
};

/// The kinds in the order in which the code has them.
const ORDER: [ObjectKind; 12] = [
    ObjectKind::UserPool,
    ObjectKind::ResourceServer,
    ObjectKind::IdentityProvider,
    ObjectKind::Client,
    ObjectKind::Domain,
    ObjectKind::UiCustomization,
    ObjectKind::Branding,
    ObjectKind::Terms,
    ObjectKind::RiskConfiguration,
    ObjectKind::LogDelivery,
    ObjectKind::Replica,
    ObjectKind::WebAcl,
];

/// The configuration of a pool as code. `objects` is the capture, with the bytes of its assets.
pub fn as_code(tool: Tool, pool: &PoolId, list: &CapturedList, objects: &[CapturedObject]) -> PoolAsCode {
    let captured: BTreeMap<&ObjectName, &Value> =
        objects.iter().map(|object| (&object.name, &object.document)).collect();
    let mut builder = Builder {
        tool,
        pool,
        list,
        labels: BTreeMap::new(),
        captured,
        resources: Vec::new(),
        secrets: Vec::new(),
        gaps: BTreeSet::new(),
    };
    builder.choose();
    for kind in ORDER {
        let names: Vec<ObjectName> =
            builder.labels.keys().filter(|name| name.kind == kind).cloned().collect();
        names.into_iter().for_each(|name| builder.add(&name));
    }
    builder.add_gaps_of_capture();
    let Builder { resources, secrets, gaps, .. } = builder;
    let is_whole = |gap: &Gap| gap.member.is_none();
    let without: BTreeSet<&str> =
        gaps.iter().filter(|gap| is_whole(gap)).map(|gap| gap.object.as_str()).collect();
    // An object that is left out needs no word about its members.
    let is_said = |gap: &&Gap| is_whole(gap) || !without.contains(gap.object.as_str());
    PoolAsCode { resources, secrets, gaps: gaps.iter().filter(is_said).cloned().collect() }
}

struct Builder<'a> {
    tool: Tool,
    pool: &'a PoolId,
    list: &'a CapturedList,
    captured: BTreeMap<&'a ObjectName, &'a Value>,
    /// The labels of the objects that become resources.
    labels: BTreeMap<ObjectName, String>,
    resources: Vec<Resource>,
    secrets: Vec<SecretParameter>,
    gaps: BTreeSet<Gap>,
}

/// What becomes of an object.
enum Fate {
    Resource,
    /// Another resource has it, or it says nothing.
    Nothing,
    Gap(GapReason),
}

impl<'a> Builder<'a> {
    /// Decides which objects become resources.
    fn choose(&mut self) {
        let mut chosen: BTreeMap<&ObjectName, &Value> = BTreeMap::new();
        for (name, document) in self.captured.clone() {
            match self.fate(name, document) {
                Fate::Resource => drop(chosen.insert(name, document)),
                Fate::Nothing => {}
                Fate::Gap(reason) => self.gap(name, None, reason),
            }
        }
        self.labels = labels(&chosen, self.tool);
    }

    fn fate(&self, name: &ObjectName, document: &Value) -> Fate {
        let has_text = |member: &str| document[member].as_str().is_some_and(|text| !text.is_empty());
        match name.kind {
            ObjectKind::Mfa if self.captured.contains_key(&pool_name()) => return Fate::Nothing,
            ObjectKind::ClientSecrets => {
                let count = document["ClientSecrets"].as_array().map_or(0, Vec::len);
                return if count > 1 { Fate::Gap(GapReason::NoResource) } else { Fate::Nothing };
            }
            ObjectKind::ResourceServer if document["ManagedBy"] == "COGNITO" => {
                return Fate::Gap(GapReason::MadeByItself);
            }
            ObjectKind::Client if is_made_by_itself(document) => return Fate::Gap(GapReason::MadeByItself),
            ObjectKind::Replica if document["Role"] == "PRIMARY" => return Fate::Nothing,
            ObjectKind::IdentityProvider
                if document["ProviderType"].as_str().and_then(ProviderType::parse).is_none() =>
            {
                return Fate::Gap(GapReason::Unknown);
            }
            _ => {}
        }
        if !says_something(name.kind, document) {
            return Fate::Nothing;
        }
        if type_of(name.kind, self.tool).is_none() {
            return Fate::Gap(GapReason::NoResource);
        }
        // The imports of the provider divide their ids at these characters.
        let divider = match name.kind {
            _ if self.tool == Tool::CloudFormation => None,
            ObjectKind::IdentityProvider => Some(':'),
            ObjectKind::ResourceServer => Some('|'),
            _ => None,
        };
        if divider.is_some_and(|divider| name.id.contains(divider)) {
            return Fate::Gap(GapReason::NotImportable);
        }
        if self.tool == Tool::CloudFormation && is_evaluated(&name.id) {
            return Fate::Gap(GapReason::Evaluated);
        }
        let has_identity = match name.kind {
            ObjectKind::Branding => has_text("ManagedLoginBrandingId"),
            ObjectKind::Terms => has_text("TermsId"),
            ObjectKind::WebAcl => has_text("ARN") && self.pool_arn().is_some(),
            _ => true,
        };
        if has_identity { Fate::Resource } else { Fate::Gap(GapReason::NotCaptured) }
    }

    fn gap(&mut self, name: &ObjectName, member: Option<&str>, reason: GapReason) {
        let member = member.map(str::to_owned);
        self.gaps.insert(Gap { object: name.to_string(), member, reason });
    }

    /// Adds the resource of an object.
    fn add(&mut self, name: &ObjectName) {
        let Some((kind, document)) = type_of(name.kind, self.tool).zip(self.captured.get(name).copied())
        else {
            return;
        };
        let source = self.source(name, document);
        let mut placed = placed(name.kind, &source, self.tool);
        for (member, reason) in std::mem::take(&mut placed.gaps) {
            self.gap(name, Some(&member), reason);
        }
        let mut members = placed.members;
        match name.kind {
            ObjectKind::UserPool => self.add_to_pool(document, &mut members),
            ObjectKind::UiCustomization => self.note_missing_logo(name, document),
            ObjectKind::Replica if document["UserPoolTags"].is_null() => {
                let reason = match self.tool {
                    Tool::CloudFormation => GapReason::ReplacesIfAdded,
                    Tool::Terraform => GapReason::NotCaptured,
                };
                self.gap(name, Some("UserPoolTags"), reason);
            }
            _ => {}
        }
        // The look may have been only a logo.
        if members.is_empty() {
            return;
        }
        if self.tool == Tool::CloudFormation {
            for member in evaluated::remove(&mut members) {
                self.gap(name, Some(&member), GapReason::Evaluated);
            }
        }
        self.add_secrets(name, document, &mut members);
        self.add_owners(name, &mut members);
        let mut resource = Resource {
            object: name.clone(),
            kind,
            label: self.labels[name].clone(),
            members,
            identity: self.identity(name, document),
            after: self.after(name, document),
            is_protected: is_worth_protection(name.kind),
            ignored: Vec::new(),
        };
        if self.tool == Tool::Terraform {
            self.fit_to_terraform(&mut resource, document);
        }
        self.resources.push(resource);
    }

    /// Refers to the pool and the client of an object.
    fn add_owners(&self, name: &ObjectName, members: &mut Members) {
        let [pool_id, client_id, arn] = match self.tool {
            Tool::CloudFormation => ["UserPoolId", "ClientId", "ResourceArn"],
            Tool::Terraform => ["user_pool_id", "client_id", "resource_arn"],
        };
        match name.kind {
            ObjectKind::UserPool => {}
            ObjectKind::WebAcl => {
                let known = self.pool_arn().map(Value::from).unwrap_or_default();
                members.insert(arn.to_owned(), self.reference(&pool_name(), Attribute::Arn, known));
            }
            _ => {
                let id = self.reference(&pool_name(), Attribute::Id, self.pool.as_str().into());
                members.insert(pool_id.to_owned(), id);
            }
        }
        if let Some(id) = name.client().filter(|_| name.kind != ObjectKind::Client) {
            let client = ObjectName::of(ObjectKind::Client, id);
            members.insert(client_id.to_owned(), self.reference(&client, Attribute::Id, id.into()));
        } else if !name.kind.is_single()
            && is_of_pool_or_client(name.kind)
            && self.tool == Tool::CloudFormation
        {
            members.insert(client_id.to_owned(), Code::Value(json!(name.id)));
        }
    }

    /// A reference to the resource of an object. If it has none, the value that is known.
    fn reference(&self, name: &ObjectName, attribute: Attribute, known: Value) -> Code {
        match (self.labels.get(name), type_of(name.kind, self.tool)) {
            (Some(label), Some(kind)) => {
                Code::Reference(Reference::Resource { kind, label: label.clone(), attribute })
            }
            _ => Code::Value(known),
        }
    }

    fn pool_arn(&self) -> Option<&'a str> {
        self.captured.get(&pool_name()).and_then(|pool| pool["Arn"].as_str())
    }

    /// Puts a parameter in the place of each secret of a provider.
    fn add_secrets(&mut self, name: &ObjectName, document: &Value, members: &mut Members) {
        if name.kind != ObjectKind::IdentityProvider {
            return;
        }
        for row in rows_of(name.kind, document).into_iter().filter(|row| row.nature == Nature::Secret) {
            let Some(path) = path_in(name.kind, row.path, self.tool) else { continue };
            if !self.has_secret(name, document, row) {
                continue;
            }
            let key = row.path.rsplit('.').next().unwrap_or(row.path);
            let label = &self.labels[name];
            let parameter = match self.tool {
                Tool::CloudFormation => format!("Secret{label}{}", pascal_case(key)),
                Tool::Terraform => format!("{label}_{}", spelled(key)),
            };
            self.secrets
                .push(SecretParameter { name: parameter.clone(), of: format!("{name} {}", row.path) });
            let secret = Code::Reference(Reference::Secret(parameter));
            put(members, &path, &Position::default(), key, secret);
        }
    }

    /// Whether the object has the secret, although the capture may not have kept it. Cognito needs the ones that it never
    /// answers.
    fn has_secret(&self, name: &ObjectName, document: &Value, row: &Field) -> bool {
        let is_kept = self.list.entry(name).is_some_and(|entry| {
            entry.secrets_left_out > 0 || entry.secrets.iter().any(|secret| secret.member == row.path)
        });
        let is_noted = self
            .list
            .not_captured()
            .iter()
            .any(|lacking| lacking.object.includes(name) && lacking.member.as_deref() == Some(row.path));
        !row.readable || is_kept || is_noted || at(document, row.path).is_some_and(|value| !value.is_null())
    }

    /// The resources without which Cognito refuses the object.
    fn after(&self, name: &ObjectName, document: &Value) -> Vec<(&'static str, String)> {
        let providers = texts_at(document, "SupportedIdentityProviders[]");
        let scopes = texts_at(document, "AllowedOAuthScopes[]");
        let is_needed = |other: &ObjectName| match (name.kind, other.kind) {
            (ObjectKind::Client, ObjectKind::IdentityProvider) => providers.contains(&other.id.as_str()),
            (ObjectKind::Client, ObjectKind::ResourceServer) => scopes
                .iter()
                .any(|scope| scope.rsplit_once('/').is_some_and(|(server, _)| server == other.id)),
            (ObjectKind::UiCustomization, ObjectKind::Domain) => true,
            _ => false,
        };
        let needed = self.labels.iter().filter(|(other, _)| is_needed(other));
        needed.filter_map(|(other, label)| Some((type_of(other.kind, self.tool)?, label.clone()))).collect()
    }

    /// The address of a logo is no logo.
    fn note_missing_logo(&mut self, name: &ObjectName, document: &Value) {
        if document["ImageUrl"].is_string() && document["ImageFile"].is_null() {
            let reason = match self.tool {
                Tool::CloudFormation => GapReason::NoMember,
                Tool::Terraform => GapReason::NotCaptured,
            };
            self.gap(name, Some("ImageFile"), reason);
        }
    }
}

fn pool_name() -> ObjectName {
    ObjectName::single(ObjectKind::UserPool)
}

/// Whether the pool and each client can have an object of the kind.
fn is_of_pool_or_client(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::UiCustomization | ObjectKind::RiskConfiguration)
}

/// Whether the object has a setting, a name or a logo that differs from what every pool or client has.
fn says_something(kind: ObjectKind, document: &Value) -> bool {
    let has_logo = document["ImageUrl"].is_string();
    has_logo
        || rows_of(kind, document).into_iter().any(|row| {
            let is_own = match row.nature {
                Nature::Setting | Nature::Secret => true,
                // The client only says where the object belongs.
                Nature::Name => row.path != "ClientId",
                Nature::Derived | Nature::Volatile => false,
            };
            is_own && has_value(document, row)
        })
}

/// Whether the document has a value at the path of the row that is neither empty nor the default.
fn has_value(document: &Value, row: &Field) -> bool {
    let path = row.path.split("[]").next().unwrap_or(row.path).trim_end_matches(".*");
    match at(document, path) {
        None | Some(Value::Null) => false,
        Some(Value::Array(elements)) => {
            !elements.is_empty() && !is_default(row, &Value::from(elements.clone()))
        }
        Some(Value::Object(members)) => !members.is_empty(),
        Some(Value::String(text)) if text.is_empty() => false,
        Some(value) => !is_default(row, value),
    }
}
