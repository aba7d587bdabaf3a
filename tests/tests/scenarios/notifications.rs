//! Goal: the functions publish the result of every run to the topic, without personal data.
//!
//! Method: record the Publish calls of runs that succeed and fail.

use anyhow::Result;
use local::provision::Options;
use serde_json::json;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_says_how_a_run_ended() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(25).await?;
    let target = world.empty_pool().await?;
    let messages = world.record_messages();
    assert_eq!(world.take_snapshot(&source).await?["notified"], true);
    world.restore(&source, &target).await?.success()?;
    world.export(&json!({"userPoolId": "us-east-1_Unknown12"})).await?;
    let messages = messages.all();
    let [exported, restored, failed] = &messages[..] else {
        panic!("there must be 3 messages: {messages:?}")
    };
    assert!(
        exported.contains(&format!("user pool {source} exported")) && exported.contains("25 users"),
        "{exported}"
    );
    assert!(restored.contains("Restored 25 of 25 users"), "{restored}");
    assert!(failed.contains("FAILED (PoolNotFound)") && failed.contains("does not exist"), "{failed}");
    for user in &population.users {
        let values = user.attributes.iter().map(|(_, value)| value).chain([&user.username]);
        for value in values.filter(|value| value.chars().count() > 6) {
            assert!(
                messages.iter().all(|message| !message.contains(value.as_str())),
                "a message holds personal data"
            );
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_failed_runs_send_a_notification_with_errors_only() -> Result<()> {
    let world =
        World::with_options(Options { sns_preference: "ERRORS_ONLY".into(), ..Options::default() }).await?;
    let (source, _) = world.filled_pool(5).await?;
    let messages = world.record_messages();
    assert_eq!(world.take_snapshot(&source).await?["notified"], false);
    world.export(&json!({"userPoolId": source, "tps": 0})).await?;
    let messages = messages.all();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains("InvalidInput"), "{messages:?}");
    Ok(())
}
