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
}
