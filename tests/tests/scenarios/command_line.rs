//! Goal: an operator can export, list, restore, repair and verify with the command line, and its exit codes
//! are right.
//!
//! Method: run the command line against a deployment, and compare its output and exit code with the pools.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::types::AttributeType;
use aws_sdk_sfn::types::HistoryEvent;
use local::population::Group;
use serde_json::{Value, json};
use tests::World;
use tests::operator::Operator;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_exports_lists_and_restores_with_the_command_line() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (source, _) = world.filled_pool(65).await?;
    let target = world.empty_pool().await?;
    let exported = operator.run_json(0, &format!("export --pool {source} --tps 100")).await?;
    assert_eq!((&exported["status"], &exported["users"]), (&"SEALED".into(), &65.into()));
    let listed = operator.run_json(0, &format!("snapshots --pool {source}")).await?;
    assert_eq!(listed["snapshots"][0]["snapshotId"], exported["snapshotId"], "{listed}");

    let plan =
        operator.run_json(0, &format!("import --pool {source} --into {target} --tps 200 --plan")).await?;
    assert_eq!((plan["creatable"].as_u64(), world.user_count(&target).await?), (Some(65), 0), "{plan}");
    let output = operator.run(&format!("import --pool {source} --into {target} --tps 200")).await?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
    assert!(stdout.contains("Restored 65 of 65 users"), "{stdout}");
    assert!(world.compare(&source, &target).await?.is_clean());
    let sub_map = operator.run(&format!("sub-map --into {target} --format csv")).await?;
    let lines = String::from_utf8(sub_map.stdout)?;
    assert_eq!((sub_map.status.code(), lines.matches(",\"created\"").count()), (Some(0), 65), "{lines}");
    let status = operator.run_json(0, &format!("status --pool {target}")).await?;
    assert_eq!(status["restores"][0]["verification"]["same"], 65, "{status}");
    assert_eq!(status["restores"][0]["status"], "SUCCEEDED", "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_repairs_a_pool_with_the_command_line() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (pool, population) = world.filled_pool(30).await?;
    let snapshot =
        operator.run_json(0, &format!("export --pool {pool} --tps 100")).await?["snapshotId"].clone();
    let snapshot = snapshot.as_str().context("the report has no snapshot id")?.to_owned();
    let client = world.stack.cognito();
    for user in &population.users[..4] {
        client.admin_delete_user().user_pool_id(&pool).username(&user.username).send().await?;
    }
    let compare = format!("verify --pool {pool} --against {pool} --snapshot {snapshot} --tps 200");
    let before = operator.run_json(3, &compare).await?;
    assert_eq!(
        (&before["users"]["missing"], &before["matchedBy"]["sub"]),
        (&json!(4), &json!(26)),
        "{before}"
    );
    let stdout = String::from_utf8(operator.run(&compare).await?.stdout)?;
    let repair = format!("import --pool {pool} --into {pool} --snapshot {snapshot}");
    assert!(stdout.contains(&format!("cognito-backup {repair} --existing skip")), "{stdout}");

    let refused = operator.run(&format!("{repair} --tps 200")).await?;
    let stderr = String::from_utf8(refused.stderr)?;
    assert!(refused.status.code() == Some(4) && stderr.contains("--existing update"), "{stderr}");
    let plan = operator.run_json(0, &format!("{repair} --existing skip --tps 200 --plan")).await?;
    assert_eq!((&plan["creatable"], &plan["there"]["same"]), (&json!(4), &json!(26)), "{plan}");
    let report = operator.run_json(0, &format!("{repair} --existing skip --tps 200")).await?;
    assert_eq!((&report["users"]["created"], world.user_count(&pool).await?), (&json!(4), 30), "{report}");
    let after = operator.run_json(0, &compare).await?;
    assert_eq!(
        (&after["matchedBy"]["sub"], &after["matchedBy"]["subMap"]),
        (&json!(26), &json!(4)),
        "{after}"
    );
    let sub_map = operator.run(&format!("sub-map --into {pool} --format csv")).await?;
    let lines = String::from_utf8(sub_map.stdout)?;
    assert_eq!((lines.matches(",\"created\"").count(), lines.lines().count()), (4, 5), "{lines}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_restores_one_user_and_step_functions_never_sees_the_name() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (source, population) = world.filled_pool(12).await?;
    let target = world.empty_pool().await?;
    world.take_snapshot(&source).await?;
    let username = &population.users[3].username;
    let import = format!("import --pool {source} --into {target} --user {username} --tps 200");
    let plan = operator.run_json(0, &format!("{import} --plan")).await?;
    assert_eq!((&plan["creatable"], &plan["users"]), (&json!(1), &json!(1)), "{plan}");
    let report = operator.run_json(0, &import).await?;
    assert_eq!((&report["users"]["created"], world.user_count(&target).await?), (&json!(1), 1), "{report}");

    let sfn = world.stack.sfn();
    let arn = report["executionArn"].as_str().context("the report has no execution")?;
    let execution = sfn.describe_execution().execution_arn(arn).send().await?;
    let input: Value = serde_json::from_str(execution.input().context("it has no input")?)?;
    let id = input["selectionId"].as_str().context("the input has no selection id")?;
    assert!(input.get("select").is_none() && input.get("except").is_none(), "{input}");
    let history = sfn.get_execution_history().execution_arn(arn).include_execution_data(true).send().await?;
    // The SDK shows no data of executions in its own text.
    let history: Vec<&str> = history.events().iter().flat_map(data_of).collect();
    let history = history.join("\n");
    assert!(history.contains(id) && !history.contains(username.as_str()), "{history}");
    let output = execution.output().unwrap_or_default();
    assert!(!output.contains(username.as_str()), "{output}");

    let items = world.items().await?;
    let stored = items.get(&(format!("SELECTION#{id}"), "SELECTION".to_owned())).context("no selection")?;
    assert!(
        format!("{stored:?}").contains(username.as_str()) && stored.contains_key("expiresAt"),
        "{stored:?}"
    );
    let expired = format!("SELECTION#{id}");
    world.delete_item(&(expired, "SELECTION".to_owned())).await?;
    let again = world.import(&input).await?;
    assert_eq!(again.error.as_deref(), Some("SelectionNotFound"), "{:?}", again.cause);
    Ok(())
}

/// What an event of a history holds of inputs and outputs.
fn data_of(event: &HistoryEvent) -> impl Iterator<Item = &str> {
    [
        event.execution_started_event_details().and_then(|details| details.input()),
        event.state_entered_event_details().and_then(|details| details.input()),
        event.task_scheduled_event_details().map(|details| details.parameters()),
        event.task_succeeded_event_details().and_then(|details| details.output()),
        event.lambda_function_scheduled_event_details().and_then(|details| details.input()),
        event.lambda_function_succeeded_event_details().and_then(|details| details.output()),
        event.state_exited_event_details().and_then(|details| details.output()),
        event.execution_succeeded_event_details().and_then(|details| details.output()),
    ]
    .into_iter()
    .flatten()
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_of_the_command_line_match_the_results_of_runs() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (source, _) = world.filled_pool(12).await?;
    let target = world.empty_pool().await?;
    world.take_snapshot(&source).await?;
    for (command, error) in [
        ("export --pool us-east-1_Unknown12", "PoolNotFound"),
        (&format!("import --pool {source} --into {source}"), "TargetIsSource"),
        (&format!("export --pool {source} --tps 0"), "InvalidInput"),
    ] {
        assert_eq!(operator.run_json(4, command).await?["error"], error, "{command}");
    }
    assert_eq!(operator.run("import --pool").await?.status.code(), Some(2));

    let record = world.items().await?.into_keys().find(|(pk, _)| pk.starts_with("USER#")).unwrap();
    world.delete_item(&record).await?;
    let partial = operator.run_json(3, &format!("import --pool {source} --into {target} --tps 200")).await?;
    assert!(partial.to_string().contains("recordMissing"), "{partial}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_verifies_pools_against_a_snapshot_with_the_command_line() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (source, population) = world.filled_pool(65).await?;
    let target = world.empty_pool().await?;
    let report = world.take_snapshot(&source).await?;
    let snapshot = report["snapshotId"].as_str().context("the report has no snapshot id")?;
    world.restore(&source, &target).await?.success()?;

    let own =
        operator.run_json(0, &format!("verify --snapshot {snapshot} --against {source} --tps 200")).await?;
    assert_eq!((&own["status"], &own["users"]["same"]), (&json!("COMPLETE"), &json!(65)), "{own}");
    let is_within_limit = own["calls"]["peakPerSecond"].as_u64() <= Some(200);
    assert_eq!((&own["matchedBy"]["ownPool"], is_within_limit), (&json!(true), true));
    let verify = format!("verify --pool {source} --against {target} --tps 200");
    let restored = operator.run_json(0, &verify).await?;
    assert_eq!(
        (&restored["users"]["same"], &restored["matchedBy"]["subMap"]),
        (&json!(65), &json!(65)),
        "{restored}"
    );
    assert_eq!(restored["memberships"]["present"], population.memberships(), "{restored}");
    assert_eq!(restored["findings"], json!([]), "{restored}");

    // Change a name, an enabled flag, a membership, and the description of a group.
    let client = world.stack.cognito();
    let (renamed, disabled) =
        (&population.users[0], population.users[1..].iter().find(|user| user.enabled).unwrap());
    let member =
        population.users.iter().find(|user| !user.groups.is_empty()).context("no user is in a group")?;
    let is_empty = |group: &&Group| !population.users.iter().any(|user| user.groups.contains(&group.name));
    let (left_group, empty) =
        (&member.groups[0], population.groups.iter().find(is_empty).context("no group is empty")?);
    let name = AttributeType::builder().name("name").value("Another Name").build()?;
    let request = client.admin_update_user_attributes().user_pool_id(&target).username(&renamed.username);
    request.user_attributes(name).send().await?;
    client.admin_disable_user().user_pool_id(&target).username(&disabled.username).send().await?;
    let request = client.admin_remove_user_from_group().user_pool_id(&target).username(&member.username);
    request.group_name(left_group).send().await?;
    client.delete_group().user_pool_id(&target).group_name(&empty.name).send().await?;
    let request =
        client.create_group().user_pool_id(&target).group_name(&empty.name).description("Another one");
    request.set_precedence(empty.precedence).set_role_arn(empty.role_arn.clone()).send().await?;

    let changed = operator.run_json(3, &verify).await?;
    let sub = async |pool: &str, username: &str| {
        let user = client.admin_get_user().user_pool_id(pool).username(username).send().await?;
        let sub = user.user_attributes().iter().find(|attribute| attribute.name() == "sub");
        sub.and_then(|sub| sub.value()).map(str::to_owned).context("the user has no sub")
    };
    let member_sub = sub(&source, &member.username).await?;
    let mut expected = vec![
        json!({"kind": "group", "finding": "different", "group": empty.name, "fields": ["description"]}),
        json!({"kind": "membership", "finding": "missing", "group": left_group, "sub": member_sub}),
    ];
    for (user, field) in [(renamed, "name"), (disabled, "enabled")] {
        let (old, new) = (sub(&source, &user.username).await?, sub(&target, &user.username).await?);
        expected.push(
            json!({"kind": "user", "finding": "different", "sub": old, "poolSub": new, "fields": [field]}),
        );
    }
    let findings = changed["findings"].as_array().context("the report has no findings")?;
    assert!(findings.len() == 4 && expected.iter().all(|finding| findings.contains(finding)), "{changed}");
    assert_eq!(changed["status"], "PARTIAL", "{changed}");
    assert_eq!(changed["users"]["fields"], json!({"name": 1, "enabled": 1}), "{changed}");

    let output = operator.run(&format!("{verify} --all")).await?;
    let (stdout, stderr) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert_eq!(output.status.code(), Some(3), "{stdout}{stderr}");
    assert!(stdout.starts_with(&format!("User pool {target} DIFFERS from snapshot {snapshot}")), "{stdout}");
    assert!(!stdout.contains("Another Name") && !stdout.contains(&renamed.username), "{stdout}");
    assert!(
        stderr.contains("This changes nothing.") && stderr.contains("0 of about 65 users compared"),
        "{stderr}"
    );
    assert_eq!(operator.run_json(4, &format!("verify --against {target}")).await?["error"], "InvalidInput");
    Ok(())
}
