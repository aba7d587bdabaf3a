//! The state of one user import job.

use std::time::Instant;

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::strict::refusal::Refusal;
use crate::strict::settings::ImportSettings;

/// The status of a job, with AWS's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::strict) enum Status {
    Created,
    Pending,
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Expired,
}

/// AWS's completion message of a stopped job.
pub(super) const STOPPED_MESSAGE: &str = "The Import Job was stopped by the developer.";

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub id: String,
    pub name: String,
    pub pool: String,
    pub role: String,
    pub algorithm: Option<String>,
    pub url: String,
    /// The path of the upload URL. It identifies the job of an upload.
    pub path: String,
    pub created: Instant,
    pub created_at: f64,
    pub started_at: Option<f64>,
    pub completed_at: Option<f64>,
    pub status: Status,
    pub file: Option<Bytes>,
    pub imported: usize,
    pub skipped: usize,
    pub failed: usize,
    pub message: Option<String>,
}

impl Job {
    /// Whether the job runs or waits to run. An account has at most one active job.
    pub fn is_active(&self) -> bool {
        matches!(self.status, Status::Pending | Status::InProgress | Status::Stopping)
    }

    /// Expires a job that no client started in time. It can never start then.
    pub fn expire_if_late(&mut self, settings: &ImportSettings, now: Instant) {
        if self.status == Status::Created
            && now.saturating_duration_since(self.created) >= settings.job_expires_after
        {
            self.status = Status::Expired;
            self.file = None;
        }
    }

    pub fn start(&mut self, now: f64) -> Result<(), Refusal> {
        if self.status != Status::Created {
            return Err(precondition("A job in this status cannot be started."));
        }
        if self.file.is_none() {
            return Err(precondition("No file was uploaded for the job."));
        }
        self.status = Status::Pending;
        self.started_at = Some(now);
        Ok(())
    }

    /// Stops the job: at once if it was not started, else before its next user.
    pub fn stop(&mut self, now: f64) -> Result<(), Refusal> {
        match self.status {
            Status::Created => self.finish(Status::Stopped, STOPPED_MESSAGE, now),
            Status::Pending | Status::InProgress => self.status = Status::Stopping,
            _ => return Err(precondition("A job in this status cannot be stopped.")),
        }
        Ok(())
    }

    /// Ends the job and deletes its file.
    pub fn finish(&mut self, status: Status, message: &str, now: f64) {
        self.status = status;
        self.message = Some(message.to_owned());
        self.completed_at = Some(now);
        self.file = None;
    }

    /// The job as `UserImportJobType` of the API.
    pub fn to_json(&self) -> Value {
        let mut output = json!({
            "JobId": self.id, "JobName": self.name, "UserPoolId": self.pool,
            "CloudWatchLogsRoleArn": self.role,
            "Status": format!("{:?}", self.status), "CreationDate": self.created_at,
            "ImportedUsers": self.imported, "SkippedUsers": self.skipped, "FailedUsers": self.failed,
        });
        let optional = [
            // `UserImportJobType`: "Required: No". The URL is of no use after the start.
            ("PreSignedUrl", (self.status == Status::Created).then(|| Value::from(self.url.clone()))),
            ("StartDate", self.started_at.map(Value::from)),
            ("CompletionDate", self.completed_at.map(Value::from)),
            ("CompletionMessage", self.message.clone().map(Value::from)),
            ("PasswordHashingAlgorithm", self.algorithm.clone().map(Value::from)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                output[name] = value;
            }
        }
        output
    }
}

pub(super) fn precondition(message: &str) -> Refusal {
    Refusal::new("PreconditionNotMetException", message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn job() -> Job {
        Job {
            id: "import-1".into(),
            name: "job".into(),
            pool: "pool".into(),
            role: "role".into(),
            algorithm: None,
            url: "url".into(),
            path: "path".into(),
            created: Instant::now(),
            created_at: 1.0,
            started_at: None,
            completed_at: None,
            status: Status::Created,
            file: Some(Bytes::from_static(b"file")),
            imported: 0,
            skipped: 0,
            failed: 0,
            message: None,
        }
    }

    #[test]
    fn a_job_starts_once_in_time_and_with_a_file() {
        let mut without_file = Job { file: None, ..job() };
        assert!(without_file.start(2.0).is_err());
        let mut late = job();
        late.expire_if_late(&ImportSettings::default(), late.created + Duration::from_secs(24 * 3_600));
        assert_eq!(late.status, Status::Expired);
        assert!(late.start(2.0).is_err());
        let mut in_time = job();
        in_time.expire_if_late(&ImportSettings::default(), in_time.created + Duration::from_secs(23 * 3_600));
        assert!(in_time.start(2.0).is_ok() && in_time.is_active());
        assert!(in_time.start(2.0).is_err(), "the job is already started");
    }

    #[test]
    fn a_stopped_job_never_runs_again() {
        let mut waiting = job();
        waiting.stop(2.0).unwrap();
        let message = waiting.to_json()["CompletionMessage"].clone();
        assert_eq!((waiting.status, message.as_str()), (Status::Stopped, Some(STOPPED_MESSAGE)));
        assert!(waiting.start(2.0).is_err() && waiting.stop(2.0).is_err());
        let mut running = job();
        running.start(2.0).unwrap();
        running.stop(3.0).unwrap();
        assert_eq!(running.to_json()["Status"], "Stopping");
    }
}
