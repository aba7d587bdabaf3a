//! Goal: a roll back brings a live pool back to its snapshot, touches nothing else, and says what it leaves.
//!
//! Method: export a pool, change it by hand, and apply the snapshot. Then compare, and look at the calls.

mod faults;
mod generated;
mod roll_back;
mod unseen;

use serde_json::{Value, json};
use shared::Error;
use shared::catalog::Catalog;
use shared::model::configuration::apply::{Action, Allow, ApplyChoices, ApplyPlan};
use shared::model::configuration::{CapturedList, CapturedObject};
use shared::model::{CallStats, Ceilings, Tps};
use shared::operations::apply::{Applied, StoppedApply, Wanted, WatchApply, apply_under, planned};
use shared::operations::{HeldLease, WatchReading, WatchWriting, holder_name, live_configuration};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{MemoryBackend, MemoryPool};
use tokio::time::Duration;

use super::fixture::{PLANTED, client, export};
use super::rebuilt::captured;
use super::secrets::with_keys;
use crate::support::machine::Machine;
use crate::support::source_id;

struct Unwatched;

impl WatchReading for Unwatched {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, _: Operation, _: Duration) {}
}

impl WatchWriting for Unwatched {
    fn tries_again(&mut self, _: Operation, _: Duration) {}
}

impl WatchApply for Unwatched {
    fn applies(&mut self, _: &str, _: Action) {}
}

fn paced(backend: &MemoryBackend) -> PacedPool<MemoryPool> {
    let tps = Tps::new(200).unwrap();
    PacedPool::new(
        backend.pool(&source_id()),
        tps,
        &Ceilings::default(),
        backend.clock(),
        CallStats::none(tps),
    )
}

/// A capture of a pool, as a roll back wants it: with secrets and assets.
struct Snapshot {
    list: CapturedList,
    objects: Vec<CapturedObject>,
}

impl Snapshot {
    fn wanted<'a>(&'a self, choices: &'a ApplyChoices) -> Wanted<'a> {
        Wanted { list: &self.list, objects: &self.objects, choices }
    }
}

/// A rich pool that `prepare` has changed, and its snapshot.
async fn snapshot_of(prepare: impl FnOnce(&MemoryPool)) -> (MemoryBackend, MemoryPool, Snapshot) {
    let (backend, source, _) = with_keys();
    prepare(&source);
    let snapshot = snapshot(&backend).await;
    (backend, source, snapshot)
}

async fn snapshot(backend: &MemoryBackend) -> Snapshot {
    let report = export(&Machine::new(backend), "first").await;
    let mut captured = captured(backend, &report).await;
    captured.reveal_secrets(&backend.keys(), source_id().region()).await.unwrap();
    let objects = captured.with_assets(&Catalog::new(backend.vault())).await.unwrap();
    Snapshot { list: captured.list, objects }
}

fn everything() -> ApplyChoices {
    ApplyChoices {
        only: Vec::new(),
        allow: Allow::ALL.iter().copied().collect(),
        add_attributes: true,
        recreate_clients: true,
        delete_extra: true,
    }
}

async fn plan_of(backend: &MemoryBackend, snapshot: &Snapshot, choices: &ApplyChoices) -> ApplyPlan {
    planned(&paced(backend), snapshot.wanted(choices), &mut Unwatched).await.unwrap()
}

/// Carries a plan out, as the command does.
async fn carry_out(
    backend: &MemoryBackend,
    plan: &ApplyPlan,
    snapshot: &Snapshot,
    choices: &ApplyChoices,
) -> Result<Applied, Box<StoppedApply>> {
    let catalog = Catalog::new(backend.vault());
    let holder = holder_name("cognito-backup pool apply", backend.clock().now());
    let stopped = |error: Error| Box::new(StoppedApply { error, applied: Applied::default() });
    let lease = HeldLease::take(&catalog, &source_id(), &holder, backend.clock()).await;
    let mut lease = lease.map_err(stopped)?;
    let (pool, wanted) = (paced(backend), snapshot.wanted(choices));
    let ended = apply_under(&mut lease, &catalog, &pool, plan, wanted, backend.clock(), &mut Unwatched).await;
    lease.give_back().await.map_err(stopped)?;
    ended
}

/// Plans a roll back and carries it out.
async fn apply(
    backend: &MemoryBackend,
    snapshot: &Snapshot,
    choices: &ApplyChoices,
) -> Result<Applied, Box<StoppedApply>> {
    let stopped = |error: Error| Box::new(StoppedApply { error, applied: Applied::default() });
    let plan = planned(&paced(backend), snapshot.wanted(choices), &mut Unwatched).await.map_err(stopped)?;
    carry_out(backend, &plan, snapshot, choices).await
}

/// `object field` of each difference.
fn names<'a>(
    differences: impl IntoIterator<Item = &'a shared::model::configuration::difference::Difference>,
) -> Vec<String> {
    let name = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
    let names = differences.into_iter().map(|found| format!("{} {}", found.object.text, name(&found.field)));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// All differences of a plan: those that it removes and those that it leaves.
fn found(plan: &ApplyPlan) -> Vec<String> {
    let done = plan.steps.iter().flat_map(|step| &step.differences);
    let mut names = names(done.chain(plan.left.iter().map(|left| &left.difference)));
    names.dedup();
    names
}

fn left(applied: &Applied) -> Vec<String> {
    names(applied.left.iter().map(|left| &left.difference))
}

/// The writes from the `from`-th call on.
fn writes(backend: &MemoryBackend, from: usize) -> Vec<&'static str> {
    let calls = backend.script().log().into_iter().skip(from).map(|(_, operation)| operation);
    calls.filter(|operation| operation.writes_configuration()).map(Operation::name).collect()
}

/// All objects of the pool, as Cognito answers them.
async fn answers(backend: &MemoryBackend) -> Vec<(String, Value)> {
    let live = live_configuration(&paced(backend), &CapturedList::default(), &mut Unwatched).await.unwrap();
    live.answers.into_iter().map(|object| (object.name.to_string(), object.document)).collect()
}

/// The id of the client with this name.
fn client_id(pool: &MemoryPool, name: &str) -> String {
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let clients = listed["UserPoolClients"].as_array().unwrap();
    let found = clients.iter().find(|client| client["ClientName"] == name).unwrap();
    found["ClientId"].as_str().unwrap().to_owned()
}

fn clients(pool: &MemoryPool) -> usize {
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    listed["UserPoolClients"].as_array().unwrap().len()
}

/// Gives a rich pool a client that nothing changes, and sessions.
fn rich(pool: &MemoryPool) {
    client(pool, json!({"ClientName": "untouched", "CallbackURLs": []}));
    pool.change_configuration(
        "SetUserPoolSessionConfiguration",
        json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 5}}),
    );
}

/// A change by hand: what a comparison calls it, and the change itself.
type Change = (&'static [&'static str], fn(&MemoryPool));

/// Twelve changes of a rich pool.
fn drift() -> [Change; 12] {
    [
        (&["userPool UserPoolTags.owner", "userPool Policies.PasswordPolicy.MinimumLength"], |pool| {
            pool.change_configuration(
                "UpdateUserPool",
                json!({
                    "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"},
                    "UserPoolTags": {"team": "login", "owner": "anna"},
                    "Policies": {"PasswordPolicy": {"MinimumLength": 6, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true}},
                }),
            );
        }),
        (&["mfa MfaConfiguration", "mfa SoftwareTokenMfaConfiguration.Enabled"], |pool| {
            let totp =
                json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}});
            pool.change_configuration("SetUserPoolMfaConfig", totp);
        }),
        (&["clients/web CallbackURLs"], |pool| {
            let mut web = pool
                .change_configuration("DescribeUserPoolClient", json!({"ClientId": client_id(pool, "web")}))
                ["UserPoolClient"]
                .take();
            let members = web.as_object_mut().unwrap();
            members.retain(|member, _| {
                !["UserPoolId", "LastModifiedDate", "CreationDate"].contains(&member.as_str())
            });
            web["CallbackURLs"] = json!(["https://evil.example.com"]);
            pool.change_configuration("UpdateUserPoolClient", web);
        }),
        (&["clients/added -"], |pool| drop(client(pool, json!({"ClientName": "added"})))),
        (&["resourceServers/https://api.example.com -"], |pool| {
            pool.change_configuration(
                "DeleteResourceServer",
                json!({"Identifier": "https://api.example.com"}),
            );
        }),
        (
            &[
                "identityProviders/Google AttributeMapping.name",
                "identityProviders/Google ProviderDetails.client_secret",
            ],
            |pool| {
                pool.change_configuration(
                "UpdateIdentityProvider",
                json!({
                    "ProviderName": "Google",
                    "ProviderDetails": {"client_id": "google", "client_secret": "planted0by0hand", "authorize_scopes": "openid email"},
                    "AttributeMapping": {"email": "email", "name": "name"},
                }),
            );
            },
        ),
        (&["uiCustomizations/ALL CSS"], |pool| {
            let css = json!({"CSS": ".label-customizable {color: blue;}"});
            pool.change_configuration("SetUICustomization", css);
        }),
        (&["branding/web Settings.components.extra", "branding/web Settings.components.radius"], |pool| {
            let id = pool.change_configuration(
                "DescribeManagedLoginBrandingByClient",
                json!({"ClientId": client_id(pool, "web")}),
            )["ManagedLoginBranding"]["ManagedLoginBrandingId"]
                .clone();
            let settings = json!({"components": {"radius": 9, "extra": true}});
            pool.change_configuration(
                "UpdateManagedLoginBranding",
                json!({"ManagedLoginBrandingId": id, "Settings": settings}),
            );
        }),
        (&["riskConfigurations/ALL RiskExceptionConfiguration.BlockedIPRangeList"], |pool| {
            let ranges = json!({"RiskExceptionConfiguration": {"BlockedIPRangeList": ["198.51.100.0/24"]}});
            pool.change_configuration("SetRiskConfiguration", ranges);
        }),
        (&["logDelivery LogConfigurations[userNotification, ERROR]"], |pool| {
            pool.change_configuration("SetLogDeliveryConfiguration", json!({"LogConfigurations": []}));
        }),
        (&["terms/web/terms-of-use -"], |pool| {
            let terms = pool.change_configuration("ListTerms", json!({"MaxResults": 60}));
            let id = terms["Terms"][0]["TermsId"].clone();
            pool.change_configuration("DeleteTerms", json!({"TermsId": id}));
        }),
        (&["sessions/ALL TokenSession.MaxPerUser"], |pool| {
            pool.change_configuration(
                "SetUserPoolSessionConfiguration",
                json!({"UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": 50}}),
            );
        }),
    ]
}

fn drift_all(pool: &MemoryPool) {
    drift().into_iter().for_each(|(_, change)| change(pool));
}

/// What a comparison finds after all changes.
fn drifted() -> Vec<String> {
    let mut names: Vec<_> =
        drift().into_iter().flat_map(|(names, _)| names.to_vec()).map(str::to_owned).collect();
    names.sort();
    names
}

/// Whether a text shows a secret.
fn shows_secret(text: &str) -> bool {
    [PLANTED, "planted0by0hand"].iter().any(|secret| text.contains(secret))
}
