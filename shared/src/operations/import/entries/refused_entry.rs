//! The outcome of an entry whose call Cognito refused.

use crate::Result;
use crate::model::{Operation, Outcome, PoolId, Reason};
use crate::operations::refusals::refused;
use crate::ports::pool::{PoolError, PoolErrorKind};

/// The outcome of the entry.
///
/// # Errors
/// The error of the run, if the refusal is not about this entry alone.
pub fn outcome_of(pool: &PoolId, error: PoolError) -> Result<Outcome> {
    match error.kind {
        PoolErrorKind::InvalidParameter
        | PoolErrorKind::Refused
        | PoolErrorKind::AlreadyExists
        | PoolErrorKind::Undelivered
        | PoolErrorKind::AliasTaken => Ok(Outcome::Failed { reason: reason_of(error) }),
        // A user that does not exist yet cannot be missing. Cognito has other causes for this answer.
        PoolErrorKind::UserNotFound if error.operation == Operation::AdminCreateUser => {
            Ok(Outcome::Failed { reason: reason_of(error) })
        }
        PoolErrorKind::UserNotFound => Ok(Outcome::Failed { reason: Reason::UserMissing }),
        PoolErrorKind::Throttled
        | PoolErrorKind::Transient
        | PoolErrorKind::OutOfTime
        | PoolErrorKind::Overtaken
        | PoolErrorKind::LeaseUnreadable
        | PoolErrorKind::NotFound
        | PoolErrorKind::AccessDenied => Err(refused(pool, error)),
    }
}

/// The reason that names the refused call.
pub fn reason_of(error: PoolError) -> Reason {
    Reason::Refused { call: error.call(), explanation: error.explanation }
}
