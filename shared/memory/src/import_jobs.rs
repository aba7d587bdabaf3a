//! Import jobs of pools in memory.
//!
//! A job ends 15 seconds after its start, unless a test says otherwise. It creates its users at its end.
//! The next call of the pool shows its result.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::job::Job;
use super::state::{Refusal, State};
use shared::csv;
use shared::model::{JobId, MfaSetting, UserStatus, Username};
use shared::ports::pool::{ImportJob, JobStatus, NewUser, Password, PoolErrorKind};

const REFUSED: Refusal = (PoolErrorKind::Refused, "PreconditionNotMetException");
const INVALID: Refusal = (PoolErrorKind::InvalidParameter, "InvalidParameterException");
const NO_JOB: Refusal = (PoolErrorKind::NotFound, "ResourceNotFoundException");
/// The time from the start of a job to its end.
const JOB_TIME: SignedDuration = SignedDuration::from_secs(15);
/// How long a job waits for its start. AWS says 24 to 48 hours.
const START_TIMEOUT: SignedDuration = SignedDuration::from_hours(24);
/// A password that every policy accepts. No user signs in with it: users of a job set their own.
const PASSWORD: &str = "Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!Aa1!";

impl State {
    /// GetCSVHeader.
    pub fn csv_header(&self) -> Vec<String> {
        let extra = ["cognito:mfa_enabled", "cognito:username"].map(str::to_owned);
        self.description.attributes.keys().filter(|name| *name != "sub").cloned().chain(extra).collect()
    }

    /// CreateUserImportJob.
    pub fn create_job(&mut self, name: &str, now: Timestamp) -> ImportJob {
        let id = JobId::new(format!("import-{}", self.jobs.all.len() + 1));
        let job = Job {
            url: (self.jobs.all.len() >= self.jobs.without_url).then(|| format!("{}/{id}", self.id())),
            id,
            name: name.to_owned(),
            status: JobStatus::Created,
            created: now,
            started: None,
            ends: None,
            file: None,
            imported: 0,
            skipped: 0,
            failed: 0,
            log: Vec::new(),
        };
        self.jobs.all.push(job.clone());
        job.shown()
    }

    fn job(&mut self, id: &JobId) -> std::result::Result<&mut Job, Refusal> {
        self.jobs.all.iter_mut().find(|job| job.id == *id).ok_or(NO_JOB)
    }

    /// StartUserImportJob.
    pub fn start_job(&mut self, id: &JobId, now: Timestamp) -> std::result::Result<ImportJob, Refusal> {
        let is_idle = !self.jobs.blocked && !self.jobs.all.iter().any(|job| job.status.is_active());
        let verifies = !self.description.auto_verified_attributes.is_empty();
        let takes = self.jobs.takes.unwrap_or(JOB_TIME);
        let job = self.job(id)?;
        if !is_idle || !verifies || job.file.is_none() || job.status != JobStatus::Created {
            return Err(REFUSED);
        }
        job.status = JobStatus::Pending;
        job.started = Some(now);
        job.ends = Some(now + takes);
        Ok(job.shown())
    }

    /// DescribeUserImportJob.
    pub fn describe_job(&mut self, id: &JobId) -> std::result::Result<ImportJob, Refusal> {
        self.job(id).map(|job| job.shown())
    }

    /// ListUserImportJobs: the latest comes first. A token is the id of the last job of a page.
    pub fn list_jobs(&self, request: &Value) -> std::result::Result<Value, Refusal> {
        let limit = request["MaxResults"].as_u64().filter(|limit| (1..=60).contains(limit)).ok_or(INVALID)?;
        let token = request["PaginationToken"].as_str();
        let latest_first: Vec<_> = self.jobs.all.iter().rev().collect();
        let from = match token {
            None => 0,
            Some(token) => {
                let last = latest_first.iter().position(|job| job.id.as_str() == token);
                last.ok_or(INVALID)? + 1
            }
        };
        let page = &latest_first[from..latest_first.len().min(from + limit as usize)];
        let shown = page.iter().map(|job| {
            json!({"JobId": job.id.as_str(), "JobName": job.name, "Status": format!("{:?}", job.status)})
        });
        let mut answer = json!({"UserImportJobs": shown.collect::<Vec<_>>()});
        if let Some(last) = page.last().filter(|_| from + page.len() < latest_first.len()) {
            answer["PaginationToken"] = last.id.as_str().into();
        }
        Ok(answer)
    }

    /// Completes the jobs whose time is over. Jobs that were not started in time expire.
    pub fn run_jobs(&mut self, now: Timestamp) {
        for job in &mut self.jobs.all {
            if job.status == JobStatus::Created && now >= job.created + START_TIMEOUT {
                job.status = JobStatus::Expired;
            }
        }
        let is_due = |job: &Job| job.status.is_active() && job.ends.is_some_and(|ends| ends <= now);
        for at in 0..self.jobs.all.len() {
            if is_due(&self.jobs.all[at]) {
                let mut job = self.jobs.all[at].clone();
                let ended = job.ends.unwrap_or(now);
                self.run(&mut job, ended);
                self.jobs.all[at] = job;
            }
        }
    }

    fn run(&mut self, job: &mut Job, now: Timestamp) {
        job.status = JobStatus::Failed;
        let Ok(rows) = csv::read::read(job.file.take().unwrap_or_default().as_slice()) else { return };
        for (at, row) in rows.iter().enumerate() {
            let (word, why) = match self.import(row, now) {
                Ok(()) => ("SUCCEEDED", "The import succeeded."),
                Err((PoolErrorKind::AlreadyExists, _)) => ("SKIPPED", "The user already exists."),
                Err(_) => ("FAILED", "The user could not be created."),
            };
            match word {
                "SUCCEEDED" => job.imported += 1,
                "SKIPPED" => job.skipped += 1,
                _ => job.failed += 1,
            }
            if !self.jobs.loses_log || at % 2 == 0 {
                job.log.push(format!("[{word}] Line Number {} - {why}", at + 2));
            }
            if self.jobs.max_failures.is_some_and(|max| job.skipped + job.failed > max) {
                return;
            }
        }
        job.status = JobStatus::Succeeded;
    }

    fn import(&mut self, row: &BTreeMap<String, String>, now: Timestamp) -> std::result::Result<(), Refusal> {
        let invalid = (PoolErrorKind::InvalidParameter, "InvalidParameterException");
        let verified =
            |name: &String| row.get(&format!("{name}_verified")).is_some_and(|value| value == "true");
        let mfa = row.get("cognito:mfa_enabled").map(String::as_str);
        let fits = match self.description.mfa {
            MfaSetting::On => mfa == Some("true"),
            MfaSetting::Off => mfa == Some("false"),
            MfaSetting::Optional | MfaSetting::Other(_) => matches!(mfa, Some("true" | "false")),
        };
        let name = row.get("cognito:username").cloned().unwrap_or_default();
        if !fits
            || !self.description.auto_verified_attributes.iter().any(verified)
            || self.jobs.fails.contains(&name)
        {
            return Err(invalid);
        }
        let mut attributes: BTreeMap<_, _> = row
            .iter()
            .filter(|(name, value)| !name.starts_with("cognito:") && !value.is_empty())
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        if let Some(date) = attributes.get_mut("birthdate") {
            let parts: Vec<_> = date.split('/').map(str::to_owned).collect();
            let [month, day, year] = parts.as_slice() else { return Err(invalid) };
            *date = format!("{year}-{month}-{day}");
        }
        if self.jobs.drops_alias {
            attributes.remove("preferred_username");
        }
        let user = NewUser {
            username: Username::new(name),
            attributes,
            temporary_password: Password::new(PASSWORD.to_owned()),
            invitation: None,
        };
        let created = self.create(&user, now)?;
        self.update(&created.sub, now, |record| record.status = UserStatus::ResetRequired);
        Ok(())
    }
}
