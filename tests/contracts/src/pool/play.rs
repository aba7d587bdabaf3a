//! Plays a case on a stage.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use shared::model::{
    AttributeSchema, GroupName, GroupRecord, Identity, JobId, PageLimit, Sub, SubPrefix, User, Username,
};
use shared::ports::job_files::{JobFile, JobFiles};
use shared::ports::pool::{Listed, Medium, NewUser, Operation, Password, Pool, PoolError, PresignedUrl};

use super::answer::{Answer, factors};
use super::walk::walk;
use super::{Call, Case, Expected, Group, Stage, Token, UserName, UserToCreate};
use crate::exception::Outcome;

/// A password that every policy accepts.
const PASSWORD: &str = "Temporary-1";
/// The role by which Cognito writes the logs of jobs.
const LOG_ROLE: &str = "arn:aws:iam::123456789012:role/import-job-logs";
/// How often a case checks whether a job has ended, and how long it waits in between.
const MAX_LOOKS: usize = 600;
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A case under way.
struct Play<'a, S: Stage> {
    stage: &'a S,
    pool: S::Pool,
    /// The tokens that the steps of `then` returned.
    tokens: Vec<Option<String>>,
    jobs: Vec<(JobId, Option<PresignedUrl>)>,
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
        if !answer.is_owed(expected, &case.settings, stage) {
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
            Call::Describe => {
                pool.describe().await.map(|description| Answer::Description(Box::new(description)))
            }
            Call::ListUsers(token) => pool.list_users(PageLimit::MAX, self.token(token)).await.map(page),
            Call::ListUsersBy(limit, token) => {
                pool.list_users(PageLimit::from(*limit), self.token(token)).await.map(page)
            }
            Call::ListUsersBySub(digit, token) => {
                let Ok(prefix) = SubPrefix::try_from(*digit) else {
                    return Ok(Answer::Wrong(digit.to_string()));
                };
                pool.list_users_by_sub(prefix, PageLimit::MAX, self.token(token)).await.map(page)
            }
            Call::ListGroups(token) => pool.list_groups(self.token(token)).await.map(page),
            Call::ListMembers(group, token) => {
                pool.list_members(&self.group(group).name, PageLimit::MAX, self.token(token)).await.map(page)
            }
            Call::ListMembersBy(limit, group, token) => {
                let limit = PageLimit::from(*limit);
                pool.list_members(&self.group(group).name, limit, self.token(token)).await.map(page)
            }
            Call::ListGroupsOfUser(name, token) => {
                pool.list_groups_of_user(&name.username(self.stage), self.token(token)).await.map(page)
            }
            Call::CreateUser(new) => {
                pool.create_user(&self.new_user(new)).await.map(|user| Answer::User(Box::new(user)))
            }
            Call::InviteAgain(name) => {
                let password = Password::new(PASSWORD.to_owned());
                done(pool.invite_again(&name.username(self.stage), &password, Medium::Email).await)
            }
            Call::GetUser(name) => {
                pool.get_user(&name.username(self.stage)).await.map(|user| Answer::User(Box::new(user)))
            }
            Call::SetPassword(name, password) => {
                done(pool.set_password(&name.username(self.stage), &Password::new(password.clone())).await)
            }
            Call::DisableUser(name) => done(pool.disable_user(&name.username(self.stage)).await),
            Call::EnableUser(name) => done(pool.enable_user(&name.username(self.stage)).await),
            Call::UpdateAttributes(name, attributes) => {
                done(pool.update_attributes(&name.username(self.stage), &owned(attributes)).await)
            }
            Call::DeleteAttributes(name, names) => {
                let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
                done(pool.delete_attributes(&name.username(self.stage), &names).await)
            }
            Call::LinkIdentity(name, provider, id) => {
                let identity = Identity { provider_name: (*provider).to_owned(), user_id: (*id).to_owned() };
                done(pool.link_identity(&name.username(self.stage), &identity).await)
            }
            Call::SetMfa(name, enabled, preferred) => {
                done(pool.set_mfa(&name.username(self.stage), &factors(enabled, *preferred)).await)
            }
            Call::CreateGroup(group) => done(pool.create_group(&self.group(group)).await),
            Call::CreateGroupWith(name, description, precedence) => {
                done(pool.create_group(&group_with(name, *description, *precedence)).await)
            }
            Call::CreateGroupWithRole(name, role) => done(pool.create_group(&with_role(name, role)).await),
            Call::UpdateRole(name, role) => done(pool.update_group(&with_role(name, role)).await),
            Call::GetGroup(group) => pool.get_group(&self.group(group).name).await.map(Answer::Group),
            Call::UpdateGroup(name, description, precedence) => {
                done(pool.update_group(&group_with(name, *description, *precedence)).await)
            }
            Call::AddCustomAttributes(attributes) => {
                done(pool.add_custom_attributes(&declared(attributes)).await)
            }
            Call::ListProviders => {
                pool.list_providers(None).await.map(|listed| Answer::Names(listed.entries))
            }
            Call::AddToGroup(name, group) => {
                done(pool.add_to_group(&name.username(self.stage), &self.group(group).name).await)
            }
            Call::ProvisionedLimit(category) => pool.provisioned_limit(*category).await.map(Answer::Limit),
            Call::CsvHeader => pool.csv_header().await.map(Answer::Names),
            Call::CreateImportJob => {
                let job = pool.create_import_job("restore", LOG_ROLE).await?;
                self.jobs.push((job.id.clone(), job.upload_to.clone()));
                Ok(Answer::Job(job))
            }
            Call::StartImportJob(number) => {
                pool.start_import_job(&self.jobs[*number].0).await.map(Answer::Job)
            }
            Call::DescribeImportJob(number) => {
                pool.describe_import_job(&self.jobs[*number].0).await.map(Answer::Job)
            }
            Call::DescribeMissingJob => pool.describe_import_job(&missing_job()).await.map(Answer::Job),
            Call::StartMissingJob => pool.start_import_job(&missing_job()).await.map(Answer::Job),
            Call::ListImportJobs(limit, token) => {
                let listed = self.import_jobs(*limit, self.token(token)).await?;
                Ok(page(listed))
            }
            Call::ListRecoveries => {
                let request = json!({"UserPoolId": pool.id().as_str(), "MaxResults": 60});
                let answer = pool.read_configuration(Operation::ListPointInTimeRecoveries, &request).await?;
                let answer = answer.into_json();
                let recoveries = answer["Restorations"].as_array().into_iter().flatten();
                Ok(Answer::Names(recoveries.map(|one| text(&one["RestoreStatus"])).collect()))
            }
            Call::People(..)
            | Call::Groups(..)
            | Call::Members(..)
            | Call::AllUsers
            | Call::AllImportJobs(_)
            | Call::AllUsersBySub
            | Call::CountBySub(_)
            | Call::AllGroups
            | Call::AllMembers(_)
            | Call::AllGroupsOfUser(_)
            | Call::Listed(_) => self.several(call).await,
            Call::Upload(..)
            | Call::UploadPeople(..)
            | Call::EndOfImportJob(_)
            | Call::Messages
            | Call::AddProvider(_)
            | Call::Recover(_)
            | Call::Pass(_)
            | Call::LosePool => self.beside(call).await,
        }
    }

    /// Carries out an action that takes several calls.
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
            Call::AllUsers => {
                counted(walk(async |token| pool.list_users(PageLimit::MAX, token).await, sub_of).await)
            }
            Call::AllGroups => counted(walk(async |token| pool.list_groups(token).await, name_of).await),
            Call::AllMembers(group) => {
                let group = self.group(group).name;
                counted(
                    walk(
                        async |token| pool.list_members(&group, PageLimit::MAX, token).await,
                        Sub::to_string,
                    )
                    .await,
                )
            }
            Call::AllGroupsOfUser(name) => {
                let username = name.username(self.stage);
                let list = async |token: Option<&str>| pool.list_groups_of_user(&username, token).await;
                Ok(match walk(list, GroupName::to_string).await? {
                    Ok(names) => Answer::Names(names.iter().map(GroupName::to_string).collect()),
                    Err(what) => Answer::Wrong(what),
                })
            }
            Call::AllUsersBySub => {
                let mut all = 0;
                for prefix in SubPrefix::ALL {
                    let list = async |token: Option<&str>| {
                        pool.list_users_by_sub(prefix, PageLimit::MAX, token).await
                    };
                    let users = match walk(list, sub_of).await? {
                        Ok(users) => users,
                        Err(what) => return Ok(Answer::Wrong(what)),
                    };
                    if let Some(other) = users.iter().find(|user| !prefix.begins(user.sub.as_str())) {
                        return Ok(Answer::Wrong(format!(
                            "{} among those that begin with {prefix}",
                            other.sub
                        )));
                    }
                    all += users.len() as u64;
                }
                Ok(Answer::Number(all))
            }
            Call::AllImportJobs(limit) => {
                let list = async |token: Option<&str>| self.import_jobs(*limit, token).await;
                Ok(match walk(list, Clone::clone).await? {
                    Ok(jobs) => Answer::Names(jobs),
                    Err(what) => Answer::Wrong(what),
                })
            }
            Call::CountBySub(name) => {
                let sub = match name {
                    Some(name) => pool.get_user(&name.username(self.stage)).await?.sub,
                    None => Sub::new("00000000-0000-4000-8000-000000000000"),
                };
                counted(walk(async |token| pool.list_users_with_sub(&sub, token).await, sub_of).await)
            }
            Call::Listed(name) => {
                let username = name.username(self.stage);
                let users = walk(async |token| pool.list_users(PageLimit::MAX, token).await, sub_of).await?;
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

    /// Carries out an action that is no call of the trait.
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
            Call::Messages => {
                Ok(self.stage.messages(&self.pool).map_or(Answer::NotModelled("messages"), Answer::Number))
            }
            Call::AddProvider(name) => {
                let is_added = self.stage.add_provider(&self.pool, name).await;
                Ok(if is_added { Answer::Done } else { Answer::NotModelled("providers") })
            }
            Call::Recover(is_running) => {
                let has_recoveries = self.stage.recover(&self.pool, *is_running).await;
                Ok(if has_recoveries { Answer::Done } else { Answer::NotModelled("recoveries") })
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

    /// A page of import jobs: the place of each in the order of creation, and its state.
    async fn import_jobs(&self, limit: u32, token: Option<&str>) -> Result<Listed<String>, PoolError> {
        let mut request = json!({"UserPoolId": self.pool.id().as_str(), "MaxResults": limit});
        if let Some(token) = token {
            request["PaginationToken"] = token.into();
        }
        let answer = self.pool.read_configuration(Operation::ListUserImportJobs, &request).await?.into_json();
        let shown = |job: &Value| {
            let place = self.jobs.iter().position(|(id, _)| job["JobId"] == id.as_str());
            let place = place.map_or_else(|| "unknown".to_owned(), |place| place.to_string());
            format!("{place} {}", text(&job["Status"]))
        };
        let entries = answer["UserImportJobs"].as_array().into_iter().flatten().map(shown).collect();
        Ok(Listed::small(entries, answer["PaginationToken"].as_str().map(str::to_owned)))
    }

    /// Uploads a file for a job: a header and rows. A backslash escapes a comma within a value.
    async fn upload(&self, job: usize, rows: Vec<BTreeMap<String, String>>) -> Result<Answer, PoolError> {
        let header = self.pool.csv_header().await?;
        let mut lines = vec![header.join(",")];
        for row in rows {
            let value =
                |column| row.get(column).map_or(String::new(), |value: &String| value.replace(',', "\\,"));
            lines.push(header.iter().map(value).collect::<Vec<_>>().join(","));
        }
        let text = lines.join("\n") + "\n";
        let uploaded = async {
            let mut file = self.stage.job_files().begin().map_err(|error| error.to_string())?;
            file.append(text.as_bytes()).await.map_err(|error| error.to_string())?;
            let Some(url) = &self.jobs[job].1 else { return Err("a new job has no URL".to_owned()) };
            file.upload(url).await.map_err(|error| error.to_string())
        };
        Ok(uploaded.await.map_or_else(Answer::Wrong, |()| Answer::Done))
    }

    fn token<'t>(&'t self, token: &Token) -> Option<&'t str> {
        match token {
            Token::None => None,
            Token::Of(step) => {
                self.tokens.get(*step).and_then(Option::as_deref).or(Some("a token that no step gave"))
            }
            Token::MadeUp(text) => Some(text),
        }
    }

    fn group(&self, group: &Group) -> GroupRecord {
        match group {
            Group::Numbered(number) => self.stage.group(*number),
            Group::Named(name) => group_with(name, None, None),
        }
    }

    fn new_user(&self, new: &UserToCreate) -> NewUser {
        let mut user = match &new.name {
            UserName::Person(number) => self.stage.person(*number),
            UserName::Named(name) => NewUser {
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
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
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

fn with_role(name: &str, role: &str) -> GroupRecord {
    GroupRecord { role_arn: Some(role.to_owned()), ..group_with(name, None, None) }
}

fn missing_job() -> JobId {
    JobId::new("import-0000000000")
}
