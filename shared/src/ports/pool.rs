//! The port for a user pool: the calls that a backup and a restore make, one attempt each.
//!
//! [`crate::pacing::PacedPool`] wraps an implementation, and adds permits, retries and the
//! throttle. An implementation must not retry by itself, or calls would leave without a permit.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use jiff::Timestamp;
use serde_json::Value;

pub use crate::model::Operation;
use crate::model::configuration::member_named_in;
use crate::model::configuration::request::ConfigurationWrite;
use crate::model::{
    AttributeSchema, Category, ErrorCode, Explanation, GroupName, GroupRecord, Identity, JobId,
    MfaPreference, PageLimit, PoolDescription, PoolId, RefusedCall, Sub, SubPrefix, User, UserBytes,
    Username,
};

/// One answer of a listing: at most [`PAGE_SIZE`](crate::model::PAGE_SIZE) entries, possibly none.
/// **Only a null token ends a listing.**
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    pub entries: Vec<T>,
    /// The token of the next page. None at the end.
    pub next_token: Option<String>,
    /// The size of the users in the answer. A listing of members counts the users that Cognito sends, although its
    /// entries are only their `sub`s. Other listings have no large entries and leave it 0.
    pub bytes: UserBytes,
}

impl Listed<User> {
    pub fn users(users: Vec<User>, next_token: Option<String>) -> Self {
        let bytes = users.iter().map(|user| user.record.bytes()).collect();
        Self { entries: users, next_token, bytes }
    }
}

impl<T> Listed<T> {
    /// A page whose entries are small.
    pub fn small(entries: Vec<T>, next_token: Option<String>) -> Self {
        Self { entries, next_token, bytes: UserBytes::default() }
    }
}

/// A user to create.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    pub username: Username,
    /// Attributes that AdminCreateUser accepts.
    pub attributes: BTreeMap<String, String>,
    /// The temporary password. A password that Cognito generates would not always satisfy the
    /// policy of the pool.
    pub temporary_password: Password,
    /// The medium by which Cognito sends the user an invitation with the temporary password.
    /// Without one, Cognito sends nothing.
    pub invitation: Option<Medium>,
}

/// How a message reaches a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// To `email`.
    Email,
    /// To `phone_number`.
    Sms,
}

impl fmt::Debug for NewUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser").field("attributes", &self.attributes.len()).finish_non_exhaustive()
    }
}

/// A user import job, as Cognito describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportJob {
    pub id: JobId,
    /// The URL for its file. Only the answer to its creation must have one: the API reference calls
    /// the member `PreSignedUrl` not required.
    pub upload_to: Option<PresignedUrl>,
    pub status: JobStatus,
    /// When Cognito started it, by Cognito's clock. The API reference calls `StartDate` not required.
    pub started: Option<Timestamp>,
    /// When it ended, by Cognito's clock. The API reference calls `CompletionDate` not required.
    pub completed: Option<Timestamp>,
    /// Users created so far.
    pub imported: u64,
    /// Users left out so far, because the pool has them.
    pub skipped: u64,
    /// Users that could not be created so far.
    pub failed: u64,
}

/// The URL to which the file of a job is uploaded. It is valid for 15 minutes. It is never shown:
/// it is a permission to upload a file.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one request that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PresignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresignedUrl(…)")
    }
}

/// The status of a job. Source: the `UserImportJobType` shape of the Cognito user pools API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobStatus {
    /// Not started.
    Created,
    /// Started, and waiting for Cognito.
    Pending,
    /// Cognito reads the file.
    InProgress,
    /// About to stop.
    Stopping,
    /// Not started in time. It cannot be started again.
    Expired,
    /// Stopped by a call.
    Stopped,
    /// Cognito gave up the job.
    Failed,
    /// Cognito has read the file to its end. That says nothing about the users.
    Succeeded,
}

impl JobStatus {
    /// Whether the job has started and not ended.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Stopping)
    }
}

/// A password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolErrorKind {
    /// TooManyRequestsException. Cognito did nothing.
    Throttled,
    /// A fault of the service or the network. Whether Cognito carried the call out is unknown.
    Transient,
    /// The time of the invocation was over before the call left, or before its answer came. Whether
    /// Cognito carried the call out is unknown.
    OutOfTime,
    /// The call was not made, because another invocation has taken the lease.
    Overtaken,
    /// The call was not made, because the lease of the invocation cannot be read.
    LeaseUnreadable,
    /// The pool, or the group named by the call, does not exist.
    NotFound,
    /// The user named by the call does not exist.
    UserNotFound,
    /// A user or group of that name exists.
    AlreadyExists,
    /// Another user has that e-mail address, phone number or preferred username.
    AliasTaken,
    /// CodeDeliveryFailureException: Cognito carried the call out, and could not send the message.
    Undelivered,
    /// Cognito refused a parameter. In a listing that was called with a token, the refused
    /// parameter is the token.
    InvalidParameter,
    /// A permission is missing.
    AccessDenied,
    /// Anything else. Another attempt would not help.
    Refused,
}

/// The code of a refusal by a trigger. Its message is the application's.
const LAMBDA_REFUSED: &str = "UserLambdaValidationException";

/// A call of Cognito that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolError {
    pub operation: Operation,
    pub kind: PoolErrorKind,
    /// The error code of Cognito, or the kind of fault.
    pub code: ErrorCode,
    /// What Cognito's message means, if it is known.
    pub explanation: Option<Explanation>,
    /// The member of a configuration that Cognito's message names, if a write was refused for one.
    pub member: Option<&'static str>,
}

/// Source: "Common errors", Cognito user pools API reference.
const CREDENTIALS_FAIL: [&str; 4] = [
    "ExpiredTokenException",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
];

impl PoolError {
    /// The error of a call that Cognito has not answered.
    pub fn new(operation: Operation, kind: PoolErrorKind, code: &str) -> Self {
        Self { operation, kind, code: ErrorCode::of(code), explanation: None, member: None }
    }

    /// The error in an answer of Cognito. Its message can hold any value of the call, and the text of a
    /// trigger. So neither is kept.
    pub fn answered(operation: Operation, kind: PoolErrorKind, code: &str, message: &str) -> Self {
        let explanation = if code == LAMBDA_REFUSED { None } else { Explanation::of(message) };
        let member = if operation.writes_configuration() { member_named_in(message) } else { None };
        Self { explanation, member, ..Self::new(operation, kind, code) }
    }

    /// The refused call.
    pub fn call(&self) -> RefusedCall {
        RefusedCall { operation: self.operation, code: self.code.clone() }
    }

    /// Whether the credentials of the caller have expired or do not work. Then the call says nothing about permissions.
    pub fn is_of_credentials(&self) -> bool {
        CREDENTIALS_FAIL.contains(&self.code.as_str())
    }

    /// Whether a trigger of the pool refused the call, in its own words.
    pub fn is_of_trigger(&self) -> bool {
        self.code.as_str() == LAMBDA_REFUSED
    }

    /// Whether an import job or a point-in-time recovery runs in the pool. Source: the errors of `UpdateUserPool`, Amazon
    /// Cognito user pools API.
    pub fn is_of_running_job(&self) -> bool {
        ["UserImportInProgressException", "OperationNotEnabledException"].contains(&self.code.as_str())
    }

    /// Whether a limit of the account or the pool is reached.
    pub fn is_limit_exceeded(&self) -> bool {
        self.code.as_str() == "LimitExceededException"
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.operation.name(), self.code)?;
        if let Some(explanation) = self.explanation {
            write!(f, ": {}", explanation.sentence().trim_end_matches('.'))?;
        }
        if let Some(member) = self.member {
            write!(f, " (about {member})")?;
        }
        Ok(())
    }
}

/// What Cognito answers to a read of the configuration, in its own JSON. It can hold secrets, so it is never
/// shown.
#[derive(Clone, PartialEq)]
pub struct ConfigurationAnswer(Value);

impl ConfigurationAnswer {
    pub fn new(json: Value) -> Self {
        Self(json)
    }

    /// The JSON, for the code that takes the secrets out.
    pub fn reveal(&self) -> &Value {
        &self.0
    }

    pub fn into_json(self) -> Value {
        self.0
    }
}

impl fmt::Debug for ConfigurationAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfigurationAnswer(…)")
    }
}

/// The result of one call.
pub type PoolResult<T> = Result<T, PoolError>;

/// A user pool.
///
/// Every method is one call of the Cognito operation that it names, made once.
pub trait Pool: Send + Sync {
    fn id(&self) -> &PoolId;

    /// DescribeUserPool.
    fn describe(&self) -> impl Future<Output = PoolResult<PoolDescription>> + Send;

    /// ListUsers, at most `limit` a page.
    fn list_users(
        &self,
        limit: PageLimit,
        token: Option<&str>,
    ) -> impl Future<Output = PoolResult<Listed<User>>> + Send;

    /// ListUsers, at most `limit` a page, of the users whose `sub` begins with `prefix`. Cognito does not
    /// document that it can do so. It may refuse, list other users, or leave some out.
    fn list_users_by_sub(
        &self,
        prefix: SubPrefix,
        limit: PageLimit,
        token: Option<&str>,
    ) -> impl Future<Output = PoolResult<Listed<User>>> + Send;

    /// ListUsers with the filter `sub = "…"`: the user with this `sub`, or none. Cognito documents this filter, and does
    /// not bill the user for it.
    fn list_users_with_sub(
        &self,
        sub: &Sub,
        token: Option<&str>,
    ) -> impl Future<Output = PoolResult<Listed<User>>> + Send;

    /// ListGroups, 60 a page.
    fn list_groups(
        &self,
        token: Option<&str>,
    ) -> impl Future<Output = PoolResult<Listed<GroupRecord>>> + Send;

    /// ListUsersInGroup, at most `limit` a page.
    fn list_members(
        &self,
        group: &GroupName,
        limit: PageLimit,
        token: Option<&str>,
    ) -> impl Future<Output = PoolResult<Listed<Sub>>> + Send;

    /// AdminListGroupsForUser, 60 a page: the names of the groups that a user is in.
    fn list_groups_of_user(
        &self,
        username: &Username,
        token: Option<&str>,
    ) -> impl Future<Output = PoolResult<Listed<GroupName>>> + Send;

    /// AdminCreateUser. Without an invitation, `MessageAction: SUPPRESS` keeps Cognito from sending
    /// a message. Returns the user as created.
    fn create_user(&self, user: &NewUser) -> impl Future<Output = PoolResult<User>> + Send;

    /// AdminCreateUser with `MessageAction: RESEND`: sends the invitation of a user that has not signed in
    /// yet again, with a new temporary password.
    fn invite_again(
        &self,
        username: &Username,
        password: &Password,
        medium: Medium,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminGetUser. Cognito bills the user as active in that month, so the library calls it only
    /// if no listing shows what it needs.
    fn get_user(&self, username: &Username) -> impl Future<Output = PoolResult<User>> + Send;

    /// AdminSetUserPassword with `Permanent: true`: the user becomes CONFIRMED.
    fn set_password(
        &self,
        username: &Username,
        password: &Password,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminDisableUser.
    fn disable_user(&self, username: &Username) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminEnableUser.
    fn enable_user(&self, username: &Username) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminUpdateUserAttributes: sets these attributes and leaves the others unchanged.
    fn update_attributes(
        &self,
        username: &Username,
        attributes: &BTreeMap<String, String>,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminDeleteUserAttributes.
    fn delete_attributes(
        &self,
        username: &Username,
        names: &[String],
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminLinkProviderForUser: from now on, the identity signs in as this user.
    fn link_identity(
        &self,
        username: &Username,
        identity: &Identity,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminSetUserMFAPreference: turns on codes by text message and by e-mail. All other factors
    /// need the user.
    fn set_mfa(
        &self,
        username: &Username,
        factors: &MfaPreference,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// CreateGroup.
    fn create_group(&self, group: &GroupRecord) -> impl Future<Output = PoolResult<()>> + Send;

    /// GetGroup.
    fn get_group(&self, group: &GroupName) -> impl Future<Output = PoolResult<GroupRecord>> + Send;

    /// UpdateGroup: sets description, precedence and role. It removes a description that the group lacks, and
    /// leaves a precedence or a role that it lacks.
    fn update_group(&self, group: &GroupRecord) -> impl Future<Output = PoolResult<()>> + Send;

    /// AddCustomAttributes: declares attributes, whose names include their prefix.
    fn add_custom_attributes(
        &self,
        attributes: &BTreeMap<String, AttributeSchema>,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// ListIdentityProviders, 60 a page: the names of the providers.
    fn list_providers(&self, token: Option<&str>) -> impl Future<Output = PoolResult<Listed<String>>> + Send;

    /// AdminAddUserToGroup.
    fn add_to_group(
        &self,
        username: &Username,
        group: &GroupName,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// GetProvisionedLimit: the quota of a category in this account and Region, in calls per
    /// second.
    fn provisioned_limit(&self, category: Category) -> impl Future<Output = PoolResult<u32>> + Send;

    /// GetCSVHeader: the columns of the file of an import job.
    fn csv_header(&self) -> impl Future<Output = PoolResult<Vec<String>>> + Send;

    /// CreateUserImportJob. `log_role` is the ARN of the role with which Cognito writes the log of
    /// the job.
    fn create_import_job(
        &self,
        name: &str,
        log_role: &str,
    ) -> impl Future<Output = PoolResult<ImportJob>> + Send;

    /// StartUserImportJob. The job must have its file, and no other job of the account may be
    /// active.
    fn start_import_job(&self, id: &JobId) -> impl Future<Output = PoolResult<ImportJob>> + Send;

    /// DescribeUserImportJob.
    fn describe_import_job(&self, id: &JobId) -> impl Future<Output = PoolResult<ImportJob>> + Send;

    /// A read of the configuration: one of the operations that
    /// [read a configuration](Operation::reads_configuration), or that a command reads
    /// [beside it](Operation::is_of_no_object). Request and answer are in Cognito's JSON, so a
    /// member that no SDK knows is kept.
    fn read_configuration(
        &self,
        operation: Operation,
        request: &Value,
    ) -> impl Future<Output = PoolResult<ConfigurationAnswer>> + Send;

    /// The bytes of the logo at an `ImageUrl` that GetUICustomization answered. No operation of Cognito has them. The
    /// address is followed only by HTTPS, and no redirect is.
    fn fetch_logo(&self, url: &str) -> impl Future<Output = Result<Vec<u8>, LogoError>> + Send;
}

/// The most bytes of a logo. Source: `ImageFile`, `SetUICustomization`, API reference.
pub const MAX_LOGO: usize = 128 * 1024;

/// Why the bytes of a logo are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoError {
    /// More than [`MAX_LOGO`].
    TooLarge,
    /// The address answered no image.
    NotFetched,
}

/// A pool whose configuration can be written. The functions have none: only the command line writes configurations.
pub trait ConfigurablePool: Pool {
    /// The operation that the write names, in Cognito's own JSON, made once. CreateUserPool makes a pool in the account
    /// and Region of this one.
    fn write_configuration(
        &self,
        write: &ConfigurationWrite,
    ) -> impl Future<Output = PoolResult<ConfigurationAnswer>> + Send;
}
