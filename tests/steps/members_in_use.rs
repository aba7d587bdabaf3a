//! Goal: a restore into another pool in use counts only the memberships that it adds. It lists the members of a group
//! only if that may save calls.
//!
//! Method: restore into a pool whose users have memberships, and count the calls of both operations.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{Existing, RestoreState, Sub};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::{End, Machine};
use crate::support::people::{self, Population};
use crate::support::{backend, in_paused_time, source_id, target_id};

/// Members of each group, on three pages.
const MEMBERS: usize = 130;

fn population() -> Population {
    let mut population = people::plain(MEMBERS, 2);
    population.people.iter_mut().for_each(|person| person.groups = 3);
    population
}

async fn export(backend: &MemoryBackend) {
    let name = format!("export-{}", backend.script().calls());
    Machine::new(backend).export(json!({"userPoolId": source_id(), "tps": 200}), &name).await.report();
}

/// A source whose users are all in both groups, with a snapshot.
async fn exported() -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    population().fill(&source);
    export(&backend).await;
    (backend, target)
}

/// A source with a snapshot, and a target into which it was restored.
async fn restored() -> (MemoryBackend, MemoryPool) {
    let (backend, target) = exported().await;
    import(&backend, "fail").await;
    (backend, target)
}

fn input(existing: &str) -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200, "existing": existing})
}

async fn import(backend: &MemoryBackend, existing: &str) -> Value {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input(existing), &name).await.report()
}

/// Memberships that the report counts as created, and as already there.
fn counted(report: &Value) -> [u64; 2] {
    ["created", "alreadyThere"].map(|name| report["memberships"][name].as_u64().unwrap())
}

/// Calls from `from` on that add a user to a group, and that list the members of a group.
fn calls(backend: &MemoryBackend, from: usize) -> [usize; 2] {
    let log = backend.script().log().split_off(from);
    let calls = |wanted| log.iter().filter(|(_, operation)| *operation == wanted).count();
    [Operation::AdminAddUserToGroup, Operation::ListUsersInGroup].map(calls)
}

/// What a restore into a pool in use counts, and its calls.
async fn counted_again(backend: &MemoryBackend, existing: &str) -> ([u64; 2], [usize; 2]) {
    let from = backend.script().log().len();
    let report = import(backend, existing).await;
    assert_eq!(report["status"], "SUCCEEDED", "{report}");
    (counted(&report), calls(backend, from))
}

fn first_member(target: &MemoryPool) -> Sub {
    target.users().remove(0).sub
}

#[test]
fn a_membership_that_another_pool_in_use_has_counts_as_already_there() {
    for existing in ["skip", "update"] {
        in_paused_time(async {
            let (backend, target) = restored().await;
            target.leave(&first_member(&target), &people::group_name(0));
            let members = MEMBERS as u64;
            assert_eq!(counted_again(&backend, existing).await, ([1, 2 * members - 1], [1, 6]), "{existing}");
            assert_eq!(counted_again(&backend, existing).await, ([0, 2 * members], [0, 6]), "{existing}");
        });
    }
}

#[test]
fn a_restore_into_an_empty_pool_lists_no_members() {
    for existing in ["fail", "skip", "update"] {
        in_paused_time(async {
            let (backend, _) = exported().await;
            let added = 2 * MEMBERS;
            assert_eq!(
                counted_again(&backend, existing).await,
                ([added as u64, 0], [added, 0]),
                "{existing}"
            );
        });
    }
}

#[test]
fn a_restore_lists_no_members_of_a_group_that_it_created() {
    in_paused_time(async {
        let (backend, target) = restored().await;
        (0..2).for_each(|group| target.delete_group(&people::group_name(group)));
        let added = 2 * MEMBERS;
        assert_eq!(counted_again(&backend, "skip").await, ([added as u64, 0], [added, 0]));
    });
}

/// The group of the snapshot has one member, so the listing saves at most one call.
#[test]
fn a_listing_of_members_takes_no_more_calls_than_it_can_save() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        let mut population = people::plain(1, 1);
        population.people[0].groups = 1;
        population.fill(&source);
        export(&backend).await;
        import(&backend, "fail").await;
        let strangers = people::plain(1_000, 0);
        for (number, person) in strangers.people.iter().enumerate().skip(1) {
            let sub = target.put_user(person.record(number));
            assert!(target.join(&sub, &people::group_name(0)));
        }
        let (counts, [added, listed]) = counted_again(&backend, "skip").await;
        assert_eq!((counts[0] + counts[1], listed), (1, 1));
        assert_eq!(counts[0], added as u64);
    });
}

/// The restore adds members while it creates users. The first page that needs the listing knows few of its users then.
#[test]
fn a_listing_of_members_that_begins_ahead_of_its_turn_reaches_all_of_them() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        let mut population = people::plain(480, 1);
        let is_member = |number: usize| number.is_multiple_of(8);
        for (number, person) in population.people.iter_mut().enumerate() {
            person.groups = u8::from(is_member(number));
        }
        population.fill(&source);
        export(&backend).await;
        target.put_group(people::group(0));
        for (number, person) in population.people.iter().enumerate().filter(|(number, _)| is_member(*number))
        {
            assert!(target.join(&target.put_user(person.record(number)), &people::group_name(0)));
        }
        for number in 1_000..1_220 {
            assert!(
                target.join(&target.put_user(population.people[0].record(number)), &people::group_name(0))
            );
        }
        target.set_shape(PageShape { sizes: vec![5], ..PageShape::default() });
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let mut input = input("skip");
        input["tpsByCategory"] = json!({"UserCreation": 20, "UserAccountRecovery": 20, "UserUpdate": 20});
        let report = Machine::new(&backend).import(input, "import").await.report();
        assert_eq!((&report["status"], counted(&report)), (&json!("SUCCEEDED"), [0, 60]), "{report}");
    });
}

#[test]
fn a_plan_counts_the_listings_of_members_in_a_pool_in_use() {
    in_paused_time(async {
        let (backend, _) = restored().await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let mut dry_run = input("skip");
        dry_run["dryRun"] = json!(true);
        let plan = Machine::new(&backend).import(dry_run, "plan").await.report();
        let from = backend.script().log().len();
        let report = import(&backend, "skip").await;
        let log = backend.script().log().split_off(from);
        let made =
            log.iter().filter(|(_, operation)| *operation != Operation::DescribeUserPool).count() as u64;
        // The plan does not know which memberships the target has.
        let spared = report["memberships"]["alreadyThere"].as_u64().unwrap();
        let planned = plan["totalCalls"].as_u64().unwrap();
        assert!(
            (made + spared).abs_diff(planned) <= 4,
            "{made} calls were made, {spared} spared, {planned} planned: {log:?}"
        );
        assert!(plan["summary"].as_str().unwrap().contains("takes one call less"), "{plan}");
    });
}

/// One user has left a group. The restore counts exactly that membership as created, and lists each page of members
/// once, or again if it died before its checkpoint.
#[test]
fn a_restore_into_a_pool_in_use_interrupted_at_any_call_counts_its_own_memberships_as_created() {
    let small = || async {
        let (backend, source, target) = backend();
        let mut population = people::plain(4, 2);
        population.people.iter_mut().for_each(|person| person.groups = 3);
        population.fill(&source);
        export(&backend).await;
        import(&backend, "fail").await;
        target.leave(&first_member(&target), &people::group_name(0));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        backend
    };
    let calls_of_import = in_paused_time(async {
        let backend = small().await;
        let first = backend.script().calls() + 1;
        assert_eq!(counted(&import(&backend, "skip").await), [1, 7]);
        first..=backend.script().calls()
    });
    for call in calls_of_import {
        for stop_at_death in [false, true] {
            in_paused_time(async {
                let backend = small().await;
                let from = backend.script().log().len();
                backend.script().fault(call, Fault::Die(Applied::All));
                let machine = Machine { stop_at_death, ..Machine::new(&backend) };
                let mut end = machine.import(input("skip"), "first").await;
                backend.script().clear();
                if end == End::Stopped {
                    let restores = Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap();
                    if restores[0].state == RestoreState::Succeeded
                        && restores[0].options.existing == Existing::Skip
                    {
                        return;
                    }
                    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                    end = machine.import(input("skip"), "again").await;
                }
                let report = end.report();
                let [added, listed] = calls(&backend, from);
                assert!(added <= 2 && (2..=4).contains(&listed), "{call}: {added} {listed}");
                assert_eq!(counted(&report), [1, 7], "{call} {stop_at_death}: {report}");
            });
        }
    }
}

#[test]
fn a_listing_that_cognito_does_not_answer_costs_only_the_count() {
    in_paused_time(async {
        let kinds = [PoolErrorKind::Transient, PoolErrorKind::Throttled, PoolErrorKind::Refused];
        for fault in kinds.map(Fault::Refuse).into_iter().chain([Fault::RejectToken]) {
            let (backend, _) = restored().await;
            backend.script().always(Operation::ListUsersInGroup, Some(fault));
            let report = import(&backend, "skip").await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!(counted(&report).iter().sum::<u64>(), 2 * MEMBERS as u64, "{report}");
        }
    });
}
