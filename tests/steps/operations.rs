//! Goal: `statemachines/operations.json` lists exactly the operations that each function uses. `cdk/` makes
//! the roles from it.
//!
//! Method: the scenarios below make the steps use every operation that they ever use. The test compares the
//! calls with the file. Every other test that plays a state machine fails if a function calls what the file
//! does not list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use shared::csv::Limits;
use shared::model::{GroupRecord, Headroom, MfaPreference, MfaSetting, Retention, RunId, UserStatus};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{
    Applied, Calls, DeathOrder, Fault, HeartbeatService, MemoryBackend, MemoryPool, PageShape,
    SplitListingBehaviour,
};

use crate::configuration::make_rich;
use crate::support::machine::{End, Machine, stopped_event};
use crate::support::manifest::{self, FUNCTIONS, HINT, Manifest};
use crate::support::people::{self, Kind, Population};
use crate::support::stored_selections::store;
use crate::support::{backend, in_paused_time, source_id, target_id};

/// More users than the export lists with one listing.
const MANY: usize = 1_100;

/// State machines whose calls go to one record.
#[derive(Default)]
struct Recorded {
    called: Arc<Mutex<BTreeMap<&'static str, Calls>>>,
    executions: u32,
    deaths: Vec<(&'static str, DeathOrder)>,
    /// How each execution ended.
    ends: Vec<Value>,
}

impl Recorded {
    fn machine(&self, backend: &MemoryBackend) -> Machine {
        Machine {
            called: self.called.clone(),
            deaths: self.deaths.clone(),
            is_of_deployment: true,
            ..Machine::new(backend)
        }
    }

    /// Tells finalize twice that the last execution was stopped, whose run `report` names. The event has no input.
    async fn stop(&self, backend: &MemoryBackend, operation: &str, report: &Value) {
        let run = report.get("snapshotId").filter(|_| operation == "export").unwrap_or(&report["restoreId"]);
        let started = RunId::parse(run.as_str().unwrap()).unwrap().time();
        let times = (started, backend.clock().now());
        let name = format!("execution-{}", self.executions);
        let event = stopped_event((operation, &name), "ABORTED", times, None);
        let machine = self.machine(backend);
        for _ in 0..2 {
            // Lambda invokes the function again if it died.
            while machine.try_to_finalize_stopped(event.clone()).await.is_none() {}
        }
    }

    fn name(&mut self) -> String {
        self.executions += 1;
        format!("execution-{}", self.executions)
    }

    async fn export(&mut self, backend: &MemoryBackend, options: Value) -> End {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        self.export_by(self.machine(backend), options).await
    }

    /// An export in many short invocations.
    async fn export_in_invocations_of(&mut self, backend: &MemoryBackend, budget: Duration) {
        self.export_by(self.machine(backend).with_budget(budget), json!({})).await.report();
    }

    async fn export_by(&mut self, machine: Machine, options: Value) -> End {
        let input = with(json!({"userPoolId": source_id(), "tps": 200}), options);
        let name = self.name();
        let end = machine.export(input, &name).await;
        self.ends.push(essence(&end));
        end
    }

    async fn copy(&mut self, machine: Machine) {
        let name = self.name();
        let end = machine.copy(source_id(), &name).await;
        let mut essence = essence(&end);
        // The invocation after a death finds what that one has written.
        essence.as_object_mut().expect("a report is an object").remove("written");
        self.ends.push(essence);
    }

    async fn import(&mut self, backend: &MemoryBackend, options: Value) -> End {
        let input = with(
            json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200}),
            options,
        );
        // Long enough that users of the previous execution do not count as users of this one.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let name = self.name();
        let end = self.machine(backend).import(input, &name).await;
        self.ends.push(essence(&end));
        end
    }
}

/// What deaths may not change of the end of an execution: its status, what it counted, and its error.
///
/// An invocation that died may have created or changed an entry. Then the next one finds it, and counts it as "already
/// there". So the sum of these outcomes counts. In the same way, the next one finds records, which it does not count as
/// written.
fn essence(end: &End) -> Value {
    let report = match end {
        End::Finished(report) => report,
        other => return json!({"error": other.error().0}),
    };
    let mut essence = without_run_ids(report.clone());
    let members = essence.as_object_mut().expect("a report is an object");
    for volatile in ["calls", "summary"] {
        members.remove(volatile);
    }
    if let Some(removal) = members.get_mut("removal").and_then(Value::as_object_mut) {
        removal.remove("summary");
        // The invocation after a death in the middle of a removal does not know what that one has deleted.
        removal
            .get_mut("retention")
            .and_then(Value::as_object_mut)
            .map(|retention| retention.remove("removed"));
    }
    for kind in ["users", "groups", "memberships"] {
        let Some(tally) = members.get_mut(kind).and_then(Value::as_object_mut) else { continue };
        let present = ["created", "alreadyThere", "updated"].map(|outcome| tally.remove(outcome));
        let present: u64 = present.into_iter().flatten().filter_map(|count| count.as_u64()).sum();
        tally.insert("present".to_owned(), json!(present));
    }
    essence
}

/// The ids of runs are random. The counts of a snapshot say how many records its export wrote.
fn without_run_ids(value: Value) -> Value {
    match value {
        Value::String(text) if RunId::parse(&text).is_ok() => json!("a run"),
        Value::Array(list) => list.into_iter().map(without_run_ids).collect(),
        Value::Object(members) => {
            let stays = members.into_iter().filter(|(name, _)| name != "recordsWritten");
            stays.map(|(name, value)| (name, without_run_ids(value))).collect()
        }
        other => other,
    }
}

fn with(mut input: Value, options: Value) -> Value {
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

/// Users with addresses, in two groups: native, linked and federated.
fn population() -> Population {
    let mut population = people::plain(40, 2);
    for (number, person) in population.people.iter_mut().enumerate() {
        person.attributes = 7;
        person.kind = match number {
            5..=7 => Kind::Linked,
            8..=10 => Kind::Federated,
            _ => Kind::Native,
        };
    }
    population
}

fn rename(pool: &MemoryPool, name: &str) {
    let first = pool.users().into_iter().map(|user| user.sub).min().unwrap();
    pool.change_user(&first, |record| drop(record.attributes.insert("name".to_owned(), name.to_owned())));
}

/// Exports: with one listing and with a split listing, with second factors, unchanged, changed,
/// incomplete, cut short, refused and failed.
async fn exports(record: &mut Recorded) {
    let (backend, source, _) = backend();
    let backend = backend.with_headroom(Some(Headroom::parse("10").unwrap()));
    let backend = backend.with_heartbeat(HeartbeatService::Answers);
    population().fill(&source);
    for name in ["first", "second"] {
        rename(&source, name);
        record.export(&backend, json!({})).await.report();
    }
    record.export(&backend, json!({})).await.report();
    let report = record.export(&backend, json!({"captureMfa": true})).await.report();
    record.stop(&backend, "export", &report).await;
    record.export(&backend.clone().losing_events(), json!({})).await.report();
    record.machine(&backend).watch(json!([source_id(), target_id()])).await;

    // A group that is deleted before its members are listed, and tokens that are refused.
    source.put_group(people::group(9));
    let (pool, gone) = (source.clone(), people::group_name(9));
    backend.script().change_before(Operation::ListUsersInGroup, 1, move || pool.delete_group(&gone));
    source.set_shape(PageShape { sizes: vec![5], ..PageShape::default() });
    (0..200)
        .step_by(9)
        .for_each(|call| backend.script().fault(backend.script().calls() + call, Fault::RejectToken));
    record.export(&backend, json!({})).await.report();
    backend.script().clear();
    source.set_shape(PageShape::default());

    people::plain(MANY, 0).fill(&source);
    backend.script().set_latency(Duration::from_secs(60), Duration::from_millis(5));
    for finds in [SplitListingBehaviour::Complete, SplitListingBehaviour::Incomplete] {
        source.users().into_iter().take(1).for_each(|user| source.delete_user(&user.sub));
        source.set_split_listing(finds);
        record.export(&backend, json!({"splitListing": true})).await.report();
    }
    backend.script().set_latency(Duration::ZERO, Duration::ZERO);

    backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    record.export(&backend, json!({})).await.error();
    backend.script().clear();
    record.export(&backend, json!({"userPoolId": "eu-west-1_Unknown01"})).await.error();
    record.export(&backend, json!({"tps": "many"})).await.error();
}

/// Exports whose retention removes snapshots, one of which was restored. One export runs in many
/// short invocations.
async fn retention(record: &mut Recorded) {
    let (backend, source, _) = backend();
    people::plain(20, 2).fill(&source);
    source.set_shape(PageShape { sizes: vec![4], ..PageShape::default() });
    record.export(&backend, json!({})).await.report();
    record.import(&backend, json!({})).await.report();
    let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
    for name in ["two", "three"] {
        rename(&source, name);
        record.export(&backend, json!({})).await.report();
    }
    source.put_group(people::group(5));
    record.export(&backend, json!({})).await.report();
    source.delete_group(&people::group_name(5));
    backend.script().set_latency(Duration::from_millis(1), Duration::from_millis(30));
    record.export_in_invocations_of(&backend, Duration::from_millis(1_500)).await;
    backend.script().set_latency(Duration::ZERO, Duration::ZERO);
    // Nearly all users are gone, so retention keeps the older snapshots.
    source.users().into_iter().skip(1).for_each(|user| source.delete_user(&user.sub));
    record.export(&backend, json!({})).await.report();
    backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    record.export(&backend, json!({})).await.error();
}

/// Copies from another account: of the newest snapshot, of later ones in many short invocations, without news, of a damaged
/// snapshot, beside a removal, and without the role.
async fn copies(record: &mut Recorded) {
    let (source, source_pool, _) = backend();
    let keys = source.key_ring().create_both("123456789012", &["eu-west-1"]);
    let source = source.with_configuration().with_configuration_keys(Some(keys));
    population().fill(&source_pool);
    make_rich(&source_pool);
    // A user whose record is stored in parts.
    source_pool.change_user(&source_pool.users()[0].sub, |user| {
        drop(user.attributes.insert("custom:note".to_owned(), "long".repeat(120_000)));
    });
    let elsewhere = Recorded::default();
    let export = async |name: &str| {
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        rename(&source_pool, name);
        elsewhere
            .machine(&source)
            .export(json!({"userPoolId": source_id(), "tps": 200}), name)
            .await
            .report();
    };
    let (destination, _, _) = backend();
    let destination = destination.copying_from(&source);
    export("first").await;
    record.copy(record.machine(&destination)).await;
    record.copy(record.machine(&destination)).await;
    for name in ["second", "third"] {
        export(name).await;
    }
    for each in [&source, &destination] {
        each.script().set_latency(Duration::ZERO, Duration::from_millis(20));
    }
    record.copy(record.machine(&destination).with_budget(Duration::from_secs(1))).await;
    for each in [&source, &destination] {
        each.script().set_latency(Duration::ZERO, Duration::ZERO);
    }
    export("untold").await;
    record.copy(record.machine(&destination.clone().losing_events())).await;
    record.machine(&destination).watch_copies(json!([source_id()])).await;
    export("damaged").await;
    let page = source.vault().items().into_keys().rfind(|key| key.sk.starts_with("PAGES#users")).unwrap();
    source.vault().remove(&page);
    record.copy(record.machine(&destination)).await;
    record.copy(record.machine(&destination.without_copy_role())).await;
}

/// Exports that capture the configuration: in one invocation and in many, with retention, and of a pool that denies
/// some reads.
async fn configurations(record: &mut Recorded) {
    let (backend, source, _) = backend();
    let keys = backend.key_ring().create_both("123456789012", &["eu-west-1"]);
    let backend = backend.with_configuration().with_configuration_keys(Some(keys));
    people::plain(5, 1).fill(&source);
    make_rich(&source);
    // A secret that is too large for KMS itself.
    let large = "planted".repeat(1_000);
    backend.script().show(Operation::GetUserPoolMfaConfig, json!({"NewMember": large}));
    record.export(&backend, json!({})).await.report();
    for number in 0..60 {
        let request = json!({"ClientName": format!("client {number}")});
        source.change_configuration("CreateUserPoolClient", request);
    }
    record.export_in_invocations_of(&backend, Duration::from_secs(8)).await;
    backend.script().always(Operation::ListTerms, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    let backend = backend.with_retention(Some(Retention::parse("last=1").unwrap()));
    record.export(&backend, json!({})).await.report();
}

/// A source with a snapshot that has second factors, and an empty target with the same settings. Both
/// verify e-mail addresses.
async fn exported(record: &mut Recorded) -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    let backend = backend
        .with_jobs(Limits { users: 15, ..Limits::COGNITO }, Some("arn:aws:iam::123456789012:role/logs"));
    for pool in [&source, &target] {
        pool.configure(|description| {
            description.mfa = MfaSetting::Optional;
            description.auto_verified_attributes = vec!["email".to_owned(), "phone_number".to_owned()];
        });
    }
    population().fill(&source);
    for user in source.users().into_iter().filter(|user| user.record.status == UserStatus::Confirmed).take(10)
    {
        let mfa = MfaPreference { enabled: ["SMS_MFA".to_owned()].into(), preferred: None };
        source.change_user(&user.sub, |record| record.mfa = Some(mfa));
    }
    record.export(&backend, json!({"captureMfa": true})).await.report();
    (backend, source, target)
}

/// Leaves the target with some of the users, some of them changed, and a group with other settings.
fn meddle(source: &MemoryPool, target: &MemoryPool) {
    let mut users = source.users();
    users.sort_by(|one, other| one.record.username.cmp(&other.record.username));
    for (number, user) in users.into_iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        let mut record = user.record;
        match number % 6 {
            0 => drop(record.attributes.insert("name".to_owned(), "Another Name".to_owned())),
            2 => drop(record.attributes.insert("locale".to_owned(), "de".to_owned())),
            _ => record.enabled = !record.enabled,
        }
        (record.created, record.modified) = (None, None);
        target.put_user(record);
    }
    target.put_group(GroupRecord { description: Some("mine".to_owned()), ..people::group(1) });
}

/// Imports into another pool: complete, partial, planned, through the API and by jobs, refused and failed.
async fn imports(record: &mut Recorded) {
    let link = json!({"federated": "link"});
    for method in ["api", "csv"] {
        let options = with(json!({"method": method}), link.clone());
        let (backend, _, target) = exported(record).await;
        let backend = backend.with_headroom(Some(Headroom::parse("10").unwrap()));
        record.import(&backend, with(json!({"dryRun": true}), options.clone())).await.report();
        target.configure_jobs(|jobs| jobs.fails = vec![people::username(12, 12).to_string()]);
        let report = record.import(&backend, options.clone()).await.report();
        record.stop(&backend, "import", &report).await;
        // The target is no longer empty.
        record.import(&backend, json!({})).await.error();

        for existing in ["skip", "update"] {
            let (backend, source, target) = exported(record).await;
            meddle(&source, &target);
            let options = with(json!({"existing": existing}), options.clone());
            record.import(&backend, with(json!({"dryRun": true}), options.clone())).await.report();
            record.import(&backend, options).await.report();
        }
    }

    // The import tries failed users again, and checks calls whose replies were lost.
    let (backend, ..) = exported(record).await;
    backend
        .script()
        .always(Operation::AdminLinkProviderForUser, Some(Fault::Refuse(PoolErrorKind::NotFound)));
    backend.script().always(Operation::CreateGroup, Some(Fault::Refuse(PoolErrorKind::Refused)));
    assert_eq!(record.import(&backend, link.clone()).await.report()["status"], "PARTIAL");
    backend.script().clear();
    (0..400)
        .step_by(3)
        .for_each(|call| backend.script().fault(backend.script().calls() + call, Fault::LostReply));
    record.import(&backend, link.clone()).await.report();

    let (backend, source, _) = exported(record).await;
    let first = source.users().into_iter().map(|user| user.sub).min().unwrap();
    let stored = store(&backend, &source_id(), 1, json!({"select": {"subs": [first]}})).await;
    let selections = [
        json!({"selectionId": stored.as_str()}),
        json!({"select": {"groups": [people::group_name(0), people::group_name(1)]}}),
        json!({"except": {"groups": [people::group_name(1)]}, "method": "csv"}),
    ];
    for selection in selections {
        let options = with(json!({"existing": "skip"}), selection);
        record.import(&backend, with(json!({"dryRun": true}), options.clone())).await.report();
        record.import(&backend, options).await.report();
    }

    let (backend, _, target) = exported(record).await;
    target.configure(|pool| pool.attributes.retain(|name, _| !name.starts_with("custom:")));
    record.import(&backend, json!({})).await.error();
    let options = json!({
        "createMissingAttributes": true, "oldSubAttribute": "custom:old_sub", "passwords": "temporary", "sendInvitations": true,
        "federated": "link",
    });
    record.import(&backend, options).await.report();

    let (backend, ..) = exported(record).await;
    record.import(&backend, json!({"targetUserPoolId": "eu-west-1_Unknown01"})).await.error();
    record.import(&backend, json!({"snapshot": "20200101T000000000Z-00000000"})).await.error();
    record.import(&backend, json!({"tps": "many"})).await.error();
    backend.script().always(Operation::AdminCreateUser, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    record.import(&backend, json!({})).await.error();
}

/// A restore that is continued after so long that it renews its items.
async fn renewal(record: &mut Recorded) {
    let (backend, ..) = exported(record).await;
    backend.script().always(Operation::AdminAddUserToGroup, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    record.import(&backend, json!({})).await.error();
    backend.script().clear();
    tokio::time::sleep(Duration::from_secs(60 * 24 * 3_600)).await;
    record.import(&backend, json!({})).await.report();
}

/// Repairs: imports into the pool of the snapshot.
async fn repairs(record: &mut Recorded) {
    for (existing, method) in [("skip", "api"), ("update", "api"), ("skip", "csv")] {
        let (backend, source, _) = exported(record).await;
        let mut users = source.users();
        users.sort_by(|one, other| one.sub.cmp(&other.sub));
        users.iter().step_by(5).for_each(|user| source.delete_user(&user.sub));
        for user in users.iter().skip(1).step_by(5) {
            source.change_user(&user.sub, |record| {
                record.enabled = !record.enabled;
                drop(record.attributes.insert("locale".to_owned(), "de".to_owned()));
            });
            source.leave(&user.sub, &people::group_name(0));
        }
        let into_itself = json!({
            "targetUserPoolId": source_id(), "existing": existing, "method": method, "federated": "link", "acceptLosses": true,
        });
        record.import(&backend, with(json!({"dryRun": true}), into_itself.clone())).await.report();
        record.import(&backend, into_itself.clone()).await.report();
        let hidden = users[2].sub.clone();
        source.set_shape(PageShape { overlooked: [hidden].into(), ..PageShape::default() });
        record.import(&backend, into_itself).await.report();
    }
}

#[test]
fn the_operations_of_every_function_match_the_manifest() {
    let record = in_paused_time(async {
        let mut record = Recorded::default();
        exports(&mut record).await;
        retention(&mut record).await;
        configurations(&mut record).await;
        copies(&mut record).await;
        imports(&mut record).await;
        renewal(&mut record).await;
        repairs(&mut record).await;
        record
    });
    let called = record.called.lock().unwrap();
    assert_eq!(called.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(FUNCTIONS));
    let made: BTreeSet<_> = called.values().flat_map(|calls| calls.cognito.iter().copied()).collect();
    let is_of_command = |operation: &Operation| operation.is_of_command_line();
    let of_command: Vec<_> = made.iter().filter(|operation| is_of_command(operation)).collect();
    assert!(of_command.is_empty(), "a function calls {of_command:?}");
    let never =
        Operation::ALL.iter().filter(|operation| !made.contains(operation) && !is_of_command(operation));
    let never: Vec<_> = never.collect();
    assert!(
        never.is_empty(),
        "no scenario makes a function call {never:?}: add one, or remove the operation"
    );

    let (path, text) = (manifest::path(), Manifest::of(&called).text());
    if manifest::is_updated() {
        std::fs::write(&path, &text).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(recorded == text, "{} is stale. {HINT} What the functions call now:\n{text}", path.display());
}

/// One invocation of each function dies at each kind of call that the function ever makes: before the call,
/// or after it. Every execution ends as without the deaths: with the same status and totals, or the same error.
#[test]
fn a_death_at_every_call_site_of_every_function_changes_no_end() {
    let scenarios: [fn(&mut Recorded); 7] = [
        |record| in_paused_time(exports(record)),
        |record| in_paused_time(configurations(record)),
        |record| in_paused_time(retention(record)),
        |record| in_paused_time(copies(record)),
        |record| in_paused_time(imports(record)),
        |record| in_paused_time(renewal(record)),
        |record| in_paused_time(repairs(record)),
    ];
    let mut killed = BTreeSet::new();
    for play in scenarios {
        let mut undisturbed = Recorded::default();
        play(&mut undisturbed);
        let called = undisturbed.called.lock().unwrap();
        let sites =
            called.iter().flat_map(|(function, calls)| calls.sites.iter().map(|site| (*function, site)));
        let sites: BTreeSet<_> = sites.map(|(function, site)| (function, site.clone())).collect();
        for applied in [Applied::Nothing, Applied::All] {
            let order =
                |(function, site): &(&'static str, String)| (*function, DeathOrder::new(site, applied));
            let orders: Vec<_> = sites.iter().map(order).collect();
            let mut record = Recorded { deaths: orders.clone(), ..Recorded::default() };
            play(&mut record);
            let survived: Vec<_> = orders.iter().filter(|(_, order)| order.is_pending()).collect();
            assert!(survived.is_empty(), "no invocation died of {survived:?}");
            assert_eq!(record.ends.len(), undisturbed.ends.len());
            for (number, (end, expected)) in record.ends.iter().zip(&undisturbed.ends).enumerate() {
                assert_eq!(end, expected, "execution {number}, {applied:?}");
            }
        }
        killed.extend(sites);
    }
    assert!(killed.len() > 90, "{}", killed.len());
    assert_eq!(killed.iter().map(|(function, _)| *function).collect::<BTreeSet<_>>(), FUNCTIONS.into());
}
