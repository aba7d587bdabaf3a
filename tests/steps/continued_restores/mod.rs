//! Goal: a partial or failed restore, started again, does only what is left.
//!
//! Method: a fault or a change makes a first import fail in part. A second import with the same input
//! follows.

mod lost_users;

use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::{Catalog, Record};
use shared::model::{RestoreState, RunId, UserRecord, UserStatus};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::Machine;
use crate::support::people::{self, Kind, Population};
use crate::support::restored::{Comparison, assert_books_balance, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, in_paused_time, source_id, target_id};

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 50})
}

async fn exported(population: &Population) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    population.fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

/// The number of calls of `operation`, from the `from`-th call on.
fn calls(backend: &MemoryBackend, from: usize, operation: Operation) -> usize {
    backend.script().log()[from..].iter().filter(|(_, called)| *called == operation).count()
}

#[test]
fn a_continued_partial_restore_does_only_what_failed() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(130, 3)).await;
        // Cognito refuses one user and one group. No retry helps.
        let from = backend.script().log().len();
        let machine = Machine::new(&backend);
        backend.script().always(Operation::CreateGroup, Some(Fault::Refuse(PoolErrorKind::Refused)));
        let first = machine.import(import(), "first").await.report();
        backend.script().clear();
        assert_eq!(first["status"], "PARTIAL");
        assert_eq!(
            (first["groups"]["failed"].as_u64(), first["users"]["created"].as_u64()),
            (Some(3), Some(130))
        );
        let memberships = contents.memberships.len();
        assert_eq!(first["memberships"]["failed"].as_u64(), Some(memberships as u64));
        assert_eq!(calls(&backend, from, Operation::AdminCreateUser), 130);
        assert_books_balance(&backend, &contents, &target, &first).await;

        let from = backend.script().log().len();
        let second = machine.import(import(), "second").await.report();
        assert_eq!(
            (second["status"].as_str(), &second["restoreId"]),
            (Some("SUCCEEDED"), &first["restoreId"])
        );
        assert_eq!(calls(&backend, from, Operation::AdminCreateUser), 0);
        assert_eq!(calls(&backend, from, Operation::AdminSetUserPassword), 0);
        assert_eq!(calls(&backend, from, Operation::AdminGetUser), 0);
        assert_eq!(calls(&backend, from, Operation::CreateGroup), 3);
        assert_eq!(calls(&backend, from, Operation::AdminAddUserToGroup), memberships);
        assert_eq!(compare(&contents, &target), Comparison::default());
        assert_books_balance(&backend, &contents, &target, &second).await;
    });
}

#[test]
fn a_refused_user_does_not_stop_the_restore_and_is_tried_again() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(90, 2)).await;
        // The target requires an attribute that some users lack.
        target.configure(|pool| pool.attributes.get_mut("name").unwrap().required = true);
        let nameless =
            contents.users.values().filter(|records| !records[0].attributes.contains_key("name")).count();
        assert!(nameless > 0 && nameless < 90);
        let machine = Machine::new(&backend);
        let refused = machine.import(import(), "refused").await;
        let (error, cause) = refused.error();
        assert_eq!(error, "UsersNotAccepted");
        assert!(cause.contains(&format!("{nameless} users (requiredAttributeMissing: name)")), "{cause}");
        assert_eq!((target.user_count(), target.groups().len()), (0, 0), "nothing is written");

        let mut import = import();
        import["acceptLosses"] = json!(true);
        let first = machine.import(import.clone(), "first").await.report();
        assert_eq!(
            (first["status"].as_str(), first["users"]["failed"].as_u64()),
            (Some("PARTIAL"), Some(nameless as u64))
        );
        assert_eq!(target.user_count(), 90 - nameless);
        assert_books_balance(&backend, &contents, &target, &first).await;

        target.configure(|pool| pool.attributes.get_mut("name").unwrap().required = false);
        let from = backend.script().log().len();
        let second = machine.import(import, "second").await.report();
        assert_eq!(second["status"], "SUCCEEDED", "{second}");
        assert_eq!(calls(&backend, from, Operation::AdminCreateUser), nameless);
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn federated_users_are_counted_and_left_to_their_next_sign_in() {
    in_paused_time(async {
        let mut population = people::plain(60, 2);
        population.people.iter_mut().step_by(10).for_each(|person| person.kind = Kind::Federated);
        let (backend, target, contents) = exported(&population).await;
        let machine = Machine::new(&backend);
        let first = machine.import(import(), "first").await.report();
        assert_eq!(first["status"], "SUCCEEDED");
        assert_eq!(first["users"]["reasons"], json!({"leftToSignIn": 6}));
        assert_eq!((first["users"]["created"].as_u64(), target.user_count()), (Some(54), 54));
        assert!(first["summary"].as_str().unwrap().contains("next federated sign-in: 6 users"));
        let federated = |sub| contents.users[sub][0].status == UserStatus::ExternalProvider;
        let left_out = contents.memberships.iter().filter(|(_, sub)| federated(sub)).count();
        assert_eq!(first["memberships"]["reasons"], json!({"leftToSignIn": left_out}));
        assert_books_balance(&backend, &contents, &target, &first).await;

        let from = backend.script().log().len();
        let second = machine.import(import(), "second").await.report();
        assert_eq!((second["status"].as_str(), &second["users"]), (Some("SUCCEEDED"), &first["users"]));
        let reads = [Operation::DescribeUserPool, Operation::ListUsers, Operation::AdminGetUser];
        assert!(backend.script().log()[from..].iter().all(|(_, operation)| reads.contains(operation)));
    });
}

#[test]
fn codes_that_the_target_cannot_send_are_counted_as_losses() {
    in_paused_time(async {
        let mut population = people::plain(5, 0);
        population.people[3].kind = Kind::WithSmsCodes;
        let (backend, target, _) = exported(&population).await;
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!((report["status"].as_str(), target.user_count()), (Some("PARTIAL"), 5));
        assert!(
            report["summary"].as_str().unwrap().contains("turn codes by text message or e-mail on again"),
            "{report}"
        );
    });
}

#[test]
fn an_address_that_another_user_took_during_the_restore_is_reported() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(40, 1)).await;
        target.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
        let verified = |records: &[shared::model::UserRecord]| {
            records[0].attributes.get("email_verified").is_some_and(|value| value == "true")
        };
        // Another user takes the address of the last listed user before the restore reaches that
        // user.
        let last = contents
            .users
            .iter()
            .filter(|(_, records)| verified(records))
            .max_by_key(|(sub, _)| *sub)
            .unwrap();
        let taken = last.1[0].attributes["email"].clone();
        let squatter = target.clone();
        backend.script().change(backend.script().calls() + 40, move || {
            let mut record = people::plain(1, 0).people[0].record(5000);
            record.attributes =
                [("email".to_owned(), taken), ("email_verified".to_owned(), "true".to_owned())].into();
            squatter.put_user(record);
        });
        let report = Machine::new(&backend).import(import(), "import").await.report();
        let created = report["users"]["created"].as_u64().unwrap();
        match report["users"]["reasons"]["aliasTaken"].as_u64() {
            Some(1) => assert_eq!((report["status"].as_str(), created), (Some("PARTIAL"), 39)),
            _ => panic!("{report}"),
        }
    });
}

#[test]
fn a_group_with_other_settings_stays_unchanged_and_is_reported() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(20, 2)).await;
        target.put_group(shared::model::GroupRecord {
            description: Some("mine".to_owned()),
            ..people::group(1)
        });
        target.put_group(people::group(0));
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(
            (report["status"].as_str(), &report["groups"]["reasons"]),
            (Some("PARTIAL"), &json!({"groupDiffers": 1}))
        );
        let comparison = compare(&contents, &target);
        assert_eq!(comparison.missing_groups.len(), 1);
        assert!(comparison.missing_memberships.is_empty() && comparison.missing_users.is_empty());
    });
}

#[test]
fn a_failed_restore_continues_where_it_stopped() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(200, 2)).await;
        let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
        backend.script().always(Operation::AdminAddUserToGroup, Some(denied));
        let machine = Machine::new(&backend);
        let end = machine.import(import(), "first").await;
        assert_eq!(end.error().0, "AccessDenied");
        let restores = Catalog::new(backend.vault()).restores(&target_id(), 5).await.unwrap();
        assert_eq!(restores.iter().map(|restore| restore.state).collect::<Vec<_>>(), [RestoreState::Failed]);

        backend.script().clear();
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        let from = backend.script().log().len();
        let report = machine.import(import(), "second").await.report();
        assert_eq!(
            (report["status"].as_str(), report["restoreId"].as_str()),
            (Some("SUCCEEDED"), Some(restores[0].id.as_str()))
        );
        assert_eq!(calls(&backend, from, Operation::AdminCreateUser), 0);
        assert_eq!(compare(&contents, &target), Comparison::default());
        assert_books_balance(&backend, &contents, &target, &report).await;
    });
}

#[test]
fn a_refused_token_during_the_target_scan_does_no_harm() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(20, 1)).await;
        backend
            .script()
            .always(Operation::AdminAddUserToGroup, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let machine = Machine::new(&backend);
        assert_eq!(machine.import(import(), "first").await.error().0, "AccessDenied");
        backend.script().clear();
        // Three empty pages come before the page with users, and the pool refuses the first tokens.
        target.set_shape(PageShape { sizes: vec![0, 0, 0, 60], ..PageShape::default() });
        let (call, listings) = (backend.script().calls(), calls(&backend, 0, Operation::ListUsers));
        (1..=10).for_each(|next| backend.script().fault(call + next, Fault::RejectToken));
        assert_eq!(machine.import(import(), "second").await.report()["status"], "SUCCEEDED");
        assert!(calls(&backend, 0, Operation::ListUsers) - listings > 4, "no token was refused");
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

/// Makes every 60th listing of users fail after a checkpoint, which then counts the failures.
fn break_listings_off(backend: &MemoryBackend) {
    for number in 1..=12 {
        for (call, fault) in [(60 * number, Some(Fault::RejectToken)), (60 * number + 1, None)] {
            let script = backend.script().clone();
            backend.script().change_before(Operation::ListUsers, call, move || {
                script.always(Operation::ListUsers, fault)
            });
        }
    }
}

#[test]
fn a_restore_whose_listing_failed_too_often_is_continued_later() {
    // A target with a user is listed before the restore. A target without users is listed only afterwards.
    for existing in ["fail", "skip"] {
        in_paused_time(async {
            let (backend, target, contents) = exported(&people::plain(70, 0)).await;
            target.set_shape(PageShape { sizes: vec![1], ..PageShape::default() });
            if existing == "skip" {
                (0..70).for_each(|number| {
                    drop(target.put_user(people::plain(70, 0).people[number].record(number)))
                });
                tokio::time::sleep(Duration::from_secs(3_600)).await;
            }
            let mut input = import();
            input["existing"] = json!(existing);
            break_listings_off(&backend);
            let machine = Machine::new(&backend);
            assert_eq!(machine.import(input.clone(), "first").await.error().0, "ListingFailed");
            backend.script().clear();
            // The token of the last checkpoint has expired.
            tokio::time::sleep(Duration::from_secs(2 * 3_600)).await;
            assert_eq!(machine.import(input, "second").await.report()["status"], "SUCCEEDED", "{existing}");
            assert_eq!(compare(&contents, &target), Comparison::default());
        });
    }
}

#[test]
fn users_changed_during_a_restore_are_corrected_by_an_import_with_update() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(10, 0)).await;
        target.put_user(people::plain(11, 0).people[10].record(10));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let mut input = import();
        input["existing"] = json!("update");
        let pool = target.clone();
        // The target is listed before the restore, and again afterwards.
        backend.script().change_before(Operation::ListUsers, 2, move || {
            let user =
                pool.users().into_iter().find(|user| user.record.username == people::username(3, 3)).unwrap();
            pool.change_user(&user.sub, |record| {
                drop(record.attributes.insert("name".to_owned(), "Another Name".to_owned()))
            });
        });
        let machine = Machine::new(&backend);
        let first = machine.import(input.clone(), "first").await.report();
        assert_eq!(
            (&first["status"], &first["verification"]["different"]),
            (&json!("PARTIAL"), &json!(1)),
            "{first}"
        );
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let second = machine.import(input, "second").await.report();
        assert_eq!(
            (&second["status"], &second["users"]["updated"]),
            (&json!("SUCCEEDED"), &json!(1)),
            "{second}"
        );
        assert!(compare(&contents, &target).different_users.is_empty());
    });
}

/// The target has changed since the scan of the first pass.
#[test]
fn a_later_pass_looks_at_the_target_and_not_at_the_scan_of_the_first() {
    in_paused_time(async {
        let population = people::plain(10, 0);
        let (backend, target, contents) = exported(&population).await;
        (0..10).for_each(|number| drop(target.put_user(population.people[number].record(number))));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        // The backup table lacks one record during the first pass.
        let (lost, records) = contents.users.iter().next().unwrap();
        let key = UserRecord::key(&source_id(), lost.as_str(), records[0].digest());
        let item = backend.vault().remove(&key).unwrap();
        let mut input = import();
        input["existing"] = json!("update");
        let machine = Machine::new(&backend);
        let first = machine.import(input.clone(), "first").await.report();
        let users = |report: &Value| {
            ["alreadyThere", "created", "failed"].map(|name| report["users"][name].as_u64().unwrap())
        };
        assert_eq!((&first["status"], users(&first)), (&json!("PARTIAL"), [9, 0, 1]), "{first}");

        backend.vault().put_by_hand(&key, item);
        let now = target.users().into_iter().find(|user| user.record.username == records[0].username);
        target.delete_user(&now.unwrap().sub);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let second = machine.import(input, "second").await.report();
        assert_eq!((&second["status"], users(&second)), (&json!("SUCCEEDED"), [9, 1, 0]), "{second}");
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn a_restore_is_continued_with_its_own_snapshot_although_there_is_a_newer_one() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(100, 1)).await;
        backend
            .script()
            .always(Operation::AdminAddUserToGroup, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        let machine = Machine::new(&backend);
        assert_eq!(machine.import(import(), "first").await.error().0, "AccessDenied");
        backend.script().clear();
        let source = backend.pool(&source_id());
        source.users().iter().take(50).for_each(|user| source.delete_user(&user.sub));
        machine.export(json!({"userPoolId": source_id()}), "newer").await.report();
        let report = machine.import(import(), "second").await.report();
        assert_eq!(
            (report["status"].as_str(), &report["snapshotId"]),
            (Some("SUCCEEDED"), &json!(contents.snapshot.id))
        );
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn a_concurrent_second_import_is_refused_and_the_first_continues() {
    in_paused_time(async {
        let (backend, target, contents) = exported(&people::plain(100, 1)).await;
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(5));
        let second = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            machine.import(import(), "second").await
        };
        let slow = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 5});
        let (first, second) = tokio::join!(machine.import(slow, "first"), second);
        assert_eq!(second.error().0, "ImportAlreadyRunning");
        let cause = second.error().1;
        assert!(cause.contains("execution:import:first") && cause.ends_with(" UTC."), "{cause}");
        assert_eq!(first.report()["status"], "SUCCEEDED");
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}
