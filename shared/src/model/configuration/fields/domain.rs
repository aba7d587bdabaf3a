//! Domains. Source: `DomainDescriptionType`, `CreateUserPoolDomain`, `UpdateUserPoolDomain`.

use crate::model::configuration::{Bound, Field, Tier};

pub(super) const FIELDS: &[Field] = &[
    Field::derived("UserPoolId").bound(Bound::Pool),
    Field::derived("AWSAccountId").bound(Bound::Account),
    // A prefix is unique in its Region over all accounts, and a custom domain in the world. One pool has it
    // at a time.
    Field::name("Domain").bound(Bound::World),
    Field::derived("S3Bucket"),
    // A new domain has another distribution: the operator changes the DNS alias by hand.
    Field::derived("CloudFrontDistribution").bound(Bound::Pool),
    Field::derived("Version"),
    Field::volatile("Status"),
    // A certificate of ACM in us-east-1, also for pools of other Regions. Every update of a custom domain
    // needs it.
    Field::setting("CustomDomainConfig.CertificateArn").refused().bound(Bound::Account),
    Field::setting("CustomDomainConfig.SecurityPolicy"),
    // 2 is managed login.
    Field::setting("ManagedLoginVersion").default("1").tier(Tier::Essentials),
    Field::setting("Routing.Failover.SecondaryRegion").bound(Bound::Region).tier(Tier::Essentials),
    Field::setting("Routing.Failover.PrimaryRoute53HealthCheckId")
        .bound(Bound::Account)
        .tier(Tier::Essentials),
];
