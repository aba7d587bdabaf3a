//! The port for what an import job needs beside the pool: a file, its upload to the presigned URL,
//! and the log of the job.

use std::future::Future;

use crate::Result;
use crate::csv::Limits;
use crate::model::{ErrorCode, JobId, PoolId};
use crate::ports::pool::PresignedUrl;

pub trait JobFiles: Send + Sync {
    type File: JobFile;

    /// The ARN of the role with which Cognito writes the logs of jobs. Without one, no job can be
    /// created.
    fn log_role(&self) -> Option<&str>;

    fn limits(&self) -> Limits {
        Limits::COGNITO
    }

    /// Begins a file, which is deleted when the value is dropped.
    fn begin(&self) -> Result<Self::File>;

    /// The next messages of a log after `token`, oldest first.
    ///
    /// # Errors
    /// [`LogError`]. A log that does not exist yet is empty.
    fn log(
        &self,
        log: &JobLog,
        token: Option<&str>,
    ) -> impl Future<Output = std::result::Result<LogPage, LogError>> + Send;
}

/// A file that is written from its beginning to its end, and then uploaded for a job.
pub trait JobFile: Send + Sync {
    fn append(&mut self, bytes: &[u8]) -> impl Future<Output = Result<()>> + Send;

    /// Uploads the file with the signed header `x-amz-server-side-encryption: aws:kms`. A second
    /// upload changes nothing.
    fn upload(
        &mut self,
        to: &PresignedUrl,
    ) -> impl Future<Output = std::result::Result<(), UploadError>> + Send;
}

/// The name of the log of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobLog {
    /// `/aws/cognito/userpools/<pool id>/<pool name>`.
    pub group: String,
    /// `<job id>/<job name>`.
    pub stream: String,
}

impl JobLog {
    /// Source: "Viewing the user pool import results in the CloudWatch console", Amazon Cognito
    /// developer guide.
    pub fn of(pool: &PoolId, pool_name: &str, job: &JobId, job_name: &str) -> Self {
        Self {
            group: format!("/aws/cognito/userpools/{pool}/{pool_name}"),
            stream: format!("{job}/{job_name}"),
        }
    }
}

/// A page of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogPage {
    pub messages: Vec<String>,
    /// The token of the next page. None at the end.
    pub next_token: Option<String>,
}

/// Why a log could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub ErrorCode);

/// Why a file could not be uploaded: the status of an answer or the kind of fault, in this project's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UploadError(pub String);
