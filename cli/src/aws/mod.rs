//! AWS: the few calls of Step Functions, and the clients of the table and the pools.

mod destination;
mod executions;
mod failure;
mod sfn;
mod table;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use shared::model::PoolId;
use shared::{Error, ErrorKind};
use shared_aws::cognito::CognitoPool;

use crate::settings::Settings;

pub use destination::{DestinationArgs, destination};
pub use executions::{ExecutionArn, ExecutionView, Executions, RunInput, RunStatus};
pub use sfn::StepFunctions;
pub use table::{Table, TablePlace};

/// Finds credentials and Region as the AWS CLI does.
///
/// `of_execution` is the Region of an execution that an argument names: it exists only there. `of_pool` is the Region of a
/// pool. It counts if nothing else names a Region.
///
/// # Errors
/// If nothing names a Region.
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
    match (found.region(), of_pool) {
        (Some(_), _) => Ok(found),
        (None, Some(region)) => Ok(found.into_builder().region(Region::new(region.to_owned())).build()),
        (None, None) => Err(Error::new(
            ErrorKind::InvalidConfiguration,
            "No AWS Region is configured.",
            "Give --region, or set AWS_REGION, to the Region of the deployment.",
        )),
    }
}

/// The user pool `id`, in its own Region. The table may be in another one.
pub fn user_pool(config: &SdkConfig, id: &PoolId) -> CognitoPool {
    let config = config.clone().into_builder().region(Region::new(id.region().to_owned())).build();
    CognitoPool::new(CognitoPool::client(&config), id.clone())
}
