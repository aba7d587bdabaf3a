//! Targets that hold users and groups before the restore.

use super::*;

/// A target that holds half of the users, some of them changed, and a group with other settings.
async fn half_restored() -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target, contents) =
        exported(Mode::Usernames, &people::plain(40, 2), json!({})).await;
    for (number, user) in source.users().into_iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        let mut record = user.record;
        match number % 10 {
            0 => drop(record.attributes.insert("name".to_owned(), "Another Name".to_owned())),
            2 => drop(record.attributes.insert("locale".to_owned(), "de".to_owned())),
            4 => record.enabled = !record.enabled,
            _ => {}
        }
        target.put_user(record);
    }
    target.put_group(GroupRecord { description: Some("mine".to_owned()), ..people::group(1) });
    // Well before the restore begins.
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    (backend, target, contents)
}

#[test]
fn existing_users_and_groups_stay_unchanged_with_skip() {
    in_paused_time(async {
        let (backend, target, contents) = half_restored().await;
        let before = target.users();
        let from = backend.script().log().len();
        assert_eq!(
            Machine::new(&backend).import(import(json!({})), "fail").await.error().0,
            "TargetNotEmpty"
        );
        let report = restore(&backend, json!({"existing": "skip"})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(report["users"]["created"], 20, "{report}");
        assert_eq!(report["users"]["reasons"], json!({"alreadyInTarget": 12}), "{report}");
        assert_eq!(report["users"]["alreadyThere"], 8, "{report}");
        for user in before {
            assert_eq!(target.user(&user.sub), Some(user), "a user was changed");
        }
        for operation in
            [Operation::AdminUpdateUserAttributes, Operation::UpdateGroup, Operation::AdminEnableUser]
        {
            assert_eq!(calls(&backend, from, operation), 0);
        }
        assert_eq!((target.user_count(), calls(&backend, from, Operation::AdminSetUserPassword)), (40, 20));
        // The target scan finds the existing users: no call tries to create them or looks them up.
        let creates_and_lookups = [Operation::AdminCreateUser, Operation::AdminGetUser]
            .map(|operation| calls(&backend, from, operation));
        assert_eq!(creates_and_lookups, [20, 0]);
        assert!(compare(&contents, &target).missing_users.is_empty());
        // A second import changes nothing.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let from = backend.script().log().len();
        let again = restore(&backend, json!({"existing": "skip"})).await;
        assert_eq!(
            (again["status"].as_str(), again["users"]["created"].as_u64()),
            (Some("SUCCEEDED"), Some(0))
        );
        assert_eq!(calls(&backend, from, Operation::AdminSetUserPassword), 0);
    });
}

#[test]
fn existing_users_and_groups_equal_the_snapshot_after_update() {
    in_paused_time(async {
        let (backend, target, contents) = half_restored().await;
        let statuses = |pool: &MemoryPool| {
            pool.users()
                .into_iter()
                .map(|user| (user.sub, user.record.status))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let before = statuses(&target);
        let from = backend.script().log().len();
        let report = restore(&backend, json!({"existing": "update"})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(
            (report["users"]["updated"].as_u64(), report["groups"]["updated"].as_u64()),
            (Some(12), Some(1)),
            "{report}"
        );
        assert_eq!(calls(&backend, from, Operation::AdminSetUserPassword), 20, "a password was changed");
        let comparison = compare(&contents, &target);
        assert!(
            comparison.missing_users.is_empty() && comparison.different_users.is_empty(),
            "{comparison:?}"
        );
        assert!(
            comparison.missing_groups.is_empty() && comparison.missing_memberships.is_empty(),
            "{comparison:?}"
        );
        let after = statuses(&target);
        assert!(before.iter().all(|(sub, status)| after.get(sub) == Some(status)));
        let (pages, _) = Catalog::new(backend.vault())
            .ledger(&RunId::parse(report["restoreId"].as_str().unwrap()).unwrap(), None)
            .await
            .unwrap();
        let told = pages.iter().map(|(_, _, page)| format!("{:?}", page.exceptions)).collect::<String>();
        for changed in ["name", "locale", "enabled", "description"] {
            assert!(told.contains(&format!("\"{changed}\"")), "{changed} is not named");
        }
        assert!(!told.contains("Another Name"), "the ledger holds a value");
    });
}

#[test]
fn two_users_of_a_snapshot_never_become_one() {
    in_paused_time(async {
        // Two users whose names differ only by case. In a pool that ignores case, they are one
        // user.
        let (backend, source, target, _) =
            exported(Mode::CaseSensitive, &people::plain(0, 0), json!({})).await;
        for name in ["anna", "Anna"] {
            let mut record = people::plain(1, 0).people[0].record(0);
            record.username = Username::new(name);
            source.put_user(record);
        }
        export(&backend, json!({})).await;
        // The restore gets here only if the target changes after the preflight.
        let insensitive = target.clone();
        let next = backend.script().calls();
        backend.script().change(next + 20, move || insensitive.configure(|pool| pool.case_sensitive = false));
        let report = restore(&backend, json!({})).await;
        assert_eq!(target.user_count(), 1);
        assert_eq!(
            (report["status"].as_str(), report["users"]["created"].as_u64()),
            (Some("PARTIAL"), Some(1)),
            "{report}"
        );
        assert_eq!(report["users"]["reasons"], json!({"usernameTaken": 1}), "{report}");
    });
}
