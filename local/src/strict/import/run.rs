//! A job at work.

use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::json;

use super::csv::File;
use super::job::{Job, STOPPED, Status};
use super::log::{self, Outcome};
use super::row::{self, Row};
use crate::strict::Shared;
use crate::strict::call::Caller;
use crate::strict::directory::Directory;
use crate::strict::pool::Pool;
use crate::strict::refusal::Halt;
use crate::strict::settings::Import;

/// What AWS says of a job that went through.
const SUCCEEDED: &str = "Import Job Completed Successfully.";
/// What AWS says of a job that was given up.
const TOO_MANY: &str = "Too many users have failed or been skipped during the import.";

/// Works a started job off and ends it, whichever way.
pub(super) async fn run(shared: Arc<Shared>, caller: Caller, pool: Arc<Pool>, id: String) {
    wait_for_leave(&shared, &id).await;
    let Some((file, stream, wants_hashes)) = shared.jobs.with(&id, |job: &mut Job| {
        if job.status == Status::Pending {
            job.status = Status::InProgress;
        }
        (job.file.take().unwrap_or_default(), format!("{}/{}", job.id, job.name), job.algorithm.is_some())
    }) else {
        return;
    };
    let mut lines = Vec::new();
    let work = Work { shared: &shared, caller: &caller, pool: &pool, id: &id, settings: shared.settings().import, wants_hashes };
    let (mut status, mut message) = work.file(&file, &mut lines).await;
    if let Err(halt) = log::write(&shared, &caller, &pool, &stream, &lines).await {
        (status, message) = (Status::Failed, format!("The log cannot be written: {}", halt.error()));
    }
    let now = shared.clock.epoch();
    shared.jobs.with(&id, |job| job.end(status, &message, now));
}

/// Returns once jobs are not held, or this one is to stop.
async fn wait_for_leave(shared: &Shared, id: &str) {
    loop {
        let changed = shared.jobs.changed.notified();
        let is_pending = shared.jobs.with(id, |job| job.status == Status::Pending).unwrap_or_default();
        if !is_pending || !shared.settings().import.hold {
            return;
        }
        changed.await;
    }
}

/// What a job works with.
struct Work<'a> {
    shared: &'a Shared,
    caller: &'a Caller,
    pool: &'a Pool,
    id: &'a str,
    settings: Import,
    wants_hashes: bool,
}

impl Work<'_> {
    /// Imports a file. Returns how the job ends.
    async fn file(&self, bytes: &Bytes, lines: &mut Vec<String>) -> (Status, String) {
        let failed = |message: &str| (Status::Failed, message.to_owned());
        if bytes.len() > self.settings.bytes {
            return failed("The file is too large.");
        }
        let file = match File::read(bytes, &row::header(self.pool)) {
            Ok(file) => file,
            Err(reason) => return failed(reason),
        };
        if file.rows.len() > self.settings.users {
            return failed("The file has too many users.");
        }
        if self.wants_hashes && !file.columns.iter().any(|column| column == super::csv::PASSWORD_HASH) {
            return failed("The file has no column password_hash.");
        }
        let mut directory = match self.shared.users(self.caller, &self.pool.id).await {
            Ok(users) => Directory::of(self.pool, &users),
            Err(halt) => return failed(&halt.error()),
        };
        for (number, row) in file.rows.iter().enumerate() {
            let stops = self.shared.jobs.with(self.id, |job| job.status == Status::Stopping);
            if stops.unwrap_or(true) {
                return (Status::Stopped, STOPPED.to_owned());
            }
            let outcome = self.row(&mut directory, &file.columns, row).await;
            lines.push(outcome.line(number + self.settings.first_line));
            let given_up = self.shared.jobs.with(self.id, |job| {
                match outcome {
                    Outcome::Succeeded => job.imported += 1,
                    Outcome::Skipped => job.skipped += 1,
                    Outcome::Failed(_) => job.failed += 1,
                }
                self.settings.failures.is_some_and(|most| job.failed + job.skipped > most)
            });
            if given_up.unwrap_or(true) {
                return failed(TOO_MANY);
            }
        }
        (Status::Succeeded, SUCCEEDED.to_owned())
    }

    async fn row(&self, directory: &mut Directory, columns: &[String], row: &str) -> Outcome {
        let row = match Row::read(self.pool, columns, row, self.settings.row_characters) {
            Ok(row) => row,
            Err(reason) => return Outcome::Failed(reason),
        };
        if directory.find(self.pool, &row.username).is_some() {
            return Outcome::Skipped;
        }
        if let Err(refusal) = directory.check_aliases(self.pool, &row.attributes, None) {
            return Outcome::Failed(refusal.message);
        }
        match self.create(&row).await {
            Ok(username) => {
                let has = |name: &str| {
                    let given = (self.pool.sign_in.iter().any(|sign_in| sign_in == name)).then(|| row.username.clone());
                    row.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()).or(given)
                };
                directory.add(self.pool, &username, has);
                Outcome::Succeeded
            }
            Err(halt) if halt.error() == "UsernameExistsException" => Outcome::Skipped,
            Err(halt) => Outcome::Failed(format!("Internal error: {}", halt.error())),
        }
    }

    /// Creates a user in the emulator: with a hash confirmed, else to be reset. Nothing of it counts, and nobody gets a message.
    async fn create(&self, row: &Row) -> Result<String, Halt> {
        let pool = &self.pool.id;
        let password = self.pool.policy.example();
        let attributes: Vec<_> = row.attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let input = json!({
            "UserPoolId": pool, "Username": row.username, "UserAttributes": attributes, "MessageAction": "SUPPRESS",
            "TemporaryPassword": password,
        });
        let _turn = self.shared.turn(pool).await;
        let backend = &self.shared.backend;
        let created = backend.ask(self.caller, "AdminCreateUser", &input).await?;
        let username = created["User"]["Username"].as_str().unwrap_or(&row.username).to_owned();
        let (operation, input) = match row.password_hash.is_some() && self.wants_hashes {
            true => {
                let input = json!({"UserPoolId": pool, "Username": username, "Password": password, "Permanent": true});
                ("AdminSetUserPassword", input)
            }
            false => ("AdminResetUserPassword", json!({"UserPoolId": pool, "Username": username})),
        };
        backend.ask(self.caller, operation, &input).await?;
        Ok(username)
    }
}
