//! `pool show`.

use serde_json::json;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;

const SHOW: &str = "pool show --pool eu-west-1_a";

/// A snapshot of a pool with a client that has a secret.
async fn captured() -> Fixture {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let client = json!({"ClientName": "web", "GenerateSecret": true});
    pool.change_configuration("CreateUserPoolClient", client);
    export(&fixture, "captured").await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_captured_configuration_is_shown_in_cognitos_member_names() {
    let fixture = captured().await;
    let answer = fixture.run(SHOW).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    let json = answer.json;
    assert_eq!(json["userPool"]["Name"], "pool");
    let client = json["clients"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&client["ClientName"], client.get("ClientSecret")), (&json!("web"), None));
    assert_eq!(json["mfa"]["MfaConfiguration"], "OFF");
    assert_eq!(json["identityProviders"], json!({}));
    assert_eq!(json["secretsLeftOut"], 1);
    let web_acl = json!({"object": "webAcl", "reason": "notRead"});
    assert!(json["notCaptured"].as_array().unwrap().contains(&web_acl), "{json}");
    for words in [
        "\nuserPool\n",
        "\nNot captured\n",
        "webAcl: this version does not read it",
        "\n1 member was left out",
    ] {
        assert!(answer.human.contains(words), "{words}: {}", answer.human);
    }
}

#[tokio::test(start_paused = true)]
async fn standard_attributes_with_their_default_values_take_one_line() {
    let answer = captured().await.run(SHOW).await.0.unwrap();
    let attributes = answer.json["userPool"]["SchemaAttributes"].as_array().unwrap();
    assert!(attributes.len() > 15, "JSON has them all: {attributes:?}");
    let text = answer.human;
    let line = text
        .lines()
        .find(|line| line.contains("standard attributes have"))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("name") && line.contains("birthdate"), "{line}");
    assert_eq!(text.matches("\"birthdate\"").count(), 0, "{text}");
    assert!(text.contains("\"SchemaAttributes\": [],"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_captured_has_its_whole_name() {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let domain = json!({"Domain": "login"});
    pool.change_configuration("CreateUserPoolDomain", domain);
    let provider = json!({
        "ProviderName": "Acme (new)", "ProviderType": "OIDC",
        "ProviderDetails": {"client_id": "x", "attributes_request_method": "GET", "oidc_issuer": "https://idp.example.com", "authorize_scopes": "openid"},
    });
    pool.change_configuration("CreateIdentityProvider", provider);
    let refused = Some(PoolErrorKind::Refused);
    fixture.backend.script().poison(Operation::DescribeIdentityProvider, "Acme (new)", refused);
    export(&fixture, "captured").await;
    let answer = fixture.run(SHOW).await.0.unwrap();
    let names: Vec<_> =
        answer.json["notCaptured"].as_array().unwrap().iter().map(|named| &named["object"]).collect();
    assert!(names.contains(&&json!("identityProviders/Acme (new)")), "{names:?}");
    assert!(
        answer.human.contains("\n  identityProviders/Acme (new): Cognito refused the call"),
        "{}",
        answer.human
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_without_configuration_and_a_damaged_one_are_named_errors() {
    let (fixture, _, id) = exported(3).await;
    let problem = fixture.run(&format!("{SHOW} --snapshot {id}")).await.0.unwrap_err();
    assert_eq!(problem.error, "SnapshotNotFound");
    assert!(problem.message.contains("holds no configuration"), "{}", problem.message);

    let fixture = captured().await;
    let vault = fixture.backend.vault();
    let key = vault.items().into_keys().find(|key| key.sk.starts_with("REC#object#")).unwrap();
    vault.remove(&key);
    let problem = fixture.run(SHOW).await.0.unwrap_err();
    assert_eq!(problem.error, "SnapshotDamaged");
    assert!(problem.message.contains(&key.to_string()), "{}", problem.message);
}
