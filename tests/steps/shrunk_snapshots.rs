//! Goal: an import warns if the pool had been emptied before its snapshot was taken.
//!
//! Method: take snapshots of a pool that grows and shrinks, and import each.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::RunId;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

const DAY: Duration = Duration::from_secs(24 * 3600);

struct Pool {
    backend: MemoryBackend,
    source: MemoryPool,
    target: MemoryPool,
}

impl Pool {
    fn new() -> Self {
        let (backend, source, target) = backend();
        Self { backend, source, target }
    }

    /// Gives the source this number of users, and takes a snapshot.
    async fn snapshot_of(&self, users: usize) -> RunId {
        let now = self.source.users();
        now.iter().skip(users).for_each(|user| self.source.delete_user(&user.sub));
        let next = self.backend.script().calls() as usize;
        (now.len()..users).for_each(|number| {
            drop(self.source.put_user(people::plain(1, 0).people[0].record(next * 100 + number)));
        });
        let name = format!("export-{next}");
        let input = json!({"userPoolId": source_id()});
        let report = Machine::new(&self.backend).export(input, &name).await.report();
        assert_eq!(report["users"], users);
        RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
    }

    async fn import(&self, more: Value) -> End {
        let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let name = format!("import-{}", self.backend.script().calls());
        Machine::new(&self.backend).import(input, &name).await
    }
}

#[test]
fn a_snapshot_of_a_pool_that_had_been_emptied_is_refused() {
    for users in [0, 7] {
        in_paused_time(async {
            let pool = Pool::new();
            let full = pool.snapshot_of(10).await;
            tokio::time::sleep(DAY).await;
            let shrunk = pool.snapshot_of(users).await;
            let end = pool.import(json!({})).await;
            let (error, cause) = end.error();
            assert_eq!(error, "SnapshotShrunk");
            for says in [full.as_str(), "10 users", shrunk.as_str(), "2026-11-21", "acceptShrunk"] {
                assert!(cause.contains(says), "{says}: {cause}");
            }
            assert!(Catalog::new(pool.backend.vault()).restores(&target_id(), 1).await.unwrap().is_empty());
            assert_eq!(pool.target.user_count(), 0);

            // The plan needs no consent to say so.
            let plan = pool.import(json!({"dryRun": true})).await.report();
            let evidence = |accepted: bool| json!({"snapshot": full, "users": 10, "accepted": accepted});
            assert_eq!((&plan["refusal"], &plan["shrunk"]), (&json!("SnapshotShrunk"), &evidence(false)));
            let summary = plan["summary"].as_str().unwrap();
            assert!(
                summary.contains(full.as_str())
                    && summary.contains("holds 10 users")
                    && summary.contains("SnapshotShrunk"),
                "{summary}"
            );
            let plan = pool.import(json!({"dryRun": true, "acceptShrunk": true})).await.report();
            assert_eq!((&plan["refusal"], &plan["shrunk"]), (&Value::Null, &evidence(true)));

            let report = pool.import(json!({"acceptShrunk": true})).await.report();
            assert_eq!((&report["status"], &report["shrunk"]), (&json!("SUCCEEDED"), &evidence(true)));
            assert!(report["summary"].as_str().unwrap().contains(full.as_str()), "{report}");
            assert_eq!(pool.target.user_count(), users);
        });
    }
}

#[test]
fn a_snapshot_is_compared_with_the_largest_sealed_one_of_the_90_days_before_it() {
    in_paused_time(async {
        let pool = Pool::new();
        pool.snapshot_of(100).await;
        tokio::time::sleep(91 * DAY).await;
        let first = pool.snapshot_of(10).await;
        let report = pool.import(json!({"dryRun": true})).await.report();
        assert_eq!(report["shrunk"], Value::Null, "the large one is too old");
        tokio::time::sleep(DAY).await;
        let largest = pool.snapshot_of(20).await;
        // Slow losses: each snapshot has a fifth less than the one before.
        for users in [19, 17] {
            tokio::time::sleep(DAY).await;
            pool.snapshot_of(users).await;
        }
        tokio::time::sleep(DAY).await;
        let boundary = pool.snapshot_of(16).await;
        tokio::time::sleep(DAY).await;
        // An export that stopped says nothing, however many users it had counted.
        pool.backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let input = json!({"userPoolId": source_id()});
        assert_eq!(Machine::new(&pool.backend).export(input, "failed").await.error().0, "AccessDenied");
        pool.backend.script().clear();
        let shrunk = pool.snapshot_of(15).await;
        let plan = async |snapshot: &RunId| {
            pool.import(json!({"dryRun": true, "snapshot": snapshot})).await.report()["shrunk"].clone()
        };
        assert_eq!(plan(&first).await, Value::Null, "what came later says nothing");
        assert_eq!(plan(&boundary).await, Value::Null, "exactly 20 % fewer");
        assert_eq!(plan(&shrunk).await["snapshot"], json!(largest));
    });
}

#[test]
fn a_restore_of_a_shrunk_snapshot_is_continued_without_a_second_consent() {
    in_paused_time(async {
        let pool = Pool::new();
        pool.snapshot_of(10).await;
        tokio::time::sleep(DAY).await;
        pool.snapshot_of(5).await;
        pool.backend
            .script()
            .always(Operation::AdminSetUserPassword, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        assert_eq!(pool.import(json!({"acceptShrunk": true})).await.error().0, "AccessDenied");
        pool.backend.script().clear();
        let report = pool.import(json!({})).await.report();
        assert_eq!((&report["status"], &report["shrunk"]["users"]), (&json!("SUCCEEDED"), &json!(10)));
    });
}

#[test]
fn a_wrong_consent_is_refused_before_anything_is_touched() {
    in_paused_time(async {
        let pool = Pool::new();
        pool.snapshot_of(3).await;
        let from = pool.backend.script().log().len();
        for wrong in [json!("yes"), json!(1), json!([])] {
            let end = pool.import(json!({"acceptShrunk": wrong})).await;
            let (error, cause) = end.error();
            assert!(error == "InvalidInput" && cause.contains("acceptShrunk"), "{error} {cause}");
        }
        assert_eq!(pool.backend.script().log().len(), from);
    });
}
