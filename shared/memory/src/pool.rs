//! A user pool in memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::calls::CallSite;
use super::configuration::PoolConfigurations;
use super::fingerprint::{Answered, Fingerprint};
use super::job::Jobs;
use super::listing::{Answer, Call, OverlookedByOne, PageShape, SplitListingBehaviour};
use super::script::{Fault, Gate};
use super::state::{HeldAnswers, Refusal, State};
use super::turnstile::Reach;
use serde_json::Value;
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, Listing, MfaPreference, MfaSetting,
    PageLimit, PoolDescription, PoolId, Sub, SubPrefix, UnitId, User, UserRecord, UserStatus, Username,
};
use shared::ports::Clock;
use shared::ports::pool::{
    ConfigurablePool, ConfigurationAnswer, ImportJob, Listed, Medium, NewUser, Operation, Password, Pool,
    PoolError, PoolErrorKind, PoolResult,
};
use strict_configuration::ConfigurationSettings;

/// A user pool in memory. Clones share its content.
#[derive(Debug, Clone)]
pub struct MemoryPool {
    id: PoolId,
    state: Arc<Mutex<State>>,
    configurations: PoolConfigurations,
    clock: Clock,
    gate: Gate,
}

/// The most custom attributes of a pool.
const MAX_CUSTOM_ATTRIBUTES: usize = 50;

/// An answer to a listing call, from the moment in which the pool gives it until the call returns or is given up.
struct HeldAnswer<'a> {
    pool: &'a MemoryPool,
    bytes: AtomicUsize,
}

impl Drop for HeldAnswer<'_> {
    fn drop(&mut self) {
        self.pool.state().held.now -= self.bytes.load(Ordering::Relaxed);
    }
}

const NOT_FOUND: Refusal = (PoolErrorKind::NotFound, "ResourceNotFoundException");
const USER_NOT_FOUND: Refusal = (PoolErrorKind::UserNotFound, "UserNotFoundException");
const BAD_TOKEN: Refusal = (PoolErrorKind::InvalidParameter, "InvalidParameterException");

/// Whether a call works although the pool that it is made through does not exist.
fn is_of_account(operation: Operation) -> bool {
    matches!(operation, Operation::CreateUserPool | Operation::ListUserPools)
}

/// The actions of other clients. None of them counts as a call.
impl MemoryPool {
    pub(super) fn new(
        id: PoolId,
        description: PoolDescription,
        configurations: PoolConfigurations,
        clock: Clock,
        gate: Gate,
    ) -> Self {
        let state = Arc::new(Mutex::new(State::new(id.clone(), description)));
        Self { state, id, configurations, clock, gate }
    }

    /// The same pool, for the calls of another invocation.
    pub(super) fn through(&self, gate: &Gate) -> Self {
        Self { gate: gate.clone(), ..self.clone() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.known_fingerprint = None;
        state
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fingerprint = state.known_fingerprint.unwrap_or_else(|| state.fingerprint());
        *state.known_fingerprint.insert(fingerprint)
    }

    pub fn set_shape(&self, shape: PageShape) {
        self.state().shape = shape;
    }

    /// Changes the settings of the pool, even those that Cognito fixes at creation.
    pub fn configure(&self, change: impl FnOnce(&mut PoolDescription)) {
        change(&mut self.state().description);
    }

    /// Sets what a split listing returns.
    pub fn set_split_listing(&self, finds: SplitListingBehaviour) {
        self.state().split_listing = finds;
    }

    /// The next `listings` listings without a filter overlook this user.
    pub fn overlook_in_one_listing(&self, sub: Sub, listings: u32) {
        self.state().overlooked_by_one = Some(OverlookedByOne { sub, listings, is_now: false });
    }

    /// Sets whether look-ups with the exact filter `sub = "…"` fail.
    pub fn set_look_ups(&self, failure: Option<PoolErrorKind>) {
        self.state().look_ups_fail = failure;
    }

    /// Sets Cognito's estimate of the users. It can be off by more than a tenth.
    pub fn set_estimate(&self, users: u64) {
        self.state().estimate = Some(users);
    }

    /// Changes how the jobs of the pool behave.
    pub fn configure_jobs(&self, change: impl FnOnce(&mut Jobs)) {
        change(&mut self.state().jobs);
    }

    /// Deletes the pool. From now on Cognito answers every call with ResourceNotFoundException.
    pub fn delete(&self) {
        self.state().deleted = true;
    }

    /// Adds a user without Cognito's checks. If the username is taken, the existing user stays unchanged.
    pub fn put_user(&self, record: UserRecord) -> Sub {
        self.state().insert(record, self.clock.now())
    }

    /// Signs a user up. The user is UNCONFIRMED, and Cognito sends a code.
    pub fn sign_up(&self, user: &NewUser) -> Result<Sub, PoolErrorKind> {
        let now = self.clock.now();
        let mut state = self.state();
        let sub = state.create(user, now).map_err(|(kind, _)| kind)?.sub;
        state.update(&sub, now, |record| record.status = UserStatus::Unconfirmed);
        state.messages += 1;
        Ok(sub)
    }

    /// Changes a user, if it exists.
    pub fn change_user(&self, sub: &Sub, change: impl FnOnce(&mut UserRecord)) {
        self.state().update(sub, self.clock.now(), change);
    }

    /// Shows an older state of a user, with its older time of modification, because a listing may
    /// lag behind.
    pub fn show_stale(&self, sub: &Sub, record: UserRecord) {
        let modified = record.modified.unwrap_or(self.clock.now());
        self.state().update(sub, modified, |stored| *stored = record);
    }

    pub fn delete_user(&self, sub: &Sub) {
        self.state().remove(sub);
    }

    /// Adds a group, or changes the settings of the group with that name.
    pub fn put_group(&self, record: GroupRecord) {
        let now = self.clock.now();
        let mut state = self.state();
        match state.groups.get_mut(&record.name) {
            Some(group) => {
                group.record = GroupRecord { created: group.record.created, modified: Some(now), ..record }
            }
            None => drop(state.create_group(&record, now)),
        }
    }

    pub fn delete_group(&self, name: &GroupName) {
        self.state().remove_group(name);
    }

    /// Adds a user to a group. Returns whether both exist.
    pub fn join(&self, sub: &Sub, group: &GroupName) -> bool {
        self.state().join(sub, group).is_ok()
    }

    /// Gives the account another quota than Cognito's default.
    pub fn set_quota(&self, category: Category, calls_per_second: u32) {
        self.state().quotas.insert(category, calls_per_second);
    }

    pub fn add_provider(&self, name: &str) {
        self.state().providers.insert(name.to_owned());
    }

    /// Refuses to create the user of this name, with an error of Cognito. None ends that.
    pub fn refuse_creation(&self, of: Option<(Username, PoolErrorKind, &'static str)>) {
        self.state().refused_creation = of.map(|(name, kind, code)| (name, (kind, code)));
    }

    /// Sets the message of every refusal. Cognito's messages quote values of calls.
    pub fn refuse_with(&self, message: &str) {
        message.clone_into(&mut self.state().says);
    }

    /// Whether Cognito fails to send messages from now on.
    pub fn fail_deliveries(&self, fails: bool) {
        self.state().fails_deliveries = fails;
    }

    /// Makes the pool refuse `preferred_username` for users that are not confirmed, if it is an alias.
    pub fn refuse_unconfirmed_alias(&self) {
        self.state().refuses_unconfirmed_alias = true;
    }

    /// Makes IAM deny to pass this role. None of the groups that have it change.
    pub fn deny_role(&self, arn: &str) {
        self.state().denied_roles.insert(arn.to_owned());
    }

    /// Lets this role be passed again.
    pub fn allow_role(&self, arn: &str) {
        self.state().denied_roles.remove(arn);
    }

    /// Makes a call that changes the configuration, in Cognito's JSON. The id of the pool need not be given.
    ///
    /// # Panics
    /// If Cognito refuses the call.
    pub fn change_configuration(&self, operation: &str, mut request: Value) -> Value {
        if let Some(members) = request.as_object_mut() {
            members.entry("UserPoolId").or_insert_with(|| self.id.as_str().into());
        }
        let now = self.clock.now().as_second() as f64;
        let answer = self.configurations.change(&self.id, operation, &request, now);
        answer.unwrap_or_else(|refusal| unreachable!("{operation}: {refusal}"))
    }

    /// Changes how the configuration behaves in what AWS does not document.
    pub fn configure_configuration(&self, change: impl FnOnce(&mut ConfigurationSettings)) {
        let now = self.clock.now().as_second() as f64;
        self.configurations.configure(&self.id, now, change);
    }

    pub fn leave(&self, sub: &Sub, group: &GroupName) {
        self.state().leave(sub, group);
    }

    pub fn user_count(&self) -> usize {
        self.state().user_count()
    }

    pub fn user(&self, sub: &Sub) -> Option<User> {
        self.state().user(sub)
    }

    /// The bytes of users in answers to listing calls so far: the most that were on their way at once, and the largest
    /// answer.
    pub fn answered_bytes(&self) -> (usize, usize) {
        let HeldAnswers { most, largest, .. } = self.state().held;
        (most, largest)
    }

    /// All users, in no particular order.
    pub fn users(&self) -> Vec<User> {
        self.state().users()
    }

    pub fn groups(&self) -> Vec<(GroupRecord, Vec<Sub>)> {
        self.state()
            .groups
            .values()
            .map(|group| (group.record.clone(), group.members.iter().cloned().collect()))
            .collect()
    }

    /// The number of messages that Cognito has sent to end users.
    pub fn messages(&self) -> u64 {
        self.state().messages
    }

    /// The answer of a listing of the users whose `sub` satisfies `wanted`.
    fn answer_users(
        &self,
        state: &mut State,
        listing: &Listing,
        (limit, token): (PageLimit, Option<&str>),
        wanted: impl Fn(&Sub) -> bool,
    ) -> Result<Listed<User>, Refusal> {
        let mut answer = self.answer_users_of(state, &listing.unit_id(), (limit, token), wanted)?;
        answer.entries.retain(|user| !state.shape.overlooked.contains(&user.sub));
        Ok(answer)
    }

    fn answer_users_of(
        &self,
        state: &mut State,
        unit: &UnitId,
        (limit, token): (PageLimit, Option<&str>),
        wanted: impl Fn(&Sub) -> bool,
    ) -> Result<Listed<User>, Refusal> {
        let answer = number_this_answer(state);
        let call = Call { unit, shape: &state.shape, limit, answer, now: self.clock.now() };
        let order = &state.order;
        let from = |begin| {
            order.range((begin, Bound::Unbounded)).filter(|(_, sub)| wanted(sub)).map(|(place, _)| *place)
        };
        let Answer { keys, next_token } =
            call.answer(token, |text| text.parse().ok(), u128::to_string, from).ok_or(BAD_TOKEN)?;
        let mut entries: Vec<User> = keys.iter().filter_map(|place| state.user(order.get(place)?)).collect();
        for user in &mut entries {
            if let Some(late) = state.shape.late.get(&user.sub) {
                user.record = late.clone();
            }
        }
        // A listing does not show second factors.
        entries.iter_mut().for_each(|user| user.record.mfa = None);
        Ok(Listed::users(entries, next_token))
    }

    /// One call, with the fault and the changes that the script orders for it.
    async fn call<T: Answered + Send + Sync>(
        &self,
        operation: Operation,
        with_token: bool,
        apply: impl FnOnce(&mut State) -> Result<T, Refusal> + Send,
    ) -> PoolResult<T> {
        let says = self.state().says.clone();
        let error = |(kind, code): Refusal| PoolError::answered(operation, kind, code, &says);
        let passage = self
            .gate
            .enter(&CallSite::of_pool(&self.id, operation, with_token), Reach::Pool(self.id.clone()))
            .await;
        let result = match passage.fault {
            Some(Fault::Refuse(kind)) => Err((kind, code_of(kind))),
            Some(Fault::RefuseWith(kind, code)) => Err((kind, code)),
            Some(Fault::RejectToken) if with_token => Err(BAD_TOKEN),
            _ => {
                let mut state = self.state();
                state.run_jobs(self.clock.now());
                if state.deleted && !is_of_account(operation) { Err(NOT_FOUND) } else { apply(&mut state) }
            }
        };
        let answer = || match &result {
            Ok(answer) => answer.fingerprint(),
            Err(refusal) => Fingerprint::default().shown(refusal).finish(),
        };
        self.gate.leave(&passage, answer).await;
        match passage.fault {
            Some(Fault::LostReply) => Err(error((PoolErrorKind::Transient, "NoAnswer"))),
            _ => result.map_err(error),
        }
    }

    /// One call of a listing. Its answer is held until the call returns.
    async fn list<T: Answered + Send + Sync>(
        &self,
        operation: Operation,
        with_token: bool,
        apply: impl FnOnce(&mut State) -> Result<Listed<T>, Refusal> + Send,
    ) -> PoolResult<Listed<T>> {
        let held = HeldAnswer { pool: self, bytes: AtomicUsize::new(0) };
        let hold = |state: &mut State| {
            let listed = apply(state)?;
            let (bytes, answers) = (listed.bytes.sum, &mut state.held);
            held.bytes.store(bytes, Ordering::Relaxed);
            answers.now += bytes;
            answers.most = answers.most.max(answers.now);
            answers.largest = answers.largest.max(bytes);
            Ok(listed)
        };
        self.call(operation, with_token, hold).await
    }

    async fn call_about<T: Answered + Send + Sync>(
        &self,
        operation: Operation,
        username: &Username,
        apply: impl FnOnce(&mut State, &Sub) -> Result<T, Refusal> + Send,
    ) -> PoolResult<T> {
        let find = |state: &mut State| {
            let sub = state.find(username).cloned().ok_or(USER_NOT_FOUND)?;
            apply(state, &sub)
        };
        self.call(operation, false, find).await
    }
}

fn code_of(kind: PoolErrorKind) -> &'static str {
    match kind {
        PoolErrorKind::Throttled => "TooManyRequestsException",
        PoolErrorKind::Transient
        | PoolErrorKind::OutOfTime
        | PoolErrorKind::Overtaken
        | PoolErrorKind::LeaseUnreadable => "InternalErrorException",
        PoolErrorKind::NotFound => "ResourceNotFoundException",
        PoolErrorKind::UserNotFound => "UserNotFoundException",
        PoolErrorKind::AlreadyExists => "UsernameExistsException",
        PoolErrorKind::AliasTaken => "AliasExistsException",
        PoolErrorKind::Undelivered => "CodeDeliveryFailureException",
        PoolErrorKind::InvalidParameter => "InvalidParameterException",
        PoolErrorKind::AccessDenied => "AccessDeniedException",
        PoolErrorKind::Refused => "UserLambdaValidationException",
    }
}

fn number_this_answer(state: &mut State) -> usize {
    state.answers += 1;
    state.answers - 1
}

impl Pool for MemoryPool {
    fn id(&self) -> &PoolId {
        &self.id
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        let describe = |state: &mut State| {
            let estimated_users = state.estimate.unwrap_or(state.user_count() as u64);
            Ok(PoolDescription { estimated_users, ..state.description.clone() })
        };
        self.call(Operation::DescribeUserPool, false, describe).await
    }

    async fn list_users(&self, limit: PageLimit, token: Option<&str>) -> PoolResult<Listed<User>> {
        let list = |state: &mut State| {
            if token.is_none() {
                state.forget_echoes();
                if let Some(overlooked) = &mut state.overlooked_by_one {
                    overlooked.is_now = overlooked.listings > 0;
                    overlooked.listings = overlooked.listings.saturating_sub(1);
                }
            }
            let mut answer = self.answer_users(state, &Listing::Users, (limit, token), |_| true)?;
            if let Some(overlooked) = state.overlooked_by_one.as_ref().filter(|overlooked| overlooked.is_now)
            {
                answer.entries.retain(|user| user.sub != overlooked.sub);
            }
            Ok(answer)
        };
        self.list(Operation::ListUsers, token.is_some(), list).await
    }

    async fn list_users_by_sub(
        &self,
        prefix: SubPrefix,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        let list = |state: &mut State| {
            let listing = Listing::UsersBySub { prefix };
            let page = (limit, token);
            let begins = |sub: &Sub| prefix.begins(sub.as_str());
            match state.split_listing {
                SplitListingBehaviour::Complete => self.answer_users(state, &listing, page, begins),
                SplitListingBehaviour::Incomplete => self.answer_users(state, &listing, page, |sub| {
                    begins(sub) && !sub.as_str().ends_with(['0', '1', '2'])
                }),
                SplitListingBehaviour::Unfiltered => self.answer_users(state, &listing, page, |_| true),
                SplitListingBehaviour::Overlooking(digits) => {
                    self.answer_users(state, &listing, page, |sub| {
                        let last = sub.as_str().chars().last().and_then(|last| last.to_digit(16));
                        begins(sub) && last.is_none_or(|last| last >= digits.into())
                    })
                }
                SplitListingBehaviour::OverlookingNew(since) => {
                    let is_new = |user: &User| user.record.created.is_some_and(|created| created >= since);
                    let mut answer = self.answer_users(state, &listing, page, begins)?;
                    answer.entries.retain(|user| !is_new(user));
                    Ok(answer)
                }
                SplitListingBehaviour::Refused => {
                    Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"))
                }
                SplitListingBehaviour::Failing(kind) => Err((kind, code_of(kind))),
                SplitListingBehaviour::RefusingTokens if token.is_some() => Err(BAD_TOKEN),
                SplitListingBehaviour::RefusingTokens => self.answer_users(state, &listing, page, begins),
                SplitListingBehaviour::RepeatingTokens => {
                    let answer = self.answer_users(state, &listing, (limit, None), begins)?;
                    Ok(Listed { next_token: Some("again".to_owned()), ..answer })
                }
            }
        };
        self.list(Operation::ListUsers, token.is_some(), list).await
    }

    async fn list_users_with_sub(&self, sub: &Sub, token: Option<&str>) -> PoolResult<Listed<User>> {
        let list = |state: &mut State| {
            if let Some(kind) = state.look_ups_fail {
                return Err((kind, code_of(kind)));
            }
            let unit = UnitId::named("users-with-sub");
            self.answer_users_of(state, &unit, (PageLimit::MAX, token), |other| other == sub)
        };
        self.list(Operation::ListUsers, token.is_some(), list).await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        let list = |state: &mut State| {
            let (unit, answer) = (Listing::Groups.unit_id(), number_this_answer(state));
            let (shape, limit, now) = (&state.shape, PageLimit::MAX, self.clock.now());
            let call = Call { unit: &unit, shape, limit, answer, now };
            let groups = &state.groups;
            let from =
                |begin| groups.range::<GroupName, _>((begin, Bound::Unbounded)).map(|(name, _)| name.clone());
            let Answer { keys, next_token } = call
                .answer(token, |text| Some(GroupName::new(text)), GroupName::to_string, from)
                .ok_or(BAD_TOKEN)?;
            let entries =
                keys.iter().filter_map(|name| groups.get(name)).map(|group| group.record.clone()).collect();
            Ok(Listed::small(entries, next_token))
        };
        self.call(Operation::ListGroups, token.is_some(), list).await
    }

    async fn list_members(
        &self,
        group: &GroupName,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<Sub>> {
        let list = |state: &mut State| {
            let answer = number_this_answer(state);
            let members = &state.groups.get(group).ok_or(NOT_FOUND)?.members;
            let unit = Listing::Members { group: group.clone() }.unit_id();
            let call = Call { unit: &unit, shape: &state.shape, limit, answer, now: self.clock.now() };
            let from = |begin| members.range::<Sub, _>((begin, Bound::Unbounded)).cloned();
            let Answer { keys, next_token } =
                call.answer(token, |text| Some(Sub::new(text)), Sub::to_string, from).ok_or(BAD_TOKEN)?;
            let bytes = keys.iter().filter_map(|sub| Some(state.user(sub)?.record.bytes())).collect();
            Ok(Listed { entries: keys, next_token, bytes })
        };
        self.list(Operation::ListUsersInGroup, token.is_some(), list).await
    }

    async fn list_groups_of_user(
        &self,
        username: &Username,
        token: Option<&str>,
    ) -> PoolResult<Listed<GroupName>> {
        let list = |state: &mut State| {
            let answer = number_this_answer(state);
            let sub = state.find(username).cloned().ok_or(USER_NOT_FOUND)?;
            let unit = UnitId::named(&format!("groups of {sub}"));
            let (shape, limit) = (&state.shape, PageLimit::MAX);
            let call = Call { unit: &unit, shape, limit, answer, now: self.clock.now() };
            let from = |begin| {
                let groups = state.groups.range::<GroupName, _>((begin, Bound::Unbounded));
                groups.filter(|(_, group)| group.members.contains(&sub)).map(|(name, _)| name.clone())
            };
            let Answer { keys, next_token } = call
                .answer(token, |text| Some(GroupName::new(text)), GroupName::to_string, from)
                .ok_or(BAD_TOKEN)?;
            Ok(Listed::small(keys, next_token))
        };
        self.list(Operation::AdminListGroupsForUser, token.is_some(), list).await
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        let create = |state: &mut State| {
            let created = state.create(user, self.clock.now())?;
            if user.invitation.is_some() {
                state.send_message()?;
            }
            Ok(created)
        };
        self.call(Operation::AdminCreateUser, false, create).await
    }

    async fn invite_again(&self, username: &Username, password: &Password, _: Medium) -> PoolResult<()> {
        let invite = |state: &mut State, sub: &Sub| state.invite_again(sub, password.reveal());
        self.call_about(Operation::AdminCreateUser, username, invite).await
    }

    async fn get_user(&self, username: &Username) -> PoolResult<User> {
        let get = |state: &mut State, sub: &Sub| {
            let mut user = state.user(sub).ok_or(USER_NOT_FOUND)?;
            user.record.mfa.get_or_insert_default();
            Ok(user)
        };
        self.call_about(Operation::AdminGetUser, username, get).await
    }

    async fn set_password(&self, username: &Username, password: &Password) -> PoolResult<()> {
        let set = |state: &mut State, sub: &Sub| state.set_password(sub, password.reveal(), self.clock.now());
        self.call_about(Operation::AdminSetUserPassword, username, set).await
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        let disable = |state: &mut State, sub: &Sub| {
            state.update(sub, self.clock.now(), |record| record.enabled = false);
            Ok(())
        };
        self.call_about(Operation::AdminDisableUser, username, disable).await
    }

    async fn enable_user(&self, username: &Username) -> PoolResult<()> {
        let enable = |state: &mut State, sub: &Sub| {
            state.update(sub, self.clock.now(), |record| record.enabled = true);
            Ok(())
        };
        self.call_about(Operation::AdminEnableUser, username, enable).await
    }

    async fn update_attributes(
        &self,
        username: &Username,
        attributes: &BTreeMap<String, String>,
    ) -> PoolResult<()> {
        let set = |state: &mut State, sub: &Sub| state.set_attributes(sub, attributes, self.clock.now());
        self.call_about(Operation::AdminUpdateUserAttributes, username, set).await
    }

    async fn delete_attributes(&self, username: &Username, names: &[String]) -> PoolResult<()> {
        let delete = |state: &mut State, sub: &Sub| {
            state.update(sub, self.clock.now(), |record| {
                record.attributes.retain(|name, _| !names.contains(name))
            });
            Ok(())
        };
        self.call_about(Operation::AdminDeleteUserAttributes, username, delete).await
    }

    async fn link_identity(&self, username: &Username, identity: &Identity) -> PoolResult<()> {
        // Cognito takes the username, and no alias.
        let link = |state: &mut State| {
            let sub = state.find_by_username(username).cloned().ok_or(USER_NOT_FOUND)?;
            state.link(&sub, identity, self.clock.now())
        };
        self.call(Operation::AdminLinkProviderForUser, false, link).await
    }

    async fn set_mfa(&self, username: &Username, factors: &MfaPreference) -> PoolResult<()> {
        let set = |state: &mut State, sub: &Sub| {
            if state.description.mfa == MfaSetting::Off {
                return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
            }
            state.update(sub, self.clock.now(), |record| record.mfa = Some(factors.clone()));
            Ok(())
        };
        self.call_about(Operation::AdminSetUserMFAPreference, username, set).await
    }

    async fn update_group(&self, group: &GroupRecord) -> PoolResult<()> {
        let update = |state: &mut State| state.update_group(group, self.clock.now());
        self.call(Operation::UpdateGroup, false, update).await
    }

    async fn add_custom_attributes(&self, attributes: &BTreeMap<String, AttributeSchema>) -> PoolResult<()> {
        let add = |state: &mut State| {
            let declared = &mut state.description.attributes;
            // Source: "Quotas in Amazon Cognito", developer guide.
            let custom = declared.keys().filter(|name| name.contains("custom:")).count();
            if attributes.keys().any(|name| declared.contains_key(name))
                || custom + attributes.len() > MAX_CUSTOM_ATTRIBUTES
            {
                return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
            }
            declared.extend(attributes.clone());
            Ok(())
        };
        self.call(Operation::AddCustomAttributes, false, add).await
    }

    async fn list_providers(&self, token: Option<&str>) -> PoolResult<Listed<String>> {
        let list = |state: &mut State| Ok(Listed::small(state.providers.iter().cloned().collect(), None));
        self.call(Operation::ListIdentityProviders, token.is_some(), list).await
    }

    async fn create_group(&self, group: &GroupRecord) -> PoolResult<()> {
        let create = |state: &mut State| {
            state.check_role(group)?;
            state.create_group(group, self.clock.now())
        };
        self.call(Operation::CreateGroup, false, create).await
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        let get =
            |state: &mut State| state.groups.get(group).map(|group| group.record.clone()).ok_or(NOT_FOUND);
        self.call(Operation::GetGroup, false, get).await
    }

    async fn add_to_group(&self, username: &Username, group: &GroupName) -> PoolResult<()> {
        let join = |state: &mut State| {
            // Cognito checks the group before the user.
            state.groups.contains_key(group).then_some(()).ok_or(NOT_FOUND)?;
            let sub = state.find(username).cloned().ok_or(USER_NOT_FOUND)?;
            state.join(&sub, group)
        };
        self.call(Operation::AdminAddUserToGroup, false, join).await
    }

    async fn provisioned_limit(&self, category: Category) -> PoolResult<u32> {
        self.call(Operation::GetProvisionedLimit, false, |state| {
            Ok(state.quotas.get(&category).copied().unwrap_or(category.default_quota()))
        })
        .await
    }

    async fn csv_header(&self) -> PoolResult<Vec<String>> {
        self.call(Operation::GetCSVHeader, false, |state| Ok(state.csv_header())).await
    }

    async fn create_import_job(&self, name: &str, _log_role: &str) -> PoolResult<ImportJob> {
        self.call(Operation::CreateUserImportJob, false, |state| Ok(state.create_job(name, self.clock.now())))
            .await
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::StartUserImportJob, false, |state| state.start_job(id, self.clock.now())).await
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::DescribeUserImportJob, false, |state| state.describe_job(id)).await
    }

    async fn read_configuration(
        &self,
        operation: Operation,
        request: &Value,
    ) -> PoolResult<ConfigurationAnswer> {
        let now = self.clock.now().as_second() as f64;
        let with_token = request.get("NextToken").is_some();
        let values = request.as_object().into_iter().flat_map(|members| members.values());
        let poison = self.gate.script.poison_of(operation, values.filter_map(Value::as_str));
        let read = |_: &mut State| {
            if let Some(kind) = poison {
                return Err((kind, code_of(kind)));
            }
            let answer = self.configurations.answer(&self.id, operation.name(), request, now)?;
            Ok(ConfigurationAnswer::new(self.gate.script.altered(operation, answer)))
        };
        self.call(operation, with_token, read).await
    }
}

impl ConfigurablePool for MemoryPool {
    async fn write_configuration(&self, write: &ConfigurationWrite) -> PoolResult<ConfigurationAnswer> {
        let now = self.clock.now().as_second() as f64;
        let operation = write.operation();
        let apply = |_: &mut State| {
            let answer = self.configurations.answer(&self.id, operation.name(), &write.reveal(), now)?;
            Ok(ConfigurationAnswer::new(answer))
        };
        self.call(operation, false, apply).await
    }
}
