//! One listing of an export, from its last page batch to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future, stream};
use tokio::time::Instant;

use super::super::refusals::{pool_not_found, refused};
use super::super::second_look::is_of_the_run;
use super::context::Export;
use super::previous::Window;
use crate::Result;
use crate::catalog::Record;
use crate::model::{
    BreakOffs, Category, Digest, GroupName, GroupRecord, Listing, ListingPosition, PageBatch, PageContent,
    PageEntry, PageLimit, RecordKind, Sub, SubPrefix, Unit, User,
};
use crate::pacing::{InFlightPiece, PagedListing, Step};
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

/// A page that is in memory until its records are stored.
struct FetchedPage<'a> {
    entries: Entries,
    /// The bytes of the users in the answer.
    bytes: usize,
    /// None if its entries are small.
    in_flight: Option<InFlightPiece<'a>>,
}

/// The answer to one listing call.
enum Fetched<'a> {
    Page(FetchedPage<'a>),
    BrokenOff,
    /// The page was too large. The unit starts again with this limit.
    TooLarge(PageLimit),
    /// The split has failed: Cognito does not list users by the first digit of their `sub`.
    SplitRefused,
}

/// What became of the records of a page.
enum Stored {
    /// How the page names them, and how many of them are new.
    Page(PageContent, u32),
    /// Records of the previous snapshot are missing. The units of users start again.
    LooksUpAll,
    /// Another invocation lists the unit under another attempt.
    Overtaken,
}

/// How an attempt at a listing ended.
enum Attempt {
    /// The listing has ended, and this is its last batch.
    Listed(PageBatch),
    /// The unit starts again under the next attempt.
    BrokenOff,
    /// The unit starts again under the next attempt, with this limit.
    TooLarge(PageLimit),
    OutOfTime,
}

/// Why no more pages go into a batch.
enum Filled {
    /// It is full or old enough, the listing has ended, or the time is spent.
    Enough,
    BrokenOff,
    TooLarge(PageLimit),
    SplitRefused,
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
            if last.is_none() {
                unit = self.with_known_limit(unit).await?;
            }
            match self.list_attempt(&unit, last, &mut is_first).await? {
                Attempt::OutOfTime => return Ok(Ended::OutOfTime),
                Attempt::BrokenOff => {
                    let limit = unit.limit;
                    let start_again = |unit: &mut Unit| {
                        unit.attempt += 1;
                        unit.limit = limit;
                    };
                    unit = self.catalog.change_unit(snapshot, &unit, start_again).await?
                }
                Attempt::TooLarge(limit) => {
                    self.known_limits.note(unit.listing.kind(), limit);
                    self.note_sizes().await?;
                    let start_again = |unit: &mut Unit| {
                        unit.large_pages += 1;
                        unit.start_again_with(limit);
                    };
                    unit = self.catalog.change_unit(snapshot, &unit, start_again).await?;
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

    /// A unit that is about to be listed from its first page, with the limit that other units of its kind needed. The
    /// previous snapshot knows better.
    async fn with_known_limit(&self, unit: Unit) -> Result<Unit> {
        let known = self.known_limits.get(unit.listing.kind());
        if known >= unit.limit || self.history.knows(&unit.listing) {
            return Ok(unit);
        }
        // A new attempt: no page of another limit may join its pages.
        self.catalog.change_unit(&self.progress.run_id, &unit, |unit| unit.start_again_with(known)).await
    }

    async fn list_attempt(
        &self,
        unit: &Unit,
        mut last: Option<PageBatch>,
        is_first: &mut bool,
    ) -> Result<Attempt> {
        let mut window = Window::after(last.as_ref());
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
                Ok(Filled::TooLarge(limit)) => return Ok(Attempt::TooLarge(limit)),
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
            limit: unit.limit,
            broken_off: BreakOffs::counted(execution, unit.broken_off()),
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
            let page = match fetched? {
                Fetched::Page(page) => page,
                Fetched::BrokenOff => return Ok(Filled::BrokenOff),
                Fetched::TooLarge(limit) => return Ok(Filled::TooLarge(limit)),
                Fetched::SplitRefused => return Ok(Filled::SplitRefused),
            };
            let (next_token, bytes) = (listing.token().map(str::to_owned), page.bytes);
            let will_be_full = batch.will_be_full() || begun.elapsed() >= STORE_AFTER;
            let lists_next = next_token.is_some() && !will_be_full && !self.is_out_of_time(unit, is_first);
            let next = async { if lists_next { Some(self.fetch(unit, listing).await) } else { None } };
            let (stored, next) = future::join(self.store(unit, page, batch, window), next).await;
            let (content, records_written) = match stored? {
                Stored::Page(content, records_written) => (content, records_written),
                Stored::LooksUpAll => return Ok(Filled::Enough),
                Stored::Overtaken => return Ok(Filled::BrokenOff),
            };
            batch.push(&unit.id(), &content, records_written, next_token);
            batch.note_bytes(bytes);
            if let Some(pages) = window.previous_pages() {
                batch.previous_pages = pages;
            }
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
            || !(is_first || self.budget.leaves(self.time_of_page(unit)))
    }

    async fn finish(&self, unit: &Unit, last: &PageBatch) -> Result<Unit> {
        let limit = unit.limit;
        let finish = |unit: &mut Unit| {
            unit.limit = limit;
            unit.state = unit.state.after_end();
            unit.pages = last.last();
            unit.last_batch = last.first;
            unit.entries = last.entries_so_far;
            unit.records_written = last.records_so_far;
            unit.largest_page = last.largest_page;
            unit.chain = last.chain;
        };
        self.catalog.change_unit(&self.progress.run_id, unit, finish).await
    }

    /// Lists the next page. It waits until there is memory for the page.
    async fn fetch<'a>(&'a self, unit: &Unit, listing: &mut PagedListing<'_>) -> Result<Fetched<'a>> {
        let limit = listing.limit();
        let in_flight = match unit.listing.kind() {
            RecordKind::Group => None,
            // An answer about members holds whole users.
            RecordKind::User | RecordKind::Membership => {
                Some(self.in_flight.begin_page(|| self.page_bytes(unit, limit)).await)
            }
        };
        let fetched = match &unit.listing {
            Listing::Groups => {
                let answer = self.pool.list_groups(listing.token()).await;
                self.take(unit, listing, answer, in_flight, Entries::Groups)?
            }
            Listing::Users => {
                let answer = self.pool.list_users(limit, listing.token()).await;
                self.take(unit, listing, answer, in_flight, Entries::Users)?
            }
            Listing::UsersBySub { prefix } => {
                let answer = self.pool.list_users_by_sub(*prefix, limit, listing.token()).await;
                if refuses_split(&answer, *prefix, listing.token()) {
                    return Ok(Fetched::SplitRefused);
                }
                match self.take(unit, listing, answer, in_flight, Entries::Users)? {
                    Fetched::BrokenOff if unit.broken_off() + 1 >= MAX_SPLIT_ATTEMPTS => {
                        return Ok(Fetched::SplitRefused);
                    }
                    fetched => fetched,
                }
            }
            Listing::Members { group } => {
                let answer = match self.pool.list_members(group, limit, listing.token()).await {
                    Err(error) if error.kind == PoolErrorKind::NotFound => Ok(self.no_members(group).await?),
                    answer => answer,
                };
                self.take(unit, listing, answer, in_flight, Entries::Members)?
            }
        };
        match fetched {
            Fetched::Page(FetchedPage { entries: Entries::Users(users), bytes, in_flight })
                if self.snapshot.captures_mfa =>
            {
                let entries = Entries::Users(self.with_second_factors(users).await?);
                Ok(Fetched::Page(FetchedPage { entries, bytes, in_flight }))
            }
            fetched => Ok(fetched),
        }
    }

    /// Takes the answer to a listing call, and notes its size.
    fn take<'a, T>(
        &self,
        unit: &Unit,
        listing: &mut PagedListing<'_>,
        answer: PoolResult<Listed<T>>,
        mut in_flight: Option<InFlightPiece<'a>>,
        entries: fn(Vec<T>) -> Entries,
    ) -> Result<Fetched<'a>> {
        let limit = listing.limit();
        let bytes = answer.as_ref().map(|listed| listed.bytes).unwrap_or_default();
        if let (Some(piece), Ok(listed)) = (&mut in_flight, &answer) {
            if self.history.page_bytes(&unit.listing, limit).is_some_and(|most| most < bytes.sum) {
                self.history_fails.store(true, Ordering::Relaxed);
            }
            self.sizes.note(bytes);
            piece.has(listed.entries.len(), bytes.sum);
        }
        Ok(match listing.advance(answer)? {
            Step::Page(listed) => {
                let entries = entries(listed);
                // The users in an answer about members are dropped by now.
                let in_flight = in_flight.filter(|_| matches!(entries, Entries::Users(_)));
                Fetched::Page(FetchedPage { entries, bytes: bytes.sum, in_flight })
            }
            Step::Restarted if listing.limit() < limit => {
                // So that no user that was seen so far makes the listing start again.
                Fetched::TooLarge(listing.limit().min(PageLimit::of_users(self.sizes.largest())))
            }
            Step::Restarted => Fetched::BrokenOff,
        })
    }

    /// The least time of a page, if each of its users is looked up.
    fn time_of_page(&self, unit: &Unit) -> Duration {
        let looks_up = self.snapshot.captures_mfa && unit.listing.kind() == RecordKind::User;
        let calls = if looks_up { unit.limit.get() } else { 0 };
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

    /// Stores the records of the page of a unit that follows `batch`.
    async fn store(
        &self,
        unit: &Unit,
        page_in_flight: FetchedPage<'_>,
        batch: &PageBatch,
        window: &mut Window,
    ) -> Result<Stored> {
        let number = batch.last() + 1;
        match &page_in_flight.entries {
            Entries::Groups(groups) => {
                let named = groups
                    .iter()
                    .map(|group| (group.name.as_str(), group.content_digest()))
                    .collect::<Vec<_>>();
                self.write_groups(unit, batch, &named, groups).await
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
                self.write_users(unit, batch, &named, users, &known).await
            }
            Entries::Members(subs) => {
                let entries = subs.iter().map(|sub| PageEntry { key: sub.as_str().to_owned(), digest: None });
                Ok(Stored::Page(PageContent(entries.collect()), 0))
            }
        }
    }

    /// Writes the records of users that the table does not have. `known` says which of them the previous snapshot
    /// names. If one of those is missing, the export looks up all records.
    async fn write_users(
        &self,
        unit: &Unit,
        batch: &PageBatch,
        named: &[(&str, Digest)],
        users: &[User],
        known: &[bool],
    ) -> Result<Stored> {
        let look_ups = &self.snapshot.look_ups;
        let records = named.iter().zip(users).zip(known).filter_map(|((&(sub, digest), user), &is_known)| {
            let is_looked_up = !is_known || unit.looks_up_all || look_ups.are_due(sub);
            is_looked_up.then_some((sub, digest, &user.record))
        });
        let absent = self.catalog.absent(self.pool.id(), records).await?;
        let was_known =
            |sub: &str| named.iter().zip(known).any(|((other, _), known)| *known && *other == sub);
        let lost = absent.iter().filter(|(sub, _, _)| was_known(sub)).count() as u64;
        if lost > 0 && !unit.looks_up_all {
            // The next attempt writes and counts the lost records. If this one wrote some, no attempt would find all.
            self.look_up_all_from_now_on().await?;
            return Ok(Stored::LooksUpAll);
        }
        self.write_absent(unit, batch, named, &absent, lost).await
    }

    /// Writes the records of groups that the table does not have. If the previous snapshot names one of those, the export
    /// looks up all records of users, too. So it does if enumerate has noted in the unit that the configuration of the
    /// pool was lost.
    async fn write_groups(
        &self,
        unit: &Unit,
        batch: &PageBatch,
        named: &[(&str, Digest)],
        groups: &[GroupRecord],
    ) -> Result<Stored> {
        let records = named.iter().zip(groups).map(|(&(name, digest), group)| (name, digest, group));
        let absent = self.catalog.absent(self.pool.id(), records).await?;
        let lost = match &self.previous {
            Some(previous) if !absent.is_empty() => {
                let absent = absent.iter().map(|(name, digest, _)| (*name, *digest)).collect();
                previous.groups_among(&self.catalog, unit, &absent).await?
            }
            _ => 0,
        };
        if lost > 0 || !unit.lost.is_empty() {
            self.look_up_all_from_now_on().await?;
        }
        self.write_absent(unit, batch, named, &absent, lost).await
    }

    /// Writes the records that the table does not have. `lost` of them were lost.
    async fn write_absent<R: Record>(
        &self,
        unit: &Unit,
        batch: &PageBatch,
        named: &[(&str, Digest)],
        absent: &[(&str, Digest, &R)],
        lost: u64,
    ) -> Result<Stored> {
        let run = &self.progress.run_id;
        if lost > 0 {
            // Before the write, because afterwards no invocation finds that they were lost.
            let note = |noted: &mut Unit| noted.lost.note(unit.attempt, batch.first, batch.last() + 1, lost);
            if self.catalog.change_unit(run, unit, note).await?.attempt != unit.attempt {
                return Ok(Stored::Overtaken);
            }
        }
        self.catalog.write(self.pool.id(), run, absent).await?;
        Ok(Stored::Page(page(named), absent.len() as u32))
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
        Ok(Listed::small(Vec::new(), None))
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
