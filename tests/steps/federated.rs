//! Goal: a restore tells users that Cognito made at a federated sign-in from native users, and leaves only the first to
//! their next sign-in.
//!
//! Method: import users with identities, let some of them sign in, and import again.

use serde_json::{Value, json};
use shared::model::{GroupName, GroupRecord, RunId, Sub, UserRecord, UserStatus, Username};
use shared::ports::pool::Operation;
use shared_memory::{MemoryBackend, MemoryPool};

use crate::fidelity::Mode;
use crate::support::machine::Machine;
use crate::support::people::{self, PROVIDER};
use crate::support::pruned::{named_snapshots, prune_by_hand};
use crate::support::{backend, in_paused_time, source_id, target_id};

fn user(name: &str, status: UserStatus, identity: Option<(&str, bool)>) -> UserRecord {
    let mut record = people::plain(1, 0).people[0].record(1);
    record.username = Username::new(name);
    record.status = status;
    record.attributes = [("email".to_owned(), format!("{}@example.com", name.to_lowercase()))].into();
    if let Some((id, primary)) = identity {
        let identities = format!(r#"[{{"userId":"{id}","providerName":"{PROVIDER}","primary":{primary}}}]"#);
        record.attributes.insert("identities".to_owned(), identities);
    }
    record.enabled = true;
    record
}

/// The user that Cognito makes of an identity.
fn federated(id: &str) -> UserRecord {
    user(&format!("{PROVIDER}_{id}"), UserStatus::ExternalProvider, Some((id, true)))
}

fn group(name: &str) -> GroupRecord {
    let none = people::group(1);
    GroupRecord { name: GroupName::new(name), description: None, precedence: None, role_arn: None, ..none }
}

/// A source with these users, all members of `admins`, a sealed snapshot of it, and an empty target.
async fn exported(users: &[UserRecord]) -> (MemoryBackend, MemoryPool, MemoryPool, Vec<Sub>) {
    let (backend, source, target) = backend();
    source.put_group(group("admins"));
    let subs: Vec<Sub> = users.iter().map(|user| source.put_user(user.clone())).collect();
    subs.iter().for_each(|sub| assert!(source.join(sub, &GroupName::new("admins"))));
    export(&backend).await;
    (backend, source, target, subs)
}

async fn export(backend: &MemoryBackend) {
    let name = format!("export-{}", backend.script().calls());
    Machine::new(backend).export(json!({"userPoolId": source_id()}), &name).await.report();
}

async fn import(backend: &MemoryBackend, options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input, &name).await.report()
}

fn usernames(pool: &MemoryPool) -> Vec<String> {
    let mut names: Vec<_> = pool.users().into_iter().map(|user| user.record.username.to_string()).collect();
    names.sort();
    names
}

fn members(pool: &MemoryPool, name: &str) -> usize {
    let groups = pool.groups();
    groups.iter().find(|(group, _)| group.name.as_str() == name).map_or(0, |(_, members)| members.len())
}

#[test]
fn a_native_user_that_signs_in_through_a_provider_keeps_its_name_link_and_memberships() {
    for options in [json!({}), json!({"federated": "link"})] {
        in_paused_time(async {
            let anna = user("anna", UserStatus::ExternalProvider, Some(("7", false)));
            let (backend, _, target, _) = exported(&[anna]).await;
            let report = import(&backend, options.clone()).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!((usernames(&target), members(&target, "admins")), (vec!["anna".to_owned()], 1));
            let restored = target.users().remove(0).record;
            assert_eq!(restored.identities().unwrap()[0].user_id, "7");
        });
    }
}

#[test]
fn a_user_that_a_restore_linked_is_native_in_the_next_backup() {
    in_paused_time(async {
        let (backend, source, target, _) = exported(&[federated("7")]).await;
        assert_eq!(import(&backend, json!({"federated": "link"})).await["status"], "SUCCEEDED");
        let restored = target.users().remove(0);
        assert!(restored.record.username.as_str().starts_with("restored-"));

        // It signs in, and Cognito shows another status.
        source.users().iter().for_each(|user| source.delete_user(&user.sub));
        source.put_user(UserRecord { status: UserStatus::ExternalProvider, ..restored.record.clone() });
        target.users().iter().for_each(|user| target.delete_user(&user.sub));
        target.delete_group(&GroupName::new("admins"));
        export(&backend).await;
        let report = import(&backend, json!({})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(usernames(&target), [restored.record.username.to_string()]);
    });
}

#[test]
fn users_that_are_left_to_their_sign_in_are_counted_apart_and_are_no_failure() {
    in_paused_time(async {
        let users = [federated("1"), federated("2"), user("bert", UserStatus::Confirmed, None)];
        let (backend, _, target, _) = exported(&users).await;
        let plan = import(&backend, json!({"dryRun": true})).await;
        assert_eq!(plan["objections"]["leftToSignIn"]["users"], 2, "{plan}");
        let report = import(&backend, json!({})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        for (kind, created) in [("users", 1), ("memberships", 1)] {
            let tally = &report[kind];
            assert_eq!(
                (&tally["leftToSignIn"], &tally["skipped"], &tally["lost"]),
                (&json!(2), &json!(0), &json!(0))
            );
            assert_eq!(tally["created"], created);
        }
        let summary = report["summary"].as_str().unwrap();
        assert!(summary.contains("Left to the next federated sign-in: 2 memberships."), "{summary}");
        assert_eq!(usernames(&target), ["bert"]);
    });
}

#[test]
fn a_restore_that_succeeded_adds_the_memberships_of_users_that_have_signed_in_since() {
    for existing in ["fail", "skip", "update"] {
        in_paused_time(async {
            let users = [federated("1"), federated("2"), user("bert", UserStatus::Confirmed, None)];
            let (backend, _, target, _) = exported(&users).await;
            let options = json!({"existing": existing});
            let first = import(&backend, options.clone()).await;
            assert_eq!(first["status"], "SUCCEEDED", "{first}");

            // The provider gives other attributes, and the case of the username may differ.
            let name = format!("{}_1", PROVIDER.to_lowercase());
            let mut back = user(&name, UserStatus::ExternalProvider, Some(("1", true)));
            back.attributes.insert("name".to_owned(), "Other".to_owned());
            target.put_user(back);
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
            let from = backend.script().log().len();
            let second = import(&backend, options.clone()).await;
            assert_eq!(second["status"], "SUCCEEDED", "{second}");
            assert_eq!(second["users"]["leftToSignIn"], 1, "{second}");
            assert_eq!((&second["memberships"]["leftToSignIn"], members(&target, "admins")), (&json!(1), 2));
            assert_eq!(existing == "fail", first["restoreId"] == second["restoreId"]);
            let changed = [
                Operation::AdminUpdateUserAttributes,
                Operation::AdminDisableUser,
                Operation::AdminSetUserPassword,
            ];
            assert!(backend.script().log()[from..].iter().all(|(_, operation)| !changed.contains(operation)));

            target.put_user(federated("2"));
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
            let third = import(&backend, options.clone()).await;
            assert_eq!((&third["status"], members(&target, "admins")), (&json!("SUCCEEDED"), 3), "{third}");
            assert_eq!(third["users"]["leftToSignIn"], 0, "{third}");
        });
    }
}

#[test]
fn the_group_of_a_provider_is_the_one_of_the_target() {
    in_paused_time(async {
        let (backend, source, target, subs) =
            exported(&[user("bert", UserStatus::Confirmed, Some(("9", false)))]).await;
        let [of_source, of_target] = [source_id(), target_id()].map(|pool| format!("{pool}_{PROVIDER}"));
        let of_operator = format!("{}_Other", source_id());
        let role = people::group(0).role_arn;
        source.put_group(group(&of_source));
        source.put_group(GroupRecord { role_arn: role.clone(), ..group(&of_operator) });
        [&of_source, &of_operator]
            .into_iter()
            .for_each(|name| assert!(source.join(&subs[0], &GroupName::new(name.as_str()))));
        target.put_group(GroupRecord { description: Some("Autogenerated".to_owned()), ..group(&of_target) });
        export(&backend).await;
        let report = import(&backend, json!({})).await;
        assert_eq!(
            (&report["status"], &report["memberships"]["created"]),
            (&json!("SUCCEEDED"), &json!(3)),
            "{report}"
        );
        assert_eq!((members(&target, &of_target), members(&target, &of_operator)), (1, 1));
        let names: Vec<_> = target.groups().into_iter().map(|(group, _)| group.name.to_string()).collect();
        assert!(!names.contains(&of_source), "{names:?}");
    });
}

#[test]
fn a_native_user_with_the_name_of_a_federated_one_gets_nothing_of_it() {
    for existing in ["skip", "update"] {
        in_paused_time(async {
            let (backend, _, target, _) = exported(&[federated("1")]).await;
            target.put_user(user(&format!("{PROVIDER}_1"), UserStatus::Confirmed, None));
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
            let report = import(&backend, json!({"existing": existing})).await;
            assert_eq!(
                (&report["users"]["leftToSignIn"], &report["memberships"]["leftToSignIn"]),
                (&json!(1), &json!(1)),
                "{report}"
            );
            assert_eq!(members(&target, "admins"), 0);
        });
    }
}

#[test]
fn a_native_user_of_the_own_pool_with_the_name_of_a_federated_one_keeps_its_memberships() {
    in_paused_time(async {
        let (backend, source, _, subs) = exported(&[federated("1")]).await;
        source.delete_user(&subs[0]);
        let mut native = user(&format!("{PROVIDER}_1"), UserStatus::Confirmed, None);
        native.attributes.insert("name".to_owned(), "Other".to_owned());
        source.put_user(native);
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let report = import(&backend, json!({"existing": "skip", "targetUserPoolId": source_id()})).await;
        assert_eq!(report["memberships"]["reasons"], json!({"userKept": 1}), "{report}");
        assert_eq!(members(&source, "admins"), 0);
    });
}

#[test]
fn a_user_whose_alias_is_the_name_of_a_federated_one_gets_nothing_of_it() {
    in_paused_time(async {
        let (backend, _, target, _) = exported(&[federated("1")]).await;
        target.configure(|description| Mode::Aliases.describe(description));
        assert_eq!(import(&backend, json!({})).await["status"], "SUCCEEDED");
        let mut other = federated("99");
        other.attributes.insert("preferred_username".to_owned(), format!("{PROVIDER}_1"));
        target.put_user(other);
        let report = import(&backend, json!({})).await;
        assert_eq!(
            (&report["users"]["leftToSignIn"], &report["memberships"]["leftToSignIn"]),
            (&json!(1), &json!(1)),
            "{report}"
        );
        assert_eq!(members(&target, "admins"), 0);
    });
}

#[test]
fn changes_since_a_restore_succeeded_do_not_make_it_partial() {
    in_paused_time(async {
        let native = |name| user(name, UserStatus::Confirmed, None);
        let (backend, _, target, _) =
            exported(&[federated("1"), federated("2"), native("bert"), native("carl")]).await;
        assert_eq!(import(&backend, json!({})).await["status"], "SUCCEEDED");
        let sub = |name: &str| {
            target.users().into_iter().find(|user| user.record.username.as_str() == name).unwrap().sub
        };
        target.change_user(&sub("bert"), |record| {
            record.attributes.insert("name".to_owned(), "Bert".to_owned());
        });
        target.delete_user(&sub("carl"));
        target.put_user(federated("1"));
        for _ in 0..2 {
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
            let report = import(&backend, json!({})).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            let found = &report["verification"];
            assert_eq!((&found["different"], &found["missing"]), (&json!(1), &json!(1)), "{report}");
            let summary = report["summary"].as_str().unwrap();
            assert!(summary.contains("since the restore succeeded"), "{summary}");
        }
        assert_eq!(members(&target, "admins"), 2);
    });
}

/// Since then, an administrator may have taken a user out of the group in the source.
#[test]
fn a_restore_that_succeeded_is_not_continued_if_latest_is_a_newer_snapshot() {
    in_paused_time(async {
        let (backend, _, target, _) =
            exported(&[federated("1"), user("bert", UserStatus::Confirmed, None)]).await;
        let first = import(&backend, json!({})).await;
        assert_eq!(first["status"], "SUCCEEDED", "{first}");
        target.put_user(federated("1"));
        tokio::time::sleep(std::time::Duration::from_secs(80 * 24 * 3600)).await;
        export(&backend).await;
        let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
        for dry_run in [true, false] {
            input["dryRun"] = json!(dry_run);
            let end = Machine::new(&backend).import(input.clone(), &format!("second {dry_run}")).await;
            let (error, cause) = end.error();
            let [restore, snapshot] = ["restoreId", "snapshotId"].map(|name| first[name].as_str().unwrap());
            let says = format!("To continue restore {restore}, ");
            assert_eq!(error, "TargetNotEmpty", "{cause}");
            assert!(
                cause.contains(&says) && cause.contains(&format!("\"snapshot\": \"{snapshot}\"")),
                "{cause}"
            );
            assert_eq!(members(&target, "admins"), 1);
        }
        let report = import(&backend, json!({"snapshot": first["snapshotId"]})).await;
        assert_eq!((&report["restoreId"], &report["status"]), (&first["restoreId"], &json!("SUCCEEDED")));
        assert_eq!(members(&target, "admins"), 2);
        // No user of the restore is left, so the newest snapshot may come.
        target.users().iter().for_each(|user| target.delete_user(&user.sub));
        let report = import(&backend, json!({})).await;
        assert_ne!(report["snapshotId"], first["snapshotId"], "{report}");
    });
}

#[test]
fn a_restore_that_succeeded_is_not_continued_without_its_snapshot() {
    in_paused_time(async {
        let (backend, source, _, _) =
            exported(&[federated("1"), user("bert", UserStatus::Confirmed, None)]).await;
        let first = import(&backend, json!({})).await;
        assert_eq!(first["status"], "SUCCEEDED", "{first}");
        source.put_user(user("carl", UserStatus::Confirmed, None));
        export(&backend).await;
        let snapshot = RunId::parse(first["snapshotId"].as_str().unwrap()).unwrap();
        prune_by_hand(&backend, &named_snapshots([&snapshot])).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
        let end = Machine::new(&backend).import(input, "second").await;
        let (error, cause) = end.error();
        assert!(error == "TargetNotEmpty" && cause.contains("was removed"), "{error} {cause}");
        let report = import(&backend, json!({"existing": "skip"})).await;
        assert_eq!((&report["status"], &report["users"]["created"]), (&json!("SUCCEEDED"), &json!(1)));
    });
}
