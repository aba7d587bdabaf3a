//! The port for the environment of a step: AWS, or memory.

use std::future::Future;

use super::job_files::JobFiles;
use super::keys::EncryptingKeys;
use super::pool::Pool;
use super::vault::{ReadVault, Vault};
use super::{Announcement, Clock};
use crate::Result;
use crate::model::configuration::ConfigurationKeys;
use crate::model::{BusEvent, Headroom, Metrics, PoolId, Retention, SubMapRetention, Tps};

/// The environment of a step: its pools, its table, its settings and its outputs.
pub trait Backend: Send + Sync {
    type Pool: Pool;
    type Vault: Vault + Clone + 'static;
    /// The table of another account from which snapshots are copied.
    type CopySource: ReadVault;
    type JobFiles: JobFiles;
    type Keys: EncryptingKeys;

    /// The Region of the step, if it has one.
    fn region(&self) -> Option<&str>;
    /// A pool of the step's account and Region.
    fn pool(&self, id: &PoolId) -> Self::Pool;
    /// The name of the backup table.
    fn table(&self) -> &str;
    /// The backup table.
    fn vault(&self) -> Self::Vault;
    /// The table of another account whose new snapshots are copied into the backup table. None if none are copied.
    ///
    /// # Errors
    /// `AccessDenied` if the role that reads that table cannot be assumed.
    fn copy_source(&self) -> impl Future<Output = Result<Option<Self::CopySource>>> + Send;
    fn job_files(&self) -> Self::JobFiles;
    /// The limit if the input has none.
    fn default_tps(&self) -> Tps;
    /// The share of Cognito's quotas that is left to other clients. None if the run does not ask
    /// for its quotas.
    fn headroom(&self) -> Option<Headroom>;
    /// Whether exports may split the listing of users although their input does not say so.
    fn splits_listings(&self) -> bool;
    /// Whether exports capture the configuration of the pool.
    fn captures_configuration(&self) -> bool;
    /// The service that encrypts the secrets of configurations.
    fn keys(&self) -> Self::Keys;
    /// The keys for these secrets. None if exports leave them out.
    fn configuration_keys(&self) -> Option<&ConfigurationKeys>;
    /// Whether imports write only to pools whose tag allows it.
    fn requires_pool_tag(&self) -> bool;
    /// The rules by which prune keeps snapshots after an export. None if all snapshots stay.
    fn retention(&self) -> Option<&Retention>;
    /// How long the sub maps of restores are kept. None if all of them stay.
    fn sub_map_retention(&self) -> Option<SubMapRetention>;
    fn clock(&self) -> Clock;
    fn measure(&self, metrics: &Metrics);
    /// Sends the announcement, if a topic accepts it. Returns whether it was sent.
    fn announce(&self, announcement: &Announcement) -> impl Future<Output = Result<bool>> + Send;
    /// Puts events on the default event bus. There are at most ten.
    ///
    /// # Errors
    /// If an event may not have reached the bus.
    fn put_events(&self, events: &[BusEvent]) -> impl Future<Output = Result<()>> + Send;
    /// Tells a service that watches the backup that a snapshot was sealed, if the deployment names its address. Returns
    /// whether the service was told.
    ///
    /// # Errors
    /// If the address cannot be read or is not allowed, or if the service does not accept the call within seconds. The
    /// error does not name the address, because who knows it can tell the service the same.
    fn send_heartbeat(&self) -> impl Future<Output = Result<bool>> + Send;
}
