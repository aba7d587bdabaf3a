//! The local AWS with exports that capture the configuration of pools.

use anyhow::Result;
use aws_sdk_cognitoidentityprovider::Client;
use local::aws::{self, REGION};
use local::provision::Options;

use crate::World;
use crate::operator::Operator;

/// A world that captures configurations. The operator and `cognito` reach Cognito through the strict proxy.
pub struct Capturing {
    pub world: World,
    pub operator: Operator,
    pub cognito: Client,
}

impl Capturing {
    /// Brings it up.
    pub async fn new() -> Result<Self> {
        let variables = vec![("CAPTURE_CONFIGURATION".to_owned(), "YES".to_owned())];
        let world = World::with_options(Options { variables, ..Options::default() }).await?;
        let proxy = world.stack.strict.url();
        let operator = Operator::new(&world).await?;
        let operator = operator.with_variable("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER", &proxy);
        let cognito = Client::new(&aws::config(&proxy, REGION));
        Ok(Self { world, operator, cognito })
    }
}
