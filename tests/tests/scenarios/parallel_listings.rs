//! A large pool behind a slow service: its users are listed by several listings at once, or by one where Cognito will not have that.

use std::time::Duration;

use anyhow::Result;
use local::recorder::{Action, Answer, Call};
use serde_json::{Value, json};
use tests::World;

const USERS: usize = 1_100;

/// Lets calls of Cognito take long enough for one listing to fall behind ten calls per second.
fn slow(call: &Call) -> Action {
    match call.service.as_str() {
        "AWSCognitoIdentityProviderService" => Action::Delay(Duration::from_millis(250), Box::new(Action::Forward)),
        _ => Action::Forward,
    }
}

/// The units that list the users of a snapshot and count.
async fn listings(world: &World, report: &Value) -> Result<usize> {
    let partition = format!("SNAP#{}", report["snapshotId"].as_str().unwrap());
    let items = world.items().await?;
    let units = items.iter().filter(|((pk, sk), _)| *pk == partition && sk.starts_with("UNIT#users"));
    Ok(units.filter(|(_, unit)| unit["superseded"].as_bool() == Ok(&false)).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_listings_name_everybody_and_one_does_where_they_are_refused() -> Result<()> {
    let world = World::new().await?;
    let (pool, _) = world.pool_of(USERS).await?;

    world.stack.recorder.inject(slow);
    let report = world.export(&json!({"userPoolId": pool, "tps": 10})).await?.success()?;
    assert_eq!((report["users"].as_u64(), listings(&world, &report).await?), (Some(USERS as u64), 16), "{report}");
    assert!(report["calls"]["peakPerSecond"].as_u64() <= Some(10), "{report}");

    let target = world.empty_pool().await?;
    world.stack.recorder.forward_all();
    let restored = world.restore(&pool, &target).await?.success()?;
    assert_eq!(restored["status"], "SUCCEEDED", "{restored}");
    let comparison = world.compare(&pool, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");

    world.stack.recorder.inject(|call| match call.json()["Filter"].is_string() {
        true => Action::Answer(Answer::error(400, "InvalidParameterException", "Filtering is not supported for this attribute")),
        false => slow(call),
    });
    let report = world.export(&json!({"userPoolId": pool, "tps": 10})).await?.success()?;
    assert_eq!((report["users"].as_u64(), listings(&world, &report).await?), (Some(USERS as u64), 1), "{report}");
    Ok(())
}
