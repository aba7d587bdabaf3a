//! Names that one object has of another one.

use serde_json::{Value, json};

use super::super::super::rebuild::{STANDARD_SCOPES, scopes_of, take_out};
use super::super::super::{CapturedObject, ObjectKind, ObjectName};
use super::super::ApplyReason;
use super::Planner;

const PROVIDERS: &str = "SupportedIdentityProviders";
const SCOPES: &str = "AllowedOAuthScopes";

impl Planner<'_> {
    /// Keeps the providers and scopes in a client that the pool has.
    pub(super) fn keep_names(&mut self, name: &ObjectName, target: &mut Value, live: Option<&Value>) {
        for member in [PROVIDERS, SCOPES] {
            let Some(Value::Array(names)) = target.get_mut(member) else { continue };
            let missing: Vec<String> = take_out(names, |known| (!self.has_name(member, known)).then_some(()))
                .into_iter()
                .map(|(missing, ())| missing)
                .collect();
            // A name that the client has already differs in nothing. No request can have it.
            let of_live = |missing: &&String| {
                let present = live.and_then(|live| live[member].as_array());
                present.is_some_and(|names| names.iter().any(|name| name == *missing))
            };
            names.extend(missing.iter().filter(of_live).map(|missing| json!(missing)));
            if !missing.is_empty() {
                self.stays(name, member, ApplyReason::NamesMissing);
            }
            let entry = self.missing_names.entry(name.clone()).or_default();
            entry.extend(missing.into_iter().map(|missing| (member, missing)));
        }
    }

    /// Takes the names out of a client that the pool does not have.
    pub(super) fn without_missing_names(&self, name: &ObjectName, target: &mut Value) {
        let Some(missing) = self.missing_names.get(name).filter(|missing| !missing.is_empty()) else {
            return;
        };
        for (member, missing) in missing {
            if let Some(Value::Array(names)) = target.get_mut(*member) {
                names.retain(|name| name != missing);
            }
        }
        let is_empty = |member: &str| target[member].as_array().is_none_or(Vec::is_empty);
        let lost_scopes = missing.iter().any(|(member, _)| *member == SCOPES) && is_empty(SCOPES);
        // Cognito refuses flows without a scope. Source: `TestAccCognitoIDPManagedUserPoolClient` of
        // terraform-provider-aws.
        if lost_scopes && !is_empty("AllowedOAuthFlows") {
            target["AllowedOAuthFlows"] = json!([]);
            target["AllowedOAuthFlowsUserPoolClient"] = false.into();
        }
    }

    fn has_name(&self, member: &str, name: &str) -> bool {
        if member == PROVIDERS {
            let provider = ObjectName::of(ObjectKind::IdentityProvider, name);
            return name == "COGNITO"
                || self.target.object(&provider).is_some()
                || !self.knows(ObjectKind::IdentityProvider);
        }
        // Scopes that the roll back removes are there until the clients have changed.
        let has = |id: &str, server: &Value| {
            let name_of_server = ObjectName::of(ObjectKind::ResourceServer, id);
            let server = CapturedObject { name: name_of_server, document: server.clone() };
            scopes_of(&server).iter().any(|scope| scope == name)
        };
        let servers = [&self.live, &self.target]
            .into_iter()
            .flat_map(|side| side.objects_of(ObjectKind::ResourceServer));
        let mut of_servers = servers
            .filter(|(id, _)| !self.deleted.contains(&ObjectName::of(ObjectKind::ResourceServer, *id)));
        STANDARD_SCOPES.contains(&name)
            || of_servers.any(|(id, server)| has(id, server))
            || !self.knows(ObjectKind::ResourceServer)
    }

    /// Whether the objects of a kind in the pool could be read.
    fn knows(&self, kind: ObjectKind) -> bool {
        self.live.uncaptured_kind(kind).is_none()
    }
}

/// Whether what follows `SchemaAttributes[` is the name of an attribute that the owner declared.
pub(super) fn is_custom_attribute(name: &str) -> bool {
    let name = name.trim_start_matches('"');
    name.starts_with("custom:") || name.starts_with("dev:custom:")
}
