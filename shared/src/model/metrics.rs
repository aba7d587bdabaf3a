//! Metrics of a run, for dashboards and alarms.

use super::{CallStats, Counts, PoolId, RecordKind, RunId, RunKind, Totals};

macro_rules! metrics {
    ($($(#[$doc:meta])* $metric:ident $unit:ident),+ $(,)?) => {
        /// What is measured. The names are those of CloudWatch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $($(#[$doc])* $metric),+ }

        impl Metric {
            pub const ALL: &'static [Metric] = &[$(Metric::$metric),+];

            pub fn name(self) -> &'static str {
                match self { $(Metric::$metric => stringify!($metric)),+ }
            }

            /// The unit, as CloudWatch names it.
            pub fn unit(self) -> &'static str {
                match self { $(Metric::$metric => stringify!($unit)),+ }
            }
        }
    };
}

metrics! {
    /// Snapshots sealed: 1 at the end of an export. An alarm watches for its absence.
    SnapshotsSealed Count,
    /// The age of the newest sealed snapshot.
    NewestSnapshotAge Seconds,
    /// Users in a snapshot, or in the target after a restore.
    Users Count,
    /// Groups, counted in the same way.
    Groups Count,
    /// Memberships, counted in the same way.
    Memberships Count,
    /// The share of the users of the previous snapshot that is missing. 0 if no user is missing.
    UsersLost Percent,
    /// Pages of a snapshot.
    Pages Count,
    /// Records that no earlier snapshot holds.
    RecordsWritten Count,
    /// `sub`s that a membership of a snapshot names and its listing of users does not.
    MembersWithoutUser Count,
    /// Parts of the configuration that an earlier snapshot holds and this export could not read.
    ConfigurationIncomplete Count,
    /// Objects of the configuration that differ from the newest earlier snapshot that holds a configuration.
    ConfigurationChanged Count,
    /// Snapshots that retention removed.
    SnapshotsPruned Count,
    /// Snapshots that retention holds back because over 20 % of their users are missing from the next newer one that stays.
    SnapshotsHeldBack Count,
    /// Whether retention failed: 1 or 0 at the end of a removal.
    PruningFailed Count,
    /// Snapshots that were copied from another account.
    SnapshotsCopied Count,
    /// Whether a copy from another account failed, for the whole pool or for some snapshots: 1 or 0 at its end.
    CopyFailed Count,
    /// Users of a snapshot that a restore did not restore.
    UsersNotRestored Count,
    /// Cognito calls.
    Calls Count,
    /// Cognito calls that Cognito refused with TooManyRequestsException.
    ThrottledCalls Count,
    /// How long the run took.
    Duration Seconds,
    /// Runs that failed: 1 at the end of such a run.
    RunsFailed Count,
    /// Events about a sealed snapshot that may not have reached the event bus. So no removal may have begun.
    EventsLost Count,
}

impl Metric {
    /// The metric that counts the entries of a kind.
    fn of_kind(kind: RecordKind) -> Self {
        match kind {
            RecordKind::User => Self::Users,
            RecordKind::Group => Self::Groups,
            RecordKind::Membership => Self::Memberships,
        }
    }

    fn of_entries(count: impl Fn(RecordKind) -> u64) -> Vec<(Self, f64)> {
        RecordKind::ALL.into_iter().map(|kind| (Self::of_kind(kind), count(kind) as f64)).collect()
    }
}

/// Metrics of one run, at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    pub operation: RunKind,
    /// The source pool of an export, the target pool of an import.
    pub pool: PoolId,
    /// The snapshot or restore. None if the run failed before it had one.
    pub run: Option<RunId>,
    /// The values, in the units of the metrics.
    pub values: Vec<(Metric, f64)>,
}

impl Metrics {
    /// CloudWatch's namespace of all metrics.
    pub const NAMESPACE: &str = "CognitoBackup";

    /// The dimensions of every metric, as CloudWatch names them.
    pub const DIMENSIONS: [&str; 2] = ["Operation", "UserPoolId"];

    /// The newest sealed snapshot of a pool is `age` seconds old.
    pub fn of_watched(pool: PoolId, snapshot: RunId, age: f64) -> Self {
        Self {
            operation: RunKind::Export,
            pool,
            run: Some(snapshot),
            values: vec![(Metric::NewestSnapshotAge, age)],
        }
    }

    /// A snapshot was sealed after `seconds`. `before` holds the counts of the sealed snapshot
    /// before it.
    pub fn of_sealed(
        pool: PoolId,
        run: RunId,
        counts: Counts,
        before: Option<Counts>,
        calls: CallStats,
        seconds: f64,
    ) -> Self {
        let before = before.map_or(0, |before| before.users);
        let fewer = before.saturating_sub(counts.users);
        let lost = if before == 0 { 0.0 } else { fewer as f64 * 100.0 / before as f64 };
        let mut values = Metric::of_entries(|kind| counts.of(kind));
        values.extend([
            (Metric::SnapshotsSealed, 1.0),
            (Metric::UsersLost, lost),
            (Metric::Pages, counts.pages as f64),
            (Metric::RecordsWritten, counts.records_written as f64),
            (Metric::Calls, calls.total as f64),
            (Metric::ThrottledCalls, calls.throttled as f64),
            (Metric::Duration, seconds),
        ]);
        Self { operation: RunKind::Export, pool, run: Some(run), values }
    }

    /// Adds the `sub`s that a membership names and the listing of users does not.
    #[must_use]
    pub fn with_members_without_user(mut self, subs: u64) -> Self {
        self.values.push((Metric::MembersWithoutUser, subs as f64));
        self
    }

    /// Adds how much of the configuration an operator should look at, because the snapshot may lack it, and the objects
    /// that have changed. None if no earlier snapshot holds a configuration.
    #[must_use]
    pub fn with_configuration(mut self, incomplete: u64, changed: Option<u64>) -> Self {
        self.values.push((Metric::ConfigurationIncomplete, incomplete as f64));
        self.values.extend(changed.map(|changed| (Metric::ConfigurationChanged, changed as f64)));
        self
    }

    /// A restore was closed after `seconds`.
    pub fn of_restored(pool: PoolId, run: RunId, totals: &Totals, calls: CallStats, seconds: f64) -> Self {
        let mut values = Metric::of_entries(|kind| totals.of(kind).present());
        values.extend([
            (Metric::UsersNotRestored, totals.users.lost as f64),
            (Metric::Calls, calls.total as f64),
            (Metric::ThrottledCalls, calls.throttled as f64),
            (Metric::Duration, seconds),
        ]);
        Self { operation: RunKind::Import, pool, run: Some(run), values }
    }

    /// The events about a sealed snapshot were lost.
    pub fn of_lost_events(pool: PoolId, run: RunId, events: usize) -> Self {
        let values = vec![(Metric::EventsLost, events as f64)];
        Self { operation: RunKind::Export, pool, run: Some(run), values }
    }

    pub fn of_failed(operation: RunKind, pool: PoolId, run: Option<RunId>) -> Self {
        Self { operation, pool, run, values: vec![(Metric::RunsFailed, 1.0)] }
    }

    /// The value of a metric. None if it was not measured.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.iter().find(|(there, _)| *there == metric).map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Execution, Tps};

    #[test]
    fn users_lost_is_above_zero_for_a_smaller_pool_and_zero_for_a_larger_one() {
        let execution =
            Execution { id: "arn".to_owned(), started_at: "2026-11-21T02:00:00Z".parse().unwrap() };
        let lost = |before: Option<u64>, now: u64| {
            let counts = |users| Counts { users, ..Counts::default() };
            let (pool, run) = (PoolId::parse("eu-west-1_A").unwrap(), RunId::of(&execution));
            let metrics = Metrics::of_sealed(
                pool,
                run,
                counts(now),
                before.map(counts),
                CallStats::none(Tps::DEFAULT),
                1.0,
            );
            metrics.get(Metric::UsersLost).unwrap()
        };
        assert_eq!(lost(Some(400), 300), 25.0);
        assert_eq!(lost(Some(400), 0), 100.0);
        assert_eq!((lost(Some(400), 500), lost(Some(0), 5), lost(None, 5)), (0.0, 0.0, 0.0));
    }
}
