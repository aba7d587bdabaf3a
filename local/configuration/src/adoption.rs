//! Takes over pools that another Cognito has, from what that Cognito answers.

use serde_json::Value;

use crate::json::Object;
use crate::mfa::Factors;
use crate::pool::{self, Pool};
use crate::{Configurations, client, domain, provider, resource_server};

/// What another Cognito answers about a pool.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// `UserPool` of DescribeUserPool.
    pub user_pool: Value,
    /// GetUserPoolMfaConfig.
    pub mfa: Value,
    /// `UserPoolClient` of DescribeUserPoolClient, for each client.
    pub clients: Vec<Value>,
    /// `IdentityProvider` of DescribeIdentityProvider, for each provider.
    pub identity_providers: Vec<Value>,
    /// `ResourceServers` of ListResourceServers.
    pub resource_servers: Vec<Value>,
    /// `DomainDescription` of DescribeUserPoolDomain, for each domain.
    pub domains: Vec<Value>,
}

impl Description {
    fn without_empty_texts(&self) -> Self {
        let each = |objects: &[Value]| objects.iter().map(without_empty_texts).collect();
        Self {
            user_pool: without_empty_texts(&self.user_pool),
            mfa: without_empty_texts(&self.mfa),
            clients: each(&self.clients),
            identity_providers: each(&self.identity_providers),
            resource_servers: each(&self.resource_servers),
            domains: each(&self.domains),
        }
    }
}

/// The object without members that are an empty text, and without objects that have only such members. An emulator shows
/// them for what is absent. Cognito never does, and refuses them in a request. The value of a tag can be empty.
fn without_empty_texts(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let is_full = |value: &Value| value.as_object().is_none_or(|members| !members.is_empty());
            let members = members.iter().filter(|(_, value)| value.as_str() != Some(""));
            let members = members.filter_map(|(name, value)| {
                let kept = if name == "UserPoolTags" { value.clone() } else { without_empty_texts(value) };
                (is_full(&kept) || !is_full(value)).then(|| (name.clone(), kept))
            });
            Value::Object(members.collect())
        }
        Value::Array(elements) => elements.iter().map(without_empty_texts).collect(),
        other => other.clone(),
    }
}

pub(crate) fn adopt(configurations: &mut Configurations, id: &str, description: &Description, now: f64) {
    let description = &description.without_empty_texts();
    let account = &mut configurations.account;
    let created = description.user_pool["CreationDate"].as_f64().unwrap_or(now);
    let mut pool = Pool {
        id: id.to_owned(),
        arn: account.arn(id),
        created,
        changed: f64::NEG_INFINITY,
        clients: description.clients.iter().map(|client| client::adopted(client, now, account)).collect(),
        providers: description
            .identity_providers
            .iter()
            .map(|provider| provider::adopted(provider, now, account))
            .collect(),
        resource_servers: description.resource_servers.clone(),
        ..Pool::default()
    };
    set_pool(&mut pool, &description.user_pool, &description.mfa, account.settings.shows_identities);
    for described in &description.domains {
        domain::adopt(account, id, described);
    }
    configurations.pools.insert(id.to_owned(), pool);
}

pub(crate) fn readopt(configurations: &mut Configurations, id: &str, user_pool: &Value, mfa: &Value) {
    let [user_pool, mfa] = [user_pool, mfa].map(without_empty_texts);
    let shows_identities = configurations.account.settings.shows_identities;
    if let Some(pool) = configurations.pools.get_mut(id) {
        set_pool(pool, &user_pool, &mfa, shows_identities);
    }
}

/// Sets the pool object, the schema and the factors.
fn set_pool(pool: &mut Pool, user_pool: &Value, mfa: &Value, shows_identities: bool) {
    pool.modified = user_pool["LastModifiedDate"].as_f64().unwrap_or(pool.created);
    if let Some(arn) = user_pool["Arn"].as_str() {
        arn.clone_into(&mut pool.arn);
    }
    pool.settings = pool::adopted(user_pool);
    pool.service_tags = take_service_tags(&mut pool.settings);
    pool.schema = pool::adopted_schema(&user_pool["SchemaAttributes"], shows_identities);
    pool.factors = factors(mfa);
    for (name, value) in [
        ("MfaConfiguration", &mfa["MfaConfiguration"]),
        ("SmsConfiguration", &mfa["SmsMfaConfiguration"]["SmsConfiguration"]),
    ] {
        if value.as_str().is_some() || value.as_object().is_some_and(|value| !value.is_empty()) {
            pool.settings.insert(name.to_owned(), value.clone());
        }
    }
    resource_server::keep_managed(pool);
}

fn factors(mfa: &Value) -> Factors {
    let is_on = mfa["MfaConfiguration"].as_str().is_some_and(|mode| mode != "OFF");
    let block =
        |name: &str| mfa.get(name).filter(|block| block.as_object().is_some_and(|block| !block.is_empty()));
    let factor = |name: &str| block(name).filter(|_| is_on).cloned();
    Factors {
        sms: factor("SmsMfaConfiguration").is_some(),
        software_token: factor("SoftwareTokenMfaConfiguration"),
        email: factor("EmailMfaConfiguration"),
        web_authn: block("WebAuthnConfiguration").cloned(),
    }
}

/// Takes the tags that AWS set out of the caller's tags.
fn take_service_tags(settings: &mut Object) -> Object {
    let Some(tags) = settings.get_mut("UserPoolTags").and_then(Value::as_object_mut) else {
        return Object::new();
    };
    let (service, own) = std::mem::take(tags).into_iter().partition(|(key, _)| key.starts_with("aws:"));
    *tags = own;
    service
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{CERTIFICATE, Fixture};

    #[test]
    fn a_pool_can_be_adopted_with_the_request_that_created_it() {
        let mut fixture = Fixture::new();
        let id = "eu-central-1_Adopted";
        fixture.configurations.adopt(id, &json!({"PoolName": "adopted"}), 5.0).unwrap();
        fixture.pool = id.to_owned();
        assert_eq!(fixture.described()["Name"], "adopted");
        assert!(fixture.configurations.adopt("eu-central-1_Bad", &json!({}), 5.0).is_err());
        fixture.configurations.remove(id);
        assert!(!fixture.configurations.has(id));
    }

    #[test]
    fn an_adopted_pool_shows_no_empty_text_and_takes_back_what_it_shows() {
        let empty = json!({"EmailMessage": "", "EmailSubject": "", "SmsMessage": "", "DefaultEmailOption": "CONFIRM_WITH_CODE"});
        let user_pool = json!({
            "Name": "old", "VerificationMessageTemplate": empty, "EmailVerificationMessage": "",
            "SmsAuthenticationMessage": "", "UserPoolTags": {"empty": ""},
            "AdminCreateUserConfig": {
                "AllowAdminCreateUserOnly": false,
                "InviteMessageTemplate": {"EmailMessage": "", "EmailSubject": "", "SMSMessage": ""},
            },
            "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT", "ReplyToEmailAddress": ""},
        });
        let described = Description {
            user_pool: user_pool.clone(),
            clients: vec![json!({"ClientId": "c1", "ClientName": "c", "DefaultRedirectURI": ""})],
            ..Description::default()
        };
        let mut fixture = Fixture::new();
        let id = "eu-central-1_Adopted";
        fixture.configurations.adopt_description(id, &described, 5.0);
        fixture.pool = id.to_owned();
        for _ in 0..2 {
            let mut shown = fixture.described();
            assert_eq!(shown["UserPoolTags"].take(), json!({"empty": ""}));
            assert!(!shown.to_string().contains(r#":"""#), "{shown}");
            assert!(shown["AdminCreateUserConfig"]["InviteMessageTemplate"].is_null(), "{shown}");
            let template = shown["VerificationMessageTemplate"].clone();
            assert_eq!(template, json!({"DefaultEmailOption": "CONFIRM_WITH_CODE"}));
            fixture.call("UpdateUserPool", json!({"VerificationMessageTemplate": template}));
            fixture.configurations.readopt(id, &user_pool, &json!({}));
        }
        let client = fixture.call("DescribeUserPoolClient", json!({"ClientId": "c1"}));
        assert!(!client.to_string().contains(r#":"""#), "{client}");
    }

    #[test]
    fn a_described_pool_reads_as_cognito_would_show_it() {
        let mut fixture = Fixture::new();
        let schema =
            json!([{"Name": "email", "AttributeDataType": "String", "Required": true}, {"Name": "custom:x"}]);
        let description = Description {
            user_pool: json!({
                "Name": "old", "Domain": null, "SmsConfiguration": {}, "AccountRecoverySetting": {},
                "CreationDate": 3.0,
                "UserPoolTags": {"a": "1", "aws:cloudformation:stack-name": "stack"},
                "SchemaAttributes": schema,
                "EmailVerificationSubject": "Hello", "SmsMfaConfiguration": {"leaked": true},
            }),
            mfa: json!({"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": true}}),
            clients: vec![
                json!({"ClientId": "c1", "ClientName": "c", "ExplicitAuthFlows": [], "DefaultRedirectURI": ""}),
            ],
            identity_providers: vec![json!({
                "ProviderName": "Google", "ProviderType": "Google",
                "ProviderDetails": {"client_secret": "hidden"},
            })],
            resource_servers: vec![json!({"Identifier": "api", "Name": "api", "Scopes": []})],
            domains: vec![
                json!({"Domain": "login", "CustomDomainConfig": {}}),
                json!({"Domain": "auth.example.com", "CustomDomainConfig": {"CertificateArn": CERTIFICATE}}),
            ],
        };
        fixture.pool = "eu-central-1_Old".to_owned();
        fixture.configurations.adopt_description("eu-central-1_Old", &description, 9.0);
        let pool = fixture.described();
        assert_eq!(
            (&pool["Name"], &pool["CreationDate"], &pool["MfaConfiguration"]),
            (&json!("old"), &json!(3.0), &json!("ON"))
        );
        assert_eq!((&pool["Domain"], &pool["CustomDomain"]), (&json!("login"), &json!("auth.example.com")));
        assert_eq!(pool["VerificationMessageTemplate"]["EmailSubject"], "Hello");
        assert_eq!(pool["UserPoolTags"].as_object().unwrap().len(), 2);
        assert!(pool["SmsMfaConfiguration"].is_null() && pool["AccountRecoverySetting"].is_null());
        assert_eq!(pool["SchemaAttributes"].as_array().unwrap().len(), 22);
        let config = fixture.call("GetUserPoolMfaConfig", json!({}));
        assert_eq!(config["SoftwareTokenMfaConfiguration"], json!({"Enabled": true}));
        let client =
            fixture.call("DescribeUserPoolClient", json!({"ClientId": "c1"}))["UserPoolClient"].take();
        assert_eq!(client["ExplicitAuthFlows"].as_array().unwrap().len(), 3);
        assert!(client["DefaultRedirectURI"].is_null());
        let provider = fixture.call("DescribeIdentityProvider", json!({"ProviderName": "Google"}));
        assert_eq!(provider["IdentityProvider"]["AttributeMapping"], json!({"username": "sub"}));
        fixture.configurations.readopt(
            "eu-central-1_Old",
            &json!({"Name": "newer"}),
            &json!({"MfaConfiguration": "OFF"}),
        );
        assert_eq!(fixture.described()["Name"], "newer");
        assert_eq!(fixture.call("GetUserPoolMfaConfig", json!({})), json!({"MfaConfiguration": "OFF"}));
        fixture.call("DescribeUserPoolClient", json!({"ClientId": "c1"}));
    }
}
