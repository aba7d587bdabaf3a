//! The position of a run or a command: how much is done, and how much there is to do.

use shared::format::plural;
use shared::model::{Counts, JobUnderWay, PAGE_SIZE, Pruned, RecordKind, Restore, Snapshot, Verification};
use shared::operations::copy::Stage;
use shared::operations::prune::Advance;

use crate::output::text::{number, so_far};

/// The work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Export,
    Import,
    Comparison,
    Copy(Stage),
    Removal(Pruned),
}

/// The position of a run, a comparison, a copy or a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    doing: Work,
    done: Counts,
    /// In an export, only Cognito's estimate of the users.
    expected: Counts,
    /// Pages that the verification of a restore has compared.
    verified: u64,
    /// The import job for which a restore waits.
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
    /// The calls of a restore for each user: one creates it, one sets the password. A group or a membership takes one.
    const CALLS_PER_USER: u64 = 2;

    /// The position of a comparison: users of the pool, and groups whose members are listed. The snapshot holds `expected`.
    pub fn of_comparison(done: Counts, expected: Counts) -> Self {
        Self { doing: Work::Comparison, done, expected, verified: 0, job: None }
    }

    /// The position of a copy in one of its stages. The snapshot holds `expected`.
    pub fn of_copy(stage: Stage, done: Counts, expected: Counts) -> Self {
        Self { doing: Work::Copy(stage), done, expected, verified: 0, job: None }
    }

    /// The position of a removal.
    pub fn of_removal(so_far: &Advance) -> Self {
        let pages = |pages| Counts { pages, ..Counts::default() };
        let (done, expected) = (pages(so_far.pages_read), pages(so_far.pages));
        Self { doing: Work::Removal(so_far.removed), done, expected, verified: 0, job: None }
    }

    /// How many stages are complete. Each stage of a copy goes through the whole snapshot.
    fn rounds(&self) -> u64 {
        match self.doing {
            Work::Copy(Stage::Copy) => 1,
            Work::Copy(Stage::Destination) => 2,
            _ => 0,
        }
    }

    /// The users that are done.
    pub fn users(&self) -> u64 {
        self.done.users + self.rounds() * self.expected.users
    }

    /// The memberships that are done.
    pub fn memberships(&self) -> u64 {
        self.done.memberships + self.rounds() * self.expected.memberships
    }

    /// The done and the whole work, in units of about the same time.
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

    /// The least number of calls that restore `counts`.
    pub fn calls(counts: &Counts) -> u64 {
        counts.users * Self::CALLS_PER_USER + counts.groups + counts.memberships
    }

    /// The least number of calls that list `counts`: one for each page, and at least one for the members of a group.
    pub fn listing_calls(counts: &Counts) -> u64 {
        let pages = |entries: u64| entries.div_ceil(PAGE_SIZE.into());
        pages(counts.users) + pages(counts.groups) + counts.groups.max(pages(counts.memberships))
    }

    /// `, 40 % compared`. Empty before the verification has begun.
    fn verification(&self) -> String {
        let all = Verification::pages_of(self.expected.users);
        match (self.verified * 100).checked_div(all) {
            Some(percent) if percent > 0 => format!(", {} % compared", percent.min(100)),
            _ => String::new(),
        }
    }

    /// `, waiting for an import job of 500,000 users`. Empty without a job.
    fn job(&self) -> String {
        self.job
            .map(|job| format!(", waiting for an import job of {}", plural(job.users, "user", "users")))
            .unwrap_or_default()
    }

    /// `1,200 of 400,000 users, 3 of 3 groups, 0 of 7 memberships`.
    pub fn summary(&self) -> String {
        let (done, expected) = (&self.done, &self.expected);
        let entries = |count, kind: RecordKind| plural(count, kind.singular(), kind.plural());
        match self.doing {
            Work::Comparison => format!(
                "{} of about {} compared, members of {} of {}",
                number(done.users),
                entries(expected.users.max(done.users), RecordKind::User),
                number(done.groups),
                entries(expected.groups, RecordKind::Group)
            ),
            Work::Export => format!(
                "{} of about {}, {}, {}",
                number(done.users),
                entries(expected.users, RecordKind::User),
                entries(done.groups, RecordKind::Group),
                entries(done.memberships, RecordKind::Membership)
            ),
            Work::Copy(stage) => {
                let doing = match stage {
                    Stage::Source => "checking the source",
                    Stage::Copy => "copying",
                    Stage::Destination => "verifying the destination",
                };
                format!("{doing}: {}", so_far(done, expected))
            }
            Work::Removal(removed) => format!(
                "{} of about {} read, {}, {} and {} removed",
                number(done.pages),
                plural(expected.pages.max(done.pages), "page", "pages"),
                plural(removed.records, "record", "records"),
                plural(removed.pages, "page", "pages"),
                plural(removed.snapshots, "snapshot", "snapshots")
            ),
            Work::Import => so_far(done, expected) + &self.job() + &self.verification(),
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
    fn a_copy_is_measured_by_the_pages_of_its_three_stages() {
        let counts = |users, pages| Counts { users, pages, ..Counts::default() };
        let position = |stage| Position::of_copy(stage, counts(120, 2), counts(600, 10));
        let work = [Stage::Source, Stage::Copy, Stage::Destination]
            .map(|stage| (position(stage).work(), position(stage).users()));
        assert_eq!(work, [((2, 30), 120), ((12, 30), 720), ((22, 30), 1_320)]);
        let words = position(Stage::Destination).summary();
        assert_eq!(words, "verifying the destination: 120 of 600 users, 0 of 0 groups, 0 of 0 memberships");
    }

    #[test]
    fn a_removal_is_measured_by_the_pages_that_it_reads() {
        let removed = Pruned { snapshots: 1, records: 1_200, pages: 20, items: 1_230, ..Pruned::default() };
        let position = Position::of_removal(&Advance { pages_read: 30, pages: 40, removed });
        assert_eq!(position.work(), (1_260, 1_270));
        assert_eq!(
            position.summary(),
            "30 of about 40 pages read, 1,200 records, 20 pages and 1 snapshot removed"
        );
    }

    #[test]
    fn a_restore_is_measured_by_its_calls() {
        let mut restore = testing::restore(RestoreState::Running);
        let position = Position::from(&restore);
        // At the end the verification compares all users: two pages for each 60 users.
        let to_verify = 2 * 6_667;
        assert_eq!(position.work(), (2 * 1_200 + 3, 2 * 400_000 + 3 + 7 + to_verify));
        assert_eq!(position.summary(), "1,200 of 400,000 users, 3 of 3 groups, 0 of 7 memberships");
        (restore.handled, restore.verified_pages) = (restore.expected, 10_000);
        let position = Position::from(&restore);
        assert_eq!(position.work(), (2 * 400_000 + 3 + 7 + 10_000, 2 * 400_000 + 3 + 7 + to_verify));
        assert!(position.summary().ends_with("7 of 7 memberships, 74 % compared"));
    }
}
