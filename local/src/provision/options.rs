//! The settings of a deployment.

use std::path::PathBuf;
use std::time::Duration;

use crate::{aws, paths};

/// The variable with which the AWS SDKs find Cognito user pools.
pub(super) const COGNITO_ENDPOINT: &str = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER";
/// The variable with which the AWS SDKs find DynamoDB.
pub(super) const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";

/// The settings of a deployment.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cognito calls per second: the value of `COGNITO_TPS`. It is a text, so that a test can try a wrong
    /// value.
    pub tps: String,
    /// How long one invocation of a function may take. Lambda's limit is 15 minutes.
    pub function_timeout: Duration,
    /// `INFO_AND_ERRORS` or `ERRORS_ONLY`.
    pub sns_preference: String,
    /// The endpoint of Cognito for the functions, such as a recorder. `None` is the emulator.
    pub cognito_endpoint: Option<String>,
    /// The endpoint of DynamoDB for the functions. `None` is the emulator.
    pub dynamodb_endpoint: Option<String>,
    /// Further variables for the functions. They replace the variables of the other settings.
    pub variables: Vec<(String, String)>,
    /// The access key of the deployment. If it has 12 digits, the deployment is in the account with that id.
    pub access_key_id: String,
    /// The folder with `export.asl.json`, `import.asl.json`, `removal.asl.json` and `copy.asl.json`.
    pub state_machines: PathBuf,
}

impl Default for Options {
    /// Ten calls per second, 15 minutes, all notifications, and the definitions of this workspace. The
    /// endpoints are those in the variables `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER` and
    /// `AWS_ENDPOINT_URL_DYNAMODB` of this process.
    fn default() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            tps: "10".into(),
            function_timeout: Duration::from_secs(900),
            sns_preference: "INFO_AND_ERRORS".into(),
            cognito_endpoint: variable(COGNITO_ENDPOINT),
            dynamodb_endpoint: variable(DYNAMODB_ENDPOINT),
            variables: Vec::new(),
            access_key_id: aws::ACCESS_KEY_ID.into(),
            state_machines: paths::state_machines(),
        }
    }
}
