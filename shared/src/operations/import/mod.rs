//! Import: works on the open pages of a restore until the time is spent or nothing is left, and verifies what it has brought.
//!
//! The ledger decides what is still to be done. Whatever a call changes in the target is found there again if the invocation dies
//! before the ledger is written, so every entry can be worked on twice with the same result.

mod after;
pub(crate) mod before;
mod entries;
mod jobs;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

pub use self::before::forecast::refusal;
pub use self::entries::ahead::works_ahead;

use self::before::forecast::look_ahead;
use self::before::{declare, forecast, select, target_scan};
use self::entries::in_flight::InFlight;
use self::jobs::driver::{ImportJobDriver, Jobs};
use super::refusals::refused;
use super::{event, keep_lease, paced, require_sealed, run_ended};
use crate::Result;
use crate::catalog::Catalog;
use crate::identity::{EarlierRepairs, UserMatcher};
use crate::model::{
    Category, Ceilings, Counts, ImportJobs, LedgerPage, Listing, Method, Note, Outcome, PageContent, Progress, Reason,
    RecordKind, Restore, RestoreState, RestoreUnit, Selection, SubMapEntry, Tps,
};
use crate::pacing::{Budget, PacedPool};
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolError, PoolErrorKind};
use crate::ports::vault::Vault;

/// Units (groups, when members are added) worked on at once. The limiter decides the rate; this only hides latency.
const UNITS_AT_ONCE: usize = 8;
/// Pages of a unit worked on at once: while one is written down, the next one keeps the calls going.
const PAGES_AT_ONCE: usize = 3;
/// The most entries of a kind worked on at once, in all units together.
const ENTRIES_AT_ONCE: usize = 48;
/// How many entries of a kind are worked on at once: half a second's worth of calls, and of those of the slowest category that they may
/// need two seconds' worth. Most entries take up to three calls and none more than nine, so whatever is under way when the time is spent is done within a few
/// seconds, well within the reserve, and a call may still take half a second without slowing the rate.
fn entries_at_once(kind: RecordKind, tps: Tps, ceilings: &Ceilings) -> usize {
    let categories: &[Category] = match kind {
        RecordKind::Group => &[Category::UserPoolResourceRead, Category::UserPoolResourceUpdate],
        RecordKind::User => &[
            Category::UserCreation,
            Category::UserAccountRecovery,
            Category::UserUpdate,
            Category::UserResourceUpdate,
            Category::UserRead,
        ],
        RecordKind::Membership => &[Category::UserUpdate],
    };
    let slowest = ceilings.slowest(categories.iter().copied(), tps);
    let at_once = tps.get().div_ceil(2).min(2 * slowest) as usize;
    at_once.clamp(2, ENTRIES_AT_ONCE)
}

/// How often the header is told how far the run has come.
const NOTE_EVERY: Duration = Duration::from_secs(2);

/// Restores the next pages of a snapshot.
pub async fn import_pages<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<Progress> {
    let progress: Progress = event::read("import-page", event)?;
    if progress.dry_run {
        return forecast::forecast_pages(backend, progress, budget).await;
    }
    let catalog = Catalog::new(backend.vault());
    let mut restore = match catalog.restore(&progress.user_pool_id, &progress.run_id).await? {
        Some(restore) if restore.state == RestoreState::Running => restore,
        Some(Restore { state: RestoreState::Succeeded | RestoreState::Partial, .. }) => {
            return Ok(Progress { more: false, wait_seconds: None, ..progress });
        }
        _ => return Err(run_ended(&progress)),
    };
    // Not before: the lease of a run that has ended has been given back.
    keep_lease(&catalog, &progress, backend.clock()).await?;
    // While nobody held the lease, the snapshot may have been removed.
    require_sealed(&catalog, &restore).await?;
    let pool = paced(backend, &progress);
    let Some(selection) = select::selection_of(&catalog, &restore, budget).await? else {
        return Ok(Progress { more: true, wait_seconds: None, ..progress });
    };
    // Nothing is written to the target before everybody was looked at.
    let Some(outlook) = look_ahead(backend, &catalog, &pool, &restore.id, selection.as_ref(), budget).await? else {
        return Ok(Progress { more: true, wait_seconds: None, calls: pool.limiter().stats().await, ..progress });
    };
    if let Some(refusal) = refusal(&outlook) {
        return Err(refusal);
    }
    declare::declare(&pool, &catalog, &mut restore).await?;
    if !target_scan::list(&pool, &catalog, &outlook, &restore.execution, budget).await? {
        return Ok(Progress { more: true, wait_seconds: None, calls: pool.limiter().stats().await, ..progress });
    }
    let repairs = EarlierRepairs::before(&catalog, &restore).await?;
    let jobs = match restore.options.method {
        Method::Api => None,
        Method::Csv => {
            let (pool, catalog, restore) = (&pool, &catalog, &restore);
            let (files, selection) = (backend.job_files(), selection.as_ref());
            let runner = ImportJobDriver { pool, catalog, files, restore, repairs: &repairs, selection, budget };
            match runner.carry_on().await? {
                Jobs::Done(jobs) => Some(*jobs),
                stand => {
                    let wait_seconds = if let Jobs::Waiting(seconds) = stand { Some(seconds) } else { None };
                    let calls = pool.limiter().stats().await;
                    return Ok(Progress { more: true, wait_seconds, calls, ..progress });
                }
            }
        }
    };
    let handled = Mutex::new((restore.handled, Instant::now()));
    let places = |kind| Semaphore::new(entries_at_once(kind, progress.tps, &progress.ceilings));
    let import = Import {
        pool,
        catalog,
        restore,
        repairs,
        selection,
        jobs,
        tps: progress.tps,
        ceilings: progress.ceilings.clone(),
        budget,
        stop: AtomicBool::new(false),
        ahead_ended: AtomicBool::new(false),
        groups_at_once: places(RecordKind::Group),
        users_at_once: places(RecordKind::User),
        members_at_once: places(RecordKind::Membership),
        reading: Mutex::default(),
        claims: InFlight::default(),
        handled,
    };
    let more = import.work().await? || import.verify().await?;
    let handled = import.handled.lock().await.0;
    import.catalog.change_restore(&progress.user_pool_id, &progress.run_id, |restore| restore.handled = handled).await?;
    let calls = import.pool.limiter().stats().await;
    tracing::info!(run = %progress.run_id, calls = calls.total, peak = calls.peak_per_second, throttled = calls.throttled, more, "import pages restored");
    Ok(Progress { more, wait_seconds: None, calls, ..progress })
}

struct Import<P, V> {
    pool: PacedPool<P>,
    catalog: Catalog<V>,
    restore: Restore,
    /// What else has repaired the target, where this restore does.
    repairs: EarlierRepairs,
    /// Who is restored; everybody where there is none.
    selection: Option<Selection>,
    /// The import jobs, all of which have ended; none where calls alone were asked for.
    jobs: Option<ImportJobs>,
    tps: Tps,
    ceilings: Ceilings,
    budget: Budget,
    /// Set by the first error: entries not yet begun are left to the next invocation.
    stop: AtomicBool,
    /// Set when nothing more is to be done ahead of its turn.
    ahead_ended: AtomicBool,
    /// Places for entries under work, by kind.
    groups_at_once: Semaphore,
    users_at_once: Semaphore,
    members_at_once: Semaphore,
    /// Held by the page that is being read.
    reading: Mutex<()>,
    /// Who is being restored, and who became which user of the target, in this invocation.
    claims: InFlight,
    /// Entries dealt with, and when the header was last told.
    handled: Mutex<(Counts, Instant)>,
}

/// How work on a unit or a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Done,
    OutOfTime,
}

/// What became of one entry.
struct Handled {
    outcome: Outcome,
    notes: Vec<Note>,
    sub_map: Option<SubMapEntry>,
}

impl Outcome {
    /// The outcome of a user, with what the sub map says of it.
    fn into_handled(self, sub_map: SubMapEntry) -> Handled {
        Handled { outcome: self, notes: Vec::new(), sub_map: Some(sub_map) }
    }
}

impl From<Outcome> for Handled {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, notes: Vec::new(), sub_map: None }
    }
}

/// A page as it was found.
enum ReadPage {
    /// There is nothing to do with it, or no time.
    Ended(Ended),
    Open {
        number: u64,
        content: PageContent,
        ledger: Option<LedgerPage>,
    },
}

/// One page of the snapshot under work.
struct OpenPage<'a> {
    unit: &'a RestoreUnit,
    number: u64,
    /// Whether it is worked on ahead of its turn: what cannot be done yet is left for that.
    ahead: bool,
    content: &'a PageContent,
    /// The places that are to be worked on.
    open: Vec<usize>,
}

impl OpenPage<'_> {
    fn key(&self, place: usize) -> &str {
        self.content.0.get(place).map_or("", |entry| entry.key.as_str())
    }
}

impl<P: Pool, V: Vault> Import<P, V> {
    /// Works through the phases; returns whether anything is left.
    async fn work(&self) -> Result<bool> {
        loop {
            let units = self.catalog.restore_units(&self.restore.id).await?;
            let open: Vec<_> = units.into_iter().filter(|unit| unit.resume_at(self.restore.pass).is_some()).collect();
            let Some(phase) = open.iter().map(|unit| unit.listing.import_phase()).min() else { return Ok(false) };
            let (now, later): (Vec<_>, Vec<_>) = open.into_iter().partition(|unit| unit.listing.import_phase() == phase);
            let users = now.iter().find(|unit| unit.listing.kind() == RecordKind::User);
            let pages_of_users = users.and_then(|users| users.resume_at(self.restore.pass)).map(|next| next - 1);
            let now = async {
                let ended = stream::iter(now).map(|unit| self.restore_unit(unit)).buffer_unordered(UNITS_AT_ONCE);
                let ended: Result<Vec<Ended>> = ended.try_collect().await;
                if pages_of_users.is_some() {
                    self.stop_ahead();
                }
                ended
            };
            let ahead = async {
                match pages_of_users.filter(|_| !later.is_empty() && works_ahead(&self.restore, &self.ceilings, self.tps)) {
                    Some(pages) => self.add_members_ahead(later, pages).await,
                    None => Ok(()),
                }
            };
            let (ended, ahead) = futures::future::join(now, ahead).await;
            let ended = ended?;
            ahead?;
            if ended.contains(&Ended::OutOfTime) {
                return Ok(true);
            }
        }
    }

    async fn restore_unit(&self, mut unit: RestoreUnit) -> Result<Ended> {
        let mut ended = Ended::Done;
        let first = unit.resume_at(self.restore.pass).unwrap_or(unit.pages() + 1);
        unit.pass = self.restore.pass;
        unit.next_page = first;
        if let Listing::Members { group } = &unit.listing
            && !self.gather(&unit, group).await?
        {
            return Ok(Ended::OutOfTime);
        }
        let mut first_error = None;
        let mut reached = first;
        {
            // The pages are worked on and written down side by side, so that no call waits for the table; they end in their order.
            let restore = |number| self.read_and_restore_page(&unit, number);
            let mut pages = pin!(stream::iter(first..=unit.pages()).map(restore).buffered(PAGES_AT_ONCE));
            while let Some(page) = pages.next().await {
                match page {
                    Ok(Ended::Done) if ended == Ended::Done && first_error.is_none() => reached += 1,
                    Ok(Ended::Done) => {}
                    Ok(Ended::OutOfTime) => ended = Ended::OutOfTime,
                    Err(error) => {
                        // Whatever the others have begun is brought to an end and written down.
                        self.stop.store(true, Ordering::Relaxed);
                        first_error.get_or_insert(error);
                    }
                }
            }
        }
        unit.next_page = reached;
        // Where to look first next time; if this is not written, the ledger says the same page by page.
        if reached > first || (ended == Ended::Done && first_error.is_none()) {
            self.catalog.put_restore_units(&self.restore.id, std::slice::from_ref(&unit)).await?;
        }
        first_error.map_or(Ok(ended), Err)
    }

    async fn read_and_restore_page(&self, unit: &RestoreUnit, number: u64) -> Result<Ended> {
        let page = {
            // Whoever asks first goes first: a page knows of the users of those before it, or is not begun.
            let _turn = self.reading.lock().await;
            self.read_page(unit, number, false).await.inspect_err(|_| self.stop.store(true, Ordering::Relaxed))?
        };
        self.restore_page(unit, page, false).await
    }

    /// Reads a page, and what was done of it; whoever is on it is restored for its sake, and not for that of a later page.
    async fn read_page(&self, unit: &RestoreUnit, number: u64, ahead: bool) -> Result<ReadPage> {
        if !self.goes_on() || self.claims.are_full() {
            return Ok(ReadPage::Ended(Ended::OutOfTime));
        }
        let (id, pass, restore) = (unit.id(), self.restore.pass, &self.restore.id);
        let ledger = self.catalog.ledger_page(restore, &id, number).await?;
        if let Some(ledger) = ledger.as_ref().filter(|ledger| ledger.is_done(pass)) {
            // What was done ahead of its turn was noted then.
            if unit.ahead.sweep == 0 && !ahead {
                self.note(unit.listing.kind(), ledger.tally().handled()).await?;
            }
            return Ok(ReadPage::Ended(Ended::Done));
        }
        let (key, page) = self.catalog.page_of(&self.restore.snapshot, &unit.source, number).await?;
        let Some(content) = page else {
            tracing::error!(run = %restore, key = %key, "page of the snapshot missing or altered");
            let damaged = LedgerPage::damaged(key.to_string(), pass);
            let note = |ledger: &mut LedgerPage| {
                if ledger.pass <= pass && !ledger.is_done(pass) {
                    *ledger = damaged.clone();
                }
            };
            self.catalog.change_ledger_page(restore, &id, number, &damaged, note).await?;
            return Ok(ReadPage::Ended(Ended::Done));
        };
        if unit.listing.kind() == RecordKind::User {
            self.claims.list(number, &content);
        }
        Ok(ReadPage::Open { number, content, ledger })
    }

    /// Restores what is open on a page; `ahead` of its turn, only what can be.
    async fn restore_page(&self, unit: &RestoreUnit, page: ReadPage, ahead: bool) -> Result<Ended> {
        let (number, content, ledger) = match page {
            ReadPage::Open { number, content, ledger } if self.goes_on() => (number, content, ledger),
            ReadPage::Open { .. } => return Ok(Ended::OutOfTime),
            ReadPage::Ended(ended) => return Ok(ended),
        };
        let (id, pass, restore) = (unit.id(), self.restore.pass, &self.restore.id);
        let untouched = LedgerPage::untouched(content.0.iter().map(|entry| entry.key.clone()), pass);
        let begin = |ledger: &mut LedgerPage| {
            if ledger.damaged_page.is_some() {
                *ledger = untouched.clone();
            }
            ledger.begin_pass(pass);
        };
        let mut ledger = ledger.unwrap_or_else(|| untouched.clone());
        begin(&mut ledger);

        let open = OpenPage { unit, number, ahead, content: &content, open: ledger.open_places(pass) };
        let mut done = Vec::new();
        let result = match &unit.listing {
            Listing::Groups => self.restore_groups(&open, &mut done).await,
            Listing::Users | Listing::UsersBySub { .. } => self.restore_users(&open, &mut done).await,
            Listing::Members { group } => self.restore_members(&open, &id, group, &mut done).await,
        };
        if ahead && done.iter().all(|(_, handled)| handled.outcome == Outcome::Pending) {
            return result.map(|()| Ended::OutOfTime);
        }
        // Whatever was done is kept, be the rest as it may. The sub map first: a ledger page vouches for it. Into the ledger as it is by
        // now, because another invocation may have worked on the same page; what that one has settled stays as it is.
        let sub_map: Vec<_> = done.iter().filter_map(|(_, handled)| handled.sub_map.clone()).collect();
        self.catalog.put_sub_map(&self.restore, &sub_map).await?;
        let add = |ledger: &mut LedgerPage| {
            if ledger.pass <= pass {
                begin(ledger);
                done.iter().for_each(|(place, handled)| ledger.record(*place, handled.outcome.clone(), &handled.notes));
            }
        };
        let ledger = self.catalog.change_ledger_page(restore, &id, number, &untouched, add).await?;
        result?;
        Ok(if ledger.is_done(pass) { Ended::Done } else { Ended::OutOfTime })
    }

    /// Who of the snapshot is whom in the target, as far as that can be known.
    fn user_matcher(&self) -> UserMatcher<'_, V> {
        UserMatcher::new(&self.catalog, &self.restore, &self.repairs)
    }

    /// Works on entries, several at once, until the time is spent or one of them meets an error of the whole run. Outcomes so far are
    /// in `done` either way.
    async fn work_on<F: Future<Output = Result<Handled>> + Send>(
        &self,
        kind: RecordKind,
        done: &mut Vec<(usize, Handled)>,
        entries: Vec<(usize, F)>,
    ) -> Result<()> {
        let places = match kind {
            RecordKind::Group => &self.groups_at_once,
            RecordKind::User => &self.users_at_once,
            RecordKind::Membership => &self.members_at_once,
        };
        let mut waiting = entries.into_iter();
        let mut under_way = FuturesUnordered::new();
        let mut first_error = None;
        loop {
            while under_way.len() < ENTRIES_AT_ONCE && self.goes_on() {
                let Some((place, work)) = waiting.next() else { break };
                under_way.push(async move {
                    let _place = places.acquire().await;
                    // The time may have been spent while waiting: then the entry is left to the next invocation.
                    (place, if self.goes_on() { work.await } else { Ok(Outcome::Pending.into()) })
                });
            }
            match under_way.next().await {
                Some((place, Ok(handled))) => {
                    let settled = u64::from(handled.outcome != Outcome::Pending);
                    done.push((place, handled));
                    if let Err(error) = self.note(kind, settled).await {
                        self.stop.store(true, Ordering::Relaxed);
                        first_error.get_or_insert(error);
                    }
                }
                Some((_, Err(error))) => {
                    self.stop.store(true, Ordering::Relaxed);
                    first_error.get_or_insert(error);
                }
                None => break,
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    /// Whether new work may be begun.
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && !self.budget.is_spent()
    }

    /// What a refused call means for its entry; an error where it means that the run cannot go on.
    fn entry_refused(&self, error: PoolError) -> Result<Outcome> {
        match error.kind {
            PoolErrorKind::InvalidParameter
            | PoolErrorKind::Refused
            | PoolErrorKind::AlreadyExists
            | PoolErrorKind::AliasTaken => {
                let call = format!("{} {}", error.operation.name(), error.code);
                Ok(Outcome::Failed { reason: Reason::Refused { call, detail: error.detail } })
            }
            PoolErrorKind::UserNotFound => Ok(Outcome::Failed { reason: Reason::UserMissing }),
            PoolErrorKind::Throttled | PoolErrorKind::Transient | PoolErrorKind::NotFound | PoolErrorKind::AccessDenied => {
                Err(refused(self.pool.id(), error))
            }
        }
    }

    /// `Created` for what came into being during this restore, `AlreadyThere` for what is older. Its clock and Cognito's may differ by
    /// a little.
    fn made_by_this_restore(&self, created: Option<jiff::Timestamp>) -> Outcome {
        let began = self.restore.began() - jiff::SignedDuration::from_secs(60);
        match created {
            Some(created) if created < began => Outcome::AlreadyThere,
            _ => Outcome::Created,
        }
    }

    /// Counts entries that have been dealt with, and tells the header now and then.
    async fn note(&self, kind: RecordKind, entries: u64) -> Result<()> {
        let mut handled = self.handled.lock().await;
        handled.0.add(kind, entries, 0, 0);
        if handled.1.elapsed() >= NOTE_EVERY {
            handled.1 = Instant::now();
            let now = handled.0;
            let (target, id) = (&self.restore.target, &self.restore.id);
            self.catalog
                .change_restore(target, id, |restore| {
                    if restore.state == RestoreState::Running {
                        restore.handled = now;
                    }
                })
                .await?;
        }
        Ok(())
    }
}
