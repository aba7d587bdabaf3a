//! App clients.

mod fields;
mod rules;
mod secrets;

use serde_json::{Value, json};

use crate::json::{Object, object};
use crate::pool::{Pool, unknown_client};
use crate::refusal::ConfigurationRefusal;
use crate::request::{Answer, Request};
use crate::{Account, pages};
use secrets::{Secret, Secrets};
pub(crate) use secrets::{add as add_secret, delete as delete_secret, list as list_secrets};

#[derive(Debug, Clone, Default)]
pub(crate) struct Client {
    pub id: String,
    /// Whether the client registered itself.
    is_dynamic: bool,
    created: f64,
    modified: f64,
    /// Without ids, dates and secrets. See `fields.rs`.
    settings: Object,
    secrets: Secrets,
}

impl Client {
    /// The client as DescribeUserPoolClient shows it.
    fn shown(&self, pool: &Pool, account: &Account) -> Value {
        let mut shown = self.settings.clone();
        shown.extend(object(&json!({
            "UserPoolId": pool.id, "ClientId": self.id, "CreationDate": self.created,
            "LastModifiedDate": self.modified,
            "ClientType": if self.is_dynamic { "DCR" } else { "REGULAR" },
        })));
        if shown.remove("PublishSecretsInAWSSecretsManager") == Some(true.into()) {
            let arn = format!(
                "arn:aws:secretsmanager:{}:{}:secret:cognito/{}/{}-{}",
                account.region,
                account.id,
                pool.id,
                self.id,
                &self.id[self.id.len().saturating_sub(6)..]
            );
            shown.insert("ClientSecretArn".to_owned(), arn.into());
        } else if let Some(secret) = self.secrets.shown(account.settings.shows_supplied_secrets) {
            shown.insert("ClientSecret".to_owned(), secret.into());
        }
        if account.settings.shows_legacy_existence_errors {
            shown.entry("PreventUserExistenceErrors").or_insert_with(|| "LEGACY".into());
        }
        Value::Object(shown)
    }
}

/// CreateUserPoolClient.
pub(crate) fn create(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    if pool.clients.len() >= account.settings.max_clients {
        let message = "The maximum number of app clients of this user pool is reached";
        return Err(ConfigurationRefusal::new("LimitExceededException", message));
    }
    let supplied = request.member("ClientSecret").and_then(Value::as_str);
    let generates = request.input["GenerateSecret"] == true;
    if supplied.is_some() && generates {
        return Err(ConfigurationRefusal::invalid("ClientSecret and GenerateSecret cannot both be set"));
    }
    let is_generated = supplied.is_some_and(|secret| account.ids.has_generated(secret));
    if is_generated && !account.settings.accepts_generated_secrets {
        return Err(ConfigurationRefusal::invalid("The client secret is in use"));
    }
    let settings = fields::resolved(None, request, &account.settings);
    let has_secret = generates || supplied.is_some();
    rules::check(pool, &settings, rules::Kind { has_secret, is_dynamic: false }, request, &account.settings)?;
    let id = request.chosen.id.clone().unwrap_or_else(|| account.ids.client());
    let secret = match supplied {
        Some(value) => Some((value.to_owned(), true)),
        None if generates => {
            let secret = request.chosen.secret.clone().unwrap_or_else(|| account.ids.secret());
            account.ids.remember_secret(&secret);
            Some((secret, false))
        }
        None => None,
    };
    let mut secrets = Secrets::default();
    if let Some((value, is_supplied)) = &secret {
        secrets.push(Secret::new(&id, value, *is_supplied, request.now, &mut account.ids));
    }
    secrets.publish(settings.get("PublishSecretsInAWSSecretsManager") == Some(&true.into()), account);
    let client =
        Client { id, is_dynamic: false, created: request.now, modified: request.now, settings, secrets };
    let mut shown = client.shown(pool, account);
    if let Some((value, _)) = secret.filter(|_| shown["ClientSecretArn"].is_null()) {
        shown["ClientSecret"] = value.into();
    }
    pool.clients.push(client);
    Ok(json!({"UserPoolClient": shown}))
}

/// Registers a client by dynamic client registration. Returns its id.
pub(crate) fn register(pool: &mut Pool, account: &mut Account, name: &str, now: f64) -> String {
    let id = account.ids.client();
    let settings = fields::defaults(name);
    let client = Client {
        id: id.clone(),
        is_dynamic: true,
        created: now,
        modified: now,
        settings,
        secrets: Secrets::default(),
    };
    pool.clients.push(client);
    id
}

/// DescribeUserPoolClient.
pub(crate) fn describe(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    Ok(json!({"UserPoolClient": pool.client(request.text("ClientId"))?.shown(pool, account)}))
}

/// UpdateUserPoolClient.
pub(crate) fn update(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let client = pool.client(request.text("ClientId"))?;
    let settings = fields::resolved(Some(&client.settings), request, &account.settings);
    let kind = rules::Kind { has_secret: client.secrets.exist(), is_dynamic: client.is_dynamic };
    rules::check(pool, &settings, kind, request, &account.settings)?;
    let mut client = Client { settings, modified: request.now, ..client.clone() };
    client
        .secrets
        .publish(client.settings.get("PublishSecretsInAWSSecretsManager") == Some(&true.into()), account);
    let answer = json!({"UserPoolClient": client.shown(pool, account)});
    if let Some(place) = pool.clients.iter_mut().find(|place| place.id == client.id) {
        *place = client;
    }
    Ok(answer)
}

/// DeleteUserPoolClient. What belongs to the client goes with it.
pub(crate) fn delete(pool: &mut Pool, _: &mut Account, request: &Request<'_>) -> Answer {
    let id = request.text("ClientId");
    let index = pool.clients.iter().position(|client| client.id == id).ok_or_else(|| unknown_client(id))?;
    pool.clients.remove(index);
    pool.brandings.retain(|branding| branding.client != id);
    pool.terms.retain(|terms| terms.client != id);
    pool.customizations.remove(id);
    pool.risks.remove(id);
    pool.client_sessions.remove(id);
    Ok(json!({}))
}

/// ListUserPoolClients: 60 a page.
///
/// Filtered by type, a page may be short or empty and still have a token: ListUserPoolClients, API reference.
pub(crate) fn list(pool: &mut Pool, account: &mut Account, request: &Request<'_>) -> Answer {
    let wanted = request.text("ClientType");
    let clients: Vec<Value> = pool
        .clients
        .iter()
        .filter(|client| wanted.is_empty() || (wanted == "DCR") == client.is_dynamic)
        .map(|client| {
            let name = client.settings.get("ClientName");
            json!({"ClientId": client.id, "UserPoolId": pool.id, "ClientName": name})
        })
        .collect();
    let sizes = &account.settings.client_page_sizes;
    let limit = |index: usize| sizes.get(index % sizes.len().max(1)).copied();
    let (entries, token) = pages::page(&clients, request, 60, limit)?;
    Ok(pages::answer("UserPoolClients", entries, token))
}

/// A client that another Cognito described.
pub(crate) fn adopted(described: &Value, now: f64, account: &mut Account) -> Client {
    let id = crate::json::text(described, "ClientId").to_owned();
    let date = |name: &str| described[name].as_f64().unwrap_or(now);
    let mut secrets = Secrets::default();
    if let Some(value) = described["ClientSecret"].as_str().filter(|value| !value.is_empty()) {
        secrets.push(Secret::new(&id, value, false, date("CreationDate"), &mut account.ids));
    }
    let is_dynamic = described["ClientType"] == "DCR";
    let settings = fields::adopted(described);
    Client {
        id,
        is_dynamic,
        created: date("CreationDate"),
        modified: date("LastModifiedDate"),
        settings,
        secrets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn clients_are_listed_with_id_and_name_only() {
        let mut fixture = Fixture::new();
        let ids = ["a", "b", "a"].map(|name| fixture.client(json!({"ClientName": name})));
        let first = fixture.call("ListUserPoolClients", json!({"MaxResults": 2}));
        assert_eq!(
            first["UserPoolClients"][1],
            json!({"ClientId": ids[1], "UserPoolId": fixture.pool, "ClientName": "b"})
        );
        let second =
            fixture.call("ListUserPoolClients", json!({"MaxResults": 2, "NextToken": first["NextToken"]}));
        assert_eq!(second["UserPoolClients"][0]["ClientId"], ids[2]);
        assert!(second["NextToken"].is_null());
    }

    #[test]
    fn a_listing_can_have_short_and_empty_pages() {
        let mut fixture = Fixture::new();
        (0..3).for_each(|_| drop(fixture.client(json!({"ClientName": "a"}))));
        fixture.settings().client_page_sizes = vec![0, 1];
        let (mut token, mut sizes) = (Value::Null, Vec::new());
        loop {
            let page = fixture.call("ListUserPoolClients", json!({"NextToken": token}));
            sizes.push(page["UserPoolClients"].as_array().unwrap().len());
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(sizes, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn registered_clients_are_listed_by_their_type() {
        let mut fixture = Fixture::new();
        fixture.client(json!({"ClientName": "a"}));
        let pool = fixture.pool.clone();
        let id = fixture.configurations.register_client(&pool, "registered", 5.0).unwrap();
        let listed = fixture.call("ListUserPoolClients", json!({"ClientType": "DCR"}));
        assert_eq!(listed["UserPoolClients"][0]["ClientId"], id);
        assert_eq!(listed["UserPoolClients"].as_array().unwrap().len(), 1);
        let client = fixture.call("DescribeUserPoolClient", json!({"ClientId": id}));
        assert_eq!(client["UserPoolClient"]["ClientType"], "DCR");
        fixture.refused("AddUserPoolClientSecret", json!({"ClientId": id}));
    }

    #[test]
    fn a_deleted_client_takes_what_belongs_to_it() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "a"}));
        let of_client = json!({"ClientId": id});
        fixture.call("CreateManagedLoginBranding", json!({"ClientId": id, "UseCognitoProvidedValues": true}));
        fixture.call("DeleteUserPoolClient", of_client.clone());
        for operation in
            ["DescribeUserPoolClient", "DescribeManagedLoginBrandingByClient", "DeleteUserPoolClient"]
        {
            assert_eq!(
                fixture.refused(operation, of_client.clone()).code,
                "ResourceNotFoundException",
                "{operation}"
            );
        }
    }

    #[test]
    fn a_pool_has_a_limited_number_of_clients() {
        let mut fixture = Fixture::new();
        fixture.settings().max_clients = 0;
        assert_eq!(
            fixture.refused("CreateUserPoolClient", json!({"ClientName": "a"})).code,
            "LimitExceededException"
        );
    }
}
