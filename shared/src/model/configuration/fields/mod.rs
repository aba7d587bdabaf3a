//! The table of fields: one row for each member of each object.
//!
//! The rows follow botocore 1.44.8. Facts of the developer guide and of the API reference have no source
//! beside them; "measured live" names the month in which Cognito answered so. A test compares the table with
//! the API model.

mod branding;
mod cimd;
mod client;
mod domain;
mod identity_provider;
mod logs;
mod mfa;
mod pool;
mod replica;
mod resource_server;
mod risk;
mod sessions;
mod switches;
mod terms;
mod ui_customization;
mod waf;

pub use pool::RESERVED_TAG_PREFIX;
pub use switches::is_switch;

use super::{Field, Nature, ObjectKind, ProviderType};

/// The rows of the kind, in the order of Cognito's API.
pub fn fields_of(kind: ObjectKind) -> &'static [Field] {
    match kind {
        ObjectKind::UserPool => pool::FIELDS,
        ObjectKind::Mfa => mfa::FIELDS,
        ObjectKind::Client => client::FIELDS,
        ObjectKind::ClientSecrets => client::SECRETS,
        ObjectKind::IdentityProvider => identity_provider::FIELDS,
        ObjectKind::ResourceServer => resource_server::FIELDS,
        ObjectKind::Domain => domain::FIELDS,
        ObjectKind::UiCustomization => ui_customization::FIELDS,
        ObjectKind::Branding => branding::FIELDS,
        ObjectKind::RiskConfiguration => risk::FIELDS,
        ObjectKind::LogDelivery => logs::FIELDS,
        ObjectKind::Terms => terms::FIELDS,
        ObjectKind::Sessions => sessions::FIELDS,
        ObjectKind::CimdPolicy => cimd::FIELDS,
        ObjectKind::Replica => replica::FIELDS,
        ObjectKind::WebAcl => waf::FIELDS,
        ObjectKind::SigningCertificate => identity_provider::SIGNING_CERTIFICATE,
    }
}

/// The row of the member at `path`, which is written as in [`Field::path`]. None if there is no row, or if
/// the row depends on the type of the identity provider.
///
/// A member without a row may hold a secret.
pub fn field(kind: ObjectKind, path: &str) -> Option<&'static Field> {
    row(kind, path, None)
}

/// The member of a configuration that a message of Cognito names first. A message may quote values, so nothing else of it
/// is kept. A member whose name is a single word, such as `Domain`, is not looked for: the word may be no name there.
pub fn member_named_in(message: &str) -> Option<&'static str> {
    // Cognito quotes the value, and then the member: `Value '…' at 'callbackURLs' failed to satisfy constraint`.
    let message = message.rsplit_once(" at '").map_or(message, |(_, place)| place);
    let words = message.split(|c: char| !c.is_ascii_alphanumeric());
    let is_name = |name: &str| name.chars().filter(char::is_ascii_uppercase).count() > 1;
    let names = || {
        let paths = ObjectKind::ALL.iter().flat_map(|kind| fields_of(*kind)).map(|field| field.path);
        paths
            .flat_map(|path| path.split('.'))
            .map(|part| part.trim_end_matches("[]"))
            .filter(|part| is_name(part))
    };
    words
        .filter(|word| !word.is_empty())
        .find_map(|word| names().find(|name| name.eq_ignore_ascii_case(word)))
}

/// Whether the table names the member at `path` as a secret, of an identity provider of any type.
pub fn is_secret(kind: ObjectKind, path: &str) -> bool {
    fields_of(kind).iter().any(|field| field.path == path && field.nature == Nature::Secret)
}

/// The row of the member at `path` of an identity provider of this type.
pub fn provider_field(path: &str, provider: ProviderType) -> Option<&'static Field> {
    row(ObjectKind::IdentityProvider, path, Some(provider))
}

pub(super) fn row(kind: ObjectKind, path: &str, provider: Option<ProviderType>) -> Option<&'static Field> {
    fields_of(kind).iter().find(|field| field.path == path && field.is_valid_for(provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_member_and_nothing_else_of_it_is_kept() {
        for (message, member) in [
            (
                "1 validation error detected: Value 'a/b' at 'clientSecret' failed to satisfy constraint",
                Some("ClientSecret"),
            ),
            ("Value 'https://a.example.com/LogoutURLs' at 'callbackURLs' failed", Some("CallbackURLs")),
            (
                "Invalid range for token validity: AccessTokenValidity must be larger",
                Some("AccessTokenValidity"),
            ),
            ("The domain name is taken", None),
            ("ClientSecretOfAUser", None),
            ("", None),
        ] {
            assert_eq!(member_named_in(message), member, "{message}");
        }
    }
}
