//! Goal: a lost pool comes back with its configuration and its users, equal to the snapshot.
//!
//! Method: for five kinds of pools: fill the pool, export it, delete it, create it again with the command line, import,
//! verify, finish, and compare the configuration with the snapshot. Functions and operator reach Cognito through the
//! strict proxy.

use anyhow::{Context, Result, ensure};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::DeletionProtectionType;
use local::aws::{self, REGION};
use local::population::{self, FillProgress, SignIn};
use serde_json::{Map, Value, json};
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::{Operation, PoolId};
use shared::ports::pool::ConfigurablePool;
use shared_aws::cognito::CognitoPool;
use tests::World;
use tests::capturing::Capturing;
use tests::operator::Operator;

const USERS: usize = 12;
/// The account of the emulator.
const ACCOUNT: &str = "000000000000";
/// A secret that no text but Cognito's may hold.
const PLANTED: &str = "planted0secret0of0a0provider";

/// The local AWS with exports that capture the configuration, and an operator.
struct Fixture {
    world: World,
    operator: Operator,
    cognito: Client,
}

/// A pool before it is lost.
struct Lost<'a> {
    fixture: &'a Fixture,
    pool: CognitoPool,
    id: String,
}

impl Fixture {
    async fn new() -> Result<Self> {
        let Capturing { world, operator, cognito } = Capturing::new().await?;
        world.keep_secrets().await?;
        let operator = operator.with_variable("PROVIDER_SECRET", PLANTED);
        Ok(Self { world, operator, cognito })
    }

    /// Creates a pool with users of this sign-in option.
    async fn pool(&self, name: &str, sign_in: SignIn) -> Result<Lost<'_>> {
        let id = population::create_pool_for(&self.cognito, name, sign_in).await?;
        let population = population::generate(USERS, 7).with_sign_in(sign_in);
        population.fill(&self.cognito, &id, &FillProgress::default()).await?;
        let client = CognitoPool::client(&aws::config(&self.world.stack.strict.url(), REGION));
        let pool = CognitoPool::new(client, PoolId::parse(&id).map_err(|_| anyhow::anyhow!("{id}"))?);
        Ok(Lost { fixture: self, pool, id })
    }
}

impl Lost<'_> {
    /// Changes the configuration. `request` needs no id of the pool.
    async fn change(&self, operation: Operation, request: Value) -> Result<Value> {
        let mut request: Map<String, Value> = serde_json::from_value(request)?;
        request.insert("UserPoolId".to_owned(), json!(self.id));
        let write = ConfigurationWrite::new(operation, request).context("not a write of a configuration")?;
        let answer = self.pool.write_configuration(&write).await;
        answer.map(|answer| answer.into_json()).map_err(|error| anyhow::anyhow!("{operation:?}: {error:?}"))
    }

    /// Creates a client. Returns its id.
    async fn client(&self, request: Value) -> Result<String> {
        let created = self.change(Operation::CreateUserPoolClient, request).await?;
        Ok(created["UserPoolClient"]["ClientId"].as_str().context("no id")?.to_owned())
    }

    /// Exports the pool, deletes it, brings it back, and returns the answer of the creation.
    async fn comes_back(&self, name: &str, map: &str) -> Result<Value> {
        let Fixture { world, operator, cognito } = self.fixture;
        let id = &self.id;
        let report = world.take_snapshot(id).await?;
        ensure!(report["configuration"]["attentionCount"] == 0, "{report}");
        let described = cognito.describe_user_pool().user_pool_id(id).send().await?;
        let described = described.user_pool.context("no pool")?;
        if let Some(domain) = described.domain() {
            cognito.delete_user_pool_domain().user_pool_id(id).domain(domain).send().await?;
        }
        if described.deletion_protection() == Some(&DeletionProtectionType::Active) {
            self.change(Operation::UpdateUserPool, json!({"DeletionProtection": "INACTIVE"})).await?;
        }
        cognito.delete_user_pool().user_pool_id(id).send().await?;

        let folder = tempfile::tempdir()?;
        let file = folder.path().join("map.yaml");
        std::fs::write(&file, map)?;
        let create =
            format!("pool create --pool {id} --name {name} --map {} --tps 200 --yes", file.display());
        let created = operator.run_json(0, &create).await?;
        let new = created["userPoolId"].as_str().context("no id")?.to_owned();
        let again = operator.run_json(0, &create).await?;
        ensure!(again["userPoolId"] == new.as_str(), "{name}: a second creation made a twin: {again}");
        let seen = cognito.describe_user_pool().user_pool_id(&new).send().await?.user_pool.context("none")?;
        ensure!(seen.lambda_config().is_none_or(|set| set.pre_sign_up().is_none()), "{name}: {seen:?}");

        let restored = world.restore(id, &new).await?.success()?;
        ensure!(restored["users"]["created"] == USERS, "{name}: {restored}");
        let verify = format!("verify --pool {id} --against {new} --tps 200");
        let verified = operator.run_json(0, &verify).await?;
        operator.run_json(0, &format!("pool finish --pool {new} --yes")).await?;

        let same = operator.run_json(0, &format!("pool diff --pool {id} --against {new} --tps 200")).await?;
        ensure!(same["same"] == true, "{name}: {same}");
        let outputs = [report, created.clone(), again, restored, verified, same];
        let table = format!("{:?}", world.items().await?);
        for text in outputs.iter().map(Value::to_string).chain([table]) {
            ensure!(!text.contains(PLANTED), "{name}: a secret is shown or stored");
        }
        // The new pool has a snapshot of its own, which equals that of the old one.
        let report = world.take_snapshot(&new).await?;
        let snapshot = report["snapshotId"].as_str().context("no snapshot")?;
        let compare = format!("pool diff --pool {id} --against {snapshot}");
        let captured = operator.run_json(0, &compare).await?;
        ensure!(captured["same"] == true, "{name}: {captured}");
        Ok(created)
    }
}

fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_pool_comes_back() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool("plain", SignIn::Username).await?;
    pool.client(json!({"ClientName": "app"})).await?;
    pool.comes_back("plain", "{}").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_email_sign_in_factors_and_messages_comes_back() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool("mail", SignIn::Email).await?;
    let sender = arn("ses", "identity/example.com");
    pool.change(
        Operation::UpdateUserPool,
        json!({
            "AutoVerifiedAttributes": ["email"],
            "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": sender, "From": "a@example.com"},
            "AccountRecoverySetting": {"RecoveryMechanisms": [
                {"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2},
            ]},
            "VerificationMessageTemplate": {"EmailMessage": "Your code is {####}", "EmailSubject": "Code"},
            "AdminCreateUserConfig": {
                "AllowAdminCreateUserOnly": true,
                "InviteMessageTemplate": {
                    "EmailMessage": "{username} {####}", "EmailSubject": "Welcome", "SMSMessage": "{username} {####}",
                },
            },
            "Policies": {
                "PasswordPolicy": {"MinimumLength": 12, "RequireNumbers": true, "TemporaryPasswordValidityDays": 3},
            },
        }),
    )
    .await?;
    pool.change(
        Operation::SetUserPoolMfaConfig,
        json!({
            "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true},
            "EmailMfaConfiguration": {"Message": "Your code is {####}", "Subject": "Code"},
        }),
    )
    .await?;
    pool.client(json!({"ClientName": "app", "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]}))
        .await?;
    pool.comes_back("mail", "{}").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_aliases_triggers_devices_and_tags_comes_back() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool("aliases", SignIn::Alias).await?;
    let function = arn("lambda", "function:trigger");
    pool.change(
        Operation::UpdateUserPool,
        json!({
            "LambdaConfig": {"PreSignUp": function, "PostConfirmation": function},
            "DeletionProtection": "ACTIVE",
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false},
            "UserPoolTags": {"team": "login", "stage": "production"},
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
            "AutoVerifiedAttributes": ["email"],
        }),
    )
    .await?;
    pool.client(json!({"ClientName": "app", "AccessTokenValidity": 30, "TokenValidityUnits": {"AccessToken": "minutes"}}))
        .await?;
    pool.comes_back("aliases", "{}").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_creates_the_pool_imports_and_finishes() -> Result<()> {
    let fixture = Fixture::new().await?;
    let Fixture { world, operator, cognito } = &fixture;
    let pool = fixture.pool("shop", SignIn::Email).await?;
    let function = arn("lambda", "function:trigger");
    pool.change(Operation::UpdateUserPool, json!({"LambdaConfig": {"PostConfirmation": function}})).await?;
    pool.client(json!({"ClientName": "app"})).await?;
    let id = &pool.id;
    world.take_snapshot(id).await?;
    cognito.delete_user_pool().user_pool_id(id).send().await?;

    let import = format!("import --pool {id} --into new:shop --tps 200 --yes");
    let done = operator.run_json(0, &import).await?;
    let new = done["creation"]["userPoolId"].as_str().context("no id")?;
    assert_eq!(done["import"]["users"]["created"], USERS, "{done}");
    assert!(done["finish"].is_object(), "{done}");
    operator.run_json(0, &format!("verify --pool {id} --against {new} --tps 200")).await?;
    operator.run_json(0, &format!("pool diff --pool {id} --against {new} --tps 200")).await?;
    let seen = cognito.describe_user_pool().user_pool_id(new).send().await?.user_pool.context("no pool")?;
    assert_eq!(seen.lambda_config().and_then(|set| set.post_confirmation()), Some(function.as_str()));
    // A finished pool stays as it is.
    let again = operator.run_json(0, &import).await?;
    assert!(again["creation"].is_null(), "{again}");
    Ok(())
}

/// Gives a pool a hosted login with everything that belongs to it. Cognito generates the secret of the client `machine`,
/// and shows it no more after the creation with it in the new pool.
async fn add_hosted_login(pool: &Lost<'_>) -> Result<()> {
    pool.change(
        Operation::UpdateUserPool,
        json!({"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}}),
    )
    .await?;
    for (identifier, scopes) in
        [("https://api.example.com", ["read", "write"]), ("orders", ["list", "cancel"])]
    {
        let scopes = scopes.map(|scope| json!({"ScopeName": scope, "ScopeDescription": scope}));
        let server = json!({"Identifier": identifier, "Name": "server", "Scopes": scopes});
        pool.change(Operation::CreateResourceServer, server).await?;
    }
    let google = json!({"client_id": "google", "client_secret": PLANTED, "authorize_scopes": "openid email"});
    let oidc = json!({
        "client_id": "corp", "client_secret": PLANTED, "authorize_scopes": "openid",
        "oidc_issuer": "https://id.example.com", "attributes_request_method": "GET",
    });
    let saml = json!({"MetadataURL": "https://idp.example.com/metadata.xml", "IDPSignout": "true"});
    for (name, kind, details) in
        [("Google", "Google", google), ("Corp", "OIDC", oidc), ("Partner", "SAML", saml)]
    {
        let provider = json!({
            "ProviderName": name, "ProviderType": kind, "ProviderDetails": details,
            "AttributeMapping": {"email": "email"},
        });
        pool.change(Operation::CreateIdentityProvider, provider).await?;
    }
    let web = json!({
        "ClientName": "web", "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "orders/list"], "DefaultRedirectURI": "https://a.example.com",
        "SupportedIdentityProviders": ["COGNITO", "Google", "Corp", "Partner"],
        "CallbackURLs": ["https://b.example.com", "https://a.example.com"],
    });
    let web = pool.client(web).await?;
    pool.client(json!({
        "ClientName": "machine", "GenerateSecret": true, "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["https://api.example.com/read"],
    }))
    .await?;
    pool.client(json!({"ClientName": "mobile"})).await?;
    pool.change(
        Operation::CreateUserPoolDomain,
        json!({"Domain": "login-of-a-lost-pool", "ManagedLoginVersion": 2}),
    )
    .await?;
    let style = json!({"CSS": ".label-customizable {color: red;}"});
    pool.change(Operation::SetUICustomization, style).await?;
    let branding = json!({
        "ClientId": web, "Settings": {"components": {"radius": 8}},
        "Assets": [{"Category": "FAVICON_ICO", "ColorMode": "LIGHT", "Extension": "ICO", "Bytes": "AAABAA=="}],
    });
    pool.change(Operation::CreateManagedLoginBranding, branding).await?;
    let blocked = json!({"BlockedIPRangeList": ["192.0.2.0/24"]});
    pool.change(Operation::SetRiskConfiguration, json!({"RiskExceptionConfiguration": blocked.clone()}))
        .await?;
    let compromised = json!({"Actions": {"EventAction": "BLOCK"}});
    pool.change(
        Operation::SetRiskConfiguration,
        json!({"ClientId": web, "CompromisedCredentialsRiskConfiguration": compromised}),
    )
    .await?;
    let group = arn("logs", "log-group:cognito");
    let logs = json!([{
        "LogLevel": "ERROR", "EventSource": "userNotification",
        "CloudWatchLogsConfiguration": {"LogGroupArn": group},
    }]);
    pool.change(Operation::SetLogDeliveryConfiguration, json!({"LogConfigurations": logs})).await?;
    for name in ["terms-of-use", "privacy-policy"] {
        let links = json!({"cognito:default": format!("https://example.com/{name}")});
        let terms = json!({
            "ClientId": web, "TermsName": name, "TermsSource": "LINK", "Enforcement": "NONE", "Links": links,
        });
        pool.change(Operation::CreateTerms, terms).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_a_hosted_login_comes_back() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool("hosted", SignIn::Username).await?;
    add_hosted_login(&pool).await?;
    let map = "
        domains: {login-of-a-lost-pool: login-of-a-lost-pool}
        secrets:
          identityProviders/Google: {env: PROVIDER_SECRET}
    ";
    let created = pool.comes_back("hosted", map).await?;
    assert_eq!(created["clients"].as_object().map(Map::len), Some(3), "{created}");
    assert!(!created["left"].to_string().contains("ecret"), "the secrets come from the snapshot: {created}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_50_custom_attributes_and_100_clients_comes_back() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool("wide", SignIn::Username).await?;
    // The pool has six custom attributes for its users.
    for some in [0..22, 22..44] {
        let attribute = |n| json!({"Name": format!("a{n}"), "AttributeDataType": "String", "Mutable": true});
        let attributes: Vec<_> = some.map(attribute).collect();
        pool.change(Operation::AddCustomAttributes, json!({"CustomAttributes": attributes})).await?;
    }
    for n in 0..100 {
        pool.client(json!({"ClientName": format!("client-{n}"), "RefreshTokenValidity": n % 9 + 1})).await?;
    }
    let created = pool.comes_back("wide", "{}").await?;
    assert_eq!(created["clients"].as_object().map(Map::len), Some(100));
    Ok(())
}
