//! Goal: a restore brings back all users, groups and memberships of a pool, and exports of an unchanged
//! pool are cheap.
//!
//! Method: export generated pools, import them into empty or prepared targets, and compare pools, reports
//! and items.

use anyhow::Result;
use local::population;
use serde_json::json;
use tests::{World, error_message, import_input};

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_exported_and_restored_with_everything_in_it() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(150).await?;
    let first = world.take_snapshot(&source).await?;
    assert_eq!(first["status"], "SEALED");
    assert_eq!(first["users"], 150);
    assert_eq!(first["groups"], population.groups.len());
    assert_eq!(first["memberships"], population.memberships());
    assert_eq!(first["recordsWritten"], 150 + population.groups.len());

    let target = world.empty_pool().await?;
    let restored = world.restore(&source, &target).await?.success()?;
    assert_eq!(restored["status"], "SUCCEEDED");
    assert_eq!(restored["users"]["created"], 150);
    assert_eq!(restored["memberships"]["created"], population.memberships());
    let comparison = world.compare(&source, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");

    let items = world.items().await?;
    assert_eq!(items, world.replica_items().await?, "the second Region holds the same items");
    let sub_map = items.iter().filter(|((pk, sk), item)| {
        pk.starts_with("RESTORE#") && sk.starts_with("SUB#") && item.contains_key("restored")
    });
    assert_eq!(sub_map.count(), 150);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_export_of_an_unchanged_pool_writes_no_record() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(130).await?;
    world.take_snapshot(&source).await?;
    let before = world.items().await?;
    world.stack.recorder.clear();
    let second = world.take_snapshot(&source).await?;
    assert_eq!(second["recordsWritten"], 0);

    let after = world.items().await?;
    let records = |key: &&(String, String)| key.1.starts_with("REC#");
    assert!(after.keys().filter(records).eq(before.keys().filter(records)));
    let changed =
        before.iter().filter(|(key, item)| after.get(*key) != Some(item)).map(|(key, _)| key.1.as_str());
    assert_eq!(
        changed.collect::<Vec<_>>(),
        ["LEASE#EXPORT"],
        "the second export changes no item of the first snapshot"
    );
    let write_units = world.stack.recorder.traffic().dynamodb().write_units();
    let pages = second["pages"].as_u64().unwrap();
    // The units of the snapshot, the header and the lease.
    let fixed = 3 * (12 + 8);
    assert!(write_units <= pages * 3 + fixed, "{write_units} write units for {pages} pages");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_pool_is_restored_from_an_earlier_snapshot() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(70).await?;
    let (twin, _) = world.filled_pool(70).await?;
    let full = world.take_snapshot(&source).await?;
    let cognito = world.stack.cognito();
    for username in local::comparison::read(&cognito, &source).await?.users.keys() {
        cognito.admin_delete_user().user_pool_id(&source).username(username).send().await?;
    }
    let empty = world.take_snapshot(&source).await?;
    assert_eq!((&empty["users"], &empty["status"]), (&json!(0), &json!("SEALED")));
    assert!(empty["summary"].as_str().unwrap().contains("ATTENTION"), "{empty}");

    let target = world.empty_pool().await?;
    let mut input = import_input(&source, &target);
    input["snapshot"] = full["snapshotId"].clone();
    assert_eq!(world.import(&input).await?.success()?["status"], "SUCCEEDED");
    let comparison = world.compare(&twin, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_restored_from_items_that_were_copied_to_another_table() -> Result<()> {
    let (world, other) = (World::new().await?, World::new().await?);
    let (source, _) = world.filled_pool(65).await?;
    world.take_snapshot(&source).await?;
    for item in world.items().await?.into_values() {
        other.put_item(item).await?;
    }
    let (twin, _) = other.filled_pool(65).await?;
    let target = other.empty_pool().await?;
    other.restore(&source, &target).await?.success()?;
    let comparison = other.compare(&twin, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_keeps_the_groups_that_the_target_already_has() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(60).await?;
    world.take_snapshot(&source).await?;
    let target = world.empty_pool().await?;
    let cognito = world.stack.cognito();
    let (same, other) = (&population.groups[0], &population.groups[1]);
    let create = |name: &str| cognito.create_group().user_pool_id(&target).group_name(name);
    let create_same =
        create(&same.name).set_description(same.description.clone()).set_precedence(same.precedence);
    create_same.set_role_arn(same.role_arn.clone()).send().await?;
    create(&other.name).description("made by hand").send().await?;

    let summary = error_message(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains("1 group (groupDiffers)"), "{summary}");
    let comparison = world.compare(&source, &target).await?;
    assert_eq!((comparison.different_groups, comparison.differences()), (1, 1), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_two_pools_share_a_table() -> Result<()> {
    let world = World::new().await?;
    let (first, _) = world.filled_pool(30).await?;
    let second = population::create_pool(&world.stack.cognito(), "second").await?;
    population::generate(20, 99)
        .fill(&world.stack.cognito(), &second, &population::FillProgress::default())
        .await?;
    assert_eq!(world.take_snapshot(&first).await?["users"], 30);
    assert_eq!(world.take_snapshot(&second).await?["users"], 20);
    let target = world.empty_pool().await?;
    world.restore(&first, &target).await?.success()?;
    assert!(world.compare(&first, &target).await?.is_clean());
    Ok(())
}
