//! The narrow trait "a user pool": the calls that a backup and a restore make, one attempt each.
//!
//! Retries, permits and slow-downs live in [`crate::pacing::PacedPool`], which wraps an implementation of this trait. An implementation
//! therefore never retries by itself, or calls would leave without a permit.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use crate::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PoolDescription, PoolId, Sub, SubPrefix,
    User, Username,
};

/// One answer of a listing: at most 60 entries, possibly none. **Only a null token ends a listing.**
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// The token of the next page; none at the end.
    pub next_token: Option<String>,
}

/// A user to create.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The username.
    pub username: Username,
    /// Attributes that a create call accepts.
    pub attributes: BTreeMap<String, String>,
    /// The temporary password: one that Cognito makes up would be lost as well, but would not always satisfy the policy.
    pub temporary_password: Password,
    /// Whether Cognito sends the user an invitation with the temporary password, and where to; nobody is sent anything otherwise.
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
    /// Its id.
    pub id: JobId,
    /// Where its file goes.
    pub upload_to: PresignedUrl,
    /// How far it is.
    pub status: JobStatus,
    /// Users created so far.
    pub imported: u64,
    /// Users left out so far because the pool has them.
    pub skipped: u64,
    /// Users that could not be created so far.
    pub failed: u64,
}

/// Where the file of a job is put, valid for 15 minutes. It is never shown: whoever has it can put a file there.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUrl(String);

impl PresignedUrl {
    /// Wraps the text.
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
    /// At work.
    InProgress,
    /// About to stop.
    Stopping,
    /// Not started in time, so it never will be.
    Expired,
    /// Stopped by somebody.
    Stopped,
    /// Given up by Cognito.
    Failed,
    /// Gone through to the end, which says nothing about its users.
    Succeeded,
}

impl JobStatus {
    /// Whether the job was started and has not ended.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::InProgress | Self::Stopping)
    }
}

/// A password. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps the text.
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

macro_rules! operations {
    ($($operation:ident $category:ident),+ $(,)?) => {
        /// The Cognito operations in use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the names are Cognito's own")]
        pub enum Operation { $($operation),+ }

        impl Operation {
            /// All operations in use.
            pub const ALL: &'static [Operation] = &[$(Operation::$operation),+];

            /// Cognito's name.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$operation => stringify!($operation)),+ }
            }

            /// The request quota that the operation draws on.
            pub fn category(self) -> Category {
                match self { $(Operation::$operation => Category::$category),+ }
            }
        }
    };
}

operations! {
    DescribeUserPool UserPoolRead,
    GetProvisionedLimit UserPoolRead,
    ListUsers UserList,
    ListUsersInGroup UserList,
    ListGroups UserPoolResourceRead,
    GetGroup UserPoolResourceRead,
    CreateGroup UserPoolResourceUpdate,
    AdminCreateUser UserCreation,
    AdminGetUser UserRead,
    AdminSetUserPassword UserAccountRecovery,
    AdminDisableUser UserUpdate,
    AdminEnableUser UserUpdate,
    AdminUpdateUserAttributes UserUpdate,
    AdminDeleteUserAttributes UserUpdate,
    AdminLinkProviderForUser UserUpdate,
    AdminSetUserMFAPreference UserResourceUpdate,
    UpdateGroup UserPoolResourceUpdate,
    AddCustomAttributes UserPoolUpdate,
    ListIdentityProviders UserPoolResourceRead,
    AdminAddUserToGroup UserUpdate,
    GetCSVHeader UserPoolResourceRead,
    DescribeUserImportJob UserPoolResourceRead,
    CreateUserImportJob UserPoolResourceUpdate,
    StartUserImportJob UserPoolResourceUpdate,
}

/// What came of a call that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolErrorKind {
    /// TooManyRequestsException: nothing was done.
    Throttled,
    /// A fault of the service or the network: whether the call was carried out is unknown.
    Transient,
    /// The pool, or the group named by the call, does not exist.
    NotFound,
    /// The user named by the call does not exist.
    UserNotFound,
    /// A user or group of that name exists.
    AlreadyExists,
    /// Another user has that e-mail address, phone number or preferred username.
    AliasTaken,
    /// A parameter was refused; of a listing that was called with a token, the token.
    InvalidParameter,
    /// A permission is missing.
    AccessDenied,
    /// Anything else: not to be retried.
    Refused,
}

/// A Cognito call that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolError {
    /// The operation.
    pub operation: Operation,
    /// What came of it.
    pub kind: PoolErrorKind,
    /// Cognito's error code, or the kind of fault.
    pub code: String,
    /// Cognito's words, cleared of the values that the call carried.
    pub detail: String,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.operation.name(), self.code)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// The result of one call.
pub type PoolResult<T> = Result<T, PoolError>;

/// A user pool.
///
/// Every method is one call of the Cognito operation that it names, made once.
pub trait Pool: Send + Sync {
    /// The pool's id.
    fn id(&self) -> &PoolId;

    /// DescribeUserPool.
    fn describe(&self) -> impl Future<Output = PoolResult<PoolDescription>> + Send;

    /// ListUsers, 60 a page.
    fn list_users(&self, token: Option<&str>) -> impl Future<Output = PoolResult<Listed<User>>> + Send;

    /// ListUsers, 60 a page, of those users whose `sub` begins with `prefix`. That Cognito can do so is not documented: it may refuse to,
    /// or name others, or not all of them.
    fn list_users_by_sub(&self, prefix: SubPrefix, token: Option<&str>) -> impl Future<Output = PoolResult<Listed<User>>> + Send;

    /// ListGroups, 60 a page.
    fn list_groups(&self, token: Option<&str>) -> impl Future<Output = PoolResult<Listed<GroupRecord>>> + Send;

    /// ListUsersInGroup, 60 a page.
    fn list_members(&self, group: &GroupName, token: Option<&str>) -> impl Future<Output = PoolResult<Listed<Sub>>> + Send;

    /// AdminCreateUser, with `MessageAction: SUPPRESS` unless there is to be an invitation: otherwise nothing is sent. Returns the user as
    /// created.
    fn create_user(&self, user: &NewUser) -> impl Future<Output = PoolResult<User>> + Send;

    /// AdminGetUser. It makes the user count as active, so it is called only where no listing tells what has to be known.
    fn get_user(&self, username: &Username) -> impl Future<Output = PoolResult<User>> + Send;

    /// AdminSetUserPassword with `Permanent: true`: the user becomes CONFIRMED.
    fn set_password(&self, username: &Username, password: &Password) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminDisableUser.
    fn disable_user(&self, username: &Username) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminEnableUser.
    fn enable_user(&self, username: &Username) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminUpdateUserAttributes: sets these attributes and leaves the others.
    fn update_attributes(
        &self,
        username: &Username,
        attributes: &BTreeMap<String, String>,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminDeleteUserAttributes.
    fn delete_attributes(&self, username: &Username, names: &[String]) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminLinkProviderForUser: the identity signs in as this user from now on.
    fn link_identity(&self, username: &Username, identity: &Identity) -> impl Future<Output = PoolResult<()>> + Send;

    /// AdminSetUserMFAPreference: turns the factors on that can be turned on without the user, codes by text message and e-mail.
    fn set_mfa(&self, username: &Username, factors: &MfaPreference) -> impl Future<Output = PoolResult<()>> + Send;

    /// CreateGroup.
    fn create_group(&self, group: &GroupRecord) -> impl Future<Output = PoolResult<()>> + Send;

    /// GetGroup.
    fn get_group(&self, group: &GroupName) -> impl Future<Output = PoolResult<GroupRecord>> + Send;

    /// UpdateGroup: sets description, precedence and role.
    fn update_group(&self, group: &GroupRecord) -> impl Future<Output = PoolResult<()>> + Send;

    /// AddCustomAttributes: declares attributes, given with their prefix.
    fn add_custom_attributes(
        &self,
        attributes: &BTreeMap<String, AttributeSchema>,
    ) -> impl Future<Output = PoolResult<()>> + Send;

    /// ListIdentityProviders: the names of at most 60 providers after `token`.
    fn list_providers(&self, token: Option<&str>) -> impl Future<Output = PoolResult<Listed<String>>> + Send;

    /// AdminAddUserToGroup.
    fn add_to_group(&self, username: &Username, group: &GroupName) -> impl Future<Output = PoolResult<()>> + Send;

    /// GetProvisionedLimit: how many calls of a category Cognito takes from this account and Region in a second.
    fn provisioned_limit(&self, category: Category) -> impl Future<Output = PoolResult<u32>> + Send;

    /// GetCSVHeader: the columns of an import job's file.
    fn csv_header(&self) -> impl Future<Output = PoolResult<Vec<String>>> + Send;

    /// CreateUserImportJob: `log_role` is the ARN of the role by which Cognito writes the job's log.
    fn create_import_job(&self, name: &str, log_role: &str) -> impl Future<Output = PoolResult<ImportJob>> + Send;

    /// StartUserImportJob: the job must have its file, and the account no other job at work.
    fn start_import_job(&self, id: &JobId) -> impl Future<Output = PoolResult<ImportJob>> + Send;

    /// DescribeUserImportJob.
    fn describe_import_job(&self, id: &JobId) -> impl Future<Output = PoolResult<ImportJob>> + Send;
}
