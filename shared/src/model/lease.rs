//! Leases: at most one export of a pool and one import into a pool at a time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Who may work on a pool, until when.
///
/// It outlives a Lambda invocation (15 minutes at most), so a function whose execution was aborted has stopped by itself before
/// another execution can take over. Every invocation renews it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The ARN of the execution that holds it.
    pub holder: String,
    /// When it ends unless renewed.
    pub expires: Timestamp,
}

impl Lease {
    /// How long a lease lasts from its last renewal.
    pub const DURATION: SignedDuration = SignedDuration::from_mins(20);

    /// A lease for `holder` from `now` on.
    pub fn new(holder: &str, now: Timestamp) -> Self {
        Self::lasting(Self::DURATION, holder, now)
    }

    /// A lease of another length, for who renews it more often.
    pub fn lasting(time: SignedDuration, holder: &str, now: Timestamp) -> Self {
        Self { holder: holder.to_owned(), expires: now + time }
    }

    /// Whether `execution` may take the lease over at `now`.
    pub fn free_for(&self, execution: &str, now: Timestamp) -> bool {
        self.holder == execution || self.expires <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_keeps_others_out_until_it_ends() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let lease = Lease::new("a", now);
        assert!(lease.free_for("a", now) && !lease.free_for("b", now));
        assert!(!lease.free_for("b", lease.expires - SignedDuration::from_secs(1)) && lease.free_for("b", lease.expires));
    }
}
