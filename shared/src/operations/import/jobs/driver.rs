//! Takes import jobs from their creation to their end: create, upload the file, start, check,
//! settle.
//!
//! The driver writes each step to the table before the next step. So an invocation that dies costs
//! at most a file, and of two invocations at once only one continues. Between two checks of a job
//! the state machine waits, so no function runs.

use std::collections::BTreeMap;

use super::columns::{self, Columns};
use super::file::{BuiltFile, JobFileBuilder};
use super::outcome::{JobOutcome, is_complete};
use super::waits::{MAX_FAILED_STARTS, MAX_LOG_READS, MAX_WAITS_TO_START, wait_seconds};
use crate::Result;
use crate::csv::{Header, Part};
use crate::model::{
    CurrentJob, ImportJobs, JobStage, JobUnderWay, JobsReport, NoJobs, NotInJob, PoolDescription,
};
use crate::operations::import::context::Context;
use crate::operations::import::phase::PhaseEnd;
use crate::ports::Backend;
use crate::ports::job_files::{JobFile, JobFiles, JobLog};
use crate::ports::pool::{ImportJob, JobStatus, Pool, PoolError, PoolErrorKind};

/// How long the import waits before it tries to create another job, in seconds.
const WAIT_TO_CREATE: u32 = 60;

/// Drives the jobs of a restore.
pub struct ImportJobDriver<'a, B: Backend> {
    context: &'a Context<B>,
    target: PoolDescription,
}

/// What follows a step.
enum Next {
    Continue(ImportJobs),
    /// Wait so many seconds, then take the next step.
    Wait(ImportJobs, u32),
}

impl<'a, B: Backend> ImportJobDriver<'a, B> {
    /// Drives the jobs until no user is left for a job, a job needs a wait, or the time is spent.
    pub async fn run(context: &'a Context<B>) -> Result<PhaseEnd> {
        let mut jobs = match context.catalog.import_jobs(&context.restore.id).await? {
            Some(jobs) if jobs.is_done() => return Ok(PhaseEnd::Done),
            begun => begun.unwrap_or_default(),
        };
        let target = context.pool.describe().await.map_err(|error| context.refused(error))?;
        let driver = Self { context, target };
        if jobs.step == 0 {
            jobs = driver.put(driver.first_state().await?).await?;
        }
        let mut is_first = true;
        while !jobs.is_done() {
            // Every invocation takes at least one step. Otherwise a short invocation would make no
            // progress.
            if context.budget.is_spent() && !is_first {
                return Ok(PhaseEnd::OutOfTime);
            }
            is_first = false;
            match driver.advance(jobs).await? {
                Next::Continue(next) => jobs = driver.put(next).await?,
                Next::Wait(next, seconds) => {
                    driver.put(next).await?;
                    return Ok(PhaseEnd::Wait(seconds));
                }
            }
        }
        Ok(PhaseEnd::Done)
    }

    /// The state before the first job: the columns of the files, or why there are no jobs.
    async fn first_state(&self) -> Result<ImportJobs> {
        Ok(match columns::of_target(self.context, &self.target).await? {
            Columns::Known { names, .. } => ImportJobs::new(names),
            Columns::NoJobs { reason } => ImportJobs::default().given_up(reason),
        })
    }

    /// Writes the next state. Returns the state that counts, which may come from another
    /// invocation.
    async fn put(&self, next: ImportJobs) -> Result<ImportJobs> {
        let Context { catalog, restore, clock, .. } = self.context;
        let mut next = ImportJobs { step: next.step + 1, ..next };
        if next.current.as_ref().is_some_and(|job| job.stage == JobStage::Uploaded) {
            // The job starts next.
            next.at_work.open(clock.now());
        }
        next.report.under_way =
            next.current.as_ref().map(|job| JobUnderWay { users: job.users, done: job.done });
        let jobs = catalog.put_import_jobs(&restore.id, &next).await?;
        let report = Some(jobs.report.clone());
        catalog.change_restore(&restore.target, &restore.id, |restore| restore.jobs = report.clone()).await?;
        Ok(jobs)
    }

    async fn advance(&self, jobs: ImportJobs) -> Result<Next> {
        let Some(job) = jobs.current.clone() else { return self.begin_job(jobs).await };
        match job.stage {
            // The invocation that created the job died before it uploaded the file. The job was
            // never started and expires.
            JobStage::Created => Ok(Next::Continue(failed_start(jobs))),
            JobStage::Uploaded => self.start(jobs, job).await,
            JobStage::Started | JobStage::Ended => self.check(jobs, job).await,
        }
    }

    /// Builds a file and creates a job for it.
    async fn begin_job(&self, jobs: ImportJobs) -> Result<Next> {
        if jobs.failed_starts >= MAX_FAILED_STARTS {
            return Ok(Next::Continue(jobs.given_up(NoJobs::FailedStarts)));
        }
        let Context { pool, restore, files, .. } = self.context;
        let (Some(from), Ok(header), Some(role)) =
            (jobs.next, Header::parse(jobs.header.clone()), files.log_role())
        else {
            return Ok(Next::Continue(jobs.given_up(NoJobs::NoColumns)));
        };
        let number = jobs.settled + 1;
        let builder = JobFileBuilder {
            context: self.context,
            target: &self.target,
            header: &header,
            limits: files.limits(),
        };
        let BuiltFile { part, file, next, by_api } = builder.build(files.begin()?, number, from).await?;
        let Some(part) = part else {
            let mut report = jobs.report.clone();
            add_counts(&mut report, by_api);
            return Ok(Next::Continue(ImportJobs { next, report, ..jobs }));
        };
        let name = format!("restore-{}-{number}", restore.id);
        let job = match pool.create_import_job(&name, role).await {
            Ok(job) => job,
            // Another job of the account may be running. AWS does not say whether a job can be
            // created meanwhile.
            Err(error) if error.is_limit_exceeded() && jobs.failed_starts + 1 < MAX_FAILED_STARTS => {
                return Ok(Next::Wait(
                    ImportJobs { failed_starts: jobs.failed_starts + 1, ..jobs },
                    WAIT_TO_CREATE,
                ));
            }
            Err(error) => return self.give_up(jobs, error).map(Next::Continue),
        };
        let (stage, users) = (JobStage::Created, part.users());
        let current = CurrentJob { id: job.id.clone(), name, stage, users, done: 0, next, by_api, waits: 0 };
        self.bring_file(jobs, current, &job, &part, file).await
    }

    /// Writes a created job to the table, and uploads its file.
    async fn bring_file(
        &self,
        jobs: ImportJobs,
        current: CurrentJob,
        job: &ImportJob,
        part: &Part,
        mut file: impl JobFile,
    ) -> Result<Next> {
        let Context { catalog, restore, .. } = self.context;
        catalog.put_import_file(&restore.id, jobs.settled + 1, part).await?;
        let jobs = self.put(ImportJobs { current: Some(current.clone()), ..jobs }).await?;
        if jobs.current.as_ref().is_none_or(|now| now.id != current.id) {
            // Another invocation was faster, so its job counts.
            return Ok(Next::Continue(jobs));
        }
        let Some(url) = &job.upload_to else {
            tracing::warn!(run = %restore.id, job = %job.id, "Cognito sent no URL for the file of an import job");
            return Ok(Next::Continue(failed_start(jobs)));
        };
        if let Err(error) = file.upload(url).await {
            tracing::warn!(run = %restore.id, job = %job.id, code = %error, "file of an import job not accepted");
            return Ok(Next::Continue(failed_start(jobs)));
        }
        let (users, bytes) = (current.users, part.bytes);
        tracing::info!(run = %restore.id, job = %job.id, users, bytes, "file of an import job uploaded");
        let current = CurrentJob { stage: JobStage::Uploaded, ..current };
        Ok(Next::Continue(ImportJobs { current: Some(current), ..jobs }))
    }

    async fn start(&self, mut jobs: ImportJobs, job: CurrentJob) -> Result<Next> {
        let error = match self.context.pool.start_import_job(&job.id).await {
            Ok(_) => return Ok(Next::Continue(started(jobs, job))),
            Err(error) if matches!(error.kind, PoolErrorKind::Refused | PoolErrorKind::InvalidParameter) => {
                error
            }
            Err(error) => return Err(self.context.refused(error)),
        };
        // The job may have been started or may have expired, or another job of the account may be
        // running.
        let now = self.describe(&job).await?;
        self.note_work(&mut jobs, &now);
        Ok(match now.status {
            JobStatus::Created if job.waits < MAX_WAITS_TO_START => {
                let seconds = wait_seconds(job.waits);
                let (run, code) = (&self.context.restore.id, &error.code);
                tracing::info!(%run, job = %job.id, %code, "import job cannot be started yet");
                let current = Some(CurrentJob { waits: job.waits + 1, ..job });
                Next::Wait(ImportJobs { current, ..jobs }, seconds)
            }
            JobStatus::Created => Next::Continue(jobs.given_up(NoJobs::NotStarted(error.call()))),
            JobStatus::Expired | JobStatus::Stopped => Next::Continue(failed_start(jobs)),
            _ => Next::Continue(started(jobs, job)),
        })
    }

    /// Notes when a job has created users. The execution may have been aborted while the job ran, so
    /// Cognito's times decide. Without them, the job has worked until now if the last check was
    /// not long ago.
    fn note_work(&self, jobs: &mut ImportJobs, job: &ImportJob) {
        let now = self.context.clock.now();
        let until = match job.completed {
            _ if job.status.is_active() => Some(now),
            None if jobs.at_work.cover(now) => Some(now),
            completed => completed,
        };
        match (job.started, until) {
            (Some(from), Some(until)) => jobs.at_work.add(from, until),
            // Its window began before its start.
            (None, Some(until)) => jobs.at_work.prolong(until),
            (_, None) => {}
        }
    }

    async fn describe(&self, job: &CurrentJob) -> Result<ImportJob> {
        self.context.pool.describe_import_job(&job.id).await.map_err(|error| self.context.refused(error))
    }

    /// Checks whether a job has ended, and settles it then.
    async fn check(&self, mut jobs: ImportJobs, job: CurrentJob) -> Result<Next> {
        let now = self.describe(&job).await?;
        self.note_work(&mut jobs, &now);
        let wait = |stage, waits| {
            let done = now.imported + now.skipped + now.failed;
            let current = Some(CurrentJob { stage, waits, done, ..job.clone() });
            Next::Wait(ImportJobs { current, ..jobs.clone() }, wait_seconds(waits))
        };
        if now.status.is_active() {
            return Ok(wait(JobStage::Started, job.waits + 1));
        }
        let number = jobs.settled + 1;
        let Some(part) = self.context.catalog.import_file(&self.context.restore.id, number).await? else {
            return Ok(Next::Continue(jobs.given_up(NoJobs::NoLines)));
        };
        let mut outcome = JobOutcome::default();
        if !is_complete(&now, &part) {
            let log = JobLog::of(self.context.pool.id(), &self.target.name, &job.id, &job.name);
            outcome = JobOutcome::read(self.context, &part, &log).await;
            let reads = if job.stage == JobStage::Ended { job.waits + 1 } else { 1 };
            // The last events reach the log a little later than the job ends.
            if outcome.succeeded < now.imported && outcome.unread.is_none() && reads < MAX_LOG_READS {
                return Ok(wait(JobStage::Ended, reads));
            }
        }
        self.settle(jobs, job, &now, &part, outcome).await.map(Next::Continue)
    }

    /// Writes the users that the job did not create to the table, and ends the job.
    async fn settle(
        &self,
        jobs: ImportJobs,
        job: CurrentJob,
        now: &ImportJob,
        part: &Part,
        outcome: JobOutcome,
    ) -> Result<ImportJobs> {
        let left = outcome.put_left_over(self.context, now, part).await?;
        let mut report = jobs.report.clone();
        report.jobs += 1;
        report.imported += now.imported;
        report.skipped += now.skipped;
        report.failed += part.users().saturating_sub(now.imported + now.skipped);
        report.unaccounted += part.users().saturating_sub(now.imported + left);
        report.unread_log = report.unread_log.or(outcome.unread);
        add_counts(&mut report, job.by_api);
        let (run, status, imported) = (&self.context.restore.id, now.status, now.imported);
        tracing::info!(%run, job = %job.id, ?status, imported, left, "import job settled");
        Ok(ImportJobs {
            next: job.next,
            settled: jobs.settled + 1,
            current: None,
            failed_starts: 0,
            report,
            ..jobs
        })
    }

    /// The state after Cognito refused to create jobs.
    fn give_up(&self, jobs: ImportJobs, error: PoolError) -> Result<ImportJobs> {
        columns::refusal_reason(self.context, error).map(|reason| jobs.given_up(reason))
    }
}

fn started(jobs: ImportJobs, job: CurrentJob) -> ImportJobs {
    ImportJobs { current: Some(CurrentJob { stage: JobStage::Started, waits: 0, ..job }), ..jobs }
}

/// The state after a job failed before it was started.
fn failed_start(jobs: ImportJobs) -> ImportJobs {
    ImportJobs { current: None, failed_starts: jobs.failed_starts + 1, ..jobs }
}

fn add_counts(report: &mut JobsReport, counts: BTreeMap<NotInJob, u64>) {
    for (reason, count) in counts {
        *report.by_api.entry(reason).or_default() += count;
    }
}
