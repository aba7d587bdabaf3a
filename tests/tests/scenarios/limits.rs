//! The limit holds on the wire, across the functions and their invocations.

use std::time::Duration;

use anyhow::Result;
use local::provision::Options;
use local::strict::{Category, Quotas};
use serde_json::json;
use tests::{World, import_input};

#[tokio::test(flavor = "multi_thread")]
async fn no_second_sees_more_calls_than_the_limit() -> Result<()> {
    // Eight seconds an invocation: several hand-overs.
    let world = World::with(Options { function_timeout: Duration::from_secs(8), tps: "20".into(), ..Options::default() }).await?;
    let (source, population) = world.pool_of(60).await?;
    world.stack.recorder.clear();
    let snapshot = world.export(&json!({"userPoolId": source})).await?.success()?;
    let target = world.empty_pool().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut input = import_input(&source, &target);
    input.as_object_mut().unwrap().remove("tps");
    let restored = world.import(&input).await?.success()?;

    let calls = world.stack.recorder.traffic().cognito();
    let counted = snapshot["calls"]["total"].as_u64().unwrap() + restored["calls"]["total"].as_u64().unwrap();
    assert_eq!(calls.total() as u64, counted, "every call is counted");
    assert!(calls.total() >= 120 + population.memberships());
    for report in [&snapshot, &restored] {
        assert_eq!(report["calls"]["limitPerSecond"], 20);
        assert!(report["calls"]["peakPerSecond"].as_u64() <= Some(20), "{report}");
    }
    // On the wire, a call may arrive a little later than it left.
    assert!(calls.peak_within(Duration::from_millis(950)) <= 21, "{}", calls.peak_within(Duration::from_millis(950)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_could_be_faster_stays_within_the_quotas() -> Result<()> {
    let variables = vec![("QUOTA_HEADROOM".to_owned(), "20".to_owned())];
    let world = World::with(Options { variables, tps: "100".into(), ..Options::default() }).await?;
    let (source, population) = world.pool_of(90).await?;
    world.stack.strict.change_settings(|settings| {
        settings.quotas = Quotas::aws_defaults();
        settings.quotas.categories.insert(Category::UserAccountRecovery, 50);
    });
    let snapshot = world.export(&json!({"userPoolId": source})).await?.success()?;
    let target = world.empty_pool().await?;
    world.stack.recorder.clear();
    let mut input = import_input(&source, &target);
    input.as_object_mut().unwrap().remove("tps");
    let restored = world.import(&input).await?.success()?;

    assert_eq!(world.stack.strict.throttled(), [].into());
    for report in [&snapshot, &restored] {
        assert_eq!((&report["calls"]["limitPerSecond"], &report["calls"]["throttled"]), (&json!(100), &json!(0)), "{report}");
    }
    let calls = world.stack.recorder.traffic().cognito();
    assert!(calls.of("GetProvisionedLimit").total() > 0);
    assert_eq!(calls.of("AdminAddUserToGroup").total(), population.memberships());
    let of_users = calls.only(|call| ["AdminCreateUser", "AdminSetUserPassword"].contains(&call.operation.as_str()));
    // Forty users a second, two calls each, take their time.
    assert!(of_users.peak_within(Duration::from_millis(950)) <= 82, "{}", of_users.peak_within(Duration::from_millis(950)));
    Ok(())
}
