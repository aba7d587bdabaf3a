//! Goal: a function that the state machine has given up does no harm when it wakes up after the end of the
//! run.
//!
//! Method: stall one invocation, complete the run without it, and let the stalled one continue.

use std::time::Duration;

use serde_json::{Value, json};
use shared::ErrorKind;
use shared::model::RunId;
use shared::pacing::Budget;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::steps;
use shared_memory::{Fault, MemoryBackend, PageShape, SplitListingBehaviour};
use tokio::task::JoinHandle;

use crate::support::machine::{Machine, begin};
use crate::support::restored::{Comparison, assert_books_balance, compare, items};
use crate::support::{backend, in_paused_time, people, snapshot, source_id, target_id};

/// Starts a page function whose calls of `operation` get no answer, so that it waits before its
/// next attempt.
async fn stall(
    backend: &MemoryBackend,
    event: &Value,
    operation: Operation,
) -> JoinHandle<shared::Result<Value>> {
    let budget = Budget::for_invocation(Duration::from_secs(900));
    let (late, event) = (backend.invocation(), event.clone());
    backend.script().always(operation, Some(Fault::Refuse(PoolErrorKind::Transient)));
    let late = tokio::spawn(async move {
        if event["operation"] == "export" {
            steps::export_pages(&late, event, budget).await.map(|progress| json!(progress))
        } else {
            steps::import_pages(&late, event, budget).await.map(|progress| json!(progress))
        }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    backend.script().always(operation, None);
    assert!(!late.is_finished());
    late
}

async fn finish(backend: &MemoryBackend, event: Value) -> Value {
    let budget = Budget::for_invocation(Duration::from_secs(900));
    let export = event["operation"] == "export";
    let progress = if export {
        steps::export_pages(backend, event, budget).await.unwrap()
    } else {
        steps::import_pages(backend, event, budget).await.unwrap()
    };
    assert!(!progress.more);
    json!(steps::finalize(backend, json!(progress), budget).await.unwrap())
}

#[test]
fn a_late_export_function_does_not_change_a_sealed_snapshot() {
    for operation in [Operation::ListGroups, Operation::ListUsersInGroup, Operation::ListUsers] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(9, 3).fill(&source);
            source.set_shape(PageShape { sizes: vec![2], dangling: true, ..PageShape::default() });
            let event = begin(&backend, "export", json!({"userPoolId": source_id(), "tps": 200})).await;
            let late = stall(&backend, &event, operation).await;
            let report = finish(&backend, event).await;
            let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
            let before = items(&backend);

            // By now the pool has changed.
            people::plain(12, 5).fill(&source);
            let _ = late.await.unwrap();
            for (key, item) in before.iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")) {
                assert_eq!(items(&backend).get(key), Some(item), "{key} changed");
            }
            snapshot::read(&backend, &source_id(), &id).await;
        });
    }
}

#[test]
fn a_late_export_function_does_not_discard_a_sealed_split_listing() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(1_200, 0).fill(&source);
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "before").await.report();
        // One listing of 20 pages takes over five minutes.
        backend.script().set_latency(Duration::from_secs(40), Duration::from_millis(1));
        let input = json!({"userPoolId": source_id(), "tps": 200, "splitListing": true});
        let event = begin(&backend, "export", input).await;
        // Its calls take some minutes to arrive: 200 to 600 seconds each, so that all end within its time.
        let script = backend.script().clone();
        let slow = move || script.set_latency(Duration::from_secs(400), Duration::from_millis(1));
        backend.script().change_before(Operation::ListUsers, 1, slow);
        let (invocation, in_vain) = (backend.invocation(), event.clone());
        let budget = Budget::for_invocation(Duration::from_secs(900));
        let late = tokio::spawn(async move { steps::export_pages(&invocation, in_vain, budget).await });
        tokio::time::sleep(Duration::from_secs(200)).await;
        backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(1));
        let report = finish(&backend, event).await;
        let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
        let before = items(&backend);
        assert!(before.keys().any(|key| key.sk.contains("users-a")), "the users were listed by one listing");

        // By now Cognito refuses split listings.
        source.set_split_listing(SplitListingBehaviour::Refused);
        assert_eq!(late.await.unwrap().unwrap_err().kind(), ErrorKind::RunEnded);
        for (key, item) in before.iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")) {
            assert_eq!(items(&backend).get(key), Some(item), "{key} changed");
        }
        snapshot::read(&backend, &source_id(), &id).await;
    });
}

#[test]
fn a_late_import_function_does_not_disturb_a_restore() {
    for operation in [
        Operation::CreateGroup,
        Operation::AdminCreateUser,
        Operation::AdminSetUserPassword,
        Operation::AdminAddUserToGroup,
    ] {
        in_paused_time(async {
            let (backend, source, target) = backend();
            people::plain(70, 3).fill(&source);
            let report =
                Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            let snapshot = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
            let contents = snapshot::read(&backend, &source_id(), &snapshot).await;

            let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200});
            let event = begin(&backend, "import", input).await;
            let late = stall(&backend, &event, operation).await;
            let report = finish(&backend, event).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            let _ = late.await.unwrap();
            assert_eq!(compare(&contents, &target), Comparison::default());
            assert_books_balance(&backend, &contents, &target, &report).await;
        });
    }
}
