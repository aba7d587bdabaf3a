//! Identity providers, and the certificate for SAML requests. Source: `IdentityProviderType`,
//! `CreateIdentityProvider`, `UpdateIdentityProvider`, `GetSigningCertificate`.
//!
//! `ProviderDetails` is a map of strings whose keys depend on the type of the provider. It has no row for
//! other keys: a new key may be a secret. An update keeps it if it is not sent. Sent, it is replaced as a
//! whole, with its secret.

use crate::model::configuration::ProviderType::{Amazon, Apple, Facebook, Google, Oidc, Saml};
use crate::model::configuration::{Bound, Field, ProviderType};

const SOCIAL: &[ProviderType] = &[Google, Facebook, Amazon, Apple];
const OAUTH: &[ProviderType] = &[Google, Facebook, Amazon, Apple, Oidc];

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    // New names obey a stricter pattern than old ones, so an old name may be refused.
    Field::name("ProviderName"),
    Field::fixed("ProviderType"),
    Field::setting("ProviderDetails.attributes_request_method").kept().of(&[Oidc]),
    // Of an OIDC provider, Cognito finds the addresses through the issuer if they are not given, and answers
    // them. Of a social provider, Cognito knows them, answers them, and takes none.
    Field::setting("ProviderDetails.attributes_url").kept().of(&[Oidc]),
    Field::derived("ProviderDetails.attributes_url").of(SOCIAL),
    Field::derived("ProviderDetails.attributes_url_add_attributes").of(OAUTH),
    Field::setting("ProviderDetails.authorize_scopes").kept().of(OAUTH),
    Field::setting("ProviderDetails.authorize_url").kept().of(&[Oidc]),
    Field::derived("ProviderDetails.authorize_url").of(SOCIAL),
    Field::setting("ProviderDetails.client_id").kept().of(OAUTH),
    // Cognito answers it in plain text.
    Field::secret("ProviderDetails.client_secret").kept().of(&[Google, Facebook, Amazon, Oidc]),
    Field::setting("ProviderDetails.jwks_uri").kept().of(&[Oidc]),
    Field::setting("ProviderDetails.oidc_issuer").kept().of(&[Oidc]),
    Field::derived("ProviderDetails.oidc_issuer").of(SOCIAL),
    Field::setting("ProviderDetails.token_url").kept().of(&[Oidc]),
    Field::derived("ProviderDetails.token_url").of(SOCIAL),
    Field::derived("ProviderDetails.token_request_method").of(SOCIAL),
    Field::setting("ProviderDetails.api_version").kept().of(&[Facebook]),
    Field::setting("ProviderDetails.team_id").kept().of(&[Apple]),
    Field::setting("ProviderDetails.key_id").kept().of(&[Apple]),
    // Cognito never answers it. A restore must get it from the operator.
    Field::secret("ProviderDetails.private_key").unreadable().kept().of(&[Apple]),
    // Cognito reads the document at this address, also at creation: a dead address fails the restore.
    Field::setting("ProviderDetails.MetadataURL").kept().of(&[Saml]),
    Field::setting("ProviderDetails.MetadataFile").kept().of(&[Saml]),
    // Booleans, in strings.
    Field::setting("ProviderDetails.IDPInit").default(r#""false""#).kept().of(&[Saml]),
    Field::setting("ProviderDetails.IDPSignout").default(r#""false""#).kept().of(&[Saml]),
    Field::setting("ProviderDetails.EncryptedResponses").default(r#""false""#).kept().of(&[Saml]),
    Field::setting("ProviderDetails.RequestSigningAlgorithm").kept().of(&[Saml]),
    // Each pool has its own certificate. It must not be sent back.
    Field::derived("ProviderDetails.ActiveEncryptionCertificate").bound(Bound::Pool).of(&[Saml]),
    // From the metadata document.
    Field::derived("ProviderDetails.SSORedirectBindingURI").of(&[Saml]),
    Field::derived("ProviderDetails.SLORedirectBindingURI").of(&[Saml]),
    // For a social provider, Cognito adds the mapping of `username` (measured live, 2026).
    Field::setting("AttributeMapping.*").default("{}").kept(),
    Field::setting("IdpIdentifiers[]").default("[]").set().kept(),
    // Only OIDC providers.
    Field::setting("AcrMapping.*").default("{}"),
    Field::volatile("LastModifiedDate"),
    Field::derived("CreationDate"),
];

pub(super) const SIGNING_CERTIFICATE: &[Field] = &[
    // A new pool signs with another key: the SAML provider has to be told.
    Field::derived("Certificate").bound(Bound::Pool),
];
