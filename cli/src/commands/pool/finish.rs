//! `pool finish`: give a created pool its triggers and its deletion protection, after its users are imported.

use clap::Args;
use serde::Serialize;
use shared::model::{CallStats, Ceilings, PoolId, Tps};
use shared::operations::rebuild::finish;
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind};

use crate::arguments;
use crate::commands::{Deployment, Session};
use crate::exit::ExitStatus;
use crate::output::{Answer, Report};
use crate::problem::Result;

/// The arguments of `pool finish`.
#[derive(Debug, Args)]
pub struct FinishArgs {
    /// The user pool that `pool create` has created
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// Finish it. Without this option, the command says what it would do
    #[arg(long)]
    pub yes: bool,
}

/// A pool to finish.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    yes: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finished {
    user_pool_id: PoolId,
    /// Whether the command changed the pool.
    changed: bool,
}

impl Report for Finished {
    fn human(&self, _: jiff::Timestamp) -> String {
        if self.changed {
            format!("User pool {} has its triggers and its deletion protection.", self.user_pool_id)
        } else {
            format!("User pool {} is finished already.", self.user_pool_id)
        }
    }
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If the pool id cannot be read.
    pub fn read(args: &FinishArgs) -> Result<Self> {
        Ok(Self { pool: arguments::read("--pool", &args.pool, PoolId::parse)?, yes: args.yes })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Finishes the pool.
    ///
    /// # Errors
    /// If the table has no record of its creation, or Cognito refuses a call.
    pub async fn run<E, V: Vault, P: ConfigurablePool, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        if !self.yes {
            let what = format!(
                "The command would give user pool {} the triggers and the deletion protection of the snapshot. From then on, \
                 its triggers run.",
                self.pool
            );
            return Err(Error::new(
                ErrorKind::InvalidInput,
                what,
                "Import the users first. Then give --yes.",
            )
            .into());
        }
        let tps = Tps::DEFAULT;
        let calls = CallStats::none(tps);
        let pool = PacedPool::new(pool_at(&self.pool), tps, &Ceilings::default(), Clock::system(), calls);
        let changed = finish(&deployment.catalog, &pool).await?;
        let finished = Finished { user_pool_id: self.pool.clone(), changed };
        Ok(Answer::new(&finished, ExitStatus::Done, (session.now)()))
    }
}
