//! Puts the backup into the emulator, as a deployment would: table and replica, topic, functions, state machines.

mod functions;
mod machines;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::aws::{self, REGION, SECONDARY_REGION};
use crate::build::Executables;
use crate::paths;

pub use table::replicate;

/// The name of the backup table.
pub const BACKUP_TABLE: &str = "cognito-backup";
/// The name of the notification topic.
pub const TOPIC: &str = "cognito-backup";

/// What may differ from one deployment to another.
#[derive(Debug, Clone)]
pub struct Options {
    /// Cognito calls per second, handed over word for word as `COGNITO_TPS`, so that a wrong value can be tried.
    pub tps: String,
    /// How long one invocation of a function may take; Lambda's limit is 15 minutes.
    pub function_timeout: Duration,
    /// `INFO_AND_ERRORS` or `ERRORS_ONLY`.
    pub sns_preference: String,
    /// Where the functions find Cognito, when not at the emulator itself: a recorder, say.
    pub cognito_endpoint: Option<String>,
    /// Where the functions find DynamoDB, when not at the emulator itself.
    pub dynamodb_endpoint: Option<String>,
    /// Further variables for the functions; one that is set above is replaced.
    pub variables: Vec<(String, String)>,
    /// The access key that everything is created with: a 12-digit one is the account in which it then is.
    pub access_key_id: String,
    /// The folder with `export.asl.json` and `import.asl.json`.
    pub state_machines: PathBuf,
}

impl Default for Options {
    /// Ten calls per second, 15 minutes, every notification, the definitions of this workspace, and the endpoints that this
    /// process has in `AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER` and `AWS_ENDPOINT_URL_DYNAMODB`.
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

/// A backup in the emulator: what a user needs to know to work with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// Where every AWS service answers.
    pub endpoint_url: String,
    /// Where the functions run.
    pub region: String,
    /// Where the replica of the table is.
    pub secondary_region: String,
    /// The name of the table, the same in both Regions.
    pub backup_table: String,
    /// Starts an export.
    pub export_state_machine_arn: String,
    /// Starts an import.
    pub import_state_machine_arn: String,
    /// The process that serves it all.
    pub pid: u32,
}

/// Deploys into an account of an emulator that is empty.
///
/// # Errors
/// The first call that fails, with what it was about.
pub async fn deploy(endpoint_url: &str, pid: u32, executables: &Executables, options: &Options) -> Result<Deployment> {
    let key = options.access_key_id.as_str();
    let config = aws::config_of(key, endpoint_url, REGION);
    table::create(key, endpoint_url).await.context("cannot create the backup table")?;
    let topic = aws_sdk_sns::Client::new(&config).create_topic().name(TOPIC).send().await;
    let topic = topic.context("cannot create the topic")?.topic_arn.context("the new topic has no ARN")?;
    let functions = functions::create(&config, executables, options, &topic).await?;
    let machines = machines::create(&config, &options.state_machines, &functions).await?;
    Ok(Deployment {
        endpoint_url: endpoint_url.to_owned(),
        region: REGION.into(),
        secondary_region: SECONDARY_REGION.into(),
        backup_table: BACKUP_TABLE.into(),
        export_state_machine_arn: machines.export,
        import_state_machine_arn: machines.import,
        pid,
    })
}
