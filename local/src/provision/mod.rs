//! Deploys the backup into the emulator: table and replica, topic, functions, state machines.

mod functions;
mod keys;
mod machines;
mod options;
mod table;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::aws::{self, REGION, SECONDARY_REGION};
use crate::build::Executables;
use crate::emulator::Server;

pub use keys::ConfigurationKeys;
pub use options::Options;
pub use table::{BACKUP_TABLE, replicate};

/// The name of the notification topic.
pub const TOPIC: &str = "cognito-backup";

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
    /// The state machine that removes snapshots.
    pub removal_state_machine_arn: String,
    /// The state machine that copies snapshots from another account.
    pub copy_state_machine_arn: String,
    /// The process id of the emulator.
    pub pid: u32,
}

/// Settings of the caller that would lead an SDK away from the local AWS, or stop it.
pub const MISLEADING: [&str; 8] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SFN",
    "AWS_ENDPOINT_URL_STS",
];

impl Deployment {
    /// The environment in which `cognito-backup` and every SDK reach this deployment, without [`MISLEADING`].
    pub fn environment(&self) -> [(&'static str, &str); 9] {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint_url),
            ("AWS_REGION", &self.region),
            // boto3 and the AWS CLI before version 2 read no other name of the Region:
            // https://boto3.amazonaws.com/v1/documentation/api/latest/guide/configuration.html
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", aws::ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", aws::SECRET_ACCESS_KEY),
            // Keeps SDKs from calling the metadata service of EC2.
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("BACKUP_TABLE_NAME", &self.backup_table),
            ("EXPORT_STATE_MACHINE_ARN", &self.export_state_machine_arn),
            ("IMPORT_STATE_MACHINE_ARN", &self.import_state_machine_arn),
        ]
    }
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
        removal_state_machine_arn: machines.removal,
        copy_state_machine_arn: machines.copy,
        pid: server.pid(),
    })
}
