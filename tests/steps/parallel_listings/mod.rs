//! Goal: an export splits the listing of users only if the operator allows it and one listing is too slow. It only
//! believes a split listing that names everybody it can know of.
//!
//! Method: pools with slow calls, and split listings that are incomplete, unfiltered, refused or broken. After each
//! export, the snapshot holds every user of the pool.

mod agreement;

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{GroupName, GroupRecord, Listing, Metric, RecordKind, RunId, Snapshot, Sub, Unit};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::ports::vault::Key;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape, SplitListingBehaviour};

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
fn a_split_listing_that_fails_in_any_way_is_discarded_and_not_tried_again_for_30_days() {
    use SplitListingBehaviour::{
        Failing, Incomplete, Overlooking, Refused, RefusingTokens, RepeatingTokens, Unfiltered,
    };
    for finds in [
        Incomplete,
        Overlooking(1),
        Unfiltered,
        Refused,
        Failing(PoolErrorKind::Transient),
        Failing(PoolErrorKind::Refused),
        Failing(PoolErrorKind::UserNotFound),
        RefusingTokens,
        RepeatingTokens,
    ] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            source.set_split_listing(finds);
            let report = report_of(&backend, "doubted").await;
            assert_eq!(
                (&report["listing"], &report["splitListing"]),
                (&json!("one"), &json!("failed")),
                "{finds:?}"
            );
            assert!(report["summary"].as_str().unwrap().contains("use one listing for 30 days"), "{report}");
            let contents = read(&backend, &report).await;
            assert_eq!(contents.users.len(), USERS, "{finds:?}");
            let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
            assert_eq!(listings(&units), (1, true), "{finds:?}");

            source.set_split_listing(SplitListingBehaviour::Complete);
            let (_, units) = export(&backend, "soon after").await;
            assert_eq!(listings(&units), (1, false), "{finds:?}");
            tokio::time::sleep(31 * DAY).await;
            let (sealed, units) = export(&backend, "later").await;
            assert_eq!((listings(&units), sealed.split.failed_at), ((16, false), None), "{finds:?}");
        });
    }
}

#[test]
fn throttling_denied_access_and_a_vanished_pool_keep_their_meaning_in_a_split_listing() {
    for (kind, error) in [
        (PoolErrorKind::Throttled, "Throttled"),
        (PoolErrorKind::AccessDenied, "AccessDenied"),
        (PoolErrorKind::NotFound, "PoolNotFound"),
    ] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            source.set_split_listing(SplitListingBehaviour::Failing(kind));
            let machine = Machine { retries: 2, ..Machine::new(&backend) };
            let input = json!({"userPoolId": source_id(), "splitListing": true});
            assert_eq!(machine.export(input, "failed").await.error().0, error);
            let failed = Catalog::new(backend.vault()).snapshots(&source_id(), None, 1).await.unwrap();
            assert_eq!(failed[0].split.failed_at, None, "{kind:?}");
        });
    }
}

#[test]
fn an_export_without_deletions_makes_no_look_up() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        let (before, users_before) = (backend.script().log().len(), calls_of(&backend, Operation::ListUsers));
        let (_, units) = export(&backend, "unchanged").await;
        let counting = || units.iter().filter(|unit| !unit.is_superseded());
        let users = counting().filter(|unit| unit.listing.kind() == RecordKind::User);
        let pages: u64 = users.map(|unit| unit.pages).sum();
        assert_eq!((calls_of(&backend, Operation::ListUsers) - users_before) as u64, pages);
        // The calls that list nothing are the same for every pool: settings, quotas and estimates.
        let (all, of_pages) = (backend.script().log().len() - before, counting().map(|unit| unit.pages));
        let others = all as u64 - of_pages.sum::<u64>();
        assert!(others <= 6, "{others} calls that list nothing");

        // Each deleted user takes one call, and deleted users discard nothing.
        source.users().into_iter().take(7).for_each(|user| source.delete_user(&user.sub));
        let before = calls_of(&backend, Operation::ListUsers);
        let (sealed, units) = export(&backend, "after").await;
        assert_eq!((listings(&units), sealed.counts.users), ((16, false), 1_193));
        let pages_of_users = units.iter().filter(|unit| matches!(unit.listing, Listing::UsersBySub { .. }));
        let pages: u64 = pages_of_users.map(|unit| unit.pages).sum();
        assert_eq!((calls_of(&backend, Operation::ListUsers) - before) as u64, pages + 7);
    });
}

#[test]
fn more_deleted_users_than_the_export_looks_up_make_it_list_everybody_again() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        source.users().into_iter().take(61).for_each(|user| source.delete_user(&user.sub));
        // Look-ups are fast, so only the limiter holds them back.
        let (script, from) = (backend.script().clone(), backend.script().log().len());
        backend.script().change_before(Operation::ListUsers, 30, move || {
            script.set_latency(Duration::from_millis(1), Duration::from_millis(1));
        });
        let (sealed, units) = export(&backend, "after").await;
        assert_eq!((listings(&units), sealed.counts.users), ((1, true), 1_139));
        assert_rate(&backend, from, 10);
    });
}

#[test]
fn a_user_of_the_previous_snapshot_that_a_split_listing_overlooks_is_found() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 3).fill(&source);
        tokio::time::sleep(DAY).await;
        let since = backend.clock().now();
        add_users(&source, USERS, 3);
        export(&backend, "before").await;
        set_latency(&backend, SLOW);
        source.set_split_listing(SplitListingBehaviour::OverlookingNew(since));
        // The estimate alone shows nothing.
        source.set_estimate(1_000);
        let (_, units) = export(&backend, "after").await;
        assert_eq!(listings(&units), (1, true));
    });
}

#[test]
fn a_new_user_that_a_split_listing_overlooks_is_found_by_its_membership_or_by_the_estimate() {
    for (is_member, estimate) in [(true, 1_000), (false, USERS as u64 + 1)] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            tokio::time::sleep(DAY).await;
            let since = backend.clock().now();
            let new = add_users(&source, USERS, 1);
            if is_member {
                assert!(source.join(&new[0], &people::group_name(0)));
            }
            source.set_estimate(estimate);
            source.set_split_listing(SplitListingBehaviour::OverlookingNew(since));
            let (_, units) = export(&backend, "after").await;
            assert_eq!(listings(&units), (1, true), "{is_member}");
        });
    }
}

#[test]
fn members_without_a_user_are_counted_in_report_and_metrics() {
    for is_split in [false, true] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            if !is_split {
                set_latency(&backend, Duration::ZERO);
            }
            // The memberships are listed before the users.
            let members: Vec<Sub> = source.groups()[1].1.iter().take(3).cloned().collect();
            let (pool, gone) = (source.clone(), members.clone());
            // The estimate of the begin counts them.
            source.set_estimate(USERS as u64 - 3);
            backend.script().change_before(Operation::ListUsers, 1, move || {
                gone.iter().for_each(|sub| pool.delete_user(sub));
            });
            let report = report_of(&backend, "export").await;
            assert_eq!(report["listing"], if is_split { "split" } else { "one" }, "{report}");
            assert_eq!(report["membersWithoutUser"], 3, "{report}");
            assert_eq!(report["membersWithoutUserSubs"].as_array().unwrap().len(), 3, "{report}");
            assert!(
                report["summary"].as_str().unwrap().contains("3 `sub`s, which are probably deleted"),
                "{report}"
            );
            let measured = backend.metrics().pop().unwrap();
            assert_eq!(measured.get(Metric::MembersWithoutUser), Some(3.0));

            set_latency(&backend, Duration::ZERO);
            let report = Machine::new(&backend).import(restore(), "restore").await.report();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert!(report["memberships"]["reasons"]["memberWithoutUser"].as_u64() >= Some(3), "{report}");
            assert!(report["summary"].as_str().unwrap().contains("Warning: "), "{report}");
        });
    }
}

#[test]
fn a_split_listing_survives_deaths_and_refused_tokens() {
    in_paused_time(async {
        for call in (1..90).step_by(7) {
            let (backend, source) = slow(USERS).await;
            source.set_shape(PageShape { sizes: vec![60, 0, 17], ..PageShape::default() });
            let begin = backend.script().calls();
            backend.script().fault(begin + call, Fault::Die(Applied::All));
            backend.script().fault(begin + call + 20, Fault::RejectToken);
            let finds = if call % 2 == 0 {
                SplitListingBehaviour::Complete
            } else {
                SplitListingBehaviour::Incomplete
            };
            source.set_split_listing(finds);
            let (_, units) = export(&backend, "interrupted").await;
            assert_eq!(
                listings(&units).0,
                if finds == SplitListingBehaviour::Complete { 16 } else { 1 },
                "death at call {call}"
            );
        }
    });
}

/// The check of a split listing, and the comparison of both listings, may die at each of their calls, and run twice.
#[test]
fn an_interrupted_check_has_the_same_result() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        for number in 1..=6 {
            export(&backend, &format!("export {number}")).await;
        }
        let gone: Vec<Sub> = source.users().into_iter().take(40).map(|user| user.sub).collect();
        gone.iter().for_each(|sub| source.delete_user(sub));
        let begin = backend.script().calls();
        for call in (1..).step_by(9).take(60) {
            backend.script().fault(begin + call * 3, Fault::Die(Applied::Half));
        }
        let machine = Machine { twins: vec![Duration::from_secs(400); 40], ..Machine::new(&backend) };
        let input = json!({"userPoolId": source_id(), "splitListing": true});
        let report = machine.export(input, "compared").await.report();
        backend.script().clear();
        machine.join_twins().await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &Value::Null), "{report}");
        assert_eq!(read(&backend, &report).await.users.len(), USERS - 40);
    });
}

#[test]
fn a_member_that_one_listing_overlooks_is_never_missing_from_a_seal() {
    in_paused_time(async {
        let begin = || {
            let (backend, source, _) = backend();
            people::plain(USERS, 3).fill(&source);
            let hidden = source.groups()[1].1[0].clone();
            (backend, source, hidden)
        };
        let (backend, source, hidden) = begin();
        source.overlook_in_one_listing(hidden, 1);
        let (sealed, _) = export(&backend, "overlooked once").await;
        assert_eq!(sealed.members_without_user, 0);

        let (backend, source, hidden) = begin();
        source.overlook_in_one_listing(hidden.clone(), u32::MAX);
        let end = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "always").await;
        assert_eq!(end.error().0, "ListingFailed", "{end:?}");
        assert!(end.error().1.contains(hidden.as_str()), "{end:?}");
    });
}

#[test]
fn a_listing_in_doubt_without_a_failure_is_tried_again_by_the_next_export() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        source.users().into_iter().take(61).for_each(|user| source.delete_user(&user.sub));
        let report = report_of(&backend, "many left").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &json!("doubted")));
        let (sealed, units) = export(&backend, "next").await;
        assert_eq!((listings(&units), sealed.split.failed_at), ((16, false), None));

        // A user who leaves during the export leaves the estimate, too.
        let (pool, gone) = (source.clone(), source.users()[0].sub.clone());
        backend.script().change_before(Operation::ListUsers, 1, move || pool.delete_user(&gone));
        let (_, units) = export(&backend, "one left").await;
        assert_eq!(listings(&units), (16, false));
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

/// With many groups and slow queries, the check of the members takes longer than an invocation has left.
#[test]
fn a_check_of_many_groups_is_not_cut_off() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(900, 3).fill(&source);
        let users = source.users();
        for (number, user) in users.iter().take(297).enumerate() {
            let name = GroupName::new(format!("team-{number}"));
            source.put_group(GroupRecord { name: name.clone(), ..people::group(0) });
            assert!(source.join(&user.sub, &name));
        }
        backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(200));
        let minute = Duration::from_secs(60);
        let machine = Machine { budget: minute, timeout: minute, retries: 2, ..Machine::new(&backend) };
        let report = machine.export(json!({"userPoolId": source_id(), "tps": 200}), "minute").await.report();
        assert_eq!(report["users"], 900, "{report}");
        let ended = machine.invocations();
        assert!(!ended.contains(&crate::support::machine::Invocation::TimedOut), "{ended:?}");
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

/// A page batch or a unit of the previous snapshot was lost, so there is nothing to check against.
#[test]
fn a_split_listing_is_not_believed_if_the_previous_snapshot_cannot_be_read() {
    for prefix in ["PAGES#users", "UNIT#users"] {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            let catalog = Catalog::new(backend.vault());
            let before =
                catalog.newest_sealed(&source_id(), None, backend.clock().now()).await.unwrap().unwrap();
            let items = backend.vault().items();
            let is_lost = |key: &&Key| key.pk == format!("SNAP#{}", before.id) && key.sk.starts_with(prefix);
            backend.vault().remove(items.keys().find(is_lost).unwrap()).unwrap();
            let report = report_of(&backend, "unreadable before").await;
            assert_eq!(
                (&report["listing"], &report["splitListing"]),
                (&json!("one"), &json!("doubted")),
                "{prefix}: {report}"
            );
            assert_eq!(read(&backend, &report).await.users.len(), source.user_count());
            // The doubt does not speak against the filter.
            let (_, units) = export(&backend, "next").await;
            assert_eq!(listings(&units), (16, false), "{prefix}");
        });
    }
}

/// If the time of an invocation is short, the next one continues the check.
#[test]
fn a_check_continues_in_the_next_invocation() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        source.users().into_iter().take(50).for_each(|user| source.delete_user(&user.sub));
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(30));
        let input = json!({"userPoolId": source_id(), "splitListing": true, "tps": 2});
        let report = machine.export(input, "short").await.report();
        assert_eq!((&report["listing"], &report["users"]), (&json!("split"), &json!(USERS - 50)), "{report}");
    });
}

/// If Cognito refuses one listing, the export supersedes all 16, one after the other. An invocation
/// that dies leaves some superseded and others open. Cognito may then answer the open ones.
#[test]
fn an_interrupted_discard_of_a_split_listing_is_completed() {
    let mut listed_by = Vec::new();
    for call in (1..60).step_by(2) {
        in_paused_time(async {
            let (backend, source) = slow(USERS).await;
            source.set_split_listing(SplitListingBehaviour::Refused);
            let script = backend.script().clone();
            // All 16 listings have been refused by then.
            backend.script().change_before(Operation::ListUsers, 16, move || {
                let death = script.calls() + call;
                script.fault(death, Fault::Die(Applied::All));
                script.change(death, move || source.set_split_listing(SplitListingBehaviour::Complete));
            });
            let (sealed, units) = export(&backend, "cut short").await;
            assert_eq!(sealed.counts.users as usize, USERS, "death at call {call}");
            listed_by.push(listings(&units).0);
            // The snapshot records for later exports which listing this export used.
            assert_eq!(
                sealed.split.failed_at.is_some(),
                listed_by.last() == Some(&1),
                "death at call {call}"
            );
        });
    }
    let by_sixteen = listed_by.iter().take_while(|&&listings| listings == 16).count();
    assert!((1..20).contains(&by_sixteen), "no death before the doubt, or none in it: {listed_by:?}");
    assert!(listed_by[by_sixteen..].iter().all(|&listings| listings == 1), "{listed_by:?}");
}

#[test]
fn records_of_the_previous_snapshot_are_not_looked_up() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 0).fill(&source);
        export(&backend, "first").await;
        let looked_up = backend.vault().looked_up();
        export(&backend, "second").await;
        let again = backend.vault().looked_up() - looked_up;
        assert!(again < USERS as u64 / 4, "{again} records of {USERS} unchanged users were looked up");
    });
}
