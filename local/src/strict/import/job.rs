//! One user import job.

use std::time::Instant;

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::strict::refusal::Refusal;
use crate::strict::settings::Import;

/// How far a job is, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Pending,
    InProgress,
    Stopping,
    Stopped,
    Succeeded,
    Failed,
    Expired,
}

/// What AWS says of a job that was stopped.
pub(super) const STOPPED: &str = "The Import Job was stopped by the developer.";

/// A job.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub id: String,
    pub name: String,
    pub pool: String,
    pub role: String,
    pub algorithm: Option<String>,
    pub url: String,
    /// What the URL is recognised by.
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
    /// Whether it is one that there can only be one of.
    pub fn is_active(&self) -> bool {
        matches!(self.status, Status::Pending | Status::InProgress | Status::Stopping)
    }

    /// A job that was not started in time cannot be started any more.
    pub fn expire(&mut self, settings: &Import, now: Instant) {
        if self.status == Status::Created && now.saturating_duration_since(self.created) >= settings.start_within {
            self.status = Status::Expired;
            self.file = None;
        }
    }

    /// Starts the job.
    pub fn start(&mut self, now: f64) -> Result<(), Refusal> {
        if self.status != Status::Created {
            return Err(precondition("The job is not in a state that it can be started from."));
        }
        if self.file.is_none() {
            return Err(precondition("No file was uploaded for the job."));
        }
        self.status = Status::Pending;
        self.started_at = Some(now);
        Ok(())
    }

    /// Stops the job: at once where it was not started, else before its next user.
    pub fn stop(&mut self, now: f64) -> Result<(), Refusal> {
        match self.status {
            Status::Created => self.end(Status::Stopped, STOPPED, now),
            Status::Pending | Status::InProgress => self.status = Status::Stopping,
            _ => return Err(precondition("The job is not in a state that it can be stopped from.")),
        }
        Ok(())
    }

    /// Ends the job. Its file is deleted.
    pub fn end(&mut self, status: Status, message: &str, now: f64) {
        self.status = status;
        self.message = Some(message.to_owned());
        self.completed_at = Some(now);
        self.file = None;
    }

    /// `UserImportJobType` of the API.
    pub fn shown(&self) -> Value {
        let mut shown = json!({
            "JobId": self.id, "JobName": self.name, "UserPoolId": self.pool, "CloudWatchLogsRoleArn": self.role,
            "PreSignedUrl": self.url, "Status": format!("{:?}", self.status), "CreationDate": self.created_at,
            "ImportedUsers": self.imported, "SkippedUsers": self.skipped, "FailedUsers": self.failed,
        });
        let optional = [
            ("StartDate", self.started_at.map(Value::from)),
            ("CompletionDate", self.completed_at.map(Value::from)),
            ("CompletionMessage", self.message.clone().map(Value::from)),
            ("PasswordHashingAlgorithm", self.algorithm.clone().map(Value::from)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                shown[name] = value;
            }
        }
        shown
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
        let mut job_without = Job { file: None, ..job() };
        assert!(job_without.start(2.0).is_err());
        let mut late = job();
        late.expire(&Import::default(), late.created + Duration::from_secs(24 * 3_600));
        assert_eq!(late.status, Status::Expired);
        assert!(late.start(2.0).is_err());
        let mut good = job();
        good.expire(&Import::default(), good.created + Duration::from_secs(23 * 3_600));
        assert!(good.start(2.0).is_ok() && good.is_active());
        assert!(good.start(2.0).is_err(), "it is started");
    }

    #[test]
    fn a_stopped_job_never_runs_again() {
        let mut waiting = job();
        waiting.stop(2.0).unwrap();
        assert_eq!((waiting.status, waiting.shown()["CompletionMessage"].as_str()), (Status::Stopped, Some(STOPPED)));
        assert!(waiting.start(2.0).is_err() && waiting.stop(2.0).is_err());
        let mut running = job();
        running.start(2.0).unwrap();
        running.stop(3.0).unwrap();
        assert_eq!(running.shown()["Status"], "Stopping");
    }
}
