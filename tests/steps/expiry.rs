//! Goal: the items of restores do not stay forever. At any time, a restore is there as a whole, or it is absent.
//! Snapshots stay.
//!
//! Method: time passes, and the table deletes any part of the items that have expired, in any order. Then an import
//! with the same input is started again.

use std::time::Duration;

use proptest::prelude::*;
use serde_dynamo::Item;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::csv::Limits;
use shared::model::{ExpiresAt, RestoreState, RunId, Sub, SubMapRetention};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::ports::vault::{EXPIRES_AT, Key, expiry_of};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};
use tokio::time::sleep;

use crate::support::machine::{End, Machine};
use crate::support::people::{self, Kind};
use crate::support::restored::{Comparison, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::stored_selections::store;
use crate::support::{backend, cases, in_paused_time, source_id, target_id};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn import(more: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

/// A source with a snapshot of so many users, and an empty target.
async fn exported(users: usize) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    people::plain(users, 2).fill(&source);
    source.set_shape(PageShape { sizes: vec![7], ..PageShape::default() });
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

/// An import that Cognito refuses before it adds members to a group.
async fn failed(backend: &MemoryBackend) -> RunId {
    let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
    backend.script().always(Operation::AdminAddUserToGroup, Some(denied));
    let end = Machine::new(backend).import(import(json!({})), "first").await;
    assert_eq!(end.error().0, "AccessDenied");
    backend.script().clear();
    Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap().remove(0).id
}

fn is_header(key: &Key) -> bool {
    key.pk.starts_with("TARGET#") && key.sk.starts_with("RESTORE#")
}

fn is_in_sub_map(key: &Key) -> bool {
    key.pk.starts_with("RESTORE#") && (key.sk.starts_with("SUB#") || key.sk.starts_with("NEW#"))
        || key.sk.starts_with("SUB_MAP#")
}

/// The items whose expiry is not as it should be. The entries of a sub map expire after `sub_map_days`, if that is
/// given, and its header a day earlier.
fn wrong_expiries(backend: &MemoryBackend, sub_map_days: Option<u32>) -> Vec<(Key, Item)> {
    let now = backend.clock().now();
    let is_right = |key: &Key, item: &Item| {
        let expiry = expiry_of(item);
        // The run took less than a day.
        let after_days = |days| {
            let (first, last) = (ExpiresAt::after_days(now, days - 1), ExpiresAt::after_days(now, days));
            expiry.is_some_and(|expiry| first < expiry && expiry <= last)
        };
        if key.sk == "EXECUTION" {
            // No import renews the item of another execution.
            expiry.is_some_and(|expiry| expiry <= ExpiresAt::after_days(now, 90))
        } else if is_header(key) {
            after_days(89)
        } else if key.sk.starts_with("SUB_MAP#") {
            sub_map_days.map_or(expiry.is_none(), |days| after_days(days - 1))
        } else if is_in_sub_map(key) {
            sub_map_days.map_or(expiry.is_none(), after_days)
        } else if key.pk.starts_with("RESTORE#") || key.pk.starts_with("SELECTION#") {
            after_days(90)
        } else {
            !item.inner().contains_key(EXPIRES_AT)
        }
    };
    backend.vault().items().into_iter().filter(|(key, item)| !is_right(key, item)).collect()
}

/// Imports that write every kind of item.
async fn all_imports(backend: &MemoryBackend, source: &MemoryPool, target: &MemoryPool) {
    for pool in [source, target] {
        pool.configure(|description| description.auto_verified_attributes = vec!["email".to_owned()]);
    }
    let mut population = people::plain(30, 2);
    population.people.iter_mut().step_by(7).for_each(|person| person.kind = Kind::Linked);
    population.people.iter_mut().for_each(|person| person.attributes = 7);
    population.fill(source);
    let machine = Machine::new(backend);
    for name in ["one", "two"] {
        machine.export(json!({"userPoolId": source_id(), "captureMfa": true}), name).await.report();
    }
    let stored =
        store(backend, &source_id(), 1, json!({"select": {"groups": [people::group_name(0)]}})).await;
    machine.import(import(json!({"dryRun": true, "selectionId": stored.as_str()})), "plan").await.report();
    machine.import(import(json!({"method": "csv"})), "jobs").await.report();
    target.users().into_iter().take(5).for_each(|user| target.delete_user(&user.sub));
    machine.import(import(json!({"existing": "update"})), "update").await.report();
    source.users().into_iter().take(5).for_each(|user| source.delete_user(&user.sub));
    let own = json!({"targetUserPoolId": source_id(), "existing": "skip"});
    machine.import(import(own), "repair").await.report();
    let member = people::username(1, 1);
    let own = json!({"targetUserPoolId": source_id(), "existing": "skip", "select": {"usernames": [member]}});
    machine.import(import(own), "repair of one").await.report();
}

/// The deployment changes its retention. The next import into the pool continues a restore.
#[test]
fn a_continued_restore_gives_its_whole_sub_map_the_new_retention() {
    for (before, after) in [(None, Some(90)), (Some(90), None), (Some(400), Some(90))] {
        in_paused_time(async {
            let parsed = |days: u32| SubMapRetention::parse(&days.to_string()).unwrap();
            let (backend, _, _) = exported(20).await;
            let backend = backend.with_sub_map_retention(before.map(parsed));
            failed(&backend).await;
            sleep(10 * DAY).await;
            let backend = backend.with_sub_map_retention(after.map(parsed));
            let report = Machine::new(&backend).import(import(json!({})), "again").await.report();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            let wrong = wrong_expiries(&backend, after);
            assert!(
                wrong.is_empty(),
                "{after:?}: {:?}",
                wrong.iter().map(|(key, _)| key).collect::<Vec<_>>()
            );
        });
    }
}

/// The retention in the input of an import wins over that of the deployment, also if the import continues a restore.
#[test]
fn the_retention_in_the_input_wins_over_that_of_the_deployment() {
    for (of_deployment, of_input, expected) in [
        (None, json!(90), Some(90)),
        (Some(400), json!(90), Some(90)),
        (Some(90), json!("forever"), None),
        (Some(400), Value::Null, Some(400)),
    ] {
        for is_continued in [false, true] {
            in_paused_time(async {
                let (backend, _, _) = exported(20).await;
                let days = |days: u32| SubMapRetention::parse(&days.to_string()).unwrap();
                let backend = backend.with_sub_map_retention(of_deployment.map(days));
                let begun = if is_continued { Some(failed(&backend).await) } else { None };
                let input = import(json!({"subMapRetention": of_input}));
                let report = Machine::new(&backend).import(input, "import").await.report();
                assert_eq!(report["status"], "SUCCEEDED", "{report}");
                if let Some(begun) = begun {
                    assert_eq!(report["restoreId"], json!(begun), "the import continues the restore");
                }
                let wrong = wrong_expiries(&backend, expected);
                let keys: Vec<_> = wrong.iter().map(|(key, _)| key).collect();
                assert!(keys.is_empty(), "{of_deployment:?} {of_input}: {keys:?}");
            });
        }
    }
}

#[test]
fn every_item_of_a_restore_expires_and_no_item_of_a_snapshot_does() {
    for days in [None, Some(400)] {
        in_paused_time(async {
            let (backend, source, target) = backend();
            let retention = days.map(|days: u32| SubMapRetention::parse(&days.to_string()).unwrap());
            let jobs = Limits { users: 15, ..Limits::COGNITO };
            let backend = backend.with_sub_map_retention(retention);
            let backend = backend.with_jobs(jobs, Some("arn:aws:iam::123456789012:role/logs"));
            all_imports(&backend, &source, &target).await;
            let wrong = wrong_expiries(&backend, days);
            assert!(wrong.is_empty(), "{:?}", wrong.iter().map(|(key, _)| key).collect::<Vec<_>>());
            let items = backend.vault().items();
            for kind in [
                "UNIT#",
                "LEDGER#",
                "CREATED#",
                "SUB#",
                "NEW#",
                "VERIFICATION#",
                "SELECTION",
                "JOBS",
                "JOB#",
                "JOB_NAME#",
                "FORECAST",
                "TARGET_SCAN",
                "TARGET_NAME#",
                "TARGET_SUB#",
                "SNAPSHOT_SUB#",
                "MEMBER_SCAN#",
                "MEMBER#",
                "USER_GROUPS#",
                "REPORT",
                "HOLD#",
                "LEASE",
            ] {
                let exists = |key: &Key| key.pk.starts_with("RESTORE#") && key.sk.starts_with(kind);
                assert!(items.keys().any(exists), "the imports wrote {kind}");
            }
            // Ten years later the snapshots are whole.
            sleep(3650 * DAY).await;
            backend.vault().sweep(|_| true);
            let left = backend.vault().items();
            let lost = items.keys().filter(|key| !left.contains_key(key));
            // Nothing reads which run an execution carries out once Step Functions can redrive it no more.
            let is_of_snapshot = |key: &&Key| {
                !["RESTORE#", "SELECTION#"].iter().any(|of| key.pk.starts_with(of)) && key.sk != "EXECUTION"
            };
            let lost: Vec<_> = lost.filter(|key| is_of_snapshot(key) && !is_header(key)).collect();
            assert!(days.is_some() || lost.is_empty(), "{lost:?}");
            let snapshots = Catalog::new(backend.vault()).all_snapshots(&source_id()).await.unwrap();
            assert_eq!(snapshots.len(), 2);
            for snapshot in snapshots {
                snapshot::read(&backend, &source_id(), &snapshot.id).await;
            }
        });
    }
}

#[test]
fn an_expired_restore_is_neither_continued_nor_listed_but_its_sub_map_is() {
    in_paused_time(async {
        let (backend, target, contents) = exported(20).await;
        let restore = failed(&backend).await;
        // Nothing has been deleted yet.
        sleep(89 * DAY).await;
        let catalog = Catalog::new(backend.vault());
        assert!(catalog.restores(&target_id(), 10).await.unwrap().is_empty());
        assert_eq!(catalog.restore(&target_id(), &restore).await.unwrap(), None);
        assert_eq!(catalog.last_restore_that_wrote(&target_id()).await.unwrap(), None);
        let end = Machine::new(&backend).import(import(json!({})), "second").await;
        let (error, cause) = end.error();
        assert_eq!(error, "TargetNotEmpty");
        assert!(!cause.contains(restore.as_str()), "{cause}");

        sleep(300 * DAY).await;
        backend.vault().sweep(|_| true);
        let with_sub_maps = catalog.restores_with_sub_maps(&target_id(), 10, |_| true).await.unwrap();
        let found: Vec<_> = with_sub_maps.iter().map(|restore| (&restore.id, restore.state)).collect();
        assert_eq!(found, [(&restore, RestoreState::Failed)]);
        assert_eq!(catalog.restore_with_sub_map(&target_id(), &restore).await.unwrap().unwrap().id, restore);
        let subs: Vec<Sub> = contents.users.keys().cloned().collect();
        assert_eq!(catalog.sub_map_of(&restore, &subs).await.unwrap().len(), 20);

        // A new restore completes what the old one left.
        let report =
            Machine::new(&backend).import(import(json!({"existing": "skip"})), "third").await.report();
        assert_ne!(report["restoreId"], json!(restore));
        assert_eq!((report["status"].as_str(), target.user_count()), (Some("SUCCEEDED"), 20), "{report}");
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn a_restore_that_is_continued_after_88_days_is_renewed_first() {
    in_paused_time(async {
        let (backend, target, contents) = exported(20).await;
        let restore = failed(&backend).await;
        let calls = backend.script().log().len();
        sleep(88 * DAY).await;
        let report = Machine::new(&backend).import(import(json!({})), "second").await.report();
        assert_eq!(
            (&report["restoreId"], report["status"].as_str()),
            (&json!(restore), Some("SUCCEEDED")),
            "{report}"
        );
        assert_eq!(compare(&contents, &target), Comparison::default());
        let log = backend.script().log();
        assert!(log[calls..].iter().all(|(_, call)| *call != Operation::AdminCreateUser));
        let wrong = wrong_expiries(&backend, None);
        assert!(wrong.is_empty(), "{:?}", wrong.iter().map(|(key, _)| key).collect::<Vec<_>>());
    });
}

/// Deletes what has expired, once a day.
fn sweep_daily(backend: &MemoryBackend) -> tokio::task::JoinHandle<()> {
    let vault = backend.vault();
    tokio::spawn(async move {
        loop {
            vault.sweep(|_| true);
            sleep(DAY).await;
        }
    })
}

#[test]
fn a_restore_at_work_for_months_renews_its_items_in_many_short_invocations() {
    in_paused_time(async {
        // More items than one query answers.
        let (backend, target, contents) = exported(700).await;
        let sweeper = sweep_daily(&backend);
        backend.script().set_latency(Duration::from_millis(20), Duration::from_millis(5));
        let machine = Machine {
            rests: [0, 30, 30, 0, 0, 30, 0, 43, 0, 0, 0, 0, 43, 43, 43].map(|days| days * DAY).into(),
            twins: [0, 1, 2].repeat(20).into_iter().map(Duration::from_secs).collect(),
            // Longer than the definition allows: the items must outlast several executions that continue each other.
            time_limit: Some(400 * DAY),
            ..Machine::new(&backend).with_budget(Duration::from_secs(2))
        };
        let report = machine.import(import(json!({})), "import").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(compare(&contents, &target), Comparison::default());
        let created =
            backend.script().log().into_iter().filter(|(_, call)| *call == Operation::AdminCreateUser);
        assert!(created.count() >= 700);
        sweeper.abort();
        let catalog = Catalog::new(backend.vault());
        let restore = catalog.restores(&target_id(), 1).await.unwrap().remove(0);
        assert_eq!(restore.state, RestoreState::Succeeded);
        assert!(restore.expires_at > ExpiresAt::after_days(restore.began(), 200));
    });
}

#[derive(Debug, Clone)]
struct Start {
    days: u32,
    /// Which of the items that have expired are deleted.
    swept: u64,
    /// The call at which a function dies, and the execution is stopped.
    dies_at: u64,
}

fn starts() -> impl Strategy<Value = Vec<Start>> {
    let days = prop_oneof![3 => 0u32..60, 2 => 80u32..95];
    let start =
        (days, any::<u64>(), 1u64..250).prop_map(|(days, swept, dies_at)| Start { days, swept, dies_at });
    prop::collection::vec(start, 1..7)
}

/// Whether an item is swept: a pseudo-random choice for each key.
fn is_swept(key: &Key, choice: u64) -> bool {
    let hash = key
        .to_string()
        .bytes()
        .fold(choice, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(17));
    hash % 3 != 0
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn at_any_time_a_restore_is_continued_as_a_whole_or_absent(starts in starts(), users in 1usize..25) {
        in_paused_time(async {
            let (backend, target, contents) = exported(users).await;
            let catalog = Catalog::new(backend.vault());
            let machine = Machine { stop_at_death: true, ..Machine::new(&backend).with_budget(Duration::from_secs(3)) };
            for (number, start) in starts.iter().enumerate() {
                sleep(DAY * start.days).await;
                backend.vault().sweep(|key| is_swept(key, start.swept));
                // A restore that created no user is begun again.
                let has_users = target.user_count() > 0;
                let before = catalog.restores(&target_id(), 1).await.unwrap().pop().filter(|_| has_users);
                if let Some(begun) = &before {
                    prop_assert!(!begun.expires_at.has_passed(backend.clock().now()));
                }
                let is_last = number + 1 == starts.len();
                if !is_last {
                    backend.script().fault(backend.script().calls() + start.dies_at, Fault::Die(Applied::All));
                }
                let calls = backend.script().log().len();
                let end = machine.import(import(json!({})), &format!("start {number}")).await;
                backend.script().clear();
                // A lease lasts 20 minutes.
                sleep(Duration::from_secs(1_300)).await;
                let created = backend.script().log()[calls..]
                    .iter()
                    .filter(|(_, call)| *call == Operation::AdminCreateUser)
                    .count();
                match end {
                    End::Stopped | End::TimedOut => {
                        prop_assert!(!is_last);
                        // It goes on with the same restore.
                        let after = catalog.restores(&target_id(), 1).await.unwrap().pop();
                        if let (Some(before), Some(after)) = (&before, after) {
                            prop_assert_eq!(&before.id, &after.id);
                        }
                    }
                    End::Finished(report) => {
                        prop_assert_eq!(report["status"].as_str(), Some("SUCCEEDED"), "{}", report);
                        if let Some(before) = &before {
                            prop_assert_eq!(&report["restoreId"], &json!(before.id));
                        }
                        prop_assert_eq!(compare(&contents, &target), Comparison::default());
                        return Ok(());
                    }
                    End::Failed { error, .. } => {
                        // There is no restore to continue, and users of an absent restore are strangers.
                        prop_assert_eq!(error, "TargetNotEmpty");
                        prop_assert!(before.is_none_or(|before| before.state == RestoreState::Succeeded));
                        prop_assert!(created == 0 && target.user_count() > 0);
                        let report = machine.import(import(json!({"existing": "skip"})), "new").await.report();
                        prop_assert_eq!(report["status"].as_str(), Some("SUCCEEDED"), "{}", report);
                        return Ok(());
                    }
                }
            }
            Ok(())
        })?;
    }
}
