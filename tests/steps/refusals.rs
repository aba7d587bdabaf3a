//! Goal: a bad input gets an error that says what is wrong, and touches nothing.
//!
//! Method: start exports and imports with bad inputs, and compare the table and the pools before and after.

use serde_json::{Value, json};
use shared::model::{DataType, PoolDescription, PoolId, RunId};
use shared::pacing::Budget;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{Error, ErrorKind, steps};
use shared_memory::{Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine};
use crate::support::restored::items;
use crate::support::{backend, in_paused_time, new_execution, people, source_id, target_id};

/// A backend with a sealed snapshot of its source.
async fn exported() -> (MemoryBackend, MemoryPool, MemoryPool, RunId) {
    let (backend, source, target) = backend();
    people::plain(20, 2).fill(&source);
    let report = Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
    let id = RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap();
    (backend, source, target, id)
}

fn import() -> Value {
    json!({"sourceUserPoolId": source_id(), "targetUserPoolId": target_id()})
}

fn with(mut input: Value, field: &str, value: Value) -> Value {
    input[field] = value;
    input
}

/// All items except leases, and those that say which run an execution carries out.
fn without_leases(backend: &MemoryBackend) -> Vec<(shared::ports::vault::Key, serde_dynamo::Item)> {
    let is_of_run = |key: &shared::ports::vault::Key| key.sk.starts_with("LEASE#") || key.sk == "EXECUTION";
    items(backend).into_iter().filter(|(key, _)| !is_of_run(key)).collect()
}

/// Starts an execution that must fail with `error` and a message that contains `says`.
async fn refused(backend: &MemoryBackend, operation: &str, input: Value, error: ErrorKind, says: &str) {
    let target = shared::ports::Backend::pool(backend, &target_id());
    let (before, users) = (without_leases(backend), target.users());
    let calls = backend.script().log().len();
    let machine = Machine { retries: 1, ..Machine::new(backend) };
    let name = new_execution();
    let end = match operation {
        "export" => machine.export(input.clone(), &name).await,
        _ => machine.import(input.clone(), &name).await,
    };
    let (name, cause) = end.error();
    assert_eq!(name, error.name(), "{input}: {cause}");
    assert!(cause.contains(says), "{input}: {cause}");
    assert!(cause.split_whitespace().count() > 8, "{input}: no sentence and no advice in {cause:?}");
    let End::Failed { recorded, .. } = end else { unreachable!() };
    assert_eq!((recorded["status"].as_str(), recorded["notified"].as_bool()), (Some("FAILED"), Some(true)));
    assert_eq!(without_leases(backend), before, "{input}");
    assert_eq!(target.users(), users, "{input}");
    assert!(target.groups().is_empty(), "{input}");
    let reads = [Operation::DescribeUserPool, Operation::ListUsers];
    assert!(
        backend.script().log()[calls..].iter().all(|(_, operation)| reads.contains(operation)),
        "{input}"
    );
}

#[test]
fn a_run_whose_input_names_another_table_is_refused() {
    in_paused_time(async {
        let (backend, _, _, _) = exported().await;
        for (operation, input) in [("export", json!({"userPoolId": source_id()})), ("import", import())] {
            let other = with(input, "table", json!("second"));
            let says = "another backup table than cognito-backup";
            refused(&backend, operation, other, ErrorKind::InvalidInput, says).await;
        }
        let same = with(import(), "table", json!("cognito-backup"));
        let report = Machine::new(&backend).import(same, "import").await.report();
        assert_eq!(report["status"], "SUCCEEDED", "{report}");
    });
}

#[test]
fn an_export_with_a_bad_input_is_refused() {
    in_paused_time(async {
        let (backend, _, _, _) = exported().await;
        let good = json!({"userPoolId": source_id()});
        for tps in [json!(0), json!(-1), json!("ten"), json!(1000), json!(201), json!(2.5), json!(true)] {
            refused(
                &backend,
                "export",
                with(good.clone(), "tps", tps),
                ErrorKind::InvalidInput,
                "from 1 to 200",
            )
            .await;
        }
        for input in
            [json!([]), json!("eu-west-1_Source001"), json!(null), json!({}), json!({"userPoolId": 7})]
        {
            refused(&backend, "export", input, ErrorKind::InvalidInput, "userPoolId").await;
        }
        refused(
            &backend,
            "export",
            with(good.clone(), "userPoolID", json!(1)),
            ErrorKind::InvalidInput,
            "is unknown. It may stand for \"userPoolId\".",
        )
        .await;
        refused(
            &backend,
            "export",
            json!({"userPoolId": "Source001"}),
            ErrorKind::InvalidInput,
            "not a user pool id",
        )
        .await;
        refused(
            &backend,
            "export",
            json!({"userPoolId": "eu-west-1_Nowhere01"}),
            ErrorKind::PoolNotFound,
            "does not exist",
        )
        .await;
        refused(
            &backend,
            "export",
            json!({"userPoolId": "us-east-1_Source001"}),
            ErrorKind::PoolNotFound,
            "us-east-1",
        )
        .await;
    });
}

#[test]
fn a_pool_of_another_account_is_refused() {
    in_paused_time(async {
        let (backend, _, _, _) = exported().await;
        backend
            .script()
            .always(Operation::DescribeUserPool, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
        refused(&backend, "export", json!({"userPoolId": source_id()}), ErrorKind::AccessDenied, "account")
            .await;
        refused(&backend, "import", import(), ErrorKind::AccessDenied, "account").await;
    });
}

#[test]
fn an_import_with_a_bad_input_is_refused() {
    in_paused_time(async {
        let (backend, _, _, _) = exported().await;
        for tps in [json!(0), json!(-1), json!("ten"), json!(1000)] {
            refused(&backend, "import", with(import(), "tps", tps), ErrorKind::InvalidInput, "from 1 to 200")
                .await;
        }
        let invalid = ErrorKind::InvalidInput;
        refused(&backend, "import", json!([]), invalid, "not a JSON object").await;
        refused(
            &backend,
            "import",
            json!({"targetUserPoolId": target_id()}),
            invalid,
            "lacks sourceUserPoolId",
        )
        .await;
        refused(
            &backend,
            "import",
            json!({"sourceUserPoolId": source_id()}),
            invalid,
            "lacks targetUserPoolId",
        )
        .await;
        refused(
            &backend,
            "import",
            with(import(), "snapshot", json!("yesterday")),
            invalid,
            "not a snapshot id",
        )
        .await;
        refused(
            &backend,
            "import",
            with(import(), "dryrun", json!(true)),
            invalid,
            "is unknown. It may stand for \"dryRun\".",
        )
        .await;
        for (option, wrong, says) in [
            ("existing", json!("overwrite"), "\"fail\" or \"skip\" or \"update\""),
            ("federated", json!("both"), "\"skip\" or \"link\""),
            ("passwords", json!("none"), "\"random\" or \"temporary\""),
            ("passwords", json!("temporary"), "sendInvitations"),
            ("dryRun", json!("yes"), "neither true nor false"),
            ("createMissingAttributes", json!(1), "neither true nor false"),
            ("oldSubAttribute", json!("sub"), "custom:old_sub"),
            ("subMapRetention", json!(89), "from 90 to 3650 nor \"forever\""),
            ("subMapRetention", json!(3651), "from 90 to 3650"),
            ("subMapRetention", json!(-1), "from 90 to 3650"),
            ("subMapRetention", json!("never"), "from 90 to 3650"),
        ] {
            refused(&backend, "import", with(import(), option, wrong), invalid, says).await;
        }
        refused(
            &backend,
            "import",
            with(import(), "targetUserPoolId", json!(source_id())),
            ErrorKind::TargetIsSource,
            "another",
        )
        .await;
        let nowhere = json!("eu-west-1_Nowhere01");
        refused(
            &backend,
            "import",
            with(import(), "targetUserPoolId", nowhere.clone()),
            ErrorKind::PoolNotFound,
            "Nowhere01",
        )
        .await;
        refused(
            &backend,
            "import",
            with(import(), "sourceUserPoolId", nowhere),
            ErrorKind::SnapshotNotFound,
            "no snapshot",
        )
        .await;
    });
}

/// Starts an execution whose input must be refused, with a message that contains `says`, before any call of a pool. No
/// item is written.
async fn refused_untouched(backend: &MemoryBackend, operation: &str, input: Value, says: &str) {
    let (before, calls) = (items(backend), backend.script().log().len());
    refused(backend, operation, input.clone(), ErrorKind::InvalidInput, says).await;
    assert_eq!(items(backend), before, "{input}");
    assert_eq!(backend.script().log().len(), calls, "{input}: a pool was called");
}

/// Options of an import with wrong values, and what the error says.
fn wrong_options() -> Vec<(&'static str, Value, &'static str)> {
    let role = |number: usize| format!("arn:aws:iam::123456789012:role/role-{number}");
    let map_of = |roles: usize| -> Value {
        let entry = |number| (role(number), json!(role(number + 1_000)));
        json!({"map": (0..roles).map(entry).collect::<serde_json::Map<_, _>>()})
    };
    let shapes = r#"groupRoles can be "keep" or "skip" or {"map""#;
    let switches = [
        ("acceptLosses", "neither true nor false"),
        ("acceptShrunk", "neither true nor false"),
        ("createMissingAttributes", "neither true nor false"),
        ("dryRun", "neither true nor false"),
        ("sendInvitations", "neither true nor false"),
    ];
    let switches = switches.into_iter().flat_map(|(name, says)| {
        [json!("yes"), json!(1), json!({}), json!([])].map(|wrong| (name, wrong, says))
    });
    let others = [
        ("groupRoles", json!("all"), shapes),
        ("groupRoles", json!(true), shapes),
        ("groupRoles", json!(["keep"]), shapes),
        ("groupRoles", json!({}), shapes),
        ("groupRoles", json!({"map": "keep"}), shapes),
        ("groupRoles", json!({"map": {}, "more": {}}), shapes),
        ("groupRoles", json!({"map": {role(1): role(2), "role": role(3)}}), "entry 2 of 2"),
        ("groupRoles", json!({"map": {"arn:aws:iam::1:role/x": role(3)}}), "role of the snapshot is no ARN"),
        (
            "groupRoles",
            json!({"map": {role(1): "arn:aws:iam::123456789012:user/anna"}}),
            "new role is no ARN",
        ),
        ("groupRoles", json!({"map": {role(1): 7}}), "new role is no text"),
        ("groupRoles", json!({"map": {role(1): role(2) + &"x".repeat(2_048)}}), "longer than 2,048"),
        ("groupRoles", map_of(0), "has 0 entries; it can have 1 to 100"),
        ("groupRoles", map_of(101), "has 101 entries; it can have 1 to 100"),
        ("unconfirmed", json!("link"), r#""restore" or "skip""#),
        ("unconfirmed", json!(true), r#""restore" or "skip""#),
        ("method", json!("xml"), r#""api" or "csv""#),
        ("select", json!("anna"), "select is no JSON object"),
        ("select", json!({}), "select names no user"),
        ("select", json!({"names": ["anna"]}), "List 1, in the order of the names, is none of them"),
        ("select", json!({"subs": "anna"}), "subs is no list of texts"),
        ("select", json!({"subs": [1]}), "subs is no list of texts"),
        ("select", json!({"subs": ["anna"]}), "text 1 of subs is no `sub`"),
        ("select", json!({"groups": ["admins", " "]}), "text 2 of groups is empty"),
        ("except", json!(["anna"]), "except is no JSON object"),
        ("except", json!({"emails": []}), "except names no user"),
        ("except", json!({"users": ["anna"]}), "is none of them"),
    ];
    switches.chain(others).collect()
}

#[test]
fn a_wrong_value_of_any_option_is_refused_before_anything_is_touched() {
    let limits = [
        (json!(10), "tpsByCategory is no JSON object"),
        (json!({"UserReads": 5}), "name 1, in the order of the names, is no category"),
        (json!({"UserList": 5, "UserReads": 5}), "name 2, in the order of the names, is no category"),
        (json!({"UserList": 0}), "the limit of category UserList is no whole number"),
        (json!({"UserList": 201}), "the limit of category UserList is no whole number"),
        (json!({"UserList": "5"}), "the limit of category UserList is no whole number"),
    ];
    in_paused_time(async {
        let (backend, _, _, _) = exported().await;
        for (option, wrong, says) in wrong_options() {
            refused_untouched(&backend, "import", with(import(), option, wrong), says).await;
        }
        let export = json!({"userPoolId": source_id()});
        for option in ["splitListing", "captureMfa"] {
            for wrong in [json!("yes"), json!(1), json!({})] {
                let input = with(export.clone(), option, wrong);
                refused_untouched(&backend, "export", input, "neither true nor false").await;
            }
        }
        for (wrong, says) in limits {
            for (operation, input) in [("export", export.clone()), ("import", import())] {
                refused_untouched(&backend, operation, with(input, "tpsByCategory", wrong.clone()), says)
                    .await;
            }
        }
    });
}

#[test]
fn a_snapshot_that_cannot_be_restored_is_refused() {
    in_paused_time(async {
        let (backend, source, _, sealed) = exported().await;
        let unknown = json!("20260101T000000000Z-00000000");
        refused(
            &backend,
            "import",
            with(import(), "snapshot", unknown),
            ErrorKind::SnapshotNotFound,
            "has no snapshot",
        )
        .await;

        // A snapshot of another pool.
        let other = PoolId::parse("eu-west-1_Other00001").unwrap();
        backend.create_pool(&other, PoolDescription::with_defaults(&[]));
        let report = Machine::new(&backend).export(json!({"userPoolId": other}), "other").await.report();
        let elsewhere = with(import(), "snapshot", report["snapshotId"].clone());
        refused(&backend, "import", elsewhere, ErrorKind::SnapshotOfAnotherPool, other.as_str()).await;

        // A snapshot that failed, and one whose export was aborted.
        backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::Refused)));
        assert_eq!(
            Machine::new(&backend).export(json!({"userPoolId": source_id()}), "fails").await.error().0,
            "CallRefused"
        );
        backend.script().clear();
        let aborted = Machine { stop_at_death: true, ..Machine::new(&backend) };
        backend.script().fault(backend.script().calls() + 15, Fault::Die(shared_memory::Applied::All));
        assert_eq!(aborted.export(json!({"userPoolId": source_id()}), "aborted").await, End::Stopped);
        let catalog = shared::catalog::Catalog::new(shared::ports::Backend::vault(&backend));
        let unsealed = catalog.snapshots(&source_id(), None, 10).await.unwrap();
        assert_eq!(unsealed.len(), 3);
        for snapshot in unsealed.iter().filter(|snapshot| snapshot.id != sealed) {
            let input = with(import(), "snapshot", json!(snapshot.id));
            refused(&backend, "import", input, ErrorKind::SnapshotNotSealed, "not sealed").await;
        }
        // `latest` means the newest sealed snapshot.
        let report = Machine::new(&backend).import(import(), "latest").await.report();
        assert_eq!(report["snapshotId"], json!(sealed));
        drop(source);
    });
}

#[test]
fn a_pool_without_any_sealed_snapshot_is_refused() {
    in_paused_time(async {
        let (backend, source, _) = backend();
        people::plain(3, 0).fill(&source);
        backend.script().always(Operation::ListUsers, Some(Fault::Refuse(PoolErrorKind::Refused)));
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "fails").await;
        backend.script().clear();
        refused(&backend, "import", import(), ErrorKind::SnapshotNotSealed, "no sealed snapshot").await;
    });
}

#[test]
fn a_target_that_cannot_take_the_snapshot_is_refused() {
    in_paused_time(async {
        let (backend, _, target, _) = exported().await;
        let original = PoolDescription::with_defaults(&["note", "shoe_size"]);
        let cases: [(ErrorKind, &str, fn(&mut shared::model::PoolDescription)); 4] = [
            (ErrorKind::TargetNotSupported, "by email", |pool| {
                pool.username_attributes = vec!["email".to_owned()]
            }),
            (ErrorKind::MissingCustomAttributes, "custom:note", |pool| {
                drop(pool.attributes.remove("custom:note"))
            }),
            (ErrorKind::MissingCustomAttributes, "custom:note", |pool| {
                pool.attributes.get_mut("custom:note").unwrap().data_type = DataType::Number;
            }),
            (ErrorKind::MissingCustomAttributes, "custom:shoe_size", |pool| {
                pool.attributes.retain(|name, _| !name.starts_with("custom:"))
            }),
        ];
        for (error, says, change) in cases {
            target.configure(change);
            refused(&backend, "import", import(), error, says).await;
            target.configure(|pool| *pool = original.clone());
        }
        target.put_user(people::plain(1, 0).people[0].record(1000));
        refused(&backend, "import", import(), ErrorKind::TargetNotEmpty, "already holds users").await;
    });
}

#[test]
fn usernames_that_differ_only_by_case_are_left_out_of_a_case_insensitive_pool() {
    in_paused_time(async {
        let (backend, source, target) = backend();
        source.configure(|pool| pool.case_sensitive = true);
        for name in ["anna", "Anna"] {
            let mut record = people::plain(1, 0).people[0].record(0);
            record.username = shared::model::Username::new(name);
            source.put_user(record);
        }
        assert_eq!(source.user_count(), 2);
        Machine::new(&backend).export(json!({"userPoolId": source_id()}), "export").await.report();
        let report = Machine::new(&backend).import(import(), "import").await.report();
        assert_eq!(report["users"]["reasons"], json!({"usernameCollides": 2}), "{report}");
        assert_eq!((&report["status"], target.user_count()), (&json!("PARTIAL"), 0));
        let id = shared::model::PoolId::parse("eu-west-1_Sensitive").unwrap();
        let sensitive = shared::model::PoolDescription {
            case_sensitive: true,
            ..shared::model::PoolDescription::with_defaults(&["note", "shoe_size"])
        };
        let target = backend.create_pool(&id, sensitive);
        let mut input = import();
        input["targetUserPoolId"] = json!(id);
        assert_eq!(Machine::new(&backend).import(input, "sensitive").await.report()["status"], "SUCCEEDED");
        assert_eq!(target.user_count(), 2);
    });
}

#[test]
fn a_target_with_another_restore_is_refused() {
    in_paused_time(async {
        let (backend, _, target, _) = exported().await;
        let machine = Machine::new(&backend);
        assert_eq!(machine.import(import(), "first").await.report()["status"], "SUCCEEDED");
        let (before, users) = (without_leases(&backend), target.user_count());
        let end = machine.import(import(), "second").await;
        assert_eq!(end.error().0, "TargetNotEmpty");
        assert!(end.error().1.contains("already restored snapshot"), "{end:?}");
        assert_eq!((without_leases(&backend), target.user_count()), (before, users));
    });
}

#[test]
fn an_unreadable_event_is_refused_by_every_function() {
    in_paused_time(async {
        let (backend, _, _) = backend();
        let budget = Budget::for_invocation(std::time::Duration::from_secs(900));
        for event in [
            json!(null),
            json!([]),
            json!("x"),
            json!(1),
            json!({}),
            json!({"operation": "erase"}),
            json!({"operation": "export", "more": 1}),
        ] {
            let results: [Result<(), Error>; 4] = [
                steps::enumerate(&backend, event.clone(), budget).await.map(drop),
                steps::export_pages(&backend, event.clone(), budget).await.map(drop),
                steps::import_pages(&backend, event.clone(), budget).await.map(drop),
                steps::finalize(&backend, event.clone(), budget).await.map(drop),
            ];
            for result in results {
                let error = result.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{event}");
                assert!(shared::report::cause(&error).contains("start an execution"), "{error}");
            }
        }
        assert_eq!((backend.script().calls(), items(&backend).len()), (0, 0));
    });
}
