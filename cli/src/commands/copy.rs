//! `copy`: copy a snapshot to another table.

use jiff::Timestamp;
use shared::ErrorKind;
use shared::model::{Counts, PoolId, Snapshot, SnapshotSelector};
use shared::operations::copy::{Stage, Watch, copy};
use shared::ports::vault::Vault;
use tokio::time::Instant;

use super::{Session, pool_of};
use crate::args::CopyArgs;
use crate::aws::{Table, TablePlace};
use crate::exit::ExitStatus;
use crate::output::{Answer, CopyEnd, snapshot_in_words};
use crate::problem::{Problem, Result};
use crate::watch::{Meter, Pace, Position};

/// A copy that is asked for.
#[derive(Debug)]
pub struct Request {
    /// The pool that the snapshot was taken of, where it is named.
    source: Option<PoolId>,
    snapshot: SnapshotSelector,
}

impl Request {
    /// Reads and checks the arguments.
    ///
    /// # Errors
    /// For what is no pool id or snapshot id, and for the latest snapshot of nobody knows which pool.
    pub fn read(args: &CopyArgs) -> Result<Self> {
        let source = args.pool.as_deref().map(PoolId::parse).transpose()?;
        let snapshot = SnapshotSelector::parse(&args.snapshot)?;
        if snapshot == SnapshotSelector::Latest && source.is_none() {
            return Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                "The latest snapshot of which user pool is meant is not said.".to_owned(),
                "Give --pool, the user pool that the snapshot was taken of, or a snapshot id.".to_owned(),
            ));
        }
        Ok(Self { source, snapshot })
    }

    /// The Region of the pool, where that is named.
    pub fn pool_region(&self) -> Option<&str> {
        self.source.as_ref().map(PoolId::region)
    }

    /// Copies the snapshot, and tells what was copied.
    ///
    /// # Errors
    /// When both tables are one, the snapshot cannot be used, or the copy cannot be brought to its end.
    pub async fn run<V: Vault, W: Vault, S>(
        &self,
        source: &Table<V>,
        destination: &Table<W>,
        session: Session<'_, S>,
    ) -> Result<Answer> {
        if source.place == destination.place {
            return Err(Problem::refused(
                ErrorKind::InvalidInput.name(),
                format!("The snapshot is in {} already: it cannot be copied from a table to itself.", source.place),
                "Give another table, Region or account: --to-table, --to-region, --assume-role, --to-profile.".to_owned(),
            ));
        }
        let pool = match (&self.source, &self.snapshot) {
            (None, SnapshotSelector::Id(id)) => pool_of(&source.catalog, &source.place.table, id).await?,
            (None, SnapshotSelector::Latest) => {
                return Err(Problem::internal("The latest snapshot of no pool was asked for.".to_owned()));
            }
            (Some(pool), _) => pool.clone(),
        };
        let (snapshot, units) = source.catalog.sealed_snapshot(&pool, &self.snapshot).await?;
        session.meter.note(&intention(&snapshot, &source.place, &destination.place, (session.now)()));
        let mut audience =
            ProgressSink { meter: session.meter, pace: Pace::default(), expected: snapshot.counts, stage: Stage::Source };
        let copied = copy(&source.catalog, &destination.catalog, &snapshot, &units, &mut audience).await;
        audience.meter.end();
        // From the first page that was copied on, nothing is a refusal any more.
        let begun = audience.stage > Stage::Source;
        let copied =
            copied.map_err(|error| Problem { status: ExitStatus::of_error(error.kind().name(), begun), ..error.into() })?;
        let end = CopyEnd::new(&snapshot, &source.place, &destination.place, copied);
        Ok(Answer::new(&end, ExitStatus::Done, (session.now)()))
    }
}

/// What is going to be done.
fn intention(snapshot: &Snapshot, source: &TablePlace, destination: &TablePlace, now: Timestamp) -> String {
    format!(
        "Copying a snapshot of user pool {} from {source} to {destination}. The source is not changed.\n{}",
        snapshot.pool,
        snapshot_in_words(snapshot, now)
    )
}

/// Shows how far the copy is.
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
        Request::read(&CopyArgs { snapshot: snapshot.to_owned(), pool, to: Default::default() })
    }

    #[test]
    fn an_id_is_enough_and_the_latest_wants_a_pool() {
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
