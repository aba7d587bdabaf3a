//! Goal: the verification after a restore finds every user of the target that differs from the snapshot,
//! and only these.
//!
//! Method: change the target after its restore and before its listing, and read the findings.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Finding, FindingKind, RunId, User};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::Machine;
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, cases, disturbance, in_paused_time, people, source_id, target_id};

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100})
}

async fn exported(number: usize) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    people::plain(number, 1).fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

async fn findings(backend: &MemoryBackend, report: &Value) -> Vec<Finding> {
    let restore = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
    Catalog::new(backend.vault()).findings(&restore, 1, None).await.unwrap().0
}

/// Orders `disturb` for the moment after all users are restored and before the verification lists
/// them. The first listing is the one of the preflight.
fn before_the_listing(
    backend: &MemoryBackend,
    target: &MemoryPool,
    disturb: impl FnOnce(&MemoryPool, Vec<User>) + Send + 'static,
) {
    let target = target.clone();
    backend.script().change_before(Operation::ListUsers, 2, move || {
        let mut users = target.users();
        users.sort_by(|one, other| one.record.username.cmp(&other.record.username));
        disturb(&target, users);
    });
}

#[test]
fn a_verification_counts_each_user_once_in_any_shape_of_listing() {
    for shape in [
        PageShape::default(),
        PageShape { sizes: vec![7, 0, 3], repeat: true, dangling: true, ..PageShape::default() },
        PageShape { sizes: vec![1], ..PageShape::default() },
    ] {
        in_paused_time(async {
            let (backend, target, _) = exported(150).await;
            target.set_shape(shape);
            let report = Machine::new(&backend).import(import(), "import").await.report();
            assert_eq!(
                report["verification"],
                json!({"same": 150, "different": 0, "missing": 0, "extra": 0})
            );
            assert!(
                report["summary"].as_str().unwrap().contains("again: 150 users as in the snapshot."),
                "{report}"
            );
        });
    }
}

#[test]
fn a_verification_names_users_changed_deleted_or_added_during_the_restore() {
    in_paused_time(async {
        let (backend, target, contents) = exported(130).await;
        before_the_listing(&backend, &target, |target, users| {
            target.change_user(&users[3].sub, |record| {
                drop(record.attributes.insert("name".to_owned(), "Another Name".to_owned()))
            });
            target.change_user(&users[4].sub, |record| record.enabled = !record.enabled);
            target.delete_user(&users[5].sub);
            target.put_user(people::plain(1, 0).people[0].record(9_999));
        });
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(
            report["verification"],
            json!({"same": 127, "different": 2, "missing": 1, "extra": 1}),
            "{report}"
        );
        // The ledger takes the missing user back.
        assert_eq!((report["status"].as_str(), report["users"]["lost"].as_u64()), (Some("PARTIAL"), Some(1)));
        let summary = report["summary"].as_str().unwrap();
        assert!(summary.contains(
            "127 users as in the snapshot, 2 users different, 1 user missing, 1 user not of this restore"
        ));
        let findings = findings(&backend, &report).await;
        let of = |kind| findings.iter().filter(|finding| finding.kind == kind).collect::<Vec<_>>();
        let mut fields: Vec<_> =
            of(FindingKind::Different).iter().map(|finding| finding.fields.clone()).collect();
        fields.sort();
        assert_eq!(fields, [["enabled"], ["name"]]);
        assert_eq!((of(FindingKind::Missing).len(), of(FindingKind::Extra).len()), (1, 1));
        assert!(contents.users.contains_key(&of(FindingKind::Missing)[0].sub));
        assert!(!format!("{findings:?}").contains("Another Name"));
    });
}

#[test]
fn a_verification_looks_up_users_that_the_listing_leaves_out() {
    in_paused_time(async {
        let (backend, target, _) = exported(70).await;
        // A user that is created again under the same name is not the restored user.
        before_the_listing(&backend, &target, |target, users| {
            target.delete_user(&users[0].sub);
            target.put_user(users[0].record.clone());
        });
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(
            report["verification"],
            json!({"same": 69, "different": 0, "missing": 1, "extra": 1}),
            "{report}"
        );
        let looked_up = backend
            .script()
            .log()
            .iter()
            .filter(|(_, operation)| *operation == Operation::AdminGetUser)
            .count();
        assert_eq!(looked_up, 1);
    });
}

/// Each invocation adds the users that it has seen to those of the invocations before.
#[test]
fn a_verification_in_several_invocations_looks_up_no_user() {
    in_paused_time(async {
        let (backend, target, _) = exported(150).await;
        target.set_shape(PageShape { sizes: vec![7], ..PageShape::default() });
        let script = backend.script().clone();
        let slow = move || script.set_latency(Duration::from_secs(1), Duration::ZERO);
        before_the_listing(&backend, &target, move |_, _| slow());
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(8));
        let report = machine.import(import(), "import").await.report();
        assert_eq!(report["verification"]["same"], 150, "{report}");
        // One invocation lists less than a third of the 22 pages.
        assert!(machine.invocations().len() >= 5, "{}", machine.invocations().len());
        let log = backend.script().log();
        assert!(!log.iter().any(|(_, operation)| *operation == Operation::AdminGetUser));
    });
}

#[test]
fn a_verification_costs_a_call_for_each_page() {
    in_paused_time(async {
        let (backend, target, _) = exported(600).await;
        let from = backend.script().log().len();
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(report["verification"]["same"], 600);
        let log = backend.script().log();
        let listings = log[from..].iter().filter(|(_, operation)| *operation == Operation::ListUsers).count();
        assert_eq!(listings, 1 + 10);
        let users = target.users();
        let (memberships, disabled) = (
            target.groups().iter().map(|(_, members)| members.len()).sum::<usize>(),
            users.iter().filter(|user| !user.record.enabled).count(),
        );
        assert!(log.len() - from <= 2 * 600 + memberships + disabled + 600 / 60 + 100);
    });
}

proptest! {
    #![proptest_config(cases(60))]

    /// The verification compares each user once, and finds no difference, under throttling, lost
    /// replies, deaths, refused tokens and little time.
    #[test]
    fn faults_do_not_change_the_result_of_a_verification(
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
        twins in prop::collection::vec(0u64..3_000, 0..6),
    ) {
        in_paused_time(async {
            let (backend, target, _) = exported(130).await;
            target.set_shape(shape);
            let script = backend.script().clone();
            backend.script().change_before(Operation::ListUsers, 2, move || {
                let mut call = script.calls();
                for (gap, fault) in faults {
                    call += gap;
                    script.fault(call, fault);
                }
            });
            backend.script().set_latency(pace.latency, pace.latency / 10);
            let mut machine = Machine::new(&backend).with_budget(pace.budget);
            machine.twins = twins.into_iter().map(Duration::from_millis).collect();
            let report = machine.import(import(), "import").await.report();
            machine.join_twins().await;
            assert_eq!(report["verification"], json!({"same": 130, "different": 0, "missing": 0, "extra": 0}), "{report}");
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
        });
    }
}

#[test]
fn a_user_whom_the_listing_shows_late_does_not_count_as_different() {
    in_paused_time(async {
        let (backend, target, _) = exported(20).await;
        before_the_listing(&backend, &target, |target, users| {
            let late = users[..3].iter().map(|user| {
                let mut record = user.record.clone();
                record.enabled = !record.enabled;
                (user.sub.clone(), record)
            });
            target.set_shape(PageShape { late: late.collect(), ..PageShape::default() });
            // One user differs in both.
            target.change_user(&users[2].sub, |record| record.enabled = !record.enabled);
        });
        let before = backend.script().log().len();
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(report["verification"], json!({"same": 19, "different": 1, "missing": 0, "extra": 0}));
        let log = backend.script().log().split_off(before);
        let looked_up = log.iter().filter(|(_, called)| *called == Operation::AdminGetUser).count();
        assert_eq!(looked_up, 3, "only users that differ in the listing");
    });
}
