//! `pool show`: print the captured configuration of a snapshot.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use shared::model::configuration::code::{Tool, as_code};
use shared::model::{PoolId, SnapshotSelector};
use shared::operations::captured_configuration;
use shared::ports::keys::DecryptingKeys;
use shared::ports::vault::Vault;

use crate::arguments;
use crate::commands::{Deployment, Session};
use crate::exit::ExitStatus;
use crate::output::flags::command;
use crate::output::{Answer, PoolCode, PoolShown};
use crate::problem::Result;

/// What `pool show --help` ends with.
pub fn examples() -> String {
    let show = |rest: &str| command(format!("pool show --pool eu-west-1_EXAMPLE --format {rest}"));
    format!("Examples:\n  {}\n  {} > pool.tf", show("cloudformation --output stack"), show("terraform"))
}

/// The arguments of `pool show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The user pool
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// `latest`, or the id of a snapshot or capture that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Decrypt the secrets with your own permission (`kms:Decrypt`), and print them in their places
    #[arg(long)]
    pub secrets: bool,
    /// Print code for this tool, with what it takes to import the user pool
    #[arg(long, value_enum, value_name = "TOOL", conflicts_with = "secrets")]
    pub format: Option<CodeFormat>,
    /// Write the code into files in this folder, and replace none: `template.yaml` and `resources-to-import.json`, or
    /// `main.tf` and `imports.tf`
    #[arg(short, long, value_name = "DIR", requires = "format")]
    pub output: Option<PathBuf>,
}

/// The tool that reads the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CodeFormat {
    /// A template in YAML, and the list of the resources to import
    #[value(name = "cloudformation")]
    CloudFormation,
    /// Resources and `import` blocks in HCL, for the provider hashicorp/aws 6 of September 2026 or newer
    Terraform,
}

/// A configuration to print.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    snapshot: SnapshotSelector,
    reveals_secrets: bool,
    tool: Option<Tool>,
    output: Option<PathBuf>,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If the pool id or the snapshot id cannot be read.
    pub fn read(args: &ShowArgs) -> Result<Self> {
        Ok(Self {
            pool: arguments::read("--pool", &args.pool, PoolId::parse)?,
            snapshot: arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?,
            reveals_secrets: args.secrets,
            tool: args.format.map(|format| match format {
                CodeFormat::CloudFormation => Tool::CloudFormation,
                CodeFormat::Terraform => Tool::Terraform,
            }),
            output: args.output.clone(),
        })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Reads the configuration. `keys` is KMS.
    ///
    /// # Errors
    /// If there is no such snapshot, if it holds no configuration, or if the table cannot be read. If KMS does not decrypt a
    /// secret that is to be printed. If a file of code exists or cannot be written.
    pub async fn run<E, V: Vault, S>(
        &self,
        deployment: &Deployment<E, V>,
        keys: &impl DecryptingKeys,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = (session.now)();
        let captured = captured_configuration(&deployment.catalog, &self.pool, &self.snapshot, now).await;
        let mut captured = captured.map_err(|error| deployment.of_snapshot(error))?;
        if let Some(tool) = self.tool {
            let objects = captured.with_assets(&deployment.catalog).await?;
            let code = as_code(tool, &self.pool, &captured.list, &objects);
            let mut code = PoolCode::new(&self.pool, &captured.id, tool, &code)?;
            if let Some(folder) = &self.output {
                code = code.write_into(folder)?;
            }
            if let Some(left_out) = code.left_out() {
                session.meter.note(&left_out);
            }
            if let Some(refused) = code.refused() {
                session.meter.note(refused);
            }
            return Ok(Answer::new(&code, ExitStatus::Done, now));
        }
        if self.reveals_secrets {
            captured.reveal_secrets(keys, &deployment.region).await?;
        }
        Ok(Answer::new(&PoolShown::new(&captured, self.reveals_secrets), ExitStatus::Done, now))
    }
}
