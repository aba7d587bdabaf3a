//! `pool diff`.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::model::{PoolDescription, RunId};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryPool};

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;
use crate::testing;

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
async fn an_object_that_the_operator_may_not_read_is_not_compared() {
    let (fixture, _, _, _) = captured().await;
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::ListUserPoolClients, denied);
    let answer = fixture.run(DIFF).await.0.unwrap();
    let denied =
        json!({"object": "clients", "reason": "notCaptured", "side": "new", "detail": "accessDenied"});
    assert!(answer.json["notCompared"].as_array().unwrap().contains(&denied), "{}", answer.json);
    let words = "  clients: your permissions do not allow to read it (new)\n";
    assert!(answer.human.contains(words), "{}", answer.human);
}
