//! What the input of a restore left out or changed is no difference.

use shared::operations::verify::ComparedRoles;

use super::*;

const OTHER: &str = "arn:aws:iam::999999999999:role/other";

/// The role of a group that has one.
fn role() -> String {
    people::group(0).role_arn.unwrap()
}

async fn exported_with_roles() -> (MemoryBackend, MemoryPool) {
    let mut population = people::plain(6, 4);
    population.people.iter_mut().for_each(|person| person.groups = 0b1111);
    let (backend, _, target) = exported(&population).await;
    (backend, target)
}

/// A restore without these options is not the same restore. So it begins at another time.
async fn import_later(backend: &MemoryBackend, options: Value) -> Value {
    tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
    import(backend, options).await
}

#[test]
fn verify_compares_a_role_with_the_role_that_the_map_of_the_restore_names() {
    in_paused_time(async {
        let (backend, target) = exported_with_roles().await;
        let report = import(&backend, json!({"groupRoles": {"map": {role(): OTHER}}})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings, comparison.groups.same), (Vec::new(), 4), "{report}");
        assert_eq!(comparison.group_roles, ComparedRoles::Mapped);
        // The role of the snapshot is now another one than the restore was to give.
        target.put_group(people::group(0));
        let (_, findings) = verified(&backend, &target_id()).await;
        assert_eq!(findings, [group(FindingKind::Different, &people::group_name(0), &["role"])]);
    });
}

#[test]
fn verify_compares_no_roles_after_a_restore_that_gave_none() {
    in_paused_time(async {
        let (backend, target) = exported_with_roles().await;
        import(&backend, json!({"groupRoles": "skip"})).await;
        assert!(target.groups().iter().all(|(group, _)| group.role_arn.is_none()));
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings, comparison.groups.same), (Vec::new(), 4));
        assert_eq!(comparison.group_roles, ComparedRoles::NotCompared);
        // The other settings still count.
        let changed = GroupRecord { precedence: Some(77), role_arn: Some(role()), ..people::group(1) };
        target.put_group(changed);
        let (_, findings) = verified(&backend, &target_id()).await;
        assert_eq!(findings, [group(FindingKind::Different, &people::group_name(1), &["precedence"])]);
    });
}

#[test]
fn the_newest_restore_of_all_users_decides_about_roles() {
    in_paused_time(async {
        let (backend, target) = exported_with_roles().await;
        import(&backend, json!({"groupRoles": "skip"})).await;
        // A restore that ends before it handles an entry, and one of a few users, leave the groups alone.
        let map = json!({"map": {OTHER: OTHER}});
        let refused = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(),
            "groupRoles": map, "acceptLosses": true});
        Machine::new(&backend).import(refused, &new_execution()).await.error();
        let username = by_name(&target)[0].record.username.clone();
        import_later(&backend, json!({"existing": "skip", "select": {"usernames": [username]}})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings, comparison.group_roles), (Vec::new(), ComparedRoles::NotCompared));
        assert_eq!(comparison.restored.unwrap().options.group_roles, GroupRoles::Skip);

        import_later(&backend, json!({"existing": "skip"})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!(comparison.group_roles, ComparedRoles::OfSnapshot);
        assert_eq!(comparison.groups.fields, [("role".to_owned(), 2)].into(), "{findings:?}");
    });
}

#[test]
fn without_a_restore_roles_are_compared_with_the_snapshot() {
    in_paused_time(async {
        let (backend, source, _) = exported(&people::plain(4, 1)).await;
        source.put_group(GroupRecord { role_arn: Some(OTHER.to_owned()), ..people::group(0) });
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!(findings, [group(FindingKind::Different, &people::group_name(0), &["role"])]);
        assert_eq!((comparison.group_roles, comparison.restored), (ComparedRoles::OfSnapshot, None));
    });
}

/// A source with a user that is not confirmed, in a group. Returns its `sub`.
async fn exported_with_unconfirmed() -> (MemoryBackend, MemoryPool, Sub) {
    let mut population = people::plain(12, 1);
    population.people[3].kind = Kind::Federated;
    let (backend, source, target) = backend();
    population.fill(&source);
    let mut record = population.people[5].record(50);
    record.status = UserStatus::Unconfirmed;
    let unconfirmed = source.put_user(record);
    source.join(&unconfirmed, &people::group_name(0));
    export(&backend, "export").await;
    (backend, target, unconfirmed)
}

#[test]
fn unconfirmed_users_that_the_restore_left_out_are_not_missing() {
    in_paused_time(async {
        let (backend, target, unconfirmed) = exported_with_unconfirmed().await;
        let report = import(&backend, json!({"unconfirmed": "skip"})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((findings, comparison.is_complete()), (Vec::new(), true), "{report}");
        let Comparison { users, memberships, .. } = &comparison;
        assert_eq!((users.left_to_sign_in, users.left_out_unconfirmed, users.missing), (1, 1, 0));
        assert_eq!((memberships.left_out_unconfirmed, memberships.missing), (1, 0));
        let json = serde_json::to_value(&comparison).unwrap();
        assert_eq!(
            (&json["users"]["leftOutUnconfirmed"], &json["memberships"]["leftOutUnconfirmed"]),
            (&json!(1), &json!(1))
        );
        // A restored user that was deleted since is missing.
        let gone = by_name(&target)[0].sub.clone();
        target.delete_user(&gone);
        let (comparison, _) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.left_out_unconfirmed, comparison.users.missing), (1, 1));

        // The newest restore decides: it created the user, which was then deleted.
        import_later(&backend, json!({"existing": "skip"})).await;
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.left_out_unconfirmed, findings), (0, Vec::new()));
        let created = target.users().into_iter().map(|user| user.record.username);
        assert_eq!(created.count(), 12, "{unconfirmed}");
    });
}

#[test]
fn an_unconfirmed_user_that_a_newer_restore_created_is_missing_if_it_was_deleted() {
    in_paused_time(async {
        let (backend, target, unconfirmed) = exported_with_unconfirmed().await;
        import(&backend, json!({"unconfirmed": "skip"})).await;
        let before: Vec<Sub> = target.users().into_iter().map(|user| user.sub).collect();
        import_later(&backend, json!({"existing": "skip"})).await;
        let created: Vec<Sub> =
            target.users().into_iter().map(|user| user.sub).filter(|sub| !before.contains(sub)).collect();
        assert_eq!(created.len(), 1);
        target.delete_user(&created[0]);
        let (comparison, findings) = verified(&backend, &target_id()).await;
        assert_eq!((comparison.users.left_out_unconfirmed, comparison.users.missing), (0, 1));
        assert!(findings.contains(&user(FindingKind::Missing, &unconfirmed, None, &[])), "{findings:?}");
    });
}

#[test]
fn an_unconfirmed_user_that_a_repair_left_out_is_not_missing() {
    in_paused_time(async {
        let (backend, _, unconfirmed) = exported_with_unconfirmed().await;
        let source = backend.pool(&source_id());
        source.delete_user(&unconfirmed);
        let repair = json!({"targetUserPoolId": source_id(), "existing": "skip", "unconfirmed": "skip"});
        import(&backend, repair).await;
        let (comparison, findings) = verified(&backend, &source_id()).await;
        assert_eq!((findings, comparison.users.left_out_unconfirmed), (Vec::new(), 1));
    });
}
