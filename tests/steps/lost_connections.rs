//! Goal: the limit holds although Step Functions loses connections, and several invocations of a run live at
//! once.
//!
//! Method: second invocations begin at any time in paused time, and the calls of all of them are counted
//! together.

use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::{Catalog, Claim, LeaseKey, TakenLease};
use shared::model::{Lease, RunKind};
use shared::pacing::{Budget, WAIT};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared::steps;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};
use tokio::time::{Instant, sleep};

use crate::support::machine::{self, Machine};
use crate::support::{assert_rate, backend, cases, in_paused_time, people, source_id, target_id};

fn export_input(tps: u32) -> Value {
    json!({"userPoolId": source_id(), "tps": tps})
}

fn import_input(tps: u32) -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": tps})
}

/// A pool of these users, and answers that take some time.
fn slow_backend(
    users: usize,
    pool_latency: u64,
    vault_latency: u64,
) -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    people::plain(users, 4).fill(&source);
    backend.script().set_latency(Duration::from_millis(pool_latency), Duration::from_millis(vault_latency));
    (backend, source, target)
}

/// The times of the calls of pools since the first `from`.
fn call_times(backend: &MemoryBackend, from: usize) -> Vec<Instant> {
    backend.script().log().into_iter().skip(from).map(|(at, _)| at).collect()
}

proptest! {
    #![proptest_config(cases(20))]

    /// The second invocation of a task begins after the given time, while the first one works.
    #[test]
    fn second_invocations_of_an_export_and_an_import_keep_the_limit(
        tps in 1u32..30,
        users in 20usize..45,
        twins in prop::collection::vec(0u64..9_000, 1..5),
        pool_latency in prop::sample::select(&[5u64, 80, 900][..]),
        vault_latency in prop::sample::select(&[0u64, 5, 300][..]),
        budget in prop::sample::select(&[6u64, 900][..]),
    ) {
        in_paused_time(async {
            let (backend, _, target) = slow_backend(users, pool_latency, vault_latency);
            let twins: Vec<_> = twins.into_iter().map(Duration::from_millis).collect();
            let budget = Duration::from_secs(budget);
            let machine = Machine { twins: twins.clone(), ..Machine::new(&backend).with_budget(budget) };
            assert_eq!(machine.export(export_input(tps), "export").await.report()["status"], "SEALED");
            machine.join_twins().await;
            assert_rate(&backend, 0, tps);
            sleep(Duration::from_secs(2)).await;

            let exported = backend.script().log().len();
            let machine = Machine { twins, ..Machine::new(&backend).with_budget(budget) };
            let report = machine.import(import_input(tps), "import").await.report();
            machine.join_twins().await;
            assert_eq!((report["status"].as_str(), target.user_count()), (Some("SUCCEEDED"), users));
            assert_rate(&backend, exported, tps);
        });
    }

    #[test]
    fn second_invocations_of_a_dry_run_keep_the_limit(
        tps in 1u32..10,
        twins in prop::collection::vec(0u64..6_000, 1..4),
    ) {
        in_paused_time(async {
            let (backend, _, _) = slow_backend(120, 200, 5);
            Machine::new(&backend).export(export_input(100), "export").await.report();
            sleep(Duration::from_secs(2)).await;
            let exported = backend.script().log().len();
            let mut input = import_input(tps);
            input["dryRun"] = json!(true);
            let machine = Machine {
                twins: twins.into_iter().map(Duration::from_millis).collect(),
                ..Machine::new(&backend)
            };
            assert_eq!(machine.import(input, "plan").await.report()["status"], "PLANNED");
            machine.join_twins().await;
            assert_rate(&backend, exported, tps);
        });
    }

    /// Step Functions gives up a run, whose last invocation still calls. Finalize releases the lease, and the
    /// next execution begins at once.
    #[test]
    fn an_invocation_of_a_run_that_was_given_up_keeps_the_limit_with_the_next_run(
        tps in 1u32..30,
        after in 0u64..4_000,
        vault_latency in prop::sample::select(&[0u64, 5, 300][..]),
    ) {
        in_paused_time(async {
            let (backend, _, _) = slow_backend(90, 80, vault_latency);
            let begun = machine::begin(&backend, "export", export_input(tps)).await;
            let lost = tokio::spawn({
                let (backend, begun) = (backend.invocation(), begun.clone());
                async move {
                    let budget = Budget::for_invocation(Duration::from_secs(900));
                    steps::export_pages(&backend, begun, budget).await.map(drop)
                }
            });
            sleep(Duration::from_millis(after)).await;
            let failed = json!({
                "operation": "export",
                "input": export_input(tps),
                "execution": begun["execution"],
                "error": {"Error": "Lambda.Unknown", "Cause": "lost"},
            });
            steps::finalize(&backend, failed, Budget::for_invocation(Duration::from_secs(900))).await.unwrap();
            let report = Machine::new(&backend).export(export_input(tps), "next").await.report();
            assert_eq!(report["status"], "SEALED");
            let _ = lost.await.unwrap();
            assert_rate(&backend, 0, tps);
        });
    }
}

#[test]
fn an_invocation_stops_two_seconds_after_its_last_look_at_a_lease_that_another_one_took() {
    in_paused_time(async {
        let (backend, source, _) = slow_backend(90, 80, 5);
        source.set_shape(PageShape { sizes: vec![3], ..PageShape::default() });
        let begun = machine::begin(&backend, "export", export_input(1)).await;
        let lost = tokio::spawn({
            let (backend, begun) = (backend.invocation(), begun.clone());
            async move {
                steps::export_pages(&backend, begun, Budget::for_invocation(Duration::from_secs(900))).await
            }
        });
        sleep(Duration::from_secs(10)).await;
        let (calls, now) = (backend.script().log().len(), Instant::now());
        let input = json!({"userPoolId": source_id(), "tps": 1});
        let next = Machine::new(&backend);
        let refused = next.export(input, "other").await;
        assert_eq!(refused.error().0, "ExportAlreadyRunning", "another run does not get the lease");
        let twin = Budget::for_invocation(Duration::from_secs(60));
        steps::export_pages(&backend, begun, twin).await.unwrap();
        let error = lost.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), shared::ErrorKind::Overtaken);
        assert_rate(&backend, 0, 1);
        let times = call_times(&backend, calls);
        assert!(times.iter().any(|at| *at - now > Duration::from_secs(3)), "the twin called");
    });
}

/// Finalize releases the lease of a run that was given up. No other run takes it.
#[test]
fn an_invocation_of_a_run_that_was_given_up_stops_although_nobody_takes_the_lease() {
    in_paused_time(async {
        let (backend, source, _) = slow_backend(400, 80, 5);
        source.set_shape(PageShape { sizes: vec![3], ..PageShape::default() });
        let begun = machine::begin(&backend, "export", export_input(1)).await;
        let lost = tokio::spawn({
            let (backend, begun) = (backend.invocation(), begun.clone());
            let budget = Budget::for_invocation(Duration::from_secs(900));
            async move { steps::export_pages(&backend, begun, budget).await }
        });
        sleep(Duration::from_secs(10)).await;
        let failed = json!({
            "operation": "export",
            "input": export_input(1),
            "execution": begun["execution"],
            "error": {"Error": "Lambda.Unknown", "Cause": "lost"},
        });
        steps::finalize(&backend, failed, Budget::for_invocation(Duration::from_secs(900))).await.unwrap();
        let (released, calls) = (Instant::now(), backend.script().log().len());
        assert_eq!(lost.await.unwrap().unwrap_err().kind(), shared::ErrorKind::Overtaken);
        let last = call_times(&backend, calls).into_iter().max();
        assert!(
            last.is_none_or(|at| at - released <= Duration::from_secs(2)),
            "{:?}",
            last.map(|at| at - released)
        );
    });
}

/// The first invocation is lost and still calls. The second one takes the lease and ends at once. The third one belongs
/// to the next run.
#[test]
fn an_invocation_that_ends_at_once_does_not_speak_for_the_one_before_it() {
    in_paused_time(async {
        let (backend, source, _) = slow_backend(400, 20, 2);
        source.set_shape(PageShape { sizes: vec![5], ..PageShape::default() });
        let catalog = Catalog::new(backend.vault());
        let (now, key) = (backend.clock().now(), LeaseKey::of_pool(&source_id(), RunKind::Export));
        let mut taken = Vec::new();
        for holder in ["lost", "ended", "next"] {
            let lease = Lease::new(holder, now + SignedDuration::from_mins(30 * taken.len() as i64));
            let at = now + SignedDuration::from_mins(30 * taken.len() as i64);
            let Claim::Taken(generation) = catalog.take_lease(&key, &lease, true, at).await.unwrap() else {
                panic!("{holder} does not get the lease")
            };
            let lease = TakenLease::new(Catalog::new(backend.vault()), key.clone(), generation);
            if holder == "ended" {
                lease.end().await.unwrap();
            }
            taken.push(lease);
        }
        let began = Instant::now();
        taken[2].tenure(None).prepare().await.unwrap();
        assert!(began.elapsed() >= WAIT, "{:?}", began.elapsed());
    });
}

#[test]
fn the_next_invocation_calls_at_once_after_one_that_ended_and_three_seconds_after_one_that_died() {
    for dies in [false, true] {
        in_paused_time(async {
            let (backend, source, _) = slow_backend(400, 100, 2);
            source.set_shape(PageShape { sizes: vec![5], ..PageShape::default() });
            if dies {
                let script = backend.script().clone();
                script.clone().change_before(Operation::ListUsers, 3, move || {
                    script.fault(script.calls() + 2, Fault::Die(Applied::All));
                });
            }
            let machine = Machine::new(&backend).with_budget(Duration::from_secs(5));
            // One listing never reaches this limit, so the limiter delays no call.
            machine.export(export_input(100), "export").await.report();
            let times = call_times(&backend, 0);
            let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
            assert!(machine.invocations().len() > 4);
            let expected = if dies { 3_000..5_500 } else { 50..500 };
            assert!(expected.contains(&longest.as_millis()), "{dies}: {longest:?}");
        });
    }
}

#[test]
fn an_invocation_that_cannot_read_its_lease_makes_no_more_calls() {
    in_paused_time(async {
        let (backend, _, _) = slow_backend(60, 20, 2);
        let begun = machine::begin(&backend, "export", export_input(1)).await;
        // The reads of the table take longer than a read of the lease may.
        backend.script().change_before(Operation::ListGroups, 1, {
            let script = backend.script().clone();
            move || script.set_latency(Duration::from_millis(20), Duration::from_secs(6))
        });
        let before = call_times(&backend, 0).len();
        let budget = Budget::for_invocation(Duration::from_secs(900));
        let error = steps::export_pages(&backend, begun, budget).await.unwrap_err();
        assert_eq!(error.kind(), shared::ErrorKind::ServiceUnavailable, "{error}");
        assert!(call_times(&backend, before).len() <= 2);
    });
}
