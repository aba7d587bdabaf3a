//! `pool create` and `pool finish`.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::model::PoolId;
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryPool};

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;

const CREATE: &str = "pool create --pool eu-west-1_a --name new";
pub(super) const LAMBDA: &str = "arn:aws:lambda:eu-west-1:123456789012:function:sign-up";

/// A pool with a client that has a secret, and a domain.
async fn captured() -> (Fixture, String) {
    let (fixture, _, id) = captured_pool().await;
    (fixture, id)
}

pub(super) async fn captured_pool() -> (Fixture, MemoryPool, String) {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    pool.change_configuration(
        "UpdateUserPool",
        json!({"LambdaConfig": {"PreSignUp": LAMBDA}, "DeletionProtection": "ACTIVE"}),
    );
    pool.change_configuration("CreateUserPoolClient", json!({"ClientName": "web", "GenerateSecret": true}));
    pool.change_configuration("CreateUserPoolDomain", json!({"Domain": "login"}));
    let id = export(&fixture, "captured").await;
    (fixture, pool, id.to_string())
}

/// The objects that a command says it creates, in their order.
pub(super) fn creations(said: &str) -> Vec<&str> {
    let objects = said.lines().filter_map(|line| line.strip_prefix("Creating ")?.strip_suffix('.'));
    objects.filter(|words| !words.starts_with("user pool ")).collect()
}

fn described(fixture: &Fixture, id: &str, operation: &str, request: Value) -> Value {
    fixture.backend.pool(&PoolId::parse(id).unwrap()).change_configuration(operation, request)
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_what_is_created_and_left_out_and_changes_nothing() {
    let (fixture, id) = captured().await;
    let before = fixture.backend.vault().items();
    let answer = fixture.run(&format!("{CREATE} --plan")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    assert_eq!(answer.json["userPoolId"], json!(null));
    assert_eq!(
        (&answer.json["accountId"], &answer.json["region"]),
        (&json!("123456789012"), &json!("eu-west-1"))
    );
    assert_snapshot!(answer.human.replace(&id, "SNAPSHOT"));
    assert_eq!(fixture.backend.vault().items(), before, "the plan wrote to the table");
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_created_once_and_finished() {
    let (fixture, _) = captured().await;
    let (answer, said) = fixture.run(&format!("{CREATE} --yes")).await;
    let answer = answer.unwrap();
    assert!(
        said.contains("Would create user pool \"new\" in account 123456789012, Region eu-west-1"),
        "{said}"
    );
    assert_eq!(creations(&said), ["userPool", "clients/web", "mfa"], "{said}");
    let id = answer.json["userPoolId"].as_str().unwrap().to_owned();
    assert_eq!(answer.json["clients"].as_object().unwrap().len(), 1);
    let old = answer.json["clients"].as_object().unwrap().keys().next().unwrap();
    let new = answer.json["clients"][old].as_str().unwrap();
    assert!(answer.human.contains(&format!("  clients/web ({old}) is now {new}\n")), "{}", answer.human);
    assert!(answer.human.contains(&format!("pool finish --pool {id}")), "{}", answer.human);
    let (again, said) = fixture.run(&format!("{CREATE} --yes")).await;
    let again = again.unwrap();
    assert!(creations(&said).is_empty(), "{said}");
    assert_eq!(again.json["userPoolId"], answer.json["userPoolId"]);
    assert_eq!(again.json["clients"], answer.json["clients"]);
    let finish = format!("pool finish --pool {id}");
    let plan = fixture.run(&format!("{finish} --plan")).await.0.unwrap();
    assert_eq!((&plan.json["changed"], &plan.json["triggers"]), (&json!(false), &json!(["PreSignUp"])));
    assert_snapshot!(plan.human.replace(&id, "NEW_POOL"));
    let unasked = fixture.run(&finish).await.0.unwrap_err();
    assert!(unasked.message.contains("without a terminal or --yes"), "{unasked}");
    let finished = fixture.run(&format!("{finish} --yes")).await.0.unwrap();
    assert_eq!(
        (&finished.json["changed"], &finished.json["deletionProtection"]),
        (&json!(true), &json!("ACTIVE"))
    );
    assert!(finished.human.contains("PreSignUp") && finished.human.contains("Deletion protection is on."));
    let again = fixture.run(&format!("{finish} --yes")).await.0.unwrap();
    assert_eq!(again.json["changed"], false);
    let pool = described(&fixture, &id, "DescribeUserPool", json!({}));
    assert_eq!(pool["UserPool"]["DeletionProtection"], "ACTIVE");
    assert!(pool["UserPool"]["LambdaConfig"]["PreSignUp"].is_string());
    // The name is taken now. The command says so before it shows a plan.
    for option in ["--plan", "--yes"] {
        let (taken, said) = fixture.run(&format!("{CREATE} {option}")).await;
        let taken = taken.unwrap_err();
        assert_eq!((taken.error.as_str(), taken.status), ("InvalidInput", ExitStatus::Refused), "{taken}");
        assert!(!said.contains("Would create"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_says_once_that_it_creates_the_pool_although_it_tries_again() {
    let (fixture, _) = captured().await;
    let script = fixture.backend.script();
    script.always(Operation::CreateUserPool, Some(Fault::Refuse(PoolErrorKind::Transient)));
    let (stopped, said) = fixture.run(&format!("{CREATE} --yes")).await;
    assert_eq!(stopped.unwrap_err().status, ExitStatus::Failed);
    assert_eq!(creations(&said), ["userPool"], "{said}");
    script.always(Operation::CreateUserPool, None);
    script.always(Operation::CreateUserPoolClient, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    let (stopped, said) = fixture.run(&format!("{CREATE} --yes")).await;
    assert!(stopped.unwrap_err().message.contains("The creation stopped at clients/web."));
    assert_eq!(creations(&said), ["userPool", "clients/web"], "{said}");
    // The next command has the pool already.
    script.always(Operation::CreateUserPoolClient, None);
    let (created, said) = fixture.run(&format!("{CREATE} --yes")).await;
    assert_eq!(created.unwrap().status, ExitStatus::Done);
    assert_eq!(creations(&said), ["clients/web", "mfa"], "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_creation_is_refused_before_anything_is_written() {
    let (fixture, _) = captured().await;
    let before = fixture.backend.vault().items();
    for (line, says) in [
        (CREATE.to_owned(), "without a terminal or --yes"),
        (format!("{CREATE} --strict --yes"), "clients/web ClientSecret"),
        (format!("{CREATE} --account 222222222222 --plan"), "The credentials are of account 123456789012"),
        ("pool finish --pool eu-west-1_a --yes".to_owned(), "no record of a creation"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused), "{line}");
        assert!(problem.to_string().contains(says), "{problem}");
    }
    assert_eq!(fixture.backend.vault().items(), before);
}

#[tokio::test(start_paused = true)]
async fn secrets_of_the_snapshot_are_decrypted_with_the_permission_of_the_operator() {
    let (fixture, pool, _) = exported(3).await;
    let keys = fixture.backend.key_ring().create_both("123456789012", &["eu-west-1"]);
    let backend = fixture.backend.clone().with_configuration().with_configuration_keys(Some(keys));
    let fixture = Fixture { backend, ..fixture };
    let client = json!({"ClientName": "web", "GenerateSecret": true});
    let secret =
        pool.change_configuration("CreateUserPoolClient", client)["UserPoolClient"]["ClientSecret"].clone();
    export(&fixture, "captured").await;

    fixture.backend.key_ring().refuse(KeyOperation::Decrypt, Some("AccessDeniedException"));
    let problem = fixture.run(&format!("{CREATE} --plan")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("AccessDenied", ExitStatus::Refused));
    assert!(problem.guidance.contains("--no-secrets"), "{problem}");
    let without = fixture.run(&format!("{CREATE} --plan --no-secrets")).await.0.unwrap();
    assert!(without.json["left"].to_string().contains("secretMissing"), "{}", without.json);

    fixture.backend.key_ring().refuse(KeyOperation::Decrypt, None);
    let answer = fixture.run(&format!("{CREATE} --strict --yes")).await.0.unwrap();
    let id = answer.json["userPoolId"].as_str().unwrap();
    let client = answer.json["clients"].as_object().unwrap().values().next().unwrap();
    pool.configure_configuration(|settings| settings.shows_supplied_secrets = true);
    let created = described(&fixture, id, "DescribeUserPoolClient", json!({"ClientId": client}));
    assert_eq!(created["UserPoolClient"]["ClientSecret"], secret);
    let secret = secret.as_str().unwrap();
    assert!(!answer.human.contains(secret) && !answer.json.to_string().contains(secret));
    assert!(!format!("{:?}", fixture.backend.vault().items()).contains(secret));
}

#[tokio::test(start_paused = true)]
async fn a_refused_object_makes_the_creation_partial_and_an_error_lists_what_was_made() {
    let (fixture, _) = captured().await;
    let script = fixture.backend.script();
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    script.always(Operation::CreateUserPoolClient, denied);
    let problem = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("AccessDenied", ExitStatus::Failed));
    for words in ["The creation stopped at clients/web.", "Made so far: user pool eu-west-1_", "\n  userPool"]
    {
        assert!(problem.message.contains(words), "{words}: {problem}");
    }
    let limited = Some(Fault::RefuseWith(PoolErrorKind::Refused, "LimitExceededException"));
    script.always(Operation::CreateUserPoolClient, limited);
    let answer = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    let left = json!({
        "object": "clients/web", "field": null, "reason": "refused", "call": "CreateUserPoolClient LimitExceededException",
    });
    assert!(answer.json["left"].as_array().unwrap().contains(&left), "{}", answer.json["left"]);
    assert!(answer.human.contains("clients/web: Cognito refused it"), "{}", answer.human);
    assert!(answer.human.contains("it tries again what is missing"), "{}", answer.human);
    script.always(Operation::CreateUserPoolClient, None);
    let answer = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap();
    assert_eq!((answer.status, answer.json["clients"].as_object().unwrap().len()), (ExitStatus::Done, 1));
}

#[tokio::test(start_paused = true)]
async fn a_stopped_creation_continues_from_its_snapshot_although_a_newer_one_exists() {
    let (fixture, id) = captured().await;
    fixture
        .backend
        .script()
        .always(Operation::CreateUserPoolClient, Some(Fault::Refuse(PoolErrorKind::AccessDenied)));
    fixture.run(&format!("{CREATE} --yes")).await.0.unwrap_err();
    fixture.backend.script().always(Operation::CreateUserPoolClient, None);
    let newer = export(&fixture, "newer").await;
    let other = fixture.run(&format!("{CREATE} --snapshot {newer} --yes")).await.0.unwrap_err();
    assert!(other.message.contains(&id) && other.guidance.contains("delete user pool eu-west-1_"), "{other}");
    let answer = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap();
    assert_eq!(answer.json["snapshotId"], id);
}

#[tokio::test(start_paused = true)]
async fn a_comparison_with_a_created_pool_knows_which_client_is_which() {
    let (fixture, pool, _) = captured_pool().await;
    // Its name does not tell it from the other one.
    let twin = json!({"ClientName": "web", "RefreshTokenValidity": 7});
    pool.change_configuration("CreateUserPoolClient", twin);
    export(&fixture, "both").await;
    let answer = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap();
    let id = answer.json["userPoolId"].as_str().unwrap();
    let diff = fixture.run(&format!("pool diff --pool eu-west-1_a --against {id}")).await.0.unwrap();
    let differences = diff.json["differences"].as_array().unwrap();
    let is_of_clients = |difference: &&Value| difference["object"].as_str().unwrap().starts_with("clients/");
    let of_clients: Vec<_> = differences.iter().filter(is_of_clients).collect();
    assert!(of_clients.is_empty(), "{of_clients:?}");
}

#[tokio::test(start_paused = true)]
async fn a_map_with_roles_of_groups_stands_in_the_line_of_the_import() {
    let (fixture, id) = captured().await;
    let file = std::env::temp_dir().join(format!("cognito-backup-map-{}.yaml", std::process::id()));
    let roles = "groupRoles: {'arn:aws:iam::111111111111:role/old': 'arn:aws:iam::222222222222:role/new'}\n";
    std::fs::write(&file, roles).unwrap();
    let answer = fixture.run(&format!("{CREATE} --yes --map {}", file.display())).await.0.unwrap();
    std::fs::remove_file(&file).unwrap();
    let pool = answer.json["userPoolId"].as_str().unwrap();
    let line = format!(
        "cognito-backup import --pool eu-west-1_a --snapshot {id} --into {pool} --group-roles {}",
        file.display()
    );
    assert!(answer.human.contains(&line), "{}", answer.human);
}

/// Where the operator's deployment is. A command that the operator runs next must look there, too.
#[tokio::test(start_paused = true)]
async fn every_command_that_a_creation_prints_carries_the_options_of_the_deployment() {
    let (fixture, _) = captured().await;
    let places = "--table other --region eu-west-1 --profile p --endpoint-url http://127.0.0.1:1 --import-state-machine m";
    let denied = Some(Fault::Refuse(PoolErrorKind::AccessDenied));
    fixture.backend.script().always(Operation::CreateUserPoolClient, denied);
    fixture.run(&format!("{CREATE} --yes {places}")).await.0.unwrap_err();
    let pools = described(&fixture, "eu-west-1_a", "ListUserPools", json!({"MaxResults": 60}));
    let pools = pools["UserPools"].as_array().unwrap();
    let id = pools.iter().find(|pool| pool["Name"] == "new").unwrap()["Id"].as_str().unwrap();
    let unfinished = fixture.run(&format!("pool finish --pool {id} --yes {places}")).await.0.unwrap_err();
    fixture.backend.script().always(Operation::CreateUserPoolClient, None);
    let created = fixture.run(&format!("{CREATE} --yes {places}")).await.0.unwrap();
    let lines: Vec<_> = created.human.lines().chain(unfinished.guidance.split('`')).map(str::trim).collect();
    let ours: Vec<_> = lines.iter().filter(|line| line.starts_with("cognito-backup ")).collect();
    assert_eq!(ours.len(), 3, "{lines:?}");
    for line in ours {
        assert!(line.ends_with(places), "{line}");
    }
    let of_aws: Vec<_> =
        lines.iter().filter(|line| line.contains("aws lambda") || line.contains("aws wafv2")).collect();
    assert_eq!(of_aws.len(), 2, "{lines:?}");
    for line in of_aws {
        assert!(line.ends_with("--region eu-west-1 --profile p --endpoint-url http://127.0.0.1:1"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_whose_snapshot_was_removed_before_it_noted_a_pool_is_begun_again_under_another_name() {
    let (fixture, id) = captured().await;
    let unanswered = Some(Fault::Refuse(PoolErrorKind::Transient));
    fixture.backend.script().always(Operation::CreateUserPool, unanswered);
    fixture.run(&format!("{CREATE} --yes")).await.0.unwrap_err();
    fixture.backend.script().always(Operation::CreateUserPool, None);
    export(&fixture, "newer").await;
    fixture.run(&format!("prune --pool eu-west-1_a --snapshot {id}")).await.0.unwrap();
    let problem = fixture.run(&format!("{CREATE} --yes")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("SnapshotNotFound", ExitStatus::Refused));
    assert!(problem.guidance.contains("Give another name"), "{problem}");
    assert!(!problem.guidance.contains("by hand"), "{problem}");
    let other = fixture.run(&format!("{} --yes", CREATE.replace("new", "another"))).await.0.unwrap();
    assert_eq!(other.status, ExitStatus::Done);
}

/// The pool of the snapshot has a role for SMS and a provider. The new one gets neither.
#[tokio::test(start_paused = true)]
async fn what_the_new_pool_does_not_get_needs_nothing_elsewhere() {
    let (fixture, pool, _) = exported(1).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let role = "arn:aws:iam::999999999999:role/sms";
    pool.change_configuration(
        "UpdateUserPool",
        json!({"SmsConfiguration": {"SnsCallerArn": role, "ExternalId": "x", "SnsRegion": "eu-west-1"}}),
    );
    let details = json!({"client_id": "google", "client_secret": "x", "authorize_scopes": "openid"});
    pool.change_configuration(
        "CreateIdentityProvider",
        json!({"ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": details}),
    );
    export(&fixture, "captured").await;
    let plan = fixture.run(&format!("{CREATE} --plan")).await.0.unwrap();
    let lines = plan.json["outside"].to_string();
    assert!(!lines.contains("oauth2/idpresponse"), "{lines}");
}
