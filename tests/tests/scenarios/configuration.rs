//! Goal: an operator finds a change of the configuration of a pool with the command line.
//!
//! Method: export with the capture on, change the pool through the strict proxy, and compare it with the
//! snapshot. Functions and operator reach Cognito through the strict proxy.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::OAuthFlowType;
use local::aws::{self, REGION};
use local::provision::Options;
use serde_json::json;
use tests::World;
use tests::operator::Operator;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_a_change_of_the_configuration() -> Result<()> {
    let variables = vec![("CAPTURE_CONFIGURATION".to_owned(), "YES".to_owned())];
    let world = World::with_options(Options { variables, ..Options::default() }).await?;
    let proxy = world.stack.strict.url();
    let operator =
        Operator::new(&world).await?.with_variable("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", &proxy);
    let cognito = Client::new(&aws::config(&proxy, REGION));
    let (pool, _) = world.filled_pool(5).await?;
    let created = cognito.create_user_pool_client().user_pool_id(&pool).client_name("web");
    let created = created.generate_secret(true).send().await?.user_pool_client.context("no client")?;
    let client = created.client_id().context("the client has no id")?;
    let secret = created.client_secret().context("the client has no secret")?;

    let report = world.take_snapshot(&pool).await?;
    assert_eq!(report["configuration"]["objects"]["clients"], 1, "{report}");
    let shown = operator.run_json(0, &format!("pool show --pool {pool}")).await?;
    assert_eq!(shown["clients"][client]["ClientName"], "web", "{shown}");
    let same = operator.run_json(0, &format!("pool diff --pool {pool}")).await?;
    assert_eq!((&same["same"], &same["differences"]), (&json!(true), &json!([])), "{same}");

    let changed = cognito.update_user_pool_client().user_pool_id(&pool).client_id(client).client_name("web");
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
        assert!(!output.contains(secret), "{output}");
    }
    Ok(())
}
