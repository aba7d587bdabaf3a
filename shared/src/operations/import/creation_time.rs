//! Whether this restore created something that the target holds, told by the time of its creation.

use jiff::{SignedDuration, Timestamp};

use crate::model::Restore;

/// How far the clock of the function and the clock of Cognito may differ.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// Whether a user or group is as young as the restore. Without a time of creation it counts as
/// young.
pub fn is_created_during(restore: &Restore, created: Option<Timestamp>) -> bool {
    created.is_none_or(|created| created >= restore.began() - CLOCK_TOLERANCE)
}
