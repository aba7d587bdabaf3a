//! Domains, and what the login pages show.

use super::To::{Nowhere, Same};
use super::{Place, not_in_terraform, renamed, same};

pub(super) const DOMAIN: &[Place] = &[
    same("Domain"),
    renamed("CustomDomainConfig.CertificateArn", "certificate_arn"),
    not_in_terraform("CustomDomainConfig.SecurityPolicy"),
    same("ManagedLoginVersion"),
    not_in_terraform("Routing.Failover.SecondaryRegion"),
    not_in_terraform("Routing.Failover.PrimaryRoute53HealthCheckId"),
];

pub(super) const UI_CUSTOMIZATION: &[Place] =
    &[same("ClientId"), same("CSS"), Place::new("ImageFile", Nowhere, Same)];

pub(super) const BRANDING: &[Place] = &[
    same("ClientId"),
    same("UseCognitoProvidedValues"),
    same("Settings"),
    renamed("Assets[].Category", "asset[].category"),
    renamed("Assets[].ColorMode", "asset[].color_mode"),
    renamed("Assets[].Extension", "asset[].extension"),
    renamed("Assets[].Bytes", "asset[].bytes"),
];

pub(super) const TERMS: &[Place] =
    &[same("ClientId"), same("TermsName"), same("TermsSource"), same("Enforcement"), same("Links.*")];
