//! The operations of Cognito that this project calls.

use super::Category;

macro_rules! operations {
    ($($operation:ident $category:ident),+ $(,)?) => {
        /// The operations of Cognito that this project calls.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names are Cognito's own")]
        pub enum Operation { $($operation),+ }

        impl Operation {
            pub const ALL: &'static [Operation] = &[$(Operation::$operation),+];

            /// The name in the Cognito API.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$operation => stringify!($operation)),+ }
            }

            /// The operation of that name in the Cognito API.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|operation| operation.name() == name)
            }

            /// The request quota that the operation draws on.
            pub fn category(self) -> Category {
                match self { $(Operation::$operation => Category::$category),+ }
            }
        }
    };
}

operations! {
    DescribeUserPool UserPoolRead,
    GetProvisionedLimit UserPoolRead,
    ListUsers UserList,
    ListUsersInGroup UserList,
    AdminListGroupsForUser UserResourceRead,
    ListGroups UserPoolResourceRead,
    GetGroup UserPoolResourceRead,
    CreateGroup UserPoolResourceUpdate,
    AdminCreateUser UserCreation,
    AdminGetUser UserRead,
    AdminSetUserPassword UserAccountRecovery,
    AdminDisableUser UserUpdate,
    AdminEnableUser UserUpdate,
    AdminUpdateUserAttributes UserUpdate,
    AdminDeleteUserAttributes UserUpdate,
    AdminLinkProviderForUser UserUpdate,
    AdminSetUserMFAPreference UserResourceUpdate,
    UpdateGroup UserPoolResourceUpdate,
    AddCustomAttributes UserPoolUpdate,
    ListIdentityProviders UserPoolResourceRead,
    AdminAddUserToGroup UserUpdate,
    GetCSVHeader UserPoolResourceRead,
    DescribeUserImportJob UserPoolResourceRead,
    CreateUserImportJob UserPoolResourceUpdate,
    StartUserImportJob UserPoolResourceUpdate,
    GetUserPoolMfaConfig UserPoolResourceRead,
    ListUserPoolClients UserPoolClientRead,
    DescribeUserPoolClient UserPoolClientRead,
    ListUserPoolClientSecrets UserPoolClientRead,
    DescribeIdentityProvider UserPoolResourceRead,
    ListResourceServers UserPoolResourceRead,
    DescribeUserPoolDomain UserPoolResourceRead,
    GetUICustomization UserPoolResourceRead,
    DescribeManagedLoginBrandingByClient UserPoolResourceRead,
    DescribeRiskConfiguration UserPoolResourceRead,
    GetLogDeliveryConfiguration UserPoolResourceRead,
    ListTerms UserPoolResourceRead,
    DescribeTerms UserPoolResourceRead,
    GetUserPoolSessionConfiguration UserPoolResourceRead,
    GetUserPoolClientSessionConfiguration UserPoolResourceRead,
    ListCIMDPolicies UserPoolResourceRead,
    DescribeCIMDPolicy UserPoolResourceRead,
    ListUserPoolReplicas UserPoolResourceRead,
    GetSigningCertificate UserPoolResourceRead,
}

impl Operation {
    /// Whether the operation reads an object of a configuration, or lists such objects.
    pub fn reads_configuration(self) -> bool {
        matches!(
            self,
            Self::DescribeUserPool
                | Self::ListIdentityProviders
                | Self::GetUserPoolMfaConfig
                | Self::ListUserPoolClients
                | Self::DescribeUserPoolClient
                | Self::ListUserPoolClientSecrets
                | Self::DescribeIdentityProvider
                | Self::ListResourceServers
                | Self::DescribeUserPoolDomain
                | Self::GetUICustomization
                | Self::DescribeManagedLoginBrandingByClient
                | Self::DescribeRiskConfiguration
                | Self::GetLogDeliveryConfiguration
                | Self::ListTerms
                | Self::DescribeTerms
                | Self::GetUserPoolSessionConfiguration
                | Self::GetUserPoolClientSessionConfiguration
                | Self::ListCIMDPolicies
                | Self::DescribeCIMDPolicy
                | Self::ListUserPoolReplicas
                | Self::GetSigningCertificate
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::{Found, OPERATIONS, Service};

    #[test]
    fn the_operations_that_read_a_configuration_are_those_of_its_table() {
        let mut expected: Vec<_> = OPERATIONS
            .iter()
            .flat_map(|operations| {
                let listing =
                    if let Found::Listed(listing) = operations.found { Some(listing) } else { None };
                [listing, operations.read]
            })
            .flatten()
            .filter(|operation| operation.service == Service::Cognito)
            .map(|operation| (operation.name, operation.category))
            .collect();
        expected.sort_unstable_by_key(|(name, _)| *name);
        let reads = Operation::ALL.iter().filter(|operation| operation.reads_configuration());
        let mut reads: Vec<_> =
            reads.map(|operation| (operation.name(), Some(operation.category()))).collect();
        reads.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(reads, expected);
    }
}
