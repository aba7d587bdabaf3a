//! From a verb to its command: connects to what the command works on, and carries it out.

use std::future::Future;

use aws_config::SdkConfig;
use shared::catalog::Catalog;
use shared::model::PoolId;
use shared::operations::copy::at_destination;
use shared::ports::Clock;
use shared_aws::dynamodb::DynamoVault;
use shared_aws::keys::AwsKeys;

use crate::args::Command;
use crate::aws::{self, Caller, StepFunctions, Table};
use crate::commands::{
    Deployment, Session, completions, copy, export, import, man, pool, prune, snapshots, status, sub_map,
    verify,
};
use crate::output::Answer;
use crate::output::flags::repeat_places;
use crate::problem::Result;
use crate::settings::Settings;

/// Carries out `command`.
///
/// # Errors
/// The problem that the operator reads.
pub async fn run<S: Future<Output = ()>>(
    command: &Command,
    settings: &Settings,
    session: Session<'_, S>,
) -> Result<Answer> {
    repeat_places(settings);
    match command {
        Command::Export(args) => {
            let request = export::Request::read(args, settings.table.as_deref())?;
            request.run(&connect(settings, None, Some(request.pool().region())).await?, session).await
        }
        Command::Import(args) => match import::Target::read(args, settings.table.as_deref())? {
            import::Target::Existing(request) => {
                let of_pool = Some(request.target().region());
                request.run(&connect(settings, None, of_pool).await?, session).await
            }
            import::Target::New(request) => {
                let config = aws::configuration(settings, None, Some(request.pool().region())).await?;
                let pool_at = |id: &PoolId| aws::user_pool(&config, id);
                let caller = async || Caller::of(&config).await;
                let (deployment, clock) = (deployment(settings, &config), Clock::system());
                request.run(&deployment, pool_at, &keys(&config), caller, clock, session).await
            }
        },
        Command::Status(args) => {
            let request = status::Request::read(args, settings.table.as_deref())?;
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
            let request = verify::Request::read(args, settings)?;
            let config = aws::configuration(settings, None, Some(request.pool().region())).await?;
            let pool = aws::user_pool(&config, request.pool());
            request.run(&deployment(settings, &config), pool, session).await
        }
        Command::Pool(args) => {
            let request = pool::Request::read(args)?;
            let config = aws::configuration(settings, None, Some(request.pool().region())).await?;
            let pool_at = |id: &PoolId| aws::user_pool(&config, id);
            let caller = async || Caller::of(&config).await;
            request
                .run(
                    &deployment(settings, &config),
                    pool_at,
                    &keys(&config),
                    caller,
                    Clock::system(),
                    session,
                )
                .await
        }
        Command::Copy(args) => {
            let request = copy::Request::read(args)?;
            let config = aws::configuration(settings, None, request.pool_region()).await?;
            let from = aws::source(&config, &args.from).await?;
            let source = Table::open(&from, settings.table()).await?;
            let to = aws::destination(&config, &args.to).await?;
            let destination = Table::open_destination(&to, &args.to.to_table).await?;
            let kms = copy::BothKeys { source: keys(&from), destination: keys(&to) };
            let replicas = destination.catalog.vault().replicas().await.map_err(at_destination)?;
            request.run(&source, &destination, &replicas, kms, Clock::system(), session).await
        }
        Command::Prune(args) => {
            let request = prune::Request::read(args)?;
            let config = aws::configuration(settings, None, Some(request.pool().region())).await?;
            let table = Table::open(&config, settings.table()).await?;
            let replicas = table.catalog.vault().replicas().await?;
            request.run(&table, &replicas, Clock::system(), session).await
        }
        Command::Completions(args) => Ok(completions::run(args, (session.now)())),
        Command::Man(args) => man::run(args, (session.now)()),
    }
}

/// The deployment that `settings` describe.
///
/// The clients make the few retries of the SDK's default, because an operator waits for the answer.
async fn connect(
    settings: &Settings,
    of_execution: Option<&str>,
    of_pool: Option<&str>,
) -> Result<Deployment<StepFunctions, DynamoVault>> {
    Ok(deployment(settings, &aws::configuration(settings, of_execution, of_pool).await?))
}

/// KMS for a command.
fn keys(config: &SdkConfig) -> AwsKeys {
    AwsKeys::new(AwsKeys::client(config))
}

fn deployment(settings: &Settings, config: &SdkConfig) -> Deployment<StepFunctions, DynamoVault> {
    Deployment {
        executions: StepFunctions::new(config, settings),
        catalog: Catalog::new(DynamoVault::new(
            aws_sdk_dynamodb::Client::new(config),
            settings.table().to_owned(),
        )),
        table: settings.table().to_owned(),
        region: config.region().map(ToString::to_string).unwrap_or_default(),
    }
}
