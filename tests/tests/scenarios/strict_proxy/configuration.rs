//! Goal: the strict proxy answers the configuration of pools as Cognito does, and the emulator keeps what
//! users need.
//!
//! Method: change and read pools, clients and providers through the proxy, and look at both sides.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::primitives::Blob;
use aws_sdk_cognitoidentityprovider::types::{
    EventSourceName, LogConfigurationType, LogLevel, OAuthFlowType, UserPoolMfaType, UserPoolType,
    VerifiedAttributeType,
};

use super::{Fixture, INVALID, error_name};

async fn describe(client: &Client, pool: &str) -> Result<UserPoolType> {
    client.describe_user_pool().user_pool_id(pool).send().await?.user_pool.context("no pool")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_a_pool_resets_omitted_members_on_both_sides() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool =
        fixture.create_pool(|pool| pool.auto_verified_attributes(VerifiedAttributeType::Email)).await?;
    let before = describe(&fixture.client, &pool).await?;
    assert_eq!(before.auto_verified_attributes(), [VerifiedAttributeType::Email]);
    assert_eq!(before.schema_attributes().len(), 21);
    fixture.create_user(&pool, "anna", &[]).send().await?;
    fixture.client.update_user_pool().user_pool_id(&pool).send().await?;
    for client in [&fixture.client, &fixture.direct_client] {
        assert!(describe(client, &pool).await?.auto_verified_attributes().is_empty());
    }
    assert_eq!(describe(&fixture.client, &pool).await?.estimated_number_of_users, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_was_made_or_changed_without_the_proxy_is_adopted() -> Result<()> {
    let fixture = Fixture::new().await?;
    let created = fixture.direct_client.create_user_pool().pool_name("direct").send().await?;
    let pool = created.user_pool.and_then(|pool| pool.id).context("no id")?;
    let client = fixture.direct_client.create_user_pool_client().user_pool_id(&pool).client_name("app");
    let client =
        client.send().await?.user_pool_client.and_then(|client| client.client_id).context("no id")?;
    let described =
        fixture.client.describe_user_pool_client().user_pool_id(&pool).client_id(&client).send().await?;
    let described = described.user_pool_client.context("no client")?;
    assert_eq!((described.client_name(), described.explicit_auth_flows().len()), (Some("app"), 3));
    let update = fixture.direct_client.update_user_pool().user_pool_id(&pool);
    update.auto_verified_attributes(VerifiedAttributeType::Email).send().await?;
    let seen = describe(&fixture.client, &pool).await?;
    assert_eq!(seen.auto_verified_attributes(), [VerifiedAttributeType::Email]);
    fixture.direct_client.delete_user_pool().user_pool_id(&pool).send().await?;
    let gone = fixture.client.describe_user_pool().user_pool_id(&pool).send().await;
    assert_eq!(error_name(gone), "ResourceNotFoundException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_change_never_reaches_the_emulator() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.create_pool(|pool| pool).await?;
    let create = || fixture.client.create_user_pool_client().user_pool_id(&pool).client_name("app");
    let unknown = create().supported_identity_providers("Corp").send().await;
    assert_eq!(error_name(unknown), INVALID);
    let scope =
        create().allowed_o_auth_flows_user_pool_client(true).allowed_o_auth_flows(OAuthFlowType::Code);
    assert_eq!(
        error_name(scope.allowed_o_auth_scopes("api/read").send().await),
        "ScopeDoesNotExistException"
    );
    let listed = fixture.direct_client.list_user_pool_clients().user_pool_id(&pool).send().await?;
    assert!(listed.user_pool_clients().is_empty());

    let client = create().generate_secret(true).send().await?.user_pool_client.context("no client")?;
    let id = client.client_id().context("no id")?;
    let direct = fixture.direct_client.describe_user_pool_client().user_pool_id(&pool).client_id(id);
    let direct = direct.send().await?.user_pool_client.context("no client")?;
    assert_eq!(client.client_id(), direct.client_id());
    // Cognito makes secrets of letters and digits. If the emulator's is another one, the proxy chooses its own.
    let secret = client.client_secret().context("no secret")?;
    assert!(secret.len() >= 24 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{secret}");

    let mfa = || fixture.client.set_user_pool_mfa_config().user_pool_id(&pool);
    assert_eq!(error_name(mfa().mfa_configuration(UserPoolMfaType::On).send().await), INVALID);
    mfa().send().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_that_the_emulator_lacks_are_answered() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.create_pool(|pool| pool).await?;
    let created =
        fixture.client.create_user_pool_client().user_pool_id(&pool).client_name("app").send().await?;
    let client = created.user_pool_client.and_then(|client| client.client_id).context("no id")?;
    let branding = fixture.client.create_managed_login_branding().user_pool_id(&pool).client_id(&client);
    branding.use_cognito_provided_values(true).send().await?;
    let found =
        fixture.client.describe_managed_login_branding_by_client().user_pool_id(&pool).client_id(&client);
    assert!(found.send().await?.managed_login_branding.context("no style")?.use_cognito_provided_values);
    let log = LogConfigurationType::builder()
        .event_source(EventSourceName::UserAuthEvents)
        .log_level(LogLevel::Info)
        .build()?;
    let logs = fixture.client.set_log_delivery_configuration().user_pool_id(&pool).log_configurations(log);
    assert_eq!(error_name(logs.send().await), "FeatureUnavailableInTierException");

    fixture.client.create_user_pool_domain().user_pool_id(&pool).domain("login").send().await?;
    let logo = Blob::new("picture");
    let style = fixture.client.set_ui_customization().user_pool_id(&pool).image_file(logo).send().await?;
    let url = style.ui_customization.and_then(|style| style.image_url).context("no logo")?;
    let bytes =
        |configurations: &mut local::strict::Configurations| configurations.image(&url).map(<[u8]>::to_vec);
    let served = fixture.strict.with_configurations(&pool, bytes).await.flatten();
    assert_eq!(served.as_deref(), Some(&b"picture"[..]));
    let domain = fixture.client.describe_user_pool_domain().domain("unknown").send().await?;
    assert!(domain.domain_description.and_then(|domain| domain.user_pool_id).is_none());
    Ok(())
}
