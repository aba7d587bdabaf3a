//! `status` and `snapshots`.

use serde_json::json;
use shared::catalog::LeaseKey;
use shared::model::{Execution, Lease, Restore, RestoreState, RunId, RunKind, Snapshot};

use super::super::snapshots;
use super::fixture::Fixture;
use crate::aws::{ExecutionArn, ExecutionView, RunInput, RunStatus};
use crate::exit::ExitStatus;
use crate::testing;

#[tokio::test(start_paused = true)]
async fn the_status_of_a_pool_shows_executions_snapshots_and_restores() {
    let failed = testing::failed_snapshot(2, 12);
    let fixture = Fixture::new([testing::execution(RunStatus::Running)])
        .with_restore(testing::restore(RestoreState::Running))
        .await
        .with_snapshots([testing::snapshot(1, 400_000), failed])
        .await;
    let (target, source) =
        (fixture.run("status --pool eu-west-1_b").await.0, fixture.run("status --pool eu-west-1_a").await.0);
    insta::assert_snapshot!(target.unwrap().human);
    insta::assert_snapshot!(source.unwrap().human);
    let other = fixture.run("status --pool eu-west-1_c").await.0.unwrap();
    assert_eq!((other.status, &other.json["executions"]), (ExitStatus::Done, &json!([])));
    let all = fixture.run("status").await.0.unwrap();
    assert_eq!((all.json["executions"].as_array().map(Vec::len), all.json.get("restores")), (Some(1), None));
}

#[tokio::test(start_paused = true)]
async fn an_execution_can_be_named_as_the_status_names_it() {
    let name = testing::arn().name().to_owned();
    let fixture = Fixture::new([testing::execution(RunStatus::Succeeded)]);
    let answer = fixture.run(&format!("status --execution {name}")).await.0.unwrap();
    assert_eq!(
        (answer.status, &answer.json["executions"][0]["status"]),
        (ExitStatus::Done, &json!("SUCCEEDED"))
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_of_an_execution_ends_as_the_run_did() {
    let line = format!("status --execution {}", testing::arn());
    let running = Fixture::new([testing::execution(RunStatus::Running)]);
    assert_eq!(running.run(&line).await.0.unwrap().status, ExitStatus::Running);

    let ends = [testing::execution(RunStatus::Running), testing::execution(RunStatus::Succeeded)];
    let watched = Fixture::new(ends).run(&format!("{line} --wait")).await.0.unwrap();
    assert_eq!(
        (watched.status, &watched.json["executions"][0]["status"]),
        (ExitStatus::Done, &json!("SUCCEEDED"))
    );

    let mut denied = testing::execution(RunStatus::Failed);
    denied.error = Some("AccessDenied".into());
    let before = Fixture::new([denied.clone()]);
    assert_eq!(before.run(&line).await.0.unwrap().status, ExitStatus::Refused, "nothing had been written");
    let midway = Fixture::new([denied]).with_restore(testing::restore(RestoreState::Failed)).await;
    let answer = midway.run(&line).await.0.unwrap();
    assert_eq!(
        (answer.status, &answer.json["restores"][0]["status"]),
        (ExitStatus::Failed, &json!("FAILED"))
    );
}

/// Imports that were refused begin newer restores.
#[tokio::test(start_paused = true)]
async fn the_status_of_an_execution_shows_its_run_behind_any_number_of_newer_ones() {
    let line = format!("status --execution {}", testing::arn());
    let (old, taken) = (testing::restore(RestoreState::Failed), testing::snapshot(1, 12));
    let mut fixture = Fixture::new([testing::execution(RunStatus::Failed)]).with_restore(old.clone()).await;
    let mut newer = vec![taken.clone()];
    for number in 0..60 {
        let id = RunId::parse(&format!("20261122T100000{number:03}Z-{number:08x}")).unwrap();
        let execution = Execution { id: format!("{}-{number}", testing::arn()), started_at: id.time() };
        newer.push(Snapshot { id: id.clone(), execution: execution.clone(), ..taken.clone() });
        fixture = fixture.with_restore(Restore { id, execution, ..old.clone() }).await;
    }
    let answer = fixture.run(&line).await.0.unwrap();
    assert_eq!(answer.json["restores"][0]["restoreId"], json!(old.id), "{}", answer.json);

    let export = ExecutionView {
        arn: ExecutionArn::parse(&taken.execution.id).unwrap(),
        input: RunInput::parse(&json!({"userPoolId": "eu-west-1_a"})),
        ..testing::execution(RunStatus::Failed)
    };
    let line = format!("status --execution {}", export.arn);
    let answer = Fixture::new([export]).with_snapshots(newer).await.run(&line).await.0.unwrap();
    assert_eq!(answer.json["snapshots"][0]["snapshotId"], json!(taken.id), "{}", answer.json);
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_left_running_is_shown_as_stopped() {
    let fixture = Fixture::new([testing::execution(RunStatus::Aborted)])
        .with_restore(testing::restore(RestoreState::Running))
        .await;
    let answer = fixture.run("status --pool eu-west-1_b").await.0.unwrap();
    assert_eq!(answer.json["restores"][0]["executionStatus"], "ABORTED");
    assert!(answer.human.contains("stopped: its execution is ABORTED."), "{}", answer.human);
    let running = Fixture::new([testing::execution(RunStatus::Running)])
        .with_restore(testing::restore(RestoreState::Running))
        .await;
    let answer = running.run("status --pool eu-west-1_b").await.0.unwrap();
    assert_eq!(answer.json["restores"][0].get("executionStatus"), None);
}

#[tokio::test(start_paused = true)]
async fn all_snapshots_are_listed_newest_first() {
    let fixture = Fixture::new([]).with_snapshots((1..=9).map(|hour| testing::snapshot(hour, 60))).await;
    let answer = fixture.run("snapshots --pool eu-west-1_a").await.0.unwrap();
    assert_eq!(answer.json["snapshots"].as_array().map(Vec::len), Some(9));
    let in_threes = snapshots::all(&fixture.deployment.catalog, &testing::pool("a"), 3).await.unwrap();
    let hours: Vec<_> =
        in_threes.iter().map(|snapshot| snapshot.id.as_str()[9..11].parse::<u8>().unwrap()).collect();
    assert_eq!(hours, [9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

/// Readers treat a mark without a lease as none. See `Catalog::as_readers_see`.
#[tokio::test(start_paused = true)]
async fn a_mark_without_a_lease_is_not_shown() {
    let fixture = Fixture::new([testing::execution(RunStatus::Running)])
        .with_snapshots([testing::snapshot(1, 12)])
        .await;
    let (catalog, pool) = (&fixture.deployment.catalog, testing::pool("a"));
    let id = testing::snapshot(1, 12).id;
    let marked = catalog.mark_for_removal(&pool, &id).await.unwrap().unwrap();
    let shown = async || {
        let mut shown = Vec::new();
        for line in ["snapshots --pool eu-west-1_a", "status --pool eu-west-1_a"] {
            let answer = fixture.run(line).await.0.unwrap();
            shown.push((answer.json["snapshots"][0]["status"].clone(), answer.human));
        }
        shown
    };
    for (status, human) in shown().await {
        assert!(status == "SEALED" && !human.contains("remov"), "{human}");
    }
    let now = testing::now();
    let lease = Lease::new("a removal", now);
    catalog.take_lease(&LeaseKey::of_pool(&pool, RunKind::Export), &lease, true, now).await.unwrap();
    for (status, human) in shown().await {
        assert!(status == "PRUNING" && human.contains("a removal is under way"), "{human}");
    }
    assert!(catalog.decide_removal(marked).await.unwrap());
    catalog.release_lease(&pool, RunKind::Export, "a removal", now).await.unwrap();
    for (status, human) in shown().await {
        assert!(status == "PRUNING" && human.contains("you cannot use it"), "{human}");
    }
}
