//! Goal: a split listing that fails is discarded, and the export lists all users with one listing.
//!
//! Method: Cognito refuses, throttles, breaks off or ignores the filter, and invocations die.

use serde_json::json;
use shared::catalog::Catalog;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, PageShape, SplitListingBehaviour};

use super::{DAY, USERS, export, listings, read, report_of, slow};
use crate::support::machine::Machine;
use crate::support::{in_paused_time, source_id};

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
