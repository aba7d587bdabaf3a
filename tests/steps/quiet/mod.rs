//! Goal: nothing that the program says repeats a value of an input, of an answer of Cognito or of an item of
//! the table. That holds for errors, logs, notifications, metrics and the history of an execution.
//!
//! Method: plant canaries in every field of inputs, users, groups, memberships, settings, configurations, messages, tokens
//! and items. Run the deployed state machines, comparisons, copies and prunes, with refusals of every kind. Then search all that
//! was said.

mod configurations;
mod items;
mod keys;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::Result;
use shared::catalog::{Catalog, LeaseKey};
use shared::model::{
    AttributeSchema, CallStats, Category, Ceilings, Counts, DataType, EXPORT_FIELDS, GroupName, GroupRecord,
    Headroom, IMPORT_FIELDS, MfaPreference, MfaSetting, PoolDescription, Retention, SELECTION_FIELDS,
    SnapshotSelector, Sub, Tps, UserRecord, UserStatus, Username,
};
use shared::operations::verify::{Finding, Observer, verify};
use shared::pacing::{Budget, PacedPool};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{machine, steps};
use shared_memory::{Fault, MemoryBackend, MemoryPool, PageShape};

use crate::configuration::make_rich;
use crate::support::log::Log;
use crate::support::machine::{End, Machine, stopped_event};
use crate::support::pruned::{by_policy, prune_by_hand};
use crate::support::{backend, cases, in_paused_time, source_id, target_id};

/// A canary for what nothing may name.
const PLAIN: &str = "canaryplain";
/// A canary for what may be named if it is well-formed: ids, error codes, names of settings.
const ODD: &str = "канарейка@canary";
/// A canary for secrets, which no item of the table holds either.
const SECRET: &str = "canarysecret";
/// A canary for a quota of the account.
const QUOTA: u32 = 86_421_357;

/// All that was said about some runs.
struct Said {
    backend: MemoryBackend,
    log: Log,
    other: Vec<String>,
}

impl Said {
    fn of(backend: &MemoryBackend) -> Self {
        Self { backend: backend.clone(), log: Log::default(), other: Vec::new() }
    }

    fn machine(&self) -> Machine {
        Machine { retries: 1, may_lose_failures: true, ..Machine::new(&self.backend) }
    }

    /// Runs an execution, and notes its history and its end.
    async fn run(&mut self, operation: &str, input: Value, name: &str) -> End {
        let machine = self.machine();
        let end = match operation {
            "export" => machine.export(input, name).await,
            _ => machine.import(input, name).await,
        };
        self.other.append(&mut machine.history.lock().unwrap());
        self.other.push(format!("{end:?}"));
        end
    }

    fn note<T>(&mut self, result: Result<T>) {
        if let Err(error) = result {
            self.other.push(format!("{error:?} {:?}", machine::failure_of(&error)));
        }
    }

    /// Checks that nothing of this was said. `case` tells cases apart.
    fn assert_quiet(&self, case: &dyn std::fmt::Debug) {
        let announcements = format!("{:?}", self.backend.announcements());
        let metrics = format!("{:?}", self.backend.metrics());
        let events = format!("{:?}", self.backend.events());
        let log = self.log.text();
        for text in self.other.iter().chain([&announcements, &metrics, &events, &log]) {
            for canary in [PLAIN, ODD, "канарейка", "\\u043a", SECRET, &QUOTA.to_string()] {
                assert!(!text.contains(canary), "{case:?}: {canary} in {text}");
            }
        }
    }
}

fn export_input() -> Value {
    json!({"userPoolId": source_id(), "tps": 200})
}

fn import_input(options: Value) -> Value {
    let mut input = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200});
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

/// JSON of any shape whose every text and member is a canary.
fn canaries() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => prop_oneof![Just(json!(PLAIN)), Just(json!(ODD)), Just(json!(format!("custom:{ODD}")))],
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|value| json!(value)),
        1 => Just(json!(1.5)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let known = SELECTION_FIELDS.iter().map(|(name, _)| *name).chain(["map", "UserList", PLAIN, ODD]);
        let name = prop::sample::select(known.collect::<Vec<_>>());
        let role = "arn:aws:iam::111122223333:role/";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name, inner.clone()), 0..3).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
            inner.prop_map(move |value| json!({"map": {format!("{role}{PLAIN}"): value}})),
        ]
    })
}

/// The input of an export or of an import with some fields replaced, or another value altogether.
fn inputs() -> impl Strategy<Value = (&'static str, Value)> {
    let fields = |all: &[shared::model::InputField]| {
        let names: Vec<_> = all.iter().map(|field| field.name).chain([PLAIN, ODD, "TPS"]).collect();
        prop::collection::vec((prop::sample::select(names), canaries()), 1..4)
    };
    let with = |mut input: Value, fields: Vec<(&'static str, Value)>| {
        fields.into_iter().for_each(|(name, value)| input[name] = value);
        input
    };
    prop_oneof![
        4 => fields(IMPORT_FIELDS).prop_map(move |fields| ("import", with(import_input(json!({})), fields))),
        2 => fields(EXPORT_FIELDS).prop_map(move |fields| ("export", with(export_input(), fields))),
        1 => (prop::sample::select(vec!["import", "export"]), canaries()),
    ]
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn no_error_of_an_input_repeats_one_of_its_values((operation, input) in inputs()) {
        in_paused_time(async {
            let (backend, source, _) = backend();
            let mut said = Said::of(&backend);
            source.put_user(user("anna", BTreeMap::new()));
            Machine::new(&backend).export(export_input(), "first").await.report();
            let _guard = said.log.listen();
            said.run(operation, input.clone(), "canary").await;
            said.assert_quiet(&input);
        });
    }

    #[test]
    fn no_error_of_an_event_repeats_one_of_its_values(event in canaries(), (operation, input) in inputs()) {
        in_paused_time(async {
            let (backend, _, _) = backend();
            let mut said = Said::of(&backend);
            let _guard = said.log.listen();
            let budget = || Budget::for_invocation(std::time::Duration::from_secs(900));
            let execution = json!({"id": "execution:1", "startedAt": backend.clock().now()});
            let failed = json!({"operation": operation, "input": input, "execution": execution,
                "error": {"Error": ODD, "Cause": format!(r#"{{"errorMessage": "{PLAIN}"}}"#)}});
            let killed = json!({"operation": operation, "input": input, "execution": execution,
                "error": {"Error": "States.ParameterPathFailure", "Cause": format!("not in {input} {PLAIN}")}});
            let more = json!({"operation": operation, "input": event, "execution": event, "error": event});
            let times = (backend.clock().now(), backend.clock().now());
            let stopped = stopped_event((operation, "canary"), "ABORTED", times, Some(&input));
            let mut odd = stopped.clone();
            for name in ["executionArn", "stateMachineArn", "name", "status"] {
                odd["detail"][name] = event.clone();
            }
            for event in [event.clone(), more, failed, killed, stopped, odd] {
                said.note(steps::enumerate(&backend, event.clone(), budget()).await);
                said.note(steps::export_pages(&backend, event.clone(), budget()).await);
                said.note(steps::import_pages(&backend, event.clone(), budget()).await);
                match steps::finalize(&backend, event.clone(), budget()).await {
                    Ok(report) => said.other.push(json!(report).to_string()),
                    refused => said.note(refused),
                }
            }
            said.assert_quiet(&event);
        });
    }
}

fn user(name: &str, attributes: BTreeMap<String, String>) -> UserRecord {
    UserRecord {
        username: Username::new(name),
        attributes,
        enabled: false,
        status: UserStatus::Confirmed,
        mfa_options: Vec::new(),
        mfa: None,
        created: None,
        modified: None,
    }
}

fn attributes(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn text_attribute() -> AttributeSchema {
    AttributeSchema {
        data_type: DataType::String,
        mutable: true,
        required: false,
        minimum: None,
        maximum: None,
    }
}

/// Users with canaries in every field: native, linked, federated, and one that no target takes.
fn fill(pool: &MemoryPool) {
    let phone = format!("+49{PLAIN}");
    let email = format!("{PLAIN}@example.com");
    let identity =
        |primary: bool| format!(r#"[{{"userId":"{PLAIN}","providerName":"{ODD}","primary":{primary}}}]"#);
    let native = attributes(&[
        ("email", &email),
        ("email_verified", "true"),
        ("phone_number", &phone),
        ("name", PLAIN),
        ("custom:note", PLAIN),
        ("preferred_username", &format!("p{PLAIN}")),
    ]);
    let mut subs = vec![pool.put_user(user(PLAIN, native))];
    for (name, more) in [
        ("linked", attributes(&[("identities", &identity(false))])),
        ("odd", attributes(&[(&format!("custom:{ODD}"), PLAIN), ("custom:undeclared", PLAIN)])),
        ("long", attributes(&[("custom:note", &PLAIN.repeat(300))])),
        ("unverified", attributes(&[("email", &format!("2{email}"))])),
    ] {
        subs.push(pool.put_user(user(&format!("{name}{PLAIN}"), more)));
    }
    let federated = attributes(&[("identities", &identity(true))]);
    let federated =
        UserRecord { status: UserStatus::ExternalProvider, ..user(&format!("{ODD}_{PLAIN}"), federated) };
    subs.push(pool.put_user(federated));
    for text in [PLAIN, ODD] {
        let factors = MfaPreference { enabled: [text.to_owned()].into(), preferred: Some(text.to_owned()) };
        subs.push(pool.put_user(UserRecord {
            status: UserStatus::Other(text.to_owned()),
            mfa_options: vec![text.to_owned()],
            mfa: Some(factors),
            ..user(&format!("status{text}"), BTreeMap::new())
        }));
    }
    for (number, role) in [None, Some(ODD), Some(PLAIN)].into_iter().enumerate() {
        let name = GroupName::new(format!("{PLAIN}{number}"));
        pool.put_group(GroupRecord {
            name: name.clone(),
            description: Some(PLAIN.to_owned()),
            precedence: Some(1),
            role_arn: role.map(str::to_owned),
            created: None,
            modified: None,
        });
        subs.iter().for_each(|sub| assert!(pool.join(sub, &name)));
    }
}

/// How the target differs from the source.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Target {
    Alike,
    /// It lacks an attribute whose name is a canary.
    LacksAttribute,
    /// Users sign in by other attributes.
    SignsInOtherwise,
    /// It requires an attribute.
    Requires,
    /// It refuses values.
    Limits,
    /// No setting of it is one that the code knows.
    Unknown,
}

const TARGETS: [Target; 6] = [
    Target::Alike,
    Target::LacksAttribute,
    Target::SignsInOtherwise,
    Target::Requires,
    Target::Limits,
    Target::Unknown,
];

/// Puts canaries into every setting. A setting that is new must get one, too.
fn make_unknown(pool: &mut PoolDescription) {
    let texts = || vec![PLAIN.to_owned(), ODD.to_owned()];
    let PoolDescription {
        name,
        username_attributes,
        alias_attributes,
        auto_verified_attributes,
        case_sensitive: _,
        mfa,
        account_recovery,
        attributes,
        password_policy: _,
        estimated_users: _,
        tag: _,
    } = pool;
    ODD.clone_into(name);
    username_attributes.clear();
    *alias_attributes = texts();
    *auto_verified_attributes = texts();
    *mfa = MfaSetting::Other(ODD.to_owned());
    *account_recovery = Some(texts());
    for text in [PLAIN, ODD] {
        let schema = AttributeSchema {
            data_type: DataType::Other(text.to_owned()),
            mutable: true,
            required: false,
            minimum: Some(text.to_owned()),
            maximum: Some(text.to_owned()),
        };
        attributes.insert("custom:note".to_owned(), schema.clone());
        attributes.insert(format!("custom:new{text}"), schema);
    }
}

fn prepare(source: &MemoryPool, target: &MemoryPool, kind: Target) {
    let odd = format!("custom:{ODD}");
    let settings = |pool: &mut PoolDescription| {
        pool.name = PLAIN.to_owned();
        pool.mfa = MfaSetting::Optional;
        pool.auto_verified_attributes = vec!["email".to_owned()];
    };
    for pool in [source, target] {
        pool.configure(settings);
        pool.configure(|pool| drop(pool.attributes.insert(odd.clone(), text_attribute())));
        pool.refuse_with(&format!("User {PLAIN} has '{PLAIN}' and {ODD}, \"{PLAIN}'s"));
    }
    target.configure(|pool| match kind {
        Target::Alike => {}
        Target::LacksAttribute => {
            pool.attributes.remove(&odd);
        }
        Target::SignsInOtherwise => pool.username_attributes = vec![ODD.to_owned()],
        Target::Requires => {
            pool.attributes.insert(odd, AttributeSchema { required: true, ..text_attribute() });
        }
        Target::Limits => {
            let maximum = Some("3".to_owned());
            pool.attributes.insert("custom:note".to_owned(), AttributeSchema { maximum, ..text_attribute() });
        }
        Target::Unknown => make_unknown(pool),
    });
    if kind != Target::Alike {
        target.add_provider(ODD);
    }
}

/// Ignores the findings, which the command line shows to its operator.
struct Ignore;

impl Observer for Ignore {
    fn found(&mut self, _: Finding) {}
    fn compared(&mut self, _: &Counts) {}
}

async fn compare(backend: &MemoryBackend) -> Result<()> {
    let catalog = Catalog::new(backend.vault());
    let now = backend.clock().now();
    let (snapshot, units) = catalog.sealed_snapshot(&source_id(), &SnapshotSelector::Latest, now).await?;
    let tps = Tps::new(200)?;
    let pool = backend.pool(&target_id());
    let pool = PacedPool::new(pool, tps, &Ceilings::default(), backend.clock(), CallStats::none(tps));
    verify(&pool, &catalog, &snapshot, &units, &mut Ignore).await.map(drop)
}

/// Options of imports that reach different code.
fn options() -> [Value; 6] {
    [
        json!({}),
        json!({"dryRun": true}),
        json!({"acceptLosses": true, "federated": "link"}),
        json!({"acceptLosses": true, "existing": "update", "createMissingAttributes": true,
            "oldSubAttribute": format!("custom:old{ODD}")}),
        json!({"acceptLosses": true, "method": "csv", "existing": "skip"}),
        json!({"acceptLosses": true, "select": {"emails": [format!("{PLAIN}@example.com")], "groups": [PLAIN]},
            "existing": "skip"}),
    ]
}

#[test]
fn no_report_of_a_run_repeats_what_a_pool_holds() {
    for kind in TARGETS {
        in_paused_time(async {
            let (backend, source, target) = backend();
            let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
            let mut said = Said::of(&backend);
            let _guard = said.log.listen();
            fill(&source);
            prepare(&source, &target, kind);
            source.set_shape(PageShape { sizes: vec![2], ..PageShape::default() });
            said.run("export", export_input(), "first").await.report();
            said.run("export", json!({"userPoolId": source_id(), "captureMfa": true}), "second")
                .await
                .report();
            for (number, options) in options().into_iter().enumerate() {
                said.run("import", import_input(options), &format!("import-{number}")).await;
            }
            let compared = compare(&backend).await;
            said.note(compared);
            if kind == Target::Alike {
                assert!(target.user_count() > 3, "the import restored users");
            }
            said.assert_quiet(&kind);
        });
    }
}

#[test]
fn no_refusal_of_cognito_is_repeated_whatever_its_message() {
    use PoolErrorKind::{
        AccessDenied, AliasTaken, AlreadyExists, InvalidParameter, NotFound, Refused, Throttled, Transient,
        Undelivered, UserNotFound,
    };
    let kinds = [
        Throttled,
        Transient,
        NotFound,
        UserNotFound,
        AlreadyExists,
        AliasTaken,
        Undelivered,
        InvalidParameter,
        AccessDenied,
        Refused,
    ];
    for &operation in Operation::ALL {
        for kind in kinds {
            in_paused_time(async {
                let (backend, source, target) = with_everything();
                let mut said = Said::of(&backend);
                let _guard = said.log.listen();
                fill(&source);
                prepare(&source, &target, Target::Alike);
                source.set_shape(PageShape { sizes: vec![1], ..PageShape::default() });
                said.run("export", export_input(), "first").await;
                backend.script().always(operation, Some(Fault::Refuse(kind)));
                said.run("export", export_input(), "refused").await;
                let method = if kind == Refused { "csv" } else { "api" };
                let options = json!({"acceptLosses": true, "federated": "link", "method": method});
                said.run("import", import_input(options), "import").await;
                said.assert_quiet(&(operation, kind));
            });
        }
    }
}

#[test]
fn a_code_that_is_no_code_and_a_token_are_never_repeated() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        let mut said = Said::of(&backend);
        let _guard = said.log.listen();
        fill(&source);
        prepare(&source, &target, Target::Alike);
        source.set_shape(PageShape { sizes: vec![1], ..PageShape::default() });
        said.run("export", export_input(), "first").await.report();
        for kind in [PoolErrorKind::AccessDenied, PoolErrorKind::Refused, PoolErrorKind::InvalidParameter] {
            target.refuse_creation(Some((Username::new(PLAIN), kind, ODD)));
            let import = import_input(json!({"acceptLosses": true, "existing": "skip"}));
            let end = said.run("import", import, &format!("{kind:?}")).await;
            assert!(format!("{end:?}").contains("UnreadableCode"), "{end:?}");
        }
        // Tokens of groups are their names.
        for call in 0..400 {
            backend.script().fault(backend.script().calls() + call, Fault::RejectToken);
        }
        let refused = said.run("export", export_input(), "tokens").await;
        assert!(matches!(refused, End::Failed { .. }), "{refused:?}");
        said.assert_quiet(&"codes and tokens");
    });
}

/// A deployment that captures configurations and asks for quotas, and a pool with every kind of object.
fn with_everything() -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    for category in Category::ALL {
        [&source, &target].into_iter().for_each(|pool| pool.set_quota(category, QUOTA));
    }
    make_rich(&source);
    (backend.with_configuration().with_headroom(Some(Headroom::parse("10").unwrap())), source, target)
}

#[test]
fn a_lease_names_no_holder_that_is_no_execution() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        fill(&source);
        prepare(&source, &target, Target::Alike);
        let mut said = Said::of(&backend);
        let _guard = said.log.listen();
        said.run("export", export_input(), "first").await.report();
        let catalog = Catalog::new(backend.vault());
        let lease = shared::model::Lease::new(ODD, backend.clock().now());
        for (pool, operation) in
            [(source_id(), shared::model::RunKind::Export), (target_id(), shared::model::RunKind::Import)]
        {
            let key = LeaseKey::of_pool(&pool, operation);
            catalog.take_lease(&key, &lease, false, backend.clock().now()).await.unwrap();
        }
        let refused = said.run("export", export_input(), "second").await;
        assert_eq!(refused.error().0, "ExportAlreadyRunning");
        let refused = said.run("import", import_input(json!({})), "import").await;
        assert_eq!(refused.error().0, "ImportAlreadyRunning");
        let pruned = prune_by_hand(&backend, &by_policy("last=1")).await;
        said.note(pruned);
        said.assert_quiet(&"leases");
    });
}

#[test]
fn a_sub_and_a_code_are_named_as_they_are() {
    let sub = Sub::parse("617ae49d-f84c-47fc-99bf-1b780e65dec8").unwrap();
    assert_eq!(serde_json::from_value::<Sub>(json!(sub)).unwrap(), sub);
    for text in [ODD, "", "anna b", "anna@example.com"] {
        assert!(Sub::parse(text).is_none() && serde_json::from_value::<Sub>(json!(text)).is_err(), "{text}");
    }
}
