//! The state of import jobs.

use jiff::{SignedDuration, Timestamp};

use shared::model::JobId;
use shared::ports::pool::{ImportJob, JobStatus, PresignedUrl};

/// A job.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub name: String,
    pub url: Option<String>,
    pub status: JobStatus,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    /// The end of the job. None before its start.
    pub ends: Option<Timestamp>,
    pub file: Option<Vec<u8>>,
    pub imported: u64,
    pub skipped: u64,
    pub failed: u64,
    pub log: Vec<String>,
}

impl Job {
    pub fn shown(&self) -> ImportJob {
        ImportJob {
            id: self.id.clone(),
            // The URL is of no use after the start.
            upload_to: self.url.as_ref().filter(|_| self.status == JobStatus::Created).map(PresignedUrl::new),
            status: self.status,
            started: self.started,
            completed: self.ends.filter(|_| !self.status.is_active()),
            imported: self.imported,
            skipped: self.skipped,
            failed: self.failed,
        }
    }
}

/// The jobs of a pool, and how they behave.
#[derive(Debug, Clone, Default)]
pub struct Jobs {
    pub all: Vec<Job>,
    /// Whether another job of the account is running, so that no job can start.
    pub blocked: bool,
    /// The number of failed and skipped users after which Cognito stops a job. None if no number
    /// stops it.
    pub max_failures: Option<u64>,
    /// Whether the log of a job loses every second line.
    pub loses_log: bool,
    /// How long a job takes, instead of 15 seconds.
    pub takes: Option<SignedDuration>,
    /// Sign-in names that no job can create, although their rows are valid.
    pub fails: Vec<String>,
    /// Whether a job drops `preferred_username`, because its users are not confirmed yet.
    pub drops_alias: bool,
    /// The number of jobs that are created without a URL for their file.
    pub without_url: usize,
}
