//! Target scan: lists the users that the target has before the restore writes to it.
//!
//! So the restore need not look them up one by one. A look-up makes a user count as active in that
//! month. A listing does not.
//!
//! In the own pool a `sub` tells more than a name. There the scan writes the users of the snapshot
//! to the table first. It matches only users by name whose `sub` is not in the snapshot.

use std::borrow::Cow;
use std::collections::HashMap;

use futures::{StreamExt, TryStreamExt, stream};

use crate::Result;
use crate::catalog::{CheckpointKey, PagedWork};
use crate::identity::names_of_target_user;
use crate::model::{
    Existing, Listing, ListingCheckpoint, Pages, Restore, ScannedUser, ScannedValues, Sub, User,
};
use crate::operations::import::context::Context;
use crate::operations::import::phase::PhaseEnd;
use crate::ports::Backend;
use crate::ports::pool::Pool;

/// Pages between two checkpoints: of the target, or [`NOTED_AT_ONCE`] times as many of the
/// snapshot.
const CHECKPOINT_EVERY: u32 = 20;
/// Pages of the snapshot that are written to the table at once.
const NOTED_AT_ONCE: u64 = 8;

/// Scans the target. If the restore may only begin in an empty target, there is nothing to scan.
pub async fn run<B: Backend>(context: &Context<B>) -> Result<PhaseEnd> {
    let Context { catalog, restore, .. } = context;
    if restore.options.existing == Existing::Fail {
        return Ok(PhaseEnd::Done);
    }
    let key = CheckpointKey::target_scan(&restore.id);
    let state = catalog.checkpoint(&key).await?.unwrap_or_default();
    let mut snapshot_users = Pages::default();
    if restore.target_pool().has_snapshot_subs() && !state.position.ended {
        snapshot_users = context.forecast().await?.users;
    }
    let mut scan = TargetScan { context, snapshot_users };
    Ok(PhaseEnd::of(catalog.work_through(&key, state, &mut scan).await?))
}

struct TargetScan<'a, B: Backend> {
    context: &'a Context<B>,
    /// The pages of the snapshot's users, if the target is their own pool.
    snapshot_users: Pages,
}

impl<B: Backend> PagedWork for TargetScan<'_, B> {
    type State = ListingCheckpoint;

    async fn page(&mut self, state: ListingCheckpoint) -> Result<ListingCheckpoint> {
        if state.noted < self.snapshot_users.count() {
            note_snapshot_pages(self.context, &self.snapshot_users, state).await
        } else {
            scan_page(self.context, state).await
        }
    }

    fn has_time(&self, _: &ListingCheckpoint) -> bool {
        !self.context.budget.is_spent()
    }

    fn is_due(&self, pages: u32) -> bool {
        pages >= CHECKPOINT_EVERY
    }
}

/// Writes to the table which users the snapshot has. A user on a damaged page can only be matched
/// by name.
async fn note_snapshot_pages<B: Backend>(
    context: &Context<B>,
    users: &Pages,
    state: ListingCheckpoint,
) -> Result<ListingCheckpoint> {
    let Context { catalog, restore, .. } = context;
    let last = users.count().min(state.noted + NOTED_AT_ONCE);
    let note = |number| async move {
        let content = catalog.page_of(&restore.snapshot, users, number).await?.1.unwrap_or_default();
        let subs: Vec<_> = content.0.into_iter().map(|entry| Sub::new(entry.key)).collect();
        catalog.put_snapshot_subs(&restore.id, &subs).await
    };
    let notes = stream::iter(state.noted + 1..=last).map(note).buffer_unordered(NOTED_AT_ONCE as usize);
    notes.try_collect::<()>().await?;
    Ok(ListingCheckpoint { noted: last, ..state })
}

/// Lists one page of the target and writes its users to the table. A user that is listed twice is
/// written once.
async fn scan_page<B: Backend>(context: &Context<B>, state: ListingCheckpoint) -> Result<ListingCheckpoint> {
    let mut listing = context.resume_listing(Listing::Users.unit_id(), state.position);
    let answer = context.pool.list_users(listing.limit(), listing.token()).await;
    put_users(context, listing.advance(answer)?.into_entries()).await?;
    Ok(ListingCheckpoint { position: listing.into_position(), ..state })
}

/// Writes users of the target to the table: by `sub` in the own pool, and by name.
async fn put_users<B: Backend>(context: &Context<B>, users: Vec<User>) -> Result<()> {
    let Context { catalog, restore, .. } = context;
    // Users created after the restore began may be ours, so a late invocation must not count them
    // as existing. When the restore tries to create such a user, Cognito says that the name is
    // taken.
    let users: Vec<User> = users.into_iter().filter(|user| is_older(user, restore)).collect();
    let mut found_by_name: Vec<&User> = users.iter().collect();
    if restore.target_pool().has_snapshot_subs() {
        let subs: Vec<_> = users.iter().map(|user| user.sub.clone()).collect();
        let snapshot_subs = catalog.snapshot_subs(&restore.id, &subs).await?;
        let by_sub = users.iter().map(|user| (user.sub.clone(), scanned(user, restore))).collect();
        catalog.put_target_users_by_sub(&restore.id, &by_sub).await?;
        // Users of the snapshot are found by `sub`. Only the other users are found by name.
        found_by_name.retain(|user| !snapshot_subs.contains(&user.sub));
    }
    let names = |user: &User| names_of_target_user(&user.record, &restore.settings, restore.target_pool());
    let by_name = found_by_name
        .into_iter()
        .flat_map(|user| names(user).into_iter().map(move |name| (name, scanned(user, restore))));
    let by_name: HashMap<_, _> = by_name.collect();
    catalog.put_target_users_by_name(&restore.id, &by_name).await
}

fn is_older(user: &User, restore: &Restore) -> bool {
    user.record.created.is_none_or(|created| created.as_second() < restore.began().as_second())
}

fn scanned(user: &User, restore: &Restore) -> ScannedUser {
    let mut record = Cow::Borrowed(&user.record);
    let left_out = match restore.value_rules {
        Some(_) => restore.leave_out_values(record.to_mut()),
        None => Vec::new(),
    };
    ScannedUser {
        sub: user.sub.clone(),
        username: user.record.username.clone(),
        content: record.kept_digest(restore.options.old_sub_attribute.as_deref()),
        left_out,
        is_federated: user.record.is_federated(),
        values: (restore.options.existing == Existing::Update).then(|| ScannedValues::of(&user.record)),
    }
}
