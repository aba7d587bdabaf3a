//! Goal: the table stores a record of a configuration once, whole or not at all, and removes it with the last
//! snapshot that names it.
//!
//! Method: store records, lose parts of them, and read and prune them. No export runs.

use serde_json::{Value, json};
use shared::catalog::{Catalog, ConfigurationKind, ConfigurationRecord};
use shared::model::configuration::{
    Asset, Capture, CapturedEntry, CapturedList, CapturedObject, ObjectKind, ObjectName,
};
use shared::model::{Digest, Reason, RunId};
use shared::ports::Backend;
use shared_memory::{MemoryBackend, MemoryVault};

use crate::support::{backend, in_paused_time, source_id};

fn run() -> RunId {
    RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap()
}

fn object(kind: ObjectKind, id: &str, answer: &Value) -> CapturedObject {
    Capture::of(ObjectName::of(kind, id), answer).unwrap().object
}

/// An object whose text has `bytes` bytes and more.
fn large(bytes: usize, derived: &str) -> CapturedObject {
    let settings = json!({"text": "é".repeat(bytes / 2)});
    object(ObjectKind::Branding, "1", &json!({"Settings": settings, "CreationDate": derived}))
}

async fn store<T: ConfigurationRecord>(backend: &MemoryBackend, records: &[T]) -> u64 {
    Catalog::new(backend.vault()).store_configuration(&source_id(), &run(), records).await.unwrap()
}

async fn read<T: ConfigurationRecord>(backend: &MemoryBackend, digest: Digest) -> Result<T, Reason> {
    let catalog = Catalog::new(backend.vault());
    catalog.configuration_records(&source_id(), &[digest]).await.unwrap().pop().unwrap()
}

fn parts(vault: &MemoryVault) -> Vec<shared::ports::vault::Key> {
    vault.items().into_keys().filter(|key| key.sk.starts_with("PART#")).collect()
}

#[test]
fn a_record_is_stored_once_and_read_as_it_was_stored() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let small =
            object(ObjectKind::Client, "1", &json!({"ClientName": "web", "CallbackURLs": ["b", "a"]}));
        let asset = Asset::new("A".repeat(1_400_000));
        assert_eq!(store(&backend, &[small.clone(), large(1_000_000, "1"), small.clone()]).await, 2);
        assert_eq!(store(&backend, std::slice::from_ref(&asset)).await, 1);
        assert_eq!(read::<CapturedObject>(&backend, small.digest()).await, Ok(small.clone()));
        assert_eq!(read(&backend, large(1_000_000, "1").digest()).await, Ok(large(1_000_000, "1")));
        assert_eq!(read(&backend, asset.digest()).await, Ok(asset.clone()));
        let items = backend.vault().items();
        assert_eq!(store(&backend, &[small, large(1_000_000, "1")]).await, 0);
        assert_eq!(store(&backend, &[asset]).await, 0);
        assert_eq!(backend.vault().items(), items);
        // Every other answer is a record of its own, so that each snapshot shows what it captured.
        let other = object(ObjectKind::Client, "1", &json!({"ClientName": "web", "CallbackURLs": ["a"]}));
        assert_eq!(store(&backend, &[other, large(1_000_000, "2")]).await, 2);
        // Cognito may change the order of such a list from answer to answer.
        let reordered =
            object(ObjectKind::Client, "1", &json!({"ClientName": "web", "CallbackURLs": ["a", "b"]}));
        assert_eq!(store(&backend, &[reordered]).await, 0);
        assert_eq!(read(&backend, large(1_000_000, "1").digest()).await, Ok(large(1_000_000, "1")));
    });
}

#[test]
fn a_text_that_fits_into_an_item_has_no_parts() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        store(&backend, &[Asset::new("A".repeat(349 * 1024))]).await;
        assert_eq!(parts(&backend.vault()), []);
        store(&backend, &[Asset::new("B".repeat(351 * 1024))]).await;
        assert_eq!(parts(&backend.vault()).len(), 2);
    });
}

#[test]
fn a_record_that_lost_a_part_is_damaged_until_it_is_stored_again() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let stored = large(1_000_000, "1");
        store(&backend, std::slice::from_ref(&stored)).await;
        for part in parts(&backend.vault()) {
            backend.vault().remove(&part);
            let damaged = read::<CapturedObject>(&backend, stored.digest()).await;
            assert!(matches!(damaged, Err(Reason::RecordDamaged { .. })), "{part}");
            assert_eq!(store(&backend, std::slice::from_ref(&stored)).await, 1);
            assert_eq!(read(&backend, stored.digest()).await, Ok(stored.clone()));
        }
        let key = ConfigurationKind::Object.key(&source_id(), stored.digest());
        backend.vault().remove(&key);
        let missing = read::<CapturedObject>(&backend, stored.digest()).await;
        assert!(matches!(missing, Err(Reason::RecordMissing { .. })));
    });
}

#[test]
fn the_removal_of_a_record_finds_its_parts_and_no_others() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let [one, other] = [large(1_000_000, "1"), large(1_000_000, "2")];
        store(&backend, &[one.clone(), other.clone()]).await;
        // A part is lost, and the item that stood for the parts.
        let key = ConfigurationKind::Object.key(&source_id(), one.digest());
        backend.vault().remove(&key);
        let is_of_one = |part: &shared::ports::vault::Key| part.sk.contains(&one.digest().to_string());
        let part = parts(&backend.vault()).into_iter().find(is_of_one).expect("it has parts");
        backend.vault().remove(&part);
        let deleted = Catalog::new(backend.vault()).keys_to_delete(vec![key]).await.unwrap();
        deleted.iter().for_each(|key| drop(backend.vault().remove(key)));
        assert_eq!(read(&backend, other.digest()).await, Ok(other));
        assert_eq!(backend.vault().items().len(), 4);
    });
}

#[test]
fn a_large_list_is_stored_in_parts() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let entry = |number: u32| CapturedEntry {
            name: ObjectName::of(ObjectKind::Client, format!("{number:026}")),
            digest: Digest::default(),
            assets: Vec::new(),
            secrets: Vec::new(),
            secrets_left_out: 1,
        };
        let list = CapturedList::new((0..6_000).map(entry).collect(), Vec::new());
        assert_eq!(store(&backend, std::slice::from_ref(&list)).await, 1);
        assert!(parts(&backend.vault()).len() > 1);
        assert_eq!(read(&backend, list.digest()).await, Ok(list));
    });
}
