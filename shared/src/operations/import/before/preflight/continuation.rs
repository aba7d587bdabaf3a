//! Finds the earlier restore that an import continues, and refuses a target that holds users of
//! other origin.

use crate::catalog::Catalog;
use crate::model::{Existing, ImportInput, Listing, Restore, RestoreState};
use crate::operations::refusals::refused;
use crate::pacing::{PacedPool, PagedListing};
use crate::ports::pool::Pool;
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Guidance, Result};

/// The incomplete restore that the same input began, if the target may hold some of its users.
///
/// # Errors
/// `TargetNotEmpty` if the target holds other users and the input does not say what happens to
/// them.
pub async fn find<P: Pool, V: Vault>(
    pool: &PacedPool<P>,
    catalog: &Catalog<V>,
    input: &ImportInput,
) -> Result<Option<Restore>> {
    let last = catalog.last_restore_that_wrote(&input.target).await?;
    let continued = last.as_ref().filter(|last| last.is_continued_by(input));
    if input.options.existing != Existing::Fail {
        return Ok(continued.cloned());
    }
    let is_empty = is_empty(pool).await?;
    match continued {
        // An import job may still create users, because a job outlives the execution that started
        // it.
        Some(restore) if is_empty => {
            let jobs = catalog.import_jobs(&restore.id).await?;
            let is_under_way = jobs.is_some_and(|jobs| jobs.current.is_some());
            Ok(is_under_way.then(|| restore.clone()))
        }
        None if is_empty => Ok(None),
        Some(restore) => Ok(Some(restore.clone())),
        None => Err(target_not_empty(input, last.as_ref())),
    }
}

async fn is_empty<P: Pool>(pool: &PacedPool<P>) -> Result<bool> {
    let mut listing = PagedListing::new(pool.id(), Listing::Users.unit_id(), refused);
    while !listing.has_ended() {
        let answer = pool.list_users(listing.token()).await;
        if !listing.advance(answer)?.into_entries().is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn target_not_empty(input: &ImportInput, last: Option<&Restore>) -> Error {
    let guidance = match last {
        Some(last) if last.state == RestoreState::Succeeded => Guidance::from(format!(
            "Restore {} has already restored snapshot {} of user pool {} into it.",
            last.id, last.snapshot, last.source
        ))
        .and(Guidance::StateExisting),
        Some(last) => Guidance::ContinueRestore {
            restore: last.id.to_string(),
            source: last.source.to_string(),
            snapshot: last.selector.to_string(),
        }
        .and(Guidance::StateExisting),
        None => Guidance::StateExisting,
    };
    Error::new(
        ErrorKind::TargetNotEmpty,
        format!("User pool {} already holds users.", input.target),
        guidance,
    )
}
