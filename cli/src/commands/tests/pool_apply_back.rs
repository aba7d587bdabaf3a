//! Goal: the line that goes back to the stored capture works as it is printed.
//!
//! Method: apply a snapshot, and then run the printed line.

use serde_json::{Value, json};
use shared::ports::pool::Operation;
use shared_memory::MemoryPool;

use super::fixture::Fixture;
use super::pool_apply::{APPLY, captured, drift};
use crate::exit::ExitStatus;
use crate::output::Answer;

/// Runs a command, and then the line that it prints.
async fn there_and_back(fixture: &Fixture, line: &str) -> (String, Answer) {
    let answer = fixture.run(&format!("{line} --yes")).await.0.unwrap();
    let back = answer.json["before"]["goBack"].as_str().unwrap().to_owned();
    assert!(answer.human.contains(&back), "{}", answer.human);
    let words = back.strip_prefix("cognito-backup ").unwrap().replace('\'', "");
    let answer = fixture.run(&format!("{words} --yes")).await.0;
    let answer = answer.unwrap_or_else(|problem| panic!("{back}: {problem}"));
    (back, answer)
}

fn names(pool: &MemoryPool) -> Vec<String> {
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let clients = listed["UserPoolClients"].as_array().unwrap().iter();
    let mut names: Vec<_> = clients.map(|client| client["ClientName"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn team(pool: &MemoryPool) -> Value {
    pool.change_configuration("DescribeUserPool", json!({}))["UserPool"]["UserPoolTags"]["team"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_line_repeats_the_words_for_what_a_request_may_lose() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    fixture.backend.script().alter(Operation::DescribeUserPool, |answer| {
        answer["UserPool"]["FutureConfiguration"] = json!({"A": 1});
    });
    let line = format!("{APPLY} --only userPool --allow unknown-members,deletion-protection-off");
    let (back, answer) = there_and_back(&fixture, &line).await;
    assert!(back.contains(" --allow unknown-members"), "{back}");
    assert_eq!((answer.status, team(&pool)), (ExitStatus::Done, json!("other")), "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn the_line_names_a_client_that_was_created_again_as_the_user_pool_has_it() {
    for by_name in [false, true] {
        let (fixture, pool, _, client) = captured(false).await;
        pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": client}));
        let part = if by_name { "web" } else { &client };
        let line = format!("{APPLY} --only clients/{part} --recreate-clients");
        let (back, answer) = there_and_back(&fixture, &line).await;
        assert!(!back.contains(&client), "{back}");
        assert_eq!((answer.status, names(&pool)), (ExitStatus::Done, vec![]), "{}", answer.human);
    }
}

#[tokio::test(start_paused = true)]
async fn the_line_names_a_client_that_returned_before_by_its_present_id() {
    let (fixture, pool, _, client) = captured(false).await;
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": client}));
    fixture.run(&format!("{APPLY} --recreate-clients --yes")).await.0.unwrap();
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let id = listed["UserPoolClients"][0]["ClientId"].as_str().unwrap().to_owned();
    let request = json!({"ClientId": id, "ClientName": "web", "RefreshTokenValidity": 7});
    pool.change_configuration("UpdateUserPoolClient", request);
    let (back, answer) = there_and_back(&fixture, &format!("{APPLY} --only clients/{client}")).await;
    assert!(back.contains(&format!("--only clients/{id}")), "{back}");
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    let web = pool.change_configuration("DescribeUserPoolClient", json!({"ClientId": id}));
    assert_eq!(web["UserPoolClient"]["RefreshTokenValidity"], 7);
}

#[tokio::test(start_paused = true)]
async fn the_line_gives_up_a_secret_that_the_user_pool_did_not_have_before() {
    let (fixture, pool, _, _) = captured(false).await;
    let confidential = json!({"ClientName": "server", "GenerateSecret": true});
    let server = pool.change_configuration("CreateUserPoolClient", confidential);
    super::fixture::export(&fixture, "with a confidential client").await;
    let server = server["UserPoolClient"]["ClientId"].clone();
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": server}));
    let (back, answer) = there_and_back(&fixture, &format!("{APPLY} --recreate-clients")).await;
    assert!(back.contains(" --allow lost-secret --delete-extra"), "{back}");
    assert_eq!((answer.status, names(&pool)), (ExitStatus::Done, vec!["web".to_owned()]), "{}", answer.human);
}
