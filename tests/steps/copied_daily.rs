//! Goal: a deployment of another account copies each new snapshot, tells of what it could not copy, and never shows a part
//! of a snapshot.
//!
//! Method: two tables in memory, one of which the state machine of copies reads. Exports at the source between its starts,
//! short invocations, deaths, damage, removals on either side, and other holders of the lease.

use std::time::Duration;

use serde_dynamo::AttributeValue;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Metric, Retention, RunId};
use shared::operations::{HeldLease, holder_name};
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, MemoryBackend};

use crate::support::copied::{copy_to, export, exported, is_visible, other_account, snapshot_items};
use crate::support::machine::{Invocation, Machine};
use crate::support::people;
use crate::support::pruned::{assert_all_whole, by_policy, prune_by_hand, sealed};
use crate::support::restored::items;
use crate::support::{in_paused_time, source_id};

const HOUR: Duration = Duration::from_secs(3_600);

/// A source with one snapshot, and a deployment that copies from it.
async fn two_accounts() -> (MemoryBackend, MemoryBackend, RunId) {
    let (source, first) = exported(&people::plain(40, 2)).await;
    let (destination, _) = other_account();
    let destination = destination.copying_from(&source);
    (source, destination, first)
}

/// Exports again, an hour later and with a changed user.
async fn export_later(source: &MemoryBackend, name: &str) -> RunId {
    tokio::time::sleep(HOUR).await;
    let pool = source.pool(&source_id());
    let sub = pool.users().into_iter().map(|user| user.sub).min().unwrap();
    pool.change_user(&sub, |record| drop(record.attributes.insert("name".to_owned(), name.to_owned())));
    export(source, name).await
}

async fn copy(destination: &MemoryBackend, name: &str) -> Value {
    Machine::new(destination).copy(source_id(), name).await.report()
}

/// Removes a page of users of a snapshot.
fn damage(backend: &MemoryBackend, id: &RunId) {
    let is_page = |pk: &str, sk: &str| pk.ends_with(id.as_str()) && sk.starts_with("PAGES#users");
    let page = items(backend).into_keys().find(|key| is_page(&key.pk, &key.sk)).unwrap();
    backend.vault().remove(&page);
}

fn failed(report: &Value) -> Vec<(&str, &str)> {
    let failed = report["failed"].as_array().into_iter().flatten();
    failed.map(|one| (one["snapshotId"].as_str().unwrap(), one["error"].as_str().unwrap())).collect()
}

#[test]
fn the_first_copy_takes_the_newest_snapshot_and_the_later_ones_take_all_new_ones() {
    in_paused_time(async {
        let (source, destination, first) = two_accounts().await;
        let second = export_later(&source, "second").await;
        let report = copy(&destination, "one").await;
        assert_eq!((&report["status"], &report["snapshots"]), (&json!("COPIED"), &json!(1)));
        assert_eq!(
            (&report["newest"], report["written"]["items"].as_u64() > Some(40)),
            (&json!(second), true)
        );
        assert!(!is_visible(&destination, &first).await && is_visible(&destination, &second).await);

        let third = export_later(&source, "third").await;
        let fourth = export_later(&source, "fourth").await;
        let report = copy(&destination, "two").await;
        assert_eq!((&report["snapshots"], &report["newest"]), (&json!(2), &json!(fourth)));
        assert_eq!(sealed(&destination).await, [fourth, third, second]);
        assert_all_whole(&destination).await;

        let before = items(&destination);
        let report = copy(&destination, "three").await;
        let summary = report["summary"].as_str().unwrap();
        assert_eq!((&report["snapshots"], &report["status"]), (&json!(0), &json!("COPIED")));
        assert!(summary.starts_with("Copied no snapshot of user pool"), "{summary}");
        assert_eq!(
            snapshot_items(&destination).len(),
            before.iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")).count()
        );
        let measured: Vec<_> = destination
            .metrics()
            .iter()
            .map(|m| (m.get(Metric::SnapshotsCopied), m.get(Metric::CopyFailed)))
            .collect();
        assert_eq!(measured, [(Some(1.0), Some(0.0)), (Some(2.0), Some(0.0)), (Some(0.0), Some(0.0))]);
        assert_eq!((destination.announcements().len(), destination.events().len()), (0, 3));
        assert_eq!(destination.script().log().len(), 0, "a copy calls no pool");
    });
}

#[test]
fn a_snapshot_that_the_retention_of_the_destination_removed_does_not_come_back() {
    in_paused_time(async {
        let (source, destination, _) = two_accounts().await;
        copy(&destination, "one").await;
        let last = export_later(&source, "second").await;
        copy(&destination, "two").await;
        prune_by_hand(&destination, &by_policy("last=1")).await.unwrap();
        assert_eq!(copy(&destination, "three").await["snapshots"], 0);
        assert_eq!(sealed(&destination).await, [last]);
    });
}

#[test]
fn short_invocations_copy_the_same_as_one() {
    in_paused_time(async {
        let (source, destination, id) = two_accounts().await;
        let (at_once, _) = other_account();
        copy_to(&source, &at_once, &id).await.unwrap();
        for backend in [&source, &destination] {
            backend.script().set_latency(Duration::ZERO, Duration::from_millis(50));
        }
        let machine = Machine::new(&destination).with_budget(Duration::from_millis(1));
        let report = machine.copy(source_id(), "sliced").await.report();
        assert_eq!(report["status"], "COPIED");
        let invocations = machine.invocations().len();
        assert!(invocations > 12, "each invocation does a little: {invocations}");
        assert_eq!(snapshot_items(&destination), snapshot_items(&at_once));
    });
}

#[test]
fn a_copy_goes_on_after_a_death_at_any_call() {
    in_paused_time(async {
        let (source, _, id) = two_accounts().await;
        let (at_once, _) = other_account();
        copy_to(&source, &at_once, &id).await.unwrap();
        let mut died = 0;
        for call in 1.. {
            let (destination, _) = other_account();
            let destination = destination.copying_from(&source);
            for backend in [&source, &destination] {
                backend.script().set_latency(Duration::ZERO, Duration::from_millis(50));
            }
            let applied = [Applied::Nothing, Applied::Half, Applied::All][call as usize % 3];
            destination.script().fault(call, Fault::Die(applied));
            let machine = Machine::new(&destination).with_budget(Duration::from_millis(400));
            let report = machine.copy(source_id(), "copy").await.report();
            assert_eq!(report["status"], "COPIED", "{call}: {report}");
            assert_eq!(snapshot_items(&destination), snapshot_items(&at_once), "{call}");
            assert!(!destination.events().is_empty(), "{call}: a death loses no event");
            if !machine.invocations().contains(&Invocation::Died) {
                break;
            }
            died += 1;
        }
        assert!(died > 40, "{died}");
    });
}

/// Between two slices the lease ends, and a removal deletes records that the copy has found. The copy begins again.
#[test]
fn a_removal_between_slices_costs_no_record() {
    in_paused_time(async {
        let (source, destination, _) = two_accounts().await;
        let old = export_later(&source, "a name").await;
        copy(&destination, "one").await;
        export_later(&source, "another name").await;
        copy(&destination, "two").await;
        // Only the oldest copy has some records of this snapshot.
        let last = export_later(&source, "a name").await;
        for backend in [&source, &destination] {
            backend.script().set_latency(Duration::ZERO, Duration::from_millis(50));
        }
        // Each task rests for longer than a lease lasts.
        let rests = vec![Duration::from_secs(600); 400];
        let machine = Machine { rests, ..Machine::new(&destination) }.with_budget(Duration::from_millis(300));
        let removals = async {
            tokio::time::sleep(Duration::from_secs(450)).await;
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(1_800)).await;
                assert!(!is_visible(&destination, &last).await, "the copy is at work");
                prune_by_hand(&destination, &by_policy("last=1")).await.unwrap();
                assert!(!is_visible(&destination, &old).await);
            }
        };
        let (end, ()) = tokio::join!(machine.copy(source_id(), "three"), removals);
        assert_eq!(end.report()["newest"], json!(last));
        assert_all_whole(&destination).await;
    });
}

#[test]
fn a_damaged_snapshot_is_named_once_and_does_not_block_later_ones() {
    in_paused_time(async {
        let (source, destination, _) = two_accounts().await;
        copy(&destination, "one").await;
        let bad = export_later(&source, "bad").await;
        damage(&source, &bad);
        let good = export_later(&source, "good").await;
        let report = copy(&destination, "two").await;
        assert_eq!((&report["status"], &report["snapshots"]), (&json!("FAILED"), &json!(1)));
        assert_eq!(failed(&report), [(bad.as_str(), "SnapshotDamaged")]);
        assert!(is_visible(&destination, &good).await && !is_visible(&destination, &bad).await);
        let told = destination.announcements();
        assert!(told.len() == 1 && told[0].is_error && told[0].subject.contains("NOT COPIED"), "{told:?}");
        assert!(told[0].body.contains(bad.as_str()), "{told:?}");
        assert_eq!(destination.metrics().last().unwrap().get(Metric::CopyFailed), Some(1.0));
        assert_eq!(copy(&destination, "three").await["status"], "COPIED");
        assert_eq!(destination.announcements().len(), 1);
    });
}

/// Snapshots share records, so one altered record can damage many of them.
#[test]
fn many_damaged_snapshots_do_not_end_the_copies() {
    in_paused_time(async {
        let (source, destination, _) = two_accounts().await;
        copy(&destination, "one").await;
        for number in 0..12 {
            damage(&source, &export_later(&source, &format!("damaged {number}")).await);
        }
        let whole = export_later(&source, "whole").await;
        let report = copy(&destination, "two").await;
        assert_eq!((&report["status"], &report["newest"]), (&json!("FAILED"), &json!(whole)), "{report}");
        assert_eq!((failed(&report).len(), sealed(&destination).await.len()), (10, 2));
        let report = copy(&destination, "three").await;
        assert_eq!((&report["status"], &report["snapshots"]), (&json!("COPIED"), &json!(0)), "{report}");
    });
}

/// An administrator of the source can write any header. None may hide that genuine snapshots are missing, or let the
/// retention of the destination remove them.
#[test]
fn a_snapshot_from_the_future_is_not_copied_and_hides_nothing() {
    in_paused_time(async {
        let (source, destination, first) = two_accounts().await;
        let far = RunId::parse("20991121T020000123Z-1a2b3c4d").unwrap();
        let forge = |backend: &MemoryBackend| {
            let header = |key: &Key| key.sk == format!("SNAP#{first}");
            let (key, mut item) = items(backend).into_iter().find(|(key, _)| header(key)).unwrap();
            item.inner_mut().insert("id".to_owned(), AttributeValue::S(far.to_string()));
            backend.vault().put_by_hand(&Key::new(key.pk, format!("SNAP#{far}")), item);
        };
        forge(&source);
        let report = copy(&destination, "one").await;
        assert_eq!((&report["status"], &report["newest"]), (&json!("COPIED"), &json!(first)), "{report}");
        // Even there it stops nothing.
        forge(&destination);
        let second = export_later(&source, "second").await;
        let report = copy(&destination, "two").await;
        assert_eq!((&report["snapshots"], &report["newest"]), (&json!(1), &json!(second)), "{report}");
    });
}

#[test]
fn if_the_newest_snapshot_is_damaged_the_first_copy_takes_the_one_before() {
    in_paused_time(async {
        let (source, destination, first) = two_accounts().await;
        let bad = export_later(&source, "bad").await;
        damage(&source, &bad);
        for name in ["one", "two"] {
            let report = copy(&destination, name).await;
            assert_eq!(failed(&report), [(bad.as_str(), "SnapshotDamaged")], "each run tells");
            assert_eq!(sealed(&destination).await, std::slice::from_ref(&first));
        }
    });
}

#[test]
fn a_snapshot_that_the_source_removes_meanwhile_is_counted_and_no_failure() {
    in_paused_time(async {
        let (source, destination, _) = two_accounts().await;
        copy(&destination, "one").await;
        let gone = export_later(&source, "gone").await;
        let last = export_later(&source, "last").await;
        let machine = Machine { rests: vec![Duration::from_secs(10); 2], ..Machine::new(&destination) };
        let removal = async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            prune_by_hand(&source, &by_policy("last=1")).await.unwrap();
        };
        let (end, ()) = tokio::join!(machine.copy(source_id(), "two"), removal);
        let report = end.report();
        assert_eq!(
            (&report["status"], &report["removed"], &report["newest"]),
            (&json!("COPIED"), &json!(1), &json!(last))
        );
        assert!(!is_visible(&destination, &gone).await);
    });
}

#[test]
fn a_copy_leaves_the_pool_to_a_command_and_waits_for_a_removal() {
    in_paused_time(async {
        let (source, destination, id) = two_accounts().await;
        let (catalog, clock) = (Catalog::new(destination.vault()), destination.clock());
        let name = holder_name("cognito-backup copy", clock.now());
        let held = HeldLease::take(&catalog, &source_id(), &name, clock).await.unwrap();
        let report = copy(&destination, "one").await;
        assert_eq!((&report["status"], &report["snapshots"]), (&json!("SKIPPED"), &json!(0)));
        assert!(
            report["summary"].as_str().unwrap().contains("copies a snapshot of it into this table"),
            "{report}"
        );
        held.give_back().await.unwrap();

        let removal = "arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-removal:one";
        let held = HeldLease::take(&catalog, &source_id(), removal, clock).await.unwrap();
        let machine = Machine::new(&destination);
        let release = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(!is_visible(&destination, &id).await);
            held.give_back().await.unwrap();
        };
        let (end, ()) = tokio::join!(machine.copy(source_id(), "two"), release);
        assert_eq!(end.report()["newest"], json!(id));
        assert!(machine.invocations().contains(&Invocation::Refused));
        drop(source);
    });
}

#[test]
fn each_copied_snapshot_starts_a_removal_by_the_rules_of_the_destination() {
    in_paused_time(async {
        let (source, destination, _) = two_accounts().await;
        let destination = destination.with_retention(Some(Retention::parse("last=1").unwrap()));
        copy(&destination, "one").await;
        let second = export_later(&source, "second").await;
        let machine = Machine { rests: vec![Duration::from_secs(20); 4], ..Machine::new(&destination) };
        let event = json!({"userPoolId": source_id(), "snapshotId": second});
        let removal = async {
            // The event reaches the rule before the copy has released the lease.
            while !is_visible(&destination, &second).await {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Machine::new(&destination).remove(&event, "two").await.expect("it ends")
        };
        let (end, removed) = tokio::join!(machine.copy(source_id(), "two"), removal);
        assert_eq!((&end.report()["status"], &removed["status"]), (&json!("COPIED"), &json!("APPLIED")));
        assert_eq!(removed["retention"]["removed"]["snapshots"], 1);
        assert_eq!(sealed(&destination).await, [second]);
        assert_all_whole(&destination).await;
    });
}

#[test]
fn a_role_that_cannot_be_assumed_and_a_missing_source_are_announced() {
    in_paused_time(async {
        let (_, destination, _) = two_accounts().await;
        let refused = destination.clone().without_copy_role();
        let report = copy(&refused, "one").await;
        assert_eq!((&report["status"], &report["error"]), (&json!("FAILED"), &json!("AccessDenied")));
        assert!(report["summary"].as_str().unwrap().contains("could not assume the role"), "{report}");
        let told = refused.announcements();
        assert!(told.len() == 1 && told[0].is_error && told[0].body.contains("AccessDenied"), "{told:?}");
        let (alone, _) = other_account();
        assert_eq!(copy(&alone, "two").await["error"], "InvalidConfiguration");
    });
}
