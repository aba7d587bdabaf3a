//! Goal: a copied snapshot is complete in the other table, and a copy refuses what could be wrong.
//!
//! Method: copy snapshots between two tables in memory, with damaged, missing and foreign items on either
//! side.

use std::time::Duration;

use serde_dynamo::AttributeValue;
use serde_json::json;
use shared::ErrorKind;
use shared::catalog::Catalog;
use shared::item_size;
use shared::model::{RunId, SnapshotSelector};
use shared::operations::copy::Stage;
use shared::ports::Backend;
use shared::ports::pool::PoolErrorKind;
use shared::ports::vault::Key;
use shared::report::in_members;
use shared_memory::{Applied, Fault, MemoryBackend};

use crate::support::copied::{
    ReportedStages, copy_and_report, copy_to, export, exported, is_visible, other_account, snapshot_items,
};
use crate::support::machine::Machine;
use crate::support::restored::{Comparison, assert_books_balance, compare, items};
use crate::support::{in_paused_time, people, snapshot, source_id, target_id};

fn put_nothing(backend: &MemoryBackend) -> bool {
    ["POOL", "SNAP", "USER", "CONF"].iter().all(|kind| backend.vault().puts(kind) == 0)
}

/// Changes one bit, letter or digit of an attribute.
fn alter(backend: &MemoryBackend, key: &Key, attribute: &str) {
    let mut item = items(backend).remove(key).expect("the item exists");
    match item.inner_mut().get_mut(attribute).expect("the item has the attribute") {
        AttributeValue::B(bytes) => *bytes.last_mut().expect("it is not empty") ^= 1,
        AttributeValue::S(text) => text.push('x'),
        AttributeValue::N(number) => number.push('1'),
        AttributeValue::Bool(value) => *value = !*value,
        other => panic!("{other:?}"),
    }
    backend.vault().put_by_hand(key, item);
}

/// One item of each kind in a snapshot, with an attribute whose change damages it. The header comes last.
fn one_of_each(backend: &MemoryBackend, id: &RunId) -> Vec<(Key, &'static str)> {
    let kinds = [
        ("USER#", "REC#", "enabled"),
        ("CONF#", "REC#group#", "name"),
        ("CONF#", "REC#pool#", "mfa"),
        ("SNAP#", "PAGES#groups#", "e"),
        ("SNAP#", "PAGES#members-", "c"),
        ("SNAP#", "PAGES#users#", "p"),
        ("SNAP#", "UNIT#members-", "pages"),
        ("SNAP#", "UNIT#users", "chain"),
        ("POOL#", "SNAP#", "schemaVersion"),
    ];
    let find = |(pk, sk, attribute)| {
        let keys = items(backend).into_keys().filter(|key| key.pk.starts_with(pk) && key.sk.starts_with(sk));
        let mine: Vec<_> = keys.filter(|key| pk != "SNAP#" || key.pk.ends_with(id.as_str())).collect();
        (mine.into_iter().next_back().unwrap_or_else(|| panic!("there is a {pk} {sk}")), attribute)
    };
    kinds.map(find).into()
}

#[test]
fn a_copied_snapshot_is_complete_and_can_be_restored() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(70, 3)).await;
        let (destination, target) = other_account();
        let mut reported = ReportedStages::default();
        let copied = copy_and_report(&origin, &destination, &id, &mut reported).await.unwrap();

        assert_eq!(snapshot_items(&destination), snapshot_items(&origin), "the snapshot, and nothing else");
        let count = |pk: &str, sk: &str| {
            items(&destination).keys().filter(|key| key.pk.starts_with(pk) && key.sk.starts_with(sk)).count()
                as u64
        };
        assert_eq!(
            (copied.items.pages.copied, copied.items.units.copied),
            (count("SNAP#", "PAGES#"), count("SNAP#", "UNIT#"))
        );
        assert_eq!((copied.items.configuration.copied, copied.items.header.copied), (1, 1));
        // A user that is listed twice counts twice.
        assert!(
            copied.items.users.copied + copied.items.users.already_there >= 70
                && copied.items.users.copied >= 70,
            "{copied:?}"
        );
        let bytes: usize =
            snapshot_items(&destination).iter().map(|(key, item)| item_size::of(key, item)).sum();
        assert_eq!(copied.bytes.copied, bytes as u64, "{copied:?}");

        let contents = snapshot::read(&destination, &source_id(), &id).await;
        let counts = contents.snapshot.counts;
        let stages: Vec<_> =
            reported.0.iter().map(|(stage, so_far)| (*stage, so_far.users, so_far.pages)).collect();
        let whole = |stage| (stage, counts.users, counts.pages);
        assert_eq!(stages, [Stage::Source, Stage::Copy, Stage::Destination].map(whole));

        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200});
        let report = Machine::new(&destination).import(input, "import").await.report();
        assert_eq!(
            (&report["status"], compare(&contents, &target)),
            (&json!("SUCCEEDED"), Comparison::default())
        );
        assert_books_balance(&destination, &contents, &target, &report).await;
    });
}

#[test]
fn a_copy_takes_one_snapshot_and_the_next_copy_adds_only_new_items() {
    in_paused_time(async {
        let (origin, first) = exported(&people::plain(40, 2)).await;
        let first_items = snapshot_items(&origin);
        let source = origin.pool(&source_id());
        source.change_user(&source.users()[0].sub, |record| record.enabled = !record.enabled);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let second = export(&origin, "second").await;
        let (destination, _) = other_account();

        copy_to(&origin, &destination, &first).await.unwrap();
        assert_eq!(snapshot_items(&destination), first_items);
        assert!(!is_visible(&destination, &second).await);
        let copied = copy_to(&origin, &destination, &second).await.unwrap();
        assert_eq!(
            (copied.items.users.copied, copied.items.groups.copied, copied.items.configuration.copied),
            (1, 0, 0),
            "{copied:?}"
        );
        assert_eq!(snapshot_items(&destination), snapshot_items(&origin));
        let latest = Catalog::new(destination.vault())
            .sealed_snapshot(&source_id(), &SnapshotSelector::Latest, destination.clock().now())
            .await
            .unwrap();
        assert_eq!(latest.0.id, second);
    });
}

#[test]
fn a_repeated_copy_writes_nothing() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(40, 2)).await;
        let (destination, _) = other_account();
        let first = copy_to(&origin, &destination, &id).await.unwrap();
        let (before, puts) = (
            snapshot_items(&destination),
            ["SNAP", "USER", "CONF"].map(|kind| destination.vault().puts(kind)),
        );
        let again = copy_to(&origin, &destination, &id).await.unwrap();
        assert_eq!(again.items.all().copied, 0);
        assert_eq!(
            again.items.all().already_there,
            first.items.all().copied + first.items.all().already_there
        );
        // A copy changes the lease. The header is an item of `before`.
        assert_eq!((again.bytes.copied, snapshot_items(&destination)), (0, before));
        assert_eq!(["SNAP", "USER", "CONF"].map(|kind| destination.vault().puts(kind)), puts);
    });
}

#[test]
fn a_copy_leaves_records_that_another_snapshot_wrote_first() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(10, 1)).await;
        let (destination, _) = other_account();
        let key = items(&origin).into_keys().find(|key| key.pk.starts_with("USER#")).unwrap();
        let mut record = items(&origin).remove(&key).unwrap();
        let earlier = AttributeValue::S("20200101T000000000Z-00000000".to_owned());
        record
            .inner_mut()
            .insert("firstSeen".to_owned(), earlier)
            .expect("records name the snapshot that saw them first");
        destination.vault().put_by_hand(&key, record.clone());
        let copied = copy_to(&origin, &destination, &id).await.unwrap();
        assert!(copied.items.users.already_there >= 1 && is_visible(&destination, &id).await);
        assert_eq!(items(&destination).get(&key), Some(&record));
    });
}

/// At each call of either table once.
#[test]
fn a_copy_interrupted_at_any_call_and_repeated_has_the_same_result() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(4, 1)).await;
        let expected = snapshot_items(&origin);
        let (undisturbed, _) = other_account();
        let before = origin.script().calls();
        copy_to(&origin, &undisturbed, &id).await.unwrap();
        let calls = [(true, origin.script().calls() - before), (false, undisturbed.script().calls())];
        assert!(calls.iter().all(|(_, calls)| *calls > 15), "{calls:?}");
        let dies = [Applied::Nothing, Applied::Half, Applied::All].map(Fault::Die);
        let faults: Vec<_> =
            dies.into_iter().chain([Fault::Refuse(PoolErrorKind::Transient), Fault::LostReply]).collect();
        let sites = calls.into_iter().flat_map(|(at_source, calls)| {
            let faults = &faults;
            (1..=calls).flat_map(move |call| faults.iter().map(move |fault| (at_source, call, *fault)))
        });
        for (at_source, call, fault) in sites {
            let (destination, _) = other_account();
            let script = if at_source { origin.script() } else { destination.script() };
            script.fault(script.calls() + call, fault);
            let case = format!("{fault:?} at call {call}, at the source: {at_source}");
            let (from, to) = (origin.invocation(), destination.invocation());
            let first = tokio::select! {
                biased;
                ended = copy_to(&from, &to, &id) => Some(ended),
                () = from.death() => None,
                () = to.death() => None,
            };
            match (&fault, &first) {
                (Fault::Die(_), None) | (Fault::LostReply, Some(Ok(_))) => {}
                (Fault::Refuse(_), Some(Err(error))) => {
                    assert_eq!(error.kind(), ErrorKind::ServiceUnavailable);
                    let names_the_destination = error.message().starts_with("At the destination: ");
                    assert_eq!(names_the_destination, !at_source, "{case}: {error}");
                }
                _ => panic!("{case}: {first:?}"),
            }
            origin.script().clear();
            assert_eq!(snapshot_items(&origin), expected, "{case}: a copy changes nothing at the source");
            if is_visible(&destination, &id).await {
                assert_eq!(snapshot_items(&destination), expected, "{case}: a header without all it names");
            }
            // A copy that died did not release its lease.
            tokio::time::sleep(std::time::Duration::from_secs(5 * 60)).await;
            let again = copy_to(&origin, &destination, &id).await.unwrap();
            assert_eq!(snapshot_items(&destination), expected, "{case}");
            assert!(first.is_none_or(|first| first.is_err() || again.items.all().copied == 0), "{case}");
        }
    });
}

#[test]
fn a_copy_names_damage_at_the_source_and_writes_nothing() {
    for removed in [false, true] {
        in_paused_time(async {
            let (origin, id) = exported(&people::plain(20, 2)).await;
            let mut kinds = one_of_each(&origin, &id);
            // If the header is missing or altered, there is no snapshot to copy.
            kinds.pop();
            for (key, attribute) in kinds {
                let (destination, _) = other_account();
                let item = items(&origin).remove(&key).unwrap();
                if removed {
                    drop(origin.vault().remove(&key))
                } else {
                    alter(&origin, &key, attribute)
                }
                let error = copy_to(&origin, &destination, &id).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::SnapshotDamaged, "{key}: {error}");
                let named =
                    if key.sk.starts_with("UNIT#") { format!("SNAP#{id} UNIT#") } else { key.to_string() };
                assert!(error.message().contains(&named), "{key} is not named: {error}");
                assert!(put_nothing(&destination), "{key}: something was written");
                origin.vault().put_by_hand(&key, item);
            }
            let (destination, _) = other_account();
            copy_to(&origin, &destination, &id).await.expect("everything is mended");
        });
    }
}

#[test]
fn a_copy_names_all_damaged_items_at_once() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(20, 2)).await;
        let (destination, _) = other_account();
        let keys: Vec<Key> = items(&origin).into_keys().collect();
        let users = keys.iter().filter(|key| key.pk.starts_with("USER#")).take(3);
        let page = keys.iter().find(|key| key.sk.starts_with("PAGES#groups#")).unwrap();
        let lost: Vec<&Key> = users.chain([page]).collect();
        lost.iter().for_each(|key| drop(origin.vault().remove(key)));
        let error = copy_to(&origin, &destination, &id).await.unwrap_err();
        assert!(lost.iter().all(|key| error.message().contains(&key.to_string())), "{error}");
        assert!(in_members(error.guidance()).starts_with("The copy wrote nothing."), "{error}");
    });
}

#[test]
fn a_copy_names_items_with_other_content_and_never_overwrites_them() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(20, 2)).await;
        for (key, attribute) in one_of_each(&origin, &id) {
            let (destination, _) = other_account();
            destination.vault().put_by_hand(&key, items(&origin).remove(&key).unwrap());
            alter(&destination, &key, attribute);
            let other = items(&destination).remove(&key);
            let error = copy_to(&origin, &destination, &id).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ItemConflict, "{key}: {error}");
            assert!(error.message().contains(&key.to_string()), "{error}");
            assert_eq!(items(&destination).remove(&key), other, "{key} was overwritten");
            if key.pk.starts_with("POOL#") {
                assert!(put_nothing(&destination), "a header in the way is seen first");
                continue;
            }
            assert!(Catalog::new(destination.vault()).snapshot(&source_id(), &id).await.unwrap().is_none());
            // The error names this as the next step.
            destination.vault().remove(&key);
            copy_to(&origin, &destination, &id).await.unwrap();
            assert_eq!(snapshot_items(&destination), snapshot_items(&origin));
        }
    });
}

/// A removal that ended leaves another state only with its mark.
#[test]
fn a_header_with_another_state_and_no_mark_is_another_header() {
    in_paused_time(async {
        let (origin, id) = exported(&people::plain(20, 2)).await;
        let (destination, _) = other_account();
        let sk = format!("SNAP#{id}");
        let (key, mut header) = items(&origin).into_iter().find(|(key, _)| key.sk == sk).unwrap();
        header.inner_mut().insert("state".to_owned(), AttributeValue::S("FAILED".to_owned()));
        destination.vault().put_by_hand(&key, header);
        let error = copy_to(&origin, &destination, &id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ItemConflict, "{error}");
        assert!(put_nothing(&destination), "a header in the way is seen first");
    });
}

/// The operator restored the table to an earlier time, under another name.
#[test]
fn a_copy_brings_lost_items_of_a_snapshot_back_and_names_altered_ones() {
    in_paused_time(async {
        let (table, id) = exported(&people::plain(20, 2)).await;
        let (recovered, _) = other_account();
        tokio::time::sleep(Duration::from_secs(60)).await;
        copy_to(&table, &recovered, &id).await.unwrap();
        let whole = snapshot_items(&table);
        for (key, attribute) in one_of_each(&table, &id) {
            table.vault().remove(&key);
            copy_to(&recovered, &table, &id).await.unwrap();
            assert_eq!(snapshot_items(&table), whole, "{key}");

            alter(&table, &key, attribute);
            let error = copy_to(&recovered, &table, &id).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ItemConflict, "{key}: {error}");
            assert!(error.message().contains(&key.to_string()), "{error}");
            table.vault().remove(&key);
            copy_to(&recovered, &table, &id).await.unwrap();
            assert_eq!(snapshot_items(&table), whole, "{key}");
        }
    });
}

/// At every call of either table, another client deletes an item.
#[test]
fn a_copy_finds_items_lost_on_the_way_before_it_writes_the_header() {
    let population = people::plain(7, 2);
    let (origin, destination) = in_paused_time(async {
        let (origin, id) = exported(&population).await;
        let (before, (destination, _)) = (origin.script().calls(), other_account());
        copy_to(&origin, &destination, &id).await.unwrap();
        (
            (before + 1..=origin.script().calls()).collect::<Vec<_>>(),
            (1..=destination.script().calls()).collect::<Vec<_>>(),
        )
    });
    let (mut complete, mut refused) = (0, 0);
    for (at_source, calls) in [(true, origin), (false, destination)] {
        for call in calls {
            in_paused_time(async {
                let (origin, id) = exported(&population).await;
                let (destination, _) = other_account();
                let disturbed = if at_source { origin.clone() } else { destination.clone() };
                let vault = disturbed.vault();
                disturbed.script().change(call, move || {
                    let user = vault.items().into_keys().find(|key| key.pk.starts_with("USER#"));
                    user.into_iter().for_each(|key| drop(vault.remove(&key)));
                });
                match copy_to(&origin, &destination, &id).await {
                    // The item was deleted before the copy wrote it, or after the copy verified everything.
                    Ok(_) => complete += 1,
                    Err(error) => {
                        assert!(
                            matches!(error.kind(), ErrorKind::CopyIncomplete | ErrorKind::SnapshotDamaged),
                            "{error}"
                        );
                        assert_eq!(
                            error.kind() == ErrorKind::SnapshotDamaged,
                            put_nothing(&destination),
                            "{error}"
                        );
                        assert!(error.message().contains("USER#"), "{error}");
                        assert!(
                            Catalog::new(destination.vault())
                                .snapshot(&source_id(), &id)
                                .await
                                .unwrap()
                                .is_none()
                        );
                        refused += 1;
                    }
                }
            });
        }
    }
    assert!(complete > 10 && refused > 10, "{complete} {refused}");
}
