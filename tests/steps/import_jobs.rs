//! Goal: import jobs and API calls together restore each user exactly once.
//!
//! Method: imports with `"method": "csv"`, small files, failing jobs and lost log lines, compared with the
//! snapshot.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::csv::Limits;
use shared::model::{RunId, UserRecord, UserStatus, Username};
use shared::ports::pool::{NewUser, Operation, Password};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};

use crate::fidelity::{MODES, Mode};
use crate::support::machine::{End, Machine};
use crate::support::people::{self, Population};
use crate::support::restored::{Comparison, assert_books_balance, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, cases, disturbance, in_paused_time, source_id, target_id};

/// In seconds.
const DAY: u64 = 24 * 3600;
/// Small files: five users each.
const SMALL: Limits = Limits { users: 5, ..Limits::COGNITO };
const ROLE: Option<&str> = Some("arn:aws:iam::123456789012:role/import-job-logs");

fn input() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100, "method": "csv"})
}

/// A sealed snapshot of these users in a pool of that mode, and an empty target that can run jobs.
async fn exported(
    mode: Mode,
    population: &Population,
    limits: Limits,
) -> (MemoryBackend, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    let backend = backend.with_jobs(limits, ROLE);
    for pool in [&source, &target] {
        pool.configure(|description| {
            mode.describe(description);
            description.auto_verified_attributes = vec!["email".to_owned(), "phone_number".to_owned()];
        });
    }
    population.fill(&source);
    let report = Machine::new(&backend)
        .export(json!({"userPoolId": source_id(), "tps": 200}), "export")
        .await
        .report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    let contents = snapshot::read(&backend, &source_id(), &id).await;
    (backend, target, contents)
}

async fn restore(backend: &MemoryBackend, input: Value) -> Value {
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input, &name).await.report()
}

fn calls(backend: &MemoryBackend, operation: Operation) -> usize {
    backend.script().log().iter().filter(|(_, called)| *called == operation).count()
}

/// Users that a file can hold.
fn carried(people: usize, groups: usize) -> Population {
    let mut population = people::plain(people, groups);
    for (number, person) in population.people.iter_mut().enumerate() {
        // A verified phone number, and no note with a line break.
        person.attributes = 2 | (number % 2 * 4) as u8;
    }
    population
}

fn with_status(target: &MemoryPool, status: &UserStatus) -> usize {
    target.users().iter().filter(|user| user.record.status == *status).count()
}

async fn assert_restored(backend: &MemoryBackend, contents: &Contents, target: &MemoryPool, report: &Value) {
    assert_eq!(report["status"], "SUCCEEDED", "{report}");
    assert_eq!(compare(contents, target), Comparison::default(), "{report}");
    assert_books_balance(backend, contents, target, report).await;
}

proptest! {
    #![proptest_config(cases(80))]

    /// Any faults, and any budget.
    #[test]
    fn import_jobs_and_calls_together_restore_each_user_exactly_once(
        mode in prop::sample::select(&MODES[..]),
        population in people::restorable(40),
        shape in disturbance::shape(),
        pace in disturbance::pace(),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let mut population = population;
            mode.suit(&mut population);
            let (backend, target, contents) = exported(mode, &population, SMALL).await;
            target.set_shape(shape);
            disturbance::order_faults(&backend, &faults);
            let report = Machine::new(&backend).with_budget(pace.budget).import(input(), "import").await.report();
            backend.script().clear();
            assert_restored(&backend, &contents, &target, &report).await;
            let by_job = report["jobs"]["imported"].as_u64().unwrap() as usize;
            let fallen_back = !report["jobs"]["fallback"].is_null();
            let reset = with_status(&target, &UserStatus::ResetRequired);
            assert!(reset == by_job || fallen_back, "{report}");
            assert_eq!(report["notes"]["resetRequired"].as_u64().unwrap_or(0) as usize, reset, "{report}");
        });
    }
}

#[test]
fn users_of_import_jobs_take_no_call_each() {
    in_paused_time(async {
        let population = carried(130, 3);
        let (backend, target, contents) = exported(Mode::Usernames, &population, Limits::COGNITO).await;
        let before = backend.script().log().len();
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert_eq!(report["jobs"]["imported"], 130, "{report}");
        for operation in
            [Operation::AdminCreateUser, Operation::AdminSetUserPassword, Operation::AdminGetUser]
        {
            assert_eq!(calls(&backend, operation), 0, "{}", operation.name());
        }
        let disabled = population.people.iter().filter(|person| !person.enabled).count();
        let memberships = contents.memberships.len();
        let calls_made = backend.script().log().len() - before;
        assert!(calls_made <= memberships + disabled + 130usize.div_ceil(60) + 100, "{calls_made} calls");
    });
}

#[test]
fn a_job_file_ends_at_cognitos_limits() {
    in_paused_time(async {
        let (backend, target, contents) = exported(Mode::EmailOrPhone, &carried(23, 2), SMALL).await;
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert_eq!(
            (&report["jobs"]["jobs"], &report["jobs"]["imported"]),
            (&json!(5), &json!(23)),
            "{report}"
        );
    });
}

#[test]
fn users_that_no_job_file_can_hold_go_through_the_api_and_are_counted() {
    in_paused_time(async {
        let mut population = carried(20, 2);
        population.people[3].attributes = 2 | 8;
        population.people[4].attributes = 4;
        let (backend, target, contents) = exported(Mode::Usernames, &population, Limits::COGNITO).await;
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert_eq!(
            report["jobs"]["byApi"],
            json!({"backslash": 0, "lineBreak": 1, "nothingVerified": 1})
                .as_object()
                .map(|all| {
                    all.iter()
                        .filter(|(_, count)| **count != json!(0))
                        .map(|(name, count)| (name.clone(), count.clone()))
                        .collect::<Value>()
                })
                .unwrap(),
            "{report}"
        );
        assert_eq!(calls(&backend, Operation::AdminCreateUser), 2);
        let words = report["summary"].as_str().unwrap();
        assert!(words.contains("1 import job created 18 users.") && words.contains("(lineBreak)"), "{words}");
    });
}

/// In a pool of e-mail addresses, Cognito chooses the usernames. It links by username alone.
#[test]
fn a_user_that_a_job_created_is_linked_by_username() {
    in_paused_time(async {
        let mut population = carried(12, 0);
        for person in &mut population.people[..4] {
            person.kind = people::Kind::Linked;
        }
        Mode::Email.suit(&mut population);
        let (backend, target, contents) = exported(Mode::Email, &population, SMALL).await;
        target.add_provider(people::PROVIDER);
        let before = backend.script().log().len();
        let mut plan = input();
        plan["federated"] = json!("link");
        plan["dryRun"] = json!(true);
        let planned = Machine::new(&backend).import(plan.clone(), "plan").await.report();
        plan["dryRun"] = json!(false);
        let report = restore(&backend, plan).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert!(report["jobs"]["imported"].as_u64() >= Some(10), "{report}");
        let log = backend.script().log().split_off(before);
        let made = |operation| log.iter().filter(|(_, called)| *called == operation).count();
        assert_eq!(
            (made(Operation::AdminLinkProviderForUser), made(Operation::AdminGetUser)),
            (4, 4),
            "{planned}"
        );
    });
}

#[test]
fn a_pool_that_can_start_no_job_is_restored_through_the_api_and_the_reason_reported() {
    let fall_back = |prepare: fn(MemoryBackend, &MemoryPool) -> MemoryBackend| {
        in_paused_time(async {
            let (backend, target, contents) =
                exported(Mode::Usernames, &carried(7, 1), Limits::COGNITO).await;
            let backend = prepare(backend, &target);
            let report = restore(&backend, input()).await;
            assert_restored(&backend, &contents, &target, &report).await;
            assert_eq!(
                (calls(&backend, Operation::AdminCreateUser), &report["jobs"]["imported"]),
                (7, &json!(0)),
                "{report}"
            );
            let reason = report["jobs"]["fallback"].as_str().unwrap().to_owned();
            assert!(report["summary"].as_str().unwrap().contains(&reason), "{report}");
            reason
        })
    };
    let nothing_verified = fall_back(|backend, target| {
        target.configure(|description| description.auto_verified_attributes.clear());
        backend
    });
    assert!(nothing_verified.contains("verifies no attribute"), "{nothing_verified}");
    let no_role = fall_back(|backend, _| backend.with_jobs(Limits::COGNITO, None));
    assert!(no_role.contains("no role for the logs of import jobs"), "{no_role}");
    let refused = fall_back(|backend, _| {
        backend.script().always(
            Operation::CreateUserImportJob,
            Some(Fault::Refuse(shared::ports::pool::PoolErrorKind::Refused)),
        );
        backend
    });
    assert!(refused.contains("CreateUserImportJob"), "{refused}");
    let no_url = fall_back(|backend, target| {
        target.configure_jobs(|jobs| jobs.without_url = usize::MAX);
        backend
    });
    assert!(no_url.contains("failed before their start"), "{no_url}");
    let never_free = fall_back(|backend, target| {
        target.configure_jobs(|jobs| jobs.blocked = true);
        backend
    });
    assert!(never_free.contains("could not be started for hours"), "{never_free}");
}

#[test]
fn a_job_without_a_url_for_its_file_is_left_and_the_next_one_takes_the_file() {
    in_paused_time(async {
        let (backend, target, contents) = exported(Mode::Usernames, &carried(7, 1), Limits::COGNITO).await;
        target.configure_jobs(|jobs| jobs.without_url = 1);
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert_eq!(
            (&report["jobs"]["imported"], calls(&backend, Operation::CreateUserImportJob)),
            (&json!(7), 2)
        );
        assert_eq!(calls(&backend, Operation::AdminCreateUser), 0);
    });
}

#[test]
fn a_restore_waits_for_another_job_of_the_account() {
    in_paused_time(async {
        let (backend, target, contents) = exported(Mode::Usernames, &carried(7, 1), Limits::COGNITO).await;
        target.configure_jobs(|jobs| jobs.blocked = true);
        let free = target.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1_800)).await;
            free.configure_jobs(|jobs| jobs.blocked = false);
        });
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert_eq!(report["jobs"]["imported"], 7, "{report}");
    });
}

#[test]
fn users_that_a_job_fails_on_are_found_by_their_line_and_tried_through_the_api() {
    in_paused_time(async {
        let (backend, target, contents) = exported(Mode::Usernames, &carried(130, 1), Limits::COGNITO).await;
        let unlucky: Vec<String> =
            (0..130).step_by(13).map(|number| people::username(number, number as u8).to_string()).collect();
        target.configure_jobs(|jobs| jobs.fails = unlucky.clone());
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert_eq!(
            (&report["jobs"]["imported"], &report["jobs"]["failed"]),
            (&json!(120), &json!(10)),
            "{report}"
        );
        assert_eq!(report["jobs"]["unaccounted"], 0, "{report}");
        let names: HashSet<_> = target
            .users()
            .iter()
            .filter(|user| user.record.status == UserStatus::Confirmed)
            .map(|user| user.record.username.to_string())
            .collect();
        assert_eq!(names, HashSet::from_iter(unlucky));
    });
}

#[test]
fn a_stopped_job_loses_no_user() {
    in_paused_time(async {
        let (backend, target, contents) = exported(Mode::Usernames, &carried(60, 1), Limits::COGNITO).await;
        target.configure_jobs(|jobs| {
            jobs.fails =
                (0..4).map(|number| people::username(number * 9, (number * 9) as u8).to_string()).collect();
            jobs.max_failures = Some(2);
        });
        let report = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &report).await;
        assert!(report["jobs"]["imported"].as_u64().unwrap() < 56, "{report}");
    });
}

#[test]
fn a_job_log_with_gaps_leaves_users_to_the_verification_and_the_next_start() {
    in_paused_time(async {
        let (backend, target, contents) = exported(Mode::Usernames, &carried(20, 1), Limits::COGNITO).await;
        target.configure_jobs(|jobs| {
            jobs.fails =
                (0..20).map(|number| people::username(number, number as u8).to_string()).step_by(3).collect();
            jobs.loses_log = true;
        });
        let first = restore(&backend, input()).await;
        // The log names some of the seven users.
        let unaccounted = first["jobs"]["unaccounted"].as_u64().unwrap();
        assert!((1..7).contains(&unaccounted) && first["status"] == "PARTIAL", "{first}");
        assert_eq!(first["users"]["lost"], unaccounted, "{first}");
        // Users that were to be disabled counted as missing before.
        assert!((1..=unaccounted).contains(&first["verification"]["missing"].as_u64().unwrap()), "{first}");
        assert_eq!(target.user_count() as u64, 20 - unaccounted, "{first}");
        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
        let second = restore(&backend, input()).await;
        assert_restored(&backend, &contents, &target, &second).await;
    });
}

#[test]
fn users_of_the_target_are_in_no_job_file() {
    let with = |existing: &str| {
        in_paused_time(async {
            let (backend, target, contents) =
                exported(Mode::Usernames, &carried(12, 1), Limits::COGNITO).await;
            let taken_name = people::username(5, 5);
            let attributes = [("phone_number".to_owned(), "+49305555".to_owned())].into();
            let temporary_password = Password::new("Secret-Password-1".to_owned());
            target
                .sign_up(&NewUser {
                    username: taken_name.clone(),
                    attributes,
                    temporary_password,
                    invitation: None,
                })
                .unwrap();
            let mut input = input();
            input["existing"] = json!(existing);
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let report = restore(&backend, input).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!(
                (&report["jobs"]["imported"], &report["jobs"]["skipped"]),
                (&json!(11), &json!(0)),
                "{report}"
            );
            assert_eq!(report["jobs"]["byApi"], json!({"alreadyInTarget": 1}), "{report}");
            assert_eq!(calls(&backend, Operation::AdminGetUser), usize::from(existing == "update"));
            assert_eq!(target.user_count(), contents.users.len());
            let user = target.users().into_iter().find(|user| user.record.username == taken_name).unwrap();
            let UserRecord { attributes, .. } = user.record;
            attributes.get("phone_number").cloned().unwrap_or_default()
        })
    };
    assert_eq!(with("skip"), "+49305555");
    assert_eq!(with("update"), "+4930000005");
}

#[test]
fn usernames_that_are_equal_in_the_target_are_not_left_to_a_job() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        for pool in [&source, &target] {
            pool.configure(|description| description.auto_verified_attributes = vec!["email".to_owned()]);
        }
        let person = |name: &str, email: &str| {
            let attributes =
                [("email".to_owned(), email.to_owned()), ("email_verified".to_owned(), "true".to_owned())]
                    .into();
            UserRecord {
                username: Username::new(name),
                attributes,
                ..people::plain(1, 0).people[0].record(0)
            }
        };
        source.put_user(person("anna", "anna@example.com"));
        source.put_user(person("bert", "bert@example.com"));
        let report = Machine::new(&backend)
            .export(json!({"userPoolId": source_id(), "tps": 200}), "export")
            .await
            .report();
        assert_eq!(report["status"], "SEALED");
        // The listing shows a user from the middle of the file twice.
        source.set_shape(shared_memory::PageShape { echo: true, ..Default::default() });
        let report = restore(&backend, input()).await;
        assert_eq!(
            (&report["status"], &report["jobs"]["imported"]),
            (&json!("SUCCEEDED"), &json!(2)),
            "{report}"
        );
        assert_eq!(target.user_count(), 2);
    });
}

#[test]
fn death_at_any_call_of_a_restore_by_jobs_only_delays_it() {
    let population = carried(7, 2);
    let undisturbed = in_paused_time(async {
        let (backend, _, _) = exported(Mode::Usernames, &population, SMALL).await;
        let before = backend.script().calls();
        restore(&backend, input()).await;
        before + 1..=backend.script().calls()
    });
    for call in undisturbed {
        // A death before a call equals a death after the call before.
        for applied in [Applied::Half, Applied::All] {
            for stop_at_death in [false, true] {
                in_paused_time(async {
                    let (backend, target, contents) = exported(Mode::Usernames, &population, SMALL).await;
                    backend.script().fault(call, Fault::Die(applied));
                    let machine = Machine { stop_at_death, ..Machine::new(&backend) };
                    let mut end = machine.import(input(), "first").await;
                    if end == End::Stopped {
                        tokio::time::sleep(Duration::from_secs(20 * 60)).await;
                        end = machine.import(input(), "again").await;
                    }
                    backend.script().clear();
                    let shown = format!("{call} {applied:?} {stop_at_death} {end:?}");
                    match end {
                        End::Finished(report) => assert_restored(&backend, &contents, &target, &report).await,
                        // The execution was stopped after it recorded its success.
                        refused => assert_eq!(refused.error().0, "TargetNotEmpty", "{refused:?}"),
                    }
                    assert_eq!(compare(&contents, &target), Comparison::default());
                    assert_eq!(with_status(&target, &UserStatus::ResetRequired), 7, "{shown}");
                });
            }
        }
    }
}

/// Starts an import whose invocation dies at the first question about the running job.
async fn stopped_while_its_job_runs(backend: &MemoryBackend) {
    let script = backend.script().clone();
    backend.script().change_before(Operation::DescribeUserImportJob, 1, move || {
        script.fault(script.calls() + 1, Fault::Die(Applied::Nothing));
    });
    let machine = Machine { stop_at_death: true, ..Machine::new(backend) };
    assert_eq!(machine.import(input(), "stopped").await, End::Stopped);
    backend.script().clear();
    assert_eq!(calls(backend, Operation::StartUserImportJob), 1);
}

/// The row of a user fails, and the log has gaps, so the continued import reads it again and again.
#[test]
fn a_user_that_signs_up_weeks_after_a_job_is_not_taken_for_a_user_of_that_job() {
    let mut seen = 0;
    for unlucky in 0..5 {
        in_paused_time(async {
            let population = carried(5, 0);
            let (backend, target, contents) = exported(Mode::Usernames, &population, Limits::COGNITO).await;
            let name = people::username(unlucky, unlucky as u8);
            target.configure_jobs(|jobs| {
                jobs.fails = vec![name.to_string()];
                jobs.loses_log = true;
            });
            stopped_while_its_job_runs(&backend).await;
            tokio::time::sleep(Duration::from_secs(14 * DAY)).await;
            let mut records = contents.users.values().map(|records| records[0].clone());
            let mut record = records.find(|record| record.username == name).unwrap();
            (record.enabled, record.status) = (true, UserStatus::Confirmed);
            (record.created, record.modified) = (None, None);
            let sub = target.put_user(record);
            let stranger = target.user(&sub).unwrap();
            tokio::time::sleep(Duration::from_secs(DAY)).await;
            let report = restore(&backend, input()).await;
            // A user whose line the log has lost counts as created by the job.
            if report["jobs"]["unaccounted"] == 0 {
                assert_eq!(target.user(&sub), Some(stranger), "{report}");
                assert_eq!(report["users"]["reasons"]["usernameTaken"], 1, "{report}");
                seen += 1;
            }
        });
    }
    assert!(seen > 0);
}

/// The job goes on after its execution was aborted, fails on one user, and its log has gaps.
#[test]
fn users_that_a_job_created_for_hours_after_an_aborted_execution_are_completed() {
    let mut imported = 0;
    for unlucky in 0..20 {
        in_paused_time(async {
            let population = carried(20, 2);
            let (backend, target, contents) = exported(Mode::Usernames, &population, Limits::COGNITO).await;
            target.configure_jobs(|jobs| {
                jobs.fails = vec![people::username(unlucky, unlucky as u8).to_string()];
                jobs.max_failures = Some(0);
                jobs.loses_log = true;
                jobs.takes = Some(jiff::SignedDuration::from_hours(3));
            });
            stopped_while_its_job_runs(&backend).await;
            tokio::time::sleep(Duration::from_secs(DAY)).await;
            let report = restore(&backend, input()).await;
            assert_restored(&backend, &contents, &target, &report).await;
            imported += report["jobs"]["imported"].as_u64().unwrap();
        });
    }
    assert!(imported > 100, "{imported}");
}

#[test]
fn a_preferred_username_that_a_job_drops_is_set_after_it() {
    in_paused_time(async {
        let mut population = carried(7, 1);
        population.people.iter_mut().for_each(|person| person.attributes |= 32);
        let (backend, target, contents) = exported(Mode::Aliases, &population, Limits::COGNITO).await;
        target.refuse_unconfirmed_alias();
        target.configure_jobs(|jobs| jobs.drops_alias = true);
        let report = restore(&backend, input()).await;
        assert_eq!(
            (&report["status"], &report["jobs"]["imported"]),
            (&json!("SUCCEEDED"), &json!(7)),
            "{report}"
        );
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}
