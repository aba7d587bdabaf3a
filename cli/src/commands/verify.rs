//! `verify`: compare a user pool with a snapshot.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use shared::ErrorKind;
use shared::catalog::Catalog;
use shared::model::{CallStats, Ceilings, Counts, FindingKind, PoolId, Snapshot, SnapshotSelector, Tps};
use shared::operations::verify::{Finding, Observer, verify};
use shared::pacing::PacedPool;
use shared::ports::Clock;
use shared::ports::pool::Pool;
use shared::ports::vault::Vault;
use tokio::time::Instant;

use super::{Deployment, Session, pool_of, run};
use crate::args::VerifyArgs;
use crate::output::text::duration;
use crate::output::{Answer, VerifyEnd, snapshot_in_words};
use crate::problem::{Problem, Result};
use crate::watch::{Meter, Pace, Position};
use shared::model::RecordKind;

/// How many findings of one kind are told one by one.
const TOLD: u64 = 5;

/// A comparison that is asked for.
#[derive(Debug)]
pub struct Request {
    /// The pool that the snapshot was taken of, where it is named.
    source: Option<PoolId>,
    snapshot: SnapshotSelector,
    against: PoolId,
    tps: Tps,
    all: bool,
    json: bool,
}

impl Request {
    /// Reads and checks the arguments; `json` is what all commands have.
    ///
    /// # Errors
    /// For what is no pool id, snapshot id or limit, and for the latest snapshot of nobody knows which pool.
    pub fn read(args: &VerifyArgs, json: bool) -> Result<Self> {
        let source = args.pool.as_deref().map(PoolId::parse).transpose()?;
        let snapshot = SnapshotSelector::parse(&args.snapshot)?;
        let against = PoolId::parse(&args.against)?;
        if snapshot == SnapshotSelector::Latest && source.is_none() {
            return Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                "The latest snapshot of which user pool is meant is not said.".to_owned(),
                format!(
                    "Give --pool, the user pool that the snapshot was taken of (that may be {against} itself), or a snapshot id."
                ),
            ));
        }
        let tps = args.tps.as_deref().map(Tps::parse).transpose()?.unwrap_or(Tps::DEFAULT);
        Ok(Self { source, snapshot, against, tps, all: args.all, json })
    }

    /// The pool that is compared.
    pub fn pool(&self) -> &PoolId {
        &self.against
    }

    /// Compares `pool`, which is [`pool`](Self::pool), and tells what it comes to.
    ///
    /// # Errors
    /// When the snapshot cannot be used, the pool or the table cannot be read, or stdout takes no more.
    pub async fn run<E, V: Vault, P: Pool, S>(
        &self,
        deployment: &Deployment<E, V>,
        pool: P,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        let catalog = &deployment.catalog;
        let source = self.source(catalog, &deployment.table).await?;
        let (snapshot, units) = catalog.sealed_snapshot(&source, &self.snapshot).await?;
        session.meter.note(&self.intention(&snapshot, (session.now)()));
        let earlier = CallStats::none(self.tps);
        let pool = PacedPool::new(pool, self.tps, &Ceilings::default(), Clock::system(), earlier);
        let mut audience = ProgressSink::new(session.meter, snapshot.counts, self.all);
        let compared = verify(&pool, catalog, &snapshot, &units, &mut audience).await;
        audience.meter.end();
        let ProgressSink { findings, left_out, .. } = audience;
        let end = VerifyEnd::new(&snapshot, &self.against, compared?, findings, left_out, pool.limiter().stats().await);
        let now = (session.now)();
        if !self.all {
            return Ok(Answer::new(&end, end.exit_status(), now));
        }
        match end.write(self.json, now, session.lines) {
            // A reader that has gone away is no failure.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::unwritten(&error)),
            _ => Ok(Answer::told(end.exit_status())),
        }
    }

    /// The pool that the snapshot was taken of.
    async fn source<V: Vault>(&self, catalog: &Catalog<V>, table: &str) -> Result<PoolId> {
        let id = match (&self.source, &self.snapshot) {
            (Some(source), _) => return Ok(source.clone()),
            (None, SnapshotSelector::Id(id)) => id,
            (None, SnapshotSelector::Latest) => return Ok(self.against.clone()),
        };
        pool_of(catalog, table, id).await
    }

    /// What is going to be done, and how long it takes at least.
    fn intention(&self, snapshot: &Snapshot, now: Timestamp) -> String {
        let mut text = format!(
            "Comparing user pool {} with a snapshot of {} at {}. Nothing is changed.\n{}",
            self.against,
            if snapshot.pool == self.against { "it".to_owned() } else { format!("user pool {}", snapshot.pool) },
            run::limit(Some(self.tps)),
            snapshot_in_words(snapshot, now)
        );
        let least = Duration::from_secs(Position::listing_calls(&snapshot.counts) / u64::from(self.tps.get()));
        if !least.is_zero() {
            text += &format!("\nIt takes {} at least.", duration(least));
        }
        text
    }
}

/// Keeps what is found, and shows how far the comparison is.
struct ProgressSink<'a> {
    meter: &'a mut Meter,
    pace: Pace,
    expected: Counts,
    all: bool,
    findings: Vec<Finding>,
    /// How many there were of each kind.
    found: BTreeMap<(RecordKind, FindingKind), u64>,
    left_out: u64,
}

impl<'a> ProgressSink<'a> {
    fn new(meter: &'a mut Meter, expected: Counts, all: bool) -> Self {
        let mut audience =
            Self { meter, pace: Pace::default(), expected, all, findings: Vec::new(), found: BTreeMap::new(), left_out: 0 };
        audience.compared(&Counts::default());
        audience
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
        match self.all || *found <= TOLD {
            true => self.findings.push(finding),
            false => self.left_out += 1,
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
    use super::*;

    const ID: &str = "20261121T020000123Z-1a2b3c4d";

    fn read(snapshot: &str, against: &str, pool: Option<&str>, tps: Option<&str>) -> Result<Request> {
        let [pool, tps] = [pool, tps].map(|text| text.map(str::to_owned));
        Request::read(&VerifyArgs { snapshot: snapshot.to_owned(), against: against.to_owned(), pool, tps, all: false }, false)
    }

    #[test]
    fn an_id_is_enough_and_the_latest_wants_a_pool() {
        let request = read(ID, "eu-west-1_b", None, None).unwrap();
        assert_eq!((request.pool().as_str(), &request.source, request.tps), ("eu-west-1_b", &None, Tps::DEFAULT));
        let request = read("latest", "eu-west-1_b", Some("eu-west-1_a"), Some("200")).unwrap();
        assert_eq!((request.source.unwrap().as_str(), request.tps.get()), ("eu-west-1_a", 200));
        let problem = read("latest", "eu-west-1_b", None, None).unwrap_err();
        assert!(problem.guidance.contains("Give --pool") && problem.guidance.contains("eu-west-1_b itself"), "{problem}");
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
