//! What an import job needs beside the pool: a place to put its file together, the way to its presigned URL, and its log.

use std::future::Future;

use crate::Result;
use crate::csv::Limits;
use crate::model::{JobId, PoolId};
use crate::ports::pool::PresignedUrl;

/// Files and logs of import jobs.
pub trait JobFiles: Send + Sync {
    /// Its files.
    type File: JobFile;

    /// The ARN of the role by which Cognito writes the logs of jobs; no job can be created without one.
    fn log_role(&self) -> Option<&str>;

    /// How much goes into a file.
    fn limits(&self) -> Limits {
        Limits::COGNITO
    }

    /// An empty file, which is gone with the value.
    fn begin(&self) -> Result<Self::File>;

    /// The next messages of a log after `token`, oldest first.
    ///
    /// # Errors
    /// [`LogError`]; a log that is not there yet is an empty one.
    fn log(&self, log: &JobLog, token: Option<&str>) -> impl Future<Output = std::result::Result<LogPage, LogError>> + Send;
}

/// A file, written from its beginning to its end and then put where a job finds it.
pub trait JobFile: Send + Sync {
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> impl Future<Output = Result<()>> + Send;

    /// Puts the file at the URL, with the header that was signed: `x-amz-server-side-encryption: aws:kms`. Putting it there twice is
    /// the same as once.
    fn upload(&mut self, to: &PresignedUrl) -> impl Future<Output = std::result::Result<(), UploadError>> + Send;
}

/// Which log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLog {
    /// `/aws/cognito/userpools/<pool id>/<pool name>`.
    pub group: String,
    /// `<job id>/<job name>`.
    pub stream: String,
}

impl JobLog {
    /// The log of a job.
    /// Source: "Viewing the user pool import results in the CloudWatch console", Amazon Cognito developer guide.
    pub fn of(pool: &PoolId, pool_name: &str, job: &JobId, job_name: &str) -> Self {
        Self { group: format!("/aws/cognito/userpools/{pool}/{pool_name}"), stream: format!("{job}/{job_name}") }
    }
}

/// Messages of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    /// The messages.
    pub messages: Vec<String>,
    /// Where to go on; none at the end.
    pub next_token: Option<String>,
}

/// Why a log could not be read: a code and no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub String);

/// Why a file could not be put where it belongs: a code and no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UploadError(pub String);
