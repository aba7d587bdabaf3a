//! The options of every verb.

use clap::Args;

/// Where things are, and how a command writes its results.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The backup table [default: cognito-backup]
    #[arg(long, global = true, env = "BACKUP_TABLE_NAME", hide_env_values = true, value_name = "NAME")]
    pub table: Option<String>,
    /// The export state machine [default: the one with the name of the table and -export]
    #[arg(long, global = true, env = "EXPORT_STATE_MACHINE_ARN", hide_env_values = true, value_name = "ARN")]
    pub export_state_machine: Option<String>,
    /// The import state machine [default: the one with the name of the table and -import]
    #[arg(long, global = true, env = "IMPORT_STATE_MACHINE_ARN", hide_env_values = true, value_name = "ARN")]
    pub import_state_machine: Option<String>,
    /// The AWS Region [default: as the AWS CLI finds it, otherwise that of the pool or execution]
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// The profile of the AWS configuration, for credentials. It also gives the Region if --region and AWS_REGION do not
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The URL of another endpoint than that of AWS
    #[arg(long, global = true, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// Print only the result on stdout, as one JSON object (sub-map: one object a line)
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

impl Settings {
    /// The table of a deployment with the default name.
    pub const DEFAULT_TABLE: &str = "cognito-backup";

    /// The backup table: that of the settings, or the default of a deployment.
    pub fn table(&self) -> &str {
        self.table.as_deref().unwrap_or(Self::DEFAULT_TABLE)
    }
}
