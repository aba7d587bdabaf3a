//! A pool with every kind of object in its configuration, and changes of all of them.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use local::aws::{self, REGION};
use local::population::{self, FillProgress, SignIn};
use serde_json::{Map, Value, json};
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::{Operation, PoolId};
use shared::ports::pool::ConfigurablePool;
use shared_aws::cognito::CognitoPool;

/// The number of users in the pool.
pub const USERS: usize = 40;
/// The prefix of the domain of the pool.
pub const DOMAIN: &str = "login-of-people";

/// A pool behind the strict proxy.
pub struct RichPool {
    pool: CognitoPool,
    pub id: String,
    /// The ids of objects that a change has to name.
    web: String,
    mobile: String,
    branding: Value,
    terms: Value,
    policy: Value,
}

impl RichPool {
    /// Creates the pool with its users, groups and objects. It allows import jobs.
    pub async fn create(strict_url: &str) -> Result<Self> {
        let client = Client::new(&aws::config(strict_url, REGION));
        let id = population::create_pool_for_jobs(&client, "source", SignIn::Username).await?;
        population::generate(USERS, 7).fill(&client, &id, &FillProgress::default()).await?;
        let pool = CognitoPool::client(&aws::config(strict_url, REGION));
        let pool = CognitoPool::new(pool, PoolId::parse(&id).map_err(|_| anyhow::anyhow!("{id}"))?);
        let none = || Value::Null;
        let (web, mobile) = (String::new(), String::new());
        let mut rich = Self { pool, id, web, mobile, branding: none(), terms: none(), policy: none() };
        rich.add_objects().await?;
        Ok(rich)
    }

    /// Changes the configuration. `request` needs no id of the pool.
    async fn change(&self, operation: Operation, request: Value) -> Result<Value> {
        let mut request: Map<String, Value> = serde_json::from_value(request)?;
        request.insert("UserPoolId".to_owned(), json!(self.id));
        let write = ConfigurationWrite::new(operation, request).context("not a write of a configuration")?;
        let answer = self.pool.write_configuration(&write).await;
        answer.map(|answer| answer.into_json()).map_err(|error| anyhow::anyhow!("{operation:?}: {error:?}"))
    }

    async fn client(&self, request: Value) -> Result<String> {
        let created = self.change(Operation::CreateUserPoolClient, request).await?;
        Ok(created["UserPoolClient"]["ClientId"].as_str().context("no id")?.to_owned())
    }

    async fn add_objects(&mut self) -> Result<()> {
        let tier = json!({
            "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"},
            "UserPoolTags": {"team": "login"}, "AutoVerifiedAttributes": ["email", "phone_number"],
        });
        self.change(Operation::UpdateUserPool, tier).await?;
        self.change(Operation::SetUserPoolMfaConfig, mfa(true)).await?;
        // More attributes than a new pool can have: the rest takes another call.
        for some in [0..22, 22..44] {
            let attribute =
                |n| json!({"Name": format!("a{n}"), "AttributeDataType": "String", "Mutable": true});
            let attributes: Vec<_> = some.map(attribute).collect();
            self.change(Operation::AddCustomAttributes, json!({"CustomAttributes": attributes})).await?;
        }
        for identifier in ["https://api.example.com", "orders"] {
            self.change(Operation::CreateResourceServer, server(identifier, "server")).await?;
        }
        self.change(
            Operation::CreateIdentityProvider,
            google("openid email", "planted0secret0of0a0provider"),
        )
        .await?;
        self.change(Operation::CreateIdentityProvider, oidc("planted0large")).await?;
        self.web = self
            .client(json!({
                "ClientName": "web", "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid", "https://api.example.com/read"], "SupportedIdentityProviders": ["COGNITO", "Google"],
                "CallbackURLs": ["https://a.example.com"],
            }))
            .await?;
        self.client(json!({"ClientName": "machine", "GenerateSecret": true})).await?;
        self.mobile = self.client(json!({"ClientName": "mobile"})).await?;
        self.change(Operation::CreateUserPoolDomain, domain(2)).await?;
        self.change(Operation::SetUICustomization, json!({"CSS": ".label-customizable {color: red;}"}))
            .await?;
        let made = self.change(Operation::CreateManagedLoginBranding, self.branding(8)).await?;
        self.branding = made["ManagedLoginBranding"]["ManagedLoginBrandingId"].clone();
        // One request has at most 2 MB of assets.
        let more =
            json!({"ManagedLoginBrandingId": self.branding, "Assets": [asset("DARK"), asset("DYNAMIC")]});
        self.change(Operation::UpdateManagedLoginBranding, more).await?;
        self.change(Operation::SetRiskConfiguration, blocked("192.0.2.0/24")).await?;
        self.change(Operation::SetLogDeliveryConfiguration, logs("cognito")).await?;
        let made = self.change(Operation::CreateTerms, self.terms("https://example.com/terms")).await?;
        self.terms = made["Terms"]["TermsId"].clone();
        let made =
            self.change(Operation::CreateCIMDPolicy, self.policy("https://agent.example.com/*")).await?;
        self.policy = made["CIMDPolicy"]["CIMDPolicyId"].clone();
        self.change(Operation::SetUserPoolSessionConfiguration, tracking(5)).await?;
        self.change(Operation::SetUserPoolClientSessionConfiguration, self.session(10)).await?;
        Ok(())
    }

    /// Changes every object, and creates and deletes none.
    pub async fn drift(&self) -> Result<()> {
        let tags = json!({
            "UserPoolTags": {"team": "other"}, "UserPoolTier": "PLUS",
            "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "AutoVerifiedAttributes": ["email"],
        });
        self.change(Operation::UpdateUserPool, tags).await?;
        self.change(Operation::SetUserPoolMfaConfig, mfa(false)).await?;
        self.change(Operation::UpdateResourceServer, server("orders", "other")).await?;
        let mut provider = google("openid", "planted0second0secret");
        provider.as_object_mut().context("an object")?.remove("ProviderType");
        self.change(Operation::UpdateIdentityProvider, provider).await?;
        let mut provider = oidc("planted0other");
        provider.as_object_mut().context("an object")?.remove("ProviderType");
        self.change(Operation::UpdateIdentityProvider, provider).await?;
        let client = json!({"ClientId": self.mobile, "RefreshTokenValidity": 7});
        self.change(Operation::UpdateUserPoolClient, client).await?;
        self.change(Operation::UpdateUserPoolDomain, domain(1)).await?;
        self.change(Operation::SetUICustomization, json!({"CSS": ".label-customizable {color: blue;}"}))
            .await?;
        let update =
            json!({"ManagedLoginBrandingId": self.branding, "Settings": {"components": {"radius": 2}}});
        self.change(Operation::UpdateManagedLoginBranding, update).await?;
        self.change(Operation::SetRiskConfiguration, blocked("198.51.100.0/24")).await?;
        self.change(Operation::SetLogDeliveryConfiguration, logs("other")).await?;
        let mut terms = self.terms("https://example.com/other");
        terms["TermsId"] = self.terms.clone();
        terms.as_object_mut().context("an object")?.remove("ClientId");
        self.change(Operation::UpdateTerms, terms).await?;
        let mut policy = self.policy("https://other.example.com/*");
        policy["CIMDPolicyId"] = self.policy.clone();
        self.change(Operation::UpdateCIMDPolicy, policy).await?;
        self.change(Operation::SetUserPoolClientSessionConfiguration, self.session(20)).await?;
        self.change(Operation::SetUserPoolSessionConfiguration, tracking(7)).await?;
        Ok(())
    }

    /// Deletes an object of every kind that can be deleted.
    pub async fn lose(&self) -> Result<()> {
        let terms = json!({"TermsId": self.terms.clone()});
        self.change(Operation::DeleteTerms, terms).await?;
        let policy = json!({"CIMDPolicyId": self.policy.clone()});
        self.change(Operation::DeleteCIMDPolicy, policy).await?;
        self.change(Operation::DeleteManagedLoginBranding, json!({"ManagedLoginBrandingId": self.branding}))
            .await?;
        self.change(Operation::DeleteUserPoolDomain, json!({"Domain": DOMAIN})).await?;
        self.change(Operation::DeleteUserPoolClient, json!({"ClientId": self.mobile})).await?;
        self.change(Operation::DeleteIdentityProvider, json!({"ProviderName": "Corp"})).await?;
        self.change(Operation::DeleteResourceServer, json!({"Identifier": "orders"})).await?;
        Ok(())
    }

    fn branding(&self, radius: u32) -> Value {
        json!({
            "ClientId": self.web, "Settings": {"components": {"radius": radius}},
            "Assets": [asset("LIGHT")],
        })
    }

    fn terms(&self, link: &str) -> Value {
        json!({
            "ClientId": self.web, "TermsName": "terms-of-use", "TermsSource": "LINK", "Enforcement": "NONE",
            "Links": {"cognito:default": link},
        })
    }

    fn policy(&self, pattern: &str) -> Value {
        json!({"ClientId": self.web, "PolicyName": "agents", "URLPatterns": [pattern]})
    }

    fn session(&self, minutes: u32) -> Value {
        json!({"ClientId": self.web, "SSOSession": {"MaxValidityMinutes": minutes}})
    }
}

/// A picture of 720 KB.
fn asset(mode: &str) -> Value {
    let bytes = "iVBORw0K".repeat(120_000);
    json!({"Category": "PAGE_BACKGROUND", "ColorMode": mode, "Extension": "PNG", "Bytes": bytes})
}

fn mfa(is_on: bool) -> Value {
    if is_on {
        json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}})
    } else {
        json!({"MfaConfiguration": "OFF"})
    }
}

fn server(identifier: &str, name: &str) -> Value {
    json!({"Identifier": identifier, "Name": name, "Scopes": [{"ScopeName": "read", "ScopeDescription": "r"}]})
}

fn google(scopes: &str, secret: &str) -> Value {
    json!({
        "ProviderName": "Google", "ProviderType": "Google", "AttributeMapping": {"email": "email"},
        "ProviderDetails": {
            "client_id": "google", "client_secret": secret, "authorize_scopes": scopes,
        },
    })
}

/// A provider whose secret is too large for KMS, so that a data key encrypts it.
fn oidc(word: &str) -> Value {
    json!({
        "ProviderName": "Corp", "ProviderType": "OIDC", "AttributeMapping": {"email": "email"},
        "ProviderDetails": {
            "client_id": "corp", "client_secret": word.repeat(400), "authorize_scopes": "openid",
            "oidc_issuer": "https://id.example.com", "attributes_request_method": "GET",
        },
    })
}

fn domain(version: u32) -> Value {
    json!({"Domain": DOMAIN, "ManagedLoginVersion": version})
}

fn blocked(range: &str) -> Value {
    json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": [range]}})
}

fn logs(group: &str) -> Value {
    let arn = format!("arn:aws:logs:{REGION}:000000000000:log-group:{group}");
    json!({"LogConfigurations": [{
        "LogLevel": "ERROR", "EventSource": "userNotification", "CloudWatchLogsConfiguration": {"LogGroupArn": arn},
    }]})
}

fn tracking(sessions: u32) -> Value {
    json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": sessions}})
}
