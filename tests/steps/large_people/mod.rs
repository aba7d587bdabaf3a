//! Goal: users of any size that Cognito allows are exported, restored, verified, copied and pruned whole.
//!
//! Method: pools with users of up to 490 KB. Records above DynamoDB's item limit are stored in parts. The tests remove
//! and alter parts, and end invocations between their writes. The vault in memory refuses items of over 400 KB and
//! transactions of over 4 MB, as DynamoDB does.

mod pages;

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_dynamo::{AttributeValue, Item};
use serde_json::{Value, json};
use shared::catalog::{Catalog, Record};
use shared::model::{CallStats, Ceilings, PoolId, RunId, SnapshotSelector, Sub, Tps, Unit, UserRecord};
use shared::operations::verify::{Comparison as Verified, verify};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared::ports::vault::Key;
use shared::{ErrorKind, Result, item_size};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::copied::{copy_to, is_visible, other_account, snapshot_items};
use crate::support::disturbance;
use crate::support::machine::Machine;
use crate::support::people;
use crate::support::pruned::{
    assert_all_whole, assert_tidy, by_policy, orphaned_parts, orphans, prune_by_hand, prune_or_die, records,
    sealed,
};
use crate::support::restored::{Comparison, assert_books_balance, compare, items};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, cases, in_paused_time, source_id, target_id};

/// Attributes of 8 KB with which a user is larger than an item.
const OVER_THE_LIMIT: usize = 50;

/// Pools that accept large users. The source has one user for each number, with so many attributes of 8 KB, in two
/// groups.
fn with_people(sizes: &[usize]) -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    [&source, &target].into_iter().for_each(people::declare_long_attributes);
    let population = people::plain(sizes.len(), 2);
    (0..2).for_each(|number| source.put_group(people::group(number)));
    for (number, (person, size)) in population.people.iter().zip(sizes).enumerate() {
        let mut record = person.record(number);
        people::grow(&mut record, *size);
        let sub = source.put_user(record);
        source.join(&sub, &people::group_name(number % 2));
    }
    (backend, source, target)
}

async fn export(backend: &MemoryBackend, name: &str) -> Contents {
    let report = Machine::new(backend).export(json!({"userPoolId": source_id()}), name).await.report();
    read(backend, &report).await
}

async fn read(backend: &MemoryBackend, report: &Value) -> Contents {
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    snapshot::read(backend, &source_id(), &id).await
}

async fn units(backend: &MemoryBackend, id: &RunId) -> Vec<Unit> {
    Catalog::new(backend.vault()).units(id).await.unwrap()
}

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200})
}

async fn verified(backend: &MemoryBackend, selector: SnapshotSelector) -> Result<Verified> {
    verified_in(backend, &target_id(), selector).await
}

/// Compares a pool with a snapshot of the source.
async fn verified_in(backend: &MemoryBackend, pool: &PoolId, selector: SnapshotSelector) -> Result<Verified> {
    struct Nothing;
    impl shared::operations::verify::Observer for Nothing {
        fn found(&mut self, _: shared::operations::verify::Finding) {}
        fn compared(&mut self, _: &shared::model::Counts) {}
    }
    let catalog = Catalog::new(backend.vault());
    let (snapshot, units) = catalog.sealed_snapshot(&source_id(), &selector, backend.clock().now()).await?;
    let tps = Tps::new(100).unwrap();
    let earlier = CallStats::none(tps);
    let pool = PacedPool::new(backend.pool(pool), tps, &Ceilings::default(), backend.clock(), earlier);
    verify(&pool, &catalog, &snapshot, &units, &mut Nothing).await
}

/// The items of the record of a user in parts: its own key, and those of its parts in order.
fn keys_in_parts(backend: &MemoryBackend, contents: &Contents) -> (Key, Vec<Key>) {
    let parts: BTreeSet<Key> = items(backend).into_keys().filter(|key| key.sk.starts_with("PART#")).collect();
    let first = parts.first().expect("a record is in parts");
    let parts: Vec<Key> = parts.iter().filter(|key| key.pk == first.pk).cloned().collect();
    let sub = Sub::new(first.pk.rsplit('#').next().unwrap());
    let own = UserRecord::key(&source_id(), sub.as_str(), contents.users[&sub][0].digest());
    (own, parts)
}

/// The ledger pages of all restores, as text.
fn ledger(backend: &MemoryBackend) -> String {
    let pages = items(backend).into_iter().filter(|(key, _)| key.sk.starts_with("LEDGER#"));
    pages.map(|(_, page)| format!("{page:?}")).collect()
}

fn altered(mut item: Item) -> Item {
    for value in item.inner_mut().values_mut() {
        match value {
            AttributeValue::S(text) => drop(text.pop()),
            AttributeValue::N(number) => number.push('1'),
            other => panic!("{other:?}"),
        }
    }
    item
}

#[test]
fn a_user_above_the_item_limit_is_stored_in_parts_and_restored() {
    in_paused_time(async {
        let (backend, _, target) = with_people(&[0, OVER_THE_LIMIT, 7, 60, 49, 0]);
        let contents = export(&backend, "export").await;
        assert_eq!(contents.users.len(), 6);
        let parts = items(&backend).into_keys().filter(|key| key.sk.starts_with("PART#")).count();
        assert_eq!((parts, records(&backend).len()), (4, 9), "6 users, 2 groups and the pool");
        // The same people again are no new record.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let report =
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "again").await.report();
        assert_eq!(report["recordsWritten"], 0, "{report}");

        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(report["verification"]["same"], 6, "{report}");
        assert_eq!(compare(&contents, &target), Comparison::default());
        assert_books_balance(&backend, &contents, &target, &report).await;
        let verified = verified(&backend, SnapshotSelector::Latest).await.unwrap();
        assert_eq!((verified.users.same, verified.users.different, verified.users.damaged), (6, 0, 0));
    });
}

#[test]
fn a_record_that_lacks_a_part_is_damaged_as_a_whole_and_restored_after_its_repair() {
    for which in 0..3 {
        for alter in [false, true] {
            in_paused_time(async {
                let (backend, _, target) = with_people(&[0, OVER_THE_LIMIT, 0]);
                let contents = export(&backend, "export").await;
                let (own, parts) = keys_in_parts(&backend, &contents);
                assert_eq!(parts.len(), 2);
                let key = [&own, &parts[0], &parts[1]][which];
                let item = backend.vault().remove(key).unwrap();
                if alter {
                    backend.vault().put_by_hand(key, altered(item.clone()));
                }
                let verified = verified(&backend, SnapshotSelector::Latest).await.unwrap();
                assert_eq!((verified.users.damaged, verified.users.missing), (1, 2), "{key}");
                let report = Machine::new(&backend).import(import(), "damaged").await.report();
                assert_eq!((&report["status"], &report["users"]["failed"]), (&json!("PARTIAL"), &json!(1)));
                let reason = if which == 0 && !alter { "recordMissing" } else { "recordDamaged" };
                assert_eq!(report["users"]["reasons"], json!({reason: 1}), "{report}");
                assert!(
                    ledger(&backend).contains(&own.to_string()),
                    "the ledger names the record, not its part"
                );
                backend.vault().put_by_hand(key, item);
                let report = Machine::new(&backend).import(import(), "mended").await.report();
                assert_eq!(report["status"], "SUCCEEDED", "{report}");
                assert_eq!(compare(&contents, &target), Comparison::default());
            });
        }
    }
}

#[test]
fn exports_find_a_lost_part_and_write_the_record_again() {
    in_paused_time(async {
        let (backend, _, _) = with_people(&[0, OVER_THE_LIMIT, 0]);
        let contents = export(&backend, "export").await;
        let (_, parts) = keys_in_parts(&backend, &contents);
        let part = backend.vault().remove(&parts[1]).unwrap();
        let mut written_again = 0;
        for number in 0..8 {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let input = json!({"userPoolId": source_id()});
            let report = Machine::new(&backend).export(input, &number.to_string()).await.report();
            written_again += report["recordsWrittenAgain"].as_u64().unwrap_or(0);
        }
        assert_eq!(written_again, 1);
        assert_eq!(items(&backend).get(&parts[1]), Some(&part));
        assert_all_whole(&backend).await;
    });
}

#[test]
fn death_at_any_call_of_an_export_leaves_no_record_without_a_part() {
    let calls = in_paused_time(async {
        let (backend, _, _) = with_people(&[OVER_THE_LIMIT]);
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "undisturbed").await.report();
        backend.script().calls()
    });
    for call in 1..=calls {
        in_paused_time(async {
            let (backend, _, _) = with_people(&[OVER_THE_LIMIT]);
            backend.script().fault(call, Fault::Die(Applied::All));
            assert_eq!(export(&backend, "disturbed").await.users.len(), 1);
            assert_eq!(orphaned_parts(&backend), BTreeSet::new());
        });
    }
}

/// A pool with two snapshots: of these users, and of the same users after `changed` of them changed.
async fn two_snapshots(sizes: &[usize], changed: usize) -> MemoryBackend {
    let (backend, source, _) = with_people(sizes);
    export(&backend, "first").await;
    let mut subs: Vec<Sub> = source.users().into_iter().map(|user| user.sub).collect();
    subs.sort();
    for sub in &subs[..changed] {
        source
            .change_user(sub, |record| drop(record.attributes.insert("name".to_owned(), "Änne".to_owned())));
    }
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    export(&backend, "second").await;
    backend
}

#[test]
fn prune_removes_records_in_parts_whole_and_counts_each_once() {
    in_paused_time(async {
        let backend = two_snapshots(&[OVER_THE_LIMIT, 60, OVER_THE_LIMIT, 0, 55], 3).await;
        let before = records(&backend).len();
        let ended = prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        assert_eq!(before - records(&backend).len(), 3);
        assert_eq!(ended.removed.records, 3);
        assert_eq!((orphans(&backend).await, orphaned_parts(&backend)), (BTreeSet::new(), BTreeSet::new()));
        assert_all_whole(&backend).await;
        assert_tidy(&backend).await;
    });
}

#[test]
fn prune_removes_the_parts_that_are_left_of_a_damaged_record() {
    for lost in 0..3 {
        in_paused_time(async {
            let backend = two_snapshots(&[OVER_THE_LIMIT], 1).await;
            let oldest = sealed(&backend).await.pop().unwrap();
            let contents = snapshot::read(&backend, &source_id(), &oldest).await;
            let (sub, records) = contents.users.iter().next().unwrap();
            let own = UserRecord::key(&source_id(), sub.as_str(), records[0].digest());
            let digest = own.sk.strip_prefix("REC#").unwrap();
            let of_it = || -> Vec<Key> {
                let is_of_it = |key: &Key| key.pk == own.pk && key.sk.contains(digest);
                items(&backend).into_keys().filter(is_of_it).collect()
            };
            // Its two parts, and the item that stands for them.
            assert_eq!(of_it().len(), 3);
            let key = of_it().swap_remove(lost);
            backend.vault().remove(&key).unwrap();
            prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
            assert_eq!(of_it(), [], "without {key}");
        });
    }
}

#[test]
fn death_at_any_call_of_a_removal_leaves_records_whole_or_removed() {
    let (first, last) = in_paused_time(async {
        let backend = two_snapshots(&[OVER_THE_LIMIT], 1).await;
        let first = backend.script().calls() + 1;
        prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
        (first, backend.script().calls())
    });
    for call in first..=last {
        for applied in [Applied::Half, Applied::All] {
            in_paused_time(async {
                let backend = two_snapshots(&[OVER_THE_LIMIT], 1).await;
                backend.script().fault(call, Fault::Die(applied));
                let _ = prune_or_die(&backend, &by_policy("last=1")).await;
                backend.script().clear();
                assert_all_whole(&backend).await;
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                // An export may find a record that is about to be removed.
                export(&backend, "meanwhile").await;
                prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
                assert_all_whole(&backend).await;
                assert_eq!(
                    (orphans(&backend).await, orphaned_parts(&backend)),
                    (BTreeSet::new(), BTreeSet::new())
                );
            });
        }
    }
}

#[test]
fn a_copy_takes_records_in_parts_whole_and_completes_them() {
    in_paused_time(async {
        let (origin, _, _) = with_people(&[OVER_THE_LIMIT, 0]);
        let contents = export(&origin, "export").await;
        let id = &contents.snapshot.id;
        let (own, parts) = keys_in_parts(&origin, &contents);

        let (whole, _) = other_account();
        let copied = copy_to(&origin, &whole, id).await.unwrap();
        assert_eq!((copied.items.users.copied, copied.items.users.already_there), (2, 0), "each record once");
        assert_eq!(snapshot_items(&whole), snapshot_items(&origin));

        // A part that is missing at the destination is added.
        for part in &parts {
            whole.vault().remove(part);
            let copied = copy_to(&origin, &whole, id).await.unwrap();
            assert_eq!((copied.items.users.copied, copied.items.users.already_there), (1, 1));
            assert_eq!(snapshot_items(&whole), snapshot_items(&origin));
        }
        // An item with other content is not overwritten.
        for key in [&own, &parts[0], &parts[1]] {
            let item = items(&whole).remove(key).unwrap();
            whole.vault().put_by_hand(key, altered(item.clone()));
            assert_eq!(
                copy_to(&origin, &whole, id).await.unwrap_err().kind(),
                ErrorKind::ItemConflict,
                "{key}"
            );
            assert_eq!(items(&whole)[key], altered(item.clone()));
            whole.vault().put_by_hand(key, item);
        }
        // A damaged source is refused, and the record is named once.
        for key in [&own, &parts[0], &parts[1]] {
            let item = origin.vault().remove(key).unwrap();
            let (nothing, _) = other_account();
            let error = copy_to(&origin, &nothing, id).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::SnapshotDamaged);
            assert!(
                error.message().starts_with("1 item ") && error.message().contains(&own.to_string()),
                "{error:?}"
            );
            assert!(items(&nothing).is_empty());
            origin.vault().put_by_hand(key, item);
        }
    });
}

#[test]
fn a_verification_reads_the_units_of_a_restore_once() {
    let queries = |pages: usize| {
        in_paused_time(async {
            let (backend, source, target) = with_people(&vec![0; pages * 2]);
            source.set_shape(PageShape { sizes: vec![2], ..PageShape::default() });
            target.set_shape(PageShape { sizes: vec![60], ..PageShape::default() });
            export(&backend, "export").await;
            let before = backend.vault().queries("UNIT#");
            Machine::new(&backend).import(import(), "import").await.report();
            backend.vault().queries("UNIT#") - before
        })
    };
    assert_eq!(queries(2), queries(40));
}

proptest! {
    #![proptest_config(cases(12))]

    /// Any mixture of sizes, shapes of listings, faults and budgets.
    #[test]
    fn any_mixture_of_sizes_is_exported_restored_verified_pruned_and_copied_whole(
        sizes in prop::collection::vec(prop_oneof![6 => Just(0usize), 2 => 5usize..12, 2 => 30usize..50, 3 => 50usize..=60], 1..20),
        shape in disturbance::shape(),
        faults in disturbance::faults(),
        pace in disturbance::pace(),
        changed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        in_paused_time(async {
            let (backend, source, target) = with_people(&sizes);
            source.set_shape(shape.clone());
            target.set_shape(shape);
            export(&backend, "first").await;
            let mut subs: Vec<Sub> = source.users().into_iter().map(|user| user.sub).collect();
            subs.sort();
            for at in &changed {
                source.change_user(&subs[at.index(subs.len())], |record| {
                    people::grow(record, 51);
                    drop(record.attributes.insert("name".to_owned(), "Änne".to_owned()));
                });
            }
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            disturbance::order_faults(&backend, &faults);
            let report = Machine::new(&backend).with_budget(pace.budget).export(json!({"userPoolId": source_id()}), "second").await.report();
            backend.script().clear();
            let contents = read(&backend, &report).await;
            assert_eq!(contents.users.len(), subs.len());

            tokio::time::sleep(Duration::from_secs(3_600)).await;
            disturbance::order_faults(&backend, &faults);
            // A snapshot counts a user twice that its listing names twice. So the other may seem to have shrunk.
            let mut input = import();
            input["acceptShrunk"] = json!(true);
            let report = Machine::new(&backend).with_budget(pace.budget).import(input, "import").await.report();
            backend.script().clear();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!(compare(&contents, &target), Comparison::default());
            let verified = verified(&backend, SnapshotSelector::Latest).await.unwrap();
            assert_eq!((verified.users.same, verified.users.different), (subs.len() as u64, 0));

            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let unnamed = orphans(&backend).await;
            prune_by_hand(&backend, &by_policy("last=1")).await.unwrap();
            prop_assert!(orphans(&backend).await.is_subset(&unnamed));
            prop_assert_eq!(orphaned_parts(&backend), BTreeSet::new());
            assert_all_whole(&backend).await;

            let (destination, _) = other_account();
            copy_to(&backend, &destination, &contents.snapshot.id).await.unwrap();
            prop_assert!(is_visible(&destination, &contents.snapshot.id).await);
            let copied = snapshot::read(&destination, &source_id(), &contents.snapshot.id).await;
            prop_assert_eq!(copied.users, contents.users);
            Ok(())
        })?;
    }
}

/// Calls to list users are made again after a page that is too large, and no others.
#[test]
fn small_users_are_listed_as_before() {
    in_paused_time(async {
        let (backend, _, _) = with_people(&[0; 130]);
        export(&backend, "export").await;
        let listed = backend.script().log().iter().filter(|(_, made)| *made == Operation::ListUsers).count();
        assert_eq!(listed, 3);
    });
}

/// One call of the table takes a limited number of bytes.
#[test]
fn records_are_written_in_calls_of_at_most_two_megabytes() {
    in_paused_time(async {
        let (backend, source, _) = with_people(&[36; 12]);
        let users: Vec<_> = source.users().into_iter().map(|user| (user.sub, user.record)).collect();
        let records: Vec<_> =
            users.iter().map(|(sub, record)| (sub.as_str(), record.digest(), record)).collect();
        let run = RunId::parse("20261121T020000123Z-1a2b3c4d").unwrap();
        let before = backend.script().calls();
        Catalog::new(backend.vault()).write(&source_id(), &run, &records).await.unwrap();
        let bytes: usize = items(&backend).iter().map(|(key, item)| item_size::of(key, item)).sum();
        let least = bytes.div_ceil(2 * 1024 * 1024) as u64;
        let calls = backend.script().calls() - before;
        assert!(least > 1 && (least..=least + 1).contains(&calls), "{calls} calls for {bytes} bytes");
    });
}
