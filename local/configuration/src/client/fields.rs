//! The members of an app client: their defaults, and what an update does with an omitted one.
//!
//! AWS documents that UpdateUserPoolClient resets every omitted member. Only the members below that are
//! `Reset` or `Kept` were seen to behave so.

use serde_json::{Value, json};

use crate::json::{Object, get, is_empty_list, object, sorted};
use crate::request::Request;
use crate::settings::ConfigurationSettings;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenOmitted {
    Kept,
    Reset,
    /// [`ConfigurationSettings::resets_undocumented`].
    Undocumented,
}
use WhenOmitted::{Kept, Reset, Undocumented};

type Field = (&'static str, WhenOmitted, fn() -> Value);

const FIELDS: [Field; 22] = [
    ("ClientName", Kept, || Value::Null),
    ("PublishSecretsInAWSSecretsManager", Kept, || Value::Null),
    ("RefreshTokenValidity", Undocumented, || json!(30)),
    ("AccessTokenValidity", Undocumented, || Value::Null),
    ("IdTokenValidity", Undocumented, || Value::Null),
    ("TokenValidityUnits", Undocumented, || json!({})),
    ("RefreshTokenRotation", Undocumented, || Value::Null),
    ("ReadAttributes", Undocumented, || Value::Null),
    ("WriteAttributes", Undocumented, || Value::Null),
    ("ExplicitAuthFlows", Undocumented, || {
        json!(["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"])
    }),
    // cloudformation-coverage-roadmap #676, amplify-cli #12079 and #6599.
    ("SupportedIdentityProviders", Reset, || Value::Null),
    ("CallbackURLs", Reset, || Value::Null),
    ("LogoutURLs", Reset, || Value::Null),
    ("DefaultRedirectURI", Undocumented, || Value::Null),
    ("AllowedOAuthFlows", Undocumented, || Value::Null),
    ("AllowedOAuthScopes", Undocumented, || Value::Null),
    ("AllowedOAuthFlowsUserPoolClient", Undocumented, || json!(false)),
    ("AnalyticsConfiguration", Undocumented, || Value::Null),
    ("PreventUserExistenceErrors", Undocumented, || Value::Null),
    ("EnableTokenRevocation", Undocumented, || json!(true)),
    ("EnablePropagateAdditionalUserContextData", Undocumented, || json!(false)),
    ("AuthSessionValidity", Undocumented, || json!(3)),
];

/// The client after a request. `before` is the client that an update changes.
pub(super) fn resolved(
    before: Option<&Object>,
    request: &Request<'_>,
    settings: &ConfigurationSettings,
) -> Object {
    let mut next = Object::new();
    for (name, when_omitted, default) in FIELDS {
        let keeps = when_omitted == Kept || when_omitted == Undocumented && !settings.resets_undocumented;
        let value = match (request.member(name), before) {
            (Some(sent), _) => normal(name, sent, default),
            (None, Some(before)) if keeps => get(before, name).clone(),
            _ => default(),
        };
        if !value.is_null() {
            next.insert(name.to_owned(), value);
        }
    }
    next
}

/// What Cognito keeps of a sent value. It sorts lists: measured (go-to-k/cdk-real-drift #875, #1093).
fn normal(name: &str, sent: &Value, default: fn() -> Value) -> Value {
    match (name, sent) {
        // 0 days are the default: CreateUserPoolClient, API reference.
        ("RefreshTokenValidity", sent) if *sent == 0 => default(),
        // An empty list is the default set and no way to forbid all attributes.
        (_, Value::Array(_)) if is_empty_list(sent) => default(),
        (_, Value::Array(_)) => sorted(sent),
        _ => sent.clone(),
    }
}

/// A client with a name only.
pub(super) fn defaults(name: &str) -> Object {
    adopted(&json!({"ClientName": name}))
}

/// The members of a client that another Cognito described.
pub(super) fn adopted(described: &Value) -> Object {
    let described = object(described);
    let members = FIELDS.into_iter().map(|(name, _, default)| {
        let shown = described.get(name).filter(|value| !value.is_null() && **value != "");
        (name.to_owned(), shown.map_or_else(default, |shown| normal(name, shown, default)))
    });
    members.filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn described(fixture: &mut Fixture, id: &str) -> Value {
        fixture.call("DescribeUserPoolClient", json!({"ClientId": id}))["UserPoolClient"].take()
    }

    fn full() -> Value {
        json!({
            "ClientName": "full", "RefreshTokenValidity": 10, "AccessTokenValidity": 2, "IdTokenValidity": 2,
            "TokenValidityUnits": {"AccessToken": "hours"}, "ReadAttributes": ["name", "email"],
            "WriteAttributes": ["name", "email"], "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
            "SupportedIdentityProviders": ["COGNITO"], "CallbackURLs": ["https://b", "https://a"],
            "LogoutURLs": ["https://c"], "DefaultRedirectURI": "https://a",
            "AllowedOAuthFlows": ["implicit", "code"],
            "AllowedOAuthScopes": ["openid", "email"], "AllowedOAuthFlowsUserPoolClient": true,
            "PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": false, "AuthSessionValidity": 5,
            "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
        })
    }

    #[test]
    fn a_bare_client_has_the_defaults_of_cognito() {
        let mut fixture = Fixture::new();
        let id = fixture.client(json!({"ClientName": "bare"}));
        let client = described(&mut fixture, &id);
        let expected = json!({
            "UserPoolId": fixture.pool, "ClientName": "bare", "ClientId": id, "CreationDate": 1_000.0,
            "LastModifiedDate": 1_000.0, "RefreshTokenValidity": 30, "TokenValidityUnits": {},
            "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
            "AllowedOAuthFlowsUserPoolClient": false, "EnableTokenRevocation": true, "AuthSessionValidity": 3,
            "EnablePropagateAdditionalUserContextData": false, "ClientType": "REGULAR",
        });
        assert_eq!(client, expected);
        fixture.settings().shows_legacy_existence_errors = true;
        assert_eq!(described(&mut fixture, &id)["PreventUserExistenceErrors"], "LEGACY");
    }

    #[test]
    fn lists_are_sorted_and_empty_ones_are_the_default() {
        let mut fixture = Fixture::new();
        let id = fixture.client(full());
        let client = described(&mut fixture, &id);
        assert_eq!(client["CallbackURLs"], json!(["https://a", "https://b"]));
        assert_eq!(client["AllowedOAuthFlows"], json!(["code", "implicit"]));
        assert_eq!(client["ReadAttributes"], json!(["email", "name"]));
        let id = fixture.client(json!({"ClientName": "a", "ReadAttributes": [], "RefreshTokenValidity": 0}));
        let client = described(&mut fixture, &id);
        assert!(client["ReadAttributes"].is_null());
        assert_eq!(client["RefreshTokenValidity"], 30);
    }

    #[test]
    fn an_update_always_resets_providers_and_urls_and_keeps_the_name() {
        for resets in [true, false] {
            let mut fixture = Fixture::new();
            fixture.settings().resets_undocumented = resets;
            let id = fixture.client(full());
            let before = described(&mut fixture, &id);
            let update = json!({
                "ClientId": id, "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid"], "CallbackURLs": ["https://a"],
            });
            fixture.call("UpdateUserPoolClient", update);
            let after = described(&mut fixture, &id);
            assert_eq!(after["ClientName"], "full");
            assert!(after["SupportedIdentityProviders"].is_null() && after["LogoutURLs"].is_null());
            for name in [
                "PreventUserExistenceErrors",
                "ReadAttributes",
                "AuthSessionValidity",
                "RefreshTokenRotation",
            ] {
                assert_eq!(after[name] == before[name], !resets, "{name}");
            }
        }
    }
}
