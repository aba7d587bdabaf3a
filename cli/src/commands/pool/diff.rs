//! `pool diff`: compare the configuration of a snapshot with the live pool, or with another snapshot.

use clap::Args;
use shared::model::configuration::difference::compare;
use shared::model::configuration::difference::document::Configuration;
use shared::model::{CallStats, Ceilings, PoolId, RunId, SnapshotSelector, Tps};
use shared::operations::{CapturedSnapshot, captured_configuration, comparable, compared_pool, last_known};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::keys::EncryptingKeys;
use shared::ports::pool::Pool;
use shared::ports::vault::Vault;
use shared::{Error, ErrorKind};

use super::said::Said;
use crate::arguments;
use crate::commands::tps::TpsArgs;
use crate::commands::{Deployment, Session, run};
use crate::output::{Answer, ComparedConfiguration, PoolDiff};
use crate::problem::Result;

/// The arguments of `pool diff`.
#[derive(Debug, Args)]
#[command(mut_arg("tps", |tps| tps.help("Cognito calls per second, 1 to 200, if a live pool is read [default: 10]")))]
pub struct DiffArgs {
    /// The user pool of the snapshot
    #[arg(long, value_name = "POOL_ID")]
    pub pool: String,
    /// The old configuration: `latest`, or the id of a snapshot or capture that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// The new configuration [default: the live user pool that --pool names]
    ///
    /// A user pool id is the live pool. A snapshot id, of this pool or another one, is that snapshot. `latest` is the latest
    /// snapshot of the pool that --pool names: give --snapshot an older one. The latest snapshot of another pool needs its
    /// id, which `snapshots` shows. A capture is given by its id, and must be of the pool that --pool names.
    #[arg(long, value_name = "POOL_OR_SNAPSHOT")]
    pub against: Option<String>,
    /// Do not compare the secrets of a live pool (`kms:GenerateMac`)
    #[arg(long)]
    pub no_secrets: bool,
    #[command(flatten)]
    pub tps: TpsArgs,
}

/// Where the new configuration is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Against {
    Live(PoolId),
    Snapshot(SnapshotSelector),
}

impl Against {
    /// A user pool id has an underscore, and no snapshot id has one.
    fn parse(text: &str) -> std::result::Result<Self, shared::Error> {
        if text.contains('_') {
            PoolId::parse(text).map(Self::Live)
        } else {
            SnapshotSelector::parse(text).map(Self::Snapshot)
        }
    }
}

/// A comparison of two configurations.
#[derive(Debug)]
pub struct Request {
    pool: PoolId,
    snapshot: SnapshotSelector,
    against: Against,
    uses_secrets: bool,
    tps: Tps,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If an id or a limit cannot be read.
    pub fn read(args: &DiffArgs) -> Result<Self> {
        let pool = arguments::read("--pool", &args.pool, PoolId::parse)?;
        let snapshot = arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?;
        let against = arguments::read_if_given("--against", args.against.as_deref(), Against::parse)?;
        let against = against.unwrap_or_else(|| Against::Live(pool.clone()));
        let tps = args.tps.read()?;
        Ok(Self { pool, snapshot, against, uses_secrets: !args.no_secrets, tps })
    }

    pub fn pool(&self) -> &PoolId {
        &self.pool
    }

    /// Compares the configurations. `pool_at` connects to the live pool, and `kms` makes the MACs of its secrets.
    ///
    /// # Errors
    /// If a snapshot cannot be used or holds no configuration, or the table or the pool cannot be read.
    pub async fn run<E, V: Vault, P: Pool, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool_at: impl Fn(&PoolId) -> P,
        kms: &(impl EncryptingKeys + Clone),
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let catalog = &deployment.catalog;
        let old = captured_configuration(catalog, &self.pool, &self.snapshot, (session.now)()).await;
        let old = old.map_err(|error| deployment.of_snapshot(error))?;
        let (id, list) = (old.id.clone(), old.list.clone());
        let keys = old.keys(&deployment.region).filter(|_| self.uses_secrets);
        let (old_side, old) = of_snapshot(old)?;
        let (new_side, new) = match &self.against {
            Against::Live(id) => {
                session.meter.note(&format!(
                    "Reading the configuration of user pool {id}. This changes nothing.\n{}",
                    run::limit(Some(self.tps))
                ));
                let calls = CallStats::none(self.tps);
                let pool =
                    PacedPool::new(pool_at(id), self.tps, &Ceilings::default(), Clock::system(), calls);
                let earlier = last_known(catalog, &self.pool, list).await?;
                let keys = keys.as_ref().map(|keys| (kms.clone(), keys));
                let live = compared_pool(&pool, &earlier, keys, &mut Said(session.meter)).await?;
                (ComparedConfiguration::live(id.clone()), live)
            }
            Against::Snapshot(selector) => {
                let pool = match selector {
                    SnapshotSelector::Id(id) => catalog.pool_of_snapshot(id).await?,
                    SnapshotSelector::Latest => None,
                };
                let pool = pool.as_ref().unwrap_or(&self.pool);
                let new = captured_configuration(catalog, pool, selector, (session.now)()).await;
                let new = new.map_err(|error| deployment.of_snapshot(error))?;
                if new.id == id {
                    return Err(with_itself(&id).into());
                }
                of_snapshot(new)?
            }
        };
        let clients = catalog.clients_of_rebuilt(&self.pool, new_side.pool()).await?;
        let difference = compare(&old, &new, &clients);
        let diff = PoolDiff::new(old_side, new_side, difference);
        Ok(Answer::new(&diff, diff.exit_status(), (session.now)()))
    }
}

/// The error for a comparison that can find nothing.
fn with_itself(snapshot: &RunId) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("--snapshot and --against both mean {snapshot}. It cannot differ from itself."),
        "To compare with the live pool, leave out --against. To compare two snapshots, give both ids, the older one to \
         --snapshot.",
    )
}

fn of_snapshot(captured: CapturedSnapshot) -> Result<(ComparedConfiguration, Configuration)> {
    let side = ComparedConfiguration::of(&captured);
    Ok((side, comparable(&captured.list, captured.objects)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_configuration_is_a_pool_or_a_snapshot() {
        let live = Against::Live(PoolId::parse("eu-west-1_b").unwrap());
        assert_eq!(Against::parse("eu-west-1_b"), Ok(live));
        assert_eq!(Against::parse("latest"), Ok(Against::Snapshot(SnapshotSelector::Latest)));
        let id = "20261121T020000123Z-1a2b3c4d";
        let snapshot = SnapshotSelector::parse(id).unwrap();
        assert_eq!(Against::parse(id), Ok(Against::Snapshot(snapshot)));
        for wrong in ["", "b", "_", "newest", "eu-west-1_b/latest"] {
            let error = Against::parse(wrong).unwrap_err();
            assert_eq!(error.kind(), shared::ErrorKind::InvalidInput, "{wrong}");
        }
    }
}
