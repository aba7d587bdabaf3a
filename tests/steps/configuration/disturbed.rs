//! Goal: no fault of a read costs the users, and a capture that is interrupted ends with the same records.

use std::time::Duration;

use serde_json::json;
use shared::model::Metric;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, Fault};

use super::fixture::{backend, captured, client, export, exported_rich, header, lacking, make_rich, refuse};
use crate::support::in_paused_time;
use crate::support::machine::Machine;
use crate::support::restored::items;

/// The reads that may fail.
fn side_reads() -> impl Iterator<Item = Operation> {
    let reads = Operation::ALL.iter().copied().filter(|operation| operation.reads_configuration());
    reads.filter(|operation| *operation != Operation::DescribeUserPool)
}

#[test]
fn a_denied_or_unavailable_read_is_named_and_the_users_are_exported() {
    for (kind, reason) in [
        (PoolErrorKind::AccessDenied, "accessDenied"),
        (PoolErrorKind::Throttled, "unavailable"),
        (PoolErrorKind::Transient, "unavailable"),
        (PoolErrorKind::Refused, "refused"),
        (PoolErrorKind::InvalidParameter, "refused"),
    ] {
        in_paused_time(async {
            let (backend, source) = backend();
            make_rich(&source);
            for operation in side_reads() {
                refuse(&backend, operation, kind);
            }
            let report = export(&Machine::new(&backend), "denied").await;
            assert_eq!(report["users"], 20);
            let (list, objects) = captured(&backend, &report).await;
            assert_eq!(objects.keys().collect::<Vec<_>>(), ["userPool"], "{kind:?}");
            let names = lacking(&list);
            for object in [
                "branding",
                "cimdPolicies",
                "clientSecrets",
                "clients",
                "domains/login-example",
                "identityProviders",
                "logDelivery",
                "mfa",
                "replicas",
                "resourceServers",
                "riskConfigurations",
                "sessions/ALL",
                "signingCertificate",
                "terms",
                "uiCustomizations",
            ] {
                assert!(
                    names
                        .iter()
                        .any(|(name, why)| (name == object || name == &object.replace("/login-example", ""))
                            && *why == reason),
                    "{kind:?} {object}: {names:?}"
                );
            }
        });
    }
}

#[test]
fn an_operation_that_stays_throttled_is_given_up_once_and_not_for_each_client() {
    in_paused_time(async {
        let (backend, source) = backend();
        (0..40).for_each(|number| drop(client(&source, json!({"ClientName": format!("client {number}")}))));
        refuse(&backend, Operation::GetUICustomization, PoolErrorKind::Throttled);
        let began = tokio::time::Instant::now();
        let report = export(&Machine::new(&backend), "throttled").await;
        // The export asks again for some three minutes.
        assert!(began.elapsed() < Duration::from_secs(300), "{:?}", began.elapsed());
        let (list, objects) = captured(&backend, &report).await;
        assert!(lacking(&list).contains(&("uiCustomizations".to_owned(), "unavailable")));
        assert_eq!(objects.keys().filter(|name| name.starts_with("clients/")).count(), 40);
    });
}

#[test]
fn what_an_earlier_snapshot_holds_is_named_until_it_is_read_again() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        let denied = [Operation::ListTerms, Operation::DescribeUserPoolClient];
        for operation in denied {
            refuse(&backend, operation, PoolErrorKind::AccessDenied);
        }
        for name in ["second", "third"] {
            let report = export(&machine, name).await;
            let configuration = &report["configuration"];
            assert_eq!(configuration["incompleteCount"], 3, "{configuration}");
            let named = configuration["notCaptured"].as_array().unwrap();
            for object in ["clientSecrets", "clients", "terms"] {
                let named = named.iter().find(|named| named["object"] == object).expect(object);
                assert_eq!(named["heldBy"], first["snapshotId"], "{named}");
            }
            let words = report["summary"].as_str().unwrap();
            assert!(words.contains("ATTENTION: it lacks 3 parts that earlier snapshots hold"), "{words}");
            let metrics = backend.metrics();
            assert_eq!(metrics.last().unwrap().get(Metric::ConfigurationIncomplete), Some(3.0));
        }
        denied.into_iter().for_each(|operation| backend.script().always(operation, None));
        let report = export(&machine, "fourth").await;
        assert_eq!(report["configuration"]["incompleteCount"], 0);
        assert_eq!(backend.metrics().last().unwrap().get(Metric::ConfigurationIncomplete), Some(0.0));
        assert_eq!(
            header(&backend, &report).await.captured_configuration,
            header(&backend, &first).await.captured_configuration
        );
    });
}

#[test]
fn an_object_that_is_deleted_is_not_missing() {
    in_paused_time(async {
        let (backend, source) = backend();
        let id = client(&source, json!({"ClientName": "web"}));
        let machine = Machine::new(&backend);
        export(&machine, "first").await;
        // It is deleted after the export has listed it.
        let pool = source.clone();
        backend.script().change_before(Operation::DescribeUserPoolClient, 1, move || {
            pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": id}));
        });
        let report = export(&machine, "second").await;
        let (list, objects) = captured(&backend, &report).await;
        assert!(!objects.keys().any(|name| name.starts_with("clients/")), "{objects:?}");
        assert_eq!(report["configuration"]["incompleteCount"], 0, "{:?}", lacking(&list));
    });
}

#[test]
fn a_death_at_every_call_ends_in_the_same_records() {
    in_paused_time(async {
        // A small pool, because every call is a case. `operations.rs` plays a rich one.
        let make = || {
            let (backend, source, _) = crate::support::backend();
            crate::support::people::plain(2, 1).fill(&source);
            client(&source, json!({"ClientName": "server", "GenerateSecret": true}));
            backend.with_configuration()
        };
        let undisturbed = make();
        let report = export(&Machine::new(&undisturbed), "same").await;
        let last = undisturbed.script().calls();
        let (expected, _) = captured(&undisturbed, &report).await;
        let configuration_of = |backend: &shared_memory::MemoryBackend| -> Vec<_> {
            items(backend).into_iter().filter(|(key, _)| key.pk.starts_with("CONF#")).collect()
        };
        for call in 1..=last {
            for applied in [Applied::Nothing, Applied::All] {
                let backend = make();
                backend.script().fault(call, Fault::Die(applied));
                let report = export(&Machine::new(&backend), "same").await;
                // The reads below are no calls of the export.
                backend.script().clear();
                let (list, _) = captured(&backend, &report).await;
                assert_eq!(list, expected, "{call}");
                let keys = |items: Vec<(shared::ports::vault::Key, _)>| -> Vec<_> {
                    items.into_iter().map(|(key, _)| key).collect()
                };
                assert_eq!(keys(configuration_of(&backend)), keys(configuration_of(&undisturbed)), "{call}");
            }
        }
    });
}

#[test]
fn a_capture_that_needs_several_invocations_continues_from_its_checkpoints() {
    in_paused_time(async {
        let (backend, source) = backend();
        for number in 0..60 {
            client(
                &source,
                json!({"ClientName": format!("client {number}"), "GenerateSecret": number % 2 == 0}),
            );
        }
        let report = export(&Machine::new(&backend), "at once").await;
        let (expected, _) = captured(&backend, &report).await;
        let log = backend.script().log().len();
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(8));
        let report = export(&machine, "in pieces").await;
        let (list, _) = captured(&backend, &report).await;
        assert_eq!(list, expected);
        let checkpoints = items(&backend).into_keys().filter(|key| key.sk.starts_with("CAPTURE#")).count();
        assert!(checkpoints >= 2, "{checkpoints}");
        let described = backend
            .script()
            .log()
            .into_iter()
            .skip(log)
            .filter(|(_, operation)| *operation == Operation::DescribeUserPoolClient)
            .count();
        assert!(described < 90, "{described} reads of 60 clients");
    });
}

#[test]
fn twins_capture_the_same_configuration() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let report = export(&Machine::new(&backend), "alone").await;
        let (expected, _) = captured(&backend, &report).await;
        for delay in [0, 100, 900, 2_000, 4_000] {
            let twins = vec![Duration::from_millis(delay); 6];
            let machine = Machine { twins, ..Machine::new(&backend) };
            let report = export(&machine, &format!("twins {delay}")).await;
            machine.join_twins().await;
            assert_eq!(captured(&backend, &report).await.0, expected);
        }
    });
}
