//! Goal: app clients go back, name only what the pool has, and return under a new id only if the operator asks for it.
//!
//! Method: plans of two documents, without any call.

use serde_json::{Value, json};

use super::super::*;
use super::{done, everything, left, planned, pool, requests};

#[test]
fn a_name_that_the_pool_does_not_have_is_not_sent_and_is_listed() {
    let client = |providers: &[&str], days: u8| json!([{"ClientId": "1", "ClientName": "web", "SupportedIdentityProviders": providers, "RefreshTokenValidity": days}]);
    // The details of a provider of Apple lack its key.
    let apple = json!([{"ProviderName": "SignInWithApple", "ProviderType": "SignInWithApple", "ProviderDetails": {"client_id": "x"}}]);
    let wanted = json!({"userPool": pool(json!({})), "clients": client(&["COGNITO", "SignInWithApple"], 30), "identityProviders": apple});
    let live = json!({"userPool": pool(json!({})), "clients": client(&["COGNITO"], 7)});
    let plan = planned(wanted, live, &ApplyChoices::default());
    assert_eq!(done(&plan), ["clients/web RefreshTokenValidity"]);
    assert_eq!(requests(&plan)[0].1["SupportedIdentityProviders"], json!(["COGNITO"]));
    let expected = [
        ("clients/web SupportedIdentityProviders".to_owned(), ApplyReason::NamesMissing),
        ("identityProviders/SignInWithApple -".to_owned(), ApplyReason::SecretMissing),
    ];
    assert_eq!(left(&plan), expected);
}

#[test]
fn a_deleted_client_returns_only_if_asked_for_and_if_its_name_tells_it_from_others() {
    let web = |id: &str| json!({"ClientId": id, "ClientName": "web"});
    let terms = json!([{"ClientId": "1", "TermsName": "terms-of-use", "TermsId": "t", "Links": {"cognito:default": "https://example.com"}}]);
    let wanted = json!({"userPool": pool(json!({})), "clients": [web("1")], "terms": terms});
    let live = json!({"userPool": pool(json!({}))});
    let plan = planned(wanted.clone(), live.clone(), &ApplyChoices::default());
    assert_eq!(
        left(&plan),
        [
            ("clients/web -".to_owned(), ApplyReason::NeedsRecreateClients),
            ("terms/web/terms-of-use -".to_owned(), ApplyReason::NamesMissing)
        ]
    );
    let plan = planned(wanted.clone(), live, &everything());
    assert_eq!(
        (done(&plan), left(&plan)),
        (vec!["clients/web -".to_owned(), "terms/web/terms-of-use -".to_owned()], vec![])
    );
    // The next plan finds the new client by its name.
    let now = json!({"userPool": pool(json!({})), "clients": [web("2")], "terms": []});
    let plan = planned(wanted.clone(), now, &everything());
    assert_eq!(done(&plan), ["terms/web/terms-of-use -"]);
    assert_eq!(requests(&plan)[0].1["ClientId"], "2");
    assert_eq!(left(&plan), [("clients/web ClientId".to_owned(), ApplyReason::CannotChange)]);
    let twin = json!({"userPool": pool(json!({})), "clients": [web("1"), web("3")]});
    let plan = planned(twin, json!({"userPool": pool(json!({})), "clients": [web("3")]}), &everything());
    assert_eq!(left(&plan).first().map(|(_, reason)| *reason), Some(ApplyReason::AmbiguousName));
    assert_eq!(done(&plan), Vec::<String>::new());
}

#[test]
fn a_client_whose_scope_is_gone_keeps_its_flows_and_the_plan_shows_each_scope_that_goes() {
    let client = |scopes: Value, validity: i64| {
        json!({
            "ClientId": "1", "ClientName": "m2m", "AllowedOAuthFlows": ["client_credentials"],
            "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": scopes,
            "AccessTokenValidity": validity,
        })
    };
    let choices = ApplyChoices { only: vec!["clients/m2m".parse().unwrap()], ..ApplyChoices::default() };
    let plan_of = |scopes: Value, live: i64| {
        let server = json!({"Identifier": "api", "Name": "api", "Scopes": [{"ScopeName": "read", "ScopeDescription": "d"}]});
        let wanted = json!({
            "userPool": pool(json!({})), "resourceServers": [server],
            "clients": [client(scopes.clone(), 60)],
        });
        let live = json!({"userPool": pool(json!({})), "clients": [client(scopes, live)]});
        planned(wanted, live, &choices)
    };
    let plan = plan_of(json!(["api/read"]), 5);
    assert_eq!(done(&plan), Vec::<String>::new());
    assert_eq!(left(&plan), [("clients/m2m AccessTokenValidity".to_owned(), ApplyReason::NamesMissing)]);
    let plan = plan_of(json!(["api/read", "openid"]), 5);
    assert_eq!(done(&plan), ["clients/m2m AccessTokenValidity", "clients/m2m AllowedOAuthScopes"]);
    assert_eq!(requests(&plan)[0].1["AllowedOAuthScopes"], json!(["openid"]));
    // A scope that is gone is no change by itself.
    assert_eq!(done(&plan_of(json!(["api/read", "openid"]), 60)), Vec::<String>::new());
}
