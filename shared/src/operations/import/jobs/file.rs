//! The file of an import job, built from the pages of a snapshot.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use crate::csv::{Finished, Header, Limits, NotPushed, Part, Row, Splitter};
use crate::model::{
    ImportOptions, InJob, Listing, NameKey, NotInJob, Pages, Place, PoolDescription, ScannedUser, Sub,
    UserRecord, Username,
};
use crate::operations::import::before::collisions;
use crate::operations::import::context::Context;
use crate::operations::import::intent::Intent;
use crate::operations::import::selected_users::{self, SelectedUser};
use crate::ports::Backend;
use crate::ports::job_files::JobFile;
use crate::{Error, ErrorKind, Guidance, Result};

/// The slowest upload of a file, in bytes per second.
const UPLOAD_RATE: u64 = 2_000_000;

pub struct JobFileBuilder<'a, B: Backend> {
    pub context: &'a Context<B>,
    pub target: &'a PoolDescription,
    pub header: &'a Header,
    pub limits: Limits,
}

/// A file, and where the next one begins.
pub struct BuiltFile<F> {
    /// The user of each line. None if no file can carry any of the users that were read.
    pub part: Option<Part>,
    pub file: F,
    /// The first user of the next file. None at the end of the snapshot.
    pub next: Option<Place>,
    /// The users that no file can carry, by reason.
    pub by_api: ByReason,
}

/// Users, counted by the reason why they go through the API.
type ByReason = BTreeMap<NotInJob, u64>;

struct UserRow {
    place: Place,
    row: String,
    key: NameKey,
    sub: Sub,
}

impl<B: Backend> JobFileBuilder<'_, B> {
    /// Writes users into `file`, beginning at `from`, until the file is full, the snapshot ends or
    /// the time is spent.
    pub async fn build<F: JobFile>(&self, mut file: F, job: u32, from: Place) -> Result<BuiltFile<F>> {
        let users = self.users().await?;
        let mut splitter = Splitter::new(self.header, self.limits);
        let mut by_api = ByReason::new();
        let (mut page, mut bytes) = (from.page, 0);
        while page <= users.count() {
            let upload = Duration::from_secs(bytes / UPLOAD_RATE);
            if page > from.page && (self.context.budget.is_spent() || !self.context.budget.leaves(upload)) {
                break;
            }
            let rows = self.rows_of(&users, page, from, &mut by_api).await?;
            let mut in_jobs = Vec::with_capacity(rows.len());
            for user in rows {
                if let Some(full) = splitter.push(user.place, &user.row).map_err(unexpected)? {
                    self.put_users_in_jobs(&in_jobs).await?;
                    file.append(&full.rest).await?;
                    return Ok(BuiltFile { part: Some(full.part), file, next: Some(user.place), by_api });
                }
                bytes += user.row.len() as u64;
                in_jobs.push((user.key, InJob { job, old_sub: user.sub, place: user.place }));
            }
            self.put_users_in_jobs(&in_jobs).await?;
            if let Some(chunk) = splitter.take_chunk() {
                file.append(&chunk).await?;
            }
            page += 1;
        }
        let next = (page <= users.count()).then_some(Place { page, place: 0 });
        let mut part = None;
        if let Some(Finished { part: finished, rest }) = splitter.finish() {
            file.append(&rest).await?;
            part = Some(finished);
        }
        Ok(BuiltFile { part, file, next, by_api })
    }

    async fn users(&self) -> Result<Pages> {
        let units = self.context.catalog.restore_units(&self.context.restore.id).await?;
        let users = units.into_iter().find(|unit| unit.listing == Listing::Users);
        Ok(users.map(|unit| unit.source).unwrap_or_default())
    }

    async fn put_users_in_jobs(&self, users: &[(NameKey, InJob)]) -> Result<()> {
        self.context.catalog.put_users_in_jobs(&self.context.restore.id, users).await
    }

    /// The rows of a page, beginning at `from`.
    async fn rows_of(
        &self,
        users: &Pages,
        page: u64,
        from: Place,
        by_api: &mut ByReason,
    ) -> Result<Vec<UserRow>> {
        let restore = &self.context.restore;
        // The phase of the entries reports a damaged page.
        let users = selected_users::of_page(self.context, users, page).await?.unwrap_or_default();
        let in_target = self.context.user_matcher().in_target(&selected_users::readable(&users)).await?;
        let collisions = collisions::among(self.context, &selected_users::readable(&users)).await?;
        let mut rows = Vec::new();
        for SelectedUser { place, sub, record, .. } in users {
            let place = Place { page, place };
            let Ok(record) = record else { continue };
            // The phase of the entries reports users that collide.
            if place < from || collisions.contains_key(&sub) {
                continue;
            }
            if restore.target_pool().may_hold_uncreatable_users() && in_target.contains_key(&sub) {
                count(by_api, NotInJob::AlreadyInTarget);
                continue;
            }
            let Ok(intent) = Intent::of(&sub, &record, &restore.settings, &restore.options) else { continue };
            match row(self.header, self.target, &restore.options, &sub, record, &intent.name) {
                Ok(row) => {
                    rows.push(UserRow { place, row, key: restore.settings.name_key(&intent.name), sub })
                }
                Err(reason) => count(by_api, reason),
            }
        }
        self.keep_new_names(&mut rows, &in_target, by_api).await?;
        Ok(rows)
    }

    /// Leaves out users whose name is in the target or in a file already. The target may treat two
    /// names as equal.
    async fn keep_new_names(
        &self,
        rows: &mut Vec<UserRow>,
        in_target: &HashMap<Sub, ScannedUser>,
        by_api: &mut ByReason,
    ) -> Result<()> {
        let keys: Vec<_> = rows.iter().map(|user| user.key).collect();
        let in_jobs = self.context.catalog.users_in_jobs(&self.context.restore.id, &keys).await?;
        let mut seen = HashSet::new();
        rows.retain(|user| {
            // An earlier try at this file may have written the same user to the table.
            let is_taken = in_jobs.get(&user.key).is_some_and(|other| other.place != user.place);
            let is_first = seen.insert(user.key) && !is_taken;
            if is_first && !in_target.contains_key(&user.sub) {
                return true;
            }
            count(by_api, if is_first { NotInJob::AlreadyInTarget } else { NotInJob::NameTwice });
            false
        });
        Ok(())
    }
}

/// The row of a user, or the reason why no file can carry it.
pub fn row(
    header: &Header,
    target: &PoolDescription,
    options: &ImportOptions,
    sub: &Sub,
    mut record: UserRecord,
    name: &Username,
) -> std::result::Result<String, NotInJob> {
    if let Some(attribute) = &options.old_sub_attribute
        && !record.has_other_value(attribute, sub.as_str())
    {
        record.attributes.insert(attribute.clone(), sub.to_string());
    }
    let row = Row { header, target, sign_in_name: name.as_str(), user: &record };
    row.encode().map_err(|reason| reason.reason())
}

fn count(by_reason: &mut ByReason, reason: NotInJob) {
    *by_reason.entry(reason).or_default() += 1;
}

fn unexpected(error: NotPushed) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("The file of an import job could not be written: {error}"),
        Guidance::REPORT_THIS,
    )
}
