//! `pool apply`: roll a live pool back to the configuration that a snapshot or a stored capture holds.

mod work;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::future::Future;
use std::pin::pin;
use std::str::FromStr;

use clap::Args;
use futures::{FutureExt, poll};
use jiff::Timestamp;
use shared::model::configuration::apply::{Allow, ApplyChoices, Part, Side};
use shared::model::{CallStats, Ceilings, PoolId, SnapshotSelector, Tps};
use shared::operations::apply::{plan_of, require_idle};
use shared::operations::{HeldLease, holder_name, live_configuration};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::keys::{DecryptingKeys, EncryptingKeys};
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use self::work::{Course, Target, Work, require_stored_secrets};
use super::account::{self, AccountArgs};
use super::confirm::confirm;
use super::release::release;
use super::said::Said;
use crate::arguments;
use crate::aws::Caller;
use crate::commands::tps::TpsArgs;
use crate::commands::{Deployment, Session, run};
use crate::exit::ExitStatus;
use crate::output::flags::command;
use crate::output::{Answer, AppliedFrom, PoolApplied, Report, SecretStorage};
use crate::problem::{Problem, Result};
use crate::watch::Meter;

/// The arguments of `pool apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The user pool to change
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// What the user pool is rolled back to: `latest`, or the id of a snapshot or stored capture that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Roll back only these parts, separated by commas: as `pool show --json` names them (`userPool,clients`), or one object
    /// (`clients/web`)
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub only: Vec<String>,
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help = help_of_allow())]
    pub allow: Vec<String>,
    /// Add attributes that the user pool lacks. They can never be removed again
    #[arg(long)]
    pub add_attributes: bool,
    /// Create deleted app clients again. They get new ids, which your applications need. A client whose secret is not
    /// known gets a new one
    #[arg(long)]
    pub recreate_clients: bool,
    /// Delete every object that only the user pool has, for example clients, providers and domains, except those that AWS
    /// made. A deleted client never gets its id back
    #[arg(long)]
    pub delete_extra: bool,
    #[command(flatten)]
    pub account: AccountArgs,
    /// Neither decrypt the secrets of the snapshot (`kms:Decrypt`) nor store those of the user pool (`kms:Encrypt`,
    /// `kms:GenerateDataKey`, `kms:GenerateMac`)
    #[arg(long)]
    pub no_secrets: bool,
    /// Only show what would be changed and left. The exit code is 0, also if something differs
    #[arg(long)]
    pub plan: bool,
    /// Change the user pool without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub tps: TpsArgs,
}

/// The help of `--allow`.
fn help_of_allow() -> String {
    format!(
        "Allow changes that weaken the pool, cost money, break what relies on it, or lose something for good. Names, \
         separated by commas. {}",
        Allow::WORDS.trim_end()
    )
}

/// A pool to roll back.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    snapshot: SnapshotSelector,
    choices: ApplyChoices,
    account: Option<String>,
    uses_secrets: bool,
    plan: bool,
    yes: bool,
    tps: Tps,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If an id, a name or a limit cannot be read.
    pub fn read(args: &ApplyArgs) -> Result<Self> {
        let choices = ApplyChoices {
            only: names::<Part>("--only", &args.only)?,
            allow: names::<Allow>("--allow", &args.allow)?.into_iter().collect::<BTreeSet<_>>(),
            add_attributes: args.add_attributes,
            recreate_clients: args.recreate_clients,
            delete_extra: args.delete_extra,
        };
        Ok(Self {
            pool: arguments::read("--pool", &args.pool, PoolId::parse)?,
            snapshot: arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?,
            choices,
            account: args.account.read()?,
            uses_secrets: !args.no_secrets,
            plan: args.plan,
            yes: args.yes,
            tps: args.tps.read()?,
        })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Plans, and changes the pool unless only the plan is wanted, or nothing is to be changed.
    ///
    /// # Errors
    /// If the credentials are of another account, the snapshot cannot be used, the plan is refused, something else works on
    /// the pool, the pool was changed since the plan, or Cognito does not answer. If the operator interrupts the command.
    pub async fn run<E, V: Vault, P: ConfigurablePool, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        keys: &(impl DecryptingKeys + EncryptingKeys + Clone),
        caller: impl AsyncFnOnce() -> std::result::Result<Caller, Error>,
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = (session.now)();
        if self.account.is_some() {
            let next = "Give --profile with credentials of the account of the user pool.";
            account::require(self.account.as_deref(), &caller().await?, next)?;
        }
        self.require_home(&deployment.region)?;
        let target =
            Target::read(deployment, &self.pool, &self.snapshot, self.uses_secrets.then_some(keys), now);
        let target = Box::pin(target).await?;
        let calls = CallStats::none(self.tps);
        let pool = PacedPool::new(pool_at(&self.pool), self.tps, &Ceilings::default(), clock, calls);
        session.meter.note(&format!(
            "Reading the configuration of user pool {}.\n{}",
            self.pool,
            run::limit(Some(self.tps))
        ));
        let live = Box::pin(live_configuration(&pool, &target.earlier, &mut Said(session.meter))).await?;
        let plan = plan_of(&live, target.wanted(&self.choices)).map_err(|error| self.of_part(error))?;
        let at_risk = plan.secrets_at_risk(Side { list: &live.list, objects: &live.answers });
        drop(live);
        let captured = &target.captured;
        let from = AppliedFrom {
            pool: &self.pool,
            id: &captured.id,
            holding: captured.holding,
            choices: &self.choices,
        };
        let shown = PoolApplied::plan(from, &plan, at_risk.clone(), target.storage);
        if self.plan {
            return Ok(Answer::new(&shown, ExitStatus::Done, now));
        }
        if plan.writes.is_empty() {
            return Ok(Answer::new(&shown, shown.exit_status(), now));
        }
        let stores_shown = target.storage == SecretStorage::Encrypted;
        require_stored_secrets(&at_risk, &self.choices, target.storage, stores_shown)?;
        require_idle(&deployment.catalog, &pool, clock.now()).await?;
        self.confirmed(&shown, now, session.meter)?;
        let mut interrupted = pin!(session.interrupted.fuse());
        // The first look listens for signals. Without it, a signal while the lease is taken would leave the lease.
        if poll!(&mut interrupted).is_ready() {
            return Err(Course::default().stopped(None));
        }
        let holder = holder_name("cognito-backup pool apply", clock.now());
        let mut lease = HeldLease::take(&deployment.catalog, &self.pool, &holder, clock).await?;
        let mut course = Course::default();
        let work = Work {
            catalog: &deployment.catalog,
            pool: &pool,
            target: &target,
            choices: &self.choices,
            plan: &plan,
            keys: target.keys.as_ref().map(|of_table| (keys.clone(), of_table)),
        };
        let work = work.carry_out(&mut lease, &mut course, session.meter);
        let ended = tokio::select! {
            biased;
            () = interrupted => None,
            ended = Box::pin(work) => Some(ended),
        };
        release(session.meter, lease.give_back()).await;
        match ended {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(course.stopped(Some(error))),
            None => return Err(course.stopped(None)),
        }
        let done = shown.done(&course.applied, course.stored);
        Ok(Answer::new(&done, done.exit_status(), (session.now)()))
    }

    /// The error of a plan. A part that nothing has can be looked up.
    fn of_part(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::InvalidInput || self.choices.only.is_empty() {
            return error;
        }
        let show = command(format!("pool show --pool {} --json", self.pool));
        let next = Guidance::from(format!("`{show}` lists the parts of the newest snapshot."));
        Error::new(error.kind(), error.message(), error.guidance().clone().and(next))
    }

    /// Refuses a table in another Region than the pool: the lease of that table keeps no export of the pool away.
    fn require_home(&self, region: &str) -> Result<()> {
        if region == self.pool.region() {
            return Ok(());
        }
        let home = self.pool.region();
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "The table is in {region}, and exports of user pool {} write to the one in {home}.",
                self.pool
            ),
            format!("Nothing was changed. Give --region {home}."),
        )
        .into())
    }

    /// Shows the plan, and asks unless the operator has said yes.
    fn confirmed(&self, shown: &PoolApplied, now: Timestamp, meter: &mut Meter) -> Result<()> {
        if self.yes {
            meter.note(&shown.human(now));
            return Ok(());
        }
        let question = format!("{}\n\nType the id of the user pool to change it:", shown.human(now));
        Ok(confirm(&question, self.pool.as_str(), meter)?)
    }
}

/// Reads the names of an option.
fn names<T: FromStr<Err: Display>>(option: &str, texts: &[String]) -> Result<Vec<T>> {
    let read = |text: &String| {
        text.trim().parse::<T>().map_err(|error| {
            let what = format!("{option} does not know {text:?}.");
            Problem::from(Error::new(ErrorKind::InvalidInput, what, error.to_string()))
        })
    };
    texts.iter().map(read).collect()
}
