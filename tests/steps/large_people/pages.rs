//! Goal: pages of large users are listed with smaller limits, and never fill the memory.
//!
//! Method: pools in which many of the largest users or memberships stand together, with one listing and with sixteen.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{GroupName, GroupRecord, Listing, PageLimit, SnapshotSelector, Sub, SubPrefix};
use shared::ports::pool::Operation;
use shared_memory::{Fault, MemoryBackend, MemoryPool, SplitListingBehaviour};

use super::{OVER_THE_LIMIT, export, import, read, units, verified, verified_in, with_people};
use crate::support::machine::Machine;
use crate::support::people;
use crate::support::restored::{Comparison, compare};
use crate::support::{backend, in_paused_time, source_id};

/// Sizes of many users: 40 of the largest among small ones.
fn with_large_pages() -> Vec<usize> {
    (0..130).map(|number| if (40..80).contains(&number) { 50 } else { 0 }).collect()
}

#[test]
fn a_listing_whose_page_is_too_large_starts_again_with_a_smaller_limit() {
    in_paused_time(async {
        let (backend, source, target) = with_people(&with_large_pages());
        let contents = export(&backend, "export").await;
        assert_eq!(contents.users.len(), source.user_count());
        for unit in units(&backend, &contents.snapshot.id).await {
            let is_of_groups = unit.listing == Listing::Groups;
            assert_eq!(unit.limit.is_max(), is_of_groups, "{:?}", unit.listing);
            assert!(unit.restarts <= 5 && unit.broken_off() == 0, "{unit:?}");
        }
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!((&report["status"], &report["verification"]["same"]), (&json!("SUCCEEDED"), &json!(130)));
        assert_eq!(compare(&contents, &target), Comparison::default());
        // A target in use is scanned, and its members are listed.
        let again =
            json!({"sourceUserPoolId": source_id(), "targetUserPoolId": source_id(), "existing": "update"});
        let report = Machine::new(&backend).import(again, "repair").await.report();
        assert_eq!(
            (&report["status"], &report["users"]["alreadyThere"]),
            (&json!("SUCCEEDED"), &json!(130)),
            "{report}"
        );
        let verified = verified(&backend, SnapshotSelector::Latest).await.unwrap();
        assert_eq!(
            (verified.users.same, verified.users.missing, verified.memberships.present),
            (130, 0, 130)
        );
    });
}

#[test]
fn large_users_in_a_pool_cost_one_restart_and_later_exports_none() {
    in_paused_time(async {
        let (backend, source, _) = with_people(&[0; 6_000]);
        let mut subs: Vec<Sub> = source.users().into_iter().map(|user| user.sub).collect();
        subs.sort();
        // The pool lists its users in this order.
        for sub in &subs[3_000..3_060] {
            source.change_user(sub, |record| people::grow(record, OVER_THE_LIMIT));
        }
        source.delete_group(&people::group_name(0));
        source.delete_group(&people::group_name(1));
        let next = async |name: &str| {
            let listed =
                || backend.script().log().iter().filter(|(_, made)| *made == Operation::ListUsers).count();
            let before = listed();
            let report =
                Machine::new(&backend).export(json!({"userPoolId": source_id()}), name).await.report();
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            (listed() - before, report["largeUsers"].clone(), report)
        };
        // 50 pages of 60, one that is too large, and all users again.
        let (calls, cost, report) = next("first").await;
        assert_eq!((calls, cost), (51 + 1_200, json!({"leastLimit": 5, "restarts": 1})));
        assert!(
            report["summary"].as_str().unwrap().contains("asked for only 5 users instead of 60"),
            "{report}"
        );
        let (calls, cost, _) = next("second").await;
        assert_eq!((calls, cost), (1_200, json!({"leastLimit": 5, "restarts": 0})));
        // After the large users have left, the limit is 60 again.
        for user in source.users().into_iter().filter(|user| user.record.bytes() > 100_000) {
            source.delete_user(&user.sub);
        }
        let (calls, _, _) = next("third").await;
        assert_eq!(calls, 1_188);
        let (calls, cost, _) = next("fourth").await;
        assert_eq!((calls, cost), (99, Value::Null));
    });
}

/// The most bytes of users that an export holds: `MAX_IN_FLIGHT`.
const MAX_IN_FLIGHT: usize = 12 * 1024 * 1024;

/// A pool of 12,000 small users in 200 groups, and 60 of the largest size in each of 16 groups that are listed after
/// those.
fn with_large_groups() -> (MemoryBackend, MemoryPool) {
    let (backend, source, _) = backend();
    people::declare_long_attributes(&source);
    let mut groups: Vec<GroupName> =
        (0..216).map(|number| GroupName::new(format!("group{number}"))).collect();
    groups.sort_by_key(|name| Listing::Members { group: name.clone() }.unit_id());
    groups.iter().for_each(|name| source.put_group(GroupRecord { name: name.clone(), ..people::group(0) }));
    let (small, large) = groups.split_at(200);
    let population = people::plain(12_060, 0);
    for (number, person) in population.people.iter().enumerate() {
        let mut record = person.record(number);
        let groups = if number < 12_000 { &small[number / 60..=number / 60] } else { large };
        if number >= 12_000 {
            people::grow(&mut record, OVER_THE_LIMIT);
        }
        let sub = source.put_user(record);
        groups.iter().for_each(|group| assert!(source.join(&sub, group)));
    }
    backend.script().set_latency(Duration::from_millis(200), Duration::from_millis(5));
    (backend, source)
}

#[test]
fn listings_at_once_hold_at_most_the_bound_and_one_page_of_large_users() {
    in_paused_time(async {
        let (backend, source) = with_large_groups();
        let is_bounded = |what: &str| {
            let (most, largest) = source.answered_bytes();
            assert!(largest > 24_000_000, "{what}: no page has only large users");
            assert!(most <= MAX_IN_FLIGHT + largest, "{what}: {most} bytes at once");
        };
        for what in ["first export", "second export"] {
            let input = json!({"userPoolId": source_id(), "tps": 100});
            let machine = Machine::new(&backend).with_budget(Duration::from_secs(60));
            let report = machine.export(input, what).await.report();
            assert_eq!((&report["users"], &report["memberships"]), (&json!(12_060), &json!(12_960)));
            is_bounded(what);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        let verified = verified_in(&backend, &source_id(), SnapshotSelector::Latest).await.unwrap();
        assert_eq!((verified.users.same, verified.memberships.present), (12_060, 12_960));
        is_bounded("verification");
        let repair = json!({
            "sourceUserPoolId": source_id(), "targetUserPoolId": source_id(), "existing": "skip", "tps": 200,
        });
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(60));
        let report = machine.import(repair, "repair").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        is_bounded("repair");
    });
}

#[test]
fn refused_tokens_and_smaller_limits_are_counted_apart() {
    in_paused_time(async {
        let (backend, _, _) = with_people(&with_large_pages());
        for call in (0..9).map(|number| 10 + 7 * number) {
            backend.script().fault(call, Fault::RejectToken);
        }
        let contents = export(&backend, "export").await;
        assert_eq!(contents.users.len(), 130);
    });
}

#[test]
fn a_split_listing_does_not_fail_because_of_large_pages() {
    in_paused_time(async {
        let (backend, source, _) = with_people(&[0; 600]);
        source.set_split_listing(SplitListingBehaviour::Complete);
        export(&backend, "first").await;
        // One of the sixteen listings has large pages.
        let subs: Vec<Sub> = source.users().into_iter().map(|user| user.sub).collect();
        let of_one = subs.iter().filter(|sub| SubPrefix::ALL[7].begins(sub.as_str())).take(14);
        of_one.for_each(|sub| source.change_user(sub, |record| people::grow(record, 45)));
        backend.script().set_latency(Duration::from_secs(40), Duration::from_millis(5));
        let input = json!({"userPoolId": source_id(), "splitListing": true, "tps": 200});
        let report = Machine::new(&backend).export(input, "split").await.report();
        assert_eq!(report["listing"], "split", "{report}");
        let contents = read(&backend, &report).await;
        assert_eq!(contents.users.len(), 600);
        let units = units(&backend, &contents.snapshot.id).await;
        let split = units.iter().filter(|unit| matches!(unit.listing, Listing::UsersBySub { .. }));
        assert!(split.clone().any(|unit| unit.limit < PageLimit::MAX));
        assert!(split.clone().all(|unit| unit.is_done() && unit.broken_off() == 0));
    });
}
