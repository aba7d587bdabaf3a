//! Which user of the pool is which user of the snapshot.

use shared::identity::{FoundBy, PoolMatcher, SnapshotUsers};
use shared::ports::pool::Pool;

use super::*;

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
        // The restore has left it to its next sign-in, with its memberships.
        let in_groups = source.groups().into_iter().filter(|(_, members)| members.contains(&federated.sub));
        let left = (comparison.users.left_to_sign_in, comparison.memberships.left_to_sign_in);
        assert_eq!((findings, left), (Vec::new(), (1, in_groups.count() as u64)));
        assert_eq!((comparison.users.missing, comparison.matched_by.sub_map), (0, 39));
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
        assert_eq!((comparison.users.left_to_sign_in, comparison.memberships.left_to_sign_in), (0, 0));
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
fn verify_tells_the_own_pool_from_another_one() {
    in_paused_time(async {
        let (backend, _, _) = exported(&people::plain(9, 1)).await;
        import(&backend, json!({})).await;
        assert!(verified(&backend, &source_id()).await.0.matched_by.own_pool);
        assert!(!verified(&backend, &target_id()).await.0.matched_by.own_pool);
    });
}

/// The operator left out users that were not confirmed. They do not come back by themselves.
#[test]
fn verify_counts_only_federated_users_as_left_to_their_sign_in() {
    in_paused_time(async {
        let mut population = people::plain(12, 1);
        population.people[3].kind = Kind::Federated;
        let (backend, source, _) = backend();
        population.fill(&source);
        let mut record = population.people[5].record(50);
        record.status = UserStatus::Unconfirmed;
        source.put_user(record);
        export(&backend, "export").await;
        let report = import(&backend, json!({"unconfirmed": "skip"})).await;
        let (Comparison { users, .. }, findings) = verified(&backend, &target_id()).await;
        let counts = (users.left_to_sign_in, users.left_out_unconfirmed, users.missing);
        assert_eq!((counts, findings), ((1, 1, 0), Vec::new()), "{report}");
    });
}

/// A user that is found by its `sub` is that user, also if it has other names now.
#[test]
fn names_are_no_candidates_for_a_user_that_its_sub_or_the_sub_map_names() {
    in_paused_time(async {
        let (backend, source, target) = exported(&people::plain(12, 1)).await;
        import(&backend, json!({})).await;
        let catalog = Catalog::new(backend.vault());
        let now = backend.clock().now();
        let (snapshot, units) =
            catalog.sealed_snapshot(&source_id(), &SnapshotSelector::Latest, now).await.unwrap();
        let users = SnapshotUsers::read(&catalog, &snapshot, &units).await.unwrap();
        for (id, pool, expected) in
            [(source_id(), &source, FoundBy::Sub), (target_id(), &target, FoundBy::SubMap)]
        {
            let description = backend.pool(&id).describe().await.unwrap();
            let matcher = PoolMatcher::read(&catalog, &snapshot, &id, &description, &users).await.unwrap();
            let [one, other] = [0, 1].map(|number| by_name(pool)[number].clone());
            // Its name is now that of another user of the snapshot.
            let renamed = User { record: other.record.clone(), ..one.clone() };
            let candidates = matcher.candidates(&users, &renamed);
            assert_eq!(candidates.iter().map(|(_, found_by)| *found_by).collect::<Vec<_>>(), [expected]);
        }
    });
}

/// A repair created the user again. Its `sub` and its name lead to the same user of the snapshot.
#[test]
fn a_successor_in_the_own_pool_is_a_candidate_by_the_sub_map_and_by_name() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(12, 1)).await;
        let gone = by_name(&source)[3].clone();
        source.delete_user(&gone.sub);
        let options = json!({"targetUserPoolId": source_id(), "existing": "update"});
        import(&backend, options).await;
        let again = by_name(&source)[3].clone();
        assert_ne!(again.sub, gone.sub);
        let catalog = Catalog::new(backend.vault());
        let now = backend.clock().now();
        let (snapshot, units) =
            catalog.sealed_snapshot(&source_id(), &SnapshotSelector::Latest, now).await.unwrap();
        let users = SnapshotUsers::read(&catalog, &snapshot, &units).await.unwrap();
        let description = backend.pool(&source_id()).describe().await.unwrap();
        let matcher =
            PoolMatcher::read(&catalog, &snapshot, &source_id(), &description, &users).await.unwrap();
        let found: Vec<_> = matcher
            .candidates(&users, &again)
            .into_iter()
            .map(|(row, found_by)| (users.sub(row), found_by))
            .collect();
        assert_eq!(found[0], (gone.sub.clone(), FoundBy::SubMap));
        // It may have several names, and each leads to the user.
        assert!(found.len() > 1 && found[1..].iter().all(|by| *by == (gone.sub.clone(), FoundBy::Name)));
    });
}
