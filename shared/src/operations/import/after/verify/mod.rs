//! Verify: compares the target with the snapshot, in three stages.
//!
//! The first stage lists the target and compares every user ([`listing`]). It looks up each user
//! that differs, because a listing may show a change late. A listing may miss new users. So the
//! second stage goes through the snapshot and looks up each user that the listing did
//! not show ([`missing`]). If the ledger took users back, the third stage takes their memberships back
//! ([`memberships`]).
//!
//! The first stage marks each user that it has seen, with two bits ([`marks`]). Marks are written
//! before the checkpoint that makes them count. An invocation that continues from an older
//! checkpoint marks the same users again, so every user counts once.

mod compare;
mod listing;
mod marks;
mod memberships;
mod missing;

use std::time::Duration;

use self::marks::Marks;
use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{Category, Method, PAGE_SIZE, RestoreUnit, Verification, VerificationStage};
use crate::operations::import::context::Context;
use crate::operations::import::phase::PhaseEnd;
use crate::ports::Backend;

/// Pages between two checkpoints: `PAGES_PER_CHUNK × chunks`, within the two bounds.
///
/// A checkpoint writes every chunk of marks that changed, of up to 18 KB each. The target is listed
/// in another order than the snapshot, so in a large pool every page changes many chunks.
const PAGES_PER_CHUNK: usize = 6;
const MIN_PAGES: usize = 50;
/// With more pages, the operator would see no progress for too long.
const MAX_PAGES: usize = 600;

/// Verifies what this pass has restored.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { catalog, restore, .. } = context;
    let key = CheckpointKey::verification(&restore.id, restore.pass);
    let first = || Verification { attempt: 1, next_page: 1, ..Verification::default() };
    let state = catalog.checkpoint(&key).await?.unwrap_or_else(first);
    let has_users_of_jobs = match restore.options.method {
        Method::Api => false,
        Method::Csv => catalog.import_jobs(&restore.id).await?.is_some_and(|jobs| jobs.settled > 0),
    };
    let mut verifier =
        Verifier { context, has_users_of_jobs, units: None, marks: Marks::default(), is_stage_ended: false };
    Ok(PhaseEnd::of(catalog.work_through(&key, state, &mut verifier).await?))
}

struct Verifier<'a, B: Backend> {
    context: &'a Context<B>,
    /// Whether import jobs may have created users that no call has shown yet.
    has_users_of_jobs: bool,
    /// The units of the restore. Read once in an invocation: there may be 10,000.
    units: Option<Vec<RestoreUnit>>,
    marks: Marks,
    /// Whether the last page ended a stage.
    is_stage_ended: bool,
}

async fn units<'a, B: Backend>(
    Context { catalog, restore, .. }: &Context<B>,
    units: &'a mut Option<Vec<RestoreUnit>>,
) -> Result<&'a [RestoreUnit]> {
    if units.is_none() {
        *units = Some(catalog.restore_units(&restore.id).await?);
    }
    Ok(units.as_deref().unwrap_or_default())
}

impl<B: Backend> PagedWork for Verifier<'_, B> {
    type State = Verification;

    async fn page(&mut self, state: Verification) -> Result<Verification> {
        let stage = state.stage;
        let state = match stage {
            VerificationStage::Listing => {
                listing::compare_page(self.context, &mut self.marks, self.has_users_of_jobs, state).await?
            }
            VerificationStage::Missing => {
                let units = units(self.context, &mut self.units).await?;
                missing::look_up_page(self.context, units, &mut self.marks, state).await?
            }
            VerificationStage::Memberships | VerificationStage::Done => {
                let units = units(self.context, &mut self.units).await?;
                memberships::take_back_page(self.context, units, state).await?
            }
        };
        self.is_stage_ended = state.stage != stage;
        Ok(state)
    }

    /// Whether the longest page would end in time: the invocation may look up every user of a page.
    fn has_time(&self, _: &Verification) -> bool {
        let Context { ceilings, tps, budget, .. } = self.context;
        budget.leaves(Duration::from_secs(1) * PAGE_SIZE / ceilings.rate(Category::UserRead, *tps))
    }

    /// The second stage reads the marks of the first one. So the invocation writes them before the
    /// second stage begins.
    fn is_due(&self, pages: u32) -> bool {
        let pages_due = (self.marks.chunks() * PAGES_PER_CHUNK).clamp(MIN_PAGES, MAX_PAGES);
        self.is_stage_ended || pages as usize >= pages_due
    }

    async fn before_checkpoint(&mut self, state: &Verification) -> Result<()> {
        self.marks.write(self.context, state.attempt).await
    }

    async fn after_checkpoint(&mut self, state: &Verification) -> Result<()> {
        self.marks.clear();
        self.is_stage_ended = false;
        let Context { catalog, restore, .. } = self.context;
        let pages = state.pages_done();
        catalog
            .change_restore(&restore.target, &restore.id, |restore| restore.verified_pages = pages)
            .await
            .map(drop)
    }
}
