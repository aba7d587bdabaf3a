//! Whether the target can hold the groups of the snapshot beside its own.

use std::collections::BTreeSet;

use crate::Result;
use crate::model::Listing;
use crate::operations::import::context::Context;
use crate::pacing::LISTING_ATTEMPTS;
use crate::ports::Backend;
use crate::ports::pool::{Pool, PoolErrorKind};

/// The most groups of a pool. Source: "Quotas in Amazon Cognito", developer guide.
pub const MAX_GROUPS: u64 = 10_000;

/// By how many groups the target would exceed its limit.
pub async fn groups_too_many<B: Backend>(context: &Context<B>) -> Result<u64> {
    let mut names = names_in_snapshot(context).await?;
    let (mut token, mut attempt) = (None::<String>, 1);
    while !names.is_empty() {
        let listed = match context.pool.list_groups(token.as_deref()).await {
            Ok(listed) => listed,
            // A listing that starts again names the same groups again.
            Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() && attempt < LISTING_ATTEMPTS => {
                (token, attempt) = (None, attempt + 1);
                continue;
            }
            Err(error) => return Err(context.refused(error)),
        };
        names.extend(listed.entries.into_iter().map(|group| group.name.to_string()));
        match listed.next_token {
            None => break,
            next => token = next,
        }
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
