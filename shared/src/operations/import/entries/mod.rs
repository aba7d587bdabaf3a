//! Entries: restores groups, users and memberships by calls, in this order.
//!
//! The ledger says which entries are open. A unit is a list of groups, of users or of the members
//! of one group.
//!
//! | file | what |
//! |---|---|
//! | [`unit`] | restores a unit, several pages at once |
//! | [`page`] | restores a page: reads it, restores its entries, writes sub map and ledger |
//! | [`groups`], [`users`], [`members`] | restore the entries of a page |
//! | [`snapshot_groups`] | where the snapshot names a group, and what became of it |
//! | [`member_scan`] | lists the members that a group of a pool in use has |
//! | [`user_groups`] | looks up the groups of selected users that the target had before |
//! | [`ahead`] | adds members while users are still being restored |
//! | [`workers`], [`concurrency`] | how many entries are restored at once |
//! | [`update`] | the difference of an existing user or group from the snapshot |
//! | [`refused_entry`] | what a refused call means for its entry |
//! | [`creations`] | whether this restore created an existing user or group |
//! | [`handled`] | the count of handled entries, written to the header every few seconds |
//! | [`in_flight`] | the users of this invocation |

mod ahead;
mod concurrency;
mod creations;
mod entry;
mod groups;
mod handled;
mod in_flight;
mod member_scan;
mod members;
mod page;
mod refused_entry;
mod snapshot_groups;
mod state;
mod unit;
mod update;
mod user_groups;
mod users;
mod workers;

use futures::future::join;
use futures::{StreamExt, TryStreamExt, stream};

pub use self::ahead::works_ahead;
pub use self::update::Difference;

use self::concurrency::UNITS_AT_ONCE;
use self::entry::WorkEnd;
use self::state::Entries;
use super::context::Context;
use super::phase::PhaseEnd;
use crate::Result;
use crate::model::{RecordKind, RestoreUnit};
use crate::ports::Backend;

/// Restores the open entries, kind by kind.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let entries = Entries::open(context).await?;
    let end = restore_open_units(&entries).await;
    // The next invocation continues this count, even if this one ends with an error.
    let written = entries.handled.write().await;
    end.and_then(|end| written.map(|()| end))
}

async fn restore_open_units<B: Backend>(entries: &Entries<'_, B>) -> Result<PhaseEnd> {
    while let Some(units) = open_units(entries.context).await? {
        if restore_units(entries, units).await? == WorkEnd::OutOfTime {
            return Ok(PhaseEnd::OutOfTime);
        }
    }
    Ok(PhaseEnd::Done)
}

/// The open units of the kind that is due, and those of later kinds.
struct OpenUnits {
    due: Vec<RestoreUnit>,
    later: Vec<RestoreUnit>,
}

async fn open_units<B: Backend>(context: &Context<B>) -> Result<Option<OpenUnits>> {
    let Context { catalog, restore, .. } = context;
    let units = catalog.restore_units(&restore.id).await?;
    let open: Vec<_> = units.into_iter().filter(|unit| unit.resume_at(restore.pass).is_some()).collect();
    let Some(due) = open.iter().map(|unit| unit.listing.import_phase()).min() else { return Ok(None) };
    let (due, later) = open.into_iter().partition(|unit| unit.listing.import_phase() == due);
    Ok(Some(OpenUnits { due, later }))
}

/// Restores the units that are due. If these are the users, members may be added ahead of their
/// turn.
async fn restore_units<B: Backend>(entries: &Entries<'_, B>, units: OpenUnits) -> Result<WorkEnd> {
    let OpenUnits { due, later } = units;
    let Context { restore, ceilings, tps, .. } = entries.context;
    let users = due.iter().find(|unit| unit.listing.kind() == RecordKind::User);
    let user_pages_done = users.and_then(|users| users.resume_at(restore.pass)).map(|next| next - 1);
    let due = async {
        let restored =
            stream::iter(due).map(|unit| unit::restore(entries, unit)).buffer_unordered(UNITS_AT_ONCE);
        let ended: Result<Vec<WorkEnd>> = restored.try_collect().await;
        if user_pages_done.is_some() {
            entries.workers.stop_ahead();
        }
        ended
    };
    let ahead = async {
        match user_pages_done.filter(|_| !later.is_empty() && works_ahead(restore, ceilings, *tps)) {
            Some(pages) => ahead::add_members(entries, later, pages).await,
            None => Ok(()),
        }
    };
    let (ended, ahead) = join(due, ahead).await;
    let ended = ended?;
    ahead?;
    Ok(if ended.contains(&WorkEnd::OutOfTime) { WorkEnd::OutOfTime } else { WorkEnd::Done })
}
