//! A case, and what it says: calls and answers.

use std::time::Duration;

use shared::model::{AttributeSchema, Category, UserStatus, Username};
use shared::ports::pool::{JobStatus, Medium, PoolErrorKind};

use super::stage::{Settings, Stage};

/// A case: a pool, what is done to it first, and calls with the answers that a pool owes.
#[derive(Debug)]
pub struct Case {
    /// What the case is about, as a sentence.
    pub name: &'static str,
    /// The pool. Each case has a new one.
    pub settings: Settings,
    /// What is done first; all of it succeeds.
    pub given: Vec<Call>,
    /// Calls and answers.
    pub then: Vec<(Call, Expected)>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// One of the stage's own.
    Person(u32),
    /// The user of this name.
    Named(String),
}

impl Who {
    pub(super) fn username<S: Stage>(&self, stage: &S) -> Username {
        match self {
            Self::Person(number) => stage.person(*number).username,
            Self::Named(name) => Username::new(name.as_str()),
        }
    }
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// One of the stage's own.
    Numbered(u32),
    /// The group of this name, without settings.
    Named(String),
}

/// A user to create.
#[derive(Debug, Clone, PartialEq)]
pub struct New {
    /// The username.
    pub who: Who,
    /// Attributes, on top of those that a person has.
    pub attributes: Vec<(&'static str, String)>,
    /// The temporary password, if not one that every policy takes.
    pub password: Option<&'static str>,
    /// How the user is invited.
    pub invitation: Option<Medium>,
}

/// The token of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// None: the listing begins.
    None,
    /// The one that this step of `then` gave, counted from 0.
    Of(usize),
    /// A text that no listing gave.
    MadeUp(&'static str),
}

/// What is done to a pool: a call of the trait, or several, or what is no call.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names are those of the trait's methods")]
pub enum Call {
    Describe,
    ListUsers(Token),
    ListUsersBySub(char, Token),
    ListGroups(Token),
    ListMembers(Group, Token),
    CreateUser(New),
    GetUser(Who),
    SetPassword(Who, String),
    DisableUser(Who),
    EnableUser(Who),
    UpdateAttributes(Who, Vec<(&'static str, String)>),
    DeleteAttributes(Who, Vec<&'static str>),
    /// Provider and the id there.
    LinkIdentity(Who, &'static str, &'static str),
    /// The factors turned on, and the preferred one.
    SetMfa(Who, Vec<&'static str>, Option<&'static str>),
    CreateGroup(Group),
    /// Name, description, precedence.
    CreateGroupWith(&'static str, Option<&'static str>, Option<i32>),
    GetGroup(Group),
    UpdateGroup(&'static str, Option<&'static str>, Option<i32>),
    AddCustomAttributes(Vec<(&'static str, AttributeSchema)>),
    ListProviders,
    AddToGroup(Who, Group),
    ProvisionedLimit(Category),
    CsvHeader,
    CreateImportJob,
    /// The job that was created as the n-th, counted from 0.
    StartImportJob(usize),
    DescribeImportJob(usize),
    /// DescribeUserImportJob of a job that never was.
    DescribeMissingJob,
    StartMissingJob,

    /// Creates persons, from the first number up to the second one.
    People(u32, u32),
    /// Creates groups likewise.
    Groups(u32, u32),
    /// Adds persons to a group likewise.
    Members(Group, u32, u32),
    /// Goes through a listing from its beginning to its end: pages have at most 60 entries, no token is given
    /// twice.
    AllUsers,
    /// The same by every first digit of a `sub`; each user has the digit that was asked for.
    AllUsersBySub,
    AllGroups,
    AllMembers(Group),
    /// The user as a listing shows it.
    Listed(Who),
    /// Puts a file of these rows where the job finds it: each row names its columns.
    Upload(usize, Vec<Vec<(&'static str, String)>>),
    /// The same with a row for each person from the first number up to the second one.
    UploadPeople(usize, u32, u32),
    /// Waits until the job has ended.
    EndOfImportJob(usize),
    /// The number of messages that the pool sent.
    Messages,
    AddProvider(&'static str),
    Pass(Duration),
    /// From now on calls go to a pool that does not exist.
    LosePool,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// The call succeeds.
    Done,
    /// The call is refused, with one of these kinds: the documentation does not always say which.
    Refused(Vec<PoolErrorKind>),
    /// A page of so many entries, and whether a token comes with it.
    Page(usize, bool),
    /// So many entries, none of them twice; or so many messages.
    Number(u64),
    /// A user.
    User(UserIs),
    /// A group with this description and precedence.
    Group(Option<&'static str>, Option<i32>),
    /// Exactly these names, in any order.
    Names(Vec<&'static str>),
    /// At least these names, none of them twice, and not the others.
    NamesAmong(Vec<&'static str>, Vec<&'static str>),
    /// At least one call per second.
    Limit,
    /// A job with one of these statuses, and its users: imported, skipped, failed.
    Job(Vec<JobStatus>, [u64; 3]),
    /// The settings that the pool was made with.
    Settings,
}

/// What is known of a user.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UserIs {
    /// The username.
    pub name: Option<Who>,
    /// Whether the username is the `sub`.
    pub is_named_by_sub: bool,
    /// The status.
    pub status: Option<UserStatus>,
    /// Whether the user can sign in.
    pub enabled: Option<bool>,
    /// Attributes and their values; none for what the user lacks. Of a person, all other attributes are as
    /// created.
    pub attributes: Vec<(&'static str, Option<String>)>,
    /// The second factors turned on and the preferred one; the outer option is none if the case does not look
    /// at them.
    pub mfa: Option<(Vec<&'static str>, Option<&'static str>)>,
    /// Identities that sign in as the user: provider and id.
    pub identities: Option<Vec<(&'static str, &'static str)>>,
}
