//! The names and types of user attributes.
//! Source: "Working with user attributes", Amazon Cognito developer guide.

use super::text_enum::open_enum;

open_enum! {
    /// The type of an attribute's value.
    /// Source: the `AttributeDataType` of `SchemaAttributeType`, Amazon Cognito user pools API.
    pub enum DataType {
        String = "String",
        Number = "Number",
        DateTime = "DateTime",
        Boolean = "Boolean",
    }
}

/// The standard attributes without `sub`, in the order in which GetCSVHeader names them.
pub const STANDARD_ATTRIBUTES: [&str; 19] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
];

/// Whether Cognito itself defines the attribute.
pub fn is_standard_attribute(name: &str) -> bool {
    STANDARD_ATTRIBUTES.contains(&name)
}

/// Whether an application added the attribute. `dev:` attributes are written by administrators only.
pub fn is_custom_attribute(name: &str) -> bool {
    name.starts_with("custom:") || name.starts_with("dev:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_cognito_adds_later_survives() {
        for text in ["String", "Number", "DateTime", "Boolean", "Colour"] {
            let value: DataType = serde_json::from_value(text.into()).unwrap();
            assert_eq!(serde_json::to_value(&value).unwrap(), text);
            assert_eq!(matches!(value, DataType::Other(_)), text == "Colour");
        }
    }
}
