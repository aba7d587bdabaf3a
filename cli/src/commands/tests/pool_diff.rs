//! `pool diff`.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::model::{PoolDescription, RunId};
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryPool};

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;
use crate::testing;

const ACCOUNT: &str = "123456789012";
const DIFF: &str = "pool diff --pool eu-west-1_a";

/// A pool with a client that has a secret, and a snapshot of its configuration.
async fn captured() -> (Fixture, MemoryPool, RunId, String) {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let client = json!({
        "ClientName": "web", "GenerateSecret": true, "CallbackURLs": ["https://a.example.com"],
        "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": ["COGNITO"],
    });
    let created = pool.change_configuration("CreateUserPoolClient", client);
    let client = created["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
    let id = export(&fixture, "captured").await;
    (fixture, pool, id, client)
}

/// Changes the client and the pool, and adds a resource server.
fn change(pool: &MemoryPool, client: &str) {
    let request = json!({
        "ClientId": client, "ClientName": "web",
        "CallbackURLs": ["https://a.example.com", "https://b.example.com"], "RefreshTokenValidity": 7,
        "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": ["COGNITO"],
    });
    pool.change_configuration("UpdateUserPoolClient", request);
    pool.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "login"}}));
    let server = json!({"Identifier": "api", "Name": "api"});
    pool.change_configuration("CreateResourceServer", server);
}

fn fields(json: &Value) -> Vec<String> {
    let differences = json["differences"].as_array().unwrap();
    let name = |difference: &Value| {
        format!("{} {}", difference["object"].as_str().unwrap(), difference["field"].as_str().unwrap_or("-"))
    };
    differences.iter().map(name).collect()
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_pool_is_the_same_and_what_was_not_compared_is_named() {
    let (fixture, _, id, _) = captured().await;
    let before = fixture.backend.vault().items();
    let answer = fixture.run(DIFF).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    assert_eq!((&answer.json["same"], &answer.json["differences"]), (&json!(true), &json!([])));
    assert_eq!(answer.json["old"], json!({"userPoolId": "eu-west-1_a", "snapshotId": id}));
    assert_eq!(answer.json["new"], json!({"userPoolId": "eu-west-1_a", "snapshotId": null}));
    let not_compared = answer.json["notCompared"].to_string();
    for object in ["riskConfigurations", "clients/web"] {
        assert!(not_compared.contains(object), "{not_compared}");
    }
    assert_snapshot!(answer.human.replace(id.as_str(), "SNAPSHOT"));
    assert_eq!(fixture.backend.vault().items(), before, "the comparison wrote to the table");
}

#[tokio::test(start_paused = true)]
async fn a_changed_pool_differs_from_its_snapshot_by_object_and_member() {
    let (fixture, pool, id, client) = captured().await;
    change(&pool, &client);
    let answer = fixture.run(DIFF).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    assert_eq!(
        fields(&answer.json),
        [
            "userPool UserPoolTags.team",
            "clients/web CallbackURLs",
            "clients/web RefreshTokenValidity",
            "resourceServers/api -"
        ]
    );
    assert_snapshot!(answer.human.replace(id.as_str(), "SNAPSHOT"));
}

#[tokio::test(start_paused = true)]
async fn two_snapshots_are_compared_in_the_order_of_the_arguments_and_without_the_pool() {
    let (fixture, pool, first, client) = captured().await;
    change(&pool, &client);
    let second = export(&fixture, "second").await;
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::DescribeUserPool, denied);
    for against in [second.to_string(), "latest".to_owned()] {
        let line = format!("{DIFF} --snapshot {first} --against {against}");
        let answer = fixture.run(&line).await.0.unwrap();
        assert_eq!(answer.json["new"]["snapshotId"], json!(second));
        let differences = answer.json["differences"].as_array().unwrap();
        assert_eq!((differences.len(), &differences[3]["change"]), (4, &json!("added")), "{differences:?}");
    }
    let back = fixture.run(&format!("{DIFF} --against {first}")).await.0.unwrap();
    assert_eq!(back.json["differences"][3]["change"], "removed");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_not_compared_with_itself() {
    let (fixture, _, first, _) = captured().await;
    for line in [
        format!("{DIFF} --against latest"),
        format!("{DIFF} --against {first}"),
        format!("{DIFF} --snapshot {first} --against latest"),
        format!("{DIFF} --snapshot {first} --against {first}"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused), "{line}");
        assert!(problem.to_string().contains("leave out --against"), "{problem}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_is_an_error_and_the_waits_are_said() {
    let (fixture, ..) = captured().await;
    for (kind, code, error) in [
        (PoolErrorKind::AccessDenied, "ExpiredTokenException", "AccessDenied"),
        (PoolErrorKind::Throttled, "TooManyRequestsException", "Throttled"),
        (PoolErrorKind::Transient, "NoAnswer", "ServiceUnavailable"),
    ] {
        fixture.backend.script().always(Operation::ListTerms, Some(Fault::RefuseWith(kind, code)));
        let (answer, said) = fixture.run(DIFF).await;
        let problem = answer.unwrap_err();
        assert_eq!(problem.error, error, "{code}");
        assert_ne!(problem.status, ExitStatus::Done);
        let waits = said.matches("Cognito did not answer ListTerms. The command asks again in ").count();
        assert_eq!(waits, 2, "{said}");
    }
    fixture.backend.script().always(Operation::ListTerms, None);
    fixture.backend.script().set_latency(std::time::Duration::from_secs(4), std::time::Duration::ZERO);
    let (answer, said) = fixture.run(DIFF).await;
    answer.unwrap();
    assert!(said.contains("Still reading. So far: "), "{said}");
}

#[tokio::test(start_paused = true)]
async fn another_pool_is_compared_live_or_by_a_snapshot_id() {
    let (fixture, ..) = captured().await;
    let other = fixture.backend.create_pool(&testing::pool("b"), PoolDescription::with_defaults(&[]));
    other.change_configuration("CreateUserPoolClient", json!({"ClientName": "web", "GenerateSecret": true}));
    let answer = fixture.run(&format!("{DIFF} --against eu-west-1_b")).await.0.unwrap();
    assert_eq!(answer.json["new"]["userPoolId"], "eu-west-1_b");
    // The clients are one by their name, although their ids differ.
    let named = fields(&answer.json);
    assert!(named.iter().all(|name| !name.ends_with(" -") && !name.ends_with(" ClientId")), "{named:?}");
    assert!(named.contains(&"clients/web CallbackURLs".to_owned()), "{named:?}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_a_named_error_and_never_the_same() {
    let (fixture, _, id, _) = captured().await;
    let (plain, _, without) = exported(3).await;
    let unknown = "20261121T020000123Z-1a2b3c4d";
    for (fixture, line, error) in [
        (&plain, DIFF.to_owned(), "SnapshotNotFound"),
        (&fixture, format!("{DIFF} --snapshot {unknown}"), "SnapshotNotFound"),
        (&fixture, format!("{DIFF} --against {unknown}"), "SnapshotNotFound"),
        (&fixture, "pool diff --pool eu-west-1_b".to_owned(), "SnapshotNotFound"),
        (&fixture, format!("{DIFF} --against eu-west-1_c"), "PoolNotFound"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
    }
    let problem = plain.run(&format!("{DIFF} --snapshot {without}")).await.0.unwrap_err();
    assert!(problem.message.contains("holds no configuration"), "{problem}");
    for (kind, error) in [
        (PoolErrorKind::AccessDenied, "AccessDenied"),
        (PoolErrorKind::Throttled, "Throttled"),
        (PoolErrorKind::Transient, "ServiceUnavailable"),
    ] {
        fixture.backend.script().always(Operation::DescribeUserPool, Some(Fault::Refuse(kind)));
        let problem = fixture.run(&format!("{DIFF} --snapshot {id}")).await.0.unwrap_err();
        assert_eq!(problem.error, error, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_the_operator_may_not_read_is_not_compared_and_no_check_for_drift_passes() {
    let (fixture, pool, first, _) = captured().await;
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::ListUserPoolClients, denied);
    let answer = fixture.run(DIFF).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["same"]), (ExitStatus::Failed, &json!(true)));
    assert_eq!(answer.json["complete"], json!(false));
    let denied =
        json!({"object": "clients", "reason": "notCaptured", "side": "new", "detail": "accessDenied"});
    assert!(answer.json["notCompared"].as_array().unwrap().contains(&denied), "{}", answer.json);
    let words = "  clients: your permissions do not allow to read it (new)\n";
    assert!(answer.human.contains(words), "{}", answer.human);
    // The objects of clients need the list of clients.
    let words = "Not compared with the live pool: branding, clientSecrets, clients, ";
    assert!(answer.human.contains(words), "{}", answer.human);

    // Another difference has its own code.
    pool.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "login"}}));
    let answer = fixture.run(DIFF).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["complete"]), (ExitStatus::Partial, &json!(false)));
    assert!(answer.human.contains(words), "{}", answer.human);

    // A snapshot that lacks the same part says nothing about it. Nor does a comparison of two snapshots.
    let second = export(&fixture, "second").await;
    let answer = fixture.run(DIFF).await.0.unwrap();
    assert_eq!(
        (answer.status, &answer.json["complete"]),
        (ExitStatus::Done, &json!(true)),
        "{}",
        answer.human
    );
    let answer = fixture.run(&format!("{DIFF} --snapshot {first} --against {second}")).await.0.unwrap();
    assert_eq!((answer.status, &answer.json["complete"]), (ExitStatus::Partial, &json!(true)));

    fixture.backend.script().always(Operation::ListUserPoolClients, None);
    let one = Some(Fault::Refuse(PoolErrorKind::Refused));
    fixture.backend.script().always(Operation::DescribeUserPoolClient, one);
    pool.change_configuration("UpdateUserPool", json!({"UserPoolTags": {}}));
    let answer = fixture.run(&format!("{DIFF} --snapshot {first}")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Failed, "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn what_the_tier_or_the_region_does_not_have_is_no_unread_part() {
    let (fixture, ..) = captured().await;
    for code in [
        "FeatureUnavailableInTierException",
        "UserPoolAddOnNotEnabledException",
        "OperationNotEnabledException",
        "UnknownOperationException",
    ] {
        let fault = Fault::RefuseWith(PoolErrorKind::Refused, code);
        fixture.backend.script().always(Operation::ListTerms, Some(fault));
        let answer = fixture.run(DIFF).await.0.unwrap();
        assert_eq!((answer.status, &answer.json["complete"]), (ExitStatus::Done, &json!(true)), "{code}");
    }
}

/// A pool with a client and a provider, both with secrets, and with an unknown member, and a snapshot that holds these encrypted.
async fn captured_with_secrets() -> (Fixture, MemoryPool, RunId) {
    let (fixture, pool, _) = exported(3).await;
    let backend = fixture.backend.clone().with_configuration();
    let keys = backend.key_ring().create_both(ACCOUNT, &["eu-west-1"]);
    let fixture = Fixture { backend: backend.with_configuration_keys(Some(keys)), ..fixture };
    pool.change_configuration("CreateUserPoolClient", json!({"ClientName": "web", "GenerateSecret": true}));
    let mut google = google("planted first");
    google["ProviderType"] = json!("Google");
    pool.change_configuration("CreateIdentityProvider", google);
    show_new_member(&fixture, "planted first member");
    let id = export(&fixture, "captured").await;
    (fixture, pool, id)
}

/// A member of the pool that this version does not know. It may be secret.
fn show_new_member(fixture: &Fixture, value: &str) {
    let shown = json!({"UserPool": {"NewMember": value}});
    fixture.backend.script().show(Operation::DescribeUserPool, shown);
}

fn google(secret: &str) -> Value {
    let details = json!({"client_id": "google", "client_secret": secret, "authorize_scopes": "openid"});
    json!({"ProviderName": "Google", "ProviderDetails": details, "AttributeMapping": {"email": "email"}})
}

fn mac_calls(fixture: &Fixture) -> u64 {
    fixture.backend.key_ring().calls(KeyOperation::GenerateMac)
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_of_the_live_pool_is_a_difference_without_its_value() {
    let (fixture, pool, id) = captured_with_secrets().await;
    let before = (fixture.backend.vault().items(), fixture.backend.key_ring().calls(KeyOperation::Decrypt));
    let same = fixture.run(DIFF).await.0.unwrap();
    assert_eq!((same.status, &same.json["same"]), (ExitStatus::Done, &json!(true)), "{}", same.human);
    let not_compared = same.json["notCompared"].to_string();
    for object in ["clients/web", "identityProviders/Google", "NewMember"] {
        assert!(!not_compared.contains(object), "{not_compared}");
    }

    show_new_member(&fixture, "planted second member");
    pool.change_configuration("UpdateIdentityProvider", google("planted second"));
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let old = listed["UserPoolClients"][0]["ClientId"].clone();
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": old}));
    let client = json!({"ClientName": "web", "GenerateSecret": true});
    let created = pool.change_configuration("CreateUserPoolClient", client);
    let secret = created["UserPoolClient"]["ClientSecret"].as_str().unwrap().to_owned();
    let (answer, said) = fixture.run(DIFF).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    let found = answer.json["differences"].as_array().unwrap();
    for (object, field) in [
        ("userPool", "NewMember"),
        ("clients/web", "ClientSecret"),
        ("identityProviders/Google", "ProviderDetails.client_secret"),
    ] {
        let expected = json!({"object": object, "field": field, "change": "changed"});
        assert!(found.contains(&expected), "{object}: {found:?}");
        assert!(answer.human.contains(&format!("  {field}: changed\n")), "{}", answer.human);
    }
    for text in [answer.json.to_string(), answer.human, said] {
        assert!(!text.contains("planted") && !text.contains(&secret), "{text}");
    }
    let after = (fixture.backend.vault().items(), fixture.backend.key_ring().calls(KeyOperation::Decrypt));
    assert_eq!(after, before, "the comparison wrote to the table or decrypted a secret");
    // A snapshot is compared with another one as before.
    let second = export(&fixture, "second").await;
    let with_live = answer.json["differences"].clone();
    let of_snapshots = fixture.run(&format!("{DIFF} --snapshot {id} --against {second}")).await.0.unwrap();
    assert_eq!(of_snapshots.json["differences"], with_live);
}

#[tokio::test(start_paused = true)]
async fn without_secrets_no_mac_is_asked_for_and_the_live_secrets_are_not_compared() {
    let (fixture, pool, _) = captured_with_secrets().await;
    pool.change_configuration("UpdateIdentityProvider", google("planted second"));
    let calls = mac_calls(&fixture);
    let answer = fixture.run(&format!("{DIFF} --no-secrets")).await.0.unwrap();
    assert_eq!((answer.status, mac_calls(&fixture)), (ExitStatus::Done, calls));
    let left_out = json!({"object": "identityProviders/Google", "reason": "leftOut", "side": "new"});
    assert!(answer.json["notCompared"].as_array().unwrap().contains(&left_out), "{}", answer.json);

    // A snapshot without secrets has no key to ask for.
    let (fixture, ..) = captured().await;
    let answer = fixture.run(DIFF).await.0.unwrap();
    assert_eq!((answer.status, mac_calls(&fixture)), (ExitStatus::Done, 0));
}

#[tokio::test(start_paused = true)]
async fn a_live_secret_of_which_kms_makes_no_mac_is_not_compared_and_passes_no_check() {
    let (fixture, pool, _) = captured_with_secrets().await;
    pool.change_configuration("UpdateIdentityProvider", google("planted second"));
    for code in ["AccessDeniedException", "DisabledException", "ThrottlingException", "ValidationException"] {
        fixture.backend.key_ring().refuse(KeyOperation::GenerateMac, Some(code));
        let (answer, said) = fixture.run(DIFF).await;
        let answer = answer.unwrap();
        // The secret did change. A check for drift must not pass.
        assert_eq!((answer.status, &answer.json["same"]), (ExitStatus::Failed, &json!(true)), "{code}");
        assert_eq!(answer.json["complete"], json!(false));
        let notes = answer.json["notCompared"].as_array().unwrap();
        for (object, field) in
            [("clients/web", "ClientSecret"), ("identityProviders/Google", "ProviderDetails.client_secret")]
        {
            let note =
                json!({"object": object, "field": field, "reason": "noMac", "side": "new", "detail": code});
            assert!(notes.contains(&note), "{code}: {notes:?}");
            let line = format!("  {object} {field}: KMS made no MAC of it ({code}) (new)\n");
            assert!(answer.human.contains(&line), "{}", answer.human);
        }
        for text in [answer.json.to_string(), answer.human, said] {
            assert!(!text.contains("planted"), "{text}");
        }
    }
}
