//! `pool show`.

use clap::Parser;
use serde_json::json;
use shared::ports::Backend;
use shared::ports::keys::KeyOperation;
use shared::ports::pool::{Operation, PoolErrorKind};

use super::fixture::{Fixture, export, exported};
use crate::args::Cli;
use crate::exit::ExitStatus;

const SHOW: &str = "pool show --pool eu-west-1_a";

/// A snapshot of a pool with a client that has a secret.
async fn captured() -> Fixture {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let client = json!({"ClientName": "web", "GenerateSecret": true});
    pool.change_configuration("CreateUserPoolClient", client);
    export(&fixture, "captured").await;
    fixture
}

#[tokio::test(start_paused = true)]
async fn a_captured_configuration_is_shown_in_cognitos_member_names() {
    let fixture = captured().await;
    let answer = fixture.run(SHOW).await.0.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    let json = answer.json;
    assert_eq!(json["userPool"]["Name"], "pool");
    let client = json["clients"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&client["ClientName"], client.get("ClientSecret")), (&json!("web"), None));
    assert_eq!(json["mfa"]["MfaConfiguration"], "OFF");
    assert_eq!(json["identityProviders"], json!({}));
    assert_eq!(json["secretsLeftOut"], 1);
    let risk = json!({"object": "riskConfigurations", "reason": "addOnOff"});
    assert!(json["notCaptured"].as_array().unwrap().contains(&risk), "{json}");
    for words in [
        "\nuserPool\n",
        "\nNot captured\n",
        "riskConfigurations: the threat protection of the pool is off",
        "\n1 member was left out",
    ] {
        assert!(answer.human.contains(words), "{words}: {}", answer.human);
    }
}

#[tokio::test(start_paused = true)]
async fn standard_attributes_with_their_default_values_take_one_line() {
    let answer = captured().await.run(SHOW).await.0.unwrap();
    let attributes = answer.json["userPool"]["SchemaAttributes"].as_array().unwrap();
    assert!(attributes.len() > 15, "JSON has them all: {attributes:?}");
    let text = answer.human;
    let line = text
        .lines()
        .find(|line| line.contains("standard attributes have"))
        .unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains("name") && line.contains("birthdate"), "{line}");
    assert_eq!(text.matches("\"birthdate\"").count(), 0, "{text}");
    assert!(text.contains("\"SchemaAttributes\": [],"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_stored_secret_is_named_and_shown_only_with_the_option_and_the_permission() {
    let (fixture, pool, _) = exported(3).await;
    let keys = fixture.backend.key_ring().create_both("123456789012", &["eu-west-1"]);
    let backend = fixture.backend.clone().with_configuration().with_configuration_keys(Some(keys.clone()));
    let fixture = Fixture { backend, ..fixture };
    let client = json!({"ClientName": "web", "GenerateSecret": true});
    let client = pool.change_configuration("CreateUserPoolClient", client)["UserPoolClient"].clone();
    let secret = client["ClientSecret"].as_str().unwrap();
    let id = client["ClientId"].as_str().unwrap();
    export(&fixture, "captured").await;

    let answer = fixture.run(SHOW).await.0.unwrap();
    assert!(!answer.human.contains(secret) && !answer.json.to_string().contains(secret));
    assert_eq!(
        answer.json["storedSecrets"],
        json!([{"object": format!("clients/{id}"), "member": "ClientSecret"}])
    );
    for words in [
        "\n  A secret is stored: ClientSecret\n",
        "\n1 secret member is stored encrypted. Print it with --secrets.",
    ] {
        assert!(answer.human.contains(words), "{words}: {}", answer.human);
    }
    let answer = fixture.run(&format!("{SHOW} --secrets")).await.0.unwrap();
    assert_eq!(answer.json["clients"][id]["ClientSecret"], secret);
    assert!(answer.human.contains(secret), "{}", answer.human);
    let words = "\n1 secret member is stored encrypted. In the objects, it is in clear.";
    assert!(answer.human.contains(words), "{}", answer.human);

    fixture.backend.key_ring().refuse(KeyOperation::Decrypt, Some("AccessDeniedException"));
    let problem = fixture.run(&format!("{SHOW} --secrets")).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("AccessDenied", ExitStatus::Refused));
    assert!(
        problem.message.contains("KMS denied Decrypt") && problem.message.contains(keys.encryption.as_str())
    );
    assert!(fixture.run(SHOW).await.0.is_ok(), "without the option, nothing is decrypted");
    fixture.backend.key_ring().refuse(KeyOperation::Decrypt, None);

    // Of several secrets, it speaks in the plural.
    let other = json!({"ClientName": "mobile", "GenerateSecret": true});
    pool.change_configuration("CreateUserPoolClient", other);
    export(&fixture, "another client").await;
    for (line, words) in [
        (SHOW.to_owned(), "Print them with --secrets."),
        (format!("{SHOW} --secrets"), "In the objects, they are in clear."),
    ] {
        let answer = fixture.run(&line).await.0.unwrap();
        let words = format!("\n2 secret members are stored encrypted. {words}");
        assert!(answer.human.contains(&words), "{words}: {}", answer.human);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_encrypts_secrets_with_the_keys_that_the_options_name() {
    let (fixture, pool, _) = exported(3).await;
    let ring = fixture.backend.key_ring().clone();
    let keys = ring.create_both("123456789012", &["eu-west-1"]);
    let there = ring.create_both("222222222222", &["eu-west-1"]);
    let backend = fixture.backend.clone().with_configuration().with_configuration_keys(Some(keys));
    let fixture = Fixture { backend, ..fixture };
    pool.change_configuration("CreateUserPoolClient", json!({"ClientName": "web", "GenerateSecret": true}));
    export(&fixture, "captured").await;
    let copy = "copy --pool eu-west-1_a --to-table there";
    let answer = fixture.run(copy).await.0.unwrap();
    assert_eq!(answer.json["secretsLeftOut"], 1);
    assert!(answer.human.contains("\n1 secret of the configuration left out"), "{}", answer.human);
    let (key, mac_key) = (&there.encryption, &there.mac);
    let line = format!("{copy} --configuration-key {key} --configuration-mac-key {mac_key}");
    let answer = fixture.run(&line).await.0.unwrap();
    assert_eq!(answer.json["secretsLeftOut"], 0);
    assert_eq!(answer.json["items"]["configuration"]["copied"], 1);
    // A key of the source account is none of the destination.
    let line = format!("{copy} --configuration-key {mac_key} --configuration-mac-key {key}");
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert!(problem.message.contains("InvalidKeyUsageException"), "{}", problem.message);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_captured_has_its_whole_name() {
    let (fixture, pool, _) = exported(3).await;
    let fixture = Fixture { backend: fixture.backend.clone().with_configuration(), ..fixture };
    let domain = json!({"Domain": "login"});
    pool.change_configuration("CreateUserPoolDomain", domain);
    let provider = json!({
        "ProviderName": "Acme (new)", "ProviderType": "OIDC",
        "ProviderDetails": {"client_id": "x", "attributes_request_method": "GET", "oidc_issuer": "https://idp.example.com", "authorize_scopes": "openid"},
    });
    pool.change_configuration("CreateIdentityProvider", provider);
    let refused = Some(PoolErrorKind::Refused);
    fixture.backend.script().poison(Operation::DescribeIdentityProvider, "Acme (new)", refused);
    export(&fixture, "captured").await;
    let answer = fixture.run(SHOW).await.0.unwrap();
    let names: Vec<_> =
        answer.json["notCaptured"].as_array().unwrap().iter().map(|named| &named["object"]).collect();
    assert!(names.contains(&&json!("identityProviders/Acme (new)")), "{names:?}");
    assert!(
        answer.human.contains("\n  identityProviders/Acme (new): Cognito refused the call"),
        "{}",
        answer.human
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_without_configuration_and_a_damaged_one_are_named_errors() {
    let (fixture, _, id) = exported(3).await;
    let problem = fixture.run(&format!("{SHOW} --snapshot {id}")).await.0.unwrap_err();
    assert_eq!(problem.error, "SnapshotNotFound");
    assert!(problem.message.contains("holds no configuration"), "{}", problem.message);

    let fixture = captured().await;
    let vault = fixture.backend.vault();
    let key = vault.items().into_keys().find(|key| key.sk.starts_with("REC#object#")).unwrap();
    vault.remove(&key);
    let problem = fixture.run(SHOW).await.0.unwrap_err();
    assert_eq!(problem.error, "SnapshotDamaged");
    assert!(problem.message.contains(&key.to_string()), "{}", problem.message);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_is_shown_as_code_and_what_the_tool_cannot_express_goes_to_stderr() {
    let fixture = captured().await;
    let (answer, written) = fixture.run(&format!("{SHOW} --format terraform")).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, ExitStatus::Done);
    for words in [
        "resource \"aws_cognito_user_pool\" \"main\" {",
        "resource \"aws_cognito_user_pool_client\" \"web\" {",
        "prevent_destroy = true",
        "id = \"eu-west-1_a\"",
    ] {
        assert!(answer.human.contains(words), "{words}: {}", answer.human);
    }
    assert!(!answer.human.contains("generate_secret"), "{}", answer.human);
    assert!(written.contains("ClientSecret: Terraform has no property for it"), "{written}");
    let json = answer.json;
    assert_eq!((&json["format"], &json["userPoolId"]), (&json!("terraform"), &json!("eu-west-1_a")));
    let names: Vec<_> = json["files"].as_array().unwrap().iter().map(|file| &file["name"]).collect();
    assert_eq!(names, ["main.tf", "imports.tf"]);
    let left_out = json["leftOut"].as_array().unwrap();
    let says_so =
        |left: &serde_json::Value| left["member"] == "GenerateSecret" && left["reason"] == "replacesIfAdded";
    assert!(left_out.iter().any(says_so), "{left_out:?}");
}

#[tokio::test(start_paused = true)]
async fn code_is_written_into_a_folder_and_replaces_no_file() {
    let fixture = captured().await;
    let folder = std::env::temp_dir().join(format!("cognito-backup-code-{}", std::process::id()));
    let line = format!("{SHOW} --format cloudformation --output {}", folder.join("new").display());
    let answer = fixture.run(&line).await.0.unwrap();
    let template = folder.join("new/template.yaml");
    assert_eq!(answer.json["written"][0], template.to_str().unwrap());
    assert!(answer.human.contains("Written: ") && answer.json.get("files").is_none());
    let first = std::fs::read_to_string(&template).unwrap();
    assert!(first.contains("Type: AWS::Cognito::UserPool\n"), "{first}");
    let imports = std::fs::read_to_string(folder.join("new/resources-to-import.json")).unwrap();
    let imports: serde_json::Value = serde_json::from_str(&imports).unwrap();
    assert_eq!(imports[0]["ResourceIdentifier"], json!({"UserPoolId": "eu-west-1_a"}));

    std::fs::write(&template, "mine").unwrap();
    let problem = fixture.run(&line).await.0.unwrap_err();
    assert_eq!((problem.error.as_str(), problem.status), ("InvalidInput", ExitStatus::Refused));
    assert!(problem.message.contains("template.yaml exists"), "{}", problem.message);
    assert_eq!(std::fs::read_to_string(&template).unwrap(), "mine");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn code_has_no_secrets_so_the_option_for_them_is_refused() {
    for line in ["--format terraform --secrets", "--output there"] {
        let line = format!("cognito-backup {SHOW} {line}");
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}
