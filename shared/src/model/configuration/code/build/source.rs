//! What of an object belongs into code: the members of a request, under the names of reads.

use serde_json::{Map, Value};

use super::super::{GapReason, Tool};
use super::Builder;
use crate::model::configuration::rebuild::Secrecy;
use crate::model::configuration::request::writable_members;
use crate::model::configuration::schema::{declared_form, name_in_request, standard_attribute};
use crate::model::configuration::{ObjectKind, ObjectName};

impl Builder<'_> {
    /// The members that the code has.
    pub(super) fn source(&mut self, name: &ObjectName, document: &Value) -> Map<String, Value> {
        let mut document = document.clone();
        if name.kind == ObjectKind::Client {
            self.add_secrecy(name, &mut document);
        }
        let mut source = writable_members(name.kind, &document);
        match name.kind {
            ObjectKind::UserPool => self.complete_pool(name, &document, &mut source),
            // The request that creates a replica does not take its status.
            ObjectKind::Replica => {
                source.insert("Status".to_owned(), document["Status"].clone());
            }
            _ => {}
        }
        // The code refers to the client.
        if name.kind != ObjectKind::Client {
            source.remove("ClientId");
        }
        source
    }

    /// Says that a client has a secret, which no tool takes.
    fn add_secrecy(&mut self, name: &ObjectName, client: &mut Value) {
        match Secrecy::of(&name.id, &self.captured, self.list) {
            Secrecy::Confidential => {
                client["GenerateSecret"] = true.into();
                self.gap(name, Some("ClientSecret"), GapReason::NoMember);
            }
            Secrecy::Unknown => self.gap(name, Some("GenerateSecret"), GapReason::ReplacesIfAdded),
            Secrecy::Public => {}
        }
        if client["ClientSecretArn"].is_string() {
            client["PublishSecretsInAWSSecretsManager"] = true.into();
        }
    }

    fn complete_pool(&mut self, name: &ObjectName, document: &Value, source: &mut Map<String, Value>) {
        // Without a capture of the second factors, only the pool says whether they are on.
        if !self.captured.contains_key(&ObjectName::single(ObjectKind::Mfa)) {
            source.insert("MfaConfiguration".to_owned(), document["MfaConfiguration"].clone());
        }
        // A request has only as many attributes as it takes. The code has all of them.
        let attributes = document["SchemaAttributes"].as_array().into_iter().flatten();
        let mut forms = Vec::new();
        for attribute in attributes {
            let Some(form) = declared_form(attribute) else { continue };
            match self.why_not_declared(attribute) {
                None => forms.push(form),
                Some(reason) => {
                    let known = attribute["Name"].as_str().unwrap_or_default();
                    self.gap(name, Some(&format!("SchemaAttributes[{known}]")), reason);
                }
            }
        }
        source.insert("SchemaAttributes".to_owned(), forms.into());
    }

    /// Why the code does not have an attribute that differs from what every pool has.
    ///
    /// An import of Terraform reads all of these, without their prefixes. An attribute that the code does not have is a
    /// change that Cognito refuses.
    pub(super) fn why_not_declared(&self, attribute: &Value) -> Option<GapReason> {
        let known = attribute["Name"].as_str().unwrap_or_default();
        let standard = standard_attribute(known);
        match self.tool {
            Tool::CloudFormation if standard.is_some_and(|standard| !standard.is_sendable) => {
                Some(GapReason::NotDeclarable)
            }
            Tool::CloudFormation
                if standard.is_none() && standard_attribute(name_in_request(known)).is_some() =>
            {
                Some(GapReason::NameOfStandardAttribute)
            }
            Tool::Terraform if name_in_request(known).chars().count() > MAX_NAME_CHARS => {
                Some(GapReason::NotDeclarable)
            }
            _ => None,
        }
    }
}

/// The most characters of the name of an attribute that the provider of Terraform takes. Source:
/// `validUserPoolSchemaName`, and `SchemaAttributeType` of the API.
const MAX_NAME_CHARS: usize = 20;
