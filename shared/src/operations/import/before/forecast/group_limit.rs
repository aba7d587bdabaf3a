//! Whether the target can hold the groups of the snapshot beside its own.

use std::collections::BTreeSet;

use crate::Result;
use crate::model::Listing;
use crate::operations::import::context::Context;
use crate::ports::Backend;
use crate::ports::pool::Pool;

/// The most groups of a pool. Source: "Quotas in Amazon Cognito", developer guide.
pub const MAX_GROUPS: u64 = 10_000;

/// By how many groups the target would exceed its limit.
pub async fn groups_too_many<B: Backend>(context: &Context<B>) -> Result<u64> {
    let mut names = names_in_snapshot(context).await?;
    if names.is_empty() {
        return Ok(0);
    }
    let mut listing = context.new_listing(Listing::Groups.unit_id());
    while !listing.has_ended() {
        let answer = context.pool.list_groups(listing.token()).await;
        let groups = listing.advance(answer)?.into_entries();
        names.extend(groups.into_iter().map(|group| group.name.to_string()));
    }
    Ok((names.len() as u64).saturating_sub(MAX_GROUPS))
}

async fn names_in_snapshot<B: Backend>(context: &Context<B>) -> Result<BTreeSet<String>> {
    let (catalog, snapshot) = (&context.catalog, &context.restore.snapshot);
    let mut names = BTreeSet::new();
    for unit in catalog.units(snapshot).await?.iter().filter(|unit| unit.listing == Listing::Groups) {
        for number in 1..=unit.pages {
            let (_, page) = catalog.page(snapshot, &unit.id(), unit.attempt, number).await?;
            names.extend(page.unwrap_or_default().0.into_iter().map(|entry| entry.key));
        }
    }
    Ok(names)
}
