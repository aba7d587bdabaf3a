//! The pools: users by number, calls that take their time, count against their quotas and are noted.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use heap::uncounted;
use shared::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PoolDescription, PoolId, Sub, SubPrefix,
    User, Username,
};
use shared::ports::pool::{ImportJob, Listed, NewUser, Operation, Password, Pool, PoolError, PoolErrorKind, PoolResult};

use crate::jobs;
use crate::population::{Population, mix};
use crate::service::{Service, World};
use crate::target::Way;

/// Characters of a token: about as many as Cognito's have.
const TOKEN: usize = 1_000;

/// What a refused call says.
type Refusal = (PoolErrorKind, &'static str);
const THROTTLED: Refusal = (PoolErrorKind::Throttled, "TooManyRequestsException");
const USER_NOT_FOUND: Refusal = (PoolErrorKind::UserNotFound, "UserNotFoundException");
const NOT_FOUND: Refusal = (PoolErrorKind::NotFound, "ResourceNotFoundException");
const EXISTS: Refusal = (PoolErrorKind::AlreadyExists, "UsernameExistsException");
const INVALID: Refusal = (PoolErrorKind::InvalidParameter, "InvalidParameterException");
/// What no scenario of the bench needs.
const NOT_SIMULATED: Refusal = (PoolErrorKind::Refused, "NotSimulated");

/// A pool, as the steps see it.
#[derive(Debug)]
pub struct SimulatedPool {
    service: Arc<Service>,
    id: PoolId,
    is_source: bool,
}

impl SimulatedPool {
    /// The source or the target of a service, or a pool that does not exist.
    pub fn new(service: Arc<Service>, id: PoolId) -> Self {
        let is_source = id == *service.source();
        Self { service, id, is_source }
    }

    /// One call: it leaves, arrives, is taken or refused, and answered.
    async fn call<T>(&self, operation: Operation, work: impl FnOnce(&mut World) -> Result<T, Refusal> + Send) -> PoolResult<T> {
        let left = self.service.note(operation);
        let times = self.service.draw(self.service.behaviour().latency);
        tokio::time::sleep(times.there).await;
        let arrived = self.service.now();
        let exists = self.is_source || self.id == self.service.target();
        let result = {
            let mut world = self.service.world();
            if !uncounted(|| world.quotas.take(operation.category(), arrived)) {
                uncounted(|| world.traffic.note_refused(left, operation));
                Err(THROTTLED)
            } else if !exists {
                Err(NOT_FOUND)
            } else {
                uncounted(|| world.run_jobs(arrived, self.service.clock().now()));
                work(&mut world)
            }
        };
        tokio::time::sleep(times.back).await;
        result.map_err(|(kind, code)| PoolError { operation, kind, code: code.to_owned(), detail: String::new() })
    }

    /// A call about a user of the target.
    async fn call_about(
        &self,
        operation: Operation,
        username: &Username,
        work: impl FnOnce(&mut World, u32) -> bool + Send,
    ) -> PoolResult<()> {
        self.call(operation, |world| {
            let number = world.people.number_named(username.as_str()).ok_or(USER_NOT_FOUND)?;
            uncounted(|| work(world, number)).then_some(()).ok_or(USER_NOT_FOUND)
        })
        .await
    }

    /// One page of the users at these places.
    async fn list_places(&self, places: Range<u32>, token: Option<&str>) -> PoolResult<Listed<User>> {
        let is_source = self.is_source;
        self.call(Operation::ListUsers, |world| {
            let from = cursor(token)?.unwrap_or(places.start);
            let size = self.next_size(world);
            let (mut found, mut next) = (Vec::with_capacity(size), None);
            for place in from.max(places.start)..places.end {
                let number = match is_source {
                    true => world.people.at(place),
                    false => world.target.people().at(place).filter(|&number| world.target.has(number)),
                };
                let Some(number) = number else { continue };
                if found.len() == size {
                    next = Some(place);
                    break;
                }
                found.push(number);
            }
            let user = |number| match is_source {
                true => world.people.user(number, world.history.version(number)),
                false => world.target.user(number),
            };
            Ok(Listed {
                entries: found.into_iter().map(user).collect(),
                next_token: next.map(|place| new_token(place, world.answers)),
            })
        })
        .await
    }

    /// The most entries of the next answer of a listing.
    fn next_size(&self, world: &mut World) -> usize {
        world.answers += 1;
        self.service.behaviour().pages.size(world.answers)
    }
}

/// A token that leads to `cursor`, given out with the `answer`-th answer: no two are the same, not even around an empty page.
fn new_token(cursor: u32, answer: u64) -> String {
    let mut token = format!("{cursor:010}.");
    let mut random = u64::from(cursor) << 32 | answer;
    while token.len() < TOKEN {
        random = mix(random);
        let letters = random.to_le_bytes().map(|byte| char::from(b'A' + byte % 26));
        token.extend(letters.iter().take(TOKEN - token.len()));
    }
    token
}

/// Where a token leads.
fn cursor(token: Option<&str>) -> Result<Option<u32>, Refusal> {
    let cursor = |token: &str| token.split_once('.').and_then(|(cursor, _)| cursor.parse().ok()).ok_or(INVALID);
    token.map(cursor).transpose()
}

impl Pool for SimulatedPool {
    fn id(&self) -> &PoolId {
        &self.id
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        self.call(Operation::DescribeUserPool, |world| {
            let description = PoolDescription::with_defaults(&["department", "note"]);
            let estimated_users = if self.is_source { u64::from(world.people.users) } else { 0 };
            Ok(PoolDescription { estimated_users, auto_verified_attributes: vec!["email".to_owned()], ..description })
        })
        .await
    }

    async fn list_users(&self, token: Option<&str>) -> PoolResult<Listed<User>> {
        self.list_places(0..self.service.people().places(), token).await
    }

    async fn list_users_by_sub(&self, prefix: SubPrefix, token: Option<&str>) -> PoolResult<Listed<User>> {
        let source = self.service.people();
        // The target has as many places; its users have others.
        self.list_places(source.places_of(&prefix.to_string()), token).await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        self.call(Operation::ListGroups, |world| {
            let from = cursor(token)?.unwrap_or(0);
            let size = self.next_size(world) as u32;
            let all = if self.is_source { world.people.groups } else { world.target.groups.len() as u32 };
            let to = (from + size).min(all);
            // The target's groups are those of the source, created in their order.
            Ok(Listed {
                entries: (from..to).map(Population::group).collect(),
                next_token: (to < all).then(|| new_token(to, world.answers)),
            })
        })
        .await
    }

    async fn list_members(&self, group: &GroupName, token: Option<&str>) -> PoolResult<Listed<Sub>> {
        self.call(Operation::ListUsersInGroup, |world| {
            let number = world.people.group_named(group.as_str()).ok_or(NOT_FOUND)?;
            let skip = cursor(token)?.unwrap_or(0);
            let size = self.next_size(world);
            let mut members: Vec<u32> = world.people.members(number, skip).take(size + 1).collect();
            let goes_on = members.len() > size;
            members.truncate(size);
            let next_token = goes_on.then(|| new_token(skip + size as u32, world.answers));
            Ok(Listed { entries: members.into_iter().map(|member| world.people.sub(member)).collect(), next_token })
        })
        .await
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        let now = self.service.clock().now();
        self.call(Operation::AdminCreateUser, |world| {
            let number = world.people.number_named(user.username.as_str()).ok_or(INVALID)?;
            let updated_at = user.attributes.get("updated_at").ok_or(INVALID)?;
            let version = Population::version_of(updated_at).ok_or(INVALID)?;
            match uncounted(|| world.target.create(number, version, now, Way::Call)) {
                true => Ok(world.target.user(number)),
                false => Err(EXISTS),
            }
        })
        .await
    }

    async fn get_user(&self, username: &Username) -> PoolResult<User> {
        self.call(Operation::AdminGetUser, |world| {
            let number = world.people.number_named(username.as_str()).ok_or(USER_NOT_FOUND)?;
            match (self.is_source, world.target.has(number)) {
                (true, _) => Ok(world.people.user(number, world.history.version(number))),
                (false, true) => Ok(world.target.user(number)),
                (false, false) => Err(USER_NOT_FOUND),
            }
        })
        .await
    }

    async fn set_password(&self, username: &Username, _: &Password) -> PoolResult<()> {
        self.call_about(Operation::AdminSetUserPassword, username, |world, number| world.target.confirm(number)).await
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        self.call_about(Operation::AdminDisableUser, username, |world, number| world.target.disable(number)).await
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
        self.call(Operation::CreateGroup, |world| {
            let is_new = uncounted(|| world.target.groups.insert(group.name.as_str().to_owned()));
            is_new.then_some(()).ok_or((PoolErrorKind::AlreadyExists, "GroupExistsException"))
        })
        .await
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        self.call(Operation::GetGroup, |world| {
            let is_there = self.is_source || world.target.groups.contains(group.as_str());
            world.people.group_named(group.as_str()).filter(|_| is_there).map(Population::group).ok_or(NOT_FOUND)
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
        self.call(Operation::AdminAddUserToGroup, |world| {
            let number = world.people.number_named(username.as_str()).filter(|&number| world.target.has(number));
            number.ok_or(USER_NOT_FOUND)?;
            if !world.target.groups.contains(group.as_str()) {
                return Err(NOT_FOUND);
            }
            world.target.memberships += 1;
            Ok(())
        })
        .await
    }

    async fn provisioned_limit(&self, category: Category) -> PoolResult<u32> {
        self.call(Operation::GetProvisionedLimit, |_| Ok(category.default_quota())).await
    }

    async fn csv_header(&self) -> PoolResult<Vec<String>> {
        self.call(Operation::GetCSVHeader, |_| {
            Ok(jobs::header(PoolDescription::with_defaults(&["department", "note"]).attributes.into_keys()))
        })
        .await
    }

    async fn create_import_job(&self, _: &str, _: &str) -> PoolResult<ImportJob> {
        self.call(Operation::CreateUserImportJob, |world| Ok(uncounted(|| world.jobs.create()))).await
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        let now = self.service.now();
        self.call(Operation::StartUserImportJob, |world| uncounted(|| world.jobs.start(id, now))).await
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::DescribeUserImportJob, |world| world.jobs.describe(id).ok_or(NOT_FOUND)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_and_leads_on() {
        let token = new_token(4_711, 1);
        assert_ne!(token, new_token(4_711, 2));
        assert_eq!(token.len(), TOKEN);
        assert_eq!(cursor(Some(&token)), Ok(Some(4_711)));
        assert_eq!(cursor(Some("x")), Err(INVALID));
        assert_eq!(cursor(None), Ok(None));
    }
}
