//! `pool create` and `pool finish`.

use insta::assert_snapshot;
use serde_json::json;
use shared::model::PoolId;
use shared::ports::Backend;

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;

const CREATE: &str = "pool create --pool eu-west-1_a --name new";

/// A pool with a client that has a secret, and a domain.
async fn captured() -> (Fixture, String) {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let lambda = "arn:aws:lambda:eu-west-1:123456789012:function:sign-up";
    pool.change_configuration(
        "UpdateUserPool",
        json!({"LambdaConfig": {"PreSignUp": lambda}, "DeletionProtection": "ACTIVE"}),
    );
    pool.change_configuration("CreateUserPoolClient", json!({"ClientName": "web", "GenerateSecret": true}));
    pool.change_configuration("CreateUserPoolDomain", json!({"Domain": "login"}));
    let id = export(&fixture, "captured").await;
    (fixture, id.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_what_is_created_and_left_out_and_changes_nothing() {
    let (fixture, id) = captured().await;
    let before = fixture.backend.vault().items();
    let answer = fixture.run(&format!("{CREATE} --plan")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    assert_eq!(answer.json["userPoolId"], json!(null));
    assert_snapshot!(answer.human.replace(&id, "SNAPSHOT"));
    assert_eq!(fixture.backend.vault().items(), before, "the plan wrote to the table");
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_created_once_and_finished() {
    let (fixture, _) = captured().await;
    let answer = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap();
    let id = answer.json["userPoolId"].as_str().unwrap().to_owned();
    assert_eq!(answer.json["clients"].as_object().unwrap().len(), 1);
    assert!(answer.human.contains(&format!("pool finish --pool {id} --yes")), "{}", answer.human);
    let again = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap();
    assert_eq!(again.json["userPoolId"], answer.json["userPoolId"]);
    assert_eq!(again.json["clients"], answer.json["clients"]);
    let finish = format!("pool finish --pool {id} --yes");
    assert_eq!(fixture.run(&finish).await.0.unwrap().json["changed"], true);
    assert_eq!(fixture.run(&finish).await.0.unwrap().json["changed"], false);
    let pool = fixture.backend.pool(&PoolId::parse(&id).unwrap());
    let described = pool.change_configuration("DescribeUserPool", json!({}));
    assert_eq!(described["UserPool"]["DeletionProtection"], "ACTIVE");
    assert!(described["UserPool"]["LambdaConfig"]["PreSignUp"].is_string());
    // The name is taken now.
    let taken = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap_err();
    assert_eq!((taken.error.as_str(), taken.status), ("InvalidInput", ExitStatus::Refused), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_is_refused_before_anything_is_written() {
    let (fixture, _) = captured().await;
    let before = fixture.backend.vault().items();
    for (line, says) in [
        (CREATE.to_owned(), "without a terminal or --yes"),
        (format!("{CREATE} --strict --yes"), "clients/web ClientSecret"),
        ("pool finish --pool eu-west-1_a --yes".to_owned(), "no record of a creation"),
        ("pool finish --pool eu-west-1_a".to_owned(), "its triggers run"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused), "{line}");
        assert!(problem.to_string().contains(says), "{problem}");
    }
    assert_eq!(fixture.backend.vault().items(), before);
}
