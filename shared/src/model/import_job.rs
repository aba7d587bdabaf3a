//! User import jobs: how far the jobs of a restore are.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::text_enum::named_enum;
use super::{CreationWindows, Digest, ErrorCode, RefusedCall, Sub, is_plain_id};

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
#[serde(into = "String", try_from = "String")]
pub struct JobId(String);

impl JobId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id in an answer or an item. None if the text is no id, because logs name jobs.
    pub fn parse(id: impl Into<String>) -> Option<Self> {
        let id = id.into();
        is_plain_id(&id).then_some(Self(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl TryFrom<String> for JobId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(text).ok_or("no job")
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
    pub fn given_up(self, reason: NoJobs) -> Self {
        let report = JobsReport { fallback: Some(reason), ..self.report };
        Self { next: None, current: None, report, ..self }
    }
}

/// Why a restore runs no more import jobs. Stored as its sentence, and read from no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum NoJobs {
    /// The deployment names no role for the logs.
    NoLogRole,
    /// The header of the files lacks `cognito:username`.
    NoUsername,
    /// Two columns have the same name.
    Repeated,
    /// A column's name holds a comma, a backslash or another character. AWS does not describe how
    /// to write these in a header.
    Unwritable,
    /// The pool verifies neither e-mail addresses nor phone numbers by itself, or its files have no
    /// columns for them. "If the user pool has no auto-verified attributes, the import job will not
    /// start."
    NothingVerified,
    /// Too many jobs in a row failed before their start.
    FailedStarts,
    /// The table lacks the columns of the files.
    NoColumns,
    /// The table lacks the list of the lines of a file.
    NoLines,
    /// Cognito refused a call.
    Refused(RefusedCall),
    /// Cognito refused to start a job for hours.
    NotStarted(RefusedCall),
}

const REFUSED: &str = "Cognito refused ";
const NOT_STARTED: &str = "A job could not be started for hours: ";

impl NoJobs {
    const PLAIN: [Self; 8] = [
        Self::NoLogRole,
        Self::NoUsername,
        Self::Repeated,
        Self::Unwritable,
        Self::NothingVerified,
        Self::FailedStarts,
        Self::NoColumns,
        Self::NoLines,
    ];

    fn parse(text: &str) -> Option<Self> {
        let call = |begin: &str| text.strip_prefix(begin)?.strip_suffix('.').and_then(RefusedCall::parse);
        let plain = Self::PLAIN.into_iter().find(|reason| reason.to_string() == text);
        plain.or_else(|| call(REFUSED).map(Self::Refused)).or_else(|| call(NOT_STARTED).map(Self::NotStarted))
    }
}

impl fmt::Display for NoJobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLogRole => "The deployment has no role for the logs of import jobs.",
            Self::NoUsername => "The CSV header of the user pool lacks the column cognito:username.",
            Self::Repeated => "The CSV header of the user pool names a column twice.",
            Self::Unwritable => "The CSV header of the user pool names a column that no file can hold.",
            Self::NothingVerified => {
                "The user pool verifies no attribute by itself, so it starts no import job."
            }
            Self::FailedStarts => "Too many jobs in a row failed before their start.",
            Self::NoColumns => "The restore no longer has the columns of the files.",
            Self::NoLines => "The list of a file's lines is missing in the table.",
            Self::Refused(call) => return write!(f, "{REFUSED}{call}."),
            Self::NotStarted(call) => return write!(f, "{NOT_STARTED}{call}."),
        })
    }
}

impl From<NoJobs> for String {
    fn from(reason: NoJobs) -> Self {
        reason.to_string()
    }
}

impl TryFrom<String> for NoJobs {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("no reason")
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
    pub fallback: Option<NoJobs>,
    /// Why the log of a job could not be read: an error code, or [`Self::FOREIGN_LINES`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread_log: Option<ErrorCode>,
}

impl JobsReport {
    /// The log names lines that the file does not have.
    pub const FOREIGN_LINES: &'static str = "ForeignLines";

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
    fn a_restore_without_jobs_says_why_in_its_own_words_alone() {
        let call = || RefusedCall {
            operation: crate::model::Operation::CreateUserImportJob,
            code: ErrorCode::of("LimitExceededException"),
        };
        let all = NoJobs::PLAIN.into_iter().chain([NoJobs::Refused(call()), NoJobs::NotStarted(call())]);
        for reason in all {
            let stored = serde_json::to_value(&reason).unwrap();
            assert_eq!(stored, reason.to_string());
            assert_eq!(serde_json::from_value::<NoJobs>(stored).unwrap(), reason);
        }
        for text in ["", "anna@example.com", "Cognito refused CreateUserImportJob anna@example.com."] {
            assert!(serde_json::from_value::<NoJobs>(text.into()).is_err(), "{text}");
        }
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
