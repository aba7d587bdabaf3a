//! The schema of the bench's pools, and the columns of the CSV files for their import jobs.

use std::collections::BTreeMap;

use shared::model::{AttributeSchema, PasswordPolicy, PoolDescription};

/// Cognito's standard attributes except `sub`.
/// Source: "Working with user attributes", Amazon Cognito developer guide.
const STANDARD_ATTRIBUTES: [&str; 19] = [
    "address",
    "birthdate",
    "email",
    "email_verified",
    "family_name",
    "gender",
    "given_name",
    "locale",
    "middle_name",
    "name",
    "nickname",
    "phone_number",
    "phone_number_verified",
    "picture",
    "preferred_username",
    "profile",
    "updated_at",
    "website",
    "zoneinfo",
];
/// The custom attributes of every user.
const CUSTOM_ATTRIBUTES: [&str; 2] = ["custom:department", "custom:note"];
/// The columns of a CSV file that are not attributes.
/// Source: "Importing users into user pools from a CSV file", Amazon Cognito developer guide.
const COGNITO_COLUMNS: [&str; 2] = ["cognito:mfa_enabled", "cognito:username"];

/// A pool whose users sign in with their usernames. It has no MFA, and verifies e-mail addresses by itself.
pub fn describe(estimated_users: u64) -> PoolDescription {
    PoolDescription {
        name: "bench".to_owned(),
        username_attributes: Vec::new(),
        alias_attributes: Vec::new(),
        auto_verified_attributes: vec!["email".to_owned()],
        case_sensitive: false,
        mfa: "OFF".to_owned(),
        attributes: attributes(),
        password_policy: PasswordPolicy { minimum_length: 8 },
        estimated_users,
    }
}

/// The columns of a CSV file, in their order.
pub fn csv_header() -> Vec<String> {
    let attributes = attributes().into_keys().filter(|name| name != "sub");
    attributes.chain(COGNITO_COLUMNS.map(str::to_owned)).collect()
}

fn attributes() -> BTreeMap<String, AttributeSchema> {
    let text = |is_sub: bool| AttributeSchema {
        data_type: "String".to_owned(),
        mutable: !is_sub,
        required: is_sub,
        minimum: Some("0".to_owned()),
        maximum: Some("2048".to_owned()),
    };
    let names = STANDARD_ATTRIBUTES.iter().chain(&CUSTOM_ATTRIBUTES);
    let mut attributes: BTreeMap<_, _> = names.map(|&name| (name.to_owned(), text(false))).collect();
    attributes.insert("sub".to_owned(), text(true));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::Population;

    #[test]
    fn the_schema_and_the_csv_header_have_every_attribute_of_a_user() {
        let (description, header) = (describe(1), csv_header());
        let user = Population { users: 1, groups: 0, seed: 1 }.record(0, 0);
        for attribute in user.attributes.keys() {
            assert!(description.attributes.contains_key(attribute), "{attribute}");
            assert!(header.contains(attribute), "{attribute}");
        }
        assert!(!header.contains(&"sub".to_owned()));
    }
}
