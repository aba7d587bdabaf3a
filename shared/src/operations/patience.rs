//! Patience with the permissions for a pool that IAM has got just now.
//!
//! The schedule of a new pool may start an export before IAM knows what the roles of the functions may do with the
//! pool. An operator may start an import before IAM knows the new tag of its target. Source: "Changes that I make are
//! not always immediately visible", IAM user guide.

use jiff::{SignedDuration, Timestamp};

use super::refusals::{denied_despite_tag, repair_refused};
use crate::catalog::Catalog;
use crate::model::{Execution, PoolId, Progress, TargetPool};
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::{Error, ErrorKind, Guidance, Result};

/// For how long after the start of an export a denied call may succeed later.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
/// The same for an import into a pool whose tag may be new.
const PATIENCE_WITH_TAG: SignedDuration = SignedDuration::from_mins(2);

/// The result of a step of an export. A denied call gets the kind that the state machine tries again, if the pool has
/// no sealed snapshot and the export began less than 5 minutes ago.
pub(super) async fn patient<B: Backend, T>(
    backend: &B,
    pool: &PoolId,
    execution: &Execution,
    worked: Result<T>,
) -> Result<T> {
    match worked {
        Err(error)
            if may_be_too_early(&Catalog::new(backend.vault()), backend.clock(), pool, execution, &error)
                .await =>
        {
            Err(too_early(&error, "The permission"))
        }
        worked => worked,
    }
}

fn too_early(error: &Error, new: &str) -> Error {
    let what = format!("{} {new} may be too new. The state machine tries again.", error.message());
    Error::new(ErrorKind::AccessNotYet, what, error.guidance().clone())
}

/// Whether IAM may not know the tag of the target of an import yet. `requires_tag` says whether the role has access by it.
/// Then a denied call proves nothing about other permissions.
pub(super) fn tag_may_be_new(requires_tag: bool, execution: &Execution, now: Timestamp) -> bool {
    requires_tag && now.duration_since(execution.started_at) < PATIENCE_WITH_TAG
}

/// The error of a step of an import. If its role has access by the tag of the pool, a call that Cognito denies gets the
/// kind that the state machine tries again, until 2 minutes after the start of the import.
pub(super) fn of_import<B: Backend>(
    backend: &B,
    progress: &Progress,
    target: TargetPool,
    error: Error,
) -> Error {
    let is_of_cognito =
        error.kind() == ErrorKind::AccessDenied && matches!(error.guidance(), Guidance::GrantCall { .. });
    let (requires_tag, now) = (backend.requires_pool_tag(), backend.clock().now());
    match target {
        // A table that denies access says nothing about the pool. Neither do wrong credentials.
        _ if !is_of_cognito => error,
        _ if tag_may_be_new(requires_tag, &progress.execution, now) => {
            too_early(&error, "The tag of the pool")
        }
        _ if requires_tag => denied_despite_tag(progress, target, &error),
        TargetPool::Own => repair_refused(&progress.user_pool_id, &error),
        TargetPool::Other => error,
    }
}

async fn may_be_too_early<V: Vault>(
    catalog: &Catalog<V>,
    clock: Clock,
    pool: &PoolId,
    execution: &Execution,
    error: &Error,
) -> bool {
    let now = clock.now();
    // Nothing makes wrong credentials right.
    let is_of_permission =
        error.kind() == ErrorKind::AccessDenied && *error.guidance() != Guidance::RENEW_CREDENTIALS;
    if !is_of_permission || now.duration_since(execution.started_at) >= PATIENCE {
        return false;
    }
    match catalog.newest_sealed(pool, None, now).await {
        Ok(sealed) => sealed.is_none(),
        // The permission for the items of the pool may be as new.
        Err(error) => error.kind() == ErrorKind::AccessDenied,
    }
}
