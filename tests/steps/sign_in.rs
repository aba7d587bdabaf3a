//! Goal: plan and report say which users can sign in after a restore, and no invitation counts before it is sent.
//!
//! Method: import users with several addresses and factors into targets with several ways of "forgot password", with
//! messages that Cognito cannot send, and with users that never confirmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{GroupName, MfaPreference, MfaSetting, UserRecord, UserStatus, Username};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::support::machine::Machine;
use crate::support::people;
use crate::support::{backend, in_paused_time, source_id, target_id};

const EMAIL: [(&str, &str); 2] = [("email", "a@example.com"), ("email_verified", "true")];
const PHONE: [(&str, &str); 2] = [("phone_number", "+4930123456"), ("phone_number_verified", "true")];

fn user(name: &str, attributes: &[(&str, &str)], factor: Option<&str>) -> UserRecord {
    let mut record = people::plain(1, 0).people[0].record(1);
    record.username = Username::new(name);
    record.attributes =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    record.enabled = true;
    record.mfa = factor.map(|factor| MfaPreference { enabled: [factor.to_owned()].into(), preferred: None });
    record
}

/// A source with these users, all members of `people`, a sealed snapshot of it, and an empty target with this setting.
async fn exported(users: &[UserRecord], recovery: Option<&[&str]>) -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    source.put_group(people::group(1));
    for user in users {
        let sub = source.put_user(user.clone());
        assert!(source.join(&sub, &people::group_name(1)));
    }
    let input = json!({"userPoolId": source_id(), "captureMfa": true});
    Machine::new(&backend).export(input, "export").await.report();
    target.configure(|pool| {
        pool.mfa = MfaSetting::Optional;
        pool.account_recovery = recovery.map(|ways| ways.iter().map(|&way| way.to_owned()).collect());
    });
    (backend, target)
}

async fn import(backend: &MemoryBackend, options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input, &name).await.report()
}

fn members(pool: &MemoryPool, name: &GroupName) -> usize {
    pool.groups().iter().find(|(group, _)| group.name == *name).map_or(0, |(_, members)| members.len())
}

#[test]
fn users_that_cannot_reset_the_password_are_counted_with_the_reason() {
    let users = || {
        [
            user("with-mail", &EMAIL, None),
            user("with-codes-by-text", &PHONE, Some(MfaPreference::SMS)),
            user("with-codes-by-mail", &EMAIL, Some(MfaPreference::EMAIL)),
        ]
    };
    let both = ["verified_email", "verified_phone_number"];
    for (recovery, cannot, because) in [
        (Some(&["admin_only"][..]), 3, json!({"onlyAdminResets": 3})),
        (Some(&both[..]), 2, json!({"onlyAddressIsFactor": 2})),
        (Some(&both[..1]), 2, json!({"noVerifiedAddress": 1, "onlyAddressIsFactor": 1})),
        (None, 2, json!({"onlyAddressIsFactor": 2})),
    ] {
        in_paused_time(async {
            let (backend, _) = exported(&users(), recovery).await;
            let plan = import(&backend, json!({"dryRun": true})).await;
            let report = import(&backend, json!({})).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            for counted in [&plan["notes"], &report["notes"]] {
                assert_eq!(counted["cannotResetPassword"], cannot, "{recovery:?}: {counted}");
                for reason in ["onlyAdminResets", "noVerifiedAddress", "onlyAddressIsFactor"] {
                    assert_eq!(counted[reason], because[reason], "{recovery:?}: {counted}");
                }
            }
            let summary = report["summary"].as_str().unwrap();
            assert!(summary.contains(" cannot reset the password alone."), "{summary}");
        });
    }
}

#[test]
fn users_that_never_confirmed_are_counted_apart_and_left_out_if_the_input_says_so() {
    let users = || {
        let unconfirmed = UserRecord { status: UserStatus::Unconfirmed, ..user("carl", &EMAIL, None) };
        [user("anna", &PHONE, None), unconfirmed]
    };
    in_paused_time(async {
        let (backend, target) = exported(&users(), None).await;
        let report = import(&backend, json!({})).await;
        assert_eq!(
            (&report["status"], &report["notes"]),
            (&json!("SUCCEEDED"), &json!({"wasUnconfirmed": 1}))
        );
        assert_eq!(target.user_count(), 2);
    });
    in_paused_time(async {
        let (backend, target) = exported(&users(), None).await;
        let plan = import(&backend, json!({"dryRun": true, "unconfirmed": "skip"})).await;
        assert_eq!(plan["objections"]["unconfirmed"]["users"], 1, "{plan}");
        let report = import(&backend, json!({"unconfirmed": "skip"})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        for kind in ["users", "memberships"] {
            assert_eq!(report[kind]["reasons"], json!({"unconfirmed": 1}), "{report}");
        }
        assert_eq!((target.user_count(), members(&target, &people::group_name(1))), (1, 1));
    });
}

#[test]
fn an_invitation_that_failed_is_sent_again_at_the_next_start_and_not_counted_before() {
    in_paused_time(async {
        let (backend, target) =
            exported(&[user("anna", &EMAIL, None), user("bert", &PHONE, None)], None).await;
        target.fail_deliveries(true);
        let options = || json!({"passwords": "temporary", "sendInvitations": true});
        for _ in 0..2 {
            let report = import(&backend, options()).await;
            assert_eq!(
                (&report["status"], &report["notes"]["invited"]),
                (&json!("PARTIAL"), &Value::Null),
                "{report}"
            );
            assert_eq!(
                (&report["users"]["created"], &report["users"]["reasons"]),
                (&json!(2), &json!({"notInvited": 2}))
            );
            assert_eq!((target.messages(), members(&target, &people::group_name(1))), (0, 2));
        }
        target.fail_deliveries(false);
        let report = import(&backend, options()).await;
        assert_eq!(
            (&report["status"], &report["notes"]["invited"]),
            (&json!("SUCCEEDED"), &json!(2)),
            "{report}"
        );
        assert_eq!(target.messages(), 2);
        assert!(target.users().iter().all(|user| user.record.status == UserStatus::ForceChangePassword));
    });
}

/// The target loses a user whose invitation failed. The restore creates the user again, and Cognito sends an invitation
/// with that.
#[test]
fn a_user_that_is_created_again_after_a_failed_invitation_gets_one_invitation() {
    // The user is lost before the verification, or after it.
    for is_before in [true, false] {
        in_paused_time(async {
            let (backend, target) =
                exported(&[user("anna", &EMAIL, None), user("bert", &PHONE, None)], None).await;
            target.fail_deliveries(true);
            let pool = target.clone();
            let lose = move || {
                let anna = pool.users().into_iter().find(|user| user.record.username.as_str() == "anna");
                pool.delete_user(&anna.unwrap().sub);
            };
            let options = || json!({"passwords": "temporary", "sendInvitations": true});
            if is_before {
                // The target is listed before the restore, and again afterwards.
                backend.script().change_before(Operation::ListUsers, 2, lose);
                let report = import(&backend, options()).await;
                let reasons = json!({"notInvited": 1, "userMissing": 1});
                assert_eq!(report["users"]["reasons"], reasons, "{report}");
            } else {
                assert_eq!(import(&backend, options()).await["status"], "PARTIAL");
                lose();
            }
            target.fail_deliveries(false);
            let report = import(&backend, options()).await;
            assert_eq!(
                (&report["status"], &report["notes"]["invited"]),
                (&json!("SUCCEEDED"), &json!(2)),
                "{report}"
            );
            assert_eq!((target.user_count(), target.messages()), (2, 2));
        });
    }
}

#[test]
fn a_user_that_got_a_password_after_a_failed_invitation_is_not_invited() {
    in_paused_time(async {
        let (backend, target) = exported(&[user("anna", &EMAIL, None)], None).await;
        target.fail_deliveries(true);
        let options = || json!({"passwords": "temporary", "sendInvitations": true});
        assert_eq!(import(&backend, options()).await["status"], "PARTIAL");
        target.fail_deliveries(false);
        let sub = target.users()[0].sub.clone();
        target.change_user(&sub, |record| record.status = UserStatus::Confirmed);
        let report = import(&backend, options()).await;
        assert_eq!((&report["status"], target.messages()), (&json!("SUCCEEDED"), 0), "{report}");
    });
}

/// Cognito says that it could not send the invitation, and then answers no look-up for a while.
#[test]
fn a_failed_invitation_is_not_forgotten_if_the_look_up_after_it_fails() {
    for refusal in [PoolErrorKind::Throttled, PoolErrorKind::Transient, PoolErrorKind::UserNotFound] {
        in_paused_time(async {
            let (backend, target) = exported(&[user("anna", &EMAIL, None)], None).await;
            target.fail_deliveries(true);
            let (script, refusing) = (backend.script().clone(), backend.script().clone());
            script.change_before(Operation::AdminCreateUser, 1, move || {
                refusing.always(Operation::AdminGetUser, Some(Fault::Refuse(refusal)));
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(600)).await;
                    refusing.clear();
                });
            });
            let options = || json!({"passwords": "temporary", "sendInvitations": true});
            let report = import(&backend, options()).await;
            assert_eq!((&report["status"], &report["notes"]["invited"]), (&json!("PARTIAL"), &Value::Null));
            backend.script().clear();
            target.fail_deliveries(false);
            let report = import(&backend, options()).await;
            assert_eq!((&report["status"], target.messages()), (&json!("SUCCEEDED"), 1), "{report}");
        });
    }
}

/// The restore finds the user that it created, and cannot know whether Cognito sent the invitation.
#[test]
fn a_user_is_invited_again_if_the_answer_about_the_invitation_is_lost() {
    let options = || json!({"passwords": "temporary", "sendInvitations": true});
    // The place of the creation among the calls of the import.
    let creation = in_paused_time(async {
        let (backend, _) = exported(&[user("anna", &EMAIL, None)], None).await;
        let (script, before) = (backend.script().clone(), backend.script().calls());
        let (place, noted) = (Arc::new(AtomicU64::new(0)), backend.script().clone());
        let in_change = place.clone();
        script.change_before(Operation::AdminCreateUser, 1, move || {
            in_change.store(noted.calls() - before, Ordering::Relaxed);
        });
        import(&backend, options()).await;
        place.load(Ordering::Relaxed)
    });
    for (fails, messages, status) in [(true, 0, "PARTIAL"), (false, 2, "SUCCEEDED")] {
        for fault in [Fault::LostReply, Fault::Die(Applied::All)] {
            in_paused_time(async {
                let (backend, target) = exported(&[user("anna", &EMAIL, None)], None).await;
                target.fail_deliveries(fails);
                backend.script().fault(backend.script().calls() + creation, fault);
                let report = import(&backend, options()).await;
                assert_eq!((&report["status"], target.messages()), (&json!(status), messages), "{report}");
                assert_eq!(report["notes"]["invited"].as_u64(), (!fails).then_some(1), "{report}");
                if fails {
                    target.fail_deliveries(false);
                    let report = import(&backend, options()).await;
                    assert_eq!((&report["status"], target.messages()), (&json!("SUCCEEDED"), 1), "{report}");
                }
            });
        }
    }
}

/// The sub map says that the restore created the user and got the answer.
#[test]
fn an_import_that_dies_between_sub_map_and_ledger_sends_no_second_invitation() {
    let deaths_between = (1..=8).filter(|nth| {
        in_paused_time(async {
            let (backend, target) = exported(&[user("anna", &EMAIL, None)], None).await;
            let (script, dying, vault) =
                (backend.script().clone(), backend.script().clone(), backend.vault());
            let is_between = Arc::new(AtomicBool::new(false));
            let (nth, between) = (*nth, is_between.clone());
            script.change_before(Operation::AdminCreateUser, 1, move || {
                let death = dying.calls() + nth;
                dying.fault(death, Fault::Die(Applied::All));
                dying.change(death + 1, move || {
                    let has = |kind: &str| vault.items().keys().any(|key| key.sk.starts_with(kind));
                    between.store(has("NEW#") && !has("LEDGER#users"), Ordering::Relaxed);
                });
            });
            let report = import(&backend, json!({"passwords": "temporary", "sendInvitations": true})).await;
            assert_eq!((&report["status"], &report["notes"]["invited"]), (&json!("SUCCEEDED"), &json!(1)));
            let is_between = is_between.load(Ordering::Relaxed);
            assert!(!is_between || target.messages() == 1, "{nth}: {report}");
            is_between
        })
    });
    assert!(deaths_between.count() > 0);
}

#[test]
fn an_invocation_that_dies_after_a_failed_invitation_does_not_forget_it() {
    // Deaths after the note of the failure. Before it, the answer of Cognito is lost.
    for nth in 1..=8 {
        in_paused_time(async {
            let (backend, target) = exported(&[user("anna", &EMAIL, None)], None).await;
            target.fail_deliveries(true);
            let (script, dying) = (backend.script().clone(), backend.script().clone());
            script.change_before(Operation::AdminCreateUser, 1, move || {
                dying.fault(dying.calls() + nth, Fault::Die(Applied::All));
            });
            let options = || json!({"passwords": "temporary", "sendInvitations": true});
            let report = import(&backend, options()).await;
            assert_eq!(
                (&report["status"], &report["users"]["reasons"]),
                (&json!("PARTIAL"), &json!({"notInvited": 1})),
                "{nth}"
            );
            target.fail_deliveries(false);
            let report = import(&backend, options()).await;
            assert_eq!((&report["status"], target.messages()), (&json!("SUCCEEDED"), 1), "{nth}: {report}");
        });
    }
}
