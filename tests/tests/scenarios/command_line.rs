//! The command line, as an operator uses it.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::types::AttributeType;
use local::population::Group;
use serde_json::json;
use tests::World;
use tests::operator::Operator;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_exports_looks_and_restores() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (source, _) = world.pool_of(65).await?;
    let target = world.empty_pool().await?;
    let exported = operator.gets(0, &format!("export --pool {source} --tps 100")).await?;
    assert_eq!((&exported["status"], &exported["users"]), (&"SEALED".into(), &65.into()));
    let listed = operator.gets(0, &format!("snapshots --pool {source}")).await?;
    assert_eq!(listed["snapshots"][0]["snapshotId"], exported["snapshotId"], "{listed}");

    let plan = operator.gets(0, &format!("import --pool {source} --into {target} --tps 200 --plan")).await?;
    assert_eq!((plan["creatable"].as_u64(), world.users_in(&target).await?), (Some(65), 0), "{plan}");
    let output = operator.types(&format!("import --pool {source} --into {target} --tps 200")).await?;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Restored 65 of 65 users"), "{shown}");
    assert!(world.compare(&source, &target).await?.is_clean());
    let sub_map = operator.types(&format!("sub-map --into {target} --format csv")).await?;
    let lines = String::from_utf8(sub_map.stdout)?;
    assert_eq!((sub_map.status.code(), lines.matches(",created").count()), (Some(0), 65), "{lines}");
    let status = operator.gets(0, &format!("status --pool {target}")).await?;
    assert_eq!(status["restores"][0]["verification"]["same"], 65, "{status}");
    assert_eq!(status["restores"][0]["status"], "SUCCEEDED", "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_repairs_a_pool() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (pool, population) = world.pool_of(30).await?;
    let snapshot = operator.gets(0, &format!("export --pool {pool} --tps 100")).await?["snapshotId"].clone();
    let snapshot = snapshot.as_str().context("no snapshot id")?.to_owned();
    let client = world.stack.cognito();
    for person in &population.users[..4] {
        client.admin_delete_user().user_pool_id(&pool).username(&person.username).send().await?;
    }
    let compare = format!("verify --pool {pool} --against {pool} --snapshot {snapshot} --tps 200");
    let before = operator.gets(3, &compare).await?;
    assert_eq!((&before["users"]["missing"], &before["matchedBy"]["sub"]), (&json!(4), &json!(26)), "{before}");
    let told = operator.types(&compare).await?;
    let (told, repair) = (String::from_utf8(told.stdout)?, format!("import --pool {pool} --into {pool} --snapshot {snapshot}"));
    assert!(told.contains(&format!("cognito-backup {repair} --existing skip")), "{told}");

    let refused = operator.types(&format!("{repair} --tps 200")).await?;
    let sentence = String::from_utf8(refused.stderr)?;
    assert!(refused.status.code() == Some(4) && sentence.contains("--existing update"), "{sentence}");
    let plan = operator.gets(0, &format!("{repair} --existing skip --tps 200 --plan")).await?;
    assert_eq!((&plan["creatable"], &plan["there"]["same"]), (&json!(4), &json!(26)), "{plan}");
    let report = operator.gets(0, &format!("{repair} --existing skip --tps 200")).await?;
    assert_eq!((&report["users"]["created"], world.users_in(&pool).await?), (&json!(4), 30), "{report}");
    let after = operator.gets(0, &compare).await?;
    assert_eq!((&after["matchedBy"]["sub"], &after["matchedBy"]["subMap"]), (&json!(26), &json!(4)), "{after}");
    let sub_map = operator.types(&format!("sub-map --into {pool} --format csv")).await?;
    let lines = String::from_utf8(sub_map.stdout)?;
    assert_eq!((lines.matches(",created").count(), lines.lines().count()), (4, 5), "{lines}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_the_truth() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (source, _) = world.pool_of(12).await?;
    let target = world.empty_pool().await?;
    world.snapshot(&source).await?;
    let refused = operator.gets(4, "export --pool us-east-1_Unknown12").await?;
    assert_eq!(refused["error"], "PoolNotFound");
    assert_eq!(operator.gets(4, &format!("import --pool {source} --into {source}")).await?["error"], "TargetIsSource");
    assert_eq!(operator.gets(4, &format!("export --pool {source} --tps 0")).await?["error"], "InvalidInput");
    assert_eq!(operator.types("import --pool").await?.status.code(), Some(2));

    let record = world.items().await?.into_keys().find(|(pk, _)| pk.starts_with("USER#")).unwrap();
    world.lose(&record).await?;
    let partial = operator.gets(3, &format!("import --pool {source} --into {target} --tps 200")).await?;
    assert!(partial.to_string().contains("recordMissing"), "{partial}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_whether_pools_hold_what_a_snapshot_holds() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (source, population) = world.pool_of(65).await?;
    let target = world.empty_pool().await?;
    let snapshot = world.snapshot(&source).await?["snapshotId"].as_str().context("a snapshot has an id")?.to_owned();
    world.restore(&source, &target).await?.success()?;

    let own = operator.gets(0, &format!("verify --snapshot {snapshot} --against {source} --tps 200")).await?;
    assert_eq!((&own["status"], &own["users"]["same"]), (&json!("COMPLETE"), &json!(65)), "{own}");
    assert_eq!((&own["matchedBy"]["ownPool"], own["calls"]["peakPerSecond"].as_u64() <= Some(200)), (&json!(true), true));
    let question = format!("verify --pool {source} --against {target} --tps 200");
    let restored = operator.gets(0, &question).await?;
    assert_eq!((&restored["users"]["same"], &restored["matchedBy"]["subMap"]), (&json!(65), &json!(65)), "{restored}");
    assert_eq!((&restored["memberships"]["present"], &restored["findings"]), (&json!(population.memberships()), &json!([])));

    // A name, an enabled flag, a membership, a group's description.
    let client = world.stack.cognito();
    let (renamed, disabled) = (&population.users[0], population.users[1..].iter().find(|person| person.enabled).unwrap());
    let member = population.users.iter().find(|person| !person.groups.is_empty()).context("nobody is in a group")?;
    let is_empty = |group: &&Group| !population.users.iter().any(|person| person.groups.contains(&group.name));
    let (left, empty) = (&member.groups[0], population.groups.iter().find(is_empty).context("everybody is in some group")?);
    let name = AttributeType::builder().name("name").value("Somebody else").build()?;
    let request = client.admin_update_user_attributes().user_pool_id(&target).username(&renamed.username);
    request.user_attributes(name).send().await?;
    client.admin_disable_user().user_pool_id(&target).username(&disabled.username).send().await?;
    client.admin_remove_user_from_group().user_pool_id(&target).username(&member.username).group_name(left).send().await?;
    client.delete_group().user_pool_id(&target).group_name(&empty.name).send().await?;
    let request = client.create_group().user_pool_id(&target).group_name(&empty.name).description("Another one");
    request.set_precedence(empty.precedence).set_role_arn(empty.role_arn.clone()).send().await?;

    let changed = operator.gets(3, &question).await?;
    let sub = async |pool: &str, username: &str| {
        let user = client.admin_get_user().user_pool_id(pool).username(username).send().await?;
        let sub = user.user_attributes().iter().find(|attribute| attribute.name() == "sub");
        sub.and_then(|sub| sub.value()).map(str::to_owned).context("a user without a sub")
    };
    let mut expected = vec![
        json!({"kind": "group", "finding": "different", "group": empty.name, "fields": ["description"]}),
        json!({"kind": "membership", "finding": "missing", "group": left, "sub": sub(&source, &member.username).await?}),
    ];
    for (person, field) in [(renamed, "name"), (disabled, "enabled")] {
        let (old, new) = (sub(&source, &person.username).await?, sub(&target, &person.username).await?);
        expected.push(json!({"kind": "user", "finding": "different", "sub": old, "poolSub": new, "fields": [field]}));
    }
    let findings = changed["findings"].as_array().context("there are findings")?;
    assert!(findings.len() == 4 && expected.iter().all(|finding| findings.contains(finding)), "{changed}");
    assert_eq!((&changed["status"], &changed["users"]["fields"]), (&json!("PARTIAL"), &json!({"name": 1, "enabled": 1})));

    let output = operator.types(&format!("{question} --all")).await?;
    let (shown, progress) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    assert_eq!(output.status.code(), Some(3), "{shown}{progress}");
    assert!(shown.starts_with(&format!("User pool {target} is NOT as snapshot {snapshot}")), "{shown}");
    assert!(!shown.contains("Somebody else") && !shown.contains(&renamed.username), "{shown}");
    assert!(progress.contains("Nothing is changed.") && progress.contains("0 of about 65 users compared"), "{progress}");
    assert_eq!(operator.gets(4, &format!("verify --against {target}")).await?["error"], "InvalidInput");
    Ok(())
}
