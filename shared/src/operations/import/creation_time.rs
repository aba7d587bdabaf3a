//! Whether this restore created a user or group of the target, judged by its creation time.

use jiff::{SignedDuration, Timestamp};

use crate::model::Restore;

/// How far the clock of the function and the clock of Cognito may differ.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// Whether a user or group was created after the restore began. True if it has no creation time.
pub fn is_created_during(restore: &Restore, created: Option<Timestamp>) -> bool {
    created.is_none_or(|created| created >= restore.began() - CLOCK_TOLERANCE)
}
