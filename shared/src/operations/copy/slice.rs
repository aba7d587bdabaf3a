//! The part of a copy that fits into one invocation.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::{Stream, StreamExt};

use crate::pacing::Budget;

/// Whether an invocation has begun with its batches, and whether it left some to the next one.
#[derive(Debug, Default)]
pub(super) struct Slice {
    has_begun: AtomicBool,
    is_cut: AtomicBool,
}

impl Slice {
    /// Whether batches are left because the time was spent.
    pub fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Whether the next batch belongs to this invocation. The first one always does. Otherwise an invocation that begins
    /// late would make no progress.
    fn takes_another(&self, budget: Budget) -> bool {
        let takes = !self.has_begun.swap(true, Ordering::Relaxed) || !budget.is_spent();
        if !takes {
            self.is_cut.store(true, Ordering::Relaxed);
        }
        takes
    }
}

/// The batches until the time is spent. Work on batches before that one goes on to its end.
pub(super) fn within<'a, T: Send + 'a>(
    batches: impl Stream<Item = T> + Send + 'a,
    budget: Budget,
    slice: &'a Slice,
) -> impl Stream<Item = T> + Send + 'a {
    batches.take_while(move |_| ready(slice.takes_another(budget)))
}
