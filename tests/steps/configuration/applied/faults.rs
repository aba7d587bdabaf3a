//! What a roll back does while Cognito refuses calls, loses replies, or the command dies.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use serde_json::json;
use shared::ErrorKind;
use shared::model::configuration::{ObjectKind, ObjectName};
use shared::operations::apply::AfterReason;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Applied as Effect, Fault, MemoryPool};
use tokio::time::{Duration, sleep};

use super::{apply, client_id, clients, drift_all, everything, left, rich, snapshot_of, writes};
use crate::configuration::fixture::{answer, refuse};
use crate::support::in_paused_time;

/// Longer than a lease without renewal.
const LEASE: Duration = Duration::from_secs(301);

/// All changes, and a deleted client.
fn drift_with_lost_client(pool: &MemoryPool) {
    drift_all(pool);
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": client_id(pool, "server")}));
}

/// A rich pool whose login style needs two requests.
fn with_large_pictures(pool: &MemoryPool) {
    rich(pool);
    let style = json!({"ClientId": client_id(pool, "web")});
    let style = pool.change_configuration("DescribeManagedLoginBrandingByClient", style);
    for category in ["PAGE_HEADER_LOGO", "PAGE_FOOTER_LOGO"] {
        let bytes = format!("iVBORw0KGgoA{}", "A".repeat(1_000_000));
        let picture = json!({"Category": category, "ColorMode": "LIGHT", "Extension": "PNG", "Bytes": bytes});
        let update = json!({
            "ManagedLoginBrandingId": style["ManagedLoginBranding"]["ManagedLoginBrandingId"],
            "Settings": style["ManagedLoginBranding"]["Settings"],
            "Assets": [picture],
        });
        pool.change_configuration("UpdateManagedLoginBranding", update);
    }
}

#[test]
fn a_roll_back_that_stops_at_any_call_continues_to_the_same_result_without_a_twin() {
    let played = |fault: Option<(u64, Fault)>| {
        in_paused_time(async move {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            drift_with_lost_client(&source);
            let before = backend.script().calls();
            if let Some((call, fault)) = fault {
                backend.script().fault(before + call, fault);
            }
            let dying = backend.invocation();
            let choices = everything();
            let first = tokio::select! {
                biased;
                () = dying.death() => None,
                applied = apply(&dying, &snapshot, &choices) => Some(applied),
            };
            let calls = backend.script().calls() - before;
            let applied = match first {
                Some(Ok(applied)) => applied,
                _ => {
                    sleep(LEASE).await;
                    apply(&backend, &snapshot, &choices).await.unwrap()
                }
            };
            assert_eq!(left(&applied), ["clients/server ClientId"], "{fault:?}");
            assert_eq!(clients(&source), 3, "{fault:?}");
            let from = backend.script().log().len();
            let again = apply(&backend, &snapshot, &choices).await.unwrap();
            assert_eq!((again.done, writes(&backend, from)), (vec![], vec![]), "{fault:?}");
            calls
        })
    };
    let calls = played(None);
    assert!(calls > 50, "{calls}");
    played(Some((1, Fault::Die(Effect::Nothing))));
    for call in 1..=calls {
        // Before the effect of a call, the pool is as it is after the call before.
        for fault in [Fault::Die(Effect::All), Fault::LostReply] {
            played(Some((call, fault)));
        }
    }
}

#[test]
fn a_refused_object_is_named_with_its_call_and_the_others_are_rolled_back() {
    for operation in [
        Operation::UpdateUserPool,
        Operation::UpdateUserPoolClient,
        Operation::SetLogDeliveryConfiguration,
        Operation::CreateResourceServer,
        Operation::CreateTerms,
        Operation::CreateUserPoolClient,
        Operation::DeleteManagedLoginBranding,
    ] {
        for kind in [PoolErrorKind::InvalidParameter, PoolErrorKind::AccessDenied] {
            in_paused_time(async {
                let (backend, source, snapshot) = snapshot_of(rich).await;
                drift_with_lost_client(&source);
                refuse(&backend, operation, kind);
                let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
                let refused: Vec<_> = applied
                    .left
                    .iter()
                    .filter_map(|left| match &left.reason {
                        AfterReason::Refused(write) => Some(write.call.operation),
                        _ => None,
                    })
                    .collect();
                assert!(!refused.is_empty() && refused.iter().all(|call| *call == operation), "{refused:?}");
                answer(&backend, operation);
                let again = apply(&backend, &snapshot, &everything()).await.unwrap();
                assert_eq!(left(&again), ["clients/server ClientId"], "{operation:?} {kind:?}");
                assert_eq!(clients(&source), 3);
            });
        }
    }
}

#[test]
fn a_login_style_whose_replacement_is_refused_is_put_back() {
    in_paused_time(async {
        let (backend, source, mut snapshot) = snapshot_of(rich).await;
        // Cognito refuses pictures that it has taken before.
        let picture = json!({"Category": "PAGE_HEADER_LOGO", "ColorMode": "LIGHT", "Extension": "SVG", "Bytes": "PHN2ZyBkb21pbmFudC1iYXNlbGluZT0ieCIvPg=="});
        let branding = |name: &ObjectName| name.kind == ObjectKind::Branding;
        for object in snapshot.objects.iter_mut().filter(|object| branding(&object.name)) {
            object.document["Assets"].as_array_mut().unwrap().push(picture.clone());
        }
        drift_all(&source);
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert!(applied.left.iter().all(|left| matches!(left.reason, AfterReason::Refused(_))));
        assert_eq!(
            left(&applied),
            [
                "branding/web Assets[PAGE_HEADER_LOGO, LIGHT]",
                "branding/web Settings.components.extra",
                "branding/web Settings.components.radius",
            ]
        );
    });
}

#[test]
fn a_login_style_whose_replacement_is_put_back_is_not_in_doubt() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        refuse(&backend, Operation::CreateManagedLoginBranding, PoolErrorKind::InvalidParameter);
        let answering = backend.clone();
        let answers = move || answer(&answering, Operation::CreateManagedLoginBranding);
        backend.script().change_before(Operation::CreateManagedLoginBranding, 1, answers);
        refuse(&backend, Operation::SetLogDeliveryConfiguration, PoolErrorKind::Throttled);
        let stopped = apply(&backend, &snapshot, &everything()).await.unwrap_err();
        let refused: Vec<_> = stopped.applied.refused.iter().map(|(label, _)| label.as_str()).collect();
        assert_eq!(refused, ["branding/web"]);
        assert!(!stopped.applied.unsure.contains("branding/web"), "{:?}", stopped.applied.unsure);
        let style = json!({"ClientId": client_id(&source, "web")});
        let style = source.change_configuration("DescribeManagedLoginBrandingByClient", style);
        assert_eq!(style["ManagedLoginBranding"]["Settings"]["components"]["radius"], 9, "put back");
    });
}

#[test]
fn a_login_style_whose_second_part_is_refused_is_not_called_deleted() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(with_large_pictures).await;
        drift_all(&source);
        refuse(&backend, Operation::UpdateManagedLoginBranding, PoolErrorKind::InvalidParameter);
        let from = backend.script().log().len();
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        let of_style = writes(&backend, from).into_iter().filter(|write| write.contains("Branding"));
        assert_eq!(
            of_style.collect::<Vec<_>>(),
            ["DeleteManagedLoginBranding", "CreateManagedLoginBranding", "UpdateManagedLoginBranding"]
        );
        assert!(!applied.left.is_empty());
        let reasons: BTreeSet<_> = applied.left.iter().map(|left| left.reason.name()).collect();
        assert_eq!(reasons, BTreeSet::from(["partlyReplaced"]), "{:?}", applied.left);
        answer(&backend, Operation::UpdateManagedLoginBranding);
        assert_eq!(left(&apply(&backend, &snapshot, &everything()).await.unwrap()), Vec::<String>::new());
    });
}

#[test]
fn a_login_style_of_which_only_a_part_is_put_back_is_not_called_deleted() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(with_large_pictures).await;
        drift_all(&source);
        refuse(&backend, Operation::CreateManagedLoginBranding, PoolErrorKind::InvalidParameter);
        refuse(&backend, Operation::UpdateManagedLoginBranding, PoolErrorKind::InvalidParameter);
        let answering = backend.clone();
        let answers = move || answer(&answering, Operation::CreateManagedLoginBranding);
        backend.script().change_before(Operation::CreateManagedLoginBranding, 1, answers);
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        let reasons: BTreeSet<_> = applied.left.iter().map(|left| left.reason.name()).collect();
        assert_eq!(reasons, BTreeSet::from(["partlyReplaced"]), "{:?}", applied.left);
        answer(&backend, Operation::UpdateManagedLoginBranding);
        assert_eq!(left(&apply(&backend, &snapshot, &everything()).await.unwrap()), Vec::<String>::new());
    });
}

#[test]
fn a_read_that_fails_does_not_keep_a_deleted_login_style_out() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        refuse(&backend, Operation::CreateManagedLoginBranding, PoolErrorKind::InvalidParameter);
        let (denying, answering) = (backend.clone(), backend.clone());
        let describes = Operation::DescribeManagedLoginBrandingByClient;
        let denies = move || refuse(&denying, describes, PoolErrorKind::AccessDenied);
        let answers = move || answer(&answering, Operation::CreateManagedLoginBranding);
        backend.script().change_before(Operation::CreateManagedLoginBranding, 1, denies);
        backend.script().change_before(Operation::CreateManagedLoginBranding, 1, answers);
        apply(&backend, &snapshot, &everything()).await.unwrap();
        answer(&backend, describes);
        let style = json!({"ClientId": client_id(&source, "web")});
        let style = source.change_configuration("DescribeManagedLoginBrandingByClient", style);
        assert_eq!(style["ManagedLoginBranding"]["Settings"]["components"]["radius"], 9, "{style}");
    });
}

#[test]
fn a_login_style_that_can_be_neither_replaced_nor_put_back_is_named_as_deleted() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        refuse(&backend, Operation::CreateManagedLoginBranding, PoolErrorKind::InvalidParameter);
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        let reasons: Vec<_> = applied.left.iter().map(|left| left.reason.name()).collect();
        assert_eq!((left(&applied), reasons), (vec!["branding/web -".to_owned()], vec!["notPutBack"]));
        assert_eq!(applied.refused.len(), 1, "{:?}", applied.refused);
        answer(&backend, Operation::CreateManagedLoginBranding);
        assert_eq!(left(&apply(&backend, &snapshot, &everything()).await.unwrap()), Vec::<String>::new());
    });
}

#[test]
fn a_call_that_cognito_does_not_answer_stops_the_roll_back_and_the_next_one_continues() {
    for (kind, expected) in [
        (PoolErrorKind::Throttled, ErrorKind::Throttled),
        (PoolErrorKind::Transient, ErrorKind::ServiceUnavailable),
    ] {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            drift_with_lost_client(&source);
            refuse(&backend, Operation::SetLogDeliveryConfiguration, kind);
            let stopped = apply(&backend, &snapshot, &everything()).await.unwrap_err();
            assert_eq!(stopped.error.kind(), expected, "{}", stopped.error);
            assert!(stopped.error.to_string().contains("logDelivery"), "{}", stopped.error);
            assert!(stopped.applied.done.len() > 3);
            answer(&backend, Operation::SetLogDeliveryConfiguration);
            let again = apply(&backend, &snapshot, &everything()).await.unwrap();
            assert_eq!(left(&again), ["clients/server ClientId"]);
        });
    }
}

#[test]
fn a_client_that_a_list_shows_late_gets_no_twin() {
    for effect in [Fault::LostReply, Fault::Refuse(PoolErrorKind::Transient)] {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            drift_with_lost_client(&source);
            let script = backend.script().clone();
            script.always(Operation::CreateUserPoolClient, Some(effect));
            let is_sent = Arc::new(AtomicBool::new(false));
            let (sending, answering) = (is_sent.clone(), script.clone());
            script.change_before(Operation::CreateUserPoolClient, 1, move || sending.store(true, Relaxed));
            // PacedPool tries no creation again by itself.
            script.change_before(Operation::CreateUserPoolClient, 2, move || {
                answering.always(Operation::CreateUserPoolClient, None);
            });
            // The first two lists after the lost reply do not have it.
            let mut lists = 0;
            script.alter(Operation::ListUserPoolClients, move |answer| {
                lists += u32::from(is_sent.load(Relaxed));
                if (1..=2).contains(&lists) {
                    let clients = answer["UserPoolClients"].as_array_mut().unwrap();
                    clients.retain(|client| client["ClientName"] != "server");
                }
            });
            let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
            assert_eq!(left(&applied), ["clients/server ClientId"], "{effect:?}");
            assert_eq!(clients(&source), 3, "{effect:?}");
        });
    }
}

#[test]
fn two_roll_backs_do_not_work_at_once() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        backend.script().set_latency(Duration::from_secs(2), Duration::from_millis(100));
        let choices = everything();
        let (first, second) =
            tokio::join!(apply(&backend, &snapshot, &choices), apply(&backend, &snapshot, &choices));
        let errors: Vec<_> =
            [first, second].into_iter().filter_map(Result::err).map(|stopped| stopped.error.kind()).collect();
        assert_eq!(errors, [ErrorKind::ExportAlreadyRunning]);
    });
}
