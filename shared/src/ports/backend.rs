//! What a step works with: AWS, or memory.

use std::future::Future;

use super::job_files::JobFiles;
use super::pool::Pool;
use super::vault::Vault;
use super::{Announcement, Clock};
use crate::Result;
use crate::model::{Headroom, Metrics, PoolId, Retention, Tps};

/// The environment of a step: its pools, its table, its settings and its outputs.
pub trait Backend: Send + Sync {
    /// Its pools.
    type Pool: Pool;
    /// Its table.
    type Vault: Vault + Clone;
    /// Its files and logs of import jobs.
    type JobFiles: JobFiles;

    /// The Region it works in, where it has one.
    fn region(&self) -> Option<&str>;
    /// A pool of this account and Region.
    fn pool(&self, id: &PoolId) -> Self::Pool;
    /// The backup table.
    fn vault(&self) -> Self::Vault;
    /// Files and logs of import jobs.
    fn job_files(&self) -> Self::JobFiles;
    /// The limit where an input states none.
    fn default_tps(&self) -> Tps;
    /// How much of Cognito's quotas is left to others, and so that they are to be asked for; none where they are not.
    fn headroom(&self) -> Option<Headroom>;
    /// Which snapshots stay when an export has sealed one; none where all do.
    fn retention(&self) -> Option<&Retention>;
    /// The wall clock.
    fn clock(&self) -> Clock;
    /// Records metrics of a run.
    fn measure(&self, metrics: &Metrics);
    /// Tells the topic, if there is one and its preference covers the announcement; returns whether it was told.
    fn announce(&self, announcement: &Announcement) -> impl Future<Output = Result<bool>> + Send;
}
