//! Goal: while quotas hold back users, the restore adds members to groups with the calls that are
//! left.
//!
//! Method: restores under ceilings that are low for users, in paused time, with deaths and
//! throttling.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

/// A pool of so many users, half of them in each of two groups, with a snapshot.
async fn exported(users: usize) -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    people::plain(users, 2).fill(&source);
    Machine::new(&backend).export(json!({"userPoolId": source_id(), "tps": 200}), "export").await.report();
    backend.script().set_latency(Duration::from_millis(40), Duration::from_millis(5));
    (backend, source, target)
}

/// A restore whose ceilings are low for creating users and high for other calls.
fn import() -> Value {
    let ceilings = json!({"UserCreation": 20, "UserAccountRecovery": 20, "UserUpdate": 20});
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200, "tpsByCategory": ceilings})
}

fn memberships(pool: &MemoryPool) -> usize {
    pool.groups().iter().map(|(_, members)| members.len()).sum()
}

async fn settled(backend: &MemoryBackend) -> Value {
    json!(Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap()[0].totals)
}

#[test]
fn members_are_added_once_while_users_are_restored() {
    in_paused_time(async {
        let (backend, source, target) = exported(1_200).await;
        let (before, begun) = (backend.script().log().len(), tokio::time::Instant::now());
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(
            (&report["status"], &report["memberships"]["created"]),
            (&json!("SUCCEEDED"), &json!(1_200)),
            "{report}"
        );
        assert_eq!((memberships(&target), memberships(&source)), (1_200, 1_200));

        let log = backend.script().log().split_off(before);
        let of = |wanted| log.iter().filter(move |(_, operation)| *operation == wanted);
        let last_created = of(Operation::AdminCreateUser).next_back().unwrap().0;
        let ahead = of(Operation::AdminAddUserToGroup).filter(|(at, _)| *at < last_created).count();
        assert!(ahead > 500, "{ahead}");
        assert_eq!(of(Operation::AdminAddUserToGroup).count(), 1_200);
        // One after the other, users, disabled users and memberships would take 132 seconds.
        assert!(begun.elapsed() < Duration::from_secs(100), "{:?}", begun.elapsed());
    });
}

#[test]
fn death_at_any_call_only_delays_the_run() {
    let undisturbed = in_paused_time(async {
        let (backend, _, _) = exported(240).await;
        let before = backend.script().calls();
        Machine::new(&backend).import(import(), "import").await.report();
        (before + 1, backend.script().calls(), settled(&backend).await)
    });
    let (first, last, totals) = undisturbed;
    for call in (first..=last).step_by(41) {
        for (applied, stop_at_death) in [(Applied::Half, false), (Applied::All, true)] {
            in_paused_time(async {
                let (backend, source, target) = exported(240).await;
                backend.script().fault(call, Fault::Die(applied));
                let machine = Machine { stop_at_death, ..Machine::new(&backend) };
                if machine.import(import(), "first").await == End::Stopped {
                    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                    machine.import(import(), "again").await.report();
                }
                assert_eq!(target.users().len(), 240, "{call} {applied:?}");
                assert_eq!(memberships(&target), memberships(&source), "{call} {applied:?}");
                assert_eq!(
                    settled(&backend).await["memberships"],
                    totals["memberships"],
                    "{call} {applied:?}"
                );
            });
        }
    }
}

#[test]
fn short_invocations_continue_members_after_the_last_added_member() {
    in_paused_time(async {
        let (backend, source, target) = exported(600).await;
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(10));
        assert_eq!(machine.import(import(), "import").await.report()["status"], "SUCCEEDED");
        assert!(machine.invocations().len() > 3);
        assert_eq!(memberships(&target), memberships(&source));
    });
}

#[test]
fn a_fatal_error_while_members_are_added_ahead_ends_the_restore() {
    in_paused_time(async {
        let (backend, source, target) = exported(240).await;
        backend
            .script()
            .always(Operation::AdminAddUserToGroup, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let end = Machine::new(&backend).import(import(), "denied").await;
        assert_eq!(end.error().0, "AccessDenied");
        assert!(target.users().len() < 240, "the error does not wait until all users are restored");
        backend.script().always(Operation::AdminAddUserToGroup, None);
        let report = Machine::new(&backend).import(import(), "again").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!((target.users().len(), memberships(&target)), (240, memberships(&source)));
    });
}

#[test]
fn throttled_members_do_not_hold_back_users() {
    in_paused_time(async {
        let (backend, source, target) = exported(400).await;
        backend
            .script()
            .always(Operation::AdminAddUserToGroup, Some(Fault::Refuse(PoolErrorKind::Throttled)));
        let machine = Machine { retries: 3, ..Machine::new(&backend) };
        let end = machine.import(import(), "throttled").await;
        assert_eq!((end.error().0, target.users().len()), ("Throttled", 400));
        backend.script().always(Operation::AdminAddUserToGroup, None);
        assert_eq!(Machine::new(&backend).import(import(), "again").await.report()["status"], "SUCCEEDED");
        assert_eq!(memberships(&target), memberships(&source));
    });
}

#[test]
fn members_added_ahead_are_counted_once() {
    in_paused_time(async {
        let (backend, _, _) = exported(600).await;
        Machine::new(&backend).with_budget(Duration::from_secs(20)).import(import(), "import").await.report();
        let restore = Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap().remove(0);
        assert_eq!(
            restore.handled,
            shared::model::Counts { users: 600, groups: 2, memberships: 600, ..restore.handled }
        );
    });
}

#[test]
fn members_wait_while_users_take_all_calls() {
    in_paused_time(async {
        let (backend, _, _) = exported(300).await;
        let mut import = import();
        import["tps"] = 30.into();
        Machine::new(&backend).import(import, "import").await.report();
        let log = backend.script().log();
        let at = |wanted| log.iter().filter(move |(_, operation)| *operation == wanted).map(|(at, _)| *at);
        assert!(at(Operation::AdminAddUserToGroup).min() > at(Operation::AdminCreateUser).max());
    });
}
