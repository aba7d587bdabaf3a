//! The limit holds on the wire, across the functions and their invocations.

use std::time::Duration;

use anyhow::Result;
use local::provision::Options;
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
