//! Goal: a snapshot is sealed only if its units list everybody to the end, by a run that has not ended.
//!
//! Method: an export lists its pool. Then its units, its header or its lease change, and finalize runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_dynamo::{AttributeValue, Item};
use serde_json::{Value, json};
use shared::catalog::{Catalog, LeaseKey};
use shared::model::{
    Listing, Progress, RunId, RunKind, Snapshot, SnapshotState, Unit, UnitState, UserListing,
};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared::ports::vault::REVISION;
use shared::{ErrorKind, steps};
use shared_memory::{MemoryBackend, MemoryPool, MemoryVault, PageShape};

use crate::support::machine::{Machine, begin};
use crate::support::restored::items;
use crate::support::{backend, in_paused_time, people, source_id};

fn budget() -> Budget {
    Budget::for_invocation(Duration::from_secs(900))
}

/// An export that has listed everything, and is not sealed.
async fn listed(backend: &MemoryBackend, input: Value) -> Progress {
    let event = begin(backend, "export", input).await;
    // A listing that is split because Cognito was slow need not be slow itself.
    let script = backend.script().clone();
    let quick = move || script.set_latency(Duration::from_millis(10), Duration::from_millis(1));
    backend.script().change_before(Operation::ListUsers, 1, quick);
    let progress = steps::export_pages(backend, event, budget()).await.unwrap();
    assert!(!progress.more);
    progress
}

async fn listed_by_one(users: usize) -> (MemoryBackend, MemoryPool, Progress) {
    let (backend, source, _) = backend();
    people::plain(users, 3).fill(&source);
    let progress = listed(&backend, json!({"userPoolId": source_id()})).await;
    (backend, source, progress)
}

/// An export of a pool with a snapshot, whose listing is split.
async fn listed_by_split() -> (MemoryBackend, Progress) {
    let (backend, source, _) = backend();
    people::plain(1_200, 0).fill(&source);
    Machine::new(&backend).export(json!({"userPoolId": source_id()}), "before").await.report();
    // One listing of 20 pages takes over five minutes.
    backend.script().set_latency(Duration::from_secs(40), Duration::from_millis(1));
    let progress =
        listed(&backend, json!({"userPoolId": source_id(), "tps": 200, "splitListing": true})).await;
    (backend, progress)
}

async fn finalize(backend: &MemoryBackend, progress: &Progress) -> shared::Result<Value> {
    steps::finalize(backend, json!(progress), budget()).await.map(|report| json!(report))
}

async fn header(catalog: &Catalog<MemoryVault>, id: &RunId) -> Snapshot {
    catalog.snapshot(&source_id(), id).await.unwrap().unwrap()
}

/// Changes a unit by hand.
async fn change_unit(
    backend: &MemoryBackend,
    id: &RunId,
    is_it: impl Fn(&Unit) -> bool,
    change: impl Fn(&mut Unit),
) {
    let units = Catalog::new(backend.vault()).units(id).await.unwrap();
    let mut unit = units.into_iter().find(|unit| is_it(unit)).unwrap();
    let partition = format!("SNAP#{id}");
    let sk = format!("UNIT#{}", unit.id());
    let key = items(backend).into_keys().find(|key| key.pk == partition && key.sk == sk).unwrap();
    change(&mut unit);
    backend.vault().put_by_hand(&key, serde_dynamo::to_item(unit).unwrap());
}

#[test]
fn a_unit_that_is_open_or_not_planned_is_never_sealed() {
    for (kind, state) in [("groups", UnitState::Done), ("users", UnitState::Open)] {
        in_paused_time(async {
            let (backend, _, progress) = listed_by_one(70).await;
            let is_it = |unit: &Unit| unit.id().to_string() == kind;
            change_unit(&backend, &progress.run_id, is_it, |unit| unit.state = state).await;
            let refused = finalize(&backend, &progress).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ListingFailed, "{kind}");
            let header = header(&Catalog::new(backend.vault()), &progress.run_id).await;
            assert_eq!(header.state, SnapshotState::Running);
        });
    }
}

#[test]
fn a_split_listing_that_the_header_calls_failed_is_never_sealed() {
    for failed in [false, true] {
        in_paused_time(async {
            let (backend, progress) = listed_by_split().await;
            let catalog = Catalog::new(backend.vault());
            let (pool, id) = (source_id(), &progress.run_id);
            catalog
                .change_snapshot(&pool, id, |snapshot| snapshot.split.is_discarded = failed)
                .await
                .unwrap();
            let ended = finalize(&backend, &progress).await;
            assert_eq!(ended.err().map(|error| error.kind()), failed.then_some(ErrorKind::ListingFailed));
            let header = header(&catalog, id).await;
            let expected = if failed { SnapshotState::Running } else { SnapshotState::Sealed };
            assert_eq!((header.state, header.listing), (expected, Some(UserListing::Split)));
        });
    }
}

/// Another run may hold the lease by now.
#[test]
fn a_run_that_has_released_its_lease_seals_nothing() {
    in_paused_time(async {
        let (backend, _, progress) = listed_by_one(70).await;
        let catalog = Catalog::new(backend.vault());
        let now = backend.clock().now();
        catalog
            .release_lease(&LeaseKey::of_pool(&source_id(), RunKind::Export), &progress.execution.id, now)
            .await
            .unwrap();
        assert_eq!(finalize(&backend, &progress).await.unwrap_err().kind(), ErrorKind::RunEnded);
        assert_eq!(header(&catalog, &progress.run_id).await.state, SnapshotState::Running);
    });
}

/// Another invocation may fail the run or find a lost record at any call of finalize.
#[test]
fn a_header_that_changes_while_finalize_runs_is_not_sealed() {
    type Change = fn(&mut Snapshot);
    let changes: [(Change, SnapshotState); 2] = [
        (|header| header.state = SnapshotState::Failed, SnapshotState::Failed),
        (|header| header.look_ups.all = true, SnapshotState::Running),
    ];
    for (change, expected) in changes {
        let mut call = 0;
        loop {
            call += 1;
            let is_changed = in_paused_time(async {
                let (backend, _, progress) = listed_by_one(70).await;
                let (vault, is_changed) = (backend.vault(), Arc::new(AtomicBool::new(false)));
                let (id, changed) = (progress.run_id.clone(), Arc::clone(&is_changed));
                backend.script().change(backend.script().calls() + call, move || {
                    changed.store(change_running_header(&vault, &id, change), Ordering::Relaxed);
                });
                let ended = finalize(&backend, &progress).await;
                let is_changed = is_changed.load(Ordering::Relaxed);
                let header = header(&Catalog::new(backend.vault()), &progress.run_id).await;
                let expected = if is_changed { expected } else { SnapshotState::Sealed };
                assert_eq!((ended.is_err(), header.state), (is_changed, expected), "{call}: {ended:?}");
                is_changed
            });
            if !is_changed {
                break;
            }
        }
        assert!(call > 5, "{call}");
    }
}

/// Changes the header of a running export by hand. False if the export is sealed.
fn change_running_header(vault: &MemoryVault, id: &RunId, change: fn(&mut Snapshot)) -> bool {
    let (key, item) = vault.items().into_iter().find(|(key, _)| key.sk == format!("SNAP#{id}")).unwrap();
    let mut header: Snapshot = serde_dynamo::from_item(item.clone()).unwrap();
    if header.state != SnapshotState::Running {
        return false;
    }
    change(&mut header);
    let mut changed: Item = serde_dynamo::to_item(header).unwrap();
    let AttributeValue::N(revision) = &item.inner()[REVISION] else { panic!("a revision is a number") };
    let revision = revision.parse::<u64>().unwrap() + 1;
    changed.inner_mut().insert(REVISION.to_owned(), AttributeValue::N(revision.to_string()));
    vault.put_by_hand(&key, changed);
    true
}

#[test]
fn only_split_listings_count_as_not_compared() {
    in_paused_time(async {
        let (backend, _, progress) = listed_by_one(70).await;
        finalize(&backend, &progress).await.unwrap();
        let header_of_one = header(&Catalog::new(backend.vault()), &progress.run_id).await;
        assert_eq!((header_of_one.listing, header_of_one.split.uncompared), (Some(UserListing::One), 0));
        let (backend, progress) = listed_by_split().await;
        finalize(&backend, &progress).await.unwrap();
        let header_of_split = header(&Catalog::new(backend.vault()), &progress.run_id).await;
        assert_eq!(header_of_split.split.uncompared, 1);
    });
}

#[test]
fn groups_that_vanish_during_an_export_are_counted() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(30, 3).fill(&source);
        source.set_shape(PageShape { sizes: vec![4], ..PageShape::default() });
        let machine = Machine::new(&backend);
        let input = || json!({"userPoolId": source_id(), "tps": 10});
        let report = machine.export(input(), "all there").await.report();
        assert!(!report["summary"].as_str().unwrap().contains("Deleted during the export"), "{report}");
        let pool = source.clone();
        backend.script().change_before(Operation::ListUsersInGroup, 1, move || {
            [1, 2].into_iter().for_each(|number| pool.delete_group(&people::group_name(number)));
        });
        let report = machine.export(input(), "two vanish").await.report();
        let summary = report["summary"].as_str().unwrap();
        assert!(summary.contains("Deleted during the export: 2 groups."), "{summary}");
        let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
        let units = Catalog::new(backend.vault()).units(&id).await.unwrap();
        let vanished = units.iter().filter(|unit| unit.state == UnitState::Vanished);
        assert!(vanished.clone().all(|unit| matches!(unit.listing, Listing::Members { .. })));
        assert_eq!(vanished.count(), 2);
    });
}
