//! Goal: a run is complete and correct after throttling, lost replies, refused tokens, refused calls and
//! killed functions.
//!
//! Method: inject faults with the recorder, run an export and an import, and compare both pools.

use std::time::Duration;

use anyhow::Result;
use local::provision::Options;
use local::recorder::{Action, Answer, Call};
use serde_json::{Value, json};
use tests::{World, error_message, import_input};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_repeats_throttled_calls() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(130).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.inject(|call| {
        if is_cognito(call) && call.sequence % 9 == 1 { Action::too_many_requests() } else { Action::Forward }
    });
    let snapshot = world.take_snapshot(&source).await?;
    assert_eq!(snapshot["users"], 130);
    assert!(snapshot["calls"]["throttled"].as_u64() > Some(0));
    let restored = world.restore(&source, &target).await?.success()?;
    assert!(restored["calls"]["throttled"].as_u64() > Some(10));
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}

fn is_cognito(call: &Call) -> bool {
    call.service.contains("Cognito")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_complete_despite_lost_replies() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(70).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.inject(|call| {
        if is_cognito(call) && call.sequence % 5 == 1 { Action::LoseReply } else { Action::Forward }
    });
    assert_eq!(world.take_snapshot(&source).await?["users"], 70);
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!(restored["users"]["created"], 70, "{restored}");
    assert_eq!(restored["groups"]["created"], population.groups.len(), "{restored}");
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_continues_after_an_empty_page_and_starts_again_after_a_refused_token() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(150).await?;
    // Every second page of every listing is empty.
    world.stack.strict.change_settings(|settings| settings.pages.sizes = vec![0, 60]);
    world.stack.recorder.inject(|call| match (call.operation.as_str(), call.sequence) {
        ("ListUsers", 3) => {
            Action::Answer(Answer::error(400, "InvalidParameterException", "Invalid pagination token"))
        }
        _ => Action::Forward,
    });
    let snapshot = world.take_snapshot(&source).await?;
    assert_eq!(snapshot["users"], 150);
    assert_eq!(snapshot["memberships"], population.memberships());
    world.stack.recorder.forward_all();
    world.stack.strict.change_settings(|settings| settings.pages.sizes.clear());
    let target = world.empty_pool().await?;
    world.restore(&source, &target).await?.success()?;
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_with_an_incomplete_listing_is_never_sealed() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(70).await?;
    let first = world.take_snapshot(&source).await?;
    world.stack.recorder.inject(|call| match call.operation.as_str() {
        "ListUsers" if call.json().get("PaginationToken").is_some() => {
            Action::Answer(Answer::error(400, "InvalidParameterException", "Invalid pagination token"))
        }
        _ => Action::Forward,
    });
    let outcome = world.export(&json!({"userPoolId": source, "tps": 200})).await?;
    error_message(&outcome, "ListingFailed")?;
    world.stack.recorder.forward_all();
    let target = world.empty_pool().await?;
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!(restored["snapshotId"], first["snapshotId"], "latest means the latest sealed snapshot");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_the_same_input_continues_a_failed_restore() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(150).await?;
    world.take_snapshot(&source).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    for (operation, allowed) in
        [("AdminCreateUser", 40), ("AdminSetUserPassword", 30), ("AdminAddUserToGroup", 20)]
    {
        world.stack.recorder.clear();
        world.stack.recorder.inject(move |call| {
            if call.operation == operation && call.sequence > allowed {
                Action::Answer(Answer::error(400, "AccessDeniedException", "not authorized"))
            } else {
                Action::Forward
            }
        });
        let message = error_message(&world.restore(&source, &target).await?, "AccessDenied")?;
        assert!(message.contains(operation), "{message}");
    }
    // A newer snapshot must not change the meaning of "latest" for a restore that has begun.
    world.stack.recorder.forward_all();
    world.take_snapshot(&source).await?;
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!(restored["users"]["created"], 150, "{restored}");
    assert_eq!(restored["users"]["alreadyThere"], 0, "{restored}");
    let comparison = world.compare(&source, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    let is_header = |(pk, sk): &(String, String)| pk.starts_with("TARGET#") && sk.starts_with("RESTORE#");
    let restores = world.items().await?.into_keys().filter(is_header).count();
    assert_eq!(restores, 1, "all imports continue one restore");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_user_does_not_stop_the_restore_of_other_users() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(70).await?;
    world.take_snapshot(&source).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    let refusal = Answer::error(400, "UserLambdaValidationException", "PreSignUp failed with error no.");
    world.stack.recorder.inject(move |call| match (call.operation.as_str(), call.sequence) {
        ("AdminCreateUser", 7) => Action::Answer(refusal.clone()),
        _ => Action::Forward,
    });
    let summary = error_message(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains("Restored 69 of 70 users"), "{summary}");
    assert!(summary.contains("UserLambdaValidationException"), "{summary}");
    world.stack.recorder.forward_all();
    world.stack.recorder.clear();
    let again = world.restore(&source, &target).await?.success()?;
    assert_eq!(again["users"]["created"], 70);
    let calls = world.stack.recorder.traffic();
    assert_eq!(calls.of("AdminCreateUser").total(), 1, "the next pass creates only the failed user");
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_invocation_continues_after_a_timeout_or_a_killed_function() -> Result<()> {
    let world =
        World::with_options(Options { function_timeout: Duration::from_secs(10), ..Options::default() })
            .await?;
    let (source, _) = world.filled_pool(130).await?;
    world.take_snapshot(&source).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    // One call takes longer than its function may run. So Lambda kills the invocation in the middle of a
    // page.
    world.stack.recorder.inject(|call| match (call.operation.as_str(), call.sequence) {
        ("AdminCreateUser", 90) => Action::delay(Duration::from_secs(12)),
        _ => Action::Forward,
    });
    let mut input = import_input(&source, &target);
    input["tps"] = json!(30);
    let restored: Value = world.import(&input).await?.success()?;
    assert_eq!(restored["users"]["created"], 130);
    let comparison = world.compare(&source, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_repeats_the_items_and_statements_that_the_table_left_unprocessed() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(70).await?;
    world.stack.recorder.clear();
    world.stack.recorder.inject(|call| match (call.operation.as_str(), call.sequence % 3) {
        // DynamoDB carries out the statements, and answers that it did not.
        ("BatchExecuteStatement", 1) => Action::rewrite(|mut reply| {
            let throttled = json!({"Error": {"Code": "ThrottlingError", "Message": "throttled"}});
            reply["Responses"]
                .as_array_mut()
                .into_iter()
                .flatten()
                .for_each(|each| *each = throttled.clone());
            reply
        }),
        ("BatchExecuteStatement", 2) => {
            let statements = call.json()["Statements"].as_array().map_or(0, Vec::len);
            let throttled =
                json!({"Error": {"Code": "ProvisionedThroughputExceeded", "Message": "throttled"}});
            Action::Answer(Answer::ok(json!({"Responses": vec![throttled; statements]})))
        }
        ("BatchGetItem", 1) => Action::Answer(Answer::ok(
            json!({"Responses": {}, "UnprocessedKeys": call.json()["RequestItems"]}),
        )),
        _ => Action::Forward,
    });
    assert_eq!(world.take_snapshot(&source).await?["users"], 70);
    let target = world.empty_pool().await?;
    world.restore(&source, &target).await?.success()?;
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}
