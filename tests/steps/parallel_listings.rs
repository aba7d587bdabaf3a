//! Goal: an export splits the listing of users only if the operator allows it and one listing is too slow. It only
//! believes a split listing that names everybody it can know of.
//!
//! Method: pools with slow calls, and split listings that are incomplete, unfiltered, refused or broken. After each
//! export, the snapshot holds every user of the pool.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{GroupName, GroupRecord, Listing, Metric, RunId, Snapshot, SplitListing, Sub, Unit};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape, SplitListingBehaviour};

use crate::support::machine::Machine;
use crate::support::restored::{Comparison, compare};
use crate::support::{assert_rate, backend, in_paused_time, people, snapshot, source_id, target_id};

const USERS: usize = 1_200;
/// With calls of this average time, one listing of so many users takes over five minutes.
const SLOW: Duration = Duration::from_secs(40);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn set_latency(backend: &MemoryBackend, latency: Duration) {
    backend.script().set_latency(latency, Duration::from_millis(5));
}

/// A pool of so many users with one sealed snapshot. From now on its calls are slow.
async fn slow(users: usize) -> (MemoryBackend, MemoryPool) {
    let (backend, source, _) = backend();
    people::plain(users, 3).fill(&source);
    export(&backend, "before").await;
    set_latency(&backend, SLOW);
    (backend, source)
}

async fn report_of(backend: &MemoryBackend, name: &str) -> Value {
    let input = json!({"userPoolId": source_id(), "splitListing": true});
    Machine::new(backend).export(input, name).await.report()
}

/// Exports. The snapshot must hold every user of the pool.
async fn export(backend: &MemoryBackend, name: &str) -> (Snapshot, Vec<Unit>) {
    let report = report_of(backend, name).await;
    let contents = read(backend, &report).await;
    assert_eq!(contents.users.len(), backend.pool(&source_id()).user_count());
    let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
    (contents.snapshot, units)
}

async fn read(backend: &MemoryBackend, report: &Value) -> snapshot::Contents {
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
        assert!(report["summary"].as_str().unwrap().contains("A split listing lists its users."), "{report}");
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
        assert!(plan["summary"].as_str().unwrap().contains("cannot be proven absent"), "{plan}");
        let report = Machine::new(&backend).import(restore(), "restore").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(compare(&contents, &backend.pool(&target_id())), Comparison::default());
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
        // The input, the setting of the deployment, a sealed snapshot, the latency, the TPS.
        let cases = [
            (&allowed, false, true, SLOW, 10, 16),
            (&not_allowed, true, true, SLOW, 10, 16),
            (&not_allowed, false, true, SLOW, 10, 1),
            (&allowed, false, false, SLOW, 10, 1),
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
        let before = calls_of(&backend, Operation::ListUsers);
        let (_, units) = export(&backend, "unchanged").await;
        let pages: u64 = units.iter().filter(|unit| !unit.is_superseded()).map(|unit| unit.pages).sum();
        let others = units.iter().filter(|unit| unit.listing.kind() != shared::model::RecordKind::User);
        let pages = pages - others.map(|unit| unit.pages).sum::<u64>();
        assert_eq!((calls_of(&backend, Operation::ListUsers) - before) as u64, pages);

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
        let (sealed, units) = export(&backend, "after").await;
        assert_eq!((listings(&units), sealed.counts.users), ((1, true), 1_139));
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
fn every_seventh_split_listing_is_compared_with_one_listing_which_is_sealed() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        // An estimate that counts new users behind the pages would rightly raise a doubt.
        source.set_estimate(1_000);
        for number in 1..=8 {
            // Users come and go between the listings.
            let (pool, gone) = (source.clone(), source.users()[number].sub.clone());
            backend.script().change_before(Operation::ListUsers, 20, move || {
                pool.delete_user(&gone);
                add_users(&pool, USERS * 2 + number * 10, 2);
            });
            let report = report_of(&backend, &format!("export {number}")).await;
            assert_eq!(report["splitListing"], Value::Null, "{report}");
            let contents = read(&backend, &report).await;
            let units = Catalog::new(backend.vault()).units(&contents.snapshot.id).await.unwrap();
            let expected = if number == 7 { (1, true) } else { (16, false) };
            assert_eq!(listings(&units), expected, "export {number}");
            assert_eq!(contents.snapshot.split.uncompared, [0, 1, 2, 3, 4, 5, 6, 0, 1][number]);
            tokio::time::sleep(DAY).await;
        }
    });
}

#[test]
fn a_disagreement_of_both_listings_turns_splitting_off_for_good() {
    in_paused_time(async {
        let (backend, source) = slow(USERS).await;
        source.set_estimate(1_000);
        for number in 1..=6 {
            let (_, units) = export(&backend, &format!("export {number}")).await;
            assert_eq!(listings(&units), (16, false));
            tokio::time::sleep(DAY).await;
        }
        // The estimate and the previous snapshot do not show that the filter overlooks this new user.
        let since = backend.clock().now();
        add_users(&source, USERS, 1);
        source.set_split_listing(SplitListingBehaviour::OverlookingNew(since));
        let report = report_of(&backend, "compared").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &json!("disagrees")));
        assert!(report["summary"].as_str().unwrap().contains("disagree about the users"), "{report}");
        assert_eq!(read(&backend, &report).await.users.len(), USERS + 1);

        source.set_split_listing(SplitListingBehaviour::Complete);
        tokio::time::sleep(400 * DAY).await;
        let report = report_of(&backend, "later").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &json!("off")));
        assert!(report["summary"].as_str().unwrap().contains("Splitting is off"), "{report}");
    });
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

/// A slow pool whose next split export is compared with one listing.
async fn due_for_comparison() -> (MemoryBackend, MemoryPool) {
    let (backend, source) = slow(USERS).await;
    let is_header = |item: &serde_dynamo::Item| item.contains_key("splitListing");
    let (key, mut item) = backend.vault().items().into_iter().find(|(_, item)| is_header(item)).unwrap();
    let split = SplitListing { uncompared: 6, ..SplitListing::default() };
    item.insert("splitListing".to_owned(), serde_dynamo::to_attribute_value(split).unwrap());
    backend.vault().put_by_hand(&key, item);
    (backend, source)
}

/// Deletes so many users after the split listing, before one listing names many of them.
fn delete_between_both_listings(backend: &MemoryBackend, source: &MemoryPool, count: usize) {
    let pool = source.clone();
    backend.script().change_before(Operation::ListUsers, 36, move || {
        // The one listing may have named the first users already.
        pool.users().into_iter().rev().take(count).for_each(|user| pool.delete_user(&user.sub));
    });
}

/// From the decision about both listings to the seal, an invocation may die at each call.
#[test]
fn a_death_after_the_comparison_of_both_listings_does_not_change_its_result() {
    in_paused_time(async {
        let (backend, _) = due_for_comparison().await;
        let begin = backend.script().calls();
        export(&backend, "undisturbed").await;
        let calls = backend.script().calls() - begin;
        for call in (calls - 110..calls).step_by(6) {
            let (backend, _) = due_for_comparison().await;
            backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::All));
            let report = report_of(&backend, "compared").await;
            backend.script().clear();
            assert_eq!(
                (&report["listing"], &report["splitListing"]),
                (&json!("one"), &Value::Null),
                "death at call {call}: {report}"
            );
            let contents = read(&backend, &report).await;
            assert_eq!((contents.users.len(), contents.snapshot.split.uncompared), (USERS, 0));
        }
    });
}

#[test]
fn a_user_that_the_split_listing_names_and_one_listing_overlooks_is_never_missing_from_a_seal() {
    in_paused_time(async {
        let (backend, source) = due_for_comparison().await;
        source.overlook_in_one_listing(source.users()[7].sub.clone(), 1);
        let report = report_of(&backend, "overlooked once").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &Value::Null), "{report}");
        assert_eq!(read(&backend, &report).await.users.len(), USERS);

        let (backend, source) = due_for_comparison().await;
        let hidden = source.users()[7].sub.clone();
        source.overlook_in_one_listing(hidden.clone(), u32::MAX);
        let input = json!({"userPoolId": source_id(), "splitListing": true});
        let end = Machine::new(&backend).export(input, "overlooked always").await;
        assert_eq!(end.error().0, "ListingFailed", "{end:?}");
        assert!(end.error().1.contains(hidden.as_str()), "{end:?}");
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
fn a_comparison_of_many_different_users_looks_up_few_and_is_made_again() {
    in_paused_time(async {
        let (backend, source) = due_for_comparison().await;
        delete_between_both_listings(&backend, &source, 250);
        let before = calls_of(&backend, Operation::ListUsers);
        let report = report_of(&backend, "compared").await;
        assert_eq!(
            (&report["listing"], &report["splitListing"]),
            (&json!("one"), &json!("notCompared")),
            "{report}"
        );
        assert!(report["summary"].as_str().unwrap().contains("compares them again"), "{report}");
        let calls = calls_of(&backend, Operation::ListUsers) - before;
        // The check of both listings looks up 60 `sub`s, and the check of the members as many.
        assert!(calls <= 48 + 21 + 60 + 60, "{calls} calls");
        assert_eq!(read(&backend, &report).await.snapshot.split.uncompared, 6);
        let report = report_of(&backend, "compared again").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &Value::Null), "{report}");
    });
}

/// The records of the snapshot show when a user signed up. So no call asks for it.
#[test]
fn users_who_sign_up_between_both_listings_cost_no_look_up() {
    in_paused_time(async {
        let (backend, _) = due_for_comparison().await;
        let before = calls_of(&backend, Operation::ListUsers);
        export(&backend, "none signs up").await;
        let calls = calls_of(&backend, Operation::ListUsers) - before;

        let (backend, pool) = due_for_comparison().await;
        backend.script().change_before(Operation::ListUsers, 36, move || {
            add_users(&pool, USERS, 120);
        });
        let before = calls_of(&backend, Operation::ListUsers);
        let report = report_of(&backend, "compared").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &Value::Null), "{report}");
        let contents = read(&backend, &report).await;
        // More sign up behind the pages that are still to come than the check may look up.
        assert!(contents.users.len() > USERS + 60, "{}", contents.users.len());
        assert_eq!(contents.snapshot.split.uncompared, 0);
        // The new users fill two pages of the one listing.
        let made = calls_of(&backend, Operation::ListUsers) - before;
        assert!((calls..=calls + 2).contains(&made), "{made} calls, {calls} without new users");
    });
}

#[test]
fn a_look_up_that_fails_does_not_turn_splitting_off() {
    in_paused_time(async {
        let (backend, source) = due_for_comparison().await;
        delete_between_both_listings(&backend, &source, 20);
        source.set_look_ups(Some(PoolErrorKind::Transient));
        let report = report_of(&backend, "compared").await;
        assert_eq!((&report["listing"], &report["splitListing"]), (&json!("one"), &json!("notCompared")));
        let split = read(&backend, &report).await.snapshot.split;
        assert_eq!((split.turned_off_at, split.uncompared), (None, 6));
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

/// Removes the records of some users. Returns their keys.
fn lose_records(backend: &MemoryBackend, every: usize) -> Vec<shared::ports::vault::Key> {
    let records: Vec<_> =
        backend.vault().items().into_keys().filter(|key| key.pk.starts_with("USER#")).collect();
    let lost: Vec<_> = records.into_iter().step_by(every).collect();
    lost.iter().for_each(|key| drop(backend.vault().remove(key)));
    lost
}

#[test]
fn one_lost_record_is_written_again_within_eight_exports() {
    for is_slow in [false, true] {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, if is_slow { SLOW } else { Duration::ZERO });
            report_of(&backend, "of the same kind").await;
            let lost = lose_records(&backend, usize::MAX);
            let mut again = 0;
            for number in 0..8 {
                let report = report_of(&backend, &format!("again {number}")).await;
                assert_eq!(report["status"], "SEALED");
                again += report["recordsWrittenAgain"].as_u64().unwrap();
            }
            assert!(backend.vault().items().contains_key(&lost[0]), "{is_slow}");
            // After a change of the kind of listing, nothing is known, so all records are looked up and none is counted.
            assert!(again == 1 || is_slow && again == 0, "{is_slow}: {again}");
        });
    }
}

#[test]
fn one_missing_record_makes_the_same_export_look_up_all_records() {
    for is_slow in [false, true] {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, if is_slow { SLOW } else { Duration::ZERO });
            report_of(&backend, "of the same kind").await;
            // So many are lost that every turn finds some.
            let lost = lose_records(&backend, 10);
            let report = report_of(&backend, "again").await;
            assert_eq!(report["listing"], if is_slow { "split" } else { "one" }, "{report}");
            assert_eq!(report["recordsWrittenAgain"], 120, "{report}");
            let words = report["summary"].as_str().unwrap();
            assert!(words.contains("120 records of earlier snapshots were missing"), "{words}");
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)));
            assert_eq!(read(&backend, &report).await.users.len(), USERS);
            let report = report_of(&backend, "next").await;
            assert_eq!(report["recordsWrittenAgain"], 0, "{report}");
            assert!(!report["summary"].as_str().unwrap().contains("missing"), "{report}");
        });
    }
}

#[test]
fn lost_records_are_written_again_although_invocations_die() {
    for call in (1..120).step_by(11) {
        in_paused_time(async {
            let (backend, _) = slow(USERS).await;
            set_latency(&backend, if call % 2 == 0 { SLOW } else { Duration::ZERO });
            report_of(&backend, "of the same kind").await;
            let lost = lose_records(&backend, 10);
            backend.script().fault(backend.script().calls() + call, Fault::Die(Applied::Half));
            let report = report_of(&backend, "again").await;
            assert_eq!(report["recordsWrittenAgain"], 120, "death at call {call}: {report}");
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)), "death at call {call}");
            assert_eq!(read(&backend, &report).await.users.len(), USERS);
        });
    }
}

#[test]
fn a_death_or_a_lost_reply_at_any_call_counts_no_lost_record_twice() {
    let written_again = |fault: Option<(u64, Fault)>| {
        in_paused_time(async {
            let (backend, _) = slow(120).await;
            set_latency(&backend, Duration::ZERO);
            let lost = lose_records(&backend, 3);
            let begun = backend.script().calls();
            if let Some((call, fault)) = fault {
                backend.script().fault(begun + call, fault);
            }
            let report = report_of(&backend, "again").await;
            assert!(lost.iter().all(|key| backend.vault().items().contains_key(key)), "{fault:?}");
            assert_eq!(report["recordsWrittenAgain"], lost.len() as u64, "{fault:?}: {report}");
            backend.script().calls() - begun
        })
    };
    let calls = written_again(None);
    for call in 1..=calls {
        for fault in [Fault::LostReply, Fault::Die(Applied::Nothing), Fault::Die(Applied::Half)] {
            written_again(Some((call, fault)));
        }
    }
}
