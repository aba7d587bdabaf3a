//! Goal: a plan finds usernames and values that Cognito will refuse, and an import that accepts losses
//! restores the users without the values.
//!
//! Method: put such users into the source. The target refuses what Cognito refuses.

use std::time::Duration;

use serde_json::{Value, json};
use shared::csv::Limits;
use shared::model::{PoolDescription, Sub, UserRecord, Username};
use shared::ports::pool::{Operation, Pool};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

/// A confirmed user with these attributes and no other.
fn user(username: &str, attributes: &[(&str, &str)]) -> UserRecord {
    let record = people::plain(1, 0).people[0].record(0);
    UserRecord {
        username: Username::new(username),
        attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        enabled: true,
        ..record
    }
}

const EMAIL: (&str, &str) = ("email", "anna@example.com");
const VERIFIED: (&str, &str) = ("email_verified", "true");

/// A user with a blank phone number, as amplify-js 962 tells.
fn anna() -> UserRecord {
    user("anna", &[EMAIL, VERIFIED, ("phone_number", " "), ("phone_number_verified", "true")])
}

/// A source with these users, a sealed snapshot of it, and an empty target.
async fn exported(users: Vec<UserRecord>) -> (MemoryBackend, MemoryPool, Vec<Sub>) {
    let (backend, source, target) = backend();
    let subs = users.into_iter().map(|user| source.put_user(user)).collect();
    Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    (backend, target, subs)
}

async fn import(backend: &MemoryBackend, options: Value) -> End {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input, &name).await
}

fn named(target: &MemoryPool, username: &str) -> UserRecord {
    let users = target.users();
    users.into_iter().find(|user| user.record.username.as_str() == username).unwrap().record
}

#[test]
fn a_plan_names_users_whose_usernames_look_like_an_alias_of_the_target() {
    for (alias, name) in [("email", "anna@example.com"), ("phone_number", "+4930123456")] {
        in_paused_time(async {
            let (backend, target, subs) = exported(vec![user(name, &[]), user("bert", &[])]).await;
            target.configure(|pool| pool.alias_attributes = vec![alias.to_owned()]);
            let plan = import(&backend, json!({"dryRun": true})).await.report();
            let objection = format!("usernameLooksLikeAlias: {alias}");
            assert_eq!(plan["objections"], json!({objection: {"users": 1, "first": [subs[0]]}}), "{plan}");
            assert_eq!((&plan["creatable"], &plan["refusal"]), (&json!(1), &json!("UsersNotAccepted")));

            let refused = import(&backend, json!({})).await;
            assert_eq!((refused.error().0, target.user_count()), ("UsersNotAccepted", 0));
            let report = import(&backend, json!({"acceptLosses": true})).await.report();
            let reasons = json!({"refused: AdminCreateUser InvalidParameterException": 1});
            assert_eq!((&report["users"]["created"], &report["users"]["reasons"]), (&json!(1), &reasons));
        });
    }
}

#[test]
fn a_username_in_the_form_of_an_alias_that_the_source_has_too_is_fine() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        for pool in [&source, &target] {
            pool.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
        }
        // Cognito's check of an address is not published. It has accepted this name beside the alias.
        source.put_user(user("svc@host", &[]));
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let plan = import(&backend, json!({"dryRun": true})).await.report();
        assert_eq!((plan.get("objections"), plan.get("refusal")), (None, None), "{plan}");
        assert_eq!((&plan["creatable"], target.user_count()), (&json!(1), 0));
    });
}

#[test]
fn a_restore_that_would_declare_too_many_attributes_declares_none() {
    for (of_target, is_refused) in [(48, false), (49, true)] {
        in_paused_time(async {
            let (backend, target, _) = exported(vec![user("anna", &[])]).await;
            target.configure(|pool| {
                let text = pool.attributes["name"].clone();
                pool.attributes.retain(|name, _| !name.starts_with("custom:"));
                let others = (0..of_target).map(|number| (format!("custom:other{number}"), text.clone()));
                pool.attributes.extend(others);
            });
            let options = |dry_run| json!({"createMissingAttributes": true, "dryRun": dry_run});
            for dry_run in [true, false] {
                let end = import(&backend, options(dry_run)).await;
                if is_refused {
                    let (error, cause) = end.error();
                    assert!(
                        error == "TargetNotSupported" && cause.contains("51 custom attributes"),
                        "{cause}"
                    );
                } else {
                    end.report();
                }
            }
            let declared = target.describe().await.unwrap();
            assert_eq!(declared.custom_attributes().count(), if is_refused { of_target } else { 50 });
        });
    }
}

#[test]
fn a_value_that_the_target_refuses_is_left_out_if_losses_are_accepted_and_its_user_is_restored() {
    let refused = [
        ("phone_number", " "),
        ("phone_number", "+49\u{200b}30123456"),
        ("phone_number", "030 123456"),
        ("email", "nobody"),
        ("name", "A\u{0}nna"),
        ("custom:note", "\u{1b}[1m"),
    ];
    for (attribute, value) in refused {
        in_paused_time(async {
            let users = vec![user("anna", &[("nickname", "Ann"), (attribute, value)]), user("bert", &[])];
            let (backend, target, subs) = exported(users).await;
            let plan = import(&backend, json!({"dryRun": true})).await.report();
            let objection = format!("valueNotAccepted: {attribute}");
            assert_eq!(plan["objections"], json!({objection: {"users": 1, "first": [subs[0]]}}), "{plan}");
            let refused = import(&backend, json!({})).await;
            assert_eq!((refused.error().0, target.user_count()), ("UsersNotAccepted", 0), "{attribute}");

            let plan = import(&backend, json!({"dryRun": true, "acceptLosses": true})).await.report();
            assert_eq!(plan["valuesLeftOut"], json!({attribute: {"users": 1, "first": [subs[0]]}}), "{plan}");
            assert_eq!((&plan["creatable"], &plan["notes"]["valueNotRestored"]), (&json!(2), &json!(1)));
            let report = import(&backend, json!({"acceptLosses": true})).await.report();
            assert_eq!((&report["status"], &report["users"]["created"]), (&json!("PARTIAL"), &json!(2)));
            assert_eq!((&report["notes"], &report["users"]["lost"]), (&plan["notes"], &json!(0)), "{report}");
            assert_eq!(report["verification"]["different"], 0, "{report}");
            let anna = named(&target, "anna");
            assert_eq!(anna.attributes.get("nickname").map(String::as_str), Some("Ann"));
            assert!(!anna.attributes.contains_key(attribute), "{attribute}");
            let summary = report["summary"].as_str().unwrap();
            assert!(summary.contains("1 user (valueNotRestored)"), "{summary}");
            assert!(value == " " || !summary.contains(value), "{summary}");
        });
    }
}

#[test]
fn an_empty_value_is_no_value_and_no_loss() {
    in_paused_time(async {
        let empty =
            [("phone_number", ""), ("phone_number_verified", ""), ("email_verified", ""), ("name", "")];
        let users = vec![user("anna", &[&empty[..], &[EMAIL]].concat()), user("bert", &empty)];
        let (backend, target, _) = exported(users).await;
        target.configure(|pool| {
            let flag = pool.attributes.get_mut("email_verified").unwrap();
            flag.data_type = shared::model::DataType::Boolean;
        });
        let plan = import(&backend, json!({"dryRun": true})).await.report();
        assert_eq!((plan.get("objections"), &plan["creatable"]), (None, &json!(2)), "{plan}");
        let report = import(&backend, json!({})).await.report();
        assert_eq!((&report["status"], target.user_count()), (&json!("SUCCEEDED"), 2), "{report}");
    });
}

#[test]
fn the_value_of_a_required_attribute_is_not_left_out() {
    in_paused_time(async {
        let (backend, target, _) = exported(vec![anna(), user("bert", &[("phone_number", "+49301")])]).await;
        target.configure(|pool| pool.attributes.get_mut("phone_number").unwrap().required = true);
        let plan = import(&backend, json!({"dryRun": true, "acceptLosses": true})).await.report();
        assert_eq!((&plan["creatable"], plan.get("valuesLeftOut")), (&json!(1), None), "{plan}");
        assert_eq!(plan["objections"]["valueNotAccepted: phone_number"]["users"], 1, "{plan}");
        let report = import(&backend, json!({"acceptLosses": true})).await.report();
        assert_eq!((&report["users"]["created"], &report["users"]["failed"]), (&json!(1), &json!(1)));
        assert_eq!(report["notes"].get("valueNotRestored"), None, "{report}");
    });
}

#[test]
fn a_user_of_the_target_keeps_its_own_value() {
    for (existing, value) in
        [("update", "+4930123456"), ("skip", "+4930123456"), ("update", " "), ("skip", " ")]
    {
        in_paused_time(async {
            let (backend, target, _) = exported(vec![anna(), user("bert", &[])]).await;
            let mut stale = anna();
            stale.attributes.insert("phone_number".to_owned(), value.to_owned());
            stale.attributes.insert("name".to_owned(), "Stale".to_owned());
            target.put_user(stale);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let options = json!({"acceptLosses": true, "existing": existing});
            let report = import(&backend, options).await.report();
            let anna = named(&target, "anna");
            assert_eq!(anna.attributes.get("phone_number").map(String::as_str), Some(value), "{report}");
            assert_eq!(anna.attributes.contains_key("name"), existing == "skip", "{report}");
            let noted = report["notes"]["valueNotRestored"].as_u64();
            assert_eq!(noted, (existing == "update").then_some(1), "{report}");
            assert_eq!(report["verification"]["different"], 0, "{report}");
        });
    }
}

#[test]
fn the_comparison_counts_users_without_refused_values_apart() {
    in_paused_time(async {
        let (backend, target, _) = exported(vec![anna(), user("bert", &[]), user("carl", &[])]).await;
        let report = import(&backend, json!({"acceptLosses": true})).await.report();
        assert_eq!((&report["status"], target.user_count()), (&json!("PARTIAL"), 3), "{report}");
        let found = &report["verification"];
        assert_eq!((&found["same"], &found["withoutRefusedValues"]), (&json!(2), &json!(1)), "{report}");
        let words = "again: 2 users as in the snapshot, 1 user as in the snapshot without refused values.";
        assert!(report["summary"].as_str().unwrap().contains(words), "{report}");
    });
}

#[test]
fn the_plan_looks_at_the_values_of_attributes_that_the_restore_declares() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        source.configure(|pool| {
            let text = pool.attributes["name"].clone();
            pool.attributes.insert("custom:note".to_owned(), text);
        });
        target.configure(|pool| drop(pool.attributes.remove("custom:note")));
        source.put_user(user("anna", &[("custom:note", "a\u{1}b")]));
        source.put_user(user("bert", &[("custom:note", "ab")]));
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let options = |dry_run| json!({"createMissingAttributes": true, "dryRun": dry_run});
        let plan = import(&backend, options(true)).await.report();
        assert_eq!(plan["objections"]["valueNotAccepted: custom:note"]["users"], 1, "{plan}");
        assert_eq!((&plan["creatable"], &plan["refusal"]), (&json!(1), &json!("UsersNotAccepted")), "{plan}");
        assert_eq!(import(&backend, options(false)).await.error().0, "UsersNotAccepted");
        let declared = target.describe().await.unwrap().attributes;
        assert!(!declared.contains_key("custom:note"), "Cognito cannot remove an attribute");
    });
}

#[test]
fn a_restore_that_runs_again_still_counts_the_values_that_are_missing() {
    for existing in ["skip", "update"] {
        in_paused_time(async {
            let (backend, target, _) = exported(vec![anna(), user("bert", &[])]).await;
            let options = || json!({"acceptLosses": true, "existing": existing});
            for _ in 0..2 {
                let report = import(&backend, options()).await.report();
                assert_eq!(
                    (&report["status"], &report["notes"]["valueNotRestored"]),
                    (&json!("PARTIAL"), &json!(1)),
                    "{report}"
                );
                tokio::time::sleep(Duration::from_secs(3_600)).await;
            }
            let plan = json!({"acceptLosses": true, "existing": existing, "dryRun": true});
            let plan = import(&backend, plan).await.report();
            assert_eq!(plan["valuesLeftOut"]["phone_number"]["users"], 1, "{plan}");
            assert_eq!(target.user_count(), 2);
        });
    }
}

#[test]
fn a_user_with_the_same_refused_value_in_the_target_is_as_in_the_snapshot() {
    in_paused_time(async {
        let (backend, target, _) = exported(vec![anna()]).await;
        target.put_user(anna());
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let options = json!({"acceptLosses": true, "existing": "update"});
        let report = import(&backend, options).await.report();
        assert_eq!(
            (&report["status"], &report["users"]["alreadyThere"]),
            (&json!("SUCCEEDED"), &json!(1)),
            "{report}"
        );
    });
}

/// The plan and the report of an import with these options into a target that has a user of the snapshot,
/// with the target's user before and after.
async fn met(
    snapshot: UserRecord,
    present: UserRecord,
    options: Value,
    change: fn(&mut PoolDescription),
) -> Met {
    let (backend, target, subs) = exported(vec![snapshot, user("bert", &[])]).await;
    target.configure(change);
    target.put_user(present);
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let mut planned = options.clone();
    planned["dryRun"] = json!(true);
    let plan = import(&backend, planned).await.report();
    let before = named(&target, "anna");
    let end = import(&backend, options).await;
    Met { plan, end, sub: subs[0].clone(), before, after: named(&target, "anna") }
}

struct Met {
    plan: Value,
    end: End,
    sub: Sub,
    before: UserRecord,
    after: UserRecord,
}

#[test]
fn the_plan_looks_at_the_values_of_users_that_the_target_has() {
    in_paused_time(async {
        let present = || user("anna", &[EMAIL, VERIFIED, ("name", "Stale")]);
        let update = json!({"existing": "update"});
        let met = met(anna(), present(), update, |_| ()).await;
        let objections = json!({"valueNotAccepted: phone_number": {"users": 1, "first": [met.sub]}});
        assert_eq!(met.plan["objections"], objections, "{}", met.plan);
        assert_eq!(met.plan["there"], json!({"same": 0, "kept": 0, "updated": 0}));
        assert_eq!(met.plan["refusal"], "UsersNotAccepted");
        assert_eq!((met.end.error().0, met.after), ("UsersNotAccepted", met.before), "nothing was changed");
    });
}

#[test]
fn a_plan_that_skips_users_of_the_target_does_not_mind_their_values() {
    in_paused_time(async {
        let present = user("anna", &[EMAIL, VERIFIED, ("name", "Stale")]);
        let met = met(anna(), present, json!({"existing": "skip"}), |_| ()).await;
        assert_eq!((met.plan.get("objections"), met.plan.get("refusal")), (None, None), "{}", met.plan);
        assert_eq!(met.plan["there"], json!({"same": 0, "kept": 1, "updated": 0}));
        assert_eq!(met.end.report()["users"]["reasons"], json!({"alreadyInTarget": 1}));
    });
}

#[test]
fn a_plan_with_losses_counts_the_values_that_users_of_the_target_do_not_get() {
    let stale = ("name", "Stale");
    for (present, there) in [
        (vec![EMAIL, VERIFIED, stale], json!({"same": 0, "kept": 0, "updated": 1})),
        (vec![EMAIL, VERIFIED], json!({"same": 1, "kept": 0, "updated": 0})),
        (vec![EMAIL, VERIFIED, stale, ("phone_number", " ")], json!({"same": 0, "kept": 0, "updated": 1})),
        // Only the own value of the target's user differs. It stays.
        (vec![EMAIL, VERIFIED, ("phone_number", "+4930")], json!({"same": 1, "kept": 0, "updated": 0})),
    ] {
        in_paused_time(async {
            let options = json!({"existing": "update", "acceptLosses": true});
            let met = met(anna(), user("anna", &present), options, |_| ()).await;
            let (plan, report) = (&met.plan, met.end.report());
            assert_eq!((plan.get("objections"), &plan["there"]), (None, &there), "{plan}");
            assert_eq!(plan["notes"], report["notes"], "{present:?}: {plan} {report}");
            let left_out = plan["valuesLeftOut"]["phone_number"]["users"].as_u64();
            assert_eq!(left_out, report["notes"]["valueNotRestored"].as_u64(), "{plan} {report}");
            let users = &report["users"];
            assert_eq!((&users["alreadyThere"], &users["updated"]), (&there["same"], &there["updated"]));
        });
    }
}

#[test]
fn the_plan_names_users_of_the_target_that_an_update_would_send_a_message_to() {
    let changed = ("email", "new@example.com");
    for (wanted, sends) in [(vec![changed], true), (vec![changed, VERIFIED], false), (vec![EMAIL], false)] {
        in_paused_time(async {
            let (wanted, present) = (user("anna", &wanted), user("anna", &[EMAIL, VERIFIED]));
            let change =
                |pool: &mut PoolDescription| pool.auto_verified_attributes = vec!["email".to_owned()];
            let met = met(wanted, present, json!({"existing": "update"}), change).await;
            let (plan, report) = (&met.plan, met.end.report());
            let sent = sends.then(|| json!({"wouldSendMessage": {"users": 1, "first": [met.sub]}}));
            assert_eq!(plan.get("objections"), sent.as_ref(), "{plan}");
            assert_eq!((&plan["there"]["updated"], plan.get("refusal")), (&json!(u64::from(!sends)), None));
            assert_eq!(report["users"]["updated"], plan["there"]["updated"], "{report}");
            assert_eq!(report["users"]["failed"], u64::from(sends), "{report}");
        });
    }
}

#[test]
fn the_plan_names_values_of_users_of_the_target_that_cannot_change() {
    for (value, is_refused) in [("38", true), ("39", false)] {
        in_paused_time(async {
            let present = user("anna", &[("custom:shoe_size", "39"), ("name", "Stale")]);
            let change = |pool: &mut PoolDescription| {
                pool.attributes.get_mut("custom:shoe_size").unwrap().mutable = false
            };
            let options = json!({"existing": "update", "acceptLosses": true});
            let met = met(user("anna", &[("custom:shoe_size", value)]), present, options, change).await;
            let (plan, report) = (&met.plan, met.end.report());
            let refused = plan["objections"]["attributeNotMutable: custom:shoe_size"]["users"].as_u64();
            assert_eq!(refused, is_refused.then_some(1), "{plan}");
            assert_eq!(report["users"]["failed"].as_u64().unwrap(), refused.unwrap_or_default(), "{report}");
            assert_eq!(report["users"]["updated"], plan["there"]["updated"], "{report}");
        });
    }
}

#[test]
fn an_import_job_carries_a_user_without_the_value_that_the_target_refuses() {
    in_paused_time(async {
        let (backend, target, _) =
            exported(vec![anna(), user("bert", &[("email", "b@example.com"), VERIFIED])]).await;
        let backend =
            backend.with_jobs(Limits::COGNITO, Some("arn:aws:iam::123456789012:role/import-job-logs"));
        target.configure(|pool| pool.auto_verified_attributes = vec!["email".to_owned()]);
        let options = json!({"acceptLosses": true, "method": "csv"});
        let report = import(&backend, options).await.report();
        assert_eq!(
            (&report["jobs"]["imported"], &report["jobs"]["failed"]),
            (&json!(2), &json!(0)),
            "{report}"
        );
        assert_eq!(report["notes"]["valueNotRestored"], 1, "{report}");
        assert_eq!(report["verification"]["different"], 0, "{report}");
        assert!(!named(&target, "anna").attributes.contains_key("phone_number"));
    });
}

#[test]
fn a_user_can_be_selected_by_an_address_that_is_left_out() {
    in_paused_time(async {
        let (backend, target, _) =
            exported(vec![user("anna", &[("email", "nobody")]), user("bert", &[])]).await;
        let options = json!({"acceptLosses": true, "select": {"emails": ["nobody"]}});
        let report = import(&backend, options).await.report();
        assert_eq!((&report["users"]["created"], target.user_count()), (&json!(1), 1), "{report}");
        assert_eq!(report["notes"]["valueNotRestored"], 1, "{report}");
    });
}

#[test]
fn an_invocation_that_dies_around_a_creation_restores_the_user_without_the_value_once() {
    for nth in 0..=8 {
        for applied in [Applied::Nothing, Applied::All] {
            in_paused_time(async {
                let (backend, target, _) = exported(vec![anna()]).await;
                let (script, dying) = (backend.script().clone(), backend.script().clone());
                script.change_before(Operation::AdminCreateUser, 1, move || {
                    dying.fault(dying.calls() + nth, Fault::Die(applied));
                });
                let report = import(&backend, json!({"acceptLosses": true})).await.report();
                assert_eq!(report["notes"]["valueNotRestored"], 1, "{nth} {applied:?}: {report}");
                assert_eq!((target.user_count(), &report["users"]["created"]), (1, &json!(1)), "{report}");
            });
        }
    }
}

#[test]
fn the_old_sub_overwrites_no_value_of_a_user() {
    // A second migration: the first one has filled the attribute.
    for (value, is_refused) in [(Some("another sub"), true), (Some(""), false), (None, false)] {
        in_paused_time(async {
            let value = value.map(|value| ("custom:note", value));
            let users = vec![user("anna", &value.into_iter().collect::<Vec<_>>()), user("bert", &[])];
            let (backend, target, subs) = exported(users).await;
            for accepts_losses in [false, true] {
                let options = |dry_run| json!({"oldSubAttribute": "custom:note", "acceptLosses": accepts_losses, "dryRun": dry_run});
                let plan = import(&backend, options(true)).await.report();
                let filled = is_refused.then(|| json!({"users": 1, "first": [subs[0]]}));
                assert_eq!(plan.get("oldSubAttributeFilled"), filled.as_ref(), "{plan}");
                assert_eq!(plan.get("refusal"), is_refused.then(|| json!("InvalidInput")).as_ref());
                let summary = plan["summary"].as_str().unwrap();
                assert_eq!(
                    summary.contains("another value of its attribute: 1 user."),
                    is_refused,
                    "{summary}"
                );
                if is_refused {
                    let end = import(&backend, options(false)).await;
                    assert_eq!((end.error().0, target.user_count()), ("InvalidInput", 0));
                    let cause = end.error().1;
                    assert!(cause.contains("custom:note") && !cause.contains("another sub"), "{cause}");
                }
            }
            if !is_refused {
                let options = json!({"oldSubAttribute": "custom:note"});
                assert_eq!(import(&backend, options).await.report()["status"], "SUCCEEDED");
                assert_eq!(named(&target, "anna").attributes["custom:note"], subs[0].to_string());
            }
        });
    }
}

#[test]
fn a_value_that_is_the_own_sub_of_the_user_is_no_other_value() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        let sub = source.put_user(user("anna", &[]));
        source.change_user(&sub, |record| {
            record.attributes.insert("custom:note".to_owned(), sub.to_string());
        });
        // The target has this user, so that no old sub overwrites its value.
        source.put_user(user("bert", &[("custom:note", "other")]));
        target.put_user(user("bert", &[("custom:note", "third")]));
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let options = json!({"oldSubAttribute": "custom:note", "existing": "update"});
        let report = import(&backend, options).await.report();
        assert_eq!(
            (&report["status"], &report["users"]["created"]),
            (&json!("SUCCEEDED"), &json!(1)),
            "{report}"
        );
        assert_eq!(named(&target, "anna").attributes["custom:note"], sub.to_string());
        assert_eq!(named(&target, "bert").attributes["custom:note"], "third");
    });
}
