//! Goal: a stored capture keeps the configuration that a pool had before a change, until the operator removes it, and no
//! run takes it for a snapshot.
//!
//! Method: exports, captures and removals of one pool, with deaths before and after the effect of each call.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::json;
use shared::catalog::{Catalog, ConfigurationKind};
use shared::model::configuration::difference::{ClientMap, compare};
use shared::model::configuration::{CapturedList, ConfigurationKeys};
use shared::model::{CallStats, Ceilings, RunId, SnapshotSelector, StoredCapture, Tps};
use shared::operations::prune::{RemovalReason, RemovalRequest};
use shared::operations::{
    CapturedSnapshot, HeldLease, Holding, PresentPool, WatchReading, captured_configuration, comparable,
    holder_name, prepare_capture, table_keys,
};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::Operation;
use shared::{ErrorKind, Result};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use super::fixture::{PLANTED, backend, client, export, exported_rich, id, make_rich, records};
use crate::support::machine::{End, Machine};
use crate::support::pruned::{
    assert_tidy, by_policy, named_snapshots, orphans, prune_by_hand, prune_or_die, sealed,
};
use crate::support::restored::items;
use crate::support::{in_paused_time, source_id, target_id};

struct Unwatched;

impl WatchReading for Unwatched {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, _: Operation, _: Duration) {}
}

/// Stores the present configuration, before `applied` is applied.
async fn store(
    backend: &MemoryBackend,
    applied: &RunId,
    keys: Option<&ConfigurationKeys>,
) -> Result<StoredCapture> {
    let (catalog, clock, tps) = (Catalog::new(backend.vault()), backend.clock(), Tps::new(200).unwrap());
    let holder = holder_name("cognito-backup pool apply", clock.now());
    let mut lease = HeldLease::take(&catalog, &source_id(), &holder, clock).await?;
    let calls = CallStats::none(tps);
    let pool = PacedPool::new(backend.pool(&source_id()), tps, &Ceilings::default(), clock, calls);
    let earlier = CapturedList::default();
    let keys = keys.map(|keys| (backend.keys(), keys));
    let present = PresentPool { pool: &pool, earlier: &earlier, keys };
    let id = StoredCapture::id_of(&holder, clock.now());
    let mut watch = Unwatched;
    let prepared = lease.during(prepare_capture(&catalog, id, applied, present, &mut watch)).await?;
    let capture = prepared.keep(&catalog, &mut lease).await?.clone();
    lease.give_back().await?;
    Ok(capture)
}

async fn read(backend: &MemoryBackend, id: &RunId) -> Result<CapturedSnapshot> {
    let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
    captured_configuration(&catalog, &source_id(), &SnapshotSelector::Id(id.clone()), now).await
}

/// Checks that a capture and what it names can be read, with the bytes of all assets.
async fn assert_whole(backend: &MemoryBackend, capture: &StoredCapture) {
    let captured = read(backend, &capture.id).await.unwrap();
    assert_eq!((captured.holding, &captured.id), (Holding::Capture, &capture.id));
    assert!(captured.objects.len() > 10);
    captured.with_assets(&Catalog::new(backend.vault())).await.unwrap();
}

async fn captures(backend: &MemoryBackend) -> Vec<StoredCapture> {
    Catalog::new(backend.vault()).stored_captures(&source_id()).await.unwrap()
}

#[test]
fn a_capture_is_read_by_its_id_and_equals_what_an_export_captures() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let before = records(&backend);
        let capture = store(&backend, &id(&first), None).await.unwrap();
        assert_eq!(capture.before_applying, id(&first));
        let (of_snapshot, of_capture) =
            (read(&backend, &id(&first)).await.unwrap(), read(&backend, &capture.id).await.unwrap());
        assert_eq!(of_capture.list, of_snapshot.list);
        assert_eq!(records(&backend), before, "an unchanged configuration has its records already");
        client(&source, json!({"ClientName": "added"}));
        tokio::time::sleep(Duration::from_secs(60)).await;
        let changed = store(&backend, &id(&first), None).await.unwrap();
        assert_whole(&backend, &changed).await;
        let [old, new] = [of_snapshot, read(&backend, &changed.id).await.unwrap()]
            .map(|captured| comparable(&captured.list, captured.objects).unwrap());
        let differences = compare(&old, &new, &ClientMap::default()).differences;
        assert!(!differences.is_empty());
        assert!(differences.iter().all(|difference| difference.object.text.contains("added")));
        let newest_first: Vec<_> = captures(&backend).await.into_iter().map(|capture| capture.id).collect();
        assert_eq!(newest_first, [changed.id, capture.id]);
    });
}

#[test]
fn a_capture_is_no_snapshot() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let capture = store(&backend, &id(&first), None).await.unwrap();
        let catalog = Catalog::new(backend.vault());
        let now = backend.clock().now();
        let latest = catalog.newest_sealed(&source_id(), None, now).await.unwrap().unwrap();
        assert_eq!(latest.id, id(&first));
        assert_eq!(sealed(&backend).await, [id(&first)]);
        let latest = captured_configuration(&catalog, &source_id(), &SnapshotSelector::Latest, now).await;
        assert_eq!(latest.unwrap().id, id(&first));
        for wanted in [
            json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": capture.id}),
            json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "snapshot": capture.id, "dryRun": true}),
        ] {
            let End::Failed { error, cause, .. } = Machine::new(&backend).import(wanted, "import").await
            else {
                panic!("an import of a capture")
            };
            assert_eq!(error, "InvalidInput");
            assert!(cause.contains(&format!("{} is a stored capture of user pool", capture.id)), "{cause}");
            assert!(cause.contains("no users"), "{cause}");
        }
        // The next export counts neither its age nor its size.
        let second = export(&Machine::new(&backend), "second").await;
        assert_eq!(second["status"], "SEALED");
        let before =
            Catalog::new(backend.vault()).snapshot(&source_id(), &id(&second)).await.unwrap().unwrap();
        assert_eq!(before.seal.unwrap().before.unwrap().users, 20);
        // A header of a capture never expires.
        let headers = items(&backend).into_iter().filter(|(key, _)| key.sk.starts_with("STORED_CAPTURE#"));
        let expire = headers.map(|(_, item)| shared::ports::vault::expiry_of(&item).is_some());
        assert_eq!(expire.collect::<Vec<_>>(), [false]);
    });
}

/// A pool whose first snapshot shares its records with a capture, and whose later snapshots have others.
async fn shared_with_a_capture() -> (MemoryBackend, MemoryPool, RunId, StoredCapture) {
    let (backend, source, first) = exported_rich().await;
    let capture = store(&backend, &id(&first), None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    source.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}}));
    source.change_configuration("SetUICustomization", json!({"CSS": ".label-customizable {color: green;}"}));
    export(&Machine::new(&backend), "second").await;
    (backend, source, id(&first), capture)
}

#[test]
fn a_removal_keeps_every_record_that_a_capture_names() {
    in_paused_time(async {
        let (backend, _, first, capture) = shared_with_a_capture().await;
        let ended = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!((ended.removed.snapshots, ended.removed.captures), (1, 0));
        assert!(!sealed(&backend).await.contains(&first));
        let planned: Vec<_> = ended.plan.captures.iter().map(|planned| planned.removal).collect();
        assert_eq!(planned, [None], "no rule removes a capture");
        assert_whole(&backend, &capture).await;
        assert!(orphans(&backend).await.is_empty());
        // Its removal takes what only it names.
        let ended = prune_by_hand(&backend, &named_snapshots([&capture.id])).await.unwrap();
        assert_eq!((ended.removed.snapshots, ended.removed.captures), (0, 1));
        assert!(ended.removed.records >= 3, "{:?}", ended.removed);
        assert_eq!(ended.plan.captures[0].removal, Some(RemovalReason::Named));
        assert!(captures(&backend).await.is_empty() && orphans(&backend).await.is_empty());
        assert_tidy(&backend).await;
        let gone = read(&backend, &capture.id).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::SnapshotNotFound);
    });
}

#[test]
fn automatic_retention_keeps_every_record_that_a_capture_names() {
    in_paused_time(async {
        let (backend, source, first, capture) = shared_with_a_capture().await;
        let retention = shared::model::Retention::parse("last=1").unwrap();
        let backend = backend.with_retention(Some(retention));
        source.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "third"}}));
        let report = export(&Machine::new(&backend), "third").await;
        assert_eq!(report["removal"]["retention"]["removed"]["snapshots"], 2, "{report}");
        assert!(!sealed(&backend).await.contains(&first));
        assert_whole(&backend, &capture).await;
        assert!(orphans(&backend).await.is_empty());
    });
}

#[test]
fn snapshots_and_captures_are_removed_together() {
    in_paused_time(async {
        let (backend, _, first, capture) = shared_with_a_capture().await;
        let wanted = named_snapshots([&first, &capture.id]);
        let ended = prune_by_hand(&backend, &wanted).await.unwrap();
        assert_eq!((ended.removed.snapshots, ended.removed.captures), (1, 1));
        assert!(orphans(&backend).await.is_empty() && captures(&backend).await.is_empty());
        assert_tidy(&backend).await;
        // An id that nothing has is refused before anything is removed.
        let refused = prune_by_hand(&backend, &wanted).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SnapshotNotFound);
    });
}

#[test]
fn a_lost_list_of_a_capture_stops_every_other_removal() {
    in_paused_time(async {
        let (backend, _, first, capture) = shared_with_a_capture().await;
        let key = ConfigurationKind::List.key(&source_id(), capture.configuration.list);
        backend.vault().remove(&key);
        let before = records(&backend);
        let refused = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SnapshotDamaged);
        assert!(refused.to_string().contains(&key.to_string()), "{refused}");
        assert_eq!((records(&backend), captures(&backend).await.len()), (before, 1));
        assert!(sealed(&backend).await.contains(&first));
        // Without the capture, the removal goes on.
        let named = [&capture.id, &first].map(|id| named_snapshots([id]));
        for wanted in named {
            if let Err(error) = prune_by_hand(&backend, &wanted).await {
                // The first snapshot names the list, too.
                assert_eq!(error.kind(), ErrorKind::SnapshotDamaged, "{error}");
            }
        }
    });
}

/// Plays a removal that dies before, or after, the effect of each of its calls, and then another one.
fn removals_that_die(applied: Applied, wanted: impl Fn(&RunId, &StoredCapture) -> RemovalRequest) {
    let mut calls = 1;
    loop {
        let has_died = AtomicBool::new(false);
        in_paused_time(async {
            let (backend, _, first, capture) = shared_with_a_capture().await;
            let wanted = wanted(&first, &capture);
            backend.script().fault(backend.script().calls() + calls, Fault::Die(applied));
            let ended = prune_or_die(&backend, &wanted).await;
            backend.script().clear();
            has_died.store(ended.is_none(), Relaxed);
            tokio::time::sleep(Duration::from_secs(600)).await;
            // What can still be read is whole.
            for capture in captures(&backend).await {
                if !capture.is_being_removed {
                    assert_whole(&backend, &capture).await;
                } else {
                    let refused = read(&backend, &capture.id).await.unwrap_err();
                    assert_eq!(refused.kind(), ErrorKind::SnapshotBeingRemoved);
                }
            }
            // Any later removal continues it.
            let is_begun = captures(&backend).await.iter().any(|capture| capture.is_being_removed);
            let next = if is_begun { by_policy("last=9") } else { wanted };
            match prune_by_hand(&backend, &next).await {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::SnapshotNotFound, "{error}"),
            }
            assert!(captures(&backend).await.is_empty());
            assert!(orphans(&backend).await.is_empty());
            assert_tidy(&backend).await;
        });
        if !has_died.into_inner() {
            assert!(calls > 10, "the removal makes several calls");
            return;
        }
        calls += 1;
    }
}

#[test]
fn a_removal_of_a_capture_that_dies_at_any_call_is_continued() {
    for applied in [Applied::Nothing, Applied::All] {
        removals_that_die(applied, |_, capture| named_snapshots([&capture.id]));
    }
}

#[test]
fn a_command_that_dies_while_it_stores_a_capture_leaves_a_whole_one_or_none() {
    for applied in [Applied::Nothing, Applied::All] {
        for call in 1.. {
            let has_died = AtomicBool::new(false);
            in_paused_time(async {
                let (backend, source, first) = exported_rich().await;
                source.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}}));
                backend.script().fault(backend.script().calls() + call, Fault::Die(applied));
                let invocation = backend.invocation();
                let applied = id(&first);
                let stored = tokio::select! {
                    biased;
                    stored = store(&invocation, &applied, None) => Some(stored),
                    () = invocation.death() => None,
                };
                backend.script().clear();
                has_died.store(stored.is_none(), Relaxed);
                tokio::time::sleep(Duration::from_secs(600)).await;
                for capture in captures(&backend).await {
                    assert_whole(&backend, &capture).await;
                }
                // A removal finds nothing in its way.
                prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
            });
            if !has_died.into_inner() {
                break;
            }
        }
    }
}

#[test]
fn secrets_are_encrypted_if_the_table_has_encrypted_ones_and_the_operator_may() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let keys = backend.key_ring().create_both("123456789012", &["eu-west-1"]);
        let first = export(&Machine::new(&backend), "first").await;
        let plain = read(&backend, &id(&first)).await.unwrap();
        let catalog = Catalog::new(backend.vault());
        assert_eq!(table_keys(&catalog, &plain, "eu-west-1").await, Ok(None));
        let backend = backend.with_configuration_keys(Some(keys.clone()));
        let second = export(&Machine::new(&backend), "second").await;
        let encrypted = read(&backend, &id(&second)).await.unwrap();
        for captured in [&plain, &encrypted] {
            assert_eq!(table_keys(&catalog, captured, "eu-west-1").await, Ok(Some(keys.clone())));
        }
        let capture = store(&backend, &id(&second), Some(&keys)).await.unwrap();
        let mut stored = read(&backend, &capture.id).await.unwrap();
        assert_eq!(stored.list, encrypted.list);
        assert!(!format!("{:?}", items(&backend)).contains(PLANTED));
        stored.reveal_secrets(&backend.keys(), "eu-west-1").await.unwrap();
        let revealed = stored.objects.iter().any(|object| object.document.to_string().contains(PLANTED));
        assert!(revealed, "the secret of the provider can be put back");
        // An operator who may not use the key gets a capture without new secrets.
        client(&source, json!({"ClientName": "other", "GenerateSecret": true}));
        tokio::time::sleep(Duration::from_secs(60)).await;
        backend.key_ring().refuse(KeyOperation::Encrypt, Some("AccessDeniedException"));
        let without = store(&backend, &id(&second), Some(&keys)).await.unwrap();
        let list = read(&backend, &without.id).await.unwrap().list;
        assert_eq!(list.secret_count(), encrypted.list.secret_count());
        let lacks: Vec<_> = list.not_captured().iter().map(|lacking| lacking.reason.as_str()).collect();
        assert!(lacks.contains(&"notEncrypted"), "{lacks:?}");
        let left_out = store(&backend, &id(&second), None).await.unwrap();
        let list = read(&backend, &left_out.id).await.unwrap().list;
        assert_eq!((list.secret_count(), list.secrets_left_out()), (0, encrypted.list.secret_count() + 1));
        // The secrets of a capture stay as long as it does.
        prune_by_hand(&backend, &named_snapshots([&without.id])).await.unwrap();
        read(&backend, &capture.id).await.unwrap();
        assert!(orphans(&backend).await.is_empty());
    });
}

#[test]
fn no_capture_is_stored_while_an_export_or_a_removal_works() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let catalog = Catalog::new(backend.vault());
        let lease = HeldLease::take(&catalog, &source_id(), "a removal", backend.clock()).await.unwrap();
        let refused = store(&backend, &id(&first), None).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ExportAlreadyRunning);
        assert!(captures(&backend).await.is_empty());
        lease.give_back().await.unwrap();
        store(&backend, &id(&first), None).await.unwrap();
    });
}

#[test]
fn a_command_that_lost_its_lease_before_the_header_leaves_no_capture() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        source.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}}));
        let (catalog, clock, tps) = (Catalog::new(backend.vault()), backend.clock(), Tps::new(200).unwrap());
        let mut lease = HeldLease::take(&catalog, &source_id(), "a command", clock).await.unwrap();
        let calls = CallStats::none(tps);
        let pool = PacedPool::new(backend.pool(&source_id()), tps, &Ceilings::default(), clock, calls);
        let earlier = CapturedList::default();
        let keys: Option<(shared_memory::MemoryKeys, _)> = None;
        let present = PresentPool { pool: &pool, earlier: &earlier, keys };
        let capture = StoredCapture::id_of("a command", clock.now());
        let applied = id(&first);
        let mut watch = Unwatched;
        let prepared = prepare_capture(&catalog, capture, &applied, present, &mut watch);
        let prepared = lease.during(prepared).await.unwrap();
        // The computer sleeps, and a removal takes the lease.
        tokio::time::sleep(Duration::from_secs(600)).await;
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        let lost = prepared.keep(&catalog, &mut lease).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::LeaseLost);
        assert!(captures(&backend).await.is_empty());
    });
}
