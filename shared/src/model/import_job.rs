//! User import jobs: how far those of a restore have come.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, Sub};

/// Where the snapshot names a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The page of the listing of users, from 1.
    pub page: u64,
    /// The place on the page, from 0.
    pub place: u8,
}

impl Place {
    /// The first of all.
    pub const FIRST: Self = Self { page: 1, place: 0 };
}

/// The id that Cognito gave a job: `import-` and ten letters or so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    /// Wraps an id as Cognito gave it.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far the import jobs of a restore have come. There is one job at a time: an account runs no more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportJobs {
    /// Counted up at every change, so that of two invocations at once only one goes on from each.
    pub step: u64,
    /// The columns of the files, as the target gave them.
    pub header: Vec<String>,
    /// Whom the next job begins with; none once everybody was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Place>,
    /// How many jobs have ended and are settled; they are numbered from 1.
    pub settled: u32,
    /// The job under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<CurrentJob>,
    /// How often in a row a job came to nothing before it was started.
    pub vain: u32,
    /// What came of them so far.
    pub report: JobsReport,
}

impl ImportJobs {
    /// Before the first job.
    pub fn new(header: Vec<String>) -> Self {
        Self { header, next: Some(Place::FIRST), ..Self::default() }
    }

    /// Whether no job is under way and none will be begun.
    pub fn is_done(&self) -> bool {
        self.next.is_none() && self.current.is_none()
    }

    /// Gives up: whoever has not been in a job goes through the API.
    #[must_use]
    pub fn given_up(self, reason: String) -> Self {
        let report = JobsReport { fallback: Some(reason), ..self.report };
        Self { next: None, current: None, report, ..self }
    }
}

/// A job under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrentJob {
    /// Its id.
    pub id: JobId,
    /// Its name, which its log is found by.
    pub name: String,
    /// How far it is.
    pub stage: JobStage,
    /// Users in its file.
    pub users: u64,
    /// How many of them Cognito had been through when it was last asked.
    #[serde(default)]
    pub done: u64,
    /// Whom the next job begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Place>,
    /// The users of the pages gone through whom no file can carry, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_api: BTreeMap<String, u64>,
    /// How often it was waited for in its stage.
    pub waits: u32,
}

/// How far a job is, as the restore sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobStage {
    /// It exists and may have no file.
    Created,
    /// It has its file and is to be started.
    Uploaded,
    /// It was started.
    Started,
    /// It has ended, and its log is not complete yet.
    Ended,
}

/// What came of the import jobs of a restore, users counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobsReport {
    /// Jobs that ended.
    pub jobs: u32,
    /// Users that jobs created.
    pub imported: u64,
    /// Users that jobs found in the target already; the API looked after them.
    pub skipped: u64,
    /// Users that jobs could not create; the API tried them once more.
    pub failed: u64,
    /// The job under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_way: Option<JobUnderWay>,
    /// Users of whom a job's log says nothing although not all of its users were created.
    pub unaccounted: u64,
    /// The users whom no file can carry and who went through the API, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_api: BTreeMap<String, u64>,
    /// Why the rest, or everybody, went through the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Why the log of a job could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_log: Option<String>,
}

impl JobsReport {
    /// Users whom jobs have been through, whatever came of it.
    pub fn done(&self) -> u64 {
        self.imported + self.skipped + self.failed + self.under_way.map_or(0, |job| job.done)
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobUnderWay {
    /// Users in its file.
    pub users: u64,
    /// How many of them Cognito has been through.
    pub done: u64,
}

/// Who a sign-in name in a job's file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InJob {
    /// The number of the job.
    pub job: u32,
    /// The `sub` in the snapshot.
    pub old_sub: Sub,
    /// Where the snapshot names the user.
    pub place: Place,
}

/// What a sign-in name is found by: names that are one to the target have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(pub Digest);
