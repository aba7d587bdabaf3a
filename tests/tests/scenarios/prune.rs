//! Snapshots are removed, by hand and by retention, and those that stay are whole.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::types::AttributeType;
use local::comparison;
use local::provision::Options;
use serde_json::{Value, json};
use tests::World;
use tests::operator::Operator;

async fn rename(world: &World, pool: &str, username: &str, name: &str) -> Result<()> {
    let attribute = AttributeType::builder().name("name").value(name).build()?;
    let request = world.stack.cognito().admin_update_user_attributes().user_pool_id(pool).username(username);
    request.user_attributes(attribute).send().await?;
    Ok(())
}

async fn user_records(world: &World) -> Result<BTreeSet<(String, String)>> {
    Ok(world.items().await?.into_keys().filter(|(pk, _)| pk.starts_with("USER#")).collect())
}

/// Snapshot ids, as a report or a list has them.
fn id(report: &Value) -> String {
    report["snapshotId"].as_str().unwrap_or_default().to_owned()
}

/// Four snapshots: somebody is renamed and renamed back, and somebody is deleted.
async fn history(world: &World) -> Result<(String, Vec<String>)> {
    let (pool, population) = world.pool_of(130).await?;
    let names: Vec<_> = population.users.iter().map(|person| person.username.clone()).collect();
    let mut ids = vec![id(&world.snapshot(&pool).await?)];
    rename(world, &pool, &names[0], "For a while").await?;
    ids.push(id(&world.snapshot(&pool).await?));
    rename(world, &pool, &names[0], "As before").await?;
    world.stack.cognito().admin_delete_user().user_pool_id(&pool).username(&names[1]).send().await?;
    ids.push(id(&world.snapshot(&pool).await?));
    rename(world, &pool, &names[2], "At last").await?;
    ids.push(id(&world.snapshot(&pool).await?));
    Ok((pool, ids))
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_removed_by_hand_and_the_others_are_restored_completely() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::of(&world).await?;
    let (pool, ids) = history(&world).await?;
    let before = user_records(&world).await?;
    assert_eq!(before.len(), 130 + 3, "three people were listed in another state");

    let prune = format!("prune --pool {pool}");
    let refused = operator.gets(4, &format!("{prune} --snapshot {}", ids[3])).await?;
    assert_eq!(refused["error"], "SnapshotNotRemovable", "{refused}");
    let planned = operator.gets(0, &format!("{prune} --snapshot {} --plan", ids[1])).await?;
    assert_eq!((&planned["planned"], user_records(&world).await?), (&json!(true), before.clone()), "{planned}");

    // The one in the middle: only the name that somebody had for a while goes.
    let removed = operator.gets(0, &format!("{prune} --snapshot {}", ids[1])).await?;
    assert_eq!((&removed["removed"]["snapshots"], &removed["removed"]["records"]), (&json!(1), &json!(1)), "{removed}");
    let left = user_records(&world).await?;
    assert!(left.is_subset(&before) && left.len() == 132, "{} records", left.len());
    let oldest = operator.gets(3, &format!("verify --snapshot {} --against {pool} --tps 200", ids[0])).await?;
    assert_eq!(
        (&oldest["users"]["same"], &oldest["users"]["missing"], &oldest["users"]["different"]),
        (&json!(127), &json!(1), &json!(2)),
        "{oldest}"
    );

    // By rules: the oldest goes, with the deleted person and the name before.
    let removed = operator.gets(0, &format!("{prune} --keep-last 2")).await?;
    assert_eq!(removed["removed"]["snapshots"], 1, "{removed}");
    assert_eq!(user_records(&world).await?.len(), 130);
    let list = operator.gets(0, &format!("snapshots --pool {pool}")).await?;
    let listed: Vec<_> = list["snapshots"].as_array().context("a list")?.iter().map(id).collect();
    assert_eq!(listed, [ids[3].clone(), ids[2].clone()]);
    let partitions: BTreeSet<_> =
        world.items().await?.into_keys().map(|(pk, _)| pk).filter(|pk| pk.starts_with("SNAP#")).collect();
    assert_eq!(partitions, ids[2..].iter().map(|id| format!("SNAP#{id}")).collect());
    assert_eq!(world.items().await?, world.replica_items().await?, "gone in the second Region as well");

    // Both that stay are whole.
    let target = world.empty_pool().await?;
    assert_eq!(world.restore(&pool, &target).await?.success()?["status"], "SUCCEEDED");
    assert!(world.compare(&pool, &target).await?.is_clean());
    let kept = operator.gets(3, &format!("verify --snapshot {} --against {pool} --tps 200", ids[2])).await?;
    assert_eq!(
        (&kept["users"]["same"], &kept["users"]["different"], &kept["users"]["missing"]),
        (&json!(128), &json!(1), &json!(0)),
        "{kept}"
    );

    // Nothing keeps the next export from being complete.
    world.snapshot(&pool).await?;
    let again = operator.gets(0, &format!("verify --pool {pool} --against {pool} --tps 200")).await?;
    assert_eq!(again["status"], "COMPLETE", "{again}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_removes_what_no_rule_keeps_at_the_end_of_an_export() -> Result<()> {
    let variables = vec![("SNAPSHOT_RETENTION".to_owned(), "last=2".to_owned())];
    let world = World::with(Options { variables, ..Options::default() }).await?;
    let messages = world.listen();
    let (pool, ids) = history(&world).await?;
    let list = Operator::of(&world).await?.gets(0, &format!("snapshots --pool {pool}")).await?;
    let listed: Vec<_> = list["snapshots"].as_array().context("a list")?.iter().map(id).collect();
    assert_eq!(listed, [ids[3].clone(), ids[2].clone()]);
    assert_eq!(user_records(&world).await?.len(), 130);
    assert!(messages.heard().iter().any(|message| message.contains("Retention (last=2) removed 1 snapshot")));

    let target = world.empty_pool().await?;
    assert_eq!(world.restore(&pool, &target).await?.success()?["status"], "SUCCEEDED");
    let comparison = comparison::compare_pools(&world.stack.cognito(), &pool, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_emptied_pool_has_lost_is_not_removed_by_retention() -> Result<()> {
    let variables = vec![("SNAPSHOT_RETENTION".to_owned(), "last=1".to_owned())];
    let world = World::with(Options { variables, ..Options::default() }).await?;
    let (pool, population) = world.pool_of(60).await?;
    let full = id(&world.snapshot(&pool).await?);
    for person in &population.users[20..] {
        world.stack.cognito().admin_delete_user().user_pool_id(&pool).username(&person.username).send().await?;
    }
    for _ in 0..2 {
        let report = world.snapshot(&pool).await?;
        assert_eq!(report["retention"]["heldBackSnapshots"], json!([full]), "{report}");
    }
    let target = world.empty_pool().await?;
    let input = json!({"sourceUserPoolId": pool, "targetUserPoolId": target, "snapshot": full, "tps": 200});
    world.import(&input).await?.success()?;
    assert_eq!(world.users_in(&target).await?, 60);
    Ok(())
}
