//! `status` and `snapshots`.

use serde_json::json;
use shared::catalog::LeaseKey;
use shared::model::{
    Execution, Failure, ImportInput, Lease, Pruned, Restore, RestoreState, RunId, RunKind, Snapshot,
    TableName,
};
use shared::ports::Backend;
use shared::report::RetentionReport;

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
async fn the_status_of_a_pool_shows_what_the_last_removal_of_snapshots_did_or_why_it_failed() {
    let snapshot = testing::snapshot(1, 400_000);
    let (pool, id) = (snapshot.pool.clone(), snapshot.id.clone());
    let fixture = Fixture::new([testing::execution(RunStatus::Running)]).with_snapshots([snapshot]).await;
    let status = async || fixture.run("status --pool eu-west-1_a").await.0.unwrap();
    assert_eq!(status().await.json.get("removal"), None);

    let removed = Pruned { snapshots: 2, records: 1, items: 9, ..Pruned::default() };
    let report = RetentionReport { rules: "last=1".to_owned(), removed, ..RetentionReport::default() };
    fixture.deployment.catalog.put_applied_retention(&pool, &id, &report).await.unwrap();
    let shown = status().await;
    let says =
        format!("Last removal, after snapshot {id}: Retention (last=1) removed 2 snapshots (1 record, ");
    assert!(shown.human.contains(&says), "{}", shown.human);
    assert_eq!(
        (&shown.json["removal"]["status"], &shown.json["removal"]["retention"]["removed"]["snapshots"]),
        (&json!("APPLIED"), &json!(2))
    );

    let failure = Failure { error: "SnapshotDamaged".into(), cause: "A page is missing.".to_owned() };
    let failed = RetentionReport { failure: Some(failure), ..RetentionReport::default() };
    let next = RunId::parse("20261122T010000000Z-00000001").unwrap();
    fixture.deployment.catalog.put_applied_retention(&pool, &next, &failed).await.unwrap();
    let shown = status().await;
    assert_eq!(shown.json["removal"]["status"], "FAILED");
    assert!(shown.human.contains("failed: SnapshotDamaged: A page is missing."), "{}", shown.human);
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
async fn the_status_in_a_region_without_exports_lists_the_imports() {
    let mut fixture = Fixture::new([testing::execution(RunStatus::Succeeded)]);
    fixture.deployment.executions.missing = vec![RunKind::Export];
    let (result, said) = fixture.run("status").await;
    let answer = result.unwrap();
    assert_eq!(answer.json["executions"][0]["executionArn"], testing::arn().as_str());
    assert!(said.contains("stateMachine:backup-export. The list shows only imports."), "{said}");

    // Every Region of a deployment has the other one.
    for missing in [vec![RunKind::Import], vec![RunKind::Export, RunKind::Import]] {
        fixture.deployment.executions.missing = missing;
        let problem = fixture.run("status").await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidConfiguration", ExitStatus::Refused));
        assert!(problem.message.contains("stateMachine:backup-import."), "{problem}");
        assert!(problem.guidance.contains("--table") && problem.guidance.contains("--import-state-machine"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_name_of_an_execution_is_not_blamed_if_there_is_no_state_machine() {
    let mut fixture = Fixture::new([testing::execution(RunStatus::Succeeded)]);
    for (missing, error, says) in [
        (vec![RunKind::Export, RunKind::Import], "InvalidConfiguration", "There is no state machine arn:"),
        (vec![RunKind::Export], "InvalidInput", "Step Functions refused DescribeExecution"),
    ] {
        fixture.deployment.executions.missing = missing;
        let line = format!("status --execution {}", testing::arn().name());
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{problem}");
        assert!(problem.message.starts_with(says), "{problem}");
    }
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
async fn an_execution_of_which_the_table_shows_nothing_is_explained_by_its_status() {
    let human = async |view| {
        let line = format!("status --execution {}", testing::arn());
        Fixture::new([view]).run(&line).await.0.unwrap().human
    };
    let started = human(testing::execution(RunStatus::Running)).await;
    assert!(
        started.ends_with(
            "The run has started. Nothing of it is in table backup in Region eu-west-1 yet: look again in some seconds."
        ),
        "{started}"
    );
    let refused = human(testing::execution(RunStatus::Failed)).await;
    let says =
        "Nothing of this run is in table backup in Region eu-west-1: it ended before it began to work, ";
    assert!(refused.contains(says) && refused.contains("--table"), "{refused}");
    let dry_run = ImportInput { dry_run: true, ..testing::import_input() };
    for status in [RunStatus::Running, RunStatus::Succeeded] {
        let input = RunInput::Import(Box::new(dry_run.clone()));
        let plan = human(ExecutionView { input, ..testing::execution(status) }).await;
        assert!(
            plan.ends_with("The execution makes a plan, which leaves no restore in the table."),
            "{plan}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_works_on_another_table_is_refused_with_both_names() {
    let input = ImportInput { table: TableName::parse("second"), ..testing::import_input() };
    let input = RunInput::Import(Box::new(input));
    let fixture = Fixture::new([ExecutionView { input, ..testing::execution(RunStatus::Running) }]);
    let problem = fixture.run(&format!("status --execution {}", testing::arn())).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused));
    assert_eq!(
        problem.message,
        "Execution import-eu-west-1_b works on table second, not on table backup in Region eu-west-1."
    );
    assert_eq!(problem.guidance, "Give --table second.");
}

/// The executions alone need no table.
#[tokio::test(start_paused = true)]
async fn a_status_reads_the_table_that_an_option_names() {
    let fixture = Fixture::new([testing::execution(RunStatus::Running)]);
    let reads = async |line: &str| {
        let before = fixture.backend.vault().looked_up();
        fixture.run(line).await.0.unwrap();
        fixture.backend.vault().looked_up() - before
    };
    assert_eq!((reads("status").await, reads("status --table backup").await), (0, 1));
}

/// The table may be that of another deployment.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_not_there_is_looked_for_in_a_table_that_is_named() {
    let fixture = Fixture::new([]);
    let id = testing::snapshot(1, 0).id;
    for line in [
        "verify --pool eu-west-1_a --against eu-west-1_b".to_owned(),
        format!("verify --snapshot {id} --against eu-west-1_b"),
        "pool show --pool eu-west-1_a".to_owned(),
        format!("pool show --pool eu-west-1_a --snapshot {id}"),
        "pool diff --pool eu-west-1_a".to_owned(),
        "import --pool eu-west-1_a --into eu-west-1_b".to_owned(),
        "sub-map --into eu-west-1_b".to_owned(),
        format!("prune --pool eu-west-1_a --snapshot {id} --plan"),
        "copy --pool eu-west-1_a --to-table there".to_owned(),
        format!("copy --snapshot {id} --to-table there"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!(problem.status, ExitStatus::Refused, "{line}: {problem}");
        let place =
            ["table backup in Region eu-west-1", "table cognito-backup (account 111111111111, eu-west-1)"];
        assert!(place.iter().any(|place| problem.message.matches(place).count() == 1), "{line}: {problem}");
    }
    let empty = fixture.run("snapshots --pool eu-west-1_a").await.0.unwrap();
    assert!(empty.human.contains("in table backup in Region eu-west-1."), "{}", empty.human);
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
    catalog.release_lease(&LeaseKey::of_pool(&pool, RunKind::Export), "a removal", now).await.unwrap();
    for (status, human) in shown().await {
        assert!(status == "PRUNING" && human.contains("you cannot use it"), "{human}");
    }
}
