//! User import jobs: how far the jobs of a restore are.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::text_enum::named_enum;
use super::{CreationWindows, Digest, Sub};

/// The position of a user in a snapshot. Stored as `<page>#<place>`: the sub map has one for each user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Place {
    /// The page of the users' listing, from 1.
    pub page: u64,
    /// The position on the page, from 0.
    pub place: u8,
}

impl Place {
    pub const FIRST: Self = Self { page: 1, place: 0 };
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.page, self.place)
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let parse = || {
            let (page, place) = text.split_once('#')?;
            Some(Self { page: page.parse().ok()?, place: place.parse().ok()? })
        };
        parse().ok_or("no place")
    }
}

/// The id that Cognito gives a job: `import-` and about ten letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far the import jobs of a restore are. The restore runs one job at a time, because Cognito
/// runs one job per account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportJobs {
    /// Raised by every change, so only one of two invocations continues from each step.
    pub step: u64,
    /// The columns of the files, from GetCSVHeader.
    pub header: Vec<String>,
    /// The first user of the next job. None if every user was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Place>,
    /// How many jobs have ended and are in the report. Jobs are numbered from 1.
    pub settled: u32,
    /// The job under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<CurrentJob>,
    /// How many jobs in a row failed before they started.
    pub failed_starts: u32,
    /// When jobs may have created users.
    #[serde(default, skip_serializing_if = "CreationWindows::is_empty")]
    pub at_work: CreationWindows,
    pub report: JobsReport,
}

impl ImportJobs {
    pub fn new(header: Vec<String>) -> Self {
        Self { header, next: Some(Place::FIRST), ..Self::default() }
    }

    /// Whether no job is under way and none will start.
    pub fn is_done(&self) -> bool {
        self.next.is_none() && self.current.is_none()
    }

    /// Gives up on jobs. The API creates the users that were in no job.
    #[must_use]
    pub fn given_up(self, reason: String) -> Self {
        let report = JobsReport { fallback: Some(reason), ..self.report };
        Self { next: None, current: None, report, ..self }
    }
}

named_enum! {
    /// Why no file of an import job carries a user, so that the API creates it.
    pub enum NotInJob {
        /// The target has a user of that name.
        AlreadyInTarget = "alreadyInTarget",
        /// A value holds a backslash.
        Backslash = "backslash",
        /// A value begins or ends with white space.
        BlankAtEdge = "blankAtEdge",
        /// The sign-in name holds white space.
        BlankInSignInName = "blankInSignInName",
        /// A value holds a control character.
        ControlCharacter = "controlCharacter",
        /// The user came from an identity provider.
        Federated = "federated",
        /// The sign-in name is no address of the user.
        ForeignSignInName = "foreignSignInName",
        /// A value holds a line break.
        LineBreak = "lineBreak",
        /// The target takes the name for that of a user that a file already holds.
        NameTwice = "nameTwice",
        /// The columns lack an attribute.
        NoColumn = "noColumn",
        /// The user has no sign-in name.
        NoSignInName = "noSignInName",
        /// A value is no Boolean.
        NotABoolean = "notABoolean",
        /// A birthdate is no date.
        NotADate = "notADate",
        /// An `updated_at` is no time.
        NotATime = "notATime",
        /// An address is verified that the user lacks.
        NothingToVerify = "nothingToVerify",
        /// No address is verified that the target verifies itself.
        NothingVerified = "nothingVerified",
        /// A value holds a quotation mark.
        QuotationMark = "quotationMark",
        /// The user lacks an attribute that the target requires.
        RequiredMissing = "requiredMissing",
        /// The row is too long.
        RowTooLong = "rowTooLong",
        /// AWS does not document how a file holds values of the type.
        UndocumentedType = "undocumentedType",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrentJob {
    pub id: JobId,
    /// The job's name. Its log is found by it.
    pub name: String,
    pub stage: JobStage,
    /// Users in its file.
    pub users: u64,
    /// Users that Cognito had processed when the restore last asked.
    #[serde(default)]
    pub done: u64,
    /// The first user of the next job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Place>,
    /// Users on the pages so far that no file can carry, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_api: BTreeMap<NotInJob, u64>,
    /// How many times the restore has waited in this stage.
    pub waits: u32,
}

/// How far a job is, as the restore sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobStage {
    /// The job exists. Its file may be missing.
    Created,
    /// The job has its file.
    Uploaded,
    /// The job runs.
    Started,
    /// The job has ended. Its log is not complete yet.
    Ended,
}

/// What the import jobs of a restore did, in users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobsReport {
    /// Jobs that ended.
    pub jobs: u32,
    /// Users that jobs created.
    pub imported: u64,
    /// Users that jobs found in the target. The API handled them afterwards.
    pub skipped: u64,
    /// Users that jobs could not create. The API tried them again.
    pub failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_way: Option<JobUnderWay>,
    /// Users that the log of an incomplete job does not mention.
    pub unaccounted: u64,
    /// Users that the API created because no file can carry them, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_api: BTreeMap<NotInJob, u64>,
    /// Why the API created the rest, or all users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<String>,
    /// Why the log of a job could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_log: Option<String>,
}

impl JobsReport {
    /// Users that jobs have processed, with any outcome.
    pub fn done(&self) -> u64 {
        self.imported + self.skipped + self.failed + self.under_way.map_or(0, |job| job.done)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobUnderWay {
    /// Users in its file.
    pub users: u64,
    /// Users that Cognito has processed.
    pub done: u64,
}

/// The user behind a sign-in name in a job's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InJob {
    /// The number of the job.
    pub job: u32,
    /// The `sub` in the snapshot.
    pub old_sub: Sub,
    pub place: Place,
}

/// The key of a sign-in name. Names that the target treats as equal have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(pub Digest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_list_reasons_in_the_order_of_their_names() {
        assert!(NotInJob::ALL.iter().map(|reason| reason.name()).is_sorted());
    }

    #[test]
    fn a_place_is_stored_as_page_and_position() {
        let place = Place { page: 3, place: 17 };
        assert_eq!(serde_json::to_value(place).unwrap(), "3#17");
        assert_eq!(serde_json::from_value::<Place>("3#17".into()).unwrap(), place);
        for text in ["", "3", "3#", "#17", "3#17#1", "3#256", "users#3"] {
            assert!(serde_json::from_value::<Place>(text.into()).is_err(), "{text:?}");
        }
    }
}
