//! Conversions from Cognito's types to those of the model.

use aws_sdk_cognitoidentityprovider::operation::admin_get_user::AdminGetUserOutput;
use aws_sdk_cognitoidentityprovider::primitives::DateTime;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, GroupType, MfaOptionType, NumberAttributeConstraintsType, SchemaAttributeType,
    StringAttributeConstraintsType, UserImportJobStatusType, UserImportJobType, UserPoolType, UserType,
};
use jiff::Timestamp;

use shared::model::{
    AttributeSchema, DataType, GroupName, GroupRecord, JobId, MfaPreference, MfaSetting, PasswordPolicy,
    PoolDescription, PoolTag, Sub, User, UserRecord, UserStatus, Username,
};
use shared::ports::pool::{ImportJob, JobStatus, PresignedUrl};

/// The minimum length of a password if the pool states none: Cognito's default.
const DEFAULT_PASSWORD_LENGTH: u32 = 8;

/// A listed user. None without a name or a well-formed `sub`.
pub fn user(user: UserType) -> Option<User> {
    let (status, enabled) = (status(user.user_status.as_ref().map(|status| status.as_str())), user.enabled);
    let mfa = mfa_options(user.mfa_options.unwrap_or_default());
    assemble(
        user.username?,
        user.attributes.unwrap_or_default(),
        enabled,
        status,
        mfa,
        user.user_create_date,
        user.user_last_modified_date,
    )
}

/// A user from AdminGetUser, with second factors. None without a well-formed `sub`.
pub fn looked_up_user(user: AdminGetUserOutput) -> Option<User> {
    let (status, enabled) = (status(user.user_status.as_ref().map(|status| status.as_str())), user.enabled);
    let mfa = mfa_options(user.mfa_options.unwrap_or_default());
    let factors = MfaPreference {
        enabled: user.user_mfa_setting_list.unwrap_or_default().into_iter().collect(),
        preferred: user.preferred_mfa_setting.filter(|preferred| !preferred.is_empty()),
    };
    let attributes = user.user_attributes.unwrap_or_default();
    let (created, modified) = (user.user_create_date, user.user_last_modified_date);
    let mut user = assemble(user.username, attributes, enabled, status, mfa, created, modified)?;
    user.record.mfa = Some(factors);
    Some(user)
}

/// A user import job. None without a well-formed id, or without a status.
pub fn import_job(job: UserImportJobType) -> Option<ImportJob> {
    let status = match job.status? {
        UserImportJobStatusType::Created => JobStatus::Created,
        UserImportJobStatusType::Pending => JobStatus::Pending,
        UserImportJobStatusType::InProgress => JobStatus::InProgress,
        UserImportJobStatusType::Stopping => JobStatus::Stopping,
        UserImportJobStatusType::Expired => JobStatus::Expired,
        UserImportJobStatusType::Stopped => JobStatus::Stopped,
        UserImportJobStatusType::Succeeded => JobStatus::Succeeded,
        // AWS may add a status. If the restore waited for an unknown one, it could wait forever.
        _ => JobStatus::Failed,
    };
    let count = |count: i64| u64::try_from(count).unwrap_or_default();
    Some(ImportJob {
        id: JobId::parse(job.job_id?)?,
        upload_to: job.pre_signed_url.map(PresignedUrl::new),
        status,
        started: job.start_date.and_then(timestamp),
        completed: job.completion_date.and_then(timestamp),
        imported: count(job.imported_users),
        skipped: count(job.skipped_users),
        failed: count(job.failed_users),
    })
}

fn assemble(
    username: String,
    attributes: Vec<AttributeType>,
    enabled: bool,
    status: UserStatus,
    mfa_options: Vec<String>,
    created: Option<DateTime>,
    modified: Option<DateTime>,
) -> Option<User> {
    let mut attributes: std::collections::BTreeMap<_, _> = attributes
        .into_iter()
        .map(|attribute| (attribute.name, attribute.value.unwrap_or_default()))
        .collect();
    let sub = Sub::parse(attributes.remove("sub")?)?;
    let record = UserRecord {
        username: Username::new(username),
        attributes,
        enabled,
        status,
        mfa_options,
        mfa: None,
        created: created.and_then(timestamp),
        modified: modified.and_then(timestamp),
    };
    Some(User { sub, record })
}

fn status(status: Option<&str>) -> UserStatus {
    UserStatus::parse(status.unwrap_or("UNKNOWN"))
}

fn mfa_options(options: Vec<MfaOptionType>) -> Vec<String> {
    options.into_iter().filter_map(|option| option.attribute_name).collect()
}

/// To the millisecond, because all clients of Cognito show this precision.
fn timestamp(time: DateTime) -> Option<Timestamp> {
    time.to_millis().ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

/// A group. None without a name. An empty description or role counts as none.
pub fn group(group: GroupType) -> Option<GroupRecord> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    Some(GroupRecord {
        name: GroupName::new(group.group_name?),
        description: filled(group.description),
        precedence: group.precedence,
        role_arn: filled(group.role_arn),
        created: group.creation_date.and_then(timestamp),
        modified: group.last_modified_date.and_then(timestamp),
    })
}

/// The part of a pool's configuration that a snapshot keeps.
pub fn pool(pool: &UserPoolType) -> PoolDescription {
    let policy = pool.policies().and_then(|policies| policies.password_policy());
    PoolDescription {
        name: pool.name().unwrap_or_default().to_owned(),
        username_attributes: pool.username_attributes().iter().map(|name| name.as_str().to_owned()).collect(),
        alias_attributes: pool.alias_attributes().iter().map(|name| name.as_str().to_owned()).collect(),
        auto_verified_attributes: pool
            .auto_verified_attributes()
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect(),
        // Pools that are older than the setting lack it. They are case sensitive.
        case_sensitive: pool
            .username_configuration()
            .is_none_or(|configuration| configuration.case_sensitive()),
        mfa: pool.mfa_configuration().map_or(MfaSetting::Off, |mfa| MfaSetting::parse(mfa.as_str())),
        account_recovery: pool.account_recovery_setting().map(|setting| {
            let ways = setting.recovery_mechanisms().iter();
            ways.map(|way| way.name().as_str().to_owned()).collect()
        }),
        attributes: pool.schema_attributes().iter().filter_map(attribute).collect(),
        password_policy: PasswordPolicy {
            minimum_length: policy
                .and_then(|policy| policy.minimum_length())
                .map_or(DEFAULT_PASSWORD_LENGTH, |length| length as u32),
        },
        estimated_users: pool.estimated_number_of_users().try_into().unwrap_or_default(),
        tag: pool
            .user_pool_tags()
            .and_then(|tags| tags.get(PoolTag::KEY))
            .and_then(|value| PoolTag::parse(value)),
    }
}

/// The name of an attribute without the prefix that Cognito adds, and whether only administrators write
/// it. An attribute that was declared as `custom:tier` is called `custom:custom:tier`.
fn bare_name(name: &str) -> (bool, &str) {
    match name.strip_prefix("dev:") {
        Some(name) => (true, name.strip_prefix("custom:").unwrap_or(name)),
        None => (false, name.strip_prefix("custom:").unwrap_or(name)),
    }
}

/// The declaration of an attribute that a pool lacks. AddCustomAttributes takes the name without
/// its prefix.
pub fn declaration(name: &str, schema: &AttributeSchema) -> SchemaAttributeType {
    let (developer_only, bare) = bare_name(name);
    let (minimum, maximum) = (schema.minimum.clone(), schema.maximum.clone());
    let declared = SchemaAttributeType::builder()
        .name(bare)
        .attribute_data_type(schema.data_type.as_str().into())
        .mutable(schema.mutable)
        .required(false)
        .developer_only_attribute(developer_only);
    match schema.data_type {
        DataType::String => {
            let limits =
                StringAttributeConstraintsType::builder().set_min_length(minimum).set_max_length(maximum);
            declared.string_attribute_constraints(limits.build())
        }
        DataType::Number => {
            let limits =
                NumberAttributeConstraintsType::builder().set_min_value(minimum).set_max_value(maximum);
            declared.number_attribute_constraints(limits.build())
        }
        DataType::DateTime | DataType::Boolean | DataType::Other(_) => declared,
    }
    .build()
}

fn attribute(schema: &SchemaAttributeType) -> Option<(String, AttributeSchema)> {
    let (strings, numbers) = (schema.string_attribute_constraints(), schema.number_attribute_constraints());
    let attribute = AttributeSchema {
        data_type: schema
            .attribute_data_type()
            .map_or(DataType::String, |kind| DataType::parse(kind.as_str())),
        mutable: schema.mutable().unwrap_or(true),
        required: schema.required().unwrap_or(false),
        minimum: strings
            .and_then(|limits| limits.min_length())
            .or(numbers.and_then(|limits| limits.min_value()))
            .map(str::to_owned),
        maximum: strings
            .and_then(|limits| limits.max_length())
            .or(numbers.and_then(|limits| limits.max_value()))
            .map(str::to_owned),
    };
    Some((schema.name()?.to_owned(), attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_prefix_that_cognito_adds_is_left_out_of_a_declaration() {
        assert_eq!(bare_name("custom:tier"), (false, "tier"));
        assert_eq!(bare_name("custom:custom:tier"), (false, "custom:tier"));
        assert_eq!(bare_name("dev:custom:tier"), (true, "tier"));
        assert_eq!(bare_name("dev:custom:custom:tier"), (true, "custom:tier"));
        assert_eq!(bare_name("custom:dev:tier"), (false, "dev:tier"));
    }

    #[test]
    fn a_job_is_read_without_a_url_and_not_without_an_id_or_a_status() {
        let job = || {
            let (id, status) = ("import-1", UserImportJobStatusType::InProgress);
            UserImportJobType::builder().job_id(id).status(status)
        };
        let read = import_job(job().build()).unwrap();
        assert_eq!((read.upload_to, read.status), (None, JobStatus::InProgress));
        assert_eq!(import_job(job().set_job_id(None).build()), None);
        assert_eq!(import_job(job().set_status(None).build()), None);
    }
}
