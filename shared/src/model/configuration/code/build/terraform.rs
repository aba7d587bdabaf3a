//! What the provider of Terraform needs beside the members, so that its plan is empty.
//!
//! Source: its resources in `internal/service/cognitoidp/`, September 2026.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{Code, GapReason, Ignored, Members, Resource};
use super::Builder;
use crate::model::configuration::{Nature, ObjectKind, ProviderType, field, provider_field};

impl Builder<'_> {
    pub(super) fn fit_to_terraform(&mut self, resource: &mut Resource, document: &Value) {
        match resource.object.kind {
            ObjectKind::UserPool => add_constraints(&mut resource.members),
            ObjectKind::Client => fit_client(resource, document),
            ObjectKind::IdentityProvider => {
                self.ignore_details(resource, document);
                self.ignore_order(resource, "idp_identifiers", "IdpIdentifiers", document);
            }
            ObjectKind::LogDelivery => {
                self.ignore_order(resource, "log_configurations", "LogConfigurations", document);
            }
            // An import does not read the bytes.
            ObjectKind::UiCustomization if resource.members.contains_key("image_file") => {
                resource.ignored.push(Ignored::member("image_file"));
            }
            ObjectKind::Branding => add_resource_ids(&mut resource.members, document),
            // Other states pass. The provider takes them for `INACTIVE`.
            ObjectKind::Replica
                if !["ACTIVE", "INACTIVE"].iter().any(|state| document["Status"] == *state) =>
            {
                resource.members.remove("status");
            }
            _ => {}
        }
    }

    /// The provider keeps all keys that Cognito answers, and would remove the ones that the code does not have. An
    /// import does not read a key that Cognito never answers.
    fn ignore_details(&self, resource: &mut Resource, document: &Value) {
        const DETAILS: &str = "ProviderDetails.";
        let provider = document["ProviderType"].as_str().and_then(ProviderType::parse);
        let answered = document["ProviderDetails"].as_object();
        let mut answered: BTreeSet<&str> =
            answered.into_iter().flat_map(|details| details.keys()).map(String::as_str).collect();
        let entry = self.list.entry(&resource.object);
        let secrets = entry.into_iter().flat_map(|entry| &entry.secrets);
        answered.extend(secrets.filter_map(|secret| secret.member.strip_prefix(DETAILS)));
        let Some(Code::Map(details)) = resource.members.get("provider_details") else { return };
        let row_of =
            |key: &str| provider.and_then(|provider| provider_field(&format!("{DETAILS}{key}"), provider));
        let is_unread =
            |key: &str| row_of(key).is_some_and(|row| row.nature == Nature::Secret && !row.readable);
        let unread = details.keys().map(String::as_str).filter(|key| is_unread(key));
        let unwritten = answered.iter().copied().filter(|key| !details.contains_key(*key));
        let mut keys: Vec<String> = unwritten.chain(unread).map(str::to_owned).collect();
        keys.sort_unstable();
        keys.dedup();
        let ignored = keys.into_iter().map(|key| Ignored { member: "provider_details", key: Some(key) });
        resource.ignored.extend(ignored);
    }

    /// Terraform compares the order of a list that is a set to Cognito. The capture has sorted it.
    fn ignore_order(&mut self, resource: &mut Resource, member: &'static str, path: &str, document: &Value) {
        if document[path].as_array().is_some_and(|elements| elements.len() > 1) {
            resource.ignored.push(Ignored::member(member));
            self.gap(&resource.object.clone(), Some(path), GapReason::OrderNotCaptured);
        }
    }
}

/// A custom attribute without constraints has an empty block. Without the block, the provider would replace the pool.
/// Source: the note on `schema` in its documentation.
fn add_constraints(pool: &mut Members) {
    let Some(Code::Objects(attributes)) = pool.get_mut("schema") else { return };
    for attribute in attributes {
        let block = match attribute.get("attribute_data_type") {
            Some(Code::Value(kind)) if *kind == json!("String") => "string_attribute_constraints",
            Some(Code::Value(kind)) if *kind == json!("Number") => "number_attribute_constraints",
            _ => continue,
        };
        attribute.entry(block.to_owned()).or_insert_with(|| Code::Object(Members::new()));
    }
}

fn fit_client(resource: &mut Resource, document: &Value) {
    // An import does not know whether the secret was generated. A difference would replace the client.
    if resource.members.contains_key("generate_secret") {
        resource.ignored.push(Ignored::member("generate_secret"));
    }
    // An import takes default units for none.
    let units = ["AccessToken", "IdToken", "RefreshToken"];
    let is_default = |unit: &&str| {
        let row = field(ObjectKind::Client, &format!("TokenValidityUnits.{unit}"));
        let default = row.and_then(|row| serde_json::from_str::<Value>(row.default?).ok());
        let value = &document["TokenValidityUnits"][*unit];
        value.is_null() || Some(value) == default.as_ref()
    };
    if units.iter().all(is_default) {
        resource.members.remove("token_validity_units");
    }
    // The ARN excludes the role, which Cognito adds.
    if let Some(Code::Object(analytics)) = resource.members.get_mut("analytics_configuration")
        && analytics.contains_key("application_arn")
    {
        analytics.retain(|member, _| !["role_arn", "external_id"].contains(&member.as_str()));
    }
}

/// The provider compares the ids of assets, and replaces a style that differs.
fn add_resource_ids(branding: &mut Members, document: &Value) {
    let Some(Code::Objects(assets)) = branding.get_mut("asset") else { return };
    let elements = document["Assets"].as_array().into_iter().flatten();
    for (asset, captured) in assets.iter_mut().zip(elements) {
        if let Some(id) = captured["ResourceId"].as_str() {
            asset.insert("resource_id".to_owned(), Code::Value(json!(id)));
        }
    }
}
