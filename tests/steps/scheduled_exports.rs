//! Goal: a scheduled export leaves its pool to an export that is at work, and fails for every other reason that a
//! started one fails for.
//!
//! Method: start exports beside a running one, and beside a command that holds the pool.

use std::time::Duration;

use serde_json::{Value, json};
use shared::ErrorKind;
use shared::catalog::{Catalog, Claim, LeaseKey};
use shared::model::{Lease, RunKind};
use shared::operations::{HeldLease, holder_name};
use shared::ports::Backend;
use shared_memory::MemoryBackend;
use tokio::time::sleep;

use crate::support::machine::Machine;
use crate::support::restored::items;
use crate::support::{backend, in_paused_time, people, source_id};

fn scheduled() -> Value {
    json!({"userPoolId": source_id(), "scheduled": true})
}

/// What the export with this input ends with that starts while another one is at work, and what that one ends with.
async fn beside_another(backend: &MemoryBackend, input: Value) -> (crate::support::machine::End, Value) {
    let machine = Machine { retries: 1, ..Machine::new(backend) };
    let slow = json!({"userPoolId": source_id(), "tps": 1});
    let second = async {
        sleep(Duration::from_secs(5)).await;
        machine.export(input, "second").await
    };
    let (first, second) = tokio::join!(machine.export(slow, "first"), second);
    (second, first.report())
}

#[test]
fn a_scheduled_export_of_a_pool_that_is_being_exported_is_skipped_without_a_message() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(600, 2).fill(&source);
        let (second, first) = beside_another(&backend, scheduled()).await;
        let skipped = second.report();
        assert_eq!((&skipped["status"], &first["status"]), (&json!("SKIPPED"), &json!("SEALED")));
        assert_eq!(skipped["runningSnapshotId"], first["snapshotId"]);
        let summary = skipped["summary"].as_str().unwrap();
        assert!(skipped["runningExecutionArn"].as_str().unwrap().ends_with(":first"), "{skipped}");
        assert!(summary.contains(":first exports the pool already."), "{summary}");
        assert_eq!((&skipped["more"], &skipped["notified"]), (&json!(false), &json!(false)));
        assert_eq!(backend.announcements().len(), 1, "only the first export tells of its end");
        assert!(!backend.announcements()[0].is_error);
        let snapshots = items(&backend).into_iter().filter(|(key, _)| key.sk.starts_with("SNAP#"));
        assert_eq!(snapshots.count(), 1, "the skipped export began no snapshot");
    });
}

#[test]
fn an_export_that_an_operator_starts_beside_another_one_fails() {
    in_paused_time(async {
        for input in
            [json!({"userPoolId": source_id()}), json!({"userPoolId": source_id(), "scheduled": false})]
        {
            let (backend, source, _) = backend();
            people::plain(600, 2).fill(&source);
            let (second, first) = beside_another(&backend, input).await;
            assert_eq!((second.error().0, &first["status"]), ("ExportAlreadyRunning", &json!("SEALED")));
            assert!(backend.announcements().iter().any(|announcement| announcement.is_error));
        }
    });
}

#[test]
fn a_scheduled_export_beside_a_command_fails() {
    in_paused_time(async {
        for command in ["cognito-backup prune", "cognito-backup copy", "cognito-backup pool apply"] {
            let (backend, _, _) = backend();
            let catalog = Catalog::new(backend.vault());
            let name = holder_name(command, backend.clock().now());
            let held = HeldLease::take(&catalog, &source_id(), &name, backend.clock()).await.unwrap();
            let machine = Machine { retries: 1, ..Machine::new(&backend) };
            let end = machine.export(scheduled(), "scheduled").await;
            assert_eq!(end.error().0, ErrorKind::ExportAlreadyRunning.name(), "{command}");
            held.give_back().await.unwrap();
        }
    });
}

#[test]
fn a_skipped_export_names_no_snapshot_before_the_running_one_has_begun_it() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
        let lease = Lease::new("arn:aws:states:eu-west-1:123456789012:execution:export:first", now);
        let key = LeaseKey::of_pool(&source_id(), RunKind::Export);
        assert!(matches!(catalog.take_lease(&key, &lease, true, now).await.unwrap(), Claim::Taken(_)));
        let report = Machine::new(&backend).export(scheduled(), "second").await.report();
        assert_eq!((&report["status"], report.get("runningSnapshotId")), (&json!("SKIPPED"), None));
    });
}

#[test]
fn a_scheduled_export_of_a_free_pool_takes_a_snapshot() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(20, 2).fill(&source);
        let report = Machine::new(&backend).export(scheduled(), "scheduled").await.report();
        assert_eq!((&report["status"], &report["users"]), (&json!("SEALED"), &json!(20)));
    });
}
