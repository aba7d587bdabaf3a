//! The count of handled entries. The header of the restore shows it, so that the operator sees the
//! progress.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Result;
use crate::catalog::Catalog;
use crate::model::{Counts, LedgerPage, RecordKind, Restore, RestoreState};
use crate::ports::vault::Vault;

/// How often the count is written to the header.
const WRITE_EVERY: Duration = Duration::from_secs(2);

pub struct HandledCounter<'a, V> {
    catalog: &'a Catalog<V>,
    restore: &'a Restore,
    state: Mutex<State>,
}

struct State {
    counts: Counts,
    /// Users that this invocation found handled, and did not count again.
    found_users: u64,
    written_at: Instant,
}

impl<'a, V: Vault> HandledCounter<'a, V> {
    /// Starts with the count in the header.
    pub fn new(catalog: &'a Catalog<V>, restore: &'a Restore) -> Self {
        let state = State { counts: restore.handled, found_users: 0, written_at: Instant::now() };
        Self { catalog, restore, state: Mutex::new(state) }
    }

    /// Counts entries of a kind. Writes the count every few seconds.
    pub async fn add(&self, kind: RecordKind, entries: u64) -> Result<()> {
        let mut state = self.state.lock().await;
        state.counts.add(kind, entries, 0, 0);
        if state.written_at.elapsed() >= WRITE_EVERY {
            state.written_at = Instant::now();
            self.put(state.counts).await?;
        }
        Ok(())
    }

    /// Takes note of a page that was done before this invocation read it. Its entries were counted
    /// when they were restored, unless that was in an earlier pass.
    pub async fn add_found(&self, kind: RecordKind, ledger: &LedgerPage) -> Result<()> {
        let entries = ledger.tally().handled();
        if ledger.pass < self.restore.pass {
            return self.add(kind, entries).await;
        }
        if kind == RecordKind::User {
            self.state.lock().await.found_users += entries;
        }
        Ok(())
    }

    /// How many users are handled, in this pass. Only the difference between two answers of one
    /// invocation says something.
    pub async fn users(&self) -> u64 {
        let state = self.state.lock().await;
        state.counts.users + state.found_users
    }

    pub async fn write(&self) -> Result<()> {
        let counts = self.state.lock().await.counts;
        self.put(counts).await
    }

    async fn put(&self, counts: Counts) -> Result<()> {
        let note = |restore: &mut Restore| {
            if restore.state == RestoreState::Running {
                restore.handled = counts;
            }
        };
        self.catalog.change_restore(&self.restore.target, &self.restore.id, note).await.map(drop)
    }
}
