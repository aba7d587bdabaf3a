//! The environment of a step, in memory.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use super::calls::{CallSite, Calls};
use super::configuration::PoolConfigurations;
use super::fingerprint::{Fingerprint, in_any_order};
use super::job_files::MemoryJobFiles;
use super::keys::{KeyRing, MemoryKeys};
use super::pool::MemoryPool;
use super::script::{DeathOrder, Gate, Script};
use super::turnstile::Turnstile;
use super::vault::MemoryVault;
use serde_json::Value;
use shared::csv::Limits;
use shared::machine::{Function, carry_out};
use shared::model::configuration::ConfigurationKeys;
use shared::model::{BusEvent, Headroom, Metrics, PoolDescription, PoolId, Retention, SubMapRetention, Tps};
use shared::pacing::Budget;
use shared::ports::Clock;
use shared::ports::{Announcement, Backend};
use shared::{Error, ErrorKind, Result};

/// The service that gets the heartbeats of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatService {
    Answers,
    DoesNotAnswer,
}

/// Pools, a vault, a clock and a topic in memory. Clones share all of it. Clones of one invocation share
/// its death. See [`Self::invocation`].
#[derive(Debug, Clone)]
pub struct MemoryBackend {
    pools: Arc<Mutex<HashMap<PoolId, MemoryPool>>>,
    configurations: PoolConfigurations,
    vault: MemoryVault,
    region: String,
    clock: Clock,
    retention: Option<Retention>,
    /// The account whose table new snapshots are copied from.
    copy_source: Option<Box<MemoryBackend>>,
    refuses_copy_role: bool,
    sub_map_retention: Option<SubMapRetention>,
    headroom: Option<Headroom>,
    splits_listings: bool,
    captures_configuration: bool,
    requires_pool_tag: bool,
    key_ring: KeyRing,
    configuration_keys: Option<ConfigurationKeys>,
    job_limits: Limits,
    log_role: Option<String>,
    announcements: Arc<Mutex<Vec<Announcement>>>,
    events: Arc<Mutex<Vec<BusEvent>>>,
    loses_events: bool,
    heartbeat_service: Option<HeartbeatService>,
    heartbeats: Arc<Mutex<u32>>,
    metrics: Arc<Mutex<Vec<Metrics>>>,
    gate: Gate,
}

impl MemoryBackend {
    pub fn new(clock: Clock) -> Self {
        let gate = Gate::default();
        let vault = MemoryVault::new(clock).through(&gate);
        let (job_limits, log_role) =
            (Limits::COGNITO, Some("arn:aws:iam::123456789012:role/import-job-logs".to_owned()));
        Self {
            pools: Arc::default(),
            configurations: PoolConfigurations::default(),
            vault,
            region: "eu-west-1".to_owned(),
            clock,
            retention: None,
            copy_source: None,
            refuses_copy_role: false,
            sub_map_retention: None,
            headroom: None,
            splits_listings: false,
            captures_configuration: false,
            requires_pool_tag: false,
            key_ring: KeyRing::default(),
            configuration_keys: None,
            job_limits,
            log_role,
            announcements: Arc::default(),
            events: Arc::default(),
            loses_events: false,
            heartbeat_service: None,
            heartbeats: Arc::default(),
            metrics: Arc::default(),
            gate,
        }
    }

    /// The backend for one invocation. If the script orders a death at one of its calls, only this
    /// invocation ends.
    pub fn invocation(&self) -> Self {
        let copy_source = self.copy_source.as_ref().map(|source| Box::new(source.invocation()));
        Self { gate: self.gate.for_invocation(), copy_source, ..self.clone() }
    }

    /// The backend for an actor whose calls wait at `turnstile`.
    pub fn behind(&self, turnstile: &Turnstile) -> Self {
        Self { gate: self.gate.behind(turnstile), ..self.clone() }
    }

    /// A fingerprint of the pools and the table: of all that a call can read.
    pub fn fingerprint(&self) -> u64 {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pools = pools.iter().map(|(id, pool)| Fingerprint::of(&(id.as_str(), pool.fingerprint())));
        Fingerprint::of(&(in_any_order(pools), self.vault.fingerprint()))
    }

    /// Whether both have the same table.
    pub fn shares_table_with(&self, other: &Self) -> bool {
        self.vault.is(&other.vault)
    }

    /// The backend for an invocation that dies as ordered.
    pub fn dying_by(&self, orders: Vec<DeathOrder>) -> Self {
        Self { gate: self.gate.dying_by(orders), ..self.clone() }
    }

    /// The backend with another clock, for an invocation whose computer shows another time.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The backend of the same deployment in another Region, on a replica of the table.
    pub fn in_region(&self, region: &str, replica: &MemoryVault) -> Self {
        Self { region: region.to_owned(), vault: replica.clone(), ..self.clone() }
    }

    /// The backend with other limits for the files of import jobs, and with or without a role for their
    /// logs.
    pub fn with_jobs(self, job_limits: Limits, log_role: Option<&str>) -> Self {
        Self { job_limits, log_role: log_role.map(str::to_owned), ..self }
    }

    pub fn with_retention(self, retention: Option<Retention>) -> Self {
        Self { retention, ..self }
    }

    /// The backend of a deployment that copies the new snapshots of another account.
    pub fn copying_from(self, source: &Self) -> Self {
        Self { copy_source: Some(Box::new(source.clone())), ..self }
    }

    /// The backend of a deployment that may not assume the role for these copies.
    pub fn without_copy_role(self) -> Self {
        Self { refuses_copy_role: true, ..self }
    }

    /// The backend whose event bus accepts no event.
    pub fn losing_events(self) -> Self {
        Self { loses_events: true, ..self }
    }

    /// The backend of a deployment that sends heartbeats.
    pub fn with_heartbeat(self, service: HeartbeatService) -> Self {
        Self { heartbeat_service: Some(service), ..self }
    }

    pub fn with_sub_map_retention(self, sub_map_retention: Option<SubMapRetention>) -> Self {
        Self { sub_map_retention, ..self }
    }

    /// Carries out one invocation of a function.
    ///
    /// The compiler translates the steps for pools in memory here, and not again with each change of a test.
    pub fn carry_out(
        &self,
        function: Function,
        payload: Value,
        budget: Budget,
    ) -> Pin<Box<dyn Future<Output = Result<Value>> + Send + '_>> {
        Box::pin(carry_out(function, self, payload, budget))
    }

    /// Waits for the call at which the invocation dies. The caller then drops the invocation.
    pub async fn death(&self) {
        match &self.copy_source {
            Some(source) => tokio::select! {
                biased;
                () = self.gate.death() => {}
                () = Box::pin(source.death()) => {}
            },
            None => self.gate.death().await,
        }
    }

    /// The call at which the invocation died. None if it did not.
    pub fn died_at(&self) -> Option<CallSite> {
        self.gate.died_at().or_else(|| self.copy_source.as_ref()?.died_at())
    }

    pub fn calls(&self) -> Calls {
        self.gate.record.calls()
    }

    pub fn script(&self) -> &Script {
        &self.gate.script
    }

    fn new_pool(&self, id: &PoolId, description: PoolDescription) -> MemoryPool {
        let configurations = self.configurations.clone();
        MemoryPool::new(id.clone(), description, configurations, self.clock, self.gate.clone())
    }

    /// Creates a pool. It replaces a pool with the same id.
    pub fn create_pool(&self, id: &PoolId, description: PoolDescription) -> MemoryPool {
        let pool = self.new_pool(id, description);
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), pool.clone());
        pool
    }

    /// The backend with this headroom, which its runs leave of Cognito's quotas.
    pub fn with_headroom(self, headroom: Option<Headroom>) -> Self {
        Self { headroom, ..self }
    }

    /// The backend of a deployment that allows split listings, or not.
    pub fn with_split_listings(self, splits_listings: bool) -> Self {
        Self { splits_listings, ..self }
    }

    /// The backend of a deployment whose exports capture the configuration. The others do not, so that the tests
    /// about users make few calls.
    pub fn with_configuration(self) -> Self {
        Self { captures_configuration: true, ..self }
    }

    /// The backend of a deployment whose imports write only to pools with a tag.
    pub fn with_pool_tag_required(self) -> Self {
        Self { requires_pool_tag: true, ..self }
    }

    /// The backend of a deployment with these keys for the secrets of configurations.
    pub fn with_configuration_keys(self, configuration_keys: Option<ConfigurationKeys>) -> Self {
        Self { configuration_keys, ..self }
    }

    /// The keys of KMS, to create and to disable some. All accounts and Regions share it.
    pub fn key_ring(&self) -> &KeyRing {
        &self.key_ring
    }

    /// KMS in the Region of the backend, for a caller of this account.
    pub fn keys_of(&self, account: &str) -> MemoryKeys {
        MemoryKeys {
            ring: self.key_ring.clone(),
            region: self.region.clone(),
            account: account.to_owned(),
            gate: self.gate.clone(),
        }
    }

    pub fn metrics(&self) -> Vec<Metrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The events that reached the bus.
    pub fn events(&self) -> Vec<BusEvent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The heartbeats that were sent, also those without an answer.
    pub fn heartbeats(&self) -> u32 {
        *self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn announcements(&self) -> Vec<Announcement> {
        self.announcements.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Backend for MemoryBackend {
    type Pool = MemoryPool;
    type Vault = MemoryVault;
    type CopySource = MemoryVault;
    type JobFiles = MemoryJobFiles;
    type Keys = MemoryKeys;

    fn region(&self) -> Option<&str> {
        Some(&self.region)
    }

    fn pool(&self, id: &PoolId) -> MemoryPool {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        match pools.get(id) {
            Some(pool) => pool.through(&self.gate),
            None => {
                let new = self.new_pool(id, PoolDescription::with_defaults(&[]));
                // A pool that CreateUserPool made has a configuration. An import may give it users.
                if self.configurations.has(id) {
                    pools.insert(id.clone(), new.clone());
                } else {
                    new.delete();
                }
                new
            }
        }
    }

    fn table(&self) -> &str {
        "cognito-backup"
    }

    fn vault(&self) -> MemoryVault {
        self.vault.through(&self.gate)
    }

    async fn copy_source(&self) -> Result<Option<MemoryVault>> {
        if self.refuses_copy_role {
            let what = "The function could not assume the role of the source.";
            return Err(Error::new(ErrorKind::AccessDenied, what, "Name the role of the function there."));
        }
        Ok(self.copy_source.as_ref().map(|source| source.vault()))
    }

    fn job_files(&self) -> MemoryJobFiles {
        MemoryJobFiles {
            pools: Arc::clone(&self.pools),
            limits: self.job_limits,
            log_role: self.log_role.clone(),
            gate: self.gate.clone(),
        }
    }

    fn default_tps(&self) -> Tps {
        Tps::DEFAULT
    }

    fn headroom(&self) -> Option<Headroom> {
        self.headroom
    }

    fn splits_listings(&self) -> bool {
        self.splits_listings
    }

    fn captures_configuration(&self) -> bool {
        self.captures_configuration
    }

    fn keys(&self) -> MemoryKeys {
        self.keys_of(super::keys::ACCOUNT)
    }

    fn configuration_keys(&self) -> Option<&ConfigurationKeys> {
        self.configuration_keys.as_ref()
    }

    fn requires_pool_tag(&self) -> bool {
        self.requires_pool_tag
    }

    fn retention(&self) -> Option<&Retention> {
        self.retention.as_ref()
    }

    fn sub_map_retention(&self) -> Option<SubMapRetention> {
        self.sub_map_retention
    }

    fn clock(&self) -> Clock {
        self.clock
    }

    fn measure(&self, metrics: &Metrics) {
        self.gate.record.add(|calls| calls.metrics.extend(metrics.values.iter().map(|(metric, _)| *metric)));
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).push(metrics.clone());
    }

    async fn announce(&self, announcement: &Announcement) -> Result<bool> {
        self.gate.record.add(|calls| calls.announces = true);
        let announcements = Arc::clone(&self.announcements);
        let send = move || {
            announcements.lock().unwrap_or_else(PoisonError::into_inner).push(announcement.clone());
        };
        self.gate.call_elsewhere(CallSite::Message, send).await;
        Ok(true)
    }

    async fn put_events(&self, events: &[BusEvent]) -> Result<()> {
        self.gate.record.add(|calls| calls.puts_events = true);
        let put = || {
            if !self.loses_events {
                self.events.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
            }
        };
        self.gate.call_elsewhere(CallSite::Events, put).await;
        if self.loses_events { Err(no_answer("event bus")) } else { Ok(()) }
    }

    async fn send_heartbeat(&self) -> Result<bool> {
        let Some(service) = self.heartbeat_service else { return Ok(false) };
        self.gate.record.add(|calls| calls.sends_heartbeats = true);
        let send = || *self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.gate.call_elsewhere(CallSite::Heartbeat, send).await;
        match service {
            HeartbeatService::Answers => Ok(true),
            HeartbeatService::DoesNotAnswer => Err(no_answer("heartbeat service")),
        }
    }
}

fn no_answer(what: &str) -> Error {
    Error::new(ErrorKind::CallRefused, format!("The {what} did not answer."), "Ask for its state.")
}
