//! Memberships: a dry run reads their pages, because an import reads them only after it has created users.

use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::model::{ForecastCheckpoint, MembersRead, RecordKind, Unit};
use crate::operations::import::context::Context;
use crate::ports::Backend;

/// Groups that are read between two checkpoints.
const GROUPS_A_STEP: usize = 64;
/// Groups that are read at once. Of each, half a megabyte is in memory.
const GROUPS_AT_ONCE: usize = 8;

/// Reads the pages of the next groups, and counts those that are missing or altered.
pub async fn read<B: Backend>(
    context: &Context<B>,
    mut state: ForecastCheckpoint,
) -> Result<ForecastCheckpoint> {
    let Some(MembersRead { groups, .. }) = state.members else { return Ok(state) };
    let units = context.catalog.units(&context.restore.snapshot).await?;
    let is_wanted = |unit: &Unit| unit.listing.kind() == RecordKind::Membership && !unit.is_superseded();
    let mut due: Vec<Unit> = units.into_iter().filter(is_wanted).skip(groups as usize).collect();
    let is_done = due.len() <= GROUPS_A_STEP;
    due.truncate(GROUPS_A_STEP);
    let groups = groups + due.len() as u64;
    let damaged: Vec<u64> = stream::iter(due.into_iter().map(|unit| damaged_pages(context, unit)))
        .buffer_unordered(GROUPS_AT_ONCE)
        .try_collect()
        .await?;
    state.forecast.damaged_pages += damaged.iter().sum::<u64>();
    state.members = Some(MembersRead { groups, is_done });
    Ok(state)
}

/// The pages of a unit in batches that are missing or altered.
async fn damaged_pages<B: Backend>(context: &Context<B>, unit: Unit) -> Result<u64> {
    let mut batches = pin!(context.catalog.sealed_batches(&context.restore.snapshot, &unit));
    let mut sound = 0;
    while let Some(batch) = batches.try_next().await? {
        sound += batch.map_or(0, |batch| batch.pages.len() as u64);
    }
    Ok(unit.pages.saturating_sub(sound))
}
