//! One listing of an export, from its last page batch to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future, stream};
use tokio::time::Instant;

use super::super::refusals::{pool_not_found, refused};
use super::check::is_of_the_run;
use super::context::Export;
use super::previous::Window;
use crate::Result;
use crate::catalog::Record;
use crate::model::{
    BreakOffs, Category, Digest, GroupName, GroupRecord, Listing, ListingPosition, PAGE_SIZE, PageBatch,
    PageContent, PageEntry, RecordKind, Sub, SubPrefix, Unit, User,
};
use crate::pacing::{PagedListing, Step};
use crate::ports::pool::{Listed, Pool, PoolErrorKind, PoolResult};
use crate::ports::vault::Vault;

/// Users looked up at once.
const LOOK_UPS_AT_ONCE: usize = 30;
/// A page batch of this age is stored, full or not: after a crash its pages must be listed again.
const STORE_AFTER: Duration = Duration::from_secs(20);

/// Attempts at one listing of a split. If Cognito breaks off the last one, the split has failed.
const MAX_SPLIT_ATTEMPTS: u32 = 3;

/// How the work on a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    OutOfTime,
}

/// The entries of a page.
enum Entries {
    Groups(Vec<GroupRecord>),
    Users(Vec<User>),
    Members(Vec<Sub>),
}

/// The answer to one listing call.
enum Fetched {
    Page(Entries),
    BrokenOff,
    /// The split has failed: Cognito does not list users by the first digit of their `sub`.
    SplitRefused,
}

/// How an attempt at a listing ended.
enum Attempt {
    /// The listing has ended, and this is its last batch.
    Listed(PageBatch),
    /// The unit starts again under the next attempt.
    BrokenOff,
    OutOfTime,
}

/// Why no more pages go into a batch.
enum Filled {
    /// It is full or old enough, the listing has ended, or the time is spent.
    Enough,
    BrokenOff,
    SplitRefused,
}

impl Fetched {
    fn of<T>(step: Step<T>, entries: fn(Vec<T>) -> Entries) -> Self {
        match step {
            Step::Page(listed) => Self::Page(entries(listed)),
            Step::Restarted => Self::BrokenOff,
        }
    }
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Lists one unit to its end.
    pub(super) async fn list(&self, mut unit: Unit) -> Result<Ended> {
        let (snapshot, id) = (&self.progress.run_id, unit.id());
        // The loop always tries the first page. Otherwise a short invocation would make no
        // progress.
        let mut is_first = true;
        loop {
            let last = self.catalog.last_batch(snapshot, &id, unit.attempt).await?;
            match self.list_attempt(&unit, last, &mut is_first).await? {
                Attempt::OutOfTime => return Ok(Ended::OutOfTime),
                Attempt::BrokenOff => {
                    unit = self.catalog.change_unit(snapshot, &unit, |unit| unit.attempt += 1).await?
                }
                Attempt::Listed(last) => {
                    unit = self.finish(&unit, &last).await?;
                    if !unit.is_open() {
                        return Ok(Ended::Done);
                    }
                }
            }
        }
    }

    async fn list_attempt(
        &self,
        unit: &Unit,
        mut last: Option<PageBatch>,
        is_first: &mut bool,
    ) -> Result<Attempt> {
        let mut window = Window::default();
        loop {
            if let Some(last) = last.take_if(|last| last.next_token.is_none()) {
                return Ok(Attempt::Listed(last));
            }
            if self.is_out_of_time(unit, is_first) {
                return Ok(Attempt::OutOfTime);
            }
            let mut batch = PageBatch::following(last.as_ref());
            let mut listing = self.resume(unit, last.as_ref());
            let filled = self.fill(unit, &mut batch, &mut listing, &mut window, is_first).await;
            match filled {
                Ok(Filled::BrokenOff) => return Ok(Attempt::BrokenOff),
                Ok(Filled::SplitRefused) => {
                    self.split_refused.store(true, Ordering::Relaxed);
                    return Ok(Attempt::OutOfTime);
                }
                Ok(Filled::Enough) | Err(_) => {}
            }
            // The loop stores a batch with pages even if the next call failed.
            if batch.pages() > 0 {
                let stored =
                    self.catalog.add_batch(&self.progress.run_id, &unit.id(), unit.attempt, batch).await?;
                self.count(unit.listing.kind(), &stored).await?;
                last = Some(stored);
            }
            filled?;
        }
    }

    /// The listing of a unit after the batch `last`. Its attempts are counted for the run.
    fn resume(&self, unit: &Unit, last: Option<&PageBatch>) -> PagedListing<'_> {
        let execution = &self.snapshot.execution;
        let position = ListingPosition {
            token: last.and_then(|last| last.next_token.clone()),
            ended: false,
            broken_off: BreakOffs::counted(execution, unit.attempt - 1),
        };
        PagedListing::new(self.pool.id(), unit.id(), refused).resume(position, execution)
    }

    /// Lists pages into a batch. The records of a page are stored while the next page is listed.
    async fn fill(
        &self,
        unit: &Unit,
        batch: &mut PageBatch,
        listing: &mut PagedListing<'_>,
        window: &mut Window,
        is_first: &mut bool,
    ) -> Result<Filled> {
        let begun = Instant::now();
        let mut fetched = self.fetch(unit, listing).await;
        loop {
            let entries = match fetched? {
                Fetched::Page(entries) => entries,
                Fetched::BrokenOff => return Ok(Filled::BrokenOff),
                Fetched::SplitRefused => return Ok(Filled::SplitRefused),
            };
            let next_token = listing.token().map(str::to_owned);
            let will_be_full = batch.will_be_full() || begun.elapsed() >= STORE_AFTER;
            let lists_next = next_token.is_some() && !will_be_full && !self.is_out_of_time(unit, is_first);
            let next = async { if lists_next { Some(self.fetch(unit, listing).await) } else { None } };
            let (stored, next) =
                future::join(self.store(unit, entries, batch.last() + 1, window), next).await;
            let (content, records_written) = stored?;
            batch.push(&unit.id(), &content, records_written, next_token);
            match next {
                Some(next) => fetched = next,
                None => return Ok(Filled::Enough),
            }
        }
    }

    fn is_out_of_time(&self, unit: &Unit, is_first: &mut bool) -> bool {
        let is_first = std::mem::take(is_first);
        let starts_again = self.split_refused.load(Ordering::Relaxed)
            || (self.records_lost.load(Ordering::Relaxed) && !unit.looks_up_all);
        (starts_again && unit.listing.kind() == RecordKind::User)
            || self.budget.is_spent()
            || !(is_first || self.budget.leaves(self.time_of_page(&unit.listing)))
    }

    async fn finish(&self, unit: &Unit, last: &PageBatch) -> Result<Unit> {
        let finish = |unit: &mut Unit| {
            unit.state = unit.state.after_end();
            unit.pages = last.last();
            unit.last_batch = last.first;
            unit.entries = last.entries_so_far;
            unit.records_written = last.records_so_far;
            unit.chain = last.chain;
        };
        self.catalog.change_unit(&self.progress.run_id, unit, finish).await
    }

    async fn fetch(&self, unit: &Unit, listing: &mut PagedListing<'_>) -> Result<Fetched> {
        let fetched = match &unit.listing {
            Listing::Groups => {
                let answer = self.pool.list_groups(listing.token()).await;
                Fetched::of(listing.advance(answer)?, Entries::Groups)
            }
            Listing::Users => {
                let answer = self.pool.list_users(listing.token()).await;
                Fetched::of(listing.advance(answer)?, Entries::Users)
            }
            Listing::UsersBySub { prefix } => {
                let answer = self.pool.list_users_by_sub(*prefix, listing.token()).await;
                if refuses_split(&answer, *prefix, listing.token()) {
                    return Ok(Fetched::SplitRefused);
                }
                match Fetched::of(listing.advance(answer)?, Entries::Users) {
                    Fetched::BrokenOff if unit.attempt >= MAX_SPLIT_ATTEMPTS => {
                        return Ok(Fetched::SplitRefused);
                    }
                    fetched => fetched,
                }
            }
            Listing::Members { group } => {
                let answer = match self.pool.list_members(group, listing.token()).await {
                    Err(error) if error.kind == PoolErrorKind::NotFound => Ok(self.no_members(group).await?),
                    answer => answer,
                };
                Fetched::of(listing.advance(answer)?, Entries::Members)
            }
        };
        match fetched {
            Fetched::Page(Entries::Users(users)) if self.snapshot.captures_mfa => {
                Ok(Fetched::Page(Entries::Users(self.with_second_factors(users).await?)))
            }
            fetched => Ok(fetched),
        }
    }

    /// The least time of a page, if each of its users is looked up.
    fn time_of_page(&self, listing: &Listing) -> Duration {
        let looks_up = self.snapshot.captures_mfa && listing.kind() == RecordKind::User;
        let calls = if looks_up { PAGE_SIZE } else { 0 };
        Duration::from_secs(1) * calls / self.progress.rate(Category::UserRead)
    }

    /// Looks up the second factors of users, which no listing shows. A user that was deleted
    /// meanwhile stays as listed.
    async fn with_second_factors(&self, users: Vec<User>) -> Result<Vec<User>> {
        let look_up = |mut user: User| async {
            match self.pool.get_user(&user.record.username).await {
                Ok(found) => user.record.mfa = found.record.mfa,
                Err(error) if error.kind == PoolErrorKind::UserNotFound => {}
                Err(error) => return Err(refused(self.pool.id(), error)),
            }
            Ok(user)
        };
        stream::iter(users).map(look_up).buffered(LOOK_UPS_AT_ONCE).try_collect().await
    }

    /// Stores the records of page `number` of a unit. Returns how the page names them, and how many
    /// of them are new.
    async fn store(
        &self,
        unit: &Unit,
        entries: Entries,
        number: u64,
        window: &mut Window,
    ) -> Result<(PageContent, u32)> {
        match &entries {
            Entries::Groups(groups) => {
                let named = groups
                    .iter()
                    .map(|group| (group.name.as_str(), group.content_digest()))
                    .collect::<Vec<_>>();
                let written = self.write_new(named.iter().copied().zip(groups)).await?;
                Ok((page(&named), written))
            }
            Entries::Users(users) => {
                let named = users
                    .iter()
                    .map(|user| (user.sub.as_str(), user.record.content_digest()))
                    .collect::<Vec<_>>();
                let known = match &self.previous {
                    Some(previous) => previous.names(&self.catalog, unit, number, &named, window).await?,
                    None => vec![false; named.len()],
                };
                let written = self.write_users(unit, &named, users, &known).await?;
                Ok((page(&named), written))
            }
            Entries::Members(subs) => {
                let entries = subs.iter().map(|sub| PageEntry { key: sub.as_str().to_owned(), digest: None });
                Ok((PageContent(entries.collect()), 0))
            }
        }
    }

    /// Writes the records of users that the table does not have. Returns their number. `known` says which of them the
    /// previous snapshot names. If one of those is missing, the export looks up all records.
    async fn write_users(
        &self,
        unit: &Unit,
        named: &[(&str, Digest)],
        users: &[User],
        known: &[bool],
    ) -> Result<u32> {
        let look_ups = &self.snapshot.look_ups;
        let records = named.iter().zip(users).zip(known).filter_map(|((&(sub, digest), user), &is_known)| {
            let is_looked_up = !is_known || unit.looks_up_all || look_ups.are_due(sub);
            is_looked_up.then_some((sub, digest, &user.record))
        });
        let absent = self.catalog.absent(self.pool.id(), records).await?;
        let was_known =
            |sub: &str| named.iter().zip(known).any(|((other, _), known)| *known && *other == sub);
        let lost = absent.iter().filter(|(sub, _, _)| was_known(sub)).count() as u64;
        if lost > 0 {
            // Before the write: if the invocation dies between, the next one must look up all records.
            self.note_lost_records(lost, unit).await?;
        }
        self.catalog.write(self.pool.id(), &self.progress.run_id, &absent).await?;
        Ok(absent.len() as u32)
    }

    /// Writes the records that the table does not have. Returns their number.
    async fn write_new<'a, R: Record + 'a>(
        &self,
        records: impl Iterator<Item = ((&'a str, Digest), &'a R)> + Send,
    ) -> Result<u32> {
        let records = records.map(|((name, digest), record)| (name, digest, record));
        self.catalog.write_new(self.pool.id(), &self.progress.run_id, records).await
    }

    /// The empty last page of a group that was deleted after the groups were listed. If the pool is
    /// gone, the run fails.
    async fn no_members(&self, group: &GroupName) -> Result<Listed<Sub>> {
        self.pool.describe().await.map_err(|error| match error.kind {
            PoolErrorKind::NotFound => pool_not_found(self.pool.id()),
            _ => refused(self.pool.id(), error),
        })?;
        let unit = Listing::Members { group: group.clone() }.unit_id();
        tracing::warn!(run = %self.progress.run_id, unit = %unit, "group deleted during the export");
        self.catalog.note_vanished(&self.progress.run_id, &unit).await?;
        Ok(Listed { entries: Vec::new(), next_token: None })
    }
}

/// Whether the answer shows that Cognito does not list users by the first digit of their `sub`. A refused token is
/// left to the listing, which starts again.
fn refuses_split(answer: &PoolResult<Listed<User>>, prefix: SubPrefix, token: Option<&str>) -> bool {
    match answer {
        Ok(listed) => listed.entries.iter().any(|user| !prefix.begins(user.sub.as_str())),
        Err(error) if error.kind == PoolErrorKind::InvalidParameter => token.is_none(),
        Err(error) => !is_of_the_run(error.kind),
    }
}

fn page(named: &[(&str, Digest)]) -> PageContent {
    let entry = |&(name, digest): &(&str, Digest)| PageEntry { key: name.to_owned(), digest: Some(digest) };
    PageContent(named.iter().map(entry).collect())
}
