//! Import: restores the next part of a snapshot, phase by phase.
//!
//! An invocation runs the phases in their order, until a phase runs out of time or has to wait.
//! Each phase keeps its checkpoint in the table and leaves its results there for the next one. A
//! phase that has ended costs one or two reads.
//!
//! An invocation may die between any two calls. The next invocation finds its changes in the
//! target, so every entry can be restored twice with the same result. The ledger decides which
//! entries are still open.
//!
//! | folder or file | what |
//! |---|---|
//! | `before/` | everything up to the first change of an entry, and the preflight that `enumerate` makes |
//! | `jobs/` | CSV import jobs |
//! | `entries/` | groups, users and memberships, by calls |
//! | `after/` | the verification |
//! | [`renewal`] | keeps the items of a long restore from expiring |
//! | [`context`] | what the phases share |
//! | [`phase`] | how a phase ends |
//! | [`selected_users`] | the selected users of a page |
//! | [`intent`] | what the restore does with a user |
//! | [`encounter`] | which user the target has for it, and what the restore does with that one |
//! | [`creation_time`] | whether the restore created a user or group |

mod after;
mod before;
mod context;
mod creation_time;
mod encounter;
mod entries;
mod intent;
mod jobs;
mod phase;
mod renewal;
mod selected_users;

use serde_json::Value;

pub use self::before::forecast::{check_roles as check_group_roles, plan_report};
pub use self::before::preflight::{EarlierRestore, Preflight, RestoreStart, check_shrunk};

use self::after::verify;
use self::before::{collisions, declare, forecast, select, target_scan};
use self::context::Context;
use self::phase::PhaseEnd;
use super::event;
use super::patience::of_import;
use super::run::{end_calls, is_work_left};
use crate::Result;
use crate::model::Progress;
use crate::pacing::Budget;
use crate::ports::Backend;

/// The phases of an import, in their order.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Renews the items of a restore that is at work for long.
    Renew,
    /// Finds the users that the selection names.
    Select,
    /// Finds the users whose names are equal in the target.
    FindCollisions,
    /// Counts what the restore will do with each user. If the import would lose users, this phase
    /// ends it.
    Forecast,
    /// Declares the custom attributes that the target lacks.
    Declare,
    /// Lists the users that the target has before the restore writes to it.
    ScanTarget,
    /// Creates users by CSV import jobs.
    Jobs,
    /// Restores the open entries of the ledger by calls.
    Entries,
    /// Compares the target with the snapshot.
    Verify,
}

impl Phase {
    const OF_DRY_RUN: &[Self] = &[Self::Select, Self::FindCollisions, Self::Forecast];
    const OF_IMPORT: &[Self] = &[
        Self::Renew,
        Self::Select,
        Self::FindCollisions,
        Self::Forecast,
        Self::Declare,
        Self::ScanTarget,
        Self::Jobs,
        Self::Entries,
        Self::Verify,
    ];

    async fn run<B: Backend>(self, context: &Context<B>) -> Result<PhaseEnd> {
        match self {
            Self::Renew => renewal::run(context).await,
            Self::Select => select::run(context).await,
            Self::FindCollisions => collisions::run(context).await,
            Self::Forecast => forecast::run(context).await,
            Self::Declare => declare::run(context).await,
            Self::ScanTarget => target_scan::run(context).await,
            Self::Jobs => jobs::run(context).await,
            Self::Entries => entries::run(context).await,
            Self::Verify => verify::run(context).await,
        }
    }
}

/// Runs the phases until one of them does not end.
async fn run_phases<B: Backend>(context: &Context<B>, dry_run: bool) -> Result<PhaseEnd> {
    for phase in if dry_run { Phase::OF_DRY_RUN } else { Phase::OF_IMPORT } {
        // On the heap: the stack of a thread holds no future of all phases.
        let end = Box::pin(phase.run(context)).await?;
        if end != PhaseEnd::Done {
            return Ok(end);
        }
    }
    Ok(PhaseEnd::Done)
}

/// Restores the next part of a snapshot. A dry run only makes the next part of its forecast.
pub async fn import_pages<B: Backend>(backend: &B, event: Value, budget: Budget) -> Result<Progress> {
    let progress: Progress = event::read("import-page", event)?;
    let Some(context) = Context::open(backend, &progress, budget).await? else {
        return Ok(Progress { more: false, wait_seconds: None, ..progress });
    };
    let worked = run_phases(&context, progress.dry_run).await;
    end_calls(&context.lease).await;
    let end = match worked {
        Ok(end) => end,
        Err(error) => {
            let denied = |error| of_import(backend, &progress, context.restore.target_pool(), error);
            is_work_left(Err(error), &context.pool).map_err(denied)?;
            PhaseEnd::OutOfTime
        }
    };
    let (more, wait_seconds) = (end != PhaseEnd::Done, end.wait_seconds());
    let calls = context.pool.limiter().stats().await;
    let (total, peak, throttled) = (calls.total, calls.peak_per_second, calls.throttled);
    tracing::info!(run = %progress.run_id, calls = total, peak, throttled, more, "import pages restored");
    let lease_generation = Some(context.lease.generation());
    Ok(Progress { more, wait_seconds, calls, lease_generation, ..progress })
}
