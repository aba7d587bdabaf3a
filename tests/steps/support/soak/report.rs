//! What the soak reports.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::faults::{FaultKind, Struck};

/// What worlds have seen so far.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub worlds: u64,
    /// Days played to their end: each is one seeded schedule.
    pub schedules: u64,
    pub struck: Struck,
    /// Calls at which invocations of the state machines died, by function.
    pub died: BTreeSet<(&'static str, String)>,
    pub runs: Runs,
    /// Calms in which a run of each kind succeeded.
    pub calms: u64,
    /// The longest time from the last fault to the end of the last run.
    pub longest_end: Duration,
    /// Users compared with the history of the source or with a target, once for each comparison.
    pub users_checked: u64,
    /// Digests of the calls of each world, to compare two plays of a seed.
    pub digest: u64,
    pub violations: Vec<WorldViolation>,
    pub took: Duration,
}

/// Runs by their ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runs {
    pub exports_sealed: u64,
    pub exports_failed: u64,
    pub imports_ended: u64,
    pub imports_failed: u64,
    pub prunes_ended: u64,
    pub prunes_failed: u64,
    pub copies_ended: u64,
    pub copies_failed: u64,
    pub stopped: u64,
}

impl Runs {
    pub fn add(&mut self, other: &Self) {
        let Self {
            exports_sealed,
            exports_failed,
            imports_ended,
            imports_failed,
            prunes_ended,
            prunes_failed,
            copies_ended,
            copies_failed,
            stopped,
        } = other;
        self.exports_sealed += exports_sealed;
        self.exports_failed += exports_failed;
        self.imports_ended += imports_ended;
        self.imports_failed += imports_failed;
        self.prunes_ended += prunes_ended;
        self.prunes_failed += prunes_failed;
        self.copies_ended += copies_ended;
        self.copies_failed += copies_failed;
        self.stopped += stopped;
    }
}

/// A world that broke an invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldViolation {
    pub seed: u64,
    pub day: u64,
    pub message: String,
}

impl fmt::Display for WorldViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, day, message } = self;
        write!(f, "seed {seed}, day {day}: {message}\n  replay: cargo xtask soak --seed {seed} --worlds 1")
    }
}

impl Report {
    pub fn add(&mut self, other: Self) {
        self.worlds += other.worlds;
        self.schedules += other.schedules;
        for (kind, times) in other.struck {
            *self.struck.entry(kind).or_default() += times;
        }
        self.died.extend(other.died);
        self.runs.add(&other.runs);
        self.calms += other.calms;
        self.longest_end = self.longest_end.max(other.longest_end);
        self.users_checked += other.users_checked;
        self.digest = self.digest.wrapping_add(other.digest);
        self.violations.extend(other.violations);
    }

    /// The kinds of faults that have not struck.
    pub fn missing(&self) -> Vec<FaultKind> {
        let has_struck = |kind: &FaultKind| self.struck.get(kind).is_some_and(|times| *times > 0);
        FaultKind::ALL.iter().copied().filter(|kind| !has_struck(kind)).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worlds, schedules, calms, users_checked, runs, .. } = self;
        writeln!(
            f,
            "{worlds} worlds, {schedules} schedules (days), {calms} calms, {} s",
            self.took.as_secs()
        )?;
        writeln!(
            f,
            "runs: {} exports sealed and {} failed, {} imports ended and {} failed, {} prunes ended and {} failed, {} copies ended and {} failed, {} stopped by their operator or a death",
            runs.exports_sealed,
            runs.exports_failed,
            runs.imports_ended,
            runs.imports_failed,
            runs.prunes_ended,
            runs.prunes_failed,
            runs.copies_ended,
            runs.copies_failed,
            runs.stopped,
        )?;
        writeln!(f, "users checked: {users_checked}")?;
        writeln!(
            f,
            "longest time from the last fault to the end of a run: {} s",
            self.longest_end.as_secs()
        )?;
        writeln!(f, "call sites at which an invocation died: {}", self.died.len())?;
        for kind in FaultKind::ALL {
            let times = self.struck.get(kind).copied().unwrap_or_default();
            writeln!(f, "  {times:>8}  {}", kind.name())?;
        }
        writeln!(f, "digest of the calls: {:016x}", self.digest)?;
        write!(f, "violations: {}", self.violations.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_fault_that_never_struck_is_missing() {
        let struck_by = |kinds: &[FaultKind]| Report {
            struck: kinds.iter().map(|kind| (*kind, 1)).collect(),
            ..Report::default()
        };
        assert_eq!(Report::default().missing(), FaultKind::ALL);
        assert_eq!(struck_by(FaultKind::ALL).missing(), []);
        let mut report = struck_by(&FaultKind::ALL[2..]);
        assert_eq!(report.missing(), FaultKind::ALL[..2]);
        // A kind that is counted and struck no call is missing, too.
        report.add(Report { struck: [(FaultKind::ALL[0], 0)].into(), ..Report::default() });
        assert_eq!(report.missing(), FaultKind::ALL[..2]);
        report.add(struck_by(&FaultKind::ALL[..1]));
        assert_eq!(report.missing(), FaultKind::ALL[1..2]);
    }
}
