//! The file of an import job, put together from the pages of a snapshot.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::catalog::Catalog;
use crate::csv::{Finished, Header, Limits, Part, Row, Splitter};
use crate::identity::{EarlierRepairs, UserMatcher};
use crate::model::{
    ImportOptions, InJob, Listing, NameKey, Pages, Place, PoolDescription, Restore, Selection, Sub, UserRecord, Username,
};
use crate::operations::import::before::select;
use crate::operations::import::entries::intent::Intent;
use crate::pacing::Budget;
use crate::ports::job_files::JobFile;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Bytes of a file that are put in a second, at the least.
const BYTES_PER_SECOND: u64 = 2_000_000;

/// What a file is put together from.
pub struct JobFileBuilder<'a, V> {
    pub catalog: &'a Catalog<V>,
    pub restore: &'a Restore,
    pub repairs: &'a EarlierRepairs,
    pub selection: Option<&'a Selection>,
    pub target: &'a PoolDescription,
    pub header: &'a Header,
    pub limits: Limits,
    pub budget: Budget,
}

/// A file, and what is left for the next one.
pub struct BuiltFile<F> {
    /// Which line is which user; none where no file can carry any of those who were looked at.
    pub part: Option<Part>,
    /// The file.
    pub file: F,
    /// Whom the next file begins with; none at the end of the snapshot.
    pub next: Option<Place>,
    /// The users looked at whom no file can carry, by reason.
    pub by_api: BTreeMap<String, u64>,
}

/// A user for whom there is a row.
struct Written {
    place: Place,
    row: String,
    key: NameKey,
    sub: Sub,
}

impl<V: Vault> JobFileBuilder<'_, V> {
    /// Writes users from `from` on into `file`, until it is full, the snapshot at its end or the time spent. Of names that are one to
    /// the target only the first goes into a file.
    pub async fn gather<F: JobFile>(&self, mut file: F, job: u32, from: Place) -> Result<BuiltFile<F>> {
        let units = self.catalog.restore_units(&self.restore.id).await?;
        let users = units.iter().find(|unit| unit.listing == Listing::Users);
        let users = users.map(|unit| unit.source.clone()).unwrap_or_default();
        let mut splitter = Splitter::new(self.header, self.limits);
        let mut by_api = BTreeMap::new();
        let (mut page, mut bytes) = (from.page, 0);
        while page <= users.count() {
            let time = Duration::from_secs(bytes / BYTES_PER_SECOND);
            if page > from.page && (self.budget.is_spent() || !self.budget.leaves(time)) {
                break;
            }
            let written = self.rows_of(&users, page, from, &mut by_api).await?;
            let mut in_jobs = Vec::with_capacity(written.len());
            for user in written {
                if let Some(full) = splitter.push(user.place, &user.row).map_err(unexpected)? {
                    self.catalog.put_in_jobs(&self.restore.id, &in_jobs).await?;
                    file.append(&full.rest).await?;
                    return Ok(BuiltFile { part: Some(full.part), file, next: Some(user.place), by_api });
                }
                bytes += user.row.len() as u64;
                in_jobs.push((user.key, InJob { job, old_sub: user.sub, place: user.place }));
            }
            self.catalog.put_in_jobs(&self.restore.id, &in_jobs).await?;
            if let Some(chunk) = splitter.take_chunk() {
                file.append(&chunk).await?;
            }
            page += 1;
        }
        let next = (page <= users.count()).then_some(Place { page, place: 0 });
        let part = match splitter.finish() {
            None => None,
            Some(Finished { part, rest }) => {
                file.append(&rest).await?;
                Some(part)
            }
        };
        Ok(BuiltFile { part, file, next, by_api })
    }

    /// The rows of a page, from `from` on.
    async fn rows_of(&self, users: &Pages, page: u64, from: Place, by_api: &mut BTreeMap<String, u64>) -> Result<Vec<Written>> {
        // A page that cannot be read is reported when its users are restored.
        let users = select::users_of(self.catalog, self.restore, self.selection, users, page).await?.unwrap_or_default();
        let readable: Vec<_> = users.iter().filter_map(|(_, sub, record)| Some((sub, record.as_ref().ok()?))).collect();
        let met = UserMatcher::new(self.catalog, self.restore, self.repairs).shown(&readable).await?;
        let mut rows = Vec::new();
        for (place, sub, record) in users {
            let place = Place { page, place };
            let Ok(record) = record else { continue };
            if place < from {
                continue;
            }
            if self.restore.is_repair() && met.contains_key(&sub) {
                *by_api.entry("alreadyInTarget".to_owned()).or_default() += 1;
                continue;
            }
            let Ok(intent) = Intent::of(&sub, &record, &self.restore.settings, &self.restore.options) else { continue };
            match row(self.header, self.target, &self.restore.options, &sub, record, &intent.name) {
                Ok(row) => rows.push(Written { place, row, key: self.restore.settings.name_key(&intent.name), sub }),
                Err(reason) => *by_api.entry(reason.to_owned()).or_default() += 1,
            }
        }
        let keys: Vec<_> = rows.iter().map(|user| user.key).collect();
        let there = self.catalog.in_jobs(&self.restore.id, &keys).await?;
        let mut seen = HashSet::new();
        rows.retain(|user| {
            // What an attempt at this job that came to nothing wrote down is no obstacle.
            let is_taken = there.get(&user.key).is_some_and(|other| other.place != user.place);
            let is_first = seen.insert(user.key) && !is_taken;
            let because = match (is_first, met.contains_key(&user.sub)) {
                (true, false) => return true,
                (true, true) => "alreadyInTarget",
                (false, _) => "nameTwice",
            };
            *by_api.entry(because.to_owned()).or_default() += 1;
            false
        });
        Ok(rows)
    }
}

/// The row of a user, or the name of the reason why no file can carry it.
pub fn row(
    header: &Header,
    target: &PoolDescription,
    options: &ImportOptions,
    sub: &Sub,
    mut record: UserRecord,
    name: &Username,
) -> std::result::Result<String, &'static str> {
    if let Some(attribute) = &options.old_sub_attribute {
        record.attributes.insert(attribute.clone(), sub.to_string());
    }
    let row = Row { header, target, sign_in_name: name.as_str(), user: &record };
    row.encode().map_err(|reason| reason.code())
}

fn unexpected(error: crate::csv::NotPushed) -> Error {
    Error::new(ErrorKind::Internal, format!("The file of an import job could not be written: {error}"), "Please report this.")
}
