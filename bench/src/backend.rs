//! The ports of the simulated service, handed out to the steps.

use std::sync::Arc;

use shared::Result;
use shared::model::configuration::{ConfigurationKeys, KeyArn, SecretContext};
use shared::model::{BusEvent, Headroom, Metrics, PoolId, Retention, SubMapRetention, Tps};
use shared::ports::Clock;
use shared::ports::keys::{DataKey, EncryptingKeys, KeyError, KeyOperation, KeyResult};
use shared::ports::{Announcement, Backend};

use crate::job_files::SimulatedJobFiles;
use crate::pool::SimulatedPool;
use crate::service::{REGION, Service};
use crate::vault::SimulatedVault;

/// The simulated service, as the steps see it.
#[derive(Debug, Clone)]
pub struct SimulatedBackend(pub Arc<Service>);

impl Backend for SimulatedBackend {
    type Pool = SimulatedPool;
    type Vault = SimulatedVault;
    type CopySource = SimulatedVault;
    type JobFiles = SimulatedJobFiles;
    type Keys = NoKeys;

    fn region(&self) -> Option<&str> {
        Some(REGION)
    }

    fn pool(&self, id: &PoolId) -> SimulatedPool {
        SimulatedPool::new(Arc::clone(&self.0), id.clone())
    }

    fn table(&self) -> &str {
        "cognito-backup"
    }

    fn vault(&self) -> SimulatedVault {
        SimulatedVault::new(Arc::clone(&self.0))
    }

    async fn copy_source(&self) -> Result<Option<SimulatedVault>> {
        Ok(None)
    }

    fn job_files(&self) -> SimulatedJobFiles {
        SimulatedJobFiles::new(Arc::clone(&self.0))
    }

    fn default_tps(&self) -> Tps {
        Tps::DEFAULT
    }

    /// 0 %: the bench measures how close a run comes to the whole quota.
    fn headroom(&self) -> Option<Headroom> {
        Some(Headroom::default())
    }

    fn splits_listings(&self) -> bool {
        false
    }

    /// The simulated pools have no configuration.
    fn captures_configuration(&self) -> bool {
        false
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn measure(&self, _: &Metrics) {}

    fn keys(&self) -> NoKeys {
        NoKeys
    }

    fn configuration_keys(&self) -> Option<&ConfigurationKeys> {
        None
    }

    fn requires_pool_tag(&self) -> bool {
        false
    }

    /// No rule: every snapshot stays.
    fn retention(&self) -> Option<&Retention> {
        None
    }

    /// Every sub map stays.
    fn sub_map_retention(&self) -> Option<SubMapRetention> {
        None
    }

    async fn announce(&self, _: &Announcement) -> Result<bool> {
        Ok(false)
    }

    async fn put_events(&self, _: &[BusEvent]) -> Result<()> {
        Ok(())
    }

    async fn send_heartbeat(&self) -> Result<bool> {
        Ok(false)
    }
}

/// KMS without keys: it refuses every call, and the bench makes none.
#[derive(Debug, Clone, Copy)]
pub struct NoKeys;

impl EncryptingKeys for NoKeys {
    async fn mac(&self, _: &KeyArn, _: &[u8]) -> KeyResult<Vec<u8>> {
        Err(KeyError::of_code(KeyOperation::GenerateMac, "NotFoundException"))
    }

    async fn encrypt(&self, _: &KeyArn, _: &SecretContext, _: &[u8]) -> KeyResult<Vec<u8>> {
        Err(KeyError::of_code(KeyOperation::Encrypt, "NotFoundException"))
    }

    async fn data_key(&self, _: &KeyArn, _: &SecretContext) -> KeyResult<DataKey> {
        Err(KeyError::of_code(KeyOperation::GenerateDataKey, "NotFoundException"))
    }
}
