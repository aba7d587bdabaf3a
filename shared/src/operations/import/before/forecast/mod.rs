//! Forecast: counts what the restore will do with each user, before anything is written to the
//! target.
//!
//! A dry run ends here. Any other import is refused here if the settings of the target would lose
//! users or groups.

mod counter;
mod groups;
mod members;
mod refusal;
mod report;

use std::pin::pin;

use futures::{StreamExt, TryStreamExt, stream};

pub use self::groups::check_roles;
pub use self::refusal::refusal;
pub use self::report::plan_report;

use self::counter::{ForecastCounter, ForecastPage};
use super::{collisions, target_scan};
use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::model::{Existing, ForecastCheckpoint, PAGE_SIZE, Pages};
use crate::operations::import::context::{Context, Mode};
use crate::operations::import::phase::PhaseEnd;
use crate::operations::import::selected_users;
use crate::pacing::{InFlightBytes, InFlightPiece};
use crate::ports::Backend;

/// Pages counted at once, between two checkpoints.
const PAGES_AT_ONCE: u64 = 64;
/// Pages read at once.
const READS_AT_ONCE: usize = 8;
/// The most bytes of users that are read and not counted yet.
const MAX_IN_FLIGHT: usize = 16 * 1024 * 1024;

/// Makes the forecast.
///
/// # Errors
/// `UsersNotAccepted` if the target would lose users or groups, and the input does not accept
/// losses. A dry run reports the loss instead.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let mut forecast = context.forecast().await?;
    if !forecast.is_complete() {
        // A target in use may have users of the snapshot. The scan finds them, so that the forecast
        // counts them as existing.
        if target_scan::run(context).await? != PhaseEnd::Done {
            return Ok(PhaseEnd::OutOfTime);
        }
        let mut work = ForecastWork::new(context, &mut forecast).await?;
        let key = CheckpointKey::forecast(&context.restore.id);
        match context.catalog.work_through(&key, forecast, &mut work).await? {
            Some(complete) => forecast = complete,
            None => return Ok(PhaseEnd::OutOfTime),
        }
    }
    match refusal(&forecast) {
        Some(refusal) if context.mode == Mode::Import => Err(refusal),
        _ => Ok(PhaseEnd::Done),
    }
}

struct ForecastWork<'a, B: Backend> {
    context: &'a Context<B>,
    counter: ForecastCounter<'a>,
    in_flight: InFlightBytes,
}

impl<'a, B: Backend> ForecastWork<'a, B> {
    async fn new(context: &'a Context<B>, state: &mut ForecastCheckpoint) -> Result<Self> {
        if state.step() == 1 {
            groups::count(context, &mut state.forecast).await?;
        }
        if context.restore.options.existing != Existing::Fail {
            state.forecast.existing.get_or_insert_default();
        }
        let counter = ForecastCounter::new(context, &mut state.forecast).await?;
        Ok(Self { context, counter, in_flight: InFlightBytes::new(MAX_IN_FLIGHT) })
    }
}

impl<B: Backend> PagedWork for ForecastWork<'_, B> {
    type State = ForecastCheckpoint;

    async fn page(&mut self, mut state: ForecastCheckpoint) -> Result<ForecastCheckpoint> {
        if state.has_counted_users() {
            return members::read(self.context, state).await;
        }
        let last = state.users.count().min(state.next_page + PAGES_AT_ONCE - 1);
        {
            let (users, in_flight) = (&state.users, &self.in_flight);
            let read = |number| read_page(self.context, users, number, in_flight);
            let mut pages = pin!(stream::iter(state.next_page..=last).map(read).buffered(READS_AT_ONCE));
            while let Some((page, _in_flight)) = pages.try_next().await? {
                self.counter.count(page, &mut state.forecast);
            }
        }
        state.next_page = last.max(1) + 1;
        Ok(state)
    }

    fn has_time(&self, _: &ForecastCheckpoint) -> bool {
        !self.context.budget.is_spent()
    }

    fn is_due(&self, _: u32) -> bool {
        true
    }
}

/// Reads a page of users and finds those that the target has. None if the page is damaged.
async fn read_page<'a, B: Backend>(
    context: &Context<B>,
    pages: &Pages,
    number: u64,
    in_flight: &'a InFlightBytes,
) -> Result<(Option<ForecastPage>, InFlightPiece<'a>)> {
    // Pages are read in their order, so the page that is counted next always has its memory.
    let mut piece = in_flight.begin(PAGE_SIZE as usize).await;
    let Some(users) = selected_users::of_page(context, pages, number).await? else {
        return Ok((None, piece));
    };
    let readable = selected_users::readable(&users);
    piece.has(readable.len(), readable.iter().map(|(_, record)| record.bytes()).sum());
    let in_target = context.user_matcher().in_target(&readable).await?;
    let collisions = collisions::among(context, &readable).await?;
    Ok((Some(ForecastPage { users, in_target, collisions }), piece))
}
