//! Cognito's request quotas, by category.
//!
//! Source: <https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html>.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::json;

use super::call::Call;
use super::refusal::Refusal;
use crate::http::{self, Reply};

/// The time window for the rate of requests.
const SECOND: Duration = Duration::from_secs(1);
/// The limit that GetProvisionedLimit reports for a category without a limit.
const NO_LIMIT: u32 = 10_000;

/// A category: the operations that share one quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "these are AWS's own names")]
pub enum Category {
    UserCreation,
    UserRead,
    UserList,
    UserUpdate,
    UserResourceRead,
    UserResourceUpdate,
    UserAccountRecovery,
    UserPoolRead,
    UserPoolUpdate,
    UserPoolResourceRead,
    UserPoolResourceUpdate,
    UserPoolClientRead,
    UserPoolClientUpdate,
}

impl Category {
    /// The categories that the proxy knows, with AWS's default quotas in requests per second.
    pub const DEFAULTS: [(Self, u32); 13] = [
        (Self::UserCreation, 50),
        (Self::UserRead, 120),
        (Self::UserList, 30),
        (Self::UserUpdate, 25),
        (Self::UserResourceRead, 50),
        (Self::UserResourceUpdate, 25),
        (Self::UserAccountRecovery, 30),
        (Self::UserPoolRead, 15),
        (Self::UserPoolUpdate, 15),
        (Self::UserPoolResourceRead, 20),
        (Self::UserPoolResourceUpdate, 15),
        (Self::UserPoolClientRead, 15),
        (Self::UserPoolClientUpdate, 15),
    ];

    /// The category of an operation. The operations of sign-in have none here, because the backup and its
    /// tests do not need their quotas. AWS does not name the category of the operations since 2024: client
    /// secrets, branding styles, terms, sessions, logs. They have the category of their neighbours here.
    pub fn of_operation(operation: &str) -> Option<Self> {
        Some(match operation {
            "SignUp" | "ConfirmSignUp" | "AdminCreateUser" | "AdminConfirmSignUp" => Self::UserCreation,
            "AdminGetUser" | "AdminGetUserAuthFactors" | "GetUser" => Self::UserRead,
            "ListUsers" | "ListUsersInGroup" => Self::UserList,
            "AdminAddUserToGroup"
            | "AdminRemoveUserFromGroup"
            | "AdminUpdateUserAttributes"
            | "AdminDeleteUserAttributes"
            | "AdminDeleteUser"
            | "AdminDisableUser"
            | "AdminEnableUser"
            | "AdminLinkProviderForUser"
            | "AdminDisableProviderForUser"
            | "AdminUserGlobalSignOut" => Self::UserUpdate,
            "AdminListGroupsForUser" | "AdminListDevices" | "AdminGetDevice" | "AdminListUserAuthEvents" => {
                Self::UserResourceRead
            }
            "AdminSetUserMFAPreference" | "AdminSetUserSettings" | "AdminForgetDevice" => {
                Self::UserResourceUpdate
            }
            "AdminSetUserPassword" | "AdminResetUserPassword" | "ForgotPassword" | "ChangePassword" => {
                Self::UserAccountRecovery
            }
            "DescribeUserPool" | "ListUserPools" | "GetProvisionedLimit" => Self::UserPoolRead,
            "CreateUserPool" | "UpdateUserPool" | "DeleteUserPool" => Self::UserPoolUpdate,
            "DescribeUserPoolClient" | "ListUserPoolClients" | "ListUserPoolClientSecrets" => {
                Self::UserPoolClientRead
            }
            "CreateUserPoolClient"
            | "UpdateUserPoolClient"
            | "DeleteUserPoolClient"
            | "AddUserPoolClientSecret"
            | "DeleteUserPoolClientSecret" => Self::UserPoolClientUpdate,
            "GetGroup"
            | "ListGroups"
            | "GetCSVHeader"
            | "DescribeUserImportJob"
            | "ListUserImportJobs"
            | "GetUserPoolMfaConfig"
            | "GetUICustomization"
            | "ListIdentityProviders"
            | "DescribeIdentityProvider"
            | "GetIdentityProviderByIdentifier"
            | "ListResourceServers"
            | "DescribeResourceServer"
            | "DescribeUserPoolDomain"
            | "DescribeRiskConfiguration"
            | "DescribeManagedLoginBranding"
            | "DescribeManagedLoginBrandingByClient"
            | "DescribeTerms"
            | "DescribeTermsByClient"
            | "ListTerms"
            | "GetLogDeliveryConfiguration"
            | "GetUserPoolSessionConfiguration"
            | "GetUserPoolClientSessionConfiguration"
            | "DescribeCIMDPolicy"
            | "ListCIMDPolicies"
            | "ListUserPoolReplicas"
            | "ListPointInTimeRecoveries"
            | "GetSigningCertificate"
            | "ListTagsForResource" => Self::UserPoolResourceRead,
            "AddCustomAttributes"
            | "CreateGroup"
            | "UpdateGroup"
            | "DeleteGroup"
            | "CreateUserImportJob"
            | "StartUserImportJob"
            | "StopUserImportJob"
            | "CreateIdentityProvider"
            | "UpdateIdentityProvider"
            | "DeleteIdentityProvider"
            | "CreateResourceServer"
            | "UpdateResourceServer"
            | "DeleteResourceServer"
            | "CreateUserPoolDomain"
            | "UpdateUserPoolDomain"
            | "DeleteUserPoolDomain"
            | "SetUserPoolMfaConfig"
            | "SetUICustomization"
            | "SetRiskConfiguration"
            | "SetLogDeliveryConfiguration"
            | "SetUserPoolSessionConfiguration"
            | "SetUserPoolClientSessionConfiguration"
            | "CreateManagedLoginBranding"
            | "UpdateManagedLoginBranding"
            | "DeleteManagedLoginBranding"
            | "CreateTerms"
            | "UpdateTerms"
            | "DeleteTerms"
            | "CreateCIMDPolicy"
            | "UpdateCIMDPolicy"
            | "DeleteCIMDPolicy"
            | "TagResource"
            | "UntagResource" => Self::UserPoolResourceUpdate,
            _ => return None,
        })
    }

    /// Whether [`Quotas::operation_and_pool`] applies to the operations of this category.
    fn is_limited_by_pool(self) -> bool {
        let unlimited = [
            Self::UserCreation,
            Self::UserRead,
            Self::UserList,
            Self::UserUpdate,
            Self::UserResourceRead,
            Self::UserResourceUpdate,
            Self::UserAccountRecovery,
            Self::UserPoolRead,
            Self::UserPoolUpdate,
        ];
        !unlimited.contains(&self)
    }
}

/// The quotas that the proxy applies. By default, it applies none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Requests per second for a category, over all pools. A category that is not in the map has no limit.
    pub categories: BTreeMap<Category, u32>,
    /// Requests per second for one operation on one pool, in the categories of pool resources and clients.
    pub operation_and_pool: Option<u32>,
}

impl Quotas {
    /// The quotas of a new AWS account.
    pub fn aws_defaults() -> Self {
        Self { categories: Category::DEFAULTS.into(), operation_and_pool: Some(5) }
    }

    /// Answers GetProvisionedLimit with the limit that the proxy applies to a category, and AWS's default.
    pub(super) fn answer(&self, call: &Call) -> Result<Reply, Refusal> {
        let definition = &call.input["LimitDefinition"];
        let name = definition["Attributes"]["Category"].as_str().unwrap_or_default();
        let known = Category::DEFAULTS.into_iter().find(|(category, _)| format!("{category:?}") == name);
        let (Some((category, free)), Some("API_CATEGORY")) = (known, definition["LimitClass"].as_str())
        else {
            return Err(Refusal::new("InvalidParameterException", "The limit definition is not valid."));
        };
        let provisioned = self.categories.get(&category).copied().unwrap_or(NO_LIMIT);
        let limit = json!({
            "LimitDefinition": definition, "ProvisionedLimitValue": provisioned, "FreeLimitValue": free,
        });
        Ok(http::json_reply(200, None, &json!({ "Limit": limit })))
    }
}

/// The requests of the last second, and the number of throttled requests.
#[derive(Debug, Default)]
pub(super) struct RateWindows {
    admitted_at: HashMap<Key, VecDeque<Instant>>,
    throttled: BTreeMap<Category, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Category(Category),
    OperationAndPool(String, String),
}

impl RateWindows {
    /// Admits a request or throttles it. A throttled request does not count against the quota.
    pub fn admit(
        &mut self,
        quotas: &Quotas,
        operation: &str,
        pool: &str,
        now: Instant,
    ) -> Result<(), Refusal> {
        let Some(category) = Category::of_operation(operation) else {
            return Ok(());
        };
        let by_pool = quotas.operation_and_pool.filter(|_| category.is_limited_by_pool());
        let limits = [
            quotas.categories.get(&category).map(|rate| (Key::Category(category), *rate)),
            by_pool.map(|rate| (Key::OperationAndPool(operation.to_owned(), pool.to_owned()), rate)),
        ];
        let is_full =
            limits.iter().flatten().any(|(key, rate)| self.in_last_second(key, now) >= *rate as usize);
        if is_full {
            *self.throttled.entry(category).or_default() += 1;
            return Err(Refusal::new("TooManyRequestsException", "Rate exceeded"));
        }
        for (key, _) in limits.into_iter().flatten() {
            self.admitted_at.entry(key).or_default().push_back(now);
        }
        Ok(())
    }

    /// The number of throttled requests, by category.
    pub fn throttled(&self) -> BTreeMap<Category, usize> {
        self.throttled.clone()
    }

    fn in_last_second(&mut self, key: &Key, now: Instant) -> usize {
        let Some(times) = self.admitted_at.get_mut(key) else {
            return 0;
        };
        while times.front().is_some_and(|at| now.saturating_duration_since(*at) >= SECOND) {
            times.pop_front();
        }
        times.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(windows: &mut RateWindows, quotas: &Quotas, calls: &[(&str, u64)]) -> Vec<bool> {
        let start = Instant::now();
        let at = |ms: &u64| start + Duration::from_millis(*ms);
        calls.iter().map(|(operation, ms)| windows.admit(quotas, operation, "pool", at(ms)).is_ok()).collect()
    }

    #[test]
    fn a_quota_applies_to_a_sliding_second_without_throttled_requests() {
        let quotas = Quotas { categories: [(Category::UserList, 2)].into(), operation_and_pool: None };
        let mut windows = RateWindows::default();
        let calls = [0, 900, 950, 999, 1_000, 1_899, 1_900].map(|ms| ("ListUsers", ms));
        assert_eq!(admitted(&mut windows, &quotas, &calls), [true, true, false, false, true, false, true]);
        assert_eq!(windows.throttled(), [(Category::UserList, 3)].into());
    }

    #[test]
    fn a_category_quota_is_shared_by_its_operations_only() {
        let quotas = Quotas { categories: [(Category::UserList, 2)].into(), operation_and_pool: None };
        let operations = ["ListUsers", "ListUsersInGroup", "ListUsers", "AdminGetUser", "InitiateAuth"];
        let calls = operations.map(|operation| (operation, 0));
        assert_eq!(admitted(&mut RateWindows::default(), &quotas, &calls), [true, true, false, true, true]);
    }

    #[test]
    fn one_operation_on_one_pool_has_a_quota_in_resource_categories_only() {
        let quotas = Quotas::aws_defaults();
        let mut windows = RateWindows::default();
        let calls = [("GetGroup", 0); 6];
        assert_eq!(admitted(&mut windows, &quotas, &calls), [true, true, true, true, true, false]);
        assert!(windows.admit(&quotas, "GetGroup", "another pool", Instant::now()).is_ok());
        assert!(windows.admit(&quotas, "ListGroups", "pool", Instant::now()).is_ok());
        assert_eq!(admitted(&mut RateWindows::default(), &quotas, &[("AdminGetUser", 0); 120]), [true; 120]);
    }
}
