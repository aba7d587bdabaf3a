//! Goal: a change of a configuration is named although snapshots between lack the object, and what was not read is no
//! change.
//!
//! Method: exports that may not read a part, cannot read a record, or meet a change meanwhile.

use serde_json::{Value, json};
use shared::model::Metric;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{MemoryBackend, MemoryPool};

use super::fixture::{
    PLANTED, answer, backend, captured, client, export, exported_rich, id, lacking, records, refuse,
};
use crate::support::in_paused_time;
use crate::support::machine::Machine;
use crate::support::pruned::{named_snapshots, prune_by_hand};

const SERVERS: Operation = Operation::ListResourceServers;

/// Changes the name of the resource server of a rich pool.
fn rename_server(pool: &MemoryPool) {
    let scopes = json!([{"ScopeName": "read", "ScopeDescription": "r"}, {"ScopeName": "write", "ScopeDescription": "w"}]);
    let request = json!({"Identifier": "https://api.example.com", "Name": "other", "Scopes": scopes});
    pool.change_configuration("UpdateResourceServer", request);
}

/// The objects that a report names as changed, with the change.
fn changed(report: &Value) -> Vec<(String, String)> {
    let changes = &report["configuration"]["changes"];
    let objects = changes["objects"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named: Vec<_> =
        objects.iter().map(|named| (text(&named["object"]), text(&named["change"]))).collect();
    assert_eq!(changes["count"], named.len(), "{changes}");
    named
}

fn incomplete(backend: &MemoryBackend) -> f64 {
    backend.metrics().last().unwrap().get(Metric::ConfigurationIncomplete).unwrap()
}

#[test]
fn a_change_is_named_although_the_snapshots_between_lack_the_object() {
    for change in [None, Some("changed"), Some("removed")] {
        in_paused_time(async {
            let (backend, source, _) = exported_rich().await;
            let machine = Machine::new(&backend);
            refuse(&backend, SERVERS, PoolErrorKind::AccessDenied);
            for name in ["second", "third"] {
                assert_eq!(changed(&export(&machine, name).await), [], "{name}");
            }
            match change {
                Some("changed") => rename_server(&source),
                Some(_) => {
                    let server = json!({"Identifier": "https://api.example.com"});
                    source.change_configuration("DeleteResourceServer", server);
                }
                None => {}
            }
            answer(&backend, SERVERS);
            let fourth = export(&machine, "fourth").await;
            let expected: Vec<_> =
                change.iter().map(|change| ("resourceServers/https://api.example.com", *change)).collect();
            let found = changed(&fourth);
            let found: Vec<_> = found.iter().map(|(name, what)| (name.as_str(), what.as_str())).collect();
            assert_eq!(found, expected);
            assert_eq!(changed(&export(&machine, "fifth").await), []);
        });
    }
}

#[test]
fn an_object_of_which_no_earlier_record_is_left_is_counted_as_not_compared() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        refuse(&backend, SERVERS, PoolErrorKind::AccessDenied);
        export(&machine, "second").await;
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        prune_by_hand(&backend, &named_snapshots([&id(&first)])).await.unwrap();
        rename_server(&source);
        answer(&backend, SERVERS);
        let third = export(&machine, "third").await;
        assert_eq!(changed(&third), []);
        assert_eq!(third["configuration"]["changes"]["notCompared"], 1, "{third}");
        let words = third["summary"].as_str().unwrap();
        assert!(words.contains("ATTENTION: 1 object of it could not be compared"), "{words}");
        assert!(incomplete(&backend) > 0.0);
    });
}

#[test]
fn objects_that_were_not_read_are_not_removed_however_many_they_are() {
    in_paused_time(async {
        let (backend, source) = backend();
        for number in 0..600 {
            let client = client(&source, json!({"ClientName": format!("client {number}")}));
            if number < 8 {
                let style = json!({"ClientId": client, "Settings": {"components": {"radius": number}}});
                source.change_configuration("CreateManagedLoginBranding", style);
            }
        }
        let machine = Machine::new(&backend);
        export(&machine, "first").await;
        for operation in [Operation::DescribeUserPoolClient, Operation::DescribeManagedLoginBrandingByClient]
        {
            refuse(&backend, operation, PoolErrorKind::AccessDenied);
            let report = export(&machine, &format!("{operation:?}")).await;
            assert_eq!(report["configuration"]["changes"]["count"], 0, "{}", report["configuration"]);
        }
    });
}

#[test]
fn a_record_that_cannot_be_read_is_counted_and_hides_no_other_change() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let (list, _) = captured(&backend, &first).await;
        let of_server =
            list.entries().iter().find(|entry| entry.name.to_string().starts_with("resourceServers/"));
        let digest = of_server.unwrap().digest.to_string();
        rename_server(&source);
        source
            .change_configuration("SetUICustomization", json!({"CSS": ".label-customizable {color: blue;}"}));
        let lost: Vec<_> = records(&backend).into_iter().filter(|key| key.sk.ends_with(&digest)).collect();
        assert_eq!(lost.len(), 1);
        lost.iter().for_each(|key| drop(backend.vault().remove(key)));
        let second = export(&Machine::new(&backend), "second").await;
        assert_eq!(second["status"], "SEALED");
        assert_eq!(changed(&second), [("uiCustomizations/ALL".to_owned(), "changed".to_owned())]);
        assert_eq!(second["configuration"]["changes"]["notCompared"], 1, "{second}");
        assert!(incomplete(&backend) > 0.0);
    });
}

#[test]
fn an_export_that_can_read_no_earlier_list_says_so() {
    in_paused_time(async {
        let (backend, _, _) = exported_rich().await;
        let lists: Vec<_> =
            records(&backend).into_iter().filter(|key| key.sk.starts_with("REC#objects#")).collect();
        lists.iter().for_each(|key| drop(backend.vault().remove(key)));
        // The list of the second export is another one.
        refuse(&backend, SERVERS, PoolErrorKind::AccessDenied);
        let second = export(&Machine::new(&backend), "second").await;
        assert_eq!(second["configuration"]["changes"]["isFailed"], true, "{second}");
        let words = second["summary"].as_str().unwrap();
        assert!(words.contains("ATTENTION: its configuration could not be compared"), "{words}");
        let metrics = backend.metrics();
        assert_eq!(metrics.last().unwrap().get(Metric::ConfigurationChanged), None);
        assert!(incomplete(&backend) >= 2.0);
    });
}

#[test]
fn a_document_of_terms_that_could_not_be_described_is_not_removed() {
    for (kind, reason) in [(PoolErrorKind::Refused, "refused"), (PoolErrorKind::Transient, "unavailable")] {
        in_paused_time(async {
            let (backend, source, _) = exported_rich().await;
            let listed = source.change_configuration("ListTerms", json!({}));
            let id = listed["Terms"][0]["TermsId"].as_str().unwrap();
            let machine = Machine::new(&backend);
            backend.script().poison(Operation::DescribeTerms, id, Some(kind));
            let second = export(&machine, "second").await;
            assert_eq!(changed(&second), [], "{kind:?}");
            let (list, _) = captured(&backend, &second).await;
            assert!(lacking(&list).contains(&("terms".to_owned(), reason)), "{:?}", lacking(&list));
            source.change_configuration(
                "UpdateTerms",
                json!({"TermsId": id, "Links": {"cognito:default": "https://example.com/new"}}),
            );
            backend.script().poison(Operation::DescribeTerms, id, None);
            let third = export(&machine, "third").await;
            assert_eq!(changed(&third), [("terms/web/terms-of-use".to_owned(), "changed".to_owned())]);
        });
    }
}

#[test]
fn a_document_of_terms_is_described_again_although_another_one_is_refused() {
    in_paused_time(async {
        let (backend, source, _) = exported_rich().await;
        let listed = source.change_configuration("ListTerms", json!({}));
        let first = listed["Terms"][0]["TermsId"].as_str().unwrap().to_owned();
        let clients = source.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
        let client = &clients["UserPoolClients"][0]["ClientId"];
        let other = source.change_configuration(
            "CreateTerms",
            json!({"ClientId": client, "TermsName": "privacy-policy", "TermsSource": "LINK", "Enforcement": "NONE", "Links": {"cognito:default": "https://example.com"}}),
        );
        let other = other["Terms"]["TermsId"].as_str().unwrap().to_owned();
        for (refused, late) in [(&first, &other), (&other, &first)] {
            let poison = |id: &str, kind| backend.script().poison(Operation::DescribeTerms, id, kind);
            poison(refused, Some(PoolErrorKind::Refused));
            poison(late, Some(PoolErrorKind::Transient));
            let (script, id) = (backend.script().clone(), late.clone());
            let end = tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                script.poison(Operation::DescribeTerms, &id, None);
            });
            let report = export(&Machine::new(&backend), &format!("without {refused}")).await;
            end.await.unwrap();
            poison(refused, None);
            let (list, objects) = captured(&backend, &report).await;
            assert_eq!(
                objects.keys().filter(|name| name.starts_with("terms/")).count(),
                1,
                "{:?}",
                lacking(&list)
            );
        }
    });
}

#[test]
fn a_hidden_secret_is_asked_for_until_cognito_has_answered() {
    for kind in [PoolErrorKind::AccessDenied, PoolErrorKind::Transient] {
        in_paused_time(async {
            let (backend, source) = backend();
            // Another client had its secrets listed before.
            client(&source, json!({"ClientName": "machine", "GenerateSecret": true}));
            let machine = Machine::new(&backend);
            export(&machine, "first").await;
            let hidden = client(&source, json!({"ClientName": "web", "ClientSecret": PLANTED}));
            refuse(&backend, Operation::ListUserPoolClientSecrets, kind);
            for name in ["second", "third"] {
                export(&machine, name).await;
            }
            answer(&backend, Operation::ListUserPoolClientSecrets);
            let fourth = export(&machine, "fourth").await;
            let (list, objects) = captured(&backend, &fourth).await;
            assert!(objects.contains_key(&format!("clientSecrets/{hidden}")), "{:?}", lacking(&list));
        });
    }
}

#[test]
fn a_hidden_secret_is_looked_for_after_an_export_that_could_not_list_it() {
    in_paused_time(async {
        let (backend, source) = backend();
        let id = client(&source, json!({"ClientName": "web", "GenerateSecret": true}));
        let machine = Machine::new(&backend);
        export(&machine, "first").await;
        source.change_configuration("AddUserPoolClientSecret", json!({"ClientId": id}));
        let listed = source.change_configuration("ListUserPoolClientSecrets", json!({"ClientId": id}));
        let first = &listed["ClientSecrets"][0]["ClientSecretId"];
        source.change_configuration(
            "DeleteUserPoolClientSecret",
            json!({"ClientId": id, "ClientSecretId": first}),
        );
        refuse(&backend, Operation::ListUserPoolClientSecrets, PoolErrorKind::AccessDenied);
        for name in ["second", "third"] {
            export(&machine, name).await;
        }
        answer(&backend, Operation::ListUserPoolClientSecrets);
        let fourth = export(&machine, "fourth").await;
        let (list, objects) = captured(&backend, &fourth).await;
        assert!(objects.contains_key(&format!("clientSecrets/{id}")), "{:?}", lacking(&list));
    });
}
