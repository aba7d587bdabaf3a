//! Goal: a creation keeps its order, says what an earlier command made otherwise, and makes no call after it lost its
//! lease.
//!
//! Method: read the log of the calls, continue with another map, and let a command stand still while another one works.

use serde_json::json;
use shared::model::configuration::rebuild::creation_writes;
use shared::operations::rebuild::{CreationReason, LeftByCreation};
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared::{ErrorKind, Guidance};
use shared_memory::{Applied, Fault, MemoryBackend, MemoryPool};
use tokio::time::{Duration, sleep};

use super::fixture::{PLANTED, client, make_rich};
use super::rebuild_faults::{LEASE, clients, die_at, lost, new_pool, user_pool, with_client};
use super::rebuilt::{create, finish_pool, planned_by, twins, with_triggers};
use crate::support::in_paused_time;

/// A pool in which clients may register themselves, and one that may register others.
fn with_registration(pool: &MemoryPool) {
    let scope = json!([{"ScopeName": "read", "ScopeDescription": "r"}]);
    pool.change_configuration(
        "CreateResourceServer",
        json!({"Identifier": "https://api.example.com", "Name": "api", "Scopes": scope}),
    );
    pool.change_configuration(
        "UpdateUserPool",
        json!({"DcrConfiguration": {"EnableStatus": "Enabled", "AllowedScopes": ["https://api.example.com/read"]}}),
    );
    client(pool, json!({"ClientName": "app"}));
    client(
        pool,
        json!({
            "ClientName": "registrar", "GenerateSecret": true, "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["aws.cognito/dcr/register"],
        }),
    );
}

#[test]
fn the_registration_of_clients_comes_after_the_scopes_and_the_clients_that_do_not_need_it() {
    in_paused_time(async {
        let (backend, source, captured, plan) = lost(with_registration, false).await;
        let before = backend.script().log().len();
        let seen = backend.clone();
        let at_creation = std::sync::Arc::new(std::sync::Mutex::new(None));
        let noted = at_creation.clone();
        let look = source.clone();
        backend.script().change_before(Operation::CreateResourceServer, 1, move || {
            *noted.lock().unwrap() = Some(user_pool(&seen, &new_pool(&look))["DcrConfiguration"].clone());
        });
        let new = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!(*at_creation.lock().unwrap(), Some(json!(null)), "it was on before the scopes existed");
        let calls: Vec<_> =
            backend.script().log()[before..].iter().map(|(_, operation)| *operation).collect();
        let place = |operation| calls.iter().position(|called| *called == operation).unwrap();
        assert!(place(Operation::CreateUserPoolClient) < place(Operation::UpdateUserPool), "{calls:?}");
        let last = calls.iter().rposition(|called| *called == Operation::CreateUserPoolClient).unwrap();
        assert!(last > place(Operation::UpdateUserPool), "the client that registers others needs its scope");
        assert_eq!((new.left_out, new.clients.len()), (vec![], 2));
        assert_eq!(
            user_pool(&backend, &new.pool)["DcrConfiguration"]["AllowedScopes"],
            json!(["https://api.example.com/read"])
        );
    });
}

#[test]
fn a_refused_registration_of_clients_is_named_and_tried_again() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(with_registration, false).await;
        let refused = Fault::RefuseWith(PoolErrorKind::InvalidParameter, "InvalidParameterException");
        backend.script().always(Operation::UpdateUserPool, Some(refused));
        let new = create(&backend, &captured, &plan).await.unwrap();
        let of_pool: Vec<_> = new.left_out.iter().filter(|left| left.object == "userPool").collect();
        assert_eq!(of_pool.len(), 1, "{:?}", new.left_out);
        assert_eq!(of_pool[0].field.as_deref(), Some("DcrConfiguration"));
        backend.script().always(Operation::UpdateUserPool, None);
        let again = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!((again.left_out, again.clients.len()), (vec![], 2));
        assert_eq!(user_pool(&backend, &new.pool)["DcrConfiguration"]["EnableStatus"], "Enabled");
        assert!(finish_pool(&backend, &new.pool).await.unwrap());
        assert_eq!(user_pool(&backend, &new.pool)["DcrConfiguration"]["EnableStatus"], "Enabled");
    });
}

/// What an earlier command made from another map.
fn made_before(left_out: &[LeftByCreation]) -> Vec<&str> {
    let of_another = left_out.iter().filter(|left| left.reason == CreationReason::MadeBefore);
    of_another.map(|left| left.object.as_str()).collect()
}

#[test]
fn an_object_that_was_made_and_not_noted_is_listed_as_long_as_the_map_asks_for_another() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(make_rich, true).await;
        die_at(&backend, &captured, &plan, Operation::CreateIdentityProvider, Applied::All).await;
        sleep(LEASE).await;
        let domains = [("login-example", "login-example-new")];
        let secrets = [("identityProviders/Google", "another0secret0of0Google")];
        let other = planned_by(&backend, &captured, (&domains, &secrets), "123456789012").await;
        for _ in 0..2 {
            let new = create(&backend, &captured, &other).await.unwrap();
            assert_eq!(made_before(&new.left_out), ["identityProviders/Google"]);
        }
        let items = format!("{:?}", backend.vault().items());
        assert!(!items.contains(PLANTED) && !items.contains(secrets[0].1), "the journal holds a secret");
    });
}

#[test]
fn an_object_that_an_earlier_command_did_not_make_is_not_listed_as_made_by_another_map() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(make_rich, true).await;
        die_at(&backend, &captured, &plan, Operation::CreateUserPoolClient, Applied::Nothing).await;
        sleep(LEASE).await;
        let domains = [("login-example", "login-example-new")];
        let secrets =
            [("identityProviders/Google", PLANTED), ("clients/server", "supplied0secret0of0the0server0")];
        let other = planned_by(&backend, &captured, (&domains, &secrets), "123456789012").await;
        let new = create(&backend, &captured, &other).await.unwrap();
        assert_eq!(made_before(&new.left_out), [""; 0]);
    });
}

#[test]
fn a_client_that_was_made_and_not_noted_is_listed_if_the_map_asks_for_another() {
    in_paused_time(async {
        let prepare = |pool: &MemoryPool| {
            client(pool, json!({"ClientName": "server", "GenerateSecret": true}));
        };
        let (backend, _, captured, plan) = lost(prepare, false).await;
        die_at(&backend, &captured, &plan, Operation::CreateUserPoolClient, Applied::All).await;
        sleep(LEASE).await;
        let same = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!(made_before(&same.left_out), [""; 0]);
        let secrets = [("clients/server", "supplied0secret0of0the0server0")];
        let other = planned_by(&backend, &captured, (&[], &secrets), "123456789012").await;
        let new = create(&backend, &captured, &other).await.unwrap();
        assert_eq!(made_before(&new.left_out), ["clients/server"]);
    });
}

/// A computer that sleeps carries out nothing. When it wakes up, the command goes on where it stood.
#[test]
fn a_creation_that_slept_while_another_command_took_its_lease_makes_no_more_calls() {
    in_paused_time(async {
        let prepare = |pool: &MemoryPool| {
            for n in 0..5 {
                client(pool, json!({"ClientName": format!("client-{n}")}));
            }
        };
        let (backend, source, captured, plan) = lost(prepare, false).await;
        backend.script().set_latency(Duration::from_secs(1), Duration::ZERO);
        let mut first = Box::pin(create(&backend, &captured, &plan));
        // Until it waits for the answer to its first client.
        tokio::select! {
            biased;
            new = &mut first => panic!("it did not sleep: {new:?}"),
            () = async { while twins(&source) == 0 || clients(&backend, &new_pool(&source)) == 0 { sleep(Duration::from_millis(100)).await } } => {}
        }
        sleep(LEASE).await;
        // The other command has the lease, and has noted nothing yet.
        die_at(&backend, &captured, &plan, Operation::DescribeUserPool, Applied::Nothing).await;
        backend.script().set_latency(Duration::ZERO, Duration::ZERO);
        let calls = backend.script().log().len();
        let error = first.await.unwrap_err();
        assert_eq!(backend.script().log().len(), calls, "it went on after it lost its lease");
        assert!(matches!(error.kind(), ErrorKind::Overtaken | ErrorKind::LeaseLost), "{error}");
        sleep(LEASE).await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        assert_eq!(clients(&backend, &new.pool), 5);
    });
}

#[test]
fn a_finish_that_slept_while_another_command_took_its_lease_changes_nothing() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(with_triggers, false).await;
        let new = create(&backend, &captured, &plan).await.unwrap();
        let pool = backend.pool(&new.pool);
        backend.script().set_latency(Duration::from_secs(1), Duration::ZERO);
        let calls = backend.script().log().len();
        let mut first = Box::pin(finish_pool(&backend, &new.pool));
        tokio::select! {
            biased;
            finished = &mut first => panic!("it did not sleep: {finished:?}"),
            // It waits for the answer to its only read.
            () = async { while backend.script().log().len() == calls { sleep(Duration::from_millis(100)).await } } => {}
        }
        sleep(LEASE).await;
        assert!(finish_pool(&backend, &new.pool).await.unwrap());
        // The operator goes on with the pool.
        pool.change_configuration("UpdateUserPool", json!({"DeletionProtection": "INACTIVE"}));
        backend.script().set_latency(Duration::ZERO, Duration::ZERO);
        let calls = backend.script().log().len();
        let error = first.await.unwrap_err();
        assert_eq!(backend.script().log().len(), calls, "it went on after it lost its lease");
        assert!(matches!(error.kind(), ErrorKind::Overtaken | ErrorKind::LeaseLost), "{error}");
        assert_eq!(user_pool(&backend, &new.pool)["DeletionProtection"], "INACTIVE");
    });
}

#[test]
fn the_next_command_begins_at_once_after_one_that_has_ended() {
    in_paused_time(async {
        let (backend, _, captured, plan) = lost(with_client, false).await;
        create(&backend, &captured, &plan).await.unwrap();
        let before = backend.clock().now();
        create(&backend, &captured, &plan).await.unwrap();
        let took = backend.clock().now().duration_since(before);
        assert!(took.as_secs() < 3, "it waited for {took}");
    });
}

#[test]
fn a_creation_writes_only_with_operations_that_the_reference_names() {
    let allowed = creation_writes();
    for (refused, prepare) in [
        (None, make_rich as fn(&MemoryPool)),
        (None, with_registration),
        (Some(Operation::CreateResourceServer), make_rich),
    ] {
        in_paused_time(async {
            let (backend, _, captured, _) = lost(prepare, false).await;
            let domains = [("login-example", "login-example-new")];
            let secrets = [("identityProviders/Google", PLANTED)];
            let is_rich = !std::ptr::fn_addr_eq(prepare, with_registration as fn(&MemoryPool));
            let maps = if is_rich { (&domains[..], &secrets[..]) } else { (&[][..], &[][..]) };
            let plan = planned_by(&backend, &captured, maps, "123456789012").await;
            let before = backend.script().log().len();
            let limited = Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException");
            if let Some(refused) = refused {
                backend.script().always(refused, Some(limited));
                create(&backend, &captured, &plan).await.unwrap();
                backend.script().always(refused, None);
            }
            create(&backend, &captured, &plan).await.unwrap();
            for (_, operation) in &backend.script().log()[before..] {
                let is_named = allowed.contains(operation) || *operation == Operation::CreateUserPool;
                assert!(!operation.writes_configuration() || is_named, "{operation:?}");
            }
        });
    }
}

/// Whether the journal says that a request was sent.
fn is_sent(backend: &MemoryBackend) -> bool {
    let items = backend.vault().items();
    let journals = items.iter().filter(|(key, _)| key.sk.starts_with("REBUILD#"));
    journals.map(|(_, item)| format!("{item:?}")).any(|journal| journal.contains(r#""isSent": Bool(true)"#))
}

/// Both clocks go on while a stopped process stands still. So only the lease shows that it did.
#[test]
fn a_creation_that_stood_still_leaves_the_note_of_its_successor_as_it_is() {
    // Before the request, and some time after it.
    for stop in [None, Some(0), Some(50), Some(100), Some(150)] {
        in_paused_time(async {
            let (backend, source, captured, plan) = lost(with_client, false).await;
            let script = backend.script().clone();
            let limited = Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException");
            script.always(Operation::CreateUserPool, Some(limited));
            let latency = Duration::from_millis(200);
            script.set_latency(latency, latency);
            let has_called = || script.log().iter().any(|(_, call)| *call == Operation::CreateUserPool);
            let is_still = || if stop.is_some() { has_called() } else { is_sent(&backend) };
            let still = async {
                while !is_still() {
                    sleep(Duration::from_millis(10)).await;
                }
                sleep(Duration::from_millis(stop.unwrap_or_default())).await;
            };
            let mut first = Box::pin(create(&backend, &captured, &plan));
            tokio::select! {
                biased;
                new = &mut first => panic!("it did not stand still: {new:?}"),
                () = still => {}
            }
            assert_eq!(has_called(), stop.is_some());
            sleep(LEASE).await;
            script.always(Operation::CreateUserPool, None);
            script.set_latency(Duration::ZERO, Duration::ZERO);
            // The other command has created the pool, and has not noted its id.
            die_at(&backend, &captured, &plan, Operation::CreateUserPool, Applied::All).await;
            let error = first.await.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Overtaken | ErrorKind::LeaseLost), "{stop:?}: {error}");
            if stop.is_none() {
                assert_eq!(*error.guidance(), Guidance::WaitForLease);
            }
            sleep(LEASE).await;
            let new = create(&backend, &captured, &plan).await.unwrap();
            assert_eq!((twins(&source), clients(&backend, &new.pool)), (1, 1), "{stop:?}");
        });
    }
}
