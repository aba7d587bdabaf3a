//! Goal: a restore that is interrupted at any call ends like one without interruption. It creates each user
//! once, sends each message once, and its ledger tells created users from existing ones.
//!
//! Method: interrupt an import at each call in turn, continue it or start it again, and compare the target
//! with that of an undisturbed import.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{RestoreState, UserStatus};
use shared::ports::Backend;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::people::{self, Kind};
use crate::support::{backend, in_paused_time, source_id, target_id};

/// What a target holds at the end.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    users: BTreeMap<String, (BTreeMap<String, String>, bool, UserStatus)>,
    memberships: BTreeMap<String, BTreeSet<String>>,
    messages: u64,
}

impl Held {
    fn by(target: &MemoryPool) -> Self {
        let users = target.users();
        let names: BTreeMap<_, _> =
            users.iter().map(|user| (user.sub.clone(), user.record.username.to_string())).collect();
        assert_eq!(names.values().collect::<BTreeSet<_>>().len(), users.len(), "no user exists twice");
        let memberships = target.groups().into_iter().map(|(group, members)| {
            (group.name.to_string(), members.iter().map(|sub| names[sub].clone()).collect())
        });
        let memberships = memberships.collect();
        let users = users.into_iter().map(|user| {
            let record = user.record;
            (record.username.to_string(), (record.attributes, record.enabled, record.status))
        });
        Self { users: users.collect(), memberships, messages: target.messages() }
    }
}

/// Eight users, one of them linked and one federated. Three of them have a namesake in the target.
async fn prepared(holds_users: bool) -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    let mut population = people::plain(8, 2);
    population.people[1].kind = Kind::Linked;
    population.people[6].kind = Kind::Federated;
    population.fill(&source);
    Machine::new(&backend).export(json!({"userPoolId": source_id(), "tps": 200}), "export").await.report();
    if holds_users {
        let mut users = source.users();
        users.sort_by_key(|user| user.record.username.to_string());
        for (number, mut user) in
            users.into_iter().filter(|user| user.record.status == UserStatus::Confirmed).take(3).enumerate()
        {
            if number > 0 {
                user.record.attributes.insert("locale".to_owned(), "de".to_owned());
            }
            user.record.enabled ^= number == 2;
            user.record.attributes.remove("identities");
            target.put_user(user.record);
        }
        tokio::time::sleep(Duration::from_secs(3_600)).await;
    }
    (backend, target)
}

/// The totals of the restore's ledger.
///
/// An interruption may truly change two of them. A user that was updated just before counts as unchanged
/// afterwards. A target with groups and no users is restored into again, and the groups then count as
/// existing.
async fn totals(backend: &MemoryBackend) -> Value {
    let restores = Catalog::new(backend.vault()).restores(&target_id(), 10).await.unwrap();
    let mut totals = restores[0].totals.clone().unwrap();
    totals.users.already_there += std::mem::take(&mut totals.users.updated);
    totals.groups.already_there +=
        std::mem::take(&mut totals.groups.updated) + std::mem::take(&mut totals.groups.created);
    json!(totals)
}

fn holds(options: &Value) -> bool {
    options.get("existing").is_some()
}

fn undisturbed(input: &Value) -> (std::ops::RangeInclusive<u64>, Held, Value) {
    in_paused_time(async {
        let (backend, target) = prepared(holds(input)).await;
        let before = backend.script().calls();
        Machine::new(&backend).import(input.clone(), "undisturbed").await.report();
        (before + 1..=backend.script().calls(), Held::by(&target), totals(&backend).await)
    })
}

fn for_every_interruption(options: Value) {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let (calls, held, counted) = undisturbed(&input);
    for call in calls {
        for (applied, stop_at_death) in
            [(Applied::Nothing, true), (Applied::Half, false), (Applied::All, false), (Applied::All, true)]
        {
            in_paused_time(async {
                let (backend, target) = prepared(holds(&input)).await;
                backend.script().fault(call, Fault::Die(applied));
                let machine = Machine { stop_at_death, ..Machine::new(&backend) };
                let first = machine.import(input.clone(), "first").await;
                backend.script().clear();
                if first == End::Stopped {
                    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                    let restores = Catalog::new(backend.vault()).restores(&target_id(), 1).await.unwrap();
                    let was_closed = |state| matches!(state, RestoreState::Succeeded | RestoreState::Partial);
                    if !restores.first().is_some_and(|restore| was_closed(restore.state)) {
                        machine.import(input.clone(), "again").await.report();
                    }
                }
                let mut ended = Held::by(&target);
                // If the answer about an invitation is lost, the restore sends it again.
                let once_or_twice = held.messages..=2 * held.messages;
                assert!(once_or_twice.contains(&ended.messages), "{call} {applied:?}: {}", ended.messages);
                ended.messages = held.messages;
                assert_eq!(ended, held, "{call} {applied:?} {stop_at_death}");
                assert_eq!(totals(&backend).await, counted, "{call} {applied:?} {stop_at_death}");
            });
        }
    }
}

#[test]
fn an_interrupted_restore_with_defaults_ends_like_an_undisturbed_one() {
    for_every_interruption(json!({}));
}

#[test]
fn an_interrupted_restore_sends_each_invitation_once_and_again_only_after_a_lost_answer() {
    for_every_interruption(json!({"passwords": "temporary", "sendInvitations": true, "federated": "link"}));
}

#[test]
fn an_interrupted_restore_leaves_existing_users_unchanged() {
    for_every_interruption(json!({"existing": "skip"}));
}

#[test]
fn an_interrupted_restore_updates_existing_users() {
    for_every_interruption(json!({"existing": "update", "passwords": "temporary", "sendInvitations": true}));
}
