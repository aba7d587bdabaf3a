//! The objects of a configuration.

use std::fmt;

use serde::{Deserialize, Serialize};

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
