//! Goal: prune and retention remove the right snapshots, and the other snapshots stay complete.
//!
//! Method: take several snapshots of a changing pool, remove some of them with the command line or by
//! retention, and verify and restore the others.

use std::collections::BTreeSet;
use std::time::Duration;

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

/// The snapshot id in a report, or in an entry of a list.
fn id(report: &Value) -> String {
    report["snapshotId"].as_str().unwrap_or_default().to_owned()
}

/// Takes 4 snapshots of a pool. Between them, user 1 is renamed twice, user 2 is deleted, and user
/// 3 is renamed. Returns the pool and the snapshot ids.
async fn take_four_snapshots(world: &World) -> Result<(String, Vec<String>)> {
    let (pool, population) = world.filled_pool(130).await?;
    let names: Vec<_> = population.users.iter().map(|user| user.username.clone()).collect();
    let mut ids = vec![id(&world.take_snapshot(&pool).await?)];
    rename(world, &pool, &names[0], "For a while").await?;
    ids.push(id(&world.take_snapshot(&pool).await?));
    rename(world, &pool, &names[0], "As before").await?;
    world.stack.cognito().admin_delete_user().user_pool_id(&pool).username(&names[1]).send().await?;
    ids.push(id(&world.take_snapshot(&pool).await?));
    rename(world, &pool, &names[2], "At last").await?;
    ids.push(id(&world.take_snapshot(&pool).await?));
    Ok((pool, ids))
}

#[tokio::test(flavor = "multi_thread")]
async fn prune_removes_snapshots_and_the_others_are_restored_completely() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (pool, ids) = take_four_snapshots(&world).await?;
    let before = user_records(&world).await?;
    assert_eq!(before.len(), 130 + 3, "each of the 3 renames makes 1 more record");

    let prune = format!("prune --pool {pool}");
    let refused = operator.run_json(4, &format!("{prune} --snapshot {}", ids[3])).await?;
    assert_eq!(refused["error"], "SnapshotNotRemovable", "{refused}");
    let planned = operator.run_json(0, &format!("{prune} --snapshot {} --plan", ids[1])).await?;
    assert_eq!(
        (&planned["planned"], user_records(&world).await?),
        (&json!(true), before.clone()),
        "{planned}"
    );

    // Remove the second snapshot. The only record that only it names is the first user's name at
    // that time.
    let removed = operator.run_json(0, &format!("{prune} --snapshot {}", ids[1])).await?;
    assert_eq!(
        (&removed["removed"]["snapshots"], &removed["removed"]["records"]),
        (&json!(1), &json!(1)),
        "{removed}"
    );
    let remaining = user_records(&world).await?;
    assert!(remaining.is_subset(&before) && remaining.len() == 132, "{} records", remaining.len());
    let oldest =
        operator.run_json(3, &format!("verify --snapshot {} --against {pool} --tps 200", ids[0])).await?;
    let counts =
        |report: &Value| ["same", "missing", "different"].map(|count| report["users"][count].as_u64());
    assert_eq!(counts(&oldest), [Some(127), Some(1), Some(2)], "{oldest}");

    // Remove the oldest snapshot by rules, with the records of the deleted user and of the first user's
    // first name.
    let removed = operator.run_json(0, &format!("{prune} --keep-last 2")).await?;
    assert_eq!(removed["removed"]["snapshots"], 1, "{removed}");
    assert_eq!(user_records(&world).await?.len(), 130);
    let list = operator.run_json(0, &format!("snapshots --pool {pool}")).await?;
    let listed: Vec<_> = list["snapshots"].as_array().context("a list")?.iter().map(id).collect();
    assert_eq!(listed, [ids[3].clone(), ids[2].clone()]);
    let partitions: BTreeSet<_> =
        world.items().await?.into_keys().map(|(pk, _)| pk).filter(|pk| pk.starts_with("SNAP#")).collect();
    assert_eq!(partitions, ids[2..].iter().map(|id| format!("SNAP#{id}")).collect());
    assert_eq!(world.items().await?, world.replica_items().await?, "the second Region holds the same items");

    // The 2 remaining snapshots are complete.
    let target = world.empty_pool().await?;
    assert_eq!(world.restore(&pool, &target).await?.success()?["status"], "SUCCEEDED");
    assert!(world.compare(&pool, &target).await?.is_clean());
    let kept =
        operator.run_json(3, &format!("verify --snapshot {} --against {pool} --tps 200", ids[2])).await?;
    assert_eq!(counts(&kept), [Some(128), Some(0), Some(1)], "{kept}");

    // The next export is complete, too.
    world.take_snapshot(&pool).await?;
    let again = operator.run_json(0, &format!("verify --pool {pool} --against {pool} --tps 200")).await?;
    assert_eq!(again["status"], "COMPLETE", "{again}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prune_that_is_asked_to_end_leaves_no_unusable_snapshot() -> Result<()> {
    let world = World::new().await?;
    let operator = Operator::new(&world).await?;
    let (pool, ids) = take_four_snapshots(&world).await?;
    let (prune, mut was_interrupted) = (format!("prune --pool {pool} --keep-last 1"), false);
    // Each delay lets the command come a little further, until it is faster than the delay.
    for delay in (1..).map(|step| Duration::from_millis(40 * step)) {
        let ended = operator.run_and_terminate(&prune, delay).await?;
        let told = String::from_utf8_lossy(&ended.stderr);
        if ended.status.success() {
            break;
        }
        if ended.status.code().is_some() {
            assert!(told.contains("The removal stopped"), "{told}");
            was_interrupted = true;
        }
        let list = operator.run_json(0, &format!("snapshots --pool {pool}")).await?;
        let newest = &list["snapshots"][0];
        assert_eq!((id(newest), &newest["status"]), (ids[3].clone(), &json!("SEALED")), "{list}");
        for sealed in list["snapshots"].as_array().context("a list")? {
            if sealed["status"] == "SEALED" {
                let verify = format!("verify --snapshot {} --against {pool} --tps 200", id(sealed));
                let compared = operator.run(&format!("{verify} --json")).await?;
                let compared: Value = serde_json::from_slice(&compared.stdout)?;
                assert_eq!(
                    (&compared["error"], &compared["users"]["damaged"]),
                    (&Value::Null, &json!(0)),
                    "{compared}"
                );
            }
        }
    }
    assert!(was_interrupted);
    assert_eq!(user_records(&world).await?.len(), 129);
    let target = world.empty_pool().await?;
    assert_eq!(world.restore(&pool, &target).await?.success()?["status"], "SUCCEEDED");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_removes_the_snapshots_that_no_rule_keeps() -> Result<()> {
    let variables = vec![("SNAPSHOT_RETENTION".to_owned(), "last=2".to_owned())];
    let world = World::with_options(Options { variables, ..Options::default() }).await?;
    let (pool, ids) = take_four_snapshots(&world).await?;
    let newest = json!({"userPoolId": pool, "snapshotId": ids[3]});
    let report = world.remove_old_snapshots(&newest).await?;
    assert_eq!(report["retention"]["removed"]["snapshots"], 2, "{report}");
    assert_eq!(world.remove_old_snapshots(&newest).await?, report, "the event is delivered twice");
    let list = Operator::new(&world).await?.run_json(0, &format!("snapshots --pool {pool}")).await?;
    let listed: Vec<_> = list["snapshots"].as_array().context("a list")?.iter().map(id).collect();
    assert_eq!(listed, [ids[3].clone(), ids[2].clone()]);
    assert_eq!(user_records(&world).await?.len(), 130);

    let target = world.empty_pool().await?;
    assert_eq!(world.restore(&pool, &target).await?.success()?["status"], "SUCCEEDED");
    let comparison = comparison::compare_pools(&world.stack.cognito(), &pool, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_keeps_the_last_snapshot_before_a_pool_lost_most_of_its_users() -> Result<()> {
    let variables = vec![("SNAPSHOT_RETENTION".to_owned(), "last=1".to_owned())];
    let world = World::with_options(Options { variables, ..Options::default() }).await?;
    let (pool, population) = world.filled_pool(60).await?;
    let full = id(&world.take_snapshot(&pool).await?);
    for user in &population.users[20..] {
        world.stack.cognito().admin_delete_user().user_pool_id(&pool).username(&user.username).send().await?;
    }
    let messages = world.record_messages();
    for _ in 0..2 {
        let report = world.remove_old_snapshots(&world.take_snapshot(&pool).await?).await?;
        assert_eq!(report["retention"]["heldBackSnapshots"], json!([full]), "{report}");
    }
    assert!(messages.all().iter().any(|message| message.contains("held back") && message.contains(&full)));
    let target = world.empty_pool().await?;
    let input = json!({"sourceUserPoolId": pool, "targetUserPoolId": target, "snapshot": full, "tps": 200});
    world.import(&input).await?.success()?;
    assert_eq!(world.user_count(&target).await?, 60);
    Ok(())
}
