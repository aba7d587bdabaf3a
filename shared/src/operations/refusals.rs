//! Calls that Cognito refused for good, as errors of the run.

use crate::model::PoolId;
use crate::ports::pool::{PoolError, PoolErrorKind};
use crate::{Error, ErrorKind};

/// The error of the run that a refused call means.
pub fn refused(pool: &PoolId, error: PoolError) -> Error {
    let operation = error.operation.name();
    match error.kind {
        PoolErrorKind::Throttled => Error::new(
            ErrorKind::Throttled,
            format!("Cognito kept throttling {operation} on user pool {pool}."),
            "The state machine tries again by itself; lower the TPS if it happens often, because the quota is shared by all pools of the account.",
        ),
        PoolErrorKind::Transient => Error::new(
            ErrorKind::ServiceUnavailable,
            format!("Cognito did not carry out {operation} on user pool {pool} ({}).", error.code),
            "The state machine tries again by itself.",
        ),
        PoolErrorKind::NotFound => pool_not_found(pool),
        PoolErrorKind::AccessDenied => Error::new(
            ErrorKind::AccessDenied,
            format!("The function may not call {operation} on user pool {pool}."),
            format!(
                "Allow cognito-idp:{operation} on the pool in the function's role, and check that the pool belongs to this account."
            ),
        ),
        _ => Error::new(
            ErrorKind::CallRefused,
            format!("Cognito refused a call on user pool {pool}: {error}."),
            "Look the error code up in the Cognito API reference; the run can be started again once it is mended.",
        ),
    }
}

/// What an error means for the restore into the snapshot's own pool: by default an import may not touch the pools that it reads
/// snapshots of.
pub fn repair_refused(pool: &PoolId, error: Error) -> Error {
    if error.kind() != ErrorKind::AccessDenied {
        return error;
    }
    let guidance = format!(
        "An import may not touch pools that are backed up unless the deployment says so: name {pool} in its setting RepairablePools, deploy, and start the import again. Where the roles are your own: {}",
        error.guidance()
    );
    Error::new(ErrorKind::AccessDenied, error.message(), guidance)
}

/// The error for a pool that is not there.
pub fn pool_not_found(pool: &PoolId) -> Error {
    Error::new(
        ErrorKind::PoolNotFound,
        format!("User pool {pool} does not exist in the account and Region of the function."),
        "Check the id; a pool of another account is backed up by a deployment in that account.",
    )
}

/// The error for a pool of another Region than the function's.
pub fn pool_elsewhere(pool: &PoolId, region: &str) -> Error {
    Error::new(
        ErrorKind::PoolNotFound,
        format!("User pool {pool} is in Region {}, but the function runs in {region}.", pool.region()),
        "Start the state machine that is deployed in the pool's Region.",
    )
}
