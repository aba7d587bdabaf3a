//! The attributes of a pool's schema: which of them are as Cognito makes them, and the form that creates
//! them.
//!
//! A read has all standard attributes. A request has only the attributes that differ, and custom attributes
//! without their prefix.

use serde_json::{Map, Value, json};

/// A standard attribute, as Cognito answers it if the pool's owner did not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandardAttribute {
    pub name: &'static str,
    pub data_type: &'static str,
    pub mutable: bool,
    pub required: bool,
    /// The name of the member with the constraints, and the constraints in JSON. Absent and empty mean the
    /// same.
    pub constraints: Option<(&'static str, &'static str)>,
    /// Whether a request may name it. Cognito keeps the others as they are.
    pub is_sendable: bool,
}

/// The standard attributes, as pools answer them in August 2026.
///
/// Source: measured live, 2026-08. AWS has changed an entry before (`birthdate`, July 2024), so this is a
/// table with a date. A changed entry only makes an attribute differ from its default.
pub const STANDARD_ATTRIBUTE_DEFAULTS: [StandardAttribute; 21] = [
    StandardAttribute {
        mutable: false,
        required: true,
        is_sendable: false,
        constraints: Some((STRING, r#"{"MinLength": "1", "MaxLength": "2048"}"#)),
        ..text("sub")
    },
    text("name"),
    text("given_name"),
    text("family_name"),
    text("middle_name"),
    text("nickname"),
    text("preferred_username"),
    text("profile"),
    text("picture"),
    text("website"),
    text("email"),
    verified("email_verified"),
    text("gender"),
    StandardAttribute {
        constraints: Some((STRING, r#"{"MinLength": "10", "MaxLength": "10"}"#)),
        ..text("birthdate")
    },
    text("zoneinfo"),
    text("locale"),
    text("phone_number"),
    // Its name has 21 characters, and `SchemaAttributeType` of a request allows 20.
    verified("phone_number_verified"),
    text("address"),
    StandardAttribute {
        data_type: "Number",
        is_sendable: false,
        constraints: Some((NUMBER, r#"{"MinValue": "0"}"#)),
        ..text("updated_at")
    },
    // Only pools of today have it.
    StandardAttribute { is_sendable: false, constraints: None, ..text("identities") },
];

const STRING: &str = "StringAttributeConstraints";
const NUMBER: &str = "NumberAttributeConstraints";

const fn text(name: &'static str) -> StandardAttribute {
    StandardAttribute {
        name,
        data_type: "String",
        mutable: true,
        required: false,
        constraints: Some((STRING, r#"{"MinLength": "0", "MaxLength": "2048"}"#)),
        is_sendable: true,
    }
}

const fn verified(name: &'static str) -> StandardAttribute {
    StandardAttribute { data_type: "Boolean", constraints: None, is_sendable: false, ..text(name) }
}

/// The standard attribute of this name. A custom attribute has a prefix in every read, so it has none.
pub fn standard_attribute(name: &str) -> Option<&'static StandardAttribute> {
    STANDARD_ATTRIBUTE_DEFAULTS.iter().find(|attribute| attribute.name == name)
}

/// Whether an element of `SchemaAttributes` is a standard attribute as Cognito makes it.
pub fn is_default_attribute(attribute: &Value) -> bool {
    let standard = attribute["Name"].as_str().and_then(standard_attribute);
    standard.is_some_and(|standard| normal_form(attribute) == normal_form(&standard.read_form()))
}

/// The element of `Schema` of `CreateUserPool`, or of `CustomAttributes` of `AddCustomAttributes`, that makes
/// this element of `SchemaAttributes`. None if no request may or must have it.
pub fn create_form(attribute: &Value) -> Option<Value> {
    let name = attribute["Name"].as_str()?;
    let is_sendable = standard_attribute(name).is_none_or(|standard| standard.is_sendable);
    if is_sendable { declared_form(attribute) } else { None }
}

/// The [form](create_form) of an attribute that differs from what every pool has, also if no request may have it.
pub fn declared_form(attribute: &Value) -> Option<Value> {
    let name = attribute["Name"].as_str()?;
    if is_default_attribute(attribute) {
        return None;
    }
    let mut form = normal_form(attribute)?;
    form.insert("Name".to_owned(), json!(name_in_request(name)));
    Some(Value::Object(form))
}

/// The name of an attribute in a request. Cognito puts the prefix in front of it: a request with `custom:x`
/// makes `custom:custom:x`.
pub fn name_in_request(name: &str) -> &str {
    let developer_only = name.strip_prefix("dev:");
    let bare = developer_only.unwrap_or(name);
    bare.strip_prefix("custom:").unwrap_or(bare)
}

impl StandardAttribute {
    /// The element of `SchemaAttributes` that Cognito answers if the owner did not change the attribute.
    pub fn read_form(&self) -> Value {
        let mut form = json!({
            "Name": self.name,
            "AttributeDataType": self.data_type,
            "DeveloperOnlyAttribute": false,
            "Mutable": self.mutable,
            "Required": self.required,
        });
        if let Some((member, constraints)) = self.constraints {
            form[member] = serde_json::from_str(constraints).unwrap_or_default();
        }
        form
    }
}

/// The attribute without empty constraints, which mean the same as none. None if it is no object.
fn normal_form(attribute: &Value) -> Option<Map<String, Value>> {
    let mut form = attribute.as_object()?.clone();
    let is_empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
    form.retain(|member, value| !([STRING, NUMBER].contains(&member.as_str()) && is_empty(value)));
    Some(form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::STANDARD_ATTRIBUTES;

    fn read(name: &str) -> Value {
        standard_attribute(name).unwrap().read_form()
    }

    fn custom(name: &str) -> Value {
        json!({
            "Name": name, "AttributeDataType": "String", "DeveloperOnlyAttribute": name.starts_with("dev:"),
            "Mutable": true, "Required": false, "StringAttributeConstraints": {},
        })
    }

    #[test]
    fn the_defaults_have_every_standard_attribute_once_and_constraints_in_json() {
        let mut names: Vec<_> = STANDARD_ATTRIBUTE_DEFAULTS.iter().map(|attribute| attribute.name).collect();
        names.sort_unstable();
        let mut known = STANDARD_ATTRIBUTES.to_vec();
        known.extend(["sub", "identities"]);
        known.sort_unstable();
        assert_eq!(names, known);
        for attribute in STANDARD_ATTRIBUTE_DEFAULTS {
            let constraints = attribute.constraints.map_or("{}", |(_, constraints)| constraints);
            assert!(serde_json::from_str::<Value>(constraints).unwrap().is_object(), "{}", attribute.name);
        }
    }

    #[test]
    fn a_standard_attribute_equals_its_default_until_a_member_differs() {
        for attribute in STANDARD_ATTRIBUTE_DEFAULTS {
            assert!(is_default_attribute(&read(attribute.name)), "{}", attribute.name);
        }
        for (member, value) in [
            ("Required", json!(true)),
            ("Mutable", json!(false)),
            ("StringAttributeConstraints", json!({"MinLength": "3", "MaxLength": "2048"})),
            ("NewMember", json!("x")),
        ] {
            let mut attribute = read("email");
            attribute[member] = value;
            assert!(!is_default_attribute(&attribute), "{member}");
        }
        let mut identities = read("identities");
        identities["StringAttributeConstraints"] = json!({});
        assert!(is_default_attribute(&identities));
        assert!(!is_default_attribute(&custom("custom:email")) && !is_default_attribute(&json!("email")));
    }

    #[test]
    fn a_request_lacks_default_attributes_and_those_that_cognito_keeps() {
        for attribute in STANDARD_ATTRIBUTE_DEFAULTS {
            assert_eq!(create_form(&read(attribute.name)), None, "{}", attribute.name);
        }
        for name in ["sub", "identities", "email_verified", "phone_number_verified", "updated_at"] {
            let mut changed = read(name);
            changed["Mutable"] = json!(false);
            changed["Required"] = json!(true);
            assert_eq!(create_form(&changed), None, "{name}");
        }
        let mut email = read("email");
        email["Required"] = json!(true);
        assert_eq!(create_form(&email), Some(email));
    }

    #[test]
    fn a_request_names_a_custom_attribute_without_its_prefix() {
        for (name, expected) in [
            ("custom:x", "x"),
            ("dev:custom:x", "x"),
            ("dev:x", "x"),
            ("custom:sub", "sub"),
            ("custom:custom:x", "custom:x"),
        ] {
            let form = create_form(&custom(name)).unwrap();
            assert_eq!(form["Name"], expected);
            assert_eq!(form.get("StringAttributeConstraints"), None, "empty constraints are not sent");
            assert_eq!(form["DeveloperOnlyAttribute"], name.starts_with("dev:"));
        }
    }
}
