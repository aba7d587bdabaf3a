//! `pool apply`: bring a live pool back to the configuration that a snapshot or a capture holds.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::future::Future;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use futures::{FutureExt, poll};
use shared::model::configuration::apply::{Allow, ApplyChoices, ApplyPlan, Part};
use shared::model::configuration::difference::{Change, Difference};
use shared::model::configuration::{
    CapturedList, CapturedObject, ConfigurationKeys, Nature, NotCapturedReason, ObjectName,
};
use shared::model::{CallStats, Ceilings, PoolId, SnapshotSelector, StoredCapture, Tps, object_name};
use shared::operations::apply::{Applied, Wanted, apply, plan_of, require_idle};
use shared::operations::{
    CapturedSnapshot, HeldLease, PresentPool, captured_configuration, holder_name, last_known,
    live_configuration, prepare_capture, table_keys,
};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::keys::{DecryptingKeys, EncryptingKeys};
use shared::ports::pool::ConfigurablePool;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind, Guidance};
use tokio::time::timeout;

use super::account;
use super::confirm::confirm;
use super::said::Said;
use crate::arguments;
use crate::aws::Caller;
use crate::commands::{Deployment, Session, run};
use crate::exit::ExitStatus;
use crate::output::{
    Answer, AppliedFrom, PoolApplied, Report, StoredConfiguration, applied_so_far, way_back,
};
use crate::problem::{Problem, Result};
use crate::watch::Meter;

/// How long an interrupted command releases its lease. A second Ctrl-C cannot end it.
const MAX_TIDYING: Duration = Duration::from_secs(20);

/// The arguments of `pool apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The user pool to change
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// What the user pool goes back to: `latest`, or the id of a snapshot or capture that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// Only these parts, separated by commas: as `pool show --json` names them (`userPool,clients`), or one object
    /// (`clients/web`)
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Allow what weakens the pool or costs money, separated by commas: `mfa-off`, `deletion-protection-off`, `add-ons`,
    /// `tier`, `issuer`, `key`, `lost-secret`,
    /// `unknown-members`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Add attributes that the user pool lacks. They can never be removed again
    #[arg(long)]
    pub add_attributes: bool,
    /// Create deleted app clients again. They get new ids, which your applications need
    #[arg(long)]
    pub recreate_clients: bool,
    /// Delete objects that the snapshot does not have, except those that AWS made
    #[arg(long)]
    pub delete_extra: bool,
    /// Refuse, unless the credentials are of this account
    #[arg(long, value_name = "ACCOUNT_ID")]
    pub account: Option<String>,
    /// Neither decrypt the secrets of the snapshot (`kms:Decrypt`) nor store those of the user pool (`kms:Encrypt`,
    /// `kms:GenerateDataKey`, `kms:GenerateMac`)
    #[arg(long)]
    pub no_secrets: bool,
    /// Only show what would be changed and left
    #[arg(long)]
    pub plan: bool,
    /// Change the user pool without asking
    #[arg(long)]
    pub yes: bool,
    /// Cognito calls per second, 1 to 200 [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tps: Option<String>,
}

/// A pool to bring back.
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

/// What the pool goes back to.
struct Target {
    captured: CapturedSnapshot,
    /// With the secrets that are known, and the bytes of assets.
    objects: Vec<CapturedObject>,
    /// The list with the last known records of what it lacks.
    earlier: CapturedList,
    /// The keys of the table. None if the present secrets are not stored.
    keys: Option<ConfigurationKeys>,
}

impl Target {
    fn wanted<'a>(&'a self, choices: &'a ApplyChoices) -> Wanted<'a> {
        Wanted { list: &self.captured.list, objects: &self.objects, choices }
    }
}

/// What the command has done until now.
#[derive(Default)]
struct Course {
    stored: Option<StoredConfiguration>,
    applied: Applied,
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
            account: arguments::read_if_given("--account", args.account.as_deref(), account::parse)?,
            uses_secrets: !args.no_secrets,
            plan: args.plan,
            yes: args.yes,
            tps: arguments::read_if_given("--tps", args.tps.as_deref(), Tps::parse)?.unwrap_or(Tps::DEFAULT),
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
        let target = Box::pin(self.target(deployment, keys, now)).await?;
        let calls = CallStats::none(self.tps);
        let pool = PacedPool::new(pool_at(&self.pool), self.tps, &Ceilings::default(), clock, calls);
        session.meter.note(&format!(
            "Reading the configuration of user pool {}.\n{}",
            self.pool,
            run::limit(Some(self.tps))
        ));
        let live = Box::pin(live_configuration(&pool, &target.earlier, &mut Said(session.meter))).await?;
        let plan = plan_of(&live, target.wanted(&self.choices))?;
        drop(live);
        let from =
            AppliedFrom { pool: &self.pool, id: &target.captured.id, holding: target.captured.holding };
        let shown = PoolApplied::plan(from, &plan);
        if self.plan {
            return Ok(Answer::new(&shown, ExitStatus::Done, now));
        }
        if plan.writes.is_empty() {
            return Ok(Answer::new(&shown, shown.exit_status(), now));
        }
        require_idle(&deployment.catalog, &pool, clock.now()).await?;
        self.confirmed(&shown, now, session.meter)?;
        let mut interrupted = pin!(session.interrupted.fuse());
        // The first look listens for signals. Without it, a signal while the lease is taken would leave the lease.
        if poll!(&mut interrupted).is_ready() {
            return Err(self.stopped(interruption(), &Course::default()));
        }
        let holder = holder_name("cognito-backup pool apply", clock.now());
        let mut lease = HeldLease::take(&deployment.catalog, &self.pool, &holder, clock).await?;
        let mut course = Course::default();
        let keys = target.keys.as_ref().map(|of_table| (keys.clone(), of_table));
        let work = self.work(deployment, &pool, &target, &plan, keys, &mut lease, &mut course, session.meter);
        let ended = tokio::select! {
            biased;
            () = interrupted => None,
            ended = Box::pin(work) => Some(ended),
        };
        // If the lease cannot be released, it ends by itself within minutes.
        let released = timeout(MAX_TIDYING, lease.give_back()).await.unwrap_or(Ok(()));
        match ended {
            None => return Err(self.stopped(interruption(), &course)),
            Some(Err(error)) => return Err(self.stopped(failure(error, &course), &course)),
            Some(Ok(())) => {}
        }
        if let Err(error) = released {
            session
                .meter
                .note(&format!("The lease was not released: {error}\nIt ends by itself within minutes."));
        }
        let done = shown.done(&course.applied, course.stored);
        Ok(Answer::new(&done, done.exit_status(), (session.now)()))
    }

    /// Stores the present configuration, and carries the plan out. `course` has what is done, at each moment.
    #[expect(clippy::too_many_arguments, reason = "the caller owns what must outlive an interruption")]
    async fn work<E, V: Vault, P: ConfigurablePool, K: EncryptingKeys>(
        &self,
        deployment: &Deployment<E, V>,
        pool: &PacedPool<P>,
        target: &Target,
        plan: &ApplyPlan,
        keys: Option<(K, &ConfigurationKeys)>,
        lease: &mut HeldLease<'_, V>,
        course: &mut Course,
        meter: &mut Meter,
    ) -> shared::Result<()> {
        let (catalog, wanted) = (&deployment.catalog, target.wanted(&self.choices));
        meter.note(&format!("Storing the present configuration of user pool {}.", self.pool));
        let id = StoredCapture::id_of(&holder_name("capture", lease.now()), lease.now());
        let present = PresentPool { pool, earlier: &target.earlier, keys };
        let mut said = Said(meter);
        let prepared = prepare_capture(catalog, id, &target.captured.id, present, &mut said);
        let prepared = lease.during(Box::pin(prepared)).await?;
        let again = plan_of(&prepared.live, wanted)?;
        if again.steps != plan.steps {
            return Err(changed_since(&self.pool));
        }
        self.require_stored_secrets(&again, &prepared.live.list)?;
        let capture = prepared.keep(catalog, lease).await?;
        let back = way_back(&again, &self.choices);
        let stored = StoredConfiguration::new(capture, &prepared.live.list, &back);
        said.0.note(&stored.words());
        course.stored = Some(stored);
        let work = apply(catalog, pool, &again, wanted, lease.clock(), &mut course.applied, &mut said);
        lease.during(Box::pin(work)).await
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
            format!("Nothing was changed. Use the table of the Region of the user pool: {home}."),
        )
        .into())
    }

    /// Reads the snapshot, its secrets, and the keys of the table.
    async fn target<E, V: Vault>(
        &self,
        deployment: &Deployment<E, V>,
        keys: &impl DecryptingKeys,
        now: jiff::Timestamp,
    ) -> Result<Target> {
        let catalog = &deployment.catalog;
        let captured = captured_configuration(catalog, &self.pool, &self.snapshot, now).await;
        let mut captured = captured.map_err(|error| deployment.of_snapshot(error))?;
        let mut of_table = None;
        if self.uses_secrets {
            of_table = table_keys(catalog, &captured, &deployment.region).await?;
            captured.reveal_secrets(keys, &deployment.region).await.map_err(|error| {
                let without = Guidance::from("Or give --no-secrets. Then secrets stay as they are.");
                Error::new(error.kind(), error.message(), error.guidance().clone().and(without))
            })?;
        }
        let objects = captured.with_assets(catalog).await?;
        let earlier = last_known(catalog, &self.pool, captured.list.clone()).await?;
        Ok(Target { captured, objects, earlier, keys: of_table })
    }

    /// Shows the plan, and asks unless the operator has said yes.
    fn confirmed(&self, shown: &PoolApplied, now: jiff::Timestamp, meter: &mut Meter) -> Result<()> {
        if self.yes {
            meter.note(&shown.human(now));
            return Ok(());
        }
        let question = format!("{}\n\nType the id of the user pool to change it:", shown.human(now));
        Ok(confirm(&question, self.pool.as_str(), meter)?)
    }

    /// Refuses to replace or delete a secret that the capture could not store: then nothing brings it back.
    fn require_stored_secrets(&self, plan: &ApplyPlan, list: &CapturedList) -> shared::Result<()> {
        let lost: Vec<String> =
            secrets_that_get_lost(plan, list).iter().map(|label| object_name(label)).collect();
        if lost.is_empty() || self.choices.allow.contains(&Allow::LostSecret) {
            return Ok(());
        }
        let what = format!(
            "The capture cannot store the secrets of {}, which the plan replaces or deletes. Nothing was changed.",
            lost.join(", ")
        );
        let next = "Use a table with keys that you may use (kms:Encrypt), without --no-secrets. Or give --allow lost-secret.";
        Err(Error::new(ErrorKind::InvalidInput, what, next))
    }

    /// `problem`, with what was done, and the capture that leads back.
    fn stopped(&self, problem: Problem, course: &Course) -> Problem {
        // Before that, nothing can be done.
        let has_list = course.stored.is_some() || problem.error == INTERRUPTED;
        let list = if has_list { applied_so_far(&course.applied) } else { String::new() };
        let back = course.stored.as_ref().map(|stored| format!("\n{}", stored.words())).unwrap_or_default();
        Problem { message: format!("{}{list}{back}", problem.message), ..problem }
    }
}

/// The problem of an error at work.
fn failure(error: Error, course: &Course) -> Problem {
    let has_begun = course.applied.has_sent;
    let status = if error.kind() == ErrorKind::Overtaken && !has_begun {
        ExitStatus::Refused
    } else {
        ExitStatus::of_error(error.kind().name(), has_begun)
    };
    Problem { status, ..Problem::from(error) }
}

/// The labels of the objects whose secrets the list of a capture lacks, and which the plan replaces or deletes.
fn secrets_that_get_lost(plan: &ApplyPlan, list: &CapturedList) -> BTreeSet<String> {
    let is_not_encrypted = |name: &ObjectName| {
        let mut lacking = list.not_captured().iter();
        lacking
            .any(|lacking| lacking.reason == NotCapturedReason::NotEncrypted && lacking.object.includes(name))
    };
    let is_left_out = |name: &ObjectName| {
        list.entries().iter().any(|entry| entry.name == *name && entry.secrets_left_out > 0)
    };
    let is_replaced = |difference: &Difference| {
        let is_secret = difference.row.is_some_and(|row| row.nature == Nature::Secret);
        is_secret || difference.field.is_none() && difference.change == Change::Removed
    };
    let lost = plan.steps.iter().filter(|step| {
        step.differences.iter().filter(|difference| is_replaced(difference)).any(|difference| {
            let name = difference.object.old.as_ref();
            name.is_some_and(|name| is_not_encrypted(name) || is_left_out(name))
        })
    });
    lost.map(|step| step.label.clone()).collect()
}

/// The error of an interruption.
const INTERRUPTED: &str = "Interrupted";

fn interruption() -> Problem {
    Problem {
        status: ExitStatus::Failed,
        ..Problem::refused(
            INTERRUPTED,
            "The command stopped before its end.".to_owned(),
            "Run the command again to continue: it makes a new plan.".to_owned(),
        )
    }
}

fn changed_since(pool: &PoolId) -> Error {
    Error::new(
        ErrorKind::Overtaken,
        format!("User pool {pool} was changed after the plan was shown. The command has changed nothing."),
        "Run the command again, and look at the new plan.",
    )
}

/// Reads the names of an option.
fn names<T: FromStr<Err: Display>>(option: &str, texts: &[String]) -> Result<Vec<T>> {
    let read = |text: &String| {
        text.trim().parse::<T>().map_err(|error| {
            let what = format!("The argument of {option} has {text:?}, which is no such name.");
            let error = error.to_string();
            let mut chars = error.chars();
            let names = chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>());
            Problem::from(Error::new(
                ErrorKind::InvalidInput,
                what,
                format!("{}.", names.unwrap_or_default()),
            ))
        })
    };
    texts.iter().map(read).collect()
}
