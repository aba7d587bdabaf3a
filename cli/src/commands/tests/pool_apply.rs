//! `pool apply`, and the captures that it stores.

use insta::assert_snapshot;
use serde_json::{Value, json};
use shared::catalog::Catalog;
use shared::model::RunId;
use shared::operations::HeldLease;
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::{Operation, PoolErrorKind};
use shared_memory::{Fault, MemoryPool};

use super::fixture::{Fixture, export, exported};
use crate::exit::ExitStatus;
use crate::testing;

pub const APPLY: &str = "pool apply --pool eu-west-1_a";
pub const SECRET: &str = "planted0secret0of0a0provider";

/// A pool with a client, a provider and tags, and its snapshot. With keys, the secrets are encrypted.
pub async fn captured(with_keys: bool) -> (Fixture, MemoryPool, String, String) {
    let (fixture, pool, _) = exported(3).await;
    let mut backend = fixture.backend.clone().with_configuration();
    if with_keys {
        let keys = backend.key_ring().create_both("123456789012", &["eu-west-1"]);
        backend = backend.with_configuration_keys(Some(keys));
    }
    let fixture = Fixture { backend, ..fixture };
    pool.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "login"}}));
    let provider = json!({
        "ProviderName": "Google", "ProviderType": "Google", "AttributeMapping": {"email": "email"},
        "ProviderDetails": {"client_id": "google", "client_secret": SECRET, "authorize_scopes": "openid email"},
    });
    pool.change_configuration("CreateIdentityProvider", provider);
    let client = pool.change_configuration("CreateUserPoolClient", json!({"ClientName": "web"}));
    let client = client["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned();
    let id = export(&fixture, "captured").await;
    (fixture, pool, id.to_string(), client)
}

/// Changes by hand: tags, a client, deletion protection, the secret of the provider, and one more client.
pub fn drift(pool: &MemoryPool, client: &str) {
    let change = |operation: &str, request: Value| drop(pool.change_configuration(operation, request));
    change("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}, "DeletionProtection": "ACTIVE"}));
    pool.add_service_tag("aws:cloudformation:stack-name", "login");
    change("UpdateUserPoolClient", json!({"ClientId": client, "RefreshTokenValidity": 7}));
    change("CreateUserPoolClient", json!({"ClientName": "extra"}));
}

pub async fn captures(fixture: &Fixture) -> Vec<RunId> {
    let captures = fixture.deployment.catalog.stored_captures(&testing::pool("a")).await.unwrap();
    captures.into_iter().map(|capture| capture.id).collect()
}

pub async fn lease_is_free(fixture: &Fixture) -> bool {
    let catalog = Catalog::new(fixture.backend.vault());
    let lease = HeldLease::take(&catalog, &testing::pool("a"), "a test", fixture.backend.clock()).await;
    match lease {
        Ok(lease) => lease.give_back().await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_shows_what_changes_and_what_stays_and_changes_nothing() {
    let (fixture, pool, id, client) = captured(false).await;
    drift(&pool, &client);
    let before = (fixture.backend.vault().items(), pool.change_configuration("DescribeUserPool", json!({})));
    let answer = fixture.run(&format!("{APPLY} --plan")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    assert_eq!((&answer.json["changed"], &answer.json["before"]), (&json!(false), &Value::Null));
    assert_eq!(answer.json["stack"], "login");
    assert_snapshot!(answer.human.replace(&id, "SNAPSHOT").replace(&client, "CLIENT"));
    let after = (fixture.backend.vault().items(), pool.change_configuration("DescribeUserPool", json!({})));
    assert_eq!(after, before, "the plan changed something");
}

#[tokio::test(start_paused = true)]
async fn a_pool_goes_back_and_forth_again() {
    let (fixture, pool, id, client) = captured(false).await;
    drift(&pool, &client);
    let line = format!("{APPLY} --allow deletion-protection-off --yes");
    let (answer, said) = fixture.run(&line).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    assert!(said.contains("Would roll 2 objects of user pool eu-west-1_a back to snapshot"), "{said}");
    let [capture] = &captures(&fixture).await[..] else { panic!("a capture") };
    let back = format!("cognito-backup pool apply --pool eu-west-1_a --snapshot {capture}");
    assert!(said.contains(&back) && answer.human.contains(&back), "{said}");
    assert_eq!(answer.json["before"]["captureId"], capture.as_str());
    assert!(answer.json["before"]["goBack"].as_str().unwrap().starts_with(&back));
    assert_snapshot!(
        answer.human.replace(&id, "SNAPSHOT").replace(&client, "CLIENT").replace(capture.as_str(), "CAPTURE")
    );
    assert!(lease_is_free(&fixture).await);
    // A second command has nothing to do, and stores nothing.
    let again = fixture.run(&line).await.0.unwrap();
    assert_eq!((again.status, &again.json["changed"]), (ExitStatus::Done, &json!(false)));
    let stays = "With these options, the command can change nothing in user pool eu-west-1_a. 1 difference from snapshot";
    assert!(again.human.starts_with(stays), "{}", again.human);
    assert_eq!(captures(&fixture).await.len(), 1);
    // The way back.
    let show = fixture.run(&format!("pool show --pool eu-west-1_a --snapshot {capture}")).await.0.unwrap();
    assert!(
        show.human
            .starts_with(&format!("Configuration of user pool eu-west-1_a in stored capture {capture}"))
    );
    let diff = fixture.run(&format!("pool diff --pool eu-west-1_a --against {capture}")).await.0.unwrap();
    assert!(diff.human.contains(&format!("New: stored capture {capture} of user pool")), "{}", diff.human);
    let forth = fixture.run(&format!("{APPLY} --snapshot {capture} --yes")).await.0.unwrap();
    assert_eq!(forth.status, ExitStatus::Done, "{}", forth.human);
    let described = pool.change_configuration("DescribeUserPool", json!({}));
    assert_eq!(described["UserPool"]["DeletionProtection"], "ACTIVE");
    assert_eq!(described["UserPool"]["UserPoolTags"]["team"], "other");
    let listed = fixture.run("snapshots --pool eu-west-1_a").await.0.unwrap();
    assert_eq!(listed.json["captures"].as_array().unwrap().len(), 2);
    assert!(listed.human.contains(capture.as_str()), "{}", listed.human);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_stays_and_makes_the_command_partial() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    let answer = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Partial);
    assert!(answer.human.contains("needs --allow deletion-protection-off"), "{}", answer.human);
    assert!(
        answer.human.contains(
            "(--delete-extra deletes all that it can. For one alone, give --only NAME, too):\n  clients/extra: stays. A deleted client never gets its id back"
        ),
        "{}",
        answer.human
    );
    let left = answer.json["left"].as_array().unwrap();
    let of_protection = left.iter().find(|left| left["reason"] == "needsAllow").unwrap();
    assert_eq!(of_protection["allow"], "deletion-protection-off");
    // With nothing else to do, it says so and stores nothing.
    let again = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(again.status, ExitStatus::Partial);
    assert!(again.human.contains("needs --allow deletion-protection-off"), "{}", again.human);
    assert_eq!(captures(&fixture).await.len(), 1);
    // Another part alone has nothing left.
    let part = fixture.run(&format!("{APPLY} --only clients --delete-extra --yes")).await.0.unwrap();
    assert_eq!(part.status, ExitStatus::Done, "{}", part.human);
    assert!(part.human.contains("delete clients/extra"), "{}", part.human);
    let back = part.json["before"]["goBack"].as_str().unwrap();
    assert!(back.contains(" --only clients --recreate-clients"), "{back}");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_client_returns_under_a_new_id_if_the_operator_says_so() {
    let (fixture, pool, _, client) = captured(false).await;
    pool.change_configuration("DeleteUserPoolClient", json!({"ClientId": client}));
    let left = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    assert_eq!(left.status, ExitStatus::Partial);
    assert!(left.human.contains("needs --recreate-clients. The client gets a new id"), "{}", left.human);
    let plan = fixture.run(&format!("{APPLY} --recreate-clients --plan")).await.0.unwrap();
    assert!(plan.human.contains("create clients/web (with a new id"), "{}", plan.human);
    let answer = fixture.run(&format!("{APPLY} --recreate-clients --yes")).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    let new = answer.json["clients"][&client].as_str().unwrap();
    // The new client is an extra one for the way back.
    let back = answer.json["before"]["goBack"].as_str().unwrap();
    assert!(back.contains(" --delete-extra"), "{back}");
    let renamed = format!("\nclients/web ({client}) is now {new}\n");
    assert!(answer.human.contains(&renamed), "{}", answer.human);
    // A roll back of another part still names the client.
    pool.change_configuration("UpdateUserPool", json!({"UserPoolTags": {"team": "other"}}));
    let part = fixture.run(&format!("{APPLY} --only userPool --yes")).await.0.unwrap();
    assert_eq!(part.status, ExitStatus::Done, "{}", part.human);
    assert!(part.human.contains(&renamed), "{}", part.human);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_refused_before_anything_is_written() {
    let (fixture, pool, id, client) = captured(false).await;
    drift(&pool, &client);
    let before = fixture.backend.vault().items();
    for (line, says) in [
        (APPLY.to_owned(), "without a terminal or --yes"),
        (format!("{APPLY} --account 222222222222 --plan"), "The credentials are of account 123456789012"),
        (format!("{APPLY} --only clients/none --plan"), "has clients/none"),
        (format!("pool apply --pool eu-west-1_b --snapshot {id} --plan"), "eu-west-1_a"),
    ] {
        let problem = fixture.run(&line).await.0.unwrap_err();
        assert_eq!(problem.status, ExitStatus::Refused, "{line}: {problem}");
        assert!(problem.to_string().contains(says), "{line}: {problem}");
    }
    assert_eq!(fixture.backend.vault().items(), before);
    // An export works on the pool.
    let catalog = Catalog::new(fixture.backend.vault());
    let (a, clock) = (testing::pool("a"), fixture.backend.clock());
    let lease = HeldLease::take(&catalog, &a, "an export", clock).await.unwrap();
    let problem = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("ExportAlreadyRunning", ExitStatus::Refused));
    lease.give_back().await.unwrap();
    assert!(captures(&fixture).await.is_empty());
}

#[test]
fn names_that_do_not_exist_are_refused_with_those_that_do() {
    use clap::Parser;
    let read = |options: &str| {
        let cli = crate::args::Cli::parse_from(format!("cognito-backup {APPLY} {options}").split(' '));
        let crate::args::Command::Pool(args) = cli.command else { panic!("{options}") };
        crate::commands::pool::Request::read(&args)
    };
    for (options, says) in [
        ("--only userPool,client", "userPool, mfa, clients"),
        ("--allow mfa", "mfa-off, deletion-protection-off"),
    ] {
        let problem = read(options).unwrap_err();
        assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused));
        assert!(problem.guidance.contains(says), "{problem}");
    }
    assert!(read("--only userPool,clients/web --only mfa --allow tier,key").is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_command_releases_its_lease_and_can_be_continued() {
    let (mut interruptions, mut has_named_a_way_back, mut has_named_a_change) = (0, false, false);
    for millis in [0, 500, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 10_000, 12_000] {
        let (fixture, pool, _, client) = captured(false).await;
        drift(&pool, &client);
        let line = format!("{APPLY} --allow deletion-protection-off --tps 5 --yes");
        let interrupted = tokio::time::sleep(std::time::Duration::from_millis(millis));
        if let (Err(problem), _) = fixture.run_until(&line, interrupted).await {
            assert_eq!((problem.error.as_str(), problem.status), ("Interrupted", ExitStatus::Failed));
            interruptions += 1;
            let captures = captures(&fixture).await;
            for capture in &captures {
                assert!(problem.message.contains(capture.as_str()), "{problem}");
            }
            let names_way_back = problem.message.contains("pool apply --pool eu-west-1_a --snapshot");
            has_named_a_way_back |= names_way_back;
            assert!(!names_way_back || !captures.is_empty(), "{problem}");
            has_named_a_change |= problem.message.contains("Done so far:\n  change userPool");
        }
        assert!(lease_is_free(&fixture).await);
        let answer = fixture.run(&line).await.0.unwrap();
        assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    }
    assert!(interruptions > 3 && has_named_a_way_back && has_named_a_change, "{interruptions}");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_was_changed_after_the_plan_was_shown_is_not_touched() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    // The command looks for interruptions for the first time after the confirmation.
    let someone_else = async {
        let request = json!({"ClientId": client, "RefreshTokenValidity": 9});
        pool.change_configuration("UpdateUserPoolClient", request);
        std::future::pending().await
    };
    let problem = fixture.run_until(&format!("{APPLY} --yes"), someone_else).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("Overtaken", ExitStatus::Refused), "{problem}");
    let described = pool.change_configuration("DescribeUserPool", json!({}));
    assert_eq!(described["UserPool"]["UserPoolTags"]["team"], "other");
    assert!(captures(&fixture).await.is_empty() && lease_is_free(&fixture).await);
}

#[tokio::test(start_paused = true)]
async fn no_output_and_no_item_has_a_secret_and_encrypted_ones_can_be_put_back() {
    let (fixture, pool, _, client) = captured(true).await;
    drift(&pool, &client);
    let other = json!({
        "ProviderName": "Google",
        "ProviderDetails": {"client_id": "google", "client_secret": "another0secret0of0the0provider", "authorize_scopes": "openid email"},
    });
    pool.change_configuration("UpdateIdentityProvider", other);
    let (answer, said) = fixture.run(&format!("{APPLY} --allow deletion-protection-off --yes")).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, ExitStatus::Done, "{}", answer.human);
    assert!(said.contains("ProviderDetails.client_secret: changed"), "{said}");
    assert_eq!(answer.json["before"]["secretsLeftOut"], 0);
    let read = || {
        let provider = json!({"ProviderName": "Google"});
        let answer = pool.change_configuration("DescribeIdentityProvider", provider);
        answer["IdentityProvider"]["ProviderDetails"]["client_secret"].clone()
    };
    assert_eq!(read(), SECRET);
    let [capture] = &captures(&fixture).await[..] else { panic!("a capture") };
    let back = fixture.run(&format!("{APPLY} --snapshot {capture} --yes")).await;
    assert_eq!(read(), "another0secret0of0the0provider");
    let items = format!("{:?}", fixture.backend.vault().items());
    let back = back.0.unwrap();
    for text in [&said, &answer.human, &answer.json.to_string(), &back.human, &back.json.to_string(), &items]
    {
        assert!(!text.contains(SECRET) && !text.contains("another0secret"), "{text}");
    }
    // Without the permission to decrypt, the command says what to do.
    fixture.backend.key_ring().refuse(KeyOperation::Decrypt, Some("AccessDeniedException"));
    let problem = fixture.run(&format!("{APPLY} --plan")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("AccessDenied", ExitStatus::Refused));
    assert!(problem.guidance.contains("--no-secrets"), "{problem}");
    let answer = fixture.run(&format!("{APPLY} --no-secrets --allow deletion-protection-off --yes")).await;
    assert_eq!(read(), "another0secret0of0the0provider");
    let left_out = answer.0.unwrap().json["before"]["secretsLeftOut"].as_u64().unwrap();
    assert!(left_out > 0);
}

#[tokio::test(start_paused = true)]
async fn a_capture_is_removed_by_hand_alone() {
    let (fixture, pool, id, client) = captured(false).await;
    drift(&pool, &client);
    fixture.run(&format!("{APPLY} --yes")).await.0.unwrap();
    let [capture] = &captures(&fixture).await[..] else { panic!("a capture") };
    let prune = "prune --pool eu-west-1_a";
    let kept = fixture.run(&format!("{prune} --keep-last 1")).await.0.unwrap();
    assert_eq!(kept.json["captures"][0]["fate"], "kept");
    assert_eq!(captures(&fixture).await.len(), 1);
    let create = format!("pool create --pool eu-west-1_a --name new --snapshot {capture} --plan");
    let refused = fixture.run(&create).await.0.unwrap_err();
    assert!(
        refused.message.contains("is a stored capture of user pool") && refused.status == ExitStatus::Refused
    );
    let copy = fixture.run(&format!("copy --pool eu-west-1_a --snapshot {capture} --to-table other")).await;
    let refused = copy.0.unwrap_err();
    assert!(
        refused.message.contains("is a stored capture of user pool") && refused.status == ExitStatus::Refused
    );
    let plan = fixture.run(&format!("{prune} --snapshot {capture} --plan")).await.0.unwrap();
    assert_snapshot!(plan.human.replace(&id, "SNAPSHOT").replace(capture.as_str(), "CAPTURE"));
    let removed = fixture.run(&format!("{prune} --snapshot {capture}")).await.0.unwrap();
    assert_eq!(removed.json["removed"]["captures"], 1);
    assert!(removed.human.contains("1 capture ("), "{}", removed.human);
    assert!(captures(&fixture).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_after_the_last_change_lists_what_was_done() {
    let (fixture, pool, _, client) = captured(false).await;
    drift(&pool, &client);
    let script = fixture.backend.script().clone();
    fixture.backend.script().change_before(Operation::UpdateUserPoolClient, 1, move || {
        script.always(Operation::ListUserPoolClients, Some(Fault::Refuse(PoolErrorKind::Throttled)));
    });
    let problem = fixture.run(&format!("{APPLY} --yes")).await.0.unwrap_err();
    assert_eq!(problem.status, ExitStatus::Failed, "{problem}");
    for words in
        ["All changes were sent.", "Done so far:\n  change userPool\n  change clients/web", "instead, run:"]
    {
        assert!(problem.message.contains(words), "{words}: {problem}");
    }
}
