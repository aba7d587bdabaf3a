//! App clients.

use serde_json::{Value, json};

use super::super::super::path::remove;
use super::super::super::{CapturedObject, ObjectKind, ObjectName};
use super::super::LeftReason;
use super::super::secrecy::Secrecy;
use super::Planner;

/// The scopes of every pool. Source: "Scopes, M2M, and resource servers", Amazon Cognito developer guide.
pub(in super::super::super) const STANDARD_SCOPES: [&str; 5] =
    ["aws.cognito.signin.user.admin", "email", "openid", "phone", "profile"];

/// Whether the client registered itself, or a service of AWS made it.
pub(in super::super::super) fn is_made_by_itself(client: &Value) -> bool {
    let name = client["ClientName"].as_str().unwrap_or_default();
    let is_of_aws = ["AmazonOpenSearchService-", "AWSElasticsearch-"];
    client["ClientType"] == "DCR" || is_of_aws.iter().any(|prefix| name.starts_with(prefix))
}

/// The scopes of a resource server, as clients name them. Empty for another object.
pub(in super::super::super) fn scopes_of(object: &CapturedObject) -> Vec<String> {
    if object.name.kind != ObjectKind::ResourceServer {
        return Vec::new();
    }
    let scopes = object.document["Scopes"].as_array().into_iter().flatten();
    let names = scopes.filter_map(|scope| scope["ScopeName"].as_str());
    names.map(|scope| format!("{}/{scope}", object.name.id)).collect()
}

impl Planner<'_> {
    pub(super) fn prepare_client(
        &mut self,
        object: &CapturedObject,
        document: &mut Value,
        label: &str,
    ) -> bool {
        // AWS ended the analytics of Pinpoint on 30 October 2026.
        if remove(document, "AnalyticsConfiguration") {
            self.leave(label, Some("AnalyticsConfiguration"), LeftReason::Ended);
        }
        let in_manager = document["ClientSecretArn"].is_string();
        self.rewrite(ObjectKind::Client, document, label);
        self.keep_providers(document, label);
        self.keep_scopes(document, label);
        let supplied = self.secrets.get(&object.name).copied();
        let secrecy = Secrecy::of(&object.name.id, &self.captured, self.list);
        if secrecy != Secrecy::Confidential && supplied.is_none() {
            return true;
        }
        if in_manager {
            document["PublishSecretsInAWSSecretsManager"] = true.into();
        }
        match supplied {
            Some(secret) => {
                document["ClientSecret"] = secret.into();
            }
            None if document["ClientSecret"].is_string() => {}
            None => {
                document["GenerateSecret"] = true.into();
                self.leave(label, Some("ClientSecret"), LeftReason::SecretMissing);
            }
        }
        true
    }

    /// Whether the client names a scope of a resource server that Cognito makes for the registration of clients.
    pub fn registers_others(&self, client: &CapturedObject) -> bool {
        let managed = self.captured.iter().filter(|(_, document)| document["ManagedBy"] == "COGNITO");
        let servers: Vec<&str> = managed.map(|(name, _)| name.id.as_str()).collect();
        let scopes = client.document["AllowedOAuthScopes"].as_array().into_iter().flatten();
        let named = scopes.filter_map(|scope| scope.as_str()?.rsplit_once('/'));
        named.into_iter().any(|(server, _)| servers.contains(&server))
    }

    /// Keeps the providers that the new pool has.
    fn keep_providers(&mut self, document: &mut Value, label: &str) {
        let Some(Value::Array(providers)) = document.get_mut("SupportedIdentityProviders") else { return };
        let reason = |provider: &str| {
            let name = ObjectName::of(ObjectKind::IdentityProvider, provider);
            let is_made = provider == "COGNITO" || self.made.contains(&name);
            let is_captured = self.captured.contains_key(&name);
            (!is_made).then_some(if is_captured {
                LeftReason::NamesLeftOut
            } else {
                LeftReason::NamesMissing
            })
        };
        for (provider, reason) in take_out(providers, reason) {
            self.leave(label, Some(&format!("SupportedIdentityProviders[{provider}]")), reason);
        }
    }

    /// Keeps the scopes that the new pool has. A scope stays in a client after its resource server has lost it, and no
    /// request can name it again (cloudformation-coverage-roadmap #173).
    fn keep_scopes(&mut self, document: &mut Value, label: &str) {
        let Some(Value::Array(scopes)) = document.get_mut("AllowedOAuthScopes") else { return };
        let reason = |scope: &str| {
            let is_known = STANDARD_SCOPES.contains(&scope) || self.scopes.contains(scope);
            (!is_known).then_some(LeftReason::NamesMissing)
        };
        let missing = take_out(scopes, reason);
        let is_without_scope = scopes.is_empty() && !missing.is_empty();
        let has_flows = document["AllowedOAuthFlows"].as_array().is_some_and(|flows| !flows.is_empty());
        // Cognito refuses flows without a scope. Source: `TestAccCognitoIDPManagedUserPoolClient` of
        // terraform-provider-aws.
        if is_without_scope && has_flows {
            document["AllowedOAuthFlows"] = json!([]);
            document["AllowedOAuthFlowsUserPoolClient"] = false.into();
            self.leave(label, Some("AllowedOAuthFlows"), LeftReason::NamesLeftOut);
        }
        for (scope, reason) in missing {
            self.leave(label, Some(&format!("AllowedOAuthScopes[{scope}]")), reason);
        }
    }
}

/// Takes the names out of a list for which there is a reason.
pub(in super::super::super) fn take_out<R: Copy>(
    list: &mut Vec<Value>,
    reason: impl Fn(&str) -> Option<R>,
) -> Vec<(String, R)> {
    let mut taken = Vec::new();
    list.retain(|element| {
        let name = element.as_str().unwrap_or_default();
        let reason = reason(name);
        taken.extend(reason.map(|reason| (name.to_owned(), reason)));
        reason.is_none()
    });
    taken
}
