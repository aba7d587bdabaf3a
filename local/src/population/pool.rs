//! Pools with the attributes and sign-in options that a population needs.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AliasAttributeType, AttributeDataType, NumberAttributeConstraintsType, PasswordPolicyType,
    SchemaAttributeType, StringAttributeConstraintsType, UserPoolPolicyType, UsernameAttributeType,
    VerifiedAttributeType,
};

use super::LargeUsers;

/// The sign-in option of a pool: what its users sign in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// A username.
    Username,
    /// A username, or as an alias a verified e-mail address, a verified phone number or a preferred username.
    Alias,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// An e-mail address or a phone number.
    EmailOrPhone,
}

impl SignIn {
    /// All sign-in options.
    pub const ALL: [Self; 5] = [Self::Username, Self::Alias, Self::Email, Self::Phone, Self::EmailOrPhone];
}

/// Creates a pool for [`generate_large`](super::generate_large): users sign in with a username, and 50 custom attributes
/// take long texts.
///
/// # Errors
/// If Cognito refuses to create the pool.
pub async fn create_pool_for_large_users(client: &Client, name: &str) -> Result<String> {
    let texts = (0..LargeUsers::ATTRIBUTES).map(|number| text(&format!("text{number:02}"), 2_048, true));
    let created = client
        .create_user_pool()
        .pool_name(name)
        .set_schema(Some(texts.collect()))
        .send()
        .await
        .context("cannot create a user pool")?;
    created.user_pool.and_then(|pool| pool.id).context("the new user pool has no id")
}

/// Creates a pool whose users sign in with a username. Returns the pool's id.
///
/// The pool has the custom attributes of a population: `tenant` (immutable text), `plan`, `notes` and
/// `biography` (text), `score` (number) and `newsletter` (boolean). Passwords need 16 characters of all
/// classes.
///
/// # Errors
/// If Cognito refuses to create the pool.
pub async fn create_pool(client: &Client, name: &str) -> Result<String> {
    create_pool_for(client, name, SignIn::Username).await
}

/// Like [`create_pool`], with another sign-in option.
///
/// # Errors
/// If Cognito refuses to create the pool.
pub async fn create_pool_for(client: &Client, name: &str, sign_in: SignIn) -> Result<String> {
    create(client, name, sign_in, None).await
}

/// Like [`create_pool_for`], with automatic verification of e-mail addresses and phone numbers. Import jobs
/// need this.
///
/// # Errors
/// If Cognito refuses to create the pool.
pub async fn create_pool_for_jobs(client: &Client, name: &str, sign_in: SignIn) -> Result<String> {
    create(
        client,
        name,
        sign_in,
        Some(vec![VerifiedAttributeType::Email, VerifiedAttributeType::PhoneNumber]),
    )
    .await
}

async fn create(
    client: &Client,
    name: &str,
    sign_in: SignIn,
    verified: Option<Vec<VerifiedAttributeType>>,
) -> Result<String> {
    let (usernames, aliases) = match sign_in {
        SignIn::Username => (None, None),
        SignIn::Alias => {
            let aliases = [
                AliasAttributeType::Email,
                AliasAttributeType::PhoneNumber,
                AliasAttributeType::PreferredUsername,
            ];
            (None, Some(aliases.to_vec()))
        }
        SignIn::Email => (Some(vec![UsernameAttributeType::Email]), None),
        SignIn::Phone => (Some(vec![UsernameAttributeType::PhoneNumber]), None),
        SignIn::EmailOrPhone => {
            (Some(vec![UsernameAttributeType::Email, UsernameAttributeType::PhoneNumber]), None)
        }
    };
    let password = PasswordPolicyType::builder()
        .minimum_length(16)
        .require_lowercase(true)
        .require_uppercase(true)
        .require_numbers(true)
        .require_symbols(true)
        .temporary_password_validity_days(7)
        .build();
    let created = client
        .create_user_pool()
        .pool_name(name)
        .set_username_attributes(usernames)
        .set_alias_attributes(aliases)
        .set_auto_verified_attributes(verified)
        .policies(UserPoolPolicyType::builder().password_policy(password).build())
        .schema(text("tenant", 64, false))
        .schema(text("plan", 64, true))
        .schema(text("notes", 2_048, true))
        .schema(text("biography", 2_048, true))
        .schema(number("score"))
        .schema(attribute("newsletter", AttributeDataType::Boolean, true).build())
        .send()
        .await
        .context("cannot create a user pool")?;
    created.user_pool.and_then(|pool| pool.id).context("the new user pool has no id")
}

fn attribute(
    name: &str,
    kind: AttributeDataType,
    mutable: bool,
) -> aws_sdk_cognitoidentityprovider::types::builders::SchemaAttributeTypeBuilder {
    SchemaAttributeType::builder().name(name).attribute_data_type(kind).mutable(mutable)
}

fn text(name: &str, max_length: usize, mutable: bool) -> SchemaAttributeType {
    let length = StringAttributeConstraintsType::builder().min_length("0").max_length(max_length.to_string());
    attribute(name, AttributeDataType::String, mutable).string_attribute_constraints(length.build()).build()
}

fn number(name: &str) -> SchemaAttributeType {
    let range = NumberAttributeConstraintsType::builder().min_value("-1000000").max_value("1000000");
    attribute(name, AttributeDataType::Number, true).number_attribute_constraints(range.build()).build()
}
