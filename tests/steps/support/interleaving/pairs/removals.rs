//! Removals of snapshots, beside exports, imports, copies and other removals.

use std::time::Duration;

use serde_json::Value;
use shared::model::Retention;
use shared::operations::prune::Ended;
use shared::ports::vault::Key;
use shared::{ErrorKind, Result};
use shared_memory::{MemoryBackend, Turnstile};
use tokio::time::Instant;

use super::world::{LEASES_END, Outcome, World};
use crate::copied::{copy_to, is_visible, other_account};
use crate::interleaving::course::Task;
use crate::interleaving::scheduler::{Actor, Choose, play};
use crate::pruned::{assert_all_whole, assert_no_strays, by_policy, headers, orphans, prune_by_hand, sealed};
use crate::snapshot::{self, Contents};
use crate::source_id;

/// Longer than the lease of a removal lasts, and shorter than that of an export.
const LEASE_OF_PRUNE_ENDS: Duration = Duration::from_secs(6 * 60);

const LEASE_OF_PRUNE: Duration = Duration::from_secs(5 * 60);
/// The longest lag for which an import in the second Region and a removal always see each other.
const MAX_LAG: Duration = Duration::from_secs(10);

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
    let import = Import::of(&world, &oldest);
    let (held, pruned) = (Outcome::none(), Outcome::none());
    let actors = vec![
        held.of("hold", &world.backend, async |backend| import.task.until_done(&backend).await),
        pruned
            .of("prune", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
    ];
    play(actors, choose).await;
    assert_pruned(pruned.take());
    import.assert_held_or_refused(&world, &world.backend, held.take()).await;
    assert_can_be_pruned(&world, &newest).await;
}

/// The import holds the oldest snapshot, and the removal that an export starts removes it.
pub async fn hold_and_retention(choose: &mut dyn Choose) {
    let (world, [oldest, _]) = World::exported_twice().await;
    let retained = world.backend.clone().with_retention(Some(Retention::parse("last=1").unwrap()));
    world.rename("a third name");
    let exported = world.export_task("third").to_the_end(&retained).await.unwrap();
    let removal = Task::removal(&retained, &exported, "third");
    let import = Import::of(&world, &oldest);
    let (held, removed) = (Outcome::none(), Outcome::none());
    let actors = vec![
        held.of("hold", &world.backend, async |backend| import.task.until_done(&backend).await),
        removed.of("removal", &retained, async |backend| removal.to_the_end(&backend).await),
    ];
    play(actors, choose).await;
    removed.take().unwrap();
    let newest = world.contents(&exported).await;
    import.assert_held_or_refused(&world, &world.backend, held.take()).await;
    assert_can_be_pruned(&world, &newest).await;
}

/// A hold and a removal see each other by headers, leases and holds. Only these arrive as steps of a schedule.
fn waits(key: &Key) -> bool {
    let is_hold = key.pk.starts_with("RESTORE#HOLDS#");
    let of_pool = key.sk.starts_with("SNAP#") || key.sk.starts_with("LEASE#");
    is_hold || ((key.pk.starts_with("POOL#") || key.pk.starts_with("TARGET#")) && of_pool)
}

/// The import runs in the second Region, and the removal in the first. What one writes arrives at the other later.
pub async fn hold_and_prune_in_two_regions(choose: &mut dyn Choose) {
    let (mut world, [oldest, newest]) = World::exported_twice().await;
    let second = world.in_two_regions();
    let import = Import::of(&world, &oldest);
    let (held, pruned) = (Outcome::none(), Outcome::none());
    let mut actors = vec![
        held.of("hold", &second, async |backend| import.task.until_done(&backend).await),
        pruned
            .of("prune", &world.backend, async |backend| prune_by_hand(&backend, &by_policy("last=1")).await),
    ];
    let global = world.global.clone().expect("it has a replica");
    for (name, from_second) in [("to the second Region", false), ("to the first Region", true)] {
        let (turnstile, global) = (Turnstile::default(), global.clone());
        let backend = if from_second { &second } else { &world.backend };
        let replication = Actor::new(name, &turnstile.clone(), backend, async move {
            global.replicate_through(&turnstile, from_second, waits, MAX_LAG).await;
        });
        actors.push(replication.serving());
    }
    play(actors, choose).await;
    world.settle();
    assert_pruned(pruned.take());
    import.assert_held_or_refused(&world, &second, held.take()).await;
    assert_can_be_pruned(&world, &newest).await;
}

/// An import of a snapshot that a removal removes meanwhile.
struct Import<'a> {
    task: Task,
    contents: &'a Contents,
    /// The calls of pools before it.
    from: usize,
    began: Instant,
}

impl<'a> Import<'a> {
    fn of(world: &World, contents: &'a Contents) -> Self {
        let task = world.import_task("import", Some(&contents.snapshot.id));
        Self { task, contents, from: world.calls(), began: Instant::now() }
    }

    /// Checks that the import, after its first task came to `held`, restores all, or was refused before it
    /// touched the target.
    async fn assert_held_or_refused(&self, world: &World, backend: &MemoryBackend, held: Result<Value>) {
        let lease_has_ended = self.began.elapsed() > LEASE_OF_PRUNE;
        let progress = match held {
            Ok(progress) => progress,
            Err(refused) => {
                let kinds = [ErrorKind::SnapshotBeingRemoved, ErrorKind::SnapshotNotFound];
                assert!(kinds.contains(&refused.kind()), "{refused}");
                assert_eq!(world.target.user_count(), 0);
                return;
            }
        };
        let next = self.task.next(&progress).expect("the import has begun");
        let restored = next.to_the_end(backend).await;
        world.settle();
        match restored {
            Ok(report) => {
                world.assert_imported(self.contents, &report, self.from).await;
                let id = &self.contents.snapshot.id;
                assert!(headers(backend).await.iter().any(|header| header.id == *id), "it was held");
            }
            // The limit of prune: its lease ended while it was suspended just before its decision.
            Err(error) => {
                assert!(lease_has_ended, "{error}");
                assert_eq!(error.kind(), ErrorKind::SnapshotBeingRemoved, "{error}");
                assert_eq!(world.target.user_count(), 0);
            }
        }
    }
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
            assert_eq!(
                (there.users, there.groups, there.memberships),
                (oldest.users, oldest.groups, oldest.memberships)
            );
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
    assert_eq!(
        (again.users, again.groups, again.memberships),
        (oldest.users, oldest.groups, oldest.memberships)
    );
    assert_can_be_pruned(&world, &newest).await;
}
