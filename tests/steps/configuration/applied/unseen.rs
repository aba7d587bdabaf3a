//! What a roll back does about a pool that is not as it looks: past recoveries, changes between two calls, lost replies.

use serde_json::{Value, json};
use shared::ErrorKind;
use shared::model::configuration::apply::ApplyChoices;
use shared::ports::Backend;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryPool};

use super::{
    apply, carry_out, client_id, drift, drift_all, everything, left, plan_of, rich, snapshot_of, writes,
};
use crate::configuration::fixture::refuse;
use crate::support::{in_paused_time, source_id};

/// States that the API has. Source: `RestoreStatusType`, Amazon Cognito user pools API.
const RECOVERIES: [(&str, bool); 9] = [
    ("PREVIEW_GENERATING", true),
    ("PREVIEW_GENERATED", true),
    ("PREVIEW_CANCELLED", false),
    ("PREVIEW_GENERATION_FAILED", false),
    ("PREVIEW_EXPIRED", false),
    ("RESTORING", true),
    ("RESTORE_COMPLETED", false),
    ("TEMPORARY_INTERNAL_ERROR_SEE_SUPPORT_CASE", true),
    ("AWS_ABORTED", true),
];

#[test]
fn a_recovery_that_has_ended_does_not_keep_a_pool_as_it_is() {
    for (status, works) in RECOVERIES {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(rich).await;
            drift_all(&source);
            backend.script().alter(Operation::ListPointInTimeRecoveries, move |answer| {
                answer["Restorations"] = json!([{"RestoreId": "1", "RestoreStatus": status}]);
            });
            let applied = apply(&backend, &snapshot, &everything()).await;
            let kind = applied.err().map(|stopped| stopped.error.kind());
            assert_eq!(kind, works.then_some(ErrorKind::ImportAlreadyRunning), "{status}");
        });
    }
}

#[test]
fn a_pool_in_a_place_without_recoveries_is_rolled_back() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        let code = "OperationNotEnabledException";
        let fault = Fault::RefuseWith(PoolErrorKind::Refused, code);
        backend.script().always(Operation::ListPointInTimeRecoveries, Some(fault));
        apply(&backend, &snapshot, &everything()).await.unwrap();
    });
}

#[test]
fn one_object_that_was_asked_for_can_be_deleted() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        drift_all(&source);
        let only = vec!["clients/added".parse().unwrap()];
        let choices = ApplyChoices { only, delete_extra: true, ..ApplyChoices::default() };
        let applied = apply(&backend, &snapshot, &choices).await.unwrap();
        assert_eq!((applied.done.len(), left(&applied)), (1, vec![]));
    });
}

/// Sets MFA with codes of an app, and passkeys.
fn factors(pool: &MemoryPool, mode: &str, verification: &str) {
    let factors = json!({
        "MfaConfiguration": mode, "SoftwareTokenMfaConfiguration": {"Enabled": true},
        "WebAuthnConfiguration": {"RelyingPartyId": "example.com", "UserVerification": verification},
    });
    pool.change_configuration("SetUserPoolMfaConfig", factors);
}

#[test]
fn required_mfa_of_another_operator_is_not_made_optional_again() {
    for is_before in [true, false] {
        in_paused_time(async {
            let (backend, source, snapshot) = snapshot_of(|pool| {
                rich(pool);
                factors(pool, "OPTIONAL", "preferred");
            })
            .await;
            let (_, change) = &drift()[0];
            change(&source);
            factors(&source, "OPTIONAL", "required");
            let choices = ApplyChoices::default();
            let plan = plan_of(&backend, &snapshot, &choices).await;
            assert_eq!(plan.steps.len(), 2, "{plan:?}");
            let from = backend.script().log().len();
            if is_before {
                factors(&source, "ON", "required");
            } else {
                let pool = backend.pool(&source_id());
                let change = move || factors(&pool, "ON", "required");
                backend.script().change_before(Operation::UpdateUserPool, 1, change);
            }
            let stopped = carry_out(&backend, &plan, &snapshot, &choices).await.unwrap_err();
            assert_eq!(stopped.error.kind(), ErrorKind::Overtaken, "{}", stopped.error);
            let expected = if is_before { vec![] } else { vec!["UpdateUserPool"] };
            assert_eq!(writes(&backend, from), expected);
            let now = source.change_configuration("GetUserPoolMfaConfig", json!({}));
            assert_eq!(now["MfaConfiguration"], "ON");
        });
    }
}

#[test]
fn an_error_of_the_last_comparison_does_not_hide_what_was_done() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        let (_, change) = &drift()[6];
        change(&source);
        let script = backend.script().clone();
        backend.script().change_before(Operation::SetUICustomization, 1, move || {
            script.always(Operation::ListUserPoolClients, Some(Fault::Refuse(PoolErrorKind::Throttled)));
        });
        let stopped = apply(&backend, &snapshot, &everything()).await.unwrap_err();
        let text = stopped.error.to_string();
        assert!(text.contains("All changes were sent. The comparison after them failed"), "{text}");
        let labels: Vec<_> = stopped.applied.done.iter().map(|step| &*step.label).collect();
        assert_eq!((labels, stopped.applied.unsure.len()), (vec!["uiCustomizations/ALL"], 0));
    });
}

#[test]
fn a_first_request_without_a_reply_may_have_changed_its_object() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(rich).await;
        let (_, change) = &drift()[0];
        change(&source);
        let script = backend.script().clone();
        backend.script().always(Operation::UpdateUserPool, Some(Fault::LostReply));
        // The look after it fails.
        backend.script().change_before(Operation::UpdateUserPool, 1, move || {
            script.always(Operation::DescribeUserPool, Some(Fault::Refuse(PoolErrorKind::Transient)));
        });
        let stopped = apply(&backend, &snapshot, &everything()).await.unwrap_err();
        assert!(stopped.applied.has_sent && stopped.applied.done.is_empty());
        assert_eq!(stopped.applied.unsure.into_iter().collect::<Vec<_>>(), ["userPool"]);
    });
}

#[test]
fn what_has_to_come_after_a_refused_change_is_left_too() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(|pool| {
            rich(pool);
            pool.change_configuration("CreateIdentityProvider", okta());
            sign_in(pool, &["Okta"]);
        })
        .await;
        sign_in(&source, &["COGNITO"]);
        source.change_configuration("DeleteIdentityProvider", json!({"ProviderName": "Okta"}));
        refuse(&backend, Operation::CreateIdentityProvider, PoolErrorKind::InvalidParameter);
        let from = backend.script().log().len();
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert_eq!(writes(&backend, from), ["CreateIdentityProvider"]);
        let reasons: Vec<_> = applied.left.iter().map(|left| left.reason.name()).collect();
        assert_eq!(reasons, ["needsRefused", "refused"], "{:?}", left(&applied));
        let web = source
            .change_configuration("DescribeUserPoolClient", json!({"ClientId": client_id(&source, "web")}));
        assert_eq!(web["UserPoolClient"]["SupportedIdentityProviders"], json!(["COGNITO"]));
    });
}

fn okta() -> Value {
    json!({
        "ProviderName": "Okta", "ProviderType": "OIDC",
        "ProviderDetails": {"client_id": "x", "client_secret": "y", "authorize_scopes": "openid", "oidc_issuer": "https://example.com", "attributes_request_method": "GET"},
    })
}

/// Sets the providers of a client.
fn sign_in(pool: &MemoryPool, providers: &[&str]) {
    let web = json!({
        "ClientId": client_id(pool, "web"), "ClientName": "web", "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"],
        "SupportedIdentityProviders": providers, "CallbackURLs": ["https://b.example.com"],
    });
    pool.change_configuration("UpdateUserPoolClient", web);
}

#[test]
fn the_threat_protection_that_a_client_inherits_comes_back_with_that_of_the_pool() {
    in_paused_time(async {
        let (backend, source, snapshot) = snapshot_of(|pool| {
            rich(pool);
            pool.configure_configuration(|settings| settings.inherits_risk_in_reads = true);
        })
        .await;
        let (_, change) = &drift()[8];
        change(&source);
        let applied = apply(&backend, &snapshot, &everything()).await.unwrap();
        assert_eq!(left(&applied), Vec::<String>::new());
    });
}
