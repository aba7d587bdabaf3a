//! One listing, from its last sheet on to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future, stream};
use tokio::time::Instant;

use super::super::refusals::{pool_not_found, refused};
use super::previous::Window;
use super::{Export, LISTING_ATTEMPTS, listing_failed};
use crate::Result;
use crate::catalog::Record;
use crate::model::{
    Category, Digest, GroupName, GroupRecord, Listing, PageBatch, PageContent, PageEntry, RecordKind, Sub, Unit, User,
};
use crate::ports::pool::{Listed, Pool, PoolErrorKind, PoolResult};
use crate::ports::vault::Vault;

/// Users looked up at once.
const LOOK_UPS_AT_ONCE: usize = 30;
/// The most entries of one answer.
const PAGE: u32 = 60;
/// A sheet is stored at this age, full or not: whatever is on it would have to be listed again after a crash.
const SHEET_AGE: Duration = Duration::from_secs(20);

/// How work on a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    OutOfTime,
}

/// The entries of an answer.
enum Entries {
    Groups(Vec<GroupRecord>),
    Users(Vec<User>),
    Members(Vec<Sub>),
}

/// An answer of a listing.
struct Answer {
    entries: Entries,
    next_token: Option<String>,
}

/// What one listing call came to.
enum Fetched {
    Answer(Answer),
    /// The token was refused, or leads to itself: from the beginning, under a new attempt.
    BrokenOff,
    /// Cognito does not list users by the beginning of their `sub`.
    Refused,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Lists one unit to its end.
    pub(super) async fn list(&self, mut unit: Unit) -> Result<Ended> {
        let (snapshot, id) = (&self.progress.run_id, unit.id());
        // The first page is tried in any case, or a short invocation would never come to anything.
        let mut is_first = true;
        loop {
            let last = self.catalog.last_sheet(snapshot, &id, unit.attempt).await?;
            match self.list_attempt(&unit, last, &mut is_first).await? {
                Attempt::Ended(ended) => return Ok(ended),
                Attempt::Listed(last) => {
                    unit = self.finish(&unit, &last).await?;
                    if unit.done {
                        return Ok(Ended::Done);
                    }
                }
                Attempt::BrokenOff => unit = self.restart(&unit).await?,
            }
        }
    }

    /// Lists from the sheet `last` on. The records of an answer are stored while the next one is fetched; the sheet is what waits for both.
    async fn list_attempt(&self, unit: &Unit, mut last: Option<PageBatch>, is_first: &mut bool) -> Result<Attempt> {
        let mut window = Window::default();
        loop {
            let token = match &last {
                Some(sheet) if sheet.next_token.is_none() => return Ok(Attempt::Listed(sheet.clone())),
                Some(sheet) => sheet.next_token.clone(),
                None => None,
            };
            if self.is_out_of_time(unit, is_first) {
                return Ok(Attempt::Ended(Ended::OutOfTime));
            }
            let mut sheet = PageBatch::following(last.as_ref());
            let begun = Instant::now();
            let mut fetched = self.fetch(&unit.listing, token).await;
            // Whatever the answer after it comes to, a sheet with something on it is stored.
            let ended = loop {
                let answer = match fetched {
                    Ok(Fetched::Answer(answer)) => answer,
                    Ok(Fetched::BrokenOff) => return Ok(Attempt::BrokenOff),
                    Ok(Fetched::Refused) => {
                        self.in_doubt.store(true, Ordering::Relaxed);
                        return Ok(Attempt::Ended(Ended::OutOfTime));
                    }
                    Err(error) => break Err(error),
                };
                let next_token = answer.next_token.clone();
                let will_be_full = sheet.will_be_full() || begun.elapsed() >= SHEET_AGE;
                let goes_on = next_token.is_some() && !will_be_full && !self.is_out_of_time(unit, is_first);
                let next = async {
                    match goes_on {
                        true => Some(self.fetch(&unit.listing, next_token.clone()).await),
                        false => None,
                    }
                };
                let (stored, next) = future::join(self.store(unit, answer.entries, sheet.last() + 1, &mut window), next).await;
                let (content, records_written) = stored?;
                sheet.push(&unit.id(), &content, records_written, next_token);
                match next {
                    Some(next) => fetched = next,
                    None => break Ok(()),
                }
            };
            if sheet.pages() > 0 {
                let stored = self.catalog.add_sheet(&self.progress.run_id, &unit.id(), unit.attempt, sheet).await?;
                self.note(unit.listing.kind(), &stored).await?;
                last = Some(stored);
            }
            ended?;
        }
    }

    fn is_out_of_time(&self, unit: &Unit, is_first: &mut bool) -> bool {
        let is_first = std::mem::take(is_first);
        let in_doubt = self.in_doubt.load(Ordering::Relaxed) && unit.listing.kind() == RecordKind::User;
        in_doubt || self.budget.is_spent() || !(is_first || self.budget.leaves(self.time_of_page(&unit.listing)))
    }

    async fn finish(&self, unit: &Unit, last: &PageBatch) -> Result<Unit> {
        let finish = |unit: &mut Unit| {
            unit.done = true;
            unit.pages = last.last();
            unit.last_sheet = last.first;
            unit.entries = last.entries_so_far;
            unit.records_written = last.records_so_far;
            unit.chain = last.chain;
        };
        self.catalog.change_unit(&self.progress.run_id, unit, finish).await
    }

    async fn restart(&self, unit: &Unit) -> Result<Unit> {
        if unit.attempt >= LISTING_ATTEMPTS {
            return Err(listing_failed(&self.progress.user_pool_id, &unit.id().to_string()));
        }
        tracing::warn!(run = %self.progress.run_id, unit = %unit.id(), attempt = unit.attempt, "listing broken off, starting it again");
        self.catalog.change_unit(&self.progress.run_id, unit, |unit| unit.attempt += 1).await
    }

    /// Makes one listing call.
    async fn fetch(&self, listing: &Listing, token: Option<String>) -> Result<Fetched> {
        let token = token.as_deref();
        let answer = match listing {
            Listing::Groups => entries(self.pool.list_groups(token).await, Entries::Groups),
            Listing::Users => entries(self.pool.list_users(token).await, Entries::Users),
            Listing::UsersBySub { prefix } => match self.pool.list_users_by_sub(*prefix, token).await {
                Ok(listed) if listed.entries.iter().any(|user| !prefix.begins(user.sub.as_str())) => return Ok(Fetched::Refused),
                Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_none() => return Ok(Fetched::Refused),
                listed => entries(listed, Entries::Users),
            },
            Listing::Members { group } => match self.pool.list_members(group, token).await {
                Err(error) if error.kind == PoolErrorKind::NotFound => return self.vanished(group).await.map(Fetched::Answer),
                listed => entries(listed, Entries::Members),
            },
        };
        match answer {
            Ok(answer) if token.is_some() && answer.next_token.as_deref() == token => Ok(Fetched::BrokenOff),
            Ok(Answer { entries: Entries::Users(users), next_token }) if self.snapshot.captures_mfa => {
                let users = self.with_second_factors(users).await?;
                Ok(Fetched::Answer(Answer { entries: Entries::Users(users), next_token }))
            }
            Ok(answer) => Ok(Fetched::Answer(answer)),
            Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() => Ok(Fetched::BrokenOff),
            Err(error) => Err(refused(self.pool.id(), error)),
        }
    }

    /// How long a page takes at least where every user on it is looked up.
    fn time_of_page(&self, listing: &Listing) -> Duration {
        let calls = if self.snapshot.captures_mfa && listing.kind() == RecordKind::User { PAGE } else { 0 };
        Duration::from_secs(1) * calls / self.progress.rate(Category::UserRead)
    }

    /// Looks up users for what their listing does not show. One that was deleted meanwhile stays as it was listed.
    async fn with_second_factors(&self, users: Vec<User>) -> Result<Vec<User>> {
        let look_up = |mut user: User| async {
            match self.pool.get_user(&user.record.username).await {
                Ok(there) => user.record.mfa = there.record.mfa,
                Err(error) if error.kind == PoolErrorKind::UserNotFound => {}
                Err(error) => return Err(refused(self.pool.id(), error)),
            }
            Ok(user)
        };
        stream::iter(users).map(look_up).buffered(LOOK_UPS_AT_ONCE).try_collect().await
    }

    /// Stores the records of an answer, and says how page `number` of the unit names them and how many of them are new.
    async fn store(&self, unit: &Unit, entries: Entries, number: u64, window: &mut Window) -> Result<(PageContent, u32)> {
        let named: Vec<(&str, Digest)> = match &entries {
            Entries::Groups(groups) => groups.iter().map(|group| (group.name.as_str(), group.content_digest())).collect(),
            Entries::Users(users) => users.iter().map(|user| (user.sub.as_str(), user.record.content_digest())).collect(),
            Entries::Members(subs) => {
                let entries = subs.iter().map(|sub| PageEntry { key: sub.as_str().to_owned(), digest: None });
                return Ok((PageContent(entries.collect()), 0));
            }
        };
        let entry = |&(name, digest): &(&str, Digest)| PageEntry { key: name.to_owned(), digest: Some(digest) };
        let content = PageContent(named.iter().map(entry).collect());
        let (pool, run) = (self.pool.id(), &self.progress.run_id);
        let written = match &entries {
            Entries::Groups(groups) => {
                let records = named.iter().zip(groups).map(|(&(name, digest), group)| (name, digest, group));
                self.catalog.write_new(pool, run, records).await?
            }
            Entries::Users(users) => {
                let proven = match &self.previous {
                    Some(previous) => previous.prove(&self.catalog, unit, number, &named, window).await?,
                    None => vec![false; named.len()],
                };
                let records = named.iter().zip(users).zip(proven).filter(|(_, proven)| !proven);
                let records = records.map(|((&(name, digest), user), _)| (name, digest, &user.record));
                self.catalog.write_new(pool, run, records).await?
            }
            Entries::Members(_) => 0,
        };
        Ok((content, written))
    }

    /// A group that was deleted since the groups were listed has no more members: an empty page ends its unit. If it is the pool
    /// that is gone, the run fails.
    async fn vanished(&self, group: &GroupName) -> Result<Answer> {
        self.pool.describe().await.map_err(|error| match error.kind {
            PoolErrorKind::NotFound => pool_not_found(self.pool.id()),
            _ => refused(self.pool.id(), error),
        })?;
        let unit = Unit::open(self.progress.user_pool_id.clone(), Listing::Members { group: group.clone() });
        tracing::warn!(run = %self.progress.run_id, unit = %unit.id(), "group deleted during the export");
        self.catalog.note_vanished(&self.progress.run_id, &unit.id()).await?;
        Ok(Answer { entries: Entries::Members(Vec::new()), next_token: None })
    }
}

/// How an attempt at a listing ended.
enum Attempt {
    /// At its end: the last sheet.
    Listed(PageBatch),
    BrokenOff,
    Ended(Ended),
}

fn entries<T>(listed: PoolResult<Listed<T>>, of: fn(Vec<T>) -> Entries) -> PoolResult<Answer> {
    listed.map(|listed| Answer { entries: of(listed.entries), next_token: listed.next_token })
}
