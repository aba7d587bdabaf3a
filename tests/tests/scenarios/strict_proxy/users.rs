//! Goal: the strict proxy checks the creation, change and linking of users, and counts messages and active
//! users.
//!
//! Method: call the proxy with valid and invalid input, and compare the error of each call.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::types::{
    AliasAttributeType, AttributeDataType, IdentityProviderTypeType, MessageActionType,
    NumberAttributeConstraintsType, ProviderUserIdentifierType, SchemaAttributeType,
    StringAttributeConstraintsType, UsernameAttributeType, UsernameConfigurationType, VerifiedAttributeType,
};

use super::{Fixture, INVALID, attributes_of, error_name};

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_must_follow_the_schema_of_the_pool() -> Result<()> {
    let fixture = Fixture::new().await?;
    let declare = |name: &str, kind| SchemaAttributeType::builder().name(name).attribute_data_type(kind);
    let text = StringAttributeConstraintsType::builder().min_length("2").max_length("4").build();
    let range = NumberAttributeConstraintsType::builder().min_value("1").max_value("9").build();
    let pool = fixture
        .create_pool(|pool| {
            let email = declare("email", AttributeDataType::String).required(true).mutable(true);
            let tenant = declare("tenant", AttributeDataType::String).string_attribute_constraints(text);
            let score = declare("score", AttributeDataType::Number).number_attribute_constraints(range);
            pool.schema(email.build())
                .schema(tenant.mutable(false).build())
                .schema(score.mutable(true).build())
                .schema(declare("member", AttributeDataType::Boolean).mutable(true).build())
        })
        .await?;
    let create = async |attributes: &[(&str, &str)]| {
        let all: Vec<_> =
            [("email", "a@example.com")].into_iter().chain(attributes.iter().copied()).collect();
        error_name(fixture.create_user(&pool, "anna", &all).send().await)
    };
    let refused = [
        ("custom:unknown", "x"),
        ("shoe_size", "44"),
        ("sub", "0b1c2d3e-0000-4000-8000-000000000001"),
        ("identities", "[]"),
        ("custom:tenant", "a"),
        ("custom:tenant", "abcde"),
        ("custom:score", "10"),
        ("custom:score", "many"),
        ("custom:member", "yes"),
        ("phone_number", "030 123456"),
        ("birthdate", "1.2.1985"),
    ];
    for attribute in refused {
        assert_eq!(create(&[attribute]).await, INVALID, "{attribute:?}");
    }
    assert_eq!(create(&[("name", &"ü".repeat(2_049))]).await, INVALID);
    let without_email = fixture.create_user(&pool, "anna", &[("name", "Anna")]).send().await;
    assert_eq!(error_name(without_email), INVALID, "the e-mail address is required");
    let long_name = "ü".repeat(2_048);
    let valid =
        [("custom:tenant", "abc"), ("custom:score", "9"), ("custom:member", "true"), ("name", &long_name)];
    assert_eq!(create(&valid).await, "none");

    let update = async |name, value| {
        let call = fixture.client.admin_update_user_attributes().user_pool_id(&pool).username("anna");
        error_name(call.set_user_attributes(Some(attributes_of(&[(name, value)]))).send().await)
    };
    assert_eq!(update("custom:tenant", "abc").await, INVALID, "immutable");
    assert_eq!(update("custom:unknown", "x").await, INVALID);
    assert_eq!(update("custom:score", "8").await, "none");
    let late = declare("late", AttributeDataType::String).build();
    fixture.direct_client.add_custom_attributes().user_pool_id(&pool).custom_attributes(late).send().await?;
    let with_late =
        fixture.create_user(&pool, "bert", &[("email", "b@example.com"), ("custom:late", "x")]).send().await;
    assert_eq!(error_name(with_late), "none", "a test added the attribute without the proxy");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_must_follow_the_pattern_and_a_password_the_policy() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.create_pool(|pool| pool).await?;
    for name in ["anna b", "a\u{200d}b", &"x".repeat(129)] {
        assert_eq!(error_name(fixture.create_user(&pool, name, &[]).send().await), INVALID, "{name}");
    }
    assert_eq!(error_name(fixture.create_user(&pool, "李雷/👍#1", &[]).send().await), "none");
    let long = "Aa1!".repeat(65);
    let create = fixture.create_user(&pool, "anna", &[]).temporary_password(&long).send().await;
    assert_eq!(error_name(create), "InvalidPasswordException", "longer than 256 characters");
    let create = fixture.create_user(&pool, "anna", &[]).temporary_password("short").send().await;
    assert_eq!(error_name(create), "InvalidPasswordException");
    fixture.create_user(&pool, "anna", &[]).send().await?;
    let set = |password: &str| {
        fixture.client.admin_set_user_password().user_pool_id(&pool).username("anna").password(password)
    };
    assert_eq!(error_name(set(&long).send().await), "InvalidPasswordException");
    assert_eq!(error_name(set("alllowercase1!").send().await), "InvalidPasswordException");
    assert_eq!(error_name(set("Correct-Horse-7").send().await), "none");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_username_must_be_an_address_if_users_sign_in_by_address() -> Result<()> {
    let fixture = Fixture::new().await?;
    let by_email = fixture.create_pool(|pool| pool.username_attributes(UsernameAttributeType::Email)).await?;
    let by_phone =
        fixture.create_pool(|pool| pool.username_attributes(UsernameAttributeType::PhoneNumber)).await?;
    let uuid = "0b1c2d3e-0000-4000-8000-000000000001";
    let cases = [
        (&by_email, "a@example.com", "none"),
        (&by_email, "a@example.com", "UsernameExistsException"),
        (&by_email, "anna", INVALID),
        (&by_email, uuid, INVALID),
        (&by_email, "+4930123456", INVALID),
        (&by_phone, "+4930123456", "none"),
        (&by_phone, "+12345678901234567", INVALID),
        (&by_phone, uuid, INVALID),
    ];
    for (pool, username, expected) in cases {
        assert_eq!(error_name(fixture.create_user(pool, username, &[]).send().await), expected, "{username}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_belongs_to_one_user() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.create_pool(|pool| pool.alias_attributes(AliasAttributeType::Email)).await?;
    let email = |verified| [("email", "a@example.com"), ("email_verified", verified)];
    let like_alias = fixture.create_user(&pool, "a@example.com", &[]).send().await;
    assert_eq!(error_name(like_alias), INVALID, "the username looks like an alias");
    fixture.create_user(&pool, "anna", &email("true")).send().await?;
    assert_eq!(
        error_name(fixture.create_user(&pool, "bert", &email("true")).send().await),
        "AliasExistsException"
    );
    let stolen = fixture.create_user(&pool, "bert", &email("true")).force_alias_creation(true).send().await;
    assert!(stolen.is_err_and(|error| format!("{error:?}").contains("BUG")));
    let unverified = fixture.create_user(&pool, "bert", &email("false")).send().await;
    assert_eq!(error_name(unverified), "none", "an unverified address is no alias");
    let update =
        |username: &str| fixture.client.admin_update_user_attributes().user_pool_id(&pool).username(username);
    let verify = Some(attributes_of(&email("true")));
    assert_eq!(
        error_name(update("bert").set_user_attributes(verify.clone()).send().await),
        "AliasExistsException"
    );
    let update_owner = update("anna").set_user_attributes(verify).send().await;
    assert_eq!(error_name(update_owner), "none", "the alias belongs to this user");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn usernames_that_differ_in_case_are_equal_in_a_case_insensitive_pool() -> Result<()> {
    let fixture = Fixture::new().await?;
    let case = |sensitive| UsernameConfigurationType::builder().case_sensitive(sensitive).build().unwrap();
    for (sensitive, expected) in [(false, "UsernameExistsException"), (true, "none")] {
        let pool = fixture.create_pool(|pool| pool.username_configuration(case(sensitive))).await?;
        fixture.create_user(&pool, "anna", &[]).send().await?;
        assert_eq!(error_name(fixture.create_user(&pool, "Anna", &[]).send().await), expected);
    }
    let email = UsernameAttributeType::Email;
    let pool = fixture
        .create_pool(|pool| pool.username_attributes(email).username_configuration(case(false)))
        .await?;
    fixture.create_user(&pool, "a@example.com", &[]).send().await?;
    let in_capitals = fixture.create_user(&pool, "A@Example.com", &[]).send().await;
    assert_eq!(error_name(in_capitals), "UsernameExistsException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_active_users_are_counted() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool =
        fixture.create_pool(|pool| pool.auto_verified_attributes(VerifiedAttributeType::Email)).await?;
    fixture.create_user(&pool, "anna", &[]).send().await?;
    fixture.client.list_users().user_pool_id(&pool).send().await?;
    assert_eq!((fixture.strict.messages(&pool), fixture.strict.active_users(&pool)), (0, 1));
    fixture.client.admin_create_user().user_pool_id(&pool).username("bert").send().await?;
    assert_eq!((fixture.strict.messages(&pool), fixture.strict.active_users(&pool)), (1, 2));
    fixture.create_user(&pool, "bert", &[]).message_action(MessageActionType::Resend).send().await?;
    fixture.client.admin_reset_user_password().user_pool_id(&pool).username("anna").send().await?;
    assert_eq!((fixture.strict.messages(&pool), fixture.strict.active_users(&pool)), (3, 2));
    let update = |attributes: &[(&str, &str)]| {
        let call = fixture.client.admin_update_user_attributes().user_pool_id(&pool).username("anna");
        call.set_user_attributes(Some(attributes_of(attributes))).send()
    };
    update(&[("email", "a@example.com"), ("email_verified", "true")]).await?;
    assert_eq!(fixture.strict.messages(&pool), 3);
    update(&[("email", "a2@example.com")]).await?;
    assert_eq!(fixture.strict.messages(&pool), 4, "a code to verify the new address");

    let other = fixture.pool_with_users(0).await?;
    fixture.direct_client.admin_create_user().user_pool_id(&other).username("carl").send().await?;
    fixture.client.list_users().user_pool_id(&other).send().await?;
    assert_eq!(fixture.strict.active_users(&other), 0, "a listing makes no user active");
    fixture.client.admin_get_user().user_pool_id(&other).username("carl").send().await?;
    assert_eq!((fixture.strict.messages(&other), fixture.strict.active_users(&other)), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_identities_have_a_limit_and_their_usernames_are_refused() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.pool_with_users(1).await?;
    let link = |provider: &str, id: &str| {
        let user = |provider: &str, value: &str| {
            ProviderUserIdentifierType::builder().provider_name(provider).provider_attribute_value(value)
        };
        let source = user(provider, id).provider_attribute_name("Cognito_Subject").build();
        let call = fixture.client.admin_link_provider_for_user().user_pool_id(&pool);
        call.destination_user(user("Cognito", "u000").build()).source_user(source).send()
    };
    assert_eq!(error_name(link("Okta", "1").await), "ResourceNotFoundException");
    let without_provider = fixture.create_user(&pool, "Okta_1", &[]).send().await;
    assert_eq!(error_name(without_provider), "none", "the provider does not exist yet");
    let provider = fixture.direct_client.create_identity_provider().user_pool_id(&pool).provider_name("Okta");
    let provider = provider.provider_type(IdentityProviderTypeType::Oidc);
    provider.set_provider_details(Some(std::collections::HashMap::new())).send().await?;
    assert_eq!(error_name(fixture.create_user(&pool, "Okta_2", &[]).send().await), INVALID);
    fixture.strict.change_settings(|settings| settings.max_identities_per_user = 2);
    for (id, expected) in [("11", "none"), ("12", "none"), ("13", "LimitExceededException"), ("12", "none")] {
        assert_eq!(error_name(link("Okta", id).await), expected, "{id}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creations_of_users_all_succeed() -> Result<()> {
    let fixture = Fixture::new().await?;
    let pool = fixture.create_pool(|pool| pool.username_attributes(UsernameAttributeType::Email)).await?;
    let create =
        |number| tokio::spawn(fixture.create_user(&pool, &format!("u{number}@example.com"), &[]).send());
    let calls: Vec<_> = (0..60).map(create).collect();
    for call in calls {
        assert_eq!(error_name(call.await?), "none");
    }
    assert!(fixture.strict.refusals().is_empty());
    Ok(())
}
