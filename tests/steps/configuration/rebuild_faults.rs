//! Goal: a creation of a pool and its end make no twin, undo no change of an operator, and lose nothing silently,
//! while Cognito refuses calls and loses replies.
//!
//! Method: two commands at once, refused calls, lost replies, lists that lag, and changes by hand between two commands.

use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::ErrorKind;
use shared::catalog::{Catalog, LeaseKey};
use shared::model::configuration::rebuild::RebuildPlan;
use shared::model::{Lease, PoolId, RunKind};
use shared::operations::CapturedSnapshot;
use shared::operations::rebuild::{CreationReason, LeftByCreation, MARKER};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied, DeathOrder, Fault, MemoryBackend, MemoryPool};
use tokio::time::{Duration, sleep};

use super::fixture::{PLANTED, answer, backend, client, export, make_rich, refuse};
use super::rebuilt::{LAMBDA, captured, create, create_in, finish_pool, planned, planned_by, twins};
use crate::support::in_paused_time;
use crate::support::machine::Machine;

/// A pool that `prepare` has changed, its capture, and the plan of its creation. The pool is deleted.
pub(super) async fn lost(
    prepare: impl FnOnce(&MemoryPool),
    with_domains: bool,
) -> (MemoryBackend, MemoryPool, CapturedSnapshot, RebuildPlan) {
    let (backend, source) = backend();
    prepare(&source);
    let report = export(&Machine::new(&backend), "first").await;
    source.delete();
    let captured = captured(&backend, &report).await;
    let plan = planned(&backend, &captured, with_domains).await;
    (backend, source, captured, plan)
}

pub(super) fn with_client(pool: &MemoryPool) {
    client(pool, json!({"ClientName": "web"}));
}

pub(super) fn user_pool(backend: &MemoryBackend, pool: &PoolId) -> Value {
    backend.pool(pool).change_configuration("DescribeUserPool", json!({}))["UserPool"].clone()
}

pub(super) fn clients(backend: &MemoryBackend, pool: &PoolId) -> usize {
    let listed = backend.pool(pool).change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    listed["UserPoolClients"].as_array().unwrap().len()
}

/// The pool with the name of the new one.
pub(super) fn new_pool(source: &MemoryPool) -> PoolId {
    let pools = source.change_configuration("ListUserPools", json!({"MaxResults": 60}));
    let pool = pools["UserPools"].as_array().unwrap().iter().find(|pool| pool["Name"] == "new").unwrap();
    PoolId::parse(pool["Id"].as_str().unwrap()).unwrap()
}

/// A creation that dies at its first call of `operation`.
pub(super) async fn die_at(
    backend: &MemoryBackend,
    captured: &CapturedSnapshot,
    plan: &RebuildPlan,
    operation: Operation,
    applied: Applied,
) {
    let dying = backend.dying_by(vec![DeathOrder::new(operation.name(), applied)]).invocation();
    tokio::select! {
        biased;
        () = dying.death() => {}
        new = create(&dying, captured, plan) => panic!("it did not die: {new:?}"),
    }
}

/// Longer than a lease without renewal.
pub(super) const LEASE: Duration = Duration::from_secs(301);

#[test]
fn two_commands_at_once_create_one_pool() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(with_client, false).await;
        backend.script().set_latency(Duration::from_secs(2), Duration::from_millis(100));
        // The first one waits for the answer to CreateUserPool then.
        let later = async {
            sleep(Duration::from_secs(4)).await;
            create(&backend, &captured, &plan).await
        };
        let (first, second) = tokio::join!(create(&backend, &captured, &plan), later);
        assert_eq!(twins(&source), 1);
        let refused = [first, second].into_iter().filter_map(Result::err).collect::<Vec<_>>();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert_eq!(refused[0].kind(), ErrorKind::Overtaken);
        assert!(refused[0].to_string().contains("pool create"), "it names the holder: {}", refused[0]);
    });
}

#[test]
fn a_pool_and_a_client_that_a_list_shows_late_get_no_twin() {
    for operation in [Operation::CreateUserPool, Operation::CreateUserPoolClient] {
        for applied in [Applied::All, Applied::Nothing] {
            in_paused_time(async {
                let (backend, source, captured, plan) = lost(with_client, false).await;
                die_at(&backend, &captured, &plan, operation, applied).await;
                sleep(LEASE).await;
                // The first two lists do not have it.
                for (list, member) in [
                    (Operation::ListUserPools, "UserPools"),
                    (Operation::ListUserPoolClients, "UserPoolClients"),
                ] {
                    let mut lists = 0;
                    backend.script().alter(list, move |answer| {
                        lists += 1;
                        if lists <= 2 {
                            answer[member] = json!([]);
                        }
                    });
                }
                let new = create(&backend, &captured, &plan).await.unwrap();
                assert_eq!(twins(&source), 1, "{operation:?} {applied:?}");
                assert_eq!(clients(&backend, &new.pool), 1, "{operation:?} {applied:?}");
            });
        }
    }
}

#[test]
fn a_pool_that_a_lost_request_made_gets_no_twin_after_another_request_was_refused() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(with_client, false).await;
        let script = backend.script().clone();
        script.alter(Operation::ListUserPools, |answer| answer["UserPools"] = json!([]));
        script.always(Operation::CreateUserPool, Some(Fault::LostReply));
        let refusing = script.clone();
        // The first list looks for the name, and the next ones for the pool of the lost reply.
        script.change_before(Operation::ListUserPools, 3, move || {
            let fault = Fault::RefuseWith(PoolErrorKind::InvalidParameter, "InvalidParameterException");
            refusing.always(Operation::CreateUserPool, Some(fault));
        });
        create(&backend, &captured, &plan).await.unwrap_err();
        script.always(Operation::CreateUserPool, None);
        script.alter(Operation::ListUserPools, |_| ());
        let new = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!((twins(&source), clients(&backend, &new.pool)), (1, 1));
    });
}

#[test]
fn two_pools_with_the_marker_are_named_and_neither_is_used() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(with_client, false).await;
        die_at(&backend, &captured, &plan, Operation::CreateUserPool, Applied::All).await;
        sleep(LEASE).await;
        let first = new_pool(&source);
        let marker = user_pool(&backend, &first)["UserPoolTags"][MARKER].clone();
        let twin = json!({"PoolName": "new", "UserPoolTags": {MARKER: marker}});
        let second = source.change_configuration("CreateUserPool", twin)["UserPool"]["Id"].clone();
        let error = create(&backend, &captured, &plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let text = error.to_string();
        assert!(text.contains(first.as_str()) && text.contains(second.as_str().unwrap()), "{text}");
        assert_eq!([clients(&backend, &first), twins(&source)], [0, 2]);
    });
}

#[test]
fn a_pool_is_not_finished_before_its_creation_has_ended() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(super::rebuilt::with_triggers, false).await;
        refuse(&backend, Operation::CreateUserPoolClient, PoolErrorKind::AccessDenied);
        create(&backend, &captured, &plan).await.unwrap_err();
        let pool = new_pool(&source);
        let error = finish_pool(&backend, &pool).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(user_pool(&backend, &pool)["LambdaConfig"], json!({}));
        answer(&backend, Operation::CreateUserPoolClient);
        create(&backend, &captured, &plan).await.unwrap();
        assert!(finish_pool(&backend, &pool).await.unwrap());
        assert_eq!(user_pool(&backend, &pool)["LambdaConfig"]["PreSignUp"], LAMBDA);
    });
}

#[test]
fn a_continued_creation_installs_the_triggers_of_its_own_map() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(super::rebuilt::with_triggers, false).await;
        let limited = Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException");
        backend.script().always(Operation::CreateUserPool, Some(limited));
        let without = RebuildPlan { triggers: json!({}), is_protected: false, ..plan.clone() };
        create(&backend, &captured, &without).await.unwrap_err();
        answer(&backend, Operation::CreateUserPool);
        let new = create(&backend, &captured, &plan).await.unwrap();
        finish_pool(&backend, &new.pool).await.unwrap();
        let live = user_pool(&backend, &new.pool);
        assert_eq!(live["LambdaConfig"]["PreSignUp"], LAMBDA);
        assert_eq!(live["DeletionProtection"], "ACTIVE");
    });
}

#[test]
fn a_pool_gets_no_triggers_while_its_users_are_imported() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(super::rebuilt::with_triggers, false).await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        let (catalog, now) = (Catalog::new(backend.vault()), backend.clock().now());
        let lease = Lease::with_duration(SignedDuration::from_mins(5), "import", now);
        let key = LeaseKey::of_pool(&new.pool, RunKind::Import);
        catalog.take_lease(&key, &lease, false, now).await.unwrap();
        let error = finish_pool(&backend, &new.pool).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ImportAlreadyRunning, "{error}");
        assert_eq!(user_pool(&backend, &new.pool)["LambdaConfig"], json!({}));
        sleep(Duration::from_secs(301)).await;
        assert!(finish_pool(&backend, &new.pool).await.unwrap());
        assert_eq!(user_pool(&backend, &new.pool)["LambdaConfig"]["PreSignUp"], LAMBDA);
    });
}

#[test]
fn a_finish_keeps_the_protection_and_the_triggers_that_the_operator_set() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(with_client, false).await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        let pool = backend.pool(&new.pool);
        pool.change_configuration("UpdateUserPool", json!({"DeletionProtection": "ACTIVE"}));
        finish_pool(&backend, &new.pool).await.unwrap();
        assert_eq!(user_pool(&backend, &new.pool)["DeletionProtection"], "ACTIVE");

        let (backend, _, captured, plan) = lost(super::rebuilt::with_triggers, false).await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        let pool = backend.pool(&new.pool);
        pool.change_configuration("UpdateUserPool", json!({"LambdaConfig": {"CustomMessage": LAMBDA}}));
        let error = finish_pool(&backend, &new.pool).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("CustomMessage"), "{error}");
        assert_eq!(user_pool(&backend, &new.pool)["LambdaConfig"], json!({"CustomMessage": LAMBDA}));
    });
}

#[test]
fn a_creation_begins_again_after_its_pool_was_deleted() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(with_client, false).await;
        refuse(&backend, Operation::CreateUserPoolClient, PoolErrorKind::AccessDenied);
        create(&backend, &captured, &plan).await.unwrap_err();
        let first = new_pool(&source);
        backend.pool(&first).change_configuration("DeleteUserPool", json!({}));
        answer(&backend, Operation::CreateUserPoolClient);
        let new = create(&backend, &captured, &plan).await.unwrap();
        assert_ne!(new.pool, first);
        assert_eq!(clients(&backend, &new.pool), 1);
        assert_eq!(new.clients.len(), 1);
    });
}

#[test]
fn a_creation_does_not_continue_if_it_may_not_read_what_the_pool_has() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(with_client, false).await;
        die_at(&backend, &captured, &plan, Operation::CreateUserPoolClient, Applied::All).await;
        sleep(LEASE).await;
        refuse(&backend, Operation::ListUserPoolClients, PoolErrorKind::AccessDenied);
        let error = create(&backend, &captured, &plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        let pool = new_pool(&source);
        assert_eq!(clients(&backend, &pool), 1);
        answer(&backend, Operation::ListUserPoolClients);
        create(&backend, &captured, &plan).await.unwrap();
        assert_eq!(clients(&backend, &pool), 1);
    });
}

#[test]
fn a_refused_object_does_not_keep_the_others_out() {
    for operation in [
        Operation::SetLogDeliveryConfiguration,
        Operation::CreateIdentityProvider,
        Operation::CreateResourceServer,
    ] {
        in_paused_time(async {
            let (backend, _, captured, plan) = lost(make_rich, true).await;
            let fault = Fault::RefuseWith(PoolErrorKind::InvalidParameter, "InvalidParameterException");
            backend.script().always(operation, Some(fault));
            let new = create(&backend, &captured, &plan).await.unwrap();
            assert_eq!(clients(&backend, &new.pool), 2, "{operation:?}");
            let refused = |left: &LeftByCreation| matches!(left.reason, CreationReason::Refused(_));
            assert_eq!(new.left_out.iter().filter(|left| refused(left)).count(), 1, "{:?}", new.left_out);
            answer(&backend, operation);
            let again = create(&backend, &captured, &plan).await.unwrap();
            assert_eq!(again.left_out, [], "{operation:?}");
            let (unfaulted, _, captured, plan) = lost(make_rich, true).await;
            let whole = create(&unfaulted, &captured, &plan).await.unwrap();
            assert_eq!(client_uses(&backend, &new.pool), client_uses(&unfaulted, &whole.pool));
            assert!(finish_pool(&backend, &new.pool).await.unwrap(), "{operation:?}");
        });
    }
}

/// What the clients of a pool may use, by name.
fn client_uses(backend: &MemoryBackend, pool: &PoolId) -> Vec<[Value; 3]> {
    let pool = backend.pool(pool);
    let listed = pool.change_configuration("ListUserPoolClients", json!({"MaxResults": 60}));
    let uses = |client: &Value| {
        let id = json!({"ClientId": client["ClientId"]});
        let shown = pool.change_configuration("DescribeUserPoolClient", id)["UserPoolClient"].clone();
        ["ClientName", "SupportedIdentityProviders", "AllowedOAuthScopes"].map(|name| shown[name].clone())
    };
    let mut uses: Vec<_> = listed["UserPoolClients"].as_array().unwrap().iter().map(uses).collect();
    uses.sort_by_key(|[name, ..]| name.to_string());
    uses
}

#[test]
fn a_refusal_after_a_lost_reply_is_no_success() {
    for operation in [Operation::SetUserPoolMfaConfig, Operation::SetLogDeliveryConfiguration] {
        in_paused_time(async {
            let (backend, _, captured, plan) = lost(make_rich, true).await;
            let fault = Fault::RefuseWith(PoolErrorKind::InvalidParameter, "InvalidParameterException");
            let refusing = backend.script().clone();
            backend.script().always(operation, Some(Fault::Refuse(PoolErrorKind::Transient)));
            backend.script().change_before(operation, 2, move || refusing.always(operation, Some(fault)));
            let new = create(&backend, &captured, &plan).await.unwrap();
            let refused = |left: &&LeftByCreation| matches!(left.reason, CreationReason::Refused(_));
            assert_eq!(new.left_out.iter().filter(refused).count(), 1, "{operation:?}");
            answer(&backend, operation);
            assert_eq!(create(&backend, &captured, &plan).await.unwrap().left_out, [], "{operation:?}");
        });
    }
}

#[test]
fn an_object_that_the_operator_may_not_create_is_left_out() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(make_rich, true).await;
        refuse(&backend, Operation::SetLogDeliveryConfiguration, PoolErrorKind::AccessDenied);
        let new = create(&backend, &captured, &plan).await.unwrap();
        let refused = |left: &&LeftByCreation| matches!(left.reason, CreationReason::Refused(_));
        assert_eq!(new.left_out.iter().filter(refused).count(), 1, "{:?}", new.left_out);
        assert!(finish_pool(&backend, &new.pool).await.unwrap());
    });
}

#[test]
fn a_creation_waits_until_a_custom_domain_is_active() {
    in_paused_time(async {
        let prepare = |pool: &MemoryPool| {
            make_rich(pool);
            pool.configure_configuration(|settings| settings.custom_domain_active_after = 1800.0);
            pool.change_configuration("DeleteUserPoolDomain", json!({"Domain": "login-example"}));
            let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/1";
            let config = json!({"CertificateArn": certificate});
            pool.change_configuration(
                "CreateUserPoolDomain",
                json!({"Domain": "login.example.com", "CustomDomainConfig": config}),
            );
        };
        let (backend, source, captured, _) = lost(prepare, false).await;
        source.change_configuration("DeleteUserPoolDomain", json!({"Domain": "login.example.com"}));
        let plan =
            super::rebuilt::planned_with(&backend, &captured, &[("login.example.com", "login.example.com")])
                .await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        let look = backend.pool(&new.pool).change_configuration("GetUICustomization", json!({}));
        assert!(look["UICustomization"]["CSS"].is_string(), "{look}");
    });
}

#[test]
fn an_object_that_was_made_by_another_map_is_listed() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(make_rich, true).await;
        refuse(&backend, Operation::SetUICustomization, PoolErrorKind::AccessDenied);
        create(&backend, &captured, &plan).await.unwrap();
        answer(&backend, Operation::SetUICustomization);
        let other = super::rebuilt::planned_with(&backend, &captured, &[("login-example", "other")]).await;
        let new = create(&backend, &captured, &other).await.unwrap();
        let made_before = LeftByCreation {
            object: "domains/login-example".to_owned(),
            field: None,
            reason: CreationReason::MadeBefore,
        };
        assert_eq!(new.left_out, [made_before]);
    });
}

#[test]
fn the_items_of_a_journal_do_not_grow_with_the_pool() {
    in_paused_time(async {
        let clients = |pool: &MemoryPool| {
            for n in 0..60 {
                client(pool, json!({"ClientName": format!("client-{n}")}));
            }
        };
        let (backend, _, captured, plan) = lost(clients, false).await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!(new.clients.len(), 60);
        let items = backend.vault().items();
        let journal = items.iter().filter(|(key, _)| key.sk.contains("REBUILD"));
        let sizes: Vec<_> = journal.map(|(_, item)| format!("{item:?}").len()).collect();
        assert!(sizes.len() > 60 && sizes.iter().all(|size| *size < 2_000), "{sizes:?}");
    });
}

#[test]
fn a_finish_that_dies_at_any_call_continues() {
    let played = |fault: Option<(u64, Fault)>| {
        in_paused_time(async move {
            let (backend, _, captured, plan) = lost(super::rebuilt::with_triggers, false).await;
            let new = create(&backend, &captured, &plan).await.unwrap();
            let before = backend.script().calls();
            if let Some((call, fault)) = fault {
                backend.script().fault(before + call, fault);
            }
            let dying = backend.invocation();
            let first = tokio::select! {
                biased;
                () = dying.death() => None,
                finished = finish_pool(&dying, &new.pool) => Some(finished),
            };
            let calls = backend.script().calls() - before;
            if !matches!(first, Some(Ok(_))) {
                sleep(LEASE).await;
                finish_pool(&backend, &new.pool).await.unwrap();
            }
            let live = user_pool(&backend, &new.pool);
            assert_eq!(live["LambdaConfig"]["PreSignUp"], LAMBDA, "{fault:?}");
            assert_eq!(live["DeletionProtection"], "ACTIVE", "{fault:?}");
            assert_eq!(live["UserPoolTags"], json!({"team": "login"}), "{fault:?}");
            assert!(!finish_pool(&backend, &new.pool).await.unwrap(), "{fault:?}");
            calls
        })
    };
    let calls = played(None);
    for call in 1..=calls {
        for fault in [Fault::Die(Applied::Nothing), Fault::Die(Applied::All), Fault::LostReply] {
            played(Some((call, fault)));
        }
    }
}

#[test]
fn a_client_whose_creation_was_denied_is_not_looked_for() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(with_client, false).await;
        refuse(&backend, Operation::CreateUserPoolClient, PoolErrorKind::AccessDenied);
        create(&backend, &captured, &plan).await.unwrap_err();
        answer(&backend, Operation::CreateUserPoolClient);
        let before = backend.clock().now();
        create(&backend, &captured, &plan).await.unwrap();
        let took = backend.clock().now().duration_since(before);
        assert!(took.as_secs() < 5, "it waited for {took}");
    });
}

#[test]
fn a_pool_that_another_map_made_is_listed() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(super::rebuilt::with_mfa, false).await;
        die_at(&backend, &captured, &plan, Operation::CreateUserPool, Applied::All).await;
        sleep(LEASE).await;
        let other = super::rebuilt::planned_elsewhere(&backend, &captured).await;
        let new = create(&backend, &captured, &other).await.unwrap();
        let made_before =
            |left: &LeftByCreation| left.object == "userPool" && left.reason == CreationReason::MadeBefore;
        assert!(new.left_out.iter().any(made_before), "{:?}", new.left_out);
    });
}

#[test]
fn a_secret_that_the_map_supplies_too_late_is_listed_and_not_kept() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(make_rich, true).await;
        refuse(&backend, Operation::SetUICustomization, PoolErrorKind::AccessDenied);
        create(&backend, &captured, &plan).await.unwrap();
        answer(&backend, Operation::SetUICustomization);
        let late = "late0secret0of0the0map0late0";
        let domains = [("login-example", "login-example-new")];
        for (google, is_listed) in [("another0secret0of0Google", false), (PLANTED, true)] {
            let mut secrets = vec![("identityProviders/Google", google)];
            secrets.extend(is_listed.then_some(("clients/server", late)));
            let plan = planned_by(&backend, &captured, (&domains, &secrets), "123456789012").await;
            let new = create(&backend, &captured, &plan).await.unwrap();
            let made_before: Vec<_> = new.left_out.iter().map(|left| left.object.as_str()).collect();
            // Nothing tells one secret from another.
            assert_eq!(made_before, if is_listed { vec!["clients/server"] } else { vec![] });
        }
        let items = format!("{:?}", backend.vault().items());
        assert!(!items.contains(late) && !items.contains(PLANTED));
    });
}

/// The table is a replica in the other Region, with the same journal.
#[test]
fn a_creation_in_another_region_does_not_continue_that_of_the_first() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(with_client, false).await;
        refuse(&backend, Operation::CreateUserPoolClient, PoolErrorKind::AccessDenied);
        create(&backend, &captured, &plan).await.unwrap_err();
        answer(&backend, Operation::CreateUserPoolClient);
        let there = create_in(&backend, &captured, &plan, "eu-central-1").await.unwrap();
        assert_eq!(there.pool.region(), "eu-central-1");
        let here = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!(here.pool.region(), "eu-west-1");
    });
}
