//! Goal: a restore names missing and altered items of its snapshot, and restores them after their repair.
//!
//! Method: delete or alter an item, import, put the item back, and import again.

use futures::TryStreamExt;
use serde_dynamo::{AttributeValue, Item};
use serde_json::{Value, json};
use shared::ErrorKind;
use shared::catalog::{Catalog, Record};
use shared::model::{
    DigestBuilder, GroupRecord, Listing, PageBatch, RestoreState, RunId, Unit, UnitId, UserRecord,
};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared::ports::vault::Key;
use shared::report::PlanReport;
use shared_memory::{MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::Machine;
use crate::support::restored::{Comparison, assert_books_balance, compare, items};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id()})
}

async fn exported(people: usize) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    people::plain(people, 3).fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

async fn page_key(backend: &MemoryBackend, contents: &Contents, unit: &UnitId, number: u64) -> Key {
    Catalog::new(backend.vault()).page(&contents.snapshot.id, unit, 1, number).await.unwrap().0
}

fn altered(mut item: Item, attribute: &str) -> Item {
    match item.inner_mut().get_mut(attribute).expect("the item has the attribute") {
        AttributeValue::B(bytes) => bytes[5] ^= 1,
        AttributeValue::S(text) => text.push('x'),
        AttributeValue::Bool(value) => *value = !*value,
        other => panic!("{other:?}"),
    }
    item
}

/// Restores a snapshot with a damaged item, which the error must name. Then repairs the item and starts the
/// restore again.
async fn partial_until_mended(
    backend: &MemoryBackend,
    target: &MemoryPool,
    contents: &Contents,
    key: &Key,
    item: Item,
    named: &str,
) {
    let machine = Machine::new(backend);
    let report = machine.import(import(), "damaged").await.report();
    assert_eq!(report["status"], "PARTIAL", "{report}");
    assert!(backend.announcements().last().unwrap().is_error);
    let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
    let ledger = items(backend)
        .into_iter()
        .filter(|(key, _)| key.pk == format!("RESTORE#{id}") && key.sk.starts_with("LEDGER#"));
    assert!(
        ledger.map(|(_, item)| format!("{item:?}")).any(|page| page.contains(named)),
        "the ledger does not name {named}"
    );
    assert_ne!(compare(contents, target), Comparison::default());

    backend.vault().put_by_hand(key, item);
    let report = machine.import(import(), "mended").await.report();
    assert_eq!(compare(contents, target), Comparison::default(), "{report}");
    assert_eq!(report["status"], "SUCCEEDED", "{report}");
    assert_books_balance(backend, contents, target, &report).await;
}

#[test]
fn a_missing_or_altered_page_is_named_and_restored_after_its_repair() {
    let members = Listing::Members { group: people::group_name(1) };
    for (listing, number) in [(Listing::Users, 17), (Listing::Users, 1), (members, 1), (Listing::Groups, 1)] {
        for alter in [false, true] {
            in_paused_time(async {
                let (backend, target, contents) = exported(1_000).await;
                let key = page_key(&backend, &contents, &listing.unit_id(), number).await;
                let item = backend.vault().remove(&key).expect("the page exists");
                if alter {
                    backend.vault().put_by_hand(&key, altered(item.clone(), "e"));
                }
                partial_until_mended(&backend, &target, &contents, &key, item, &key.to_string()).await;
            });
        }
    }
}

/// A reader names all damage at once, so it reads on after a gap.
#[test]
fn batches_after_a_missing_one_are_read_and_a_batch_within_another_one_is_none() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(40, 0).fill(&source);
        source.set_shape(PageShape { sizes: vec![1], ..PageShape::default() });
        let report =
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let (catalog, id) =
            (Catalog::new(backend.vault()), RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap());
        let units = catalog.units(&id).await.unwrap();
        let unit = units.into_iter().find(|unit| unit.listing == Listing::Users).unwrap();
        let key = async |number| catalog.page(&id, &unit.id(), 1, number).await.unwrap().0;
        // The pages of each batch, or the key of a batch that is missing.
        let read = async || {
            let batches: Vec<_> = catalog.sealed_batches(&id, &unit).try_collect().await.unwrap();
            batches.into_iter().map(|batch| batch.map(|batch| batch.pages.len())).collect::<Vec<_>>()
        };
        let whole = [Ok(16), Ok(16), Ok(8)];
        assert_eq!(read().await, whole);
        let (first, second) = (key(1).await, key(17).await);
        let item = items(&backend).remove(&first).unwrap();
        let within = Key::new(first.pk.as_str(), format!("{}5", first.sk.strip_suffix('1').unwrap()));
        backend.vault().put_by_hand(&within, item.clone());
        assert_eq!(read().await, whole, "no batch begins at page 5");
        backend.vault().remove(&within);
        for (key, found) in
            [(&first, [Err(first.clone()), Ok(16), Ok(8)]), (&second, [Ok(16), Err(second.clone()), Ok(8)])]
        {
            let item = backend.vault().remove(key).unwrap();
            assert_eq!(read().await, found);
            backend.vault().put_by_hand(key, item);
        }
    });
}

#[test]
fn a_plan_counts_damaged_groups() {
    for is_selection in [false, true] {
        in_paused_time(async {
            let (backend, target, contents) = exported(20).await;
            let name = people::group_name(1);
            let record = &contents.groups[&name][0];
            let key = GroupRecord::key(&source_id(), name.as_str(), record.digest());
            backend.vault().remove(&key).unwrap();
            let plan = |options: Value| {
                let mut input = import();
                input["dryRun"] = json!(true);
                input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
                let machine = Machine::new(&backend);
                async move { machine.import(input.clone(), &input.to_string()).await.report() }
            };
            let select =
                |group| if is_selection { json!({"select": {"groups": [group]}}) } else { json!({}) };
            let report = plan(select(name.clone())).await;
            assert_eq!(report["damagedGroups"], 1, "{report}");
            assert_eq!(report["damaged"], 1, "{report}");
            let summary = report["summary"].as_str().unwrap();
            assert!(
                summary.contains("1 record is damaged") && summary.contains("Of groups: 1."),
                "{summary}"
            );
            // The command line names them.
            let (catalog, id) = (Catalog::new(backend.vault()), &contents.snapshot.id);
            let named = async |wanted: fn(&str) -> bool, most| {
                catalog.damaged_groups(&source_id(), id, wanted, most).await.unwrap()
            };
            assert_eq!(named(|_| true, 5).await, std::slice::from_ref(&name));
            assert!(named(|_| false, 5).await.is_empty() && named(|_| true, 0).await.is_empty());
            if is_selection {
                let report = plan(select(people::group_name(0))).await;
                assert_eq!(report["damaged"], 0, "it is not selected: {report}");
            }
            let key = page_key(&backend, &contents, &Listing::Groups.unit_id(), 1).await;
            backend.vault().remove(&key).unwrap();
            let report = plan(select(name.clone())).await;
            assert_eq!((&report["damagedPages"], &report["damaged"]), (&json!(1), &json!(0)), "{report}");
            assert_eq!(target.user_count(), 0);
        });
    }
}

#[test]
fn a_plan_counts_damaged_pages_of_memberships() {
    for alter in [None, Some(false), Some(true)] {
        in_paused_time(async {
            let (backend, target, contents) = exported(20).await;
            let unit = Listing::Members { group: people::group_name(1) }.unit_id();
            let key = page_key(&backend, &contents, &unit, 1).await;
            if let Some(alter) = alter {
                let item = backend.vault().remove(&key).expect("the page exists");
                if alter {
                    backend.vault().put_by_hand(&key, altered(item, "e"));
                }
            }
            let mut input = import();
            input["dryRun"] = json!(true);
            let report = Machine::new(&backend).import(input, "plan").await.report();
            let damaged = u64::from(alter.is_some());
            assert_eq!(report["damagedPages"], damaged, "{report}");
            let summary = report["summary"].as_str().unwrap();
            assert_eq!(
                summary.contains("1 page of the snapshot cannot be read"),
                alter.is_some(),
                "{summary}"
            );
            let plan: PlanReport = serde_json::from_value(report).unwrap();
            assert_eq!(plan.is_readable(), alter.is_none(), "the exit code is 3 if it is not");
            assert_eq!(target.user_count(), 0);
        });
    }
}

#[test]
fn the_report_names_a_damaged_page() {
    in_paused_time(async {
        let (backend, _, contents) = exported(1_000).await;
        let key = page_key(&backend, &contents, &Listing::Users.unit_id(), 17).await;
        backend.vault().remove(&key);
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(
            (report["damagedPages"].as_u64(), &report["damagedKeys"]),
            (Some(1), &json!([key.to_string()]))
        );
        assert!(report["summary"].as_str().unwrap().contains(&key.to_string()));
    });
}

#[test]
fn a_missing_or_altered_user_is_named_and_restored_after_its_repair() {
    for alter in [false, true] {
        in_paused_time(async {
            let (backend, target, contents) = exported(70).await;
            let member = contents.memberships.iter().next().unwrap().1.clone();
            let key = UserRecord::key(&source_id(), member.as_str(), contents.users[&member][0].digest());
            let item = backend.vault().remove(&key).expect("the record exists");
            if alter {
                backend.vault().put_by_hand(&key, altered(item.clone(), "enabled"));
            }
            partial_until_mended(&backend, &target, &contents, &key, item, &key.to_string()).await;
        });
    }
}

#[test]
fn a_missing_or_altered_group_is_named_and_restored_after_its_repair() {
    for alter in [false, true] {
        in_paused_time(async {
            let (backend, target, contents) = exported(70).await;
            let name = people::group_name(0);
            let key = GroupRecord::key(&source_id(), name.as_str(), contents.groups[&name][0].digest());
            let item = backend.vault().remove(&key).expect("the record exists");
            if alter {
                backend.vault().put_by_hand(&key, altered(item.clone(), "description"));
            }
            partial_until_mended(&backend, &target, &contents, &key, item, &key.to_string()).await;
        });
    }
}

#[test]
fn units_that_do_not_match_the_seal_are_refused_before_anything_is_touched() {
    in_paused_time(async {
        let (backend, target, contents) = exported(30).await;
        let snapshot = format!("SNAP#{}", contents.snapshot.id);
        let units: Vec<Key> = items(&backend)
            .into_keys()
            .filter(|key| key.pk == snapshot && key.sk.starts_with("UNIT#"))
            .collect();
        assert_eq!(units.len(), 5);
        for key in units {
            let item = backend.vault().remove(&key).unwrap();
            let end = Machine::new(&backend).import(import(), &key.sk).await;
            assert_eq!(end.error().0, "SnapshotDamaged");
            backend.vault().put_by_hand(&key, item);
        }
        let configuration = items(&backend).into_keys().find(|key| key.sk.starts_with("REC#pool#")).unwrap();
        backend.vault().remove(&configuration);
        let end = Machine::new(&backend).import(import(), "no configuration").await;
        assert_eq!(end.error().0, "SnapshotDamaged");
        assert!(end.error().1.contains(&configuration.to_string()), "{end:?}");
        assert_eq!((target.user_count(), target.groups().len()), (0, 0));
        assert!(Catalog::new(backend.vault()).restores(&target_id(), 10).await.unwrap().is_empty());
    });
}

#[test]
fn a_snapshot_copied_to_another_table_is_restored_from_that_table() {
    in_paused_time(async {
        let (backend, _, contents) = exported(70).await;
        let (elsewhere, _, target) = crate::support::backend();
        items(&backend).iter().for_each(|(key, item)| elsewhere.vault().put_by_hand(key, item.clone()));
        let report = Machine::new(&elsewhere).import(import(), "import").await.report();
        assert_eq!(report["status"], "SUCCEEDED");
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn an_export_that_loses_its_own_pages_is_not_sealed() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(20, 1).fill(&source);
        let delete = {
            let vault = backend.vault();
            move || {
                let page = vault.items().into_keys().find(|key| key.sk.starts_with("PAGES#groups"));
                vault.remove(&page.expect("the groups are listed first"));
            }
        };
        // The export lists the users last, so the groups are done by then.
        let before_the_seal = in_paused_calls(&source);
        backend.script().change(before_the_seal, delete);
        let end = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await;
        assert_eq!(end.error().0, "SnapshotDamaged", "{end:?}");
        assert!(
            Catalog::new(backend.vault())
                .newest_sealed(&source_id(), None, backend.clock().now())
                .await
                .unwrap()
                .is_none()
        );
        assert!(backend.script().log().iter().any(|(_, operation)| *operation == Operation::ListUsers));
        assert_eq!(
            Catalog::new(backend.vault()).restores(&source_id(), 1).await.unwrap().first().map(|r| r.state),
            None::<RestoreState>
        );
    });
}

/// The number of the last call of an undisturbed export of such a pool, without the few calls of
/// finalize.
fn in_paused_calls(source: &MemoryPool) -> u64 {
    let users = source.users();
    let handle = std::thread::spawn(move || {
        in_paused_time(async {
            let (backend, source, _) = backend();
            people::plain(users.len(), 1).fill(&source);
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            backend.script().calls()
        })
    });
    handle.join().unwrap() - 8
}

/// The key of each batch of users, in order.
fn batches_of_users(backend: &MemoryBackend, contents: &Contents) -> Vec<Key> {
    let partition = format!("SNAP#{}", contents.snapshot.id);
    let is_batch = |key: &Key| key.pk == partition && key.sk.starts_with("PAGES#users");
    items(backend).into_keys().filter(is_batch).collect()
}

async fn users_unit(backend: &MemoryBackend, contents: &Contents) -> Unit {
    let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
    units.into_iter().find(|unit| unit.listing == Listing::Users).unwrap()
}

/// The keys of the damaged batches of users, as a reader of all batches finds them.
async fn damaged_batches(backend: &MemoryBackend, contents: &Contents) -> Vec<Key> {
    let (catalog, unit) = (Catalog::new(backend.vault()), users_unit(backend, contents).await);
    let batches = catalog.sealed_batches(&contents.snapshot.id, &unit);
    let batches: Vec<_> = batches.try_collect().await.unwrap();
    batches.into_iter().filter_map(Result::err).collect()
}

#[test]
fn each_damaged_batch_is_named_once_and_no_other_is() {
    in_paused_time(async {
        let (backend, _, contents) = exported(6_000).await;
        let keys = batches_of_users(&backend, &contents);
        assert!(keys.len() > 2, "{keys:?}");
        let catalog = Catalog::new(backend.vault());
        let unit = users_unit(&backend, &contents).await;
        for key in &keys {
            let item = backend.vault().remove(key).unwrap();
            let batch: PageBatch = serde_dynamo::from_item(item.clone()).unwrap();
            assert_eq!(damaged_batches(&backend, &contents).await, std::slice::from_ref(key), "missing");
            for number in batch.first..=batch.last() {
                let id = &contents.snapshot.id;
                let (named, page) = catalog.page(id, &unit.id(), unit.attempt, number).await.unwrap();
                assert_eq!((&named, page), (key, None), "page {number}");
            }
            backend.vault().put_by_hand(key, altered(item.clone(), "e"));
            assert_eq!(damaged_batches(&backend, &contents).await, std::slice::from_ref(key), "altered");
            backend.vault().put_by_hand(key, item);
        }
        assert_eq!(damaged_batches(&backend, &contents).await, []);
    });
}

/// A batch may be sound in itself, and still not be the one that the seal covers.
#[test]
fn another_last_batch_is_damage() {
    in_paused_time(async {
        let (backend, _, contents) = exported(6_000).await;
        let unit = users_unit(&backend, &contents).await;
        let keys = batches_of_users(&backend, &contents);
        let read = |key: &Key| -> PageBatch {
            serde_dynamo::from_item(backend.vault().items().remove(key).unwrap()).unwrap()
        };
        let [.., before, last] = keys.as_slice() else { panic!("there are few batches") };
        let (before, sealed) = (read(before), read(last));
        let mut other = PageBatch::following(Some(&before));
        for mut page in sealed.verified(&unit.id()).unwrap() {
            page.0[0].digest = Some(DigestBuilder::new("other").finish());
            other.push(&unit.id(), &page, 0, None);
        }
        assert_eq!((other.first, other.last()), (sealed.first, sealed.last()));
        assert!(other.verified(&unit.id()).is_ok());
        backend.vault().put_by_hand(last, serde_dynamo::to_item(other).unwrap());
        assert_eq!(damaged_batches(&backend, &contents).await, std::slice::from_ref(last));
    });
}

/// The counts of a unit may still be those of the seal.
#[test]
fn a_unit_with_another_chain_does_not_match_the_seal() {
    in_paused_time(async {
        let (backend, _, contents) = exported(30).await;
        let key = items(&backend).into_keys().find(|key| key.sk == "UNIT#users").unwrap();
        let mut unit = users_unit(&backend, &contents).await;
        unit.chain = DigestBuilder::new("other").finish();
        backend.vault().put_by_hand(&key, serde_dynamo::to_item(unit).unwrap());
        let refused = Catalog::new(backend.vault()).sealed_units(&contents.snapshot).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::SnapshotDamaged);
    });
}
