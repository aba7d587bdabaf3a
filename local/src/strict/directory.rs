//! Who is in a pool already: usernames and aliases, as the pool compares them.

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
    /// By attribute and value: the username of who has it.
    aliases: HashMap<(String, String), String>,
}

impl Directory {
    /// Whether the emulator cannot be left to find duplicates by itself: it compares letter by letter and looks at no alias.
    pub fn is_needed(pool: &Pool) -> bool {
        !pool.case_sensitive || !pool.aliases.is_empty() || !pool.sign_in.is_empty()
    }

    /// The users of a pool, as ListUsers shows them.
    pub fn of(pool: &Pool, users: &[Value]) -> Self {
        let mut directory = Self::default();
        for user in users {
            let username = user["Username"].as_str().unwrap_or_default();
            directory.add(pool, username, |name| attribute(user, name).map(str::to_owned));
        }
        directory
    }

    /// Adds a user that was created meanwhile.
    pub fn add(&mut self, pool: &Pool, username: &str, has: impl Fn(&str) -> Option<String>) {
        self.usernames.insert(pool.fold(username), username.to_owned());
        for name in pool.aliases.iter().chain(&pool.sign_in) {
            let is_alias = pool.sign_in.contains(name) || is_verified(name, &has);
            if let Some(value) = has(name).filter(|value| is_alias && !value.is_empty()) {
                self.aliases.insert((name.clone(), pool.fold(&value)), username.to_owned());
            }
        }
    }

    /// The username of who is addressed by a name: a username, or in pools whose users sign in by it, an address or number.
    pub fn find(&self, pool: &Pool, name: &str) -> Option<&str> {
        let by_sign_in = || pool.sign_in.iter().find_map(|attribute| self.aliases.get(&(attribute.clone(), pool.fold(name))));
        self.usernames.get(&pool.fold(name)).or_else(by_sign_in).map(String::as_str)
    }

    /// Checks that no attribute makes an alias that is another user's. `owner` is who the attributes belong to, where there is
    /// somebody.
    pub fn check_aliases(&self, pool: &Pool, attributes: &[Attribute], owner: Option<&str>) -> Result<(), Refusal> {
        let has = |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        for name in pool.aliases.iter().chain(&pool.sign_in) {
            let taken = has(name)
                .filter(|value| !value.is_empty() && is_verified(name, has))
                .and_then(|value| self.aliases.get(&(name.clone(), pool.fold(&value))));
            if taken.is_some_and(|taken| Some(taken.as_str()) != owner) {
                return Err(Refusal::new("AliasExistsException", format!("An account with the {name} already exists.")));
            }
        }
        Ok(())
    }
}

/// Whether an attribute counts as an alias: `preferred_username` always, address and number once they are verified.
fn is_verified(name: &str, has: impl Fn(&str) -> Option<String>) -> bool {
    !matches!(name, "email" | "phone_number")
        || has(&format!("{name}_verified")).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pool(aliases: &[&str], case_sensitive: bool) -> Pool {
        Pool::of(&json!({"AliasAttributes": aliases, "UsernameConfiguration": {"CaseSensitive": case_sensitive}}))
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
    fn names_are_compared_as_the_pool_says() {
        let strict = pool(&[], true);
        assert_eq!(Directory::of(&strict, &[anna()]).find(&strict, "anna"), None);
        let lax = pool(&[], false);
        assert_eq!(Directory::of(&lax, &[anna()]).find(&lax, "aNNA"), Some("Anna"));
    }

    #[test]
    fn only_verified_addresses_are_aliases() {
        let pool = pool(&["email", "phone_number", "preferred_username"], true);
        let directory = Directory::of(&pool, &[anna()]);
        let check = |list: &[(&str, &str)], owner| directory.check_aliases(&pool, &attributes(list), owner).is_ok();
        assert!(!check(&[("email", "a@x"), ("email_verified", "true")], None));
        assert!(check(&[("email", "a@x"), ("email_verified", "true")], Some("Anna")));
        assert!(check(&[("email", "a@x")], None));
        assert!(check(&[("phone_number", "+1555"), ("phone_number_verified", "true")], None), "hers is not verified");
        assert!(!check(&[("preferred_username", "ann")], None));
    }
}
