//! User import jobs, which the emulator does not have.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html>. A job is created,
//! gets its file by a PUT to its own URL, and is started; it then runs by itself. In AWS the URL is one of S3; here it leads to
//! the strict Cognito and demands the same header.

mod csv;
mod job;
mod log;
mod row;
mod run;

use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::call::Call;
use super::listing::{self, Spelling};
use super::pool::Pool;
use super::refusal::{Halt, Refusal};
use super::{Shared, lock};
use crate::http::{self, Reply};
use job::{Job, Status, precondition};

/// Where uploads go.
const UPLOADS: &str = "/user-import/";
/// How jobs are listed.
const JOBS: Spelling = Spelling { token: "PaginationToken", size: "MaxResults", items: "UserImportJobs", name: "JobId" };
/// The algorithms of imported hashes.
const ALGORITHMS: [&str; 4] = ["BCRYPT", "SCRYPT", "ARGON2ID", "PBKDF2_SHA256"];

/// All jobs, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: Mutex<Vec<Job>>,
    /// Told when a setting has changed that a job may wait for.
    pub changed: Notify,
}

impl Jobs {
    /// Whether a job is active in a pool: nobody may change the pool then.
    pub fn is_active_in(&self, pool: &str) -> bool {
        lock(&self.jobs).iter().any(|job| job.pool == pool && job.is_active())
    }

    /// Acts on a job, if there is one of this id.
    fn with<T>(&self, id: &str, act: impl FnOnce(&mut Job) -> T) -> Option<T> {
        lock(&self.jobs).iter_mut().find(|job| job.id == id).map(act)
    }
}

/// Refuses a change to a pool that a job is active in.
pub(super) fn check_idle(shared: &Shared, pool: &str) -> Result<(), Refusal> {
    match shared.jobs.is_active_in(pool) {
        true => Err(Refusal::new("UserImportInProgressException", "A user import job is in progress for this user pool.")),
        false => Ok(()),
    }
}

/// Answers an operation on jobs.
pub(super) async fn answer(shared: &Arc<Shared>, call: &Call) -> Result<Reply, Halt> {
    let pool = shared.describe(&call.caller(), call.pool()?).await?;
    let now = shared.clock.now();
    let settings = shared.settings().import;
    lock(&shared.jobs.jobs).iter_mut().for_each(|job| job.expire(&settings, now));
    let shown = match call.operation.as_str() {
        "GetCSVHeader" => json!({"UserPoolId": pool.id, "CSVHeader": row::header(&pool)}),
        "CreateUserImportJob" => create(shared, call, &pool)?,
        "DescribeUserImportJob" => on_job(shared, call, |job| Ok(job.shown()))?,
        "StartUserImportJob" => start(shared, call, pool)?,
        "StopUserImportJob" => {
            let stopped = on_job(shared, call, |job| job.stop(shared.clock.epoch()).map(|()| job.shown()))?;
            shared.jobs.changed.notify_waiters();
            stopped
        }
        _ => {
            call.input["MaxResults"].as_i64().ok_or_else(|| Refusal::invalid("MaxResults is required"))?;
            let jobs = lock(&shared.jobs.jobs).iter().rev().filter(|job| job.pool == pool.id).map(Job::shown).collect();
            return listing::answer_from(shared, call, JOBS, jobs).await;
        }
    };
    Ok(http::json_reply(200, None, &shown))
}

fn on_job(shared: &Shared, call: &Call, act: impl FnOnce(&mut Job) -> Result<Value, Refusal>) -> Result<Value, Refusal> {
    let (id, pool) = (call.require("JobId")?, call.pool()?);
    let found = shared.jobs.with(id, |job| (job.pool == pool).then(|| act(job)));
    let missing = || Refusal::new("ResourceNotFoundException", "The user import job does not exist.");
    found.flatten().ok_or_else(missing)?.map(|shown| json!({ "UserImportJob": shown }))
}

fn create(shared: &Shared, call: &Call, pool: &Pool) -> Result<Value, Refusal> {
    let (name, role) = (call.require("JobName")?, call.require("CloudWatchLogsRoleArn")?);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_+=,.@-".contains(c);
    if !(1..=128).contains(&name.len()) || !name.chars().all(is_plain) {
        return Err(Refusal::invalid(r"A job's name has 1 to 128 characters of the pattern [\w\s+=,.@-]+"));
    }
    if !(20..=2_048).contains(&role.len()) || !role.starts_with("arn:") {
        return Err(Refusal::invalid("CloudWatchLogsRoleArn is not the ARN of a role"));
    }
    let algorithm = call.text("PasswordHashingAlgorithm");
    if algorithm.is_some_and(|algorithm| !ALGORITHMS.contains(&algorithm)) {
        return Err(Refusal::invalid("The password hashing algorithm is unknown"));
    }
    let mut jobs = lock(&shared.jobs.jobs);
    if shared.settings().import.active_blocks_creating && jobs.iter().any(Job::is_active) {
        return Err(Refusal::new("LimitExceededException", "Another user import job is active."));
    }
    let id = format!("import-{}", shared.tokens.short());
    let path = format!("{UPLOADS}{}/{id}/{}", pool.id, shared.tokens.short());
    let lifetime = shared.settings().import.url_lifetime.as_secs();
    let job = Job {
        name: name.to_owned(),
        pool: pool.id.clone(),
        role: role.to_owned(),
        algorithm: algorithm.map(str::to_owned),
        url: format!("{}{path}?X-Amz-Expires={lifetime}&X-Amz-SignedHeaders=host%3Bx-amz-server-side-encryption", shared.url),
        id,
        path,
        created: shared.clock.now(),
        created_at: shared.clock.epoch(),
        started_at: None,
        completed_at: None,
        status: Status::Created,
        file: None,
        imported: 0,
        skipped: 0,
        failed: 0,
        message: None,
    };
    let shown = json!({"UserImportJob": job.shown()});
    jobs.push(job);
    Ok(shown)
}

fn start(shared: &Arc<Shared>, call: &Call, pool: Arc<Pool>) -> Result<Value, Refusal> {
    if pool.auto_verified.is_empty() {
        return Err(precondition("The user pool has no auto-verified attribute."));
    }
    if lock(&shared.jobs.jobs).iter().any(Job::is_active) {
        return Err(precondition("Another user import job is active."));
    }
    let shown = on_job(shared, call, |job| job.start(shared.clock.epoch()).map(|()| job.shown()))?;
    let id = call.require("JobId")?.to_owned();
    tokio::spawn(run::run(Arc::clone(shared), call.caller(), pool, id));
    Ok(shown)
}

/// Whether a request is an upload for a job.
pub(super) fn is_upload(head: &Parts) -> bool {
    head.uri.path().starts_with(UPLOADS)
}

/// Takes a job's file, as S3 would behind a presigned URL: by PUT, in time, with the header that was signed.
pub(super) fn upload(shared: &Shared, head: &Parts, body: Bytes) -> Reply {
    let (now, settings) = (shared.clock.now(), shared.settings().import);
    let encryption = head.headers.get("x-amz-server-side-encryption").and_then(|value| value.to_str().ok());
    let mut jobs = lock(&shared.jobs.jobs);
    let job = jobs.iter_mut().find(|job| job.path == head.uri.path());
    let (status, code) = match job {
        None => (StatusCode::NOT_FOUND, "NoSuchKey"),
        Some(_) if head.method != Method::PUT => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        Some(_) if encryption != Some("aws:kms") => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        Some(job) if now.saturating_duration_since(job.created) >= settings.url_lifetime => {
            (StatusCode::FORBIDDEN, "AccessDenied")
        }
        Some(job) => {
            // What comes after the start is not read any more.
            if job.status == Status::Created {
                job.file = Some(body);
            }
            (StatusCode::OK, "")
        }
    };
    let text = if code.is_empty() { String::new() } else { format!("<Error><Code>{code}</Code></Error>") };
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    *reply.status_mut() = status;
    reply
}
