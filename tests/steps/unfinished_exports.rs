//! Goal: an export that cannot read the whole pool is never sealed, and harms no other snapshot.
//!
//! Method: exports under permanent faults, two exports at once, and exports of an emptied pool.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{PoolDescription, RunId, SnapshotState};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend, PageShape};

use crate::support::machine::{End, Machine};
use crate::support::restored::{Comparison, compare, items};
use crate::support::{backend, in_paused_time, people, snapshot, source_id, target_id};

fn input() -> Value {
    json!({"userPoolId": source_id()})
}

fn id(report: &Value) -> RunId {
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

/// Makes two sealed exports with a failed one between them. `break_it` makes it fail. `mend` undoes
/// that.
fn fails(error: &str, break_it: impl FnOnce(&MemoryBackend), mend: impl FnOnce(&MemoryBackend)) {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(30, 4).fill(&source);
        source.set_shape(PageShape { sizes: vec![7], ..PageShape::default() });
        let machine = Machine { retries: 3, ..Machine::new(&backend) };
        let first = id(&machine.export(input(), "first").await.report());
        let before = items(&backend);

        break_it(&backend);
        let end = machine.export(input(), "second").await;
        assert_eq!(end.error().0, error, "{end:?}");
        let announced = backend.announcements();
        assert!(announced.last().is_some_and(|last| last.is_error && last.subject.contains("FAILED")));
        let catalog = Catalog::new(backend.vault());
        let snapshots = catalog.snapshots(&source_id(), None, 10).await.unwrap();
        for failed in snapshots.iter().filter(|snapshot| snapshot.id != first) {
            assert_eq!((failed.state, failed.seal.is_none()), (SnapshotState::Failed, true));
            assert_eq!(failed.failure.as_ref().map(|failure| failure.error.as_str()), Some(error));
        }
        assert_eq!(
            catalog
                .newest_sealed(&source_id(), None, backend.clock().now())
                .await
                .unwrap()
                .map(|sealed| sealed.id),
            Some(first.clone())
        );
        for (key, item) in before.iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")) {
            assert_eq!(items(&backend).get(key), Some(item), "{key} changed");
        }
        snapshot::read(&backend, &source_id(), &first).await;

        // The next export has no obstacle.
        backend.script().clear();
        mend(&backend);
        assert_eq!(machine.export(input(), "third").await.report()["status"], "SEALED");
    });
}

#[test]
fn a_listing_whose_tokens_are_always_rejected_is_never_sealed() {
    fails(
        "ListingFailed",
        |backend| backend.script().always(Operation::ListUsers, Some(Fault::RejectToken)),
        |_| (),
    );
}

#[test]
fn a_listing_that_is_forbidden_is_never_sealed() {
    let forbidden = Fault::Refuse(PoolErrorKind::AccessDenied);
    fails(
        "AccessDenied",
        |backend| backend.script().always(Operation::ListUsersInGroup, Some(forbidden)),
        |_| (),
    );
}

#[test]
fn a_listing_that_is_always_throttled_is_never_sealed() {
    let throttled = Fault::Refuse(PoolErrorKind::Throttled);
    fails("Throttled", |backend| backend.script().always(Operation::ListUsers, Some(throttled)), |_| ());
}

#[test]
fn a_listing_that_is_refused_for_an_unknown_reason_is_never_sealed() {
    let refused = Fault::Refuse(PoolErrorKind::InvalidParameter);
    fails("CallRefused", |backend| backend.script().always(Operation::ListGroups, Some(refused)), |_| ());
}

#[test]
fn a_pool_that_is_deleted_during_its_export_is_never_sealed() {
    for call in [12, 20, 30, 45] {
        let delete = move |backend: &MemoryBackend| {
            let source = backend.pool(&source_id());
            backend.script().change(backend.script().calls() + call, move || source.delete());
        };
        let create = |backend: &MemoryBackend| {
            drop(backend.create_pool(&source_id(), PoolDescription::with_defaults(&[])))
        };
        fails("PoolNotFound", delete, create);
    }
}

#[test]
fn a_concurrent_second_export_is_refused_and_the_first_continues() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(300, 2).fill(&source);
        source.set_shape(PageShape { sizes: vec![5], ..PageShape::default() });
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(5));
        let first = machine.export(json!({"userPoolId": source_id(), "tps": 2}), "first");
        let second = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            machine.export(input(), "second").await
        };
        let (first, second) = tokio::join!(first, second);
        let (error, cause) = second.error();
        assert_eq!(error, "ExportAlreadyRunning");
        assert!(cause.contains("execution:export:first") && cause.ends_with(" UTC."), "{cause}");
        let report = first.report();
        assert_eq!((report["status"].as_str(), report["users"].as_u64()), (Some("SEALED"), Some(300)));
        snapshot::read(&backend, &source_id(), &id(&report)).await;
        assert_eq!(machine.export(input(), "third").await.report()["status"], "SEALED");
    });
}

#[test]
fn a_new_export_starts_after_the_lease_of_an_aborted_one_ends() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(20, 1).fill(&source);
        backend.script().fault(12, Fault::Die(shared_memory::Applied::All));
        let machine = Machine { stop_at_death: true, ..Machine::new(&backend) };
        assert_eq!(machine.export(input(), "aborted").await, End::Stopped);
        assert_eq!(machine.export(input(), "too soon").await.error().0, "ExportAlreadyRunning");
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        let report = machine.export(input(), "later").await.report();
        assert_eq!(report["users"], 20);
        snapshot::read(&backend, &source_id(), &id(&report)).await;
    });
}

#[test]
fn an_emptied_pool_leaves_its_older_snapshots_restorable() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        people::plain(150, 3).fill(&source);
        let machine = Machine::new(&backend);
        let full = id(&machine.export(input(), "full").await.report());
        source.users().iter().for_each(|user| source.delete_user(&user.sub));
        source.groups().iter().for_each(|(group, _)| source.delete_group(&group.name));
        let empty = machine.export(input(), "empty").await.report();
        assert_eq!((empty["status"].as_str(), empty["users"].as_u64()), (Some("SEALED"), Some(0)));
        assert!(empty["summary"].as_str().unwrap().contains("ATTENTION"), "{empty}");

        let import =
            json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": full});
        assert_eq!(machine.import(import, "restore").await.report()["status"], "SUCCEEDED");
        let contents = snapshot::read(&backend, &source_id(), &full).await;
        assert_eq!(contents.users.len(), 150);
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}
