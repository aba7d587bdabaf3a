//! What all listings of an export share for the time of one invocation.

use std::sync::atomic::{AtomicBool, AtomicU32};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::previous::Previous;
use crate::catalog::Catalog;
use crate::model::{Counts, PageBatch, Progress, RecordKind, Snapshot};
use crate::pacing::{Budget, InFlightBytes, PacedPool};
use crate::ports::Clock;
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// How often the header of the snapshot gets new counts.
const COUNT_EVERY: Duration = Duration::from_secs(2);

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
    pub counted: Mutex<(Counts, Instant)>,
    /// The pages between their call and the end of their storage, by the size of their users.
    pub in_flight: InFlightBytes,
    /// The smallest limit that a unit of the snapshot has needed.
    pub known_limit: AtomicU32,
}

impl<P: Pool, V: Vault> Export<'_, P, V> {
    /// Counts a page batch, and writes the counts to the header every few seconds.
    pub async fn count(&self, kind: RecordKind, batch: &PageBatch) -> Result<()> {
        let mut counted = self.counted.lock().await;
        counted.0.add(kind, batch.count.into(), batch.pages(), batch.records_written.into());
        if counted.1.elapsed() >= COUNT_EVERY {
            counted.1 = Instant::now();
            let Progress { user_pool_id, run_id, .. } = self.progress;
            self.catalog.note_counts(user_pool_id, run_id, counted.0, self.in_flight.largest()).await?;
        }
        Ok(())
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
