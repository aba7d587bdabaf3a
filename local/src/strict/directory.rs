//! The usernames and aliases that are taken in a pool, in the form in which the pool compares them.

use std::collections::HashMap;

use serde_json::Value;

use super::filter::attribute;
use super::pool::Pool;
use super::refusal::Refusal;
use super::schema::Attribute;

/// The names that are taken in a pool.
#[derive(Debug, Default)]
pub(super) struct Directory {
    usernames: HashMap<String, String>,
    /// The username of the user with an alias, by attribute and value.
    aliases: HashMap<(String, String), String>,
}

impl Directory {
    /// Whether the proxy must look for duplicates itself. The emulator finds only equal usernames: it
    /// compares them case-sensitively and ignores aliases.
    pub fn is_needed(pool: &Pool) -> bool {
        !pool.case_sensitive || !pool.aliases.is_empty() || !pool.sign_in.is_empty()
    }

    /// Reads the names of all users of a pool. `users` have the form that ListUsers returns.
    pub fn from_users(pool: &Pool, users: &[Value]) -> Self {
        let mut directory = Self::default();
        for user in users {
            let username = user["Username"].as_str().unwrap_or_default();
            directory.add(pool, username, |name| attribute(user, name).map(str::to_owned));
        }
        directory
    }

    /// Adds a user. `value_of` returns the value of an attribute.
    pub fn add(&mut self, pool: &Pool, username: &str, value_of: impl Fn(&str) -> Option<String>) {
        self.usernames.insert(pool.fold(username), username.to_owned());
        for name in pool.aliases.iter().chain(&pool.sign_in) {
            let is_alias = pool.sign_in.contains(name) || is_verified(name, &value_of);
            if let Some(value) = value_of(name).filter(|value| is_alias && !value.is_empty()) {
                self.aliases.insert((name.clone(), pool.fold(&value)), username.to_owned());
            }
        }
    }

    /// Finds a user by name. The name is a username or, in pools with `UsernameAttributes`, the user's e-mail
    /// address or phone number. Returns the username.
    pub fn find(&self, pool: &Pool, name: &str) -> Option<&str> {
        let by_sign_in = || {
            pool.sign_in.iter().find_map(|attribute| self.aliases.get(&(attribute.clone(), pool.fold(name))))
        };
        self.usernames.get(&pool.fold(name)).or_else(by_sign_in).map(String::as_str)
    }

    /// Checks that no attribute makes an alias that another user has. `owner` is the username of
    /// the user with the attributes. A new user has none.
    pub fn check_aliases(
        &self,
        pool: &Pool,
        attributes: &[Attribute],
        owner: Option<&str>,
    ) -> Result<(), Refusal> {
        let value_of =
            |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        for name in pool.aliases.iter().chain(&pool.sign_in) {
            let taken = value_of(name)
                .filter(|value| !value.is_empty() && is_verified(name, value_of))
                .and_then(|value| self.aliases.get(&(name.clone(), pool.fold(&value))));
            if taken.is_some_and(|taken| Some(taken.as_str()) != owner) {
                return Err(Refusal::new(
                    "AliasExistsException",
                    format!("An account with the {name} already exists."),
                ));
            }
        }
        Ok(())
    }
}

/// Whether an attribute counts as an alias. `preferred_username` always does. `email` and
/// `phone_number` do if they are verified.
fn is_verified(name: &str, value_of: impl Fn(&str) -> Option<String>) -> bool {
    !matches!(name, "email" | "phone_number")
        || value_of(&format!("{name}_verified")).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool(aliases: &[&str], case_sensitive: bool) -> Pool {
        Pool::from_api(
            &json!({"AliasAttributes": aliases, "UsernameConfiguration": {"CaseSensitive": case_sensitive}}),
        )
    }

    fn attributes(list: &[(&str, &str)]) -> Vec<Attribute> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn anna() -> Value {
        json!({"Username": "Anna", "Attributes": [
            {"Name": "email", "Value": "a@x"}, {"Name": "email_verified", "Value": "true"},
            {"Name": "phone_number", "Value": "+1555"}, {"Name": "preferred_username", "Value": "ann"},
        ]})
    }

    #[test]
    fn a_username_is_found_in_another_case_only_in_a_case_insensitive_pool() {
        let sensitive = pool(&[], true);
        assert_eq!(Directory::from_users(&sensitive, &[anna()]).find(&sensitive, "anna"), None);
        let insensitive = pool(&[], false);
        assert_eq!(Directory::from_users(&insensitive, &[anna()]).find(&insensitive, "aNNA"), Some("Anna"));
    }

    #[test]
    fn only_verified_email_addresses_and_phone_numbers_are_aliases() {
        let pool = pool(&["email", "phone_number", "preferred_username"], true);
        let directory = Directory::from_users(&pool, &[anna()]);
        let check =
            |list: &[(&str, &str)], owner| directory.check_aliases(&pool, &attributes(list), owner).is_ok();
        assert!(!check(&[("email", "a@x"), ("email_verified", "true")], None));
        assert!(check(&[("email", "a@x"), ("email_verified", "true")], Some("Anna")));
        assert!(check(&[("email", "a@x")], None));
        let phone = [("phone_number", "+1555"), ("phone_number_verified", "true")];
        assert!(check(&phone, None), "the same number of the other user is not verified");
        assert!(!check(&[("preferred_username", "ann")], None));
    }
}
