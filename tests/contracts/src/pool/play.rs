//! A case, carried out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use shared::model::{
    AttributeSchema, GroupName, GroupRecord, Identity, JobId, MfaPreference, PoolDescription, Sub, SubPrefix, User, Username,
};
use shared::ports::job_files::{JobFile, JobFiles};
use shared::ports::pool::{ImportJob, Listed, NewUser, Password, Pool, PoolError, PoolErrorKind, PresignedUrl};

use super::{Call, Case, Expected, Group, New, Settings, Stage, Token, UserIs, Who};
use crate::exception::Outcome;

/// A password that every policy takes.
const PASSWORD: &str = "Temporary-1";
/// The role by which Cognito writes the logs of jobs.
const LOG_ROLE: &str = "arn:aws:iam::123456789012:role/import-job-logs";
/// More pages than any listing of a case has.
const MAX_PAGES: usize = 50;
/// How often a case looks whether a job has ended, and how long it waits in between.
const MAX_LOOKS: usize = 600;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What came of a call.
enum Answer {
    Done,
    Page(usize, Option<String>),
    Number(u64),
    User(Box<User>),
    Group(GroupRecord),
    Names(Vec<String>),
    Limit(u32),
    Job(ImportJob),
    Description(Box<PoolDescription>),
    Refused(PoolErrorKind, String),
    /// The stage cannot do it.
    NotModelled(&'static str),
    /// Something that no answer may be.
    Wrong(String),
}

impl From<PoolError> for Answer {
    fn from(error: PoolError) -> Self {
        Self::Refused(error.kind, error.code)
    }
}

/// A case under way.
struct Play<'a, S: Stage> {
    stage: &'a S,
    pool: S::Pool,
    /// The tokens that the steps of `then` gave.
    tokens: Vec<Option<String>>,
    jobs: Vec<(JobId, PresignedUrl)>,
}

/// Plays a case on a new pool.
pub(super) async fn play<S: Stage>(stage: &S, case: &Case) -> Outcome {
    let Some(pool) = stage.pool(&case.settings).await else {
        return Outcome::Refused("the stage makes no pool of such settings".to_owned());
    };
    let mut play = Play { stage, pool, tokens: Vec::new(), jobs: Vec::new() };
    for call in &case.given {
        let answer = play.carry_out(call).await;
        if matches!(answer, Answer::Refused(..) | Answer::NotModelled(_)) {
            return Outcome::Refused(format!("{call:?}, which prepares it, answers {answer}"));
        }
    }
    for (call, expected) in &case.then {
        let answer = play.carry_out(call).await;
        if !play.is_owed(&answer, expected, &case.settings) {
            let what = format!("{call:?} answers {answer} instead of {expected:?}");
            let is_refusal = match answer {
                Answer::NotModelled(_) => true,
                Answer::Refused(..) => !matches!(expected, Expected::Refused(_)),
                _ => false,
            };
            return if is_refusal { Outcome::Refused(what) } else { Outcome::Differed(what) };
        }
        play.tokens.push(if let Answer::Page(_, token) = answer { token } else { None });
    }
    Outcome::Agrees
}

impl<S: Stage> Play<'_, S> {
    async fn carry_out(&mut self, call: &Call) -> Answer {
        self.answer(call).await.unwrap_or_else(Answer::from)
    }

    async fn answer(&mut self, call: &Call) -> Result<Answer, PoolError> {
        let pool = &self.pool;
        match call {
            Call::Describe => pool.describe().await.map(|description| Answer::Description(Box::new(description))),
            Call::ListUsers(token) => pool.list_users(self.token(token)).await.map(page),
            Call::ListUsersBySub(digit, token) => {
                let Ok(prefix) = SubPrefix::try_from(*digit) else { return Ok(Answer::Wrong(digit.to_string())) };
                pool.list_users_by_sub(prefix, self.token(token)).await.map(page)
            }
            Call::ListGroups(token) => pool.list_groups(self.token(token)).await.map(page),
            Call::ListMembers(group, token) => pool.list_members(&self.group(group).name, self.token(token)).await.map(page),
            Call::CreateUser(new) => pool.create_user(&self.new_user(new)).await.map(|user| Answer::User(Box::new(user))),
            Call::GetUser(who) => pool.get_user(&self.username(who)).await.map(|user| Answer::User(Box::new(user))),
            Call::SetPassword(who, password) => {
                done(pool.set_password(&self.username(who), &Password::new(password.clone())).await)
            }
            Call::DisableUser(who) => done(pool.disable_user(&self.username(who)).await),
            Call::EnableUser(who) => done(pool.enable_user(&self.username(who)).await),
            Call::UpdateAttributes(who, attributes) => {
                done(pool.update_attributes(&self.username(who), &owned(attributes)).await)
            }
            Call::DeleteAttributes(who, names) => {
                let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
                done(pool.delete_attributes(&self.username(who), &names).await)
            }
            Call::LinkIdentity(who, provider, id) => {
                let identity = Identity { provider_name: (*provider).to_owned(), user_id: (*id).to_owned() };
                done(pool.link_identity(&self.username(who), &identity).await)
            }
            Call::SetMfa(who, enabled, preferred) => done(pool.set_mfa(&self.username(who), &factors(enabled, *preferred)).await),
            Call::CreateGroup(group) => done(pool.create_group(&self.group(group)).await),
            Call::CreateGroupWith(name, description, precedence) => {
                done(pool.create_group(&group_with(name, *description, *precedence)).await)
            }
            Call::GetGroup(group) => pool.get_group(&self.group(group).name).await.map(Answer::Group),
            Call::UpdateGroup(name, description, precedence) => {
                done(pool.update_group(&group_with(name, *description, *precedence)).await)
            }
            Call::AddCustomAttributes(attributes) => done(pool.add_custom_attributes(&declared(attributes)).await),
            Call::ListProviders => pool.list_providers(None).await.map(|listed| Answer::Names(listed.entries)),
            Call::AddToGroup(who, group) => done(pool.add_to_group(&self.username(who), &self.group(group).name).await),
            Call::ProvisionedLimit(category) => pool.provisioned_limit(*category).await.map(Answer::Limit),
            Call::CsvHeader => pool.csv_header().await.map(Answer::Names),
            Call::CreateImportJob => {
                let job = pool.create_import_job("restore", LOG_ROLE).await?;
                self.jobs.push((job.id.clone(), job.upload_to.clone()));
                Ok(Answer::Job(job))
            }
            Call::StartImportJob(number) => pool.start_import_job(&self.jobs[*number].0).await.map(Answer::Job),
            Call::DescribeImportJob(number) => pool.describe_import_job(&self.jobs[*number].0).await.map(Answer::Job),
            Call::DescribeMissingJob => pool.describe_import_job(&missing_job()).await.map(Answer::Job),
            Call::StartMissingJob => pool.start_import_job(&missing_job()).await.map(Answer::Job),
            Call::People(..)
            | Call::Groups(..)
            | Call::Members(..)
            | Call::AllUsers
            | Call::AllUsersBySub
            | Call::AllGroups
            | Call::AllMembers(_)
            | Call::Listed(_) => self.several(call).await,
            Call::Upload(..)
            | Call::UploadPeople(..)
            | Call::EndOfImportJob(_)
            | Call::Messages
            | Call::AddProvider(_)
            | Call::Pass(_)
            | Call::LosePool => self.beside(call).await,
        }
    }

    /// What takes several calls.
    async fn several(&self, call: &Call) -> Result<Answer, PoolError> {
        let pool = &self.pool;
        match call {
            Call::People(from, to) => {
                for number in *from..*to {
                    pool.create_user(&self.stage.person(number)).await?;
                }
                Ok(Answer::Done)
            }
            Call::Groups(from, to) => {
                for number in *from..*to {
                    pool.create_group(&self.stage.group(number)).await?;
                }
                Ok(Answer::Done)
            }
            Call::Members(group, from, to) => {
                let group = self.group(group).name;
                for number in *from..*to {
                    pool.add_to_group(&self.stage.person(number).username, &group).await?;
                }
                Ok(Answer::Done)
            }
            Call::AllUsers => counted(walk(async |token| pool.list_users(token).await, sub_of).await),
            Call::AllGroups => counted(walk(async |token| pool.list_groups(token).await, name_of).await),
            Call::AllMembers(group) => {
                let group = self.group(group).name;
                counted(walk(async |token| pool.list_members(&group, token).await, Sub::to_string).await)
            }
            Call::AllUsersBySub => {
                let mut all = 0;
                for prefix in SubPrefix::ALL {
                    let list = async |token: Option<&str>| pool.list_users_by_sub(prefix, token).await;
                    let users = match walk(list, sub_of).await? {
                        Ok(users) => users,
                        Err(what) => return Ok(Answer::Wrong(what)),
                    };
                    if let Some(other) = users.iter().find(|user| !prefix.begins(user.sub.as_str())) {
                        return Ok(Answer::Wrong(format!("{} among those that begin with {prefix}", other.sub)));
                    }
                    all += users.len() as u64;
                }
                Ok(Answer::Number(all))
            }
            Call::Listed(who) => {
                let username = self.username(who);
                let users = walk(async |token| pool.list_users(token).await, sub_of).await?;
                let user = users.map(|users| users.into_iter().find(|user| user.record.username == username));
                Ok(match user {
                    Ok(Some(user)) => Answer::User(Box::new(user)),
                    Ok(None) => Answer::Wrong("a listing without the user".to_owned()),
                    Err(what) => Answer::Wrong(what),
                })
            }
            _ => Ok(Answer::NotModelled("the call")),
        }
    }

    /// What is no call of the trait.
    async fn beside(&mut self, call: &Call) -> Result<Answer, PoolError> {
        match call {
            Call::Upload(job, rows) => self.upload(*job, rows.iter().map(|row| owned(row)).collect()).await,
            Call::UploadPeople(job, from, to) => {
                let row = |number| {
                    let NewUser { username, mut attributes, .. } = self.stage.person(number);
                    attributes.insert("cognito:username".to_owned(), username.to_string());
                    attributes.insert("cognito:mfa_enabled".to_owned(), "false".to_owned());
                    attributes
                };
                let rows = (*from..*to).map(row).collect();
                self.upload(*job, rows).await
            }
            Call::EndOfImportJob(number) => {
                for _ in 0..MAX_LOOKS {
                    let job = self.pool.describe_import_job(&self.jobs[*number].0).await?;
                    if !job.status.is_active() {
                        return Ok(Answer::Job(job));
                    }
                    self.stage.pass(LOOK_EVERY).await;
                }
                Ok(Answer::Wrong("a job that does not end".to_owned()))
            }
            Call::Messages => Ok(self.stage.messages(&self.pool).map_or(Answer::NotModelled("messages"), Answer::Number)),
            Call::AddProvider(name) => {
                let is_added = self.stage.add_provider(&self.pool, name).await;
                Ok(if is_added { Answer::Done } else { Answer::NotModelled("providers") })
            }
            Call::Pass(time) => {
                self.stage.pass(*time).await;
                Ok(Answer::Done)
            }
            Call::LosePool => {
                self.pool = self.stage.missing_pool();
                Ok(Answer::Done)
            }
            _ => Ok(Answer::NotModelled("the call")),
        }
    }

    /// Brings a file to a job: a header and rows, in which a comma within a value follows a backslash.
    async fn upload(&self, job: usize, rows: Vec<BTreeMap<String, String>>) -> Result<Answer, PoolError> {
        let header = self.pool.csv_header().await?;
        let mut lines = vec![header.join(",")];
        for row in rows {
            let value = |column| row.get(column).map_or(String::new(), |value: &String| value.replace(',', "\\,"));
            lines.push(header.iter().map(value).collect::<Vec<_>>().join(","));
        }
        let text = lines.join("\n") + "\n";
        let uploaded = async {
            let mut file = self.stage.job_files().begin().map_err(|error| error.to_string())?;
            file.append(text.as_bytes()).await.map_err(|error| error.to_string())?;
            file.upload(&self.jobs[job].1).await.map_err(|error| error.to_string())
        };
        Ok(uploaded.await.map_or_else(Answer::Wrong, |()| Answer::Done))
    }

    fn token<'t>(&'t self, token: &Token) -> Option<&'t str> {
        match token {
            Token::None => None,
            Token::Of(step) => self.tokens.get(*step).and_then(Option::as_deref).or(Some("a token that no step gave")),
            Token::MadeUp(text) => Some(text),
        }
    }

    fn username(&self, who: &Who) -> Username {
        match who {
            Who::Person(number) => self.stage.person(*number).username,
            Who::Named(name) => Username::new(name.as_str()),
        }
    }

    fn group(&self, group: &Group) -> GroupRecord {
        match group {
            Group::Numbered(number) => self.stage.group(*number),
            Group::Named(name) => group_with(name, None, None),
        }
    }

    fn new_user(&self, new: &New) -> NewUser {
        let mut user = match &new.who {
            Who::Person(number) => self.stage.person(*number),
            Who::Named(name) => NewUser {
                username: Username::new(name.as_str()),
                attributes: BTreeMap::new(),
                temporary_password: Password::new(PASSWORD.to_owned()),
                invitation: None,
            },
        };
        user.attributes.extend(owned(&new.attributes));
        user.invitation = new.invitation;
        if let Some(password) = new.password {
            user.temporary_password = Password::new(password.to_owned());
        }
        user
    }

    fn is_owed(&self, answer: &Answer, expected: &Expected, settings: &Settings) -> bool {
        match (answer, expected) {
            (answer, Expected::Done) => !matches!(answer, Answer::Refused(..) | Answer::NotModelled(_) | Answer::Wrong(_)),
            (Answer::Refused(kind, _), Expected::Refused(kinds)) => kinds.contains(kind),
            (Answer::Page(entries, token), Expected::Page(wanted, more)) => entries == wanted && token.is_some() == *more,
            (Answer::Number(number), Expected::Number(wanted)) => number == wanted,
            (Answer::User(user), Expected::User(wanted)) => self.is_user(user, wanted),
            (Answer::Group(group), Expected::Group(description, precedence)) => {
                group.description.as_deref() == *description && group.precedence == *precedence
            }
            (Answer::Names(names), Expected::Names(wanted)) => {
                names.len() == wanted.len() && wanted.iter().all(|name| names.iter().any(|there| there == name))
            }
            (Answer::Names(names), Expected::NamesAmong(wanted, others)) => {
                let distinct: BTreeSet<_> = names.iter().map(String::as_str).collect();
                let has = |name: &&str| distinct.contains(name);
                distinct.len() == names.len() && wanted.iter().all(has) && !others.iter().any(has)
            }
            (Answer::Limit(limit), Expected::Limit) => *limit > 0,
            (Answer::Job(job), Expected::Job(statuses, counts)) => {
                statuses.contains(&job.status) && [job.imported, job.skipped, job.failed] == *counts
            }
            (Answer::Description(description), Expected::Settings) => is_made_of(description, settings),
            _ => false,
        }
    }

    fn is_user(&self, User { sub, record }: &User, wanted: &UserIs) -> bool {
        let name = wanted.name.as_ref().map(|who| self.username(who));
        let created = match &wanted.name {
            Some(Who::Person(number)) => self.stage.person(*number).attributes,
            _ => BTreeMap::new(),
        };
        let mut attributes: BTreeMap<&str, Option<&str>> =
            created.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        attributes.extend(wanted.attributes.iter().map(|(name, value)| (*name, value.as_deref())));
        let has = |(name, value): (&str, Option<&str>)| record.attributes.get(name).map(String::as_str) == value;
        let mfa = wanted.mfa.as_ref().map(|(enabled, preferred)| factors(enabled, *preferred));
        let identities = wanted.identities.as_ref().map(|identities| {
            let identity =
                |(provider, id): &(&str, &str)| Identity { provider_name: (*provider).to_owned(), user_id: (*id).to_owned() };
            identities.iter().map(identity).collect::<Vec<_>>()
        });
        name.is_none_or(|name| record.username == name)
            && (!wanted.is_named_by_sub || record.username.as_str() == sub.as_str())
            && wanted.status.as_ref().is_none_or(|status| record.status == *status)
            && wanted.enabled.is_none_or(|enabled| record.enabled == enabled)
            && attributes.into_iter().all(has)
            && mfa.is_none_or(|mfa| record.mfa.clone().unwrap_or_default() == mfa)
            && identities.is_none_or(|identities| record.identities() == Some(identities))
    }
}

/// Goes through a listing; the inner error says what is wrong with it.
async fn walk<T>(
    list: impl AsyncFn(Option<&str>) -> Result<Listed<T>, PoolError>,
    id: impl Fn(&T) -> String,
) -> Result<Result<Vec<T>, String>, PoolError> {
    let (mut all, mut ids, mut tokens) = (Vec::new(), HashSet::new(), HashSet::new());
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let Listed { entries, next_token } = list(token.as_deref()).await?;
        if entries.len() > 60 {
            return Ok(Err(format!("a page of {} entries", entries.len())));
        }
        if let Some(twice) = entries.iter().map(&id).find(|id| !ids.insert(id.clone())) {
            return Ok(Err(format!("{twice} twice in a listing")));
        }
        all.extend(entries);
        match next_token {
            None => return Ok(Ok(all)),
            Some(next) if !tokens.insert(next.clone()) => return Ok(Err("a token twice in a listing".to_owned())),
            next => token = next,
        }
    }
    Ok(Err("a listing that does not end".to_owned()))
}

fn sub_of(user: &User) -> String {
    user.sub.to_string()
}

fn name_of(group: &GroupRecord) -> String {
    group.name.to_string()
}

fn counted<T>(walked: Result<Result<Vec<T>, String>, PoolError>) -> Result<Answer, PoolError> {
    walked.map(|walked| walked.map_or_else(Answer::Wrong, |all| Answer::Number(all.len() as u64)))
}

fn page<T>(listed: Listed<T>) -> Answer {
    Answer::Page(listed.entries.len(), listed.next_token)
}

fn done(result: Result<(), PoolError>) -> Result<Answer, PoolError> {
    result.map(|()| Answer::Done)
}

fn owned(attributes: &[(&'static str, String)]) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn declared(attributes: &[(&'static str, AttributeSchema)]) -> BTreeMap<String, AttributeSchema> {
    attributes.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect()
}

fn factors(enabled: &[&'static str], preferred: Option<&'static str>) -> MfaPreference {
    MfaPreference {
        enabled: enabled.iter().map(|factor| (*factor).to_owned()).collect(),
        preferred: preferred.map(str::to_owned),
    }
}

fn group_with(name: &str, description: Option<&str>, precedence: Option<i32>) -> GroupRecord {
    GroupRecord {
        name: GroupName::new(name),
        description: description.map(str::to_owned),
        precedence,
        role_arn: None,
        created: None,
        modified: None,
    }
}

fn missing_job() -> JobId {
    JobId::new("import-0000000000")
}

/// Whether a pool says of itself what it was made with.
fn is_made_of(description: &PoolDescription, settings: &Settings) -> bool {
    let same = |names: &[String], wanted: &[&str]| {
        names.len() == wanted.len() && wanted.iter().all(|name| names.iter().any(|there| there == name))
    };
    let requires = |name: &&str| description.attributes.get(*name).is_some_and(|schema| schema.required);
    let declares = |(name, wanted): &(&str, AttributeSchema)| description.attributes.get(*name) == Some(wanted);
    same(&description.username_attributes, &settings.sign_in_by)
        && same(&description.alias_attributes, &settings.aliases)
        && same(&description.auto_verified_attributes, &settings.auto_verified)
        && description.case_sensitive == settings.case_sensitive
        && (description.mfa != "OFF") == settings.has_mfa
        && settings.required.iter().all(requires)
        && settings.custom.iter().all(declares)
        && description.attributes.contains_key("sub")
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Page(entries, token) => write!(f, "a page of {entries} entries, token: {}", token.is_some()),
            Self::Number(number) => write!(f, "{number}"),
            Self::User(user) => write!(f, "a user with {:?}, {:?}", shown(user), user.record.mfa),
            Self::Group(group) => write!(f, "a group with {:?}, {:?}", group.description, group.precedence),
            Self::Names(names) => write!(f, "{names:?}"),
            Self::Limit(limit) => write!(f, "{limit} per second"),
            Self::Job(ImportJob { status, imported, skipped, failed, .. }) => {
                write!(f, "a job {status:?} with {imported} imported, {skipped} skipped, {failed} failed")
            }
            Self::Description(description) => write!(f, "{description:?}"),
            Self::Refused(kind, code) => write!(f, "{kind:?} ({code})"),
            Self::NotModelled(what) => write!(f, "that the stage has no {what}"),
            Self::Wrong(what) => f.write_str(what),
        }
    }
}

/// What the cases look at of a user. All users of the cases are invented.
fn shown(user: &User) -> String {
    let User { sub, record } = user;
    let attributes: Vec<_> = record.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "sub {sub}, username {}, {}, enabled {}, {}",
        record.username.as_str(),
        record.status.as_str(),
        record.enabled,
        attributes.join(" ")
    )
    .chars()
    .take(600)
    .collect()
}
