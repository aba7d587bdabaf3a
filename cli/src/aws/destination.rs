//! The credentials and the Region in which a snapshot is copied to another table.

use aws_config::identity::IdentityCache;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use clap::Args;
use shared::{Error, ErrorKind};

use super::credentials;
use crate::output::flags::NextCredentials;

/// The options that choose the destination of a copy.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Where to")]
pub struct DestinationArgs {
    /// The backup table to copy to: a name, or the ARN of a table that allows these credentials to write to it
    #[arg(long, value_name = "NAME")]
    pub to_table: String,
    /// The Region of that table [default: that of the source table]
    #[arg(long, value_name = "REGION")]
    pub to_region: Option<String>,
    /// Use that table with the credentials of this role, mostly of another account
    #[arg(long, value_name = "ARN")]
    pub assume_role: Option<String>,
    /// The external id that the role requires
    #[arg(long, value_name = "ID", requires = "assume_role")]
    pub external_id: Option<String>,
    /// Use that table with the credentials of this profile of the AWS configuration
    #[arg(long, value_name = "NAME", conflicts_with = "assume_role")]
    pub to_profile: Option<String>,
}

impl DestinationArgs {
    /// The credentials of the next command on that table.
    pub fn next_credentials(&self) -> NextCredentials {
        match (&self.assume_role, &self.to_profile) {
            (Some(_), _) => NextCredentials::Others,
            (None, Some(profile)) => NextCredentials::Profile(profile.clone()),
            (None, None) => NextCredentials::Same,
        }
    }
}

/// The name of the sessions of an assumed role, in the CloudTrail of the other account.
const SESSION: &str = "cognito-backup-copy";

/// The configuration for the destination: that of the source, changed as `to` says.
///
/// # Errors
/// If the role cannot be assumed, or the profile gives no credentials.
pub async fn destination(source: &SdkConfig, to: &DestinationArgs) -> Result<SdkConfig, Error> {
    let mut config = source.clone().into_builder();
    if let Some(region) = &to.to_region {
        config = config.region(Region::new(region.clone()));
    }
    if let Some(provider) = credentials(source, to).await? {
        config = config.credentials_provider(provider).identity_cache(IdentityCache::lazy().build());
    }
    Ok(config.build())
}

/// The credentials for the destination. None if they are those of the source.
async fn credentials(
    source: &SdkConfig,
    to: &DestinationArgs,
) -> Result<Option<SharedCredentialsProvider>, Error> {
    match (&to.assume_role, &to.to_profile) {
        (Some(role), _) => {
            let mut builder =
                AssumeRoleProvider::builder(checked(role)?).configure(source).session_name(SESSION);
            if let Some(id) = &to.external_id {
                builder = builder.external_id(id);
            }
            let guidance = "The role must trust these credentials: `aws sts get-caller-identity` names their owner. If the role \
                            requires an external id, give it with --external-id. Allow the credentials sts:AssumeRole on the role.";
            let provider = SharedCredentialsProvider::new(builder.build().await);
            let what = format!("The command could not assume role {role}");
            credentials::require(&provider, &what, guidance).await?;
            Ok(Some(provider))
        }
        (None, Some(profile)) => Ok(Some(credentials::of_profile(profile, source.region()).await?)),
        (None, None) => Ok(None),
    }
}

/// Checks that the text is the ARN of a role.
fn checked(role: &str) -> Result<&str, Error> {
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, name] if account.len() == 12 && name.starts_with("role/") => Ok(role),
        _ => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{role:?} is not the ARN of a role."),
            "The ARN of a role looks like arn:aws:iam::222222222222:role/cognito-backup-copy.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    async fn without_other_credentials_only_the_region_differs() {
        let source = SdkConfig::builder().region(Region::new("eu-west-1")).build();
        let region = |to_region: Option<&str>| DestinationArgs {
            to_region: to_region.map(str::to_owned),
            ..DestinationArgs::default()
        };
        for (to, expected) in [(region(None), "eu-west-1"), (region(Some("eu-central-1")), "eu-central-1")] {
            let config = destination(&source, &to).await.unwrap();
            assert_eq!(config.region().map(Region::as_ref), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_missing_profile_is_named() {
        let source = SdkConfig::builder().region(Region::new("eu-west-1")).build();
        let to = DestinationArgs {
            to_profile: Some("no-such-profile-of-a-test".to_owned()),
            ..DestinationArgs::default()
        };
        let error = destination(&source, &to).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        assert!(
            error.message().contains("Profile no-such-profile-of-a-test gave no credentials: "),
            "{error}"
        );
    }
}
