//! `pool create`: build a pool again from the configuration that a snapshot holds.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use shared::model::configuration::rebuild::{
    DomainProblem, Home, PlanRefusal, RebuildPlan, SuppliedMap, outside, plan,
};
use shared::model::{CallStats, Ceilings, PoolId, SnapshotSelector, Tps};
use shared::operations::rebuild::{Rebuild, WatchRebuild, rebuild, with_assets};
use shared::operations::{WatchReading, captured_configuration};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::pool::{ConfigurablePool, Operation};
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind};

use super::map;
use crate::arguments;
use crate::commands::{Deployment, Session, run};
use crate::exit::ExitStatus;
use crate::output::{Answer, PoolCreated, Report};
use crate::problem::Result;
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
    /// A YAML file that maps what belongs to an account or Region, domains, and secrets
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// The account of the new user pool, if it is not that of the old one
    #[arg(long, value_name = "ACCOUNT_ID")]
    pub account: Option<String>,
    /// Refuse, and do not leave out, what the map lacks: bound values and secrets
    #[arg(long)]
    pub strict: bool,
    /// Only show what would be created and left out
    #[arg(long)]
    pub plan: bool,
    /// Create without asking
    #[arg(long)]
    pub yes: bool,
    /// Cognito calls per second, 1 to 200 [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub tps: Option<String>,
}

/// A pool to create.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    snapshot: SnapshotSelector,
    name: String,
    map: SuppliedMap,
    account: Option<String>,
    strict: bool,
    plan: bool,
    yes: bool,
    tps: Tps,
}

impl Request {
    /// Reads and checks the arguments, and the map.
    ///
    /// # Errors
    /// If an id, a limit or the map cannot be read.
    pub fn read(args: &CreateArgs) -> Result<Self> {
        let name = args.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME {
            let what = format!("The argument of --name has {} characters.", name.chars().count());
            return Err(
                Error::new(ErrorKind::InvalidInput, what, "Give a name of 1 to 128 characters.").into()
            );
        }
        Ok(Self {
            pool: arguments::read("--pool", &args.pool, PoolId::parse)?,
            snapshot: arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?,
            name,
            map: args.map.as_deref().map(map::read).transpose()?.unwrap_or_default(),
            account: args.account.clone(),
            strict: args.strict,
            plan: args.plan,
            yes: args.yes,
            tps: arguments::read_if_given("--tps", args.tps.as_deref(), Tps::parse)?.unwrap_or(Tps::DEFAULT),
        })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Plans, and creates the pool unless only the plan is wanted.
    ///
    /// # Errors
    /// If the snapshot cannot be used, the plan is refused, or Cognito refuses a call.
    pub async fn run<E, V: Vault, P: ConfigurablePool, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let now = (session.now)();
        let catalog = &deployment.catalog;
        let captured = captured_configuration(catalog, &self.pool, &self.snapshot, now).await;
        let captured = captured.map_err(|error| deployment.of_snapshot(error))?;
        let objects = with_assets(catalog, &captured).await?;
        let of_pool =
            objects.iter().find_map(|object| object.document["Arn"].as_str().and_then(Home::of_arn));
        let account = self.account.clone().or(of_pool.map(|home| home.account)).unwrap_or_default();
        let to = Home { account, region: deployment.region.clone() };
        let planned = plan(&captured.list, &objects, &self.map, &to);
        let planned = planned.map_err(refusal)?;
        if self.strict {
            self.require_complete(&planned)?;
        }
        let to_do = |pool: &str| {
            let arn = format!("arn:aws:cognito-idp:{}:{}:userpool/{pool}", to.region, to.account);
            outside(&objects, &planned.triggers, pool, &arn)
        };
        let shown =
            PoolCreated::plan(&self.pool, &captured.snapshot.id, &self.name, &planned, to_do("NEW_POOL_ID"));
        if self.plan {
            return Ok(Answer::new(&shown, ExitStatus::Done, now));
        }
        if !self.yes {
            confirm(&shown, &self.name, now, session.meter)?;
        }
        session.meter.note(&format!("Creating user pool {:?}.\n{}", self.name, run::limit(Some(self.tps))));
        let paced = |id: &PoolId| {
            let calls = CallStats::none(self.tps);
            PacedPool::new(pool_at(id), self.tps, &Ceilings::default(), Clock::system(), calls)
        };
        let wanted = Rebuild {
            source: &self.pool,
            snapshot: &captured.snapshot.id,
            name: &self.name,
            plan: &planned,
            marker: format!("{}-{}", captured.snapshot.id, now.as_millisecond()),
        };
        // A pool of this Region through which calls of the account are made. It need not exist.
        let any = PoolId::parse(&format!(
            "{}_{}",
            to.region,
            self.pool.as_str().rsplit('_').next().unwrap_or("0")
        ))?;
        let created = rebuild(catalog, &wanted, &paced(&any), paced, &mut Said(session.meter)).await?;
        let done = shown.done(&created, to_do(created.pool.as_str()));
        Ok(Answer::new(&done, ExitStatus::Done, now))
    }

    fn require_complete(&self, planned: &RebuildPlan) -> Result<()> {
        let lacking: Vec<_> = planned.left_out.iter().filter(|left| left.reason.is_refusable()).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = lacking
            .iter()
            .map(|left| {
                left.field
                    .as_ref()
                    .map_or_else(|| left.object.clone(), |field| format!("{} {field}", left.object))
            })
            .collect();
        let what = format!("The new user pool would lack: {}.", names.join(", "));
        Err(Error::new(
            ErrorKind::InvalidInput,
            what,
            "Add them to the map. `--plan` says why each is left out. Or run the command without --strict.",
        )
        .into())
    }
}

/// The most characters of the name of a pool. Source: `UserPoolNameType`, Amazon Cognito user pools API.
const MAX_NAME: usize = 128;

fn refusal(refusal: PlanRefusal) -> Error {
    let (what, next) = match refusal {
        PlanRefusal::NoUserPool => (
            "The snapshot lacks the object of the user pool itself.".to_owned(),
            "Give another snapshot. `pool show` says why an export could not capture it.",
        ),
        PlanRefusal::UnknownInMap { name } => (
            format!("The map names {name}, which the snapshot does not have."),
            "Correct the map. `pool show` prints the names.",
        ),
        PlanRefusal::TakesNoSecret { name } => {
            (format!("The map has a secret for {name}, which takes none."), "Take the secret out of the map.")
        }
        PlanRefusal::AmbiguousInMap { name } => (
            format!("The map names {name}, and several clients have that name."),
            "Name the client by its id. `pool show` prints the ids.",
        ),
        PlanRefusal::TwiceInMap { name } => {
            (format!("The map has two secrets for {name}."), "Take one of them out of the map.")
        }
        PlanRefusal::SecretLength { name } => (
            format!("The secret of {name} has fewer than 24 or more than 64 characters."),
            "Correct the secret, or take it out of the map. Then the client gets a new one.",
        ),
        PlanRefusal::Domain { domain, problem } => of_domain(&domain, problem),
    };
    Error::new(ErrorKind::InvalidInput, what, next)
}

fn of_domain(domain: &str, problem: DomainProblem) -> (String, &'static str) {
    let (why, next) = match problem {
        DomainProblem::Malformed => (
            "it is neither a prefix nor the name of a host",
            "Use lower-case letters, digits and hyphens, without https://.",
        ),
        DomainProblem::Reserved => {
            ("a prefix cannot contain aws, amazon or cognito", "Choose another prefix.")
        }
        DomainProblem::NoCertificate => (
            "the old domain is a prefix, so the snapshot has no certificate for a custom domain",
            "Map the domain to a prefix. Create the custom domain after `pool finish`.",
        ),
        DomainProblem::Twice => ("two domains lead to it", "Map each domain to another one."),
        DomainProblem::SecondOfItsForm => (
            "a user pool has at most one prefix and one custom domain",
            "Take one of the domains out of the map.",
        ),
    };
    (format!("The map leads to the domain {domain:?}, but {why}."), next)
}

/// Asks the operator. Without a terminal there is no answer.
fn confirm(shown: &PoolCreated, name: &str, now: Timestamp, meter: &mut Meter) -> Result<()> {
    let refuse = |what: String| {
        Error::new(ErrorKind::InvalidInput, what, "Look at the plan with --plan. Then give --yes.").into()
    };
    if !std::io::stdin().is_terminal() {
        return Err(refuse("The command creates nothing without a terminal or --yes.".to_owned()));
    }
    meter.note(&format!("{}\nType the name of the new user pool to create it:", shown.human(now)));
    let mut line = String::new();
    let is_read = std::io::stdin().read_line(&mut line).is_ok();
    if is_read && line.trim() == name {
        return Ok(());
    }
    Err(refuse("The command created nothing, because the name was not confirmed.".to_owned()))
}

/// Says on stderr how the creation goes on.
struct Said<'a>(&'a mut Meter);

impl WatchReading for Said<'_> {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, operation: Operation, wait: Duration) {
        self.0.note(&format!(
            "Cognito did not answer {}. The command looks again in {} seconds.",
            operation.name(),
            wait.as_secs()
        ));
    }
}

impl WatchRebuild for Said<'_> {
    fn makes(&mut self, label: &str) {
        self.0.note(&format!("Creating {label}."));
    }
}
