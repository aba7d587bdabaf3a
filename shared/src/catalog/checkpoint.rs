//! Checkpoints: the stored state of paged work, from which the next invocation continues.
//!
//! Two invocations may do the same work at once. An invocation writes a checkpoint only if the table still
//! holds the one that it read. So only one of them continues from each checkpoint. The other one continues
//! from the checkpoint that it finds.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};

use super::{Catalog, keys};
use crate::Result;
use crate::model::{
    CheckStage, CollisionCheckpoint, CollisionStage, ForecastCheckpoint, ImportJobs, ListingCheck,
    ListingCheckpoint, ListingQuestion, Renewal, RunId, SelectionCheckpoint, UnitId, Verification,
    VerificationStage,
};
use crate::ports::vault::{Key, ReadVault, Vault};

/// The stored state of paged work.
pub trait Checkpoint: Clone + Serialize + DeserializeOwned + Send + Sync {
    /// A number that grows with every checkpoint of the work.
    fn step(&self) -> u64;
    /// Moves to the next step.
    fn count_step(&mut self);
    /// Whether the work is complete.
    fn is_done(&self) -> bool;
}

macro_rules! counts_steps {
    ($checkpoint:ty, |$state:ident| $is_done:expr) => {
        impl Checkpoint for $checkpoint {
            fn step(&self) -> u64 {
                self.step
            }

            fn count_step(&mut self) {
                self.step += 1;
            }

            fn is_done(&self) -> bool {
                let $state = self;
                $is_done
            }
        }
    };
}

counts_steps!(ListingCheckpoint, |state| state.position.ended);
counts_steps!(ListingCheck, |state| state.stage == CheckStage::Done);
counts_steps!(SelectionCheckpoint, |state| state.done);
counts_steps!(Renewal, |state| state.done);
counts_steps!(CollisionCheckpoint, |state| state.stage == CollisionStage::Done);
counts_steps!(ImportJobs, |state| state.is_done());
counts_steps!(Verification, |state| state.stage == VerificationStage::Done);

impl Checkpoint for ForecastCheckpoint {
    fn step(&self) -> u64 {
        Self::step(self)
    }

    /// Each page and each group is a step, so there is nothing to count.
    fn count_step(&mut self) {}

    fn is_done(&self) -> bool {
        self.is_complete()
    }
}

/// The key of a checkpoint.
#[derive(Debug, Clone)]
pub struct CheckpointKey<T> {
    key: Key,
    of: PhantomData<fn() -> T>,
}

impl<T> CheckpointKey<T> {
    fn at(key: Key) -> Self {
        Self { key, of: PhantomData }
    }

    /// The key of the item, for messages.
    pub fn item(&self) -> &Key {
        &self.key
    }
}

impl CheckpointKey<SelectionCheckpoint> {
    pub fn selection_scan(restore: &RunId) -> Self {
        Self::at(keys::selection_scan(restore))
    }
}

impl CheckpointKey<CollisionCheckpoint> {
    pub fn collisions(restore: &RunId) -> Self {
        Self::at(keys::collisions(restore))
    }
}

impl CheckpointKey<ForecastCheckpoint> {
    pub fn forecast(restore: &RunId) -> Self {
        Self::at(keys::forecast(restore))
    }
}

impl CheckpointKey<ListingCheckpoint> {
    pub fn target_scan(restore: &RunId) -> Self {
        Self::at(keys::target_scan(restore))
    }

    pub fn member_scan(restore: &RunId, unit: &UnitId) -> Self {
        Self::at(keys::member_scan(restore, unit))
    }
}

impl CheckpointKey<ListingCheck> {
    pub fn listing_check(snapshot: &RunId, question: ListingQuestion, attempts: u32) -> Self {
        Self::at(keys::listing_check(snapshot, question, attempts))
    }
}

impl CheckpointKey<Renewal> {
    pub fn renewal(restore: &RunId) -> Self {
        Self::at(keys::renewal(restore))
    }
}

impl CheckpointKey<ImportJobs> {
    pub fn import_jobs(restore: &RunId) -> Self {
        Self::at(keys::import_jobs(restore))
    }
}

impl CheckpointKey<Verification> {
    pub fn verification(restore: &RunId, pass: u32) -> Self {
        Self::at(keys::verification(restore, pass))
    }
}

/// Paged work that any invocation can continue.
pub trait PagedWork: Send {
    type State: Checkpoint;

    fn page(&mut self, state: Self::State) -> impl Future<Output = Result<Self::State>> + Send;

    /// Whether the invocation has time for the page after `state`. The first page needs no answer.
    /// Otherwise an invocation that is too short for any page would never end the work.
    fn has_time(&self, state: &Self::State) -> bool;

    /// Whether a checkpoint is due after this many pages.
    fn is_due(&self, pages: u32) -> bool;

    /// Writes what the checkpoint of `state` relies on.
    fn before_checkpoint(&mut self, _state: &Self::State) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Receives the checkpoint that is in the table now.
    fn after_checkpoint(&mut self, _state: &Self::State) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }
}

impl<V: ReadVault> Catalog<V> {
    /// Reads a checkpoint. None before the first one.
    pub async fn checkpoint<T: Checkpoint>(&self, key: &CheckpointKey<T>) -> Result<Option<T>> {
        self.read(&key.key).await
    }
}

impl<V: Vault> Catalog<V> {
    /// Replaces the checkpoint at step `from` with `next`, or creates it. Returns the checkpoint that is in
    /// the table now. That is not `next` if another invocation continued from `from` first.
    pub async fn put_checkpoint<T: Checkpoint>(
        &self,
        key: &CheckpointKey<T>,
        from: u64,
        next: &T,
    ) -> Result<T> {
        if from == 0 && self.create(&key.key, next).await? {
            return Ok(next.clone());
        }
        loop {
            let continues = |stored: &mut T| {
                let continues = stored.step() == from;
                if continues {
                    *stored = next.clone();
                }
                Ok(continues)
            };
            if let Some(stored) = self.change(&key.key, continues).await? {
                return Ok(stored);
            }
            if self.create(&key.key, next).await? {
                return Ok(next.clone());
            }
        }
    }

    /// Works page by page, until the work is done or the time is spent. Writes a checkpoint if one is due,
    /// and one at the end. Returns the last state, or none if work is left.
    pub async fn work_through<W: PagedWork>(
        &self,
        key: &CheckpointKey<W::State>,
        mut state: W::State,
        work: &mut W,
    ) -> Result<Option<W::State>> {
        let (mut from, mut pages, mut is_first) = (state.step(), 0, true);
        loop {
            let is_out_of_time = !is_first && !work.has_time(&state);
            if pages > 0 && (state.is_done() || is_out_of_time || work.is_due(pages)) {
                work.before_checkpoint(&state).await?;
                state.count_step();
                state = self.put_checkpoint(key, from, &state).await?;
                work.after_checkpoint(&state).await?;
                (from, pages) = (state.step(), 0);
            }
            if state.is_done() {
                return Ok(Some(state));
            }
            if is_out_of_time {
                return Ok(None);
            }
            state = work.page(state).await?;
            (pages, is_first) = (pages + 1, false);
        }
    }
}
