//! The operations that read and write the objects of a configuration.
//!
//! The names follow botocore 1.44.8. A test compares them with the API model.

use super::{Found, Key, KeyValue, ObjectKind, Operation, Operations, Paging, Service};
use crate::model::Category;

/// The operations of a kind.
pub fn operations_of(kind: ObjectKind) -> impl Iterator<Item = &'static Operations> {
    OPERATIONS.iter().filter(move |operations| operations.kind == kind)
}

const POOL: Key = Key { member: "UserPoolId", value: KeyValue::PoolId };
const CLIENT: Key = Key { member: "ClientId", value: KeyValue::ClientId };

const fn member(member: &'static str) -> Key {
    Key { member, value: KeyValue::Member }
}

const IN_POOL: &[Key] = &[POOL];
const IN_CLIENT: &[Key] = &[POOL, CLIENT];

const TIER: &str = "FeatureUnavailableInTierException";
const TIER_CHANGE: &str = "TierChangeNotAllowedException";
const ADD_ON: &str = "UserPoolAddOnNotEnabledException";
/// The pool is a replica, or a recovery of its users runs.
const NOT_ENABLED: &str = "OperationNotEnabledException";

const fn call(
    name: &'static str,
    keys: &'static [Key],
    answer: &'static str,
    category: Category,
    unavailable: &'static [&'static str],
) -> Operation {
    let paging = None;
    Operation { name, service: Service::Cognito, keys, answer, paging, category, unavailable }
}

const fn waf(name: &'static str, answer: &'static str, category: Category) -> Operation {
    let keys = &[Key { member: "ResourceArn", value: KeyValue::PoolArn }];
    Operation { name, service: Service::Waf, keys, answer, paging: None, category, unavailable: &[] }
}

impl Operation {
    const fn paged(self, limit: u32) -> Self {
        let paging = Paging { token: "NextToken", limit: Some(("MaxResults", limit)) };
        Self { paging: Some(paging), ..self }
    }

    const fn paged_without_limit(self) -> Self {
        Self { paging: Some(Paging { token: "NextToken", limit: None }), ..self }
    }
}

const fn operations(kind: ObjectKind, found: Found) -> Operations {
    Operations { kind, found, read: None, create: None, update: None, delete: None, others: &[] }
}

use Category::{
    UserPoolClientRead, UserPoolClientUpdate, UserPoolRead, UserPoolResourceRead, UserPoolResourceUpdate,
    UserPoolUpdate,
};

/// The table of operations, in the order of [`ObjectKind::ALL`].
pub const OPERATIONS: &[Operations] = &[
    Operations {
        read: Some(call("DescribeUserPool", IN_POOL, "UserPool", UserPoolRead, &[NOT_ENABLED])),
        create: Some(call("CreateUserPool", &[], "UserPool", UserPoolUpdate, &[TIER, TIER_CHANGE])),
        update: Some(call("UpdateUserPool", IN_POOL, "", UserPoolUpdate, &[TIER, TIER_CHANGE, NOT_ENABLED])),
        // A pool with a domain is refused. AWS keeps the pool for 14 days.
        delete: Some(call("DeleteUserPool", IN_POOL, "", UserPoolUpdate, &[NOT_ENABLED])),
        // At most 25 attributes in one call.
        others: &[call("AddCustomAttributes", IN_POOL, "", UserPoolUpdate, &[NOT_ENABLED])],
        ..operations(ObjectKind::UserPool, Found::Single)
    },
    Operations {
        read: Some(call("GetUserPoolMfaConfig", IN_POOL, "", UserPoolResourceRead, &[])),
        update: Some(call("SetUserPoolMfaConfig", IN_POOL, "", UserPoolResourceUpdate, &[TIER, NOT_ENABLED])),
        ..operations(ObjectKind::Mfa, Found::Single)
    },
    Operations {
        read: Some(call(
            "DescribeUserPoolClient",
            IN_CLIENT,
            "UserPoolClient",
            UserPoolClientRead,
            &[NOT_ENABLED],
        )),
        create: Some(call(
            "CreateUserPoolClient",
            IN_POOL,
            "UserPoolClient",
            UserPoolClientUpdate,
            &[TIER, NOT_ENABLED],
        )),
        update: Some(call(
            "UpdateUserPoolClient",
            IN_CLIENT,
            "UserPoolClient",
            UserPoolClientUpdate,
            &[TIER, NOT_ENABLED],
        )),
        delete: Some(call("DeleteUserPoolClient", IN_CLIENT, "", UserPoolClientUpdate, &[NOT_ENABLED])),
        // A page may be empty and have a token all the same.
        ..operations(
            ObjectKind::Client,
            Found::Listed(
                call("ListUserPoolClients", IN_POOL, "UserPoolClients", UserPoolClientRead, &[NOT_ENABLED])
                    .paged(60),
            ),
        )
    },
    Operations {
        read: Some(
            call("ListUserPoolClientSecrets", IN_CLIENT, "", UserPoolClientRead, &[]).paged_without_limit(),
        ),
        create: Some(call(
            "AddUserPoolClientSecret",
            IN_CLIENT,
            "ClientSecretDescriptor",
            UserPoolClientUpdate,
            &[],
        )),
        // Refused for the last secret.
        delete: Some(call(
            "DeleteUserPoolClientSecret",
            &[POOL, CLIENT, member("ClientSecretId")],
            "",
            UserPoolClientUpdate,
            &[],
        )),
        ..operations(ObjectKind::ClientSecrets, Found::EachClient)
    },
    Operations {
        read: Some(call(
            "DescribeIdentityProvider",
            IN_PROVIDER,
            "IdentityProvider",
            UserPoolResourceRead,
            &[],
        )),
        create: Some(call(
            "CreateIdentityProvider",
            IN_POOL,
            "IdentityProvider",
            UserPoolResourceUpdate,
            &[],
        )),
        update: Some(call(
            "UpdateIdentityProvider",
            IN_PROVIDER,
            "IdentityProvider",
            UserPoolResourceUpdate,
            &[],
        )),
        delete: Some(call("DeleteIdentityProvider", IN_PROVIDER, "", UserPoolResourceUpdate, &[])),
        ..operations(
            ObjectKind::IdentityProvider,
            Found::Listed(
                call("ListIdentityProviders", IN_POOL, "Providers", UserPoolResourceRead, &[]).paged(60),
            ),
        )
    },
    Operations {
        create: Some(call(
            "CreateResourceServer",
            IN_POOL,
            "ResourceServer",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        update: Some(call(
            "UpdateResourceServer",
            IN_RESOURCE_SERVER,
            "ResourceServer",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        delete: Some(call(
            "DeleteResourceServer",
            IN_RESOURCE_SERVER,
            "",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        ..operations(
            ObjectKind::ResourceServer,
            Found::Listed(
                call("ListResourceServers", IN_POOL, "ResourceServers", UserPoolResourceRead, &[NOT_ENABLED])
                    .paged(50),
            ),
        )
    },
    Operations {
        // An unknown domain answers an empty object.
        read: Some(call(
            "DescribeUserPoolDomain",
            &[member("Domain")],
            "DomainDescription",
            UserPoolResourceRead,
            &[NOT_ENABLED],
        )),
        create: Some(call("CreateUserPoolDomain", IN_POOL, "", UserPoolResourceUpdate, &[TIER, NOT_ENABLED])),
        update: Some(call(
            "UpdateUserPoolDomain",
            IN_DOMAIN,
            "",
            UserPoolResourceUpdate,
            &[TIER, NOT_ENABLED],
        )),
        delete: Some(call("DeleteUserPoolDomain", IN_DOMAIN, "", UserPoolResourceUpdate, &[NOT_ENABLED])),
        ..operations(ObjectKind::Domain, Found::Named(&["Domain", "CustomDomain"]))
    },
    Operations {
        read: Some(call(
            "GetUICustomization",
            IN_CLIENT,
            "UICustomization",
            UserPoolResourceRead,
            &[NOT_ENABLED],
        )),
        // Without CSS and image, it deletes the object. The pool needs an active domain.
        update: Some(call(
            "SetUICustomization",
            IN_CLIENT,
            "UICustomization",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        ..operations(ObjectKind::UiCustomization, Found::PoolAndEachClient)
    },
    Operations {
        read: Some(call(
            "DescribeManagedLoginBrandingByClient",
            IN_CLIENT,
            "ManagedLoginBranding",
            UserPoolResourceRead,
            &[NOT_ENABLED],
        )),
        create: Some(call(
            "CreateManagedLoginBranding",
            IN_POOL,
            "ManagedLoginBranding",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        update: Some(call(
            "UpdateManagedLoginBranding",
            IN_BRANDING,
            "ManagedLoginBranding",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        delete: Some(call(
            "DeleteManagedLoginBranding",
            IN_BRANDING,
            "",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        ..operations(ObjectKind::Branding, Found::EachClient)
    },
    Operations {
        read: Some(call(
            "DescribeRiskConfiguration",
            IN_CLIENT,
            "RiskConfiguration",
            UserPoolResourceRead,
            &[ADD_ON, NOT_ENABLED],
        )),
        // With only the ids, it deletes the object.
        update: Some(call(
            "SetRiskConfiguration",
            IN_CLIENT,
            "RiskConfiguration",
            UserPoolResourceUpdate,
            &[ADD_ON, NOT_ENABLED],
        )),
        ..operations(ObjectKind::RiskConfiguration, Found::PoolAndEachClient)
    },
    Operations {
        read: Some(call(
            "GetLogDeliveryConfiguration",
            IN_POOL,
            "LogDeliveryConfiguration",
            UserPoolResourceRead,
            &[],
        )),
        // With an empty list, it deletes the object.
        update: Some(call(
            "SetLogDeliveryConfiguration",
            IN_POOL,
            "LogDeliveryConfiguration",
            UserPoolResourceUpdate,
            &[TIER],
        )),
        ..operations(ObjectKind::LogDelivery, Found::Single)
    },
    Operations {
        read: Some(call("DescribeTerms", IN_TERMS, "Terms", UserPoolResourceRead, &[NOT_ENABLED])),
        create: Some(call("CreateTerms", IN_POOL, "Terms", UserPoolResourceUpdate, &[NOT_ENABLED])),
        update: Some(call("UpdateTerms", IN_TERMS, "Terms", UserPoolResourceUpdate, &[NOT_ENABLED])),
        delete: Some(call("DeleteTerms", IN_TERMS, "", UserPoolResourceUpdate, &[NOT_ENABLED])),
        ..operations(
            ObjectKind::Terms,
            Found::Listed(
                call("ListTerms", IN_POOL, "Terms", UserPoolResourceRead, &[NOT_ENABLED]).paged(60),
            ),
        )
    },
    Operations {
        read: Some(call(
            "GetUserPoolSessionConfiguration",
            IN_POOL,
            "",
            UserPoolResourceRead,
            &[NOT_ENABLED],
        )),
        update: Some(call(
            "SetUserPoolSessionConfiguration",
            IN_POOL,
            "",
            UserPoolResourceUpdate,
            &[TIER, NOT_ENABLED],
        )),
        ..operations(ObjectKind::Sessions, Found::Single)
    },
    Operations {
        read: Some(call(
            "GetUserPoolClientSessionConfiguration",
            IN_CLIENT,
            "",
            UserPoolResourceRead,
            &[NOT_ENABLED],
        )),
        update: Some(call(
            "SetUserPoolClientSessionConfiguration",
            IN_CLIENT,
            "",
            UserPoolResourceUpdate,
            &[TIER, NOT_ENABLED],
        )),
        ..operations(ObjectKind::Sessions, Found::EachClient)
    },
    Operations {
        read: Some(call("DescribeCIMDPolicy", IN_CIMD_POLICY, "CIMDPolicy", UserPoolResourceRead, &[])),
        create: Some(call(
            "CreateCIMDPolicy",
            IN_POOL,
            "CIMDPolicy",
            UserPoolResourceUpdate,
            &[TIER, NOT_ENABLED],
        )),
        update: Some(call(
            "UpdateCIMDPolicy",
            IN_CIMD_POLICY,
            "CIMDPolicy",
            UserPoolResourceUpdate,
            &[TIER, NOT_ENABLED],
        )),
        delete: Some(call("DeleteCIMDPolicy", IN_CIMD_POLICY, "", UserPoolResourceUpdate, &[NOT_ENABLED])),
        ..operations(
            ObjectKind::CimdPolicy,
            Found::Listed(
                call("ListCIMDPolicies", IN_POOL, "CIMDPolicies", UserPoolResourceRead, &[]).paged(60),
            ),
        )
    },
    Operations {
        create: Some(call(
            "CreateUserPoolReplica",
            IN_POOL,
            "UserPoolReplica",
            UserPoolResourceUpdate,
            &[TIER, NOT_ENABLED],
        )),
        update: Some(call(
            "UpdateUserPoolReplica",
            IN_REPLICA,
            "UserPoolReplica",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        // Only an inactive replica, and only from the primary Region.
        delete: Some(call(
            "DeleteUserPoolReplica",
            IN_REPLICA,
            "UserPoolReplica",
            UserPoolResourceUpdate,
            &[NOT_ENABLED],
        )),
        ..operations(
            ObjectKind::Replica,
            Found::Listed(
                call(
                    "ListUserPoolReplicas",
                    IN_POOL,
                    "UserPoolReplicas",
                    UserPoolResourceRead,
                    &[NOT_ENABLED],
                )
                .paged_without_limit(),
            ),
        )
    },
    Operations {
        // A pool without a list answers no `WebACL`, or the error `WAFNonexistentItemException`.
        read: Some(waf("GetWebACLForResource", "WebACL", UserPoolResourceRead)),
        update: Some(waf("AssociateWebACL", "", UserPoolResourceUpdate)),
        delete: Some(waf("DisassociateWebACL", "", UserPoolResourceUpdate)),
        ..operations(ObjectKind::WebAcl, Found::Single)
    },
    Operations {
        read: Some(call("GetSigningCertificate", IN_POOL, "", UserPoolResourceRead, &[NOT_ENABLED])),
        ..operations(ObjectKind::SigningCertificate, Found::Single)
    },
];

const IN_PROVIDER: &[Key] = &[POOL, member("ProviderName")];
const IN_RESOURCE_SERVER: &[Key] = &[POOL, member("Identifier")];
const IN_DOMAIN: &[Key] = &[POOL, member("Domain")];
const IN_BRANDING: &[Key] = &[POOL, member("ManagedLoginBrandingId")];
const IN_TERMS: &[Key] = &[POOL, member("TermsId")];
const IN_CIMD_POLICY: &[Key] = &[POOL, member("CIMDPolicyId")];
const IN_REPLICA: &[Key] = &[POOL, member("RegionName")];
