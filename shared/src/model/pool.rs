//! The part of a pool's configuration that a restore compares.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text_enum::open_enum;
use super::{
    DataType, Digest, DigestBuilder, MfaPreference, NameKey, Note, PoolTag, STANDARD_ATTRIBUTES,
    SchemaViolation, UserRecord, Username, is_custom_attribute, is_well_formed,
};

/// The settings of a pool that decide whether and how its users can be restored elsewhere.
/// Source: the `UserPoolType` shape of the Cognito user pools API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolDescription {
    pub name: String,
    /// `email`, `phone_number` or both, if users sign in with these instead of a username.
    #[serde(default)]
    pub username_attributes: Vec<String>,
    /// The attributes that users can sign in with, besides the username.
    #[serde(default)]
    pub alias_attributes: Vec<String>,
    /// The attributes that Cognito verifies with a message.
    #[serde(default)]
    pub auto_verified_attributes: Vec<String>,
    /// Whether usernames that differ only by case are different.
    pub case_sensitive: bool,
    pub mfa: MfaSetting,
    /// The ways of "forgot password", by Cognito's names. None or empty if the pool has no such setting: then
    /// both addresses serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_recovery: Option<Vec<String>>,
    /// The schema, by attribute name (`custom:` included).
    pub attributes: BTreeMap<String, AttributeSchema>,
    pub password_policy: PasswordPolicy,
    /// Cognito's estimate of the number of users. It changes every day, so the record does not hold it.
    #[serde(skip)]
    pub estimated_users: u64,
    /// What the pool is open to, by its tag. The record does not hold it.
    #[serde(skip)]
    pub tag: Option<PoolTag>,
}

open_enum! {
    /// Whether users need a second factor.
    /// Source: the `MfaConfiguration` of `UserPoolType`, Amazon Cognito user pools API.
    pub enum MfaSetting {
        /// No user has one.
        Off = "OFF",
        /// Users may have one.
        Optional = "OPTIONAL",
        /// Every user needs one.
        On = "ON",
    }
}

/// The declaration of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeSchema {
    pub data_type: DataType,
    /// Whether the attribute can change after the user is created.
    pub mutable: bool,
    /// Whether every user must have the attribute.
    pub required: bool,
    /// The least length or value, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<String>,
    /// The greatest length or value, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordPolicy {
    /// The least number of characters, 6 to 99.
    pub minimum_length: u32,
}

impl PasswordPolicy {
    /// The most characters of a password.
    const MAX_LENGTH: usize = 256;
    const SYMBOLS: &str = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+-";

    /// Whether a policy with this minimum length and every class of characters accepts the
    /// password. No policy asks for more. Source: "Adding user pool password requirements", Amazon
    /// Cognito developer guide.
    pub fn accepts(&self, password: &str) -> bool {
        let has = |class: fn(char) -> bool| password.chars().any(class);
        (self.minimum_length as usize..=Self::MAX_LENGTH).contains(&password.chars().count())
            && has(|c| c.is_ascii_lowercase())
            && has(|c| c.is_ascii_uppercase())
            && has(|c| c.is_ascii_digit())
            && has(|c| Self::SYMBOLS.contains(c))
    }
}

impl AttributeSchema {
    /// Whether Cognito accepts a value: its length for text, its size for a number.
    pub fn accepts(&self, value: &str) -> bool {
        let within = |size: f64| {
            let limit = |limit: &Option<String>| limit.as_ref().and_then(|limit| limit.parse::<f64>().ok());
            limit(&self.minimum).is_none_or(|least| size >= least)
                && limit(&self.maximum).is_none_or(|most| size <= most)
        };
        match self.data_type {
            DataType::Number => value.parse().is_ok_and(within),
            DataType::Boolean => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            DataType::String => within(value.chars().count() as f64),
            DataType::DateTime | DataType::Other(_) => true,
        }
    }
}

impl PoolDescription {
    /// A pool as Cognito creates it by default, with these custom attributes (named without `custom:`), all of them text:
    /// users sign in by username, passwords have 8 characters or more, there is no MFA.
    /// Source: the defaults of CreateUserPool, Amazon Cognito user pools API.
    pub fn with_defaults(custom: &[&str]) -> Self {
        let text = |required: bool, mutable: bool| AttributeSchema {
            data_type: DataType::String,
            mutable,
            required,
            minimum: Some("0".to_owned()),
            maximum: Some("2048".to_owned()),
        };
        let mut attributes: BTreeMap<_, _> =
            STANDARD_ATTRIBUTES.iter().map(|&name| (name.to_owned(), text(false, true))).collect();
        attributes.insert("sub".to_owned(), text(true, false));
        attributes.extend(custom.iter().map(|name| (format!("custom:{name}"), text(false, true))));
        Self {
            name: "people".to_owned(),
            username_attributes: Vec::new(),
            alias_attributes: Vec::new(),
            auto_verified_attributes: Vec::new(),
            case_sensitive: false,
            mfa: MfaSetting::Off,
            account_recovery: None,
            attributes,
            password_policy: PasswordPolicy { minimum_length: 8 },
            estimated_users: 0,
            tag: None,
        }
    }

    /// The digest under which the record is stored.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new("pool").json(self).finish()
    }

    /// The first rule of the schema that keeps Cognito from creating a user with these attributes.
    /// Source: "Working with user attributes", Amazon Cognito developer guide.
    pub fn objection<'a>(
        &self,
        attributes: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<SchemaViolation> {
        let attributes: BTreeMap<_, _> = attributes.collect();
        let is_lacking = |(name, schema): &(&String, &AttributeSchema)| {
            schema.required && name.as_str() != "sub" && !attributes.contains_key(name.as_str())
        };
        if let Some((name, _)) = self.attributes.iter().find(is_lacking) {
            return Some(SchemaViolation::required(name));
        }
        attributes.iter().find_map(|(name, value)| self.objection_to_value(name, value))
    }

    /// The first rule of the schema that keeps Cognito from setting these attributes of a user that exists.
    /// Source: "Working with user attributes", Amazon Cognito developer guide.
    pub fn objection_to_update<'a>(
        &self,
        mut attributes: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<SchemaViolation> {
        let is_fixed = |name: &str| self.attributes.get(name).is_some_and(|schema| !schema.mutable);
        attributes.find_map(|(name, value)| {
            self.objection_to_value(name, value)
                .or_else(|| is_fixed(name).then(|| SchemaViolation::fixed(name)))
        })
    }

    fn objection_to_value(&self, name: &str, value: &str) -> Option<SchemaViolation> {
        match self.attributes.get(name) {
            None => Some(SchemaViolation::undeclared(name)),
            Some(schema) => (!schema.accepts(value) || !is_well_formed(name, value))
                .then(|| SchemaViolation::limits(name)),
        }
    }

    /// The attributes that an application declared: `custom:` and `dev:custom:`.
    pub fn custom_attributes(&self) -> impl Iterator<Item = (&String, &AttributeSchema)> {
        self.attributes.iter().filter(|(name, _)| is_custom_attribute(name))
    }
}

/// The name that users may choose. Cognito may refuse it for users that are not confirmed, if it is an alias.
pub const PREFERRED_USERNAME: &str = "preferred_username";

/// What a restore must know of its target for every user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSettings {
    /// What users sign in with instead of a username: `email`, `phone_number`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub username_attributes: Vec<String>,
    /// The attributes that users can sign in with, besides the username.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alias_attributes: Vec<String>,
    /// The addresses that Cognito verifies with a message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_verified_attributes: Vec<String>,
    /// Whether names that differ only by case are different.
    #[serde(default)]
    pub case_sensitive: bool,
    pub mfa: MfaSetting,
    /// The addresses that "forgot password" sends codes to.
    #[serde(default)]
    pub recovery: Recovery,
    /// The least length of a password, in characters.
    pub password_length: u32,
}

/// The addresses that "forgot password" sends codes to.
/// Source: the `AccountRecoverySettingType` shape of the Cognito user pools API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    pub email: bool,
    pub phone: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { email: true, phone: true }
    }
}

impl Recovery {
    fn of(pool: &PoolDescription) -> Self {
        // Cognito answers a pool that never had the setting with no setting, or with one without ways.
        let Some(ways) = pool.account_recovery.as_ref().filter(|ways| !ways.is_empty()) else {
            return Self::default();
        };
        let has = |way: &str| ways.iter().any(|name| name == way);
        Self { email: has("verified_email"), phone: has("verified_phone_number") }
    }

    /// Why a user cannot reset the password alone. None if the user can. `factors` are the second factors
    /// that the user has in the pool.
    /// Source: "Password, account recovery, and password policies", Amazon Cognito developer guide: an
    /// address does not serve for recovery if it is the user's second factor.
    pub fn obstacle(self, record: &UserRecord, factors: Option<&MfaPreference>) -> Option<Note> {
        if !self.email && !self.phone {
            return Some(Note::OnlyAdminResets);
        }
        let ways =
            [("email", self.email, MfaPreference::EMAIL), ("phone_number", self.phone, MfaPreference::SMS)];
        let mut verified =
            ways.into_iter().filter(|(name, serves, _)| *serves && record.has_verified(name)).peekable();
        if verified.peek().is_none() {
            return Some(Note::NoVerifiedAddress);
        }
        let is_only_factor = |factor: &str| {
            factors.is_some_and(|factors| factors.enabled.len() == 1 && factors.enabled.contains(factor))
        };
        verified.all(|(_, _, factor)| is_only_factor(factor)).then_some(Note::OnlyAddressIsFactor)
    }
}

impl TargetSettings {
    pub fn of(pool: &PoolDescription) -> Self {
        Self {
            username_attributes: pool.username_attributes.clone(),
            alias_attributes: pool.alias_attributes.clone(),
            auto_verified_attributes: pool.auto_verified_attributes.clone(),
            case_sensitive: pool.case_sensitive,
            mfa: pool.mfa.clone(),
            recovery: Recovery::of(pool),
            password_length: pool.password_policy.minimum_length,
        }
    }

    /// The name under which the restore creates a user: the e-mail address or phone number if the target
    /// signs in by these, otherwise the username. None if the user lacks what the target asks for.
    /// Source: "Customizing sign-in attributes", Amazon Cognito developer guide.
    pub fn sign_in_name(&self, record: &UserRecord) -> Option<Username> {
        if self.username_attributes.is_empty() {
            return Some(record.username.clone());
        }
        let value_of = |name: &str| record.attributes.get(name).filter(|value| !value.is_empty());
        let is_verified = |name: &str| {
            value_of(&format!("{name}_verified")).is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
        };
        let allowed = |name: &&str| {
            self.username_attributes.iter().any(|there| there == name) && value_of(name).is_some()
        };
        let addresses: Vec<&str> = ["email", "phone_number"].into_iter().filter(allowed).collect();
        // A verified address belongs to the user. If no address is verified, the restore takes the
        // first.
        let best = addresses.iter().find(|name| is_verified(name)).or(addresses.first())?;
        value_of(best).map(|name| Username::new(name.as_str()))
    }

    /// The attribute that the target may refuse for a user that is not confirmed, if the user has it:
    /// `preferred_username`, if users can sign in with it. Whether AdminCreateUser refuses it is not
    /// documented.
    /// Source: "Customizing sign-in attributes", Amazon Cognito developer guide.
    pub fn refusable_until_confirmed<'a>(&self, record: &'a UserRecord) -> Option<(&'static str, &'a str)> {
        let is_alias = self.alias_attributes.iter().any(|name| name == PREFERRED_USERNAME);
        let value = record.attributes.get(PREFERRED_USERNAME).filter(|value| is_alias && !value.is_empty());
        value.map(|value| (PREFERRED_USERNAME, value.as_str()))
    }

    /// The sign-in name of a user of the target. A federated user has only the username that Cognito makes
    /// of the identity. If a native user has the same address, the address is that user's name.
    pub fn name_of_target_user(&self, record: &UserRecord) -> Option<Username> {
        if record.is_federated() { Some(record.username.clone()) } else { self.sign_in_name(record) }
    }

    /// The key under which a sign-in name is found.
    pub fn name_key(&self, name: &Username) -> NameKey {
        let digest = DigestBuilder::new("sign-in name");
        NameKey(if self.case_sensitive {
            digest.text(name.as_str()).finish()
        } else {
            digest.text(&name.as_str().to_lowercase()).finish()
        })
    }

    /// Whether it has a second factor of any kind.
    pub fn has_mfa(&self) -> bool {
        self.mfa != MfaSetting::Off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_of_the_schema_that_a_user_breaks_is_named() {
        let mut pool = PoolDescription::with_defaults(&["note", "size"]);
        let size = pool.attributes.get_mut("custom:size").unwrap();
        *size = AttributeSchema {
            data_type: DataType::Number,
            minimum: Some("1".into()),
            maximum: Some("9".into()),
            ..size.clone()
        };
        pool.attributes.get_mut("custom:note").unwrap().maximum = Some("3".into());
        pool.attributes.get_mut("email").unwrap().required = true;
        let objection = |attributes: &[(&str, &str)]| {
            let email = [("email", "a@example.com")];
            pool.objection(attributes.iter().chain(&email).copied()).map(|demand| demand.to_string())
        };
        assert_eq!(objection(&[("custom:size", "9"), ("custom:note", "äöü")]), None);
        assert_eq!(objection(&[("custom:size", "10")]).as_deref(), Some("valueNotAccepted: custom:size"));
        assert_eq!(objection(&[("custom:size", "many")]).as_deref(), Some("valueNotAccepted: custom:size"));
        assert_eq!(objection(&[("custom:note", "abcd")]).as_deref(), Some("valueNotAccepted: custom:note"));
        assert_eq!(
            objection(&[("custom:other", "1")]).as_deref(),
            Some("attributeNotDeclared: custom:other")
        );
        let nothing = pool.objection([].into_iter()).map(|demand| demand.to_string());
        assert_eq!(nothing.as_deref(), Some("requiredAttributeMissing: email"));
    }

    #[test]
    fn a_user_can_reset_the_password_with_an_address_that_is_not_the_only_factor() {
        let user = |attributes: &[(&str, &str)]| UserRecord::confirmed("anna", attributes);
        let ways = |ways: Option<&[&str]>| {
            let account_recovery = ways.map(|ways| ways.iter().map(|&way| way.to_owned()).collect());
            Recovery::of(&PoolDescription { account_recovery, ..PoolDescription::with_defaults(&[]) })
        };
        let (none, email, both) = (
            ways(Some(&["admin_only"])),
            ways(Some(&["verified_email"])),
            ways(Some(&["verified_email", "verified_phone_number"])),
        );
        assert_eq!([ways(None), ways(Some(&[]))], [Recovery::default(); 2]);
        let with_email = user(&[("email", "a@x"), ("email_verified", "true")]);
        let with_phone = user(&[("phone_number", "+1"), ("phone_number_verified", "true")]);
        let mut with_both = with_email.clone();
        with_both.attributes.extend(with_phone.attributes.clone());
        let unverified = user(&[("email", "a@x"), ("phone_number", "")]);
        let factors = |factors: &[&str]| {
            let enabled = factors.iter().map(|&factor| factor.to_owned()).collect();
            Some(MfaPreference { enabled, preferred: None })
        };
        let (sms, mail, all) =
            (factors(&["SMS_MFA"]), factors(&["EMAIL_OTP"]), factors(&["SMS_MFA", "EMAIL_OTP"]));
        for (recovery, record, factors, expected) in [
            (none, &with_both, None, Some(Note::OnlyAdminResets)),
            (both, &unverified, None, Some(Note::NoVerifiedAddress)),
            (email, &with_phone, None, Some(Note::NoVerifiedAddress)),
            (email, &with_email, None, None),
            (email, &with_email, mail.as_ref(), Some(Note::OnlyAddressIsFactor)),
            (email, &with_both, sms.as_ref(), None),
            (both, &with_phone, sms.as_ref(), Some(Note::OnlyAddressIsFactor)),
            (both, &with_both, sms.as_ref(), None),
            (both, &with_both, all.as_ref(), None),
        ] {
            assert_eq!(recovery.obstacle(record, factors), expected, "{recovery:?} {:?}", record.attributes);
        }
    }

    #[test]
    fn users_are_created_under_the_name_that_they_sign_in_with() {
        let user = |attributes: &[(&str, &str)]| UserRecord::confirmed("anna", attributes);
        let name = |sign_in: &[&str], record: &UserRecord| {
            let username_attributes = sign_in.iter().map(|&name| name.to_owned()).collect();
            let pool = PoolDescription { username_attributes, ..PoolDescription::with_defaults(&[]) };
            TargetSettings::of(&pool).sign_in_name(record).map(|name| name.to_string())
        };
        let both = user(&[("email", "a@example.com"), ("phone_number", "+491")]);
        assert_eq!(name(&[], &both).as_deref(), Some("anna"));
        assert_eq!(name(&["email"], &both).as_deref(), Some("a@example.com"));
        assert_eq!(name(&["phone_number"], &both).as_deref(), Some("+491"));
        assert_eq!(name(&["phone_number", "email"], &both).as_deref(), Some("a@example.com"));
        assert_eq!(
            name(&["phone_number", "email"], &user(&[("phone_number", "+491"), ("email", "")])).as_deref(),
            Some("+491")
        );
        assert_eq!(name(&["email"], &user(&[("phone_number", "+491")])), None);
        let verified =
            user(&[("email", "a@example.com"), ("phone_number", "+491"), ("phone_number_verified", "true")]);
        assert_eq!(name(&["phone_number", "email"], &verified).as_deref(), Some("+491"));
    }
}
