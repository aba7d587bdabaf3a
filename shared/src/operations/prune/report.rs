//! What a removal tells, under way and at its end.

use super::plan::Plan;
use crate::model::Pruned;

/// How far a removal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Advance {
    /// Pages of users and groups that have been read.
    pub pages_read: u64,
    /// Pages of all snapshots: about as many are read for each range of records, and there is mostly one.
    pub pages: u64,
    /// What has been removed.
    pub removed: Pruned,
}

impl Advance {
    pub(super) fn of(plan: &Plan) -> Self {
        let pages = plan.snapshots.iter().map(|planned| planned.snapshot.counts.pages).sum();
        Self { pages, ..Self::default() }
    }
}

/// Who is told how a removal goes.
pub trait Watch {
    /// It has come so far.
    fn advanced(&mut self, so_far: &Advance);
}

impl Watch for () {
    fn advanced(&mut self, _: &Advance) {}
}

/// Whether anything is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Everything that is to go is gone.
    Nothing,
    /// The time was spent before the end.
    Something {
        /// Whether the next one begins further on than this one did.
        progressed: bool,
    },
}

/// How a removal ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Every snapshot of the pool, and what became of it.
    pub plan: Plan,
    /// What was removed.
    pub removed: Pruned,
    /// Whether anything is left to do.
    pub left: Left,
}
