//! `copy`: copy a snapshot to another table.

use std::future::Future;

use clap::Args;
use jiff::Timestamp;
use shared::ErrorKind;
use shared::catalog::LeaseKey;
use shared::model::configuration::ConfigurationKeys;
use shared::model::{Counts, PoolId, RunKind, Snapshot, SnapshotSelector};
use shared::operations::copy::{Destination, EncryptSecrets, Stage, Watch, at_destination, copy};
use shared::operations::holder_name;
use shared::ports::Clock;
use shared::ports::keys::{DecryptingKeys, EncryptingKeys};
use shared::ports::vault::Vault;
use tokio::time::Instant;

use super::{Session, of_snapshot, pool_of};
use crate::arguments;
use crate::aws::{DestinationArgs, SourceArgs, Table, TablePlace};
use crate::exit::ExitStatus;
use crate::home_region::home_region;
use crate::output::flags::NextCredentials;
use crate::output::{Answer, CopyEnd, snapshot_in_words};
use crate::problem::{Problem, Result};
use crate::watch::{Meter, Pace, Position};

/// The arguments of `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The snapshot: `latest` (of the user pool that --pool names), or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// The user pool of the snapshot [default: found by the id of the snapshot]
    #[arg(long, value_name = "POOL_ID")]
    pub pool: Option<String>,
    /// Encrypt the secrets of the configuration with this multi-Region key of the destination [default: leave them out]
    ///
    /// The command decrypts each secret with its credentials at the source (`kms:Decrypt`), and encrypts it with those at the
    /// destination (`kms:Encrypt`, `kms:GenerateDataKey`, `kms:GenerateMac`).
    #[arg(long, value_name = "ARN", requires = "configuration_mac_key")]
    pub configuration_key: Option<String>,
    /// Tell changes of these secrets with this multi-Region HMAC key of the destination
    #[arg(long, value_name = "ARN", requires = "configuration_key")]
    pub configuration_mac_key: Option<String>,
    #[command(flatten)]
    pub from: SourceArgs,
    #[command(flatten)]
    pub to: DestinationArgs,
}

/// KMS at both ends of a copy.
#[derive(Debug)]
pub struct BothKeys<S, D> {
    pub source: S,
    pub destination: D,
}

/// A copy to make.
#[derive(Debug)]
pub struct Request {
    /// The pool of the snapshot, if the arguments name it.
    source: Option<PoolId>,
    snapshot: SnapshotSelector,
    /// The keys of the destination. None if secrets are left out.
    keys: Option<ConfigurationKeys>,
    /// The credentials of the next command at the destination.
    next: NextCredentials,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// If a pool id or a snapshot id cannot be read. If the latest snapshot is asked for, and no pool.
    pub fn read(args: &CopyArgs) -> Result<Self> {
        let source = arguments::read_if_given("--pool", args.pool.as_deref(), PoolId::parse)?;
        let snapshot = arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?;
        if snapshot == SnapshotSelector::Latest && source.is_none() {
            return Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                "The arguments ask for the latest snapshot, and name no user pool.".to_owned(),
                "Give --pool, the user pool of the snapshot, or a snapshot id.".to_owned(),
            ));
        }
        let options = ["--configuration-key", "--configuration-mac-key"];
        let [key, mac_key] = [&args.configuration_key, &args.configuration_mac_key].map(|key| key.as_deref());
        let keys = ConfigurationKeys::read(key, mac_key, options)?;
        Ok(Self { source, snapshot, keys, next: args.to.next_credentials() })
    }

    /// The Region of the pool, if the arguments name it.
    pub fn pool_region(&self) -> Option<&str> {
        self.source.as_ref().map(PoolId::region)
    }

    /// Copies the snapshot and reports what was copied. `replicas` are the other Regions with a replica of the
    /// destination.
    ///
    /// # Errors
    /// If the operator interrupts the command, or both tables are the same. If the destination is not in the
    /// Region in which copies of the pool work. If the snapshot cannot be used, or the copy cannot be
    /// completed.
    pub async fn run<V: Vault, W: Vault, K: DecryptingKeys, L: EncryptingKeys + Clone, S>(
        &self,
        source: &Table<V>,
        destination: &Table<W>,
        replicas: &[String],
        kms: BothKeys<K, L>,
        clock: Clock,
        session: Session<'_, S>,
    ) -> Result<Answer>
    where
        S: Future<Output = ()>,
    {
        if source.place == destination.place {
            return Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                format!("The snapshot is in {} already: a table cannot be copied to itself.", source.place),
                "Give another table, Region or account: --to-table, --to-region, --assume-role, --to-profile or --from-role.".to_owned(),
            ));
        }
        let pool = self.pool(source).await?;
        let home = home_region(&pool, &destination.place.region, replicas);
        if home != destination.place.region {
            return Err(into_replica(&pool, &destination.place.region, home));
        }
        let found = source.catalog.sealed_snapshot(&pool, &self.snapshot, clock.now()).await;
        let (snapshot, units) = found.map_err(|error| of_snapshot(error, &source.place.to_string()))?;
        session.meter.note(&intention(&snapshot, &source.place, &destination.place, (session.now)()));
        let mut sink = ProgressSink {
            meter: session.meter,
            pace: Pace::default(),
            expected: snapshot.counts,
            stage: Stage::Source,
        };
        let region = &source.place.region;
        let encrypt = |keys| EncryptSecrets::new(kms.source, region, kms.destination, keys);
        let secrets = self.keys.as_ref().map(encrypt);
        let to = Destination { catalog: &destination.catalog, secrets: &secrets };
        let holder = holder_name("cognito-backup copy", clock.now());
        let copied = tokio::select! {
            biased;
            () = session.interrupted => None,
            copied = copy(&source.catalog, to, &snapshot, &units, &holder, clock, &mut sink) => Some(copied),
        };
        sink.meter.end();
        let Some(copied) = copied else {
            // If the lease cannot be released, it ends by itself within minutes.
            let key = LeaseKey::of_pool(&pool, RunKind::Export);
            let lease = destination.catalog.release_lease(&key, &holder, clock.now());
            lease.await.map_err(at_destination)?;
            return Err(stopped());
        };
        // From the first copied page on, an error is a failure and no longer a refusal.
        let begun = sink.stage > Stage::Source;
        let copied = copied.map_err(|error| Problem {
            status: ExitStatus::of_error(error.kind().name(), begun),
            ..error.into()
        })?;
        let end = CopyEnd::new(&snapshot, &source.place, &destination.place, copied, self.next.clone());
        Ok(Answer::new(&end, ExitStatus::Done, (session.now)()))
    }

    async fn pool<V: Vault>(&self, source: &Table<V>) -> Result<PoolId> {
        match (&self.source, &self.snapshot) {
            (Some(pool), _) => Ok(pool.clone()),
            (None, SnapshotSelector::Id(id)) => pool_of(&source.catalog, &source.place.to_string(), id).await,
            (None, SnapshotSelector::Latest) => {
                Err(Problem::internal("The latest snapshot of no pool was asked for.".to_owned()))
            }
        }
    }
}

fn into_replica(pool: &PoolId, region: &str, home: &str) -> Problem {
    Problem::refused(
        ErrorKind::InvalidInput.name(),
        format!(
            "The destination in {region} is a replica. Snapshots of user pool {pool} are written to the table in {home}."
        ),
        format!(
            "The copy wrote nothing. Copy into that table: --to-region {home}. The replica receives the snapshot."
        ),
    )
}

fn stopped() -> Problem {
    Problem {
        status: ExitStatus::Failed,
        ..Problem::refused(
            "Interrupted",
            "The copy stopped before its end. Unless it was complete before, the destination does not list the snapshot.".to_owned(),
            "Run the command again to continue.".to_owned(),
        )
    }
}

/// What the copy is going to do.
fn intention(snapshot: &Snapshot, source: &TablePlace, destination: &TablePlace, now: Timestamp) -> String {
    format!(
        "Copying a snapshot of user pool {} from {source} to {destination}. The source is not changed.\n{}",
        snapshot.pool,
        snapshot_in_words(snapshot, now)
    )
}

/// Shows the progress of a copy.
struct ProgressSink<'a> {
    meter: &'a mut Meter,
    pace: Pace,
    expected: Counts,
    stage: Stage,
}

impl Watch for ProgressSink<'_> {
    fn advanced(&mut self, stage: Stage, so_far: &Counts) {
        self.stage = stage;
        let position = Position::of_copy(stage, *so_far, self.expected);
        self.pace.note(Instant::now(), position);
        self.meter.show(Some(&position), &self.pace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "20261121T020000123Z-1a2b3c4d";

    fn read(snapshot: &str, pool: Option<&str>) -> Result<Request> {
        let pool = pool.map(str::to_owned);
        let snapshot = snapshot.to_owned();
        let (configuration_key, configuration_mac_key) = (None, None);
        Request::read(&CopyArgs {
            snapshot,
            pool,
            configuration_key,
            configuration_mac_key,
            from: Default::default(),
            to: Default::default(),
        })
    }

    #[test]
    fn an_id_is_enough_and_the_latest_snapshot_needs_a_pool() {
        let request = read(ID, None).unwrap();
        assert_eq!((request.source.as_ref(), request.pool_region()), (None, None));
        assert_eq!(read("latest", Some("eu-west-1_a")).unwrap().pool_region(), Some("eu-west-1"));
        for wrong in [read("latest", None), read("newest", Some("eu-west-1_a")), read(ID, Some("a"))] {
            let problem = wrong.unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
            assert!(!problem.guidance.is_empty());
        }
    }
}
