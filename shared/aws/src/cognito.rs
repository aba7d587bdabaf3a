//! The adapter for a user pool of Amazon Cognito: one attempt for each call, and typed errors.

mod convert;
mod errors;
mod logo;
mod raw;
mod waf;

use std::collections::BTreeMap;
use std::future::Future;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, DeliveryMediumType, EmailMfaSettingsType, LimitClass, LimitDefinitionType,
    MessageActionType, ProviderUserIdentifierType, SmsMfaSettingsType,
};

use self::errors::{CallError, error_of};
use serde_json::Value;
use shared::model::configuration::request::ConfigurationWrite;
use shared::model::{
    AttributeSchema, Category, GroupName, GroupRecord, Identity, JobId, MfaPreference, PAGE_SIZE, PageLimit,
    PoolDescription, PoolId, Sub, SubPrefix, User, UserBytes, Username,
};
use shared::ports::pool::{
    ConfigurablePool, ConfigurationAnswer, ImportJob, Listed, LogoError, Medium, NewUser, Operation,
    Password, Pool, PoolError, PoolErrorKind, PoolResult,
};

/// The entries that a listing of small entries asks for. Cognito returns at most as many.
const PAGE: i32 = PAGE_SIZE as i32;

/// One user pool. Clones of the client are cheap, so each invocation makes its own pool.
#[derive(Debug, Clone)]
pub struct CognitoPool {
    client: Client,
    id: PoolId,
}

impl CognitoPool {
    /// The pool `id` of the account and Region of `client`.
    pub fn new(client: Client, id: PoolId) -> Self {
        Self { client, id }
    }

    /// A client that does not retry: every attempt needs a permit first.
    pub fn client(config: &aws_config::SdkConfig) -> Client {
        let config = aws_sdk_cognitoidentityprovider::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(super::timeouts())
            .build();
        Client::from_conf(config)
    }

    /// One call of ListUsers, with or without a filter.
    async fn list(
        &self,
        filter: Option<String>,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        let operation = Operation::ListUsers;
        let request = self.client.list_users().user_pool_id(self.id.as_str());
        let request = request.limit(limit.get() as i32).set_filter(filter);
        let answer = call(operation, request.set_pagination_token(token.map(str::to_owned)).send()).await?;
        let next_token = answer.pagination_token;
        let users = answer.users.unwrap_or_default().into_iter();
        let users = users.map(convert::user).collect::<Option<_>>().ok_or_else(|| incomplete(operation))?;
        Ok(Listed::users(users, next_token))
    }
}

/// Makes a call. Its error keeps nothing of Cognito's message.
async fn call<T, E: CallError>(
    operation: Operation,
    call: impl Future<Output = Result<T, E>>,
) -> PoolResult<T> {
    call.await.map_err(|error| error_of(operation, &error))
}

/// The error for an incomplete answer.
fn incomplete(operation: Operation) -> PoolError {
    PoolError::new(operation, PoolErrorKind::Transient, "IncompleteAnswer")
}

fn attribute_types(
    operation: Operation,
    attributes: &BTreeMap<String, String>,
) -> PoolResult<Vec<AttributeType>> {
    let attribute = |(name, value)| AttributeType::builder().name(name).value(value).build();
    attributes.iter().map(attribute).collect::<Result<_, _>>().map_err(|_| incomplete(operation))
}

fn delivery(medium: Medium) -> DeliveryMediumType {
    match medium {
        Medium::Email => DeliveryMediumType::Email,
        Medium::Sms => DeliveryMediumType::Sms,
    }
}

impl Pool for CognitoPool {
    fn id(&self) -> &PoolId {
        &self.id
    }

    async fn describe(&self) -> PoolResult<PoolDescription> {
        let operation = Operation::DescribeUserPool;
        let answer =
            call(operation, self.client.describe_user_pool().user_pool_id(self.id.as_str()).send()).await?;
        answer.user_pool().map(convert::pool).ok_or_else(|| incomplete(operation))
    }

    async fn list_users(&self, limit: PageLimit, token: Option<&str>) -> PoolResult<Listed<User>> {
        self.list(None, limit, token).await
    }

    async fn list_users_by_sub(
        &self,
        prefix: SubPrefix,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<User>> {
        self.list(Some(format!("sub ^= \"{prefix}\"")), limit, token).await
    }

    async fn list_users_with_sub(&self, sub: &Sub, token: Option<&str>) -> PoolResult<Listed<User>> {
        let escaped = sub.as_str().replace('\\', "\\\\").replace('"', "\\\"");
        self.list(Some(format!("sub = \"{escaped}\"")), PageLimit::MAX, token).await
    }

    async fn list_groups(&self, token: Option<&str>) -> PoolResult<Listed<GroupRecord>> {
        let operation = Operation::ListGroups;
        let request = self.client.list_groups().user_pool_id(self.id.as_str()).limit(PAGE);
        let answer = call(operation, request.set_next_token(token.map(str::to_owned)).send()).await?;
        let groups = answer.groups.unwrap_or_default().into_iter();
        let entries =
            groups.map(convert::group).collect::<Option<_>>().ok_or_else(|| incomplete(operation))?;
        Ok(Listed::small(entries, answer.next_token))
    }

    async fn list_members(
        &self,
        group: &GroupName,
        limit: PageLimit,
        token: Option<&str>,
    ) -> PoolResult<Listed<Sub>> {
        let operation = Operation::ListUsersInGroup;
        let request = self
            .client
            .list_users_in_group()
            .user_pool_id(self.id.as_str())
            .group_name(group.as_str())
            .limit(limit.get() as i32);
        let answer = call(operation, request.set_next_token(token.map(str::to_owned)).send()).await?;
        let users = answer.users.unwrap_or_default().into_iter();
        let mut bytes = UserBytes::default();
        let entries = users.map(|user| {
            let user = convert::user(user)?;
            bytes.add(user.record.bytes());
            Some(user.sub)
        });
        let entries = entries.collect::<Option<_>>().ok_or_else(|| incomplete(operation))?;
        Ok(Listed { entries, next_token: answer.next_token, bytes })
    }

    async fn list_groups_of_user(
        &self,
        username: &Username,
        token: Option<&str>,
    ) -> PoolResult<Listed<GroupName>> {
        let operation = Operation::AdminListGroupsForUser;
        let request = self
            .client
            .admin_list_groups_for_user()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .limit(PAGE);
        let answer = call(operation, request.set_next_token(token.map(str::to_owned)).send()).await?;
        let groups = answer.groups.unwrap_or_default().into_iter();
        let names = groups.map(|group| group.group_name.map(GroupName::new));
        let entries = names.collect::<Option<_>>().ok_or_else(|| incomplete(operation))?;
        Ok(Listed::small(entries, answer.next_token))
    }

    async fn create_user(&self, user: &NewUser) -> PoolResult<User> {
        let operation = Operation::AdminCreateUser;
        let delivery = user.invitation.map(delivery);
        let request = self
            .client
            .admin_create_user()
            .user_pool_id(self.id.as_str())
            .username(user.username.as_str())
            .set_user_attributes(Some(attribute_types(operation, &user.attributes)?))
            .temporary_password(user.temporary_password.reveal())
            .set_message_action(delivery.is_none().then_some(MessageActionType::Suppress))
            .set_desired_delivery_mediums(delivery.map(|delivery| vec![delivery]));
        let answer = call(operation, request.send()).await?;
        answer.user.and_then(convert::user).ok_or_else(|| incomplete(operation))
    }

    async fn invite_again(&self, username: &Username, password: &Password, medium: Medium) -> PoolResult<()> {
        let request = self
            .client
            .admin_create_user()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .temporary_password(password.reveal())
            .message_action(MessageActionType::Resend)
            .desired_delivery_mediums(delivery(medium));
        call(Operation::AdminCreateUser, request.send()).await.map(drop)
    }

    async fn get_user(&self, username: &Username) -> PoolResult<User> {
        let operation = Operation::AdminGetUser;
        let request = self.client.admin_get_user().user_pool_id(self.id.as_str()).username(username.as_str());
        let answer = call(operation, request.send()).await?;
        convert::looked_up_user(answer).ok_or_else(|| incomplete(operation))
    }

    async fn set_password(&self, username: &Username, password: &Password) -> PoolResult<()> {
        let request = self
            .client
            .admin_set_user_password()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .password(password.reveal())
            .permanent(true);
        call(Operation::AdminSetUserPassword, request.send()).await.map(drop)
    }

    async fn disable_user(&self, username: &Username) -> PoolResult<()> {
        let request =
            self.client.admin_disable_user().user_pool_id(self.id.as_str()).username(username.as_str());
        call(Operation::AdminDisableUser, request.send()).await.map(drop)
    }

    async fn enable_user(&self, username: &Username) -> PoolResult<()> {
        let request =
            self.client.admin_enable_user().user_pool_id(self.id.as_str()).username(username.as_str());
        call(Operation::AdminEnableUser, request.send()).await.map(drop)
    }

    async fn update_attributes(
        &self,
        username: &Username,
        attributes: &BTreeMap<String, String>,
    ) -> PoolResult<()> {
        let operation = Operation::AdminUpdateUserAttributes;
        let request = self
            .client
            .admin_update_user_attributes()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .set_user_attributes(Some(attribute_types(operation, attributes)?));
        call(operation, request.send()).await.map(drop)
    }

    async fn delete_attributes(&self, username: &Username, names: &[String]) -> PoolResult<()> {
        let request = self
            .client
            .admin_delete_user_attributes()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .set_user_attribute_names(Some(names.to_vec()));
        call(Operation::AdminDeleteUserAttributes, request.send()).await.map(drop)
    }

    async fn link_identity(&self, username: &Username, identity: &Identity) -> PoolResult<()> {
        let destination = ProviderUserIdentifierType::builder()
            .provider_name("Cognito")
            .provider_attribute_value(username.as_str())
            .build();
        let source = ProviderUserIdentifierType::builder()
            .provider_name(&identity.provider_name)
            .provider_attribute_name("Cognito_Subject")
            .provider_attribute_value(&identity.user_id)
            .build();
        let request = self
            .client
            .admin_link_provider_for_user()
            .user_pool_id(self.id.as_str())
            .destination_user(destination)
            .source_user(source);
        call(Operation::AdminLinkProviderForUser, request.send()).await.map(drop)
    }

    async fn set_mfa(&self, username: &Username, factors: &MfaPreference) -> PoolResult<()> {
        let on = |factor: &str| factors.enabled.contains(factor);
        let first = |factor: &str| factors.preferred.as_deref() == Some(factor);
        let (sms, email) = (MfaPreference::SMS, MfaPreference::EMAIL);
        let sms =
            on(sms).then(|| SmsMfaSettingsType::builder().enabled(true).preferred_mfa(first(sms)).build());
        let email = on(email)
            .then(|| EmailMfaSettingsType::builder().enabled(true).preferred_mfa(first(email)).build());
        let request = self
            .client
            .admin_set_user_mfa_preference()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .set_sms_mfa_settings(sms)
            .set_email_mfa_settings(email);
        call(Operation::AdminSetUserMFAPreference, request.send()).await.map(drop)
    }

    async fn update_group(&self, group: &GroupRecord) -> PoolResult<()> {
        let request = self
            .client
            .update_group()
            .user_pool_id(self.id.as_str())
            .group_name(group.name.as_str())
            .description(group.description.as_deref().unwrap_or_default())
            .set_precedence(group.precedence)
            .set_role_arn(group.role_arn.clone());
        call(Operation::UpdateGroup, request.send()).await.map(drop)
    }

    async fn add_custom_attributes(&self, attributes: &BTreeMap<String, AttributeSchema>) -> PoolResult<()> {
        let schemas = attributes.iter().map(|(name, schema)| convert::declaration(name, schema)).collect();
        let request = self
            .client
            .add_custom_attributes()
            .user_pool_id(self.id.as_str())
            .set_custom_attributes(Some(schemas));
        call(Operation::AddCustomAttributes, request.send()).await.map(drop)
    }

    async fn list_providers(&self, token: Option<&str>) -> PoolResult<Listed<String>> {
        let request = self.client.list_identity_providers().user_pool_id(self.id.as_str()).max_results(PAGE);
        let request = request.set_next_token(token.map(str::to_owned)).send();
        let answer = call(Operation::ListIdentityProviders, request).await?;
        let entries = answer.providers.into_iter().filter_map(|provider| provider.provider_name).collect();
        Ok(Listed::small(entries, answer.next_token))
    }

    async fn create_group(&self, group: &GroupRecord) -> PoolResult<()> {
        let request = self
            .client
            .create_group()
            .user_pool_id(self.id.as_str())
            .group_name(group.name.as_str())
            .set_description(group.description.clone())
            .set_precedence(group.precedence)
            .set_role_arn(group.role_arn.clone());
        call(Operation::CreateGroup, request.send()).await.map(drop)
    }

    async fn get_group(&self, group: &GroupName) -> PoolResult<GroupRecord> {
        let operation = Operation::GetGroup;
        let request = self.client.get_group().user_pool_id(self.id.as_str()).group_name(group.as_str());
        let answer = call(operation, request.send()).await?;
        answer.group.and_then(convert::group).ok_or_else(|| incomplete(operation))
    }

    async fn add_to_group(&self, username: &Username, group: &GroupName) -> PoolResult<()> {
        let request = self
            .client
            .admin_add_user_to_group()
            .user_pool_id(self.id.as_str())
            .username(username.as_str())
            .group_name(group.as_str());
        call(Operation::AdminAddUserToGroup, request.send()).await.map(drop)
    }

    async fn provisioned_limit(&self, category: Category) -> PoolResult<u32> {
        let operation = Operation::GetProvisionedLimit;
        let limit = LimitDefinitionType::builder()
            .limit_class(LimitClass::ApiCategory)
            .attributes("Category", category.name())
            .build()
            .map_err(|_| incomplete(operation))?;
        let answer =
            call(operation, self.client.get_provisioned_limit().limit_definition(limit).send()).await?;
        let limit = answer.limit.map(|limit| limit.provisioned_limit_value);
        limit
            .and_then(|limit| u32::try_from(limit).ok())
            .filter(|limit| *limit > 0)
            .ok_or_else(|| incomplete(operation))
    }

    async fn csv_header(&self) -> PoolResult<Vec<String>> {
        let answer =
            call(Operation::GetCSVHeader, self.client.get_csv_header().user_pool_id(self.id.as_str()).send())
                .await?;
        Ok(answer.csv_header.unwrap_or_default())
    }

    async fn create_import_job(&self, name: &str, log_role: &str) -> PoolResult<ImportJob> {
        let operation = Operation::CreateUserImportJob;
        let request = self
            .client
            .create_user_import_job()
            .user_pool_id(self.id.as_str())
            .job_name(name)
            .cloud_watch_logs_role_arn(log_role);
        let answer = call(operation, request.send()).await?;
        answer.user_import_job.and_then(convert::import_job).ok_or_else(|| incomplete(operation))
    }

    async fn start_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        let operation = Operation::StartUserImportJob;
        let request = self.client.start_user_import_job().user_pool_id(self.id.as_str()).job_id(id.as_str());
        let answer = call(operation, request.send()).await?;
        answer.user_import_job.and_then(convert::import_job).ok_or_else(|| incomplete(operation))
    }

    async fn describe_import_job(&self, id: &JobId) -> PoolResult<ImportJob> {
        let operation = Operation::DescribeUserImportJob;
        let request =
            self.client.describe_user_import_job().user_pool_id(self.id.as_str()).job_id(id.as_str());
        let answer = call(operation, request.send()).await?;
        answer.user_import_job.and_then(convert::import_job).ok_or_else(|| incomplete(operation))
    }

    async fn read_configuration(
        &self,
        operation: Operation,
        request: &Value,
    ) -> PoolResult<ConfigurationAnswer> {
        raw::exchange(&self.client, &self.id, operation, request).await
    }

    async fn fetch_logo(&self, url: &str) -> Result<Vec<u8>, LogoError> {
        logo::fetch(url).await
    }
}

impl ConfigurablePool for CognitoPool {
    async fn write_configuration(&self, write: &ConfigurationWrite) -> PoolResult<ConfigurationAnswer> {
        raw::exchange(&self.client, &self.id, write.operation(), &write.reveal()).await
    }
}
