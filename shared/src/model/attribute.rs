//! The names of user attributes.
//! Source: "Working with user attributes", Amazon Cognito developer guide.

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
