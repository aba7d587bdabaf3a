//! Finds the earlier restore that an import continues, and refuses a target that holds users of
//! other origin.

use jiff::Timestamp;

use super::Preflight;
use crate::catalog::Catalog;
use crate::format::{ago, time};
use crate::model::{
    Existing, ImportInput, Listing, PoolId, Restore, RestoreState, RunId, RunKind, Snapshot, SnapshotSelector,
};
use crate::operations::refusals::refused;
use crate::pacing::{PacedPool, PagedListing};
use crate::ports::pool::Pool;
use crate::ports::vault::{ReadVault, Vault};
use crate::{Error, ErrorKind, Guidance, Result};

/// What an import finds of the last restore that has written to its target.
#[derive(Debug, Clone, PartialEq)]
pub enum EarlierRestore {
    /// There is none, or the import does not continue it: it had another input, or nothing is left to do.
    Unrelated(Option<Box<Restore>>),
    /// The import would continue it, but its snapshot was removed.
    SnapshotRemoved(Box<Restore>),
    /// The import continues it, if the target still holds its users.
    Continued(Box<Restore>),
    /// An import works on it, with an older snapshot than the newest. Only a plan is made meanwhile.
    AtWork(Box<Restore>),
    /// It has succeeded, except for users that were left to their sign-in. Its snapshot is not the newest any more, and
    /// the input names none.
    Outdated(Box<Restore>),
}

impl EarlierRestore {
    /// Looks for the restore, as far as the table shows. `execution` is the execution that imports, if it
    /// has begun.
    ///
    /// # Errors
    /// `UnfinishedRestore` if the target is in use, no import works on the restore, the input names no snapshot, and the newest
    /// snapshot is not the one that the restore began with. Since then, users and memberships may have been changed
    /// or deleted on purpose. The newest snapshot may hold the damage. So the operator decides.
    pub async fn find<V: ReadVault>(
        catalog: &Catalog<V>,
        input: &ImportInput,
        execution: Option<&str>,
        now: Timestamp,
    ) -> Result<Self> {
        let last = catalog.last_restore_that_wrote(&input.target).await?.map(Box::new);
        let Some(restore) = last.clone().filter(|last| last.is_continued_by(input)) else {
            return Ok(Self::Unrelated(last));
        };
        let is_decided = execution.is_some_and(|execution| restore.execution.id == execution);
        if is_decided || input.snapshot != SnapshotSelector::Latest {
            return Ok(Self::Continued(restore));
        }
        let snapshot = catalog.snapshot(&restore.source, &restore.snapshot).await?;
        let Some(snapshot) = snapshot.filter(|snapshot| snapshot.lasting_state().is_some()) else {
            return Ok(Self::SnapshotRemoved(restore));
        };
        if !restore.is_target_in_use() {
            // The target has no users but those of the restore, and one snapshot for all of them.
            return Ok(Self::Continued(restore));
        }
        match catalog.newest_sealed(&input.source, None, now).await? {
            Some(newest) if newest.id != snapshot.id => {
                let is_at_work = input.dry_run
                    && at_work(catalog, &input.target, now).await?.as_ref() == Some(&restore.id);
                match input.options.existing {
                    Existing::Fail if is_at_work => Ok(Self::Continued(restore)),
                    Existing::Fail => Ok(Self::Outdated(restore)),
                    Existing::Skip | Existing::Update if is_at_work => Ok(Self::AtWork(restore)),
                    Existing::Skip | Existing::Update => {
                        Err(unfinished_restore(&restore, &snapshot, &newest, now))
                    }
                }
            }
            _ => Ok(Self::Continued(restore)),
        }
    }
}

/// The restore on which an import works now.
pub async fn at_work<V: ReadVault>(
    catalog: &Catalog<V>,
    target: &PoolId,
    now: Timestamp,
) -> Result<Option<RunId>> {
    let lease = catalog.lease(target, RunKind::Import).await?;
    let Some(lease) = lease.filter(|lease| lease.expires > now) else { return Ok(None) };
    let last = catalog.last_restore_that_wrote(target).await?;
    Ok(last.filter(|last| last.execution.id == lease.holder).map(|last| last.id))
}

fn unfinished_restore(restore: &Restore, snapshot: &Snapshot, newest: &Snapshot, now: Timestamp) -> Error {
    let in_words = |snapshot: &Snapshot| {
        let taken = snapshot.id.time();
        format!("snapshot {}, taken {} ({})", snapshot.id, time(taken), ago(taken, now))
    };
    Error::new(
        ErrorKind::UnfinishedRestore,
        format!(
            "Restore {} of the same input is unfinished. It restores {}. The newest is {}.",
            restore.id,
            in_words(snapshot),
            in_words(newest)
        ),
        Guidance::ChooseSnapshot { unfinished: snapshot.id.to_string(), newest: newest.id.to_string() },
    )
}

/// The incomplete restore that the same input began, if the target may hold some of its users.
///
/// # Errors
/// `TargetNotEmpty` if the target holds other users and the input does not say what happens to
/// them. For other errors, see [`EarlierRestore::find`].
pub async fn find<P: Pool, V: Vault>(preflight: &Preflight<'_, P, V>) -> Result<Option<Restore>> {
    let Preflight { pool, catalog, input, progress, now, .. } = *preflight;
    let earlier = EarlierRestore::find(catalog, input, Some(&progress.execution.id), now).await?;
    if input.options.existing != Existing::Fail {
        return Ok(match earlier {
            EarlierRestore::Continued(restore) => Some(*restore),
            EarlierRestore::Unrelated(_)
            | EarlierRestore::SnapshotRemoved(_)
            | EarlierRestore::AtWork(_)
            | EarlierRestore::Outdated(_) => None,
        });
    }
    match earlier {
        // An import job may still create users, because a job outlives the execution that started
        // it.
        EarlierRestore::Continued(restore) if is_empty(pool).await? => {
            let jobs = catalog.import_jobs(&restore.id).await?;
            let is_under_way = jobs.is_some_and(|jobs| jobs.current.is_some());
            Ok(is_under_way.then_some(*restore))
        }
        EarlierRestore::Continued(restore) => Ok(Some(*restore)),
        _ if is_empty(pool).await? => Ok(None),
        other => Err(target_not_empty(input, &other)),
    }
}

async fn is_empty<P: Pool>(pool: &PacedPool<P>) -> Result<bool> {
    let mut listing = PagedListing::new(pool.id(), Listing::Users.unit_id(), refused);
    while !listing.has_ended() {
        let answer = pool.list_users(listing.limit(), listing.token()).await;
        if !listing.advance(answer)?.into_entries().is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn target_not_empty(input: &ImportInput, earlier: &EarlierRestore) -> Error {
    let guidance = match earlier {
        EarlierRestore::SnapshotRemoved(last) => Guidance::from(format!(
            "Restore {} cannot be continued, because its snapshot {} was removed.",
            last.id, last.snapshot
        ))
        .and(Guidance::StateExisting),
        EarlierRestore::Outdated(last) => Guidance::from(format!(
            "Restore {} has restored snapshot {}, which is not the newest any more.",
            last.id, last.snapshot
        ))
        .and(Guidance::ContinueRestore {
            restore: last.id.to_string(),
            source: last.source.to_string(),
            snapshot: last.snapshot.to_string(),
        })
        .and(Guidance::StateExisting),
        EarlierRestore::Unrelated(Some(last)) if last.state == RestoreState::Succeeded => {
            let what = if last.selection.is_some() { "selected users of snapshot" } else { "snapshot" };
            Guidance::from(format!(
                "Restore {} has already restored {what} {} of user pool {} into it.",
                last.id, last.snapshot, last.source
            ))
            .and(Guidance::StateExisting)
        }
        EarlierRestore::Unrelated(Some(last))
        | EarlierRestore::Continued(last)
        | EarlierRestore::AtWork(last) => Guidance::ContinueRestore {
            restore: last.id.to_string(),
            source: last.source.to_string(),
            snapshot: last.selector.to_string(),
        }
        .and(Guidance::StateExisting),
        EarlierRestore::Unrelated(None) => Guidance::StateExisting,
    };
    Error::new(
        ErrorKind::TargetNotEmpty,
        format!("User pool {} already holds users.", input.target),
        guidance,
    )
}
