//! Creating, changing and linking users.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::types::{
    AliasAttributeType, AttributeDataType, IdentityProviderTypeType, MessageActionType, NumberAttributeConstraintsType,
    ProviderUserIdentifierType, SchemaAttributeType, StringAttributeConstraintsType, UsernameAttributeType,
    UsernameConfigurationType, VerifiedAttributeType,
};

use super::{Front, INVALID, attributes_of, error};

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_as_the_schema_says() -> Result<()> {
    let front = Front::new().await?;
    let declare = |name: &str, kind| SchemaAttributeType::builder().name(name).attribute_data_type(kind);
    let text = StringAttributeConstraintsType::builder().min_length("2").max_length("4").build();
    let range = NumberAttributeConstraintsType::builder().min_value("1").max_value("9").build();
    let pool = front
        .pool(|pool| {
            pool.schema(declare("email", AttributeDataType::String).required(true).mutable(true).build())
                .schema(declare("tenant", AttributeDataType::String).mutable(false).string_attribute_constraints(text).build())
                .schema(declare("score", AttributeDataType::Number).mutable(true).number_attribute_constraints(range).build())
                .schema(declare("member", AttributeDataType::Boolean).mutable(true).build())
        })
        .await?;
    let create = async |attributes: &[(&str, &str)]| {
        let all: Vec<_> = [("email", "a@example.com")].into_iter().chain(attributes.iter().copied()).collect();
        error(front.create(&pool, "anna", &all).send().await)
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
    assert_eq!(error(front.create(&pool, "anna", &[("name", "Anna")]).send().await), INVALID, "the address is required");
    let good = [("custom:tenant", "abc"), ("custom:score", "9"), ("custom:member", "true"), ("name", &"ü".repeat(2_048))];
    assert_eq!(create(&good).await, "none");

    let update = async |name, value| {
        let call = front.client.admin_update_user_attributes().user_pool_id(&pool).username("anna");
        error(call.set_user_attributes(Some(attributes_of(&[(name, value)]))).send().await)
    };
    assert_eq!(update("custom:tenant", "abc").await, INVALID, "immutable");
    assert_eq!(update("custom:unknown", "x").await, INVALID);
    assert_eq!(update("custom:score", "8").await, "none");
    let late = declare("late", AttributeDataType::String).build();
    front.inside.add_custom_attributes().user_pool_id(&pool).custom_attributes(late).send().await?;
    let with_late = front.create(&pool, "bert", &[("email", "b@example.com"), ("custom:late", "x")]).send().await;
    assert_eq!(error(with_late), "none", "an attribute that was added behind the back");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn usernames_have_a_pattern_and_passwords_a_policy() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool(|pool| pool).await?;
    for name in ["anna b", "a\u{200d}b", &"x".repeat(129)] {
        assert_eq!(error(front.create(&pool, name, &[]).send().await), INVALID, "{name}");
    }
    assert_eq!(error(front.create(&pool, "李雷/👍#1", &[]).send().await), "none");
    let long = "Aa1!".repeat(65);
    let create = front.create(&pool, "anna", &[]).temporary_password(&long).send().await;
    assert_eq!(error(create), "InvalidPasswordException", "longer than 256");
    let create = front.create(&pool, "anna", &[]).temporary_password("short").send().await;
    assert_eq!(error(create), "InvalidPasswordException");
    front.create(&pool, "anna", &[]).send().await?;
    let set = |password: &str| front.client.admin_set_user_password().user_pool_id(&pool).username("anna").password(password);
    assert_eq!(error(set(&long).send().await), "InvalidPasswordException");
    assert_eq!(error(set("alllowercase1!").send().await), "InvalidPasswordException");
    assert_eq!(error(set("Correct-Horse-7").send().await), "none");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_by_address_is_named_by_address() -> Result<()> {
    let front = Front::new().await?;
    let by_email = front.pool(|pool| pool.username_attributes(UsernameAttributeType::Email)).await?;
    let by_phone = front.pool(|pool| pool.username_attributes(UsernameAttributeType::PhoneNumber)).await?;
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
        assert_eq!(error(front.create(pool, username, &[]).send().await), expected, "{username}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_belongs_to_one_user() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool(|pool| pool.alias_attributes(AliasAttributeType::Email)).await?;
    let email = |verified| [("email", "a@example.com"), ("email_verified", verified)];
    assert_eq!(error(front.create(&pool, "a@example.com", &[]).send().await), INVALID, "looks like an alias");
    front.create(&pool, "anna", &email("true")).send().await?;
    assert_eq!(error(front.create(&pool, "bert", &email("true")).send().await), "AliasExistsException");
    let stolen = front.create(&pool, "bert", &email("true")).force_alias_creation(true).send().await;
    assert!(stolen.is_err_and(|error| format!("{error:?}").contains("BUG")));
    assert_eq!(error(front.create(&pool, "bert", &email("false")).send().await), "none", "unverified, it is no alias");
    let update = |username: &str| front.client.admin_update_user_attributes().user_pool_id(&pool).username(username);
    let verify = Some(attributes_of(&email("true")));
    assert_eq!(error(update("bert").set_user_attributes(verify.clone()).send().await), "AliasExistsException");
    assert_eq!(error(update("anna").set_user_attributes(verify).send().await), "none", "it is hers");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_are_one_where_the_pool_says_so() -> Result<()> {
    let front = Front::new().await?;
    let case = |sensitive| UsernameConfigurationType::builder().case_sensitive(sensitive).build().unwrap();
    for (sensitive, expected) in [(false, "UsernameExistsException"), (true, "none")] {
        let pool = front.pool(|pool| pool.username_configuration(case(sensitive))).await?;
        front.create(&pool, "anna", &[]).send().await?;
        assert_eq!(error(front.create(&pool, "Anna", &[]).send().await), expected);
    }
    let email = UsernameAttributeType::Email;
    let pool = front.pool(|pool| pool.username_attributes(email).username_configuration(case(false))).await?;
    front.create(&pool, "a@example.com", &[]).send().await?;
    assert_eq!(error(front.create(&pool, "A@Example.com", &[]).send().await), "UsernameExistsException");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_active_users_are_counted() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool(|pool| pool.auto_verified_attributes(VerifiedAttributeType::Email)).await?;
    front.create(&pool, "anna", &[]).send().await?;
    front.client.list_users().user_pool_id(&pool).send().await?;
    assert_eq!((front.strict.messages(&pool), front.strict.active_users(&pool)), (0, 1));
    front.client.admin_create_user().user_pool_id(&pool).username("bert").send().await?;
    assert_eq!((front.strict.messages(&pool), front.strict.active_users(&pool)), (1, 2));
    front.create(&pool, "bert", &[]).message_action(MessageActionType::Resend).send().await?;
    front.client.admin_reset_user_password().user_pool_id(&pool).username("anna").send().await?;
    assert_eq!((front.strict.messages(&pool), front.strict.active_users(&pool)), (3, 2));
    let update = |attributes: &[(&str, &str)]| {
        let call = front.client.admin_update_user_attributes().user_pool_id(&pool).username("anna");
        call.set_user_attributes(Some(attributes_of(attributes))).send()
    };
    update(&[("email", "a@example.com"), ("email_verified", "true")]).await?;
    assert_eq!(front.strict.messages(&pool), 3);
    update(&[("email", "a2@example.com")]).await?;
    assert_eq!(front.strict.messages(&pool), 4, "a code to verify the new address");

    let other = front.pool_of(0).await?;
    front.inside.admin_create_user().user_pool_id(&other).username("carl").send().await?;
    front.client.list_users().user_pool_id(&other).send().await?;
    assert_eq!(front.strict.active_users(&other), 0, "a listing makes nobody active");
    front.client.admin_get_user().user_pool_id(&other).username("carl").send().await?;
    assert_eq!((front.strict.messages(&other), front.strict.active_users(&other)), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_linked_within_limits_and_their_names_left_alone() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool_of(1).await?;
    let link = |provider: &str, id: &str| {
        let user = |provider: &str, value: &str| {
            ProviderUserIdentifierType::builder().provider_name(provider).provider_attribute_value(value)
        };
        let source = user(provider, id).provider_attribute_name("Cognito_Subject").build();
        let call = front.client.admin_link_provider_for_user().user_pool_id(&pool);
        call.destination_user(user("Cognito", "u000").build()).source_user(source).send()
    };
    assert_eq!(error(link("Okta", "1").await), "ResourceNotFoundException");
    assert_eq!(error(front.create(&pool, "Okta_1", &[]).send().await), "none", "no such provider yet");
    let provider = front.inside.create_identity_provider().user_pool_id(&pool).provider_name("Okta");
    let provider = provider.provider_type(IdentityProviderTypeType::Oidc);
    provider.set_provider_details(Some(std::collections::HashMap::new())).send().await?;
    assert_eq!(error(front.create(&pool, "Okta_2", &[]).send().await), INVALID);
    front.strict.change_settings(|settings| settings.max_identities_per_user = 2);
    for (id, expected) in [("11", "none"), ("12", "none"), ("13", "LimitExceededException"), ("12", "none")] {
        assert_eq!(error(link("Okta", id).await), expected, "{id}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn many_creations_at_once_all_succeed() -> Result<()> {
    let front = Front::new().await?;
    let pool = front.pool(|pool| pool.username_attributes(UsernameAttributeType::Email)).await?;
    let calls: Vec<_> =
        (0..60).map(|number| tokio::spawn(front.create(&pool, &format!("u{number}@example.com"), &[]).send())).collect();
    for call in calls {
        assert_eq!(error(call.await?), "none");
    }
    assert!(front.strict.refusals().is_empty());
    Ok(())
}
