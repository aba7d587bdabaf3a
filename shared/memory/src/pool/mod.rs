//! A user pool in memory: its content, what other clients do to it, and how a call of it goes.

mod port;

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
use shared::model::{
    Category, GroupName, GroupRecord, Listing, PageLimit, PoolDescription, PoolId, Sub, UnitId, User,
    UserRecord, UserStatus, Username,
};
use shared::ports::Clock;
use shared::ports::pool::{Listed, LogoError, NewUser, Operation, PoolError, PoolErrorKind, PoolResult};
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
    matches!(
        operation,
        Operation::CreateUserPool | Operation::ListUserPools | Operation::DescribeUserPoolDomain
    )
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
        if operation == "DeleteUserPool" {
            self.delete();
        }
        answer.unwrap_or_else(|refusal| unreachable!("{operation}: {refusal}"))
    }

    /// Protects the pool with this list, in the form of AWS WAF. None takes the protection away.
    pub fn protect(&self, list: Option<Value>) {
        self.configurations.protect(&self.id, list);
    }

    /// From now on, no logo can be fetched, for this reason. None lets it be fetched again.
    pub fn fail_logos(&self, failure: Option<LogoError>) {
        self.state().logo_failure = failure;
    }

    /// Changes how the configuration behaves in what AWS does not document.
    pub fn configure_configuration(&self, change: impl FnOnce(&mut ConfigurationSettings)) {
        let now = self.clock.now().as_second() as f64;
        self.configurations.configure(&self.id, now, change);
    }

    /// Says whether a point-in-time recovery of the pool runs.
    pub fn set_recovery_running(&self, is_running: bool) {
        let now = self.clock.now().as_second() as f64;
        self.configurations
            .alter(&self.id, now, |all| all.set_recovery_running(self.id.as_str(), is_running));
    }

    /// Adds a tag that AWS sets.
    pub fn add_service_tag(&self, key: &str, value: &str) {
        let now = self.clock.now().as_second() as f64;
        self.configurations
            .alter(&self.id, now, |all| all.add_service_tags(self.id.as_str(), &[(key, value)]));
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
