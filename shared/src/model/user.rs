//! Users.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, DigestBuilder, Sub, Username};

/// A user as a listing names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub`, by which pages and the sub map name the user.
    pub sub: Sub,
    /// The content.
    pub record: UserRecord,
}

/// The content of a user. Source: the `UserType` shape of the Cognito user pools API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRecord {
    /// The username: a UUID equal to the `sub` in pools that sign in by e-mail or phone.
    pub username: Username,
    /// All attributes but `sub`, by name.
    pub attributes: BTreeMap<String, String>,
    /// Whether the user may sign in.
    pub enabled: bool,
    /// The status.
    pub status: UserStatus,
    /// The attributes that receive SMS codes, by the legacy `MFAOptions` that listings show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mfa_options: Vec<String>,
    /// When the user was created, to the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When the user was last changed, to the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
}

impl fmt::Debug for UserRecord {
    /// Shows no personal data: records may end up in a log or in a panic message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("attributes", &self.attributes.len())
            .field("enabled", &self.enabled)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The status of a user. Source: the `UserStatusType` shape of the Cognito user pools API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserStatus {
    /// Signed up and confirmed.
    Confirmed,
    /// Signed up, not confirmed.
    Unconfirmed,
    /// Created by an administrator or an import; has to set a password first.
    ForceChangePassword,
    /// Has to reset the password before the next sign-in.
    ResetRequired,
    /// Created by a federated sign-in.
    ExternalProvider,
    /// Any other that Cognito knows or will know, kept as it is.
    Other(String),
}

impl UserStatus {
    /// Parses Cognito's name of a status.
    pub fn parse(text: &str) -> Self {
        match text {
            "CONFIRMED" => Self::Confirmed,
            "UNCONFIRMED" => Self::Unconfirmed,
            "FORCE_CHANGE_PASSWORD" => Self::ForceChangePassword,
            "RESET_REQUIRED" => Self::ResetRequired,
            "EXTERNAL_PROVIDER" => Self::ExternalProvider,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Cognito's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Confirmed => "CONFIRMED",
            Self::Unconfirmed => "UNCONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Self::ResetRequired => "RESET_REQUIRED",
            Self::ExternalProvider => "EXTERNAL_PROVIDER",
            Self::Other(other) => other,
        }
    }
}

impl Serialize for UserStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UserStatus {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::parse(&text))
    }
}

/// The status of a restored user: CONFIRMED whatever it was, because only then "forgot password" works; `None` where no native user
/// may be created.
///
/// A user left in FORCE_CHANGE_PASSWORD would need a temporary password that nobody has, and UNCONFIRMED and RESET_REQUIRED cannot be
/// set without sending a message. A federated user is created by Cognito at the next federated sign-in; a native user under that name
/// would block it.
pub fn restored_status(source: &UserStatus) -> Option<UserStatus> {
    match source {
        UserStatus::ExternalProvider => None,
        _ => Some(UserStatus::Confirmed),
    }
}

impl UserRecord {
    /// The digest under which the record is stored.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new("user").json(self).finish()
    }

    /// The attributes that a create call accepts: all but the ones that Cognito alone sets.
    pub fn settable_attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .filter(|(name, _)| name.as_str() != "sub" && name.as_str() != "identities" && !name.starts_with("cognito:"))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether the user is linked to an identity provider.
    pub fn has_linked_identities(&self) -> bool {
        self.attributes.get("identities").is_some_and(|identities| !matches!(identities.trim(), "" | "[]"))
    }

    /// Whether "forgot password" can reach the user: a verified e-mail address or phone number.
    pub fn can_reset_password(&self) -> bool {
        let has = |name: &str| self.attributes.get(name).is_some_and(|value| !value.is_empty());
        let verified = |name: &str| self.attributes.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        (has("email") && verified("email_verified")) || (has("phone_number") && verified("phone_number_verified"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord {
            username: Username::new("anna"),
            attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            enabled: true,
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            created: "2026-01-01T00:00:00.123Z".parse().ok(),
            modified: None,
        }
    }

    #[test]
    fn the_digest_covers_every_field() {
        let base = record(&[("email", "a@example.com")]);
        let mut variants = vec![base.clone(); 7];
        variants[0].username = Username::new("bert");
        variants[1].attributes.insert("name".into(), String::new());
        variants[2].enabled = false;
        variants[3].status = UserStatus::Unconfirmed;
        variants[4].mfa_options.push("phone_number".into());
        variants[5].created = None;
        variants[6].modified = base.created;
        let digests: std::collections::BTreeSet<_> = variants.iter().chain([&base]).map(UserRecord::digest).collect();
        assert_eq!(digests.len(), 8);
        assert_eq!(base.digest(), base.clone().digest());
    }

    #[test]
    fn a_record_shows_no_personal_data() {
        let shown = format!("{:?}", record(&[("email", "a@example.com")]));
        assert!(!shown.contains("anna") && !shown.contains("example.com"), "{shown}");
    }

    #[test]
    fn what_cognito_alone_sets_is_not_settable() {
        let record =
            record(&[("email", "e"), ("identities", "[{}]"), ("cognito:mfa_enabled", "true"), ("custom:x", "1"), ("sub", "s")]);
        let names: Vec<_> = record.settable_attributes().map(|(name, _)| name).collect();
        assert_eq!(names, ["custom:x", "email"]);
        assert!(record.has_linked_identities());
    }

    #[test]
    fn a_password_can_be_reset_through_a_verified_address_only() {
        assert!(record(&[("email", "e"), ("email_verified", "True")]).can_reset_password());
        assert!(record(&[("phone_number", "+49"), ("phone_number_verified", "true")]).can_reset_password());
        assert!(!record(&[("email", "e"), ("email_verified", "false")]).can_reset_password());
        assert!(!record(&[("email_verified", "true")]).can_reset_password());
        assert!(!record(&[]).can_reset_password());
    }

    #[test]
    fn a_status_that_nobody_knows_yet_survives() {
        for text in ["CONFIRMED", "UNCONFIRMED", "FORCE_CHANGE_PASSWORD", "RESET_REQUIRED", "EXTERNAL_PROVIDER", "ARCHIVED"] {
            assert_eq!(UserStatus::parse(text).as_str(), text);
        }
    }
}
