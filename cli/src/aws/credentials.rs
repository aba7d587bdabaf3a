//! Credentials: where a command finds them, and what it says if there are none.

use std::error::Error as StdError;

use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::error::ErrorMetadata;
use shared::{Error, ErrorKind, Guidance};

use super::caller::is_account;
use super::failure::innermost;
use super::profiles::ProfileFiles;

/// What to do if there is no such profile.
const LIST_PROFILES: &str = "`aws configure list-profiles` lists the profiles. The variables AWS_CONFIG_FILE and \
                             AWS_SHARED_CREDENTIALS_FILE name other files.";
/// What to do if a profile gives no credentials.
const CHECK_PROFILE: &str = "Check the profile with `aws sts get-caller-identity --profile NAME`. If that fails, sign in again or \
                             correct the profile.";

/// The credentials of `profile`, and no others.
///
/// The default chain of the SDK prefers the credentials of the environment to those of a profile. The AWS CLI does the
/// opposite if an option names the profile. Source: AWS CLI User Guide, "Authentication and access credentials", order of
/// precedence: command line options come first.
///
/// # Errors
/// `AccessDenied` if the profile does not exist or gives no credentials.
pub async fn of_profile(profile: &str, region: Option<&Region>) -> Result<SharedCredentialsProvider, Error> {
    let config = ProviderConfig::default().with_region(region.cloned());
    let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
    let provider = SharedCredentialsProvider::new(provider);
    let what = format!("Profile {profile} gave no credentials");
    match require(&provider, &what, CHECK_PROFILE).await {
        Ok(()) => Ok(provider),
        // The SDK does not say where it has looked.
        Err(error) => match ProfileFiles::of_environment().absence_of(profile) {
            Some(absence) => {
                Err(Error::new(ErrorKind::AccessDenied, format!("{what}: {absence}."), LIST_PROFILES))
            }
            None => Err(error),
        },
    }
}

/// A role that an option names.
#[derive(Debug, Clone, Copy)]
pub struct Role<'a> {
    pub arn: &'a str,
    pub external_id: Option<&'a str>,
    /// The option that gives the external id.
    pub external_id_option: &'static str,
}

/// The name of the sessions of an assumed role, in the CloudTrail of its account.
const SESSION: &str = "cognito-backup-copy";

/// The credentials of `role`, which those of `config` assume.
///
/// # Errors
/// `InvalidInput` if the text is not the ARN of a role. `AccessDenied` if the role cannot be assumed.
pub async fn of_role(role: Role<'_>, config: &SdkConfig) -> Result<SharedCredentialsProvider, Error> {
    let Role { arn, external_id, external_id_option: option } = role;
    let mut builder = AssumeRoleProvider::builder(checked(arn)?).configure(config).session_name(SESSION);
    if let Some(id) = external_id {
        builder = builder.external_id(id);
    }
    let guidance = format!(
        "The role must trust these credentials: `aws sts get-caller-identity` names their owner. If the role requires an \
         external id, give it with {option}. Allow the credentials sts:AssumeRole on the role."
    );
    let provider = SharedCredentialsProvider::new(builder.build().await);
    require(&provider, &format!("The command could not assume role {arn}"), guidance).await?;
    Ok(provider)
}

/// `config` with the credentials of `provider`. It shares no cache with `config`, which may hold other credentials.
pub fn exchanged(config: &SdkConfig, provider: SharedCredentialsProvider) -> SdkConfig {
    let config = config.clone().into_builder();
    config.credentials_provider(provider).identity_cache(IdentityCache::lazy().build()).build()
}

/// Checks that the text is the ARN of a role.
fn checked(role: &str) -> Result<&str, Error> {
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, name] if is_account(account) && name.starts_with("role/") => Ok(role),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{role:?} is not the ARN of a role."),
            "The ARN of a role looks like arn:aws:iam::222222222222:role/cognito-backup-copy.",
        )),
    }
}

/// Asks the default chain of the SDK once, so that missing credentials are no failure of the table.
///
/// # Errors
/// `AccessDenied` if it finds none.
pub async fn require_any(provider: Option<&SharedCredentialsProvider>) -> Result<(), Error> {
    const WHAT: &str = "No AWS credentials were found";
    const GUIDANCE: &str = "Sign in, give --profile, or set AWS_PROFILE or the variables of the credentials. \
                            `aws sts get-caller-identity` shows whether they work.";
    let found = match provider {
        Some(provider) => require(provider, WHAT, GUIDANCE).await,
        None => Err(Error::new(ErrorKind::AccessDenied, format!("{WHAT}."), GUIDANCE)),
    };
    let profile = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    let absent = || {
        let profile = profile?;
        let absence = ProfileFiles::of_environment().absence_of(&profile)?;
        let message = format!("{WHAT}: AWS_PROFILE names profile {profile}, and {absence}.");
        Some(Error::new(ErrorKind::AccessDenied, message, LIST_PROFILES))
    };
    found.map_err(|error| absent().unwrap_or(error))
}

/// Asks `provider` once. So a refusal is reported as a refusal, and not as a failure of the table.
///
/// # Errors
/// `AccessDenied`: `what`, with the cause, if there are no credentials.
pub async fn require(
    provider: &SharedCredentialsProvider,
    what: &str,
    guidance: impl Into<Guidance>,
) -> Result<(), Error> {
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(Error::new(ErrorKind::AccessDenied, format!("{what}: {}.", reason(&error)), guidance))
        }
    }
}

/// The answer of STS, or the innermost cause if there was no answer.
fn reason(error: &(dyn StdError + 'static)) -> String {
    let (mut cause, mut answer) = (Some(error), None);
    while let Some(error) = cause {
        answer = error
            .downcast_ref::<ErrorMetadata>()
            .and_then(|told| Some((told.code()?, told.message()?)))
            .or(answer);
        cause = error.source();
    }
    match answer {
        Some((code, message)) => format!("{code}, {}", message.trim_end_matches('.')),
        None => innermost(error),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::Credentials;
    use aws_sdk_dynamodb::error::SdkError;
    use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;

    use super::*;

    #[test]
    fn an_answer_of_sts_is_shown_unchanged_and_another_error_by_its_cause() {
        let answer = ErrorMetadata::builder().code("AccessDenied").message("Not authorized.").build();
        let refused = SdkError::service_error(DescribeTableError::generic(answer), ());
        assert_eq!(reason(&refused), "AccessDenied, Not authorized");
        let unreachable: SdkError<DescribeTableError, ()> = SdkError::timeout_error("connection refused.");
        assert_eq!(reason(&unreachable), "connection refused");
    }

    #[test]
    fn only_a_role_can_be_assumed() {
        for role in ["arn:aws:iam::222222222222:role/copy", "arn:aws-cn:iam::222222222222:role/path/to/copy"]
        {
            assert_eq!(checked(role), Ok(role));
        }
        for other in [
            "copy",
            "arn:aws:iam::222222222222:user/copy",
            "arn:aws:sts::222222222222:assumed-role/copy/me",
            "arn:aws:iam::2:role/x",
        ] {
            assert_eq!(checked(other).unwrap_err().kind(), ErrorKind::InvalidInput, "{other}");
        }
    }

    #[tokio::test]
    async fn missing_credentials_are_named() {
        // A profile that does not exist stands for a chain that finds nothing.
        let nothing =
            ProfileFileCredentialsProvider::builder().profile_name("no-such-profile-of-a-test").build();
        for provider in [None, Some(SharedCredentialsProvider::new(nothing))] {
            let error = require_any(provider.as_ref()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AccessDenied);
            assert!(error.message().starts_with("No AWS credentials were found"), "{error}");
        }
        let given = SharedCredentialsProvider::new(Credentials::new("id", "secret", None, None, "test"));
        assert_eq!(require_any(Some(&given)).await, Ok(()));
    }
}
