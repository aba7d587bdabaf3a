//! Goal: a restore into the pool of the snapshot recreates each missing user once, and keeps the
//! `sub` of every existing user.
//!
//! Method: take a snapshot, delete and change users, import with every option, and interrupt and
//! repeat the import.

mod interrupted;
mod repeated;
mod results;
mod selected;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::identity::{EarlierRepairs, UserMatcher};
use shared::model::{
    Counts, GroupName, PoolDescription, PoolId, RestoreState, RunId, SnapshotSelector, Sub, TargetSettings,
    User, UserRecord, UserStatus, Username,
};
use shared::operations::verify::{Comparison, Finding, Observer, verify};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::fidelity::{MODES, Mode};
use crate::support::machine::{End, Machine};
use crate::support::people::{self, Kind, Population};
use crate::support::{backend, in_paused_time, source_id, target_id};

/// A pool, its users at the time of the snapshot, and the changes since then.
struct DamagedPool {
    backend: MemoryBackend,
    pool: MemoryPool,
    snapshot: RunId,
    /// In the order of their creation.
    before: Vec<User>,
    groups_before: BTreeMap<GroupName, BTreeSet<Sub>>,
}

// User 0 stays unchanged.
const LEFT_A_GROUP: usize = 1;

const DELETED: usize = 2;

const SIGNED_UP_AGAIN: usize = 3;

const DELETED_LINKED: usize = 4;

const NONSENSE: usize = 5;

const DISABLED: usize = 6;

const RENAMED: usize = 7;

const FEDERATED: usize = 8;

const FEDERATED_NONSENSE: usize = 9;

const FEDERATED_AGAIN: usize = 10;

const FEDERATED_DELETED: usize = 11;

const PEOPLE: usize = 12;

fn population() -> Population {
    let mut population = people::plain(PEOPLE, 2);
    for (number, person) in population.people.iter_mut().enumerate() {
        // E-mail address, phone number, name.
        person.attributes = 7;
        person.groups = 1 + (number % 2) as u8 * 2;
        person.enabled = true;
        person.status = (number % 4) as u8;
        person.kind = match number {
            DELETED_LINKED => Kind::Linked,
            FEDERATED..=FEDERATED_DELETED => Kind::Federated,
            _ => Kind::Native,
        };
    }
    population
}

fn id_of(pool: &MemoryPool) -> TargetSettings {
    let mut settings = None;
    pool.configure(|description: &mut PoolDescription| settings = Some(TargetSettings::of(description)));
    settings.unwrap()
}

/// Gives a user addresses that no other user has.
fn readdressed(record: &mut UserRecord, number: usize) {
    let addresses =
        [("email", format!("new{number}@example.com")), ("phone_number", format!("+4940{number:06}"))];
    record.attributes.extend(addresses.map(|(name, value)| (name.to_owned(), value)));
    record
        .attributes
        .extend(["email_verified", "phone_number_verified"].map(|name| (name.to_owned(), "true".to_owned())));
}

async fn export(backend: &MemoryBackend) -> RunId {
    let name = format!("export-{}", backend.script().calls());
    let report =
        Machine::new(backend).export(json!({"userPoolId": source_id(), "tps": 200}), &name).await.report();
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

fn memberships(pool: &MemoryPool) -> BTreeMap<GroupName, BTreeSet<Sub>> {
    pool.groups().into_iter().map(|(group, members)| (group.name, members.into_iter().collect())).collect()
}

/// A pool with a snapshot.
async fn exported(mode: Mode) -> DamagedPool {
    let (backend, pool, _) = backend();
    pool.configure(|description| mode.describe(description));
    let population = population();
    (0..population.groups).for_each(|number| pool.put_group(people::group(number)));
    let mut before = Vec::new();
    for (number, person) in population.people.iter().enumerate() {
        let sub = pool.put_user(person.record(number));
        (0..population.groups).filter(|group| person.groups & (1 << group) != 0).for_each(|group| {
            assert!(pool.join(&sub, &people::group_name(group)));
        });
        before.push(pool.user(&sub).unwrap());
    }
    let snapshot = export(&backend).await;
    let groups_before = memberships(&pool);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    DamagedPool { backend, pool, snapshot, before, groups_before }
}

/// The same pool after users were deleted and changed.
async fn harmed(mode: Mode) -> DamagedPool {
    let harmed = exported(mode).await;
    let (pool, before) = (&harmed.pool, &harmed.before);
    pool.leave(&before[LEFT_A_GROUP].sub, &people::group_name(0));
    [DELETED, DELETED_LINKED, SIGNED_UP_AGAIN, FEDERATED_AGAIN, FEDERATED_DELETED]
        .iter()
        .for_each(|&number| pool.delete_user(&before[number].sub));
    let mut again = before[SIGNED_UP_AGAIN].record.clone();
    again.attributes.remove("name");
    again.status = UserStatus::Unconfirmed;
    (again.created, again.modified) = (None, None);
    pool.put_user(again);
    let mut federated = before[FEDERATED_AGAIN].record.clone();
    (federated.created, federated.modified) = (None, None);
    pool.put_user(federated);
    let nonsense =
        |record: &mut UserRecord| drop(record.attributes.insert("name".to_owned(), "nonsense".to_owned()));
    pool.change_user(&before[NONSENSE].sub, nonsense);
    pool.change_user(&before[FEDERATED_NONSENSE].sub, nonsense);
    pool.leave(&before[NONSENSE].sub, &people::group_name(0));
    pool.change_user(&before[DISABLED].sub, |record| record.enabled = false);
    pool.change_user(&before[RENAMED].sub, |record| readdressed(record, RENAMED));
    let mut stranger = people::plain(1, 0).people[0].record(500);
    readdressed(&mut stranger, 500);
    pool.put_user(stranger);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    harmed
}

impl DamagedPool {
    fn input(&self, options: Value) -> Value {
        let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": source_id(), "snapshot": self.snapshot, "tps": 200});
        input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        input
    }

    async fn repair(&self, options: Value) -> Value {
        // A repair counts a user as its own if the user was created in the second in which the
        // repair begins.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let name = format!("import-{}", self.backend.script().calls());
        Machine::new(&self.backend).import(self.input(options), &name).await.report()
    }

    /// Compares the pool with the snapshot.
    async fn verified(&self) -> Comparison {
        let catalog = Catalog::new(self.backend.vault());
        let selector = SnapshotSelector::Id(self.snapshot.clone());
        let (snapshot, units) =
            catalog.sealed_snapshot(&source_id(), &selector, self.backend.clock().now()).await.unwrap();
        verify(&self.backend.pool(&source_id()), &catalog, &snapshot, &units, &mut NoObserver).await.unwrap()
    }

    fn now(&self, number: usize) -> Option<User> {
        self.pool.user(&self.before[number].sub)
    }

    /// All users that have the sign-in name of user `number` of the snapshot.
    fn named(&self, number: usize) -> Vec<User> {
        let settings = id_of(&self.pool);
        let name = settings.sign_in_name(&self.before[number].record);
        self.pool.users().into_iter().filter(|user| settings.sign_in_name(&user.record) == name).collect()
    }

    fn is_in(&self, sub: &Sub, group: usize) -> bool {
        memberships(&self.pool).get(&people::group_name(group)).is_some_and(|members| members.contains(sub))
    }

    /// The number of calls of `operation`, from the `from`-th call on.
    fn calls(&self, from: usize, operation: Operation) -> usize {
        self.backend.script().log()[from..].iter().filter(|(_, called)| *called == operation).count()
    }

    /// The content of the pool: users from before by `sub`, all others by name.
    fn held(&self) -> BTreeMap<String, Held> {
        let settings = id_of(&self.pool);
        let groups = memberships(&self.pool);
        let held = self.pool.users().into_iter().map(|user| {
            let known = self.before.iter().any(|before| before.sub == user.sub);
            let name = settings.sign_in_name(&user.record).unwrap();
            let key =
                if known { user.sub.to_string() } else { format!("{name} {}", user.record.status.as_str()) };
            let groups = groups
                .iter()
                .filter(|(_, members)| members.contains(&user.sub))
                .map(|(name, _)| name.to_string());
            let User { record, .. } = user;
            (
                key,
                Held {
                    attributes: record.attributes,
                    enabled: record.enabled,
                    status: record.status,
                    groups: groups.collect(),
                },
            )
        });
        let held: Vec<_> = held.collect();
        let by_key: BTreeMap<_, _> = held.iter().cloned().collect();
        assert_eq!(by_key.len(), held.len(), "a user exists twice");
        by_key
    }
}

/// Ignores the progress.
struct NoObserver;

impl Observer for NoObserver {
    fn found(&mut self, _: Finding) {}
    fn compared(&mut self, _: &Counts) {}
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    attributes: BTreeMap<String, String>,
    enabled: bool,
    status: UserStatus,
    groups: BTreeSet<String>,
}

fn counts(report: &Value, kind: &str) -> [u64; 5] {
    ["created", "alreadyThere", "updated", "skipped", "failed"]
        .map(|name| report[kind][name].as_u64().unwrap())
}

/// Checks that existing users keep their names, statuses and times.
fn assert_users_keep_their_identity(harmed: &DamagedPool, changed: &[usize]) {
    for (number, before) in harmed.before.iter().enumerate() {
        let Some(now) = harmed.now(number) else { continue };
        assert_eq!(
            (&now.record.username, &now.record.status),
            (&before.record.username, &before.record.status),
            "{number}"
        );
        assert_eq!(now.record.created, before.record.created, "{number}");
        if !changed.contains(&number) {
            assert_eq!(now.record.attributes, before.record.attributes, "{number}");
            assert_eq!(now.record.enabled, before.record.enabled, "{number}");
        }
    }
    assert_eq!(harmed.pool.messages(), 0, "Cognito sent a message");
}

fn clone(harmed: &DamagedPool) -> DamagedPool {
    let DamagedPool { backend, pool, snapshot, before, groups_before } = harmed;
    DamagedPool {
        backend: backend.clone(),
        pool: pool.clone(),
        snapshot: snapshot.clone(),
        before: before.clone(),
        groups_before: groups_before.clone(),
    }
}

const EVERY_WAY: [(Applied, bool); 4] =
    [(Applied::Nothing, true), (Applied::Half, false), (Applied::All, false), (Applied::All, true)];
const TWO_WAYS: [(Applied, bool); 2] = [(Applied::Half, false), (Applied::All, true)];

#[test]
fn a_membership_that_a_selected_user_has_is_not_counted_as_created() {
    in_paused_time(async {
        let harmed = harmed(Mode::Usernames).await;
        // Each of these users is in the group 0, and users with an odd number are also in the group 1.
        for (number, created) in [(0, 0), (LEFT_A_GROUP, 1), (DELETED, 1)] {
            let select = json!({"subs": [harmed.before[number].sub]});
            let report = harmed.repair(json!({"existing": "update", "select": select})).await;
            let groups = 1 + number as u64 % 2;
            assert_eq!(
                (report["memberships"]["created"].as_u64(), report["memberships"]["alreadyThere"].as_u64()),
                (Some(created), Some(groups - created)),
                "{number} {report}"
            );
            // The second time, all of it is there.
            let report = harmed.repair(json!({"existing": "update", "select": select})).await;
            assert_eq!(
                (report["memberships"]["created"].as_u64(), report["memberships"]["alreadyThere"].as_u64()),
                (Some(0), Some(groups)),
                "{number} {report}"
            );
        }
    });
}
