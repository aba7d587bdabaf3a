//! The names that people sign in with, as a pool takes them.

use crate::model::{PoolDescription, TargetSettings, UserRecord, UserStatus};

use super::index::Short;

/// How people sign in to a pool.
#[derive(Debug)]
pub struct SignIn {
    settings: TargetSettings,
    case_sensitive: bool,
}

impl SignIn {
    /// How people sign in to `pool`.
    pub fn to(pool: &PoolDescription) -> Self {
        Self { settings: TargetSettings::of(pool), case_sensitive: pool.case_sensitive }
    }

    /// The attributes that people sign in with; none where it is the username.
    pub fn attributes(&self) -> &[String] {
        &self.settings.username_attributes
    }

    /// The names under which a user of a snapshot would be in the pool.
    pub fn names_of(&self, record: &UserRecord) -> Vec<Short> {
        match record.status {
            // One more user, and no native one: an address that both have is the native user's name.
            UserStatus::ExternalProvider => vec![self.short(record.username.as_str())],
            _ => self.addresses_of(record),
        }
    }

    /// The names of a user of the pool, most telling first.
    pub fn names_in_pool(&self, record: &UserRecord) -> Vec<Short> {
        // The status of a federated user may have changed, the username never does.
        let mut names = vec![self.short(record.username.as_str())];
        if record.status != UserStatus::ExternalProvider {
            names.extend(self.addresses_of(record));
        }
        names
    }

    /// What a native user signs in with, what a restore would create it under first.
    fn addresses_of(&self, record: &UserRecord) -> Vec<Short> {
        let first = self.settings.sign_in_name(record).map(|name| self.short(name.as_str()));
        let values = self.attributes().iter().filter_map(|name| record.attributes.get(name));
        let others = values.filter(|value| !value.is_empty()).map(|value| self.short(value));
        first.into_iter().chain(others).collect()
    }

    fn short(&self, name: &str) -> Short {
        match self.case_sensitive {
            true => Short::of_name(name),
            false => Short::of_name(&name.to_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Username;

    fn user(username: &str, attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord {
            username: Username::new(username),
            attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            enabled: true,
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            mfa: None,
            created: None,
            modified: None,
        }
    }

    fn sign_in(attributes: &[&str], case_sensitive: bool) -> SignIn {
        let username_attributes = attributes.iter().map(|&name| name.to_owned()).collect();
        SignIn::to(&PoolDescription { username_attributes, case_sensitive, ..PoolDescription::with_defaults(&[]) })
    }

    #[test]
    fn case_counts_where_the_pool_says_so() {
        let (anna, other) = (user("Anna", &[]), user("aNNA", &[]));
        let same = |case_sensitive| {
            let sign_in = sign_in(&[], case_sensitive);
            sign_in.names_of(&anna)[0] == sign_in.names_in_pool(&other)[0]
        };
        assert!(same(false) && !same(true));
    }

    #[test]
    fn both_addresses_are_names_and_the_verified_one_comes_first() {
        let sign_in = sign_in(&["email", "phone_number"], false);
        let record = user("a-uuid", &[("email", "A@x"), ("phone_number", "+1"), ("phone_number_verified", "true")]);
        let names = sign_in.names_of(&record);
        assert_eq!((names[0], names.contains(&Short::of_name("a@x"))), (Short::of_name("+1"), true));
        assert!(!names.contains(&Short::of_name("a-uuid")), "it was given out by the pool of the snapshot");
        assert!(sign_in.names_of(&user("a-uuid", &[("email", "")])).is_empty());
    }

    #[test]
    fn a_federated_user_has_a_name_of_its_own() {
        let sign_in = sign_in(&["email"], false);
        let federated = UserRecord { status: UserStatus::ExternalProvider, ..user("Google_7", &[("email", "a@x")]) };
        assert_eq!(sign_in.names_of(&federated), [Short::of_name("google_7")]);
        assert_eq!(sign_in.names_in_pool(&federated), [Short::of_name("google_7")]);
        let confirmed = user("Google_7", &[("email", "a@x")]);
        assert_eq!(sign_in.names_in_pool(&confirmed)[0], Short::of_name("google_7"));
    }
}
