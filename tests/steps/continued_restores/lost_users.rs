//! Goal: a continued restore brings users back that it created and the target has lost since.
//!
//! Method: make the first pass partial, delete users in the target, and continue, also with a death at every call.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Record;
use shared::model::UserRecord;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use super::{calls, exported, import};
use crate::support::machine::Machine;
use crate::support::people::{self, Population};
use crate::support::restored::{Comparison, assert_books_balance, compare};
use crate::support::snapshot::Contents;
use crate::support::{in_paused_time, source_id};

/// A restore of ten users and three groups whose first pass is partial: the table lacks the record of one user
/// meanwhile. The options can leave a user in the target before.
struct PartialRestore {
    backend: MemoryBackend,
    target: MemoryPool,
    contents: Contents,
    population: Population,
    input: Value,
    first: Value,
}

impl PartialRestore {
    async fn with(options: Value) -> Self {
        let mut population = people::plain(10, 3);
        // The report has a note about this user.
        population.people[6].status = 2;
        let (backend, target, contents) = exported(&population).await;
        let mut input = import();
        input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        if options.get("existing").is_some() {
            drop(target.put_user(population.people[0].record(0)));
            tokio::time::sleep(Duration::from_secs(3_600)).await;
        }
        let username = population.people[9].record(9).username;
        let mut users = contents.users.iter();
        let (sub, records) = users.find(|(_, records)| records[0].username == username).unwrap();
        let key = UserRecord::key(&source_id(), sub.as_str(), records[0].digest());
        let item = backend.vault().remove(&key).unwrap();
        let first = Machine::new(&backend).import(input.clone(), "first").await.report();
        backend.vault().put_by_hand(&key, item);
        assert_eq!((&first["status"], &first["users"]["failed"]), (&json!("PARTIAL"), &json!(1)), "{first}");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        Self { backend, target, contents, population, input, first }
    }

    fn lose(&self, number: usize) {
        let username = self.population.people[number].record(number).username;
        let lost = self.target.users().into_iter().find(|user| user.record.username == username);
        self.target.delete_user(&lost.unwrap().sub);
    }

    /// How many memberships of the snapshot these users have.
    fn memberships_of(&self, numbers: &[usize]) -> usize {
        let username = |number: &usize| self.population.people[*number].record(*number).username;
        let names: Vec<_> = numbers.iter().map(username).collect();
        let is_of_one =
            |(_, sub): &&(_, shared::model::Sub)| names.contains(&self.contents.users[sub][0].username);
        self.contents.memberships.iter().filter(is_of_one).count()
    }

    async fn start_again(&self, name: &str) -> Value {
        let report = Machine::new(&self.backend).import(self.input.clone(), name).await.report();
        assert_eq!(report["restoreId"], self.first["restoreId"], "it continues the restore: {report}");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        report
    }
}

fn created_and_failed(report: &Value, kind: &str) -> [u64; 2] {
    ["created", "failed"].map(|name| report[kind][name].as_u64().unwrap())
}

#[test]
fn users_that_a_partial_restore_created_and_the_target_lost_come_back_with_their_memberships() {
    for (options, created) in [(json!({}), 10), (json!({"existing": "skip"}), 9)] {
        in_paused_time(async {
            let notes =
                PartialRestore::with(options.clone()).await.start_again("second").await["notes"].clone();
            let partial = PartialRestore::with(options.clone()).await;
            [4, 6, 7].into_iter().for_each(|number| partial.lose(number));
            // This pass tries what failed, and its verification misses the users.
            let second = partial.start_again("second").await;
            assert_eq!(
                (created_and_failed(&second, "users"), &second["verification"]["missing"]),
                ([created - 3, 3], &json!(3)),
                "{second}"
            );
            assert_eq!(second["users"]["reasons"], json!({"userMissing": 3}), "{second}");
            let lost = partial.memberships_of(&[4, 6, 7]);
            assert!(lost > 0);
            assert_eq!(second["memberships"]["reasons"], json!({"userMissing": lost}), "{second}");

            let from = partial.backend.script().log().len();
            let third = partial.start_again("third").await;
            assert_eq!(
                (&third["status"], created_and_failed(&third, "users")),
                (&json!("SUCCEEDED"), [created, 0]),
                "{third}"
            );
            assert_eq!(
                calls(&partial.backend, from, Operation::AdminCreateUser),
                3,
                "no user is created twice"
            );
            assert_eq!(third["notes"], notes, "{third}");
            let memberships = partial.contents.memberships.len() as u64;
            assert_eq!(created_and_failed(&third, "memberships"), [memberships, 0], "{third}");
            assert_eq!(compare(&partial.contents, &partial.target), Comparison::default());
            assert_books_balance(&partial.backend, &partial.contents, &partial.target, &third).await;
        });
    }
}

#[test]
fn a_user_that_is_lost_again_comes_back_again() {
    in_paused_time(async {
        let partial = PartialRestore::with(json!({})).await;
        for name in ["second", "fourth"] {
            partial.lose(7);
            let report = partial.start_again(name).await;
            assert_eq!(
                (&report["status"], created_and_failed(&report, "users")),
                (&json!("PARTIAL"), [9, 1]),
                "{report}"
            );
            // The pass that restores it loses another one.
            partial.lose(3);
            let report = partial.start_again(&format!("after {name}")).await;
            assert_eq!(
                (&report["status"], created_and_failed(&report, "users")),
                (&json!("PARTIAL"), [9, 1]),
                "{report}"
            );
        }
        let report = partial.start_again("last").await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(compare(&partial.contents, &partial.target), Comparison::default());
        assert_books_balance(&partial.backend, &partial.contents, &partial.target, &report).await;
    });
}

/// The restore creates again only what it created.
#[test]
fn a_user_that_the_target_had_before_the_restore_is_not_taken_back() {
    in_paused_time(async {
        let partial = PartialRestore::with(json!({"existing": "skip"})).await;
        partial.lose(0);
        let second = partial.start_again("second").await;
        assert_eq!(
            (created_and_failed(&second, "users"), &second["verification"]["missing"]),
            ([9, 0], &json!(1)),
            "{second}"
        );
    });
}

/// Continues the same restore, again and again: each time an invocation dies at another call of it. `check` gets the
/// report, and the case in words.
fn continue_with_a_death_at_every_call(
    begin: impl AsyncFn() -> PartialRestore,
    name: &str,
    check: impl AsyncFn(&PartialRestore, Value, &str),
) {
    let (from, to) = in_paused_time(async {
        let partial = begin().await;
        let from = partial.backend.script().calls();
        partial.start_again(name).await;
        (from + 1, partial.backend.script().calls())
    });
    for call in from..=to {
        for applied in [Applied::Nothing, Applied::Half, Applied::All] {
            in_paused_time(async {
                let partial = begin().await;
                partial.backend.script().fault(call, Fault::Die(applied));
                let report = partial.start_again(name).await;
                partial.backend.script().clear();
                check(&partial, report, &format!("call {call}, {applied:?}")).await;
            });
        }
    }
}

#[test]
fn a_verification_that_is_interrupted_counts_each_lost_user_once() {
    let lost = async || {
        let partial = PartialRestore::with(json!({})).await;
        partial.lose(4);
        partial
    };
    continue_with_a_death_at_every_call(lost, "second", async |partial, second, case| {
        assert_eq!(
            (created_and_failed(&second, "users"), &second["verification"]["missing"]),
            ([9, 1], &json!(1)),
            "{case}: {second}"
        );
        assert_eq!(
            second["memberships"]["reasons"]["userMissing"],
            json!(partial.memberships_of(&[4])),
            "{case}: {second}"
        );
        let third = partial.start_again("third").await;
        assert_eq!(third["status"], "SUCCEEDED", "{case}: {third}");
        assert_eq!(compare(&partial.contents, &partial.target), Comparison::default());
    });
}

#[test]
fn a_pass_that_is_interrupted_adds_the_memberships_of_lost_users_again() {
    let lost = async || {
        let partial = PartialRestore::with(json!({})).await;
        [4, 7].into_iter().for_each(|number| partial.lose(number));
        partial.start_again("second").await;
        partial
    };
    continue_with_a_death_at_every_call(lost, "third", async |partial, third, case| {
        assert_eq!(third["status"], "SUCCEEDED", "{case}: {third}");
        assert_eq!(compare(&partial.contents, &partial.target), Comparison::default());
        assert_books_balance(&partial.backend, &partial.contents, &partial.target, &third).await;
    });
}
