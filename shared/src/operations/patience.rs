//! Patience with the permissions of a pool that a deployment has got just now.
//!
//! The schedule of a new pool may start an export before IAM knows what the roles of the functions may do with the
//! pool. Source: "Changes that I make are not always immediately visible", IAM user guide.

use jiff::SignedDuration;

use crate::catalog::Catalog;
use crate::model::{Execution, PoolId};
use crate::ports::vault::Vault;
use crate::ports::{Backend, Clock};
use crate::{Error, ErrorKind, Guidance, Result};

/// For how long after the start of an export a denied call may succeed later.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

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
            let what =
                format!("{} The permission may be too new. The state machine tries again.", error.message());
            Err(Error::new(ErrorKind::AccessNotYet, what, error.guidance().clone()))
        }
        worked => worked,
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
