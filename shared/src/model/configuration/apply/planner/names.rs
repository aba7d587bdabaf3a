//! Names that one object has of another one.

use serde_json::{Value, json};

use super::super::super::rebuild::{STANDARD_SCOPES, scopes_of, take_out};
use super::super::super::{CapturedObject, ObjectKind, ObjectName};
use super::super::ApplyReason;
use super::{Planner, compared};

const PROVIDERS: &str = "SupportedIdentityProviders";
const SCOPES: &str = "AllowedOAuthScopes";
const FLOWS: &str = "AllowedOAuthFlows";

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

    /// Takes the names out of the changed and new clients that the pool does not have: no request can have them.
    pub(super) fn drop_missing_names(&mut self) {
        for (name, missing) in self.missing_names.clone() {
            let Some(mut target) = self.target.object(&name).filter(|_| !missing.is_empty()).cloned() else {
                continue;
            };
            let live = self.live.object(&name).cloned();
            let is_same = live.as_ref().is_some_and(|live| {
                !compared(&name, live, &target).differences.iter().any(|found| self.is_done(found))
            });
            if is_same {
                continue;
            }
            let is_usable = [PROVIDERS, SCOPES].into_iter().all(|member| {
                let gone = missing.iter().filter(|(of, _)| *of == member).map(|(_, name)| name);
                let gone: Vec<&String> = gone.collect();
                gone.is_empty() || without(&mut target, live.as_ref(), member, &gone)
            });
            match live {
                // A client without providers or scopes serves nobody.
                Some(live) if !is_usable => {
                    self.stays(&name, "", ApplyReason::NamesMissing);
                    target = live;
                }
                // Cognito refuses flows without a scope. Source: `TestAccCognitoIDPManagedUserPoolClient` of
                // terraform-provider-aws.
                None if has_flows(&target) && is_empty(&target, SCOPES) => {
                    self.stays(&name, FLOWS, ApplyReason::NamesMissing);
                    target[FLOWS] = json!([]);
                    target["AllowedOAuthFlowsUserPoolClient"] = false.into();
                }
                _ => {}
            }
            self.target.put(name, target);
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

/// Takes names out of a list of a client. If none is left, the list becomes that of the pool. Returns whether the client
/// still has a list, if it had one.
fn without(target: &mut Value, live: Option<&Value>, member: &str, gone: &[&String]) -> bool {
    let is_there = |name: &&Value| !gone.iter().any(|gone| **name == **gone);
    let rest = |client: &Value| -> Vec<Value> {
        client[member].as_array().into_iter().flatten().filter(is_there).cloned().collect()
    };
    let mut names = rest(target);
    if names.is_empty() {
        names = live.map(rest).unwrap_or_default();
    }
    let has_names = !names.is_empty();
    target[member] = names.into();
    has_names
}

fn is_empty(client: &Value, member: &str) -> bool {
    client[member].as_array().is_none_or(Vec::is_empty)
}

fn has_flows(client: &Value) -> bool {
    !is_empty(client, FLOWS)
}
