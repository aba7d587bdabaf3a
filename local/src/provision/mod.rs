//! Deploys the backup into the emulator: table and replica, topic, functions, state machines.

mod functions;
mod machines;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::aws::{self, REGION, SECONDARY_REGION};
use crate::build::Executables;
use crate::emulator::Server;
use crate::paths;

pub use table::replicate;

/// The name of the backup table.
pub const BACKUP_TABLE: &str = "cognito-backup";
/// The name of the notification topic.
pub const TOPIC: &str = "cognito-backup";

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
    /// The folder with `export.asl.json` and `import.asl.json`.
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
            cognito_endpoint: variable(functions::COGNITO_ENDPOINT),
            dynamodb_endpoint: variable(functions::DYNAMODB_ENDPOINT),
            variables: Vec::new(),
            access_key_id: aws::ACCESS_KEY_ID.into(),
            state_machines: paths::state_machines(),
        }
    }
}

/// A backup in the emulator: the addresses and names that a client needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// The URL of every AWS service.
    pub endpoint_url: String,
    /// The Region of the functions.
    pub region: String,
    /// The Region of the replica.
    pub secondary_region: String,
    /// The name of the table, the same in both Regions.
    pub backup_table: String,
    /// The state machine that exports.
    pub export_state_machine_arn: String,
    /// The state machine that imports.
    pub import_state_machine_arn: String,
    /// The process id of the emulator.
    pub pid: u32,
}

/// Deploys into an empty account of an emulator. The functions stay unchanged, even if they are
/// built again.
///
/// # Errors
/// If a call fails. The error says what the call was for.
pub async fn deploy(server: &Server, executables: &Executables, options: &Options) -> Result<Deployment> {
    let key = options.access_key_id.as_str();
    let endpoint_url = &server.endpoint_url();
    let executables = &server.keep(executables)?;
    let config = aws::config_of(key, endpoint_url, REGION);
    table::create(key, endpoint_url).await.context("cannot create the backup table")?;
    let topic = aws_sdk_sns::Client::new(&config).create_topic().name(TOPIC).send().await;
    let topic = topic.context("cannot create the topic")?.topic_arn.context("the new topic has no ARN")?;
    let functions = functions::create(&config, executables, options, &topic).await?;
    let machines = machines::create(&config, &options.state_machines, &functions).await?;
    Ok(Deployment {
        endpoint_url: endpoint_url.clone(),
        region: REGION.into(),
        secondary_region: SECONDARY_REGION.into(),
        backup_table: BACKUP_TABLE.into(),
        export_state_machine_arn: machines.export,
        import_state_machine_arn: machines.import,
        pid: server.pid(),
    })
}
