//! The secrets of app clients. Only the first one can be read, and not if it was supplied or replaced.
//!
//! Sources: AddUserPoolClientSecret, API reference; measured (floci-io/floci PR 345).

use serde_json::{Value, json};

use super::Client;
use crate::Account;
use crate::ids::Ids;
use crate::json::Object;
use crate::pool::{Pool, unknown_client};
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};

/// The most secrets of a client.
const MAX_SECRETS: usize = 2;

#[derive(Debug, Clone)]
pub(super) struct Secret {
    id: String,
    value: String,
    is_supplied: bool,
    /// Whether the client was created with it.
    is_first: bool,
    created: f64,
}

impl Secret {
    /// The secret with which a client is created.
    pub fn new(client: &str, value: &str, is_supplied: bool, now: f64, ids: &mut Ids) -> Self {
        let id = format!("{client}--{}", ids.lower(10));
        Self { id, value: value.to_owned(), is_supplied, is_first: true, created: now }
    }

    /// The secret without its value.
    fn shown(&self) -> Object {
        crate::json::object(&json!({"ClientSecretId": self.id, "ClientSecretCreateDate": self.created}))
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Secrets {
    all: Vec<Secret>,
    is_published: bool,
}

impl Secrets {
    pub fn push(&mut self, secret: Secret) {
        self.all.push(secret);
    }

    pub fn exist(&self) -> bool {
        !self.all.is_empty()
    }

    /// The value that DescribeUserPoolClient shows.
    pub fn shown(&self, shows_supplied: bool) -> Option<&str> {
        let first =
            self.all.iter().find(|secret| secret.is_first && (shows_supplied || !secret.is_supplied))?;
        Some(&first.value)
    }

    /// Gives the secret to Secrets Manager, which makes a new one at once:
    /// `PublishSecretsInAWSSecretsManager`, UpdateUserPoolClient, API reference.
    pub fn publish(&mut self, is_published: bool, account: &mut Account) {
        if is_published && !self.is_published {
            for secret in &mut self.all {
                secret.value = account.ids.secret();
            }
        }
        self.is_published = is_published;
    }
}

fn client<'a>(pool: &'a mut Pool, request: &Request<'_>) -> Result<&'a mut Client, ConfigurationRefusal> {
    let id = request.text("ClientId");
    let client = pool.clients.iter_mut().find(|client| client.id == id).ok_or_else(|| unknown_client(id))?;
    if client.is_dynamic {
        let message = "A client of dynamic client registration has no secret operations";
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(client)
}

/// AddUserPoolClientSecret.
pub(crate) fn add(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let client = client(pool, request)?;
    if client.secrets.all.len() >= MAX_SECRETS {
        let message = format!("A client has at most {MAX_SECRETS} secrets");
        return Err(ConfigurationRefusal::new("LimitExceededException", message));
    }
    let supplied = request.member("ClientSecret").and_then(Value::as_str);
    let value = supplied.map_or_else(|| account.ids.secret(), str::to_owned);
    let first = Secret::new(&client.id, &value, supplied.is_some(), request.now, &mut account.ids);
    let secret = Secret { is_first: false, ..first };
    let mut shown = secret.shown();
    if supplied.is_none() {
        shown.insert("ClientSecretValue".to_owned(), value.into());
    }
    client.secrets.push(secret);
    Ok(json!({"ClientSecretDescriptor": shown}))
}

/// ListUserPoolClientSecrets: never with values.
pub(crate) fn list(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let client = client(pool, request)?;
    if !client.secrets.exist() && !account.settings.lists_secrets_of_public_clients {
        return Err(ConfigurationRefusal::invalid("The client has no secret"));
    }
    let shown: Vec<Value> = client.secrets.all.iter().map(|secret| Value::Object(secret.shown())).collect();
    Ok(json!({"ClientSecrets": shown}))
}

/// DeleteUserPoolClientSecret: not the last one.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let secrets = &mut client(pool, request)?.secrets.all;
    let id = request.text("ClientSecretId");
    let index = secrets.iter().position(|secret| secret.id == id);
    let index = index.ok_or_else(|| ConfigurationRefusal::not_found("The client secret does not exist"))?;
    if secrets.len() == 1 {
        return Err(ConfigurationRefusal::invalid("The last secret of a client cannot be deleted"));
    }
    secrets.remove(index);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    const OWN: &str = "an_own_secret_of_24_or_more_characters";

    fn shown(fixture: &mut Fixture, id: &str) -> Value {
        fixture.call("DescribeUserPoolClient", json!({"ClientId": id}))["UserPoolClient"]["ClientSecret"]
            .take()
    }

    #[test]
    fn a_generated_secret_is_read_until_it_is_replaced() {
        let mut fixture = Fixture::new();
        let created =
            fixture.call("CreateUserPoolClient", json!({"ClientName": "a", "GenerateSecret": true}));
        let (id, secret) = (
            created["UserPoolClient"]["ClientId"].as_str().unwrap(),
            &created["UserPoolClient"]["ClientSecret"],
        );
        assert_eq!(secret.as_str().unwrap().len(), 52);
        assert_eq!(shown(&mut fixture, id), *secret);
        let added = fixture.call("AddUserPoolClientSecret", json!({"ClientId": id}));
        assert!(added["ClientSecretDescriptor"]["ClientSecretValue"].is_string());
        assert_eq!(shown(&mut fixture, id), *secret);
        let listed = fixture.call("ListUserPoolClientSecrets", json!({"ClientId": id}));
        assert!(listed["ClientSecrets"][0]["ClientSecretValue"].is_null());
        let first = &listed["ClientSecrets"][0]["ClientSecretId"];
        fixture.call("DeleteUserPoolClientSecret", json!({"ClientId": id, "ClientSecretId": first}));
        assert!(shown(&mut fixture, id).is_null(), "the second secret is never read");
        let last = &added["ClientSecretDescriptor"]["ClientSecretId"];
        fixture.refused("DeleteUserPoolClientSecret", json!({"ClientId": id, "ClientSecretId": last}));
    }

    #[test]
    fn a_supplied_secret_is_read_only_by_a_setting() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "a", "ClientSecret": OWN}));
        assert!(shown(&mut fixture, &id).is_null());
        fixture.settings().shows_supplied_secrets = true;
        assert_eq!(shown(&mut fixture, &id), OWN);
        fixture.refused(
            "CreateUserPoolClient",
            json!({"ClientName": "a", "ClientSecret": OWN, "GenerateSecret": true}),
        );
        fixture.refused("CreateUserPoolClient", json!({"ClientName": "a", "ClientSecret": "short"}));
    }

    #[test]
    fn a_setting_refuses_a_secret_that_was_generated_for_another_client() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "a", "GenerateSecret": true}));
        let again = json!({"ClientName": "b", "ClientSecret": shown(&mut fixture, &id)});
        fixture.client(again.clone());
        fixture.settings().accepts_generated_secrets = false;
        fixture.refused("CreateUserPoolClient", again);
    }

    #[test]
    fn a_client_has_at_most_two_secrets() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "a", "GenerateSecret": true}));
        let added = fixture.call("AddUserPoolClientSecret", json!({"ClientId": id, "ClientSecret": OWN}));
        assert!(added["ClientSecretDescriptor"]["ClientSecretValue"].is_null());
        assert_eq!(
            fixture.refused("AddUserPoolClientSecret", json!({"ClientId": id})).code,
            "LimitExceededException"
        );
    }

    #[test]
    fn the_secrets_of_a_public_client_are_an_empty_list_or_refused() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "a"}));
        let list = json!({"ClientId": id});
        assert_eq!(fixture.call("ListUserPoolClientSecrets", list.clone()), json!({"ClientSecrets": []}));
        fixture.settings().lists_secrets_of_public_clients = false;
        fixture.refused("ListUserPoolClientSecrets", list);
    }

    #[test]
    fn a_published_secret_is_read_as_an_arn() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "a", "GenerateSecret": true}));
        let first = shown(&mut fixture, &id);
        let publish =
            |publishes: bool| json!({"ClientId": id, "PublishSecretsInAWSSecretsManager": publishes});
        let client = fixture.call("UpdateUserPoolClient", publish(true))["UserPoolClient"].take();
        assert!(client["ClientSecret"].is_null());
        assert!(client["ClientSecretArn"].as_str().unwrap().starts_with("arn:aws:secretsmanager:"));
        fixture.call("UpdateUserPoolClient", json!({"ClientId": id}));
        assert!(shown(&mut fixture, &id).is_null(), "an omitted member is kept");
        fixture.call("UpdateUserPoolClient", publish(false));
        let second = shown(&mut fixture, &id);
        assert!(second.is_string() && second != first, "it was rotated");
    }
}
