//! The run of a started import job.

use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::json;

use super::csv::ImportFile;
use super::job::{Job, STOPPED_MESSAGE, Status};
use super::log::{self, RowOutcome};
use super::row::{self, Row};
use crate::strict::call::Caller;
use crate::strict::directory::Directory;
use crate::strict::pool::Pool;
use crate::strict::refusal::CallError;
use crate::strict::settings::ImportSettings;
use crate::strict::shared::Shared;

/// AWS's completion message of a job that succeeded.
const SUCCEEDED: &str = "Import Job Completed Successfully.";
/// AWS's completion message of a job that exceeded the limit for failures.
const TOO_MANY_FAILURES: &str = "Too many users have failed or been skipped during the import.";

/// Runs a started job to its end.
pub(super) async fn run(shared: Arc<Shared>, caller: Caller, pool: Arc<Pool>, id: String) {
    wait_while_held(&shared, &id).await;
    let Some((file, stream, wants_hashes)) = shared.jobs.with(&id, |job: &mut Job| {
        if job.status == Status::Pending {
            job.status = Status::InProgress;
        }
        (job.file.take().unwrap_or_default(), format!("{}/{}", job.id, job.name), job.algorithm.is_some())
    }) else {
        return;
    };
    let mut lines = Vec::new();
    let settings = shared.settings().import;
    let job = RunningJob { shared: &shared, caller: &caller, pool: &pool, id: &id, settings, wants_hashes };
    let (mut status, mut message) = job.import_file(&file, &mut lines).await;
    if let Err(error) = log::write(&shared, &caller, &pool, &stream, &lines).await {
        (status, message) = (Status::Failed, format!("The job could not write its log: {}", error.name()));
    }
    let now = shared.clock.epoch();
    shared.jobs.with(&id, |job| job.finish(status, &message, now));
}

/// Waits while the settings hold jobs, unless a client stops this job.
async fn wait_while_held(shared: &Shared, id: &str) {
    loop {
        let changed = shared.jobs.changed.notified();
        let is_pending = shared.jobs.with(id, |job| job.status == Status::Pending).unwrap_or_default();
        if !is_pending || !shared.settings().import.hold_jobs {
            return;
        }
        changed.await;
    }
}

/// The context of a running job.
struct RunningJob<'a> {
    shared: &'a Shared,
    caller: &'a Caller,
    pool: &'a Pool,
    id: &'a str,
    settings: ImportSettings,
    wants_hashes: bool,
}

impl RunningJob<'_> {
    /// Imports a file. Returns the job's final status and message.
    async fn import_file(&self, bytes: &Bytes, lines: &mut Vec<String>) -> (Status, String) {
        let failed = |message: &str| (Status::Failed, message.to_owned());
        if bytes.len() > self.settings.max_bytes {
            return failed("The file has too many bytes.");
        }
        let file = match ImportFile::read(bytes, &row::csv_header(self.pool)) {
            Ok(file) => file,
            Err(reason) => return failed(reason),
        };
        if file.rows.len() > self.settings.max_users {
            return failed("The file has too many users.");
        }
        if self.wants_hashes && !file.columns.iter().any(|column| column == super::csv::PASSWORD_HASH) {
            return failed("The file has no column password_hash.");
        }
        let mut directory = match self.shared.users(self.caller, &self.pool.id).await {
            Ok(users) => Directory::from_users(self.pool, &users),
            Err(error) => return failed(&error.name()),
        };
        for (number, row) in file.rows.iter().enumerate() {
            let is_stopping = self.shared.jobs.with(self.id, |job| job.status == Status::Stopping);
            if is_stopping.unwrap_or(true) {
                return (Status::Stopped, STOPPED_MESSAGE.to_owned());
            }
            let outcome = self.import_row(&mut directory, &file.columns, row).await;
            lines.push(outcome.line(number + self.settings.first_line_number));
            let has_too_many_failures = self.shared.jobs.with(self.id, |job| {
                match outcome {
                    RowOutcome::Succeeded => job.imported += 1,
                    RowOutcome::Skipped => job.skipped += 1,
                    RowOutcome::Failed(_) => job.failed += 1,
                }
                self.settings.max_failures.is_some_and(|max| job.failed + job.skipped > max)
            });
            if has_too_many_failures.unwrap_or(true) {
                return failed(TOO_MANY_FAILURES);
            }
        }
        (Status::Succeeded, SUCCEEDED.to_owned())
    }

    async fn import_row(&self, directory: &mut Directory, columns: &[String], row: &str) -> RowOutcome {
        let row = match Row::read(self.pool, columns, row, self.settings.max_row_characters) {
            Ok(row) => row,
            Err(reason) => return RowOutcome::Failed(reason),
        };
        if directory.find(self.pool, &row.username).is_some() {
            return RowOutcome::Skipped;
        }
        if let Err(refusal) = directory.check_aliases(self.pool, &row.attributes, None) {
            return RowOutcome::Failed(refusal.message);
        }
        match self.create_user(&row).await {
            Ok(username) => {
                let value_of = |name: &str| {
                    let is_sign_in = self.pool.sign_in.iter().any(|sign_in| sign_in == name);
                    let in_row =
                        row.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
                    in_row.or_else(|| is_sign_in.then(|| row.username.clone()))
                };
                directory.add(self.pool, &username, value_of);
                RowOutcome::Succeeded
            }
            Err(error) if error.name() == "UsernameExistsException" => RowOutcome::Skipped,
            Err(error) => RowOutcome::Failed(format!("Internal error: {}", error.name())),
        }
    }

    /// Creates a user in the emulator. A user with a password hash becomes `CONFIRMED`, another user
    /// `RESET_REQUIRED`. The calls do not count: they send no message and make no user active.
    async fn create_user(&self, row: &Row) -> Result<String, CallError> {
        let pool = &self.pool.id;
        let password = self.pool.policy.example();
        let attributes: Vec<_> =
            row.attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let input = json!({
            "UserPoolId": pool, "Username": row.username, "UserAttributes": attributes,
            "MessageAction": "SUPPRESS", "TemporaryPassword": password,
        });
        let _lock = self.shared.lock_creation(pool).await;
        let emulator = &self.shared.emulator;
        let created = emulator.request(self.caller, "AdminCreateUser", &input).await?;
        let username = created["User"]["Username"].as_str().unwrap_or(&row.username).to_owned();
        let mut input = json!({"UserPoolId": pool, "Username": username});
        let operation = if row.password_hash.is_some() && self.wants_hashes {
            input["Password"] = password.into();
            input["Permanent"] = true.into();
            "AdminSetUserPassword"
        } else {
            "AdminResetUserPassword"
        };
        emulator.request(self.caller, operation, &input).await?;
        Ok(username)
    }
}
