//! `copy`.

use std::time::Duration;

use serde_json::json;
use shared::catalog::{Catalog, LeaseKey};
use shared::model::{Lease, RunKind};
use shared::ports::Backend;

use super::fixture::exported;
use crate::exit::ExitStatus;
use crate::testing;

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_copied_once_and_verified_at_each_repetition() {
    let (fixture, _, id) = exported(130).await;
    let (result, stderr) = fixture.run(&format!("copy --snapshot {id} --to-table there")).await;
    let answer = result.unwrap();
    assert_eq!(
        (answer.status, &answer.json["verified"], &answer.json["snapshotId"]),
        (ExitStatus::Done, &json!(true), &json!(id))
    );
    let tally = |copied: u64, already_there: u64| json!({"copied": copied, "alreadyThere": already_there});
    assert_eq!(
        (&answer.json["items"]["users"], &answer.json["items"]["header"]),
        (&tally(130, 0), &tally(1, 0))
    );
    assert_eq!(
        (&answer.json["source"]["account"], &answer.json["destination"]["account"]),
        (&json!("111111111111"), &json!("222222222222"))
    );
    assert!(
        answer.human.contains("Next: create an empty user pool in account 222222222222"),
        "{}",
        answer.human
    );
    insta::assert_snapshot!(stderr.replace(id.as_str(), "ID"));

    // A copy takes and releases the lease.
    let stored = || {
        let items = fixture.destination.items().into_iter();
        items.filter(|(key, _)| !key.sk.starts_with("LEASE#")).collect::<Vec<_>>()
    };
    let (before, puts) = (stored(), fixture.destination.puts("USER"));
    let again = fixture.run("copy --pool eu-west-1_a --to-table there").await.0.unwrap();
    assert_eq!((&again.json["items"]["users"], &again.json["bytes"]["copied"]), (&tally(0, 130), &json!(0)));
    assert_eq!((stored(), fixture.destination.puts("USER")), (before, puts));
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_its_snapshot_or_of_a_damaged_one_is_refused() {
    let (fixture, _, id) = exported(3).await;
    for (line, error) in [
        (format!("copy --snapshot {id} --to-table itself"), "InvalidInput"),
        (format!("copy --snapshot {id} --to-table replica"), "InvalidInput"),
        // A pool of another deployment. Its copies go to one Region of the table.
        ("copy --pool us-east-1_a --to-table there".to_owned(), "InvalidInput"),
        ("copy --snapshot 20200101T000000000Z-00000000 --to-table there".to_owned(), "SnapshotNotFound"),
        ("copy --pool eu-west-1_c --to-table there".to_owned(), "SnapshotNotFound"),
        (format!("copy --snapshot {id} --pool eu-west-1_c --to-table there"), "SnapshotOfAnotherPool"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), (error, ExitStatus::Refused), "{line}");
        assert!(!problem.guidance.is_empty());
        // Not even a lease is taken.
        assert!(fixture.destination.items().is_empty(), "{line}");
    }
    let vault = fixture.backend.vault();
    let user = vault.items().into_keys().find(|key| key.pk.starts_with("USER#")).unwrap();
    let record = vault.remove(&user).unwrap();
    let line = format!("copy --snapshot {id} --to-table there");
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("SnapshotDamaged", ExitStatus::Refused));
    assert!(
        problem.message.contains(&user.to_string()) && fixture.destination.items().is_empty(),
        "{problem}"
    );

    // A conflict at the destination is no refusal: other items may be copied by then.
    vault.put_by_hand(&user, record);
    let other = vault.items().into_iter().find(|(key, _)| key.pk.starts_with("CONF#")).unwrap().1;
    fixture.destination.put_by_hand(&user, other);
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("ItemConflict", ExitStatus::Failed));
    assert!(problem.message.contains(&user.to_string()), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_waits_for_exports_and_removals_at_its_destination() {
    let (fixture, _, id) = exported(3).await;
    let (there, now) = (Catalog::new(fixture.destination.clone()), fixture.backend.clock().now());
    let pool = testing::pool("a");
    let (key, lease) = (LeaseKey::of_pool(&pool, RunKind::Export), Lease::new("arn:of:an:export", now));
    there.take_lease(&key, &lease, true, now).await.unwrap();
    let line = format!("copy --snapshot {id} --to-table there");
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("ExportAlreadyRunning", ExitStatus::Refused));
    assert!(
        problem.message.starts_with("At the destination: ") && problem.message.contains("arn:of:an:export")
    );
    assert_eq!(fixture.destination.puts("SNAP"), 0);
    there.release_lease(&LeaseKey::of_pool(&pool, RunKind::Export), "arn:of:an:export", now).await.unwrap();
    assert_eq!(fixture.run(&line).await.0.unwrap().json["verified"], true);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_copy_releases_its_lease_and_can_be_continued() {
    let (fixture, _, id) = exported(130).await;
    fixture.backend.script().set_latency(Duration::ZERO, Duration::from_millis(10));
    let line = format!("copy --snapshot {id} --to-table there");
    let mut stopped = 0;
    for millis in (10..200).step_by(10) {
        let interrupted = tokio::time::sleep(Duration::from_millis(millis));
        if let (Err(problem), _) = fixture.run_until(&line, interrupted).await {
            assert_eq!(
                (problem.error.as_str(), problem.status),
                ("Interrupted", ExitStatus::Failed),
                "{problem}"
            );
            stopped += 1;
        }
    }
    assert!(stopped > 2, "{stopped}");
    assert_eq!(fixture.run(&line).await.0.unwrap().json["verified"], true);
}
