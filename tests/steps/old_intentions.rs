//! Goal: a restore never acts on old intentions. In a pool in use, `latest` means the newest snapshot of
//! today, or the import is refused.
//!
//! Method: a first import stops in the middle. The pool lives on, and a newer snapshot is taken. Then the
//! same input is started again.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::{Catalog, LeaseKey};
use shared::model::{Lease, PoolId, Restore, RestoreState, RunId, RunKind};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::steps;
use shared_memory::{Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::pruned::{named_snapshots, prune_by_hand};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A target with a restore that stopped after it had created its users.
struct Stopped {
    backend: MemoryBackend,
    source: MemoryPool,
    target: MemoryPool,
    input: Value,
    old: RunId,
    restore: RunId,
}

async fn export(backend: &MemoryBackend, name: &str) -> RunId {
    let report = Machine::new(backend).export(json!({"userPoolId": source_id()}), name).await.report();
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

/// Stops an import with the error `AccessDenied`, or lets it end `PARTIAL` because one user fails.
async fn stopped(existing: &str, into: &PoolId, partial: bool) -> Stopped {
    let (backend, source, other) = backend();
    people::plain(20, 1).fill(&source);
    let old = export(&backend, "old").await;
    let target = if *into == source_id() { source.clone() } else { other };
    if target.user_count() == 0 && existing != "fail" {
        target.put_user(people::plain(30, 0).people[29].record(29));
    }
    // The users that a repair creates and adds to the group.
    let members = source.groups().remove(0).1;
    members.iter().take(3).for_each(|sub| source.delete_user(sub));
    tokio::time::sleep(DAY).await;
    let input =
        json!({"sourceUserPoolId": source_id(), "targetUserPoolId": into, "existing": existing, "tps": 100});
    let machine = Machine::new(&backend);
    if partial {
        backend.script().always(Operation::AdminAddUserToGroup, Some(Fault::Refuse(PoolErrorKind::Refused)));
        assert_eq!(machine.import(input.clone(), "first").await.report()["status"], "PARTIAL");
    } else {
        let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
        backend.script().always(Operation::AdminAddUserToGroup, Some(denied));
        assert_eq!(machine.import(input.clone(), "first").await.error().0, "AccessDenied");
    }
    backend.script().clear();
    let restore = Catalog::new(backend.vault()).restores(into, 1).await.unwrap().remove(0).id;
    Stopped { backend, source, target, input, old, restore }
}

impl Stopped {
    /// 80 days later the source has other users, and a snapshot of them.
    async fn newer(&self) -> RunId {
        tokio::time::sleep(80 * DAY).await;
        let gone = self.source.users()[0].sub.clone();
        self.source.delete_user(&gone);
        self.source.put_user(people::plain(41, 0).people[40].record(40));
        let newer = export(&self.backend, "newer").await;
        tokio::time::sleep(3 * DAY).await;
        newer
    }

    async fn import(&self, more: Value, name: &str) -> End {
        let mut input = self.input.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Machine::new(&self.backend).import(input, name).await
    }

    /// The calls that change a pool, from the `from`-th call on.
    fn changes(&self, from: usize) -> usize {
        let reads = [
            Operation::DescribeUserPool,
            Operation::ListUsers,
            Operation::ListGroups,
            Operation::ListUsersInGroup,
        ];
        self.backend.script().log()[from..].iter().filter(|(_, operation)| !reads.contains(operation)).count()
    }
}

#[test]
fn a_plan_is_made_while_an_import_works_on_an_older_snapshot_and_says_so() {
    in_paused_time(async {
        let stopped = stopped("skip", &source_id(), false).await;
        let newer = stopped.newer().await;
        // An import takes up the old restore.
        let execution = "arn:aws:states:eu-west-1:123456789012:execution:import:working";
        let id = &stopped.restore;
        let catalog = Catalog::new(stopped.backend.vault());
        let take = |restore: &mut Restore| restore.execution.id = execution.to_owned();
        catalog.change_restore(&source_id(), id, take).await.unwrap();
        let (now, key) = (stopped.backend.clock().now(), LeaseKey::of_pool(&source_id(), RunKind::Import));
        catalog.take_lease(&key, &Lease::new(execution, now), false, now).await.unwrap();

        let users = stopped.target.users();
        let plan = stopped.import(json!({"dryRun": true}), "plan").await.report();
        assert_eq!((&plan["snapshotId"], &plan["restoreAtWork"]), (&json!(newer), &json!(id)), "{plan}");
        let summary = plan["summary"].as_str().unwrap();
        assert!(summary.contains("works on restore") && summary.contains(id.as_str()), "{summary}");
        assert_eq!(stopped.target.users(), users);
        assert_eq!(stopped.import(json!({}), "second").await.error().0, "ImportAlreadyRunning");

        tokio::time::sleep(DAY).await;
        let refused = stopped.import(json!({"dryRun": true}), "later").await;
        assert_eq!(refused.error().0, "UnfinishedRestore", "no import works on it any more");
    });
}

#[test]
fn an_import_of_latest_into_a_pool_in_use_refuses_to_continue_a_restore_of_an_older_snapshot() {
    for (existing, into, partial) in [
        ("skip", source_id(), false),
        ("update", source_id(), true),
        ("skip", target_id(), true),
        ("update", target_id(), false),
    ] {
        in_paused_time(async {
            let case = format!("{existing} {into} {partial}");
            let stopped = stopped(existing, &into, partial).await;
            let newer = stopped.newer().await;
            let (from, users) = (stopped.backend.script().log().len(), stopped.target.users());
            for (name, dry_run) in [("plan", true), ("second", false)] {
                let end = stopped.import(json!({"dryRun": dry_run}), name).await;
                let (error, cause) = end.error();
                assert_eq!(error, "UnfinishedRestore", "{case}");
                for says in [
                    stopped.restore.as_str(),
                    stopped.old.as_str(),
                    "(84 days ago)",
                    newer.as_str(),
                    "(3 days ago)",
                    "\"snapshot\"",
                ] {
                    assert!(cause.contains(says), "{case}: {says}: {cause}");
                }
            }
            assert_eq!((stopped.changes(from), stopped.target.users()), (0, users), "{case}");

            // The operator names one of the two.
            let continued = stopped.import(json!({"snapshot": stopped.old}), "old again").await.report();
            assert_eq!(
                (&continued["restoreId"], &continued["snapshotId"]),
                (&json!(stopped.restore), &json!(stopped.old)),
                "{case}"
            );
        });
        in_paused_time(async {
            let stopped = stopped(existing, &into, partial).await;
            let newer = stopped.newer().await;
            let begun = stopped.import(json!({"snapshot": newer}), "newest").await.report();
            assert_eq!(begun["snapshotId"], json!(newer));
            assert_ne!(begun["restoreId"], json!(stopped.restore));
            // From now on, the unfinished restore is not the last one, and `latest` is free again.
            let after = stopped.import(json!({}), "latest").await.report();
            assert_eq!(after["snapshotId"], json!(newer));
        });
    }
}

/// The restores of refused imports are newer than the unfinished one.
#[test]
fn no_number_of_refused_imports_hides_an_unfinished_restore() {
    in_paused_time(async {
        let stopped = stopped("skip", &target_id(), false).await;
        let newer = stopped.newer().await;
        let catalog = Catalog::new(stopped.backend.vault());
        for number in 0..60 {
            let nobody = json!({"snapshot": newer, "select": {"usernames": ["nobody"]}});
            let end = stopped.import(nobody, &format!("refused {number}")).await;
            assert_eq!(end.error().0, "SelectionEmpty");
        }
        assert_eq!(catalog.restores(&target_id(), 100).await.unwrap().len(), 61);
        for dry_run in [true, false] {
            let end = stopped.import(json!({"dryRun": dry_run}), &format!("latest {dry_run}")).await;
            assert_eq!(end.error().0, "UnfinishedRestore");
        }
        let counts = |restore: &Restore| restore.snapshot == stopped.old;
        let with_sub_maps = catalog.restores_with_sub_maps(&target_id(), 1, counts).await.unwrap();
        assert_eq!(with_sub_maps[0].id, stopped.restore);

        // An import continues it, and fails. Its restore keeps the failure.
        let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
        stopped.backend.script().always(Operation::AdminAddUserToGroup, Some(denied));
        let again = stopped.import(json!({"snapshot": stopped.old}), "old again").await;
        assert_eq!(again.error().0, "AccessDenied");
        let restore = catalog.restore(&target_id(), &stopped.restore).await.unwrap().unwrap();
        assert!(restore.execution.id.ends_with("old again"), "{:?}", restore.execution);
        assert_eq!((restore.state, restore.failure.is_some()), (RestoreState::Failed, true));
    });
}

#[test]
fn an_import_of_latest_continues_a_restore_while_its_snapshot_is_the_newest() {
    for existing in ["skip", "update"] {
        in_paused_time(async {
            let stopped = stopped(existing, &source_id(), false).await;
            tokio::time::sleep(30 * DAY).await;
            let report = stopped.import(json!({}), "second").await.report();
            assert_eq!(
                (&report["restoreId"], &report["status"]),
                (&json!(stopped.restore), &json!("SUCCEEDED")),
                "{report}"
            );
        });
    }
}

#[test]
fn an_import_that_has_continued_a_restore_is_not_refused_if_a_snapshot_is_taken_at_that_moment() {
    in_paused_time(async {
        let stopped = stopped("skip", &source_id(), false).await;
        let arn = "arn:aws:states:eu-west-1:123456789012:execution:import:second";
        let execution = json!({"id": arn, "startedAt": stopped.backend.clock().now()});
        let event = json!({"operation": "import", "input": stopped.input, "execution": execution});
        let budget = || Budget::for_invocation(Duration::from_secs(900));
        let first = steps::enumerate(&stopped.backend, event.clone(), budget()).await.unwrap();
        export(&stopped.backend, "meanwhile").await;
        // Step Functions invokes the function again if the first answer was lost.
        let second = steps::enumerate(&stopped.backend, event, budget()).await.unwrap();
        let [first, second] = [first, second].map(|begun| begun.run().unwrap());
        assert_eq!((first.run_id, second.run_id), (stopped.restore.clone(), stopped.restore));
    });
}

#[test]
fn a_removed_snapshot_blocks_no_later_import() {
    for existing in ["skip", "update"] {
        in_paused_time(async {
            let stopped = stopped(existing, &source_id(), false).await;
            let newer = stopped.newer().await;
            prune_by_hand(&stopped.backend, &named_snapshots([&stopped.old])).await.unwrap();
            let report = stopped.import(json!({}), "second").await.report();
            assert_eq!((&report["snapshotId"], &report["status"]), (&json!(newer), &json!("SUCCEEDED")));
            assert_ne!(report["restoreId"], json!(stopped.restore));
        });
    }
    // A target that must hold no other users holds those of the lost snapshot.
    in_paused_time(async {
        let stopped = stopped("fail", &target_id(), false).await;
        let newer = stopped.newer().await;
        prune_by_hand(&stopped.backend, &named_snapshots([&stopped.old])).await.unwrap();
        let end = stopped.import(json!({}), "second").await;
        let (error, cause) = end.error();
        assert_eq!(error, "TargetNotEmpty");
        assert!(cause.contains(stopped.restore.as_str()) && cause.contains("was removed"), "{cause}");
        let report = stopped.import(json!({"existing": "update"}), "third").await.report();
        assert_eq!(report["snapshotId"], json!(newer));
        let users = stopped.target.users();
        users.iter().for_each(|user| stopped.target.delete_user(&user.sub));
        let report = stopped.import(json!({}), "into an empty target").await.report();
        assert_eq!((&report["snapshotId"], &report["status"]), (&json!(newer), &json!("SUCCEEDED")));
    });
}

#[test]
fn a_restore_that_only_fills_an_empty_target_is_continued_with_its_own_snapshot() {
    in_paused_time(async {
        let stopped = stopped("fail", &target_id(), false).await;
        stopped.newer().await;
        let report = stopped.import(json!({}), "second").await.report();
        assert_eq!(
            (&report["restoreId"], &report["snapshotId"]),
            (&json!(stopped.restore), &json!(stopped.old))
        );
        let catalog = Catalog::new(stopped.backend.vault());
        let restores = catalog.restores(&target_id(), 5).await.unwrap();
        assert_eq!(
            restores.iter().map(|restore| restore.state).collect::<Vec<_>>(),
            [RestoreState::Succeeded]
        );
    });
}
