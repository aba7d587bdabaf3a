//! The second factors and passkeys. Source: `GetUserPoolMfaConfig`, `SetUserPoolMfaConfig`.
//!
//! The request replaces everything. A request with only the id of the pool turns MFA off (measured live,
//! 2026-08). A request with `OFF` and a factor is refused.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    // Cognito takes the SMS factor only with its message and sender, so both are sent, although the pool has
    // them too.
    Field::setting("SmsMfaConfiguration.SmsAuthenticationMessage")
        .mirror("userPool/SmsAuthenticationMessage")
        .reset(),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.SnsCallerArn")
        .mirror("userPool/SmsConfiguration.SnsCallerArn")
        .reset()
        .bound(Bound::Account),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.ExternalId")
        .mirror("userPool/SmsConfiguration.ExternalId")
        .reset(),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.SnsRegion")
        .mirror("userPool/SmsConfiguration.SnsRegion")
        .reset()
        .bound(Bound::Region),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.CallerArn")
        .mirror("userPool/SmsConfiguration.EumsSms.CallerArn")
        .reset()
        .bound(Bound::Account),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.ExternalId")
        .mirror("userPool/SmsConfiguration.EumsSms.ExternalId")
        .reset(),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.OriginationIdentity")
        .mirror("userPool/SmsConfiguration.EumsSms.OriginationIdentity")
        .reset()
        .bound(Bound::AccountAndRegion),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.ConfigurationSetName")
        .mirror("userPool/SmsConfiguration.EumsSms.ConfigurationSetName")
        .reset()
        .bound(Bound::AccountAndRegion),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.InEntityId")
        .mirror("userPool/SmsConfiguration.EumsSms.InEntityId")
        .reset(),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.InTemplateId")
        .mirror("userPool/SmsConfiguration.EumsSms.InTemplateId")
        .reset(),
    Field::setting("SmsMfaConfiguration.SmsConfiguration.EumsSms.Region")
        .mirror("userPool/SmsConfiguration.EumsSms.Region")
        .reset()
        .bound(Bound::Region),
    // A factor that was never set is absent.
    Field::setting("SoftwareTokenMfaConfiguration.Enabled").default("false").reset(),
    // Refused while the pool sends with `COGNITO_DEFAULT`, or recovers accounts only by e-mail.
    Field::setting("EmailMfaConfiguration.Message").reset().tier(Tier::Essentials),
    Field::setting("EmailMfaConfiguration.Subject").reset().tier(Tier::Essentials),
    Field::setting("MfaConfiguration").default(r#""OFF""#).reset(),
    // A domain. Passkeys are lost if it changes. What a request without this block does is not measured.
    Field::setting("WebAuthnConfiguration.RelyingPartyId").bound(Bound::World).tier(Tier::Essentials),
    Field::setting("WebAuthnConfiguration.UserVerification").tier(Tier::Essentials),
    // "When set to SINGLE_FACTOR or not set, passkeys are a single authentication factor",
    // `WebAuthnConfigurationType`.
    Field::setting("WebAuthnConfiguration.FactorConfiguration")
        .default(r#""SINGLE_FACTOR""#)
        .tier(Tier::Essentials),
];
