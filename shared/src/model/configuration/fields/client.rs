//! App clients and their secrets. Source: `UserPoolClientType`, `CreateUserPoolClient`,
//! `UpdateUserPoolClient`, `ClientSecretDescriptorType`.
//!
//! The reference says that `UpdateUserPoolClient` resets each member that it does not get. Without a
//! measurement, the omission is [`Unknown`](crate::model::configuration::Omission::Unknown). Cognito sorts
//! most lists (measured live, 2026).

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    // It need not be unique.
    Field::setting("ClientName").kept(),
    Field::given_name("ClientId").bound(Bound::Pool),
    // Cognito never answers it: a client with a secret was created with it. A restore that has the secret
    // sends the secret instead.
    Field::fixed("GenerateSecret").unreadable().default("false"),
    // 24 to 64 characters may be given at creation. The read lacks it after another secret replaced the first
    // one.
    Field::fixed_secret("ClientSecret"),
    // It stands in place of `ClientSecret`. The flag at the end writes it, and a diff compares that flag.
    Field::derived("ClientSecretArn").bound(Bound::AccountAndRegion),
    Field::volatile("LastModifiedDate"),
    Field::derived("CreationDate"),
    // A request with 0 gets 30 days.
    Field::setting("RefreshTokenValidity").duration("TokenValidityUnits.RefreshToken", "days").default("30"),
    Field::setting("AccessTokenValidity").duration("TokenValidityUnits.AccessToken", "hours").default("1"),
    Field::setting("IdTokenValidity").duration("TokenValidityUnits.IdToken", "hours").default("1"),
    Field::setting("TokenValidityUnits.AccessToken").unit_of("AccessTokenValidity").default(r#""hours""#),
    Field::setting("TokenValidityUnits.IdToken").unit_of("IdTokenValidity").default(r#""hours""#),
    Field::setting("TokenValidityUnits.RefreshToken").unit_of("RefreshTokenValidity").default(r#""days""#),
    // An empty list means the attributes that Cognito allows by default, not none.
    Field::setting("ReadAttributes[]").default("[]").set(),
    Field::setting("WriteAttributes[]").default("[]").set(),
    // A client without flows answers these three (measured live, 2026).
    Field::setting("ExplicitAuthFlows[]")
        .default(r#"["ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]"#)
        .set(),
    Field::setting("SupportedIdentityProviders[]").default("[]").set().reset(),
    Field::setting("CallbackURLs[]").default("[]").set(),
    Field::setting("LogoutURLs[]").default("[]").set(),
    Field::setting("DefaultRedirectURI"),
    Field::setting("AllowedOAuthFlows[]").default("[]").set(),
    Field::setting("AllowedOAuthScopes[]").default("[]").set(),
    Field::setting("AllowedOAuthFlowsUserPoolClient").default("false"),
    // AWS ended the analytics of Pinpoint on 30 October 2026. Cognito may refuse it.
    Field::setting("AnalyticsConfiguration.ApplicationId").bound(Bound::AccountAndRegion),
    Field::setting("AnalyticsConfiguration.ApplicationArn").bound(Bound::AccountAndRegion),
    Field::setting("AnalyticsConfiguration.RoleArn").bound(Bound::Account),
    Field::setting("AnalyticsConfiguration.ExternalId"),
    Field::setting("AnalyticsConfiguration.UserDataShared").default("false"),
    Field::setting("PreventUserExistenceErrors").default(r#""LEGACY""#),
    // True for a new client. An old client has none, and revokes none.
    Field::setting("EnableTokenRevocation"),
    Field::setting("EnablePropagateAdditionalUserContextData").default("false"),
    // Minutes.
    Field::setting("AuthSessionValidity").default("3"),
    // "Available to customers using Essentials or Plus tiers", What's New at AWS, April 2025.
    Field::setting("RefreshTokenRotation.Feature").default(r#""DISABLED""#).tier(Tier::Essentials),
    Field::setting("RefreshTokenRotation.RetryGracePeriodSeconds").tier(Tier::Essentials),
    // `REGULAR`, or `DCR` for a client that registered itself.
    Field::derived("ClientType"),
    // Cognito never answers it: `ClientSecretArn` shows it. True rotates the secret at once. False deletes
    // the secret of Secrets Manager at once and for ever.
    Field::setting("PublishSecretsInAWSSecretsManager").unreadable().default("false").kept(),
];

/// The answer of `ListUserPoolClientSecrets`. `AddUserPoolClientSecret` adds one.
pub(super) const SECRETS: &[Field] = &[
    Field::derived("ClientSecrets[]").issued(&["ClientSecretId"]),
    // The id of the client and a time.
    Field::derived("ClientSecrets[].ClientSecretId").bound(Bound::Pool),
    // The list never has a value. Only the answer to a new secret has it, and only if Cognito generated it.
    Field::fixed_secret("ClientSecrets[].ClientSecretValue").written_as("ClientSecret").unreadable(),
    Field::derived("ClientSecrets[].ClientSecretCreateDate"),
];
