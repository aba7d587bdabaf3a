//! The result of a restore, compared with the snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use shared::catalog::Catalog;
use shared::model::{
    Counts, GroupName, Identity, RunId, Sub, TargetSettings, Totals, UserRecord, UserStatus,
};
use shared::ports::Backend;
use shared_memory::{MemoryBackend, MemoryPool};

use super::snapshot::Contents;

/// The differences between a snapshot and a restored pool.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub missing_users: HashSet<Sub>,
    pub extra_users: usize,
    pub different_users: HashSet<Sub>,
    pub missing_groups: HashSet<GroupName>,
    pub missing_memberships: HashSet<(GroupName, Sub)>,
    pub extra_memberships: usize,
}

/// Compares a snapshot with a pool. The snapshot must have one record for each user.
pub fn compare(contents: &Contents, target: &MemoryPool) -> Comparison {
    let settings_of_target = settings_of(target);
    let name = |record: &UserRecord| settings_of_target.sign_in_name(record);
    let users_by_name: HashMap<_, _> =
        target.users().into_iter().map(|user| (name(&user.record), user)).collect();
    assert_eq!(users_by_name.len(), target.user_count(), "no user exists twice");
    let mut comparison = Comparison { extra_users: users_by_name.len(), ..Comparison::default() };
    let mut new_subs = HashMap::new();
    for (sub, records) in &contents.users {
        let record = &records[0];
        assert!(records.iter().all(|other| other == record));
        let Some(user) = users_by_name.get(&name(record)) else {
            comparison.missing_users.insert(sub.clone());
            continue;
        };
        comparison.extra_users -= 1;
        new_subs.insert(sub.clone(), user.sub.clone());
        let usable = matches!(user.record.status, UserStatus::Confirmed | UserStatus::ResetRequired);
        if settings(&user.record) != settings(record) || !usable {
            comparison.different_users.insert(sub.clone());
        }
    }
    let groups: BTreeMap<_, _> = target
        .groups()
        .into_iter()
        .map(|(group, members)| (group.name.clone(), (group, HashSet::<Sub>::from_iter(members))))
        .collect();
    for (name, records) in &contents.groups {
        if !groups.get(name).is_some_and(|(group, _)| group.same_settings(&records[0])) {
            comparison.missing_groups.insert(name.clone());
        }
    }
    let mut restored_memberships = 0;
    for (name, sub) in &contents.memberships {
        let member =
            new_subs.get(sub).zip(groups.get(name)).is_some_and(|(new, (_, members))| members.contains(new));
        if member {
            restored_memberships += 1;
        } else {
            comparison.missing_memberships.insert((name.clone(), sub.clone()));
        }
    }
    comparison.extra_memberships =
        groups.values().map(|(_, members)| members.len()).sum::<usize>() - restored_memberships;
    comparison
}

fn settings(record: &UserRecord) -> (BTreeMap<&str, &str>, bool, Option<Vec<Identity>>) {
    (record.comparable_attributes(), record.enabled, record.identities())
}

fn settings_of(pool: &MemoryPool) -> TargetSettings {
    let mut settings = None;
    pool.configure(|description| settings = Some(TargetSettings::of(description)));
    settings.expect("the pool was asked")
}

/// Checks that a restore's report, ledger and sub map agree with each other and with the pool.
pub async fn assert_books_balance(
    backend: &MemoryBackend,
    contents: &Contents,
    target: &MemoryPool,
    report: &Value,
) {
    let catalog = Catalog::new(backend.vault());
    let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
    let restore = catalog.restore(target_id(target), &id).await.unwrap().expect("the restore exists");
    assert_eq!(serde_json::to_value(restore.state).unwrap(), report["status"]);

    let totals = restore.totals.clone().expect("a restore that ended has totals");
    let sum = |kind: &str| {
        let counts = [
            "created",
            "alreadyThere",
            "updated",
            "skipped",
            "notSelected",
            "leftToSignIn",
            "failed",
            "pending",
        ];
        counts.iter().map(|name| report[kind][name].as_u64().unwrap()).sum::<u64>()
    };
    let counted = |users, groups, memberships| Counts { users, groups, memberships, ..Counts::default() };
    let handled = counted(totals.users.handled(), totals.groups.handled(), totals.memberships.handled());
    assert_eq!(handled, counted(sum("users"), sum("groups"), sum("memberships")), "report and totals differ");
    let expected = contents.snapshot.counts;
    assert_eq!(
        handled,
        counted(expected.users, expected.groups, expected.memberships),
        "the totals do not add up"
    );
    assert_eq!(target.messages(), 0, "Cognito sent a message");

    let mut ledger = Totals::default();
    let (pages, next) = catalog.ledger(&id, None).await.unwrap();
    assert!(next.is_none());
    pages.iter().for_each(|(_, kind, page)| ledger.add(*kind, page));
    assert_eq!(ledger, totals, "the ledger was changed afterwards");

    let subs: Vec<Sub> = contents.users.keys().cloned().collect();
    let sub_map = catalog.sub_map(&restore, &subs).await.unwrap();
    let name = |record: &UserRecord| settings_of(target).sign_in_name(record);
    let users_by_name: HashMap<_, Sub> =
        target.users().into_iter().map(|user| (name(&user.record), user.sub)).collect();
    for (sub, records) in &contents.users {
        let entry = sub_map.get(sub).unwrap_or_else(|| panic!("the sub map lacks {sub}"));
        let in_target = users_by_name.get(&name(&records[0]));
        assert_eq!(
            entry.restored.as_ref().and_then(|user| user.sub.as_ref()),
            in_target,
            "the sub map is wrong about {sub}"
        );
    }
}

fn target_id(target: &MemoryPool) -> &shared::model::PoolId {
    shared::ports::pool::Pool::id(target)
}

/// The number of users that a restore with default options cannot restore unchanged into a pool without
/// MFA. Federated users are left to their next sign-in, which is no loss.
pub fn not_restorable(contents: &Contents) -> usize {
    let odd =
        |record: &UserRecord| record.status != UserStatus::ExternalProvider && !record.mfa_options.is_empty();
    contents.users.values().filter(|records| odd(&records[0])).count()
}

/// All items of a backend's vault.
pub fn items(backend: &MemoryBackend) -> BTreeMap<shared::ports::vault::Key, serde_dynamo::Item> {
    backend.vault().items()
}
