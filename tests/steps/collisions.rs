//! Goal: the import finds users with names that differ in the source and are equal in the target. It finds
//! them before it touches the target, and leaves out no other user.
//!
//! Method: import into pools that ignore case, or in which addresses are aliases, with deaths, twins and
//! short invocations. The plan and the report must agree.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::{Catalog, CheckpointKey};
use shared::csv::Limits;
use shared::model::{
    CollisionCheckpoint, CollisionStage, Execution, NameRule, ObjectionReason, Outcome, PoolDescription,
    Reason, RunId, Sub, UserRecord, UserStatus, Username,
};
use shared::ports::Backend;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool, PageShape};

use crate::support::machine::Machine;
use crate::support::{backend, cases, disturbance, in_paused_time, people, source_id, target_id};

fn user(username: &str, attributes: &[(&str, &str)]) -> UserRecord {
    let record = people::plain(1, 0).people[0].record(0);
    UserRecord {
        username: Username::new(username),
        attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        enabled: true,
        ..record
    }
}

fn with_email(username: &str, address: &str) -> UserRecord {
    user(username, &[("email", address), ("email_verified", "true")])
}

/// A source with these users, a sealed snapshot of it, and an empty target.
async fn exported(
    is_case_sensitive: bool,
    users: Vec<UserRecord>,
) -> (MemoryBackend, MemoryPool, MemoryPool, Vec<Sub>) {
    let (backend, source, target) = backend();
    source.configure(|pool| pool.case_sensitive = is_case_sensitive);
    source.set_shape(PageShape { sizes: vec![2, 0, 3], ..PageShape::default() });
    let subs = users.into_iter().map(|user| source.put_user(user)).collect();
    Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    (backend, source, target, subs)
}

fn input(options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

async fn import(backend: &MemoryBackend, options: Value) -> Value {
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(input(options), &name).await.report()
}

/// The users that the ledger names as failed for this reason.
async fn failed(backend: &MemoryBackend, report: &Value, reason: &Reason) -> BTreeSet<String> {
    let restore = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
    let (pages, _) = Catalog::new(backend.vault()).ledger(&restore, None).await.unwrap();
    let entries = pages.into_iter().flat_map(|(_, _, page)| page.exceptions.into_values());
    let failed = entries.filter(|entry| entry.outcome == Outcome::Failed { reason: reason.clone() });
    failed.map(|entry| entry.key).collect()
}

fn usernames(pool: &MemoryPool) -> BTreeSet<String> {
    pool.users().into_iter().map(|user| user.record.username.to_string()).collect()
}

#[test]
fn only_users_whose_usernames_collide_are_left_out_of_a_target_that_ignores_case() {
    in_paused_time(async {
        // aws-sdk 303: a case-sensitive pool moves into one that ignores case.
        let names = ["Anna@Example.com", "bert@example.com", "Carl", "carl", "CARL", "dora"];
        let (backend, _, target, subs) = exported(true, names.map(|name| user(name, &[])).into()).await;
        let plan = import(&backend, json!({"dryRun": true})).await;
        assert_eq!(plan["objections"]["usernameCollides"]["users"], 3, "{plan}");
        assert_eq!((&plan["creatable"], plan.get("refusal")), (&json!(3), None), "{plan}");
        assert_eq!(target.user_count(), 0);

        for _ in 0..2 {
            let report = import(&backend, json!({})).await;
            assert_eq!(
                (&report["status"], &report["users"]["reasons"]),
                (&json!("PARTIAL"), &json!({"usernameCollides": 3})),
                "{report}"
            );
            let left_out = failed(&backend, &report, &Reason::UsernameCollides).await;
            assert_eq!(left_out, subs[2..5].iter().map(Sub::to_string).collect(), "each is named");
            let restored = ["Anna@Example.com", "bert@example.com", "dora"];
            assert_eq!(usernames(&target), restored.map(str::to_owned).into());
        }
        let named = plan["objections"]["usernameCollides"]["first"].as_array().unwrap().len();
        assert_eq!(named, 3);
    });
}

#[test]
fn the_first_user_of_a_verified_address_is_restored_and_the_others_are_named() {
    in_paused_time(async {
        let users = vec![
            with_email("anna", "x@example.com"),
            with_email("bert", "X@example.com"),
            user("carl", &[("email", "x@example.com")]),
            with_email("dora", "d@example.com"),
            with_email("emil", "x@EXAMPLE.com"),
        ];
        let (backend, _, target, subs) = exported(false, users).await;
        target.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
        let plan = import(&backend, json!({"dryRun": true})).await;
        assert_eq!(plan["objections"]["aliasTaken"]["users"], 2, "{plan}");
        assert_eq!((&plan["creatable"], plan.get("refusal")), (&json!(3), None), "{plan}");
        let report = import(&backend, json!({})).await;
        assert_eq!(
            (&report["status"], &report["users"]["reasons"]),
            (&json!("PARTIAL"), &json!({"aliasTaken": 2})),
            "{report}"
        );
        let left_out = failed(&backend, &report, &Reason::AliasTaken).await;
        let namesakes: BTreeSet<String> = [0, 1, 4].map(|at: usize| subs[at].to_string()).into();
        assert!(left_out.is_subset(&namesakes) && left_out.len() == 2);
        let planned = &plan["objections"]["aliasTaken"]["first"];
        let planned: BTreeSet<String> = serde_json::from_value(planned.clone()).unwrap();
        assert_eq!(planned, left_out, "the plan names the same users");
        assert_eq!(target.user_count(), 3);

        // A later pass asks Cognito, because the first user may not have been restored.
        let again = import(&backend, json!({})).await;
        assert_eq!(again["users"]["reasons"], json!({"aliasTaken": 2}), "{again}");
        let first = target.users().into_iter().find(|user| {
            user.record
                .attributes
                .get("email")
                .is_some_and(|email| email.eq_ignore_ascii_case("x@example.com"))
                && user.record.has_verified("email")
        });
        target.delete_user(&first.unwrap().sub);
        let freed = import(&backend, json!({})).await;
        assert_eq!(freed["users"]["reasons"]["aliasTaken"], 1, "{freed}");
    });
}

#[test]
fn pools_whose_names_cannot_collide_are_not_searched() {
    in_paused_time(async {
        let (backend, _, target, _) = exported(true, vec![user("Anna", &[]), user("anna", &[])]).await;
        target.configure(|pool| pool.case_sensitive = true);
        let report = import(&backend, json!({})).await;
        assert_eq!((&report["status"], target.user_count()), (&json!("SUCCEEDED"), 2), "{report}");
        let restore = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
        let key = CheckpointKey::<CollisionCheckpoint>::collisions(&restore);
        assert_eq!(Catalog::new(backend.vault()).checkpoint(&key).await.unwrap(), None);
    });
}

#[test]
fn a_colliding_username_of_a_user_that_is_not_selected_does_not_count() {
    in_paused_time(async {
        let (backend, _, target, subs) =
            exported(true, vec![user("Anna", &[]), user("anna", &[]), user("bert", &[])]).await;
        let report = import(&backend, json!({"select": {"subs": [subs[1], subs[2]]}})).await;
        assert_eq!((&report["status"], usernames(&target).len()), (&json!("SUCCEEDED"), 2), "{report}");
    });
}

#[test]
fn users_that_collide_are_in_no_file_of_an_import_job() {
    in_paused_time(async {
        let users = vec![
            with_email("Anna", "a@example.com"),
            with_email("anna", "b@example.com"),
            with_email("bert", "c@example.com"),
        ];
        let (backend, _, target, _) = exported(true, users).await;
        let backend =
            backend.with_jobs(Limits::COGNITO, Some("arn:aws:iam::123456789012:role/import-job-logs"));
        target.configure(|pool| pool.auto_verified_attributes = vec!["email".to_owned()]);
        let report = import(&backend, json!({"method": "csv"})).await;
        assert_eq!(
            (&report["jobs"]["imported"], &report["jobs"]["failed"]),
            (&json!(1), &json!(0)),
            "{report}"
        );
        assert_eq!(report["users"]["reasons"], json!({"usernameCollides": 2}), "{report}");
    });
}

#[test]
fn users_of_a_colliding_username_are_left_out_of_a_pool_in_use() {
    for existing in ["skip", "update"] {
        in_paused_time(async {
            let (backend, _, target, _) =
                exported(true, vec![user("Anna", &[("name", "A")]), user("anna", &[]), user("bert", &[])])
                    .await;
            target.put_user(user("anna", &[("name", "Native")]));
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            let plan = import(&backend, json!({"existing": existing, "dryRun": true})).await;
            assert_eq!(plan["objections"]["usernameCollides"]["users"], 2, "{plan}");
            let report = import(&backend, json!({"existing": existing})).await;
            assert_eq!(report["users"]["reasons"], json!({"usernameCollides": 2}), "{report}");
            let anna = target.users().into_iter().find(|user| user.record.username.as_str() == "anna");
            assert_eq!(anna.unwrap().record.attributes["name"], "Native");
        });
    }
}

#[test]
fn a_refused_import_also_names_the_users_that_it_leaves_out_in_any_case() {
    in_paused_time(async {
        let named = |username: &str| user(username, &[("name", "A")]);
        let (backend, _, target, _) =
            exported(true, vec![named("Anna"), named("anna"), user("bert", &[]), named("carl")]).await;
        target.configure(|pool| pool.attributes.get_mut("name").unwrap().required = true);
        let end = Machine::new(&backend).import(input(json!({})), "refused").await;
        let (error, cause) = end.error();
        assert_eq!(error, "UsersNotAccepted");
        for says in ["1 user (requiredAttributeMissing: name)", "in any case: 2 users (usernameCollides)."] {
            assert!(cause.contains(says), "{says}: {cause}");
        }
    });
}

/// Users whose names, addresses and cases collide often.
fn users() -> impl Strategy<Value = Vec<UserRecord>> {
    let one = (0u8..6, 0u8..3, 0u8..4, any::<bool>()).prop_map(|(name, case, address, is_verified)| {
        let base = format!("user{name}");
        let username = match case {
            0 => base,
            1 => base.to_uppercase(),
            _ => format!("User{name}"),
        };
        let (address, flag) = (format!("a{address}@example.com"), is_verified.to_string());
        user(&username, &[("email", &address), ("email_verified", &flag)])
    });
    prop::collection::vec(one, 0..20)
}

proptest! {
    #![proptest_config(cases(40))]

    /// A search in several slices, with deaths, twins and short invocations, finds what one without them
    /// finds, and the restore does what the plan says.
    #[test]
    fn a_search_for_collisions_finds_the_same_users_on_every_bad_day(
        users in users(),
        faults in disturbance::faults(),
        slices in 1u64..4,
        is_short: bool,
    ) {
        in_paused_time(async {
            let mut seen = BTreeSet::new();
            let users: Vec<_> =
                users.into_iter().filter(|user| seen.insert(user.username.to_string())).collect();
            let (backend, _, target, _) = exported(true, users.clone()).await;
            target.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
            let plan = import(&backend, json!({"dryRun": true})).await;
            let planned = |code: &str| plan["objections"][code]["users"].as_u64().unwrap_or_default();

            let folded = |user: &UserRecord| user.username.as_str().to_lowercase();
            let collides =
                |user: &&UserRecord| users.iter().filter(|other| folded(other) == folded(user)).count() > 1;
            prop_assert_eq!(planned("usernameCollides"), users.iter().filter(collides).count() as u64);

            let mut machine = Machine::new(&backend);
            if is_short {
                machine = machine.with_budget(Duration::from_millis(1));
            }
            slice(&backend, "disturbed", slices).await;
            disturbance::order_faults(&backend, &faults);
            let report = machine.import(input(json!({})), "disturbed").await.report();
            backend.script().clear();
            let counted = |code: &str| report["users"]["reasons"][code].as_u64().unwrap_or_default();
            prop_assert_eq!(counted("usernameCollides"), planned("usernameCollides"), "{}", report);
            prop_assert_eq!(counted("aliasTaken"), planned("aliasTaken"), "{}", report);
            prop_assert_eq!(target.user_count() as u64, plan["creatable"].as_u64().unwrap(), "{}", report);
            Ok(())
        })?;
    }
}

/// Makes the search of the import that begins now take this number of slices.
async fn slice(backend: &MemoryBackend, import: &str, slices: u64) {
    let id = format!("arn:aws:states:eu-west-1:123456789012:execution:import:{import}");
    let run = RunId::of(&Execution { id, started_at: backend.clock().now() });
    let rules = vec![NameRule::OneSpelling, NameRule::OneUser];
    let (key, first) = (CheckpointKey::collisions(&run), CollisionCheckpoint::new(rules, slices));
    Catalog::new(backend.vault()).put_checkpoint(&key, 0, &first).await.unwrap();
}

#[test]
fn a_death_at_any_call_of_the_search_changes_nothing() {
    let (from, until, expected) = in_paused_time(async {
        let (backend, target) = colliding().await;
        let from = backend.script().calls();
        let report = import(&backend, json!({"dryRun": true})).await;
        assert_eq!(target.user_count(), 0);
        (from, backend.script().calls(), report["objections"].clone())
    });
    assert!(until - from > 10 && expected["usernameCollides"]["users"] == 4, "{expected}");
    for call in from..until {
        for applied in [Applied::Nothing, Applied::Half, Applied::All] {
            in_paused_time(async {
                let (backend, _) = colliding().await;
                backend.script().fault(call, Fault::Die(applied));
                let report = import(&backend, json!({"dryRun": true})).await;
                assert_eq!(report["objections"], expected, "{call} {applied:?}");
            });
        }
    }
}

async fn colliding() -> (MemoryBackend, MemoryPool) {
    let users = ["anna", "Anna", "bert", "BERT", "carl", "dora", "emil"];
    let (backend, _, target, _) =
        exported(true, users.map(|name| with_email(name, "x@example.com")).into()).await;
    target.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
    (backend, target)
}

#[test]
fn the_codes_of_collisions_are_reasons_that_refuse_no_import() {
    let is_violation = |text: &str| {
        let reason: ObjectionReason = serde_json::from_value(json!(text)).unwrap();
        matches!(reason, ObjectionReason::Violation(_))
    };
    assert!(!is_violation("usernameCollides") && !is_violation("aliasTaken"));
    let rules = vec![NameRule::OneUser];
    assert_eq!(CollisionCheckpoint::new(rules, 0).stage, CollisionStage::Hashes);
}

/// The user that Cognito makes of an identity with this address.
fn federated(id: &str, address: &str) -> UserRecord {
    let identities = format!(r#"[{{"userId":"{id}","providerName":"{}","primary":true}}]"#, people::PROVIDER);
    let attributes = [("email", address), ("email_verified", "true"), ("identities", identities.as_str())];
    let record = user(&format!("{}_{id}", people::PROVIDER), &attributes);
    UserRecord { status: UserStatus::ExternalProvider, ..record }
}

#[test]
fn a_native_user_wins_over_its_federated_twin_and_the_plan_names_the_twin() {
    let sign_in = |by_email: bool| {
        move |pool: &mut PoolDescription| {
            let email = vec!["email".to_owned()];
            if by_email {
                pool.username_attributes = email;
            } else {
                pool.alias_attributes = email;
            }
        }
    };
    for (by_email, address) in [true, false]
        .into_iter()
        .flat_map(|by_email| ["anna@example.com", "Anna@Example.com"].map(|address| (by_email, address)))
    {
        for (has_native, existing) in [(false, "fail"), (false, "update"), (true, "skip"), (true, "update")] {
            in_paused_time(async {
                let (backend, source, target) = backend();
                [&source, &target].into_iter().for_each(|pool| pool.configure(sign_in(by_email)));
                source.set_shape(PageShape { sizes: vec![1, 0, 3], ..PageShape::default() });
                let twin = source.put_user(federated("1", address));
                let users = ["anna", "bert"].map(|name| with_email(name, &format!("{name}@example.com")));
                users.iter().for_each(|user| drop(source.put_user(user.clone())));
                Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
                if has_native {
                    target.put_user(users[0].clone());
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                }
                let options = |dry_run| json!({"federated": "link", "existing": existing, "dryRun": dry_run});
                let plan = import(&backend, options(true)).await;
                let named = json!({"aliasTaken": {"users": 1, "first": [twin]}});
                assert_eq!((&plan["objections"], plan.get("refusal")), (&named, None), "{plan}");
                let report = import(&backend, options(false)).await;
                let counts = &report["users"];
                assert_eq!(
                    (&counts["created"], &counts["reasons"]),
                    (&plan["creatable"], &json!({"aliasTaken": 1})),
                    "{by_email} {address} {has_native} {existing}: {report}"
                );
                assert_eq!(counts["alreadyThere"], u64::from(has_native), "{report}");
                assert_eq!(failed(&backend, &report, &Reason::AliasTaken).await, [twin.to_string()].into());
                let mut addresses: Vec<_> =
                    target.users().into_iter().map(|user| user.record.attributes["email"].clone()).collect();
                addresses.sort();
                assert_eq!(addresses, ["anna@example.com", "bert@example.com"], "the native user is kept");
            });
        }
    }
}

#[test]
fn a_federated_user_without_a_native_twin_gets_its_address() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        let by_email = |pool: &mut PoolDescription| pool.username_attributes = vec!["email".to_owned()];
        [&source, &target].into_iter().for_each(|pool| pool.configure(by_email));
        for (id, address) in [("1", "x@example.com"), ("2", "X@example.com"), ("3", "y@example.com")] {
            source.put_user(federated(id, address));
        }
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let plan = import(&backend, json!({"federated": "link", "dryRun": true})).await;
        let report = import(&backend, json!({"federated": "link"})).await;
        assert_eq!(plan["objections"]["aliasTaken"]["users"], 1, "{plan}");
        assert_eq!((&report["users"]["created"], target.user_count()), (&json!(2), 2), "{report}");
    });
}

#[test]
fn a_user_that_is_left_out_claims_no_alias() {
    in_paused_time(async {
        let users = vec![
            with_email("Anna", "x@example.com"),
            with_email("anna", "a@example.com"),
            with_email("bert", "X@example.com"),
            with_email("carl", "x@example.com"),
        ];
        let (backend, _, target, subs) = exported(true, users).await;
        target.configure(|pool| pool.alias_attributes = vec!["email".to_owned()]);
        let plan = import(&backend, json!({"dryRun": true})).await;
        let report = import(&backend, json!({})).await;
        assert_eq!(report["users"]["reasons"], json!({"aliasTaken": 1, "usernameCollides": 2}), "{report}");
        let left_out = failed(&backend, &report, &Reason::AliasTaken).await;
        assert_eq!(plan["objections"]["aliasTaken"], json!({"users": 1, "first": left_out}), "{plan}");
        assert!(left_out.is_subset(&[subs[2].to_string(), subs[3].to_string()].into()));
        assert_eq!(target.user_count(), 1, "one of the two gets the alias in the first pass");
    });
}

#[test]
fn a_user_that_the_settings_of_the_target_refuse_claims_no_alias() {
    for refused in 0..3 {
        in_paused_time(async {
            let mut users = ["anna", "bert", "carl"].map(|name| with_email(name, "x@example.com"));
            for (number, user) in users.iter_mut().enumerate().filter(|(number, _)| *number != refused) {
                user.attributes.insert("name".to_owned(), number.to_string());
            }
            let (backend, _, target, subs) = exported(false, users.into()).await;
            target.configure(|pool| {
                pool.alias_attributes = vec!["email".to_owned()];
                pool.attributes.get_mut("name").unwrap().required = true;
            });
            let options = |dry_run| json!({"acceptLosses": true, "dryRun": dry_run});
            let plan = import(&backend, options(true)).await;
            let named = json!({"users": 1, "first": [subs[refused]]});
            assert_eq!(plan["objections"]["requiredAttributeMissing: name"], named, "{plan}");
            assert_eq!(
                (&plan["creatable"], &plan["objections"]["aliasTaken"]["users"]),
                (&json!(1), &json!(1))
            );
            let report = import(&backend, options(false)).await;
            let reasons = json!({"aliasTaken": 1, "refused: AdminCreateUser InvalidParameterException": 1});
            assert_eq!(report["users"]["reasons"], reasons, "{report}");
            assert_eq!(target.user_count(), 1, "{report}");
        });
    }
}

/// The pages of a slice may need several invocations. Each one goes on with the hashes of those before it.
#[test]
fn a_search_in_many_short_invocations_finds_the_same_collisions() {
    let found = |budget: u64| {
        in_paused_time(async {
            // Names of the first pages collide with names of the last pages.
            let names = (0..90).flat_map(|number| [format!("user{number}"), format!("lone{number}")]);
            let names = names.chain((0..3).map(|number| format!("USER{number}")));
            let (backend, _, _, _) = exported(true, names.map(|name| user(&name, &[])).collect()).await;
            backend.script().set_latency(Duration::from_millis(10), Duration::from_millis(50));
            let machine = Machine::new(&backend).with_budget(Duration::from_millis(budget));
            let report = machine.import(input(json!({"dryRun": true})), "plan").await.report();
            let hashes = backend.vault().items().into_keys().filter(|key| key.sk.starts_with("NAME_HASHES#"));
            let hashes = hashes.count();
            (report["objections"]["usernameCollides"]["users"].clone(), machine.invocations().len(), hashes)
        })
    };
    let (expected, in_one, stored) = found(900_000);
    assert_eq!((&expected, stored), (&json!(6), 0), "one invocation keeps its hashes in memory");
    let (collide, in_many, stored) = found(400);
    assert_eq!(collide, expected);
    assert!(in_many > in_one && stored > 0, "{in_many} invocations, {stored} items");
}
