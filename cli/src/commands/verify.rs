//! `verify`: compare a user pool with a snapshot.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use shared::ErrorKind;
use shared::catalog::Catalog;
use shared::model::{
    CallStats, Ceilings, Counts, FindingKind, PoolId, RecordKind, Snapshot, SnapshotSelector, Tps,
};
use shared::operations::verify::{Finding, Observer, verify};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::pool::Pool;
use shared::ports::vault::Vault;
use tokio::time::Instant;

use super::tps::TpsArgs;
use super::{Deployment, Session, pool_of, run};
use crate::arguments;
use crate::output::text::duration;
use crate::output::{Answer, VerifyEnd, snapshot_in_words};
use crate::problem::{Problem, Result};
use crate::settings::Settings;
use crate::watch::{Meter, Pace, Position};

/// How many findings of one kind are shown one by one.
const MAX_SHOWN: u64 = 5;

/// The arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The snapshot: `latest` (of the user pool that --pool names), or an id that `snapshots` shows
    #[arg(long, value_name = "ID", default_value = "latest")]
    pub snapshot: String,
    /// The user pool to compare with the snapshot
    #[arg(long, value_name = "POOL_ID")]
    pub against: String,
    /// The user pool of the snapshot [default: found by the id of the snapshot]
    #[arg(long, value_name = "POOL_ID")]
    pub pool: Option<String>,
    #[command(flatten)]
    pub tps: TpsArgs,
    /// Show all findings, not only the first few of each kind
    #[arg(long)]
    pub all: bool,
}

/// A comparison to make.
#[derive(Debug)]
pub struct Request {
    /// The pool of the snapshot, if the arguments name it.
    source: Option<PoolId>,
    snapshot: SnapshotSelector,
    against: PoolId,
    tps: Tps,
    all: bool,
    json: bool,
}

impl Request {
    /// Reads and checks the arguments, and the options of every verb.
    ///
    /// # Errors
    /// If a pool id, a snapshot id or a limit cannot be read. If the latest snapshot is asked for, and no pool.
    pub fn read(args: &VerifyArgs, settings: &Settings) -> Result<Self> {
        let source = arguments::read_if_given("--pool", args.pool.as_deref(), PoolId::parse)?;
        let snapshot = arguments::read("--snapshot", &args.snapshot, SnapshotSelector::parse)?;
        let against = arguments::read("--against", &args.against, PoolId::parse)?;
        if snapshot == SnapshotSelector::Latest && source.is_none() {
            return Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                "The arguments ask for the latest snapshot, and name no user pool.".to_owned(),
                format!(
                    "Give --pool, the user pool of the snapshot (it may be {against} itself), or a snapshot id."
                ),
            ));
        }
        let tps = args.tps.read()?;
        let (all, json) = (args.all, settings.json);
        Ok(Self { source, snapshot, against, tps, all, json })
    }

    pub fn pool(&self) -> &PoolId {
        &self.against
    }

    /// Compares `pool`, which is [`pool`](Self::pool), and reports the findings.
    ///
    /// # Errors
    /// If the snapshot cannot be used, the pool or the table cannot be read, or stdout cannot be written.
    pub async fn run<E, V: Vault, P: Pool, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool: P,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let catalog = &deployment.catalog;
        let source = self.source(catalog, &deployment.place()).await?;
        let found = catalog.sealed_snapshot(&source, &self.snapshot, (session.now)()).await;
        let (snapshot, units) = found.map_err(|error| deployment.of_snapshot(error))?;
        session.meter.note(&self.intention(&snapshot, (session.now)()));
        let earlier = CallStats::none(self.tps);
        let pool = PacedPool::new(pool, self.tps, &Ceilings::default(), Clock::system(), earlier);
        let mut sink = ProgressSink::new(session.meter, snapshot.counts, self.all);
        let compared = verify(&pool, catalog, &snapshot, &units, &mut sink).await;
        sink.meter.end();
        let ProgressSink { findings, left_out, .. } = sink;
        let end = VerifyEnd::new(
            &snapshot,
            &self.against,
            compared?,
            findings,
            left_out,
            pool.limiter().stats().await,
        );
        let now = (session.now)();
        if !self.all {
            return Ok(Answer::new(&end, end.exit_status(), now));
        }
        match end.write(self.json, now, session.lines) {
            // A closed pipe is no failure: its reader has seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::unwritten(&error)),
            _ => Ok(Answer::already_written(end.exit_status())),
        }
    }

    async fn source<V: Vault>(&self, catalog: &Catalog<V>, place: &str) -> Result<PoolId> {
        let id = match (&self.source, &self.snapshot) {
            (Some(source), _) => return Ok(source.clone()),
            (None, SnapshotSelector::Id(id)) => id,
            (None, SnapshotSelector::Latest) => return Ok(self.against.clone()),
        };
        pool_of(catalog, place, id).await
    }

    /// What the comparison is going to do, and how long it takes at least.
    fn intention(&self, snapshot: &Snapshot, now: Timestamp) -> String {
        let mut text = format!(
            "Comparing user pool {} with a snapshot of {} at {}. This changes nothing.\n{}",
            self.against,
            if snapshot.pool == self.against {
                "it".to_owned()
            } else {
                format!("user pool {}", snapshot.pool)
            },
            run::limit(Some(self.tps)),
            snapshot_in_words(snapshot, now)
        );
        let least =
            Duration::from_secs(Position::listing_calls(&snapshot.counts) / u64::from(self.tps.get()));
        if !least.is_zero() {
            text += &format!("\nIt takes {} at least.", duration(least));
        }
        text
    }
}

/// Keeps the findings, and shows the progress of the comparison.
struct ProgressSink<'a> {
    meter: &'a mut Meter,
    pace: Pace,
    expected: Counts,
    all: bool,
    findings: Vec<Finding>,
    /// The findings of each kind, counted.
    found: BTreeMap<(RecordKind, FindingKind), u64>,
    left_out: u64,
}

impl<'a> ProgressSink<'a> {
    fn new(meter: &'a mut Meter, expected: Counts, all: bool) -> Self {
        let mut sink = Self {
            meter,
            pace: Pace::default(),
            expected,
            all,
            findings: Vec::new(),
            found: BTreeMap::new(),
            left_out: 0,
        };
        sink.compared(&Counts::default());
        sink
    }
}

impl Observer for ProgressSink<'_> {
    fn found(&mut self, finding: Finding) {
        let kind = match finding {
            Finding::User { .. } => RecordKind::User,
            Finding::Group { .. } => RecordKind::Group,
            Finding::Membership { .. } => RecordKind::Membership,
        };
        let found = self.found.entry((kind, finding.kind())).or_default();
        *found += 1;
        if self.all || *found <= MAX_SHOWN {
            self.findings.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    fn compared(&mut self, so_far: &Counts) {
        let position = Position::of_comparison(*so_far, self.expected);
        self.pace.note(Instant::now(), position);
        self.meter.show(Some(&position), &self.pace);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    const ID: &str = "20261121T020000123Z-1a2b3c4d";

    fn read(snapshot: &str, against: &str, pool: Option<&str>, tps: Option<&str>) -> Result<Request> {
        let [pool, tps] = [pool, tps].map(|text| text.map(str::to_owned));
        let settings = Cli::parse_from(["cognito-backup", "verify", "--against", against]).settings;
        Request::read(
            &VerifyArgs {
                snapshot: snapshot.to_owned(),
                against: against.to_owned(),
                pool,
                tps: TpsArgs { tps },
                all: false,
            },
            &settings,
        )
    }

    #[test]
    fn an_id_is_enough_and_the_latest_snapshot_needs_a_pool() {
        let request = read(ID, "eu-west-1_b", None, None).unwrap();
        assert_eq!(
            (request.pool().as_str(), &request.source, request.tps),
            ("eu-west-1_b", &None, Tps::DEFAULT)
        );
        let request = read("latest", "eu-west-1_b", Some("eu-west-1_a"), Some("200")).unwrap();
        assert_eq!((request.source.unwrap().as_str(), request.tps.get()), ("eu-west-1_a", 200));
        let problem = read("latest", "eu-west-1_b", None, None).unwrap_err();
        assert!(
            problem.guidance.contains("Give --pool") && problem.guidance.contains("eu-west-1_b itself"),
            "{problem}"
        );
    }

    #[test]
    fn wrong_arguments_are_named_errors() {
        for wrong in [
            read("newest", "eu-west-1_b", Some("eu-west-1_a"), None),
            read(ID, "b", None, None),
            read(ID, "eu-west-1_b", Some("a"), None),
            read(ID, "eu-west-1_b", None, Some("0")),
            read(ID, "eu-west-1_b", None, Some("201")),
            read("latest", "eu-west-1_b", None, None),
        ] {
            let problem = wrong.unwrap_err();
            assert_eq!((problem.error.as_str(), problem.status.code()), ("InvalidInput", 4));
            assert!(!problem.guidance.is_empty());
        }
    }
}
