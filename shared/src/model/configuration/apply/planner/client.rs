//! App clients.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::difference::document::Configuration;
use super::super::super::path::remove;
use super::super::super::rebuild::Secrecy;
use super::super::super::{ObjectKind, ObjectName};
use super::super::ApplyReason;
use super::Planner;

/// The flag that lets AWS Secrets Manager keep the secret of a client, and the member that shows it.
const PUBLICATION: [&str; 2] = ["PublishSecretsInAWSSecretsManager", "ClientSecretArn"];

impl Planner<'_> {
    pub(super) fn client(&mut self, name: &ObjectName, target: &mut Value, live: &Value) {
        // A client that was deleted and created again has another id.
        target["ClientId"] = live["ClientId"].clone();
        // AWS ended the analytics of Pinpoint on 30 October 2026. A value that Cognito has is sent again.
        self.keep(name, target, live, "AnalyticsConfiguration", ApplyReason::Ended);
        for member in PUBLICATION {
            self.keep(name, target, live, member, ApplyReason::ReplacesSecret);
        }
        self.keep_names(name, target, Some(live));
    }

    /// A client to create.
    pub(super) fn new_client(&mut self, name: &ObjectName, target: &mut Value) {
        if remove(target, "AnalyticsConfiguration") {
            self.stays(name, "AnalyticsConfiguration", ApplyReason::Ended);
        }
        self.keep_names(name, target, None);
        let captured: BTreeMap<&ObjectName, &Value> = self.captured.clone();
        if Secrecy::of(&name.id, &captured, self.wanted.list) != Secrecy::Confidential {
            return;
        }
        if target["ClientSecretArn"].is_string() {
            target["PublishSecretsInAWSSecretsManager"] = true.into();
        }
        if !target["ClientSecret"].is_string() {
            target["GenerateSecret"] = true.into();
            self.stays(name, "ClientSecret", ApplyReason::SecretMissing);
        }
    }

    /// Whether the name of an object to create tells it from all others, so that the next command finds it.
    pub(super) fn has_unique_name(&self, name: &ObjectName) -> bool {
        let member = if name.kind == ObjectKind::Client { "ClientName" } else { "PolicyName" };
        let own = self.captured.get(name).map_or(&Value::Null, |document| &document[member]);
        let has_other = |side: &Configuration| {
            side.objects_of(name.kind).any(|(id, object)| id != name.id && object[member] == *own)
        };
        let is_captured_twice = self
            .captured
            .iter()
            .any(|(other, document)| other.kind == name.kind && **other != *name && document[member] == *own);
        own.is_string() && !is_captured_twice && !has_other(&self.live)
    }
}
