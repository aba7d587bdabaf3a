//! Goal: a pool that is created from a snapshot equals the captured one outside a documented list, and is made once,
//! whatever stops the creation.
//!
//! Method: export a pool, create another one from the snapshot, and compare. The command dies before and after the effect
//! of each of its calls, and starts again.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::catalog::{Catalog, RebuildId};
use shared::model::configuration::difference::compare;
use shared::model::configuration::rebuild::{Home, RebuildPlan, SuppliedMap, SuppliedSecrets, plan};
use shared::model::{CallStats, Ceilings, PoolId, PoolTag, SnapshotSelector, Tps};
use shared::operations::rebuild::{Account, LeftByCreation, MARKER, Rebuild, WatchRebuild, finish, rebuild};
use shared::operations::{
    CapturedSnapshot, WatchReading, WatchWriting, captured_configuration, comparable, holder_name,
    live_configuration,
};
use shared::pacing::PacedPool;
use shared::ports::Backend;
use shared::ports::pool::Operation;
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};
use tokio::time::{Duration, sleep};

use super::fixture::{PLANTED, backend, client, export, id, make_rich};
use crate::support::machine::Machine;
use crate::support::{in_paused_time, source_id};

struct Unwatched;

impl WatchReading for Unwatched {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, _: Operation, _: Duration) {}
}

impl WatchWriting for Unwatched {
    fn tries_again(&mut self, _: Operation, _: Duration) {}
}

impl WatchRebuild for Unwatched {
    fn makes(&mut self, _: &str) {}

    fn waits_for_domain(&mut self, _: &str, _: Duration) {}
}

fn paced(backend: &MemoryBackend, id: &PoolId) -> PacedPool<MemoryPool> {
    let tps = Tps::new(200).unwrap();
    PacedPool::new(backend.pool(id), tps, &Ceilings::default(), backend.clock(), CallStats::none(tps))
}

pub(super) async fn captured(backend: &MemoryBackend, report: &Value) -> CapturedSnapshot {
    let selector = SnapshotSelector::Id(id(report));
    let catalog = Catalog::new(backend.vault());
    captured_configuration(&catalog, &source_id(), &selector, backend.clock().now()).await.unwrap()
}

pub(super) async fn planned(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    domains: bool,
) -> RebuildPlan {
    planned_with(backend, captured, if domains { &[("login-example", "login-example-new")] } else { &[] })
        .await
}

/// The plan with a map of these domains. With domains, the map also has the secret of a provider.
pub(super) async fn planned_with(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    domains: &[(&str, &str)],
) -> RebuildPlan {
    planned_in(backend, captured, domains, "123456789012").await
}

/// The plan for another account, with a map that has nothing.
pub(super) async fn planned_elsewhere(backend: &MemoryBackend, captured: &CapturedSnapshot) -> RebuildPlan {
    planned_in(backend, captured, &[], "222222222222").await
}

async fn planned_in(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    domains: &[(&str, &str)],
    account: &str,
) -> RebuildPlan {
    let secrets = if domains.is_empty() { &[][..] } else { &[("identityProviders/Google", PLANTED)] };
    planned_by(backend, captured, (domains, secrets), account).await
}

/// The plan with a map of these domains and secrets.
pub(super) async fn planned_by(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    (domains, secrets): (&[(&str, &str)], &[(&str, &str)]),
    account: &str,
) -> RebuildPlan {
    let objects = captured.with_assets(&Catalog::new(backend.vault())).await.unwrap();
    let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut map = SuppliedMap::default();
    map.rewrites.domains = texts(domains);
    map.secrets = SuppliedSecrets::new(texts(secrets));
    let to = Home { account: account.to_owned(), region: source_id().region().to_owned() };
    plan(&captured.list, &objects, &map, &to).unwrap()
}

/// A created pool.
#[derive(Debug)]
pub(super) struct New {
    pub pool: PoolId,
    pub clients: BTreeMap<String, String>,
    pub left_out: Vec<LeftByCreation>,
}

pub(super) async fn create(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    plan: &RebuildPlan,
) -> shared::Result<New> {
    create_in(backend, captured, plan, source_id().region()).await
}

/// Creates the pool in another Region.
pub(super) async fn create_in(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    plan: &RebuildPlan,
    region: &str,
) -> shared::Result<New> {
    create_for(backend, captured, plan, region, false).await
}

/// Creates the pool, for an import that follows at once or not.
async fn create_for(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    plan: &RebuildPlan,
    region: &str,
    is_import_target: bool,
) -> shared::Result<New> {
    let wanted = Rebuild {
        id: &RebuildId { source: source_id(), region: region.to_owned(), name: "new".to_owned() },
        snapshot: &captured.id,
        plan,
        holder: &holder_name("cognito-backup pool create", backend.clock().now()),
        is_import_target,
    };
    let account = Account::new("123456789012", region, |id: &PoolId| paced(backend, id)).unwrap();
    let catalog = Catalog::new(backend.vault());
    let created = rebuild(&catalog, &wanted, &account, backend.clock(), &mut Unwatched).await;
    let created = created.map_err(|stopped| stopped.error)?;
    Ok(New { pool: created.pool.unwrap(), clients: created.clients, left_out: created.left_out })
}

pub(super) async fn finish_pool(backend: &MemoryBackend, pool: &PoolId) -> shared::Result<bool> {
    let holder = holder_name("cognito-backup pool finish", backend.clock().now());
    let finished =
        finish(&Catalog::new(backend.vault()), paced(backend, pool), &holder, backend.clock()).await;
    finished.map(|finished| finished.changes())
}

/// What differs between the snapshot and the new pool.
async fn differences(backend: &MemoryBackend, captured: CapturedSnapshot, new: &New) -> Vec<String> {
    let live = live_configuration(&paced(backend, &new.pool), &captured.list, &mut Unwatched).await.unwrap();
    let old = comparable(&captured.list, captured.objects).unwrap();
    let new_side = comparable(&live.list, live.objects).unwrap();
    let clients = new.clients.clone();
    let found = compare(&old, &new_side, &clients);
    let name = |field: &Option<String>| field.clone().unwrap_or_else(|| "-".to_owned());
    found.differences.iter().map(|found| format!("{} {}", found.object.text, name(&found.field))).collect()
}

pub(super) const LAMBDA: &str = "arn:aws:lambda:eu-west-1:123456789012:function:x";

fn plain(_: &MemoryPool) {}

pub(super) fn with_mfa(pool: &MemoryPool) {
    pool.change_configuration(
        "UpdateUserPool",
        json!({
            "UserPoolTier": "ESSENTIALS", "AutoVerifiedAttributes": ["email"],
            "EmailConfiguration": {"EmailSendingAccount": "DEVELOPER", "SourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/example.com", "From": "a@example.com"},
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2}]},
            "VerificationMessageTemplate": {"EmailMessage": "Code {####}", "EmailSubject": "Code"},
        }),
    );
    pool.change_configuration(
        "SetUserPoolMfaConfig",
        json!({
            "MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true},
            "EmailMfaConfiguration": {"Message": "Code {####}", "Subject": "Code"},
        }),
    );
}

pub(super) fn with_triggers(pool: &MemoryPool) {
    pool.change_configuration(
        "UpdateUserPool",
        json!({
            "LambdaConfig": {"PreSignUp": LAMBDA, "PostConfirmation": LAMBDA}, "DeletionProtection": "ACTIVE",
            "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false},
            "UserPoolTags": {"team": "login"},
        }),
    );
    client(pool, json!({"ClientName": "app"}));
}

fn wide(pool: &MemoryPool) {
    for from in [0, 25] {
        let attributes: Vec<_> = (from..from + 25)
            .map(|n| json!({"Name": format!("a{n}"), "AttributeDataType": "String", "Mutable": true}))
            .collect();
        pool.change_configuration("AddCustomAttributes", json!({"CustomAttributes": attributes}));
    }
    for n in 0..100 {
        client(pool, json!({"ClientName": format!("client-{}", n / 2), "RefreshTokenValidity": n % 9 + 1}));
    }
}

#[test]
fn a_created_and_finished_pool_equals_the_captured_one() {
    let pools: [(&str, fn(&MemoryPool), &[&str]); 5] = [
        ("plain", plain, &["userPool Name"]),
        ("mfa", with_mfa, &["userPool Name"]),
        ("triggers", with_triggers, &["userPool Name"]),
        // The domain is another one, and an operator protects the new pool.
        (
            "rich",
            make_rich,
            &["userPool Name", "domains/login-example -", "domains/login-example-new -", "webAcl ARN"],
        ),
        ("wide", wide, &["userPool Name"]),
    ];
    for (name, prepare, expected) in pools {
        in_paused_time(async {
            let (backend, source) = backend();
            prepare(&source);
            let report = export(&Machine::new(&backend), "first").await;
            source.delete();
            let captured = captured(&backend, &report).await;
            let plan = planned(&backend, &captured, name == "rich").await;
            let new = create(&backend, &captured, &plan).await.unwrap();
            let user_pool = backend.pool(&new.pool).change_configuration("DescribeUserPool", json!({}));
            assert!(user_pool["UserPool"]["UserPoolTags"][MARKER].is_string(), "{name}");
            assert_eq!(user_pool["UserPool"]["LambdaConfig"], json!({}), "{name}");
            assert_eq!(user_pool["UserPool"]["DeletionProtection"], "INACTIVE", "{name}");
            assert_eq!(new.left_out, [], "{name}");
            assert!(finish_pool(&backend, &new.pool).await.unwrap(), "{name}");
            let again = finish_pool(&backend, &new.pool).await.unwrap();
            assert!(!again, "{name}: a second finish has nothing to do");
            let mut found = differences(&backend, captured, &new).await;
            found.sort();
            let mut expected = expected.to_vec();
            expected.sort_unstable();
            assert_eq!(found, expected, "{name}");
            let items = format!("{:?}", backend.vault().items());
            assert!(!items.contains(PLANTED), "{name}: the journal holds a secret");
        });
    }
}

#[test]
fn a_pool_for_an_import_has_the_tag_until_it_is_finished_and_keeps_all_other_tags() {
    // Whether an import follows, the tag of the operator, and the tag after the creation and after the end.
    for (is_import_target, of_operator, created, finished) in [
        (true, None, json!("target"), Value::Null),
        (false, None, Value::Null, Value::Null),
        (false, Some("repair"), Value::Null, json!("repair")),
    ] {
        in_paused_time(async {
            let (backend, source) = backend();
            plain(&source);
            let report = export(&Machine::new(&backend), "first").await;
            source.delete();
            let captured = captured(&backend, &report).await;
            let plan = planned(&backend, &captured, false).await;
            let region = source_id().region().to_owned();
            let new = create_for(&backend, &captured, &plan, &region, is_import_target).await.unwrap();
            let pool = backend.pool(&new.pool);
            let tags = || {
                pool.change_configuration("DescribeUserPool", json!({}))["UserPool"]["UserPoolTags"].clone()
            };
            assert_eq!(tags()[PoolTag::KEY], created, "{of_operator:?}");
            pool.add_service_tag("team", "a");
            if let Some(value) = of_operator {
                pool.add_service_tag(PoolTag::KEY, value);
            }
            // A command that continues the creation changes no tag of a pool that exists.
            create_for(&backend, &captured, &plan, &region, true).await.unwrap();
            finish_pool(&backend, &new.pool).await.unwrap();
            let tags = tags();
            assert_eq!((&tags[PoolTag::KEY], &tags["team"]), (&finished, &json!("a")), "{of_operator:?}");
            assert!(tags[MARKER].is_null());
        });
    }
}

/// The pools with the name of the new one.
pub(super) fn twins(source: &MemoryPool) -> usize {
    let pools = source.change_configuration("ListUserPools", json!({"MaxResults": 60}));
    pools["UserPools"].as_array().unwrap().iter().filter(|pool| pool["Name"] == "new").count()
}

#[test]
fn a_creation_that_dies_at_any_call_continues_without_a_twin() {
    // The calls of a creation without deaths.
    let ordered = |fault: Option<(u64, Fault)>| {
        in_paused_time(async move {
            let (backend, source) = backend();
            make_rich(&source);
            let report = export(&Machine::new(&backend), "first").await;
            let captured = captured(&backend, &report).await;
            let plan = planned(&backend, &captured, true).await;
            let before = backend.script().calls();
            if let Some((call, fault)) = fault {
                backend.script().fault(before + call, fault);
            }
            let dying = backend.invocation();
            let first = tokio::select! {
                biased;
                () = dying.death() => None,
                new = create(&dying, &captured, &plan) => Some(new),
            };
            let calls = backend.script().calls() - before;
            let new = match first {
                Some(Ok(new)) => new,
                _ => {
                    // The lease of a command that died.
                    sleep(Duration::from_secs(301)).await;
                    create(&backend, &captured, &plan).await.unwrap()
                }
            };
            assert_eq!(twins(&source), 1, "{fault:?}");
            let clients = backend
                .pool(&new.pool)
                .change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
            assert_eq!(clients["UserPoolClients"].as_array().unwrap().len(), 2, "{fault:?}");
            assert_eq!(new.left_out, [], "{fault:?}");
            finish_pool(&backend, &new.pool).await.unwrap();
            let found = differences(&backend, captured, &new).await;
            assert_eq!(found.len(), 4, "{fault:?}: {found:?}");
            calls
        })
    };
    let calls = ordered(None);
    assert!(calls > 30, "{calls}");
    for call in 1..=calls {
        for fault in [Fault::Die(Applied::Nothing), Fault::Die(Applied::All), Fault::LostReply] {
            ordered(Some((call, fault)));
        }
    }
}
