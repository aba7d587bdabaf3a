//! What of an object belongs into code: the members of a request, under the names of reads.

use serde_json::{Map, Value};

use super::super::GapReason;
use super::Builder;
use crate::model::configuration::rebuild::Secrecy;
use crate::model::configuration::request::{Purpose, written_members};
use crate::model::configuration::schema::{create_form, name_in_request, standard_attribute};
use crate::model::configuration::{ObjectKind, ObjectName};

impl Builder<'_> {
    /// The members that the code has.
    pub(super) fn source(&mut self, name: &ObjectName, document: &Value) -> Map<String, Value> {
        let mut document = document.clone();
        if name.kind == ObjectKind::Client {
            self.add_secrecy(name, &mut document);
        }
        let mut source = written_members(name.kind, &document, Purpose::Create, None);
        // A request also has defaults. In code, an absent member stays as it is.
        source.retain(|member, _| !document[member].is_null());
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
        if Secrecy::of(&name.id, &self.captured, self.list) == Secrecy::Confidential {
            client["GenerateSecret"] = true.into();
            self.gap(name, Some("ClientSecret"), GapReason::NoMember);
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
        let mut forms = Vec::new();
        for attribute in document["SchemaAttributes"].as_array().into_iter().flatten() {
            let Some(form) = create_form(attribute) else { continue };
            let known = attribute["Name"].as_str().unwrap_or_default();
            let is_custom = standard_attribute(known).is_none();
            if is_custom && standard_attribute(name_in_request(known)).is_some() {
                let member = format!("SchemaAttributes[{known}]");
                self.gap(name, Some(&member), GapReason::NameOfStandardAttribute);
            } else {
                forms.push(form);
            }
        }
        source.insert("SchemaAttributes".to_owned(), forms.into());
    }
}
