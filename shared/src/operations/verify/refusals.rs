//! Errors for calls that Cognito refused for good, for the operator whose credentials made them.

use crate::model::PoolId;
use crate::ports::pool::{PoolError, PoolErrorKind};
use crate::{Error, ErrorKind};

/// The error of the command.
pub fn refused(pool: &PoolId, error: PoolError) -> Error {
    let operation = error.operation.name();
    match error.kind {
        PoolErrorKind::Throttled => Error::new(
            ErrorKind::Throttled,
            format!("Cognito kept throttling {operation} on user pool {pool}."),
            "Start the command again with a lower --tps: all pools of the account share the quota.",
        ),
        PoolErrorKind::Transient => Error::new(
            ErrorKind::ServiceUnavailable,
            format!("Cognito did not carry out {operation} on user pool {pool} ({}).", error.code),
            "Check the network and the credentials (`aws sts get-caller-identity`), then start the command again.",
        ),
        PoolErrorKind::NotFound => Error::new(
            ErrorKind::PoolNotFound,
            format!("User pool {pool} does not exist in the account of these credentials, Region {}.", pool.region()),
            "Check the id, and the account with `aws sts get-caller-identity`.",
        ),
        PoolErrorKind::AccessDenied => Error::new(
            ErrorKind::AccessDenied,
            format!("These credentials may not call {operation} on user pool {pool} ({}).", error.code),
            format!("Allow cognito-idp:{operation} on the pool, or renew the credentials if they have expired."),
        ),
        _ => Error::new(
            ErrorKind::CallRefused,
            format!("Cognito refused a call on user pool {pool}: {error}."),
            "Look up the error code in the Cognito API reference.",
        ),
    }
}
