//! Goal: the end of a run puts the events that `docs/reference/events/` describes, and sends the heartbeat. No lost
//! event and no lost heartbeat fails a run.
//!
//! Method: play runs in memory, and check their events against the schemas.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{BusEvent, EVENT_SOURCE};
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, HeartbeatService, MemoryBackend};

use crate::support::log::Log;
use crate::support::machine::Machine;
use crate::support::people;
use crate::support::{backend, in_paused_time, source_id, target_id};

/// What an event must be: its schema in the docs.
fn schemas() -> BTreeMap<String, Value> {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "reference", "events"].iter().collect();
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let schemas = files.filter(|path| path.to_string_lossy().ends_with(".schema.json"));
    let read = |path: PathBuf| serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let by_title = |schema: Value| (schema["title"].as_str().unwrap().to_owned(), schema);
    schemas.map(read).map(by_title).collect()
}

/// Fails unless the value is what the schema says. It knows the keywords of our schemas, and refuses others.
fn assert_matches(value: &Value, schema: &Value, path: &str) {
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "title" | "description" => true,
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "string" => value.is_string(),
                "integer" => value.is_u64(),
                other => panic!("{path}: type {other}"),
            },
            "minimum" => value.as_u64() >= rule.as_u64(),
            // cdk/test/events.test.ts checks the patterns, with a validator.
            "pattern" => value.as_str().is_some_and(|text| !text.is_empty()),
            "required" => {
                rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                assert_eq!(*rule, json!(false), "{path}");
                value.as_object().unwrap().keys().all(|name| schema["properties"].get(name).is_some())
            }
            "properties" => {
                let rules = rule.as_object().unwrap().iter();
                let present = rules.filter_map(|(name, rule)| Some((name, rule, value.get(name)?)));
                present
                    .for_each(|(name, rule, value)| assert_matches(value, rule, &format!("{path}/{name}")));
                true
            }
            other => panic!("{path}: the test does not know the keyword {other}"),
        };
        assert!(holds, "{path}: {keyword} {rule}: {value}");
    }
}

/// The types and details of the events so far, as EventBridge delivers them.
fn delivered(backend: &MemoryBackend) -> Vec<(&'static str, Value)> {
    let schemas = schemas();
    assert_eq!(schemas.len(), 5);
    let deliver = |event: BusEvent| {
        let (name, detail) = (event.detail_type(), serde_json::to_value(&event).unwrap());
        let envelope = json!({"source": EVENT_SOURCE, "detail-type": name, "detail": detail});
        assert_matches(&envelope, &schemas[name], name);
        (name, detail)
    };
    backend.events().into_iter().map(deliver).collect()
}

fn export() -> Value {
    json!({"userPoolId": source_id(), "tps": 200})
}

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id(), "tps": 200})
}

#[test]
fn a_sealed_snapshot_puts_its_counts_and_tells_of_lost_users_and_a_changed_configuration() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let backend = backend.with_configuration();
        let machine = Machine::new(&backend);
        people::plain(40, 2).fill(&source);
        let first = machine.export(export(), "one").await.report();
        source.users().into_iter().skip(30).for_each(|user| source.delete_user(&user.sub));
        source.change_configuration("CreateUserPoolClient", json!({"ClientName": "new"}));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let second = machine.export(export(), "two").await.report();

        let events = delivered(&backend);
        let names: Vec<_> = events.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["Snapshot Sealed", "Snapshot Sealed", "Pool Lost Users", "Configuration Changed"]);
        let (sealed, lost, changed) = (&events[1].1, &events[2].1, &events[3].1);
        for member in
            ["users", "groups", "memberships", "pages", "recordsWritten", "snapshotId", "userPoolId"]
        {
            assert_eq!(sealed[member], second[member], "{member}");
        }
        assert_eq!((&sealed["table"], &sealed["region"]), (&json!("cognito-backup"), &json!("eu-west-1")));
        assert!(sealed["startedAt"].as_str().unwrap().starts_with("2026-11-21T03:00:"), "{sealed}");
        assert!(sealed["sealedAt"].as_str() >= sealed["startedAt"].as_str(), "{sealed}");
        assert_eq!((&lost["users"], &lost["usersBefore"]), (&json!(30), &json!(40)));
        assert_eq!((&changed["since"], &changed["objectsChanged"]), (&first["snapshotId"], &json!(1)));
    });
}

#[test]
fn each_copied_snapshot_puts_its_counts() {
    in_paused_time(async {
        let (source, id) = crate::support::copied::exported(&people::plain(12, 1)).await;
        let (destination, _) = crate::support::copied::other_account();
        let destination = destination.copying_from(&source);
        Machine::new(&destination).copy(source_id(), "copy").await.report();
        let (sealed, copied) = (delivered(&source), delivered(&destination));
        assert_eq!(copied.len(), 1);
        assert_eq!((copied[0].0, &copied[0].1["snapshotId"]), ("Snapshot Copied", &json!(id)));
        assert_eq!((sealed[0].0, &sealed[0].1), ("Snapshot Sealed", &copied[0].1), "the same details");
    });
}

#[test]
fn a_pool_that_loses_a_fifth_of_its_users_puts_no_event_about_that() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let machine = Machine::new(&backend);
        people::plain(40, 0).fill(&source);
        machine.export(export(), "one").await.report();
        source.users().into_iter().skip(32).for_each(|user| source.delete_user(&user.sub));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        machine.export(export(), "two").await.report();
        let events = delivered(&backend);
        assert!(events.iter().all(|(name, _)| *name == "Snapshot Sealed") && events.len() == 2, "{events:?}");
    });
}

#[test]
fn a_restore_puts_how_it_ended_whole_in_part_or_with_an_error() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let machine = Machine { retries: 1, ..Machine::new(&backend) };
        people::plain(20, 2).fill(&source);
        machine.export(export(), "export").await.report();

        let script = backend.script();
        script.always(Operation::AdminCreateUser, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        machine.import(import(), "fails").await.error();
        script.clear();
        script.always(Operation::CreateGroup, Some(Fault::Refuse(PoolErrorKind::Refused)));
        let partial = machine.import(import(), "is partial").await.report();
        script.clear();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        machine.import(import(), "succeeds").await.report();

        let ended: Vec<_> = delivered(&backend)
            .into_iter()
            .filter(|(name, _)| *name == "Restore Ended")
            .map(|(_, detail)| detail)
            .collect();
        let statuses: Vec<_> = ended.iter().map(|detail| detail["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["FAILED", "PARTIAL", "SUCCEEDED"]);
        assert_eq!((&ended[0]["error"], ended[0].get("users")), (&json!("AccessDenied"), None));
        assert_eq!((ended[1].get("error"), &ended[1]["restoreId"]), (None, &partial["restoreId"]));
        assert!(ended[1]["groups"]["lost"].as_u64() > Some(0), "{}", ended[1]);
        let whole = json!({"wanted": 20, "restored": 20, "lost": 0});
        assert_eq!((&ended[2]["users"], &ended[2]["targetUserPoolId"]), (&whole, &json!(target_id())));
    });
}

#[test]
fn a_dry_run_and_a_refused_import_put_no_event() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let machine = Machine { retries: 1, ..Machine::new(&backend) };
        people::plain(5, 1).fill(&source);
        machine.export(export(), "export").await.report();
        let dry = json!({"dryRun": true});
        let mut input = import();
        input.as_object_mut().unwrap().extend(dry.as_object().unwrap().clone());
        machine.import(input, "dry").await.report();
        let unknown = json!({"sourceUserPoolId": source_id(), "targetUserPoolId": "eu-west-1_Unknown01"});
        machine.import(unknown, "refused").await.error();
        assert_eq!(delivered(&backend).len(), 1);
    });
}

/// EventBridge delivers at least once anyway, so a receiver can tell a repeated event by its detail.
#[test]
fn a_repeated_finalize_puts_the_same_details_again() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let machine = Machine { twins: vec![Duration::from_secs(2_000); 8], ..Machine::new(&backend) };
        people::plain(10, 1).fill(&source);
        machine.export(export(), "export").await.report();
        machine.import(import(), "import").await.report();
        machine.join_twins().await;
        for wanted in ["Snapshot Sealed", "Restore Ended"] {
            let events: Vec<_> =
                delivered(&backend).into_iter().filter(|(name, _)| *name == wanted).collect();
            assert!(events.len() > 1, "{wanted}: no second finalize");
            assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
        }
    });
}

#[test]
fn each_seal_sends_one_heartbeat_and_nothing_else_does() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let backend = backend.with_heartbeat(HeartbeatService::Answers);
        let machine = Machine { retries: 1, ..Machine::new(&backend) };
        people::plain(5, 1).fill(&source);
        machine.export(export(), "one").await.report();
        assert_eq!(backend.heartbeats(), 1);
        machine.import(import(), "import").await.report();
        backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        machine.export(export(), "fails").await.error();
        machine.watch(json!([source_id()])).await;
        assert_eq!(backend.heartbeats(), 1);
    });
}

#[test]
fn lost_events_and_a_lost_heartbeat_fail_no_run_and_are_logged() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        let backend = backend.losing_events().with_heartbeat(HeartbeatService::DoesNotAnswer);
        let machine = Machine::new(&backend);
        people::plain(5, 1).fill(&source);
        let log = Log::default();
        let _guard = log.listen();
        let exported = machine.export(export(), "export").await.report();
        let imported = machine.import(import(), "import").await.report();
        assert_eq!((&exported["status"], &imported["status"]), (&json!("SEALED"), &json!("SUCCEEDED")));
        assert_eq!((backend.events().len(), backend.heartbeats()), (0, 1));
        let log = log.text();
        for line in ["events were not put", "Snapshot Sealed", "Restore Ended", "the heartbeat was not sent"]
        {
            assert!(log.contains(line), "{line}: {log}");
        }
    });
}
