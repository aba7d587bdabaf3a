//! Import jobs: one after the other, each with as many users as a file takes, until everybody was in one whom a file can carry.
//!
//! A job is created, gets its file, is started and looked at now and then: the state machine waits in between, not the function.
//! Whoever a job did not create is left to the API, which the job's log is read for. What is known of a job is written down before
//! the next thing is done to it, and of two invocations at once only one goes on.

use std::collections::HashMap;

use crate::Result;
use crate::catalog::Catalog;
use crate::csv::{Header, LineOutcome, LogLine, Part};
use crate::identity::EarlierRepairs;
use crate::model::{CurrentJob, ImportJobs, JobStage, JobUnderWay, JobsReport, PoolDescription, Restore, SeenUsers, Selection};
use crate::operations::import::jobs::file::{BuiltFile, JobFileBuilder};
use crate::operations::refusals::refused;
use crate::pacing::{Budget, PacedPool};
use crate::ports::job_files::{JobFile, JobFiles, JobLog, LogError};
use crate::ports::pool::{ImportJob, JobStatus, Pool, PoolError, PoolErrorKind};
use crate::ports::vault::Vault;

/// How often a job that is not started yet is waited for: a while longer than three hours. Another job of the account may be at work.
const MAX_WAITS_TO_START: u32 = 42;
/// How often a log that is not complete yet is read again.
const MAX_LOG_READS: u32 = 5;
/// How often in a row a job may come to nothing before it is started.
const MAX_FAILED_STARTS: u32 = 5;

/// Where the jobs of a restore stand.
pub enum Jobs {
    /// Nobody is left for a job.
    Done(Box<ImportJobs>),
    /// A job is waited for, for so many seconds.
    Waiting(u32),
    /// The time is spent.
    OutOfTime,
}

/// What import jobs work with.
pub struct ImportJobDriver<'a, P, V, F> {
    pub pool: &'a PacedPool<P>,
    pub catalog: &'a Catalog<V>,
    pub files: F,
    pub restore: &'a Restore,
    pub repairs: &'a EarlierRepairs,
    pub selection: Option<&'a Selection>,
    pub budget: Budget,
}

/// What is done next.
enum Next {
    GoOn(ImportJobs),
    Wait(ImportJobs, u32),
}

/// What a log says of the lines of a part.
#[derive(Default)]
struct Lines {
    outcomes: HashMap<u64, LineOutcome>,
    succeeded: u64,
    unread: Option<String>,
}

impl<P: Pool, V: Vault, F: JobFiles> ImportJobDriver<'_, P, V, F> {
    /// Goes on with the jobs of the restore.
    pub async fn carry_on(&self) -> Result<Jobs> {
        let id = &self.restore.id;
        let mut jobs = match self.catalog.import_jobs(id).await? {
            Some(jobs) if jobs.is_done() => return Ok(Jobs::Done(Box::new(jobs))),
            begun => begun.unwrap_or_default(),
        };
        let target = self.pool.describe().await.map_err(|error| self.refused(error))?;
        if jobs.step == 0 {
            jobs = self.put(self.begin(&target).await?).await?;
        }
        let mut is_first = true;
        while !jobs.is_done() {
            // A job is begun with time enough to bring its file to it; the first in any case.
            if self.budget.is_spent() && !is_first {
                return Ok(Jobs::OutOfTime);
            }
            is_first = false;
            let next = match &jobs.current {
                None => self.begin_job(jobs.clone(), &target).await?,
                Some(job) => self.look_after(jobs.clone(), job.clone(), &target).await?,
            };
            match next {
                Next::GoOn(next) => jobs = self.put(next).await?,
                Next::Wait(next, seconds) => {
                    self.put(next).await?;
                    return Ok(Jobs::Waiting(seconds));
                }
            }
        }
        Ok(Jobs::Done(Box::new(jobs)))
    }

    async fn put(&self, next: ImportJobs) -> Result<ImportJobs> {
        let mut next = ImportJobs { step: next.step + 1, ..next };
        next.report.under_way = next.current.as_ref().map(|job| JobUnderWay { users: job.users, done: job.done });
        let there = self.catalog.put_import_jobs(&self.restore.id, &next).await?;
        let (target, report) = (&self.restore.target, there.report.clone());
        self.catalog.change_restore(target, &self.restore.id, |restore| restore.jobs = Some(report.clone())).await?;
        Ok(there)
    }

    fn refused(&self, error: PoolError) -> crate::Error {
        refused(self.pool.id(), error)
    }

    /// Asks the target for the columns of its files, or finds out that it starts no jobs.
    async fn begin(&self, target: &PoolDescription) -> Result<ImportJobs> {
        Ok(match columns(self.pool, target, &self.files).await? {
            Ok((names, _)) => ImportJobs::new(names),
            Err(reason) => ImportJobs::default().given_up(reason),
        })
    }

    fn given_up_for(&self, jobs: ImportJobs, error: PoolError) -> Result<ImportJobs> {
        refused_for_good(self.pool, error).map(|reason| jobs.given_up(reason))
    }

    /// Puts a file together and begins a job with it.
    async fn begin_job(&self, jobs: ImportJobs, target: &PoolDescription) -> Result<Next> {
        if jobs.vain >= MAX_FAILED_STARTS {
            return Ok(Next::GoOn(
                jobs.given_up(format!("{MAX_FAILED_STARTS} jobs in a row came to nothing before they were started.")),
            ));
        }
        let (Some(from), Ok(header), Some(role)) = (jobs.next, Header::parse(jobs.header.clone()), self.files.log_role()) else {
            return Ok(Next::GoOn(jobs.given_up("The columns of the files are not known any more.".to_owned())));
        };
        let number = jobs.settled + 1;
        let gatherer = JobFileBuilder {
            catalog: self.catalog,
            restore: self.restore,
            repairs: self.repairs,
            selection: self.selection,
            target,
            header: &header,
            limits: self.files.limits(),
            budget: self.budget,
        };
        let BuiltFile { part, mut file, next, by_api } = gatherer.gather(self.files.begin()?, number, from).await?;
        let Some(part) = part else {
            let mut report = jobs.report.clone();
            add_counts(&mut report, by_api);
            return Ok(Next::GoOn(ImportJobs { next, report, ..jobs }));
        };
        let name = format!("restore-{}-{number}", self.restore.id);
        let job = match self.pool.create_import_job(&name, role).await {
            Ok(job) => job,
            // Another job of the account may be at work, and AWS does not say whether one can be created meanwhile.
            Err(error) if error.code == "LimitExceededException" && jobs.vain + 1 < MAX_FAILED_STARTS => {
                return Ok(Next::Wait(ImportJobs { vain: jobs.vain + 1, ..jobs }, 60));
            }
            Err(error) => return self.given_up_for(jobs, error).map(Next::GoOn),
        };
        let current = CurrentJob {
            id: job.id.clone(),
            name,
            stage: JobStage::Created,
            users: part.users(),
            done: 0,
            next,
            by_api,
            waits: 0,
        };
        self.catalog.put_import_file(&self.restore.id, number, &part).await?;
        let jobs = self.put(ImportJobs { current: Some(current.clone()), ..jobs }).await?;
        if jobs.current.as_ref().is_none_or(|now| now.id != current.id) {
            // Another invocation was faster; its job counts.
            return Ok(Next::GoOn(jobs));
        }
        if let Err(error) = file.upload(&job.upload_to).await {
            tracing::warn!(run = %self.restore.id, job = %job.id, code = %error, "the file of an import job was not taken");
            return Ok(Next::GoOn(ImportJobs { current: None, vain: jobs.vain + 1, ..jobs }));
        }
        tracing::info!(run = %self.restore.id, job = %job.id, users = current.users, bytes = part.bytes, "file of an import job put");
        Ok(Next::GoOn(ImportJobs { current: Some(CurrentJob { stage: JobStage::Uploaded, ..current }), ..jobs }))
    }

    /// Does what a job needs next.
    async fn look_after(&self, jobs: ImportJobs, job: CurrentJob, target: &PoolDescription) -> Result<Next> {
        match job.stage {
            // Whoever was about to bring its file is no more. It was never started, and expires.
            JobStage::Created => Ok(Next::GoOn(ImportJobs { current: None, vain: jobs.vain + 1, ..jobs })),
            JobStage::Uploaded => self.start(jobs, job).await,
            JobStage::Started | JobStage::Ended => self.look_at(jobs, job, target).await,
        }
    }

    async fn start(&self, jobs: ImportJobs, job: CurrentJob) -> Result<Next> {
        let error = match self.pool.start_import_job(&job.id).await {
            Ok(_) => None,
            Err(error) if matches!(error.kind, PoolErrorKind::Refused | PoolErrorKind::InvalidParameter) => Some(error),
            Err(error) => return Err(self.refused(error)),
        };
        let Some(error) = error else { return Ok(Next::GoOn(started(jobs, job))) };
        // Refused because it was started already, because it cannot be any more, or because another job of the account is at work.
        let now = self.describe(&job).await?;
        Ok(match now.status {
            JobStatus::Created if job.waits < MAX_WAITS_TO_START => {
                let seconds = wait_seconds(job.waits);
                tracing::info!(run = %self.restore.id, job = %job.id, code = error.code, "import job cannot be started yet");
                Next::Wait(ImportJobs { current: Some(CurrentJob { waits: job.waits + 1, ..job }), ..jobs }, seconds)
            }
            JobStatus::Created => Next::GoOn(jobs.given_up(format!("A job could not be started for hours: {error}."))),
            JobStatus::Expired | JobStatus::Stopped => Next::GoOn(ImportJobs { current: None, vain: jobs.vain + 1, ..jobs }),
            _ => Next::GoOn(started(jobs, job)),
        })
    }

    async fn describe(&self, job: &CurrentJob) -> Result<ImportJob> {
        self.pool.describe_import_job(&job.id).await.map_err(|error| self.refused(error))
    }

    async fn look_at(&self, jobs: ImportJobs, job: CurrentJob, target: &PoolDescription) -> Result<Next> {
        let now = self.describe(&job).await?;
        let wait = |stage, waits| {
            let done = now.imported + now.skipped + now.failed;
            let current = CurrentJob { stage, waits, done, ..job.clone() };
            Next::Wait(ImportJobs { current: Some(current), ..jobs.clone() }, wait_seconds(waits))
        };
        if now.status.is_active() {
            return Ok(wait(JobStage::Started, job.waits + 1));
        }
        let number = jobs.settled + 1;
        let Some(part) = self.catalog.import_file(&self.restore.id, number).await? else {
            return Ok(Next::GoOn(jobs.given_up("The list of a file's lines is not in the table any more.".to_owned())));
        };
        let went_well = now.status == JobStatus::Succeeded;
        let lines = match went_well && now.imported == part.users() {
            true => Lines::default(),
            false => {
                let lines = self.read_log(&part, &JobLog::of(self.pool.id(), &target.name, &job.id, &job.name)).await;
                let reads = if job.stage == JobStage::Ended { job.waits + 1 } else { 1 };
                // What an event says reaches the log a little later than the job ends.
                if lines.succeeded < now.imported && lines.unread.is_none() && reads < MAX_LOG_READS {
                    return Ok(wait(JobStage::Ended, reads));
                }
                lines
            }
        };
        self.settle(jobs, job, &now, &part, lines).await.map(Next::GoOn)
    }

    /// Writes down whom the job did not create, and goes on to the next one.
    async fn settle(&self, jobs: ImportJobs, job: CurrentJob, now: &ImportJob, part: &Part, lines: Lines) -> Result<ImportJobs> {
        let all = now.status == JobStatus::Succeeded && now.imported == part.users();
        let is_complete = lines.succeeded >= now.imported;
        let mut left = 0;
        let mut marks: HashMap<u64, SeenUsers> = HashMap::new();
        for line in part.lines() {
            let is_left = match lines.outcomes.get(&line) {
                _ if all => false,
                Some(LineOutcome::Succeeded) => false,
                Some(_) => true,
                // Of a job that was given up, or whose log is complete, whoever is not named was not created. Else the verification
                // finds out.
                None => is_complete || now.status != JobStatus::Succeeded,
            };
            if let Some(place) = part.user_of_line(line).filter(|_| is_left) {
                left += 1;
                marks.entry(SeenUsers::chunk_of(place.page)).or_default().set(place.page, place.place, false);
            }
        }
        for (chunk, marks) in &marks {
            self.catalog.add_left_over(&self.restore.id, *chunk, marks).await?;
        }
        let mut report = jobs.report.clone();
        report.jobs += 1;
        report.imported += now.imported;
        report.skipped += now.skipped;
        report.failed += part.users().saturating_sub(now.imported + now.skipped);
        report.unaccounted += part.users().saturating_sub(now.imported + left);
        report.unread_log = report.unread_log.or(lines.unread);
        add_counts(&mut report, job.by_api);
        let status = now.status;
        tracing::info!(run = %self.restore.id, job = %job.id, ?status, imported = now.imported, left, "import job settled");
        Ok(ImportJobs { next: job.next, settled: jobs.settled + 1, current: None, vain: 0, report, ..jobs })
    }

    /// What the log says; nothing where it speaks of lines that the file does not have, because then it counts in another way.
    async fn read_log(&self, part: &Part, log: &JobLog) -> Lines {
        let mut lines = Lines::default();
        let mut token = None;
        loop {
            let page = match self.files.log(log, token.as_deref()).await {
                Ok(page) => page,
                Err(LogError(code)) => return Lines { unread: Some(code), ..Lines::default() },
            };
            for line in page.messages.iter().filter_map(|message| LogLine::parse(message)) {
                if !part.lines().contains(&line.line) {
                    let unread = Some("it names lines that the file does not have".to_owned());
                    return Lines { unread, ..Lines::default() };
                }
                if lines.outcomes.insert(line.line, line.outcome).is_none() {
                    lines.succeeded += u64::from(line.outcome == LineOutcome::Succeeded);
                }
            }
            match page.next_token {
                None => return lines,
                next => token = next,
            }
        }
    }
}

/// The columns of a target's files, or the reason why it starts no jobs.
pub async fn columns<P: Pool>(
    pool: &PacedPool<P>,
    target: &PoolDescription,
    files: &impl JobFiles,
) -> Result<std::result::Result<(Vec<String>, Header), String>> {
    if files.log_role().is_none() {
        let reason = "The function import-page has no role for the logs of import jobs: IMPORT_JOB_LOG_ROLE_ARN is not set.";
        return Ok(Err(reason.to_owned()));
    }
    let names = match pool.csv_header().await {
        Ok(names) => names,
        Err(error) => return refused_for_good(pool, error).map(Err),
    };
    let header = Header::parse(names.clone()).and_then(|header| header.check(target).map(|()| header));
    Ok(header.map(|header| (names, header)).map_err(|reason| reason.to_string()))
}

/// What a refused call means: an error where it is about the run, else the reason why there are to be no jobs.
fn refused_for_good<P: Pool>(pool: &PacedPool<P>, error: PoolError) -> Result<String> {
    match error.kind {
        PoolErrorKind::InvalidParameter | PoolErrorKind::Refused => Ok(format!("Cognito refused: {error}.")),
        _ => Err(refused(pool.id(), error)),
    }
}

fn started(jobs: ImportJobs, job: CurrentJob) -> ImportJobs {
    ImportJobs { current: Some(CurrentJob { stage: JobStage::Started, waits: 0, ..job }), ..jobs }
}

/// How long to wait: often at first, because small jobs are done soon, and ever more rarely, because each look takes nine events of the
/// 25,000 that the history of an execution holds. Less than the lease of a run lasts.
fn wait_seconds(waits: u32) -> u32 {
    match waits {
        0..6 => 10,
        6..12 => 30,
        12..20 => 60,
        20..26 => 300,
        _ => 600,
    }
}

fn add_counts(report: &mut JobsReport, counts: std::collections::BTreeMap<String, u64>) {
    for (reason, count) in counts {
        *report.by_api.entry(reason).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a look at a job: of a task, a choice and a wait.
    const EVENTS_OF_A_LOOK: u64 = 9;
    const EVENTS_OF_AN_EXECUTION: u64 = 25_000;

    #[test]
    fn jobs_of_ten_million_users_fit_into_the_history_of_an_execution() {
        // Files of 100 MB with 600 bytes a user, as slow as AWS's own solution has measured jobs: 100,000 users in 56 minutes.
        let (jobs, users) = (60, 167_000);
        let seconds = users * 56 * 60 / 100_000;
        let (mut waited, mut looks) = (0, 0);
        while waited < seconds {
            waited += u64::from(wait_seconds(looks));
            looks += 1;
        }
        assert!(jobs * u64::from(looks) * EVENTS_OF_A_LOOK < EVENTS_OF_AN_EXECUTION * 3 / 4, "{looks} looks at a job");
        assert!(waited - seconds < 600, "a job that has ended is noticed late");
    }

    #[test]
    fn a_job_that_cannot_be_started_is_given_up_after_three_hours() {
        let waited: u32 = (0..MAX_WAITS_TO_START).map(wait_seconds).sum();
        assert!((3 * 3_600..4 * 3_600).contains(&waited), "{waited} s");
    }
}
