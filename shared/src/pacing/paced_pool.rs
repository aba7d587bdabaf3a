//! A pool whose calls wait for a permit, and are tried again if that can help.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::BackoffBuilder;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{Budget, FullJitter, Lanes, Lapsed, Limiter, Tenure, Throttle};
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::{
    AttributeSchema, CallStats, Category, Ceilings, GroupName, GroupRecord, Identity, JobId, MfaPreference,
    PageLimit, PoolDescription, PoolId, Sub, SubPrefix, Tps, User, Username,
};
use crate::ports::Clock;
use crate::ports::pool::{
    ConfigurablePool, ConfigurationAnswer, ImportJob, Listed, LogoError, Medium, NewUser, Operation,
    Password, Pool, PoolError, PoolErrorKind, PoolResult,
};

/// A pool behind lanes, a limiter and a throttle.
///
/// Throttled calls and transient faults are tried again with exponential backoff and full jitter.
/// Each attempt takes a permit. The error of the last of [`ATTEMPTS`](Self::ATTEMPTS) is returned,
/// and the state machine calls the function again later. No call starts, waits or is tried again beyond
/// the time of the invocation, and none outside its [`Tenure`].
#[derive(Debug)]
pub struct PacedPool<P> {
    pool: P,
    lanes: Lanes,
    limiter: Limiter,
    throttle: Throttle,
    latency: Mutex<Latency>,
    budget: Option<Budget>,
    tenure: Option<Arc<Tenure>>,
}

/// How long answered calls take.
#[derive(Debug, Default)]
struct Latency {
    /// Whether a call was answered before.
    is_warm: bool,
    average: Option<Duration>,
}

impl<P: Pool> PacedPool<P> {
    /// Attempts at one call, the first included.
    pub const ATTEMPTS: usize = 8;
    const FIRST_WAIT: Duration = Duration::from_millis(100);
    const MAX_WAIT: Duration = Duration::from_secs(5);

    /// Paces the calls to a pool: at most `tps` calls a second, and at most the ceiling of each
    /// category. The calls of `earlier` count as calls of this pool.
    pub fn new(pool: P, tps: Tps, ceilings: &Ceilings, clock: Clock, earlier: CallStats) -> Self {
        Self {
            pool,
            lanes: Lanes::resuming(tps, ceilings, &earlier),
            limiter: Limiter::resuming(tps, clock, earlier),
            throttle: Throttle::new(tps, ceilings.clone()),
            latency: Mutex::default(),
            budget: None,
            tenure: None,
        }
    }

    /// The same pool for an invocation with a deadline. A call that cannot leave or be answered in
    /// time ends with [`PoolErrorKind::OutOfTime`].
    pub fn within(self, budget: Budget) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// The same pool for an invocation or a command that calls only within its tenure.
    pub fn during(self, tenure: impl Into<Arc<Tenure>>) -> Self {
        Self { tenure: Some(tenure.into()), ..self }
    }

    /// How long an answered call takes: a moving average that gives each call a weight of 1/8. None
    /// before the second call. The first call also opens a connection, so it counts for nothing.
    pub fn latency(&self) -> Option<Duration> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).average
    }

    fn note_latency(&self, took: Duration) {
        let mut latency = self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut latency.is_warm, true) {
            latency.average = Some(latency.average.map_or(took, |before| (before * 7 + took) / 8));
        }
    }

    /// The limiter, for its statistics.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    async fn call<T, F: Future<Output = PoolResult<T>> + Send>(
        &self,
        operation: Operation,
        attempt: impl Fn() -> F + Send + Sync,
    ) -> PoolResult<T> {
        let can_help =
            |error: &PoolError| matches!(error.kind, PoolErrorKind::Throttled | PoolErrorKind::Transient);
        self.call_while(operation, can_help, attempt).await
    }

    /// As [`Self::call`], and tries again only after errors for which `can_help` is true.
    async fn call_while<T, F: Future<Output = PoolResult<T>> + Send>(
        &self,
        operation: Operation,
        can_help: impl Fn(&PoolError) -> bool + Send + Sync,
        attempt: impl Fn() -> F + Send + Sync,
    ) -> PoolResult<T> {
        let not_made = |kind: PoolErrorKind| PoolError::new(operation, kind, &format!("{kind:?}"));
        let out_of_time = || not_made(PoolErrorKind::OutOfTime);
        let lapsed = |lapsed: Lapsed| {
            not_made(match lapsed {
                Lapsed::Overtaken => PoolErrorKind::Overtaken,
                Lapsed::Unreadable => PoolErrorKind::LeaseUnreadable,
            })
        };
        let tenure = self.tenure.as_deref();
        let paced = || async {
            let permit = async {
                if let Some(tenure) = tenure {
                    tenure.prepare().await?;
                }
                self.throttle.wait(operation.category()).await;
                self.lanes.permit(operation, &self.limiter, tenure).await
            };
            let last_call_at = self.budget.as_ref().map(Budget::last_call_at);
            if last_call_at.is_some_and(|last| Instant::now() >= last) {
                return Err(out_of_time());
            }
            before(last_call_at, permit).await.ok_or_else(out_of_time)?.map_err(lapsed)?;
            let begun = Instant::now();
            let last_answer_at = self.budget.as_ref().map(Budget::last_answer_at);
            let result = before(last_answer_at, attempt()).await.unwrap_or_else(|| Err(out_of_time()));
            if result.is_ok() {
                self.note_latency(begun.elapsed());
            }
            if let Err(error) = &result
                && error.kind == PoolErrorKind::Throttled
            {
                self.throttle.refused(operation.category());
                self.limiter.count_throttled().await;
            }
            result
        };
        let mut waits = FullJitter::new(Self::ATTEMPTS, Self::FIRST_WAIT, Self::MAX_WAIT).build();
        loop {
            let error = match paced().await {
                Err(error) if can_help(&error) => error,
                result => return result,
            };
            let Some(wait) = waits.next() else { return Err(error) };
            if self.budget.as_ref().is_some_and(|budget| Instant::now() + wait >= budget.last_call_at()) {
                return Err(out_of_time());
            }
            tracing::warn!(
                operation = operation.name(),
                code = %error.code,
                wait_ms = wait.as_millis() as u64,
                "call refused, trying again"
            );
            sleep(wait).await;
        }
    }
}

/// The result of `work`, unless the time is over before.
async fn before<T>(end: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => timeout_at(end, work).await.ok(),
        None => Some(work.await),
    }
}

impl<P: Pool> Pool for PacedPool<P> {
    fn id(&self) -> &PoolId {
        self.pool.id()
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        self.call(Operation::DescribeUserPool, || self.pool.describe()).await
    }

    async fn list_users(&self, limit: PageLimit, token: Option<&str>) -> PoolResult<Listed<User>> {
        self.call(Operation::ListUsers, || self.pool.list_users(limit, token)).await
    }

    async fn list_users_by_sub(
        &self,
        prefix: SubPrefix,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        self.call(Operation::ListUsers, || self.pool.list_users_by_sub(prefix, limit, token)).await
    }

    async fn list_users_with_sub(&self, sub: &Sub, token: Option<&str>) -> PoolResult<Listed<User>> {
        self.call(Operation::ListUsers, || self.pool.list_users_with_sub(sub, token)).await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        self.call(Operation::ListGroups, || self.pool.list_groups(token)).await
    }

    async fn list_members(
        &self,
        group: &GroupName,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<Sub>> {
        self.call(Operation::ListUsersInGroup, || self.pool.list_members(group, limit, token)).await
    }

    async fn list_groups_of_user(
        &self,
        username: &Username,
        token: Option<&str>,
    ) -> PoolResult<Listed<GroupName>> {
        self.call(Operation::AdminListGroupsForUser, || self.pool.list_groups_of_user(username, token)).await
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        self.call(Operation::AdminCreateUser, || self.pool.create_user(user)).await
    }

    async fn invite_again(&self, username: &Username, password: &Password, medium: Medium) -> PoolResult<()> {
        self.call(Operation::AdminCreateUser, || self.pool.invite_again(username, password, medium)).await
    }

    async fn get_user(&self, username: &Username) -> PoolResult<User> {
        self.call(Operation::AdminGetUser, || self.pool.get_user(username)).await
    }

    async fn set_password(&self, username: &Username, password: &Password) -> PoolResult<()> {
        self.call(Operation::AdminSetUserPassword, || self.pool.set_password(username, password)).await
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        self.call(Operation::AdminDisableUser, || self.pool.disable_user(username)).await
    }

    async fn enable_user(&self, username: &Username) -> PoolResult<()> {
        self.call(Operation::AdminEnableUser, || self.pool.enable_user(username)).await
    }

    async fn update_attributes(
        &self,
        username: &Username,
        attributes: &BTreeMap<String, String>,
    ) -> PoolResult<()> {
        self.call(Operation::AdminUpdateUserAttributes, || self.pool.update_attributes(username, attributes))
            .await
    }

    async fn delete_attributes(&self, username: &Username, names: &[String]) -> PoolResult<()> {
        self.call(Operation::AdminDeleteUserAttributes, || self.pool.delete_attributes(username, names)).await
    }

    async fn link_identity(&self, username: &Username, identity: &Identity) -> PoolResult<()> {
        self.call(Operation::AdminLinkProviderForUser, || self.pool.link_identity(username, identity)).await
    }

    async fn set_mfa(&self, username: &Username, factors: &MfaPreference) -> PoolResult<()> {
        self.call(Operation::AdminSetUserMFAPreference, || self.pool.set_mfa(username, factors)).await
    }

    async fn update_group(&self, group: &GroupRecord) -> PoolResult<()> {
        self.call(Operation::UpdateGroup, || self.pool.update_group(group)).await
    }

    async fn add_custom_attributes(&self, attributes: &BTreeMap<String, AttributeSchema>) -> PoolResult<()> {
        self.call(Operation::AddCustomAttributes, || self.pool.add_custom_attributes(attributes)).await
    }

    async fn list_providers(&self, token: Option<&str>) -> PoolResult<Listed<String>> {
        self.call(Operation::ListIdentityProviders, || self.pool.list_providers(token)).await
    }

    async fn create_group(&self, group: &GroupRecord) -> PoolResult<()> {
        self.call(Operation::CreateGroup, || self.pool.create_group(group)).await
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        self.call(Operation::GetGroup, || self.pool.get_group(group)).await
    }

    async fn add_to_group(&self, username: &Username, group: &GroupName) -> PoolResult<()> {
        self.call(Operation::AdminAddUserToGroup, || self.pool.add_to_group(username, group)).await
    }

    async fn provisioned_limit(&self, category: Category) -> PoolResult<u32> {
        self.call(Operation::GetProvisionedLimit, || self.pool.provisioned_limit(category)).await
    }

    async fn csv_header(&self) -> PoolResult<Vec<String>> {
        self.call(Operation::GetCSVHeader, || self.pool.csv_header()).await
    }

    async fn create_import_job(&self, name: &str, log_role: &str) -> PoolResult<ImportJob> {
        self.call(Operation::CreateUserImportJob, || self.pool.create_import_job(name, log_role)).await
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::StartUserImportJob, || self.pool.start_import_job(id)).await
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::DescribeUserImportJob, || self.pool.describe_import_job(id)).await
    }

    async fn read_configuration(
        &self,
        operation: Operation,
        request: &Value,
    ) -> PoolResult<ConfigurationAnswer> {
        self.call(operation, || self.pool.read_configuration(operation, request)).await
    }

    /// Takes no permit: Cognito does not serve the logo.
    async fn fetch_logo(&self, url: &str) -> Result<Vec<u8>, LogoError> {
        self.pool.fetch_logo(url).await
    }
}

impl<P: ConfigurablePool> ConfigurablePool for PacedPool<P> {
    /// Tried again only if Cognito certainly did nothing: a second CreateUserPoolClient makes a second client.
    async fn write_configuration(&self, write: &ConfigurationWrite) -> PoolResult<ConfigurationAnswer> {
        let did_nothing =
            |error: &PoolError| error.kind == PoolErrorKind::Throttled || error.code.as_str() == CONCURRENT;
        self.call_while(write.operation(), did_nothing, || self.pool.write_configuration(write)).await
    }
}

/// Another change of the same pool was under way. Source: terraform-provider-aws, which repeats such calls.
const CONCURRENT: &str = "ConcurrentModificationException";
