//! Goal: what a later or an earlier version captured stays readable, is copied, and goes with its last snapshot.
//!
//! Method: before a snapshot is sealed, give its configuration records of another version.

use std::collections::HashMap;
use std::time::Duration;

use serde_dynamo::{AttributeValue, Item};
use serde_json::{Value, json};
use shared::catalog::{Catalog, ConfigurationKind};
use shared::machine::Function;
use shared::model::Digest;
use shared::model::configuration::{CapturedConfiguration, CapturedList, CapturedObject, ObjectKind};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::MemoryBackend;

use super::fixture::{backend, captured, export, header, id, make_rich, records, until_finalize};
use crate::support::copied::{copy_to, other_account};
use crate::support::machine::Machine;
use crate::support::pruned::{named_snapshots, prune_by_hand};
use crate::support::{in_paused_time, source_id};

/// An object of a kind that this version does not know.
const UNKNOWN: &str = r#"{"name":"newKind/1","document":{"NewMember":[1.0]},"newPart":true}"#;
/// An object of a kind that it knows, as a version with another table of fields stores it.
const OTHER_FORM: &str =
    r#"{"name":"resourceServers/api","document":{"Identifier":"api","NewMember":1,"Name":"api"}}"#;

fn put(backend: &MemoryBackend, kind: ConfigurationKind, digest: Digest, text: &str) -> Key {
    let key = kind.key(&source_id(), digest);
    let attribute = |text: &str| AttributeValue::S(text.to_owned());
    let item = HashMap::from([
        ("json".to_owned(), attribute(text)),
        ("firstSeen".to_owned(), attribute("20261121T020000123Z-1a2b3c4d")),
    ]);
    backend.vault().put_by_hand(&key, Item::from(item));
    key
}

/// Exports a rich pool, as a version that also captures the two objects does. Returns the report and the keys of their
/// records.
async fn export_of_another_version(backend: &MemoryBackend) -> (Value, [Key; 2]) {
    let event = until_finalize(backend).await;
    let report = json!({"snapshotId": event["runId"]});
    let snapshot = header(backend, &report).await;
    let catalog = Catalog::new(backend.vault());
    let list = catalog.captured_list(&snapshot).await.unwrap().unwrap().unwrap();
    let mut list = json!(list);
    let keys = [UNKNOWN, OTHER_FORM].map(|text| {
        let digest = CapturedObject::digest_of(text);
        let name = serde_json::from_str::<Value>(text).unwrap()["name"].clone();
        list["entries"].as_array_mut().unwrap().push(json!({"name": name, "digest": digest, "newMember": 1}));
        put(backend, ConfigurationKind::Object, digest, text)
    });
    let text = list.to_string();
    let digest = CapturedList::digest_of(&text);
    put(backend, ConfigurationKind::List, digest, &text);
    let pool = source_id();
    let change = |snapshot: &mut shared::model::Snapshot| {
        snapshot.captured_configuration = Some(CapturedConfiguration { list: digest });
    };
    catalog.change_snapshot(&pool, &snapshot.id, change).await.unwrap();
    let replaced = snapshot.captured_configuration.unwrap().list;
    backend.vault().remove(&ConfigurationKind::List.key(&pool, replaced));
    let budget = Budget::for_invocation(Duration::from_secs(900));
    (backend.invocation().carry_out(Function::Finalize, event, budget).await.unwrap(), keys)
}

#[test]
fn a_configuration_of_another_version_is_readable_copied_and_removed_with_its_snapshot() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let (report, keys) = export_of_another_version(&backend).await;
        assert_eq!(report["status"], "SEALED");
        assert_eq!(report["configuration"].get("isUnreadable"), None, "{report}");
        let (list, objects) = captured(&backend, &report).await;
        assert_eq!(list.unknown().iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["newKind/1"]);
        assert_eq!(objects["resourceServers/api"]["NewMember"], 1);
        assert!(list.entries().iter().any(|entry| entry.name.kind == ObjectKind::UserPool));
        let (destination, _) = other_account();
        copy_to(&backend, &destination, &id(&report)).await.unwrap();
        assert_eq!(records(&destination), records(&backend));
        // The next export has neither, and names the one that it knows as removed.
        tokio::time::sleep(Duration::from_secs(3600)).await;
        let next = export(&Machine::new(&backend), "next").await;
        let objects = json!([{"object": "resourceServers/api", "change": "removed", "fieldCount": 0}]);
        assert_eq!(next["configuration"]["changes"]["objects"], objects);
        assert!(keys.iter().all(|key| records(&backend).contains(key)));
        prune_by_hand(&backend, &named_snapshots([&id(&report)])).await.unwrap();
        assert!(!keys.iter().any(|key| records(&backend).contains(key)));
        assert!(captured(&backend, &next).await.0.unknown().is_empty());
    });
}
