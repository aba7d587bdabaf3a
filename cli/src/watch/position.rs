//! How far a run is, as its header in the table says.

use shared::model::{Counts, JobUnderWay, PAGE_SIZE, Pruned, Restore, Snapshot, Verification};
use shared::operations::copy::Stage;
use shared::operations::prune::Advance;

use crate::output::text::number;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Export,
    Import,
    Comparison,
    Copy(Stage),
    Removal(Pruned),
}

/// How far a run is, or a comparison, a copy or a removal of snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    doing: Work,
    done: Counts,
    /// For an export, Cognito's estimate of the users and nothing else.
    expected: Counts,
    /// Pages of the verification of a restore.
    verified: u64,
    /// The import job that a restore waits for.
    job: Option<JobUnderWay>,
}

impl From<&Snapshot> for Position {
    fn from(snapshot: &Snapshot) -> Self {
        let users = snapshot.estimated_users.max(snapshot.counts.users);
        Self {
            doing: Work::Export,
            done: snapshot.counts,
            expected: Counts { users, ..Counts::default() },
            verified: 0,
            job: None,
        }
    }
}

impl From<&Restore> for Position {
    fn from(restore: &Restore) -> Self {
        let mut done = restore.handled;
        let job = restore.jobs.as_ref().and_then(|jobs| jobs.under_way);
        if let Some(jobs) = restore.jobs.as_ref().filter(|jobs| jobs.under_way.is_some()) {
            done.users = done.users.max(jobs.done());
        }
        Self { doing: Work::Import, done, expected: restore.expected, verified: restore.verified_pages, job }
    }
}

impl Position {
    /// Cognito calls that a restore makes per user: one creates it, one sets the password. A membership or group takes one.
    const CALLS_PER_USER: u64 = 2;

    /// How far a comparison with a snapshot is that holds `expected`: users of the pool, groups whose members were listed.
    pub fn of_comparison(done: Counts, expected: Counts) -> Self {
        Self { doing: Work::Comparison, done, expected, verified: 0, job: None }
    }

    /// How far a copy of a snapshot is that holds `expected`, in one of its stages.
    pub fn of_copy(stage: Stage, done: Counts, expected: Counts) -> Self {
        Self { doing: Work::Copy(stage), done, expected, verified: 0, job: None }
    }

    /// How far a removal of snapshots is.
    pub fn of_removal(so_far: &Advance) -> Self {
        let pages = |pages| Counts { pages, ..Counts::default() };
        let (done, expected) = (pages(so_far.pages_read), pages(so_far.pages));
        Self { doing: Work::Removal(so_far.removed), done, expected, verified: 0, job: None }
    }

    /// How often everything has been dealt with before: every stage of a copy goes through the whole snapshot.
    fn rounds(&self) -> u64 {
        match self.doing {
            Work::Copy(Stage::Copy) => 1,
            Work::Copy(Stage::Destination) => 2,
            _ => 0,
        }
    }

    /// Users dealt with.
    pub fn users(&self) -> u64 {
        self.done.users + self.rounds() * self.expected.users
    }

    /// Memberships dealt with.
    pub fn memberships(&self) -> u64 {
        self.done.memberships + self.rounds() * self.expected.memberships
    }

    /// Work done and work to do, in units that take about the same time each.
    pub fn work(&self) -> (u64, u64) {
        let (done, all) = match self.doing {
            Work::Comparison => (Self::listing_calls(&self.done), Self::listing_calls(&self.expected)),
            Work::Removal(removed) => (self.done.pages + removed.items, self.expected.pages + removed.items),
            Work::Copy(_) => (self.done.pages + self.rounds() * self.expected.pages, 3 * self.expected.pages),
            Work::Export => (self.done.users, self.expected.users),
            Work::Import => {
                let to_verify = Verification::pages_of(self.expected.users);
                (Self::calls(&self.done) + self.verified, Self::calls(&self.expected) + to_verify)
            }
        };
        (done, all.max(done))
    }

    /// Cognito calls that it takes at least to restore what `counts` counts.
    pub fn calls(counts: &Counts) -> u64 {
        counts.users * Self::CALLS_PER_USER + counts.groups + counts.memberships
    }

    /// Cognito calls that it takes at least to list what `counts` counts: a page each, and one at least for the members of a group.
    pub fn listing_calls(counts: &Counts) -> u64 {
        let pages = |entries: u64| entries.div_ceil(PAGE_SIZE.into());
        pages(counts.users) + pages(counts.groups) + counts.groups.max(pages(counts.memberships))
    }

    /// `, 40 % compared`, once that has begun.
    fn verification(&self) -> String {
        let all = Verification::pages_of(self.expected.users);
        match (self.verified * 100).checked_div(all) {
            Some(percent) if percent > 0 => format!(", {} % compared", percent.min(100)),
            _ => String::new(),
        }
    }

    /// `, waiting for an import job of 500,000 users`, while there is one.
    fn job(&self) -> String {
        self.job.map(|job| format!(", waiting for an import job of {} users", number(job.users))).unwrap_or_default()
    }

    /// `1,200 of 400,000 users, 3 of 3 groups, 0 of 7 memberships`.
    pub fn summary(&self) -> String {
        let (done, expected) = (&self.done, &self.expected);
        match self.doing {
            Work::Comparison => format!(
                "{} of about {} users compared, members of {} of {} groups",
                number(done.users),
                number(expected.users.max(done.users)),
                number(done.groups),
                number(expected.groups)
            ),
            Work::Export => format!(
                "{} of about {} users, {} groups, {} memberships",
                number(done.users),
                number(expected.users),
                number(done.groups),
                number(done.memberships)
            ),
            Work::Copy(stage) => {
                let doing = match stage {
                    Stage::Source => "checking the source",
                    Stage::Copy => "copying",
                    Stage::Destination => "verifying the destination",
                };
                format!(
                    "{doing}: {} of {} users, {} of {} groups, {} of {} memberships",
                    number(done.users),
                    number(expected.users),
                    number(done.groups),
                    number(expected.groups),
                    number(done.memberships),
                    number(expected.memberships)
                )
            }
            Work::Removal(removed) => format!(
                "{} of about {} pages read, {} records, {} pages and {} snapshots removed",
                number(done.pages),
                number(expected.pages.max(done.pages)),
                number(removed.records),
                number(removed.pages),
                number(removed.snapshots)
            ),
            Work::Import => {
                format!(
                    "{} of {} users, {} of {} groups, {} of {} memberships",
                    number(done.users),
                    number(expected.users),
                    number(done.groups),
                    number(expected.groups),
                    number(done.memberships),
                    number(expected.memberships)
                ) + &self.job()
                    + &self.verification()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::model::{JobsReport, RestoreState};

    use super::*;
    use crate::testing;

    #[test]
    fn an_export_is_measured_by_its_users() {
        let mut snapshot = testing::snapshot(1, 1_200);
        snapshot.estimated_users = 400_000;
        let position = Position::from(&snapshot);
        assert_eq!(position.work(), (1_200, 400_000));
        assert_eq!(position.summary(), "1,200 of about 400,000 users, 3 groups, 7 memberships");
        snapshot.estimated_users = 1_000;
        assert_eq!(Position::from(&snapshot).work(), (1_200, 1_200), "an estimate may be too low");
    }

    #[test]
    fn a_restore_by_jobs_shows_how_far_the_job_is() {
        let mut restore = testing::restore(RestoreState::Running);
        restore.handled = Counts::default();
        let under_way = Some(JobUnderWay { users: 80_000, done: 30_000 });
        restore.jobs = Some(JobsReport { imported: 300_000, under_way, ..JobsReport::default() });
        assert_eq!(
            Position::from(&restore).summary(),
            "330,000 of 400,000 users, 0 of 3 groups, 0 of 7 memberships, waiting for an import job of 80,000 users"
        );
    }

    #[test]
    fn a_comparison_is_measured_by_its_calls() {
        let counts = |users, groups, memberships| Counts { users, groups, memberships, ..Counts::default() };
        let position = Position::of_comparison(counts(601, 2, 0), counts(600, 3, 400));
        assert_eq!(position.work(), (11 + 1 + 2, 10 + 1 + 7));
        assert_eq!(position.summary(), "601 of about 601 users compared, members of 2 of 3 groups");
    }

    #[test]
    fn a_copy_is_measured_by_pages_of_three_rounds() {
        let counts = |users, pages| Counts { users, pages, ..Counts::default() };
        let position = |stage| Position::of_copy(stage, counts(120, 2), counts(600, 10));
        let work =
            [Stage::Source, Stage::Copy, Stage::Destination].map(|stage| (position(stage).work(), position(stage).users()));
        assert_eq!(work, [((2, 30), 120), ((12, 30), 720), ((22, 30), 1_320)]);
        let words = position(Stage::Destination).summary();
        assert_eq!(words, "verifying the destination: 120 of 600 users, 0 of 0 groups, 0 of 0 memberships");
    }

    #[test]
    fn a_removal_is_measured_by_the_pages_that_it_reads() {
        let removed = Pruned { snapshots: 1, records: 1_200, pages: 20, items: 1_230 };
        let position = Position::of_removal(&Advance { pages_read: 30, pages: 40, removed });
        assert_eq!(position.work(), (1_260, 1_270));
        assert_eq!(position.summary(), "30 of about 40 pages read, 1,200 records, 20 pages and 1 snapshots removed");
    }

    #[test]
    fn a_restore_is_measured_by_its_calls() {
        let mut restore = testing::restore(RestoreState::Running);
        let position = Position::from(&restore);
        // At last everybody is compared: two pages for each 60 users.
        let to_verify = 2 * 6_667;
        assert_eq!(position.work(), (2 * 1_200 + 3, 2 * 400_000 + 3 + 7 + to_verify));
        assert_eq!(position.summary(), "1,200 of 400,000 users, 3 of 3 groups, 0 of 7 memberships");
        (restore.handled, restore.verified_pages) = (restore.expected, 10_000);
        let position = Position::from(&restore);
        assert_eq!(position.work(), (2 * 400_000 + 3 + 7 + 10_000, 2 * 400_000 + 3 + 7 + to_verify));
        assert!(position.summary().ends_with("7 of 7 memberships, 74 % compared"));
    }
}
