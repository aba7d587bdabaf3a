//! Values and usernames that Cognito refuses by their form, and values that a restore leaves out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AttributeSchema, DataType, PoolDescription, UserRecord, Username};

/// The most characters of a value, which every pool accepts unless its schema says less.
/// Source: "Working with user attributes", Amazon Cognito developer guide.
const MAX_VALUE_CHARACTERS: f64 = 2_048.0;

/// Whether a text is a phone number: a plus sign and digits. Source: "phone_number" in "Working with user
/// attributes", Amazon Cognito developer guide. It names no length, so every length counts.
pub fn is_phone_number(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text can be an e-mail address. AWS does not publish Cognito's check, so this refuses only texts
/// that cannot be one.
pub fn is_email_address(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Whether the value of an attribute has the form that Cognito demands in every pool. An empty value is no
/// value.
///
/// AWS does not document which control characters Cognito refuses `[?]`. Those of ASCII count as
/// refused, except tabs and line breaks, which are part of postal addresses.
pub fn is_well_formed(name: &str, value: &str) -> bool {
    match name {
        _ if value.is_empty() => true,
        "phone_number" => is_phone_number(value),
        "email" => is_email_address(value),
        _ => !value.chars().any(|c| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r')),
    }
}

/// The alias among these whose form a username has, if Cognito refuses it for that: `email` or `phone_number`.
/// Source: "Customizing sign-in attributes", Amazon Cognito developer guide.
pub fn alias_of_form(aliases: &[String], username: &Username) -> Option<&'static str> {
    let is_alias = |name: &str| aliases.iter().any(|alias| alias == name);
    let username = username.as_str();
    if is_alias("email") && is_email_address(username) {
        Some("email")
    } else if is_alias("phone_number") && is_phone_number(username) {
        Some("phone_number")
    } else {
        None
    }
}

/// The attributes of a target that it requires, or whose schema refuses some values. Others are not stored.
/// With them, a restore leaves out the values that the target refuses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueRules(BTreeMap<String, AttributeSchema>);

impl ValueRules {
    pub fn of(target: &PoolDescription) -> Self {
        let has_rule = |schema: &AttributeSchema| {
            let limit = |limit: &Option<String>| limit.as_ref().and_then(|limit| limit.parse::<f64>().ok());
            schema.required
                || match schema.data_type {
                    DataType::String => {
                        limit(&schema.minimum).is_some_and(|least| least > 1.0)
                            || limit(&schema.maximum).is_some_and(|most| most < MAX_VALUE_CHARACTERS)
                    }
                    DataType::Number | DataType::Boolean => true,
                    DataType::DateTime | DataType::Other(_) => false,
                }
        };
        let rules = target.attributes.iter().filter(|(_, schema)| has_rule(schema));
        Self(rules.map(|(name, schema)| (name.clone(), schema.clone())).collect())
    }

    fn refuses(&self, name: &str, value: &str) -> bool {
        !is_well_formed(name, value) || self.0.get(name).is_some_and(|schema| !schema.accepts(value))
    }

    /// Removes the values of a user that the target refuses. Returns the names of their attributes. The
    /// value of a required attribute stays, because the target refuses the user without it, too.
    pub fn leave_out(&self, record: &mut UserRecord) -> Vec<String> {
        let is_required = |name: &str| self.0.get(name).is_some_and(|schema| schema.required);
        let refused = record
            .restorable_attributes()
            .filter(|(name, value)| !is_required(name) && self.refuses(name, value))
            .map(|(name, _)| name.to_owned());
        let refused: Vec<_> = refused.collect();
        for name in &refused {
            record.attributes.remove(name);
            record.attributes.remove(&format!("{name}_verified"));
        }
        refused
    }
}

/// Whether `field` is one of the attributes that were left out, or the verified flag of one.
pub fn is_left_out(left_out: &[String], field: &str) -> bool {
    let address = field.strip_suffix("_verified").unwrap_or(field);
    left_out.iter().any(|name| name == field || name == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord::confirmed("anna", attributes)
    }

    #[test]
    fn an_address_has_its_form_and_other_values_have_no_control_characters() {
        for (name, value) in [
            ("phone_number", "+4930123456"),
            ("phone_number", ""),
            ("email", "a+b@example.com"),
            ("email", "käthe@bücher.example"),
            ("address", "Street 1\r\nTown\tCountry"),
            ("custom:note", "👍 \u{200d}"),
            ("custom:note", "O\u{92}Brien"),
        ] {
            assert!(is_well_formed(name, value), "{name}");
        }
        for (name, value) in [
            ("phone_number", " "),
            ("phone_number", "030 123456"),
            ("phone_number", "+49\u{200b}30123456"),
            ("phone_number", "+"),
            ("phone_number", "+٤٩"),
            ("email", " "),
            ("email", "nobody"),
            ("email", "a b@example.com"),
            ("email", "a@b@example.com"),
            ("name", "A\u{0}nna"),
            ("custom:note", "\u{1b}[0m"),
        ] {
            assert!(!is_well_formed(name, value), "{name} {value:?}");
        }
    }

    #[test]
    fn a_username_in_the_form_of_an_alias_is_recognised() {
        let form = |aliases: &[&str], name: &str| {
            let aliases: Vec<String> = aliases.iter().map(|&name| name.to_owned()).collect();
            alias_of_form(&aliases, &Username::new(name))
        };
        assert_eq!(form(&["email"], "anna@example.com"), Some("email"));
        assert_eq!(form(&["phone_number"], "+4930123456"), Some("phone_number"));
        for (aliases, name) in [
            (&["email"][..], "bert"),
            (&["email"], "+4930123456"),
            (&["phone_number"], "anna@example.com"),
            (&["preferred_username"], "anna@example.com"),
            (&[], "anna@example.com"),
        ] {
            assert_eq!(form(aliases, name), None, "{aliases:?} {name}");
        }
    }

    #[test]
    fn values_that_the_target_refuses_are_left_out_unless_it_requires_them() {
        let mut pool = PoolDescription::with_defaults(&["note", "size"]);
        pool.attributes.get_mut("custom:note").unwrap().maximum = Some("3".to_owned());
        pool.attributes.get_mut("email").unwrap().required = true;
        let rules = ValueRules::of(&pool);
        assert_eq!(rules.0.keys().collect::<Vec<_>>(), ["custom:note", "email", "sub"]);
        let mut user = record(&[
            ("phone_number", " "),
            ("phone_number_verified", "true"),
            ("custom:note", "four"),
            ("custom:size", "four"),
            ("email", "?"),
            ("name", ""),
        ]);
        let left_out = rules.leave_out(&mut user);
        assert_eq!(left_out, ["custom:note", "phone_number"]);
        let names: Vec<_> = user.attributes.keys().collect();
        assert_eq!(names, ["custom:size", "email", "name"], "the flag of an address goes with it");
        assert!(rules.leave_out(&mut user).is_empty());
        let is = |field| is_left_out(&left_out, field);
        assert!(is("phone_number") && is("phone_number_verified") && is("custom:note") && !is("email"));
    }
}
