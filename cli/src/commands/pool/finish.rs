//! `pool finish`: give a created pool its triggers and its deletion protection, after its users are imported.

use clap::Args;
use shared::model::{CallStats, Ceilings, PoolId, Tps};
use shared::operations::holder_name;
use shared::operations::rebuild::{finish, finish_plan};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;

use super::confirm::confirm;
use crate::arguments;
use crate::commands::{Deployment, Session};
use crate::exit::ExitStatus;
use crate::output::{Answer, PoolFinished, Report};
use crate::problem::Result;

/// The arguments of `pool finish`.
#[derive(Debug, Args)]
pub struct FinishArgs {
    /// The user pool that `pool create` has created
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// Only show which triggers would run, and whether deletion protection would be on
    #[arg(long)]
    pub plan: bool,
    /// Finish without asking
    #[arg(long)]
    pub yes: bool,
}

/// A pool to finish.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    plan: bool,
    yes: bool,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If the pool id cannot be read.
    pub fn read(args: &FinishArgs) -> Result<Self> {
        let pool = arguments::read("--pool", &args.pool, PoolId::parse)?;
        Ok(Self { pool, plan: args.plan, yes: args.yes })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Finishes the pool.
    ///
    /// # Errors
    /// If the table has no record of its creation, the creation has not ended, or Cognito refuses a call.
    pub async fn run<E, V: Vault + Clone + 'static, P: ConfigurablePool, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let (now, tps) = ((session.now)(), Tps::DEFAULT);
        let calls = CallStats::none(tps);
        let pool = PacedPool::new(pool_at(&self.pool), tps, &Ceilings::default(), clock, calls);
        let plan = finish_plan(&deployment.catalog, &pool).await?;
        let shown = PoolFinished::plan(&self.pool, &plan);
        if self.plan || !plan.changes() {
            return Ok(Answer::new(&shown, ExitStatus::Done, now));
        }
        if !self.yes {
            let question = format!(
                "{}\nImport the users first. Type the id of the user pool to finish it:",
                shown.human(now)
            );
            confirm(&question, self.pool.as_str(), session.meter)?;
        }
        let holder = holder_name("cognito-backup pool finish", now);
        let finished = finish(&deployment.catalog, pool, &holder, clock).await?;
        Ok(Answer::new(&PoolFinished::done(&self.pool, &finished), ExitStatus::Done, now))
    }
}
