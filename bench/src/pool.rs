//! The pools, as the steps see them. Calls take virtual time, use quotas, and are counted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use heap::uncounted;
use shared::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PoolDescription, PoolId, Sub, SubPrefix,
    User, Username,
};
use shared::ports::pool::{ImportJob, Listed, NewUser, Operation, Password, Pool, PoolError, PoolErrorKind, PoolResult};

use crate::population::{Population, mix};
use crate::schema;
use crate::service::{Service, State};
use crate::target::CreatedBy;

/// The length of a pagination token in characters. Cognito's tokens are about as long.
const TOKEN_LENGTH: usize = 1_000;

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

    /// Makes one call. It leaves the function, reaches the service, is accepted or refused, and returns.
    async fn call<T>(&self, operation: Operation, work: impl FnOnce(&mut State) -> Result<T, Refusal> + Send) -> PoolResult<T> {
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
        result.map_err(|(kind, code)| PoolError { operation, kind, code: code.to_owned(), detail: String::new() })
    }

    /// Makes a call that changes a user of the target. `work` returns false if the user does not exist.
    async fn change_user(
        &self,
        operation: Operation,
        username: &Username,
        work: impl FnOnce(&mut State, u32) -> bool + Send,
    ) -> PoolResult<()> {
        self.call(operation, |state| {
            let number = state.population.number_with_username(username.as_str()).ok_or(USER_NOT_FOUND)?;
            uncounted(|| work(state, number)).then_some(()).ok_or(USER_NOT_FOUND)
        })
        .await
    }

    /// Lists one page of the users at these positions.
    async fn list_positions(&self, positions: Range<u32>, token: Option<&str>) -> PoolResult<Listed<User>> {
        let is_source = self.is_source;
        self.call(Operation::ListUsers, |state| {
            let from = cursor(token)?.unwrap_or(positions.start);
            let max_entries = self.max_entries_of_next_page(state);
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
                if is_source { state.population.user(number, state.history.version(number)) } else { state.target.user(number) }
            };
            Ok(Listed {
                entries: found.into_iter().map(user).collect(),
                next_token: next.map(|position| new_token(position, state.pages)),
            })
        })
        .await
    }

    fn max_entries_of_next_page(&self, state: &mut State) -> usize {
        state.pages += 1;
        self.service.behaviour().page_fill.max_entries(state.pages)
    }
}

/// The token on page `page`, which leads to `cursor`. All tokens differ, even those around an empty page.
fn new_token(cursor: u32, page: u64) -> String {
    let mut token = format!("{cursor:010}.");
    let mut random = u64::from(cursor) << 32 | page;
    while token.len() < TOKEN_LENGTH {
        random = mix(random);
        let letters = random.to_le_bytes().map(|byte| char::from(b'A' + byte % 26));
        token.extend(letters.iter().take(TOKEN_LENGTH - token.len()));
    }
    token
}

/// The position to which a token leads.
fn cursor(token: Option<&str>) -> Result<Option<u32>, Refusal> {
    let cursor = |token: &str| token.split_once('.').and_then(|(cursor, _)| cursor.parse().ok()).ok_or(INVALID);
    token.map(cursor).transpose()
}

impl Pool for SimulatedPool {
    fn id(&self) -> &PoolId {
        &self.id
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        self.call(Operation::DescribeUserPool, |state| {
            Ok(schema::describe(if self.is_source { u64::from(state.population.users) } else { 0 }))
        })
        .await
    }

    async fn list_users(&self, token: Option<&str>) -> PoolResult<Listed<User>> {
        self.list_positions(0..self.service.population().positions(), token).await
    }

    async fn list_users_by_sub(&self, prefix: SubPrefix, token: Option<&str>) -> PoolResult<Listed<User>> {
        // Both pools have the same number of positions, so a prefix covers the same range of them.
        let positions = self.service.population().positions_with_prefix(&prefix.to_string());
        self.list_positions(positions, token).await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        self.call(Operation::ListGroups, |state| {
            let from = cursor(token)?.unwrap_or(0);
            let max_entries = self.max_entries_of_next_page(state) as u32;
            let all = if self.is_source { state.population.groups } else { state.target.groups.len() as u32 };
            let to = (from + max_entries).min(all);
            // The restore creates the groups of the source in their order, so the target has the first ones.
            Ok(Listed {
                entries: (from..to).map(Population::group).collect(),
                next_token: (to < all).then(|| new_token(to, state.pages)),
            })
        })
        .await
    }

    async fn list_members(&self, group: &GroupName, token: Option<&str>) -> PoolResult<Listed<Sub>> {
        self.call(Operation::ListUsersInGroup, |state| {
            let number = state.population.group_with_name(group.as_str()).ok_or(NOT_FOUND)?;
            let skip = cursor(token)?.unwrap_or(0);
            let max_entries = self.max_entries_of_next_page(state);
            let mut members: Vec<u32> = state.population.members(number, skip).take(max_entries + 1).collect();
            let has_more = members.len() > max_entries;
            members.truncate(max_entries);
            let next_token = has_more.then(|| new_token(skip + max_entries as u32, state.pages));
            Ok(Listed { entries: members.into_iter().map(|member| state.population.sub(member)).collect(), next_token })
        })
        .await
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        let now = self.service.clock().now();
        self.call(Operation::AdminCreateUser, |state| {
            let number = state.population.number_with_username(user.username.as_str()).ok_or(INVALID)?;
            let updated_at = user.attributes.get("updated_at").ok_or(INVALID)?;
            let version = Population::version_of(updated_at).ok_or(INVALID)?;
            let is_created = uncounted(|| state.target.create(number, version, now, CreatedBy::Call));
            if is_created { Ok(state.target.user(number)) } else { Err(USER_EXISTS) }
        })
        .await
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

    async fn set_password(&self, username: &Username, _: &Password) -> PoolResult<()> {
        self.change_user(Operation::AdminSetUserPassword, username, |state, number| state.target.confirm(number)).await
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        self.change_user(Operation::AdminDisableUser, username, |state, number| state.target.disable(number)).await
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
            let is_new = uncounted(|| state.target.groups.insert(group.name.as_str().to_owned()));
            is_new.then_some(()).ok_or((PoolErrorKind::AlreadyExists, "GroupExistsException"))
        })
        .await
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        self.call(Operation::GetGroup, |state| {
            let exists = self.is_source || state.target.groups.contains(group.as_str());
            state.population.group_with_name(group.as_str()).filter(|_| exists).map(Population::group).ok_or(NOT_FOUND)
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
        self.call(Operation::ListIdentityProviders, |_| Ok(Listed { entries: Vec::new(), next_token: None })).await
    }

    async fn add_to_group(&self, username: &Username, group: &GroupName) -> PoolResult<()> {
        self.call(Operation::AdminAddUserToGroup, |state| {
            let number = state.population.number_with_username(username.as_str()).filter(|&number| state.target.has(number));
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
        self.call(Operation::GetCSVHeader, |_| Ok(schema::csv_header())).await
    }

    async fn create_import_job(&self, _: &str, _: &str) -> PoolResult<ImportJob> {
        self.call(Operation::CreateUserImportJob, |state| Ok(uncounted(|| state.import_jobs.create()))).await
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        let now = self.service.now();
        self.call(Operation::StartUserImportJob, |state| uncounted(|| state.import_jobs.start(id, now))).await
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::DescribeUserImportJob, |state| state.import_jobs.describe(id).ok_or(NOT_FOUND)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_as_long_as_cognitos_and_leads_to_the_next_page() {
        let token = new_token(4_711, 1);
        assert_ne!(token, new_token(4_711, 2));
        assert_eq!(token.len(), TOKEN_LENGTH);
        assert_eq!(cursor(Some(&token)), Ok(Some(4_711)));
        assert_eq!(cursor(Some("x")), Err(INVALID));
        assert_eq!(cursor(None), Ok(None));
    }
}
