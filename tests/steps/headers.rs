//! Goal: the headers of snapshots and restores say what other runs rely on.
//!
//! Method: headers are read and changed through the catalog, with marks, holds and leases at their borders.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::catalog::{Catalog, LeaseKey};
use shared::model::{Execution, Hold, Lease, Restore, RestoreState, RunId, RunKind, Snapshot};
use shared::ports::Backend;
use shared::ports::vault::{EXPIRES_AT, Key, expiry_value};
use shared_memory::{MemoryBackend, MemoryVault};

use crate::support::machine::Machine;
use crate::support::{backend, in_paused_time, people, source_id, target_id};

/// A table with a sealed snapshot.
async fn exported() -> (MemoryBackend, Catalog<MemoryVault>, Snapshot) {
    let (backend, source, _) = backend();
    people::plain(3, 1).fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let catalog = Catalog::new(backend.vault());
    let snapshot = catalog.snapshot(&source_id(), &id).await.unwrap().unwrap();
    (backend, catalog, snapshot)
}

/// Imports the snapshot. Returns its restore.
async fn restored(backend: &MemoryBackend, catalog: &Catalog<MemoryVault>, name: &str) -> Restore {
    let input = json!({
        "sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "existing": "update", "snapshot": "latest",
    });
    let report = Machine::new(backend).import(input, name).await.report();
    let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
    catalog.restore(&target_id(), &id).await.unwrap().unwrap()
}

async fn hold_lease(catalog: &Catalog<MemoryVault>, kind: RunKind, holder: &str, now: Timestamp) {
    let pool = if kind == RunKind::Export { source_id() } else { target_id() };
    catalog.take_lease(&LeaseKey::of_pool(&pool, kind), &Lease::new(holder, now), false, now).await.unwrap();
}

#[test]
fn readers_see_no_mark_of_a_removal_that_ended_before_it_decided() {
    in_paused_time(async {
        let (backend, catalog, unmarked) = exported().await;
        let now = backend.clock().now();
        hold_lease(&catalog, RunKind::Export, "prune", now).await;
        catalog.mark_for_removal(&source_id(), &unmarked.id).await.unwrap().unwrap();
        let marked = catalog.snapshot(&source_id(), &unmarked.id).await.unwrap().unwrap();
        let end = now + Lease::DURATION;
        let just_before = end - SignedDuration::from_millis(1);
        let seen = catalog.as_readers_see(marked.clone(), just_before).await.unwrap();
        assert_eq!(seen, marked, "the removal may still decide");
        let seen = catalog.as_readers_see(marked, end).await.unwrap();
        assert_eq!(seen, unmarked);
    });
}

/// The header of a decided removal must not be replaced by a writer that read it before.
#[test]
fn a_removal_is_decided_once() {
    in_paused_time(async {
        let (_, catalog, snapshot) = exported().await;
        let mark = async || catalog.mark_for_removal(&source_id(), &snapshot.id).await.unwrap();
        let (first, second) = (mark().await.unwrap(), mark().await.unwrap());
        assert!(!catalog.decide_removal(first).await.unwrap(), "the header was marked again");
        assert!(catalog.decide_removal(second).await.unwrap());
        assert!(mark().await.is_none());
        let decided = catalog.snapshot(&source_id(), &snapshot.id).await.unwrap().unwrap();
        assert!(decided.lasting_state().is_none());
    });
}

#[test]
fn each_change_of_a_header_raises_its_revision() {
    in_paused_time(async {
        let (backend, catalog, snapshot) = exported().await;
        let revision = || {
            let items = backend.vault().items();
            let header = items.into_iter().find(|(key, _)| key.sk.ends_with(snapshot.id.as_str()));
            header.and_then(|(_, item)| serde_dynamo::from_item::<_, serde_json::Value>(item).ok()).unwrap()
                ["revision"]
                .as_u64()
                .unwrap()
        };
        let sealed = revision();
        let marked = catalog.mark_for_removal(&source_id(), &snapshot.id).await.unwrap().unwrap();
        assert_eq!(revision(), sealed + 1);
        assert!(catalog.decide_removal(marked).await.unwrap());
        assert_eq!(revision(), sealed + 2);
    });
}

#[test]
fn an_import_holds_its_snapshot_until_its_lease_ends() {
    in_paused_time(async {
        let (backend, catalog, snapshot) = exported().await;
        let now = backend.clock().now();
        let restore = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        let hold = Hold { target: target_id(), execution: "import".to_owned() };
        catalog.hold(&snapshot.id, &restore, &hold).await.unwrap();
        assert!(catalog.held_until(&snapshot.id, now).await.unwrap().is_none(), "nobody has the lease");
        hold_lease(&catalog, RunKind::Import, "import", now).await;
        let end = now + Lease::DURATION;
        assert_eq!(
            catalog.held_until(&snapshot.id, end - SignedDuration::from_millis(1)).await.unwrap(),
            Some(end)
        );
        assert!(catalog.held_until(&snapshot.id, end).await.unwrap().is_none());
        hold_lease(&catalog, RunKind::Import, "other", end).await;
        assert!(
            catalog.held_until(&snapshot.id, end).await.unwrap().is_none(),
            "another import has the lease"
        );
    });
}

/// The sub map outlives the header of its restore, so its own header says what the restore was.
#[test]
fn the_header_of_a_sub_map_follows_the_state_of_its_restore() {
    in_paused_time(async {
        let (backend, catalog, _) = exported().await;
        let restore = restored(&backend, &catalog, "import").await;
        let kept = async || {
            let key = backend.vault().items().into_keys().find(|key| key.sk.starts_with("RESTORE#")).unwrap();
            let removed = backend.vault().remove(&key).unwrap();
            let kept = catalog.restore_with_sub_map(&target_id(), &restore.id).await.unwrap().unwrap();
            backend.vault().put_by_hand(&key, removed);
            kept
        };
        let change = async |change: fn(&mut Restore)| {
            let before = backend.script().calls();
            let changed = catalog.change_restore(&target_id(), &restore.id, change).await.unwrap().unwrap();
            (changed, backend.script().calls() - before)
        };
        assert_eq!(kept().await, restore);
        let (running, calls) = change(|restore| restore.state = RestoreState::Running).await;
        assert_eq!((kept().await.state, calls), (running.state, 4), "both headers are read and written");
        let (_, calls) = change(|restore| restore.handled.users += 1).await;
        assert_eq!(calls, 2, "progress is not written to the header of the sub map");
        assert_eq!(kept().await.handled, running.handled);
        let (failed, _) = change(|restore| restore.state = RestoreState::Failed).await;
        assert_eq!(kept().await, failed);
        let (corrected, _) = change(|restore| restore.handled.users += 1).await;
        assert_eq!(kept().await, corrected, "what an ended restore says is final");
    });
}

/// Items that have expired count against the limit of a query, so the next query must follow.
#[test]
fn expired_restores_hide_no_restore() {
    in_paused_time(async {
        let (backend, catalog, _) = exported().await;
        let first = restored(&backend, &catalog, "first").await;
        let again = restored(&backend, &catalog, "again").await;
        assert_ne!(first.id, again.id);
        let vault = backend.vault();
        let (key, mut newest) =
            vault.items().into_iter().rfind(|(key, _)| key.sk.starts_with("RESTORE#")).unwrap();
        newest.inner_mut().insert(
            EXPIRES_AT.to_owned(),
            expiry_value(shared::model::ExpiresAt::of_item(
                backend.clock().now() - SignedDuration::from_hours(24 * 365),
            )),
        );
        vault.put_by_hand(&key, newest);
        let found = catalog.restores(&target_id(), 1).await.unwrap();
        assert_eq!(found.iter().map(|restore| &restore.id).collect::<Vec<_>>(), [&first.id]);
    });
}

/// Headers of sealed snapshots, one an hour, as many as the list says, each with so many users.
fn put_headers(backend: &MemoryBackend, first: &Snapshot, users: &[u64]) -> Vec<Snapshot> {
    let vault = backend.vault();
    let (key, item) =
        vault.items().into_iter().find(|(key, _)| key.sk == format!("SNAP#{}", first.id)).unwrap();
    let put = |(number, users): (usize, &u64)| {
        let started_at = first.id.time() + SignedDuration::from_hours(number as i64 + 1);
        let id = RunId::of(&Execution { id: format!("export {number}"), started_at });
        let mut snapshot = Snapshot { id: id.clone(), ..first.clone() };
        snapshot.counts.users = *users;
        let mut item = item.clone();
        let changed: serde_dynamo::Item = serde_dynamo::to_item(&snapshot).unwrap();
        for (name, value) in changed.into_inner() {
            item.inner_mut().insert(name, value);
        }
        vault.put_by_hand(&Key::new(key.pk.as_str(), format!("SNAP#{id}")), item);
        snapshot
    };
    users.iter().enumerate().map(put).collect()
}

#[test]
fn the_largest_snapshot_is_found_among_all_of_the_time_and_the_newest_of_equals_is_named() {
    in_paused_time(async {
        let (backend, catalog, first) = exported().await;
        let mut users = vec![50; 100];
        (users[3], users[20], users[30]) = (900, 70, 70);
        let snapshots = put_headers(&backend, &first, &users);
        let largest = async |since: &Snapshot| {
            let newest = &snapshots[99];
            let found = catalog.largest_sealed(&source_id(), since.id.time(), &newest.id).await.unwrap();
            found.map(|found| found.id)
        };
        assert_eq!(largest(&snapshots[0]).await.as_ref(), Some(&snapshots[3].id));
        assert_eq!(largest(&snapshots[3]).await.as_ref(), Some(&snapshots[3].id), "of the very time");
        assert_eq!(largest(&snapshots[4]).await.as_ref(), Some(&snapshots[30].id));
    });
}

/// The header was read before the removal decided. The lease was read after it was given back.
#[test]
fn readers_see_the_removal_that_was_decided_since_they_read_the_header() {
    in_paused_time(async {
        let (backend, catalog, snapshot) = exported().await;
        let marked = catalog.mark_for_removal(&source_id(), &snapshot.id).await.unwrap().unwrap();
        let read = catalog.snapshot(&source_id(), &snapshot.id).await.unwrap().unwrap();
        assert!(read.lasting_state().is_some());
        assert!(catalog.decide_removal(marked).await.unwrap());
        let seen = catalog.as_readers_see(read, backend.clock().now()).await.unwrap();
        assert_eq!(seen.lasting_state(), None);
    });
}
