//! Restores entries, several at once, until the time is spent or an error ends the run.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::concurrency::{MAX_ENTRIES_AT_ONCE, entries_at_once};
use super::entry::Handled;
use super::handled::HandledCounter;
use crate::model::{Ceilings, Outcome, RecordKind, Tps};
use crate::pacing::Budget;
use crate::ports::vault::Vault;
use crate::{Error, Result};

/// Limits how many entries of each kind are under way, in all units together, and says whether new
/// work may start.
pub struct Workers {
    budget: Budget,
    /// Set by the first error. Then the next invocation restores the entries that are not begun
    /// yet.
    is_stopped: AtomicBool,
    is_ahead_stopped: AtomicBool,
    groups: Semaphore,
    users: Semaphore,
    memberships: Semaphore,
}

/// The outcomes of entries, and the error that ended the work.
pub struct Worked {
    /// Outcomes by place.
    pub done: Vec<(usize, Handled)>,
    pub error: Option<Error>,
}

impl Workers {
    pub fn new(tps: Tps, ceilings: &Ceilings, budget: Budget) -> Self {
        let workers = |kind| Semaphore::new(entries_at_once(kind, tps, ceilings));
        Self {
            budget,
            is_stopped: AtomicBool::new(false),
            is_ahead_stopped: AtomicBool::new(false),
            groups: workers(RecordKind::Group),
            users: workers(RecordKind::User),
            memberships: workers(RecordKind::Membership),
        }
    }

    /// Whether new work may start.
    pub fn may_start(&self) -> bool {
        !self.is_stopped.load(Ordering::Relaxed) && !self.budget.is_spent()
    }

    /// Whether new work may start ahead of its turn.
    pub fn may_start_ahead(&self) -> bool {
        self.may_start() && !self.is_ahead_stopped.load(Ordering::Relaxed)
    }

    /// Starts no more work in this invocation.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Starts no more work ahead of its turn in this invocation.
    pub fn stop_ahead(&self) {
        self.is_ahead_stopped.store(true, Ordering::Relaxed);
    }

    /// Restores entries of a kind, each at its place. After an error it begins no entry, but ends
    /// those under way.
    pub async fn run<F, V>(
        &self,
        kind: RecordKind,
        entries: Vec<(usize, F)>,
        handled: &HandledCounter<'_, V>,
    ) -> Worked
    where
        F: Future<Output = Result<Handled>> + Send,
        V: Vault,
    {
        let workers = match kind {
            RecordKind::Group => &self.groups,
            RecordKind::User => &self.users,
            RecordKind::Membership => &self.memberships,
        };
        let mut waiting = entries.into_iter();
        let mut under_way = FuturesUnordered::new();
        let mut worked = Worked { done: Vec::new(), error: None };
        loop {
            while under_way.len() < MAX_ENTRIES_AT_ONCE && self.may_start() {
                let Some((place, restore)) = waiting.next() else { break };
                under_way.push(async move {
                    let _worker = workers.acquire().await;
                    // If the time is spent when the turn of the entry comes, the next invocation
                    // restores it.
                    (place, if self.may_start() { restore.await } else { Ok(Outcome::Pending.into()) })
                });
            }
            let Some((place, restored)) = under_way.next().await else { return worked };
            let counted = match restored {
                Ok(entry) => {
                    let settled = u64::from(entry.outcome != Outcome::Pending);
                    worked.done.push((place, entry));
                    handled.add(kind, settled).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = counted {
                self.stop();
                worked.error.get_or_insert(error);
            }
        }
    }
}
