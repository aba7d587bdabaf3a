//! A case, and what it says: calls and answers.

use std::time::Duration;

use shared::model::{AttributeSchema, Category, UserStatus, Username};
use shared::ports::pool::{JobStatus, Medium, PoolErrorKind};

use super::stage::{Settings, Stage};

/// A case: a pool, its preparation, and calls with the answers that every pool must give.
#[derive(Debug)]
pub struct Case {
    /// A sentence about the case.
    pub name: &'static str,
    /// The pool. Each case has a new one.
    pub settings: Settings,
    /// The preparation. All of it succeeds.
    pub given: Vec<Call>,
    /// Calls and answers.
    pub then: Vec<(Call, Expected)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserName {
    /// A user that the stage makes.
    Person(u32),
    Named(String),
}

impl UserName {
    pub(super) fn username<S: Stage>(&self, stage: &S) -> Username {
        match self {
            Self::Person(number) => stage.person(*number).username,
            Self::Named(name) => Username::new(name.as_str()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// A group that the stage makes.
    Numbered(u32),
    /// The group of this name, without settings.
    Named(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct UserToCreate {
    pub name: UserName,
    /// The attributes, in addition to those of a stage's person.
    pub attributes: Vec<(&'static str, String)>,
    /// The temporary password. None for one that every policy accepts.
    pub password: Option<&'static str>,
    /// How the user is invited.
    pub invitation: Option<Medium>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// None, so the listing begins.
    None,
    /// The token that this step of `then` returned, counted from 0.
    Of(usize),
    /// A text that no listing returned.
    MadeUp(&'static str),
}

/// An action on a pool: one call of the trait, several calls, or no call.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are those of the trait's methods")]
pub enum Call {
    Describe,
    ListUsers(Token),
    /// With this limit.
    ListUsersBy(u32, Token),
    ListUsersBySub(char, Token),
    ListGroups(Token),
    ListMembers(Group, Token),
    /// With this limit.
    ListMembersBy(u32, Group, Token),
    ListGroupsOfUser(UserName, Token),
    CreateUser(UserToCreate),
    /// Sends the invitation of a user again.
    InviteAgain(UserName),
    GetUser(UserName),
    SetPassword(UserName, String),
    DisableUser(UserName),
    EnableUser(UserName),
    UpdateAttributes(UserName, Vec<(&'static str, String)>),
    DeleteAttributes(UserName, Vec<&'static str>),
    /// The provider, and the user's id at the provider.
    LinkIdentity(UserName, &'static str, &'static str),
    /// The factors turned on, and the preferred one.
    SetMfa(UserName, Vec<&'static str>, Option<&'static str>),
    CreateGroup(Group),
    /// Name, description, precedence.
    CreateGroupWith(&'static str, Option<&'static str>, Option<i32>),
    /// Creates a group of this name with this role.
    CreateGroupWithRole(&'static str, &'static str),
    /// Gives the group of this name this role.
    UpdateRole(&'static str, &'static str),
    GetGroup(Group),
    UpdateGroup(&'static str, Option<&'static str>, Option<i32>),
    AddCustomAttributes(Vec<(&'static str, AttributeSchema)>),
    ListProviders,
    AddToGroup(UserName, Group),
    ProvisionedLimit(Category),
    CsvHeader,
    CreateImportJob,
    /// Starts a job. The number is its place in the order of creation, from 0.
    StartImportJob(usize),
    DescribeImportJob(usize),
    /// ListUserImportJobs, with this limit.
    ListImportJobs(u32, Token),
    /// ListPointInTimeRecoveries.
    ListRecoveries,
    /// DescribeUserImportJob of a job that does not exist.
    DescribeMissingJob,
    StartMissingJob,

    /// Creates persons, from the first number up to, but not including, the second one.
    People(u32, u32),
    /// Creates groups in the same way.
    Groups(u32, u32),
    /// Adds persons to a group in the same way.
    Members(Group, u32, u32),
    /// Lists all users. Checks that pages have at most 60 entries and that no token is repeated.
    AllUsers,
    /// Lists all users by each first digit of a `sub`. Checks that each user has the digit.
    AllUsersBySub,
    /// Looks up the user by the exact filter `sub = "…"`. Without a user: a `sub` that no user has.
    CountBySub(Option<UserName>),
    AllGroups,
    AllMembers(Group),
    /// The names of all groups of a user.
    AllGroupsOfUser(UserName),
    /// The user in the form of a listing.
    Listed(UserName),
    /// Uploads a file of these rows for a job. Each row names its columns.
    Upload(usize, Vec<Vec<(&'static str, String)>>),
    /// Uploads a file with a row for each person from the first number up to, but not including,
    /// the second one.
    UploadPeople(usize, u32, u32),
    /// Waits until the job has ended.
    EndOfImportJob(usize),
    /// All import jobs, listed with this limit: their places in the order of creation, and their states.
    AllImportJobs(u32),
    /// Starts a point-in-time recovery, or ends it.
    Recover(bool),
    /// The number of messages that the pool sent.
    Messages,
    AddProvider(&'static str),
    Pass(Duration),
    /// Sends all further calls to a pool that does not exist.
    LosePool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// The call succeeds.
    Done,
    /// The call is refused with one of these kinds. There are several if the documentation does not
    /// say which.
    Refused(Vec<PoolErrorKind>),
    /// A page with this number of entries, and whether a token comes with it.
    Page(usize, bool),
    /// This number of distinct entries, or of messages.
    Number(u64),
    User(UserIs),
    /// A group with this description and precedence.
    Group(Option<&'static str>, Option<i32>),
    /// A group with this role.
    Role(Option<&'static str>),
    /// Exactly these names, in any order.
    Names(Vec<&'static str>),
    /// Exactly these names, in this order.
    NamesInOrder(Vec<&'static str>),
    /// At least the first names, none of them twice, and none of the second names.
    NamesAmong(Vec<&'static str>, Vec<&'static str>),
    /// A limit of at least one call per second.
    Limit,
    /// A job with one of these statuses, and its numbers of imported, skipped and failed users.
    Job(Vec<JobStatus>, [u64; 3]),
    /// The settings that the pool was made with.
    Settings,
}

/// The expected fields of a user.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserIs {
    pub name: Option<UserName>,
    /// Whether the username is the `sub`.
    pub is_named_by_sub: bool,
    pub status: Option<UserStatus>,
    pub enabled: Option<bool>,
    /// Attributes with their values. None for an attribute that the user lacks. For a person, all
    /// other attributes must be as created.
    pub attributes: Vec<(&'static str, Option<String>)>,
    /// The second factors that are on, and the preferred one. The outer option is none if the case
    /// does not compare them.
    pub mfa: Option<(Vec<&'static str>, Option<&'static str>)>,
    /// The linked identities: provider and id.
    pub identities: Option<Vec<(&'static str, &'static str)>>,
}
