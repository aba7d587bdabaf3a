//! User import jobs. The emulator does not have them.
//!
//! A client creates a job, uploads the file with a PUT to the job's URL, and starts the job. Then the job
//! runs by itself. In AWS, the URL is a presigned URL of S3. Here, it is a URL of the strict proxy, which
//! demands the same header.
//!
//! Source:
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html>.

mod csv;
mod job;
mod jobs;
mod log;
mod row;
mod run;

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::call::Call;
use super::listing::{self, ListingFields};
use super::pool::Pool;
use super::refusal::{CallError, Refusal};
use super::shared::Shared;
use crate::http::{self, Reply};
use crate::lock::lock;
use job::{Job, Status, precondition};
pub(super) use jobs::Jobs;

/// The prefix of the paths of uploads.
const UPLOADS: &str = "/user-import/";
const JOBS: ListingFields =
    ListingFields { token: "PaginationToken", size: "MaxResults", items: "UserImportJobs", name: "JobId" };
/// The algorithms of imported password hashes.
const ALGORITHMS: [&str; 4] = ["BCRYPT", "SCRYPT", "ARGON2ID", "PBKDF2_SHA256"];

/// Answers an operation on import jobs.
pub(super) async fn answer(shared: &Arc<Shared>, call: &Call) -> Result<Reply, CallError> {
    let pool = shared.describe(&call.caller(), call.pool()?).await?;
    let now = shared.clock.now();
    let settings = shared.settings().import;
    lock(&shared.jobs.jobs).iter_mut().for_each(|job| job.expire_if_late(&settings, now));
    let output = match call.operation.as_str() {
        "GetCSVHeader" => json!({"UserPoolId": pool.id, "CSVHeader": row::csv_header(&pool)}),
        "CreateUserImportJob" => create(shared, call, &pool)?,
        "DescribeUserImportJob" => on_job(shared, call, |job| Ok(job.to_json()))?,
        "StartUserImportJob" => start(shared, call, pool)?,
        "StopUserImportJob" => {
            let stopped = on_job(shared, call, |job| job.stop(shared.clock.epoch()).map(|()| job.to_json()))?;
            shared.jobs.changed.notify_waiters();
            stopped
        }
        _ => {
            call.input["MaxResults"].as_i64().ok_or_else(|| Refusal::invalid("MaxResults is required"))?;
            let latest_first = {
                let jobs = lock(&shared.jobs.jobs);
                jobs.iter().rev().filter(|job| job.pool == pool.id).map(Job::to_json).collect()
            };
            return listing::answer_from(shared, call, JOBS, latest_first).await;
        }
    };
    Ok(http::json_reply(200, None, &output))
}

fn on_job(
    shared: &Shared,
    call: &Call,
    act: impl FnOnce(&mut Job) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let (id, pool) = (call.require("JobId")?, call.pool()?);
    let found = shared.jobs.with(id, |job| (job.pool == pool).then(|| act(job)));
    let missing = || Refusal::new("ResourceNotFoundException", "The user import job does not exist.");
    found.flatten().ok_or_else(missing)?.map(|job| json!({ "UserImportJob": job }))
}

fn create(shared: &Shared, call: &Call, pool: &Pool) -> Result<Value, Refusal> {
    let (name, role) = (call.require("JobName")?, call.require("CloudWatchLogsRoleArn")?);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || "_+=,.@-".contains(c);
    if !(1..=128).contains(&name.len()) || !name.chars().all(is_plain) {
        return Err(Refusal::invalid(r"A job's name has 1 to 128 characters of the pattern [\w\s+=,.@-]+"));
    }
    if !(20..=2_048).contains(&role.len()) || !role.starts_with("arn:") {
        return Err(Refusal::invalid("CloudWatchLogsRoleArn must be the ARN of a role"));
    }
    let algorithm = call.text("PasswordHashingAlgorithm");
    if algorithm.is_some_and(|algorithm| !ALGORITHMS.contains(&algorithm)) {
        return Err(Refusal::invalid("The password hashing algorithm is unknown"));
    }
    let mut jobs = lock(&shared.jobs.jobs);
    if shared.settings().import.active_job_blocks_creation && jobs.iter().any(Job::is_active) {
        return Err(Refusal::new("LimitExceededException", "Another user import job is active."));
    }
    let id = format!("import-{}", shared.tokens.random_id());
    let path = format!("{UPLOADS}{}/{id}/{}", pool.id, shared.tokens.random_id());
    let seconds = shared.settings().import.url_expires_after.as_secs();
    let query = format!("X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host%3Bx-amz-server-side-encryption");
    let job = Job {
        name: name.to_owned(),
        pool: pool.id.clone(),
        role: role.to_owned(),
        algorithm: algorithm.map(str::to_owned),
        url: format!("{}{path}?{query}", shared.url),
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
    let output = json!({"UserImportJob": job.to_json()});
    jobs.push(job);
    Ok(output)
}

fn start(shared: &Arc<Shared>, call: &Call, pool: Arc<Pool>) -> Result<Value, Refusal> {
    if pool.auto_verified.is_empty() {
        return Err(precondition("The user pool has no auto-verified attribute."));
    }
    if lock(&shared.jobs.jobs).iter().any(Job::is_active) {
        return Err(precondition("Another user import job is active."));
    }
    let output = on_job(shared, call, |job| job.start(shared.clock.epoch()).map(|()| job.to_json()))?;
    let id = call.require("JobId")?.to_owned();
    tokio::spawn(run::run(Arc::clone(shared), call.caller(), pool, id));
    Ok(output)
}

/// Whether a request uploads a job's file.
pub(super) fn is_upload(head: &Parts) -> bool {
    head.uri.path().starts_with(UPLOADS)
}

/// Stores a job's file. Like a presigned URL of S3, it accepts only a PUT, in time, with the signed header.
pub(super) fn upload(shared: &Shared, head: &Parts, body: Bytes) -> Reply {
    let (now, settings) = (shared.clock.now(), shared.settings().import);
    let encryption = head.headers.get("x-amz-server-side-encryption").and_then(|value| value.to_str().ok());
    let mut jobs = lock(&shared.jobs.jobs);
    let job = jobs.iter_mut().find(|job| job.path == head.uri.path());
    let (status, code) = match job {
        None => (StatusCode::NOT_FOUND, "NoSuchKey"),
        Some(_) if head.method != Method::PUT => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        Some(_) if encryption != Some("aws:kms") => (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"),
        Some(job) if now.saturating_duration_since(job.created) >= settings.url_expires_after => {
            (StatusCode::FORBIDDEN, "AccessDenied")
        }
        Some(job) => {
            // A job that has started does not read a new file.
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
