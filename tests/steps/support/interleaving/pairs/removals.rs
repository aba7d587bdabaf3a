//! Removals of snapshots, beside exports, imports, copies and other removals.

use std::time::Duration;

use shared::operations::prune::Ended;
use shared::{ErrorKind, Result};
use tokio::time::Instant;

use super::world::{LEASES_END, Outcome, World};
use crate::copied::{copy_to, is_visible, other_account};
use crate::interleaving::scheduler::{Actor, Choose, play};
use crate::pruned::{assert_all_whole, assert_no_strays, by_policy, headers, orphans, prune_by_hand, sealed};
use crate::snapshot::{self, Contents};
use crate::source_id;

/// Longer than the lease of a removal lasts, and shorter than that of an export.
const LEASE_OF_PRUNE_ENDS: Duration = Duration::from_secs(6 * 60);

const LEASE_OF_PRUNE: Duration = Duration::from_secs(5 * 60);

/// A removal leaves one snapshot, or is refused because of another run.
fn assert_pruned(pruned: Result<Ended>) {
    let refused = [ErrorKind::ExportAlreadyRunning, ErrorKind::LeaseLost];
    assert!(pruned.as_ref().map_or_else(|error| refused.contains(&error.kind()), |_| true), "{pruned:?}");
}

/// Checks that the newest snapshot stays as it was sealed. A removal without disturbance leaves it, and nothing
/// that it does not name.
async fn assert_can_be_pruned(world: &World, newest: &Contents) {
    let id = &newest.snapshot.id;
    assert_all_whole(&world.backend).await;
    assert_eq!(sealed(&world.backend).await.first(), Some(id), "the newest snapshot stays");
    tokio::time::sleep(LEASES_END).await;
    prune_by_hand(&world.backend, &by_policy("last=1")).await.unwrap();
    assert_all_whole(&world.backend).await;
    assert_no_strays(&world.backend).await;
    assert_eq!(sealed(&world.backend).await, std::slice::from_ref(id));
    assert_eq!(orphans(&world.backend).await.len(), 0);
    newest.assert_is_still(&snapshot::read(&world.backend, &source_id(), id).await);
}

async fn export_beside_prune(choose: &mut dyn Choose, clock: Option<Duration>) {
    let (world, [oldest, newest]) = World::exported_twice().await;
    // The listing shows the user as the oldest snapshot has it, whose removal is under way.
    let sub = world.first_sub();
    world.source.show_stale(&sub, oldest.users[&sub][0].clone());
    let (from, first) = (world.calls(), world.export_task("third"));
    let (exported, pruned) = (Outcome::none(), Outcome::none());
    let mut actors = vec![
        pruned
            .of("prune", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
        exported.of("export", &world.backend, async |backend| first.to_the_end(&backend).await),
    ];
    actors.extend(clock.map(Actor::clock));
    play(actors, choose).await;
    assert_pruned(pruned.take());
    let newest = match exported.take() {
        Ok(report) => world.assert_exported(&report, from).await,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ExportAlreadyRunning, "{error}");
            newest
        }
    };
    assert_can_be_pruned(&world, &newest).await;
}

pub async fn export_and_prune(choose: &mut dyn Choose) {
    export_beside_prune(choose, None).await;
}

pub async fn export_and_suspended_prune(choose: &mut dyn Choose) {
    export_beside_prune(choose, Some(LEASE_OF_PRUNE_ENDS)).await;
}

pub async fn two_prunes(choose: &mut dyn Choose) {
    let (world, [_, newest]) = World::exported_twice().await;
    let (one, other) = (Outcome::none(), Outcome::none());
    let actors = vec![
        one.of("one", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
        other
            .of("other", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
        Actor::clock(LEASE_OF_PRUNE_ENDS),
    ];
    play(actors, choose).await;
    assert_pruned(one.take());
    assert_pruned(other.take());
    assert_can_be_pruned(&world, &newest).await;
}

/// The import holds the oldest snapshot, and the removal removes it.
pub async fn hold_and_prune(choose: &mut dyn Choose) {
    let (world, [oldest, newest]) = World::exported_twice().await;
    let id = oldest.snapshot.id.clone();
    let (from, first) = (world.calls(), world.import_task("import", Some(&id)));
    let (held, pruned, began) = (Outcome::none(), Outcome::none(), Instant::now());
    let actors = vec![
        held.of("hold", &world.backend, async |backend| first.until_done(&backend).await),
        pruned
            .of("prune", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
    ];
    play(actors, choose).await;
    assert_pruned(pruned.take());
    let lease_has_ended = began.elapsed() > LEASE_OF_PRUNE;
    match held.take() {
        Ok(progress) => {
            let next = first.next(&progress).expect("the import has begun");
            match next.to_the_end(&world.backend).await {
                Ok(report) => {
                    world.assert_imported(&oldest, &report, from).await;
                    assert!(
                        headers(&world.backend).await.iter().any(|header| header.id == id),
                        "it was held"
                    );
                }
                // The limit of prune: its lease ended while it was suspended just before its decision.
                Err(error) => {
                    assert!(lease_has_ended, "{error}");
                    assert_eq!(error.kind(), ErrorKind::SnapshotBeingRemoved, "{error}");
                }
            }
        }
        Err(refused) => {
            let kinds = [ErrorKind::SnapshotBeingRemoved, ErrorKind::SnapshotNotFound];
            assert!(kinds.contains(&refused.kind()), "{refused}");
            assert_eq!(world.target.user_count(), 0);
        }
    }
    assert_can_be_pruned(&world, &newest).await;
}

/// The copy reads the oldest snapshot, and the removal removes it.
pub async fn copy_and_prune(choose: &mut dyn Choose) {
    let (world, [oldest, newest]) = World::exported_twice().await;
    let id = oldest.snapshot.id.clone();
    let (destination, _) = other_account();
    let (copied, pruned) = (Outcome::none(), Outcome::none());
    let actors = vec![
        copied.of("copy", &world.backend, async |backend| copy_to(&backend, &destination, &id).await),
        pruned
            .of("prune", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
    ];
    play(actors, choose).await;
    assert_pruned(pruned.take());
    let copied = copied.take();
    assert_eq!(is_visible(&destination, &id).await, copied.is_ok(), "{copied:?}");
    match copied {
        Ok(_) => {
            let there = snapshot::read(&destination, &source_id(), &id).await;
            assert_eq!((there.users, there.memberships), (oldest.users, oldest.memberships));
        }
        Err(error) => {
            let kinds =
                [ErrorKind::SnapshotBeingRemoved, ErrorKind::SnapshotNotFound, ErrorKind::RemovalUndecided];
            assert!(kinds.contains(&error.kind()), "{error}");
        }
    }
    assert_can_be_pruned(&world, &newest).await;
}

/// The copy brings back a snapshot of another account that names records which the removal removes.
pub async fn copy_into_and_prune(choose: &mut dyn Choose) {
    // Its clock begins with that of the world.
    let (origin, _) = other_account();
    let (world, [oldest, newest]) = World::exported_twice().await;
    let id = oldest.snapshot.id.clone();
    copy_to(&world.backend, &origin, &id).await.unwrap();
    prune_by_hand(&world.backend, &by_policy("last=1")).await.unwrap();
    let (copied, pruned) = (Outcome::none(), Outcome::none());
    let actors = vec![
        copied.of("copy", &world.backend, async |backend| copy_to(&origin, &backend, &id).await),
        pruned
            .of("prune", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
        Actor::clock(LEASE_OF_PRUNE_ENDS),
    ];
    play(actors, choose).await;
    assert_pruned(pruned.take());
    if let Err(error) = copied.take() {
        let kinds = [
            ErrorKind::CopyIncomplete,
            ErrorKind::ExportAlreadyRunning,
            ErrorKind::ItemConflict,
            ErrorKind::LeaseLost,
        ];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
    assert_all_whole(&world.backend).await;
    tokio::time::sleep(LEASES_END).await;
    // A removal that was stopped after its decision is completed first.
    prune_by_hand(&world.backend, &by_policy("last=9")).await.unwrap();
    copy_to(&origin, &world.backend, &id).await.unwrap();
    let again = snapshot::read(&world.backend, &source_id(), &id).await;
    assert_eq!((again.users, again.memberships), (oldest.users, oldest.memberships));
    assert_can_be_pruned(&world, &newest).await;
}
