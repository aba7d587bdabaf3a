//! Goal: an export splits the listing of users only if the operator allows it and one listing is too slow. It only
//! believes a split listing that names everybody it can know of.
//!
//! Method: pools with slow calls, and split listings that are incomplete, unfiltered, refused or broken. After each
//! export, the snapshot holds every user of the pool.

mod agreement;
mod check;
mod failures;

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Listing, RunId, Snapshot, Sub, Unit};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{MemoryBackend, MemoryPool};

use crate::support::log::Log;
use crate::support::machine::Machine;
use crate::support::restored::{Comparison, compare};
use crate::support::{assert_rate, backend, in_paused_time, people, snapshot, source_id, target_id};

pub(crate) const USERS: usize = 1_200;
/// With calls of this average time, one listing of so many users takes over five minutes.
pub(crate) const SLOW: Duration = Duration::from_secs(40);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3_600);

pub(crate) fn set_latency(backend: &MemoryBackend, latency: Duration) {
    backend.script().set_latency(latency, Duration::from_millis(5));
}

/// A pool of so many users with one sealed snapshot. From now on its calls are slow.
pub(crate) async fn slow(users: usize) -> (MemoryBackend, MemoryPool) {
    let (backend, source, _) = backend();
    people::plain(users, 3).fill(&source);
    export(&backend, "before").await;
    set_latency(&backend, SLOW);
    (backend, source)
}

pub(crate) async fn report_of(backend: &MemoryBackend, name: &str) -> Value {
    let input = json!({"userPoolId": source_id(), "splitListing": true});
    Machine::new(backend).export(input, name).await.report()
}

/// Exports. The snapshot must hold every user of the pool.
pub(crate) async fn export(backend: &MemoryBackend, name: &str) -> (Snapshot, Vec<Unit>) {
    let report = report_of(backend, name).await;
    let contents = read(backend, &report).await;
    assert_eq!(contents.users.len(), backend.pool(&source_id()).user_count());
    let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
    (contents.snapshot, units)
}

pub(crate) async fn read(backend: &MemoryBackend, report: &Value) -> snapshot::Contents {
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    snapshot::read(backend, &source_id(), &id).await
}

/// The number of listings that list the users, and whether a split listing does not count.
fn listings(units: &[Unit]) -> (usize, bool) {
    let users =
        || units.iter().filter(|unit| matches!(unit.listing, Listing::Users | Listing::UsersBySub { .. }));
    let counting = users().filter(|unit| !unit.is_superseded());
    (counting.count(), users().any(|unit| unit.is_superseded() && unit.listing != Listing::Users))
}

fn calls_of(backend: &MemoryBackend, operation: Operation) -> usize {
    backend.script().log().iter().filter(|(_, made)| *made == operation).count()
}

/// Adds users with usernames that the pool does not have yet.
fn add_users(pool: &MemoryPool, first: usize, count: usize) -> Vec<Sub> {
    let person = people::plain(1, 0).people.remove(0);
    (first..first + count).map(|number| pool.put_user(person.record(number))).collect()
}

fn restore() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200})
}

#[test]
fn a_split_listing_keeps_up_with_the_limit_if_one_listing_cannot() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(4 * USERS, 0).fill(&source);
        export(&backend, "before").await;
        set_latency(&backend, SLOW / 4);
        let from = backend.script().log().len();
        let input = json!({"userPoolId": source_id(), "splitListing": true, "tps": 1});
        let report = Machine::new(&backend).export(input, "slow").await.report();
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("split"), &Value::Null));
        assert!(report["summary"].as_str().unwrap().contains("A split listing lists its users,"), "{report}");
        let contents = read(&backend, &report).await;
        let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
        assert_eq!(listings(&units), (16, false));
        assert_rate(&backend, from, 1);
        let log = backend.script().log().split_off(from);
        let listed: Vec<_> = log.iter().filter(|(_, operation)| *operation == Operation::ListUsers).collect();
        // The last page of each listing is left out: when a listing has ended, fewer remain at work.
        let together = listed.len() - 16;
        let seconds = (listed[together].0 - listed[0].0).as_secs_f64();
        assert!(together as f64 / seconds > 0.97, "{together} calls in {seconds} s");

        set_latency(&backend, Duration::ZERO);
        let plan = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "dryRun": true});
        let plan = Machine::new(&backend).import(plan, "plan").await.report();
        assert_eq!(plan["listing"], "split", "{plan}");
        assert!(plan["summary"].as_str().unwrap().contains("a filter that AWS does not document"), "{plan}");
        let report = Machine::new(&backend).import(restore(), "restore").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(compare(&contents, &backend.pool(&target_id())), Comparison::default());
    });
}

#[test]
fn an_export_that_may_split_and_makes_one_listing_says_why() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(4 * USERS, 0).fill(&source);
        let reported = async |name: &str, input: Value| {
            let mut all = json!({"userPoolId": source_id(), "splitListing": true, "tps": 1});
            all.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
            let report = Machine::new(&backend).export(all, name).await.report();
            assert_eq!(report["listing"], "one", "{report}");
            let summary = report["summary"].as_str().unwrap().to_owned();
            (report["splitListing"].clone(), summary)
        };
        let (first, summary) = reported("first", json!({})).await;
        assert_eq!(first, "noSnapshotBefore");
        assert!(summary.contains("not split, because the pool had no earlier sealed snapshot"), "{summary}");
        assert_eq!(reported("second-factors", json!({"captureMfa": true})).await.0, "capturesMfa");
        assert_eq!(reported("short", json!({})).await.0, "short");
        assert_eq!(reported("not-allowed", json!({"splitListing": false})).await.0, Value::Null);
    });
}

#[test]
fn a_split_listing_reads_the_one_listing_before_it_once_in_any_number_of_invocations() {
    let queries = |budget: u64| {
        in_paused_time(async {
            let (backend, source) = slow(20_000).await;
            source.delete_group(&people::group_name(0));
            source.delete_group(&people::group_name(1));
            source.delete_group(&people::group_name(2));
            set_latency(&backend, Duration::from_secs(1));
            let before = backend.vault().queries("PAGES#users#001#");
            let input = json!({"userPoolId": source_id(), "splitListing": true, "tps": 200});
            let machine = Machine::new(&backend).with_budget(Duration::from_secs(budget));
            let report = machine.export(input, "split").await.report();
            assert_eq!(report["listing"], "split", "{report}");
            backend.vault().queries("PAGES#users#001#") - before
        })
    };
    let (once, often) = (queries(900), queries(5));
    // Each invocation of each listing reads the batch again in which the one before it stopped.
    assert!(often < once * 3 / 2, "{once} queries in one invocation, {often} in several");
}

#[test]
fn one_listing_lists_the_users_unless_everything_speaks_for_a_split() {
    in_paused_time(async {
        let allowed = json!({"userPoolId": source_id(), "splitListing": true});
        let not_allowed = json!({"userPoolId": source_id()});
        let with_factors = json!({"userPoolId": source_id(), "splitListing": true, "captureMfa": true});
        // The input, the setting of the deployment, a sealed snapshot, the latency, the TPS.
        let cases = [
            (&allowed, false, true, SLOW, 10, 16),
            (&not_allowed, true, true, SLOW, 10, 16),
            (&not_allowed, false, true, SLOW, 10, 1),
            (&allowed, false, false, SLOW, 10, 1),
            // Look-ups of second factors reach the limit without a split.
            (&with_factors, true, true, SLOW, 10, 1),
            // 20 pages take less than five minutes.
            (&allowed, false, true, SLOW / 5, 10, 1),
        ];
        for (number, (input, setting, is_sealed, latency, tps, expected)) in cases.into_iter().enumerate() {
            let (backend, source, _) = backend();
            people::plain(USERS, 3).fill(&source);
            let backend = backend.with_split_listings(setting);
            if is_sealed {
                export(&backend, "before").await;
            }
            set_latency(&backend, latency);
            let mut input = input.clone();
            input["tps"] = tps.into();
            let report = Machine::new(&backend).export(input, "case").await.report();
            let contents = read(&backend, &report).await;
            let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
            assert_eq!(listings(&units), (expected, false), "case {number}");
            assert_eq!(report["listing"], if expected == 1 { "one" } else { "split" });
        }
    });
}

#[test]
fn a_wrong_value_of_split_listing_is_refused_before_anything_is_touched() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let input = json!({"userPoolId": source_id(), "splitListing": "yes"});
        let end = Machine::new(&backend).export(input, "wrong").await;
        assert_eq!(end.error().0, "InvalidInput", "{end:?}");
        assert!(end.error().1.contains("splitListing"), "{end:?}");
        assert!(backend.script().log().is_empty() && backend.vault().items().is_empty());
    });
}

#[test]
fn a_first_slow_call_does_not_split_the_listing() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 0).fill(&source);
        export(&backend, "before").await;
        let script = backend.script().clone();
        let fast = move |script: &shared_memory::Script| {
            script.set_latency(Duration::from_millis(100), Duration::from_millis(5));
        };
        fast(&script);
        // Enumerate makes this call. The first call of the next invocation is slow.
        backend.script().change_before(Operation::DescribeUserPool, 1, move || {
            script.set_latency(SLOW, Duration::from_millis(5));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(10)).await;
                fast(&script);
            });
        });
        let (_, units) = export(&backend, "cold").await;
        assert_eq!(listings(&units), (1, false));
    });
}

#[test]
fn the_comparison_of_a_split_listing_holds_about_a_sixteenth_of_the_subs_at_once() {
    let log = Log::default();
    let listening = log.listen();
    in_paused_time(async {
        let (backend, _) = slow(4 * USERS).await;
        let report = report_of(&backend, "split").await;
        assert_eq!(report["listing"], "split", "{report}");
    });
    drop(listening);
    let text = log.text();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_split = lines.filter(|line| line["fields"]["question"] == "split");
    let held: Vec<_> = of_split.map(|line| line["fields"]["held"].as_u64().unwrap() as usize).collect();
    assert_eq!((held.len(), held.iter().sum::<usize>()), (16, 4 * USERS), "each sub is held once");
    // The first digit of a UUID decides about the part, so the parts differ a little.
    assert!(held.iter().all(|held| *held < 4 * USERS / 16 * 5 / 4), "{held:?}");
}
