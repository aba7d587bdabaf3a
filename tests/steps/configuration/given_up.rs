//! Goal: what Cognito does not answer for a while is read again, and what it never answers costs nothing else.
//!
//! Method: reads that fail for one object, for a minute or for ever, pools that are deleted, and deaths between the
//! writes of a checkpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::ConfigurationKind;
use shared::machine::Function;
use shared::model::{Metric, RunId};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::{LogoError, Operation, PoolErrorKind};
use shared::ports::vault::Access;
use shared_memory::{Applied, CallSite, Fault, MemoryBackend, Mishap};
use tokio::time::{sleep, timeout};

use super::fixture::{
    PLANTED, backend, calls_of, captured, client, export, exported_rich, header, lacking, make_rich, refuse,
    until_finalize,
};
use crate::support::machine::Machine;
use crate::support::pruned::{named_snapshots, prune_by_hand};
use crate::support::restored::items;
use crate::support::{in_paused_time, people, source_id};

/// Longer than any run here takes.
const TOO_LONG: Duration = Duration::from_secs(3 * 3600);

fn is_captured(objects: &std::collections::BTreeMap<String, Value>, prefix: &str) -> usize {
    objects.keys().filter(|name| name.starts_with(prefix)).count()
}

#[test]
fn an_object_that_cognito_never_answers_costs_no_other_object() {
    for operation in [Operation::DescribeUserPoolClient, Operation::GetUICustomization] {
        in_paused_time(async {
            let (backend, source) = backend();
            let ids: Vec<String> = (0..12)
                .map(|number| client(&source, json!({"ClientName": format!("client {number}")})))
                .collect();
            source.change_configuration("CreateUserPoolDomain", json!({"Domain": "login-example"}));
            for id in &ids {
                source.change_configuration("SetUICustomization", json!({"ClientId": id, "CSS": ".a {}"}));
            }
            backend.script().poison(operation, &ids[3], Some(PoolErrorKind::Transient));
            let report = timeout(TOO_LONG, export(&Machine::new(&backend), "poisoned")).await.unwrap();
            assert_eq!(report["users"], 20);
            let (list, objects) = captured(&backend, &report).await;
            let expected = if operation == Operation::DescribeUserPoolClient { [11, 12] } else { [12, 11] };
            let counts = [is_captured(&objects, "clients/"), is_captured(&objects, "uiCustomizations/")];
            assert_eq!(counts, expected, "{:?}", lacking(&list));
            let kind = if expected[0] == 11 { "clients" } else { "uiCustomizations" };
            assert!(lacking(&list).contains(&(format!("{kind}/{}", ids[3]), "unavailable")));
            assert!(!lacking(&list).iter().any(|(name, _)| name == kind), "{:?}", lacking(&list));
        });
    }
}

#[test]
fn a_read_that_fails_for_a_minute_is_made_again() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let report = export(&Machine::new(&backend), "undisturbed").await;
        let (expected, _) = captured(&backend, &report).await;
        let reads = Operation::ALL.iter().copied().filter(|operation| operation.reads_configuration());
        for operation in reads {
            let kind = PoolErrorKind::Throttled;
            refuse(&backend, operation, kind);
            let script = backend.script().clone();
            let end = tokio::spawn(async move {
                sleep(Duration::from_secs(60)).await;
                script.always(operation, None);
            });
            // Enumerate describes the pool, and the deployed retriers wait for it.
            let machine = Machine { retries_as_deployed: true, ..Machine::new(&backend) };
            let report = export(&machine, &format!("{operation:?}")).await;
            end.await.unwrap();
            assert_eq!(captured(&backend, &report).await.0, expected, "{operation:?}");
        }
    });
}

#[test]
fn a_failed_read_is_made_again_by_a_later_invocation() {
    in_paused_time(async {
        let (backend, source) = backend();
        (0..40).for_each(|number| drop(client(&source, json!({"ClientName": format!("client {number}")}))));
        let report = export(&Machine::new(&backend), "undisturbed").await;
        let (expected, _) = captured(&backend, &report).await;
        let throttled = Fault::Refuse(PoolErrorKind::Throttled);
        backend.script().always(Operation::GetUserPoolSessionConfiguration, Some(throttled));
        let script = backend.script().clone();
        let end = tokio::spawn(async move {
            sleep(Duration::from_secs(30)).await;
            script.always(Operation::GetUserPoolSessionConfiguration, None);
        });
        // The first invocation ends while the clients are read, after it gave the sessions of the pool up.
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(18));
        let report = export(&machine, "in pieces").await;
        end.await.unwrap();
        assert_eq!(captured(&backend, &report).await.0, expected);
    });
}

#[test]
fn the_terms_of_a_large_pool_are_read_over_several_invocations() {
    in_paused_time(async {
        let (backend, source) = backend();
        for number in 0..40 {
            let client = client(&source, json!({"ClientName": format!("client {number}")}));
            for name in ["terms-of-use", "privacy-policy"] {
                source.change_configuration(
                    "CreateTerms",
                    json!({"ClientId": client, "TermsName": name, "TermsSource": "LINK", "Enforcement": "NONE", "Links": {"cognito:default": "https://example.com"}}),
                );
            }
        }
        let report = export(&Machine::new(&backend), "at once").await;
        let (expected, _) = captured(&backend, &report).await;
        let from = backend.script().log().len();
        let machine = Machine::new(&backend).with_budget(Duration::from_secs(8));
        let report = timeout(TOO_LONG, export(&machine, "in pieces")).await.expect("the capture ends");
        let (list, objects) = captured(&backend, &report).await;
        assert_eq!(list, expected, "{:?}", lacking(&list));
        assert_eq!(is_captured(&objects, "terms/"), 80);
        let described = calls_of(&backend, from, Operation::DescribeTerms);
        assert!(described < 120, "{described} reads of 80 terms");
    });
}

#[test]
fn a_capture_that_makes_no_progress_ends_and_names_the_rest() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        // Every answer of these comes after the time of the invocation.
        backend.script().set_weather(Some(Box::new(|site| {
            let slow = ["ListTerms", "DescribeIdentityProvider"];
            let is_slow = slow.contains(&site.to_string().as_str());
            Mishap { delay: if is_slow { TOO_LONG } else { Duration::ZERO }, ..Mishap::default() }
        })));
        let machine = Machine {
            budget: Duration::from_secs(300),
            timeout: Duration::from_secs(300),
            ..Machine::new(&backend)
        };
        let report = timeout(TOO_LONG, export(&machine, "stuck")).await.expect("the capture ends");
        assert_eq!(report["users"], 20);
        let (list, objects) = captured(&backend, &report).await;
        assert_eq!(is_captured(&objects, "clients/"), 2);
        let unavailable: Vec<_> = lacking(&list)
            .into_iter()
            .filter(|(_, why)| *why == "unavailable")
            .map(|(name, _)| name)
            .collect();
        assert_eq!(unavailable, ["identityProviders", "terms"]);
    });
}

#[test]
fn a_pool_that_is_deleted_during_its_capture_is_not_complete() {
    let deaths = [
        (Operation::DescribeUserPoolClient, 11),
        (Operation::DescribeManagedLoginBrandingByClient, 11),
        (Operation::GetUserPoolMfaConfig, 1),
    ];
    for (at, nth) in deaths {
        in_paused_time(async {
            let (backend, source) = backend();
            (0..20)
                .for_each(|number| drop(client(&source, json!({"ClientName": format!("client {number}")}))));
            let machine = Machine::new(&backend);
            let first = export(&machine, "first").await;
            let pool = source.clone();
            backend.script().change_before(at, nth, move || pool.delete());
            let report = export(&machine, "second").await;
            assert_eq!(report["users"], 20);
            let (list, objects) = captured(&backend, &report).await;
            let names = lacking(&list);
            assert!(names.contains(&("branding".to_owned(), "poolDeleted")), "{names:?}");
            for single in ["mfa", "logDelivery", "signingCertificate"] {
                let is_noted = names.contains(&(single.to_owned(), "poolDeleted"));
                assert_eq!(is_noted, !objects.contains_key(single), "{at:?} {single}: {names:?}");
            }
            assert!(!names.iter().any(|(name, _)| objects.contains_key(name)), "{names:?}");
            if at == Operation::DescribeUserPoolClient {
                assert!(names.contains(&("clients".to_owned(), "poolDeleted")), "{names:?}");
                let clients = list.incomplete().find(|lacking| lacking.shown_name() == "clients").unwrap();
                assert_eq!(clients.held_by.as_ref().unwrap().as_str(), first["snapshotId"]);
            }
            assert!(backend.metrics().last().unwrap().get(Metric::ConfigurationIncomplete) > Some(0.0));
        });
    }
}

#[test]
fn a_death_between_the_writes_of_a_checkpoint_loses_nothing() {
    in_paused_time(async {
        let make = || {
            let (backend, source, _) = crate::support::backend();
            people::plain(2, 1).fill(&source);
            source.change_configuration("CreateUserPoolDomain", json!({"Domain": "login-example"}));
            for number in 0..12 {
                let request =
                    json!({"ClientName": format!("client {number}"), "GenerateSecret": number % 2 == 0});
                let id = client(&source, request);
                let logo = json!({"ClientId": id, "ImageFile": "iVBORw0KGgo="});
                source.change_configuration("SetUICustomization", logo);
            }
            // Each logo is noted as missing.
            source.fail_logos(Some(LogoError::NotFetched));
            backend.with_configuration()
        };
        let short = |backend: &MemoryBackend| Machine::new(backend).with_budget(Duration::from_secs(3));
        let undisturbed = make();
        let report = export(&short(&undisturbed), "same").await;
        let (expected, _) = captured(&undisturbed, &report).await;
        assert_eq!(lacking(&expected).iter().filter(|(name, _)| name.ends_with("ImageFile")).count(), 12);
        // The checkpoints are among the writes to the partition of the snapshot.
        let mut nth = 0;
        loop {
            nth += 1;
            let mut has_died = false;
            for applied in [Applied::Nothing, Applied::All] {
                let backend = make();
                let writes = Arc::new(AtomicUsize::new(0));
                let counted = Arc::clone(&writes);
                backend.script().set_weather(Some(Box::new(move |site| {
                    let is_put = matches!(site, CallSite::Vault(kind, Access::PutIf) if kind == "SNAP");
                    let dies = is_put && counted.fetch_add(1, Ordering::Relaxed) + 1 == nth;
                    Mishap { fault: dies.then_some(Fault::Die(applied)), ..Mishap::default() }
                })));
                let report = export(&short(&backend), "same").await;
                backend.script().set_weather(None);
                has_died |= writes.load(Ordering::Relaxed) >= nth;
                assert_eq!(captured(&backend, &report).await.0, expected, "{nth} {applied:?}");
            }
            if !has_died {
                assert!(nth > 5, "{nth}");
                break;
            }
        }
    });
}

#[test]
fn a_list_that_cannot_be_read_fails_no_sealed_export() {
    for is_lost in [true, false] {
        in_paused_time(async {
            let (backend, source) = backend();
            make_rich(&source);
            let event = until_finalize(&backend).await;
            if is_lost {
                let report = json!({"snapshotId": event["runId"]});
                let list = header(&backend, &report).await.captured_configuration.unwrap().list;
                backend.vault().remove(&ConfigurationKind::List.key(&source_id(), list)).unwrap();
            } else {
                backend.script().set_weather(Some(Box::new(|site| {
                    let is_read = matches!(site, CallSite::Vault(kind, Access::GetAll) if kind == "CONF");
                    let fault = is_read.then_some(Fault::Refuse(PoolErrorKind::Transient));
                    Mishap { fault, ..Mishap::default() }
                })));
            }
            let budget = Budget::for_invocation(Duration::from_secs(900));
            let report = backend.invocation().carry_out(Function::Finalize, event, budget).await.unwrap();
            assert_eq!(report["status"], "SEALED");
            assert_eq!(report["configuration"]["isUnreadable"], true, "{report}");
            let words = report["summary"].as_str().unwrap();
            assert!(words.contains("ATTENTION: the list of its configuration cannot be read"), "{words}");
            let metrics = backend.metrics();
            assert_eq!(metrics.last().unwrap().get(Metric::ConfigurationIncomplete), Some(1.0));
        });
    }
}

#[test]
fn a_first_capture_counts_what_it_may_not_read() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
        backend.script().always(Operation::ListTerms, Some(denied));
        backend
            .script()
            .always(Operation::GetLogDeliveryConfiguration, Some(Fault::Refuse(PoolErrorKind::Refused)));
        let report = export(&Machine::new(&backend), "first").await;
        assert_eq!(report["configuration"]["incompleteCount"], 0, "no snapshot before it holds them");
        assert_eq!(report["configuration"]["failedCount"], 2, "{report}");
        let words = report["summary"].as_str().unwrap();
        assert!(words.contains("2 parts could not be captured"), "{words}");
        assert_eq!(backend.metrics().last().unwrap().get(Metric::ConfigurationIncomplete), Some(1.0));
    });
}

#[test]
fn a_client_whose_secret_cognito_hides_is_no_public_client() {
    in_paused_time(async {
        let (backend, source) = backend();
        let secret = json!({"ClientName": "contexts", "GenerateSecret": true, "EnablePropagateAdditionalUserContextData": true});
        let contexts = client(&source, secret);
        let replaced = client(&source, json!({"ClientName": "replaced", "GenerateSecret": true}));
        let machine = Machine::new(&backend);
        export(&machine, "first").await;
        for id in [&contexts, &replaced] {
            source.change_configuration("AddUserPoolClientSecret", json!({"ClientId": id}));
            let listed = source.change_configuration("ListUserPoolClientSecrets", json!({"ClientId": id}));
            let first = &listed["ClientSecrets"][0]["ClientSecretId"];
            let request = json!({"ClientId": id, "ClientSecretId": first});
            source.change_configuration("DeleteUserPoolClientSecret", request);
            let described = source.change_configuration("DescribeUserPoolClient", json!({"ClientId": id}));
            assert!(described["UserPoolClient"].get("ClientSecret").is_none(), "{described}");
        }
        let report = export(&machine, "second").await;
        let (list, objects) = captured(&backend, &report).await;
        for id in [&contexts, &replaced] {
            assert!(objects.contains_key(&format!("clientSecrets/{id}")), "{:?}", lacking(&list));
        }
    });
}

#[test]
fn a_domain_that_is_deleted_during_the_capture_is_not_missing() {
    in_paused_time(async {
        let (backend, source) = backend();
        source.change_configuration("CreateUserPoolDomain", json!({"Domain": "login-example"}));
        let pool = source.clone();
        backend.script().change_before(Operation::DescribeUserPoolDomain, 1, move || {
            pool.change_configuration("DeleteUserPoolDomain", json!({"Domain": "login-example"}));
        });
        let report = export(&Machine::new(&backend), "deleted").await;
        let (list, _) = captured(&backend, &report).await;
        let kinds: Vec<_> = lacking(&list).into_iter().map(|(name, _)| name).collect();
        assert_eq!(kinds, ["riskConfigurations"]);
    });
}

#[test]
fn a_pool_that_may_not_be_described_is_the_reason_for_its_domains() {
    in_paused_time(async {
        let (backend, source) = backend();
        source.change_configuration("CreateUserPoolDomain", json!({"Domain": "login-example"}));
        // Enumerate describes the pool before.
        let script = backend.script().clone();
        backend.script().change_before(Operation::ListUsers, 1, move || {
            let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
            script.always(Operation::DescribeUserPool, Some(denied));
        });
        let report = export(&Machine::new(&backend), "denied").await;
        let (list, _) = captured(&backend, &report).await;
        let domains = list.not_captured().iter().find(|lacking| lacking.shown_name() == "domains").unwrap();
        assert_eq!(domains.operation.as_deref(), Some("DescribeUserPool"));
        assert_eq!(domains.reason.as_str(), "accessDenied");
    });
}

#[test]
fn a_removed_holder_is_named_as_removed() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        let denied = Fault::Refuse(PoolErrorKind::AccessDenied);
        backend.script().always(Operation::ListTerms, Some(denied));
        let second = export(&machine, "second").await;
        assert_eq!(captured(&backend, &second).await.0.holders().len(), 1);
        sleep(Duration::from_secs(3600)).await;
        let id = RunId::parse(first["snapshotId"].as_str().unwrap()).unwrap();
        prune_by_hand(&backend, &named_snapshots([&id])).await.unwrap();
        let third = export(&machine, "third").await;
        let terms = &third["configuration"]["notCaptured"][0];
        assert_eq!((&terms["object"], &terms["heldBy"]), (&json!("terms"), &first["snapshotId"]));
        assert_eq!(terms["holderRemoved"], true, "{third}");
    });
}

#[test]
fn a_member_that_aws_has_added_is_named_and_is_no_secret() {
    in_paused_time(async {
        let (backend, source) = backend();
        let id = client(&source, json!({"ClientName": "web", "GenerateSecret": true}));
        let machine = Machine::new(&backend);
        let first = export(&machine, "first").await;
        let new =
            json!({"UserPoolClient": {"NewMember": PLANTED, "AnalyticsConfiguration": {"NewSwitch": true}}});
        backend.script().show(Operation::DescribeUserPoolClient, new);
        let report = export(&machine, "second").await;
        let (list, objects) = captured(&backend, &report).await;
        let members: Vec<_> = lacking(&list)
            .into_iter()
            .filter(|(_, why)| *why == "unknownMember")
            .map(|(name, _)| name)
            .collect();
        let names =
            ["AnalyticsConfiguration.NewSwitch", "NewMember"].map(|member| format!("clients/{id} {member}"));
        assert_eq!(members, names);
        assert_eq!(list.secrets_left_out(), 1);
        // No earlier snapshot holds them.
        assert_eq!(report["configuration"]["incompleteCount"], 0);
        let (_, before) = captured(&backend, &first).await;
        assert_eq!(
            objects[&format!("clients/{id}")]["ClientName"],
            before[&format!("clients/{id}")]["ClientName"]
        );
        assert!(!report.to_string().contains(PLANTED));
        for (key, item) in items(&backend) {
            assert!(!format!("{item:?}").contains(PLANTED), "{key}");
        }
    });
}
