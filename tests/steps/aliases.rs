//! Goal: users keep a `preferred_username` that is an alias, although Cognito may refuse it for users that
//! are not confirmed.
//!
//! Method: import into a pool with that rule, with the answers that public reports tell, and with deaths.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::model::{RunId, Sub, User, UserStatus};
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::fidelity::Mode;
use crate::support::machine::Machine;
use crate::support::people::{self, Population};
use crate::support::restored::{Comparison, assert_books_balance, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, cases, disturbance, in_paused_time, source_id, target_id};

/// A source of which every user has a `preferred_username`, a sealed snapshot of it, and an empty target. Both have
/// aliases, and the target refuses `preferred_username` for users that are not confirmed.
async fn exported(population: &Population) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    [&source, &target]
        .into_iter()
        .for_each(|pool| pool.configure(|description| Mode::Aliases.describe(description)));
    let mut population = population.clone();
    population.people.iter_mut().for_each(|person| person.attributes |= 32);
    population.fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    target.refuse_unconfirmed_alias();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

async fn import(backend: &MemoryBackend, options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input, &name).await.report()
}

fn preferred(target: &MemoryPool) -> usize {
    target.users().iter().filter(|user| user.record.attributes.contains_key("preferred_username")).count()
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_preferred_username_that_is_refused_at_first_survives_every_fault(
        population in people::restorable(20),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let (backend, target, contents) = exported(&population).await;
            disturbance::order_faults(&backend, &faults);
            let report = import(&backend, json!({})).await;
            backend.script().clear();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!(compare(&contents, &target), Comparison::default(), "{report}");
            assert_books_balance(&backend, &contents, &target, &report).await;
        });
    }
}

#[test]
fn an_invocation_that_dies_before_it_gives_a_preferred_username_does_no_harm() {
    for nth in 1..=12 {
        for applied in [Applied::Nothing, Applied::All] {
            in_paused_time(async {
                let (backend, target, contents) = exported(&people::plain(1, 1)).await;
                let (script, dying) = (backend.script().clone(), backend.script().clone());
                script.change_before(Operation::AdminCreateUser, 1, move || {
                    dying.fault(dying.calls() + nth, Fault::Die(applied));
                });
                let report = import(&backend, json!({})).await;
                assert_eq!(report["status"], "SUCCEEDED", "{nth} {applied:?}: {report}");
                assert_eq!(compare(&contents, &target), Comparison::default(), "{nth} {applied:?}");
            });
        }
    }
}

#[test]
fn only_the_first_users_are_refused_at_first() {
    in_paused_time(async {
        let (backend, target, _) = exported(&people::plain(100, 0)).await;
        let from = backend.script().log().len();
        let report = import(&backend, json!({"tps": 1})).await;
        assert_eq!((&report["status"], preferred(&target)), (&json!("SUCCEEDED"), 100));
        let called = |wanted| {
            backend.script().log()[from..].iter().filter(|(_, operation)| *operation == wanted).count()
        };
        assert_eq!(called(Operation::AdminUpdateUserAttributes), 100);
        assert!(called(Operation::AdminCreateUser) < 110, "{}", called(Operation::AdminCreateUser));
    });
}

#[test]
fn an_invited_user_gets_a_preferred_username_once_the_invitation_is_accepted() {
    in_paused_time(async {
        let (backend, target, _) = exported(&people::plain(2, 0)).await;
        let options = json!({"passwords": "temporary", "sendInvitations": true});
        let report = import(&backend, options.clone()).await;
        // The second user has no address, so it is not invited.
        let reasons = json!({"preferredUsernameNotSet": 1});
        assert_eq!(
            (&report["status"], &report["users"]["reasons"], &report["users"]["created"]),
            (&json!("PARTIAL"), &reasons, &json!(2)),
            "{report}"
        );
        assert_eq!(report["notes"]["invited"], 1, "{report}");
        assert_eq!((preferred(&target), target.user_count()), (1, 2));

        let invited = |user: &User| user.record.status == UserStatus::ForceChangePassword;
        let sub = target.users().into_iter().find(invited).unwrap().sub;
        target.change_user(&sub, |record| record.status = UserStatus::Confirmed);
        let report = import(&backend, options).await;
        assert_eq!((&report["status"], preferred(&target)), (&json!("SUCCEEDED"), 2), "{report}");
        assert_eq!(report["notes"]["invited"], 1, "the note counts once: {report}");
    });
}

#[test]
fn a_user_that_the_service_says_it_cannot_find_when_it_creates_it_is_not_missing() {
    in_paused_time(async {
        let (backend, target, _) = exported(&people::plain(1, 0)).await;
        let not_found = Fault::Refuse(PoolErrorKind::UserNotFound);
        backend.script().always(Operation::AdminCreateUser, Some(not_found));
        let report = import(&backend, json!({})).await;
        let reasons = json!({"refused: AdminCreateUser UserNotFoundException": 1});
        assert_eq!((&report["status"], &report["users"]["reasons"]), (&json!("PARTIAL"), &reasons));

        // aws-sdk-net 761: only the call with the attribute has this answer.
        let script = backend.script().clone();
        backend.script().change_before(Operation::AdminCreateUser, 1, move || script.clear());
        let report = import(&backend, json!({})).await;
        assert_eq!((&report["status"], preferred(&target)), (&json!("SUCCEEDED"), 1), "{report}");
    });
}

#[test]
fn a_restore_does_not_get_past_a_trigger_that_refuses_a_user() {
    in_paused_time(async {
        let (backend, target, _) = exported(&people::plain(1, 0)).await;
        let code = "UserLambdaValidationException";
        target.refuse_creation(Some((people::username(0, 0), PoolErrorKind::Refused, code)));
        let from = backend.script().log().len();
        let report = import(&backend, json!({})).await;
        let reasons = json!({"refused: AdminCreateUser UserLambdaValidationException": 1});
        assert_eq!(report["users"]["reasons"], reasons, "{report}");
        let log = backend.script().log();
        let creations = log[from..].iter().filter(|(_, operation)| *operation == Operation::AdminCreateUser);
        assert_eq!(creations.count(), 1, "the restore does not try the user again without the attribute");
    });
}

#[test]
fn a_preferred_username_that_another_user_took_is_counted_and_the_user_is_restored() {
    in_paused_time(async {
        let (backend, target, _) = exported(&people::plain(2, 1)).await;
        let squatter = target.clone();
        backend.script().change_before(Operation::AdminCreateUser, 1, move || {
            let mut record = people::plain(1, 0).people[0].record(900);
            record.attributes = [("preferred_username".to_owned(), "p1".to_owned())].into();
            squatter.put_user(record);
        });
        let report = import(&backend, json!({})).await;
        assert_eq!(
            (&report["status"], &report["users"]["reasons"]),
            (&json!("PARTIAL"), &json!({"aliasTaken": 1})),
            "{report}"
        );
        assert_eq!(target.user_count(), 3);
        let members: Vec<Sub> = target.groups().into_iter().flat_map(|(_, members)| members).collect();
        assert_eq!(members.len(), 1);
    });
}

#[test]
fn an_update_of_a_user_that_is_not_confirmed_fails_only_for_its_preferred_username() {
    in_paused_time(async {
        let (backend, target, _) = exported(&people::plain(2, 0)).await;
        import(&backend, json!({"passwords": "temporary", "sendInvitations": true})).await;
        let invited = |user: &User| user.record.status == UserStatus::ForceChangePassword;
        let before = target.users().into_iter().find(invited).unwrap();
        target.change_user(&before.sub, |record| {
            record.attributes.insert("name".to_owned(), "Other".to_owned());
        });
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        let report = import(&backend, json!({"existing": "update"})).await;
        let reasons = json!({"refused: AdminUpdateUserAttributes InvalidParameterException": 1});
        assert_eq!(report["users"]["reasons"], reasons, "{report}");
        let now = target.user(&before.sub).unwrap().record;
        assert_eq!(now.attributes.get("name"), before.record.attributes.get("name"));
    });
}
