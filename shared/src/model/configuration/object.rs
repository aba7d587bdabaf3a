//! The objects of a configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::difference::document::POOL_WIDE;

macro_rules! kinds {
    ($($kind:ident $name:literal $(, of $owner:ident)? : $what:literal);+ $(;)?) => {
        /// The kinds of objects that make up the configuration of a pool.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ObjectKind { $(#[doc = $what] #[serde(rename = $name)] $kind),+ }

        impl ObjectKind {
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The name in JSON, in reports and in table keys.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),+ }
            }

            /// The words for a reader.
            pub fn words(self) -> &'static str {
                match self { $(Self::$kind => $what),+ }
            }
        }
    };
}

kinds! {
    UserPool "userPool": "The pool itself: policies, schema, messages, triggers, tags.";
    Mfa "mfa": "The second factors and passkeys of the pool.";
    Client "clients": "An app client. Its name is the client id.";
    ClientSecrets "clientSecrets": "The ids of the secrets of an app client. Cognito never shows their values.";
    IdentityProvider "identityProviders": "An identity provider. Its name is the provider's.";
    ResourceServer "resourceServers": "A resource server with its scopes. Its name is its identifier.";
    Domain "domains": "A domain of the hosted login pages. Its name is the domain.";
    UiCustomization "uiCustomizations": "The classic look of the login pages, of the pool (`ALL`) or of a client.";
    Branding "branding": "The managed login style of a client.";
    RiskConfiguration "riskConfigurations": "The threat protection of the pool (`ALL`) or of a client.";
    LogDelivery "logDelivery": "Where Cognito delivers its logs.";
    Terms "terms": "A document of terms. Its name is the client id and the name of the document.";
    Sessions "sessions": "The sign-in sessions of the pool (`ALL`) or of a client.";
    CimdPolicy "cimdPolicies": "A policy for clients that a metadata document describes.";
    Replica "replicas": "A copy of the pool that Cognito keeps in another Region.";
    WebAcl "webAcl": "The web access control list of AWS WAF that protects the pool.";
    SigningCertificate "signingCertificate": "The certificate with which the pool signs SAML requests.";
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ObjectKind {
    /// Whether a pool has at most one object of this kind.
    pub fn is_single(self) -> bool {
        matches!(
            self,
            Self::UserPool | Self::Mfa | Self::LogDelivery | Self::WebAcl | Self::SigningCertificate
        )
    }

    /// Whether the name of an object of this kind begins with the id of a client.
    fn has_objects_of_clients(self) -> bool {
        matches!(
            self,
            Self::Client
                | Self::ClientSecrets
                | Self::UiCustomization
                | Self::Branding
                | Self::RiskConfiguration
                | Self::Terms
                | Self::Sessions
        )
    }
}

/// The name of one object in a pool: `clients/1h57kf5cpq17m0eml12EXAMPLE`, or `mfa` if the pool has only one
/// of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    pub kind: ObjectKind,
    /// What tells it from others of its kind. Empty if the pool has only one.
    pub id: String,
}

impl ObjectName {
    /// The only object of its kind.
    pub fn single(kind: ObjectKind) -> Self {
        Self { kind, id: String::new() }
    }

    pub fn of(kind: ObjectKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }

    /// The client to which the object belongs. None if it belongs to the pool, or its name does not say.
    pub fn client(&self) -> Option<&str> {
        let is_of_client = self.kind.has_objects_of_clients() && self.id != POOL_WIDE;
        is_of_client.then(|| self.id.split_once('/').map_or(self.id.as_str(), |(client, _)| client))
    }

    /// The same object of another client. The object of a pool keeps its name.
    #[must_use]
    pub fn with_client(&self, client: &str) -> Self {
        let rest = self.client().map(|old| &self.id[old.len()..]);
        rest.map_or_else(|| self.clone(), |rest| Self::of(self.kind, format!("{client}{rest}")))
    }

    /// Reads a name as [`Display`](fmt::Display) writes it. None if the kind is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('/').unwrap_or((text, ""));
        let kind = ObjectKind::ALL.iter().copied().find(|known| known.name() == kind)?;
        (kind.is_single() == id.is_empty()).then(|| Self::of(kind, id))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.id.is_empty() {
            f.write_str(self.kind.name())
        } else {
            write!(f, "{}/{}", self.kind, self.id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_object_of_a_client_names_the_client() {
        for (name, client, with_other) in [
            ("clients/1", Some("1"), "clients/2"),
            ("terms/1/terms-of-use", Some("1"), "terms/2/terms-of-use"),
            ("riskConfigurations/ALL", None, "riskConfigurations/ALL"),
            ("sessions/1", Some("1"), "sessions/2"),
            ("identityProviders/1/x", None, "identityProviders/1/x"),
            ("cimdPolicies/1", None, "cimdPolicies/1"),
            ("mfa", None, "mfa"),
        ] {
            let name = ObjectName::parse(name).unwrap();
            assert_eq!(name.client(), client, "{name}");
            assert_eq!(name.with_client("2").to_string(), with_other);
        }
    }
}
