//! Goal: if the deployment requires a tag, an import writes only to a pool whose tag opens it, and waits until IAM knows
//! the tag.
//!
//! Method: import and repair with each tag. Deny calls for a time, with the retriers of the deployed definitions.

use std::time::Duration;

use serde_json::{Value, json};
use shared::csv::Limits;
use shared::model::{PoolTag, RunId};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};
use tokio::time::sleep;

use crate::support::machine::{End, Machine, stopped_event};
use crate::support::restored::items;
use crate::support::{backend, in_paused_time, people, source_id, target_id};

const USERS: usize = 20;

/// A deployment that requires the tag, with a snapshot of the source.
async fn exported() -> (MemoryBackend, MemoryPool, MemoryPool) {
    let (backend, source, target) = backend();
    let backend = with_jobs(backend).with_pool_tag_required();
    people::plain(USERS, 2).fill(&source);
    Machine::new(&backend).export(json!({"userPoolId": source_id(), "tps": 100}), "export").await.report();
    (backend, source, target)
}

/// A deployment that can run import jobs into the target.
fn with_jobs(backend: MemoryBackend) -> MemoryBackend {
    for pool in [source_id(), target_id()] {
        backend.pool(&pool).configure(|description| {
            description.auto_verified_attributes = vec!["email".to_owned(), "phone_number".to_owned()];
        });
    }
    backend.with_jobs(Limits::COGNITO, Some("arn:aws:iam::123456789012:role/logs"))
}

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 100})
}

fn repair() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": source_id(), "existing": "skip", "tps": 100})
}

fn dry(mut input: Value) -> Value {
    input["dryRun"] = true.into();
    input
}

fn tag(pool: &MemoryPool, tag: Option<PoolTag>) {
    pool.configure(|description| description.tag = tag);
}

/// The headers and the results of restores.
fn restores(backend: &MemoryBackend) -> usize {
    items(backend).iter().filter(|(key, _)| key.sk.starts_with("RESTORE#")).count()
}

/// Asserts that the import is refused with the line that gives the pool this tag, before anything is written.
async fn refused(backend: &MemoryBackend, input: Value, needed: &str, name: &str) {
    let before = restores(backend);
    let from = backend.script().log().len();
    let machine = Machine { retries: 1, ..Machine::new(backend) };
    let end = machine.import(input.clone(), name).await;
    let (error, cause) = end.error();
    assert_eq!(error, "PoolNotTagged", "{name}: {cause}");
    let pool = input["targetUserPoolId"].as_str().unwrap();
    let line = format!(
        "`aws cognito-idp tag-resource --resource-arn arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{pool} \
         --tags cognito-backup={needed} --region eu-west-1`"
    );
    assert!(
        cause.contains(&line) && cause.contains(&format!("the tag cognito-backup={needed}.")),
        "{name}: {cause}"
    );
    // The functions do not know which pools the deployment backs up.
    let of_source = "A pool that the deployment backs up needs cognito-backup=repair instead.";
    assert_eq!(cause.contains(of_source), needed == "target", "{name}: {cause}");
    let log = backend.script().log();
    let is_look = |(_, operation): &(_, Operation)| *operation == Operation::DescribeUserPool;
    assert!(
        log.len() > from && log[from..].iter().all(is_look),
        "{name}: only the look at the tag needs no tag"
    );
    assert_eq!(restores(backend), before, "{name}");
}

#[test]
fn an_import_into_a_pool_without_the_tag_is_refused_with_the_line_that_gives_it() {
    in_paused_time(async {
        let (backend, _, target) = exported().await;
        refused(&backend, import(), "target", "untagged").await;
        refused(&backend, dry(import()), "target", "plan").await;
        assert_eq!(target.user_count(), 0);
        for (value, name) in [(PoolTag::Target, "target"), (PoolTag::Repair, "repair")] {
            tag(&target, Some(value));
            let plan = Machine::new(&backend).import(dry(import()), &format!("plan-{name}")).await.report();
            assert_eq!(plan["status"], "PLANNED", "{plan}");
        }
        let report = Machine::new(&backend).import(import(), "tagged").await.report();
        assert_eq!((report["status"].as_str(), target.user_count()), (Some("SUCCEEDED"), USERS), "{report}");
    });
}

#[test]
fn a_repair_of_a_pool_that_is_only_a_target_is_refused() {
    in_paused_time(async {
        let (backend, source, _) = exported().await;
        source.users().iter().for_each(|user| source.delete_user(&user.sub));
        for (value, name) in [(None, "none"), (Some(PoolTag::Target), "target")] {
            tag(&source, value);
            refused(&backend, repair(), "repair", name).await;
            refused(&backend, dry(repair()), "repair", &format!("plan-{name}")).await;
        }
        assert_eq!(source.user_count(), 0);
        tag(&source, Some(PoolTag::Repair));
        let report = Machine::new(&backend).import(repair(), "repair").await.report();
        assert_eq!((report["status"].as_str(), source.user_count()), (Some("SUCCEEDED"), USERS), "{report}");
    });
}

#[test]
fn a_deployment_that_requires_no_tag_imports_into_any_pool() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        people::plain(USERS, 2).fill(&source);
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!((report["status"].as_str(), target.user_count()), (Some("SUCCEEDED"), USERS), "{report}");
        assert_eq!(report["untagWith"], Value::Null, "the pool has no tag");
    });
}

#[test]
fn the_report_and_the_message_have_the_line_that_takes_the_tag_away() {
    in_paused_time(async {
        let (backend, _, target) = exported().await;
        tag(&target, Some(PoolTag::Target));
        let report = Machine::new(&backend).import(import(), "import").await.report();
        let line = untag_line();
        assert_eq!(report["untagWith"], line, "{report}");
        assert!(backend.announcements().last().unwrap().body.contains(&line));
        // The header keeps it for the command line.
        let id = RunId::parse(report["restoreId"].as_str().unwrap()).unwrap();
        let catalog = shared::catalog::Catalog::new(backend.vault());
        let restore = catalog.restore(&target_id(), &id).await.unwrap().unwrap();
        assert_eq!(restore.untag_line(), Some(line));
    });
}

/// The line that takes the tag of the target away.
fn untag_line() -> String {
    format!(
        "aws cognito-idp untag-resource --resource-arn arn:aws:cognito-idp:eu-west-1:123456789012:userpool/{} \
         --tag-keys cognito-backup --region eu-west-1",
        target_id()
    )
}

/// Asserts that the report of finalize and the newest message have the line, or that both lack it.
fn assert_says_open(backend: &MemoryBackend, report: &Value, is_open: bool, case: &str) {
    let line = if is_open { json!(untag_line()) } else { Value::Null };
    assert_eq!(report["untagWith"], line, "{case}: {report}");
    let announcement = backend.announcements().pop().unwrap();
    assert_eq!(announcement.body.contains(&untag_line()), is_open, "{case}: {}", announcement.body);
    assert!(announcement.is_error, "{case}");
}

#[test]
fn an_import_that_fails_after_it_has_begun_says_that_its_target_is_still_open() {
    for (value, is_open) in [(Some(PoolTag::Target), true), (Some(PoolTag::Repair), true), (None, false)] {
        in_paused_time(async {
            let (backend, source, target) = backend();
            people::plain(USERS, 2).fill(&source);
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            tag(&target, value);
            let recorded = |end: End| match end {
                End::Failed { error, recorded, .. } => (error, recorded),
                other => panic!("{other:?}"),
            };
            // Refused after the header is written.
            let mut nobody = import();
            nobody["select"] = json!({"usernames": ["nobody"]});
            let (error, refused) = recorded(Machine::new(&backend).import(nobody.clone(), "refused").await);
            assert_eq!(error, "SelectionEmpty");
            assert_says_open(&backend, &refused, is_open, "refused");
            let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
            backend.script().always(Operation::AdminCreateUser, denied);
            let (error, failed) = recorded(Machine::new(&backend).import(import(), "failed").await);
            assert_eq!(error, "AccessDenied");
            assert_says_open(&backend, &failed, is_open, "failed");
            backend.script().clear();
            // A dry run leaves nothing to close, and sends no message.
            let (_, planned) = recorded(Machine::new(&backend).import(dry(nobody), "plan").await);
            assert_eq!(planned["untagWith"], Value::Null, "{planned}");
        });
    }
}

#[test]
fn an_import_that_was_stopped_says_that_its_target_is_still_open() {
    for (value, is_open) in [(Some(PoolTag::Target), true), (None, false)] {
        in_paused_time(async {
            let (backend, source, target) = backend();
            people::plain(USERS, 2).fill(&source);
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            tag(&target, value);
            let machine = Machine { is_of_deployment: true, stop_at_death: true, ..Machine::new(&backend) };
            let began = backend.clock().now();
            let dying = backend.script().clone();
            backend.script().change_before(Operation::AdminCreateUser, 3, move || {
                dying.fault(dying.calls() + 1, Fault::Die(Applied::Nothing));
            });
            assert_eq!(machine.import(import(), "stopped").await, End::Stopped);
            let times = (began, backend.clock().now());
            let event = stopped_event(("import", "stopped"), "ABORTED", times, Some(&import()));
            let report = machine.finalize_stopped(event.clone()).await;
            assert_eq!(report["outcome"], "RECORDED", "{report}");
            assert_says_open(&backend, &report, is_open, "stopped");
            let again = machine.finalize_stopped(event).await;
            assert_eq!(again["untagWith"], Value::Null, "{again}");
        });
    }
}

/// Imports while Cognito denies `operation` for `denied`. Returns the end and the seconds that it took.
async fn import_denied(backend: &MemoryBackend, operation: Operation, denied: Duration) -> (End, i64) {
    let mut input = import();
    match operation {
        Operation::AddCustomAttributes => {
            let target = backend.pool(&target_id());
            target.configure(|pool| pool.attributes.retain(|name, _| !name.starts_with("custom:")));
            input["createMissingAttributes"] = true.into();
        }
        Operation::GetCSVHeader | Operation::CreateUserImportJob | Operation::StartUserImportJob => {
            input["method"] = "csv".into();
        }
        _ => {}
    }
    backend.script().always(operation, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    let machine = Machine { retries_as_deployed: true, ..Machine::new(backend) };
    let began = backend.clock().now();
    let import = async {
        let end = machine.import(input, "denied").await;
        (end, backend.clock().now().duration_since(began).as_secs())
    };
    let grant = async {
        sleep(denied).await;
        backend.script().clear();
    };
    tokio::join!(import, grant).0
}

/// One operation of enumerate, the others of import-page. The missing permission to pass the role of job logs has the same
/// error as CreateUserImportJob without access to the pool.
const DENIED: [Operation; 8] = [
    Operation::DescribeUserPool,
    Operation::ListUsers,
    Operation::AddCustomAttributes,
    Operation::CreateGroup,
    Operation::AdminCreateUser,
    Operation::GetCSVHeader,
    Operation::CreateUserImportJob,
    Operation::StartUserImportJob,
];

#[test]
fn an_import_waits_until_iam_knows_the_tag() {
    for operation in DENIED {
        in_paused_time(async {
            let (backend, _, target) = exported().await;
            tag(&target, Some(PoolTag::Target));
            let (end, _) = import_denied(&backend, operation, Duration::from_secs(100)).await;
            assert_eq!(end.report()["status"], "SUCCEEDED", "{operation:?}");
            assert_eq!(target.user_count(), USERS, "{operation:?}");
        });
    }
}

#[test]
fn an_access_that_stays_denied_ends_the_import_after_two_minutes_with_the_tag() {
    for operation in DENIED {
        in_paused_time(async {
            let (backend, _, target) = exported().await;
            tag(&target, Some(PoolTag::Target));
            let (end, seconds) = import_denied(&backend, operation, Duration::from_secs(3_600)).await;
            let (error, cause) = end.error();
            assert_eq!(error, "AccessDenied", "{operation:?}: {cause}");
            assert!(cause.contains(&format!("cognito-idp:{}", operation.name())), "{cause}");
            // The pool has the tag for targets, so only the other one can help: if the deployment backs the pool up.
            assert!(cause.contains("--tags cognito-backup=repair") && !cause.contains("=target"), "{cause}");
            assert!((120..300).contains(&seconds), "{operation:?}: {seconds}");
        });
    }
}

#[test]
fn without_the_requirement_a_denied_access_ends_the_import_at_once() {
    for operation in DENIED {
        in_paused_time(async {
            let (backend, source, _) = backend();
            let backend = with_jobs(backend);
            people::plain(USERS, 2).fill(&source);
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
            let (end, seconds) = import_denied(&backend, operation, Duration::from_secs(30)).await;
            assert_eq!(end.error().0, "AccessDenied", "{operation:?}");
            assert!(seconds < 30 && !end.error().1.contains("cognito-backup="), "{operation:?}: {end:?}");
        });
    }
}
