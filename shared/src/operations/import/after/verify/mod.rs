//! Verify: compares the target with the snapshot, in two stages.
//!
//! The first stage lists the target and compares every user ([`listing`]). The second one goes through the snapshot and looks up
//! each user that the listing did not show, because a listing may miss new users ([`missing`]).
//!
//! The first stage marks each user that it has seen, with two bits. Marks are written before the checkpoint that makes them
//! count. An invocation that continues from an older checkpoint marks the same users again, so every user counts once.

mod compare;
mod listing;
mod missing;
mod state;

use std::time::Duration;

use self::state::VerifyState;
use crate::Result;
use crate::model::{Category, VerificationStage};
use crate::operations::import::context::Context;
use crate::operations::import::phase::PhaseEnd;
use crate::ports::Backend;

/// The most entries of a page.
const PAGE_SIZE: u32 = 60;

/// Verifies what this pass has restored.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let mut state = VerifyState::read(context).await?;
    let mut is_first = true;
    while state.stage() != VerificationStage::Done {
        // The first page is tried even if the time may not suffice, or a short invocation would never progress.
        let has_time = is_first || context.budget.leaves(time_of_page(context, state.stage()));
        if context.budget.is_spent() || !has_time {
            state.checkpoint(context).await?;
            let is_done = state.stage() == VerificationStage::Done;
            return Ok(if is_done { PhaseEnd::Done } else { PhaseEnd::OutOfTime });
        }
        is_first = false;
        let stage = state.stage();
        match stage {
            VerificationStage::Listing => listing::compare_page(context, &mut state).await?,
            VerificationStage::Missing | VerificationStage::Done => missing::look_up_page(context, &mut state).await?,
        }
        state.pages += 1;
        // The second stage reads the marks of the first one, so they are written before it begins.
        if state.is_checkpoint_due() || state.stage() != stage {
            state.checkpoint(context).await?;
        }
    }
    Ok(PhaseEnd::Done)
}

/// How long a page takes at most. In the second stage, each user of it may be looked up.
fn time_of_page<B: Backend>(context: &Context<B>, stage: VerificationStage) -> Duration {
    let calls = if stage == VerificationStage::Missing { PAGE_SIZE } else { 0 };
    Duration::from_secs(1) * calls / context.ceilings.rate(Category::UserRead, context.tps)
}
