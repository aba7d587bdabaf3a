//! Goal: every seventh export of a pool whose listing is split also lists by one listing, and seals that. A
//! disagreement of both turns splitting off.
//!
//! Method: users sign up, leave and are overlooked between both listings.

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::SplitListing;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, SplitListingBehaviour};

use super::{DAY, USERS, add_users, calls_of, export, listings, read, report_of, slow};
use crate::support::machine::Machine;
use crate::support::{in_paused_time, source_id};

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
        // The new users fill two pages of the one listing. A look-up of each would take 120 calls. Without new users, the
        // number of calls differs by one, too, if the calls take other times.
        let made = calls_of(&backend, Operation::ListUsers) - before;
        assert!((calls..=calls + 3).contains(&made), "{made} calls, {calls} without new users");
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
