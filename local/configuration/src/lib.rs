//! The configurations of user pools, in memory: what Cognito keeps, what it resets, what it adds to reads,
//! and what it refuses.
//!
//! [`Configurations::answer`] takes one call in Cognito's JSON protocol. There are no users here, no network
//! and no clock. `api/api.txt` lists the requests. A rule names its source: "measured" means a call to the
//! real service in 2026. Where AWS documents two behaviours or none, [`ConfigurationSettings`] plays both.
//!
//! The package shares no code with the library, as all of the local AWS.

mod adoption;
mod api;
mod blob;
mod branding;
mod certificate;
mod cimd;
mod client;
mod domain;
mod ids;
mod json;
mod logs;
mod mfa;
mod operations;
mod pages;
mod pool;
mod provider;
mod provider_details;
mod recovery;
mod refusal;
mod replicas;
mod request;
mod resource_server;
mod risk;
mod sessions;
mod settings;
mod terms;
#[cfg(test)]
mod testing;
mod ui;

use std::collections::BTreeMap;

use serde_json::Value;

pub use adoption::Description;
use domain::Domain;
use ids::Ids;
use pool::Pool;
pub use refusal::ConfigurationRefusal;
pub use request::Chosen;
pub use settings::ConfigurationSettings;

/// The configurations of the pools of one account and Region, as Cognito keeps them.
#[derive(Debug, Clone)]
pub struct Configurations {
    account: Account,
    pools: BTreeMap<String, Pool>,
}

/// What the pools of one account and Region share.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub id: String,
    pub region: String,
    pub settings: ConfigurationSettings,
    pub ids: Ids,
    /// By name.
    pub domains: BTreeMap<String, Domain>,
    /// When the name of a deleted custom domain is free again, in seconds since 1970.
    pub free_at: BTreeMap<String, f64>,
    pub groups_to_make: Vec<GroupToMake>,
}

/// A group that Cognito makes for an identity provider. The users of the provider are its members.
/// Source: measured, `<pool id>_<provider>`, without a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupToMake {
    /// The pool's id.
    pub pool: String,
    /// The name of the group.
    pub name: String,
}

impl Configurations {
    /// No pools yet.
    #[must_use]
    pub fn new(account: &str, region: &str, settings: ConfigurationSettings) -> Self {
        let account = Account {
            id: account.to_owned(),
            region: region.to_owned(),
            settings,
            ids: Ids::new(account, region),
            domains: BTreeMap::new(),
            free_at: BTreeMap::new(),
            groups_to_make: Vec::new(),
        };
        Self { account, pools: BTreeMap::new() }
    }

    /// Takes over a pool that exists elsewhere under `id`, with the request that created it.
    ///
    /// # Errors
    /// If Cognito refuses the request.
    pub fn adopt(
        &mut self,
        id: &str,
        create_user_pool: &Value,
        now: f64,
    ) -> Result<(), ConfigurationRefusal> {
        let chosen = Chosen { id: Some(id.to_owned()), secret: None };
        self.answer_as("CreateUserPool", create_user_pool, &chosen, now).map(drop)
    }

    /// Takes over a pool that exists elsewhere, with the reads of it. No rule refuses what exists.
    pub fn adopt_description(&mut self, id: &str, description: &Description, now: f64) {
        adoption::adopt(self, id, description, now);
    }

    /// Replaces the pool object and the MFA configuration of a pool that was changed elsewhere.
    pub fn readopt(&mut self, id: &str, user_pool: &Value, mfa: &Value) {
        adoption::readopt(self, id, user_pool, mfa);
    }

    /// Forgets a pool with all that belongs to it.
    pub fn remove(&mut self, id: &str) {
        self.pools.remove(id);
        self.account.domains.retain(|_, domain| domain.pool != id);
    }

    /// Whether a pool is here.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.pools.contains_key(id)
    }

    /// Whether this crate answers the operation.
    #[must_use]
    pub fn answers(operation: &str) -> bool {
        operations::find(operation).is_some()
    }

    /// Answers one call: the operation's name, its input and its output as in Cognito's JSON protocol. `now`
    /// is in seconds since 1970.
    ///
    /// # Errors
    /// If Cognito refuses the call. Then nothing has changed.
    pub fn answer(
        &mut self,
        operation: &str,
        input: &Value,
        now: f64,
    ) -> Result<Value, ConfigurationRefusal> {
        self.answer_as(operation, input, &Chosen::default(), now)
    }

    /// As [`Configurations::answer`], with an id and a secret that another service chose.
    ///
    /// # Errors
    /// If Cognito refuses the call. Then nothing has changed.
    pub fn answer_as(
        &mut self,
        operation: &str,
        input: &Value,
        chosen: &Chosen,
        now: f64,
    ) -> Result<Value, ConfigurationRefusal> {
        operations::answer(self, operation, input, chosen, now)
    }

    /// The settings. A change applies from the next call on.
    pub fn settings_mut(&mut self) -> &mut ConfigurationSettings {
        &mut self.account.settings
    }

    /// The groups that Cognito made for identity providers since the last call. The caller has the groups.
    pub fn take_groups_to_make(&mut self) -> Vec<GroupToMake> {
        std::mem::take(&mut self.account.groups_to_make)
    }

    /// The bytes behind an `ImageUrl` of GetUICustomization.
    #[must_use]
    pub fn image(&self, url: &str) -> Option<&[u8]> {
        self.pools.values().find_map(|pool| ui::image(pool, url))
    }

    /// Adds tags that AWS sets, such as `aws:cloudformation:stack-name`. Callers read them and cannot write
    /// them.
    pub fn add_service_tags(&mut self, id: &str, tags: &[(&str, &str)]) {
        if let Some(pool) = self.pools.get_mut(id) {
            pool.service_tags
                .extend(tags.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))));
        }
    }

    /// Says whether an import job of a pool runs. Meanwhile Cognito refuses to change or delete the pool.
    pub fn set_import_running(&mut self, id: &str, is_running: bool) {
        if let Some(pool) = self.pools.get_mut(id) {
            pool.import_is_running = is_running;
        }
    }

    /// Says whether a point-in-time recovery of a pool runs.
    pub fn set_recovery_running(&mut self, id: &str, is_running: bool) {
        if let Some(pool) = self.pools.get_mut(id) {
            pool.had_recovery |= pool.recovery_is_running;
            pool.recovery_is_running = is_running;
        }
    }

    /// Registers a client as an application does by dynamic client registration. Returns its id.
    pub fn register_client(&mut self, id: &str, name: &str, now: f64) -> Option<String> {
        let pool = self.pools.get_mut(id)?;
        Some(client::register(pool, &mut self.account, name, now))
    }
}

impl Account {
    /// The ARN of a pool.
    pub fn arn(&self, pool: &str) -> String {
        format!("arn:aws:cognito-idp:{}:{}:userpool/{pool}", self.region, self.id)
    }
}
