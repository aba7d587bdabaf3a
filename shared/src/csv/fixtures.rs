//! For tests: a header, a pool and a user, and a reader that follows the documented rules.

use std::collections::BTreeMap;

use super::header::{Header, USERNAME};
use super::read;
use crate::model::{AttributeSchema, DataType, MfaSetting, PasswordPolicy, PoolDescription, UserRecord};

/// Reads a whole body: rows by column name. Panics if the rules do not allow it.
pub fn read_file(body: &[u8]) -> Vec<BTreeMap<String, String>> {
    read::read(body).unwrap()
}

/// Reads one row: values by column name.
pub fn named(columns: &[String], row: &str) -> BTreeMap<String, String> {
    read::named(columns, row).unwrap()
}

/// The columns of the sample response of get-csv-header in the developer guide, and `more` columns.
pub fn names(more: &[&str]) -> Vec<String> {
    let documented = "name,given_name,family_name,middle_name,nickname,preferred_username,profile,picture,website,email,\
        email_verified,gender,birthdate,zoneinfo,locale,phone_number,phone_number_verified,address,updated_at,\
        cognito:mfa_enabled,cognito:username";
    documented.split(',').chain(more.iter().copied()).map(str::to_owned).collect()
}

pub fn header(more: &[&str]) -> Header {
    Header::parse(names(more)).unwrap()
}

pub fn schema(data_type: DataType, required: bool) -> AttributeSchema {
    AttributeSchema { data_type, mutable: true, required, minimum: None, maximum: None }
}

/// A pool that verifies e-mail addresses.
pub fn pool() -> PoolDescription {
    let attributes = [
        ("sub", schema(DataType::String, true)),
        ("email", schema(DataType::String, false)),
        ("email_verified", schema(DataType::Boolean, false)),
        ("custom:tier", schema(DataType::String, false)),
        ("custom:count", schema(DataType::Number, false)),
        ("custom:flag", schema(DataType::Boolean, false)),
        ("custom:when", schema(DataType::DateTime, false)),
    ];
    PoolDescription {
        name: "people".into(),
        username_attributes: Vec::new(),
        alias_attributes: Vec::new(),
        auto_verified_attributes: vec!["email".into()],
        case_sensitive: false,
        mfa: MfaSetting::Off,
        account_recovery: None,
        attributes: attributes.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect(),
        password_policy: PasswordPolicy { minimum_length: 8 },
        estimated_users: 0,
        tag: None,
    }
}

/// Anna, with a verified e-mail address and `more`.
pub fn anna(more: &[(&str, &str)]) -> UserRecord {
    let verified = [("email", "anna@example.com"), ("email_verified", "true")];
    let attributes: BTreeMap<_, _> = verified.iter().chain(more).copied().collect();
    let record = serde_json::json!({ "username": "anna", "attributes": attributes, "enabled": true, "status": "CONFIRMED" });
    serde_json::from_value(record).unwrap()
}

/// The value that a row must have in the column `name`. It is empty if the user lacks the
/// attribute.
pub fn expected(name: &str, sign_in_name: &str, user: &UserRecord) -> String {
    let value = user.attributes.get(name).map_or("", String::as_str);
    match name {
        USERNAME => sign_in_name.to_owned(),
        "birthdate" if !value.is_empty() => format!("{}/{}/{}", &value[5..7], &value[8..], &value[..4]),
        "email_verified" | "phone_number_verified" | "custom:flag" => value.to_lowercase(),
        _ => value.to_owned(),
    }
}
