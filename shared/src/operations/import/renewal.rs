//! Renewal: keeps the items of a restore from expiring while an import works on it.
//!
//! The items of a restore expire 90 days after they were written, and its header a day earlier. An import
//! that is at work after 45 days renews all items first, and the header last. It also does so if it keeps the
//! sub map for another time than the import before. If the header expires meanwhile, the restore is absent,
//! and the run ends.

use super::context::Context;
use super::phase::PhaseEnd;
use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{ExpiresAt, Renewal};
use crate::ports::Backend;

/// Queries between two checkpoints. Each renews up to 1,000 items.
const CHECKPOINT_EVERY: u32 = 5;

/// Renews the items of the restore, if that is due.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { catalog, restore, clock, .. } = context;
    let now = clock.now();
    if !restore.expires_at.is_renewal_due(now) && !restore.retention_changed {
        return Ok(PhaseEnd::Done);
    }
    let key = CheckpointKey::renewal(&restore.id);
    let sub_map_retention = restore.sub_map_retention;
    // After an earlier renewal, the items are as old as the header says.
    let is_due_one = |begun: &Renewal| {
        begun.sub_map_retention == sub_map_retention && ExpiresAt::of_header(begun.since) > restore.expires_at
    };
    let begun = catalog.checkpoint(&key).await?;
    let step = begun.as_ref().map_or(0, |begun| begun.step);
    let new = Renewal { step, since: now, after: None, sub_map_retention, done: false };
    let state = begun.filter(is_due_one).unwrap_or(new);
    let renewed = catalog.work_through(&key, state, &mut Renewing { context }).await?;
    if let Some(renewal) = &renewed {
        catalog.renew_header(restore, renewal.since).await?;
    }
    Ok(PhaseEnd::of(renewed))
}

struct Renewing<'a, B: Backend> {
    context: &'a Context<B>,
}

impl<B: Backend> PagedWork for Renewing<'_, B> {
    type State = Renewal;

    async fn page(&mut self, state: Renewal) -> Result<Renewal> {
        let Context { catalog, restore, .. } = self.context;
        let after = catalog.renew_items(restore, state.since, state.after).await?;
        Ok(Renewal { done: after.is_none(), after, ..state })
    }

    fn has_time(&self, _: &Renewal) -> bool {
        !self.context.budget.is_spent()
    }

    fn is_due(&self, pages: u32) -> bool {
        pages >= CHECKPOINT_EVERY
    }
}
