//! App clients.

use super::{Place, nowhere, renamed, same};

pub(super) const PLACES: &[Place] = &[
    renamed("ClientName", "name"),
    same("GenerateSecret"),
    // No tool takes a secret for a client. `GenerateSecret` says that the client has one.
    nowhere("ClientSecret"),
    same("RefreshTokenValidity"),
    same("AccessTokenValidity"),
    same("IdTokenValidity"),
    same("TokenValidityUnits.AccessToken"),
    same("TokenValidityUnits.IdToken"),
    same("TokenValidityUnits.RefreshToken"),
    same("ReadAttributes[]"),
    same("WriteAttributes[]"),
    same("ExplicitAuthFlows[]"),
    same("SupportedIdentityProviders[]"),
    renamed("CallbackURLs[]", "callback_urls"),
    renamed("LogoutURLs[]", "logout_urls"),
    same("DefaultRedirectURI"),
    renamed("AllowedOAuthFlows[]", "allowed_oauth_flows"),
    renamed("AllowedOAuthScopes[]", "allowed_oauth_scopes"),
    renamed("AllowedOAuthFlowsUserPoolClient", "allowed_oauth_flows_user_pool_client"),
    same("AnalyticsConfiguration.ApplicationId"),
    same("AnalyticsConfiguration.ApplicationArn"),
    same("AnalyticsConfiguration.RoleArn"),
    same("AnalyticsConfiguration.ExternalId"),
    same("AnalyticsConfiguration.UserDataShared"),
    same("PreventUserExistenceErrors"),
    same("EnableTokenRevocation"),
    same("EnablePropagateAdditionalUserContextData"),
    same("AuthSessionValidity"),
    same("RefreshTokenRotation.Feature"),
    same("RefreshTokenRotation.RetryGracePeriodSeconds"),
    nowhere("PublishSecretsInAWSSecretsManager"),
];
