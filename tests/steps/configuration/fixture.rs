//! Pools with configurations, their exports, and what these captured.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::machine::Function;
use shared::model::configuration::{CapturedList, CapturedObject, NotCapturedReason};
use shared::model::{RunId, Snapshot};
use shared::pacing::Budget;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::ports::vault::Key;
use shared_memory::{Fault, MemoryBackend, MemoryPool};

use crate::support::machine::{End, Machine, begin};
use crate::support::restored::items;
use crate::support::{backend as plain_backend, people, source_id};

/// A secret that no text but Cognito's may hold.
pub(crate) const PLANTED: &str = "planted0secret0of0a0client0";

/// A deployment that captures configurations, and a pool with some users.
pub(super) fn backend() -> (MemoryBackend, MemoryPool) {
    let (backend, source, _) = plain_backend();
    people::plain(20, 1).fill(&source);
    (backend.with_configuration(), source)
}

/// Gives a pool every kind of object: hosted login with providers, servers, clients, domain, looks and terms.
pub(crate) fn make_rich(pool: &MemoryPool) {
    let call = |operation: &str, request: Value| pool.change_configuration(operation, request);
    call(
        "UpdateUserPool",
        json!({
            "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
            "UserPoolTags": {"team": "login"},
        }),
    );
    call(
        "CreateResourceServer",
        json!({"Identifier": "https://api.example.com", "Name": "api", "Scopes": [{"ScopeName": "read", "ScopeDescription": "r"}, {"ScopeName": "write", "ScopeDescription": "w"}]}),
    );
    call(
        "CreateIdentityProvider",
        json!({
            "ProviderName": "Google", "ProviderType": "Google",
            "ProviderDetails": {"client_id": "google", "client_secret": PLANTED, "authorize_scopes": "openid email"},
            "AttributeMapping": {"email": "email"},
        }),
    );
    let web = client(
        pool,
        json!({
            "ClientName": "web", "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid"], "SupportedIdentityProviders": ["COGNITO", "Google"],
            "CallbackURLs": ["https://b.example.com", "https://a.example.com"],
        }),
    );
    client(pool, json!({"ClientName": "server", "GenerateSecret": true}));
    call("CreateUserPoolDomain", json!({"Domain": "login-example", "ManagedLoginVersion": 2}));
    call("SetUICustomization", json!({"CSS": ".label-customizable {color: red;}"}));
    call("SetUICustomization", json!({"ClientId": web, "ImageFile": "iVBORw0KGgo="}));
    call(
        "CreateManagedLoginBranding",
        json!({
            "ClientId": web, "Settings": {"components": {"radius": 8}},
            "Assets": [{"Category": "FAVICON_ICO", "ColorMode": "LIGHT", "Extension": "ICO", "Bytes": "AAABAA=="}],
        }),
    );
    call(
        "SetRiskConfiguration",
        json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": ["192.0.2.0/24"]}}),
    );
    call(
        "SetLogDeliveryConfiguration",
        json!({"LogConfigurations": [{"LogLevel": "ERROR", "EventSource": "userNotification", "CloudWatchLogsConfiguration": {"LogGroupArn": "arn:aws:logs:eu-west-1:123456789012:log-group:cognito"}}]}),
    );
    let patterns = json!(["https://agent.example.com/*"]);
    call("CreateCIMDPolicy", json!({"ClientId": web, "PolicyName": "agents", "URLPatterns": patterns}));
    pool.protect(Some(json!({
        "Name": "login", "Id": "acl-1", "ARN": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/login/acl-1",
        "DefaultAction": {"Allow": {}}, "Rules": [],
    })));
    call(
        "CreateTerms",
        json!({"ClientId": web, "TermsName": "terms-of-use", "TermsSource": "LINK", "Enforcement": "NONE", "Links": {"cognito:default": "https://example.com/terms"}}),
    );
}

/// Creates a client. Returns its id.
pub(super) fn client(pool: &MemoryPool, request: Value) -> String {
    let created = pool.change_configuration("CreateUserPoolClient", request);
    created["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

pub(super) async fn export(machine: &Machine, name: &str) -> Value {
    match machine.export(json!({"userPoolId": source_id(), "tps": 50}), name).await {
        End::Finished(report) => report,
        other => panic!("{other:?}"),
    }
}

/// The id of the snapshot of an export.
pub(super) fn id(report: &Value) -> RunId {
    RunId::parse(report["snapshotId"].as_str().unwrap()).unwrap()
}

pub(super) async fn header(backend: &MemoryBackend, report: &Value) -> Snapshot {
    Catalog::new(backend.vault()).snapshot(&source_id(), &id(report)).await.unwrap().unwrap()
}

/// The list of a snapshot, and the documents of its objects by name.
pub(super) async fn captured(
    backend: &MemoryBackend,
    report: &Value,
) -> (CapturedList, BTreeMap<String, Value>) {
    let header = header(backend, report).await;
    let catalog = Catalog::new(backend.vault());
    let list = catalog.captured_list(&header).await.unwrap().expect("it is captured").unwrap();
    let digests: Vec<_> = list.entries().iter().map(|entry| entry.digest).collect();
    let records = catalog.configuration_records::<CapturedObject>(&source_id(), &digests).await.unwrap();
    let mut objects = BTreeMap::new();
    for (entry, record) in list.entries().iter().zip(records) {
        let record = record.unwrap();
        assert_eq!(record.name, entry.name);
        objects.insert(entry.name.to_string(), record.document);
    }
    (list, objects)
}

/// The names and reasons of what a list lacks.
pub(super) fn lacking(list: &CapturedList) -> Vec<(String, &'static str)> {
    let known = |reason| NotCapturedReason::KNOWN.iter().find(|known| *known == reason).unwrap().as_str();
    list.not_captured().iter().map(|lacking| (lacking.shown_name(), known(&lacking.reason))).collect()
}

/// Every call of `operation` fails in this way, until [`answer`].
pub(super) fn refuse(backend: &MemoryBackend, operation: Operation, kind: PoolErrorKind) {
    backend.script().always(operation, Some(Fault::Refuse(kind)));
}

/// Calls of `operation` succeed again.
pub(super) fn answer(backend: &MemoryBackend, operation: Operation) {
    backend.script().always(operation, None);
}

/// How often an operation was called from the `from`-th call of a pool on.
pub(super) fn calls_of(backend: &MemoryBackend, from: usize, operation: Operation) -> usize {
    backend.script().log().into_iter().skip(from).filter(|(_, called)| *called == operation).count()
}

/// A pool with every kind of object, its deployment, and its first export.
pub(super) async fn exported_rich() -> (MemoryBackend, MemoryPool, Value) {
    let (backend, source) = backend();
    make_rich(&source);
    let report = export(&Machine::new(&backend), "first").await;
    (backend, source, report)
}

/// The keys of the records of configurations.
pub(super) fn records(backend: &MemoryBackend) -> BTreeSet<Key> {
    items(backend)
        .into_keys()
        .filter(|key| key.pk.starts_with("CONF#") && key.sk.starts_with("REC#"))
        .collect()
}

/// Runs an export up to its finalize. Returns the event of that.
pub(super) async fn until_finalize(backend: &MemoryBackend) -> Value {
    let mut event = begin(backend, "export", json!({"userPoolId": source_id(), "tps": 50})).await;
    while event["more"] == true {
        let budget = Budget::for_invocation(Duration::from_secs(900));
        event = backend.invocation().carry_out(Function::ExportPage, event, budget).await.unwrap();
    }
    event
}
