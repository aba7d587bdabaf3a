//! Goal: the counts of a plan are those of the import that follows it.
//!
//! Method: plan and import the same snapshot into targets that have users of it: other users, changed
//! users, federated users that have signed in, and users that are not confirmed.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::model::{PoolId, UserRecord, UserStatus, Username};
use shared_memory::{MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::people::{self, PROVIDER};
use crate::support::{backend, cases, in_paused_time, source_id, target_id};

fn user(username: &str, status: UserStatus, attributes: &[(&str, &str)]) -> UserRecord {
    let record = people::plain(1, 0).people[0].record(0);
    UserRecord {
        username: Username::new(username),
        attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        enabled: true,
        status,
        ..record
    }
}

/// The user that Cognito makes of an identity.
fn federated(id: &str, attributes: &[(&str, &str)]) -> UserRecord {
    let identities = format!(r#"[{{"userId":"{id}","providerName":"{PROVIDER}","primary":true}}]"#);
    let attributes = [attributes, &[("identities", identities.as_str())]].concat();
    user(&format!("{PROVIDER}_{id}"), UserStatus::ExternalProvider, &attributes)
}

/// What the plan says, and how the import that follows it ends.
struct Forecast {
    plan: Value,
    end: End,
}

async fn export(backend: &MemoryBackend) {
    Machine::new(backend).export(json!({"userPoolId": source_id()}), "export").await.report();
}

async fn forecast(backend: &MemoryBackend, target: &PoolId, options: &Value) -> Forecast {
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target, "tps": 100});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    let mut dry_run = input.clone();
    dry_run["dryRun"] = json!(true);
    let plan = Machine::new(backend).import(dry_run, "plan").await.report();
    let end = Machine::new(backend).import(input, "import").await;
    Forecast { plan, end }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn counts(value: &Value, count: impl Fn(&Value) -> u64) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (reason, value) in value.as_object().into_iter().flatten() {
        // The plan names the rule of the target, the import the error code of Cognito.
        let is_refused = reason.contains(": ");
        let reason = if is_refused { "refused" } else { reason };
        *counts.entry(reason.to_owned()).or_default() += count(value);
    }
    counts
}

/// The outcomes that a plan promises, by name.
fn promised(plan: &Value) -> BTreeMap<String, u64> {
    let mut outcomes = counts(&plan["objections"], |objection| number(&objection["users"]));
    let there = &plan["there"];
    outcomes.insert("alreadyInTarget".to_owned(), number(&there["kept"]));
    outcomes.insert("created".to_owned(), number(&plan["creatable"]));
    outcomes.insert("same".to_owned(), number(&there["same"]));
    outcomes.insert("updated".to_owned(), number(&there["updated"]));
    outcomes.retain(|_, count| *count > 0);
    outcomes
}

/// The outcomes that a report counts, by name.
fn counted(report: &Value) -> BTreeMap<String, u64> {
    let users = &report["users"];
    let mut outcomes = counts(&users["reasons"], number);
    outcomes.insert("created".to_owned(), number(&users["created"]));
    outcomes.insert("same".to_owned(), number(&users["alreadyThere"]));
    outcomes.insert("updated".to_owned(), number(&users["updated"]));
    outcomes.retain(|_, count| *count > 0);
    outcomes
}

fn named(outcomes: &[(&str, u64)]) -> BTreeMap<String, u64> {
    outcomes.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Native,
    SignedIn,
    Unconfirmed,
}

impl Kind {
    fn user(self, name: &str) -> UserRecord {
        let attributes = [("email", "anna@example.com"), ("email_verified", "true"), ("name", name)];
        match self {
            Self::Native => user("anna", UserStatus::Confirmed, &attributes),
            Self::SignedIn => federated("1", &attributes),
            Self::Unconfirmed => user("anna", UserStatus::Unconfirmed, &attributes),
        }
    }
}

#[test]
fn a_plan_counts_users_that_the_target_has_as_the_import_treats_them() {
    use Kind::{Native, SignedIn, Unconfirmed};
    for (kind, existing, is_own, outcome) in [
        (Native, "skip", true, "alreadyInTarget"),
        (Native, "skip", false, "alreadyInTarget"),
        (Native, "update", true, "updated"),
        (Native, "update", false, "updated"),
        (SignedIn, "skip", true, "alreadyInTarget"),
        (SignedIn, "skip", false, "same"),
        (SignedIn, "update", true, "updated"),
        (SignedIn, "update", false, "same"),
        (Unconfirmed, "skip", true, "alreadyInTarget"),
        (Unconfirmed, "skip", false, "unconfirmed"),
        (Unconfirmed, "update", true, "updated"),
        (Unconfirmed, "update", false, "unconfirmed"),
    ] {
        in_paused_time(async {
            let (backend, source, target) = backend();
            let sub = source.put_user(kind.user("Anna"));
            export(&backend).await;
            if is_own {
                source.change_user(&sub, |record| *record = kind.user("Other"));
            } else {
                target.put_user(kind.user("Other"));
            }
            let pool = if is_own { source_id() } else { target_id() };
            let options = json!({"existing": existing, "unconfirmed": "skip"});
            let Forecast { plan, end } = forecast(&backend, &pool, &options).await;
            let case = format!("{kind:?} {existing} {is_own}");
            assert_eq!(promised(&plan), named(&[(outcome, 1)]), "{case}: {plan}");
            assert_eq!(counted(&end.report()), promised(&plan), "{case}");
            // Of a user that stays as it is, no call asks.
            let calls = number(&plan["callsByCategory"]["UserRead"]);
            assert_eq!(calls, u64::from(outcome == "updated"), "{case}: {plan}");
        });
    }
}

#[test]
fn a_federated_user_that_signed_in_to_the_own_pool_again_is_as_in_the_snapshot() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let sub = source.put_user(Kind::SignedIn.user("Anna"));
        export(&backend).await;
        source.delete_user(&sub);
        source.put_user(Kind::SignedIn.user("Other"));
        let Forecast { plan, end } = forecast(&backend, &source_id(), &json!({"existing": "skip"})).await;
        assert_eq!(promised(&plan), named(&[("same", 1)]), "{plan}");
        assert_eq!(counted(&end.report()), promised(&plan));
    });
}

/// A user of the snapshot, and what became of it in the target.
#[derive(Debug, Clone)]
struct Person {
    kind: u8,
    /// Whether it has the address of another user.
    address: u8,
    is_verified: bool,
    /// Blank, missing or a phone number.
    phone: u8,
    /// In the target: missing, the same, or changed in one way or another.
    change: u8,
}

#[derive(Debug, Clone)]
struct World {
    people: Vec<Person>,
    is_own: bool,
    signs_in_by_email: bool,
    has_alias: bool,
    verifies: bool,
    update: bool,
    link: bool,
    skips_unconfirmed: bool,
    accepts_losses: bool,
}

impl Person {
    fn has_identity(&self) -> bool {
        matches!(self.kind, 0 | 2)
    }

    fn record(&self, number: usize) -> UserRecord {
        // A federated user may have the address of the user before it, spelled in another way.
        let is_twin = self.kind == 0 && self.address != 0;
        let of = if is_twin { number.saturating_sub(1) } else { number };
        let letter = if self.address == 1 { "A" } else { "a" };
        let (address, flag) = (format!("{letter}{of}@example.com"), self.is_verified.to_string());
        let phone = format!("+4930{number}");
        let mut attributes = vec![("email", address.as_str()), ("email_verified", flag.as_str())];
        match self.phone {
            0 => attributes.push(("phone_number", " ")),
            1 => attributes.push(("phone_number", &phone)),
            _ => {}
        }
        let name = format!("user{number}");
        let identities = format!(r#"[{{"userId":"{number}","providerName":"{PROVIDER}","primary":false}}]"#);
        match self.kind {
            0 => federated(&number.to_string(), &attributes),
            1 => user(&name, UserStatus::Unconfirmed, &attributes),
            2 => {
                let attributes = [&attributes[..], &[("identities", identities.as_str())]].concat();
                user(&name, UserStatus::Confirmed, &attributes)
            }
            _ => user(&name, UserStatus::Confirmed, &attributes),
        }
    }

    /// The user as the target has it. None if it lacks the user.
    fn present(&self, number: usize) -> Option<UserRecord> {
        let mut record = self.record(number);
        let mut set =
            |name: &str, value: &str| drop(record.attributes.insert(name.to_owned(), value.to_owned()));
        match self.change {
            0..=2 => return None,
            3 => {}
            4 => set("name", "Other"),
            5 => set("phone_number", "+4940"),
            6 => set("email_verified", "false"),
            7 => record.enabled = false,
            8 => drop(record.attributes.remove("phone_number")),
            // A native user has the name of the federated one, and its address. No other user has the address.
            9 if record.is_federated() && self.address == 0 => {
                record.attributes.remove("identities");
                record.status = UserStatus::Confirmed;
            }
            _ => record.username = Username::new(record.username.as_str().to_uppercase()),
        }
        Some(record)
    }
}

impl World {
    async fn play(&self) -> Forecast {
        let (backend, source, other) = backend();
        let configure = |pool: &MemoryPool| {
            pool.configure(|description| {
                let email = || vec!["email".to_owned()];
                description.username_attributes = if self.signs_in_by_email { email() } else { Vec::new() };
                description.auto_verified_attributes = if self.verifies { email() } else { Vec::new() };
                if self.has_alias && !self.signs_in_by_email {
                    description.alias_attributes = email();
                }
            });
        };
        [&source, &other].into_iter().for_each(configure);
        let records = || self.people.iter().enumerate().map(|(number, person)| person.record(number));
        let subs: Vec<_> = records().map(|record| source.put_user(record)).collect();
        export(&backend).await;
        let target = if self.is_own { &source } else { &other };
        // A plan does not know which identities and aliases users of the target have that the restore does
        // not take for users of the snapshot, or that it leaves as they are. In the own pool, these are users that the
        // input leaves out, and federated users that have become native ones.
        let is_unknown = |person: &Person| {
            let is_skipped = self.skips_unconfirmed && person.kind == 1;
            let is_converted = person.kind == 0 && person.change == 9;
            self.link && (is_skipped || if self.is_own { is_converted } else { person.has_identity() })
        };
        for ((number, person), sub) in self.people.iter().enumerate().zip(&subs) {
            match person.present(number).filter(|_| !is_unknown(person)) {
                Some(record) if self.is_own => target.change_user(sub, |stored| {
                    *stored = UserRecord {
                        username: stored.username.clone(),
                        created: stored.created,
                        modified: stored.modified,
                        ..record
                    };
                }),
                Some(record) => drop(target.put_user(record)),
                None if self.is_own => target.delete_user(sub),
                None => {}
            }
        }
        let options = json!({
            "existing": if self.update { "update" } else { "skip" },
            "federated": if self.link { "link" } else { "skip" },
            "unconfirmed": if self.skips_unconfirmed { "skip" } else { "restore" },
            "acceptLosses": self.accepts_losses,
        });
        forecast(&backend, &if self.is_own { source_id() } else { target_id() }, &options).await
    }
}

fn worlds() -> impl Strategy<Value = World> {
    let person = (0u8..6, 0u8..3, any::<bool>(), 0u8..4, 0u8..11).prop_map(
        |(kind, address, is_verified, phone, change)| Person { kind, address, is_verified, phone, change },
    );
    let flags = prop::array::uniform8(any::<bool>());
    (prop::collection::vec(person, 1..10), flags).prop_map(|(people, flags)| {
        let [is_own, signs_in_by_email, has_alias, verifies, update, link, skips_unconfirmed, accepts_losses] =
            flags;
        World {
            people,
            is_own,
            signs_in_by_email,
            has_alias,
            verifies,
            update,
            link,
            skips_unconfirmed,
            accepts_losses,
        }
    })
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn the_counts_of_a_plan_are_those_of_the_import_in_every_world(world in worlds()) {
        in_paused_time(async {
            let Forecast { plan, end } = world.play().await;
            if plan.get("refusal").is_some() {
                prop_assert_eq!(end.error().0, "UsersNotAccepted", "{}", plan);
                return Ok(());
            }
            let report = end.report();
            prop_assert_eq!(counted(&report), promised(&plan), "{} {}", plan, report);
            let notes = |of: &Value| counts(&of["notes"], number);
            prop_assert_eq!(notes(&report), notes(&plan), "{} {}", plan, report);
            Ok(())
        })?;
    }
}
