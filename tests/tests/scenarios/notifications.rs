//! The topic is told how every run ended, in plain words and without anybody's data.

use anyhow::Result;
use local::provision::Options;
use serde_json::json;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_is_told_how_a_run_ended() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.pool_of(25).await?;
    let target = world.empty_pool().await?;
    let messages = world.listen();
    assert_eq!(world.snapshot(&source).await?["notified"], true);
    world.restore(&source, &target).await?.success()?;
    world.export(&json!({"userPoolId": "us-east-1_Unknown12"})).await?;
    let heard = messages.heard();
    assert_eq!(heard.len(), 3, "{heard:?}");
    assert!(heard[0].contains(&format!("user pool {source} exported")) && heard[0].contains("25 users"), "{}", heard[0]);
    assert!(heard[1].contains("Restored 25 of 25 users"), "{}", heard[1]);
    assert!(heard[2].contains("FAILED (PoolNotFound)") && heard[2].contains("does not exist"), "{}", heard[2]);
    for person in &population.users {
        let values = person.attributes.iter().map(|(_, value)| value).chain([&person.username]);
        for value in values.filter(|value| value.chars().count() > 6) {
            assert!(heard.iter().all(|message| !message.contains(value.as_str())), "a message holds personal data");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_errors_only_hears_errors_only() -> Result<()> {
    let world = World::with(Options { sns_preference: "ERRORS_ONLY".into(), ..Options::default() }).await?;
    let (source, _) = world.pool_of(5).await?;
    let messages = world.listen();
    assert_eq!(world.snapshot(&source).await?["notified"], false);
    world.export(&json!({"userPoolId": source, "tps": 0})).await?;
    let heard = messages.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("InvalidInput"), "{heard:?}");
    Ok(())
}
