//! Users: their content, and how two of them are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text_enum::open_enum;
use super::{Digest, DigestBuilder, Sub, Username};

/// A user in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub sub: Sub,
    pub record: UserRecord,
}

/// The content of a user. Source: the `UserType` shape of the Cognito user pools API.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRecord {
    /// The username. If the pool signs in by e-mail or phone, it is a UUID equal to the `sub`.
    pub username: Username,
    /// All attributes without `sub`, by name.
    pub attributes: BTreeMap<String, String>,
    pub enabled: bool,
    pub status: UserStatus,
    /// The attributes that receive SMS codes: the legacy `MFAOptions` of listings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mfa_options: Vec<String>,
    /// The second factors from AdminGetUser, if the export captured them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa: Option<MfaPreference>,
    /// To the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// To the millisecond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
}

impl fmt::Debug for UserRecord {
    /// Shows no personal data, because a record may end up in a log or in a panic message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("attributes", &self.attributes.len())
            .field("enabled", &self.enabled)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The second factors of a user.
/// Source: `UserMFASettingList` and `PreferredMfaSetting` of AdminGetUser.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MfaPreference {
    /// The factors that are on: `SMS_MFA`, `EMAIL_OTP`, `SOFTWARE_TOKEN_MFA` and any that Cognito adds.
    pub enabled: BTreeSet<String>,
    /// The factor that Cognito asks for first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred: Option<String>,
}

impl MfaPreference {
    /// Codes by text message.
    pub const SMS: &'static str = "SMS_MFA";
    /// Codes by e-mail.
    pub const EMAIL: &'static str = "EMAIL_OTP";

    /// The factors that a restore can turn on again: codes by text message and e-mail. No API gives out the
    /// secrets of apps and keys.
    pub fn restorable(&self) -> Option<Self> {
        let can = |factor: &str| factor == Self::SMS || factor == Self::EMAIL;
        let enabled: BTreeSet<String> = self.enabled.iter().filter(|factor| can(factor)).cloned().collect();
        let preferred = self.preferred.clone().filter(|factor| enabled.contains(factor));
        (!enabled.is_empty()).then_some(Self { enabled, preferred })
    }

    /// Whether the user must enrol a factor again.
    pub fn must_enrol_again(&self) -> bool {
        self.enabled.iter().any(|factor| factor != Self::SMS && factor != Self::EMAIL)
    }
}

/// An identity at a provider, with which a user signs in.
/// Source: the `identities` attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The provider's name in the pool.
    pub provider_name: String,
    /// The user's id at the provider.
    pub user_id: String,
}

/// An identity with the fields that tell who made the user.
/// Source: the `identities` attribute.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedIdentity {
    provider_name: String,
    user_id: String,
    /// A Boolean, or its text.
    #[serde(default)]
    primary: serde_json::Value,
}

impl ListedIdentity {
    fn is_primary(&self) -> bool {
        self.primary == true || self.primary.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

open_enum! {
    /// Source: the `UserStatusType` shape of the Cognito user pools API.
    pub enum UserStatus {
        /// The user signed up and is confirmed.
        Confirmed = "CONFIRMED",
        /// The user signed up and is not confirmed.
        Unconfirmed = "UNCONFIRMED",
        /// An administrator or an import created the user, who must set a password first.
        ForceChangePassword = "FORCE_CHANGE_PASSWORD",
        /// The user must reset the password before the next sign-in.
        ResetRequired = "RESET_REQUIRED",
        /// A federated sign-in created the user.
        ExternalProvider = "EXTERNAL_PROVIDER",
    }
}

impl UserRecord {
    /// The digest under which the record is stored.
    pub fn digest(&self) -> Digest {
        DigestBuilder::new("user").json(self).finish()
    }

    /// The size of its username and attributes, in bytes.
    pub fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + value.len());
        self.username.as_str().len() + attributes.sum::<usize>()
    }

    /// The attributes that a create call accepts. Cognito alone sets the others.
    pub fn settable_attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes
            .iter()
            .filter(|(name, _)| {
                name.as_str() != "sub" && name.as_str() != "identities" && !name.starts_with("cognito:")
            })
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The identities with which the user signs in. None if the attribute cannot be read.
    pub fn identities(&self) -> Option<Vec<Identity>> {
        match self.attributes.get("identities").map(|identities| identities.trim()) {
            None | Some("") => Some(Vec::new()),
            Some(identities) => serde_json::from_str(identities).ok(),
        }
    }

    /// Whether Cognito made the user at a federated sign-in: its username is `<provider>_<id>` of one of its
    /// identities, or one of them is the primary one. The status does not tell: a native user with a linked
    /// identity may show `EXTERNAL_PROVIDER` after a sign-in, and a federated user with a password shows
    /// `CONFIRMED`. A user in `EXTERNAL_PROVIDER` without readable identities counts as federated, because
    /// a native user of its name would block its sign-in.
    /// Sources: "Linking federated users to an existing user profile", Amazon Cognito developer guide;
    /// service-workbench-on-aws 605.
    pub fn is_federated(&self) -> bool {
        match self.listed_identities() {
            Some(identities) if !identities.is_empty() => identities.iter().any(|identity| {
                let made = format!("{}_{}", identity.provider_name, identity.user_id);
                identity.is_primary() || made.to_lowercase() == self.username.as_str().to_lowercase()
            }),
            _ => self.status == UserStatus::ExternalProvider,
        }
    }

    fn listed_identities(&self) -> Option<Vec<ListedIdentity>> {
        match self.attributes.get("identities").map(|identities| identities.trim()) {
            None | Some("") => Some(Vec::new()),
            Some(identities) => serde_json::from_str(identities).ok(),
        }
    }

    /// The attributes that a restore sets: no empty values, and a verified flag only beside its address.
    pub fn restorable_attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_filled = |name: &str| self.attributes.get(name).is_some_and(|value| !value.is_empty());
        let has_address = move |name: &str| match name {
            "email_verified" => is_filled("email"),
            "phone_number_verified" => is_filled("phone_number"),
            _ => true,
        };
        self.settable_attributes().filter(move |(name, value)| !value.is_empty() && has_address(name))
    }

    /// The form in which two users are compared: a verified flag counts only if it is `true`.
    pub fn comparable_attributes(&self) -> BTreeMap<&str, &str> {
        let one_form = |(name, value)| match name {
            "email_verified" | "phone_number_verified" => {
                str::eq_ignore_ascii_case(value, "true").then_some((name, "true"))
            }
            _ => Some((name, value)),
        };
        self.restorable_attributes().filter_map(one_form).collect()
    }

    /// The names of the attributes that differ from those of `other`, sorted. `except` is not compared.
    pub fn attributes_unlike<'a>(&'a self, other: &'a Self, except: Option<&str>) -> Vec<&'a str> {
        let (mine, others) = (self.comparable_attributes(), other.comparable_attributes());
        let names: BTreeSet<&str> = mine.keys().chain(others.keys()).copied().collect();
        names.into_iter().filter(|name| Some(*name) != except && mine.get(name) != others.get(name)).collect()
    }

    /// The names of what differs from `other`: attributes without `except`, and `enabled`. A restore keeps
    /// no password, status or time, so these are not compared. For identities see
    /// [`has_identities_of`](Self::has_identities_of).
    pub fn fields_unlike(&self, other: &Self, except: Option<&str>) -> Vec<String> {
        let enabled = (self.enabled != other.enabled).then_some("enabled");
        self.attributes_unlike(other, except).into_iter().chain(enabled).map(str::to_owned).collect()
    }

    /// The digest of what a restore keeps. Two users with equal digests agree in all attributes but
    /// `except`, and in `enabled`.
    pub fn kept_digest(&self, except: Option<&str>) -> Digest {
        let mut attributes = self.comparable_attributes();
        if let Some(except) = except {
            attributes.remove(except);
        }
        DigestBuilder::new("kept").json(&attributes).number(self.enabled.into()).finish()
    }

    /// Whether every identity of `other` signs in as this user, too.
    pub fn has_identities_of(&self, other: &Self) -> bool {
        let mine = self.identities().unwrap_or_default();
        other.identities().unwrap_or_default().iter().all(|identity| mine.contains(identity))
    }

    /// Whether an attribute has a value other than this one.
    pub fn has_other_value(&self, name: &str, value: &str) -> bool {
        self.attributes.get(name).is_some_and(|present| !present.is_empty() && present != value)
    }

    /// The captured second factors. Without them, what the listing shows of codes by text message.
    pub fn second_factors(&self) -> Option<MfaPreference> {
        let sms = || MfaPreference { enabled: [MfaPreference::SMS.to_owned()].into(), preferred: None };
        self.mfa
            .clone()
            .or_else(|| (!self.mfa_options.is_empty()).then(sms))
            .filter(|factors| !factors.enabled.is_empty())
    }

    /// Whether the user has a verified address: `email` or `phone_number`.
    pub fn has_verified(&self, address: &str) -> bool {
        let flag = self.attributes.get(&format!("{address}_verified"));
        self.attributes.get(address).is_some_and(|value| !value.is_empty())
            && flag.is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
    }
}

#[cfg(test)]
impl UserRecord {
    /// An enabled, confirmed user of the unit tests.
    pub(crate) fn confirmed(username: &str, attributes: &[(&str, &str)]) -> Self {
        Self {
            username: Username::new(username),
            attributes: attributes.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            enabled: true,
            status: UserStatus::Confirmed,
            mfa_options: Vec::new(),
            mfa: None,
            created: None,
            modified: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord {
            created: "2026-01-01T00:00:00.123Z".parse().ok(),
            ..UserRecord::confirmed("anna", attributes)
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
        let digests: std::collections::BTreeSet<_> =
            variants.iter().chain([&base]).map(UserRecord::digest).collect();
        assert_eq!(digests.len(), 8);
        assert_eq!(base.digest(), base.clone().digest());
    }

    #[test]
    fn a_record_shows_no_personal_data() {
        let shown = format!("{:?}", record(&[("email", "a@example.com")]));
        assert!(!shown.contains("anna") && !shown.contains("example.com"), "{shown}");
    }

    #[test]
    fn attributes_that_only_cognito_sets_are_not_settable() {
        let record = record(&[
            ("email", "e"),
            ("identities", "[{}]"),
            ("cognito:mfa_enabled", "true"),
            ("custom:x", "1"),
            ("sub", "s"),
        ]);
        let names: Vec<_> = record.settable_attributes().map(|(name, _)| name).collect();
        assert_eq!(names, ["custom:x", "email"]);
    }

    #[test]
    fn identities_are_read() {
        let identities = r#"[{"userId":"7","providerName":"Google","providerType":"Google","issuer":null,"primary":true,"dateCreated":1}]"#;
        let read = record(&[("identities", identities)]).identities().unwrap();
        assert_eq!(read, [Identity { provider_name: "Google".into(), user_id: "7".into() }]);
        assert_eq!(record(&[]).identities(), Some(Vec::new()));
        assert_eq!(record(&[("identities", "nonsense")]).identities(), None);
    }

    #[test]
    fn a_user_is_federated_if_cognito_made_it_of_an_identity() {
        let user = |username: &str, status, primary: &str| {
            let identities = format!(r#"[{{"userId":"7","providerName":"Google","primary":{primary}}}]"#);
            let username = Username::new(username);
            UserRecord { username, status, ..record(&[("identities", &identities)]) }
        };
        let external = || UserStatus::ExternalProvider;
        assert!(user("Google_7", external(), "false").is_federated());
        assert!(user("google_7", UserStatus::Confirmed, r#""false""#).is_federated(), "it got a password");
        assert!(user("anna", external(), "true").is_federated());
        assert!(user("anna", external(), r#""true""#).is_federated());
        assert!(!user("anna", external(), "false").is_federated(), "it is native, linked, and signed in");
        assert!(!user("restored-1", external(), "null").is_federated());
        assert!(!user("Google_8", UserStatus::Confirmed, "false").is_federated());
        let unreadable = UserRecord { status: external(), ..record(&[("identities", "?")]) };
        assert!(unreadable.is_federated() && UserRecord { status: external(), ..record(&[]) }.is_federated());
        assert!(!record(&[]).is_federated());
    }

    #[test]
    fn users_are_compared_in_one_form() {
        let one = record(&[("email", "e"), ("email_verified", "True"), ("name", ""), ("sub", "1")]);
        let other = record(&[
            ("email", "e"),
            ("email_verified", "true"),
            ("phone_number_verified", "false"),
            ("sub", "2"),
        ]);
        assert_eq!(one.comparable_attributes(), other.comparable_attributes());
        assert_ne!(one.comparable_attributes(), record(&[("email", "e")]).comparable_attributes());
    }

    #[test]
    fn only_the_fields_that_differ_are_named() {
        let wanted = record(&[
            ("email", "a"),
            ("email_verified", "true"),
            ("locale", ""),
            ("name", "Anna"),
            ("custom:old", "1"),
        ]);
        let there =
            record(&[("email", "b"), ("email_verified", "true"), ("nickname", "Ann"), ("name", "Anna")]);
        assert_eq!(there.attributes_unlike(&wanted, Some("custom:old")), ["email", "nickname"]);
        let disabled = UserRecord { enabled: false, status: UserStatus::Unconfirmed, ..there };
        assert_eq!(disabled.fields_unlike(&wanted, None), ["custom:old", "email", "nickname", "enabled"]);
        assert!(wanted.fields_unlike(&wanted, None).is_empty());
        let linked = record(&[(
            "identities",
            r#"[{"userId":"7","providerName":"Google"},{"userId":"8","providerName":"Google"}]"#,
        )]);
        let once = record(&[("identities", r#"[{"userId":"7","providerName":"Google","primary":"false"}]"#)]);
        assert!(
            linked.has_identities_of(&once)
                && !once.has_identities_of(&linked)
                && once.has_identities_of(&wanted)
        );
    }

    #[test]
    fn codes_can_be_turned_on_again_and_apps_and_keys_cannot() {
        let factors = |names: &[&str], preferred: Option<&str>| MfaPreference {
            enabled: names.iter().map(|&name| name.to_owned()).collect(),
            preferred: preferred.map(str::to_owned),
        };
        let all = factors(&["SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA"], Some("SOFTWARE_TOKEN_MFA"));
        assert_eq!(all.restorable(), Some(factors(&["SMS_MFA", "EMAIL_OTP"], None)));
        assert!(all.must_enrol_again());
        assert_eq!(factors(&["SOFTWARE_TOKEN_MFA"], None).restorable(), None);
        let listed = UserRecord { mfa_options: vec!["phone_number".into()], ..record(&[]) };
        assert_eq!(listed.second_factors(), Some(factors(&["SMS_MFA"], None)));
        assert_eq!(record(&[]).second_factors(), None);
    }

    #[test]
    fn a_password_can_be_reset_through_a_verified_address_only() {
        assert!(record(&[("email", "e"), ("email_verified", "True")]).has_verified("email"));
        assert!(
            record(&[("phone_number", "+49"), ("phone_number_verified", "true")])
                .has_verified("phone_number")
        );
        assert!(!record(&[("email", "e"), ("email_verified", "false")]).has_verified("email"));
        assert!(!record(&[("email_verified", "true")]).has_verified("email"));
        assert!(!record(&[]).has_verified("email"));
    }

    #[test]
    fn an_unknown_status_is_kept_as_it_is() {
        for text in [
            "CONFIRMED",
            "UNCONFIRMED",
            "FORCE_CHANGE_PASSWORD",
            "RESET_REQUIRED",
            "EXTERNAL_PROVIDER",
            "ARCHIVED",
        ] {
            assert_eq!(UserStatus::parse(text).as_str(), text);
        }
    }
}
