//! Goal: `verify` finds every difference between a pool and a snapshot, in the snapshot's own pool, a
//! restored one, or one that another tool filled.
//!
//! Method: change pools in known ways, and compare the findings with the changes.

mod changes;
mod choices;
mod matching;
mod refusals;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{
    CallStats, Ceilings, Counts, FindingKind, GroupName, GroupRecord, GroupRoles, Listing, PageBatch, PoolId,
    RunId, SnapshotSelector, Sub, Tps, User, UserRecord, UserStatus,
};
use shared::operations::verify::{Comparison, Finding, Observer, Tally, verify};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::ports::vault::Key;
use shared::{Error, ErrorKind, Guidance};
use shared_memory::{Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::disturbance::{self, Faults};
use crate::support::machine::Machine;
use crate::support::people::{self, Kind, Population};
use crate::support::{assert_rate, backend, cases, in_paused_time, new_execution, source_id, target_id};

const TPS: u32 = 100;

/// What the comparison reported.
#[derive(Debug, Default)]
struct Reported {
    findings: Vec<Finding>,
    so_far: Counts,
}

impl Observer for Reported {
    fn found(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    fn compared(&mut self, so_far: &Counts) {
        let (before, now) = (&self.so_far, so_far);
        assert!(
            before.users <= now.users && before.groups <= now.groups && before.memberships <= now.memberships
        );
        self.so_far = *so_far;
    }
}

async fn try_verify(
    backend: &MemoryBackend,
    selector: &SnapshotSelector,
    pool: &PoolId,
) -> Result<(Comparison, Reported), Error> {
    let catalog = Catalog::new(backend.vault());
    let (snapshot, units) = catalog.sealed_snapshot(&source_id(), selector, backend.clock().now()).await?;
    let tps = Tps::new(TPS.into()).unwrap();
    let earlier = CallStats::none(tps);
    let pool = PacedPool::new(backend.pool(pool), tps, &Ceilings::default(), backend.clock(), earlier);
    let mut reported = Reported::default();
    let comparison = verify(&pool, &catalog, &snapshot, &units, &mut reported).await?;
    Ok((comparison, reported))
}

/// Compares the pool with the newest snapshot, and checks that counts and findings agree.
async fn verified(backend: &MemoryBackend, pool: &PoolId) -> (Comparison, Vec<Finding>) {
    let (comparison, reported) = try_verify(backend, &SnapshotSelector::Latest, pool).await.unwrap();
    let count =
        |is: &dyn Fn(&Finding) -> bool| reported.findings.iter().filter(|finding| is(finding)).count() as u64;
    let kinds = [FindingKind::Different, FindingKind::Missing, FindingKind::Extra];
    let users =
        kinds.map(|kind| count(&|finding| matches!(finding, Finding::User { .. }) && finding.kind() == kind));
    let groups = kinds
        .map(|kind| count(&|finding| matches!(finding, Finding::Group { .. }) && finding.kind() == kind));
    let members = kinds.map(|kind| {
        count(&|finding| matches!(finding, Finding::Membership { .. }) && finding.kind() == kind)
    });
    let of = |tally: &Tally| [tally.different, tally.missing, tally.extra];
    assert_eq!((users, groups), (of(&comparison.users), of(&comparison.groups)));
    assert_eq!(members, [0, comparison.memberships.missing, comparison.memberships.extra]);
    let matched = &comparison.matched_by;
    // A user with a damaged record may be matched by its `sub`, or not at all.
    let (matched, compared) =
        (matched.sub + matched.sub_map + matched.name, comparison.users.same + comparison.users.different);
    assert!((compared..=compared + comparison.users.damaged).contains(&matched), "{matched} of {compared}");
    (comparison, reported.findings)
}

async fn export(backend: &MemoryBackend, name: &str) -> RunId {
    let report =
        Machine::new(backend).export(json!({"userPoolId": source_id(), "tps": 200}), name).await.report();
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

async fn import(backend: &MemoryBackend, options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    Machine::new(backend).import(input, &new_execution()).await.report()
}

async fn exported(population: &Population) -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    population.fill(&source);
    export(&backend, "export").await;
    (backend, source, target)
}

/// The users of a pool, by username.
fn by_name(pool: &MemoryPool) -> Vec<User> {
    let mut users = pool.users();
    users.sort_by(|one, other| one.record.username.cmp(&other.record.username));
    users
}

fn memberships(pool: &MemoryPool) -> u64 {
    pool.groups().iter().map(|(_, members)| members.len() as u64).sum()
}

fn set(pool: &MemoryPool, sub: &Sub, name: &str, value: &str) {
    pool.change_user(sub, |record| drop(record.attributes.insert(name.to_owned(), value.to_owned())));
}

fn user(finding: FindingKind, sub: &Sub, pool_sub: Option<&Sub>, fields: &[&str]) -> Finding {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    Finding::User { finding, sub: sub.clone(), pool_sub: pool_sub.cloned(), fields }
}

fn group(finding: FindingKind, group: &GroupName, fields: &[&str]) -> Finding {
    Finding::Group {
        finding,
        group: group.clone(),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
    }
}

fn membership(finding: FindingKind, group: &GroupName, sub: &Sub) -> Finding {
    Finding::Membership { finding, group: group.clone(), sub: sub.clone() }
}

#[test]
fn verify_finds_no_difference_in_any_shape_of_listing() {
    for shape in [
        PageShape::default(),
        PageShape { sizes: vec![7, 0, 3], repeat: true, dangling: true, ..PageShape::default() },
        PageShape { sizes: vec![1], ..PageShape::default() },
    ] {
        in_paused_time(async {
            let (backend, source, _) = exported(&people::plain(150, 8)).await;
            source.set_shape(shape);
            // A sign-in changes the status of a user.
            let users = source.users();
            users.iter().for_each(|user| {
                source.change_user(&user.sub, |record| record.status = UserStatus::ResetRequired)
            });
            let (comparison, findings) = verified(&backend, &source_id()).await;
            assert_eq!((findings, comparison.is_complete()), (Vec::new(), true));
            assert_eq!(
                (comparison.users.same, comparison.groups.same, comparison.matched_by.sub),
                (150, 8, 150)
            );
            assert_eq!(
                (comparison.memberships.present, comparison.matched_by.own_pool),
                (memberships(&source), true)
            );
        });
    }
}

#[test]
fn verify_of_an_unchanged_pool_reads_one_page_a_call_within_the_limit_and_looks_up_no_user() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(600, 8).fill(&source);
        (8..70).for_each(|number| source.put_group(people::group(number)));
        export(&backend, "export").await;
        let (items, calls) = (backend.vault().items(), backend.script().log().len());
        try_verify(&backend, &SnapshotSelector::Latest, &source_id()).await.unwrap();
        assert_rate(&backend, calls, TPS);
        let mut calls_made: BTreeMap<Operation, usize> = BTreeMap::new();
        backend.script().log()[calls..]
            .iter()
            .for_each(|(_, operation)| *calls_made.entry(*operation).or_default() += 1);
        let members: usize =
            source.groups().iter().map(|(_, members)| members.len().div_ceil(60).max(1)).sum();
        let expected = [
            (Operation::DescribeUserPool, 1),
            (Operation::ListUsers, 10),
            (Operation::ListUsersInGroup, members),
            (Operation::ListGroups, 2),
        ];
        assert_eq!(calls_made, expected.into());
        assert!(items == backend.vault().items(), "the table was written to");
    });
}

#[test]
fn verify_names_what_changed_in_the_pool_since_the_snapshot() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(130, 4)).await;
        let users = by_name(&source);
        let groups = source.groups();
        let (first, second, third) = (&groups[0].0.name, &groups[1].0.name, &groups[2].0.name);
        let outsider = users.iter().find(|user| !groups[1].1.contains(&user.sub)).unwrap();
        let insider = groups[1].1.iter().find(|sub| **sub != users[5].sub).unwrap();

        set(&source, &users[3].sub, "name", "Another Name");
        let verified_email = users
            .iter()
            .find(|user| user.record.attributes.get("email_verified").is_some_and(|is| is == "true"));
        let verified_email = &verified_email.unwrap().sub;
        set(&source, verified_email, "email", "other@example.com");
        source.change_user(&users[4].sub, |record| record.enabled = !record.enabled);
        set(&source, &users[6].sub, "identities", r#"[{"userId":"1","providerName":"Google"}]"#);
        source.delete_user(&users[5].sub);
        let newcomer = source.put_user(people::plain(1, 0).people[0].record(9_999));
        source.put_group(GroupRecord {
            precedence: Some(77),
            role_arn: Some("arn:x".into()),
            ..groups[0].0.clone()
        });
        source.delete_group(third);
        source.put_group(people::group(50));
        source.leave(insider, second);
        source.join(&outsider.sub, second);
        source.join(&newcomer, second);

        let (comparison, findings) = verified(&backend, &source_id()).await;
        use FindingKind::{Different, Extra, Missing};
        let mut expected = vec![
            user(Different, &users[3].sub, None, &["name"]),
            user(Different, verified_email, None, &["email"]),
            user(Different, &users[4].sub, None, &["enabled"]),
            user(Different, &users[6].sub, None, &["identities"]),
            user(Missing, &users[5].sub, None, &[]),
            user(Extra, &newcomer, None, &[]),
            group(Different, first, &["precedence", "role"]),
            group(Missing, third, &[]),
            group(Extra, &people::group_name(50), &[]),
            membership(Missing, second, insider),
            membership(Extra, second, &outsider.sub),
            membership(Extra, second, &newcomer),
        ];
        expected.extend(groups[2].1.iter().map(|sub| membership(Missing, third, sub)));
        let was_in = |name: &GroupName| {
            groups.iter().any(|(group, members)| group.name == *name && members.contains(&users[5].sub))
        };
        for name in [first, second, &groups[3].0.name].into_iter().filter(|name| was_in(name)) {
            expected.push(membership(Missing, name, &users[5].sub));
        }
        for finding in &findings {
            assert!(expected.contains(finding), "unexpected: {finding:?}");
        }
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        assert!(!comparison.is_complete());
        let fields = ["email", "enabled", "identities", "name"].map(|field| (field.to_owned(), 1));
        assert_eq!((comparison.users.same, comparison.users.fields), (125, fields.into()));
        assert!(!format!("{findings:?}").contains("Another Name"));
    });
}

#[test]
fn a_user_that_the_listing_of_verify_shows_late_does_not_count_as_different() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(150, 1)).await;
        let users = by_name(&source);
        let late = users[..3].iter().map(|user| {
            let mut record = user.record.clone();
            record.enabled = !record.enabled;
            (user.sub.clone(), record)
        });
        source.set_shape(PageShape { late: late.collect(), ..PageShape::default() });
        // One user differs in both looks.
        source.change_user(&users[2].sub, |record| record.enabled = !record.enabled);
        let (pool, began) = (source.clone(), backend.clock().now());
        // The listing has three pages.
        let calls = backend.script().log().len();
        backend.script().change_before(Operation::ListUsers, 4, move || pool.set_shape(PageShape::default()));
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!(findings, [user(FindingKind::Different, &users[2].sub, None, &["enabled"])]);
        assert_eq!((comparison.users.same, comparison.users.different), (149, 1));
        assert_eq!(comparison.users.fields, [("enabled".to_owned(), 1)].into());
        assert_eq!(comparison.matched_by.sub, 150);
        assert_rate(&backend, calls, TPS);
        let log = backend.script().log().split_off(calls);
        let count = |wanted: Operation| log.iter().filter(|(_, called)| *called == wanted).count();
        assert_eq!(count(Operation::ListUsers), 3 + 3, "only users that differ in the listing");
        assert_eq!(count(Operation::AdminGetUser), 0, "no user counts as active");
        assert!(
            backend.clock().now().duration_since(began) >= jiff::SignedDuration::from_secs(5),
            "the listing has caught up"
        );
    });
}

#[test]
fn verify_looks_again_at_no_more_than_200_users() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(300, 0)).await;
        for user in source.users() {
            source.change_user(&user.sub, |record| record.enabled = !record.enabled);
        }
        let calls = backend.script().log().len();
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!((comparison.users.different, findings.len()), (300, 300));
        let log = backend.script().log().split_off(calls);
        let listed = log.iter().filter(|(_, called)| *called == Operation::ListUsers).count();
        assert_eq!(listed, 5 + 200);
    });
}

/// A look-up that Cognito refuses, or that finds no user, does not make the comparison fail.
#[test]
fn a_user_that_the_second_look_does_not_find_counts_as_listed() {
    for kind in [None, Some(PoolErrorKind::Refused), Some(PoolErrorKind::Throttled)] {
        in_paused_time(async {
            let (backend, source, _) = exported(&people::plain(20, 0)).await;
            let changed = by_name(&source)[0].sub.clone();
            source.change_user(&changed, |record| record.enabled = !record.enabled);
            let pool = source.clone();
            let gone = changed.clone();
            backend.script().change_before(Operation::ListUsers, 2, move || match kind {
                None => pool.delete_user(&gone),
                Some(kind) => pool.set_look_ups(Some(kind)),
            });
            let compared = try_verify(&backend, &SnapshotSelector::Latest, &source_id()).await;
            if kind == Some(PoolErrorKind::Throttled) {
                assert_eq!(compared.unwrap_err().kind(), ErrorKind::Throttled);
            } else {
                let findings = compared.unwrap().1.findings;
                assert_eq!(
                    findings,
                    [user(FindingKind::Different, &changed, None, &["enabled"])],
                    "{kind:?}"
                );
            }
        });
    }
}

#[test]
fn verify_accepts_a_pool_with_more_users_than_the_snapshot() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(12, 2)).await;
        let newcomer = source.put_user(people::plain(1, 0).people[0].record(9_999));
        source.join(&newcomer, &people::group_name(0));
        source.put_group(people::group(9));
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert!(comparison.is_complete() && findings.len() == 3, "{findings:?}");
    });
}

#[test]
fn verify_takes_the_sub_map_of_the_newer_of_two_restores() {
    in_paused_time(async {
        let (backend, _, target) = exported(&people::plain(20, 0)).await;
        let first = import(&backend, json!({})).await;
        let users = by_name(&target);
        users[..5].iter().for_each(|user| target.delete_user(&user.sub));
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let second = import(&backend, json!({"existing": "skip"})).await;
        assert_eq!(second["users"]["created"], 5, "{second}");
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings.len(), comparison.matched_by.sub_map), (0, 20));
        let used: Vec<_> =
            comparison.matched_by.restores.iter().map(|restore| json!(restore.restore_id)).collect();
        assert_eq!(used, [second["restoreId"].clone(), first["restoreId"].clone()]);
    });
}

#[test]
fn verify_reports_a_lost_record_as_damaged_and_matches_no_other_user() {
    in_paused_time(async {
        let (backend, source, target) = exported(&people::plain(12, 1)).await;
        let lost = by_name(&source)[2].sub.clone();
        let key = backend
            .vault()
            .items()
            .into_keys()
            .find(|key| key.pk == format!("USER#{}#{lost}", source_id()))
            .unwrap();
        backend.vault().remove(&key);
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!(findings, [user(FindingKind::Damaged, &lost, None, &[])]);
        assert_eq!((comparison.is_complete(), comparison.users.damaged), (false, 1));
        // If only the records hold the names, a user with a lost record cannot be found by name.
        source.users().into_iter().for_each(|user| drop(target.put_user(user.record)));
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert!(findings.contains(&user(FindingKind::Damaged, &lost, None, &[])), "{findings:?}");
        assert_eq!((comparison.users.same, comparison.users.damaged, comparison.users.extra), (11, 1, 1));
        // A lost record is damaged, too, if the pool has lost the user or the group.
        source.delete_user(&lost);
        let group = backend.vault().items().into_keys().find(|key| key.sk.starts_with("REC#group#"));
        drop(group.map(|key| backend.vault().remove(&key)));
        source.groups().into_iter().for_each(|(group, _)| source.delete_group(&group.name));
        let (comparison, _) = verified(&backend, &source_id()).await;
        let users = (comparison.users.missing, comparison.users.damaged);
        assert_eq!((users, comparison.groups.missing, comparison.groups.damaged), ((0, 1), 0, 1));
    });
}

/// The command line advises this import.
#[test]
fn an_import_that_leaves_out_damaged_users_changes_the_different_ones_back() {
    in_paused_time(async {
        let (backend, source, target) = exported(&people::plain(12, 1)).await;
        import(&backend, json!({})).await;
        let lost = by_name(&source)[2].sub.clone();
        let partition = format!("USER#{}#{lost}", source_id());
        let key = backend.vault().items().into_keys().find(|key| key.pk == partition).unwrap();
        backend.vault().remove(&key);
        let users = by_name(&target);
        users[..4].iter().for_each(|user| set(&target, &user.sub, "name", "Another Name"));
        let (comparison, _) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.damaged, comparison.users.different), (1, 3));
        let all = import(&backend, json!({"existing": "update"})).await;
        assert_eq!((&all["status"], &all["users"]["updated"]), (&json!("PARTIAL"), &json!(3)), "{all}");
        users[..4].iter().for_each(|user| set(&target, &user.sub, "name", "Another Name"));
        let advised = import(&backend, json!({"existing": "update", "except": {"subs": [lost]}})).await;
        let counted = (&advised["status"], &advised["users"]["updated"], &advised["users"]["notSelected"]);
        assert_eq!(counted, (&json!("SUCCEEDED"), &json!(3), &json!(1)), "{advised}");
        assert_eq!(target.user(&users[2].sub).unwrap().record.attributes["name"], "Another Name");
    });
}

/// No import can restore them. So none is advised.
#[test]
fn memberships_of_damaged_users_and_groups_are_not_missing() {
    in_paused_time(async {
        let mut population = people::plain(12, 1);
        population.people.iter_mut().for_each(|person| person.groups = 1);
        let (backend, source, target) = exported(&population).await;
        import(&backend, json!({})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert!(comparison.is_complete() && findings.is_empty(), "{findings:?}");
        let lose = |is_lost: &dyn Fn(&Key) -> bool| {
            let key = backend.vault().items().into_keys().find(|key| is_lost(key)).unwrap();
            backend.vault().remove(&key);
        };
        let lost = by_name(&source)[2].sub.clone();
        lose(&|key| key.pk == format!("USER#{}#{lost}", source_id()));
        let restored = by_name(&target)[2].sub.clone();
        target.delete_user(&restored);
        let memberships = |comparison: &Comparison| {
            let members = &comparison.memberships;
            (members.present, members.missing, members.damaged)
        };
        let (comparison, _) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.damaged, memberships(&comparison)), (1, (11, 0, 1)));

        lose(&|key| key.sk.starts_with("REC#group#"));
        target.groups().into_iter().for_each(|(group, _)| target.delete_group(&group.name));
        let (comparison, _) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.groups.damaged, memberships(&comparison)), (1, (0, 0, 12)));
    });
}

#[test]
fn federated_users_that_were_left_to_their_sign_in_are_not_missing() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        let mut population = people::plain(4, 1);
        population.people.iter_mut().for_each(|person| person.groups = 1);
        population.people[0].kind = Kind::Federated;
        population.fill(&source);
        export(&backend, "first").await;
        // Without a restore, the pool lacks the user.
        let (comparison, _) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.missing, comparison.users.left_to_sign_in), (4, 0));
        import(&backend, json!({})).await;
        assert_eq!(target.user_count(), 3);
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings.len(), comparison.is_complete()), (0, true), "{findings:?}");
        assert_eq!((comparison.users.left_to_sign_in, comparison.memberships.left_to_sign_in), (1, 1));
        assert_eq!((comparison.users.missing, comparison.memberships.present), (0, 3));
    });
}

#[test]
fn two_groups_of_one_provider_are_one_group_in_the_pool() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        people::plain(4, 0).fill(&source);
        let groups =
            [source_id(), target_id()].map(|pool| GroupName::new(format!("{pool}_{}", people::PROVIDER)));
        let subs: Vec<Sub> = source.users().into_iter().map(|user| user.sub).collect();
        for (group, members) in groups.iter().zip(subs.chunks(2)) {
            source.put_group(GroupRecord { name: group.clone(), role_arn: None, ..people::group(1) });
            members.iter().for_each(|sub| assert!(source.join(sub, group)));
        }
        export(&backend, "first").await;
        import(&backend, json!({})).await;
        assert_eq!(target.groups().into_iter().map(|(_, members)| members.len()).collect::<Vec<_>>(), [4]);
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!(findings, [], "{comparison:?}");
        assert_eq!((comparison.memberships.present, comparison.groups.same), (4, 2));
    });
}

#[test]
fn members_deleted_during_the_export_are_not_missing() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(30, 1).fill(&source);
        let (gone, pool) = (source.groups()[0].1[0].clone(), source.clone());
        backend.script().change_before(Operation::ListUsers, 1, move || pool.delete_user(&gone));
        export(&backend, "export").await;
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!((findings, comparison.memberships.member_without_user), (Vec::new(), 1));
        assert!(comparison.is_complete());
    });
}

#[test]
fn a_group_deleted_during_verify_has_no_members() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(30, 2)).await;
        let (pool, members) = (source.clone(), source.groups()[0].1.len() as u64);
        let name = source.groups()[0].0.name.clone();
        backend.script().change_before(Operation::ListUsersInGroup, 1, move || pool.delete_group(&name));
        let (comparison, _) = verified(&backend, &source_id()).await;
        assert_eq!((comparison.groups.same, comparison.memberships.missing), (2, members));
        let pool = source.clone();
        backend.script().change_before(Operation::ListUsersInGroup, 1, move || pool.delete());
        let error = try_verify(&backend, &SnapshotSelector::Latest, &source_id()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolNotFound);
    });
}
