//! Removals of snapshots, and checks of what remains.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use shared::Result;
use shared::catalog::{Catalog, Record};
use shared::model::{
    GroupRecord, PageBatch, PoolDescription, PoolId, Retention, RunId, Snapshot, SnapshotState, Unit, UnitId,
    UserRecord,
};
use shared::operations::HeldLease;
use shared::operations::prune::{Ended, RemainingWork, RemovalRequest, prune};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::MemoryBackend;

use super::{new_name, restored::items, snapshot, source_id};

pub fn by_policy(rules: &str) -> RemovalRequest {
    RemovalRequest::ByPolicy { retention: Retention::parse(rules).unwrap(), automatic: false }
}

pub fn named_snapshots<'a>(ids: impl IntoIterator<Item = &'a RunId>) -> RemovalRequest {
    RemovalRequest::Named(ids.into_iter().cloned().collect())
}

/// A removal by hand, as the command line makes it: under its own name, and the lease is always
/// released.
pub async fn prune_by_hand(backend: &MemoryBackend, wanted: &RemovalRequest) -> Result<Ended> {
    let holder = new_name("prune");
    let catalog = Catalog::new(backend.vault());
    let mut tenure = HeldLease::take(&catalog, &source_id(), &holder, backend.clock()).await?;
    let budget = Budget::for_invocation(Duration::from_secs(30 * 24 * 3600));
    // Another command may change the marks meanwhile.
    let ended = loop {
        match prune(&catalog, &source_id(), wanted, &mut tenure, budget, &mut ()).await {
            Ok(ended) if ended.remaining != RemainingWork::None => {}
            ended => break ended,
        }
    };
    tenure.give_back().await?;
    ended
}

/// The same in one invocation. None if the invocation dies.
pub async fn prune_or_die(backend: &MemoryBackend, wanted: &RemovalRequest) -> Option<Result<Ended>> {
    let invocation = backend.invocation();
    tokio::select! {
        biased;
        ended = prune_by_hand(&invocation, wanted) => Some(ended),
        () = invocation.death() => None,
    }
}

pub async fn headers(backend: &MemoryBackend) -> Vec<Snapshot> {
    Catalog::new(backend.vault()).all_snapshots(&source_id()).await.unwrap()
}

/// The ids of the sealed snapshots, newest first.
pub async fn sealed(backend: &MemoryBackend) -> Vec<RunId> {
    let sealed = |snapshot: &Snapshot| snapshot.lasting_state() == Some(SnapshotState::Sealed);
    headers(backend).await.into_iter().filter(sealed).map(|snapshot| snapshot.id).collect()
}

/// Checks that every sealed snapshot whose removal is not decided is complete.
pub async fn assert_all_whole(backend: &MemoryBackend) {
    for id in sealed(backend).await {
        snapshot::read(backend, &source_id(), &id).await;
    }
}

/// The keys of all records in the table.
pub fn records(backend: &MemoryBackend) -> BTreeSet<Key> {
    items(backend).into_keys().filter(|key| key.sk.starts_with("REC#")).collect()
}

/// The parts of records that no record in the table stands for.
pub fn orphaned_parts(backend: &MemoryBackend) -> BTreeSet<Key> {
    let is_orphan = |key: &Key| {
        let record = key.sk.strip_prefix("PART#").and_then(|rest| rest.rsplit_once('#'));
        record.is_some_and(|(record, _)| {
            let record = Key::new(key.pk.as_str(), format!("REC#{record}"));
            !backend.vault().items().contains_key(&record)
        })
    };
    items(backend).into_keys().filter(is_orphan).collect()
}

/// The records that a page or a header in the table names, whether or not their snapshots count.
pub async fn named(backend: &MemoryBackend) -> HashSet<Key> {
    let pool: PoolId = source_id();
    let mut named = HashSet::new();
    let catalog = Catalog::new(backend.vault());
    for header in headers(backend).await {
        named.insert(PoolDescription::key(&pool, "", header.configuration));
        let captured = catalog.named_configuration(&header).await.unwrap();
        named.extend(captured.records.into_iter().map(|(kind, digest)| kind.key(&pool, digest)));
    }
    for capture in catalog.stored_captures(&pool).await.unwrap() {
        let captured = catalog.records_of_list(&pool, capture.configuration).await.unwrap();
        named.extend(captured.records.into_iter().map(|(kind, digest)| kind.key(&pool, digest)));
    }
    for (key, item) in items(backend) {
        let of = |kind: &str| key.pk.starts_with("SNAP#") && key.sk.starts_with(&format!("PAGES#{kind}"));
        let record: fn(&PoolId, &str, _) -> Key = match (of("users"), of("groups")) {
            (true, _) => UserRecord::key,
            (_, true) => GroupRecord::key,
            _ => continue,
        };
        let batch: PageBatch = serde_dynamo::from_item(item).unwrap();
        let unit = key.sk.split('#').nth(1).unwrap();
        let entries = batch.verified(&UnitId::named(unit)).unwrap().into_iter().flat_map(|page| page.0);
        named.extend(entries.map(|entry| record(&pool, &entry.key, entry.digest.unwrap())));
    }
    named
}

/// Records that no page and no header names.
pub async fn orphans(backend: &MemoryBackend) -> BTreeSet<Key> {
    let named = named(backend).await;
    records(backend).into_iter().filter(|key| !named.contains(key)).collect()
}

/// Checks that every item of a snapshot has its header, and that no removal is under way. Checks that no
/// import holds a removed snapshot.
pub async fn assert_tidy(backend: &MemoryBackend) {
    let ids = assert_no_strays(backend).await;
    for key in items(backend).into_keys() {
        let held = key.pk.strip_prefix("RESTORE#HOLDS#");
        assert!(
            held.is_none_or(|id| ids.contains(&format!("SNAP#{id}"))),
            "{key} holds a snapshot that is gone"
        );
    }
}

/// Checks that every item of a snapshot has its header, and that no removal is under way. Returns the
/// partitions of the snapshots.
///
/// An export that ended before it wrote its header leaves open units, which no reader finds, and the item of its
/// execution, which expires. An import that found its snapshot gone leaves its hold.
pub async fn assert_no_strays(backend: &MemoryBackend) -> HashSet<String> {
    let headers = headers(backend).await;
    assert!(
        headers.iter().all(|header| header.removal.is_none() && header.state != SnapshotState::Pruning),
        "no mark is left"
    );
    let ids: HashSet<String> = headers.into_iter().map(|header| format!("SNAP#{}", header.id)).collect();
    for (key, item) in items(backend) {
        let is_open = |unit: Unit| unit.is_open() && unit.attempt == 1;
        let is_plan = key.sk.starts_with("UNIT#") && serde_dynamo::from_item(item).is_ok_and(is_open);
        let is_excused = is_plan || key.sk == "EXECUTION";
        assert!(
            !key.pk.starts_with("SNAP#") || ids.contains(&key.pk) || is_excused,
            "{key} is of a snapshot that is gone"
        );
        assert_ne!(key.sk, "PRUNING", "the checkpoint is forgotten");
    }
    ids
}
