//! Goal: no group keeps other entries from being restored, and a group that lacks a setting is counted.
//!
//! Method: import groups whose settings differ from the target's, whose roles cannot be passed, or about
//! which Cognito contradicts itself.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{GroupName, GroupRecord, PoolTag};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, Mishap, PageShape};
use tokio::time::sleep;

use crate::support::machine::Machine;
use crate::support::{backend, in_paused_time, people, source_id, target_id};

const EDITORS: &str = "arn:aws:iam::123456789012:role/editors";
const FOREIGN: &str = "arn:aws:iam::999999999999:role/editors";

fn group(name: &str, precedence: Option<i32>, role: Option<&str>) -> GroupRecord {
    GroupRecord {
        name: GroupName::new(name),
        description: None,
        precedence,
        role_arn: role.map(str::to_owned),
        created: None,
        modified: None,
    }
}

/// A source with two users in each of these groups, a sealed snapshot of it, and an empty target.
async fn exported(groups: &[GroupRecord]) -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    groups.iter().for_each(|group| source.put_group(group.clone()));
    for (number, person) in people::plain(2, 0).people.iter().enumerate() {
        let sub = source.put_user(person.record(number));
        groups.iter().for_each(|group| assert!(source.join(&sub, &group.name)));
    }
    Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    (backend, target)
}

fn input(options: &Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

async fn import(backend: &MemoryBackend, options: Value) -> Value {
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input(&options), &name).await.report()
}

fn in_target(target: &MemoryPool, name: &str) -> (Option<i32>, Option<String>, usize) {
    let groups = target.groups();
    let (record, members) = groups.iter().find(|(group, _)| group.name.as_str() == name).unwrap();
    (record.precedence, record.role_arn.clone(), members.len())
}

#[test]
fn a_group_without_precedence_differs_from_one_with_precedence_0() {
    for (snapshot, existing, updated) in [(Some(0), None, true), (None, Some(0), false)] {
        in_paused_time(async {
            let (backend, target) = exported(&[group("admins", snapshot, None)]).await;
            target.put_group(group("admins", existing, None));
            let report = import(&backend, json!({})).await;
            assert_eq!(
                (&report["status"], &report["groups"]["reasons"]),
                (&json!("PARTIAL"), &json!({"groupDiffers": 1}))
            );
            assert_eq!(in_target(&target, "admins"), (existing, None, 2));

            let report = import(&backend, json!({"existing": "update"})).await;
            if updated {
                assert_eq!(
                    (&report["status"], &report["groups"]["updated"]),
                    (&json!("SUCCEEDED"), &json!(1))
                );
                assert_eq!(in_target(&target, "admins"), (Some(0), None, 2));
            } else {
                // Cognito cannot remove a precedence.
                assert_eq!(report["groups"]["reasons"], json!({"groupDiffers": 1}));
            }
        });
    }
}

#[test]
fn a_group_whose_role_cannot_be_passed_is_created_without_it_and_counted() {
    in_paused_time(async {
        let groups =
            [group("a", Some(1), Some(EDITORS)), group("b", None, Some(FOREIGN)), group("c", Some(0), None)];
        let (backend, target) = exported(&groups).await;
        [EDITORS, FOREIGN].into_iter().for_each(|role| target.deny_role(role));
        let report = import(&backend, json!({})).await;
        assert_eq!(report["status"], "PARTIAL");
        let counted = &report["groups"];
        assert_eq!((&counted["created"], &counted["reasons"]), (&json!(3), &json!({"roleNotRestored": 2})));
        assert_eq!((&report["users"]["created"], &report["memberships"]["created"]), (&json!(2), &json!(6)));
        assert_eq!(in_target(&target, "a"), (Some(1), None, 2));
        let summary = report["summary"].as_str().unwrap();
        assert!(summary.contains("3 of 3 groups"), "{summary}");
        let says = "Restored without a role: 2 groups (roleNotRestored). A role needs iam:PassRole.";
        assert!(summary.contains(says) && !summary.contains("CreateGroup"), "{summary}");

        // The next import gives a group its role if it can be passed now.
        target.allow_role(EDITORS);
        let again = import(&backend, json!({})).await;
        assert_eq!((&again["restoreId"], &again["status"]), (&report["restoreId"], &json!("PARTIAL")));
        assert_eq!(again["groups"]["reasons"], json!({"roleNotRestored": 1}));
        assert_eq!(in_target(&target, "a"), (Some(1), Some(EDITORS.to_owned()), 2));
        target.allow_role(FOREIGN);
        assert_eq!(import(&backend, json!({})).await["status"], "SUCCEEDED");
        assert_eq!(in_target(&target, "b"), (None, Some(FOREIGN.to_owned()), 2));
    });
}

#[test]
fn an_invocation_that_dies_while_it_leaves_out_a_role_does_no_harm() {
    for nth in 1..=8 {
        in_paused_time(async {
            let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
            target.deny_role(EDITORS);
            let script = backend.script().clone();
            let dying = backend.script().clone();
            script.change_before(Operation::CreateGroup, 1, move || {
                dying.fault(dying.calls() + nth, Fault::Die(Applied::All));
            });
            let report = import(&backend, json!({})).await;
            assert_eq!(report["groups"]["reasons"], json!({"roleNotRestored": 1}), "{nth}: {report}");
            assert_eq!(in_target(&target, "a"), (Some(1), None, 2), "{nth}");
        });
    }
}

#[test]
fn a_group_is_not_created_without_its_role_if_the_call_itself_is_denied() {
    in_paused_time(async {
        let (backend, _) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
        let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
        backend.script().always(Operation::CreateGroup, Some(denied));
        let end = Machine::new(&backend).import(input(&json!({})), "import").await;
        assert_eq!(end.error().0, "AccessDenied");
        assert!(end.error().1.contains("CreateGroup"), "{end:?}");
    });
}

/// Cognito denies the first call of `operation`, and no other.
fn deny_first(backend: &MemoryBackend, operation: Operation, code: &'static str) {
    let mut calls = 0;
    backend.script().set_weather(Some(Box::new(move |site| {
        calls += u32::from(site.to_string() == operation.name());
        let is_first = site.to_string() == operation.name() && calls == 1;
        let fault = is_first.then_some(Fault::RefuseWith(PoolErrorKind::AccessDenied, code));
        Mishap { fault, ..Mishap::default() }
    })));
}

/// IAM may learn the tag between a call with the role and the call without it.
#[test]
fn a_group_keeps_its_role_while_iam_learns_the_tag_of_the_pool() {
    for (operation, existing) in
        [(Operation::CreateGroup, None), (Operation::UpdateGroup, Some(group("a", Some(7), None)))]
    {
        in_paused_time(async {
            let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
            let backend = backend.with_pool_tag_required();
            target.configure(|pool| pool.tag = Some(PoolTag::Target));
            let is_update = existing.is_some();
            existing.into_iter().for_each(|group| target.put_group(group));
            sleep(Duration::from_secs(3_600)).await;
            deny_first(&backend, operation, "AccessDeniedException");
            let report =
                import(&backend, json!({"existing": if is_update { "update" } else { "fail" }})).await;
            assert_eq!(report["status"], "SUCCEEDED", "{operation:?}: {report}");
            assert_eq!(in_target(&target, "a"), (Some(1), Some(EDITORS.to_owned()), 2), "{operation:?}");
        });
    }
}

#[test]
fn a_role_that_cannot_be_passed_is_left_out_after_the_time_in_which_the_tag_may_be_new() {
    in_paused_time(async {
        let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
        let backend = backend.with_pool_tag_required();
        target.configure(|pool| pool.tag = Some(PoolTag::Target));
        target.deny_role(EDITORS);
        let machine = Machine { retries_as_deployed: true, ..Machine::new(&backend) };
        let began = backend.clock().now();
        let report = machine.import(input(&json!({})), "import").await.report();
        assert_eq!(report["groups"]["reasons"], json!({"roleNotRestored": 1}), "{report}");
        assert_eq!(in_target(&target, "a"), (Some(1), None, 2));
        assert!(backend.clock().now().duration_since(began).as_secs() >= 120);
        // A later pass is patient, too, and gives the role.
        target.allow_role(EDITORS);
        deny_first(&backend, Operation::UpdateGroup, "AccessDeniedException");
        let again = machine.import(input(&json!({})), "again").await.report();
        assert_eq!(
            (&again["restoreId"], &again["status"]),
            (&report["restoreId"], &json!("SUCCEEDED")),
            "{again}"
        );
        assert_eq!(in_target(&target, "a"), (Some(1), Some(EDITORS.to_owned()), 2));
    });
}

#[test]
fn a_group_does_not_lose_its_role_because_credentials_have_expired() {
    in_paused_time(async {
        let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
        deny_first(&backend, Operation::CreateGroup, "ExpiredTokenException");
        let end = Machine::new(&backend).import(input(&json!({})), "expired").await;
        assert_eq!(end.error().0, "AccessDenied", "{end:?}");
        let report = import(&backend, json!({})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(in_target(&target, "a"), (Some(1), Some(EDITORS.to_owned()), 2));
    });
}

#[test]
fn the_input_decides_about_the_roles_of_groups() {
    in_paused_time(async {
        let groups =
            [group("a", Some(1), Some(FOREIGN)), group("b", None, Some("arn:aws:iam::123456789012:role/b"))];
        let (backend, target) = exported(&groups).await;
        target.deny_role(FOREIGN);
        let report = import(&backend, json!({"groupRoles": "skip"})).await;
        assert_eq!(
            (&report["status"], &report["notes"]["roleLeftOut"]),
            (&json!("SUCCEEDED"), &json!(2)),
            "{report}"
        );
        assert_eq!((in_target(&target, "a").1, in_target(&target, "b").1), (None, None));

        // From now on the groups are not this restore's.
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let map = json!({"groupRoles": {"map": {FOREIGN: EDITORS}}, "existing": "update"});
        let report = import(&backend, map).await;
        assert_eq!(
            (&report["status"], &report["groups"]["updated"]),
            (&json!("SUCCEEDED"), &json!(2)),
            "{report}"
        );
        assert_eq!(in_target(&target, "a").1.as_deref(), Some(EDITORS));
        assert_eq!(in_target(&target, "b").1.as_deref(), Some("arn:aws:iam::123456789012:role/b"));

        // A group of the target keeps its role.
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let report = import(&backend, json!({"groupRoles": "skip", "existing": "update"})).await;
        assert_eq!(
            (&report["status"], &report["groups"]["alreadyThere"]),
            (&json!("SUCCEEDED"), &json!(2)),
            "{report}"
        );
        assert_eq!(in_target(&target, "a").1.as_deref(), Some(EDITORS));
        assert_eq!(report["notes"].get("roleLeftOut"), None, "{report}");
    });
}

#[test]
fn a_group_of_the_target_that_keeps_another_role_differs() {
    in_paused_time(async {
        let (backend, target) = exported(&[group("a", Some(1), Some(FOREIGN))]).await;
        target.put_group(group("a", Some(7), Some(EDITORS)));
        target.deny_role(FOREIGN);
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let report = import(&backend, json!({"existing": "update"})).await;
        assert_eq!(
            (&report["status"], &report["groups"]["reasons"]),
            (&json!("PARTIAL"), &json!({"groupDiffers": 1}))
        );
        assert_eq!(in_target(&target, "a"), (Some(1), Some(EDITORS.to_owned()), 2));
    });
}

#[test]
fn a_group_that_the_operator_creates_during_the_restore_gets_no_role() {
    for existing in ["fail", "skip"] {
        in_paused_time(async {
            let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
            let operators = target.clone();
            backend.script().change_before(Operation::CreateGroup, 1, move || {
                operators.put_group(group("a", Some(1), None))
            });
            for _ in 0..2 {
                let report = import(&backend, json!({"existing": existing})).await;
                assert_eq!(report["groups"]["reasons"], json!({"groupDiffers": 1}), "{report}");
                assert_eq!(in_target(&target, "a"), (Some(1), None, 2));
            }
        });
    }
}

#[test]
fn a_group_that_cognito_will_not_create_fails_alone() {
    for lasts in [false, true] {
        for options in [json!({}), json!({"select": {"usernames": ["anna0"]}})] {
            in_paused_time(async {
                let (backend, _) = exported(&[group("a", Some(1), None)]).await;
                let not_found = Fault::Refuse(PoolErrorKind::NotFound);
                backend.script().always(Operation::CreateGroup, Some(not_found));
                if !lasts {
                    let script = backend.script().clone();
                    let end = move || script.always(Operation::CreateGroup, None);
                    backend.script().change_before(Operation::CreateGroup, 2, end);
                }
                let report = import(&backend, options.clone()).await;
                let status = if lasts { "PARTIAL" } else { "SUCCEEDED" };
                let users = if options == json!({}) { 2 } else { 1 };
                assert_eq!((&report["status"], &report["users"]["created"]), (&json!(status), &json!(users)));
                let kind = if options == json!({}) { "groups" } else { "memberships" };
                let refused = &report[kind]["reasons"]["refused: CreateGroup ResourceNotFoundException"];
                assert_eq!(*refused == 1, lasts, "{report}");
                let is_of_group = lasts && kind == "groups";
                let members = if is_of_group { json!({"groupNotRestored": 2}) } else { Value::Null };
                if kind == "groups" {
                    assert_eq!(
                        report["memberships"].get("reasons").unwrap_or(&Value::Null),
                        &members,
                        "{report}"
                    );
                }
            });
        }
    }
}

#[test]
fn an_existing_group_whose_role_cannot_be_passed_is_changed_except_for_it() {
    in_paused_time(async {
        let (backend, target) = exported(&[group("a", Some(1), Some(FOREIGN))]).await;
        target.put_group(group("a", Some(7), None));
        target.deny_role(FOREIGN);
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let plan = import(&backend, json!({"existing": "update", "dryRun": true})).await;
        assert_eq!(plan["groupRoles"]["foreignRoles"], json!([FOREIGN]), "{plan}");
        let report = import(&backend, json!({"existing": "update"})).await;
        assert_eq!(
            (&report["status"], &report["groups"]["reasons"]),
            (&json!("PARTIAL"), &json!({"roleNotRestored": 1}))
        );
        assert_eq!(in_target(&target, "a"), (Some(1), None, 2));
    });
}

#[test]
fn a_role_that_the_group_of_a_selected_member_lacks_is_counted_and_given_later() {
    for existing in ["fail", "skip", "update"] {
        in_paused_time(async {
            let (backend, target) = exported(&[group("a", Some(1), Some(FOREIGN))]).await;
            target.deny_role(FOREIGN);
            let options = json!({"select": {"usernames": ["anna0"]}, "existing": existing});
            let mut dry_run = options.clone();
            dry_run["dryRun"] = json!(true);
            let plan = import(&backend, dry_run).await;
            let roles = &plan["groupRoles"];
            assert_eq!(
                (&roles["groupsIfNeeded"], &roles["rolesIfNeeded"]),
                (&json!(1), &json!([FOREIGN])),
                "{plan}"
            );
            let report = import(&backend, options.clone()).await;
            let memberships = &report["memberships"];
            assert_eq!(
                (&report["status"], &memberships["created"], &memberships["reasons"]["roleNotRestored"]),
                (&json!("PARTIAL"), &json!(1), &json!(1)),
                "{report}"
            );
            let summary = report["summary"].as_str().unwrap();
            assert!(summary.contains("In a group that lacks its role: 1 membership"), "{summary}");
            assert_eq!(in_target(&target, "a"), (Some(1), None, 1));

            target.allow_role(FOREIGN);
            tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
            let again = import(&backend, options).await;
            assert_eq!((&again["restoreId"], &again["status"]), (&report["restoreId"], &json!("SUCCEEDED")));
            assert_eq!(in_target(&target, "a"), (Some(1), Some(FOREIGN.to_owned()), 1));
        });
    }
}

#[test]
fn an_invocation_that_dies_while_a_selected_member_gets_a_group_without_role_does_no_harm() {
    for nth in 1..=8 {
        in_paused_time(async {
            let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
            target.deny_role(EDITORS);
            let (script, dying) = (backend.script().clone(), backend.script().clone());
            script.change_before(Operation::CreateGroup, 1, move || {
                dying.fault(dying.calls() + nth, Fault::Die(Applied::All));
            });
            let report = import(&backend, json!({"select": {"usernames": ["anna0"]}})).await;
            assert_eq!(report["memberships"]["reasons"]["roleNotRestored"], 1, "{nth}: {report}");
            assert_eq!(in_target(&target, "a"), (Some(1), None, 1), "{nth}");
        });
    }
}

#[test]
fn a_map_of_an_unknown_role_is_refused_before_anything_is_written() {
    in_paused_time(async {
        let (backend, target) = exported(&[group("a", Some(1), Some(EDITORS))]).await;
        for options in [json!({}), json!({"dryRun": true}), json!({"select": {"groups": ["a"]}})] {
            let mut options = options;
            options["groupRoles"] = json!({"map": {EDITORS: EDITORS, FOREIGN: EDITORS}});
            let name = format!("import-{}", backend.script().calls());
            let end = Machine::new(&backend).import(input(&options), &name).await;
            let (error, cause) = end.error();
            assert!(error == "InvalidInput" && cause.contains("entry 2 of 2, sorted by"), "{cause}");
            assert!(!cause.contains("arn:aws:iam::9"), "{cause}");
        }
        assert!(target.groups().is_empty() && target.user_count() == 0);
    });
}

/// A pool gets its groups before its users come.
#[test]
fn the_groups_of_a_snapshot_without_users_are_looked_at() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        source.put_group(group("a", Some(1), Some(FOREIGN)));
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let unknown = json!({"groupRoles": {"map": {EDITORS: EDITORS}}});
        let end = Machine::new(&backend).import(input(&unknown), "unknown role").await;
        assert_eq!(end.error().0, "InvalidInput", "{end:?}");
        let plan = import(&backend, json!({"dryRun": true})).await;
        assert!(plan["groupRoles"].to_string().contains(FOREIGN), "{plan}");
    });
}

#[test]
fn the_plan_names_the_roles_that_groups_get_and_those_of_another_account() {
    in_paused_time(async {
        let groups =
            [group("a", Some(1), Some(EDITORS)), group("b", None, Some(FOREIGN)), group("c", None, None)];
        let (backend, target) = exported(&groups).await;
        let plan = import(&backend, json!({"dryRun": true})).await;
        let roles = &plan["groupRoles"];
        assert_eq!((&roles["groups"], &roles["roles"]), (&json!(1), &json!([EDITORS])), "{plan}");
        assert_eq!((&roles["groupsWithForeignRole"], &roles["foreignRoles"]), (&json!(1), &json!([FOREIGN])));
        let summary = plan["summary"].as_str().unwrap();
        assert!(summary.contains("iam:PassRole") && summary.contains("roleNotRestored"), "{summary}");

        let plan = import(&backend, json!({"dryRun": true, "groupRoles": "skip"})).await;
        assert_eq!(
            (&plan["groupRoles"]["groupsWithoutRole"], &plan["groupRoles"]["groups"]),
            (&json!(2), &json!(0))
        );

        // A group of the target needs no role.
        groups.iter().for_each(|group| target.put_group(group.clone()));
        let plan = import(&backend, json!({"dryRun": true})).await;
        assert_eq!(plan["groupRoles"], Value::Null, "{plan}");
    });
}

#[test]
fn a_contradiction_about_a_group_ends_by_itself_or_fails_only_that_group() {
    for lasts in [false, true] {
        in_paused_time(async {
            let (backend, target) = exported(&[group("a", Some(1), None), group("b", None, None)]).await;
            target.put_group(group("a", Some(1), None));
            let not_found = Fault::Refuse(PoolErrorKind::NotFound);
            backend.script().always(Operation::GetGroup, Some(not_found));
            if !lasts {
                let script = backend.script().clone();
                backend
                    .script()
                    .change_before(Operation::GetGroup, 2, move || script.always(Operation::GetGroup, None));
            }
            let report = import(&backend, json!({})).await;
            assert_eq!(
                (&report["users"]["created"], &report["memberships"]["created"]),
                (&json!(2), &json!(4))
            );
            let reasons = json!({"refused: GetGroup ResourceNotFoundException": 1});
            if lasts {
                assert_eq!((&report["status"], &report["groups"]["reasons"]), (&json!("PARTIAL"), &reasons));
            } else {
                assert_eq!(report["status"], "SUCCEEDED", "{report}");
            }
        });
    }
}

#[test]
fn a_group_that_is_deleted_while_it_is_changed_fails_alone() {
    in_paused_time(async {
        let (backend, target) = exported(&[group("a", Some(1), None), group("b", None, None)]).await;
        target.put_group(group("a", Some(7), None));
        let gone = target.clone();
        backend
            .script()
            .change_before(Operation::UpdateGroup, 1, move || gone.delete_group(&GroupName::new("a")));
        let report = import(&backend, json!({"existing": "update"})).await;
        let reasons = json!({"refused: UpdateGroup ResourceNotFoundException": 1});
        assert_eq!(
            (&report["groups"]["reasons"], &report["users"]["created"]),
            (&reasons, &json!(2)),
            "{report}"
        );
    });
}

#[test]
fn members_of_a_group_that_cannot_be_read_in_the_snapshot_are_not_restored() {
    in_paused_time(async {
        let (backend, _) = exported(&[group("a", Some(1), None), group("b", None, None)]).await;
        let items = backend.vault().items();
        let record = items.keys().find(|key| key.pk.starts_with("CONF#") && key.sk.starts_with("REC#group#"));
        backend.vault().remove(record.unwrap()).unwrap();
        let report = import(&backend, json!({})).await;
        assert_eq!(report["groups"]["reasons"], json!({"recordMissing": 1}), "{report}");
        let memberships = &report["memberships"];
        assert_eq!(memberships["reasons"], json!({"groupNotRestored": 2}), "{report}");
        assert_eq!(memberships["created"], 2, "{report}");
    });
}

#[test]
fn members_of_a_group_that_is_deleted_during_the_restore_say_so() {
    for options in [json!({}), json!({"groupRoles": "skip"}), json!({"existing": "skip"})] {
        in_paused_time(async {
            let (backend, target) =
                exported(&[group("a", Some(1), Some(EDITORS)), group("b", None, None)]).await;
            target.put_group(group("a", Some(1), Some(EDITORS)));
            let deleted = target.clone();
            backend.script().change_before(Operation::AdminAddUserToGroup, 1, move || {
                deleted.delete_group(&GroupName::new("a"));
            });
            let report = import(&backend, options.clone()).await;
            let memberships = &report["memberships"];
            assert_eq!(memberships["reasons"], json!({"groupMissing": 2}), "{options}: {report}");
            assert_eq!(
                (&report["status"], &memberships["created"]),
                (&json!("PARTIAL"), &json!(2)),
                "{report}"
            );
        });
    }
}

#[test]
fn a_group_that_changed_while_it_was_listed_twice_is_restored_once() {
    for options in [json!({}), json!({"existing": "update"}), json!({"method": "csv"})] {
        in_paused_time(async {
            let (backend, source, target) = backend();
            let names = ["a", "b", "c", "d"];
            names.iter().for_each(|name| source.put_group(group(name, Some(1), None)));
            let sub = source.put_user(people::plain(1, 0).people[0].record(0));
            names.iter().for_each(|name| assert!(source.join(&sub, &GroupName::new(*name))));
            source.set_shape(PageShape { sizes: vec![2], repeat: true, ..PageShape::default() });
            for (answer, name) in [(2, "b"), (3, "c")] {
                let changed = source.clone();
                let change = move || changed.put_group(group(name, Some(2), Some(EDITORS)));
                backend.script().change_before(Operation::ListGroups, answer, change);
            }
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();

            let mut plan = options.clone();
            plan["dryRun"] = json!(true);
            let plan = import(&backend, plan).await;
            assert_eq!(plan["refusal"], Value::Null, "{plan}");
            let report = import(&backend, options.clone()).await;
            let groups = &report["groups"];
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!((&groups["created"], &groups["reasons"]), (&json!(4), &json!({"listedTwice": 2})));
            let words = "4 of 4 groups and 4 of 4 memberships. Listed twice, and restored once: 2 groups.";
            assert!(report["summary"].as_str().unwrap().contains(words), "{report}");
            for name in names {
                assert_eq!(in_target(&target, name), (Some(1), None, 1), "the first listing counts: {name}");
            }
        });
    }
}
