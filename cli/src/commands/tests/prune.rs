//! `prune`.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::catalog::LeaseKey;
use shared::model::{Lease, RunId, RunKind};
use shared::ports::Backend;

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;
use crate::output::Answer;
use crate::testing;

/// Three snapshots of a pool. Before each of the last two a user is deleted.
async fn exported_thrice() -> (Fixture, Vec<RunId>) {
    let (fixture, pool, first) = exported(130).await;
    let mut ids = vec![first];
    for name in ["second", "third"] {
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        pool.delete_user(&pool.users()[0].sub);
        ids.push(export(&fixture, name).await);
    }
    (fixture, ids)
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_removed_as_the_plan_says() {
    let (fixture, ids) = exported_thrice().await;
    let (vault, line) = (fixture.backend.vault(), "prune --pool eu-west-1_a --keep-last 2");
    let before = vault.items();
    let plan = fixture.run(&format!("{line} --plan")).await.0.unwrap();
    assert_eq!((plan.status, &plan.json["planned"], vault.items()), (ExitStatus::Done, &json!(true), before));
    let results = |answer: &Answer| -> Vec<Value> {
        answer.json["snapshots"].as_array().unwrap().iter().map(|row| row["fate"].clone()).collect()
    };
    assert_eq!(results(&plan), ["kept", "kept", "removed"]);
    assert!(plan.human.contains("remove 1 snapshot, keep 2. This changes nothing."), "{}", plan.human);

    let (answer, stderr) = fixture.run(line).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status, results(&answer)), (ExitStatus::Done, results(&plan)));
    assert_eq!(
        (&answer.json["removed"]["snapshots"], &answer.json["removed"]["records"]),
        (&json!(1), &json!(1))
    );
    assert!(stderr.starts_with("Removing snapshots of user pool eu-west-1_a from "), "{stderr}");
    let left = fixture.run("snapshots --pool eu-west-1_a").await.0.unwrap();
    assert_eq!(left.json["snapshots"].as_array().map(Vec::len), Some(2));
    for id in &ids[1..] {
        let verified = fixture.run(&format!("copy --snapshot {id} --to-table there")).await.0.unwrap();
        assert_eq!(verified.json["verified"], true);
    }
    let again = fixture.run(line).await.0.unwrap();
    assert!(
        again.human.starts_with("User pool eu-west-1_a has no snapshot to remove. It keeps 2."),
        "{}",
        again.human
    );
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_the_newest_or_an_unknown_snapshot_is_refused() {
    let (fixture, ids) = exported_thrice().await;
    let before = fixture.backend.vault().items();
    let prune = "prune --pool eu-west-1_a";
    for (line, error) in [
        (format!("{prune} --snapshot {} --snapshot {}", ids[0], ids[2]), "SnapshotNotRemovable"),
        (format!("{prune} --snapshot 20200101T000000000Z-00000000"), "SnapshotNotFound"),
        ("prune --pool eu-central-1_a --keep-last 1".to_owned(), "InvalidInput"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
        assert!(problem.guidance.starts_with("The removal deleted nothing."), "{problem}");
    }
    let settled = |items: std::collections::BTreeMap<shared::ports::vault::Key, _>| {
        items.into_iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")).collect::<Vec<_>>()
    };
    assert_eq!(settled(fixture.backend.vault().items()), settled(before));

    let now = fixture.backend.clock().now();
    fixture
        .deployment
        .catalog
        .take_lease(
            &LeaseKey::of_pool(&testing::pool("a"), RunKind::Export),
            &Lease::new("arn:of:an:export", now),
            true,
            now,
        )
        .await
        .unwrap();
    let problem = fixture.run(&format!("{prune} --keep-last 1")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("ExportAlreadyRunning", ExitStatus::Refused));
    assert!(problem.message.contains("arn:of:an:export"), "{problem}");
}

/// A killed command cannot give its lease back.
#[tokio::test(start_paused = true)]
async fn a_removal_after_a_killed_command_says_what_holds_the_pool_and_how_long() {
    for (holder, works) in [
        (
            "`cognito-backup prune` (2026-11-21 11:59:00 UTC, 0123456789abcdef)",
            "removes its snapshots in this table",
        ),
        (
            "`cognito-backup copy` (2026-11-21 11:59:00 UTC, 0123456789abcdef)",
            "copies a snapshot of it into this table",
        ),
        ("arn:of:an:export", "exports it to this table"),
    ] {
        let (fixture, _) = exported_thrice().await;
        let now = fixture.backend.clock().now();
        let lease = Lease::with_duration(SignedDuration::from_secs(240), holder, now);
        let key = LeaseKey::of_pool(&testing::pool("a"), RunKind::Export);
        fixture.deployment.catalog.take_lease(&key, &lease, false, now).await.unwrap();
        let problem = fixture.run("prune --pool eu-west-1_a --keep-last 1").await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("ExportAlreadyRunning", ExitStatus::Refused));
        assert!(problem.message.ends_with(&format!("{holder} {works}.")), "{problem}");
        assert!(
            problem.guidance.contains("in 240 seconds") && problem.guidance.contains("Then repeat"),
            "{problem}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_removal_releases_its_lease_and_can_be_continued() {
    let (fixture, ids) = exported_thrice().await;
    fixture.backend.script().set_latency(Duration::ZERO, Duration::from_millis(10));
    let line = "prune --pool eu-west-1_a --keep-last 1";
    let mut stopped = 0;
    for millis in (20..600).step_by(20) {
        let interrupted = tokio::time::sleep(Duration::from_millis(millis));
        if let (Err(problem), _) = fixture.run_until(line, interrupted).await {
            assert_eq!(
                (problem.error.as_str(), problem.status),
                ("Interrupted", ExitStatus::Failed),
                "{problem}"
            );
            stopped += 1;
        }
        let verified = fixture.run(&format!("copy --snapshot {} --to-table there", ids[2])).await.0.unwrap();
        assert_eq!(verified.json["verified"], true);
    }
    assert!(stopped > 5, "{stopped}");
    let ended = fixture.run(line).await.0.unwrap();
    assert_eq!(ended.json["snapshots"].as_array().map(Vec::len), Some(1));
    assert_eq!(fixture.backend.vault().items().keys().filter(|key| key.pk.starts_with("USER#")).count(), 128);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_removal_takes_its_undecided_marks_away() {
    let mut undecided = 0;
    for millis in (20..600).step_by(20) {
        let (fixture, ids) = exported_thrice().await;
        fixture.backend.script().set_latency(Duration::ZERO, Duration::from_millis(10));
        let interrupted = tokio::time::sleep(Duration::from_millis(millis));
        let ended = fixture.run_until("prune --pool eu-west-1_a --keep-last 1", interrupted).await.0;
        let Err(problem) = ended else { continue };
        let headers = fixture.deployment.catalog.all_snapshots(&testing::pool("a")).await.unwrap();
        let marks: Vec<_> = headers.iter().filter_map(|header| header.removal.as_ref()).collect();
        assert!(marks.iter().all(|mark| mark.decided), "{millis}: {headers:?}");
        if marks.is_empty() && headers.len() == ids.len() {
            assert_eq!(problem.message, "The removal stopped before it decided anything.", "{millis}");
            for id in &ids {
                let line = format!("copy --snapshot {id} --to-table there");
                assert_eq!(fixture.run(&line).await.0.unwrap().json["verified"], true, "{millis}");
            }
            undecided += 1;
        }
    }
    assert!(undecided > 5, "{undecided}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_in_another_region_than_the_copies_of_the_pool_is_refused() {
    let fixture = Fixture::new([]);
    // The table is in eu-west-1 and eu-central-1. A pool of neither Region has been copied into it.
    let problem = fixture.run("prune --pool us-east-1_a --keep-last 1").await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused));
    assert!(problem.guidance.contains("--region eu-central-1"), "{}", problem.guidance);
    assert!(fixture.backend.vault().items().is_empty());
}
