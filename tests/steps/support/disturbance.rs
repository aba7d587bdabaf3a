//! Disturbances of a run: faults of its calls, and changes that other clients make to the pool.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use shared::model::{GroupName, GroupRecord, Sub, UserRecord, Username};
use shared::ports::pool::{NewUser, Password, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use super::people;

/// Faults. Each number is the distance in calls from the fault before.
pub type Faults = Vec<(u64, Fault)>;

pub fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::Refuse(PoolErrorKind::Throttled)),
        2 => Just(Fault::Refuse(PoolErrorKind::Transient)),
        3 => Just(Fault::LostReply),
        1 => Just(Fault::RejectToken),
        1 => Just(Fault::Die(Applied::Nothing)),
        1 => Just(Fault::Die(Applied::Half)),
        2 => Just(Fault::Die(Applied::All)),
    ]
}

/// At most nine faults, because the tenth refused token rightly ends an export.
pub fn faults() -> impl Strategy<Value = Faults> {
    prop::collection::vec((1u64..40, fault()), 0..=9)
}

pub fn order_faults(backend: &MemoryBackend, faults: &Faults) {
    let mut call = backend.script().calls();
    for (gap, fault) in faults {
        call += gap;
        backend.script().fault(call, *fault);
    }
}

pub fn shape() -> impl Strategy<Value = PageShape> {
    let size = prop_oneof![2 => Just(0usize), 5 => 1usize..8, 1 => Just(60)];
    (prop::collection::vec(size, 1..6), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(sizes, repeat, dangling, echo)| PageShape { sizes, repeat, dangling, echo, ..PageShape::default() },
    )
}

/// The limit, the budget and the latency of a run.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub tps: u32,
    pub budget: Duration,
    pub latency: Duration,
}

pub fn pace() -> impl Strategy<Value = Pace> {
    let millis = |choices: &'static [u64]| prop::sample::select(choices).prop_map(Duration::from_millis);
    (
        prop::sample::select(&[1u32, 3, 10, 40, 200][..]),
        millis(&[100, 1_000, 10_000, 900_000]),
        millis(&[0, 0, 30, 400]),
    )
        // An invocation needs enough time to do anything.
        .prop_map(|(tps, budget, latency)| Pace { tps, budget: budget.max(latency * 5), latency })
}

/// A change that another client makes to the source during an export.
#[derive(Debug, Clone)]
pub enum Change {
    Rename(Index, u16),
    Disable(Index),
    Delete(Index),
    SignUp,
    Join(Index, Index),
    Leave(Index, Index),
    AddGroup,
    DescribeGroup(Index, u16),
    DeleteGroup(Index),
}

pub fn changes() -> impl Strategy<Value = Vec<(u64, Change)>> {
    let any_index = any::<Index>;
    let change = prop_oneof![
        4 => (any_index(), any::<u16>()).prop_map(|(user, value)| Change::Rename(user, value)),
        1 => any_index().prop_map(Change::Disable),
        2 => any_index().prop_map(Change::Delete),
        2 => Just(Change::SignUp),
        2 => (any_index(), any_index()).prop_map(|(user, group)| Change::Join(user, group)),
        1 => (any_index(), any_index()).prop_map(|(user, group)| Change::Leave(user, group)),
        2 => Just(Change::AddGroup),
        1 => (any_index(), any::<u16>()).prop_map(|(group, value)| Change::DescribeGroup(group, value)),
        1 => any_index().prop_map(Change::DeleteGroup),
    ];
    prop::collection::vec((0u64..25, change), 0..12)
}

/// Everything that a pool has ever held, and the part that it held throughout.
#[derive(Debug, Default)]
pub struct History {
    pub users: HashMap<Sub, Vec<UserRecord>>,
    pub groups: HashMap<GroupName, Vec<GroupRecord>>,
    pub memberships: HashSet<(GroupName, Sub)>,
    /// Users that were added or deleted during the export.
    passing_users: HashSet<Sub>,
    passing_groups: HashSet<GroupName>,
    passing_memberships: HashSet<(GroupName, Sub)>,
    /// The number of the last user or group that was added.
    pub newcomers: usize,
}

impl History {
    /// The history of an undisturbed pool.
    pub fn of(pool: &MemoryPool) -> Self {
        let mut history = Self::default();
        for user in pool.users() {
            history.users.insert(user.sub, vec![user.record]);
        }
        for (group, members) in pool.groups() {
            history.memberships.extend(members.into_iter().map(|sub| (group.name.clone(), sub)));
            history.groups.insert(group.name.clone(), vec![group]);
        }
        history
    }

    pub fn users_throughout(&self) -> impl Iterator<Item = &Sub> {
        self.users.keys().filter(|sub| !self.passing_users.contains(*sub))
    }

    pub fn groups_throughout(&self) -> impl Iterator<Item = &GroupName> {
        self.groups.keys().filter(|name| !self.passing_groups.contains(*name))
    }

    pub fn memberships_throughout(&self) -> impl Iterator<Item = &(GroupName, Sub)> {
        let stayed = |(group, sub): &&(GroupName, Sub)| {
            !self.passing_users.contains(sub) && !self.passing_groups.contains(group)
        };
        self.memberships
            .iter()
            .filter(stayed)
            .filter(|membership| !self.passing_memberships.contains(*membership))
    }

    /// Carries out a change, and records it.
    pub fn change(&mut self, pool: &MemoryPool, change: &Change) {
        let users = || {
            let mut users: Vec<_> = pool.users().into_iter().map(|user| user.sub).collect();
            users.sort();
            users
        };
        let groups: Vec<_> = pool.groups().into_iter().map(|(group, _)| group.name).collect();
        let user = |at: &Index| users().get(at.index(users().len().max(1))).cloned();
        let group = |at: &Index| groups.get(at.index(groups.len().max(1))).cloned();
        match change {
            Change::Rename(at, value) => user(at).into_iter().for_each(|sub| {
                pool.change_user(&sub, |record| {
                    drop(record.attributes.insert("name".to_owned(), format!("Änne {value}")))
                });
                self.saw_user(pool, &sub);
            }),
            Change::Disable(at) => user(at).into_iter().for_each(|sub| {
                pool.change_user(&sub, |record| record.enabled = !record.enabled);
                self.saw_user(pool, &sub);
            }),
            Change::Delete(at) => user(at).into_iter().for_each(|sub| {
                pool.delete_user(&sub);
                self.passing_users.insert(sub);
            }),
            Change::SignUp => {
                self.newcomers += 1;
                let sub = pool.sign_up(&newcomer(self.newcomers)).unwrap();
                self.saw_user(pool, &sub);
                self.passing_users.insert(sub);
            }
            Change::Join(at, in_group) => {
                let Some((sub, group)) = user(at).zip(group(in_group)) else { return };
                pool.join(&sub, &group);
                if self.memberships.insert((group.clone(), sub.clone())) {
                    self.passing_memberships.insert((group, sub));
                }
            }
            Change::Leave(at, in_group) => {
                let Some((sub, group)) = user(at).zip(group(in_group)) else { return };
                pool.leave(&sub, &group);
                self.passing_memberships.insert((group, sub));
            }
            Change::AddGroup => {
                self.newcomers += 1;
                let group = people::group(100 + self.newcomers);
                self.passing_groups.insert(group.name.clone());
                pool.put_group(group);
                self.saw_groups(pool);
            }
            Change::DescribeGroup(at, value) => group(at).into_iter().for_each(|name| {
                let description = Some(format!("New {value}"));
                pool.put_group(GroupRecord { name, description, ..people::group(0) });
                self.saw_groups(pool);
            }),
            Change::DeleteGroup(at) => group(at).into_iter().for_each(|name| {
                pool.delete_group(&name);
                self.passing_groups.insert(name);
            }),
        }
    }

    fn saw_user(&mut self, pool: &MemoryPool, sub: &Sub) {
        self.users.entry(sub.clone()).or_default().extend(pool.user(sub).map(|user| user.record));
    }

    fn saw_groups(&mut self, pool: &MemoryPool) {
        for (group, _) in pool.groups() {
            self.groups.entry(group.name.clone()).or_default().push(group);
        }
    }
}

pub fn newcomer(number: usize) -> NewUser {
    NewUser {
        username: Username::new(format!("newcomer-{number}")),
        attributes: [("email".to_owned(), format!("new{number}@example.com"))].into(),
        temporary_password: Password::new("Temporary-1".to_owned()),
        invitation: None,
    }
}

/// Orders changes of `pool` by other clients during the next calls.
pub fn order_changes(
    backend: &MemoryBackend,
    pool: &MemoryPool,
    changes: Vec<(u64, Change)>,
) -> Arc<Mutex<History>> {
    let history = Arc::new(Mutex::new(History::of(pool)));
    let mut call = backend.script().calls() + 1;
    for (gap, change) in changes {
        call += gap;
        let (history, pool) = (Arc::clone(&history), pool.clone());
        backend.script().change(call, move || history.lock().unwrap().change(&pool, &change));
    }
    history
}
