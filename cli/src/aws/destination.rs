//! The credentials and the Region with which a command works on the table that a snapshot is copied to.

use aws_config::{Region, SdkConfig};
use clap::Args;
use shared::Error;

use super::credentials::{self, Role};
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

/// The configuration for the destination: that of the operator, changed as `to` says.
///
/// # Errors
/// If the role cannot be assumed, or the profile gives no credentials.
pub async fn destination(operator: &SdkConfig, to: &DestinationArgs) -> Result<SdkConfig, Error> {
    let mut config = operator.clone().into_builder();
    if let Some(region) = &to.to_region {
        config = config.region(Region::new(region.clone()));
    }
    let config = config.build();
    let provider = match (&to.assume_role, &to.to_profile) {
        (Some(arn), _) => {
            let external_id = to.external_id.as_deref();
            let role = Role { arn, external_id, external_id_option: "--external-id" };
            credentials::of_role(role, operator).await?
        }
        (None, Some(profile)) => credentials::of_profile(profile, operator.region()).await?,
        (None, None) => return Ok(config),
    };
    Ok(credentials::exchanged(&config, provider))
}

#[cfg(test)]
mod tests {
    use shared::ErrorKind;

    use super::*;

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
