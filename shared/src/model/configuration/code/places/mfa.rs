//! The second factors and passkeys. Both tools keep them in the pool.

use super::To::{At, Nowhere, Same, Within};
use super::{Place, same};

/// CloudFormation lists the factors.
const FACTORS: &str = "EnabledMfas";

pub(super) const PLACES: &[Place] = &[
    of_pool("SmsMfaConfiguration.SmsAuthenticationMessage"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.SnsCallerArn"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.ExternalId"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.SnsRegion"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.CallerArn"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.ExternalId"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.OriginationIdentity"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.ConfigurationSetName"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.InEntityId"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.InTemplateId"),
    of_pool("SmsMfaConfiguration.SmsConfiguration.EumsSms.Region"),
    Place::new("SoftwareTokenMfaConfiguration.Enabled", Within(FACTORS), Same),
    Place::new("EmailMfaConfiguration.Message", At("EmailAuthenticationMessage"), Same),
    Place::new("EmailMfaConfiguration.Subject", At("EmailAuthenticationSubject"), Same),
    same("MfaConfiguration"),
    Place::new("WebAuthnConfiguration.RelyingPartyId", At("WebAuthnRelyingPartyID"), Same),
    Place::new("WebAuthnConfiguration.UserVerification", At("WebAuthnUserVerification"), Same),
    Place::new("WebAuthnConfiguration.FactorConfiguration", At("WebAuthnFactorConfiguration"), Nowhere),
];

/// Both tools have only the message and the sender of the pool. A factor with others has no place.
const fn of_pool(path: &'static str) -> Place {
    Place::new(path, Nowhere, Nowhere)
}
