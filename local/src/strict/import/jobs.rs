//! All user import jobs of a strict proxy.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::job::Job;
use crate::lock::lock;

/// All jobs, in the order of their creation.
#[derive(Debug, Default)]
pub(in crate::strict) struct Jobs {
    pub(super) jobs: Mutex<Vec<Job>>,
    /// Wakes the jobs that are held, after a change of the settings or of a job.
    pub changed: Notify,
}

impl Jobs {
    /// Whether a job is active in a pool. No client may change the pool then.
    pub fn is_active_in(&self, pool: &str) -> bool {
        lock(&self.jobs).iter().any(|job| job.pool == pool && job.is_active())
    }

    /// Calls `act` on the job with this id. Returns `None` if no job has it.
    pub(super) fn with<T>(&self, id: &str, act: impl FnOnce(&mut Job) -> T) -> Option<T> {
        lock(&self.jobs).iter_mut().find(|job| job.id == id).map(act)
    }
}
