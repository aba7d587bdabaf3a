//! A damaged snapshot: what can be restored is, and what cannot is named with its key; never a success.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use tests::{Item, World, refusal};

fn keys(items: &std::collections::BTreeMap<(String, String), Item>, pk: &str, sk: &str) -> Vec<(String, String)> {
    items.keys().filter(|key| key.0.starts_with(pk) && key.1.starts_with(sk)).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_and_an_altered_record_are_named_and_the_rest_restored() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(80).await?;
    world.snapshot(&source).await?;
    let items = world.items().await?;
    let records = keys(&items, "USER#", "REC#");
    let (missing, altered) = (&records[0], &records[1]);
    world.lose(missing).await?;
    let mut item = items[altered].clone();
    item.insert("enabled".into(), AttributeValue::Bool(!*item["enabled"].as_bool().unwrap()));
    world.write(item).await?;

    let target = world.empty_pool().await?;
    let summary = refusal(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(
        summary.contains("Restored 78 of 80 users") && summary.contains("recordMissing") && summary.contains("recordDamaged"),
        "{summary}"
    );
    assert_eq!(world.users_in(&target).await?, 78);
    let ledger = format!("{:?}", world.items().await?.iter().filter(|(key, _)| key.1.starts_with("LEDGER#")).collect::<Vec<_>>());
    for (pk, sk) in [missing, altered] {
        assert!(ledger.contains(&format!("{pk} {sk}")), "{pk} {sk} is named");
    }

    for key in [missing, altered] {
        world.write(items[key].clone()).await?;
    }
    let again = world.restore(&source, &target).await?.success()?;
    assert_eq!((again["users"]["created"].as_u64(), again["users"]["lost"].as_u64()), (Some(80), Some(0)));
    let comparison = world.compare(&source, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_page_is_named_and_the_rest_restored() -> Result<()> {
    let world = World::new().await?;
    // More than fit on one item, however they are listed.
    let (source, _) = world.pool_of(1_000).await?;
    world.snapshot(&source).await?;
    let items = world.items().await?;
    let page = keys(&items, "SNAP#", "PAGES#users").remove(1);
    let lost: usize = items[&page]["n"].as_n().unwrap().parse()?;
    assert!((1..1_000).contains(&lost), "{lost}");
    world.lose(&page).await?;
    let target = world.empty_pool().await?;
    let summary = refusal(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains(&format!("{} {}", page.0, page.1)), "{summary}");
    assert_eq!(world.users_in(&target).await?, 1_000 - lost);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_page_is_named_and_a_plan_without_its_units_refused() -> Result<()> {
    let world = World::new().await?;
    let (source, _) = world.pool_of(20).await?;
    world.snapshot(&source).await?;
    let items = world.items().await?;
    let page = keys(&items, "SNAP#", "PAGES#users#").remove(0);
    let mut item = items[&page].clone();
    let mut bytes = item["e"].as_b().unwrap().clone().into_inner();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    item.insert("e".into(), AttributeValue::B(bytes.into()));
    world.write(item).await?;
    let target = world.empty_pool().await?;
    let summary = refusal(&world.restore(&source, &target).await?, "RestorePartial")?;
    assert!(summary.contains(&page.1), "{summary}");
    assert_eq!(world.users_in(&target).await?, 0);

    let unit = keys(&items, "SNAP#", "UNIT#users").remove(0);
    world.lose(&unit).await?;
    let other = world.empty_pool().await?;
    let sentence = refusal(&world.restore(&source, &other).await?, "SnapshotDamaged")?;
    assert!(sentence.contains("does not match its seal"), "{sentence}");
    Ok(())
}
