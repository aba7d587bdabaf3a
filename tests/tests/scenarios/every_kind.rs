//! Goal: a restore is complete for every sign-in option, and for linked users, SMS codes, existing users and
//! selections.
//!
//! Method: for each case, export a source pool, import into a target pool, and compare both pools.

use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, IdentityProviderTypeType, ProviderUserIdentifierType, SmsConfigurationType,
    SmsMfaConfigType, SmsMfaSettingsType, UserPoolMfaType,
};
use local::comparison::{self, Comparison};
use local::population::{self, FillProgress, SignIn};
use serde_json::{Value, json};
use tests::{World, import_input};

/// A little longer than a second. If a user was created in the second in which an import begins, the import
/// may take the user for one that it created.
const SECOND: Duration = Duration::from_millis(1_100);

fn with(mut input: Value, options: &Value) -> Value {
    input.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    input
}

async fn compare(world: &World, sign_in: SignIn, source: &str, target: &str) -> Result<Comparison> {
    let client = world.stack.cognito();
    let (source, target) =
        (comparison::read(&client, source).await?, comparison::read(&client, target).await?);
    Ok(match sign_in {
        SignIn::Username | SignIn::Alias => comparison::compare(&source, &target),
        _ => comparison::compare(&source.keyed_by_address(), &target.keyed_by_address()),
    })
}

async fn round_trip(sign_in: SignIn) -> Result<()> {
    let world = World::new().await?;
    let client = world.stack.cognito();
    let source = population::create_pool_for(&client, "source", sign_in).await?;
    let target = population::create_pool_for(&client, "target", sign_in).await?;
    let population = population::generate(tests::population_size(), 11).with_sign_in(sign_in);
    population.fill(&client, &source, &FillProgress::default()).await?;
    world.take_snapshot(&source).await?;
    world.stack.recorder.clear();
    let report = world.restore(&source, &target).await?.success()?;
    let users = population.users.len();
    let memberships = report["memberships"]["created"].as_u64().unwrap_or_default() as usize;
    let disabled = population.users.iter().filter(|user| !user.enabled).count();
    let traffic = world.stack.recorder.traffic().cognito();
    let max_calls = 2 * users + memberships + disabled + users.div_ceil(60) + 100;
    assert!(
        traffic.total() <= max_calls,
        "{sign_in:?}: {} of {max_calls}, {:?}",
        traffic.total(),
        traffic.counts()
    );
    assert_eq!(
        world.stack.strict.active_users(&target),
        users,
        "{sign_in:?}: each created user is active once"
    );
    assert_eq!(report["users"]["created"], users, "{sign_in:?}: {report}");
    let verification = json!({"same": users, "different": 0, "missing": 0, "extra": 0});
    assert_eq!(report["verification"], verification, "{sign_in:?}: {report}");
    let comparison = compare(&world, sign_in, &source, &target).await?;
    assert!(comparison.is_clean(), "{sign_in:?}: {comparison:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_aliases_is_restored_completely() -> Result<()> {
    round_trip(SignIn::Alias).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_sign_in_by_email_is_restored_completely() -> Result<()> {
    round_trip(SignIn::Email).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_sign_in_by_phone_is_restored_completely() -> Result<()> {
    round_trip(SignIn::Phone).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_sign_in_by_email_or_phone_is_restored_completely() -> Result<()> {
    round_trip(SignIn::EmailOrPhone).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_sign_in_by_username_is_restored_completely() -> Result<()> {
    round_trip(SignIn::Username).await
}

async fn add_provider(world: &World, pool: &str) -> Result<()> {
    let details = [("client_id", "id"), ("client_secret", "secret"), ("authorize_scopes", "email openid")];
    let request = world.stack.cognito().create_identity_provider().user_pool_id(pool).provider_name("Google");
    let request =
        details.into_iter().fold(request, |request, (name, value)| request.provider_details(name, value));
    request
        .provider_type(IdentityProviderTypeType::Google)
        .attribute_mapping("email", "email")
        .send()
        .await?;
    Ok(())
}

async fn link(world: &World, pool: &str, username: &str, identity: &str) -> Result<()> {
    let destination = ProviderUserIdentifierType::builder()
        .provider_name("Cognito")
        .provider_attribute_value(username)
        .build();
    let source = ProviderUserIdentifierType::builder()
        .provider_name("Google")
        .provider_attribute_name("Cognito_Subject")
        .provider_attribute_value(identity)
        .build();
    let request = world.stack.cognito().admin_link_provider_for_user().user_pool_id(pool);
    request.destination_user(destination).source_user(source).send().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_links_users_to_their_identity_providers() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(8).await?;
    let target = world.empty_pool().await?;
    add_provider(&world, &source).await?;
    add_provider(&world, &target).await?;
    for (number, user) in population.users.iter().take(3).enumerate() {
        link(&world, &source, &user.username, &format!("10{number}")).await?;
    }
    world.take_snapshot(&source).await?;
    let report = world.restore(&source, &target).await?.success()?;
    assert_eq!(report["verification"]["same"], 8, "{report}");
    let restored = comparison::read(&world.stack.cognito(), &target).await?;
    let linked = restored.users.values().filter_map(|user| user.attributes.get("identities")).count();
    assert_eq!(linked, 3);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_turns_on_sms_mfa_if_the_export_captured_it() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(20).await?;
    let target = world.empty_pool().await?;
    let client = world.stack.cognito();
    for pool in [&source, &target] {
        let sms =
            SmsConfigurationType::builder().sns_caller_arn("arn:aws:iam::000000000000:role/sms").build();
        let sms = SmsMfaConfigType::builder().sms_configuration(sms).build();
        let request = client.set_user_pool_mfa_config().user_pool_id(pool.as_str());
        request.sms_mfa_configuration(sms).mfa_configuration(UserPoolMfaType::Optional).send().await?;
    }
    let has_phone = |user: &&population::User| user.attributes.iter().any(|(name, _)| name == "phone_number");
    let with_phone = population.users.iter().find(has_phone).context("no user has a phone number")?;
    let settings = SmsMfaSettingsType::builder().enabled(true).preferred_mfa(true).build();
    let request = client.admin_set_user_mfa_preference().user_pool_id(&source).username(&with_phone.username);
    request.sms_mfa_settings(settings).send().await?;

    world.export(&json!({"userPoolId": source, "tps": 200, "captureMfa": true})).await?.success()?;
    world.restore(&source, &target).await?.success()?;
    let restored =
        client.admin_get_user().user_pool_id(&target).username(&with_phone.username).send().await?;
    assert_eq!(
        (restored.user_mfa_setting_list(), restored.preferred_mfa_setting()),
        (&["SMS_MFA".to_owned()][..], Some("SMS_MFA"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_keeps_or_updates_existing_users_as_asked() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(30).await?;
    world.take_snapshot(&source).await?;
    let client = world.stack.cognito();
    // The pool loses 5 users. 1 user gets another name, and 1 user is disabled.
    for user in &population.users[..5] {
        client.admin_delete_user().user_pool_id(&source).username(&user.username).send().await?;
    }
    let (changed, disabled) =
        (&population.users[5], population.users[6..].iter().find(|user| user.enabled).unwrap());
    let name = AttributeType::builder().name("name").value("Another Name").build()?;
    let request = client.admin_update_user_attributes().user_pool_id(&source).username(&changed.username);
    request.user_attributes(name).send().await?;
    client.admin_disable_user().user_pool_id(&source).username(&disabled.username).send().await?;

    // Restore the damaged pool first, so that the target holds the remaining users.
    let target = world.empty_pool().await?;
    world.take_snapshot(&source).await?;
    let damaged = world.restore(&source, &target).await?.success()?;
    assert_eq!(damaged["users"]["created"], 25);
    let before = first_snapshot(&world, &source).await?;
    let input =
        |options: Value| with(import_input(&source, &target), &with(json!({"snapshot": before}), &options));

    tests::error_message(&world.import(&input(json!({}))).await?, "TargetNotEmpty")?;
    tokio::time::sleep(SECOND).await;
    let skipped = world.import(&input(json!({"existing": "skip"}))).await?.success()?;
    let created_and_updated =
        |report: &Value| ["created", "updated"].map(|count| report["users"][count].as_u64());
    assert_eq!(created_and_updated(&skipped), [Some(5), Some(0)], "{skipped}");
    assert_eq!(skipped["users"]["reasons"], json!({"alreadyInTarget": 2}), "{skipped}");
    tokio::time::sleep(SECOND).await;
    let updated = world.import(&input(json!({"existing": "update"}))).await?.success()?;
    assert_eq!(created_and_updated(&updated), [Some(0), Some(2)], "{updated}");
    assert_eq!(updated["verification"]["same"], 30, "{updated}");
    let user = client.admin_get_user().user_pool_id(&target).username(&disabled.username).send().await?;
    assert!(user.enabled);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_of_a_selected_group_creates_only_its_members() -> Result<()> {
    let world = World::new().await?;
    let (source, population) = world.filled_pool(60).await?;
    let target = world.empty_pool().await?;
    world.take_snapshot(&source).await?;
    let group =
        population.users.iter().find_map(|user| user.groups.first()).context("no user is in a group")?;
    let members: Vec<_> = population.users.iter().filter(|user| user.groups.contains(group)).collect();
    let input = |options: Value| with(import_input(&source, &target), &options);
    let unknown = json!({"select": {"usernames": ["unknown"]}});
    tests::error_message(&world.import(&input(unknown)).await?, "SelectionEmpty")?;
    let report = world.import(&input(json!({"select": {"groups": [group]}}))).await?.success()?;
    assert_eq!(report["users"]["created"], members.len(), "{report}");
    let restored = comparison::read(&world.stack.cognito(), &target).await?;
    let names: std::collections::BTreeSet<_> = restored.users.keys().map(String::as_str).collect();
    assert_eq!(names, members.iter().map(|user| user.username.as_str()).collect());
    let memberships: usize = members.iter().map(|user| user.groups.len()).sum();
    assert_eq!(restored.memberships.len(), memberships);
    Ok(())
}

/// The id of the oldest snapshot of a pool.
async fn first_snapshot(world: &World, pool: &str) -> Result<String> {
    let items = world.items().await?.into_keys();
    let mut ids: Vec<_> = items
        .filter(|(pk, sk)| *pk == format!("POOL#{pool}") && sk.starts_with("SNAP#"))
        .filter_map(|(_, sk)| sk.strip_prefix("SNAP#").map(str::to_owned))
        .collect();
    ids.sort();
    ids.into_iter().next().context("the pool has no snapshot")
}
