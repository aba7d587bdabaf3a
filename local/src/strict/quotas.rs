//! Request quotas, by category: <https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html>.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::json;

use super::call::Call;
use super::refusal::Refusal;
use crate::http::{self, Reply};

/// The window that a rate is counted in.
const SECOND: Duration = Duration::from_secs(1);
/// What is said of a category that has no limit here.
const NO_LIMIT: u32 = 10_000;

/// A category of operations that share a quota.
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
    /// The categories of this stand-in, with AWS's default rates in requests per second.
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

    /// The category of an operation; `None` for those of sign-in, which nothing here makes.
    pub fn of(operation: &str) -> Option<Self> {
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
            "AdminSetUserMFAPreference" | "AdminSetUserSettings" | "AdminForgetDevice" => Self::UserResourceUpdate,
            "AdminSetUserPassword" | "AdminResetUserPassword" | "ForgotPassword" | "ChangePassword" => Self::UserAccountRecovery,
            "DescribeUserPool" | "ListUserPools" | "GetProvisionedLimit" => Self::UserPoolRead,
            "CreateUserPool" | "UpdateUserPool" | "DeleteUserPool" => Self::UserPoolUpdate,
            "DescribeUserPoolClient" | "ListUserPoolClients" => Self::UserPoolClientRead,
            "CreateUserPoolClient" | "UpdateUserPoolClient" | "DeleteUserPoolClient" => Self::UserPoolClientUpdate,
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
            | "TagResource"
            | "UntagResource" => Self::UserPoolResourceUpdate,
            _ => return None,
        })
    }

    /// Whether one operation on one pool has a limit of its own in this category, [`Quotas::operation_and_pool`].
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

/// How many requests a second are let through. The default is: any number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Requests per second of a category, over all pools; one that is not named has no limit.
    pub categories: BTreeMap<Category, u32>,
    /// Requests per second of one operation on one pool, in the categories of pool resources and clients.
    pub operation_and_pool: Option<u32>,
}

impl Quotas {
    /// AWS's defaults.
    pub fn of_aws() -> Self {
        Self { categories: Category::DEFAULTS.into(), operation_and_pool: Some(5) }
    }

    /// Answers GetProvisionedLimit: what is let through of a category, and what AWS lets through by default.
    pub(super) fn answer(&self, call: &Call) -> Result<Reply, Refusal> {
        let definition = &call.input["LimitDefinition"];
        let name = definition["Attributes"]["Category"].as_str().unwrap_or_default();
        let known = Category::DEFAULTS.into_iter().find(|(category, _)| format!("{category:?}") == name);
        let (Some((category, free)), Some("API_CATEGORY")) = (known, definition["LimitClass"].as_str()) else {
            return Err(Refusal::new("InvalidParameterException", "The limit definition is not valid."));
        };
        let provisioned = self.categories.get(&category).copied().unwrap_or(NO_LIMIT);
        let limit = json!({"LimitDefinition": definition, "ProvisionedLimitValue": provisioned, "FreeLimitValue": free});
        Ok(http::json_reply(200, None, &json!({ "Limit": limit })))
    }
}

/// What was let through in the last second, and what was not.
#[derive(Debug, Default)]
pub(super) struct Windows {
    departures: HashMap<Key, VecDeque<Instant>>,
    throttled: BTreeMap<Category, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Category(Category),
    Pool(String, String),
}

impl Windows {
    /// Lets a request through, or refuses it. A refused one does not count.
    pub fn admit(&mut self, quotas: &Quotas, operation: &str, pool: &str, now: Instant) -> Result<(), Refusal> {
        let Some(category) = Category::of(operation) else {
            return Ok(());
        };
        let by_pool = quotas.operation_and_pool.filter(|_| category.is_limited_by_pool());
        let limits = [
            quotas.categories.get(&category).map(|rate| (Key::Category(category), *rate)),
            by_pool.map(|rate| (Key::Pool(operation.to_owned(), pool.to_owned()), rate)),
        ];
        let is_full = limits.iter().flatten().any(|(key, rate)| self.in_last_second(key, now) >= *rate as usize);
        if is_full {
            *self.throttled.entry(category).or_default() += 1;
            return Err(Refusal::new("TooManyRequestsException", "Rate exceeded"));
        }
        for (key, _) in limits.into_iter().flatten() {
            self.departures.entry(key).or_default().push_back(now);
        }
        Ok(())
    }

    /// How many requests were refused, by category.
    pub fn throttled(&self) -> BTreeMap<Category, usize> {
        self.throttled.clone()
    }

    fn in_last_second(&mut self, key: &Key, now: Instant) -> usize {
        let Some(departures) = self.departures.get_mut(key) else {
            return 0;
        };
        while departures.front().is_some_and(|at| now.saturating_duration_since(*at) >= SECOND) {
            departures.pop_front();
        }
        departures.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(windows: &mut Windows, quotas: &Quotas, calls: &[(&str, u64)]) -> Vec<bool> {
        let start = Instant::now();
        let at = |ms: &u64| start + Duration::from_millis(*ms);
        calls.iter().map(|(operation, ms)| windows.admit(quotas, operation, "pool", at(ms)).is_ok()).collect()
    }

    #[test]
    fn the_window_slides_and_what_was_refused_does_not_count() {
        let quotas = Quotas { categories: [(Category::UserList, 2)].into(), operation_and_pool: None };
        let mut windows = Windows::default();
        let calls = [0, 900, 950, 999, 1_000, 1_899, 1_900].map(|ms| ("ListUsers", ms));
        assert_eq!(admitted(&mut windows, &quotas, &calls), [true, true, false, false, true, false, true]);
        assert_eq!(windows.throttled(), [(Category::UserList, 3)].into());
    }

    #[test]
    fn operations_of_a_category_share_its_quota_and_others_do_not() {
        let quotas = Quotas { categories: [(Category::UserList, 2)].into(), operation_and_pool: None };
        let calls = [("ListUsers", 0), ("ListUsersInGroup", 0), ("ListUsers", 0), ("AdminGetUser", 0), ("InitiateAuth", 0)];
        assert_eq!(admitted(&mut Windows::default(), &quotas, &calls), [true, true, false, true, true]);
    }

    #[test]
    fn one_operation_on_one_pool_is_limited_where_aws_says_so() {
        let quotas = Quotas::of_aws();
        let mut windows = Windows::default();
        let calls = [("GetGroup", 0); 6];
        assert_eq!(admitted(&mut windows, &quotas, &calls), [true, true, true, true, true, false]);
        assert!(windows.admit(&quotas, "GetGroup", "another pool", Instant::now()).is_ok());
        assert!(windows.admit(&quotas, "ListGroups", "pool", Instant::now()).is_ok());
        assert_eq!(admitted(&mut Windows::default(), &quotas, &[("AdminGetUser", 0); 120]), [true; 120]);
    }
}
