//! The pools, as the steps see them. Calls take virtual time, use quotas, and are counted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use heap::uncounted;
use serde_json::Value;
use shared::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PageLimit,
    PasswordPolicy, PoolDescription, PoolId, Sub, SubPrefix, User, Username,
};
use shared::ports::pool::{
    ConfigurationAnswer, ImportJob, Listed, LogoError, Medium, NewUser, Operation, Password, Pool, PoolError,
    PoolErrorKind, PoolResult,
};

use crate::population::{Population, mix};
use crate::schema;
use crate::service::{Service, State};
use crate::target::CreatedBy;

/// The length of a pagination token in characters. Cognito's tokens are about as long.
const TOKEN_LENGTH: usize = 1_000;
/// How long a token is accepted.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The policy of both pools.
const PASSWORD_POLICY: PasswordPolicy = PasswordPolicy { minimum_length: 8 };

/// Why a call is refused: the kind of error, and Cognito's code.
type Refusal = (PoolErrorKind, &'static str);
const THROTTLED: Refusal = (PoolErrorKind::Throttled, "TooManyRequestsException");
const USER_NOT_FOUND: Refusal = (PoolErrorKind::UserNotFound, "UserNotFoundException");
const NOT_FOUND: Refusal = (PoolErrorKind::NotFound, "ResourceNotFoundException");
const USER_EXISTS: Refusal = (PoolErrorKind::AlreadyExists, "UsernameExistsException");
const INVALID: Refusal = (PoolErrorKind::InvalidParameter, "InvalidParameterException");
/// The operation is not simulated, because no scenario of the bench needs it.
const NOT_SIMULATED: Refusal = (PoolErrorKind::Refused, "NotSimulated");

/// A pool, as the steps see it.
#[derive(Debug)]
pub struct SimulatedPool {
    service: Arc<Service>,
    id: PoolId,
    is_source: bool,
}

impl SimulatedPool {
    /// The pool with this id: the source, the target, or a pool that does not exist.
    pub fn new(service: Arc<Service>, id: PoolId) -> Self {
        let is_source = id == *service.source();
        Self { service, id, is_source }
    }

    /// Makes one call of a listing. The memory of its answer counts as the adapter has it: the body of the answer,
    /// beside the users that the adapter reads from it.
    async fn list<T>(
        &self,
        bytes: impl Fn(&T) -> usize,
        operation: Operation,
        work: impl FnOnce(&mut State) -> Result<T, Refusal> + Send,
    ) -> PoolResult<T> {
        let answer = self.call(operation, work).await;
        if let Ok(answer) = &answer {
            // The bodies of the answer: in the pieces that came over the network, and as a whole.
            drop(std::hint::black_box(vec![0u8; 2 * bytes(answer)]));
        }
        answer
    }

    /// Makes one call. It leaves the function, reaches the service, is accepted or refused, and returns.
    async fn call<T>(
        &self,
        operation: Operation,
        work: impl FnOnce(&mut State) -> Result<T, Refusal> + Send,
    ) -> PoolResult<T> {
        let left_at = self.service.count_call(operation);
        let time = self.service.next_call_time(self.service.behaviour().latency);
        tokio::time::sleep(time.request).await;
        let arrived_at = self.service.now();
        let exists = self.is_source || self.id == self.service.target();
        let result = {
            let mut state = self.service.state();
            if !uncounted(|| state.quotas.accept(operation.category(), arrived_at)) {
                uncounted(|| state.traffic.add_throttled(left_at, operation));
                Err(THROTTLED)
            } else if !exists {
                Err(NOT_FOUND)
            } else {
                uncounted(|| state.run_import_jobs(arrived_at, self.service.clock().now()));
                work(&mut state)
            }
        };
        tokio::time::sleep(time.response).await;
        result.map_err(|(kind, code)| PoolError::new(operation, kind, code))
    }

    /// Makes a call that changes a user of the target.
    async fn change_user(
        &self,
        operation: Operation,
        username: &Username,
        work: impl FnOnce(&mut State, u32) -> Result<(), Refusal> + Send,
    ) -> PoolResult<()> {
        self.call(operation, |state| {
            self.require_target()?;
            let number = state.population.number_with_username(username.as_str());
            let number = number.filter(|&number| state.target.has(number)).ok_or(USER_NOT_FOUND)?;
            uncounted(|| work(state, number))
        })
        .await
    }

    /// Lists one page of the users at these positions.
    async fn list_positions(
        &self,
        name: &str,
        positions: Range<u32>,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        let is_source = self.is_source;
        self.list(
            |listed: &Listed<User>| listed.bytes.sum,
            Operation::ListUsers,
            |state| {
                let listing = self.listing_call(name);
                let from = listing.cursor(token)?.unwrap_or(positions.start);
                let max_entries = self.max_entries_of_next_page(state).min(limit.get() as usize);
                let (mut found, mut next) = (Vec::with_capacity(max_entries), None);
                for position in from.max(positions.start)..positions.end {
                    let number = if is_source {
                        state.population.user_at(position)
                    } else {
                        state.target.population().user_at(position).filter(|&number| state.target.has(number))
                    };
                    let Some(number) = number else { continue };
                    if found.len() == max_entries {
                        next = Some(position);
                        break;
                    }
                    found.push(number);
                }
                let user = |number| {
                    if is_source {
                        state.population.user(number, state.history.version(number))
                    } else {
                        state.target.user(number)
                    }
                };
                let next_token = next.map(|position| listing.token(position, state.pages));
                Ok(Listed::users(found.into_iter().map(user).collect(), next_token))
            },
        )
        .await
    }

    fn listing_call(&self, name: &str) -> ListingCall {
        let pool = if self.is_source { "source" } else { "target" };
        ListingCall { listing: format!("{pool} {name}"), now: self.service.now() }
    }

    /// Calls change only the target. Time changes the source.
    fn require_target(&self) -> Result<(), Refusal> {
        if self.is_source { Err(NOT_SIMULATED) } else { Ok(()) }
    }

    fn max_entries_of_next_page(&self, state: &mut State) -> usize {
        state.pages += 1;
        self.service.behaviour().page_fill.max_entries(state.pages)
    }
}

/// A listing at a time. Its tokens are bound to both.
struct ListingCall {
    /// The pool, what is listed, and the filter.
    listing: String,
    /// The time since the service started.
    now: Duration,
}

impl ListingCall {
    /// The token on page `page`, which leads to `cursor`. All tokens differ, even those around an empty page.
    fn token(&self, cursor: u32, page: u64) -> String {
        let mut token = format!("{cursor:010}.{}.{}.", self.listing, self.now.as_millis());
        let mut random = u64::from(cursor) << 32 | page;
        while token.len() < TOKEN_LENGTH {
            random = mix(random);
            let letters = random.to_le_bytes().map(|byte| char::from(b'A' + byte % 26));
            token.extend(letters.iter().take(TOKEN_LENGTH - token.len()));
        }
        token
    }

    /// The position to which a token leads.
    fn cursor(&self, token: Option<&str>) -> Result<Option<u32>, Refusal> {
        token.map(|token| self.open(token).ok_or(INVALID)).transpose()
    }

    fn open(&self, token: &str) -> Option<u32> {
        let mut parts = token.splitn(4, '.');
        let cursor = parts.next()?.parse().ok()?;
        let listing = parts.next()?;
        let issued = Duration::from_millis(parts.next()?.parse().ok()?);
        (listing == self.listing && self.now.saturating_sub(issued) < TOKEN_TIMEOUT).then_some(cursor)
    }
}

/// Accepts a password if the policy of the pools does. Nothing else of it matters.
fn check_password(password: &Password) -> Result<(), Refusal> {
    let bad_password = (PoolErrorKind::Refused, "InvalidPasswordException");
    if PASSWORD_POLICY.accepts(password.reveal()) { Ok(()) } else { Err(bad_password) }
}

impl Pool for SimulatedPool {
    fn id(&self) -> &PoolId {
        &self.id
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        self.call(Operation::DescribeUserPool, |state| {
            let users = if self.is_source { u64::from(state.population.users) } else { 0 };
            Ok(schema::describe(state.population.people, users))
        })
        .await
    }

    async fn list_users(&self, limit: PageLimit, token: Option<&str>) -> PoolResult<Listed<User>> {
        self.list_positions("users", 0..self.service.population().positions(), limit, token).await
    }

    async fn list_users_by_sub(
        &self,
        prefix: SubPrefix,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        // Both pools have the same number of positions, so a prefix covers the same range of them.
        let positions = self.service.population().positions_with_prefix(&prefix.to_string());
        self.list_positions(&format!("users {prefix}"), positions, limit, token).await
    }

    async fn list_users_with_sub(&self, sub: &Sub, _: Option<&str>) -> PoolResult<Listed<User>> {
        self.call(Operation::ListUsers, |state| {
            let sub = sub.as_str();
            let user = if self.is_source {
                let number = state.population.number_with_sub(sub);
                number.map(|number| state.population.user(number, state.history.version(number)))
            } else {
                let number = state.target.population().number_with_sub(sub);
                number.filter(|&number| state.target.has(number)).map(|number| state.target.user(number))
            };
            Ok(Listed::users(user.into_iter().collect(), None))
        })
        .await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        self.call(Operation::ListGroups, |state| {
            let listing = self.listing_call("groups");
            let from = listing.cursor(token)?.unwrap_or(0);
            let max_entries = self.max_entries_of_next_page(state) as u32;
            let all = if self.is_source { state.population.groups } else { state.target.groups.len() as u32 };
            let to = (from + max_entries).min(all);
            let numbers: Vec<u32> = if self.is_source {
                (from..to).collect()
            } else {
                // The names of groups sort as their numbers do.
                let page = state.target.groups.iter().skip(from as usize).take((to - from) as usize);
                page.filter_map(|name| state.population.group_with_name(name)).collect()
            };
            let next_token = (to < all).then(|| listing.token(to, state.pages));
            Ok(Listed::small(numbers.into_iter().map(Population::group).collect(), next_token))
        })
        .await
    }

    async fn list_members(
        &self,
        group: &GroupName,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<Sub>> {
        self.list(
            |listed: &Listed<Sub>| listed.bytes.sum,
            Operation::ListUsersInGroup,
            |state| {
                let number = state.population.group_with_name(group.as_str()).ok_or(NOT_FOUND)?;
                if !self.is_source {
                    // The bench counts the memberships of the target, and stores none.
                    return Err(if state.target.groups.contains(group.as_str()) {
                        NOT_SIMULATED
                    } else {
                        NOT_FOUND
                    });
                }
                let listing = self.listing_call(&format!("members {number}"));
                let skip = listing.cursor(token)?.unwrap_or(0);
                let max_entries = self.max_entries_of_next_page(state).min(limit.get() as usize);
                let mut members: Vec<u32> =
                    state.population.members(number, skip).take(max_entries + 1).collect();
                let has_more = members.len() > max_entries;
                members.truncate(max_entries);
                let next_token = has_more.then(|| listing.token(skip + max_entries as u32, state.pages));
                // Cognito sends whole users.
                let size =
                    |&member: &u32| state.population.record(member, state.history.version(member)).bytes();
                let bytes = uncounted(|| members.iter().map(size).collect());
                let entries = members.into_iter().map(|member| state.population.sub(member)).collect();
                Ok(Listed { entries, next_token, bytes })
            },
        )
        .await
    }

    async fn list_groups_of_user(&self, _: &Username, _: Option<&str>) -> PoolResult<Listed<GroupName>> {
        self.call(Operation::AdminListGroupsForUser, |_| Err(NOT_SIMULATED)).await
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        let now = self.service.clock().now();
        self.call(Operation::AdminCreateUser, |state| {
            self.require_target()?;
            // The target has only users of the source. Number and version say what else they have.
            let number =
                state.population.number_with_username(user.username.as_str()).ok_or(NOT_SIMULATED)?;
            let updated_at = user.attributes.get("updated_at").ok_or(NOT_SIMULATED)?;
            let version = Population::version_of(updated_at).ok_or(NOT_SIMULATED)?;
            if user.invitation.is_some() {
                return Err(NOT_SIMULATED);
            }
            check_password(&user.temporary_password)?;
            let is_created = uncounted(|| state.target.create(number, version, now, CreatedBy::Call));
            if is_created { Ok(state.target.user(number)) } else { Err(USER_EXISTS) }
        })
        .await
    }

    async fn invite_again(&self, _: &Username, _: &Password, _: Medium) -> PoolResult<()> {
        self.call(Operation::AdminCreateUser, |_| Err(NOT_SIMULATED)).await
    }

    async fn get_user(&self, username: &Username) -> PoolResult<User> {
        self.call(Operation::AdminGetUser, |state| {
            let number = state.population.number_with_username(username.as_str()).ok_or(USER_NOT_FOUND)?;
            if self.is_source {
                Ok(state.population.user(number, state.history.version(number)))
            } else if state.target.has(number) {
                Ok(state.target.user(number))
            } else {
                Err(USER_NOT_FOUND)
            }
        })
        .await
    }

    async fn set_password(&self, username: &Username, password: &Password) -> PoolResult<()> {
        self.change_user(Operation::AdminSetUserPassword, username, |state, number| {
            check_password(password)?;
            state.target.confirm(number);
            Ok(())
        })
        .await
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        self.change_user(Operation::AdminDisableUser, username, |state, number| {
            state.target.disable(number);
            Ok(())
        })
        .await
    }

    async fn enable_user(&self, _: &Username) -> PoolResult<()> {
        self.call(Operation::AdminEnableUser, |_| Err(NOT_SIMULATED)).await
    }

    async fn update_attributes(&self, _: &Username, _: &BTreeMap<String, String>) -> PoolResult<()> {
        self.call(Operation::AdminUpdateUserAttributes, |_| Err(NOT_SIMULATED)).await
    }

    async fn delete_attributes(&self, _: &Username, _: &[String]) -> PoolResult<()> {
        self.call(Operation::AdminDeleteUserAttributes, |_| Err(NOT_SIMULATED)).await
    }

    async fn link_identity(&self, _: &Username, _: &Identity) -> PoolResult<()> {
        self.call(Operation::AdminLinkProviderForUser, |_| Err(NOT_SIMULATED)).await
    }

    async fn set_mfa(&self, _: &Username, _: &MfaPreference) -> PoolResult<()> {
        self.call(Operation::AdminSetUserMFAPreference, |_| Err(NOT_SIMULATED)).await
    }

    async fn create_group(&self, group: &GroupRecord) -> PoolResult<()> {
        self.call(Operation::CreateGroup, |state| {
            self.require_target()?;
            let number = state.population.group_with_name(group.name.as_str()).ok_or(NOT_SIMULATED)?;
            if !group.same_settings(&Population::group(number)) {
                return Err(NOT_SIMULATED);
            }
            let is_new = uncounted(|| state.target.groups.insert(group.name.as_str().to_owned()));
            is_new.then_some(()).ok_or((PoolErrorKind::AlreadyExists, "GroupExistsException"))
        })
        .await
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        self.call(Operation::GetGroup, |state| {
            let exists = self.is_source || state.target.groups.contains(group.as_str());
            state
                .population
                .group_with_name(group.as_str())
                .filter(|_| exists)
                .map(Population::group)
                .ok_or(NOT_FOUND)
        })
        .await
    }

    async fn update_group(&self, _: &GroupRecord) -> PoolResult<()> {
        self.call(Operation::UpdateGroup, |_| Err(NOT_SIMULATED)).await
    }

    async fn add_custom_attributes(&self, _: &BTreeMap<String, AttributeSchema>) -> PoolResult<()> {
        self.call(Operation::AddCustomAttributes, |_| Err(NOT_SIMULATED)).await
    }

    async fn list_providers(&self, _: Option<&str>) -> PoolResult<Listed<String>> {
        self.call(Operation::ListIdentityProviders, |_| Ok(Listed::small(Vec::new(), None))).await
    }

    async fn add_to_group(&self, username: &Username, group: &GroupName) -> PoolResult<()> {
        self.call(Operation::AdminAddUserToGroup, |state| {
            self.require_target()?;
            let number = state
                .population
                .number_with_username(username.as_str())
                .filter(|&number| state.target.has(number));
            number.ok_or(USER_NOT_FOUND)?;
            if !state.target.groups.contains(group.as_str()) {
                return Err(NOT_FOUND);
            }
            state.target.memberships += 1;
            Ok(())
        })
        .await
    }

    async fn provisioned_limit(&self, category: Category) -> PoolResult<u32> {
        self.call(Operation::GetProvisionedLimit, |_| Ok(category.default_quota())).await
    }

    async fn csv_header(&self) -> PoolResult<Vec<String>> {
        self.call(Operation::GetCSVHeader, |state| Ok(schema::csv_header(state.population.people))).await
    }

    async fn create_import_job(&self, _: &str, _: &str) -> PoolResult<ImportJob> {
        let now = self.service.now();
        self.call(Operation::CreateUserImportJob, |state| Ok(uncounted(|| state.import_jobs.create(now))))
            .await
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        let now = self.service.now();
        self.call(Operation::StartUserImportJob, |state| uncounted(|| state.import_jobs.start(id, now))).await
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::DescribeUserImportJob, |state| state.import_jobs.describe(id).ok_or(NOT_FOUND))
            .await
    }

    /// The backend of the bench captures no configuration: see `SimulatedBackend::captures_configuration`.
    async fn read_configuration(&self, operation: Operation, _: &Value) -> PoolResult<ConfigurationAnswer> {
        Err(PoolError::new(operation, PoolErrorKind::Refused, "UnknownOperationException"))
    }

    async fn fetch_logo(&self, _: &str) -> Result<Vec<u8>, LogoError> {
        Err(LogoError::NotFetched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_as_long_as_cognitos_and_leads_to_the_next_page() {
        let call = ListingCall { listing: "source users".to_owned(), now: Duration::from_secs(7) };
        let token = call.token(4_711, 1);
        assert_ne!(token, call.token(4_711, 2));
        assert_eq!(token.len(), TOKEN_LENGTH);
        assert_eq!(call.cursor(Some(&token)), Ok(Some(4_711)));
        assert_eq!(call.cursor(Some("x")), Err(INVALID));
        assert_eq!(call.cursor(None), Ok(None));
    }
}
