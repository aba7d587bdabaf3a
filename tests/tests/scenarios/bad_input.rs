//! Bad input gets a clear answer and touches nothing.

use anyhow::Result;
use aws_sdk_lambda::primitives::Blob;
use local::executions::{self, Outcome};
use local::population;
use local::provision::Options;
use local::recorder::Action;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{World, import_input, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_export_is_refused() -> Result<()> {
    let world = World::new().await?;
    let pool = world.empty_pool().await?;
    let cases = [
        (json!({"userPoolId": "us-east-1_Unknown12"}), "PoolNotFound", "does not exist"),
        (json!({"userPoolId": "eu-west-1_Elsewhere"}), "PoolNotFound", "is in Region eu-west-1"),
        (json!({"userPoolId": "pool"}), "InvalidInput", "not a user pool id"),
        (json!({"userPoolId": pool, "tps": 0}), "InvalidInput", "from 1 to 200"),
        (json!({"userPoolId": pool, "tps": -1}), "InvalidInput", "from 1 to 200"),
        (json!({"userPoolId": pool, "tps": "ten"}), "InvalidInput", "from 1 to 200"),
        (json!({"userPoolId": pool, "tps": 1000}), "InvalidInput", "from 1 to 200"),
        (json!({"userPoolId": pool, "TPS": 10}), "InvalidInput", "\"TPS\", which is unknown"),
        (json!({}), "InvalidInput", "lacks userPoolId"),
        (json!([1]), "InvalidInput", "not a JSON object"),
        (json!("text"), "InvalidInput", "not a JSON object"),
    ];
    for (input, name, words) in cases {
        let sentence = refusal(&world.export(&input).await?, name)?;
        assert!(sentence.contains(words), "{input}: {sentence}");
    }
    assert_eq!(world.items().await?.len(), 0, "nothing was written");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_another_account_is_refused() -> Result<()> {
    let world = World::new().await?;
    let elsewhere = aws_sdk_cognitoidentityprovider::config::Builder::from(&local::aws::config(
        &world.stack.deployment.endpoint_url,
        local::aws::REGION,
    ))
    .credentials_provider(aws_sdk_cognitoidentityprovider::config::Credentials::new("123456789012", "test", None, None, "other"))
    .build();
    let pool = population::create_pool(&aws_sdk_cognitoidentityprovider::Client::from_conf(elsewhere), "theirs").await?;
    let sentence = refusal(&world.export(&json!({"userPoolId": pool})).await?, "PoolNotFound")?;
    assert!(sentence.contains("account"), "{sentence}");
    assert_eq!(world.items().await?.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_import_is_refused_before_the_target_is_touched() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(12).await?;
    let (other, _) = world.pool_of(3).await?;
    let target = world.empty_pool().await?;
    assert!(refusal(&world.restore(&source, &target).await?, "SnapshotNotFound")?.contains("no snapshot"));

    let sealed = world.snapshot(&source).await?["snapshotId"].clone();
    let others = world.snapshot(&other).await?["snapshotId"].clone();
    world.stack.recorder.inject(|call| match call.operation.as_str() {
        "ListUsers" => Action::Answer(local::recorder::Answer::error(400, "LimitExceededException", "No.")),
        _ => Action::Forward,
    });
    let failed = world.export(&json!({"userPoolId": source})).await?;
    refusal(&failed, "CallRefused")?;
    world.stack.recorder.forward_all();
    let failed = snapshot_that(&world, "FAILED").await?;

    let input = |change: Value| {
        let mut input = import_input(&source, &target);
        for (name, value) in change.as_object().unwrap() {
            input[name] = value.clone();
        }
        input
    };
    let no_attributes = world.stack.cognito().create_user_pool().pool_name("bare").send().await?;
    let bare = no_attributes.user_pool.and_then(|pool| pool.id).unwrap();
    let by_email = world
        .stack
        .cognito()
        .create_user_pool()
        .pool_name("by e-mail")
        .username_attributes(aws_sdk_cognitoidentityprovider::types::UsernameAttributeType::Email)
        .send()
        .await?;
    let by_email = by_email.user_pool.and_then(|pool| pool.id).unwrap();
    let cases = [
        (json!({"targetUserPoolId": "us-east-1_Unknown12"}), "PoolNotFound", "does not exist"),
        (json!({"targetUserPoolId": source}), "TargetIsSource", "both user pool"),
        (json!({"targetUserPoolId": other}), "TargetNotEmpty", "already holds users"),
        (json!({"targetUserPoolId": bare}), "MissingCustomAttributes", "custom:tenant (String)"),
        (json!({"targetUserPoolId": by_email}), "TargetNotSupported", "by email"),
        (json!({"snapshot": "20200101T000000000Z-00000000"}), "SnapshotNotFound", "has no snapshot"),
        (json!({"snapshot": "newest"}), "InvalidInput", "not a snapshot id"),
        (json!({"snapshot": failed}), "SnapshotNotSealed", "is not sealed"),
        (json!({"snapshot": others}), "SnapshotOfAnotherPool", "was taken of user pool"),
        (json!({"tps": 201}), "InvalidInput", "from 1 to 200"),
        (json!({"snapshotId": sealed}), "InvalidInput", "\"snapshotId\", which is unknown"),
        (json!({"existing": "overwrite"}), "InvalidInput", "it can be \"fail\" or \"skip\" or \"update\""),
        (json!({"method": "CSV"}), "InvalidInput", "it can be \"api\" or \"csv\""),
        (json!({"passwords": "temporary"}), "InvalidInput", "sendInvitations"),
        (json!({"targetUserPoolId": "eu-west-1_Elsewhere1"}), "PoolNotFound", "eu-west-1"),
    ];
    world.stack.recorder.clear();
    for (change, name, words) in cases {
        let input = input(change);
        let sentence = refusal(&world.import(&input).await?, name)?;
        assert!(sentence.contains(words), "{input}: {sentence}");
    }
    let calls = world.stack.recorder.traffic().cognito();
    let writes: Vec<_> =
        calls.counts().into_keys().filter(|name| !name.starts_with("Describe") && !name.starts_with("List")).collect();
    assert!(writes.is_empty(), "no call that changes a pool was made: {writes:?}");
    assert_eq!(world.users_in(&target).await?, 0);
    assert!(world.items().await?.keys().all(|(pk, sk)| !pk.starts_with("RESTORE#") && !sk.starts_with("RESTORE#")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_of_nobody_and_a_snapshot_of_a_newer_version_are_refused() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(12).await?;
    let target = world.empty_pool().await?;
    let sealed = world.snapshot(&source).await?["snapshotId"].as_str().unwrap_or_default().to_owned();
    world.stack.recorder.clear();
    let mut input = import_input(&source, &target);
    input["select"] = json!({"usernames": ["nobody"]});
    assert!(refusal(&world.import(&input).await?, "SelectionEmpty")?.contains("Nobody in snapshot"));

    let items = world.items().await?;
    let mut header = items[&(format!("POOL#{source}"), format!("SNAP#{sealed}"))].clone();
    header.insert("schemaVersion".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N("99".to_owned()));
    world.write(header).await?;
    let sentence = refusal(&world.import(&import_input(&source, &target)).await?, "UnsupportedSchema")?;
    assert!(sentence.contains("schema version 99") && sentence.contains("newer"), "{sentence}");

    let calls = world.stack.recorder.traffic().cognito();
    assert!(
        calls.counts().into_keys().all(|name| name.starts_with("Describe") || name.starts_with("List")),
        "{:?}",
        calls.counts()
    );
    assert_eq!(world.users_in(&target).await?, 0);
    Ok(())
}

async fn snapshot_that(world: &World, state: &str) -> Result<String> {
    let items = world.items().await?;
    let found = items.iter().find(|((pk, sk), item)| {
        pk.starts_with("POOL#")
            && sk.starts_with("SNAP#")
            && item.get("state").and_then(|value| value.as_s().ok()).is_some_and(|is| is == state)
    });
    Ok(found.map(|((_, sk), _)| sk.trim_start_matches("SNAP#").to_owned()).expect("a snapshot in that state"))
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_of_a_function_are_named() -> Result<()> {
    let cases = [
        (("COGNITO_TPS", "ten"), "InvalidConfiguration", "COGNITO_TPS"),
        (("BACKUP_TABLE_NAME", ""), "InvalidConfiguration", "lacks BACKUP_TABLE_NAME"),
        (("BACKUP_TABLE_NAME", "no-such-table"), "TableNotFound", "no-such-table"),
        (("SNS_PREFERENCE", "SOME"), "InvalidConfiguration", "ERRORS_ONLY"),
    ];
    for ((variable, value), name, words) in cases {
        let options = Options { variables: vec![(variable.into(), value.into())], ..Options::default() };
        let world = World::with(options).await?;
        let pool = world.empty_pool().await?;
        let outcome = world.export(&json!({"userPoolId": pool})).await?;
        let sentence = refusal(&outcome, name)?;
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!(world.items().await?.len(), 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_no_state_machine_sends_is_refused() -> Result<()> {
    let world = World::new().await?;
    for function in ["enumerate", "export-page", "import-page", "finalize"] {
        for event in ["[1]", "\"text\"", "{\"operation\": \"erase\"}"] {
            let request = world.stack.lambda().invoke().function_name(format!("cognito-backup-{function}"));
            let answer = request.payload(Blob::new(event)).send().await?;
            assert!(answer.function_error.is_some());
            let payload: Value = serde_json::from_slice(answer.payload.unwrap().as_ref())?;
            assert_eq!(payload["errorType"], "InvalidInput", "{function} {event}: {payload}");
            assert!(payload["errorMessage"].as_str().unwrap().contains("state machines"), "{payload}");
        }
    }
    assert_eq!(world.items().await?.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_export_at_the_same_time_is_refused_and_names_the_first() -> Result<()> {
    let world = World::new().await?;
    let (pool, _) = world.pool_of(70).await?;
    world.stack.recorder.inject(|call| match call.operation.as_str() {
        "ListGroups" => Action::delay(Duration::from_secs(3)),
        _ => Action::Forward,
    });
    let machine = &world.stack.deployment.export_state_machine_arn;
    let input = json!({"userPoolId": pool, "tps": 200});
    let first = executions::start(&world.stack.sfn(), machine, &input).await?;
    while world.stack.recorder.traffic().of("ListGroups").total() == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let second: Outcome = world.export(&input).await?;
    let sentence = refusal(&second, "ExportAlreadyRunning")?;
    assert!(sentence.contains(&first), "{sentence}");
    assert_eq!(executions::wait(&world.stack.sfn(), &first).await?.success()?["users"], 70);
    assert_eq!(world.snapshot(&pool).await?["users"], 70, "the lease was given back");
    Ok(())
}
