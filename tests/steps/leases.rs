//! Goal: a lease keeps all but one run out, and says truly which invocations may still call.
//!
//! Method: invocations take, renew, end and release one lease, at its borders too.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::ErrorKind;
use shared::catalog::{Catalog, Claim, LeaseKey, TakenLease};
use shared::model::{Lease, RunKind};
use shared::operations::HeldLease;
use shared::pacing::WAIT;
use shared::ports::Backend;
use shared_memory::MemoryVault;
use tokio::time::sleep;

use crate::support::{backend, in_paused_time, source_id};

/// The table, and a time in it.
fn table() -> (Catalog<MemoryVault>, Timestamp) {
    let (backend, _, _) = backend();
    (Catalog::new(backend.vault()), backend.clock().now())
}

async fn take(catalog: &Catalog<MemoryVault>, holder: &str, now: Timestamp) -> TakenLease<MemoryVault> {
    let key = LeaseKey::of_pool(&source_id(), RunKind::Export);
    match catalog.take_lease(&key, &Lease::new(holder, now), true, now).await.unwrap() {
        Claim::Taken(generation) => TakenLease::new(catalog.clone(), key, generation),
        Claim::HeldBy(lease) => panic!("{} holds the lease", lease.holder),
    }
}

async fn lease(catalog: &Catalog<MemoryVault>) -> Lease {
    catalog.lease(&source_id(), RunKind::Export).await.unwrap().unwrap()
}

#[test]
fn an_invocation_follows_a_death_if_the_one_before_it_did_not_end() {
    in_paused_time(async {
        let (catalog, now) = table();
        let first = take(&catalog, "run", now).await;
        assert!(!first.follows_a_death(), "there was none before");
        let second = take(&catalog, "run", now).await;
        assert!(second.follows_a_death());
        sleep(WAIT).await;
        second.end().await.unwrap();
        assert!(!take(&catalog, "run", now).await.follows_a_death());
    });
}

/// A lost invocation that ends late must not end the one that took the lease after it.
#[test]
fn an_invocation_ends_no_generation_but_its_own() {
    in_paused_time(async {
        let (catalog, now) = table();
        let lost = take(&catalog, "run", now).await;
        let at_work = take(&catalog, "run", now).await;
        lost.end().await.unwrap();
        assert!(!lease(&catalog).await.ended);
        sleep(WAIT).await;
        at_work.end().await.unwrap();
        assert!(lease(&catalog).await.ended);
    });
}

#[test]
fn an_invocation_speaks_for_a_lost_one_from_the_end_of_its_wait_on() {
    for (waits, speaks) in [(WAIT - Duration::from_millis(1), false), (WAIT, true)] {
        in_paused_time(async {
            let (catalog, now) = table();
            take(&catalog, "run", now).await;
            let second = take(&catalog, "run", now).await;
            sleep(waits).await;
            second.end().await.unwrap();
            assert_eq!(lease(&catalog).await.ended, speaks, "after {waits:?}");
        });
    }
}

#[test]
fn only_the_holder_renews_a_lease_and_only_before_its_end() {
    in_paused_time(async {
        let (catalog, now) = table();
        take(&catalog, "run", now).await;
        let end = now + Lease::DURATION;
        let just_before = end - SignedDuration::from_millis(1);
        let renew = async |holder: &str, at: Timestamp| {
            catalog
                .renew_lease(&LeaseKey::of_pool(&source_id(), RunKind::Export), &Lease::new(holder, at), at)
                .await
                .unwrap()
        };
        assert!(!renew("other", now).await);
        assert!(!renew("run", end).await, "another run may have it from its end on");
        assert!(!renew("run", end + SignedDuration::from_secs(1)).await);
        assert_eq!(lease(&catalog).await.expires, end, "no refused renewal changes it");
        assert!(renew("run", just_before).await);
        assert_eq!(lease(&catalog).await.expires, just_before + Lease::DURATION);
    });
}

#[test]
fn another_holder_whose_lease_would_end_at_the_same_time_renews_nothing() {
    in_paused_time(async {
        let (catalog, now) = table();
        take(&catalog, "run", now).await;
        let same_end = Lease::new("other", now);
        assert!(
            !catalog
                .renew_lease(&LeaseKey::of_pool(&source_id(), RunKind::Export), &same_end, now)
                .await
                .unwrap()
        );
    });
}

#[test]
fn a_lease_that_has_ended_is_not_released() {
    in_paused_time(async {
        let (catalog, now) = table();
        take(&catalog, "run", now).await;
        let end = now + Lease::DURATION;
        let release = async |holder: &str, at: Timestamp| {
            catalog
                .release_lease(&LeaseKey::of_pool(&source_id(), RunKind::Export), holder, at)
                .await
                .unwrap();
            lease(&catalog).await.is_released_by(holder)
        };
        assert!(!release("run", end).await, "another run may have it from its end on");
        assert!(!release("other", now).await);
        assert!(release("run", end - SignedDuration::from_millis(1)).await);
    });
}

/// The table of a removal, which works for longer than its lease lasts.
#[test]
fn a_removal_renews_its_lease_once_a_minute() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let catalog = Catalog::new(backend.vault());
        let pool = source_id();
        let mut held = HeldLease::take(&catalog, &pool, "prune", backend.clock()).await.unwrap();
        let first_end = lease(&catalog).await.expires;
        sleep(Duration::from_secs(60) - Duration::from_millis(1)).await;
        held.keep().await.unwrap();
        assert_eq!(lease(&catalog).await.expires, first_end, "a minute has not passed");
        sleep(Duration::from_millis(1)).await;
        held.keep().await.unwrap();
        assert_eq!(lease(&catalog).await.expires, first_end + SignedDuration::from_secs(60));
        for _ in 0..10 {
            sleep(Duration::from_secs(100)).await;
            held.keep().await.unwrap();
        }
        sleep(Duration::from_secs(301)).await;
        assert_eq!(held.keep().await.unwrap_err().kind(), ErrorKind::LeaseLost);
    });
}
