//! The names by which users of a snapshot and of a pool are matched.
//!
//! There are two questions:
//! - [`in_target`] and [`of_target_user`]: under which name would a restore find a snapshot user in
//!   its target, and under which names is a target user found? A snapshot user has one name at
//!   most. In another pool, that is the name of the native user that a restore makes of a federated
//!   one.
//! - [`SignInNames`]: which users of a pool can a snapshot user be? All names of both users count.
//!
//! A federated user of a pool has one name: the username that Cognito made of the identity. If a
//! native user has the same address, the address is the native user's name.

use crate::model::{
    Federated, ImportOptions, NameKey, PoolDescription, TargetPool, TargetSettings, UserRecord, Username,
};

/// The name under which a restore finds a snapshot user in its target. None if it has no name
/// there.
pub(super) fn in_target(
    record: &UserRecord,
    settings: &TargetSettings,
    options: &ImportOptions,
    pool: TargetPool,
) -> Option<Username> {
    if !record.is_federated() {
        return settings.sign_in_name(record);
    }
    // A provider of the same name gives the same username to a user that the restore leaves to it.
    if pool.keeps_federated_usernames() || options.federated == Federated::Skip {
        return Some(record.username.clone());
    }
    // In a pool that signs in by username, the restore invents a name for the user that no other
    // user has.
    if settings.username_attributes.is_empty() { None } else { settings.sign_in_name(record) }
}

/// The names under which a restore finds a target user.
///
/// In the own pool they include the username, because Cognito gives a federated user the same
/// username again.
pub fn of_target_user(record: &UserRecord, settings: &TargetSettings, pool: TargetPool) -> Vec<NameKey> {
    let username = pool.keeps_federated_usernames().then(|| record.username.clone());
    let names = settings.name_of_target_user(record).into_iter().chain(username);
    names.map(|name| settings.name_key(&name)).collect()
}

/// The names that users of a pool sign in with.
#[derive(Debug)]
pub struct SignInNames {
    settings: TargetSettings,
}

impl SignInNames {
    /// The names in `pool`.
    pub fn of_pool(pool: &PoolDescription) -> Self {
        Self { settings: TargetSettings::of(pool) }
    }

    /// The attributes that users sign in with. None if they sign in with the username.
    pub fn attributes(&self) -> &[String] {
        &self.settings.username_attributes
    }

    /// The names that a snapshot user would have in the pool. The first one is the name under which
    /// a restore would create the user.
    pub fn of_snapshot_user(&self, record: &UserRecord) -> Vec<NameKey> {
        if record.is_federated() {
            return vec![self.settings.name_key(&record.username)];
        }
        self.addresses_of(record)
    }

    /// The names of a pool user, the most reliable first.
    pub fn of_pool_user(&self, record: &UserRecord) -> Vec<NameKey> {
        // A federated user may get another status, but never another username.
        let mut names = vec![self.settings.name_key(&record.username)];
        if !record.is_federated() {
            names.extend(self.addresses_of(record));
        }
        names
    }

    fn addresses_of(&self, record: &UserRecord) -> Vec<NameKey> {
        let first = self.settings.sign_in_name(record);
        let values = self.attributes().iter().filter_map(|name| record.attributes.get(name));
        let others = values.filter(|value| !value.is_empty()).map(|value| Username::new(value.as_str()));
        first.into_iter().chain(others).map(|name| self.settings.name_key(&name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserStatus;

    fn user(username: &str, attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord::confirmed(username, attributes)
    }

    fn federated(username: &str, attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord { status: UserStatus::ExternalProvider, ..user(username, attributes) }
    }

    fn pool(attributes: &[&str], case_sensitive: bool) -> PoolDescription {
        let username_attributes = attributes.iter().map(|&name| name.to_owned()).collect();
        PoolDescription { username_attributes, case_sensitive, ..PoolDescription::with_defaults(&[]) }
    }

    fn key(names: &SignInNames, name: &str) -> NameKey {
        names.settings.name_key(&Username::new(name))
    }

    #[test]
    fn case_counts_if_the_pool_is_case_sensitive() {
        let (anna, other) = (user("Anna", &[]), user("aNNA", &[]));
        let same = |case_sensitive| {
            let names = SignInNames::of_pool(&pool(&[], case_sensitive));
            names.of_snapshot_user(&anna)[0] == names.of_pool_user(&other)[0]
        };
        assert!(same(false) && !same(true));
    }

    #[test]
    fn both_addresses_are_names_and_the_verified_one_comes_first() {
        let names = SignInNames::of_pool(&pool(&["email", "phone_number"], false));
        let record =
            user("a-uuid", &[("email", "A@x"), ("phone_number", "+1"), ("phone_number_verified", "true")]);
        let of_record = names.of_snapshot_user(&record);
        assert_eq!((of_record[0], of_record.contains(&key(&names, "a@x"))), (key(&names, "+1"), true));
        assert!(!of_record.contains(&key(&names, "a-uuid")), "the pool of the snapshot gave it out");
        assert!(names.of_snapshot_user(&user("a-uuid", &[("email", "")])).is_empty());
    }

    #[test]
    fn a_federated_user_has_the_username_and_no_address_as_its_name() {
        let names = SignInNames::of_pool(&pool(&["email"], false));
        let google = federated("Google_7", &[("email", "a@x")]);
        assert_eq!(names.of_snapshot_user(&google), [key(&names, "google_7")]);
        assert_eq!(names.of_pool_user(&google), [key(&names, "google_7")]);
        let confirmed = user("Google_7", &[("email", "a@x")]);
        assert_eq!(names.of_pool_user(&confirmed)[0], key(&names, "google_7"));
    }

    #[test]
    fn a_restore_finds_a_federated_user_by_username_only_in_the_own_pool() {
        use TargetPool::{Other, Own};
        let (by_email, by_username) =
            (TargetSettings::of(&pool(&["email"], false)), TargetSettings::of(&pool(&[], false)));
        let link = ImportOptions { federated: Federated::Link, ..ImportOptions::default() };
        let name =
            |record, settings, pool| in_target(record, settings, &link, pool).map(|name| name.to_string());
        let google = federated("Google_7", &[("email", "a@x")]);
        assert_eq!(name(&google, &by_email, Own).as_deref(), Some("Google_7"));
        assert_eq!(name(&google, &by_email, Other).as_deref(), Some("a@x"));
        assert_eq!(name(&google, &by_username, Other), None);
        let left = in_target(&google, &by_username, &ImportOptions::default(), Other);
        assert_eq!(left.map(|name| name.to_string()).as_deref(), Some("Google_7"));
        let of_google = |pool| of_target_user(&google, &by_email, pool);
        let username = by_email.name_key(&Username::new("Google_7"));
        assert_eq!((of_google(Other), of_google(Own)), (vec![username], vec![username, username]));
        let anna = user("anna", &[("email", "a@x")]);
        let of_anna = |pool| of_target_user(&anna, &by_email, pool).len();
        assert_eq!(
            (of_anna(Other), of_anna(Own)),
            (1, 2),
            "only in the own pool, the username is a name, too"
        );
        assert_eq!(name(&anna, &by_email, Own).as_deref(), Some("a@x"));
        assert_eq!(name(&anna, &by_username, Other).as_deref(), Some("anna"));
    }
}
