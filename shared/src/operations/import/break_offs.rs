//! How often Cognito may break off the listings of a restore.

use crate::Result;
use crate::model::{BreakOffs, Execution, PoolId};
use crate::pacing::{LISTING_ATTEMPTS, listing_failed};

/// Counts another break-off of a listing.
///
/// # Errors
/// `ListingFailed` if that was the last attempt of the execution.
pub fn count(before: &BreakOffs, execution: &Execution, pool: &PoolId, unit: &str) -> Result<BreakOffs> {
    let now = before.once_more(execution);
    if now.times() >= LISTING_ATTEMPTS { Err(listing_failed(pool, unit)) } else { Ok(now) }
}
