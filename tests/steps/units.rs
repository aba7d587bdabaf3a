//! Goal: a unit changes only in the attempt that the writer knows, and counts only with its own last batch.
//!
//! Method: units and headers of one export change through the catalog, also by writers that come too late.

use serde_json::json;
use shared::ErrorKind;
use shared::catalog::{Catalog, SoFar};
use shared::model::{
    Counts, Digest, DigestBuilder, Listing, PageBatch, PageLimit, RunId, SCHEMA_VERSION, Snapshot,
    SnapshotState, Unit, UnitState,
};
use shared::ports::Backend;
use shared_memory::{MemoryBackend, MemoryVault};

use crate::support::machine::{Machine, begin};
use crate::support::{backend, in_paused_time, people, source_id};

/// An export that has begun, with the unit of its users.
async fn begun() -> (MemoryBackend, Catalog<MemoryVault>, RunId, Unit) {
    let (backend, source, _) = backend();
    people::plain(70, 2).fill(&source);
    let event = begin(&backend, "export", json!({"userPoolId": source_id()})).await;
    let id = RunId::parse(event["runId"].as_str().unwrap()).unwrap();
    let catalog = Catalog::new(backend.vault());
    let unit = users(&catalog, &id).await;
    (backend, catalog, id, unit)
}

async fn sealed() -> (MemoryBackend, Catalog<MemoryVault>, Snapshot) {
    let (backend, source, _) = backend();
    people::plain(70, 2).fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let catalog = Catalog::new(backend.vault());
    let snapshot = header(&catalog, &id).await;
    (backend, catalog, snapshot)
}

async fn users(catalog: &Catalog<MemoryVault>, id: &RunId) -> Unit {
    let units = catalog.units(id).await.unwrap();
    units.into_iter().find(|unit| unit.listing == Listing::Users).unwrap()
}

async fn header(catalog: &Catalog<MemoryVault>, id: &RunId) -> Snapshot {
    catalog.snapshot(&source_id(), id).await.unwrap().unwrap()
}

fn smaller() -> PageLimit {
    PageLimit::of_users(1024 * 1024)
}

#[test]
fn a_writer_of_another_attempt_or_of_a_unit_that_is_done_changes_nothing() {
    in_paused_time(async {
        let (_, catalog, id, unit) = begun().await;
        let note = async |from: &Unit| {
            catalog.change_unit(&id, from, |unit| unit.entries += 1).await.unwrap().entries
        };
        assert_eq!(note(&unit).await, 1);
        let late = Unit { attempt: 7, ..unit.clone() };
        assert_eq!(note(&late).await, 1, "another attempt");
        catalog.change_unit(&id, &unit, |unit| unit.state = UnitState::Done).await.unwrap();
        assert_eq!(note(&unit).await, 1, "the unit is done");
    });
}

#[test]
fn a_unit_is_listed_again_once_with_the_limit_of_the_caller() {
    in_paused_time(async {
        let (_, catalog, id, unit) = begun().await;
        assert_ne!(unit.limit, smaller());
        let from = Unit { limit: smaller(), ..unit.clone() };
        catalog.list_again(&id, &from).await.unwrap();
        let again = users(&catalog, &id).await;
        assert_eq!((again.attempt, again.limit), (unit.attempt + 1, smaller()));
        catalog.list_again(&id, &from).await.unwrap();
        assert_eq!(users(&catalog, &id).await, again, "it is in another attempt by now");
        catalog.supersede(&id, &again).await.unwrap();
        catalog.list_again(&id, &again).await.unwrap();
        assert_eq!(users(&catalog, &id).await.state, UnitState::Superseded);
    });
}

#[test]
fn a_unit_looks_up_all_records_once_with_the_limit_of_the_caller() {
    in_paused_time(async {
        let (_, catalog, id, unit) = begun().await;
        let from = Unit { limit: smaller(), ..unit.clone() };
        catalog.look_up_all(&id, &from).await.unwrap();
        let again = users(&catalog, &id).await;
        assert_eq!((again.attempt, again.limit, again.looks_up_all), (unit.attempt + 1, smaller(), true));
        catalog.look_up_all(&id, &from).await.unwrap();
        assert_eq!(users(&catalog, &id).await, again, "it does so already");
    });
    in_paused_time(async {
        let (_, catalog, id, unit) = begun().await;
        catalog.supersede(&id, &unit).await.unwrap();
        catalog.look_up_all(&id, &unit).await.unwrap();
        assert_eq!(users(&catalog, &id).await.state, UnitState::Superseded);
    });
}

#[test]
fn the_counts_of_a_running_snapshot_are_written_if_they_are_new() {
    in_paused_time(async {
        let (backend, catalog, id, _) = begun().await;
        let pool = source_id();
        let note = async |users: u64, largest: u64| {
            let (counts, before) = (Counts { users, ..Counts::default() }, backend.script().calls());
            let noted = SoFar { counts, largest_user: largest, captured: None };
            catalog.note_so_far(&pool, &id, noted).await.unwrap();
            let now = header(&catalog, &id).await;
            (now.counts.users, now.largest_user, backend.script().calls() - before - 1)
        };
        assert_eq!(note(60, 0).await, (60, None, 2));
        assert_eq!(note(60, 0).await, (60, None, 1), "nothing is new");
        assert_eq!(note(60, 500).await, (60, Some(500), 2));
        assert_eq!(note(70, 400).await, (70, Some(500), 2), "the largest user stays");
        assert_eq!(note(70, 500).await, (70, Some(500), 1));
    });
    in_paused_time(async {
        let (_, catalog, snapshot) = sealed().await;
        let noted = SoFar { counts: Counts::default(), largest_user: 9_000, captured: None };
        catalog.note_so_far(&source_id(), &snapshot.id, noted).await.unwrap();
        assert_eq!(header(&catalog, &snapshot.id).await, snapshot, "a sealed snapshot never changes");
    });
}

/// Each of the three could hold by chance.
#[test]
fn a_unit_ends_only_with_its_own_last_batch() {
    in_paused_time(async {
        let (backend, catalog, snapshot) = sealed().await;
        let id = &snapshot.id;
        let unit = users(&catalog, id).await;
        let ends = async |unit: &Unit| {
            catalog.unit_without_end(id, std::slice::from_ref(unit)).await.unwrap().is_none()
        };
        assert!(ends(&unit).await);
        assert!(!ends(&Unit { chain: Digest::default(), ..unit.clone() }).await);
        assert!(!ends(&Unit { pages: unit.pages + 1, ..unit.clone() }).await);
        let partition = format!("SNAP#{id}");
        let is_last = |sk: &str| sk.starts_with("PAGES#users");
        let items = backend.vault().items();
        let (key, item) =
            items.into_iter().rfind(|(key, _)| key.pk == partition && is_last(&key.sk)).unwrap();
        let mut batch: PageBatch = serde_dynamo::from_item(item).unwrap();
        batch.next_token = Some("there are more".to_owned());
        backend.vault().put_by_hand(&key, serde_dynamo::to_item(&batch).unwrap());
        assert!(!ends(&unit).await, "Cognito has more users");
        batch.next_token = None;
        batch.previous = DigestBuilder::new("other").finish();
        backend.vault().put_by_hand(&key, serde_dynamo::to_item(&batch).unwrap());
        assert!(!ends(&unit).await, "the batch was altered");
    });
}

#[test]
fn a_snapshot_of_a_newer_version_is_not_read_and_one_of_this_version_is() {
    in_paused_time(async {
        let (_, catalog, snapshot) = sealed().await;
        let newer = Snapshot { schema_version: SCHEMA_VERSION + 1, ..snapshot.clone() };
        let refused = catalog.sealed_units(&newer).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::UnsupportedSchema);
        assert_eq!(snapshot.state, SnapshotState::Sealed);
        assert!(catalog.sealed_units(&snapshot).await.is_ok());
    });
}
