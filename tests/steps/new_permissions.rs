//! Goal: the first export of a pool waits until IAM knows its permissions. An export of a known pool does not wait.
//!
//! Method: deny calls for a time, with the retriers of the deployed definitions.

use std::time::Duration;

use serde_json::{Value, json};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend};
use tokio::time::sleep;

use crate::support::machine::{End, Machine};
use crate::support::{backend, in_paused_time, people, source_id};

fn input() -> Value {
    json!({"userPoolId": source_id(), "tps": 100})
}

/// Exports the pool while Cognito denies `operation` for `denied`. Returns the end and the seconds that it took.
async fn export_denied(
    backend: &MemoryBackend,
    operation: Operation,
    denied: Duration,
    name: &str,
) -> (End, i64) {
    backend.script().always(operation, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    let machine = Machine { retries_as_deployed: true, ..Machine::new(backend) };
    let began = backend.clock().now();
    let export = async {
        let end = machine.export(input(), name).await;
        (end, backend.clock().now().duration_since(began).as_secs())
    };
    let grant = async {
        sleep(denied).await;
        backend.script().clear();
    };
    tokio::join!(export, grant).0
}

#[test]
fn the_first_export_of_a_pool_waits_for_its_permissions() {
    // The first call is of enumerate, the others are of export-page.
    for operation in [Operation::DescribeUserPool, Operation::ListGroups, Operation::ListUsers] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(20, 2).fill(&source);
            let (end, _) = export_denied(&backend, operation, Duration::from_secs(150), "first").await;
            assert_eq!(end.report()["status"], "SEALED", "{operation:?}");
            assert!(backend.announcements().iter().all(|announcement| !announcement.is_error));
        });
    }
}

#[test]
fn an_access_that_stays_denied_ends_the_first_export_after_five_minutes() {
    for operation in [Operation::DescribeUserPool, Operation::ListUsers] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(20, 2).fill(&source);
            let (end, seconds) =
                export_denied(&backend, operation, Duration::from_secs(3_600), "first").await;
            assert_eq!(end.error().0, "AccessDenied", "{operation:?}");
            assert!(end.error().1.contains("Cognito denied access to"), "{end:?}");
            assert!((300..600).contains(&seconds), "{operation:?}: {seconds}");
        });
    }
}

#[test]
fn an_export_of_a_pool_with_a_snapshot_fails_at_once_if_access_is_denied() {
    for operation in [Operation::DescribeUserPool, Operation::ListUsers] {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(20, 2).fill(&source);
            Machine::new(&backend).export(input(), "first").await.report();
            let (end, seconds) = export_denied(&backend, operation, Duration::from_secs(30), "second").await;
            assert_eq!(end.error().0, "AccessDenied", "{operation:?}");
            assert!(seconds < 30, "{operation:?}: {seconds}");
        });
    }
}
