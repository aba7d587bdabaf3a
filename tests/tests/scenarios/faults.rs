//! What goes wrong on the way: throttling, lost replies, rejected tokens, runs that stop half-way.

use std::time::Duration;

use anyhow::Result;
use local::provision::Options;
use local::recorder::{Action, Answer, Call};
use serde_json::{Value, json};
use tests::{World, import_input, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn throttled_calls_are_repeated() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(130).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.inject(|call| match is_cognito(call) && call.sequence % 9 == 1 {
        true => Action::too_many_requests(),
        false => Action::Forward,
    });
    let snapshot = world.snapshot(&source).await?;
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
async fn a_lost_reply_is_not_a_failure() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.pool_of(70).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.inject(|call| match is_cognito(call) && call.sequence % 5 == 1 {
        true => Action::LoseReply,
        false => Action::Forward,
    });
    assert_eq!(world.snapshot(&source).await?["users"], 70);
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!((&restored["users"]["created"], &restored["groups"]["created"]), (&json!(70), &json!(population.groups.len())));
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_page_is_not_the_end_and_a_rejected_token_starts_the_listing_again() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.pool_of(150).await?;
    // Every other page of every listing is empty.
    world.stack.strict.change_settings(|settings| settings.pages.sizes = vec![0, 60]);
    world.stack.recorder.inject(|call| match (call.operation.as_str(), call.sequence) {
        ("ListUsers", 3) => Action::Answer(Answer::error(400, "InvalidParameterException", "Invalid pagination token")),
        _ => Action::Forward,
    });
    let snapshot = world.snapshot(&source).await?;
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
async fn a_listing_that_cannot_be_completed_is_never_sealed() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(70).await?;
    let first = world.snapshot(&source).await?;
    world.stack.recorder.inject(|call| match call.operation.as_str() {
        "ListUsers" if call.json().get("PaginationToken").is_some() => {
            Action::Answer(Answer::error(400, "InvalidParameterException", "Invalid pagination token"))
        }
        _ => Action::Forward,
    });
    let outcome = world.export(&json!({"userPoolId": source, "tps": 200})).await?;
    refusal(&outcome, "ListingFailed")?;
    world.stack.recorder.forward_all();
    let target = world.empty_pool().await?;
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!(restored["snapshotId"], first["snapshotId"], "the latest is the latest sealed one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_stopped_half_way_goes_on_with_the_same_input() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(150).await?;
    world.snapshot(&source).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    for (operation, allowed) in [("AdminCreateUser", 40), ("AdminSetUserPassword", 30), ("AdminAddUserToGroup", 20)] {
        world.stack.recorder.clear();
        world.stack.recorder.inject(move |call| match call.operation == operation && call.sequence > allowed {
            true => Action::Answer(Answer::error(400, "AccessDeniedException", "not authorized")),
            false => Action::Forward,
        });
        let sentence = refusal(&world.restore(&source, &target).await?, "AccessDenied")?;
        assert!(sentence.contains(operation), "{sentence}");
    }
    // A newer snapshot must not change what "latest" means for a restore that has begun.
    world.stack.recorder.forward_all();
    world.snapshot(&source).await?;
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!((&restored["users"]["created"], &restored["users"]["alreadyThere"]), (&json!(150), &json!(0)));
    let comparison = world.compare(&source, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    let restores =
        world.items().await?.into_keys().filter(|(pk, sk)| pk.starts_with("POOL#") && sk.starts_with("RESTORE#")).count();
    assert_eq!(restores, 1, "it was one restore all along");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_user_is_refused_for_stops_nobody_else() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(70).await?;
    world.snapshot(&source).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    world.stack.recorder.inject(|call| match (call.operation.as_str(), call.sequence) {
        ("AdminCreateUser", 7) => {
            Action::Answer(Answer::error(400, "UserLambdaValidationException", "PreSignUp failed with error no."))
        }
        _ => Action::Forward,
    });
    let summary = refusal(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains("Restored 69 of 70 users") && summary.contains("UserLambdaValidationException"), "{summary}");
    world.stack.recorder.forward_all();
    world.stack.recorder.clear();
    let again = world.restore(&source, &target).await?.success()?;
    assert_eq!(again["users"]["created"], 70);
    let calls = world.stack.recorder.traffic();
    assert_eq!(calls.of("AdminCreateUser").total(), 1, "only what failed is tried again");
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_that_run_out_of_time_or_die_go_on_where_they_were() -> Result<()> {
    let world = World::with(Options { function_timeout: Duration::from_secs(10), ..Options::default() }).await?;
    let (source, _) = world.pool_of(130).await?;
    world.snapshot(&source).await?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    // One call that outlives its function: the invocation is killed in the middle of a page.
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
async fn what_the_table_leaves_unprocessed_is_sent_again() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(70).await?;
    world.stack.recorder.clear();
    world.stack.recorder.inject(|call| match (call.operation.as_str(), call.sequence % 3) {
        ("BatchWriteItem", 1) => Action::Answer(Answer::ok(json!({"UnprocessedItems": call.json()["RequestItems"]}))),
        ("BatchGetItem", 1) => {
            Action::Answer(Answer::ok(json!({"Responses": {}, "UnprocessedKeys": call.json()["RequestItems"]})))
        }
        _ => Action::Forward,
    });
    assert_eq!(world.snapshot(&source).await?["users"], 70);
    let target = world.empty_pool().await?;
    world.restore(&source, &target).await?.success()?;
    assert!(world.compare(&source, &target).await?.is_clean());
    Ok(())
}
