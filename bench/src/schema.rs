//! The schema of the bench's pools, and the columns of the CSV files for their import jobs.

use shared::model::PoolDescription;

use crate::population::People;

/// The columns of a CSV file that are not attributes.
/// Source: "Importing users into user pools from a CSV file", Amazon Cognito developer guide.
const COGNITO_COLUMNS: [&str; 2] = ["cognito:mfa_enabled", "cognito:username"];

/// A pool that verifies e-mail addresses by itself. All other settings have their defaults.
pub fn describe(people: People, estimated_users: u64) -> PoolDescription {
    PoolDescription {
        auto_verified_attributes: vec!["email".to_owned()],
        estimated_users,
        ..with_custom_attributes(people)
    }
}

/// The columns of a CSV file, in their order.
pub fn csv_header(people: People) -> Vec<String> {
    let attributes = with_custom_attributes(people).attributes.into_keys().filter(|name| name != "sub");
    attributes.chain(COGNITO_COLUMNS.map(str::to_owned)).collect()
}

fn with_custom_attributes(people: People) -> PoolDescription {
    let names = people.custom_attributes();
    PoolDescription::with_defaults(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::Population;

    #[test]
    fn the_schema_and_the_csv_header_have_every_attribute_of_a_user() {
        for people in [People::Ordinary, People::Large, People::Largest] {
            let (description, header) = (describe(people, 1), csv_header(people));
            let user = Population { users: 1, groups: 0, seed: 1, people }.record(0, 0);
            for attribute in user.attributes.keys() {
                assert!(description.attributes.contains_key(attribute), "{attribute}");
                assert!(header.contains(attribute), "{attribute}");
            }
            assert_eq!(description.objection(user.restorable_attributes()), None);
            assert!(!header.contains(&"sub".to_owned()));
        }
    }
}
