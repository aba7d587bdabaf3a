//! Goal: a restore of a damaged snapshot restores all other entries, names the damaged items by key, and
//! never succeeds.
//!
//! Method: delete or change items of a snapshot, and compare the error, its message and the target.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use tests::{Item, World, error_message};

fn keys(
    items: &std::collections::BTreeMap<(String, String), Item>,
    pk: &str,
    sk: &str,
) -> Vec<(String, String)> {
    items.keys().filter(|key| key.0.starts_with(pk) && key.1.starts_with(sk)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_names_a_missing_and_a_changed_record_and_restores_all_others() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(80).await?;
    world.take_snapshot(&source).await?;
    let items = world.items().await?;
    let records = keys(&items, "USER#", "REC#");
    let (missing, changed) = (&records[0], &records[1]);
    world.delete_item(missing).await?;
    let mut item = items[changed].clone();
    item.insert("enabled".into(), AttributeValue::Bool(!*item["enabled"].as_bool().unwrap()));
    world.put_item(item).await?;

    let target = world.empty_pool().await?;
    let summary = error_message(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains("Restored 78 of 80 users"), "{summary}");
    assert!(summary.contains("recordMissing") && summary.contains("recordDamaged"), "{summary}");
    assert_eq!(world.user_count(&target).await?, 78);
    let mut ledger = world.items().await?;
    ledger.retain(|(_, sk), _| sk.starts_with("LEDGER#"));
    let ledger = format!("{ledger:?}");
    for (pk, sk) in [missing, changed] {
        assert!(ledger.contains(&format!("{pk} {sk}")), "the ledger does not name {pk} {sk}");
    }

    for key in [missing, changed] {
        world.put_item(items[key].clone()).await?;
    }
    let again = world.restore(&source, &target).await?.success()?;
    assert_eq!((again["users"]["created"].as_u64(), again["users"]["lost"].as_u64()), (Some(80), Some(0)));
    let comparison = world.compare(&source, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_names_a_missing_page_and_restores_all_others() -> Result<()> {
    let world = World::new().await?;
    // More users than fit into one item, with a split listing too.
    let (source, _) = world.filled_pool(1_000).await?;
    world.take_snapshot(&source).await?;
    let items = world.items().await?;
    let page = keys(&items, "SNAP#", "PAGES#users").remove(1);
    let lost: usize = items[&page]["n"].as_n().unwrap().parse()?;
    assert!((1..1_000).contains(&lost), "{lost}");
    world.delete_item(&page).await?;
    let target = world.empty_pool().await?;
    let summary = error_message(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains(&format!("{} {}", page.0, page.1)), "{summary}");
    assert_eq!(world.user_count(&target).await?, 1_000 - lost);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_names_a_changed_page_and_refuses_a_snapshot_that_lacks_a_unit() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.filled_pool(20).await?;
    world.take_snapshot(&source).await?;
    let items = world.items().await?;
    let page = keys(&items, "SNAP#", "PAGES#users#").remove(0);
    let mut item = items[&page].clone();
    let mut bytes = item["e"].as_b().unwrap().clone().into_inner();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    item.insert("e".into(), AttributeValue::B(bytes.into()));
    world.put_item(item).await?;
    let target = world.empty_pool().await?;
    let summary = error_message(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains(&page.1), "{summary}");
    assert_eq!(world.user_count(&target).await?, 0);

    let unit = keys(&items, "SNAP#", "UNIT#users").remove(0);
    world.delete_item(&unit).await?;
    let other = world.empty_pool().await?;
    let message = error_message(&world.restore(&source, &other).await?, "SnapshotDamaged")?;
    assert!(message.contains("does not match its seal"), "{message}");
    Ok(())
}
