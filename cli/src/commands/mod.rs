//! The verbs: one file each. A command reads its arguments into a request, and the request does its work on a deployment.

mod copy;
mod export;
mod import;
mod prune;
mod run;
mod snapshots;
mod status;
mod sub_map;
#[cfg(test)]
mod tests;
mod verify;

use std::future::Future;
use std::io::Write;

use aws_config::SdkConfig;
use jiff::Timestamp;
use shared::catalog::Catalog;
use shared::model::{PoolId, RunId};
use shared::ports::Clock;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind};
use shared_aws::dynamodb::DynamoVault;

use crate::args::{Command, Settings};
use crate::aws::{self, StepFunctions, Table};
use crate::output::Answer;
use crate::problem::Result;
use crate::watch::Meter;

/// What commands work on: the state machines and the table of one deployment.
pub struct Deployment<E, V> {
    /// The state machines.
    pub executions: E,
    /// The table.
    pub catalog: Catalog<V>,
    /// The table's name.
    pub table: String,
}

/// What commands show progress on, and when they have to stop.
pub struct Session<'a, S> {
    /// Progress goes here.
    pub meter: &'a mut Meter,
    /// Results that are too long for one answer go here, line by line: stdout.
    pub lines: &'a mut dyn Write,
    /// Watching ends with this.
    pub enough: S,
    /// What times are relative to.
    pub now: fn() -> Timestamp,
}

/// Carries out `command`.
///
/// # Errors
/// What the person who ran it has to know.
pub async fn run<S: Future<Output = ()>>(command: &Command, settings: &Settings, session: Session<'_, S>) -> Result<Answer> {
    match command {
        Command::Export(args) => {
            let request = export::Request::read(args)?;
            request.run(&connect(settings, None, Some(request.pool().region())).await?, session).await
        }
        Command::Import(args) => {
            let request = import::Request::read(args)?;
            request.run(&connect(settings, None, Some(request.target().region())).await?, session).await
        }
        Command::Status(args) => {
            let request = status::Request::read(args)?;
            let deployment = connect(settings, request.execution_region(), request.pool_region()).await?;
            request.run(&deployment, session).await
        }
        Command::Snapshots(args) => {
            let request = snapshots::Request::read(args)?;
            request.run(&connect(settings, None, Some(request.pool().region())).await?, (session.now)()).await
        }
        Command::SubMap(args) => {
            let request = sub_map::Request::read(args, settings.json)?;
            request.run(&connect(settings, None, Some(request.pool().region())).await?, session).await
        }
        Command::Verify(args) => {
            let request = verify::Request::read(args, settings.json)?;
            let config = aws::configuration(settings, None, Some(request.pool().region())).await?;
            let pool = aws::user_pool(&config, request.pool());
            request.run(&deployment(settings, &config), pool, session).await
        }
        Command::Copy(args) => {
            let request = copy::Request::read(args)?;
            let config = aws::configuration(settings, None, request.pool_region()).await?;
            let source = Table::open(&config, &settings.table).await?;
            let destination = aws::destination(&config, &args.to).await?;
            let destination = Table::open_destination(&destination, &args.to.to_table).await?;
            request.run(&source, &destination, session).await
        }
        Command::Prune(args) => {
            let request = prune::Request::read(args)?;
            let config = aws::configuration(settings, None, Some(request.pool().region())).await?;
            let table = Table::open(&config, &settings.table).await?;
            let replicas = table.catalog.vault().replicas().await?;
            request.run(&table, &replicas, Clock::system(), session).await
        }
    }
}

/// The pool that the snapshot `id` was taken of, where it is in the table.
async fn pool_of<V: Vault>(catalog: &Catalog<V>, table: &str, id: &RunId) -> Result<PoolId> {
    catalog.pool_of_snapshot(id).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::SnapshotNotFound,
            format!("Table {table} holds no snapshot {id}."),
            "Check the id, and that the table is the one that the exports write to: `cognito-backup snapshots --pool POOL_ID` lists a pool's snapshots.",
        )
        .into()
    })
}

/// The deployment that `settings` describe. The clients keep the SDK's own few retries: somebody waits for the answer.
async fn connect(
    settings: &Settings,
    of_execution: Option<&str>,
    of_pool: Option<&str>,
) -> Result<Deployment<StepFunctions, DynamoVault>> {
    Ok(deployment(settings, &aws::configuration(settings, of_execution, of_pool).await?))
}

fn deployment(settings: &Settings, config: &SdkConfig) -> Deployment<StepFunctions, DynamoVault> {
    Deployment {
        executions: StepFunctions::new(aws_sdk_sfn::Client::new(config), settings),
        catalog: Catalog::new(DynamoVault::new(aws_sdk_dynamodb::Client::new(config), settings.table.clone())),
        table: settings.table.clone(),
    }
}
