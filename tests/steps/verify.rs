//! Goal: `verify` finds every difference between a pool and a snapshot, in the snapshot's own pool, a
//! restored one, or one that another tool filled.
//!
//! Method: change pools in known ways, and compare the findings with the changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{
    CallStats, Ceilings, Counts, FindingKind, GroupName, GroupRecord, Listing, PageBatch, PoolId, RunId,
    SnapshotSelector, Sub, Tps, User, UserRecord, UserStatus,
};
use shared::operations::verify::{Comparison, Finding, Observer, Tally, verify};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{Error, ErrorKind, Guidance};
use shared_memory::{Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::disturbance::{self, Faults};
use crate::support::machine::Machine;
use crate::support::people::{self, Kind, Population};
use crate::support::{assert_rate, backend, cases, in_paused_time, source_id, target_id};

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
    let (snapshot, units) = catalog.sealed_snapshot(&source_id(), selector).await?;
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
    assert_eq!(
        matched.sub + matched.sub_map + matched.name,
        comparison.users.same + comparison.users.different
    );
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
    Machine::new(backend).import(input, "import").await.report()
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
fn verify_reads_one_page_a_call_within_the_limit_and_looks_up_no_user() {
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
fn verify_matches_a_recreated_user_by_name_unless_the_original_exists() {
    in_paused_time(async {
        let people: Vec<_> =
            (0..9).map(|number| with(number, &[("email", &format!("p{number}@example.com"))])).collect();
        let (backend, _) = exported_by_address(&people).await;
        let source = backend.pool(&source_id());
        let users = by_name(&source);
        let (gone, moved) = (&users[4], &users[5]);
        source.delete_user(&gone.sub);
        let mut record = gone.record.clone();
        record.attributes.insert("name".to_owned(), "Again".to_owned());
        let again = source.put_user(record);
        // A new user has the address that another user of the snapshot gave up.
        set(&source, &moved.sub, "email", "moved@example.com");
        let newcomers: Vec<_> = (0..20)
            .map(|number| {
                let given_up = moved.record.attributes["email"].as_str();
                let attributes = if number == 9 { vec![("email", given_up)] } else { Vec::new() };
                source.put_user(with(100 + number, &attributes))
            })
            .collect();
        let (comparison, findings) = verified(&backend, &source_id()).await;
        let matched = &comparison.matched_by;
        assert_eq!((matched.sub, matched.sub_map, matched.name), (8, 0, 1), "{findings:?}");
        assert!(findings.contains(&user(FindingKind::Different, &gone.sub, Some(&again), &["name"])));
        assert!(findings.contains(&user(FindingKind::Different, &moved.sub, None, &["email"])));
        newcomers.iter().for_each(|sub| {
            assert!(findings.contains(&user(FindingKind::Extra, sub, None, &[])), "{findings:?}")
        });
        assert_eq!(findings.len(), 22);
    });
}

#[test]
fn verify_matches_a_restored_pool_by_the_sub_map() {
    in_paused_time(async {
        let (backend, source, target) = exported(&people::plain(130, 3)).await;
        let report = import(&backend, json!({})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!(
            (findings.len(), comparison.users.same, comparison.memberships.present),
            (0, 130, memberships(&source))
        );
        assert_eq!((comparison.matched_by.sub_map, comparison.matched_by.name), (130, 0));
        let used = serde_json::to_value(&comparison.matched_by.restores).unwrap();
        assert_eq!(used, json!([{"restoreId": report["restoreId"], "status": "SUCCEEDED"}]));

        let (old, new) = (by_name(&source), by_name(&target));
        set(&target, &new[7].sub, "name", "Another Name");
        // A user that is created again under the same name is not the restored user.
        target.delete_user(&new[8].sub);
        let again = target.put_user(new[8].record.clone());
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert!(findings.contains(&user(FindingKind::Different, &old[7].sub, Some(&new[7].sub), &["name"])));
        assert!(findings.contains(&user(FindingKind::Missing, &old[8].sub, None, &[])));
        assert!(findings.contains(&user(FindingKind::Extra, &again, None, &[])));
        assert_eq!((comparison.users.same, comparison.users.missing, comparison.users.extra), (128, 1, 1));
    });
}

#[test]
fn verify_matches_users_without_a_sub_map_entry_by_name() {
    in_paused_time(async {
        let mut population = people::plain(40, 1);
        population.people[3].kind = Kind::Federated;
        let (backend, source, target) = exported(&population).await;
        import(&backend, json!({})).await;
        let federated = source
            .users()
            .into_iter()
            .find(|user| user.record.status == UserStatus::ExternalProvider)
            .unwrap();
        let (comparison, findings) = verified(&backend, &target_id()).await;
        let lost = |finding: &Finding| match finding {
            Finding::User { finding, sub, .. } | Finding::Membership { finding, sub, .. } => {
                *finding == FindingKind::Missing && *sub == federated.sub
            }
            Finding::Group { .. } => false,
        };
        assert!(!findings.is_empty() && findings.iter().all(lost), "{findings:?}");
        assert_eq!((comparison.users.missing, comparison.matched_by.sub_map), (1, 39));
        // The federated user signs in, and Cognito creates it again.
        let sub = target.put_user(federated.record.clone());
        for (group, members) in
            source.groups().into_iter().filter(|(_, members)| members.contains(&federated.sub))
        {
            assert!(!members.is_empty() && target.join(&sub, &group.name));
        }
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!(
            (findings, comparison.matched_by.sub_map, comparison.matched_by.name),
            (Vec::new(), 39, 1)
        );
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
fn verify_matches_a_pool_that_another_tool_filled_by_sign_in_names() {
    for (attributes, case_sensitive) in
        [(&[][..], false), (&[], true), (&["email"], false), (&["email", "phone_number"], false)]
    {
        in_paused_time(async {
            let attributes: Vec<String> = attributes.iter().map(|&name| name.to_owned()).collect();
            let (backend, source, target) = backend();
            for pool in [&source, &target] {
                pool.configure(|pool| {
                    (pool.username_attributes, pool.case_sensitive) = (attributes.clone(), case_sensitive)
                });
            }
            let mut population = people::plain(130, 3);
            population.people.iter_mut().for_each(|person| person.attributes |= 3);
            population.fill(&source);
            export(&backend, "export").await;
            // Another tool creates the users in reverse order, and writes names in its own way.
            for (number, person) in population.people.iter().enumerate().rev() {
                let mut record = person.record(number);
                if !case_sensitive && attributes.is_empty() {
                    record.username = shared::model::Username::new(record.username.as_str().to_uppercase());
                }
                let sub = target.put_user(record);
                let groups = (0..3).filter(|group| u32::from(person.groups) & (1 << group) != 0);
                groups.for_each(|group| {
                    target.put_group(people::group(group));
                    target.join(&sub, &people::group_name(group));
                });
            }
            let (comparison, findings) = verified(&backend, &target_id()).await;
            assert_eq!(findings, [], "{attributes:?}");
            assert_eq!((comparison.users.same, comparison.matched_by.name), (130, 130));
            assert_eq!(comparison.matched_by.sign_in_attributes, attributes);
            assert_eq!((comparison.memberships.present, comparison.groups.same), (memberships(&source), 3));

            // Another user with a name of the snapshot counts as that user. With any other name it does
            // not.
            let existing = target.users().remove(0);
            target.delete_user(&existing.sub);
            let again = target.put_user(UserRecord { enabled: !existing.record.enabled, ..existing.record });
            let (_, findings) = verified(&backend, &target_id()).await;
            let is_again = |finding: &Finding| match finding {
                Finding::User { finding: FindingKind::Different, pool_sub, fields, .. } => {
                    *pool_sub == Some(again.clone()) && *fields == ["enabled"]
                }
                finding => matches!(finding, Finding::Membership { finding: FindingKind::Missing, .. }),
            };
            assert!(!findings.is_empty() && findings.iter().all(is_again), "{findings:?}");
        });
    }
}

/// Pools that sign in by e-mail and phone, with a snapshot of `people` in the source.
async fn exported_by_address(people: &[UserRecord]) -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    for pool in [&source, &target] {
        pool.configure(|pool| pool.username_attributes = vec!["email".to_owned(), "phone_number".to_owned()]);
    }
    people.iter().for_each(|record| drop(source.put_user(record.clone())));
    export(&backend, "export").await;
    (backend, target)
}

fn with(number: usize, attributes: &[(&str, &str)]) -> UserRecord {
    let attributes = attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    UserRecord { attributes, ..people::plain(1, 0).people[0].record(number) }
}

#[test]
fn verify_matches_one_user_with_the_addresses_of_two_to_only_one() {
    in_paused_time(async {
        let (email, phone) = (("email", "a@example.com"), ("phone_number", "+491"));
        let (backend, target) = exported_by_address(&[with(1, &[email]), with(2, &[phone])]).await;
        target.put_user(with(1, &[email, phone]));
        let (Comparison { users, .. }, _) = verified(&backend, &target_id()).await;
        assert_eq!((users.same, users.different, users.missing, users.extra), (0, 1, 1, 0));
    });
}

#[test]
fn verify_matches_only_one_of_two_users_with_the_addresses_of_one() {
    in_paused_time(async {
        let (email, phone) = (("email", "a@example.com"), ("phone_number", "+491"));
        let (backend, target) = exported_by_address(&[with(1, &[email, phone])]).await;
        target.put_user(with(1, &[email]));
        target.put_user(with(2, &[phone]));
        let (Comparison { users, .. }, _) = verified(&backend, &target_id()).await;
        assert_eq!((users.same, users.different, users.missing, users.extra), (0, 1, 0, 1));
    });
}

#[test]
fn verify_matches_a_user_restored_twice_by_the_newer_restore() {
    in_paused_time(async {
        let address = |number: usize| format!("person{number}@example.com");
        let people: Vec<_> = (0..12).map(|number| with(number, &[("email", &address(number))])).collect();
        let (backend, target) = exported_by_address(&people).await;
        import(&backend, json!({})).await;
        // The users change their addresses, and the old addresses are restored a second time.
        let first: Vec<Sub> = target.users().into_iter().map(|user| user.sub).collect();
        first.iter().for_each(|sub| set(&target, sub, "email", &format!("{sub}@example.com")));
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        let second = import(&backend, json!({"existing": "skip"})).await;
        assert_eq!(second["users"]["created"], 12, "{second}");
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.same, findings.len()), (12, 12));
        assert!(
            first.iter().all(|sub| findings.contains(&user(FindingKind::Extra, sub, None, &[]))),
            "{findings:?}"
        );
    });
}

#[test]
fn verify_does_not_compare_the_attribute_that_keeps_the_old_sub() {
    in_paused_time(async {
        let (backend, _, target) = exported(&people::plain(9, 0)).await;
        import(&backend, json!({"createMissingAttributes": true, "oldSubAttribute": "custom:old_sub"})).await;
        assert!(target.users().iter().all(|user| user.record.attributes.contains_key("custom:old_sub")));
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings, comparison.users.same), (Vec::new(), 9));
    });
}

#[test]
fn verify_matches_linked_users_under_their_new_usernames() {
    in_paused_time(async {
        let mut population = people::plain(20, 0);
        (population.people[3].kind, population.people[4].kind) = (Kind::Federated, Kind::Linked);
        let (backend, _, _) = exported(&population).await;
        import(&backend, json!({"federated": "link"})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings, comparison.users.same), (Vec::new(), 20));
    });
}

#[test]
fn verify_reports_a_lost_record_and_matches_no_other_user() {
    in_paused_time(async {
        let (backend, source, target) = exported(&people::plain(12, 0)).await;
        let lost = by_name(&source)[2].sub.clone();
        let key = backend
            .vault()
            .items()
            .into_keys()
            .find(|key| key.pk == format!("USER#{}#{lost}", source_id()))
            .unwrap();
        backend.vault().remove(&key);
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!(findings, [user(FindingKind::Different, &lost, None, &["record"])]);
        assert_eq!((comparison.is_complete(), comparison.users.fields["record"]), (false, 1));
        // If only the records hold the names, a user with a lost record cannot be found by name.
        source.users().into_iter().for_each(|user| drop(target.put_user(user.record)));
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert!(findings.contains(&user(FindingKind::Missing, &lost, None, &["record"])), "{findings:?}");
        assert_eq!((comparison.users.same, comparison.users.missing, comparison.users.extra), (11, 1, 1));
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
        assert_eq!((findings, comparison.memberships.user_not_in_snapshot), (Vec::new(), 1));
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

#[test]
fn verify_refuses_an_unusable_snapshot_before_it_lists_the_pool() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(1_000, 1)).await;
        let snapshot = export(&backend, "second").await;
        let refused = async |selector: &SnapshotSelector, kind: ErrorKind| {
            let calls = backend.script().log().len();
            let error = try_verify(&backend, selector, &source_id()).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.guidance().is_none());
            let log = backend.script().log();
            assert!(
                log[calls..].iter().all(|(_, operation)| *operation == Operation::DescribeUserPool),
                "{log:?}"
            );
        };
        let id = SnapshotSelector::Id(snapshot.clone());
        let unknown = SnapshotSelector::Id(RunId::parse("20200101T000000000Z-00000000").unwrap());
        refused(&unknown, ErrorKind::SnapshotNotFound).await;

        let catalog = Catalog::new(backend.vault());
        let members = Listing::Members { group: source.groups()[0].0.name.clone() };
        for (listing, number) in
            [(&Listing::Users, 1), (&Listing::Users, 17), (&Listing::Groups, 1), (&members, 1)]
        {
            let (key, _) = catalog.page(&snapshot, &listing.unit_id(), 1, number).await.unwrap();
            let page = backend.vault().remove(&key).unwrap();
            refused(&id, ErrorKind::SnapshotDamaged).await;
            backend.vault().put_by_hand(&key, page);
        }
        // A batch in the position of another batch counts as damaged.
        let users = Listing::Users.unit_id();
        let (first, _) = catalog.page(&snapshot, &users, 1, 1).await.unwrap();
        let (second, _) = catalog.page(&snapshot, &users, 1, 17).await.unwrap();
        let page = backend.vault().remove(&second).unwrap();
        backend.vault().put_by_hand(&second, backend.vault().items().remove(&first).unwrap());
        refused(&id, ErrorKind::SnapshotDamaged).await;
        backend.vault().put_by_hand(&second, page);
        // So does a sound batch that was never sealed.
        let unit = catalog.unit(&snapshot, &users).await.unwrap().unwrap();
        let sealed = catalog.batch_with(&snapshot, &unit, 1).await.unwrap().unwrap();
        let mut pages = sealed.verified(&users).unwrap();
        pages[0].0.pop();
        let mut other = PageBatch::following(None);
        pages.iter().for_each(|page| other.push(&users, page, 0, sealed.next_token.clone()));
        let page = backend.vault().remove(&first).unwrap();
        backend.vault().put_by_hand(&first, serde_dynamo::to_item(other).unwrap());
        refused(&id, ErrorKind::SnapshotDamaged).await;
        backend.vault().put_by_hand(&first, page);
        assert!(try_verify(&backend, &id, &source_id()).await.unwrap().0.is_complete());
        let unit = backend
            .vault()
            .items()
            .into_keys()
            .find(|key| key.sk == "UNIT#users" && key.pk.contains(snapshot.as_str()));
        backend.vault().remove(&unit.unwrap());
        refused(&id, ErrorKind::SnapshotDamaged).await;
    });
}

#[test]
fn verify_explains_why_a_pool_cannot_be_read() {
    in_paused_time(async {
        let (backend, _, _) = exported(&people::plain(3, 0)).await;
        let nowhere = PoolId::parse("eu-west-1_Nowhere1").unwrap();
        let error = try_verify(&backend, &SnapshotSelector::Latest, &nowhere).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PoolNotFound);
        let look_up =
            "Look up the error code in the Cognito API reference, remove the cause and start again.";
        for (fault, kind, guidance) in [
            (
                PoolErrorKind::AccessDenied,
                ErrorKind::AccessDenied,
                Guidance::GrantCall { operation: "ListUsers" },
            ),
            (PoolErrorKind::Throttled, ErrorKind::Throttled, Guidance::LowerLimit),
            (PoolErrorKind::Transient, ErrorKind::ServiceUnavailable, Guidance::TryLater),
            (PoolErrorKind::Refused, ErrorKind::CallRefused, Guidance::from(look_up)),
        ] {
            backend.script().always(Operation::ListUsers, Some(Fault::Refuse(fault)));
            let error = try_verify(&backend, &SnapshotSelector::Latest, &source_id()).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(
                !error.message().contains("state machine") && !error.message().contains("function"),
                "{error}"
            );
            assert_eq!(*error.guidance(), guidance);
        }
    });
}

/// One change that another client makes to a pool.
#[derive(Debug, Clone)]
enum Change {
    Attribute(Index, bool),
    Enabled(Index),
    Link(Index),
    Delete(Index),
    Add,
    Describe(Index),
    DeleteGroup(Index),
    AddGroup,
    Join(Index, Index),
    Leave(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<bool>()).prop_map(|(user, set)| Change::Attribute(user, set)),
        index().prop_map(Change::Enabled),
        index().prop_map(Change::Link),
        index().prop_map(Change::Delete),
        Just(Change::Add),
        index().prop_map(Change::Describe),
        index().prop_map(Change::DeleteGroup),
        Just(Change::AddGroup),
        (index(), index()).prop_map(|(user, group)| Change::Join(user, group)),
        (index(), index()).prop_map(|(user, group)| Change::Leave(user, group)),
    ]
}

/// Carries out a change. Returns the findings that it must cause. None if it changed nothing.
fn carry_out(change: &Change, pool: &MemoryPool) -> Vec<Finding> {
    use FindingKind::{Different, Extra, Missing};
    let (mut users, groups) = (by_name(pool), pool.groups());
    let mut pick = |at: &Index| (!users.is_empty()).then(|| users.swap_remove(at.index(users.len())));
    let pick_group = |at: &Index| (!groups.is_empty()).then(|| &groups[at.index(groups.len())]);
    match change {
        Change::Attribute(at, add) => pick(at).map_or_else(Vec::new, |existing| {
            if *add {
                set(pool, &existing.sub, "nickname", "Nobody knows")
            } else {
                set(pool, &existing.sub, "name", "Another Name")
            }
            vec![user(Different, &existing.sub, None, &[if *add { "nickname" } else { "name" }])]
        }),
        Change::Enabled(at) => pick(at).map_or_else(Vec::new, |existing| {
            pool.change_user(&existing.sub, |record| record.enabled = !record.enabled);
            vec![user(Different, &existing.sub, None, &["enabled"])]
        }),
        Change::Link(at) => pick(at).map_or_else(Vec::new, |existing| {
            set(pool, &existing.sub, "identities", r#"[{"userId":"another","providerName":"Google"}]"#);
            vec![user(Different, &existing.sub, None, &["identities"])]
        }),
        Change::Delete(at) => pick(at).map_or_else(Vec::new, |existing| {
            pool.delete_user(&existing.sub);
            let lost = groups.iter().filter(|(_, members)| members.contains(&existing.sub));
            let lost = lost.map(|(group, _)| membership(Missing, &group.name, &existing.sub));
            lost.chain([user(Missing, &existing.sub, None, &[])]).collect()
        }),
        Change::Add => {
            vec![user(Extra, &pool.put_user(people::plain(1, 0).people[0].record(9_999)), None, &[])]
        }
        Change::Describe(at) => pick_group(at).map_or_else(Vec::new, |(existing, _)| {
            pool.put_group(GroupRecord { description: Some("Another".to_owned()), ..existing.clone() });
            vec![group(Different, &existing.name, &["description"])]
        }),
        Change::DeleteGroup(at) => pick_group(at).map_or_else(Vec::new, |(existing, members)| {
            pool.delete_group(&existing.name);
            let lost = members.iter().map(|sub| membership(Missing, &existing.name, sub));
            lost.chain([group(Missing, &existing.name, &[])]).collect()
        }),
        Change::AddGroup => {
            pool.put_group(people::group(50));
            vec![group(Extra, &people::group_name(50), &[])]
        }
        Change::Join(at, in_group) => {
            pick(at).zip(pick_group(in_group)).map_or_else(Vec::new, |(existing, (group, members))| {
                pool.join(&existing.sub, &group.name);
                if members.contains(&existing.sub) {
                    Vec::new()
                } else {
                    vec![membership(Extra, &group.name, &existing.sub)]
                }
            })
        }
        Change::Leave(at, in_group) => {
            pick(at).zip(pick_group(in_group)).map_or_else(Vec::new, |(existing, (group, members))| {
                pool.leave(&existing.sub, &group.name);
                if members.contains(&existing.sub) {
                    vec![membership(Missing, &group.name, &existing.sub)]
                } else {
                    Vec::new()
                }
            })
        }
    }
}

/// Faults that a command survives: no deaths.
fn passing_faults() -> impl Strategy<Value = Faults> {
    disturbance::faults()
        .prop_map(|faults| faults.into_iter().filter(|(_, fault)| !matches!(fault, Fault::Die(_))).collect())
}

/// If a fault of the table defeats the adapter's retries, the command starts again.
async fn verified_with(backend: &MemoryBackend, faults: &Faults) -> Vec<Finding> {
    disturbance::order_faults(backend, faults);
    let result = try_verify(backend, &SnapshotSelector::Latest, &source_id()).await;
    backend.script().clear();
    match result {
        Ok((_, reported)) => reported.findings,
        Err(error) => {
            assert!(error.kind().retryable(), "{error}");
            verified(backend, &source_id()).await.1
        }
    }
}

proptest! {
    #![proptest_config(cases(80))]

    /// For any pool, any shape of listings and any faults: no finding after an export, and after one
    /// change exactly that one.
    #[test]
    fn verify_finds_exactly_the_change_that_was_made(
        population in people::any_kind(40),
        change in change(),
        shape in disturbance::shape(),
        faults in passing_faults(),
    ) {
        in_paused_time(async {
            let (backend, source, _) = exported(&population).await;
            source.set_shape(PageShape { echo: false, ..shape });
            assert_eq!(verified_with(&backend, &faults).await, []);
            let expected = carry_out(&change, &source);
            let findings = verified_with(&backend, &faults).await;
            assert_eq!(findings.len(), expected.len(), "{change:?}: {findings:?}");
            assert!(expected.iter().all(|finding| findings.contains(finding)), "{change:?}: {findings:?}");
        });
    }

    /// Every `sub` differs in a restored pool.
    #[test]
    fn verify_finds_exactly_the_change_in_a_restored_pool(population in people::restorable(30), change in change()) {
        in_paused_time(async {
            let (backend, source, target) = exported(&population).await;
            import(&backend, json!({})).await;
            assert_eq!(verified(&backend, &target_id()).await.1, []);
            let old: BTreeMap<_, _> = source.users().into_iter().map(|user| (user.record.username, user.sub)).collect();
            let old: BTreeMap<Sub, Sub> =
                target.users().into_iter().filter_map(|user| Some((user.sub, old.get(&user.record.username)?.clone()))).collect();
            let with_old_sub = |finding: Finding| match finding {
                Finding::User { finding, sub, fields, .. } if finding == FindingKind::Different => {
                    Finding::User { finding, sub: old[&sub].clone(), pool_sub: Some(sub), fields }
                }
                Finding::User { finding, sub, pool_sub, fields } if finding == FindingKind::Missing => {
                    Finding::User { finding, sub: old[&sub].clone(), pool_sub, fields }
                }
                Finding::Membership { finding, group, sub } if finding == FindingKind::Missing => {
                    Finding::Membership { finding, group, sub: old[&sub].clone() }
                }
                other => other,
            };
            let expected: Vec<_> = carry_out(&change, &target).into_iter().map(with_old_sub).collect();
            let findings = verified(&backend, &target_id()).await.1;
            assert_eq!(findings.len(), expected.len(), "{change:?}: {findings:?}");
            assert!(expected.iter().all(|finding| findings.contains(finding)), "{change:?}: {findings:?} {expected:?}");
        });
    }
}
