//! AWS: the few calls of Step Functions, and the clients of the table and the pools.

#[cfg(test)]
mod answers;
mod caller;
mod credentials;
mod destination;
mod executions;
mod failure;
mod machine;
mod profiles;
mod sfn;
mod source;
mod table;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use shared::model::PoolId;
use shared::{Error, ErrorKind};
use shared_aws::cognito::CognitoPool;

use crate::settings::Settings;

pub use caller::{Caller, is_account};
pub use destination::{DestinationArgs, destination};
pub use executions::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
pub use machine::Machine;
pub use sfn::StepFunctions;
pub use source::{SourceArgs, source};
pub use table::{Table, TablePlace, name_of_table};

/// Finds credentials and Region as the AWS CLI does. If the settings name a profile, only its credentials count.
///
/// `of_execution` is the Region of an execution that an argument names: it exists only there. `of_pool` is the Region of a
/// pool. It counts if nothing else names a Region.
///
/// # Errors
/// If nothing names a Region, or there are no credentials.
pub async fn configuration(
    settings: &Settings,
    of_execution: Option<&str>,
    of_pool: Option<&str>,
) -> Result<SdkConfig, Error> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(shared_aws::timeouts());
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some(region) = settings.region.as_deref().or(of_execution) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let found = loader.load().await;
    let region = found.region().cloned().or_else(|| of_pool.map(|region| Region::new(region.to_owned())));
    let Some(region) = region else {
        return Err(Error::new(
            ErrorKind::InvalidConfiguration,
            "No AWS Region is configured.",
            "Give --region, or set AWS_REGION, to the Region of the deployment.",
        ));
    };
    let mut config = found.into_builder().region(region.clone());
    match &settings.profile {
        Some(profile) => {
            config = config.credentials_provider(credentials::of_profile(profile, Some(&region)).await?);
            Ok(config.build())
        }
        None => {
            let config = config.build();
            credentials::require_any(config.credentials_provider().as_ref()).await?;
            Ok(config)
        }
    }
}

/// The user pool `id`, in its own Region. The table may be in another one.
pub fn user_pool(config: &SdkConfig, id: &PoolId) -> CognitoPool {
    let config = config.clone().into_builder().region(Region::new(id.region().to_owned())).build();
    CognitoPool::new(CognitoPool::client(&config), id.clone())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    #[tokio::test]
    async fn only_the_profile_that_an_option_names_gives_credentials() {
        let line =
            "cognito-backup export --pool eu-west-1_a --region eu-west-1 --profile no-such-profile-of-a-test";
        let settings = Cli::try_parse_from(line.split(' ')).unwrap().settings;
        let error = configuration(&settings, None, Some("eu-west-1")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AccessDenied);
        let expected = "Profile no-such-profile-of-a-test gave no credentials: neither ";
        assert!(error.message().starts_with(expected) && error.message().ends_with(" has it."), "{error}");
    }
}
