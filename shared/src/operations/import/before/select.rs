//! Select: finds the users that the selection names, before the import touches the target.
//!
//! First the phase writes the members of the selection's groups to the table. Then it looks at
//! every user. No list of members has to fit into memory.

use crate::catalog::{CheckpointKey, PagedWork};
use crate::format::plural;
use crate::model::{
    FilterList, FilterPlaces, GroupMatch, GroupName, Listing, Pages, Restore, Selection, SelectionCheckpoint,
    Sub, Unit, UserFilter,
};
use crate::operations::import::context::{Context, Mode};
use crate::operations::import::phase::PhaseEnd;
use crate::operations::import::selected_users;
use crate::ports::Backend;
use crate::{Error, ErrorKind, Guidance, Result};

/// Pages between two checkpoints.
const CHECKPOINT_EVERY: u32 = 50;

/// Finds the selected users.
///
/// # Errors
/// `SelectionEmpty` if the selection matches no user, or if an exception does: the import would restore the user that
/// the operator meant. `SnapshotDamaged` if the records of all selected users cannot be read, unless this is a plan. Also
/// if members of an excepted group cannot be read: the import would restore them.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { catalog, restore, .. } = context;
    let Some(selection) = &context.selection else { return Ok(PhaseEnd::Done) };
    let key = CheckpointKey::selection_scan(&restore.id);
    let state = catalog.checkpoint(&key).await?.unwrap_or_default();
    let units = if state.done { Vec::new() } else { catalog.units(&restore.snapshot).await? };
    let exceptions = selection.except.as_ref().map(UserFilter::places).unwrap_or_default();
    let names = selection.select.as_ref().map(UserFilter::places).unwrap_or_default();
    let mut scan = SelectionScan { context, groups: selection.groups(), names, exceptions, units };
    let Some(state) = catalog.work_through(&key, state, &mut scan).await? else {
        return Ok(PhaseEnd::OutOfTime);
    };
    let unmatched = scan.exceptions.others(|place| state.is_excepted(place));
    if !unmatched.is_empty() {
        let what = format!("Exceptions match nothing in snapshot {}: {unmatched}.", restore.snapshot);
        return Err(matches_nothing(&what, unmatched.0.keys(), &state));
    }
    if state.selected > 0 || (state.damaged > 0 && context.mode == Mode::DryRun) {
        return Ok(PhaseEnd::Done);
    }
    if state.damaged > 0 {
        return Err(damaged(restore, "the records of all selected users are missing or altered"));
    }
    if selection.except.is_some() && state.unreadable == 0 && matches_something(selection, &state) {
        let what = format!(
            "The selection leaves no user of snapshot {}: each user that it names is also an exception.",
            restore.snapshot
        );
        return Err(Error::new(
            ErrorKind::SelectionEmpty,
            what,
            "Select other users, or take exceptions away.",
        ));
    }
    let what = format!("The selection names no user of snapshot {}.", restore.snapshot);
    let lists = selection.select.as_ref().map(UserFilter::lists).unwrap_or_default();
    Err(matches_nothing(&what, &lists, &state))
}

/// Whether a name that selects matches a user or a group. Without such names, the selection begins with all users.
fn matches_something(selection: &Selection, state: &SelectionCheckpoint) -> bool {
    selection.select.is_none() || state.matched.iter().any(|places| *places != 0)
}

/// The refusal of names of these lists that match nothing. They may be those of users that cannot be read.
fn matches_nothing<'a>(
    what: &str,
    lists: impl IntoIterator<Item = &'a FilterList>,
    state: &SelectionCheckpoint,
) -> Error {
    let mut guidance: Vec<_> = lists.into_iter().map(|list| Guidance::CheckSelection(*list)).collect();
    if state.unreadable == 0 {
        return Error::new(ErrorKind::SelectionEmpty, what, Guidance::All(guidance));
    }
    let unreadable = plural(state.unreadable, "page or record of users is", "pages or records of users are");
    let what = format!("{what} {unreadable} missing or altered, and may have the names.");
    guidance.push(Guidance::UseAnotherSnapshot);
    Error::new(ErrorKind::SelectionEmpty, what, Guidance::All(guidance))
}

/// The search for selected users.
struct SelectionScan<'a, B: Backend> {
    context: &'a Context<B>,
    /// The groups of the selection, and what it means to be a member.
    groups: Vec<(&'a str, GroupMatch)>,
    names: FilterPlaces<'a>,
    exceptions: FilterPlaces<'a>,
    units: Vec<Unit>,
}

impl<B: Backend> PagedWork for SelectionScan<'_, B> {
    type State = SelectionCheckpoint;

    /// Looks at the next page. The members of the groups come first, the users last.
    async fn page(&mut self, mut state: SelectionCheckpoint) -> Result<SelectionCheckpoint> {
        let group = self.groups.get(state.group);
        let pages = match group {
            // A group that the snapshot lacks has no pages.
            Some((group, _)) => {
                let listing = Listing::Members { group: GroupName::new(*group) };
                let unit = self.units.iter().find(|unit| unit.listing == listing);
                state.note_excepted(unit.and_then(|_| self.exceptions.of_group(group)));
                state.note_matched(unit.and_then(|_| self.names.of_group(group)));
                unit.map(Pages::of).unwrap_or_default()
            }
            None => Pages::of_users(&self.units),
        };
        if state.next_page > pages.count() {
            state.done = group.is_none();
            if state.done {
                state.unmatched = self.names.others(|place| state.is_matched(place));
            }
            (state.group, state.next_page) = (state.group + 1, 1);
            return Ok(state);
        }
        match group {
            Some((_, meaning)) => put_members(self.context, &pages, state.next_page, *meaning).await?,
            None => match selected_users::all_of_page(self.context, &pages, state.next_page).await? {
                Some(users) => users.iter().for_each(|(user, is_selected)| {
                    let record = user.record.as_ref().ok();
                    state.note_excepted(self.exceptions.of_user(&user.sub, record));
                    state.note_matched(self.names.of_user(&user.sub, record));
                    match is_selected {
                        Some(true) if record.is_some() => state.selected += 1,
                        Some(true) => state.damaged += 1,
                        Some(false) => {}
                        None => state.unreadable += 1,
                    }
                }),
                None => state.unreadable += 1,
            },
        }
        state.next_page += 1;
        Ok(state)
    }

    fn has_time(&self, _: &SelectionCheckpoint) -> bool {
        !self.context.budget.is_spent()
    }

    fn is_due(&self, pages: u32) -> bool {
        pages >= CHECKPOINT_EVERY
    }
}

/// Writes the members on a page of a group to the table.
async fn put_members<B: Backend>(
    context: &Context<B>,
    pages: &Pages,
    number: u64,
    meaning: GroupMatch,
) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    let content = catalog.page_of(&restore.snapshot, pages, number).await?.1;
    if content.is_none() && meaning.except {
        return Err(damaged(restore, "a page of members of an excepted group is missing or altered"));
    }
    let content = content.unwrap_or_default();
    let members: Vec<_> = content.0.into_iter().map(|entry| Sub::new(entry.key)).collect();
    catalog.put_in_groups(&restore.id, &members, meaning).await
}

fn damaged(restore: &Restore, what: &str) -> Error {
    let snapshot = &restore.snapshot;
    Error::new(
        ErrorKind::SnapshotDamaged,
        format!("Snapshot {snapshot} cannot be restored with this selection: {what}."),
        Guidance::All(vec![Guidance::UseAnotherSnapshot, Guidance::RECOVER_ITEM]),
    )
}
