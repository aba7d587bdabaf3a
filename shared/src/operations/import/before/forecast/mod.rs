//! Forecast: counts what the restore will do with each user, before anything is written to the target.
//!
//! A dry run ends here. Any other import is refused here if the settings of the target would lose users or groups.

mod counter;
mod group_limit;
mod refusal;
mod report;

use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

pub use self::refusal::refusal;
pub use self::report::plan_report;

use self::counter::{ForecastCounter, ForecastPage};
use super::target_scan;
use crate::Result;
use crate::identity::UserMatcher;
use crate::model::ForecastCheckpoint;
use crate::operations::import::context::{Context, Mode};
use crate::operations::import::phase::PhaseEnd;
use crate::operations::import::selected_users;
use crate::ports::Backend;

/// Pages between two checkpoints.
const CHECKPOINT_EVERY: u64 = 64;
/// Pages read at once.
const READS_AT_ONCE: usize = 8;

/// Makes the forecast.
///
/// # Errors
/// `UsersNotAccepted` if the target would lose users or groups and the input does not accept losses. A dry run reports that.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let mut forecast = context.forecast().await?;
    if !forecast.is_complete() {
        // Most users of the own pool exist. The scan shows them, so that the forecast counts them as existing.
        if context.restore.is_repair() && target_scan::run(context).await? != PhaseEnd::Done {
            return Ok(PhaseEnd::OutOfTime);
        }
        forecast = count_pages(context, forecast).await?;
    }
    if !forecast.is_complete() {
        return Ok(PhaseEnd::OutOfTime);
    }
    match refusal(&forecast) {
        Some(refusal) if context.mode == Mode::Import => Err(refusal),
        _ => Ok(PhaseEnd::Done),
    }
}

/// Counts the users on the next pages, until the time is spent or no page is left.
async fn count_pages<B: Backend>(context: &Context<B>, mut state: ForecastCheckpoint) -> Result<ForecastCheckpoint> {
    let matcher = context.user_matcher();
    if state.next_page == 1 && context.selection.is_none() {
        state.forecast.groups_too_many = group_limit::groups_too_many(context).await?;
    }
    let counter = ForecastCounter::new(context, &mut state.forecast).await?;
    while !state.is_complete() {
        let first = state.next_page;
        let last = state.users.count().min(first + CHECKPOINT_EVERY - 1);
        let read = |number| read_page(context, &matcher, &state, number);
        let pages: Vec<_> = stream::iter(first..=last).map(read).buffered(READS_AT_ONCE).try_collect().await?;
        pages.into_iter().for_each(|page| counter.count(page, &mut state.forecast));
        state.next_page = last + 1;
        state = context.catalog.put_outlook(first, &state).await?;
        if context.budget.is_spent() {
            break;
        }
    }
    Ok(state)
}

/// Reads a page of users and finds those that the own pool has; none if the page is damaged.
async fn read_page<B: Backend>(
    context: &Context<B>,
    matcher: &UserMatcher<'_, B::Vault>,
    state: &ForecastCheckpoint,
    number: u64,
) -> Result<Option<ForecastPage>> {
    let Some(users) = selected_users::of_page(context, &state.users, number).await? else { return Ok(None) };
    let in_target =
        if context.restore.is_repair() { matcher.shown(&selected_users::readable(&users)).await? } else { HashMap::new() };
    Ok(Some(ForecastPage { users, in_target }))
}
