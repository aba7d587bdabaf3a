//! A pool that can hold the people.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AliasAttributeType, AttributeDataType, NumberAttributeConstraintsType, PasswordPolicyType, SchemaAttributeType,
    StringAttributeConstraintsType, UserPoolPolicyType, UsernameAttributeType, VerifiedAttributeType,
};

/// What people sign in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// A username.
    Username,
    /// A username, or a verified e-mail address or phone number, or the preferred username.
    Alias,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// Either.
    EmailOrPhone,
}

impl SignIn {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Username, Self::Alias, Self::Email, Self::Phone, Self::EmailOrPhone];
}

/// Creates a pool with the custom attributes of the people: `tenant` (immutable), `plan`, `notes` and `biography` (text),
/// `score` (a number) and `newsletter` (a boolean). Sign-in is by username; the password policy is strict. Returns the
/// pool's id.
///
/// # Errors
/// When the pool cannot be created.
pub async fn create_pool(client: &Client, name: &str) -> Result<String> {
    create_pool_for(client, name, SignIn::Username).await
}

/// As [`create_pool`], for people who sign in with something else.
///
/// # Errors
/// When the pool cannot be created.
pub async fn create_pool_for(client: &Client, name: &str, sign_in: SignIn) -> Result<String> {
    create(client, name, sign_in, None).await
}

/// As [`create_pool_for`], of a pool that verifies e-mail addresses and phone numbers by itself, and so starts import jobs.
///
/// # Errors
/// When the pool cannot be created.
pub async fn create_pool_for_jobs(client: &Client, name: &str, sign_in: SignIn) -> Result<String> {
    create(client, name, sign_in, Some(vec![VerifiedAttributeType::Email, VerifiedAttributeType::PhoneNumber])).await
}

async fn create(client: &Client, name: &str, sign_in: SignIn, verified: Option<Vec<VerifiedAttributeType>>) -> Result<String> {
    let (usernames, aliases) = match sign_in {
        SignIn::Username => (None, None),
        SignIn::Alias => {
            let aliases = [AliasAttributeType::Email, AliasAttributeType::PhoneNumber, AliasAttributeType::PreferredUsername];
            (None, Some(aliases.to_vec()))
        }
        SignIn::Email => (Some(vec![UsernameAttributeType::Email]), None),
        SignIn::Phone => (Some(vec![UsernameAttributeType::PhoneNumber]), None),
        SignIn::EmailOrPhone => (Some(vec![UsernameAttributeType::Email, UsernameAttributeType::PhoneNumber]), None),
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

fn text(name: &str, most: usize, mutable: bool) -> SchemaAttributeType {
    let length = StringAttributeConstraintsType::builder().min_length("0").max_length(most.to_string());
    attribute(name, AttributeDataType::String, mutable).string_attribute_constraints(length.build()).build()
}

fn number(name: &str) -> SchemaAttributeType {
    let range = NumberAttributeConstraintsType::builder().min_value("-1000000").max_value("1000000");
    attribute(name, AttributeDataType::Number, true).number_attribute_constraints(range.build()).build()
}
