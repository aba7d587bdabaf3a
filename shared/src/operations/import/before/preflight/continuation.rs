//! Which earlier restore an import continues. A target that holds users of other origin is refused here.

use crate::catalog::Catalog;
use crate::model::{Existing, ImportInput, Restore, RestoreState, SnapshotSelector};
use crate::operations::import::before::forecast;
use crate::operations::refusals::refused;
use crate::pacing::LISTING_ATTEMPTS;
use crate::pacing::PacedPool;
use crate::ports::pool::{Pool, PoolErrorKind};
use crate::ports::vault::Vault;
use crate::{Error, ErrorKind, Result};

/// How many of the newest restores into the target are searched for the last one that wrote to it.
const MAX_RESTORES: u32 = 10;

/// The restore that the same input began and that is not complete, if the target may hold something of it.
///
/// # Errors
/// `TargetNotEmpty` if the target holds other users and the input does not say what happens to them.
pub async fn find<P: Pool, V: Vault>(pool: &PacedPool<P>, catalog: &Catalog<V>, input: &ImportInput) -> Result<Option<Restore>> {
    let last = last_that_wrote(catalog, input).await?;
    let continued = last.as_ref().filter(|last| is_begun_by(last, input) && last.can_be_continued());
    if input.options.existing != Existing::Fail {
        return Ok(continued.cloned());
    }
    let is_empty = is_empty(pool).await?;
    match continued {
        // Only the users of an import job may still be on their way: a job outlives the execution that started it.
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

/// Whether the same input began the restore.
fn is_begun_by(restore: &Restore, input: &ImportInput) -> bool {
    restore.source == input.source
        && restore.options == input.options
        && restore.selection == input.selection.digest()
        && match &input.snapshot {
            SnapshotSelector::Latest => restore.selector == SnapshotSelector::Latest,
            SnapshotSelector::Id(id) => restore.snapshot == *id,
        }
}

/// The last restore into the target that may have written to it.
///
/// A restore that was refused before, for its selection or its forecast, is not continued: the target or the newest snapshot
/// may have changed since.
async fn last_that_wrote<V: Vault>(catalog: &Catalog<V>, input: &ImportInput) -> Result<Option<Restore>> {
    for restore in catalog.restores(&input.target, MAX_RESTORES).await? {
        let forecast = catalog.outlook(&restore.id).await?;
        if forecast.is_some_and(|state| state.is_complete() && forecast::refusal(&state).is_none()) {
            return Ok(Some(restore));
        }
    }
    Ok(None)
}

async fn is_empty<P: Pool>(pool: &PacedPool<P>) -> Result<bool> {
    let (mut token, mut attempt) = (None::<String>, 1);
    loop {
        let listed = match pool.list_users(token.as_deref()).await {
            Ok(listed) => listed,
            // An empty page may have a token, too, and Cognito may refuse it.
            Err(error) if error.kind == PoolErrorKind::InvalidParameter && token.is_some() && attempt < LISTING_ATTEMPTS => {
                (token, attempt) = (None, attempt + 1);
                continue;
            }
            Err(error) => return Err(refused(pool.id(), error)),
        };
        if !listed.entries.is_empty() {
            return Ok(false);
        }
        match listed.next_token {
            None => return Ok(true),
            next => token = next,
        }
    }
}

fn target_not_empty(input: &ImportInput, last: Option<&Restore>) -> Error {
    let guidance = match last {
        Some(last) if last.state == RestoreState::Succeeded => format!(
            "Restore {} has already restored snapshot {} of user pool {} into it. For another snapshot, create an empty user pool, or say \"existing\": \"skip\" or \"update\".",
            last.id, last.snapshot, last.source
        ),
        Some(last) => format!(
            "Restore {} of snapshot {} was begun with sourceUserPoolId {} and snapshot {}: start it with the same input to continue it. For another restore, say what happens to existing users with \"existing\": \"skip\" or \"update\", or create an empty user pool.",
            last.id, last.snapshot, last.source, last.selector
        ),
        None => "Create an empty user pool with the same settings and restore into that, or say what happens to existing users with \"existing\": \"skip\" or \"update\".".to_owned(),
    };
    Error::new(ErrorKind::TargetNotEmpty, format!("User pool {} already holds users.", input.target), guidance)
}
