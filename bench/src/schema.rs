//! The schema of the bench's pools, and the columns of the CSV files for their import jobs.

use shared::model::PoolDescription;

/// The custom attributes of every user, without `custom:`.
const CUSTOM_ATTRIBUTES: [&str; 2] = ["department", "note"];
/// The columns of a CSV file that are not attributes.
/// Source: "Importing users into user pools from a CSV file", Amazon Cognito developer guide.
const COGNITO_COLUMNS: [&str; 2] = ["cognito:mfa_enabled", "cognito:username"];

/// A pool that verifies e-mail addresses by itself. All other settings have their defaults.
pub fn describe(estimated_users: u64) -> PoolDescription {
    PoolDescription {
        auto_verified_attributes: vec!["email".to_owned()],
        estimated_users,
        ..PoolDescription::with_defaults(&CUSTOM_ATTRIBUTES)
    }
}

/// The columns of a CSV file, in their order.
pub fn csv_header() -> Vec<String> {
    let attributes = PoolDescription::with_defaults(&CUSTOM_ATTRIBUTES)
        .attributes
        .into_keys()
        .filter(|name| name != "sub");
    attributes.chain(COGNITO_COLUMNS.map(str::to_owned)).collect()
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
