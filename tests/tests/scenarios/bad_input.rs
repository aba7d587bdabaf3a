//! Goal: a run with bad input fails with a clear error and changes nothing.
//!
//! Method: start runs with each kind of bad input or settings. Compare the error and its message, and check
//! that pools and table are unchanged.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_lambda::primitives::Blob;
use local::executions::{self, Outcome};
use local::population;
use local::provision::Options;
use local::recorder::Action;
use serde_json::{Value, json};
use std::time::Duration;
use tests::{World, error_message, import_input};

#[tokio::test(flavor = "multi_thread")]
async fn an_export_with_bad_input_is_refused() -> Result<()> {
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
        (json!({"userPoolId": pool, "TPS": 10}), "InvalidInput", "is unknown. It may stand for \"tps\"."),
        (json!({}), "InvalidInput", "lacks userPoolId"),
        (json!([1]), "InvalidInput", "not a JSON object"),
        (json!("text"), "InvalidInput", "not a JSON object"),
    ];
    for (input, name, words) in cases {
        let message = error_message(&world.export(&input).await?, name)?;
        assert!(message.contains(words), "{input}: {message}");
    }
    assert!(world.items_without_leases().await?.is_empty(), "a refused export writes no item");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_of_a_pool_of_another_account_is_refused() -> Result<()> {
    let world = World::new().await?;
    let config = local::aws::config(&world.stack.deployment.endpoint_url, local::aws::REGION);
    let credentials = cognito::config::Credentials::new("123456789012", "test", None, None, "other");
    let other_account = cognito::config::Builder::from(&config).credentials_provider(credentials).build();
    let pool = population::create_pool(&cognito::Client::from_conf(other_account), "other-account").await?;
    let message = error_message(&world.export(&json!({"userPoolId": pool})).await?, "PoolNotFound")?;
    assert!(message.contains("account"), "{message}");
    assert!(world.items_without_leases().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_bad_input_is_refused_before_it_changes_the_target() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(12).await?;
    let (other, _) = world.filled_pool(3).await?;
    let target = world.empty_pool().await?;
    assert!(
        error_message(&world.restore(&source, &target).await?, "SnapshotNotFound")?.contains("no snapshot")
    );

    let sealed = world.take_snapshot(&source).await?["snapshotId"].clone();
    let others = world.take_snapshot(&other).await?["snapshotId"].clone();
    world.stack.recorder.inject(|call| match call.operation.as_str() {
        "ListUsers" => Action::Answer(local::recorder::Answer::error(400, "LimitExceededException", "No.")),
        _ => Action::Forward,
    });
    let failed = world.export(&json!({"userPoolId": source})).await?;
    error_message(&failed, "CallRefused")?;
    world.stack.recorder.forward_all();
    let failed = snapshot_in_state(&world, "FAILED").await?;

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
        .username_attributes(cognito::types::UsernameAttributeType::Email)
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
        (json!({"snapshot": others}), "SnapshotOfAnotherPool", "is of user pool"),
        (json!({"tps": 201}), "InvalidInput", "from 1 to 200"),
        (json!({"snapshotId": sealed}), "InvalidInput", "in the order of the names, is unknown"),
        (json!({"existing": "overwrite"}), "InvalidInput", "it can be \"fail\" or \"skip\" or \"update\""),
        (json!({"method": "CSV"}), "InvalidInput", "it can be \"api\" or \"csv\""),
        (json!({"passwords": "temporary"}), "InvalidInput", "sendInvitations"),
        (json!({"targetUserPoolId": "eu-west-1_Elsewhere1"}), "PoolNotFound", "eu-west-1"),
    ];
    world.stack.recorder.clear();
    for (change, name, words) in cases {
        let input = input(change);
        let message = error_message(&world.import(&input).await?, name)?;
        assert!(message.contains(words), "{input}: {message}");
    }
    let calls = world.stack.recorder.traffic().cognito();
    let is_write = |name: &&str| !name.starts_with("Describe") && !name.starts_with("List");
    let writes: Vec<_> = calls.counts().into_keys().filter(is_write).collect();
    assert!(writes.is_empty(), "a refused import changes no pool, but it called {writes:?}");
    assert_eq!(world.user_count(&target).await?, 0);
    assert!(
        world
            .items_without_leases()
            .await?
            .keys()
            .all(|(pk, sk)| !pk.starts_with("RESTORE#") && !sk.starts_with("RESTORE#"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_an_empty_selection_or_a_newer_snapshot_version_is_refused() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(12).await?;
    let target = world.empty_pool().await?;
    let sealed = world.take_snapshot(&source).await?["snapshotId"].as_str().unwrap_or_default().to_owned();
    world.stack.recorder.clear();
    let mut input = import_input(&source, &target);
    input["select"] = json!({"usernames": ["unknown"]});
    assert!(
        error_message(&world.import(&input).await?, "SelectionEmpty")?.contains("names no user of snapshot")
    );

    let items = world.items().await?;
    let mut header = items[&(format!("POOL#{source}"), format!("SNAP#{sealed}"))].clone();
    header.insert("schemaVersion".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N("99".to_owned()));
    world.put_item(header).await?;
    let message = error_message(&world.import(&import_input(&source, &target)).await?, "UnsupportedSchema")?;
    assert!(message.contains("schema version 99") && message.contains("newer"), "{message}");

    let calls = world.stack.recorder.traffic().cognito();
    assert!(
        calls.counts().into_keys().all(|name| name.starts_with("Describe") || name.starts_with("List")),
        "{:?}",
        calls.counts()
    );
    assert_eq!(world.user_count(&target).await?, 0);
    Ok(())
}

async fn snapshot_in_state(world: &World, state: &str) -> Result<String> {
    let items = world.items().await?;
    let mut headers = items.iter().filter(|((pk, sk), _)| pk.starts_with("POOL#") && sk.starts_with("SNAP#"));
    let found = headers.find(|(_, item)| {
        item.get("state").and_then(|value| value.as_s().ok()).is_some_and(|actual| actual == state)
    });
    Ok(found
        .map(|((_, sk), _)| sk.trim_start_matches("SNAP#").to_owned())
        .expect("no snapshot is in this state"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_wrong_setting_of_a_function() -> Result<()> {
    let cases = [
        (("COGNITO_TPS", "ten"), "InvalidConfiguration", "COGNITO_TPS"),
        (("BACKUP_TABLE_NAME", ""), "InvalidConfiguration", "lacks BACKUP_TABLE_NAME"),
        (("BACKUP_TABLE_NAME", "no-such-table"), "TableNotFound", "no-such-table"),
        (("SNS_PREFERENCE", "SOME"), "InvalidConfiguration", "ERRORS_ONLY"),
    ];
    for ((variable, value), name, words) in cases {
        let options = Options { variables: vec![(variable.into(), value.into())], ..Options::default() };
        let world = World::with_options(options).await?;
        let pool = world.empty_pool().await?;
        let outcome = world.export(&json!({"userPoolId": pool})).await?;
        let message = error_message(&outcome, name)?;
        assert!(message.contains(words), "{message}");
        assert!(world.items_without_leases().await?.is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_refuses_an_event_that_no_state_machine_sends() -> Result<()> {
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
    assert!(world.items_without_leases().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_export_of_a_pool_at_the_same_time_is_refused_and_names_the_first() -> Result<()> {
    let world = World::new().await?;
    let (pool, _) = world.filled_pool(70).await?;
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
    let message = error_message(&second, "ExportAlreadyRunning")?;
    assert!(message.contains(&first), "{message}");
    assert_eq!(executions::wait(&world.stack.sfn(), &first).await?.success()?["users"], 70);
    assert_eq!(world.take_snapshot(&pool).await?["users"], 70, "the first export has released the lease");
    Ok(())
}
