//! App clients.

use serde_json::Value;

use super::super::super::{CapturedObject, ObjectKind, ObjectName};
use super::super::secrecy::Secrecy;
use super::super::{LeftReason, PlanRefusal};
use super::Planner;

/// Whether the client registered itself, or a service of AWS made it.
pub(super) fn is_made_by_itself(client: &Value) -> bool {
    let name = client["ClientName"].as_str().unwrap_or_default();
    let is_of_aws = ["AmazonOpenSearchService-", "AWSElasticsearch-"];
    client["ClientType"] == "DCR" || is_of_aws.iter().any(|prefix| name.starts_with(prefix))
}

impl Planner<'_> {
    pub(super) fn prepare_client(
        &mut self,
        object: &CapturedObject,
        document: &mut Value,
        label: &str,
    ) -> Result<bool, PlanRefusal> {
        let in_manager = document["ClientSecretArn"].is_string();
        self.rewrite(ObjectKind::Client, document, label);
        let list_is_complete = !self
            .list
            .not_captured()
            .iter()
            .any(|lacking| lacking.shown_name().starts_with(ObjectKind::IdentityProvider.name()));
        let mut has_lost = false;
        if let Some(Value::Array(providers)) = document.get_mut("SupportedIdentityProviders") {
            for provider in providers.iter().filter_map(Value::as_str) {
                if provider != "COGNITO"
                    && !self.captured.contains_key(&ObjectName::of(ObjectKind::IdentityProvider, provider))
                    && list_is_complete
                {
                    let client = label.to_owned();
                    return Err(PlanRefusal::UnknownProvider { client, provider: provider.to_owned() });
                }
            }
            let before = providers.len();
            providers.retain(|provider| {
                provider.as_str().is_some_and(|name| {
                    name == "COGNITO" || self.has_made(ObjectKind::IdentityProvider, name)
                })
            });
            has_lost = providers.len() < before;
        }
        if has_lost {
            self.leave(label, Some("SupportedIdentityProviders"), LeftReason::NamesLeftOut);
        }
        let names = [object.name.to_string(), label.to_owned()];
        let supplied = self.map.secrets.find(&names);
        let secrecy = Secrecy::of(&object.name.id, &self.captured, self.list);
        if secrecy != Secrecy::Confidential && supplied.is_none() {
            return Ok(true);
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
        Ok(true)
    }
}
