//! Goal: an operator finds a change of the configuration of a pool with the command line, also of a secret, and undoes
//! it.
//!
//! Method: export with the capture on, change the pool through the strict proxy, compare it with the snapshot, and bring
//! it back. Secrets are encrypted by the KMS of the emulator. Functions and operator reach Cognito through the strict proxy.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::OAuthFlowType;
use local::population::{self, FillProgress};
use serde_json::{Value, json};
use tests::capturing::Capturing;

/// Creates the client `web`. Returns its id and its secret.
async fn client_with_secret(cognito: &Client, pool: &str) -> Result<(String, String)> {
    let created = cognito.create_user_pool_client().user_pool_id(pool).client_name("web");
    let created = created.generate_secret(true).send().await?.user_pool_client.context("no client")?;
    let client = created.client_id().context("the client has no id")?;
    let secret = created.client_secret().context("the client has no secret")?;
    Ok((client.to_owned(), secret.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_a_change_of_the_configuration() -> Result<()> {
    let Capturing { world, operator, cognito } = Capturing::new().await?;
    let (pool, _) = world.filled_pool(5).await?;
    let (client, secret) = client_with_secret(&cognito, &pool).await?;

    let report = world.take_snapshot(&pool).await?;
    assert_eq!(report["configuration"]["objects"]["clients"], 1, "{report}");
    let shown = operator.run_json(0, &format!("pool show --pool {pool}")).await?;
    assert_eq!(shown["clients"][&client]["ClientName"], "web", "{shown}");
    let same = operator.run_json(0, &format!("pool diff --pool {pool}")).await?;
    assert_eq!((&same["same"], &same["differences"]), (&json!(true), &json!([])), "{same}");

    let changed = cognito.update_user_pool_client().user_pool_id(&pool).client_id(&client).client_name("web");
    let changed = changed.callback_urls("https://app.example.com").supported_identity_providers("COGNITO");
    let changed =
        changed.allowed_o_auth_flows_user_pool_client(true).allowed_o_auth_flows(OAuthFlowType::Code);
    changed.allowed_o_auth_scopes("openid").send().await?;
    let differs = operator.run_json(3, &format!("pool diff --pool {pool}")).await?;
    let differences = differs["differences"].as_array().context("no differences")?;
    assert!(differences.iter().all(|difference| difference["object"] == "clients/web"), "{differs}");
    let urls = differences.iter().find(|difference| difference["field"] == "CallbackURLs");
    assert_eq!(urls.context("no URLs")?["new"], json!(["https://app.example.com"]), "{differs}");
    let output = operator.run(&format!("pool diff --pool {pool}")).await?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.code() == Some(3) && text.contains("\nclients/web\n"), "{text}");
    for output in [shown.to_string(), differs.to_string(), text] {
        assert!(!output.contains(&secret), "{output}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_undoes_a_change_and_goes_back() -> Result<()> {
    let Capturing { world, operator, cognito } = Capturing::new().await?;
    // Through the proxy: the emulator shows empty messages, which Cognito never does.
    let pool = population::create_pool(&cognito, "source").await?;
    population::generate(5, 7).fill(&cognito, &pool, &FillProgress::default()).await?;
    let created = cognito.create_user_pool_client().user_pool_id(&pool).client_name("web");
    let created = created.refresh_token_validity(7).send().await?.user_pool_client.context("no client")?;
    let client = created.client_id().context("the client has no id")?;
    world.take_snapshot(&pool).await?;

    // The click of someone else: the client loses its validity, and the pool gets a tag.
    cognito.update_user_pool_client().user_pool_id(&pool).client_id(client).send().await?;
    let update = cognito.update_user_pool().user_pool_id(&pool).user_pool_tags("team", "other");
    update.auto_verified_attributes("email".into()).send().await?;
    let drifted = operator.run_json(3, &format!("pool diff --pool {pool}")).await?;
    let apply = format!("pool apply --pool {pool} --tps 200");
    let plan = operator.run_json(0, &format!("{apply} --plan")).await?;
    assert_eq!(plan["changed"], false, "{plan}");
    assert_eq!(operator.run_json(3, &format!("pool diff --pool {pool}")).await?, drifted);

    let applied = operator.run_json(0, &format!("{apply} --yes")).await?;
    assert_eq!(applied["changed"], true, "{applied}");
    let capture = applied["before"]["captureId"].as_str().context("no capture")?;
    operator.run_json(0, &format!("pool diff --pool {pool}")).await?;
    let again = operator.run_json(0, &format!("{apply} --yes")).await?;
    assert_eq!(again["changed"], false, "{again}");
    assert_eq!(world.user_count(&pool).await?, 5);

    // The capture holds what was there before, and leads back to it.
    let against = format!("pool diff --pool {pool} --against {capture}");
    let before = operator.run_json(3, &against).await?;
    assert_eq!(before["differences"], drifted["differences"], "{before}");
    operator.run_json(0, &format!("{apply} --snapshot {capture} --yes")).await?;
    let back = operator.run_json(3, &format!("pool diff --pool {pool}")).await?;
    assert_eq!(back["differences"], drifted["differences"], "{back}");
    operator.run_json(0, &format!("prune --pool {pool} --snapshot {capture}")).await?;
    operator.run_json(4, &against).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_kept_encrypted_shown_to_the_operator_and_named_when_it_changes() -> Result<()> {
    let Capturing { world, operator, cognito } = Capturing::new().await?;
    world.keep_secrets().await?;
    let (pool, _) = world.filled_pool(5).await?;
    let details = |secret: &str| {
        [("client_id", "google"), ("client_secret", secret), ("authorize_scopes", "openid email")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let (first_secret, second_secret) = ("planted0first0secret", "planted0second0secret");
    let provider = cognito.create_identity_provider().user_pool_id(&pool).provider_name("Google");
    let provider = provider.provider_type("Google".into()).attribute_mapping("email", "email");
    provider.set_provider_details(Some(details(first_secret).into())).send().await?;
    let (client, client_secret) = client_with_secret(&cognito, &pool).await?;

    let first = world.take_snapshot(&pool).await?;
    assert_eq!(first["configuration"]["secretsStored"], 2, "{first}");
    let show = format!("pool show --pool {pool}");
    let shown = operator.run_json(0, &show).await?;
    assert_eq!(shown["storedSecrets"].as_array().map(Vec::len), Some(2), "{shown}");
    let revealed = operator.run_json(0, &format!("{show} --secrets")).await?;
    let google =
        |shown: &Value| shown["identityProviders"]["Google"]["ProviderDetails"]["client_secret"].clone();
    assert_eq!(revealed["clients"][&client]["ClientSecret"], client_secret);
    assert_eq!((google(&revealed), google(&shown)), (json!(first_secret), Value::Null));

    let update = cognito.update_identity_provider().user_pool_id(&pool).provider_name("Google");
    update.set_provider_details(Some(details(second_secret).into())).send().await?;
    let second = world.take_snapshot(&pool).await?;
    let changed = &second["configuration"]["changes"]["objects"][0];
    assert_eq!(
        (&changed["object"], &changed["fields"]),
        (&json!("identityProviders/Google"), &json!(["ProviderDetails.client_secret"]))
    );
    let id = |report: &Value| report["snapshotId"].as_str().map(str::to_owned).context("no id");
    let (old, new) = (id(&first)?, id(&second)?);
    let differs =
        operator.run_json(3, &format!("pool diff --pool {pool} --snapshot {old} --against {new}")).await?;
    let expected = json!([{
        "object": "identityProviders/Google", "field": "ProviderDetails.client_secret", "change": "changed",
    }]);
    assert_eq!(differs["differences"], expected, "{differs}");
    // KMS makes the MACs of the live pool.
    let live = operator.run_json(3, &format!("pool diff --pool {pool} --snapshot {old}")).await?;
    assert_eq!(live["differences"], expected, "{live}");
    let live = operator.run_json(0, &format!("pool diff --pool {pool}")).await?;
    assert!(!live["notCompared"].to_string().contains("identityProviders/Google"), "{live}");
    let revealed = operator.run_json(0, &format!("{show} --secrets")).await?;
    assert_eq!(google(&revealed), second_secret);
    let table = world.stack.dynamodb().scan().table_name(&world.stack.deployment.backup_table).send().await?;
    let table = format!("{:?}", table.items());
    for text in [first.to_string(), shown.to_string(), second.to_string(), differs.to_string(), table] {
        for secret in [first_secret, second_secret, &client_secret] {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    Ok(())
}
