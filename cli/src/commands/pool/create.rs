//! `pool create`: build a pool again from the configuration that a snapshot holds.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use shared::catalog::{LeaseKey, RebuildId, RebuildJournal};
use shared::model::configuration::rebuild::{Home, RebuildPlan, SuppliedMap, plan};
use shared::model::{CallStats, Ceilings, PoolId, Snapshot, SnapshotSelector, Tps};
use shared::operations::rebuild::{
    Account, MARKER, Rebuild, Rebuilt, Stopped, begun, of_another_snapshot, rebuild,
};
use shared::operations::{CapturedSnapshot, Holding, captured_configuration, holder_name};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::keys::DecryptingKeys;
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};

use super::account::{self, AccountArgs};
use super::confirm::confirm;
use super::map;
use super::refusals::{refusal, require_complete};
use super::release::release;
use super::said::Said;
use crate::arguments;
use crate::aws::Caller;
use crate::commands::tps::TpsArgs;
use crate::commands::{Deployment, Session, run};
use crate::exit::ExitStatus;
use crate::output::flags::command;
use crate::output::{Answer, Continued, Creation, PoolCreated, Report, made_so_far, status_of};
use crate::problem::{Problem, Result};
use crate::watch::Meter;

/// The arguments of `pool create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The user pool of the snapshot. It may be deleted
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// The snapshot with the configuration: `latest`, or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// The name of the new user pool
    #[arg(long, value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub creation: CreationArgs,
    /// Only show what would be created and left out
    #[arg(long)]
    pub plan: bool,
    /// Create without asking
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub tps: TpsArgs,
}

/// What every command that creates a pool takes.
#[derive(Debug, Clone, Default, Args)]
pub struct CreationArgs {
    /// A YAML file that maps what belongs to an account or Region, domains, secrets, and roles of groups
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    #[command(flatten)]
    pub account: AccountArgs,
    /// Refuse if the map lacks a value, a domain or a secret, or if a client names what the snapshot lacks
    #[arg(long)]
    pub strict: bool,
    /// Do not decrypt the secrets of the snapshot with your own permission (`kms:Decrypt`)
    #[arg(long)]
    pub no_secrets: bool,
}

/// A pool to create.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    snapshot: SnapshotSelector,
    name: String,
    map: SuppliedMap,
    /// The file of the map, if it maps roles of groups.
    group_roles: Option<String>,
    account: Option<String>,
    strict: bool,
    decrypts: bool,
    plan: bool,
    yes: bool,
    tps: Tps,
}

/// What a creation will do.
pub struct Planned {
    /// The header of the snapshot.
    pub snapshot: Snapshot,
    pub plan: RebuildPlan,
    pub shown: PoolCreated,
    /// The journal of a creation that the command continues.
    pub begun: Option<RebuildJournal>,
}

impl Request {
    /// Reads and checks the arguments, and the map.
    ///
    /// # Errors
    /// If an id, a limit or the map cannot be read.
    pub fn read(args: &CreateArgs) -> Result<Self> {
        let name = args.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            let what = format!("The name of the new user pool has {} characters.", name.chars().count());
            return Err(
                Error::new(ErrorKind::InvalidInput, what, "Give a name of 1 to 128 characters.").into()
            );
        }
        let CreationArgs { map: file, account, strict, no_secrets } = &args.creation;
        let map = file.as_deref().map(map::read).transpose()?.unwrap_or_default();
        let file = file.as_deref().filter(|_| !map.group_roles.is_empty());
        Ok(Self {
            pool: arguments::read("--pool", &args.pool, PoolId::parse)?,
            snapshot: arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?,
            name,
            group_roles: file.map(|file| file.display().to_string()),
            map,
            account: account.read()?,
            strict: *strict,
            decrypts: !no_secrets,
            plan: args.plan,
            yes: args.yes,
            tps: args.tps.read()?,
        })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Plans, and creates the pool unless only the plan is wanted.
    ///
    /// # Errors
    /// If the credentials are of another account, the snapshot cannot be used, the plan is refused, or Cognito refuses
    /// a call. If the operator interrupts the command.
    pub async fn run<E, V: Vault + Clone + 'static, P: ConfigurablePool, S: Future<Output = ()>>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        keys: &impl DecryptingKeys,
        caller: impl AsyncFnOnce() -> std::result::Result<Caller, Error>,
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = (session.now)();
        let caller = caller().await?;
        let account = self.account(&caller, &deployment.region, pool_at, clock)?;
        let planned = self.planned(deployment, &account, keys, &caller, now).await?;
        if self.plan {
            return Ok(Answer::new(&planned.shown, ExitStatus::Done, now));
        }
        if self.yes {
            session.meter.note(&planned.shown.human(now));
        } else {
            self.confirmed(&planned.shown.human(now), planned.shown.question(), session.meter)?;
        }
        let (verb, is_import_target) = ("pool create", false);
        let work = Creating { deployment, account: &account, clock, now, verb, is_import_target };
        let created = self.create(&work, &planned, session.interrupted, session.meter).await?;
        Ok(Answer::new(&planned.shown.done(&planned.plan, &created), status_of(&created), now))
    }

    /// The account in which the pool is created.
    ///
    /// # Errors
    /// If the credentials are of another one than the operator wants.
    pub fn account<P: ConfigurablePool>(
        &self,
        caller: &Caller,
        region: &str,
        pool_at: impl Fn(&PoolId) -> P,
        clock: Clock,
    ) -> Result<Account<P, impl Fn(&PoolId) -> PacedPool<P>>> {
        let next = "Give --profile with credentials of the account in which you want the user pool.";
        account::require(self.account.as_deref(), caller, next)?;
        let tps = self.tps;
        let paced = move |id: &PoolId| {
            PacedPool::new(pool_at(id), tps, &Ceilings::default(), clock, CallStats::none(tps))
        };
        Ok(Account::new(&caller.account, region, paced)?)
    }

    /// Creates the pool, or continues its creation.
    ///
    /// # Errors
    /// If Cognito refuses the pool itself, another command creates it, or the operator interrupts the command.
    pub async fn create<E, V, P, F>(
        &self,
        work: &Creating<'_, E, V, P, F>,
        planned: &Planned,
        interrupted: impl Future<Output = ()>,
        meter: &mut Meter,
    ) -> Result<Rebuilt>
    where
        V: Vault + Clone + 'static,
        P: ConfigurablePool,
        F: Fn(&PoolId) -> PacedPool<P>,
    {
        let Creating { deployment, account, clock, now, verb, is_import_target } = *work;
        meter.note(&format!("{}\n{}", planned.shown.beginning(), run::limit(Some(self.tps))));
        let (id, holder) = (self.id(deployment), holder_name(&format!("cognito-backup {verb}"), now));
        let (snapshot, plan) = (&planned.snapshot.id, &planned.plan);
        let wanted = Rebuild { id: &id, snapshot, plan, holder: &holder, is_import_target };
        let catalog = &deployment.catalog;
        let mut said = Said(meter);
        let created = tokio::select! {
            biased;
            () = interrupted => None,
            created = rebuild(catalog, &wanted, account, clock, &mut said) => Some(created),
        };
        let Some(created) = created else {
            let key = LeaseKey::of_rebuild(&id);
            release(said.0, catalog.release_lease(&key, &holder, clock.now())).await;
            let what = "The command stopped before the creation of the user pool ended.";
            return Err(of_interruption(what, "Run the command again to continue."));
        };
        created.map_err(|stopped| problem(*stopped, &planned.plan))
    }

    /// Whether only the plan is wanted.
    pub fn is_plan(&self) -> bool {
        self.plan
    }

    /// Whether the operator has said yes.
    pub fn is_confirmed(&self) -> bool {
        self.yes
    }

    /// The snapshot, as the operator names it.
    pub fn selector(&self) -> &SnapshotSelector {
        &self.snapshot
    }

    /// What the map has for the roles of groups.
    pub fn group_roles(&self) -> &BTreeMap<String, String> {
        &self.map.group_roles
    }

    /// Which creation it is.
    pub fn id<E, V>(&self, deployment: &Deployment<E, V>) -> RebuildId {
        let (source, region) = (self.pool.clone(), deployment.region.clone());
        RebuildId { source, region, name: self.name.clone() }
    }

    /// Reads the snapshot and its secrets, and plans.
    ///
    /// # Errors
    /// If the snapshot cannot be used, or the plan is refused.
    pub async fn planned<E, V: Vault, P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
        &self,
        deployment: &Deployment<E, V>,
        account: &Account<P, F>,
        keys: &impl DecryptingKeys,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Planned> {
        let (mut captured, begun) = self.captured(deployment, account, now).await?;
        if self.decrypts {
            captured.reveal_secrets(keys, &deployment.region).await.map_err(|error| {
                let without = Guidance::from("Or give --no-secrets, and put the secrets in the map.");
                Error::new(error.kind(), error.message(), error.guidance().clone().and(without))
            })?;
        }
        let objects = captured.with_assets(&deployment.catalog).await?;
        let to = Home { account: caller.account.clone(), region: deployment.region.clone() };
        let planned = plan(&captured.list, &objects, &self.map, &to).map_err(refusal)?;
        if self.strict {
            require_complete(&planned)?;
        }
        if begun.is_none() {
            account.require_free(&self.name, &planned).await?;
        }
        let creation = Creation {
            source: &self.pool,
            snapshot: &captured.id,
            name: &self.name,
            caller,
            region: &deployment.region,
            group_roles: self.group_roles.as_deref(),
            continued: begun.as_ref().map(|journal| Continued { pool: journal.pool.clone() }),
        };
        let shown = PoolCreated::plan(creation, &planned);
        let header = SnapshotSelector::Id(captured.id.clone());
        let (snapshot, _) = deployment.catalog.sealed_snapshot(&self.pool, &header, now).await?;
        Ok(Planned { snapshot, plan: planned, shown, begun })
    }

    /// The snapshot, and the journal of a creation that goes on. For `latest`, it goes on with its own snapshot.
    async fn captured<E, V: Vault, P: ConfigurablePool, F: Fn(&PoolId) -> PacedPool<P>>(
        &self,
        deployment: &Deployment<E, V>,
        account: &Account<P, F>,
        now: Timestamp,
    ) -> Result<(CapturedSnapshot, Option<RebuildJournal>)> {
        let catalog = &deployment.catalog;
        let begun = begun(catalog, &self.id(deployment), account).await?;
        let selector = match (&self.snapshot, &begun) {
            (SnapshotSelector::Latest, Some(journal)) => SnapshotSelector::Id(journal.snapshot.clone()),
            (SnapshotSelector::Id(id), Some(journal)) if *id != journal.snapshot => {
                return Err(of_another_snapshot(journal).into());
            }
            (selector, _) => selector.clone(),
        };
        let captured = captured_configuration(catalog, &self.pool, &selector, now).await;
        let captured = captured.map_err(|error| {
            let error = deployment.of_snapshot(error);
            match error.kind() {
                ErrorKind::SnapshotNotFound | ErrorKind::SnapshotBeingRemoved => {}
                _ => return error.into(),
            }
            let next = match &begun {
                Some(RebuildJournal { pool: Some(pool), is_created: true, .. }) => format!(
                    "User pool {pool} is created from it. If its users are imported, run `{}`.",
                    command(format!("pool finish --pool {pool}"))
                ),
                Some(RebuildJournal { pool: Some(pool), .. }) => format!(
                    "A creation from it has begun. To begin again from another one, delete user pool {pool} first."
                ),
                Some(_) => format!(
                    "A creation from it has begun, and the table has no id of its user pool. Give another name to begin from \
                     another snapshot. If there is a user pool {:?} with the tag {MARKER}, delete it.",
                    self.name
                ),
                None if error.kind() == ErrorKind::SnapshotBeingRemoved => return error.into(),
                None => "If no snapshot holds a configuration, create the user pool by hand: guide \"Restore a pool\", step 3.1."
                    .to_owned(),
            };
            let guidance = error.guidance().clone().and(Guidance::from(next));
            Problem::from(Error::new(error.kind(), error.message(), guidance))
        })?;
        if captured.holding == Holding::Capture {
            return Err(of_capture(&captured).into());
        }
        Ok((captured, begun))
    }

    /// Shows the plan, and asks.
    ///
    /// # Errors
    /// Unless the operator types the name of the new pool.
    pub fn confirmed(&self, plan: &str, question: &str, meter: &mut Meter) -> Result<()> {
        Ok(confirm(&format!("{plan}\n\n{question}"), &self.name, meter)?)
    }
}

/// Where a creation works, and for which command.
pub struct Creating<'a, E, V, P, F> {
    pub deployment: &'a Deployment<E, V>,
    pub account: &'a Account<P, F>,
    pub clock: Clock,
    pub now: Timestamp,
    /// The command, for the lease.
    pub verb: &'static str,
    /// Whether the command imports into the pool as soon as it exists.
    pub is_import_target: bool,
}

impl<E, V, P, F> Clone for Creating<'_, E, V, P, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E, V, P, F> Copy for Creating<'_, E, V, P, F> {}

/// The most characters of the name of a pool. Source: `UserPoolNameType`, Amazon Cognito user pools API.
const MAX_NAME: usize = 128;

/// The problem of a creation that stopped, with all that it has made.
fn problem(stopped: Stopped, plan: &RebuildPlan) -> Problem {
    let Stopped { error, made } = stopped;
    let status = ExitStatus::of_error(error.kind().name(), made.pool.is_some());
    let problem = Problem::from(error);
    Problem { message: format!("{}{}", problem.message, made_so_far(&made, plan)), status, ..problem }
}

/// A capture has no users for the import that follows a creation.
fn of_capture(captured: &CapturedSnapshot) -> Error {
    let CapturedSnapshot { id, pool, .. } = captured;
    Error::new(
        ErrorKind::InvalidInput,
        format!("{id} is a stored capture of user pool {pool}. It holds no users for the new user pool."),
        Guidance::UseAnotherSnapshot.and(Guidance::ListSnapshots { pool: pool.to_string() }),
    )
}

/// The problem of a command that the operator interrupts.
pub fn of_interruption(what: &str, next: &str) -> Problem {
    Problem {
        status: ExitStatus::Failed,
        ..Problem::refused("Interrupted", what.to_owned(), next.to_owned())
    }
}
