//! The operations of Cognito on a user pool in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::{BAD_TOKEN, MemoryPool, NOT_FOUND, USER_NOT_FOUND, code_of, number_this_answer};
use crate::listing::{Answer, Call, SplitListingBehaviour};
use crate::state::State;
use serde_json::{Value, json};
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, Listing, MfaPreference, MfaSetting,
    PageLimit, PoolDescription, PoolId, PoolTag, Sub, SubPrefix, UnitId, User, Username,
};
use shared::ports::pool::{
    ConfigurablePool, ConfigurationAnswer, ImportJob, Listed, LogoError, Medium, NewUser, Operation,
    Password, Pool, PoolErrorKind, PoolResult,
};

/// The most custom attributes of a pool.
const MAX_CUSTOM_ATTRIBUTES: usize = 50;

impl Pool for MemoryPool {
    fn id(&self) -> &PoolId {
        &self.id
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        let describe = |state: &mut State| {
            let estimated_users = state.estimate.unwrap_or(state.user_count() as u64);
            let tag = self.configured_tag().or(state.description.tag);
            Ok(PoolDescription { estimated_users, tag, ..state.description.clone() })
        };
        self.call(Operation::DescribeUserPool, false, describe).await
    }

    async fn list_users(&self, limit: PageLimit, token: Option<&str>) -> PoolResult<Listed<User>> {
        let list = |state: &mut State| {
            if token.is_none() {
                state.forget_echoes();
                if let Some(overlooked) = &mut state.overlooked_by_one {
                    overlooked.is_now = overlooked.listings > 0;
                    overlooked.listings = overlooked.listings.saturating_sub(1);
                }
            }
            let mut answer = self.answer_users(state, &Listing::Users, (limit, token), |_| true)?;
            if let Some(overlooked) = state.overlooked_by_one.as_ref().filter(|overlooked| overlooked.is_now)
            {
                answer.entries.retain(|user| user.sub != overlooked.sub);
            }
            Ok(answer)
        };
        self.list(Operation::ListUsers, token.is_some(), list).await
    }

    async fn list_users_by_sub(
        &self,
        prefix: SubPrefix,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        let list = |state: &mut State| {
            let listing = Listing::UsersBySub { prefix };
            let page = (limit, token);
            let begins = |sub: &Sub| prefix.begins(sub.as_str());
            match state.split_listing {
                SplitListingBehaviour::Complete => self.answer_users(state, &listing, page, begins),
                SplitListingBehaviour::Incomplete => self.answer_users(state, &listing, page, |sub| {
                    begins(sub) && !sub.as_str().ends_with(['0', '1', '2'])
                }),
                SplitListingBehaviour::Unfiltered => self.answer_users(state, &listing, page, |_| true),
                SplitListingBehaviour::Overlooking(digits) => {
                    self.answer_users(state, &listing, page, |sub| {
                        let last = sub.as_str().chars().last().and_then(|last| last.to_digit(16));
                        begins(sub) && last.is_none_or(|last| last >= digits.into())
                    })
                }
                SplitListingBehaviour::OverlookingNew(since) => {
                    let is_new = |user: &User| user.record.created.is_some_and(|created| created >= since);
                    let mut answer = self.answer_users(state, &listing, page, begins)?;
                    answer.entries.retain(|user| !is_new(user));
                    Ok(answer)
                }
                SplitListingBehaviour::Refused => {
                    Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"))
                }
                SplitListingBehaviour::Failing(kind) => Err((kind, code_of(kind))),
                SplitListingBehaviour::RefusingTokens if token.is_some() => Err(BAD_TOKEN),
                SplitListingBehaviour::RefusingTokens => self.answer_users(state, &listing, page, begins),
                SplitListingBehaviour::RepeatingTokens => {
                    let answer = self.answer_users(state, &listing, (limit, None), begins)?;
                    Ok(Listed { next_token: Some("again".to_owned()), ..answer })
                }
            }
        };
        self.list(Operation::ListUsers, token.is_some(), list).await
    }

    async fn list_users_with_sub(&self, sub: &Sub, token: Option<&str>) -> PoolResult<Listed<User>> {
        let list = |state: &mut State| {
            if let Some(kind) = state.look_ups_fail {
                return Err((kind, code_of(kind)));
            }
            let unit = UnitId::named("users-with-sub");
            self.answer_users_of(state, &unit, (PageLimit::MAX, token), |other| other == sub)
        };
        self.list(Operation::ListUsers, token.is_some(), list).await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        let list = |state: &mut State| {
            let (unit, answer) = (Listing::Groups.unit_id(), number_this_answer(state));
            let (shape, limit, now) = (&state.shape, PageLimit::MAX, self.clock.now());
            let call = Call { unit: &unit, shape, limit, answer, now };
            let groups = &state.groups;
            let from =
                |begin| groups.range::<GroupName, _>((begin, Bound::Unbounded)).map(|(name, _)| name.clone());
            let Answer { keys, next_token } = call
                .answer(token, |text| Some(GroupName::new(text)), GroupName::to_string, from)
                .ok_or(BAD_TOKEN)?;
            let entries =
                keys.iter().filter_map(|name| groups.get(name)).map(|group| group.record.clone()).collect();
            Ok(Listed::small(entries, next_token))
        };
        self.call(Operation::ListGroups, token.is_some(), list).await
    }

    async fn list_members(
        &self,
        group: &GroupName,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<Sub>> {
        let list = |state: &mut State| {
            let answer = number_this_answer(state);
            let members = &state.groups.get(group).ok_or(NOT_FOUND)?.members;
            let unit = Listing::Members { group: group.clone() }.unit_id();
            let call = Call { unit: &unit, shape: &state.shape, limit, answer, now: self.clock.now() };
            let from = |begin| members.range::<Sub, _>((begin, Bound::Unbounded)).cloned();
            let Answer { keys, next_token } =
                call.answer(token, |text| Some(Sub::new(text)), Sub::to_string, from).ok_or(BAD_TOKEN)?;
            let bytes = keys.iter().filter_map(|sub| Some(state.user(sub)?.record.bytes())).collect();
            Ok(Listed { entries: keys, next_token, bytes })
        };
        self.list(Operation::ListUsersInGroup, token.is_some(), list).await
    }

    async fn list_groups_of_user(
        &self,
        username: &Username,
        token: Option<&str>,
    ) -> PoolResult<Listed<GroupName>> {
        let list = |state: &mut State| {
            let answer = number_this_answer(state);
            let sub = state.find(username).cloned().ok_or(USER_NOT_FOUND)?;
            let unit = UnitId::named(&format!("groups of {sub}"));
            let (shape, limit) = (&state.shape, PageLimit::MAX);
            let call = Call { unit: &unit, shape, limit, answer, now: self.clock.now() };
            let from = |begin| {
                let groups = state.groups.range::<GroupName, _>((begin, Bound::Unbounded));
                groups.filter(|(_, group)| group.members.contains(&sub)).map(|(name, _)| name.clone())
            };
            let Answer { keys, next_token } = call
                .answer(token, |text| Some(GroupName::new(text)), GroupName::to_string, from)
                .ok_or(BAD_TOKEN)?;
            Ok(Listed::small(keys, next_token))
        };
        self.list(Operation::AdminListGroupsForUser, token.is_some(), list).await
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        let create = |state: &mut State| {
            let created = state.create(user, self.clock.now())?;
            if user.invitation.is_some() {
                state.send_message()?;
            }
            Ok(created)
        };
        self.call(Operation::AdminCreateUser, false, create).await
    }

    async fn invite_again(&self, username: &Username, password: &Password, _: Medium) -> PoolResult<()> {
        let invite = |state: &mut State, sub: &Sub| state.invite_again(sub, password.reveal());
        self.call_about(Operation::AdminCreateUser, username, invite).await
    }

    async fn get_user(&self, username: &Username) -> PoolResult<User> {
        let get = |state: &mut State, sub: &Sub| {
            let mut user = state.user(sub).ok_or(USER_NOT_FOUND)?;
            user.record.mfa.get_or_insert_default();
            Ok(user)
        };
        self.call_about(Operation::AdminGetUser, username, get).await
    }

    async fn set_password(&self, username: &Username, password: &Password) -> PoolResult<()> {
        let set = |state: &mut State, sub: &Sub| state.set_password(sub, password.reveal(), self.clock.now());
        self.call_about(Operation::AdminSetUserPassword, username, set).await
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        let disable = |state: &mut State, sub: &Sub| {
            state.update(sub, self.clock.now(), |record| record.enabled = false);
            Ok(())
        };
        self.call_about(Operation::AdminDisableUser, username, disable).await
    }

    async fn enable_user(&self, username: &Username) -> PoolResult<()> {
        let enable = |state: &mut State, sub: &Sub| {
            state.update(sub, self.clock.now(), |record| record.enabled = true);
            Ok(())
        };
        self.call_about(Operation::AdminEnableUser, username, enable).await
    }

    async fn update_attributes(
        &self,
        username: &Username,
        attributes: &BTreeMap<String, String>,
    ) -> PoolResult<()> {
        let set = |state: &mut State, sub: &Sub| state.set_attributes(sub, attributes, self.clock.now());
        self.call_about(Operation::AdminUpdateUserAttributes, username, set).await
    }

    async fn delete_attributes(&self, username: &Username, names: &[String]) -> PoolResult<()> {
        let delete = |state: &mut State, sub: &Sub| {
            state.update(sub, self.clock.now(), |record| {
                record.attributes.retain(|name, _| !names.contains(name))
            });
            Ok(())
        };
        self.call_about(Operation::AdminDeleteUserAttributes, username, delete).await
    }

    async fn link_identity(&self, username: &Username, identity: &Identity) -> PoolResult<()> {
        // Cognito takes the username, and no alias.
        let link = |state: &mut State| {
            let sub = state.find_by_username(username).cloned().ok_or(USER_NOT_FOUND)?;
            state.link(&sub, identity, self.clock.now())
        };
        self.call(Operation::AdminLinkProviderForUser, false, link).await
    }

    async fn set_mfa(&self, username: &Username, factors: &MfaPreference) -> PoolResult<()> {
        let set = |state: &mut State, sub: &Sub| {
            if state.description.mfa == MfaSetting::Off {
                return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
            }
            state.update(sub, self.clock.now(), |record| record.mfa = Some(factors.clone()));
            Ok(())
        };
        self.call_about(Operation::AdminSetUserMFAPreference, username, set).await
    }

    async fn update_group(&self, group: &GroupRecord) -> PoolResult<()> {
        let update = |state: &mut State| state.update_group(group, self.clock.now());
        self.call(Operation::UpdateGroup, false, update).await
    }

    async fn add_custom_attributes(&self, attributes: &BTreeMap<String, AttributeSchema>) -> PoolResult<()> {
        let add = |state: &mut State| {
            let declared = &mut state.description.attributes;
            // Source: "Quotas in Amazon Cognito", developer guide.
            let custom = declared.keys().filter(|name| name.contains("custom:")).count();
            if attributes.keys().any(|name| declared.contains_key(name))
                || custom + attributes.len() > MAX_CUSTOM_ATTRIBUTES
            {
                return Err((PoolErrorKind::InvalidParameter, "InvalidParameterException"));
            }
            declared.extend(attributes.clone());
            Ok(())
        };
        self.call(Operation::AddCustomAttributes, false, add).await
    }

    async fn list_providers(&self, token: Option<&str>) -> PoolResult<Listed<String>> {
        let list = |state: &mut State| Ok(Listed::small(state.providers.iter().cloned().collect(), None));
        self.call(Operation::ListIdentityProviders, token.is_some(), list).await
    }

    async fn create_group(&self, group: &GroupRecord) -> PoolResult<()> {
        let create = |state: &mut State| {
            state.check_role(group)?;
            state.create_group(group, self.clock.now())
        };
        self.call(Operation::CreateGroup, false, create).await
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        let get =
            |state: &mut State| state.groups.get(group).map(|group| group.record.clone()).ok_or(NOT_FOUND);
        self.call(Operation::GetGroup, false, get).await
    }

    async fn add_to_group(&self, username: &Username, group: &GroupName) -> PoolResult<()> {
        let join = |state: &mut State| {
            // Cognito checks the group before the user.
            state.groups.contains_key(group).then_some(()).ok_or(NOT_FOUND)?;
            let sub = state.find(username).cloned().ok_or(USER_NOT_FOUND)?;
            state.join(&sub, group)
        };
        self.call(Operation::AdminAddUserToGroup, false, join).await
    }

    async fn provisioned_limit(&self, category: Category) -> PoolResult<u32> {
        self.call(Operation::GetProvisionedLimit, false, |state| {
            Ok(state.quotas.get(&category).copied().unwrap_or(category.default_quota()))
        })
        .await
    }

    async fn csv_header(&self) -> PoolResult<Vec<String>> {
        self.call(Operation::GetCSVHeader, false, |state| Ok(state.csv_header())).await
    }

    async fn create_import_job(&self, name: &str, _log_role: &str) -> PoolResult<ImportJob> {
        self.call(Operation::CreateUserImportJob, false, |state| Ok(state.create_job(name, self.clock.now())))
            .await
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::StartUserImportJob, false, |state| state.start_job(id, self.clock.now())).await
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        self.call(Operation::DescribeUserImportJob, false, |state| state.describe_job(id)).await
    }

    async fn read_configuration(
        &self,
        operation: Operation,
        request: &Value,
    ) -> PoolResult<ConfigurationAnswer> {
        let now = self.clock.now().as_second() as f64;
        let with_token = ["NextToken", "PaginationToken"].iter().any(|token| request.get(token).is_some());
        let values = request.as_object().into_iter().flat_map(|members| members.values());
        let poison = self.gate.script.poison_of(operation, values.filter_map(Value::as_str));
        let read = |state: &mut State| {
            if let Some(kind) = poison {
                return Err((kind, code_of(kind)));
            }
            if operation == Operation::ListUserImportJobs {
                let answer = state.list_jobs(request)?;
                return Ok(ConfigurationAnswer::new(self.gate.script.altered(operation, answer)));
            }
            let answer = self.configurations.answer(&self.id, operation.name(), request, now)?;
            Ok(ConfigurationAnswer::new(self.gate.script.altered(operation, answer)))
        };
        self.call(operation, with_token, read).await
    }

    async fn fetch_logo(&self, url: &str) -> Result<Vec<u8>, LogoError> {
        match self.state().logo_failure {
            Some(error) => Err(error),
            None => self.configurations.image(&self.id, url).ok_or(LogoError::NotFetched),
        }
    }
}

impl ConfigurablePool for MemoryPool {
    async fn write_configuration(&self, write: &ConfigurationWrite) -> PoolResult<ConfigurationAnswer> {
        let now = self.clock.now().as_second() as f64;
        let operation = write.operation();
        let apply = |_: &mut State| {
            let answer = self.configurations.answer(&self.id, operation.name(), &write.reveal(), now)?;
            Ok(ConfigurationAnswer::new(answer))
        };
        self.call(operation, false, apply).await
    }
}

impl MemoryPool {
    /// The tag that a configuration call has given the pool.
    fn configured_tag(&self) -> Option<PoolTag> {
        if !self.configurations.has(&self.id) {
            return None;
        }
        let request = json!({"UserPoolId": self.id.as_str()});
        let now = self.clock.now().as_second() as f64;
        let answer = self.configurations.answer(&self.id, "DescribeUserPool", &request, now).ok()?;
        answer["UserPool"]["UserPoolTags"][PoolTag::KEY].as_str().and_then(PoolTag::parse)
    }
}
