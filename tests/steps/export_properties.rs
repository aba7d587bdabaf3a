//! Goal: under any faults and changes, a sealed snapshot names every user that was there throughout the
//! export.
//!
//! Method: generated populations, changes, faults and budgets.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{RunId, SnapshotState};
use shared::ports::Backend;
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, MemoryBackend, PageShape};

use crate::support::disturbance::{self, History, Pace};
use crate::support::machine::Machine;
use crate::support::people::{self, Population};
use crate::support::snapshot;
use crate::support::{assert_rate, backend, cases, in_paused_time, restored::items, source_id};

fn input(pace: Pace) -> Value {
    json!({"userPoolId": source_id(), "tps": pace.tps})
}

fn snapshot_id(report: &Value) -> RunId {
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

/// Checks that all items of an earlier snapshot are in the vault, unchanged.
fn assert_unchanged(before: &std::collections::BTreeMap<Key, serde_dynamo::Item>, backend: &MemoryBackend) {
    let now = items(backend);
    for (key, item) in before.iter().filter(|(key, _)| !key.sk.starts_with("LEASE#")) {
        assert_eq!(now.get(key), Some(item), "{key} changed");
    }
}

proptest! {
    #![proptest_config(cases(100))]

    /// Short and empty pages, duplicates, changes by other clients, refused tokens, throttling, lost
    /// replies, deaths, little time.
    #[test]
    fn a_sealed_snapshot_names_every_user_that_was_there_throughout(
        population in people::any_kind(40),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
        changes in disturbance::changes(),
    ) {
        in_paused_time(async {
            let (backend, source, _) = backend();
            population.fill(&source);
            let first = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "first").await.report();
            let before = items(&backend);

            tokio::time::sleep(Duration::from_secs(5)).await;
            source.set_shape(shape);
            backend.script().set_latency(pace.latency, pace.latency / 10);
            disturbance::order_faults(&backend, &faults);
            let history = disturbance::order_changes(&backend, &source, changes);
            let calls_before = backend.script().log().len();
            let report = Machine::new(&backend).with_budget(pace.budget).export(input(pace), "second").await.report();
            backend.script().clear();

            assert_rate(&backend, calls_before, pace.tps);
            assert_unchanged(&before, &backend);
            assert_eq!(report["status"], "SEALED");
            let contents = snapshot::read(&backend, &source_id(), &snapshot_id(&report)).await;
            contents.assert_agrees_with(&history.lock().unwrap());
            snapshot::read(&backend, &source_id(), &snapshot_id(&first)).await;
            let log = backend.script().log();
            let sent = (log.len() - calls_before) as u64;
            assert!(report["calls"]["total"].as_u64().unwrap() <= sent);
        });
    }

    /// The faults of the second export do not matter.
    #[test]
    fn a_second_export_of_an_unchanged_pool_writes_no_record(
        population in people::any_kind(40),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let (backend, source, _) = backend();
            population.fill(&source);
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "first").await.report();
            let puts = |kind| backend.vault().puts(kind);
            let before = (puts("USER"), puts("CONF"));

            tokio::time::sleep(Duration::from_secs(5)).await;
            source.set_shape(shape);
            disturbance::order_faults(&backend, &faults);
            let report = Machine::new(&backend).with_budget(pace.budget).export(input(pace), "second").await.report();
            assert_eq!(report["recordsWritten"], 0);
            assert_eq!((puts("USER"), puts("CONF")), before);
        });
    }

    /// Lambda may deliver an event twice. It may also keep a function running after the state machine has
    /// given it up.
    #[test]
    fn two_concurrent_invocations_leave_one_sound_snapshot(
        population in people::any_kind(30),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
        changes in disturbance::changes(),
        twins in prop::collection::vec(0u64..8_000, 1..12),
    ) {
        in_paused_time(async {
            let (backend, source, _) = backend();
            population.fill(&source);
            source.set_shape(shape);
            backend.script().set_latency(pace.latency, pace.latency / 10);
            disturbance::order_faults(&backend, &faults);
            let history = disturbance::order_changes(&backend, &source, changes);
            let mut machine = Machine::new(&backend).with_budget(pace.budget);
            machine.twins = twins.into_iter().map(Duration::from_millis).collect();
            let report = machine.export(input(pace), "twice").await.report();
            backend.script().clear();
            let sealed = snapshot_id(&report);
            let contents = snapshot::read(&backend, &source_id(), &sealed).await;
            contents.assert_agrees_with(&history.lock().unwrap());

            // A function that still runs must not change a sealed snapshot.
            machine.join_twins().await;
            let still = snapshot::read(&backend, &source_id(), &sealed).await;
            assert_eq!((still.users, still.groups, still.memberships), (contents.users, contents.groups, contents.memberships));
        });
    }
}

/// A small pool whose listings take several pages each.
fn small_pool(backend: &MemoryBackend, population: &Population) {
    let source = backend.pool(&source_id());
    population.fill(&source);
    source.set_shape(PageShape { sizes: vec![3, 0, 2], dangling: true, ..PageShape::default() });
}

#[test]
fn death_at_any_call_only_delays_the_run() {
    let population = people::plain(9, 2);
    let calls = in_paused_time(async {
        let (backend, _, _) = backend();
        small_pool(&backend, &population);
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "undisturbed").await.report();
        backend.script().calls()
    });
    assert!(calls > 30, "{calls}");
    for call in 1..=calls {
        for applied in [Applied::Nothing, Applied::Half, Applied::All] {
            in_paused_time(async {
                let (backend, source, _) = backend();
                small_pool(&backend, &population);
                backend.script().fault(call, Fault::Die(applied));
                let report = Machine::new(&backend)
                    .export(json!({"userPoolId": source_id()}), "disturbed")
                    .await
                    .report();
                let contents = snapshot::read(&backend, &source_id(), &snapshot_id(&report)).await;
                contents.assert_agrees_with(&History::of(&source));
                assert_eq!(
                    (report["users"].as_u64(), report["groups"].as_u64()),
                    (Some(9), Some(2)),
                    "death {applied:?} at call {call}"
                );
            });
        }
    }
}

#[test]
fn an_export_that_rests_for_hours_lists_units_with_expired_tokens_again() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        small_pool(&backend, &people::plain(40, 3));
        let history = History::of(&source);
        let mut machine = Machine::new(&backend).with_budget(Duration::from_secs(1));
        let hours = |n: u64| Duration::from_secs(3600 * n);
        machine.rests = vec![Duration::ZERO, hours(1), Duration::ZERO, hours(2), Duration::ZERO, hours(1)];
        let report = machine.export(json!({"userPoolId": source_id(), "tps": 5}), "slow").await.report();
        let contents = snapshot::read(&backend, &source_id(), &snapshot_id(&report)).await;
        contents.assert_agrees_with(&history);
        let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
        assert!(units.iter().any(|unit| unit.attempt > 1));
        assert_eq!(contents.snapshot.state, SnapshotState::Sealed);
    });
}
