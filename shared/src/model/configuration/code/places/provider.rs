//! Identity providers. Both tools keep the details in a map, under the keys of the API.

use super::To::At;
use super::{Place, nowhere, same};

pub(super) const PLACES: &[Place] = &[
    same("ProviderName"),
    same("ProviderType"),
    detail("ProviderDetails.attributes_request_method"),
    detail("ProviderDetails.attributes_url"),
    detail("ProviderDetails.authorize_scopes"),
    detail("ProviderDetails.authorize_url"),
    detail("ProviderDetails.client_id"),
    detail("ProviderDetails.client_secret"),
    detail("ProviderDetails.jwks_uri"),
    detail("ProviderDetails.oidc_issuer"),
    detail("ProviderDetails.token_url"),
    detail("ProviderDetails.api_version"),
    detail("ProviderDetails.team_id"),
    detail("ProviderDetails.key_id"),
    detail("ProviderDetails.private_key"),
    detail("ProviderDetails.MetadataURL"),
    detail("ProviderDetails.MetadataFile"),
    detail("ProviderDetails.IDPInit"),
    detail("ProviderDetails.IDPSignout"),
    detail("ProviderDetails.EncryptedResponses"),
    detail("ProviderDetails.RequestSigningAlgorithm"),
    same("AttributeMapping.*"),
    same("IdpIdentifiers[]"),
    nowhere("AcrMapping.*"),
];

const fn detail(path: &'static str) -> Place {
    Place::new(path, At("ProviderDetails.*"), At("provider_details.*"))
}
