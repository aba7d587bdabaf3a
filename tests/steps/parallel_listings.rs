//! Goal: an export splits the listing of users if one listing is too slow, and only believes a complete
//! split listing.
//!
//! Method: pools with slow calls, and split listings that are incomplete, unfiltered or refused.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Listing, RunId, Snapshot, Unit};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{Applied, Fault, MemoryBackend, PageShape, SplitListingBehaviour};

use crate::support::machine::Machine;
use crate::support::restored::{Comparison, compare};
use crate::support::{assert_rate, backend, in_paused_time, people, snapshot, source_id, target_id};

const USERS: usize = 2_000;

/// A pool of so many users. Its calls are so slow that one listing stays below ten calls a second.
fn slow(users: usize) -> MemoryBackend {
    let (backend, source, _) = backend();
    people::plain(users, 3).fill(&source);
    backend.script().set_latency(Duration::from_millis(200), Duration::from_millis(5));
    backend
}

async fn export(backend: &MemoryBackend, name: &str) -> (Snapshot, Vec<Unit>) {
    let report = Machine::new(backend).export(json!({"userPoolId": source_id()}), name).await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(backend, &source_id(), &id).await;
    assert_eq!(contents.users.len(), backend.pool(&source_id()).user_count());
    (contents.snapshot, Catalog::new(backend.vault()).units(&id).await.unwrap())
}

/// The number of listings that list the users, and whether a split listing has failed.
fn listings(units: &[Unit]) -> (usize, bool) {
    let users =
        || units.iter().filter(|unit| matches!(unit.listing, Listing::Users | Listing::UsersBySub { .. }));
    let counting = users().filter(|unit| !unit.is_superseded());
    (counting.count(), users().any(|unit| unit.is_superseded() && unit.listing != Listing::Users))
}

fn restore() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200})
}

#[test]
fn a_split_listing_keeps_up_with_the_limit_if_one_listing_cannot() {
    in_paused_time(async {
        let backend = slow(USERS);
        let (sealed, units) = export(&backend, "slow").await;
        assert_eq!(listings(&units), (16, false));
        assert_rate(&backend, 0, 10);
        let calls = sealed.seal.unwrap().calls;
        assert!(calls.mean_per_second > 9.3, "{calls:?}");

        backend.script().set_latency(Duration::ZERO, Duration::ZERO);
        let report = Machine::new(&backend).import(restore(), "restore").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        let contents = snapshot::read(&backend, &source_id(), &sealed.id).await;
        assert_eq!(compare(&contents, &backend.pool(&target_id())), Comparison::default());
    });
}

#[test]
fn one_listing_suffices_if_it_keeps_up_or_the_pool_is_small() {
    in_paused_time(async {
        for (users, latency) in [(USERS, 20), (900, 200)] {
            let backend = slow(users);
            backend.script().set_latency(Duration::from_millis(latency), Duration::from_millis(5));
            let (_, units) = export(&backend, "one").await;
            assert_eq!(listings(&units), (1, false), "{users} users at {latency} ms");
        }
    });
}

#[test]
fn an_incomplete_split_listing_is_discarded_and_not_tried_again_for_30_days() {
    for finds in
        [SplitListingBehaviour::Incomplete, SplitListingBehaviour::Unfiltered, SplitListingBehaviour::Refused]
    {
        in_paused_time(async {
            let backend = slow(USERS);
            let source = backend.pool(&source_id());
            source.set_split_listing(finds);
            let (sealed, units) = export(&backend, "doubted").await;
            assert_eq!(listings(&units), (1, true), "{finds:?}");
            assert!(
                sealed.split_listing_failed_at.is_some() && sealed.counts.users as usize == USERS,
                "{finds:?}: {sealed:?}"
            );

            source.set_split_listing(SplitListingBehaviour::Complete);
            let (_, units) = export(&backend, "soon after").await;
            assert_eq!(listings(&units), (1, false), "{finds:?}");
            tokio::time::sleep(Duration::from_secs(31 * 24 * 3_600)).await;
            let (sealed, units) = export(&backend, "later").await;
            assert_eq!((listings(&units), sealed.split_listing_failed_at), ((16, false), None), "{finds:?}");
        });
    }
}

#[test]
fn many_deleted_users_do_not_discard_a_complete_split_listing() {
    in_paused_time(async {
        let backend = slow(USERS);
        export(&backend, "before").await;
        let source = backend.pool(&source_id());
        source.users().into_iter().take(800).for_each(|user| source.delete_user(&user.sub));
        let (sealed, units) = export(&backend, "after").await;
        assert_eq!((listings(&units), sealed.counts.users), ((16, false), 1_200));
    });
}

#[test]
fn a_split_listing_survives_deaths_and_refused_tokens() {
    in_paused_time(async {
        for call in (1..70).step_by(7) {
            let backend = slow(USERS);
            backend
                .pool(&source_id())
                .set_shape(PageShape { sizes: vec![60, 0, 17], ..PageShape::default() });
            let begin = backend.script().calls();
            backend.script().fault(begin + call, Fault::Die(Applied::All));
            backend.script().fault(begin + call + 20, Fault::RejectToken);
            let finds = if call % 2 == 0 {
                SplitListingBehaviour::Complete
            } else {
                SplitListingBehaviour::Incomplete
            };
            backend.pool(&source_id()).set_split_listing(finds);
            let (_, units) = export(&backend, "interrupted").await;
            assert_eq!(
                listings(&units).0,
                if finds == SplitListingBehaviour::Complete { 16 } else { 1 },
                "death at call {call}"
            );
        }
    });
}

/// If Cognito refuses one listing, the export supersedes all 16, one after the other. An invocation
/// that dies leaves some superseded and others open. Cognito may then answer the open ones.
#[test]
fn an_interrupted_discard_of_a_split_listing_is_completed() {
    let mut listed_by = Vec::new();
    for call in (1..60).step_by(2) {
        in_paused_time(async {
            let backend = slow(USERS);
            let source = backend.pool(&source_id());
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
                sealed.split_listing_failed_at.is_some(),
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
fn records_of_the_previous_snapshot_are_not_looked_up_and_lost_records_are_found() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(USERS, 0).fill(&source);
        export(&backend, "first").await;
        let looked_up = backend.vault().looked_up();
        export(&backend, "second").await;
        let again = backend.vault().looked_up() - looked_up;
        assert!(again < USERS as u64 / 4, "{again} records of {USERS} unchanged users were looked up");

        // Each export looks up another eighth of the known records, so a later export soon writes a
        // lost record again.
        let lost = backend.vault().items().into_keys().find(|key| key.pk.starts_with("USER#")).unwrap();
        backend.vault().remove(&lost);
        for number in 0..200 {
            if backend.vault().items().contains_key(&lost) {
                return;
            }
            let report = Machine::new(&backend)
                .export(json!({"userPoolId": source_id()}), &format!("again {number}"))
                .await;
            assert_eq!(report.report()["status"], "SEALED");
        }
        panic!("{lost} was never written again");
    });
}
