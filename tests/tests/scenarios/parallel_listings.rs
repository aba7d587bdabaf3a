//! Goal: an export of a large pool lists users with a split listing, or with one listing if Cognito refuses
//! filters.
//!
//! Method: export a pool behind a slow service, once with filters accepted and once with filters refused.
//! Count the listings, and restore.

use std::time::Duration;

use anyhow::Result;
use local::recorder::{Action, Answer, Call};
use serde_json::{Value, json};
use tests::World;

const USERS: usize = 1_100;

/// Delays the calls by which an export measures the latency so much that one listing of the users would take over five
/// minutes. The listing itself is fast, or the test would take as long.
fn slow(call: &Call) -> Action {
    match call.operation.as_str() {
        "ListGroups" | "ListUsersInGroup" => {
            Action::Delay(Duration::from_secs(18), Box::new(Action::Forward))
        }
        _ => Action::Forward,
    }
}

/// The number of user listings that count for a snapshot.
async fn count_listings(world: &World, report: &Value) -> Result<usize> {
    let partition = format!("SNAP#{}", report["snapshotId"].as_str().unwrap());
    let items = world.items().await?;
    let units = items.iter().filter(|((pk, sk), _)| *pk == partition && sk.starts_with("UNIT#users"));
    Ok(units.filter(|(_, unit)| unit["state"].as_s().is_ok_and(|state| state != "SUPERSEDED")).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_pool_is_exported_by_a_split_listing_or_by_one_listing_if_filters_are_refused() -> Result<()>
{
    let world = World::new().await?;
    let (pool, _) = world.filled_pool(USERS).await?;

    let input = json!({"userPoolId": pool, "tps": 10, "splitListing": true});
    world.export(&input).await?.success()?;
    world.stack.recorder.inject(slow);
    let report = world.export(&input).await?.success()?;
    assert_eq!(
        (report["users"].as_u64(), count_listings(&world, &report).await?),
        (Some(USERS as u64), 16),
        "{report}"
    );
    assert!(report["calls"]["peakPerSecond"].as_u64() <= Some(10), "{report}");

    let target = world.empty_pool().await?;
    world.stack.recorder.forward_all();
    let restored = world.restore(&pool, &target).await?.success()?;
    assert_eq!(restored["status"], "SUCCEEDED", "{restored}");
    let comparison = world.compare(&pool, &target).await?;
    assert!(comparison.is_clean(), "{comparison:?}");

    world.stack.recorder.inject(|call| {
        if call.json()["Filter"].is_string() {
            let message = "Filtering is not supported for this attribute";
            Action::Answer(Answer::error(400, "InvalidParameterException", message))
        } else {
            slow(call)
        }
    });
    let report = world.export(&input).await?.success()?;
    assert_eq!(report["splitListing"], "failed", "{report}");
    assert_eq!(
        (report["users"].as_u64(), count_listings(&world, &report).await?),
        (Some(USERS as u64), 1),
        "{report}"
    );
    Ok(())
}
