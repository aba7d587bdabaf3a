//! Leases: at most one export of a pool, and one import into a pool, at a time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::holder_name;

/// The right to work on a pool.
///
/// A lease lasts longer than a Lambda invocation can (15 minutes). So the function of an aborted execution
/// has stopped before another execution takes over. Every invocation renews the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The ARN of the execution that holds it.
    pub holder: String,
    /// When the lease ends unless it is renewed.
    pub expires: Timestamp,
    /// Grows whenever an invocation takes the lease, and when the lease is released.
    #[serde(default)]
    pub generation: u64,
    /// Whether all invocations up to this generation have ended their calls of Cognito.
    #[serde(default)]
    pub ended: bool,
    /// Whether its holder has released it. Then the run of that holder has ended.
    #[serde(default)]
    pub released: bool,
}

impl Lease {
    /// How long a lease lasts from its last renewal.
    pub const DURATION: SignedDuration = SignedDuration::from_mins(20);

    pub fn new(holder: &str, now: Timestamp) -> Self {
        Self::with_duration(Self::DURATION, holder, now)
    }

    /// A lease of another length, for a holder that renews it more often.
    pub fn with_duration(time: SignedDuration, holder: &str, now: Timestamp) -> Self {
        Self { holder: holder.to_owned(), expires: now + time, generation: 1, ended: true, released: false }
    }

    /// The lease after `next` took it. `calls` says whether the invocation that took it calls
    /// Cognito.
    pub fn taken_by(&self, next: &Self, calls: bool) -> Self {
        Self { generation: self.generation + 1, ended: self.ended && !calls, ..next.clone() }
    }

    /// The holder, as errors name it.
    pub fn shown_holder(&self) -> &str {
        holder_name(&self.holder)
    }

    /// Whether `execution` may take the lease over at `now`. No execution takes it again after it released
    /// it: a late invocation would hold the lease, and no other invocation would release it.
    pub fn free_for(&self, execution: &str, now: Timestamp) -> bool {
        if self.holder == execution { !self.released } else { self.expires <= now }
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
        assert!(
            !lease.free_for("b", lease.expires - SignedDuration::from_secs(1))
                && lease.free_for("b", lease.expires)
        );
        let released = Lease { released: true, expires: now, ..lease };
        assert!(!released.free_for("a", now) && released.free_for("b", now));
    }
}
