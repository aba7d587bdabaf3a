//! A pool that can hold the people.

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeDataType, NumberAttributeConstraintsType, PasswordPolicyType, SchemaAttributeType, StringAttributeConstraintsType,
    UserPoolPolicyType,
};

/// Creates a pool with the custom attributes of the people: `tenant` (immutable), `plan`, `notes` and `profile` (text),
/// `score` (a number) and `newsletter` (a boolean). Sign-in is by username; the password policy is strict. Returns the
/// pool's id.
///
/// # Errors
/// When the pool cannot be created.
pub async fn create_pool(client: &Client, name: &str) -> Result<String> {
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
        .policies(UserPoolPolicyType::builder().password_policy(password).build())
        .schema(text("tenant", 64, false))
        .schema(text("plan", 64, true))
        .schema(text("notes", 2_048, true))
        .schema(text("profile", 2_048, true))
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
