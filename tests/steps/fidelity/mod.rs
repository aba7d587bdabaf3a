//! Goal: a restore brings back every kind of user in every kind of pool, as far as Cognito allows.
//!
//! Method: export a source, import into a target with other settings, and compare the target with the
//! snapshot.

mod existing;
mod refusals;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::{
    AttributeSchema, DataType, GroupName, GroupRecord, MfaPreference, MfaSetting, PoolDescription, RunId,
    Sub, UserStatus, Username,
};
use shared::ports::Backend;
use shared::ports::pool::{Operation, Pool, PoolErrorKind};
use shared_memory::{Fault, MemoryBackend, MemoryPool};

use crate::support::machine::Machine;
use crate::support::people::{self, Kind, Population};
use crate::support::restored::{Comparison, assert_books_balance, compare};
use crate::support::snapshot::{self, Contents};
use crate::support::{backend, cases, disturbance, in_paused_time, source_id, target_id};

/// The sign-in options of a pool.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    Usernames,
    Aliases,
    CaseSensitive,
    Email,
    Phone,
    EmailOrPhone,
}

pub const MODES: [Mode; 6] =
    [Mode::Usernames, Mode::Aliases, Mode::CaseSensitive, Mode::Email, Mode::Phone, Mode::EmailOrPhone];

impl Mode {
    pub fn describe(self, pool: &mut PoolDescription) {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match self {
            Self::Usernames => {}
            Self::Aliases => pool.alias_attributes = names(&["email", "phone_number", "preferred_username"]),
            Self::CaseSensitive => pool.case_sensitive = true,
            Self::Email => pool.username_attributes = names(&["email"]),
            Self::Phone => pool.username_attributes = names(&["phone_number"]),
            Self::EmailOrPhone => pool.username_attributes = names(&["email", "phone_number"]),
        }
    }

    /// Gives each user the attributes that the mode requires.
    pub fn suit(self, population: &mut Population) {
        for (number, person) in population.people.iter_mut().enumerate() {
            person.attributes |= match self {
                Self::Usernames | Self::Aliases | Self::CaseSensitive => 0,
                Self::Email => 1,
                Self::Phone => 2,
                Self::EmailOrPhone => 1 + (number % 2) as u8,
            };
        }
    }
}

/// A source with these users and the sign-in options of that mode, a sealed snapshot of it, and an
/// empty target of the same mode.
async fn exported(
    mode: Mode,
    population: &Population,
    input: Value,
) -> (MemoryBackend, MemoryPool, MemoryPool, Contents) {
    let (backend, source, target) = backend();
    [&source, &target].into_iter().for_each(|pool| pool.configure(|description| mode.describe(description)));
    population.fill(&source);
    let contents = export(&backend, input).await;
    (backend, source, target, contents)
}

async fn export(backend: &MemoryBackend, mut input: Value) -> Contents {
    input["userPoolId"] = json!(source_id());
    let name = format!("export-{}", backend.script().calls());
    let report = Machine::new(backend).export(input, &name).await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    snapshot::read(backend, &source_id(), &id).await
}

fn import(options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

/// Imports with these options, and returns the report.
async fn restore(backend: &MemoryBackend, options: Value) -> Value {
    let name = format!("import-{}", backend.script().calls());
    Machine::new(backend).import(import(options), &name).await.report()
}

fn calls(backend: &MemoryBackend, from: usize, operation: Operation) -> usize {
    backend.script().log()[from..].iter().filter(|(_, called)| *called == operation).count()
}

proptest! {
    #![proptest_config(cases(60))]

    /// Export, import, export again: both snapshots are equal except for what no restore can keep.
    #[test]
    fn every_sign_in_option_survives_an_export_an_import_and_an_export(
        mode in prop::sample::select(&MODES[..]),
        population in people::restorable(30),
        faults in disturbance::faults(),
    ) {
        in_paused_time(async {
            let mut population = population;
            mode.suit(&mut population);
            let (backend, _, target, contents) = exported(mode, &population, json!({})).await;
            disturbance::order_faults(&backend, &faults);
            let report = restore(&backend, json!({})).await;
            backend.script().clear();
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            assert_eq!(compare(&contents, &target), Comparison::default(), "{report}");
            assert_books_balance(&backend, &contents, &target, &report).await;
        });
    }
}

#[test]
fn federated_users_are_created_under_a_neutral_username_and_linked_if_the_input_says_so() {
    for mode in [Mode::Usernames, Mode::Email] {
        in_paused_time(async {
            let mut population = people::plain(12, 2);
            mode.suit(&mut population);
            population.people.iter_mut().step_by(3).for_each(|person| person.kind = Kind::Federated);
            let (backend, source, target, _) = exported(mode, &population, json!({})).await;
            let report = restore(&backend, json!({"federated": "link"})).await;
            assert_eq!(report["status"], "SUCCEEDED", "{report}");
            let identities = |pool: &MemoryPool| {
                let mut all: Vec<_> = pool
                    .users()
                    .into_iter()
                    .flat_map(|user| user.record.identities().unwrap())
                    .map(|id| id.user_id)
                    .collect();
                all.sort();
                all
            };
            assert_eq!((identities(&source).len(), identities(&source)), (4, identities(&target)));
            let originals: Vec<_> = source.users().into_iter().map(|user| user.record.username).collect();
            for user in
                target.users().into_iter().filter(|user| user.record.attributes.contains_key("identities"))
            {
                assert!(
                    !originals.contains(&user.record.username),
                    "a native user has the name of an identity"
                );
            }
            let members =
                |pool: &MemoryPool| pool.groups().iter().map(|(_, members)| members.len()).sum::<usize>();
            assert_eq!(members(&source), members(&target));
            assert_eq!(target.messages(), 0);
        });
    }
}

#[test]
fn identity_links_are_restored_and_a_missing_provider_is_reported() {
    in_paused_time(async {
        let mut population = people::plain(9, 0);
        population.people.iter_mut().take(4).for_each(|person| person.kind = Kind::Linked);
        let (backend, _, target, contents) = exported(Mode::Usernames, &population, json!({})).await;
        let refused = Fault::Refuse(PoolErrorKind::NotFound);
        backend.script().always(Operation::AdminLinkProviderForUser, Some(refused));
        let first = restore(&backend, json!({})).await;
        assert_eq!((first["status"].as_str(), first["users"]["failed"].as_u64()), (Some("PARTIAL"), Some(4)));
        assert_eq!(
            first["users"]["reasons"],
            json!({"refused: AdminLinkProviderForUser ResourceNotFoundException": 4})
        );
        backend.script().clear();
        let from = backend.script().log().len();
        let second = restore(&backend, json!({})).await;
        assert_eq!(second["status"], "SUCCEEDED", "{second}");
        assert_eq!(calls(&backend, from, Operation::AdminLinkProviderForUser), 4);
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn disabled_users_are_disabled_last() {
    in_paused_time(async {
        let mut population = people::plain(4, 0);
        population.people.iter_mut().for_each(|person| (person.kind, person.enabled) = (Kind::Linked, false));
        let (backend, _, target, contents) = exported(Mode::Usernames, &population, json!({})).await;
        let from = backend.script().log().len();
        let mut input = import(json!({}));
        input["tps"] = json!(1);
        // The users are restored one after the other. Of the calls for four users, every fourth is the last
        // for one of them.
        assert_eq!(Machine::new(&backend).import(input, "one by one").await.report()["status"], "SUCCEEDED");
        let log: Vec<_> = backend.script().log()[from..].iter().map(|(_, operation)| *operation).collect();
        let first_disabled = log.iter().position(|called| *called == Operation::AdminDisableUser).unwrap();
        let linked = log[..first_disabled]
            .iter()
            .filter(|called| **called == Operation::AdminLinkProviderForUser)
            .count();
        assert!(linked >= 1, "a user was disabled before any user was linked: {log:?}");
        assert_eq!(compare(&contents, &target), Comparison::default());
    });
}

#[test]
fn an_attribute_that_the_target_declares_under_another_name_ends_the_restore_before_any_user() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        for name in ["custom:custom:tier", "dev:custom:tier"] {
            source.configure(|pool| {
                let text = pool.attributes["custom:note"].clone();
                pool.attributes.insert(name.to_owned(), text);
            });
        }
        let mut anna = people::plain(1, 0).people[0].record(0);
        anna.attributes = [("custom:custom:tier".to_owned(), "gold".to_owned())].into();
        source.put_user(anna);
        export(&backend, json!({})).await;
        let renamed = target.clone();
        backend.script().change_before(Operation::DescribeUserPool, 3, move || {
            renamed.configure(|pool| {
                let declared = pool.attributes.remove("custom:custom:tier").unwrap();
                pool.attributes.insert("custom:tier".to_owned(), declared);
            });
        });
        let input = import(json!({"createMissingAttributes": true}));
        let end = Machine::new(&backend).import(input.clone(), "renamed").await;
        let (error, cause) = end.error();
        assert!(error == "MissingCustomAttributes" && cause.contains("custom:custom:tier"), "{cause}");
        assert_eq!((target.user_count(), calls(&backend, 0, Operation::AdminCreateUser)), (0, 0));

        target.configure(|pool| drop(pool.attributes.remove("custom:tier")));
        let report = Machine::new(&backend).import(input, "again").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(target.users()[0].record.attributes["custom:custom:tier"], "gold");
    });
}

#[test]
fn second_factors_are_exported_and_restored_if_the_target_allows_it() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        [&source, &target]
            .into_iter()
            .for_each(|pool| pool.configure(|description| description.mfa = MfaSetting::Optional));
        let mut population = people::plain(70, 0);
        population.people.iter_mut().for_each(|person| person.attributes = 3);
        population.fill(&source);
        let factors = |names: &[&str], preferred: Option<&str>| MfaPreference {
            enabled: names.iter().map(|&name| name.to_owned()).collect(),
            preferred: preferred.map(str::to_owned),
        };
        let mut subs: Vec<Sub> = source.users().into_iter().map(|user| user.sub).collect();
        subs.sort();
        let given = [
            factors(&["SMS_MFA", "EMAIL_OTP"], Some("EMAIL_OTP")),
            factors(&["SOFTWARE_TOKEN_MFA", "SMS_MFA"], Some("SOFTWARE_TOKEN_MFA")),
            factors(&["SOFTWARE_TOKEN_MFA"], None),
        ];
        for (sub, mfa) in subs.iter().zip(&given) {
            source.change_user(sub, |record| record.mfa = Some(mfa.clone()));
        }
        let from = backend.script().log().len();
        let contents = export(&backend, json!({"captureMfa": true, "tps": 1})).await;
        assert_eq!(calls(&backend, from, Operation::AdminGetUser), 70);
        for (sub, mfa) in subs.iter().zip(&given) {
            assert_eq!(contents.users[sub][0].mfa.as_ref(), Some(mfa));
        }
        let report = restore(&backend, json!({})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(report["notes"]["mustEnrolAgain"], 2);
        let restored = |sub: &Sub| {
            let name = &contents.users[sub][0].username;
            target.users().into_iter().find(|user| user.record.username == *name).unwrap().record.mfa
        };
        assert_eq!(restored(&subs[0]), Some(given[0].clone()));
        assert_eq!(restored(&subs[1]), Some(factors(&["SMS_MFA"], None)));
        assert_eq!(restored(&subs[2]), None);

        // A pool without MFA loses the second factors. The report says so.
        let without = target_without_mfa(&backend);
        let report = Machine::new(&backend)
            .import(
                json!({"sourceUserPoolId": source_id(), "targetUserPoolId": Pool::id(&without)}),
                "without",
            )
            .await
            .report();
        assert_eq!(
            (report["status"].as_str(), report["notes"]["mfaNotKept"].as_u64()),
            (Some("PARTIAL"), Some(2))
        );
    });
}

fn target_without_mfa(backend: &MemoryBackend) -> MemoryPool {
    let id = shared::model::PoolId::parse("eu-west-1_Without001").unwrap();
    backend.create_pool(&id, PoolDescription::with_defaults(&["note", "shoe_size"]))
}

#[test]
fn every_user_is_invited_if_the_input_says_so_and_twice_only_after_a_lost_answer() {
    in_paused_time(async {
        let (backend, _, target, contents) =
            exported(Mode::Usernames, &people::plain(40, 1), json!({})).await;
        let reachable = contents.users.values().filter(|records| {
            let has_address =
                ["email", "phone_number"].iter().any(|name| records[0].attributes.contains_key(*name));
            has_address && records[0].enabled
        });
        let reachable = reachable.count() as u64;
        // The answers to some calls get lost.
        let next = backend.script().calls();
        (30..40).for_each(|call| backend.script().fault(next + call, Fault::LostReply));
        let report = restore(&backend, json!({"passwords": "temporary", "sendInvitations": true})).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        assert_eq!(report["notes"]["invited"].as_u64(), Some(reachable));
        assert!((reachable..reachable + 10).contains(&target.messages()), "{}", target.messages());
        assert!(reachable > 10 && reachable < 40);
        for user in target.users() {
            let invited =
                ["email", "phone_number"].iter().any(|name| user.record.attributes.contains_key(*name));
            let expected = if invited && user.record.enabled {
                UserStatus::ForceChangePassword
            } else {
                UserStatus::Confirmed
            };
            assert_eq!(user.record.status, expected);
        }
    });
}

#[test]
fn missing_attributes_are_added_and_the_old_sub_is_kept_if_the_input_says_so() {
    in_paused_time(async {
        let (backend, _, target, contents) =
            exported(Mode::Usernames, &people::plain(20, 0), json!({})).await;
        target.configure(|pool| pool.attributes.retain(|name, _| !name.starts_with("custom:")));
        let machine = Machine::new(&backend);
        let refused = machine.import(import(json!({"oldSubAttribute": "custom:old_sub"})), "refused").await;
        assert_eq!(refused.error().0, "MissingCustomAttributes");
        assert!(refused.error().1.contains("custom:old_sub"));
        let wrong = json!({"createMissingAttributes": true, "oldSubAttribute": "custom:number"});
        target.configure(|pool| {
            let number = AttributeSchema { data_type: DataType::Number, ..pool.attributes["name"].clone() };
            pool.attributes.insert("custom:number".to_owned(), number);
        });
        assert_eq!(machine.import(import(wrong), "wrong").await.error().0, "MissingCustomAttributes");
        let with_sub = json!({"createMissingAttributes": true, "oldSubAttribute": "custom:old_sub"});
        let next = backend.script().calls();
        (1..30).for_each(|call| backend.script().fault(next + call, Fault::LostReply));
        let report = restore(&backend, with_sub).await;
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
        for user in target.users() {
            let old = Sub::new(user.record.attributes["custom:old_sub"].clone());
            assert_eq!(contents.users[&old][0].username, user.record.username);
        }
        assert_eq!(target.user_count(), 20);
    });
}
