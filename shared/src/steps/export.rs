//! Export: works on the open units of a snapshot, several at once, until the time is spent or nothing is left.
//!
//! Within a unit the order is fixed: records, then the page that names them, then the next call. So a page in the table vouches for all
//! that it names, and whoever comes next goes on after the last page.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::refusals::{pool_not_found, refused};
use super::{Backend, event, keep_lease, paced};
use crate::catalog::{Catalog, Record};
use crate::model::{
    Counts, EntryKind, GroupName, Listing, Page, PageContent, PageEntry, PoolId, Progress, SnapshotState, Unit, User,
};
use crate::pacing::{Budget, PacedPool};
use crate::pool::{Listed, Pool, PoolErrorKind};
use crate::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// Units worked on at once. The limiter decides the rate; this only hides latency.
const UNITS_AT_ONCE: usize = 16;
/// Users looked up at once.
const LOOK_UPS_AT_ONCE: usize = 30;
/// The most entries of one answer.
const PAGE: u32 = 60;
/// Attempts at one listing before the run gives up.
pub(crate) const LISTING_ATTEMPTS: u32 = 10;
/// How often the header is told how far the run has come.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// Stores the next pages of a snapshot.
pub async fn export_pages<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<Progress> {
    let progress: Progress = event::read("export-page", event)?;
    let catalog = Catalog::new(backend.vault());
    let snapshot = catalog.snapshot(&progress.user_pool_id, &progress.run_id).await?;
    let (noted, captures_mfa) = match snapshot {
        Some(snapshot) if snapshot.state == SnapshotState::Running => (snapshot.counts, snapshot.captures_mfa),
        Some(snapshot) if snapshot.state == SnapshotState::Sealed => return Ok(Progress { more: false, ..progress }),
        _ => return Err(not_written(&progress)),
    };
    // Not before: the lease of a run that has ended has been given back.
    keep_lease(&catalog, &progress, backend.clock()).await?;
    // Nor can the snapshot be removed any more from here on; but it may have been, while the lease was nobody's.
    let still = catalog.snapshot(&progress.user_pool_id, &progress.run_id).await?;
    if still.is_none_or(|still| matches!(still.state, SnapshotState::Pruning | SnapshotState::Failed)) {
        return Err(not_written(&progress));
    }
    let pool = paced(backend, &progress);
    let export = Export { pool, catalog, progress: &progress, captures_mfa, budget, noted: Mutex::new((noted, Instant::now())) };
    let more = export.work().await?;
    let noted = export.noted.lock().await.0;
    export.catalog.note_counts(&progress.user_pool_id, &progress.run_id, noted).await?;
    let calls = export.pool.limiter().stats().await;
    tracing::info!(run = %progress.run_id, calls = calls.total, peak = calls.peak_per_second, throttled = calls.throttled, more, "export pages stored");
    Ok(Progress { more, calls, ..progress.clone() })
}

struct Export<'a, P, V> {
    pool: PacedPool<P>,
    catalog: Catalog<V>,
    progress: &'a Progress,
    captures_mfa: bool,
    budget: Budget,
    /// Counts so far, and when the header was last told.
    noted: Mutex<(Counts, Instant)>,
}

/// How work on a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    OutOfTime,
}

/// A listing's answer, ready to be stored.
struct Answer {
    content: PageContent,
    records_written: u32,
    next_token: Option<String>,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Works through the phases; returns whether anything is left.
    async fn work(&self) -> Result<bool> {
        loop {
            let units = self.catalog.units(&self.progress.run_id).await?;
            if let Some(groups) = units.iter().find(|unit| unit.awaits_planning()) {
                self.plan_members(groups).await?;
                continue;
            }
            let open: Vec<_> = units.into_iter().filter(|unit| !unit.done).collect();
            let Some(phase) = open.iter().map(|unit| unit.listing.phase()).min() else { return Ok(false) };
            let now = open.into_iter().filter(|unit| unit.listing.phase() == phase);
            let ended: Vec<Ended> =
                stream::iter(now).map(|unit| self.list(unit)).buffer_unordered(UNITS_AT_ONCE).try_collect().await?;
            if ended.contains(&Ended::OutOfTime) {
                return Ok(true);
            }
        }
    }

    /// Plans a unit for the members of each group, from the pages of the listing of groups once that is done and cannot change any
    /// more: whoever does it, and however late, plans the same units.
    async fn plan_members(&self, groups: &Unit) -> Result<()> {
        let (snapshot, id) = (&self.progress.run_id, groups.id());
        for number in 1..=groups.pages {
            let (key, page) = self.catalog.page(snapshot, &id, groups.attempt, number).await?;
            let content = page.and_then(|page| page.verified(&id, number).ok()).ok_or_else(|| {
                Error::new(ErrorKind::SnapshotDamaged, format!("Page {key} is missing or altered."), "Start a new export.")
            })?;
            let members = content.0.into_iter().map(|entry| Listing::Members { group: GroupName::new(entry.key) });
            let units = members.map(|listing| Unit::open(self.progress.user_pool_id.clone(), listing)).collect();
            self.catalog.add_units(snapshot, units).await?;
        }
        self.catalog.note_planned(snapshot, &id).await
    }

    /// Lists one unit to its end, from its last page on.
    async fn list(&self, mut unit: Unit) -> Result<Ended> {
        let id = unit.id();
        let snapshot = &self.progress.run_id;
        let mut last = self.catalog.last_page(snapshot, &id, unit.attempt).await?;
        let mut is_first = true;
        loop {
            let (number, page) = match &last {
                Some((number, page)) => (*number, Some(page)),
                None => (0, None),
            };
            let token = match page {
                Some(page) => match &page.next_token {
                    Some(token) => Some(token.as_str()),
                    None => {
                        unit = self.finish(&unit, number, page).await?;
                        if unit.done {
                            return Ok(Ended::Done);
                        }
                        last = self.catalog.last_page(snapshot, &id, unit.attempt).await?;
                        continue;
                    }
                },
                None => None,
            };
            // The first page is tried in any case, or a short invocation would never come to anything.
            if self.budget.is_spent() || !(is_first || self.budget.leaves(self.time_of_page(&unit.listing))) {
                return Ok(Ended::OutOfTime);
            }
            is_first = false;
            let answer = match self.fetch(&unit.listing, token).await? {
                Some(answer) if token.is_none() || answer.next_token.as_deref() != token => answer,
                // The token was refused, or the listing does not get on: from the beginning, under a new attempt.
                _ => {
                    unit = self.restart(&unit).await?;
                    last = self.catalog.last_page(snapshot, &id, unit.attempt).await?;
                    continue;
                }
            };
            let next = number + 1;
            let page = Page::following(page, &id, next, &answer.content, answer.records_written, answer.next_token);
            let page = self.catalog.add_page(snapshot, &id, unit.attempt, next, page).await?;
            self.note(unit.listing.kind(), &page).await?;
            last = Some((next, page));
        }
    }

    async fn finish(&self, unit: &Unit, pages: u64, last: &Page) -> Result<Unit> {
        let finish = |unit: &mut Unit| {
            unit.done = true;
            unit.pages = pages;
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

    /// Makes one listing call and stores the records of its answer; none where the token was refused.
    async fn fetch(&self, listing: &Listing, token: Option<&str>) -> Result<Option<Answer>> {
        let answer = match listing {
            Listing::Groups => match self.pool.list_groups(token).await {
                Ok(listed) => {
                    let named: Vec<_> = listed.entries.iter().map(|group| (group.name.as_str(), group)).collect();
                    Ok(self.store(named, listed.next_token.clone()).await?)
                }
                Err(error) => Err(error),
            },
            Listing::Users => match self.pool.list_users(token).await {
                Ok(mut listed) => {
                    if self.captures_mfa {
                        listed.entries = self.with_second_factors(listed.entries).await?;
                    }
                    let named: Vec<_> = listed.entries.iter().map(|user| (user.sub.as_str(), &user.record)).collect();
                    Ok(self.store(named, listed.next_token.clone()).await?)
                }
                Err(error) => Err(error),
            },
            Listing::Members { group } => match self.pool.list_members(group, token).await {
                Ok(Listed { entries, next_token }) => {
                    let entries = entries.into_iter().map(|sub| PageEntry { key: sub.as_str().to_owned(), digest: None });
                    Ok(Answer { content: PageContent(entries.collect()), records_written: 0, next_token })
                }
                Err(error) if error.kind == PoolErrorKind::NotFound => return self.vanished(group).await.map(Some),
                Err(error) => Err(error),
            },
        };
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() => Ok(None),
            Err(error) => Err(refused(self.pool.id(), error)),
        }
    }

    /// How long a page takes at least where every user on it is looked up.
    fn time_of_page(&self, listing: &Listing) -> Duration {
        let calls = if self.captures_mfa && *listing == Listing::Users { PAGE } else { 0 };
        Duration::from_secs(1) * calls / self.progress.tps.get()
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

    /// Stores the records of an answer, and says how its page names them.
    async fn store<R: Record>(&self, named: Vec<(&str, &R)>, next_token: Option<String>) -> Result<Answer> {
        let entry = |&(name, record): &(&str, &R)| PageEntry { key: name.to_owned(), digest: Some(record.content_digest()) };
        let content = PageContent(named.iter().map(entry).collect());
        let written = self.catalog.write_new(self.pool.id(), &self.progress.run_id, named.into_iter()).await?;
        Ok(Answer { content, records_written: written, next_token })
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
        Ok(Answer { content: PageContent::default(), records_written: 0, next_token: None })
    }

    /// Counts a page, and tells the header now and then.
    async fn note(&self, kind: EntryKind, page: &Page) -> Result<()> {
        let mut noted = self.noted.lock().await;
        noted.0.add(kind, page.count.into(), 1, page.records_written.into());
        if noted.1.elapsed() >= NOTE_EVERY {
            noted.1 = Instant::now();
            self.catalog.note_counts(&self.progress.user_pool_id, &self.progress.run_id, noted.0).await?;
        }
        Ok(())
    }
}

/// The error for a snapshot that was given up or removed.
fn not_written(progress: &Progress) -> Error {
    Error::new(
        ErrorKind::RunEnded,
        format!("Snapshot {} of user pool {} is not being written any more.", progress.run_id, progress.user_pool_id),
        "Start a new export.",
    )
}

/// The error for a listing that Cognito has broken off too often.
pub(crate) fn listing_failed(pool: &PoolId, unit: &str) -> Error {
    Error::new(
        ErrorKind::ListingFailed,
        format!("Cognito broke off the listing of unit {unit} of user pool {pool} {LISTING_ATTEMPTS} times."),
        "Start the run again; a lower TPS of other tools on this account may help.",
    )
}
