//! Plans of app clients: their secrets, the names in them, and their labels.

use serde_json::{Value, json};

use super::super::*;
use super::{ACCOUNT, Case, SECRET, encrypted, left_out, made, names};
use crate::model::configuration::NotCapturedReason;

#[test]
fn a_client_with_any_sign_of_a_secret_gets_one() {
    let client = |more: Value| {
        let mut client = json!({"ClientId": "1", "ClientName": "web"});
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("clients/1", client)
    };
    let plain = || Case::of(&[client(json!({}))]);
    let with = |more: Value| Case::of(&[client(more)]);
    let listed = |secrets: Value| {
        Case::of(&[client(json!({})), ("clientSecrets/1", json!({"ClientSecrets": secrets}))])
    };
    let arn = format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:x");
    for (sign, case) in [
        ("an ARN", with(json!({"ClientSecretArn": arn})).in_other_account()),
        (
            "a flow",
            with(json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"]})),
        ),
        ("a context", with(json!({"EnablePropagateAdditionalUserContextData": true}))),
        ("encrypted", plain().with_entry("clients/1", |entry| entry.secrets.push(encrypted("ClientSecret")))),
        ("left out", plain().with_entry("clients/1", |entry| entry.secrets_left_out = 1)),
        ("not encrypted", plain().lacking(&[("clients/1", "ClientSecret", NotCapturedReason::NotEncrypted)])),
        ("too large", plain().lacking(&[("clients/1", "ClientSecret", NotCapturedReason::TooLarge)])),
        ("listed", listed(json!([{"ClientSecretId": "1--1"}]))),
    ] {
        let plan = case.plan().unwrap();
        let secret = ("clients/web ClientSecret".to_owned(), LeftReason::SecretMissing);
        assert_eq!(made(&plan, "clients/1")["GenerateSecret"], true, "{sign}");
        assert!(left_out(&plan).contains(&secret), "{sign}");
        assert!(left_out(&plan).iter().all(|(name, _)| !name.contains("Arn")), "{sign}");
    }
    for public in [plain(), listed(json!([]))] {
        assert_eq!(made(&public.plan().unwrap(), "clients/1").get("GenerateSecret"), None);
    }
    // An export asks about a public client, too. So a question without an answer says nothing.
    let unanswered =
        plain().lacking(&[("clientSecrets/1", "", NotCapturedReason::Unavailable)]).plan().unwrap();
    assert_eq!(made(&unanswered, "clients/1").get("GenerateSecret"), None);
    let denied = plain().lacking(&[("clientSecrets", "", NotCapturedReason::AccessDenied)]);
    let supplied = denied.with_secrets(&[("clients/web", SECRET)]).plan().unwrap();
    assert_eq!(made(&supplied, "clients/1")["ClientSecret"], SECRET);
}

#[test]
fn a_client_does_not_name_what_the_new_pool_lacks() {
    let server = |more: Value| {
        let mut server = json!({"Identifier": "https://api", "Scopes": [{"ScopeName": "read"}]});
        server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        server
    };
    let scopes = json!(["openid", "https://api/read", "https://api/dead", "gone/x", "dcr/register"]);
    let web = json!({
        "ClientId": "1", "ClientName": "web", "AllowedOAuthFlows": ["code"], "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthScopes": scopes, "SupportedIdentityProviders": ["COGNITO", "Google", "Okta"],
        "AnalyticsConfiguration": {"ApplicationArn": format!("arn:aws:mobiletargeting:us-east-1:{ACCOUNT}:apps/1")},
    });
    let batch = json!({
        "ClientId": "2", "ClientName": "batch", "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": ["gone/x"],
    });
    let plain = json!({"ClientId": "3", "ClientName": "plain", "AllowedOAuthScopes": ["gone/x"]});
    let google = json!({"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": {}});
    let case = Case::of(&[
        ("clients/1", web),
        ("clients/2", batch),
        ("clients/3", plain),
        ("identityProviders/Google", google),
        ("resourceServers/https://api", server(json!({}))),
        (
            "resourceServers/dcr",
            json!({"Identifier": "dcr", "ManagedBy": "COGNITO", "Scopes": [{"ScopeName": "register"}]}),
        ),
    ]);
    let plan = case.plan().unwrap();
    let web = made(&plan, "clients/1");
    assert_eq!(web["AllowedOAuthScopes"], json!(["openid", "https://api/read", "dcr/register"]));
    assert_eq!(web["SupportedIdentityProviders"], json!(["COGNITO"]));
    assert_eq!(web["AllowedOAuthFlowsUserPoolClient"], true);
    assert_eq!(web.get("AnalyticsConfiguration"), None);
    let batch = made(&plan, "clients/2");
    assert_eq!(
        (&batch["AllowedOAuthFlows"], &batch["AllowedOAuthFlowsUserPoolClient"]),
        (&json!([]), &json!(false))
    );
    let expected = [
        ("clients/batch AllowedOAuthFlows", LeftReason::NamesLeftOut),
        ("clients/batch AllowedOAuthScopes[gone/x]", LeftReason::NamesMissing),
        ("clients/batch ClientSecret", LeftReason::SecretMissing),
        ("clients/plain AllowedOAuthScopes[gone/x]", LeftReason::NamesMissing),
        ("clients/web AllowedOAuthScopes[gone/x]", LeftReason::NamesMissing),
        ("clients/web AllowedOAuthScopes[https://api/dead]", LeftReason::NamesMissing),
        ("clients/web AnalyticsConfiguration", LeftReason::Ended),
        ("clients/web SupportedIdentityProviders[Google]", LeftReason::NamesLeftOut),
        ("clients/web SupportedIdentityProviders[Okta]", LeftReason::NamesMissing),
        ("identityProviders/Google", LeftReason::SecretMissing),
        ("resourceServers/dcr", LeftReason::MadeByItself),
    ];
    assert_eq!(left_out(&plan), names(&expected));
}

#[test]
fn clients_of_one_name_are_told_apart_by_their_ids() {
    let client = |id: &str, name: &str| {
        let flows = json!(["client_credentials"]);
        let document = json!({"ClientId": id, "ClientName": name, "AllowedOAuthFlows": flows});
        (format!("clients/{id}"), document)
    };
    // The last name means another client in a map.
    let clients = [client("1", "web"), client("2", "web"), client("3", "app"), client("4", "3")];
    let clients = clients.each_ref().map(|(name, document)| (name.as_str(), document.clone()));
    let plan = Case::of(&clients).plan().unwrap();
    let labels = ["clients/1", "clients/2", "clients/app", "clients/4"];
    assert_eq!(plan.steps.iter().skip(1).map(|step| step.label.as_str()).collect::<Vec<_>>(), labels);
    let secrets =
        ["clients/1", "clients/2", "clients/4", "clients/app"].map(|label| format!("{label} ClientSecret"));
    assert_eq!(left_out(&plan), secrets.map(|secret| (secret, LeftReason::SecretMissing)));
}
