//! A stage makes the pools of the cases, and does what no method of the trait does.

use std::future::Future;
use std::time::Duration;

use shared::model::{AttributeSchema, GroupRecord};
use shared::ports::job_files::JobFiles;
use shared::ports::pool::{NewUser, Pool};

/// The settings of a pool, as far as cases differ in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// What users sign in by instead of a username.
    pub sign_in_by: Vec<&'static str>,
    /// The attributes that serve as further sign-in names.
    pub aliases: Vec<&'static str>,
    /// The attributes that Cognito verifies by itself.
    pub auto_verified: Vec<&'static str>,
    /// Whether names differ by case.
    pub case_sensitive: bool,
    /// Whether users may have second factors.
    pub has_mfa: bool,
    /// Standard attributes that every user must have.
    pub required: Vec<&'static str>,
    /// Custom attributes, by name with the prefix.
    pub custom: Vec<(&'static str, AttributeSchema)>,
}

/// A service, or a stand-in for one.
pub trait Stage: Sync {
    /// Its pools.
    type Pool: Pool;
    /// Its files of import jobs.
    type JobFiles: JobFiles;

    /// A new pool of these settings, without users; none if the stage makes no such pool.
    fn pool(&self, settings: &Settings) -> impl Future<Output = Option<Self::Pool>>;

    /// A pool that does not exist.
    fn missing_pool(&self) -> Self::Pool;

    /// Files of import jobs.
    fn job_files(&self) -> Self::JobFiles;

    /// A user that every pool of the stage takes whose users have usernames.
    fn person(&self, number: u32) -> NewUser;

    /// A group that every pool of the stage takes.
    fn group(&self, number: u32) -> GroupRecord;

    /// Gives a pool an identity provider; returns whether the stage has providers.
    fn add_provider(&self, pool: &Self::Pool, name: &str) -> impl Future<Output = bool>;

    /// Lets time go by that tokens and jobs know of.
    fn pass(&self, time: Duration) -> impl Future<Output = ()>;

    /// How many messages the users of a pool were sent; none if the stage counts none.
    fn messages(&self, pool: &Self::Pool) -> Option<u64>;
}
