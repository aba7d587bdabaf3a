//! Goal: the operator knows before the question which secrets a roll back loses for good.
//!
//! Method: commands on pools whose secrets the stored capture cannot have.

use insta::assert_snapshot;
use serde_json::json;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryPool};

use super::pool_apply::{APPLY, SECRET, captured, captures, lease_is_free};
use crate::exit::ExitStatus;

/// Changes the secret of the provider.
fn another_secret(pool: &MemoryPool) {
    let provider = json!({
        "ProviderName": "Google",
        "ProviderDetails": {"client_id": "google", "client_secret": "another0secret0of0the0provider", "authorize_scopes": "openid email"},
    });
    pool.change_configuration("UpdateIdentityProvider", provider);
}

#[tokio::test(start_paused = true)]
async fn a_plan_names_the_secrets_that_it_replaces_and_makes_no_write_of_kms() {
    let (fixture, pool, id, _) = captured(true).await;
    another_secret(&pool);
    for operation in [KeyOperation::Encrypt, KeyOperation::GenerateDataKey, KeyOperation::GenerateMac] {
        fixture.backend.key_ring().refuse(operation, Some("AccessDeniedException"));
    }
    let answer = fixture.run(&format!("{APPLY} --plan")).await.0.unwrap();
    assert_eq!(
        answer.json["secretsAtRisk"],
        json!([{"object": "identityProviders/Google", "secrets": 1, "notShown": 0}])
    );
    assert_eq!(answer.json["secretStorage"], "encrypted");
    assert_snapshot!(answer.human.replace(&id, "SNAPSHOT"));
}

#[tokio::test(start_paused = true)]
async fn what_deletes_a_secret_that_is_not_stored_is_refused_before_the_question() {
    for with_keys in [false, true] {
        let (fixture, pool, _, _) = captured(with_keys).await;
        let confidential = json!({"ClientName": "extra", "GenerateSecret": true});
        pool.change_configuration("CreateUserPoolClient", confidential);
        let without = if with_keys { " --no-secrets" } else { "" };
        let line = format!("{APPLY} --delete-extra{without}");
        let plan = fixture.run(&format!("{line} --plan")).await.0.unwrap();
        assert_eq!(
            plan.json["secretsAtRisk"],
            json!([{"object": "clients/extra", "secrets": 1, "notShown": 0}])
        );
        assert_eq!(plan.json["secretStorage"], if with_keys { "notWanted" } else { "noKeys" });
        assert!(plan.human.contains("lose 1 secret for good: clients/extra."), "{}", plan.human);
        assert!(plan.human.contains("--allow lost-secret"), "{}", plan.human);
        // There is no terminal, so the question has another error.
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!(problem.status, ExitStatus::Refused, "{problem}");
        assert!(problem.message.contains("the secret of clients/extra"), "{problem}");
        let allowed = fixture.run(&format!("{line} --allow lost-secret --yes")).await;
        let (said, allowed) = (allowed.1, allowed.0.unwrap());
        assert_eq!(allowed.status, ExitStatus::Done, "{}", allowed.human);
        assert!(said.contains("lose 1 secret for good: clients/extra."), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_kms_does_not_encrypt_is_not_replaced_without_a_word() {
    let (fixture, pool, _, _) = captured(true).await;
    another_secret(&pool);
    for operation in [KeyOperation::Encrypt, KeyOperation::GenerateDataKey] {
        fixture.backend.key_ring().refuse(operation, Some("AccessDeniedException"));
    }
    let problem = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Refused, "{problem}");
    assert!(problem.message.contains("identityProviders/Google"), "{problem}");
    assert!(problem.guidance.contains("--allow lost-secret"), "{problem}");
    assert!(captures(&fixture).await.is_empty() && lease_is_free(&fixture).await);
    let read = || {
        let answer = pool.change_configuration("DescribeIdentityProvider", json!({"ProviderName": "Google"}));
        answer["IdentityProvider"]["ProviderDetails"]["client_secret"].clone()
    };
    assert_eq!(read(), "another0secret0of0the0provider");
    let answer = fixture.run(&format!("{APPLY} --allow lost-secret --yes")).await.0.unwrap();
    assert_eq!(read(), SECRET);
    // The stored capture does not promise to bring it back.
    let words = "It lacks 1 secret: identityProviders/Google. KMS did not encrypt it. A roll back to the stored capture does \
                 not bring it back.";
    assert!(answer.human.contains(words), "{}", answer.human);
    assert!(answer.json["before"]["goBack"].as_str().unwrap().contains("lost-secret"), "{}", answer.json);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_returns_without_its_secret_gets_a_new_one_and_the_output_says_so() {
    let (fixture, pool, _, client) = captured(false).await;
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": client}));
    let confidential = json!({"ClientName": "server", "GenerateSecret": true});
    let server = pool.change_configuration("CreateUserPoolClient", confidential);
    super::fixture::export(&fixture, "with a confidential client").await;
    let server = server["UserPoolClient"]["ClientId"].as_str().unwrap();
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": server}));
    let plan = fixture.run(&format!("{APPLY} --recreate-clients --plan")).await.0.unwrap();
    let says = "create clients/server (with a new id and a new secret, which your applications need)";
    assert!(plan.human.contains(says), "{}", plan.human);
    assert!(!plan.human.contains("its secret is not known"), "{}", plan.human);
    let done = fixture.run(&format!("{APPLY} --recreate-clients --yes")).await.0.unwrap();
    assert!(done.human.contains(says), "{}", done.human);
    assert_eq!(done.json["newSecrets"], json!(["clients/server"]));
}

#[tokio::test(start_paused = true)]
async fn what_deletes_a_secret_that_cognito_does_not_show_is_refused_before_the_question() {
    let (fixture, pool, _, _) = captured(true).await;
    let supplied = json!({"ClientName": "supplied", "ClientSecret": "supplied0secret0of0a0client00000"});
    let supplied = pool.change_configuration("CreateUserPoolClient", supplied);
    pool.change_configuration("CreateUserPoolClient", json!({"ClientName": "public"}));
    let apple = json!({
        "ProviderName": "SignInWithApple", "ProviderType": "SignInWithApple", "AttributeMapping": {"email": "email"},
        "ProviderDetails": {
            "client_id": "com.example", "team_id": "TEAM", "key_id": "KEY", "authorize_scopes": "email",
            "private_key": "supplied0key",
        },
    });
    pool.change_configuration("CreateIdentityProvider", apple);
    // The secret belongs to the client, which may stay.
    let left = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(left.status, ExitStatus::Done, "{}", left.human);
    assert!(!left.human.contains("clientSecrets"), "{}", left.human);
    let line = format!("{APPLY} --delete-extra");
    let plan = fixture.run(&format!("{line} --plan")).await.0.unwrap();
    let at_risk = json!([
        {"object": "clients/supplied", "secrets": 0, "notShown": 1},
        {"object": "identityProviders/SignInWithApple", "secrets": 0, "notShown": 1},
    ]);
    assert_eq!(plan.json["secretsAtRisk"], at_risk);
    let says = "ATTENTION: these changes lose 2 secrets for good: clients/supplied, identityProviders/SignInWithApple. \
                Cognito does not show them to the command, so no stored capture can have them. So the command refuses them \
                without --allow lost-secret.";
    assert!(plan.human.contains(says), "{}", plan.human);
    let problem = fixture.run(&format!("{line} --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Refused, "{problem}");
    for says in
        ["deletes the secrets of clients/supplied, ", "Cognito does not show the secrets of clients/supplied"]
    {
        assert!(problem.message.contains(says), "{problem}");
    }
    assert!(captures(&fixture).await.is_empty());
    let describe = json!({"ClientId": supplied["UserPoolClient"]["ClientId"]});
    let described = pool.change_configuration("DescribeUserPoolClient", describe);
    assert_eq!(described["UserPoolClient"]["ClientName"], "supplied");
    let answer = fixture.run(&format!("{line} --allow lost-secret --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_secrets_the_operator_may_not_list_may_have_one() {
    let (fixture, pool, _, _) = captured(true).await;
    let supplied = json!({"ClientName": "supplied", "ClientSecret": "supplied0secret0of0a0client00000"});
    pool.change_configuration("CreateUserPoolClient", supplied);
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::ListUserPoolClientSecrets, denied);
    let problem = fixture.run(&format!("{APPLY} --delete-extra --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Refused, "{problem}");
    assert!(
        problem.message.contains("does not show the secret of clients/supplied to the command"),
        "{problem}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_came_after_the_plan_is_not_deleted_without_a_word() {
    let (fixture, pool, _, _) = captured(true).await;
    let extra = json!({"ClientName": "extra", "GenerateSecret": true});
    let extra =
        pool.change_configuration("CreateUserPoolClient", extra)["UserPoolClient"]["ClientId"].clone();
    let (changed, id) = (pool.clone(), extra.clone());
    fixture.backend.script().change_before(Operation::GetUserPoolMfaConfig, 2, move || {
        changed.change_configuration("AddUserPoolClientSecret", json!({"ClientId": id}));
    });
    let problem = fixture.run(&format!("{APPLY} --delete-extra --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Refused, "{problem}");
    assert!(problem.message.contains("clients/extra"), "{problem}");
    let described = pool.change_configuration("DescribeUserPoolClient", json!({"ClientId": extra}));
    assert_eq!(described["UserPoolClient"]["ClientName"], "extra");
}
