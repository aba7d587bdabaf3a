//! Goal: in a pool that signs in by e-mail, a native and a federated user with one address stay two users.
//!
//! Method: put namesakes into the source, into the target, or both, in either order of the listing, and
//! import.

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::csv::Limits;
use shared::model::{RunId, Sub, UserRecord, UserStatus, Username};
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{MemoryBackend, MemoryPool};

use crate::fidelity::Mode;
use crate::support::machine::Machine;
use crate::support::people::{self, Kind, Person};
use crate::support::{backend, in_paused_time, source_id, target_id};

/// A source and a target that sign in by e-mail and can run import jobs.
fn pools() -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    for pool in [&source, &target] {
        pool.configure(|description| {
            Mode::Email.describe(description);
            description.auto_verified_attributes = vec!["email".to_owned()];
        });
    }
    (
        backend.with_jobs(Limits::COGNITO, Some("arn:aws:iam::123456789012:role/import-job-logs")),
        source,
        target,
    )
}

/// A user with the address that all users of these tests share.
fn person(kind: Kind, username: &str, name: &str) -> UserRecord {
    let person = Person { kind, attributes: 0, ..people::plain(1, 0).people[0].clone() };
    let mut record = UserRecord { username: Username::new(username), enabled: true, ..person.record(0) };
    for (attribute, value) in [("email", "x@example.com"), ("email_verified", "true"), ("name", name)] {
        record.attributes.insert(attribute.to_owned(), value.to_owned());
    }
    record
}

fn native(name: &str) -> UserRecord {
    person(Kind::Native, "native", name)
}

fn federated(name: &str) -> UserRecord {
    person(Kind::Federated, "Google_7", name)
}

async fn export(backend: &MemoryBackend) {
    let report =
        Machine::new(backend).export(json!({"userPoolId": source_id(), "tps": 200}), "export").await.report();
    assert_eq!(report["status"], "SEALED");
}

async fn restore(backend: &MemoryBackend, options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    Machine::new(backend).import(input, &format!("import-{}", backend.script().calls())).await.report()
}

/// The names of the native users of a pool.
fn native_names(pool: &MemoryPool) -> Vec<String> {
    let natives = pool.users().into_iter().filter(|user| user.record.status != UserStatus::ExternalProvider);
    natives.filter_map(|user| user.record.attributes.get("name").cloned()).collect()
}

/// Puts both users into a pool, in that order. The listing may show them in either order.
fn put_both(pool: &MemoryPool, first: UserRecord, second: UserRecord, others: usize) -> [Sub; 2] {
    // Each added user changes the positions of the later ones in the listing.
    people::plain(others, 0)
        .people
        .iter()
        .enumerate()
        .for_each(|(number, person)| drop(pool.put_user(person.record(number + 1))));
    [pool.put_user(first), pool.put_user(second)]
}

#[test]
fn a_federated_user_of_the_target_does_not_match_a_native_user_by_address() {
    for (existing, others) in
        [("skip", 0), ("skip", 1), ("skip", 2), ("update", 0), ("update", 1), ("update", 2)]
    {
        for is_native_in_target in [false, true] {
            in_paused_time(async {
                let (backend, source, target) = pools();
                source.put_user(native("Anna"));
                export(&backend).await;
                let guest = if is_native_in_target {
                    put_both(&target, federated("Guest"), native("Stale"), others)[0].clone()
                } else {
                    target.put_user(federated("Guest"))
                };
                let before = target.user(&guest);
                tokio::time::sleep(Duration::from_secs(3_600)).await;

                let report = restore(&backend, json!({"existing": existing})).await;
                assert_eq!(report["status"], "SUCCEEDED", "{report}");
                assert_eq!(target.user(&guest), before, "the federated user was changed: {report}");
                let users = |count: &str| report["users"][count].as_u64();
                let counts = (
                    users("created"),
                    users("updated"),
                    report["users"]["reasons"]["alreadyInTarget"].as_u64(),
                );
                let expected = match (is_native_in_target, existing) {
                    (false, _) => (Some(1), Some(0), None),
                    (true, "skip") => (Some(0), Some(0), Some(1)),
                    (true, _) => (Some(0), Some(1), None),
                };
                assert_eq!(
                    counts, expected,
                    "{existing}, {others} others, native in the target: {is_native_in_target}: {report}"
                );
                let name = if is_native_in_target && existing == "skip" { "Stale" } else { "Anna" };
                assert!(native_names(&target).contains(&name.to_owned()), "{:?}", native_names(&target));
            });
        }
    }
}

#[test]
fn a_federated_sign_in_during_import_jobs_does_not_match_the_user_of_a_job() {
    for listing in 1..=4 {
        in_paused_time(async {
            let (backend, source, target) = pools();
            let old = source.put_user(native("Anna"));
            export(&backend).await;
            let pool = target.clone();
            backend.script().change_before(Operation::ListUsers, listing, move || {
                drop(pool.put_user(federated("Guest")))
            });
            let report = restore(&backend, json!({"method": "csv", "existing": "skip"})).await;
            assert_eq!(
                (&report["status"], &report["jobs"]["imported"]),
                (&json!("SUCCEEDED"), &json!(1)),
                "{report}"
            );
            assert_eq!(report["verification"]["same"], 1, "{report}");
            let new = target
                .users()
                .into_iter()
                .find(|user| user.record.status != UserStatus::ExternalProvider)
                .unwrap();
            let restore = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
            let sub_map =
                Catalog::new(backend.vault()).sub_map_of(&restore, std::slice::from_ref(&old)).await.unwrap();
            assert_eq!(sub_map[&old].restored.as_ref().unwrap().sub, Some(new.sub), "listing {listing}");
        });
    }
}

#[test]
fn two_users_of_a_snapshot_with_one_address_match_the_target_user_as_one_of_them() {
    for others in 0..6 {
        in_paused_time(async {
            let (backend, source, target) = pools();
            put_both(&source, native("Anna"), federated("Fatima"), others);
            export(&backend).await;
            let existing_sub = target.put_user(native("Stale"));
            tokio::time::sleep(Duration::from_secs(3_600)).await;

            let report =
                restore(&backend, json!({"existing": "update", "federated": "link", "acceptLosses": true}))
                    .await;
            let reasons = report["users"]["reasons"].clone();
            assert_eq!(
                (&report["users"]["updated"], &reasons["aliasTaken"]),
                (&json!(1), &json!(1)),
                "{report}"
            );
            let name = target.user(&existing_sub).unwrap().record.attributes["name"].clone();
            let ledger_says = report["verification"]["different"].as_u64();
            assert_eq!(name, "Anna", "the native user comes first");
            assert_eq!(
                ledger_says,
                Some(0),
                "the user is {name} now, and the ledger says otherwise: {report}"
            );
        });
    }
}
