//! Goal: a restore takes an existing user or group for its own only if it created it.
//!
//! Method: stop a restore, let another user take a name with the same attributes, and start the import
//! again. Or let the invocation die after it has created a user.

use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{RunId, User, UserRecord, UserStatus};
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::restored::{Comparison, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, in_paused_time, people, source_id, target_id};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
const PEOPLE: usize = 20;

fn import(existing: &str) -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "existing": existing, "tps": 50})
}

async fn exported() -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    let mut population = people::plain(PEOPLE, 0);
    // Disabled in the snapshot.
    population.people.iter_mut().for_each(|person| person.enabled = false);
    population.fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    tokio::time::sleep(DAY).await;
    (backend, target, contents)
}

/// Lets Cognito refuse everything from the `nth` creation on.
fn deny_from(backend: &MemoryBackend, nth: u64) {
    let script = backend.script().clone();
    backend.script().change_before(Operation::AdminCreateUser, nth, move || {
        script.always(Operation::AdminCreateUser, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    });
}

/// Loses the reply of every third of the next calls.
fn lose_replies(backend: &MemoryBackend) {
    let next = backend.script().calls();
    (1..150).step_by(3).for_each(|call| backend.script().fault(next + call, Fault::LostReply));
}

/// A user of the snapshot with attributes, which the target lacks, signs up there, with the same attributes except for this change.
fn sign_up(contents: &Contents, target: &MemoryPool, change: fn(&mut UserRecord)) -> User {
    let names: Vec<_> = target.users().into_iter().map(|user| user.record.username).collect();
    let mut users = contents.users.values().map(|records| &records[0]);
    let is_missing =
        |record: &&UserRecord| !names.contains(&record.username) && !record.attributes.is_empty();
    let mut record = users.find(is_missing).unwrap().clone();
    (record.enabled, record.status) = (true, UserStatus::Confirmed);
    (record.created, record.modified) = (None, None);
    change(&mut record);
    let sub = target.put_user(record);
    target.user(&sub).unwrap()
}

/// The number of calls of `operation`, from the `from`-th call on.
fn calls(backend: &MemoryBackend, from: usize, operation: Operation) -> u64 {
    backend.script().log()[from..].iter().filter(|(_, called)| *called == operation).count() as u64
}

#[test]
fn a_continued_restore_leaves_a_user_that_has_signed_up_since() {
    for existing in ["fail", "skip", "update"] {
        in_paused_time(async {
            let (backend, target, contents) = exported().await;
            let machine = Machine::new(&backend);
            deny_from(&backend, 8);
            assert_eq!(machine.import(import(existing), "first").await.error().0, "AccessDenied");
            backend.script().clear();
            tokio::time::sleep(21 * DAY).await;
            let stranger = sign_up(&contents, &target, |_| ());
            tokio::time::sleep(DAY).await;
            let from = backend.script().log().len();
            let report = machine.import(import(existing), "second").await.report();
            let now = target.user(&stranger.sub).unwrap();
            if existing == "update" {
                // The operator asked for this, but not for another password.
                assert!(!now.record.enabled);
            } else {
                assert_eq!(now, stranger, "{existing}");
            }
            let outcome = match existing {
                "fail" => &report["users"]["reasons"]["usernameTaken"],
                "skip" => &report["users"]["reasons"]["alreadyInTarget"],
                _ => &report["users"]["updated"],
            };
            assert_eq!(outcome, &json!(1), "{existing} {report}");
            assert_eq!(report["users"]["created"], json!(PEOPLE - 1), "{existing} {report}");
            // The other users that the first import has not completed get a password.
            assert_eq!(
                calls(&backend, from, Operation::AdminSetUserPassword),
                calls(&backend, from, Operation::AdminCreateUser) - 1,
                "{existing}"
            );
        });
    }
}

/// An invocation may have created any user of its page within 16 minutes after it noted the page. It creates
/// users only with the attributes of the snapshot.
#[test]
fn a_user_that_came_after_the_window_or_with_other_attributes_is_not_adopted() {
    let equal: fn(&mut UserRecord) = |_| ();
    let with_another_name: fn(&mut UserRecord) =
        |record| drop(record.attributes.insert("name".to_owned(), "Another Name".to_owned()));
    let with_one_attribute_less: fn(&mut UserRecord) = |record| {
        record.attributes.pop_first().expect("the user has attributes");
    };
    for (minutes, change, is_adopted) in [
        (15, equal, true),
        (1, with_another_name, false),
        (15, with_another_name, false),
        (15, with_one_attribute_less, false),
        (17, equal, false),
    ] {
        in_paused_time(async {
            let (backend, target, contents) = exported().await;
            let machine = Machine::new(&backend);
            // The invocation notes its only page, and creates a part of it.
            deny_from(&backend, 8);
            assert_eq!(machine.import(import("fail"), "first").await.error().0, "AccessDenied");
            backend.script().clear();
            tokio::time::sleep(minutes * MINUTE).await;
            let newcomer = sign_up(&contents, &target, change);
            tokio::time::sleep(DAY).await;
            let report = machine.import(import("fail"), "second").await.report();
            let counted = (&report["users"]["created"], &report["users"]["reasons"]["usernameTaken"]);
            if is_adopted {
                assert_eq!(counted, (&json!(PEOPLE), &Value::Null), "{report}");
                assert_eq!(compare(&contents, &target), Comparison::default());
            } else {
                assert_eq!(counted, (&json!(PEOPLE - 1), &json!(1)), "{minutes} minutes: {report}");
                assert_eq!(target.user(&newcomer.sub), Some(newcomer), "{minutes} minutes");
            }
        });
    }
}

#[test]
fn a_user_that_an_invocation_created_before_it_died_is_adopted_weeks_later() {
    for existing in ["fail", "skip", "update"] {
        in_paused_time(async {
            let (backend, target, contents) = exported().await;
            let script = backend.script().clone();
            backend.script().change_before(Operation::AdminCreateUser, 8, move || {
                // The next call takes effect, and the invocation dies before it hears of it.
                script.fault(script.calls() + 1, Fault::Die(Applied::All));
            });
            let machine = Machine { stop_at_death: true, ..Machine::new(&backend) };
            assert_eq!(machine.import(import(existing), "first").await, End::Stopped);
            backend.script().clear();
            assert!((1..PEOPLE).contains(&target.user_count()), "{}", target.user_count());
            tokio::time::sleep(21 * DAY).await;
            let report = machine.import(import(existing), "second").await.report();
            assert_eq!(
                (&report["status"], &report["users"]["created"]),
                (&json!("SUCCEEDED"), &json!(PEOPLE)),
                "{existing} {report}"
            );
            assert_eq!(compare(&contents, &target), Comparison::default(), "{existing}");
        });
    }
}

#[test]
fn a_lost_reply_is_not_a_taken_name() {
    in_paused_time(async {
        let (backend, target, contents) = exported().await;
        lose_replies(&backend);
        let report = Machine::new(&backend).import(import("fail"), "import").await.report();
        assert_eq!(
            (&report["status"], &report["users"]["created"]),
            (&json!("SUCCEEDED"), &json!(PEOPLE)),
            "{report}"
        );
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn a_group_that_was_made_just_before_the_import_was_already_there() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        people::plain(3, 3).fill(&source);
        let machine = Machine::new(&backend);
        machine.export(json!({"userPoolId": source_id()}), "export").await.report();
        tokio::time::sleep(DAY).await;
        target.put_group(people::group(0));
        tokio::time::sleep(Duration::from_secs(20)).await;
        lose_replies(&backend);
        let report = machine.import(import("fail"), "import").await.report();
        assert_eq!(
            (&report["groups"]["alreadyThere"], &report["groups"]["created"]),
            (&json!(1), &json!(2)),
            "{report}"
        );
    });
}
