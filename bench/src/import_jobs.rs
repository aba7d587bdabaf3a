//! The import jobs of the target pool. [`job_files`](crate::job_files) reads their files.

use std::time::Duration;

use shared::model::JobId;
use shared::ports::pool::{ImportJob, JobStatus, PoolErrorKind, PresignedUrl};

use crate::population::Version;

/// How long a job takes before it reads the first row. This is an assumption, because Cognito does not
/// document it. Only the time of a restore by import jobs depends on it.
const BEFORE_FIRST_ROW: Duration = Duration::from_secs(60);
/// Rows that a job reads in one second. This is an assumption, too. AWS's own solution imported 100,000 users
/// in 56 minutes.
pub const ROWS_PER_SECOND: u64 = 30;
/// How long a job waits for its start. AWS says 24 to 48 hours.
const START_TIMEOUT: Duration = Duration::from_secs(24 * 3_600);

/// A row of a job's CSV file: the user's number and version.
pub type Row = (u32, Version);

/// The import jobs of the target pool, by number.
#[derive(Debug, Default)]
pub struct ImportJobs {
    jobs: Vec<Job>,
}

#[derive(Debug)]
struct Job {
    /// The rows of the file, after its upload.
    rows: Option<Vec<Row>>,
    created_at: Duration,
    has_expired: bool,
    /// When the job ends, after its start.
    ends_at: Option<Duration>,
    has_ended: bool,
    imported: u64,
    skipped: u64,
    failed: u64,
}

impl ImportJobs {
    fn number(&self, id: &JobId) -> Option<usize> {
        let number: usize = id.as_str().strip_prefix("import-")?.parse().ok()?;
        (number < self.jobs.len()).then_some(number)
    }

    /// CreateUserImportJob.
    pub fn create(&mut self, now: Duration) -> ImportJob {
        self.jobs.push(Job {
            rows: None,
            created_at: now,
            has_expired: false,
            ends_at: None,
            has_ended: false,
            imported: 0,
            skipped: 0,
            failed: 0,
        });
        self.description(self.jobs.len() - 1)
    }

    fn description(&self, number: usize) -> ImportJob {
        let job = &self.jobs[number];
        let status = match (job.ends_at, job.has_ended) {
            (_, true) => JobStatus::Succeeded,
            (Some(_), false) => JobStatus::InProgress,
            (None, false) if job.has_expired => JobStatus::Expired,
            (None, false) => JobStatus::Created,
        };
        let [imported, skipped, failed] =
            if job.has_ended { [job.imported, job.skipped, job.failed] } else { [0; 3] };
        let id = JobId::new(format!("import-{number}"));
        let upload_to = Some(PresignedUrl::new(format!("https://jobs.invalid/{id}")));
        // The bench knows no calendar. The members are optional.
        ImportJob { id, upload_to, status, started: None, completed: None, imported, skipped, failed }
    }

    /// Gives the file to the job that a presigned URL belongs to. `unknown_rows` counts the rows that name no
    /// user of the source. Returns false if there is no such job.
    pub fn upload(&mut self, to: &PresignedUrl, rows: Vec<Row>, unknown_rows: u64) -> bool {
        let number = to.reveal().rsplit_once("import-").and_then(|(_, number)| number.parse::<usize>().ok());
        let Some(job) = number.and_then(|number| self.jobs.get_mut(number)) else { return false };
        job.failed = unknown_rows;
        job.rows = Some(rows);
        true
    }

    /// StartUserImportJob. A pool runs one job at a time.
    pub fn start(&mut self, id: &JobId, now: Duration) -> Result<ImportJob, (PoolErrorKind, &'static str)> {
        let refused = (PoolErrorKind::Refused, "PreconditionNotMetException");
        let is_idle = self.jobs.iter().all(|job| job.ends_at.is_none() || job.has_ended);
        let number = self.number(id).ok_or((PoolErrorKind::NotFound, "ResourceNotFoundException"))?;
        let job = &mut self.jobs[number];
        let rows = job
            .rows
            .as_ref()
            .filter(|_| is_idle && job.ends_at.is_none() && !job.has_expired)
            .ok_or(refused)?
            .len() as u64;
        job.ends_at = Some(now + BEFORE_FIRST_ROW + Duration::from_secs(rows / ROWS_PER_SECOND));
        Ok(self.description(number))
    }

    /// DescribeUserImportJob.
    pub fn describe(&self, id: &JobId) -> Option<ImportJob> {
        self.number(id).map(|number| self.description(number))
    }

    /// Ends a job whose time has come. Returns its number and its rows. Jobs that are not started in time expire.
    pub fn end_next(&mut self, now: Duration) -> Option<(usize, Vec<Row>)> {
        for job in self.jobs.iter_mut().filter(|job| job.ends_at.is_none()) {
            job.has_expired |= now.saturating_sub(job.created_at) >= START_TIMEOUT;
        }
        let is_due = |job: &Job| !job.has_ended && job.ends_at.is_some_and(|ends_at| ends_at <= now);
        let number = self.jobs.iter().position(is_due)?;
        self.jobs[number].has_ended = true;
        Some((number, self.jobs[number].rows.take().unwrap_or_default()))
    }

    /// Sets how many rows of a job were imported, and how many were skipped because their users exist.
    pub fn set_result(&mut self, number: usize, imported: u64, skipped: u64) {
        (self.jobs[number].imported, self.jobs[number].skipped) = (imported, skipped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_job_starts_with_its_file_and_ends_after_its_time() {
        let mut jobs = ImportJobs::default();
        let ImportJob { id, upload_to, .. } = jobs.create(Duration::ZERO);
        let at = Duration::from_secs;
        assert!(jobs.start(&id, at(0)).is_err());
        assert!(jobs.upload(&upload_to.unwrap(), vec![(1, 0); 2_000], 0));
        assert_eq!(jobs.start(&id, at(10)).map(|job| job.status), Ok(JobStatus::InProgress));
        let ends_at = 10 + 60 + 2_000 / ROWS_PER_SECOND;
        assert!(jobs.end_next(at(ends_at - 1)).is_none());
        assert_eq!(jobs.end_next(at(ends_at)).map(|(number, rows)| (number, rows.len())), Some((0, 2_000)));
        jobs.set_result(0, 2_000, 0);
        let job = jobs.describe(&id).unwrap();
        assert_eq!((job.status, job.imported), (JobStatus::Succeeded, 2_000));
    }
}
