//! The difference between a user or group of the target and the snapshot, and the change that
//! removes it.

use std::collections::BTreeMap;

use crate::model::{
    GroupRecord, PoolDescription, SchemaViolation, TargetSettings, UserRecord, Username, is_left_out,
};
use crate::ports::pool::{Pool, PoolResult};

/// What differs between a user of the target and the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Attributes to set, with their values.
    set: BTreeMap<String, String>,
    /// Attributes to delete, because the snapshot lacks them.
    delete: Vec<String>,
    /// The new enabled flag.
    enabled: Option<bool>,
}

impl Difference {
    /// The difference of a user from the wanted one. The attribute that keeps the old `sub` is not
    /// compared.
    pub fn between(existing: &UserRecord, wanted: &UserRecord, old_sub_attribute: Option<&str>) -> Self {
        let want = wanted.comparable_attributes();
        let (mut set, mut delete) = (BTreeMap::new(), Vec::new());
        for name in existing.attributes_unlike(wanted, old_sub_attribute) {
            match want.get(name) {
                Some(value) => drop(set.insert(name.to_owned(), (*value).to_owned())),
                None if name.ends_with("_verified") => drop(set.insert(name.to_owned(), "false".to_owned())),
                None => delete.push(name.to_owned()),
            }
        }
        // An address and its verified flag are set together. Otherwise Cognito asks the user to
        // verify the address.
        for address in ["email", "phone_number"] {
            if set.contains_key(address) {
                let flag = format!("{address}_verified");
                let verified = want.contains_key(flag.as_str());
                set.insert(flag, verified.to_string());
            }
        }
        Self { set, delete, enabled: (existing.enabled != wanted.enabled).then_some(wanted.enabled) }
    }

    /// The same without the attributes whose values the restore leaves out. An existing user keeps its own.
    pub fn keeping(mut self, left_out: &[String]) -> Self {
        self.set.retain(|name, _| !is_left_out(left_out, name));
        self.delete.retain(|name| !is_left_out(left_out, name));
        self
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        !self.is_in_attributes() && self.enabled.is_none()
    }

    /// Whether any attribute differs.
    pub fn is_in_attributes(&self) -> bool {
        !self.set.is_empty() || !self.delete.is_empty()
    }

    /// The names of what differs.
    pub fn names(&self) -> Vec<String> {
        let enabled = self.enabled.map(|_| "enabled".to_owned());
        self.set.keys().chain(&self.delete).cloned().chain(enabled).collect()
    }

    /// The same without an attribute to set. None if it does not set the attribute.
    pub fn without(&self, name: &str) -> Option<Self> {
        let mut rest = self.clone();
        rest.set.remove(name).map(|_| rest)
    }

    /// The first rule of the target's schema that keeps Cognito from setting the attributes.
    pub fn objection(&self, target: &PoolDescription) -> Option<SchemaViolation> {
        target.objection_to_update(self.set.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// Whether Cognito would send a code to an address that is set but not verified. Source:
    /// "AdminUpdateUserAttributes", Amazon Cognito user pools API reference.
    pub fn would_send_message(&self, settings: &TargetSettings) -> bool {
        let unverified = |address: &&String| {
            self.set.contains_key(*address)
                && self.set.get(&format!("{address}_verified")).is_none_or(|flag| flag != "true")
        };
        settings.auto_verified_attributes.iter().any(|address| unverified(&address))
    }
}

/// Changes a user to match the snapshot. The user keeps the password.
pub async fn user<P: Pool>(pool: &P, username: &Username, difference: &Difference) -> PoolResult<()> {
    if !difference.set.is_empty() {
        pool.update_attributes(username, &difference.set).await?;
    }
    if !difference.delete.is_empty() {
        pool.delete_attributes(username, &difference.delete).await?;
    }
    match difference.enabled {
        Some(true) => pool.enable_user(username).await,
        Some(false) => pool.disable_user(username).await,
        None => Ok(()),
    }
}

/// Whether a group has a role or a precedence that the snapshot lacks. The role counts only if
/// `compares_roles`.
pub fn has_more_than(existing: &GroupRecord, wanted: &GroupRecord, compares_roles: bool) -> bool {
    let role = compares_roles && existing.role_arn.is_some() && wanted.role_arn.is_none();
    role || (existing.precedence.is_some() && wanted.precedence.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(attributes: &[(&str, &str)], enabled: bool) -> UserRecord {
        UserRecord { enabled, ..UserRecord::confirmed("anna", attributes) }
    }

    #[test]
    fn only_the_fields_of_a_user_that_differ_are_named() {
        let wanted = user(
            &[("email", "a@example.com"), ("email_verified", "true"), ("name", "Anna"), ("locale", "")],
            true,
        );
        let existing = user(
            &[("email", "b@example.com"), ("email_verified", "true"), ("name", "Anna"), ("custom:x", "1")],
            false,
        );
        let difference = Difference::between(&existing, &wanted, None);
        assert_eq!(difference.names(), ["email", "email_verified", "custom:x", "enabled"]);
        assert_eq!(difference.set["email_verified"], "true");
        assert!(Difference::between(&wanted, &wanted, None).is_none());
        let kept = Difference::between(
            &existing,
            &user(&[("email", "b@example.com"), ("name", "Anna")], false),
            Some("custom:x"),
        );
        assert_eq!(
            (kept.names(), kept.set["email_verified"].as_str()),
            (vec!["email_verified".to_owned()], "false")
        );
    }

    #[test]
    fn a_difference_knows_whether_its_change_would_send_a_code() {
        let pool = PoolDescription::with_defaults(&[]);
        let (before, after) = (user(&[("email", "b")], true), user(&[("email", "a")], true));
        let verified = user(&[("email", "a"), ("email_verified", "true")], true);
        let sends = |pool: &_, wanted| {
            Difference::between(&before, wanted, None).would_send_message(&TargetSettings::of(pool))
        };
        let mut verifying = pool.clone();
        verifying.auto_verified_attributes = vec!["email".to_owned()];
        assert!(!sends(&pool, &after));
        assert!(sends(&verifying, &after) && !sends(&verifying, &verified) && !sends(&verifying, &before));
    }
}
