//! What Cognito refuses in an app client. Source, unless a rule names another: CreateUserPoolClient, API
//! reference.

use serde_json::Value;

use crate::json::{Object, get, has, is_empty_list, texts};
use crate::pool::{self, Pool};
use crate::refusal::ConfigurationRefusal;
use crate::request::Request;
use crate::resource_server;
use crate::settings::ConfigurationSettings;

type Checked = Result<(), ConfigurationRefusal>;

const STANDARD_SCOPES: [&str; 5] = ["phone", "email", "openid", "profile", "aws.cognito.signin.user.admin"];
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// What a client is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub has_secret: bool,
    /// Whether it registered itself.
    pub is_dynamic: bool,
}

/// Checks a client after a request.
pub(super) fn check(
    pool: &Pool,
    client: &Object,
    kind: Kind,
    request: &Request<'_>,
    settings: &ConfigurationSettings,
) -> Checked {
    check_attributes(pool, client)?;
    check_flows(pool, client, settings)?;
    check_providers(pool, client, request.now - settings.provider_known_after)?;
    check_oauth(client, kind, settings)?;
    check_scopes(pool, client, kind)?;
    check_validity(client, request)?;
    if !kind.has_secret {
        for name in ["EnablePropagateAdditionalUserContextData", "PublishSecretsInAWSSecretsManager"] {
            if get(client, name) == true {
                return Err(ConfigurationRefusal::invalid(format!("{name} needs a client secret")));
            }
        }
    }
    if client.contains_key("AnalyticsConfiguration") && !settings.accepts_analytics {
        return Err(ConfigurationRefusal::invalid("Amazon Pinpoint analytics is no longer available"));
    }
    Ok(())
}

fn check_attributes(pool: &Pool, client: &Object) -> Checked {
    for (name, use_of) in [("ReadAttributes", "read"), ("WriteAttributes", "write")] {
        let attributes = get(client, name);
        let is_known =
            texts(attributes).into_iter().all(|attribute| pool::has_attribute(&pool.schema, attribute));
        let mut required = pool.schema.iter().filter(|attribute| pool::is_required(attribute));
        let lacks_required = use_of == "write"
            && !attributes.is_null()
            && required.any(|attribute| !has(attributes, crate::json::text(attribute, "Name")));
        if !is_known || lacks_required {
            let message = format!("Invalid {use_of} attributes specified while creating a client");
            return Err(ConfigurationRefusal::invalid(message));
        }
    }
    Ok(())
}

fn check_flows(pool: &Pool, client: &Object, settings: &ConfigurationSettings) -> Checked {
    let flows = texts(get(client, "ExplicitAuthFlows"));
    let (newer, older): (Vec<&str>, Vec<&str>) = flows.iter().partition(|flow| flow.starts_with("ALLOW_"));
    if !newer.is_empty() && !older.is_empty() {
        let message = "Cannot specify legacy ExplicitAuthFlows together with those that begin with ALLOW_";
        return Err(ConfigurationRefusal::invalid(message));
    }
    if flows.contains(&"ALLOW_USER_AUTH") {
        pool.require_tier("ESSENTIALS", "Choice Based Sign-in")?;
    }
    let rotates = get(client, "RefreshTokenRotation")["Feature"] == "ENABLED";
    if rotates && flows.contains(&"ALLOW_REFRESH_TOKEN_AUTH") && !settings.accepts_refresh_flow_with_rotation
    {
        let message = "ALLOW_REFRESH_TOKEN_AUTH cannot be used with refresh token rotation";
        return Err(ConfigurationRefusal::invalid(message));
    }
    Ok(())
}

/// Checks that the providers exist since `then`, in seconds since 1970. Source of the text: aws-cdk #15850.
fn check_providers(pool: &Pool, client: &Object, then: f64) -> Checked {
    let is_known =
        |name: &str| pool.providers.iter().any(|provider| provider.name == name && provider.created <= then);
    let exists = |name: &str| name == "COGNITO" || is_known(name);
    match texts(get(client, "SupportedIdentityProviders")).into_iter().find(|name| !exists(name)) {
        Some(name) => Err(ConfigurationRefusal::invalid(format!(
            "The provider {name} does not exist for User Pool {}.",
            pool.id
        ))),
        None => Ok(()),
    }
}

fn check_oauth(client: &Object, kind: Kind, settings: &ConfigurationSettings) -> Checked {
    let is_set = |name: &str| !get(client, name).is_null() && !is_empty_list(get(client, name));
    let is_allowed = get(client, "AllowedOAuthFlowsUserPoolClient") == true;
    let (flows, scopes) = (texts(get(client, "AllowedOAuthFlows")), is_set("AllowedOAuthScopes"));
    if is_allowed && (flows.is_empty() || !scopes) {
        return Err(invalid_flow(
            "AllowedOAuthFlows and AllowedOAuthScopes are required \
             if user pool client is allowed to use OAuth flows.",
        ));
    }
    let members = ["AllowedOAuthFlows", "AllowedOAuthScopes", "CallbackURLs", "LogoutURLs"];
    if settings.needs_oauth_switch
        && !is_allowed
        && let Some(name) = members.into_iter().find(|name| is_set(name))
    {
        return Err(ConfigurationRefusal::invalid(format!("{name} needs AllowedOAuthFlowsUserPoolClient")));
    }
    if flows.contains(&"client_credentials") {
        if flows.len() > 1 {
            return Err(invalid_flow(
                "client_credentials flow can not be selected along with code flow or implicit flow.",
            ));
        }
        if !kind.has_secret {
            return Err(invalid_flow(
                "client_credentials flow can not be selected if client does not have a client secret.",
            ));
        }
    }
    let redirect = get(client, "DefaultRedirectURI");
    if redirect.as_str().is_some_and(|uri| !has(get(client, "CallbackURLs"), uri)) {
        return Err(ConfigurationRefusal::invalid("DefaultRedirectURI must be in the CallbackURLs list"));
    }
    Ok(())
}

fn invalid_flow(message: &str) -> ConfigurationRefusal {
    ConfigurationRefusal::new("InvalidOAuthFlowException", message)
}

/// Source of the error: aws-cdk #10676.
fn check_scopes(pool: &Pool, client: &Object, kind: Kind) -> Checked {
    let refused = |scope: &str| {
        let is_for_registration = scope == resource_server::REGISTER_SCOPE && kind.is_dynamic;
        let exists = STANDARD_SCOPES.contains(&scope) || resource_server::has_scope(pool, scope);
        !exists || is_for_registration
    };
    match texts(get(client, "AllowedOAuthScopes")).into_iter().find(|scope| refused(scope)) {
        Some(scope) => {
            let message = format!("Invalid scope requested: {scope}");
            Err(ConfigurationRefusal::new("ScopeDoesNotExistException", message))
        }
        None => Ok(()),
    }
}

/// Checks how long tokens live. Access and ID tokens live 5 minutes to 1 day, refresh tokens 1 hour to 10
/// years.
fn check_validity(client: &Object, request: &Request<'_>) -> Checked {
    let tokens = [
        ("AccessTokenValidity", "AccessToken", HOUR, 5 * MINUTE, DAY),
        ("IdTokenValidity", "IdToken", HOUR, 5 * MINUTE, DAY),
        ("RefreshTokenValidity", "RefreshToken", DAY, HOUR, 3_650 * DAY),
    ];
    for (name, token, default_unit, min, max) in tokens {
        let unit = match get(client, "TokenValidityUnits")[token].as_str() {
            Some("seconds") => 1,
            Some("minutes") => MINUTE,
            Some("hours") => HOUR,
            Some("days") => DAY,
            _ => default_unit,
        };
        // 0 and an omitted value are the default, in every unit.
        let sent = request.member(name).and_then(Value::as_i64).filter(|validity| *validity != 0);
        if sent.is_some_and(|validity| !(min..=max).contains(&validity.saturating_mul(unit))) {
            return Err(ConfigurationRefusal::invalid(format!("Invalid range for token validity: {name}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Fixture;

    const CREATE: &str = "CreateUserPoolClient";

    fn with(members: Value) -> Value {
        let mut client = crate::json::object(&json!({"ClientName": "a"}));
        client.extend(crate::json::object(&members));
        Value::Object(client)
    }

    fn oauth(flows: &[&str], scopes: &[&str]) -> Value {
        with(json!({
            "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": flows, "AllowedOAuthScopes": scopes,
        }))
    }

    #[test]
    fn attributes_must_exist_and_required_ones_must_be_writable() {
        let mut fixture =
            Fixture::with(json!({"Schema": [{"Name": "email", "Required": true}, {"Name": "x"}]}));
        fixture.call(
            CREATE,
            with(json!({"ReadAttributes": ["custom:x"], "WriteAttributes": ["email", "custom:x"]})),
        );
        assert!(
            fixture
                .refused(CREATE, with(json!({"ReadAttributes": ["custom:y"]})))
                .message
                .contains("Invalid read")
        );
        assert!(
            fixture
                .refused(CREATE, with(json!({"WriteAttributes": ["name"]})))
                .message
                .contains("Invalid write")
        );
    }

    #[test]
    fn older_and_newer_flows_cannot_be_mixed() {
        let mut fixture = Fixture::new();
        fixture.call(CREATE, with(json!({"ExplicitAuthFlows": ["ADMIN_NO_SRP_AUTH", "USER_PASSWORD_AUTH"]})));
        fixture.refused(
            CREATE,
            with(json!({"ExplicitAuthFlows": ["ADMIN_NO_SRP_AUTH", "ALLOW_USER_SRP_AUTH"]})),
        );
    }

    #[test]
    fn choice_based_sign_in_needs_essentials() {
        let mut fixture = Fixture::with(json!({"UserPoolTier": "LITE"}));
        let refusal = fixture.refused(CREATE, with(json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH"]})));
        assert_eq!(refusal.code, "FeatureUnavailableInTierException");
    }

    #[test]
    fn a_setting_refuses_rotation_beside_the_refresh_flow() {
        let mut fixture = Fixture::new();
        let client = with(json!({"RefreshTokenRotation": {"Feature": "ENABLED"}}));
        fixture.call(CREATE, client.clone());
        fixture.settings().accepts_refresh_flow_with_rotation = false;
        fixture.refused(CREATE, client);
    }

    #[test]
    fn a_provider_must_exist() {
        let mut fixture = Fixture::new();
        let message = fixture.refused(CREATE, with(json!({"SupportedIdentityProviders": ["Corp"]}))).message;
        assert!(message.starts_with("The provider Corp does not exist for User Pool"), "{message}");
    }

    #[test]
    fn a_new_provider_may_be_unknown_for_some_time() {
        let mut fixture = Fixture::new();
        fixture.settings().provider_known_after = 10.0;
        let details = json!({"MetadataURL": "https://idp.example.com/metadata"});
        let provider = json!({"ProviderName": "Corp", "ProviderType": "SAML", "ProviderDetails": details});
        fixture.call("CreateIdentityProvider", provider);
        let client = with(json!({"SupportedIdentityProviders": ["Corp"]}));
        fixture.refused(CREATE, client.clone());
        fixture.now += 10.0;
        fixture.call(CREATE, client);
    }

    #[test]
    fn a_scope_must_exist() {
        let mut fixture = Fixture::new();
        let client = oauth(&["code"], &["openid", "api/read"]);
        assert_eq!(fixture.refused(CREATE, client.clone()).code, "ScopeDoesNotExistException");
        let scope = json!({"ScopeName": "read", "ScopeDescription": "text"});
        let server = json!({"Identifier": "api", "Name": "api", "Scopes": [scope]});
        fixture.call("CreateResourceServer", server);
        let id = fixture.client(client.clone());
        // The client keeps a scope that is gone. Its next update is refused (cloudformation-coverage-roadmap
        // #173).
        fixture.call("UpdateResourceServer", json!({"Identifier": "api", "Name": "api"}));
        let kept = fixture.call("DescribeUserPoolClient", json!({"ClientId": id}));
        assert_eq!(kept["UserPoolClient"]["AllowedOAuthScopes"], json!(["api/read", "openid"]));
        let mut update = client;
        update["ClientId"] = id.into();
        assert_eq!(fixture.refused("UpdateUserPoolClient", update).code, "ScopeDoesNotExistException");
    }

    #[test]
    fn client_credentials_need_a_secret_and_no_other_flow() {
        let mut fixture = Fixture::new();
        let scope = json!({"ScopeName": "read", "ScopeDescription": "text"});
        let server = json!({"Identifier": "api", "Name": "api", "Scopes": [scope]});
        fixture.call("CreateResourceServer", server);
        let mut client = oauth(&["client_credentials"], &["api/read"]);
        assert_eq!(fixture.refused(CREATE, client.clone()).code, "InvalidOAuthFlowException");
        client["GenerateSecret"] = true.into();
        fixture.call(CREATE, client.clone());
        client["AllowedOAuthFlows"] = json!(["client_credentials", "code"]);
        assert_eq!(fixture.refused(CREATE, client).code, "InvalidOAuthFlowException");
        assert_eq!(fixture.refused(CREATE, oauth(&[], &["openid"])).code, "InvalidOAuthFlowException");
    }

    #[test]
    fn oauth_members_need_the_switch() {
        let mut fixture = Fixture::new();
        let client = with(json!({"CallbackURLs": ["https://a"]}));
        fixture.refused(CREATE, client.clone());
        fixture.settings().needs_oauth_switch = false;
        fixture.call(CREATE, client);
    }

    #[test]
    fn the_default_redirect_must_be_a_callback() {
        let mut fixture = Fixture::new();
        fixture.refused(CREATE, with(json!({"DefaultRedirectURI": "https://a"})));
    }

    #[test]
    fn the_validity_of_tokens_depends_on_units() {
        let mut fixture = Fixture::new();
        let minutes = |validity: u64| {
            with(json!({"AccessTokenValidity": validity, "TokenValidityUnits": {"AccessToken": "minutes"}}))
        };
        fixture.call(CREATE, minutes(5));
        fixture.refused(CREATE, minutes(4));
        fixture.call(CREATE, with(json!({"AccessTokenValidity": 24})));
        fixture.refused(CREATE, with(json!({"AccessTokenValidity": 25})));
        fixture.refused(CREATE, with(json!({"RefreshTokenValidity": 3_651})));
    }

    #[test]
    fn some_members_need_a_secret() {
        let mut fixture = Fixture::new();
        let mut client = with(json!({"EnablePropagateAdditionalUserContextData": true}));
        fixture.refused(CREATE, client.clone());
        client["GenerateSecret"] = true.into();
        fixture.call(CREATE, client);
    }

    #[test]
    fn a_setting_refuses_analytics() {
        let mut fixture = Fixture::new();
        let client = with(json!({"AnalyticsConfiguration": {"ApplicationId": "0123abcd"}}));
        fixture.call(CREATE, client.clone());
        fixture.settings().accepts_analytics = false;
        fixture.refused(CREATE, client);
    }
}
