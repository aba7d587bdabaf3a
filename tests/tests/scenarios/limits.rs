//! Goal: a run never exceeds its limit or Cognito's quotas, across all functions and invocations.
//!
//! Method: record all calls to Cognito and compare their rates with the limit and with the report.

use std::time::Duration;

use anyhow::Result;
use local::provision::Options;
use local::strict::{Category, Quotas};
use serde_json::json;
use tests::{World, import_input};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_never_makes_more_calls_in_a_second_than_its_limit() -> Result<()> {
    // With 8 seconds for an invocation, each run takes several invocations.
    let options =
        Options { function_timeout: Duration::from_secs(8), tps: "20".into(), ..Options::default() };
    let world = World::with_options(options).await?;
    let (source, population) = world.filled_pool(60).await?;
    world.stack.recorder.clear();
    let snapshot = world.export(&json!({"userPoolId": source})).await?.success()?;
    let target = world.empty_pool().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut input = import_input(&source, &target);
    input.as_object_mut().unwrap().remove("tps");
    let restored = world.import(&input).await?.success()?;

    let calls = world.stack.recorder.traffic().cognito();
    let counted = snapshot["calls"]["total"].as_u64().unwrap() + restored["calls"]["total"].as_u64().unwrap();
    // On a slow machine, Lambda ends an invocation before its answer, and its calls are not counted.
    assert!(counted <= calls.total() as u64, "the reports count {counted} of {} calls", calls.total());
    assert!(calls.total() >= 120 + population.memberships());
    for report in [&snapshot, &restored] {
        assert_eq!(report["calls"]["limitPerSecond"], 20);
        assert!(report["calls"]["peakPerSecond"].as_u64() <= Some(20), "{report}");
    }
    // A call can arrive at the recorder a little later than the function sent it.
    let peak = calls.peak_within(Duration::from_millis(950));
    assert!(peak <= 21, "{peak}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_a_high_limit_stays_within_the_quotas() -> Result<()> {
    let variables = vec![("QUOTA_HEADROOM".to_owned(), "20".to_owned())];
    let world = World::with_options(Options { variables, tps: "100".into(), ..Options::default() }).await?;
    let (source, population) = world.filled_pool(90).await?;
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
        assert_eq!(
            (&report["calls"]["limitPerSecond"], &report["calls"]["throttled"]),
            (&json!(100), &json!(0)),
            "{report}"
        );
    }
    let calls = world.stack.recorder.traffic().cognito();
    assert_eq!(
        json!(calls.total()),
        restored["calls"]["total"],
        "the report of invocations that had time for an answer counts every call"
    );
    assert!(calls.of("GetProvisionedLimit").total() > 0);
    assert_eq!(calls.of("AdminAddUserToGroup").total(), population.memberships());
    let of_users =
        calls.only(|call| ["AdminCreateUser", "AdminSetUserPassword"].contains(&call.operation.as_str()));
    // 40 users a second with 2 calls each. A call can arrive a little later than the function sent it.
    let peak = of_users.peak_within(Duration::from_millis(950));
    assert!(peak <= 82, "{peak}");
    Ok(())
}
