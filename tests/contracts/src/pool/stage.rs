//! A stage makes the pools of the cases, and takes the actions that the trait lacks.

use std::future::Future;
use std::time::Duration;

use shared::model::{AttributeSchema, GroupRecord};
use shared::ports::job_files::JobFiles;
use shared::ports::pool::{NewUser, Pool};

/// The settings of a pool in which the cases differ.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The attributes that users sign in by instead of a username.
    pub sign_in_by: Vec<&'static str>,
    /// The attributes that serve as further sign-in names.
    pub aliases: Vec<&'static str>,
    /// The attributes that Cognito verifies by itself.
    pub auto_verified: Vec<&'static str>,
    pub case_sensitive: bool,
    /// Whether users may have second factors.
    pub has_mfa: bool,
    /// Standard attributes that every user must have.
    pub required: Vec<&'static str>,
    /// Whether messages cannot be delivered.
    pub fails_deliveries: bool,
    /// The ways of "forgot password", by Cognito's names. Empty if the pool has no such setting.
    pub recovery: Vec<&'static str>,
    /// Whether `preferred_username` is refused for users that are not confirmed, if it is an alias.
    pub refuses_unconfirmed_alias: bool,
    /// The roles that the caller cannot pass.
    pub denied_roles: Vec<&'static str>,
    /// The feature plan. None for the one that Cognito gives to a new pool.
    pub tier: Option<&'static str>,
    /// Custom attributes, by name with the prefix.
    pub custom: Vec<(&'static str, AttributeSchema)>,
}

/// A service, or a stand-in for one.
pub trait Stage: Sync {
    type Pool: Pool;
    type JobFiles: JobFiles;

    /// A new pool with these settings, without users. None if the stage does not model such a pool.
    fn pool(&self, settings: &Settings) -> impl Future<Output = Option<Self::Pool>>;

    /// A pool that does not exist.
    fn missing_pool(&self) -> Self::Pool;

    fn job_files(&self) -> Self::JobFiles;

    /// A user that every pool with usernames accepts.
    fn person(&self, number: u32) -> NewUser;

    /// A group that every pool accepts.
    fn group(&self, number: u32) -> GroupRecord;

    /// Adds an identity provider to a pool. Returns whether the stage has providers.
    fn add_provider(&self, pool: &Self::Pool, name: &str) -> impl Future<Output = bool>;

    /// Starts a point-in-time recovery of a pool, or ends it. Returns whether the stage has recoveries.
    fn recover(&self, pool: &Self::Pool, is_running: bool) -> impl Future<Output = bool>;

    /// Lets time pass for tokens and jobs.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;

    /// The number of messages to the users of a pool. None if the stage does not count them.
    fn messages(&self, pool: &Self::Pool) -> Option<u64>;
}
