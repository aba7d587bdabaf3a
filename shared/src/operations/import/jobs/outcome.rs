//! The users of a file that a job created, by Cognito's counts and by the log of the job.

use std::collections::HashMap;

use crate::Result;
use crate::csv::{LineOutcome, LogLine, Part};
use crate::model::{ErrorCode, JobsReport, SeenUsers};
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::job_files::{JobFiles, JobLog, LogError};
use crate::ports::pool::{ImportJob, JobStatus};

/// What the log of a job says about the lines of its file.
#[derive(Default)]
pub struct JobOutcome {
    by_line: HashMap<u64, LineOutcome>,
    /// Lines that the log calls created.
    pub succeeded: u64,
    /// Why the log could not be read.
    pub unread: Option<ErrorCode>,
}

impl JobOutcome {
    /// Reads the log of a job. The outcome is empty if the log names lines that the file lacks,
    /// because then Cognito counts lines differently.
    pub async fn read<B: Backend>(context: &Context<B>, part: &Part, log: &JobLog) -> Self {
        let unread = |reason| Self { unread: Some(reason), ..Self::default() };
        let mut outcome = Self::default();
        let mut token = None;
        loop {
            let page = match context.files.log(log, token.as_deref()).await {
                Ok(page) => page,
                Err(LogError(code)) => return unread(code),
            };
            for line in page.messages.iter().filter_map(|message| LogLine::parse(message)) {
                if !part.lines().contains(&line.line) {
                    return unread(ErrorCode::of(JobsReport::FOREIGN_LINES));
                }
                if outcome.by_line.insert(line.line, line.outcome).is_none() {
                    outcome.succeeded += u64::from(line.outcome == LineOutcome::Succeeded);
                }
            }
            match page.next_token {
                None => return outcome,
                next => token = next,
            }
        }
    }

    /// Writes the users that the job did not create to the table. Returns their number.
    pub async fn put_left_over<B: Backend>(
        &self,
        context: &Context<B>,
        job: &ImportJob,
        part: &Part,
    ) -> Result<u64> {
        if is_complete(job, part) {
            return Ok(0);
        }
        // If the job was stopped or its log is complete, a user that the log does not name was not
        // created. Otherwise the verification finds the missing users.
        let is_unnamed_left = self.succeeded >= job.imported || job.status != JobStatus::Succeeded;
        let is_left = |line: &u64| match self.by_line.get(line) {
            Some(outcome) => *outcome != LineOutcome::Succeeded,
            None => is_unnamed_left,
        };
        let mut left = 0;
        let mut marks: HashMap<u64, SeenUsers> = HashMap::new();
        for place in part.lines().filter(is_left).filter_map(|line| part.user_of_line(line)) {
            left += 1;
            marks.entry(SeenUsers::chunk_of(place.page)).or_default().set(place.page, place.place, false);
        }
        for (chunk, marks) in &marks {
            context.catalog.add_missed_by_jobs(&context.restore.id, *chunk, marks).await?;
        }
        Ok(left)
    }
}

/// Whether a job that has ended created all users of its file.
pub fn is_complete(job: &ImportJob, part: &Part) -> bool {
    job.status == JobStatus::Succeeded && job.imported == part.users()
}
