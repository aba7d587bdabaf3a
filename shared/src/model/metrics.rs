//! Metrics of a run: what an operator wants to see on a dashboard and be woken by.

use super::{CallStats, Counts, PoolId, RetentionReport, RunId, RunKind, Totals};

macro_rules! metrics {
    ($($(#[$doc:meta])* $metric:ident $unit:ident),+ $(,)?) => {
        /// What is measured. The names are those of CloudWatch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $($(#[$doc])* $metric),+ }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Metric] = &[$(Metric::$metric),+];

            /// The name.
            pub fn name(self) -> &'static str {
                match self { $(Metric::$metric => stringify!($metric)),+ }
            }

            /// CloudWatch's unit.
            pub fn unit(self) -> &'static str {
                match self { $(Metric::$metric => stringify!($unit)),+ }
            }
        }
    };
}

metrics! {
    /// Snapshots sealed: 1 at the end of an export. Its absence is what an alarm waits for.
    SnapshotsSealed Count,
    /// How old the newest sealed snapshot is, whenever somebody looks.
    NewestSnapshotAge Seconds,
    /// Users in a snapshot, or in the target after a restore.
    Users Count,
    /// Groups, likewise.
    Groups Count,
    /// Memberships, likewise.
    Memberships Count,
    /// How many per cent fewer users there are than in the snapshot before; 0 where there are not fewer.
    UsersLost Percent,
    /// Pages of a snapshot.
    Pages Count,
    /// Records that a snapshot was the first to hold.
    RecordsWritten Count,
    /// Snapshots that retention has removed.
    SnapshotsPruned Count,
    /// Snapshots that retention holds back because the pool has lost users since.
    SnapshotsHeldBack Count,
    /// Retention that could not be applied: 1 or 0 at the end of an export.
    PruningFailed Count,
    /// Users of a snapshot that a restore did not bring back.
    UsersNotRestored Count,
    /// Cognito calls.
    Calls Count,
    /// Cognito calls that were refused with TooManyRequestsException.
    ThrottledCalls Count,
    /// How long a run took.
    Duration Seconds,
    /// Runs that failed: 1 at the end of one.
    RunsFailed Count,
}

/// Metrics of one run, at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// What the run does.
    pub operation: RunKind,
    /// The pool worked on: the source of an export, the target of an import.
    pub pool: PoolId,
    /// The snapshot or restore, where it had come so far.
    pub run: Option<RunId>,
    /// The values, in the units of the metrics.
    pub values: Vec<(Metric, f64)>,
}

impl Metrics {
    /// The newest sealed snapshot of a pool is so many seconds old.
    pub fn of_watched(pool: PoolId, snapshot: RunId, age: f64) -> Self {
        Self { operation: RunKind::Export, pool, run: Some(snapshot), values: vec![(Metric::NewestSnapshotAge, age)] }
    }

    /// A snapshot was sealed after so many seconds; `before` is the one before it.
    pub fn of_sealed(pool: PoolId, run: RunId, counts: Counts, before: Option<Counts>, calls: CallStats, seconds: f64) -> Self {
        let before = before.map_or(0, |before| before.users);
        let fewer = before.saturating_sub(counts.users);
        let lost = if before == 0 { 0.0 } else { fewer as f64 * 100.0 / before as f64 };
        let values = vec![
            (Metric::SnapshotsSealed, 1.0),
            (Metric::Users, counts.users as f64),
            (Metric::Groups, counts.groups as f64),
            (Metric::Memberships, counts.memberships as f64),
            (Metric::UsersLost, lost),
            (Metric::Pages, counts.pages as f64),
            (Metric::RecordsWritten, counts.records_written as f64),
            (Metric::Calls, calls.total as f64),
            (Metric::ThrottledCalls, calls.throttled as f64),
            (Metric::Duration, seconds),
        ];
        Self { operation: RunKind::Export, pool, run: Some(run), values }
    }

    /// Adds what retention did.
    pub fn with_retention(mut self, report: &RetentionReport) -> Self {
        self.values.extend([
            (Metric::SnapshotsPruned, report.removed.snapshots as f64),
            (Metric::SnapshotsHeldBack, report.held_back as f64),
            (Metric::PruningFailed, f64::from(u8::from(report.failure.is_some()))),
        ]);
        self
    }

    /// A restore was closed after so many seconds.
    pub fn of_restored(pool: PoolId, run: RunId, totals: &Totals, calls: CallStats, seconds: f64) -> Self {
        let values = vec![
            (Metric::Users, totals.users.present() as f64),
            (Metric::Groups, totals.groups.present() as f64),
            (Metric::Memberships, totals.memberships.present() as f64),
            (Metric::UsersNotRestored, totals.users.lost as f64),
            (Metric::Calls, calls.total as f64),
            (Metric::ThrottledCalls, calls.throttled as f64),
            (Metric::Duration, seconds),
        ];
        Self { operation: RunKind::Import, pool, run: Some(run), values }
    }

    /// A run failed.
    pub fn of_failed(operation: RunKind, pool: PoolId, run: Option<RunId>) -> Self {
        Self { operation, pool, run, values: vec![(Metric::RunsFailed, 1.0)] }
    }

    /// The value of a metric, where it was measured.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.iter().find(|(there, _)| *there == metric).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Execution, Tps};

    #[test]
    fn a_pool_that_shrinks_is_noticed_and_one_that_grows_is_not() {
        let execution = Execution { id: "arn".to_owned(), started_at: "2026-11-21T02:00:00Z".parse().unwrap() };
        let lost = |before: Option<u64>, now: u64| {
            let counts = |users| Counts { users, ..Counts::default() };
            let (pool, run) = (PoolId::parse("eu-west-1_A").unwrap(), RunId::of(&execution));
            let metrics = Metrics::of_sealed(pool, run, counts(now), before.map(counts), CallStats::none(Tps::DEFAULT), 1.0);
            metrics.get(Metric::UsersLost).unwrap()
        };
        assert_eq!(lost(Some(400), 300), 25.0);
        assert_eq!(lost(Some(400), 0), 100.0);
        assert_eq!((lost(Some(400), 500), lost(Some(0), 5), lost(None, 5)), (0.0, 0.0, 0.0));
    }
}
