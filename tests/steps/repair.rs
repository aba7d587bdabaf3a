//! Goal: a restore into the pool of the snapshot recreates each missing user once, and keeps the
//! `sub` of every existing user.
//!
//! Method: take a snapshot, delete and change users, import with every option, and interrupt and
//! repeat the import.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{
    Counts, GroupName, PoolDescription, RestoreState, RunId, SnapshotSelector, Sub, TargetSettings, User,
    UserRecord, UserStatus,
};
use shared::operations::verify::{Comparison, Finding, Observer, verify};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::fidelity::{MODES, Mode};
use crate::support::machine::{End, Machine};
use crate::support::people::{self, Kind, Population};
use crate::support::{backend, in_paused_time, source_id};

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

#[test]
fn a_repair_recreates_missing_users_and_leaves_the_others_unchanged() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let (held, from) = (harmed.held(), harmed.backend.script().log().len());
            let report = harmed.repair(json!({"existing": "skip"})).await;

            // Created: DELETED and DELETED_LINKED. Same: 0, LEFT_A_GROUP, FEDERATED, FEDERATED_AGAIN.
            // Other: NONSENSE, FEDERATED_NONSENSE, DISABLED, RENAMED, SIGNED_UP_AGAIN. Left to Cognito:
            // FEDERATED_DELETED.
            assert_eq!(counts(&report, "users"), [2, 4, 0, 5, 0], "{mode:?} {report}");
            assert_eq!(
                report["users"]["reasons"],
                json!({"alreadyInTarget": 5, "leftToSignIn": 1}),
                "{mode:?} {report}"
            );
            assert_eq!(report["status"], "SUCCEEDED");
            assert_eq!(report["verification"]["different"], 0);
            assert_eq!(report["verification"]["missing"], 0);

            for (key, was) in held {
                let mut now = harmed.held().remove(&key).unwrap_or_else(|| panic!("{mode:?}: {key} is gone"));
                // Users that equal the snapshot get their memberships back, also the federated user that
                // Cognito created again.
                let is_again = key.ends_with("EXTERNAL_PROVIDER");
                if is_again || key == harmed.before[LEFT_A_GROUP].sub.as_str() {
                    assert!(now.groups.remove(&people::group_name(0).to_string()), "{mode:?}");
                }
                assert_eq!(now, was, "{mode:?}: {key} was changed");
            }
            assert_users_keep_their_identity(&harmed, &[NONSENSE, FEDERATED_NONSENSE, DISABLED, RENAMED]);
            for number in [DELETED, DELETED_LINKED] {
                let [user] = &harmed.named(number)[..] else { panic!("{mode:?} {number}") };
                assert_ne!(user.sub, harmed.before[number].sub);
                let wanted = &harmed.before[number].record;
                assert_eq!(user.record.fields_unlike(wanted, None), Vec::<String>::new());
                assert!(user.record.has_identities_of(wanted));
                assert_eq!(harmed.is_in(&user.sub, 1), number % 2 == 1, "{mode:?}");
                assert!(harmed.is_in(&user.sub, 0));
            }
            assert!(harmed.is_in(&harmed.before[LEFT_A_GROUP].sub, 0));
            assert!(
                !harmed.is_in(&harmed.before[NONSENSE].sub, 0),
                "a user that stays as it is keeps its memberships"
            );

            // The restore only looks up users that it is about to create under a name other than the
            // username.
            assert_eq!(harmed.calls(from, Operation::AdminCreateUser), 2);
            assert_eq!(harmed.calls(from, Operation::AdminSetUserPassword), 2);
            let by_address = matches!(mode, Mode::Email | Mode::Phone | Mode::EmailOrPhone);
            assert_eq!(
                harmed.calls(from, Operation::AdminGetUser),
                if by_address { 2 } else { 0 },
                "{mode:?}"
            );
            let writes = [
                Operation::AdminUpdateUserAttributes,
                Operation::AdminEnableUser,
                Operation::AdminDisableUser,
            ];
            assert!(writes.into_iter().all(|operation| harmed.calls(from, operation) == 0));
            // DELETED, DELETED_LINKED, LEFT_A_GROUP and FEDERATED_AGAIN, one group each.
            assert_eq!(
                harmed.calls(from, Operation::AdminAddUserToGroup),
                4,
                "only users that are not members are added"
            );
        });
    }
}

#[test]
fn a_repair_with_update_makes_existing_users_equal_the_snapshot() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let report = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(counts(&report, "users"), [2, 4, 5, 0, 0], "{mode:?} {report}");
            assert_eq!(
                (&report["verification"]["different"], &report["verification"]["missing"]),
                (&json!(0), &json!(0))
            );
            assert_users_keep_their_identity(&harmed, &[]);
            for (number, before) in harmed.before.iter().enumerate() {
                let now = harmed.now(number).or_else(|| harmed.named(number).pop());
                let Some(now) = now else {
                    assert_eq!(number, FEDERATED_DELETED, "{mode:?}");
                    continue;
                };
                assert_eq!(
                    now.record.fields_unlike(&before.record, None),
                    Vec::<String>::new(),
                    "{mode:?} {number}"
                );
                for (group, members) in &harmed.groups_before {
                    assert!(
                        !members.contains(&before.sub) || memberships(&harmed.pool)[group].contains(&now.sub),
                        "{number}"
                    );
                }
            }
            let [again] = &harmed.named(SIGNED_UP_AGAIN)[..] else { panic!("{mode:?}") };
            assert_eq!(
                again.record.status,
                UserStatus::Unconfirmed,
                "a restore sets no password of an existing user"
            );
            assert_eq!(harmed.pool.user_count(), PEOPLE, "the stranger stays, the federated user is awaited");
        });
    }
}

#[test]
fn a_second_and_a_third_repair_create_no_user_twice() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            harmed.repair(json!({"existing": "skip"})).await;
            let [recreated] = &harmed.named(DELETED)[..] else { panic!("{mode:?}") };
            // The addresses of a restored user change. Then only the sub map of the first repair
            // identifies the user.
            harmed.pool.change_user(&recreated.sub, |record| readdressed(record, DELETED));
            let users = harmed.pool.user_count();
            let second = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(
                (harmed.pool.user_count(), &second["users"]["created"]),
                (users, &json!(0)),
                "{mode:?} {second}"
            );
            let mended = harmed.pool.user(&recreated.sub).unwrap();
            assert_eq!(
                mended.record.fields_unlike(&harmed.before[DELETED].record, None),
                Vec::<String>::new(),
                "{mode:?}"
            );

            // A later snapshot holds the restored users. The older snapshot also finds users that are
            // restored from it.
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let later = DamagedPool { snapshot: export(&harmed.backend).await, ..clone(&harmed) };
            later.pool.delete_user(&recreated.sub);
            let third = later.repair(json!({"existing": "skip"})).await;
            assert_eq!(
                (counts(&third, "users")[0], third["status"].as_str()),
                (1, Some("SUCCEEDED")),
                "{mode:?} {third}"
            );
            let [again] = &harmed.named(DELETED)[..] else { panic!("{mode:?}") };
            harmed.pool.change_user(&again.sub, |record| readdressed(record, DELETED + 100));
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let fourth = harmed.repair(json!({"existing": "update", "federated": "link"})).await;
            assert_eq!(
                fourth["users"]["created"], 1,
                "{mode:?}: the federated user that was to be linked: {fourth}"
            );
            let mended = harmed.pool.user(&again.sub).unwrap();
            assert_eq!(
                mended.record.fields_unlike(&harmed.before[DELETED].record, None),
                Vec::<String>::new(),
                "{mode:?}"
            );
            assert_eq!(harmed.pool.messages(), 0);
        });
    }
}

#[test]
fn a_snapshot_user_ends_a_chain_of_sub_maps() {
    in_paused_time(async {
        let harmed = exported(Mode::Email).await;
        let [lost, present] = [DELETED, DISABLED].map(|number| harmed.before[number].sub.clone());
        harmed.pool.delete_user(&lost);
        harmed.repair(json!({"existing": "skip"})).await;
        let [stranger] = &harmed.named(DELETED)[..] else { panic!("the lost user is back") };
        harmed.pool.change_user(&stranger.sub, |record| readdressed(record, DELETED));
        let stranger = harmed.pool.user(&stranger.sub).unwrap();
        let users = harmed.pool.user_count();

        // The sub map now leads from the lost user to one that the snapshot has, and from there to a third.
        let catalog = Catalog::new(harmed.backend.vault());
        let restore = catalog.restores(&source_id(), 1).await.unwrap().remove(0);
        let entry = catalog.sub_map(&restore, std::slice::from_ref(&lost)).await.unwrap().remove(&lost);
        let (mut first, mut second) = (entry.clone().unwrap(), entry.unwrap());
        first.restored.as_mut().unwrap().sub = Some(present.clone());
        second.old_sub = present.clone();
        catalog.put_sub_map(&restore, &[first, second]).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;

        let report = harmed.repair(json!({"existing": "update"})).await;
        assert_eq!(counts(&report, "users")[0], 1, "{report}");
        assert_eq!((harmed.pool.user_count(), harmed.named(DELETED).len()), (users + 1, 1));
        assert_eq!(harmed.pool.user(&stranger.sub), Some(stranger), "it stays who it is");
    });
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

#[test]
fn a_verification_finds_no_difference_after_a_repair() {
    for mode in MODES {
        in_paused_time(async {
            let mut harmed = harmed(mode).await;
            let before = harmed.verified().await;
            assert_eq!(
                (before.users.missing, before.users.different, before.matched_by.own_pool),
                (3, 5, true),
                "{mode:?}"
            );
            harmed.repair(json!({"existing": "update", "federated": "link"})).await;
            // Only the sub map knows this user.
            let [recreated] = &harmed.named(DELETED)[..] else { panic!("{mode:?}") };
            harmed.pool.change_user(&recreated.sub, |record| readdressed(record, DELETED));
            let after = harmed.verified().await;
            let matched = &after.matched_by;
            assert_eq!(
                (after.users.missing, after.users.different, after.users.extra),
                (0, 1, 1),
                "{mode:?} {after:?}"
            );
            assert_eq!((matched.sub, matched.sub_map, matched.name), (7, 5, 0), "{mode:?}");
            // A later snapshot holds the recreated user, who is deleted and restored from it. So two sub
            // maps lead from the first snapshot to the user.
            let first = std::mem::replace(&mut harmed.snapshot, export(&harmed.backend).await);
            harmed.pool.delete_user(&recreated.sub);
            harmed.repair(json!({"existing": "skip"})).await;
            harmed.snapshot = first;
            harmed.repair(json!({"existing": "update", "federated": "link"})).await;
            let last = harmed.verified().await;
            assert!(last.is_complete(), "{mode:?} {last:?}");
            assert_eq!((last.users.same, last.users.extra), (PEOPLE as u64, 1), "{mode:?}");
        });
    }
}

#[test]
fn a_dry_run_of_a_repair_counts_existing_users_and_touches_nothing() {
    for (existing, existing_users) in [
        ("skip", json!({"same": 4, "kept": 5, "updated": 0})),
        ("update", json!({"same": 4, "kept": 0, "updated": 5})),
    ] {
        in_paused_time(async {
            let harmed = harmed(Mode::Email).await;
            let (held, from) = (harmed.held(), harmed.backend.script().log().len());
            let plan = harmed.repair(json!({"existing": existing, "dryRun": true})).await;
            assert_eq!(
                (&plan["there"], &plan["creatable"], &plan["users"]),
                (&existing_users, &json!(2), &json!(12)),
                "{plan}"
            );
            assert_eq!(plan["objections"]["leftToSignIn"]["users"], 1, "{plan}");
            assert_eq!(harmed.held(), held);
            let log = harmed.backend.script().log();
            let reads = [
                Operation::DescribeUserPool,
                Operation::ListUsers,
                Operation::ListGroups,
                Operation::ListIdentityProviders,
            ];
            assert!(log[from..].iter().all(|(_, operation)| reads.contains(operation)));

            let from = log.len();
            let report = harmed.repair(json!({"existing": existing})).await;
            assert_eq!(report["users"]["created"], plan["creatable"]);
            let log = harmed.backend.script().log();
            let beyond = [
                Operation::DescribeUserPool,
                Operation::AdminAddUserToGroup,
                Operation::ListIdentityProviders,
            ];
            let calls_made =
                log[from..].iter().filter(|(_, operation)| !beyond.contains(operation)).count() as u64;
            let planned = plan["totalCalls"].as_u64().unwrap();
            assert!(
                calls_made.abs_diff(planned) <= 6,
                "{calls_made} calls were made, {planned} were planned: {}",
                plan["summary"]
            );
        });
    }
}

#[test]
fn a_repair_takes_selections_and_import_jobs() {
    for mode in [Mode::Usernames, Mode::Email] {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            harmed
                .pool
                .configure(|description| description.auto_verified_attributes = vec!["email".to_owned()]);
            let from = harmed.backend.script().log().len();
            let wanted = harmed.before[DELETED].sub.clone();
            let report = harmed.repair(json!({"existing": "skip", "select": {"subs": [wanted]}})).await;
            assert_eq!(
                (report["status"].as_str(), counts(&report, "users")[0]),
                (Some("SUCCEEDED"), 1),
                "{report}"
            );
            assert_eq!(harmed.calls(from, Operation::AdminCreateUser), 1);

            let from = harmed.backend.script().log().len();
            let verified = |user: &UserRecord| user.attributes["email_verified"] == "true";
            let by_job = u64::from(verified(&harmed.before[DELETED_LINKED].record));
            let report = harmed.repair(json!({"existing": "skip", "method": "csv"})).await;
            assert_eq!(
                (&report["users"]["created"], &report["jobs"]["imported"]),
                (&json!(1), &json!(by_job)),
                "{report}"
            );
            assert_eq!(harmed.calls(from, Operation::AdminCreateUser) as u64, 1 - by_job);
            assert_eq!(harmed.named(DELETED_LINKED).len(), 1);
            assert_eq!(
                (&report["verification"]["different"], &report["verification"]["missing"]),
                (&json!(0), &json!(0))
            );
            assert_users_keep_their_identity(&harmed, &[NONSENSE, FEDERATED_NONSENSE, DISABLED, RENAMED]);
        });
    }
}

#[test]
fn a_username_that_another_user_holds_is_free_again_after_that_user_is_repaired() {
    for mode in [Mode::Email, Mode::Phone, Mode::EmailOrPhone] {
        in_paused_time(async {
            let harmed = exported(mode).await;
            let (gone, taker) = (&harmed.before[DELETED], &harmed.before[NONSENSE]);
            harmed.pool.delete_user(&gone.sub);
            harmed.pool.change_user(&taker.sub, |record| {
                record.attributes = gone.record.attributes.clone();
                record.attributes.extend(
                    ["email_verified", "phone_number_verified"].map(|name| (name.into(), "true".into())),
                );
            });
            let skip = harmed.repair(json!({"existing": "skip"})).await;
            assert_eq!(
                (&skip["users"]["reasons"]["usernameTaken"], &skip["users"]["created"]),
                (&json!(1), &json!(0)),
                "{skip}"
            );
            let taken = harmed.pool.user(&taker.sub).unwrap();
            assert_eq!(taken.record.attributes["name"], gone.record.attributes["name"], "it is left");

            let update = harmed.repair(json!({"existing": "update"})).await;
            let report = if update["status"] == "PARTIAL" {
                harmed.repair(json!({"existing": "update"})).await
            } else {
                update
            };
            assert_eq!(
                (report["status"].as_str(), &report["users"]["created"]),
                (Some("SUCCEEDED"), &json!(1)),
                "{report}"
            );
            let mended = harmed.pool.user(&taker.sub).unwrap();
            assert_eq!(mended.record.fields_unlike(&taker.record, None), Vec::<String>::new());
            assert_eq!((harmed.named(DELETED).len(), harmed.pool.user_count()), (1, PEOPLE));
        });
    }
}

#[test]
fn a_repair_does_not_recreate_a_user_that_the_listing_leaves_out() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = exported(mode).await;
            // The user that is listed last changes the address, and moves to a position that the
            // listing has passed.
            let hidden = harmed.before[RENAMED].sub.clone();
            harmed.pool.change_user(&hidden, |record| readdressed(record, RENAMED));
            harmed.pool.set_shape(PageShape { overlooked: [hidden.clone()].into(), ..PageShape::default() });
            let report = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(
                (report["status"].as_str(), &report["users"]["created"]),
                (Some("SUCCEEDED"), &json!(0)),
                "{mode:?} {report}"
            );
            assert_eq!(
                (harmed.pool.user_count(), &report["users"]["updated"]),
                (PEOPLE, &json!(1)),
                "{mode:?} {report}"
            );
        });
    }
}

#[test]
fn a_repair_tries_failed_users_again_and_finds_them_by_sub() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let refuse = Some(Fault::Refuse(PoolErrorKind::Refused));
            harmed.backend.script().always(Operation::AdminUpdateUserAttributes, refuse);
            let first = harmed.repair(json!({"existing": "update"})).await;
            harmed.backend.script().clear();
            assert_eq!(
                (counts(&first, "users")[4], first["status"].as_str()),
                (4, Some("PARTIAL")),
                "{mode:?} {first}"
            );
            let users = harmed.pool.user_count();
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let second = harmed.repair(json!({"existing": "update"})).await;
            assert_eq!(second["restoreId"], first["restoreId"]);
            assert_eq!(counts(&second, "users"), [2, 4, 5, 0, 0], "{mode:?} {second}");
            assert_eq!((harmed.pool.user_count(), harmed.pool.messages()), (users, 0), "{mode:?}");
            assert_users_keep_their_identity(&harmed, &[]);
            let catalog = Catalog::new(harmed.backend.vault());
            let id = RunId::parse(second["restoreId"].as_str().unwrap()).unwrap();
            let (entries, _) = catalog.sub_map_page(&id, None).await.unwrap();
            let lost: Vec<_> =
                entries.iter().filter(|entry| entry.restored.is_none()).map(|entry| &entry.old_sub).collect();
            assert_eq!(lost, [&harmed.before[FEDERATED_DELETED].sub], "{mode:?}");
        });
    }
}

#[test]
fn a_complete_repair_is_not_continued_but_begins_again() {
    for mode in MODES {
        in_paused_time(async {
            let harmed = harmed(mode).await;
            let first = harmed.repair(json!({"existing": "skip"})).await;
            assert_eq!((first["status"].as_str(), counts(&first, "users")[4]), (Some("SUCCEEDED"), 0));
            // The federated user has signed in again, and another user was deleted.
            let mut federated = harmed.before[FEDERATED_DELETED].record.clone();
            (federated.created, federated.modified) = (None, None);
            let back = harmed.pool.put_user(federated);
            harmed.pool.delete_user(&harmed.before[0].sub);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let second = harmed.repair(json!({"existing": "skip"})).await;
            assert_ne!(second["restoreId"], first["restoreId"]);
            assert_eq!(
                (second["status"].as_str(), counts(&second, "users")[0]),
                (Some("SUCCEEDED"), 1),
                "{mode:?} {second}"
            );
            assert!(harmed.is_in(&back, 0), "{mode:?}: its memberships are back as well");
            assert_eq!(harmed.pool.user(&back).unwrap().record.status, UserStatus::ExternalProvider);
        });
    }
}

#[test]
fn the_sub_map_of_a_repair_lists_users_with_a_new_sub() {
    in_paused_time(async {
        let harmed = harmed(Mode::Email).await;
        let report = harmed.repair(json!({"existing": "skip"})).await;
        let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
        let (entries, _) = Catalog::new(harmed.backend.vault()).sub_map_page(&id, None).await.unwrap();
        let named: BTreeSet<_> = entries.iter().map(|entry| entry.old_sub.clone()).collect();
        let expected = [DELETED, DELETED_LINKED, SIGNED_UP_AGAIN, FEDERATED_AGAIN, FEDERATED_DELETED];
        assert_eq!(named, expected.map(|number| harmed.before[number].sub.clone()).into());
        for entry in entries {
            let restored = entry.restored.and_then(|user| user.sub);
            assert!(restored.is_none_or(|sub| harmed.pool.user(&sub).is_some() && sub != entry.old_sub));
        }
    });
}

#[test]
fn a_snapshot_taken_after_a_repair_restores_into_another_pool() {
    in_paused_time(async {
        let harmed = harmed(Mode::Aliases).await;
        harmed.repair(json!({"existing": "update", "federated": "link"})).await;
        let snapshot = export(&harmed.backend).await;
        let target = crate::support::target_id();
        let into = harmed.backend.pool(&target);
        into.configure(|description| Mode::Aliases.describe(description));
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target, "snapshot": snapshot, "tps": 200, "federated": "link"});
        let report = Machine::new(&harmed.backend).import(input, "elsewhere").await.report();
        assert_eq!(
            (report["status"].as_str(), into.user_count()),
            (Some("SUCCEEDED"), harmed.pool.user_count()),
            "{report}"
        );
    });
}

#[test]
fn a_repair_without_permission_names_the_setting_that_grants_it() {
    in_paused_time(async {
        let harmed = harmed(Mode::Usernames).await;
        harmed
            .backend
            .script()
            .always(Operation::DescribeUserPool, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let end =
            Machine::new(&harmed.backend).import(harmed.input(json!({"existing": "skip"})), "denied").await;
        assert_eq!(end.error().0, "AccessDenied");
        assert!(end.error().1.contains("RepairablePools"), "{end:?}");
    });
}

/// The content at the end, the messages, and the totals.
async fn ended(harmed: &DamagedPool) -> (BTreeMap<String, Held>, u64, Value) {
    let restores = Catalog::new(harmed.backend.vault()).restores(&source_id(), 10).await.unwrap();
    let mut totals = restores[0].totals.clone().unwrap();
    // A user that was updated just before an interruption counts as unchanged afterwards.
    totals.users.already_there += std::mem::take(&mut totals.users.updated);
    (harmed.held(), harmed.pool.messages(), json!(totals))
}

/// Interrupts a repair at each call, and continues it or starts it again.
fn for_every_interruption(mode: Mode, options: Value, ways: &[(Applied, bool)]) {
    let (calls, expected) = in_paused_time(async {
        let harmed = harmed(mode).await;
        let first = harmed.backend.script().calls() + 1;
        harmed.repair(options.clone()).await;
        (first..=harmed.backend.script().calls(), ended(&harmed).await)
    });
    for call in calls {
        for &(applied, stop_at_death) in ways {
            in_paused_time(async {
                let harmed = harmed(mode).await;
                let backend = &harmed.backend;
                backend.script().fault(call, Fault::Die(applied));
                let machine = Machine { stop_at_death, ..Machine::new(backend) };
                let first = machine.import(harmed.input(options.clone()), "first").await;
                backend.script().clear();
                if first == End::Stopped {
                    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                    let restores = Catalog::new(backend.vault()).restores(&source_id(), 1).await.unwrap();
                    let was_closed = |state| matches!(state, RestoreState::Succeeded | RestoreState::Partial);
                    if !restores.first().is_some_and(|restore| was_closed(restore.state)) {
                        machine.import(harmed.input(options.clone()), "again").await.report();
                    }
                }
                assert_eq!(ended(&harmed).await, expected, "{mode:?} {call} {applied:?} {stop_at_death}");
            });
        }
    }
}

const EVERY_WAY: [(Applied, bool); 4] =
    [(Applied::Nothing, true), (Applied::Half, false), (Applied::All, false), (Applied::All, true)];
const TWO_WAYS: [(Applied, bool); 2] = [(Applied::Half, false), (Applied::All, true)];

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_username() {
    for_every_interruption(Mode::Usernames, json!({"existing": "skip"}), &EVERY_WAY);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_alias() {
    for_every_interruption(Mode::Aliases, json!({"existing": "update", "federated": "link"}), &TWO_WAYS);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_case_sensitive_username() {
    for_every_interruption(Mode::CaseSensitive, json!({"existing": "update"}), &TWO_WAYS[1..]);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_email() {
    for_every_interruption(Mode::Email, json!({"existing": "update", "federated": "link"}), &EVERY_WAY);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_phone() {
    for_every_interruption(Mode::Phone, json!({"existing": "skip"}), &TWO_WAYS[1..]);
}

#[test]
fn a_repair_interrupted_at_any_call_signing_in_by_email_or_phone() {
    let invited = json!({"existing": "update", "passwords": "temporary", "sendInvitations": true});
    for_every_interruption(Mode::EmailOrPhone, invited, &TWO_WAYS);
}

#[test]
fn a_repair_in_the_shortest_invocations_has_the_same_result() {
    for mode in MODES {
        for options in [json!({"existing": "skip"}), json!({"existing": "update", "federated": "link"})] {
            let expected = in_paused_time(async {
                let harmed = harmed(mode).await;
                harmed.repair(options.clone()).await;
                ended(&harmed).await
            });
            in_paused_time(async {
                let harmed = harmed(mode).await;
                let shape = PageShape {
                    sizes: vec![3, 0, 2],
                    repeat: true,
                    dangling: true,
                    echo: true,
                    ..PageShape::default()
                };
                harmed.pool.set_shape(shape);
                let machine = Machine::new(&harmed.backend).with_budget(Duration::from_millis(1));
                let next = harmed.backend.script().calls();
                [3, 40, 90, 140]
                    .into_iter()
                    .for_each(|call| harmed.backend.script().fault(next + call, Fault::RejectToken));
                machine.import(harmed.input(options.clone()), "short").await.report();
                assert_eq!(ended(&harmed).await, expected, "{mode:?} {options}");
            });
        }
    }
}

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
