//! Goal: a dry run says what the import would do, and changes nothing.
//!
//! Method: run a dry run and the import with the same input, and compare the forecast with the report.

use serde_json::{Value, json};
use shared::model::AttributeSchema;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::Machine;
use crate::support::people::{self, Kind, Population};
use crate::support::{backend, disturbance, in_paused_time, source_id, target_id};

fn import(options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

async fn exported(population: &Population) -> (MemoryBackend, MemoryPool) {
    let (backend, source, target) = backend();
    population.fill(&source);
    source.set_shape(PageShape { sizes: vec![20, 0, 7], ..PageShape::default() });
    Machine::new(&backend).export(json!({"userPoolId": source_id(), "tps": 200}), "export").await.report();
    (backend, target)
}

/// The number of calls that change a pool.
fn changes(backend: &MemoryBackend) -> usize {
    let reads = [
        Operation::DescribeUserPool,
        Operation::ListUsers,
        Operation::ListGroups,
        Operation::ListUsersInGroup,
        Operation::ListIdentityProviders,
    ];
    backend.script().log().iter().filter(|(_, operation)| !reads.contains(operation)).count()
}

fn count(number: &Value) -> u64 {
    number.as_u64().unwrap_or_default()
}

/// Users of a plan who cannot reset the password alone. `mustReset` does not count them.
fn unable(plan: &Value) -> u64 {
    count(&plan["notes"]["cannotResetPassword"])
}

#[test]
fn a_dry_run_forecasts_what_the_import_does() {
    for disturbed in [false, true] {
        in_paused_time(async {
            let mut population = people::plain(150, 3);
            population.people.iter_mut().step_by(10).for_each(|person| person.kind = Kind::Federated);
            population.people.iter_mut().skip(1).step_by(10).for_each(|person| person.kind = Kind::Linked);
            population
                .people
                .iter_mut()
                .skip(2)
                .step_by(10)
                .for_each(|person| person.kind = Kind::WithSmsCodes);
            let (backend, target) = exported(&population).await;
            if disturbed {
                let next = backend.script().calls();
                let faults = [
                    (2, Fault::Refuse(PoolErrorKind::Throttled)),
                    (9, Fault::LostReply),
                    (14, Fault::LostReply),
                ];
                faults.into_iter().for_each(|(call, fault)| backend.script().fault(next + call, fault));
                let died = Fault::Die(shared_memory::Applied::All);
                disturbance::order_faults(&backend, &vec![(20, died), (7, died)]);
            }
            let machine = Machine::new(&backend).with_budget(std::time::Duration::from_millis(1));
            let plan = machine.import(import(json!({"dryRun": true})), "plan").await.report();
            backend.script().clear();
            assert_eq!((changes(&backend), target.user_count(), backend.announcements().len()), (0, 0, 1));
            assert_eq!((plan["dryRun"].as_bool(), plan["users"].as_u64()), (Some(true), Some(150)), "{plan}");
            assert_eq!(plan["objections"]["leftToSignIn"]["users"], 15, "{plan}");
            assert_eq!(plan["objections"]["leftToSignIn"]["first"].as_array().unwrap().len(), 5);
            assert_eq!(
                count(&plan["mustReset"]) + unable(&plan),
                count(&plan["creatable"]),
                "no user is invited, and no federated user linked"
            );

            let from = backend.script().log().len();
            let report = Machine::new(&backend).import(import(json!({})), "import").await.report();
            assert_eq!(
                (&report["users"]["created"], &report["notes"]),
                (&plan["creatable"], &plan["notes"]),
                "{plan}"
            );
            let log = backend.script().log();
            let needless =
                log[from..].iter().filter(|(_, operation)| *operation == Operation::DescribeUserPool).count();
            let members_left_out = report["memberships"]["leftToSignIn"].as_u64().unwrap() as usize;
            let calls_made = log.len() - from - needless + members_left_out;
            let planned = plan["totalCalls"].as_u64().unwrap() as usize;
            assert!(
                calls_made.abs_diff(planned) <= 20,
                "{calls_made} calls were made, {planned} were planned"
            );
        });
    }
}

#[test]
fn a_dry_run_names_users_that_break_the_rules_of_the_target() {
    in_paused_time(async {
        let mut population = people::plain(40, 0);
        population.people[7].kind = Kind::Linked;
        let (backend, target) = exported(&population).await;
        target.configure(|pool| {
            pool.attributes.get_mut("name").unwrap().required = true;
            let size = pool.attributes.get_mut("custom:shoe_size").unwrap();
            *size = AttributeSchema { maximum: Some("1".to_owned()), ..size.clone() };
        });
        let plan = Machine::new(&backend).import(import(json!({"dryRun": true})), "plan").await.report();
        let objections = plan["objections"].as_object().unwrap();
        let names: Vec<_> = objections.keys().map(String::as_str).collect();
        assert_eq!(names, ["requiredAttributeMissing: name", "valueNotAccepted: custom:shoe_size"], "{plan}");
        let refused: u64 = objections.values().map(|objection| objection["users"].as_u64().unwrap()).sum();
        assert_eq!(refused + plan["creatable"].as_u64().unwrap(), 40);
        assert!(plan["summary"].as_str().unwrap().contains("valueNotAccepted"));
        assert_eq!((changes(&backend), target.user_count()), (0, 0));
    });
}

#[test]
fn a_dry_run_is_refused_like_the_import_and_announces_nothing() {
    in_paused_time(async {
        let (backend, target) = exported(&people::plain(5, 0)).await;
        target.configure(|pool| pool.username_attributes = vec!["email".to_owned()]);
        let told = backend.announcements().len();
        let end = Machine::new(&backend).import(import(json!({"dryRun": true})), "plan").await;
        assert_eq!(end.error().0, "TargetNotSupported");
        target.configure(|pool| {
            pool.username_attributes.clear();
            pool.attributes.retain(|name, _| !name.starts_with("custom:"));
        });
        let end = Machine::new(&backend).import(import(json!({"dryRun": true})), "attributes").await;
        assert_eq!(end.error().0, "MissingCustomAttributes");
        assert_eq!(backend.announcements().len(), told);
        let coming = json!({"dryRun": true, "createMissingAttributes": true});
        let plan = Machine::new(&backend).import(import(coming), "coming").await.report();
        assert_eq!((plan["creatable"].as_u64(), changes(&backend)), (Some(5), 0), "{plan}");
    });
}

#[test]
fn a_dry_run_into_a_pool_in_use_counts_the_users_that_it_has() {
    for (existing, kept, updated) in [("skip", 1, 0), ("update", 0, 1)] {
        in_paused_time(async {
            let population = people::plain(30, 1);
            let (backend, target) = exported(&population).await;
            let input = |more: Value| {
                let mut input = import(json!({"existing": existing}));
                input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                input
            };
            let plan = Machine::new(&backend).import(input(json!({"dryRun": true})), "empty").await.report();
            assert_eq!(plan["there"], json!({"same": 0, "kept": 0, "updated": 0}), "{plan}");
            assert_eq!(plan["creatable"], 30);

            for (number, person) in population.people.iter().enumerate().take(6) {
                let mut record = person.record(number);
                if number == 5 {
                    record.attributes.insert("custom:note".to_owned(), "another".to_owned());
                }
                target.put_user(record);
            }
            target.put_user(people::plain(1, 0).people[0].record(700));
            tokio::time::sleep(std::time::Duration::from_secs(3_600)).await;
            let users = target.users();
            let plan = Machine::new(&backend).import(input(json!({"dryRun": true})), "plan").await.report();
            assert_eq!(plan["there"], json!({"same": 5, "kept": kept, "updated": updated}), "{plan}");
            assert_eq!((&plan["users"], &plan["creatable"]), (&json!(30), &json!(24)), "{plan}");
            let reset = count(&plan["mustReset"]) + unable(&plan);
            assert_eq!(reset, 24, "existing users keep their passwords");
            let summary = plan["summary"].as_str().unwrap();
            assert!(
                !summary.contains("empty target") && summary.contains("as in the snapshot: 5"),
                "{summary}"
            );
            assert_eq!((changes(&backend), target.users()), (0, users));

            let report = Machine::new(&backend).import(input(json!({})), "import").await.report();
            assert_eq!(
                (&report["users"]["created"], &report["users"]["alreadyThere"], &report["users"]["updated"]),
                (&json!(24), &json!(5), &json!(updated)),
                "{report}"
            );
        });
    }
}
