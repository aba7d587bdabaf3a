//! The errors of a run or a command whose call Cognito refused.

use crate::model::{PoolArn, PoolDescription, PoolId, PoolTag, Progress, TableName, TargetPool};
use crate::ports::pool::{PoolError, PoolErrorKind};
use crate::{Error, ErrorKind, Guidance};

/// The error of a run whose call Cognito refused.
pub fn refused(pool: &PoolId, error: PoolError) -> Error {
    let operation = error.operation.name();
    match error.kind {
        PoolErrorKind::OutOfTime => Error::new(
            ErrorKind::OutOfTime,
            format!("The time of the invocation ended before {operation} on user pool {pool} was answered."),
            Guidance::TryLater,
        ),
        PoolErrorKind::NotFound => pool_not_found(pool),
        _ => refused_on(&format!("on user pool {pool}"), &error, Guidance::GrantCall { operation }),
    }
}

/// The error of a call that Cognito refused, `place` being what it was about. `grant` says how to allow the call.
pub fn refused_on(place: &str, error: &PoolError, grant: Guidance) -> Error {
    let operation = error.operation.name();
    match error.kind {
        PoolErrorKind::Overtaken => Error::new(
            ErrorKind::Overtaken,
            format!(
                "Another invocation or command took the lease before {operation} {place}. This one made no more calls."
            ),
            Guidance::WaitForLease,
        ),
        PoolErrorKind::LeaseUnreadable => Error::new(
            ErrorKind::ServiceUnavailable,
            format!("The lease cannot be read before {operation} {place}, so no more calls were made."),
            Guidance::TryLater,
        ),
        PoolErrorKind::Throttled => Error::new(
            ErrorKind::Throttled,
            format!("Cognito kept throttling {operation} {place}."),
            Guidance::LowerLimit,
        ),
        PoolErrorKind::Transient => Error::new(
            ErrorKind::ServiceUnavailable,
            format!("Cognito did not carry out {operation} {place} ({}).", error.code),
            Guidance::TryLater,
        ),
        PoolErrorKind::AccessDenied if error.is_of_credentials() => Error::new(
            ErrorKind::AccessDenied,
            format!("Cognito refused the credentials of {operation} {place} ({}).", error.code),
            Guidance::RENEW_CREDENTIALS,
        ),
        PoolErrorKind::AccessDenied => Error::new(
            ErrorKind::AccessDenied,
            format!("Cognito denied access to {operation} {place} ({}).", error.code),
            grant,
        ),
        _ => Error::new(
            ErrorKind::CallRefused,
            format!("Cognito refused a call {place}: {error}."),
            "Look up the error code in the Cognito API reference, remove the cause and start again.",
        ),
    }
}

/// Refuses a run whose input names another table than `table`, that of its functions.
///
/// The operator chose a snapshot in one table, and the run would work on another one.
pub fn require_table(table: &str, named: Option<&TableName>) -> Result<(), Error> {
    match named {
        Some(named) if named.as_str() != table => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("The input names another backup table than {table}, on which this deployment works."),
            Guidance::MatchTable,
        )),
        _ => Ok(()),
    }
}

/// The error of a restore into the own pool that Cognito denied. The guidance names the setting that allows it.
pub fn repair_refused(pool: &PoolId, error: &Error) -> Error {
    let allow = format!(
        "By default an import cannot write to a pool that is backed up. Set RequirePoolTag of the deployment to YES, or add \
         {pool} to RepairablePools. Then deploy, and start the import again. If you made the roles yourself:"
    );
    let guidance = Guidance::from(allow).and(error.guidance().clone());
    Error::new(ErrorKind::AccessDenied, error.message(), guidance)
}

/// Refuses an import into a pool whose tag does not open it to this import.
///
/// # Errors
/// [`ErrorKind::PoolNotTagged`]
pub fn require_tag(progress: &Progress, target: TargetPool, pool: &PoolDescription) -> Result<(), Error> {
    if pool.tag.is_some_and(|tag| tag.allows(target)) {
        return Ok(());
    }
    let (key, id, needed) = (PoolTag::KEY, &progress.user_pool_id, PoolTag::needed_for(target).as_str());
    let what = match (target, pool.tag) {
        (TargetPool::Own, Some(tag)) => format!(
            "User pool {id} has the tag {key}={}. In this deployment, an import repairs only a pool with the tag {key}={needed}.",
            tag.as_str()
        ),
        (TargetPool::Own, None) => format!(
            "User pool {id} does not have the tag {key}={needed}. In this deployment, an import repairs only a pool with this tag."
        ),
        (TargetPool::Other, _) => format!(
            "User pool {id} does not have the tag {key}={needed}. In this deployment, an import writes only to a pool with this tag. \
             A pool that the deployment backs up needs {key}={} instead.",
            PoolTag::Repair.as_str()
        ),
    };
    Err(Error::new(ErrorKind::PoolNotTagged, what, give_tag(progress, PoolTag::needed_for(target))))
}

/// How to open the pool of an import by this tag.
fn give_tag(progress: &Progress, tag: PoolTag) -> Guidance {
    let pool = PoolArn::in_account_of(&progress.execution, &progress.user_pool_id);
    Guidance::TagPool {
        arn: pool.as_str().to_owned(),
        tag: tag.as_str().to_owned(),
        region: pool.region().to_owned(),
    }
}

/// The error of an import whose role Cognito still refuses, although the pool had the tag when it began.
///
/// The functions do not know which pools the deployment backs up. A pool that had the tag for targets has no use for the
/// line that gives it again, so the line gives the other one. The pool of a repair had that one.
pub fn denied_despite_tag(progress: &Progress, target: TargetPool, error: &Error) -> Error {
    let check = format!(
        "The role has access only to pools with the tag {key}. Check that the pool still has it, and that ImportTargets and \
         RepairablePools of the deployment name the pool, if they are set. A pool that the deployment backs up needs \
         {key}={}.",
        PoolTag::Repair.as_str(),
        key = PoolTag::KEY
    );
    let checks = error.guidance().clone().and(Guidance::from(check));
    let guidance = match target {
        TargetPool::Own => checks,
        TargetPool::Other => checks.and(give_tag(progress, PoolTag::Repair)),
    };
    Error::new(error.kind(), error.message(), guidance)
}

/// The error for a pool that does not exist.
pub fn pool_not_found(pool: &PoolId) -> Error {
    Error::new(
        ErrorKind::PoolNotFound,
        format!("User pool {pool} does not exist in this account and Region {}.", pool.region()),
        Guidance::CheckPool,
    )
}

/// The error for a pool in another Region than the function.
pub fn pool_elsewhere(pool: &PoolId, region: &str) -> Error {
    Error::new(
        ErrorKind::PoolNotFound,
        format!("User pool {pool} is in Region {}, but the function runs in {region}.", pool.region()),
        "Start the state machine that is deployed in the pool's Region.",
    )
}
