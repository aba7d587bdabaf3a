//! What the provider of Terraform needs beside the members, so that its plan is empty.
//!
//! Source: its resources in `internal/service/cognitoidp/`, September 2026.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{Code, GapReason, Ignored, Members, Resource};
use super::Builder;
use crate::model::configuration::schema::declared_form;
use crate::model::configuration::{Nature, ObjectKind, ProviderType, field, provider_field};

impl Builder<'_> {
    pub(super) fn fit_to_terraform(&mut self, resource: &mut Resource, document: &Value) {
        match resource.object.kind {
            ObjectKind::UserPool => self.fit_pool(resource, document),
            ObjectKind::Client => self.fit_client(resource, document),
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
            ObjectKind::RiskConfiguration => self.fit_risks(resource, document),
            ObjectKind::Replica => {
                // Other states pass. The provider takes them for `INACTIVE`.
                if !["ACTIVE", "INACTIVE"].iter().any(|state| document["Status"] == *state) {
                    resource.members.remove("status");
                }
                // An import reads the tags of a replica. No capture has them.
                if !resource.members.contains_key("tags") {
                    resource.ignored.extend(["tags", "tags_all"].map(Ignored::member));
                }
            }
            _ => {}
        }
    }

    fn fit_pool(&self, resource: &mut Resource, document: &Value) {
        let attributes = document["SchemaAttributes"].as_array().into_iter().flatten();
        let (mut declared, mut is_whole) = (Vec::new(), true);
        for attribute in attributes.filter(|attribute| declared_form(attribute).is_some()) {
            match self.why_not_declared(attribute) {
                None => declared.push(attribute),
                Some(_) => is_whole = false,
            }
        }
        add_constraints(&mut resource.members, &declared);
        // An import reads the attribute, and Cognito removes none.
        if !is_whole {
            resource.ignored.push(Ignored::member("schema"));
        }
        // The provider demands the member, which is optional in the API. An import reads its absence as an empty text.
        if let Some(Code::Object(sms)) = resource.members.get_mut("sms_configuration")
            && sms.contains_key("sns_caller_arn")
        {
            sms.entry("external_id".to_owned()).or_insert_with(|| Code::Value(json!("")));
        }
    }

    fn fit_client(&mut self, resource: &mut Resource, document: &Value) {
        // An import does not know whether the secret was generated. If the code said so, the provider would replace the
        // client, and its id and its secret would be lost.
        if resource.members.remove("generate_secret").is_some() {
            self.gap(&resource.object, Some("GenerateSecret"), GapReason::ReplacesIfAdded);
        }
        self.fit_units(resource, document);
        // The ARN excludes the role, which Cognito adds.
        if let Some(Code::Object(analytics)) = resource.members.get_mut("analytics_configuration")
            && analytics.contains_key("application_arn")
        {
            analytics.retain(|member, _| !["role_arn", "external_id"].contains(&member.as_str()));
        }
    }

    /// An import takes three default units for none. If it reads some units, the provider adds the others in its plan, and
    /// `ignore_changes` does not stop that.
    /// Source: `token_validity_units` in `user_pool_client.go`.
    fn fit_units(&mut self, resource: &mut Resource, document: &Value) {
        const UNITS: [&str; 3] = ["AccessToken", "IdToken", "RefreshToken"];
        const BLOCK: &str = "token_validity_units";
        let is_default = |unit: &&str| {
            let row = field(ObjectKind::Client, &format!("TokenValidityUnits.{unit}"));
            let default = row.and_then(|row| serde_json::from_str::<Value>(row.default?).ok());
            default.as_ref() == Some(&document["TokenValidityUnits"][*unit])
        };
        let has = |unit: &&str| !document["TokenValidityUnits"][*unit].is_null();
        if UNITS.iter().all(is_default) {
            resource.members.remove(BLOCK);
        } else if UNITS.iter().any(has) && !UNITS.iter().all(has) {
            self.gap(&resource.object, Some("TokenValidityUnits"), GapReason::DefaultsAdded);
        }
    }

    fn fit_risks(&mut self, resource: &mut Resource, document: &Value) {
        // An import reads the block with its two empty lists, and the provider refuses such a block.
        const EXCEPTIONS: &str = "risk_exception_configuration";
        if document["RiskExceptionConfiguration"].is_object() && !resource.members.contains_key(EXCEPTIONS) {
            resource.ignored.push(Ignored::member(EXCEPTIONS));
        }
        let Some(Code::Object(takeover)) = resource.members.get_mut("account_takeover_risk_configuration")
        else {
            return;
        };
        let Some(Code::Object(notification)) = takeover.get_mut("notify_configuration") else { return };
        // The provider demands these, which are optional in the API.
        let is_whole = |email: &Code| match email {
            Code::Object(email) => {
                ["subject", "html_body", "text_body"].iter().all(|member| email.contains_key(*member))
            }
            _ => true,
        };
        for (email, member, ignored) in EMAILS {
            if notification.get(email).is_some_and(|email| !is_whole(email)) {
                notification.remove(email);
                resource.ignored.push(Ignored::member(ignored));
                self.gap(&resource.object, Some(member), GapReason::Incomplete);
            }
        }
    }

    /// The provider keeps all keys that Cognito answers, and would remove the ones that the code does not have. An
    /// import does not read a key that Cognito never answers. It reads the other secrets as no secrets, so a variable
    /// in their place is a change.
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
        let is_secret = |key: &str| row_of(key).is_some_and(|row| row.nature == Nature::Secret);
        let secrets = details.keys().map(String::as_str).filter(|key| is_secret(key));
        let unwritten = answered.iter().copied().filter(|key| !details.contains_key(*key));
        let mut keys: Vec<String> = unwritten.chain(secrets).map(str::to_owned).collect();
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

/// The e-mails of threat protection: their blocks, their members in the API, and what Terraform has to ignore.
const EMAILS: [(&str, &str, &str); 3] = [
    (
        "block_email",
        "AccountTakeoverRiskConfiguration.NotifyConfiguration.BlockEmail",
        "account_takeover_risk_configuration[0].notify_configuration[0].block_email",
    ),
    (
        "mfa_email",
        "AccountTakeoverRiskConfiguration.NotifyConfiguration.MfaEmail",
        "account_takeover_risk_configuration[0].notify_configuration[0].mfa_email",
    ),
    (
        "no_action_email",
        "AccountTakeoverRiskConfiguration.NotifyConfiguration.NoActionEmail",
        "account_takeover_risk_configuration[0].notify_configuration[0].no_action_email",
    ),
];

/// An attribute that Cognito answers with empty constraints has an empty block. An import reads one, and without it
/// the provider would replace the attribute. Source: the note on `schema` in its documentation.
fn add_constraints(pool: &mut Members, declared: &[&Value]) {
    const BLOCKS: [(&str, &str); 2] = [
        ("StringAttributeConstraints", "string_attribute_constraints"),
        ("NumberAttributeConstraints", "number_attribute_constraints"),
    ];
    let Some(Code::Objects(attributes)) = pool.get_mut("schema") else { return };
    for (attribute, captured) in attributes.iter_mut().zip(declared) {
        for (_, block) in BLOCKS.iter().filter(|(member, _)| captured[member].is_object()) {
            attribute.entry((*block).to_owned()).or_insert_with(|| Code::Object(Members::new()));
        }
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
