//! What all listings of an export share for the time of one invocation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::previous::Previous;
use crate::catalog::{Catalog, SoFar};
use crate::model::configuration::CapturedConfiguration;
use crate::model::{Counts, ListingHistory, PageBatch, PageLimit, Progress, RecordKind, Snapshot, Unit};
use crate::pacing::{Budget, InFlightBytes, PacedPool, UserSizes};
use crate::ports::Clock;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// How often the header of the snapshot gets new counts.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// What the listings work with.
pub(super) struct Export<'a, P, V> {
    pub pool: PacedPool<P>,
    pub catalog: Catalog<V>,
    pub progress: &'a Progress,
    /// The header when this invocation began.
    pub snapshot: Snapshot,
    pub previous: Option<Previous>,
    pub budget: Budget,
    /// When this invocation began.
    pub began: Instant,
    pub clock: Clock,
    /// Set if Cognito refuses a listing by the first digit of the `sub`, or lists other users. Then
    /// the other 15 listings stop.
    pub split_refused: AtomicBool,
    /// Set if a record of the previous snapshot is missing. Then the listings of users start again, and look up all
    /// records.
    pub records_lost: AtomicBool,
    /// The counts so far, and when they were last written to the header.
    pub counted: tokio::sync::Mutex<(Counts, Instant)>,
    /// The pages between their call and the end of their storage, by the size of their users.
    pub in_flight: InFlightBytes,
    pub sizes: UserSizes,
    /// What the previous snapshot says about the pages of its listings. Empty if its users are small.
    pub history: ListingHistory,
    /// Set if a page was larger than the history says. Then only the largest user bounds a page.
    pub history_fails: AtomicBool,
    /// The smallest limits that units of the snapshot have needed.
    pub known_limits: KnownLimits,
    pub captures_configuration: bool,
    /// The configuration that this invocation has captured. Its last write to the header notes it.
    pub captured: Mutex<Option<CapturedConfiguration>>,
}

/// The smallest limits that listings of users and of members have needed.
#[derive(Debug, Default)]
pub(super) struct KnownLimits {
    users: Mutex<PageLimit>,
    members: Mutex<PageLimit>,
}

impl KnownLimits {
    /// None for groups, which are small.
    fn of(&self, kind: RecordKind) -> Option<&Mutex<PageLimit>> {
        match kind {
            RecordKind::User => Some(&self.users),
            RecordKind::Membership => Some(&self.members),
            RecordKind::Group => None,
        }
    }

    pub fn note(&self, kind: RecordKind, limit: PageLimit) {
        if let Some(known) = self.of(kind) {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            *known = limit.min(*known);
        }
    }

    pub fn get(&self, kind: RecordKind) -> PageLimit {
        self.of(kind).map_or(PageLimit::MAX, |known| *known.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Counts a page batch, and writes the counts to the header every few seconds.
    pub async fn count(&self, kind: RecordKind, batch: &PageBatch) -> Result<()> {
        let mut counted = self.counted.lock().await;
        counted.0.add(kind, batch.count.into(), batch.pages(), batch.records_written.into());
        if counted.1.elapsed() >= COUNT_EVERY {
            counted.1 = Instant::now();
            let Progress { user_pool_id, run_id, .. } = self.progress;
            let noted = SoFar { counts: counted.0, largest_user: self.sizes.seen(), captured: None };
            self.catalog.note_so_far(user_pool_id, run_id, noted).await?;
        }
        Ok(())
    }

    /// Writes how large the users are, before a listing starts again because of them.
    pub async fn note_sizes(&self) -> Result<()> {
        let Progress { user_pool_id, run_id, .. } = self.progress;
        let counted = self.counted.lock().await;
        let noted = SoFar { counts: counted.0, largest_user: self.sizes.seen(), captured: None };
        self.catalog.note_so_far(user_pool_id, run_id, noted).await
    }

    /// The most bytes of the next page of `unit`, as far as this export knows.
    pub fn page_bytes(&self, unit: &Unit, limit: PageLimit) -> usize {
        let by_user = self.sizes.page(limit);
        let by_page = self.history.page_bytes(&unit.listing, limit);
        match by_page {
            Some(by_page) if !self.history_fails.load(Ordering::Relaxed) => by_user.min(by_page),
            _ => by_user,
        }
    }
}

/// The error for a snapshot that was given up or removed.
pub(super) fn not_written(progress: &Progress) -> Error {
    Error::new(
        ErrorKind::RunEnded,
        format!(
            "Snapshot {} of user pool {} is no longer being written.",
            progress.run_id, progress.user_pool_id
        ),
        Guidance::NEW_EXPORT,
    )
}
