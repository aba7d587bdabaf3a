//! The operations on user pools that this project calls: those of Cognito, and one of AWS WAF.

use super::Category;
use super::configuration::Service;

macro_rules! operations {
    ($($operation:ident $category:ident),+ $(,)?) => {
        /// The operations on user pools that this project calls.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names are Cognito's own")]
        pub enum Operation { $($operation),+ }

        impl Operation {
            pub const ALL: &'static [Operation] = &[$(Operation::$operation),+];

            /// The name in the API of the service.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$operation => stringify!($operation)),+ }
            }

            /// The operation of that name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|operation| operation.name() == name)
            }

            /// The request quota that the operation draws on. AWS WAF has its own, and its operation counts as one of Cognito.
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
    GetWebACLForResource UserPoolResourceRead,
    ListUserPools UserPoolRead,
    ListUserImportJobs UserPoolResourceRead,
    ListPointInTimeRecoveries UserPoolResourceRead,
    CreateUserPool UserPoolUpdate,
    UpdateUserPool UserPoolUpdate,
    SetUserPoolMfaConfig UserPoolResourceUpdate,
    CreateUserPoolClient UserPoolClientUpdate,
    UpdateUserPoolClient UserPoolClientUpdate,
    DeleteUserPoolClient UserPoolClientUpdate,
    AddUserPoolClientSecret UserPoolClientUpdate,
    DeleteUserPoolClientSecret UserPoolClientUpdate,
    CreateIdentityProvider UserPoolResourceUpdate,
    UpdateIdentityProvider UserPoolResourceUpdate,
    DeleteIdentityProvider UserPoolResourceUpdate,
    CreateResourceServer UserPoolResourceUpdate,
    UpdateResourceServer UserPoolResourceUpdate,
    DeleteResourceServer UserPoolResourceUpdate,
    CreateUserPoolDomain UserPoolResourceUpdate,
    UpdateUserPoolDomain UserPoolResourceUpdate,
    DeleteUserPoolDomain UserPoolResourceUpdate,
    SetUICustomization UserPoolResourceUpdate,
    CreateManagedLoginBranding UserPoolResourceUpdate,
    UpdateManagedLoginBranding UserPoolResourceUpdate,
    DeleteManagedLoginBranding UserPoolResourceUpdate,
    SetRiskConfiguration UserPoolResourceUpdate,
    SetLogDeliveryConfiguration UserPoolResourceUpdate,
    CreateTerms UserPoolResourceUpdate,
    UpdateTerms UserPoolResourceUpdate,
    DeleteTerms UserPoolResourceUpdate,
    SetUserPoolSessionConfiguration UserPoolResourceUpdate,
    SetUserPoolClientSessionConfiguration UserPoolResourceUpdate,
    CreateCIMDPolicy UserPoolResourceUpdate,
    UpdateCIMDPolicy UserPoolResourceUpdate,
    DeleteCIMDPolicy UserPoolResourceUpdate,
}

impl Operation {
    /// The service that takes the call.
    pub fn service(self) -> Service {
        if self == Self::GetWebACLForResource { Service::Waf } else { Service::Cognito }
    }

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
                | Self::GetWebACLForResource
        )
    }

    /// Whether only the command line calls the operation. No function may write a configuration: it adds only attributes.
    pub fn is_of_command_line(self) -> bool {
        self.is_of_no_object() || (self.writes_configuration() && self != Self::AddCustomAttributes)
    }

    /// Whether a command reads with it what is no object of a configuration: other pools, or what works on the pool at
    /// the moment.
    pub fn is_of_no_object(self) -> bool {
        matches!(self, Self::ListUserPools | Self::ListUserImportJobs | Self::ListPointInTimeRecoveries)
    }

    /// Whether the operation creates, changes or deletes an object of a configuration. A pool is never deleted, and a
    /// replica never written.
    pub fn writes_configuration(self) -> bool {
        matches!(
            self,
            Self::AddCustomAttributes
                | Self::CreateUserPool
                | Self::UpdateUserPool
                | Self::SetUserPoolMfaConfig
                | Self::CreateUserPoolClient
                | Self::UpdateUserPoolClient
                | Self::DeleteUserPoolClient
                | Self::AddUserPoolClientSecret
                | Self::DeleteUserPoolClientSecret
                | Self::CreateIdentityProvider
                | Self::UpdateIdentityProvider
                | Self::DeleteIdentityProvider
                | Self::CreateResourceServer
                | Self::UpdateResourceServer
                | Self::DeleteResourceServer
                | Self::CreateUserPoolDomain
                | Self::UpdateUserPoolDomain
                | Self::DeleteUserPoolDomain
                | Self::SetUICustomization
                | Self::CreateManagedLoginBranding
                | Self::UpdateManagedLoginBranding
                | Self::DeleteManagedLoginBranding
                | Self::SetRiskConfiguration
                | Self::SetLogDeliveryConfiguration
                | Self::CreateTerms
                | Self::UpdateTerms
                | Self::DeleteTerms
                | Self::SetUserPoolSessionConfiguration
                | Self::SetUserPoolClientSessionConfiguration
                | Self::CreateCIMDPolicy
                | Self::UpdateCIMDPolicy
                | Self::DeleteCIMDPolicy
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::configuration::{Found, OPERATIONS};

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
            .map(|operation| (operation.name, operation.service, operation.category))
            .collect();
        expected.sort_unstable_by_key(|(name, ..)| *name);
        let reads = Operation::ALL.iter().filter(|operation| operation.reads_configuration());
        let mut reads: Vec<_> =
            reads.map(|operation| (operation.name(), operation.service(), operation.category())).collect();
        reads.sort_unstable_by_key(|(name, ..)| *name);
        assert_eq!(reads, expected);
    }

    #[test]
    fn the_operations_that_write_a_configuration_are_those_of_its_table() {
        let mut expected: Vec<_> = OPERATIONS
            .iter()
            .flat_map(|row| {
                [row.create, row.update, row.delete].into_iter().flatten().chain(row.others.to_vec())
            })
            .filter(|operation| operation.service == Service::Cognito)
            .filter(|operation| operation.name != "DeleteUserPool" && !operation.name.ends_with("Replica"))
            .map(|operation| (operation.name, operation.category))
            .collect();
        expected.sort_unstable_by_key(|(name, _)| *name);
        let writes = Operation::ALL.iter().filter(|operation| operation.writes_configuration());
        let mut writes: Vec<_> = writes.map(|operation| (operation.name(), operation.category())).collect();
        writes.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(writes, expected);
    }
}
