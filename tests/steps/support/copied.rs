//! Snapshots copied to another backend's table.

use std::collections::BTreeMap;

use serde_dynamo::Item;
use serde_json::json;
use shared::Result;
use shared::catalog::Catalog;
use shared::model::{Counts, RunId, SnapshotSelector};
use shared::operations::copy::{Copied, CopySecrets, Destination, LeaveSecretsOut, Stage, Watch, copy};
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::{MemoryBackend, MemoryPool};

use super::machine::Machine;
use super::people::Population;
use super::{backend, new_name, restored::items, source_id};

/// The stages that a copy reported, in order, each with its last counts.
#[derive(Debug, Default)]
pub struct ReportedStages(pub Vec<(Stage, Counts)>);

impl Watch for ReportedStages {
    fn advanced(&mut self, stage: Stage, so_far: &Counts) {
        self.0.retain(|(reported, _)| *reported != stage);
        self.0.push((stage, *so_far));
    }
}

/// A backend with a sealed snapshot of this population, listed some users at a time.
pub async fn exported(population: &Population) -> (MemoryBackend, RunId) {
    let (backend, source, _) = backend();
    population.fill(&source);
    source.set_shape(shared_memory::PageShape {
        sizes: vec![3, 0, 2],
        repeat: true,
        dangling: true,
        ..Default::default()
    });
    let id = export(&backend, "first").await;
    (backend, id)
}

pub async fn export(backend: &MemoryBackend, name: &str) -> RunId {
    let report =
        Machine::new(backend).export(json!({"userPoolId": source_id(), "tps": 200}), name).await.report();
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

/// A backend of another account: an empty table, and an empty pool to restore into.
pub fn other_account() -> (MemoryBackend, MemoryPool) {
    let (backend, _, target) = backend();
    (backend, target)
}

pub async fn copy_to(origin: &MemoryBackend, destination: &MemoryBackend, id: &RunId) -> Result<Copied> {
    copy_and_report(origin, destination, id, &mut ReportedStages::default()).await
}

pub async fn copy_and_report(
    origin: &MemoryBackend,
    destination: &MemoryBackend,
    id: &RunId,
    reported: &mut ReportedStages,
) -> Result<Copied> {
    copy_with(origin, destination, id, &LeaveSecretsOut, reported).await
}

/// Copies a snapshot, and its secrets in this way.
pub async fn copy_with(
    origin: &MemoryBackend,
    destination: &MemoryBackend,
    id: &RunId,
    secrets: &impl CopySecrets,
    reported: &mut ReportedStages,
) -> Result<Copied> {
    let clock = origin.clock();
    let (origin, destination) = (Catalog::new(origin.vault()), Catalog::new(destination.vault()));
    let selector = SnapshotSelector::Id(id.clone());
    let (snapshot, units) = origin.sealed_snapshot(&source_id(), &selector, clock.now()).await?;
    let holder = new_name("copy");
    let destination = Destination { catalog: &destination, secrets };
    copy(&origin, destination, &snapshot, &units, &holder, clock, reported).await
}

/// All items of a table that a copy takes: all except leases, checkpoints of listing checks, and which run an
/// execution carries out.
pub fn snapshot_items(backend: &MemoryBackend) -> BTreeMap<Key, Item> {
    let is_taken =
        |key: &Key| !key.sk.starts_with("LEASE#") && !key.sk.starts_with("CHECK#") && key.sk != "EXECUTION";
    items(backend).into_iter().filter(|(key, _)| is_taken(key)).collect()
}

/// Whether the catalog finds the snapshot as a sealed one.
pub async fn is_visible(backend: &MemoryBackend, id: &RunId) -> bool {
    let catalog = Catalog::new(backend.vault());
    let selector = SnapshotSelector::Id(id.clone());
    let found = catalog.sealed_snapshot(&source_id(), &selector, backend.clock().now()).await.is_ok();
    assert_eq!(
        catalog.snapshot(&source_id(), id).await.unwrap().is_some(),
        found,
        "a header stands for a whole snapshot"
    );
    found
}
