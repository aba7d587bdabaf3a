//! Goal: under any faults, a restore creates each user exactly once, and its report is true.
//!
//! Method: generated populations, faults, deaths and budgets. Then compare the target, the report,
//! the ledger and the sub map with the snapshot.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{RestoreState, RunId, Sub, UserStatus};
use shared::ports::Backend;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::disturbance;
use crate::support::machine::{End, Machine};
use crate::support::people::{self, Population};
use crate::support::restored::{Comparison, assert_books_balance, compare, not_restorable};
use crate::support::snapshot::{self, Contents};
use crate::support::{assert_rate, backend, cases, in_paused_time, source_id, target_id};

fn input(tps: u32) -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": tps})
}

/// A source with a sealed snapshot, and an empty target.
async fn exported(population: &Population, shape: PageShape) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    population.fill(&source);
    source.set_shape(shape.clone());
    target.set_shape(shape);
    let report = Machine::new(&backend)
        .export(json!({"userPoolId": source_id(), "tps": 200}), "export")
        .await
        .report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

/// Checks that a finished restore restored everything that it can, and that its report and its
/// items say so.
async fn assert_restored(backend: &MemoryBackend, contents: &Contents, target: &MemoryPool, report: &Value) {
    assert_books_balance(backend, contents, target, report).await;
    let comparison = compare(contents, target);
    assert_eq!((comparison.extra_users, comparison.extra_memberships), (0, 0), "{report}");
    let federated = |sub: &Sub| contents.users[sub][0].status == UserStatus::ExternalProvider;
    let left = Comparison {
        missing_users: contents.users.keys().filter(|sub| federated(sub)).cloned().collect(),
        missing_memberships: contents.memberships.iter().filter(|(_, sub)| federated(sub)).cloned().collect(),
        ..Comparison::default()
    };
    assert_eq!(comparison, left, "{report}");
    // A listing may name a user or a member twice.
    let counted = |kind: &str| report[kind]["leftToSignIn"].as_u64().unwrap() as usize;
    assert!(counted("users") >= left.missing_users.len(), "{report}");
    assert!(counted("memberships") >= left.missing_memberships.len(), "{report}");
    let status = if not_restorable(contents) == 0 { "SUCCEEDED" } else { "PARTIAL" };
    assert_eq!(report["status"], status, "{report}");
}

/// The report of a restore whose execution was stopped after finalize recorded its success. The next start
/// was `refused`.
async fn recorded_success(backend: &MemoryBackend, refused: &End) -> Value {
    assert_eq!(refused.error().0, "TargetNotEmpty", "{refused:?}");
    let restores = Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap();
    assert_eq!(restores[0].state, RestoreState::Succeeded, "{refused:?}");
    let mut report = json!(restores[0].totals);
    report["status"] = json!(restores[0].state);
    report["restoreId"] = json!(restores[0].id);
    report
}

proptest! {
    #![proptest_config(cases(100))]

    /// Throttling, lost replies, deaths, little time, repeated entries.
    #[test]
    fn a_restore_creates_each_user_exactly_once(
        population in prop_oneof![people::restorable(40).boxed(), people::any_kind(40).boxed()],
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let (backend, target, contents) = exported(&population, shape).await;
            backend.script().set_latency(pace.latency, pace.latency / 10);
            disturbance::order_faults(&backend, &faults);
            let calls_before = backend.script().log().len();
            let report = Machine::new(&backend).with_budget(pace.budget).import(input(pace.tps), "import").await.report();
            backend.script().clear();
            assert_rate(&backend, calls_before, pace.tps);
            assert_restored(&backend, &contents, &target, &report).await;
        });
    }

    /// A function dies, the execution is aborted, and the import starts again with the same input.
    #[test]
    fn an_aborted_restore_is_completed_by_starting_it_again(
        population in people::any_kind(40),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let (backend, target, contents) = exported(&population, shape).await;
            disturbance::order_faults(&backend, &faults);
            let machine = Machine { stop_at_death: true, ..Machine::new(&backend).with_budget(pace.budget) };
            let mut started = 0;
            let report = loop {
                started += 1;
                match machine.import(input(pace.tps), &started.to_string()).await {
                    End::Finished(report) => break report,
                    End::Stopped => tokio::time::sleep(Duration::from_secs(20 * 60)).await,
                    failed => break recorded_success(&backend, &failed).await,
                }
            };
            backend.script().clear();
            assert_restored(&backend, &contents, &target, &report).await;
        });
    }

    /// Lambda may deliver an event twice. It may also keep a function running after the state machine has
    /// given it up.
    #[test]
    fn two_concurrent_invocations_restore_each_user_exactly_once(
        population in people::any_kind(30),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
        twins in prop::collection::vec(0u64..8_000, 1..12),
    ) {
        in_paused_time(async {
            let (backend, target, contents) = exported(&population, shape).await;
            backend.script().set_latency(pace.latency, pace.latency / 10);
            disturbance::order_faults(&backend, &faults);
            let mut machine = Machine::new(&backend).with_budget(pace.budget);
            machine.twins = twins.into_iter().map(Duration::from_millis).collect();
            let report = machine.import(input(pace.tps), "twice").await.report();
            backend.script().clear();
            machine.join_twins().await;
            assert_restored(&backend, &contents, &target, &report).await;
        });
    }
}

/// Runs a small import once for each of its calls and each kind of death at that call.
fn for_every_death(case: impl AsyncFn(&MemoryBackend) -> Value) {
    let population = people::plain(7, 2);
    let shape = PageShape { sizes: vec![3, 0, 2], dangling: true, ..PageShape::default() };
    let (first, last) = in_paused_time(async {
        let (backend, _, _) = exported(&population, shape.clone()).await;
        let before = backend.script().calls();
        Machine::new(&backend).import(input(200), "undisturbed").await.report();
        (before + 1, backend.script().calls())
    });
    for call in first..=last {
        for applied in [Applied::Nothing, Applied::Half, Applied::All] {
            in_paused_time(async {
                let (backend, target, contents) = exported(&population, shape.clone()).await;
                assert_eq!(backend.script().calls() + 1, first);
                backend.script().fault(call, Fault::Die(applied));
                let report = case(&backend).await;
                backend.script().clear();
                assert_restored(&backend, &contents, &target, &report).await;
            });
        }
    }
}

#[test]
fn death_at_any_call_of_a_restore_only_delays_it() {
    for_every_death(async |backend| Machine::new(backend).import(input(200), "disturbed").await.report());
}

#[test]
fn a_restore_aborted_at_any_call_is_completed_by_starting_it_again() {
    for_every_death(async |backend| {
        let machine = Machine { stop_at_death: true, ..Machine::new(backend) };
        match machine.import(input(200), "aborted").await {
            End::Finished(report) => return report,
            end => assert_eq!(end, End::Stopped),
        }
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        match machine.import(input(200), "again").await {
            End::Finished(report) => report,
            refused => recorded_success(backend, &refused).await,
        }
    });
}
