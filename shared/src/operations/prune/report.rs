//! What a removal reports, under way and at its end.

use super::plan::Plan;
use crate::model::Pruned;

/// How far a removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advance {
    /// Pages of users and groups that have been read.
    pub pages_read: u64,
    /// Pages of all snapshots. Each range of records reads about as many, and usually there is one
    /// range.
    pub pages: u64,
    pub removed: Pruned,
}

impl Advance {
    pub(super) fn of(plan: &Plan) -> Self {
        let pages = plan.snapshots.iter().map(|planned| planned.snapshot.counts.pages).sum();
        Self { pages, ..Self::default() }
    }
}

/// Observes a removal.
pub trait Watch {
    fn advanced(&mut self, so_far: &Advance);
}

impl Watch for () {
    fn advanced(&mut self, _: &Advance) {}
}

/// Whether work is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemainingWork {
    None,
    /// The time was spent before the end.
    Some {
        /// Whether the next invocation begins at a later position than this one did.
        progressed: bool,
    },
}

/// How a removal ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Every snapshot of the pool, with the decision about it.
    pub plan: Plan,
    pub removed: Pruned,
    pub remaining: RemainingWork,
}
