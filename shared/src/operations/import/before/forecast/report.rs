//! The report of a dry run: what the import would do, how many calls it would make, and the least
//! time that it would take.

use std::collections::BTreeMap;

use super::refusal::refusal;
use crate::catalog::Catalog;
use crate::model::{
    Category, Ceilings, Existing, ForecastCheckpoint, PAGE_SIZE, Progress, Restore, RunKind, Tps,
};
use crate::operations::import::entries::works_ahead;
use crate::operations::run::run_ended;
use crate::ports::vault::Vault;
use crate::report::{PlanReport, Planned};
use crate::{ErrorKind, Result};

pub async fn plan_report<V: Vault>(catalog: &Catalog<V>, progress: &Progress) -> Result<PlanReport> {
    let state = catalog.forecast(&progress.run_id).await?.ok_or_else(|| run_ended(progress))?;
    let (price, refusal) = (Price::of(&state), refusal(&state));
    let total_calls = price.total_calls();
    let least_seconds = price.least_seconds(&state.restore, &progress.ceilings, progress.tps);
    let snapshot = catalog.snapshot(&state.restore.source, &state.restore.snapshot).await?;
    let listing = snapshot.and_then(|snapshot| snapshot.listing);
    let unmatched_names = catalog.unmatched_names(&state.restore.id).await?;
    let summary = PlanReport::summary(
        &state,
        listing,
        progress.tps,
        total_calls,
        least_seconds,
        refusal.as_ref(),
        &unmatched_names,
    );
    let ForecastCheckpoint { restore, forecast, .. } = state;
    // The import is refused for this reason first.
    let is_shrunk = restore.shrunk.as_ref().is_some_and(|shrunk| !shrunk.accepted);
    Ok(PlanReport {
        operation: RunKind::Import,
        status: Planned::Planned,
        dry_run: true,
        more: false,
        snapshot_id: restore.snapshot,
        source_user_pool_id: restore.source,
        target_user_pool_id: restore.target,
        expected: restore.expected,
        listing,
        summary,
        damaged: forecast.damaged(),
        refusal: is_shrunk
            .then_some(ErrorKind::SnapshotShrunk)
            .or(refusal.map(|refusal| refusal.kind()))
            .map(|kind| kind.name().to_owned()),
        shrunk: restore.shrunk,
        unmatched_names,
        restore_at_work: restore.at_work,
        forecast,
        total_calls,
        least_seconds,
    })
}

/// The calls of an import, by category and by stage. The stages follow one another.
struct Price {
    listings: BTreeMap<Category, u64>,
    groups: BTreeMap<Category, u64>,
    users: BTreeMap<Category, u64>,
    members: BTreeMap<Category, u64>,
}

impl Price {
    fn of(state: &ForecastCheckpoint) -> Self {
        let ForecastCheckpoint { restore, forecast, .. } = state;
        let expected = restore.expected;
        let user_pages = expected.users.div_ceil(PAGE_SIZE.into());
        // An import into a target in use lists the users in its target scan and in its verification.
        // Any other import lists them only in the verification.
        let holds_most = restore.target_pool().holds_most_entries();
        let user_listings = if restore.options.existing == Existing::Fail { 1 } else { 2 };
        let listings = [(Category::UserPoolRead, 2), (Category::UserList, user_listings * user_pages)];
        let (mut groups, mut members) = (BTreeMap::new(), BTreeMap::new());
        // The listings of the members of each group.
        let member_listings = expected.groups + expected.memberships.div_ceil(PAGE_SIZE.into());
        if restore.selection.is_none() && holds_most {
            // The groups exist, so each group costs a refused creation and a look-up. The member
            // scan lists each group.
            groups.extend(
                [Category::UserPoolResourceUpdate, Category::UserPoolResourceRead]
                    .map(|of| (of, expected.groups)),
            );
            members.insert(Category::UserList, member_listings);
        } else if restore.selection.is_none() {
            groups.insert(Category::UserPoolResourceUpdate, expected.groups);
            members.insert(Category::UserUpdate, expected.memberships);
            if forecast.may_have_members() {
                members.insert(Category::UserList, member_listings);
            }
        }
        Self { listings: listings.into(), groups, users: forecast.user_calls.clone(), members }
    }

    fn total_calls(&self) -> u64 {
        self.stages().into_iter().flat_map(BTreeMap::values).sum()
    }

    /// The sum of the stages at the ceilings of the run, in seconds. Members that are added ahead
    /// of their turn count with the users.
    fn least_seconds(mut self, restore: &Restore, ceilings: &Ceilings, tps: Tps) -> u64 {
        if works_ahead(restore, ceilings, tps) {
            for (category, calls) in std::mem::take(&mut self.members) {
                *self.users.entry(category).or_default() += calls;
            }
        }
        let seconds: f64 = self.stages().into_iter().map(|calls| ceilings.seconds(calls, tps)).sum();
        // A rounding error of the sum must not add a second.
        (seconds - 1e-6).ceil() as u64
    }

    fn stages(&self) -> [&BTreeMap<Category, u64>; 4] {
        [&self.listings, &self.groups, &self.users, &self.members]
    }
}
