//! Goal: an export captures every object of a configuration, or names it with the reason.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use shared::model::configuration::ObjectKind;
use shared::model::{Metric, RunId};
use shared::ports::Backend;
use shared::ports::pool::{LogoError, Operation};
use tokio::time::Instant;

use super::fixture::{
    PLANTED, backend, calls_of, captured, client, export, exported_rich, header, lacking, make_rich,
};
use crate::support::machine::Machine;
use crate::support::{in_paused_time, restored::items};

#[test]
fn a_plain_pool_is_captured_whole() {
    in_paused_time(async {
        let (backend, _) = backend();
        let report = export(&Machine::new(&backend), "plain").await;
        let (list, objects) = captured(&backend, &report).await;
        let names: Vec<_> = objects.keys().map(String::as_str).collect();
        assert_eq!(names, ["logDelivery", "mfa", "sessions/ALL", "signingCertificate", "userPool"]);
        assert_eq!(lacking(&list), [("riskConfigurations".to_owned(), "addOnOff")]);
        assert!(objects["userPool"]["SchemaAttributes"].is_array());
        for volatile in ["LastModifiedDate", "EstimatedNumberOfUsers", "Status"] {
            assert_eq!(objects["userPool"].get(volatile), None, "{volatile}");
        }
        assert_eq!(report["configuration"]["objects"]["userPool"], 1);
        assert_eq!(report["configuration"]["incompleteCount"], 0);
        assert!(report["summary"].as_str().unwrap().contains("Its configuration has 5 objects."), "{report}");
    });
}

#[test]
fn a_rich_pool_is_captured_with_all_its_objects_and_without_secrets() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let report = export(&Machine::new(&backend), "rich").await;
        let (list, objects) = captured(&backend, &report).await;
        let kinds: BTreeSet<_> = list.entries().iter().map(|entry| entry.name.kind).collect();
        for kind in ObjectKind::ALL {
            assert_eq!(kinds.contains(kind), *kind != ObjectKind::Replica, "{kind}: {:?}", lacking(&list));
        }
        assert_eq!(lacking(&list), []);
        // Of the list, only its name is kept: its rules belong to AWS WAF.
        let web_acl = &objects["webAcl"];
        assert_eq!(web_acl.as_object().unwrap().len(), 3, "{web_acl}");
        let logo =
            objects.iter().find(|(name, _)| name.starts_with("uiCustomizations/") && !name.ends_with("ALL"));
        let logo = logo.unwrap().1["ImageFile"].as_str().unwrap();
        // A secret of the provider, and one of a client.
        assert_eq!(list.secrets_left_out(), 2, "{:?}", list.entries());
        assert_eq!(report["configuration"]["secretsLeftOut"], 2);
        let branding = objects.iter().find(|(name, _)| name.starts_with("branding/")).unwrap().1;
        let assets: Vec<_> = list.assets().iter().map(ToString::to_string).collect();
        assert_eq!(assets.len(), 2);
        for digest in [branding["Assets"][0]["Bytes"].as_str().unwrap(), logo] {
            assert!(assets.iter().any(|asset| asset == digest), "{digest}");
        }
        assert_eq!(branding["Settings"], json!({"components": {"radius": 8}}));
        for (key, item) in items(&backend) {
            assert!(!format!("{item:?}").contains(PLANTED), "{key}");
        }
        assert!(!report.to_string().contains(PLANTED));
    });
}

#[test]
fn an_unchanged_configuration_writes_no_record_and_no_item_of_its_own() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        let before = items(&backend);
        let puts = |kind| backend.vault().puts(kind);
        let (records, pages, headers) = (puts("CONF"), puts("SNAP"), puts("POOL"));
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        let second = export(&machine, "second").await;
        assert_eq!(puts("CONF"), records, "no record");
        let new: Vec<_> = items(&backend).into_keys().filter(|key| !before.contains_key(key)).collect();
        assert!(
            new.iter().all(|key| !key.pk.starts_with("CONF#") && !key.sk.starts_with("CAPTURE#")),
            "{new:?}"
        );
        // The first export of a deployment without captures, for comparison.
        let (plain, pool, _) = crate::support::backend();
        crate::support::people::plain(20, 1).fill(&pool);
        let machine = Machine::new(&plain);
        export(&machine, "third").await;
        let plain_puts = |kind| plain.vault().puts(kind);
        let (plain_pages, plain_headers) = (plain_puts("SNAP"), plain_puts("POOL"));
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        export(&machine, "fourth").await;
        assert_eq!(puts("SNAP") - pages, plain_puts("SNAP") - plain_pages);
        assert_eq!(
            puts("POOL") - headers,
            plain_puts("POOL") - plain_headers,
            "the header is written as often"
        );
        let lists = [header(&backend, &first).await, header(&backend, &second).await];
        assert_eq!(lists[0].captured_configuration, lists[1].captured_configuration);
    });
}

#[test]
fn a_change_makes_one_record_of_the_changed_object() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        let (before, _) = captured(&backend, &first).await;
        let web = before.entries().iter().find(|entry| entry.name.kind == ObjectKind::Branding).unwrap();
        let id = web.name.id.clone();
        source.change_configuration(
            "UpdateUserPoolClient",
            json!({"ClientId": id, "ClientName": "web", "AuthSessionValidity": 5}),
        );
        let second = export(&machine, "second").await;
        let (after, objects) = captured(&backend, &second).await;
        let changed: Vec<_> =
            after.entries().iter().filter(|entry| !before.entries().contains(entry)).collect();
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert_eq!(changed[0].name.to_string(), format!("clients/{id}"));
        assert_eq!(objects[&format!("clients/{id}")]["AuthSessionValidity"], 5);
        // The first snapshot is as it was.
        let (still, objects) = captured(&backend, &first).await;
        assert_eq!(still, before);
        assert_eq!(objects[&format!("clients/{id}")]["AuthSessionValidity"], 3);
    });
}

#[test]
fn a_hundred_clients_are_captured_in_half_a_minute_with_one_call_of_each_kind() {
    in_paused_time(async {
        let (backend, source) = backend();
        for number in 0..100 {
            client(
                &source,
                json!({"ClientName": format!("client {number}"), "GenerateSecret": number % 4 == 0}),
            );
        }
        let began = Instant::now();
        let report = export(&Machine::new(&backend), "many").await;
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let calls = |operation| calls_of(&backend, 0, operation);
        // Enumerate describes the pool, too. The capture does so again in the end, because Cognito did not find the
        // styles of the clients: the pool might have been deleted.
        assert_eq!(calls(Operation::DescribeUserPool), 3);
        assert_eq!(calls(Operation::ListUserPoolClients), 2);
        assert_eq!(calls(Operation::DescribeUserPoolClient), 100);
        // Cognito hides some secrets, so the export asks about a client that shows none, until Cognito has answered.
        assert_eq!(calls(Operation::ListUserPoolClientSecrets), 100);
        assert_eq!(calls(Operation::GetUICustomization), 101);
        assert_eq!(calls(Operation::DescribeRiskConfiguration), 0);
        assert_eq!(calls(Operation::DescribeManagedLoginBrandingByClient), 100);
        for once in [
            Operation::GetUserPoolMfaConfig,
            Operation::ListIdentityProviders,
            Operation::GetSigningCertificate,
        ] {
            assert_eq!(calls(once), 1, "{once:?}");
        }
        assert_eq!(report["configuration"]["objects"]["clients"], 100);
        assert_eq!(report["configuration"]["secretsLeftOut"], 25);
        // At most 5 calls of an operation leave in a second.
        let log = backend.script().log();
        for &operation in Operation::ALL.iter().filter(|operation| operation.reads_configuration()) {
            let mut times: Vec<_> =
                log.iter().filter(|(_, called)| *called == operation).map(|(at, _)| *at).collect();
            times.sort();
            for window in times.windows(6) {
                assert!(window[5] - window[0] >= Duration::from_secs(1), "{operation:?}");
            }
        }
        let before = log.len();
        export(&Machine::new(&backend), "many again").await;
        assert_eq!(calls_of(&backend, before, Operation::ListUserPoolClientSecrets), 25);
    });
}

/// Cognito may answer the list of a public client, or refuse it.
#[test]
fn a_client_with_a_secret_that_cognito_hides_is_no_public_client() {
    for lists_secrets_of_public_clients in [true, false] {
        in_paused_time(async {
            let (backend, source) = backend();
            source.configure_configuration(|settings| {
                settings.lists_secrets_of_public_clients = lists_secrets_of_public_clients;
            });
            let hidden = client(&source, json!({"ClientName": "hidden", "ClientSecret": PLANTED}));
            let public = client(&source, json!({"ClientName": "public"}));
            let machine = Machine::new(&backend);
            for name in ["first", "second"] {
                let report = export(&machine, name).await;
                let (list, objects) = captured(&backend, &report).await;
                assert_eq!(lacking(&list), [("riskConfigurations".to_owned(), "addOnOff")]);
                let secrets = &objects[&format!("clientSecrets/{hidden}")]["ClientSecrets"];
                assert_eq!(secrets.as_array().map(Vec::len), Some(1), "{secrets}");
                assert!(!objects.contains_key(&format!("clientSecrets/{public}")));
            }
        });
    }
}

#[test]
fn a_lite_pool_names_what_its_tier_lacks_without_a_call() {
    in_paused_time(async {
        let (backend, source) = backend();
        client(&source, json!({"ClientName": "web"}));
        source.change_configuration("UpdateUserPool", json!({"UserPoolTier": "LITE"}));
        let report = export(&Machine::new(&backend), "lite").await;
        let (list, _) = captured(&backend, &report).await;
        let names = lacking(&list);
        assert!(names.contains(&("branding".to_owned(), "tier")), "{names:?}");
        assert!(
            names.iter().any(|(name, reason)| name.starts_with("sessions") && *reason == "tier"),
            "{names:?}"
        );
        assert_eq!(calls_of(&backend, 0, Operation::DescribeManagedLoginBrandingByClient), 0);
        assert_eq!(calls_of(&backend, 0, Operation::GetUserPoolClientSessionConfiguration), 0);
    });
}

#[test]
fn a_deployment_without_captures_writes_headers_without_configuration() {
    in_paused_time(async {
        let (backend, source, _) = crate::support::backend();
        make_rich(&source);
        let report = export(&Machine::new(&backend), "plain").await;
        assert_eq!(header(&backend, &report).await.captured_configuration, None);
        assert_eq!(report.get("configuration"), None);
        let metrics = backend.metrics();
        assert!(metrics.iter().all(|metrics| metrics.get(Metric::ConfigurationIncomplete).is_none()));
        assert!(RunId::parse(report["snapshotId"].as_str().unwrap()).is_ok());
    });
}

#[test]
fn a_logo_that_cannot_be_fetched_is_named_and_the_rest_is_captured() {
    for (failure, reason) in [(LogoError::NotFetched, "notFetched"), (LogoError::TooLarge, "tooLarge")] {
        in_paused_time(async {
            let (backend, source) = backend();
            make_rich(&source);
            let first = export(&Machine::new(&backend), "first").await;
            source.fail_logos(Some(failure));
            let second = export(&Machine::new(&backend), "second").await;
            let (list, objects) = captured(&backend, &second).await;
            let [(name, why)] = &lacking(&list)[..] else { panic!("{:?}", lacking(&list)) };
            assert!(name.starts_with("uiCustomizations/") && name.ends_with(" ImageFile"), "{name}");
            assert_eq!((*why, objects.len()), (reason, captured(&backend, &first).await.1.len()));
            // The snapshot before has it.
            assert_eq!(second["configuration"]["incompleteCount"], 1, "{second}");
            assert_eq!(second["configuration"]["changes"]["count"], 0, "{second}");
        });
    }
}

#[test]
fn a_web_acl_that_was_taken_away_is_a_change() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        export(&Machine::new(&backend), "first").await;
        let before = backend.script().log().len();
        source.protect(None);
        let report = export(&Machine::new(&backend), "second").await;
        let changed = &report["configuration"]["changes"]["objects"][0];
        assert_eq!((&changed["object"], &changed["fields"]), (&json!("webAcl"), &json!(["ARN"])), "{report}");
        assert_eq!(calls_of(&backend, before, Operation::GetWebACLForResource), 1);
    });
}
