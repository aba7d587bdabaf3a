//! Goal: a comparison names each change of a live pool, and nothing else.
//!
//! Method: export a pool, change it, and compare its snapshot with the pool and with the next snapshot.

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::configuration::difference::document::Configuration;
use shared::model::configuration::difference::{ClientMap, ConfigurationDifference, NotCompared, compare};
use shared::model::configuration::{CapturedList, ObjectKind};
use shared::model::{CallStats, Ceilings, Metric, RunId, Snapshot, SnapshotSelector, Tps};
use shared::operations::{WatchReading, captured_configuration, comparable, live_configuration};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{Error, ErrorKind};
use shared_memory::{Fault, MemoryBackend, MemoryPool};
use tokio::time::{Duration, Instant};

use super::fixture::{
    PLANTED, backend, captured, client, export, exported_rich, header, id, make_rich, refuse,
};
use crate::support::machine::Machine;
use crate::support::{in_paused_time, source_id};

async fn of_snapshot(backend: &MemoryBackend, report: &Value) -> Configuration {
    let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
    let selector = SnapshotSelector::Id(id(report));
    let captured = captured_configuration(&catalog, &source_id(), &selector, now).await.unwrap();
    comparable(&captured.list, captured.objects).unwrap()
}

async fn live(backend: &MemoryBackend) -> Result<Configuration, Error> {
    live_after(backend, &CapturedList::default()).await
}

/// The configuration of the live pool, to compare it with a capture that has this list.
async fn live_after(backend: &MemoryBackend, earlier: &CapturedList) -> Result<Configuration, Error> {
    let tps = Tps::new(50).unwrap();
    let pool = backend.pool(&source_id());
    let pool = PacedPool::new(pool, tps, &Ceilings::default(), backend.clock(), CallStats::none(tps));
    let live = live_configuration(&pool, earlier, &mut Unwatched).await?;
    comparable(&live.list, live.objects)
}

struct Unwatched;

impl WatchReading for Unwatched {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, _: Operation, _: Duration) {}
}

fn difference(old: &Configuration, new: &Configuration) -> ConfigurationDifference {
    let found = compare(old, new, &ClientMap::new());
    assert!(!json!(found).to_string().contains(PLANTED), "{found:?}");
    found
}

/// `object field` of each difference.
fn names(found: &ConfigurationDifference) -> Vec<String> {
    let name = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
    found
        .differences
        .iter()
        .map(|difference| format!("{} {}", difference.object.text, name(&difference.field)))
        .collect()
}

/// The id of the client with this name.
fn client_id(pool: &MemoryPool, name: &str) -> String {
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let clients = listed["UserPoolClients"].as_array().unwrap();
    let found = clients.iter().find(|client| client["ClientName"] == name).unwrap();
    found["ClientId"].as_str().unwrap().to_owned()
}

/// The complete settings of the client `web` of a rich pool, with some changed.
fn web(pool: &MemoryPool, changed: Value) -> Value {
    let mut request = json!({
        "ClientId": client_id(pool, "web"), "ClientName": "web", "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": ["COGNITO", "Google"],
        "CallbackURLs": ["https://b.example.com", "https://a.example.com"],
    });
    for (name, value) in changed.as_object().unwrap() {
        request[name.as_str()] = value.clone();
    }
    request
}

#[test]
fn an_unchanged_pool_is_the_same_live_and_in_the_next_snapshot() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let machine = Machine::new(&backend);
        let old = of_snapshot(&backend, &first).await;
        let stored = backend.vault().items();
        let found = difference(&old, &live(&backend).await.unwrap());
        assert_eq!(names(&found), Vec::<String>::new());
        assert_eq!(backend.vault().items(), stored, "a comparison wrote to the table");
        let lacking: Vec<_> = found.not_compared.iter().map(|lacking| lacking.object.text.as_str()).collect();
        for object in ["clients/server", "identityProviders/Google"] {
            assert!(lacking.contains(&object), "{object}: {lacking:?}");
        }
        let second = export(&machine, "second").await;
        assert_eq!(names(&difference(&old, &of_snapshot(&backend, &second).await)), Vec::<String>::new());
    });
}

#[test]
fn the_time_and_the_order_of_a_change_are_no_difference() {
    in_paused_time(async {
        let (backend, source, first) = exported_rich().await;
        let old = of_snapshot(&backend, &first).await;
        tokio::time::advance(Duration::from_secs(3_600)).await;
        // The same settings in another order, which changes times and what Cognito computes.
        let reordered = json!({"CallbackURLs": ["https://a.example.com", "https://b.example.com"]});
        source.change_configuration("UpdateUserPoolClient", web(&source, reordered));
        let css = json!({"CSS": ".label-customizable {color: red;}"});
        source.change_configuration("SetUICustomization", css);
        assert_eq!(names(&difference(&old, &live(&backend).await.unwrap())), Vec::<String>::new());
    });
}

/// What a change by hand is called in a comparison.
fn changes() -> Vec<(&'static str, fn(&MemoryPool))> {
    vec![
        ("userPool UserPoolTags.owner", |pool| {
            pool.change_configuration(
                "UpdateUserPool",
                json!({
                    "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
                    "UserPoolTags": {"team": "login", "owner": "anna"},
                }),
            );
        }),
        ("mfa MfaConfiguration", |pool| {
            let totp =
                json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}});
            pool.change_configuration("SetUserPoolMfaConfig", totp);
        }),
        ("clients/web RefreshTokenValidity", |pool| {
            pool.change_configuration("UpdateUserPoolClient", web(pool, json!({"RefreshTokenValidity": 7})));
        }),
        ("clients/added -", |pool| drop(client(pool, json!({"ClientName": "added"})))),
        ("resourceServers/https://api.example.com -", |pool| {
            let unused = json!({"Identifier": "https://api.example.com"});
            pool.change_configuration("DeleteResourceServer", unused);
        }),
        ("identityProviders/Google AttributeMapping.name", |pool| {
            pool.change_configuration(
                "UpdateIdentityProvider",
                json!({
                    "ProviderName": "Google",
                    "ProviderDetails": {"client_id": "google", "client_secret": PLANTED, "authorize_scopes": "openid email"},
                    "AttributeMapping": {"email": "email", "name": "name"},
                }),
            );
        }),
        ("uiCustomizations/ALL CSS", |pool| {
            let css = json!({"CSS": ".label-customizable {color: blue;}"});
            pool.change_configuration("SetUICustomization", css);
        }),
        ("uiCustomizations/ALL ImageFile", |pool| {
            let image = json!({"CSS": ".label-customizable {color: red;}", "ImageFile": "iVBORw0KGgo="});
            pool.change_configuration("SetUICustomization", image);
        }),
        ("riskConfigurations/ALL RiskExceptionConfiguration.BlockedIPRangeList", |pool| {
            let ranges = json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": ["198.51.100.0/24"]}});
            pool.change_configuration("SetRiskConfiguration", ranges);
        }),
        ("logDelivery LogConfigurations[userNotification, ERROR]", |pool| {
            pool.change_configuration("SetLogDeliveryConfiguration", json!({"LogConfigurations": []}));
        }),
    ]
}

#[test]
fn each_change_is_named_alone_live_and_in_the_next_snapshot() {
    for (expected, change) in changes() {
        in_paused_time(async {
            let (backend, source) = backend();
            make_rich(&source);
            let machine = Machine::new(&backend);
            let old = of_snapshot(&backend, &export(&machine, "first").await).await;
            change(&source);
            let now = live(&backend).await.unwrap();
            let found = names(&difference(&old, &now));
            assert!(found.contains(&expected.to_owned()), "{expected}: {found:?}");
            let object = expected.split(' ').next().unwrap();
            assert!(found.iter().all(|name| name.starts_with(object)), "{expected}: {found:?}");
            let second = of_snapshot(&backend, &export(&machine, "second").await).await;
            assert_eq!(names(&difference(&old, &second)), found, "{expected}");
            assert_eq!(names(&difference(&second, &now)), Vec::<String>::new(), "{expected}");
        });
    }
}

#[test]
fn a_live_pool_is_read_at_five_calls_a_second_for_each_operation() {
    in_paused_time(async {
        let (backend, source) = backend();
        (0..60).for_each(|number| drop(client(&source, json!({"ClientName": format!("client {number}")}))));
        let (from, began) = (backend.script().log().len(), Instant::now());
        live(&backend).await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
        let described: Vec<_> = backend.script().log().into_iter().skip(from).collect();
        let is_description =
            |(_, operation): &&(Instant, Operation)| *operation == Operation::DescribeUserPoolClient;
        let mut times: Vec<_> = described.iter().filter(is_description).map(|(at, _)| *at).collect();
        times.sort();
        assert_eq!(times.len(), 60);
        for window in times.windows(6) {
            assert!(window[5] - window[0] >= Duration::from_secs(1), "{window:?}");
        }
    });
}

#[test]
fn a_pool_that_vanishes_while_it_is_read_is_an_error_and_a_denied_read_is_not_compared() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let old = of_snapshot(&backend, &first).await;
        for (kind, expected) in [
            (PoolErrorKind::NotFound, ErrorKind::PoolNotFound),
            (PoolErrorKind::AccessDenied, ErrorKind::AccessDenied),
        ] {
            // The first call succeeds, and the one of the capture fails.
            backend.script().fault(backend.script().calls() + 2, Fault::Refuse(kind));
            assert_eq!(live(&backend).await.unwrap_err().kind(), expected, "{kind:?}");
        }
        refuse(&backend, Operation::ListTerms, PoolErrorKind::AccessDenied);
        let found = difference(&old, &live(&backend).await.unwrap());
        assert_eq!(names(&found), Vec::<String>::new());
        let terms = found.not_compared.iter().find(|lacking| lacking.object.kind == Some(ObjectKind::Terms));
        assert_eq!(terms.unwrap().detail.as_deref(), Some("accessDenied"));
    });
}

#[test]
fn what_cognito_does_not_answer_live_is_asked_for_again_and_is_an_error_at_the_end() {
    use PoolErrorKind::{AccessDenied, Throttled, Transient};
    let failures = [
        (Throttled, "TooManyRequestsException", ErrorKind::Throttled),
        (Transient, "NoAnswer", ErrorKind::ServiceUnavailable),
        (Transient, "InternalErrorException", ErrorKind::ServiceUnavailable),
        // The credentials expire during the reading.
        (AccessDenied, "ExpiredTokenException", ErrorKind::AccessDenied),
    ];
    for (kind, code, expected) in failures {
        for is_lasting in [false, true] {
            in_paused_time(async {
                let (backend, _, first) = exported_rich().await;
                let old = of_snapshot(&backend, &first).await;
                let stored = backend.vault().items();
                let fault = Fault::RefuseWith(kind, code);
                backend.script().always(Operation::ListTerms, Some(fault));
                let script = backend.script().clone();
                let end = tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(4)).await;
                    script.always(Operation::ListTerms, is_lasting.then_some(fault));
                });
                let began = Instant::now();
                let read = live(&backend).await;
                end.await.unwrap();
                assert!(began.elapsed() < Duration::from_secs(120), "{:?}", began.elapsed());
                match read {
                    Ok(now) => {
                        assert!(!is_lasting, "{code}");
                        let found = difference(&old, &now);
                        assert_eq!(names(&found), Vec::<String>::new());
                        let terms = |lacking: &NotCompared| lacking.object.kind == Some(ObjectKind::Terms);
                        assert!(!found.not_compared.iter().any(terms), "{found:?}");
                    }
                    Err(error) => {
                        assert!(is_lasting, "{error}");
                        assert_eq!(error.kind(), expected, "{error}");
                        assert!(error.message().contains("ListTerms"), "{error}");
                    }
                }
                assert_eq!(backend.vault().items(), stored, "a comparison wrote to the table");
            });
        }
    }
}

#[test]
fn a_pool_that_is_deleted_while_it_is_read_live_is_an_error() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let pool = source.clone();
        backend.script().change_before(Operation::DescribeUserPoolClient, 2, move || pool.delete());
        assert_eq!(live(&backend).await.unwrap_err().kind(), ErrorKind::PoolNotFound);
    });
}

#[test]
fn a_secret_that_cognito_hides_since_the_snapshot_is_no_removed_secret() {
    in_paused_time(async {
        let (backend, source) = backend();
        let id = client(&source, json!({"ClientName": "web", "GenerateSecret": true}));
        let report = export(&Machine::new(&backend), "first").await;
        let old = of_snapshot(&backend, &report).await;
        let (list, _) = captured(&backend, &report).await;
        source.change_configuration("AddUserPoolClientSecret", json!({"ClientId": id}));
        let listed = source.change_configuration("ListUserPoolClientSecrets", json!({"ClientId": id}));
        let first = &listed["ClientSecrets"][0]["ClientSecretId"];
        let request = json!({"ClientId": id, "ClientSecretId": first});
        source.change_configuration("DeleteUserPoolClientSecret", request);
        let now = live_after(&backend, &list).await.unwrap();
        let found = difference(&old, &now);
        let expected = |name: &String| name.starts_with("clientSecrets/web ClientSecrets[");
        assert!(!found.same && names(&found).iter().all(expected), "{:?}", names(&found));
    });
}

#[test]
fn a_member_that_aws_has_added_is_not_compared_and_is_named() {
    in_paused_time(async {
        let (backend, _, first) = exported_rich().await;
        let old = of_snapshot(&backend, &first).await;
        backend.script().show(Operation::DescribeUserPool, json!({"UserPool": {"NewMember": PLANTED}}));
        let found = difference(&old, &live(&backend).await.unwrap());
        assert_eq!(names(&found), Vec::<String>::new());
        let lacking = json!({"object": "userPool", "field": "NewMember", "reason": "notCaptured", "side": "new", "detail": "unknownMember"});
        assert!(json!(found.not_compared).as_array().unwrap().contains(&lacking), "{found:?}");
    });
}

#[test]
fn an_export_names_what_changed_since_the_snapshot_before_and_measures_it() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let machine = Machine::new(&backend);
        let changed = || backend.metrics().last().unwrap().get(Metric::ConfigurationChanged);
        let first = export(&machine, "first").await;
        assert_eq!((first["configuration"].get("changes"), changed()), (None, None));
        let second = export(&machine, "second").await;
        let none = json!({"since": first["snapshotId"], "count": 0});
        assert_eq!((&second["configuration"]["changes"], changed()), (&none, Some(0.0)));
        assert!(!second["summary"].as_str().unwrap().contains("changed"), "{second}");

        let validity = json!({"RefreshTokenValidity": 7, "CallbackURLs": ["https://c.example.com"]});
        source.change_configuration("UpdateUserPoolClient", web(&source, validity));
        client(&source, json!({"ClientName": "added"}));
        let css = json!({"ClientId": client_id(&source, "web"), "CSS": ".label-customizable {color: blue;}"});
        source.change_configuration("SetUICustomization", css);
        let third = export(&machine, "third").await;
        let objects = json!([
            {"object": "clients/added", "change": "added", "fieldCount": 0},
            {"object": "clients/web", "change": "changed", "fields": ["CallbackURLs", "RefreshTokenValidity"], "fieldCount": 2},
            {"object": "uiCustomizations/web", "change": "changed", "fields": ["CSS"], "fieldCount": 1},
        ]);
        let expected = json!({"since": second["snapshotId"], "count": 3, "objects": objects});
        assert_eq!((&third["configuration"]["changes"], changed()), (&expected, Some(3.0)));
        let summary = third["summary"].as_str().unwrap();
        assert!(summary.contains("clients/web (CallbackURLs, RefreshTokenValidity)"), "{summary}");
        for text in [summary, &third["configuration"].to_string()] {
            assert!(!text.contains("c.example.com") && !text.contains("blue"), "{text}");
        }
        // The next one is compared with the newest snapshot, not with the first.
        let fourth = export(&machine, "fourth").await;
        assert_eq!(fourth["configuration"]["changes"]["count"], 0);
    });
}

#[test]
fn hundreds_of_changed_clients_are_counted() {
    in_paused_time(async {
        let (backend, source) = backend();
        let machine = Machine::new(&backend);
        export(&machine, "first").await;
        (0..700).for_each(|number| drop(client(&source, json!({"ClientName": format!("client {number}")}))));
        let second = export(&machine, "second").await;
        let changes = &second["configuration"]["changes"];
        assert_eq!((&changes["count"], changes["objects"].as_array().unwrap().len()), (&json!(700), 20));
    });
}

#[test]
fn a_change_is_found_behind_any_number_of_snapshots_without_a_configuration() {
    in_paused_time(async {
        let (backend, source) = backend();
        make_rich(&source);
        let machine = Machine::new(&backend);
        let first = export(&machine, "first").await;
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let catalog = Catalog::new(backend.vault());
        let sealed = header(&backend, &first).await;
        for number in 0..60 {
            let id = RunId::parse(&format!("20261121T023000{number:03}Z-{number:08x}")).unwrap();
            catalog
                .begin_snapshot(&Snapshot { id, captured_configuration: None, ..sealed.clone() })
                .await
                .unwrap();
        }
        source.change_configuration("UpdateUserPoolClient", web(&source, json!({"CallbackURLs": []})));
        let changes = export(&machine, "second").await["configuration"]["changes"].clone();
        assert_eq!(changes["since"], first["snapshotId"], "{changes}");
        assert!(changes["count"].as_u64() > Some(0), "{changes}");
    });
}
