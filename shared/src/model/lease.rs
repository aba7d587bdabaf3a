//! Leases: at most one export of a pool, and one import into a pool, at a time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::holder_name;
use crate::format::{plural, time};

/// The right to work on a pool.
///
/// A lease lasts longer than a Lambda invocation can (15 minutes). So it ends by itself only after the function of
/// an execution that died has stopped. A release may come earlier: finalize releases the lease of a stopped execution
/// while its last invocation may still run. That invocation then finds another generation, and makes no more calls.
/// Nothing holds back what it writes to the table: `docs/concepts/limits.md` says what a late page leaves.
/// Every invocation renews the lease.
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
    /// The generation at which the holder took the lease from another one. As long as it stays, no other holder had the
    /// lease meanwhile. 0 in a lease that an earlier version wrote.
    #[serde(default)]
    pub held_since: u64,
    /// Whether all invocations up to this generation have ended their calls of Cognito.
    #[serde(default)]
    pub ended: bool,
    /// The executions that released it, the last one last. Their runs have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Released>,
}

/// An execution that released a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// The ARN of the execution.
    pub holder: String,
    pub at: Timestamp,
}

impl Lease {
    /// How long a lease lasts from its last renewal.
    pub const DURATION: SignedDuration = SignedDuration::from_mins(20);
    /// The longest time that an invocation runs: 15 minutes, the limit of Lambda, and one minute, because clocks differ.
    /// Source: "Lambda quotas", AWS Lambda developer guide.
    pub const MAX_INVOCATION: SignedDuration = SignedDuration::from_mins(16);
    /// How long a lease remembers who released it. A late invocation of that execution has ended by then.
    const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);

    pub fn new(holder: &str, now: Timestamp) -> Self {
        Self::with_duration(Self::DURATION, holder, now)
    }

    /// A lease of another length, for a holder that renews it more often.
    pub fn with_duration(time: SignedDuration, holder: &str, now: Timestamp) -> Self {
        Self {
            holder: holder.to_owned(),
            expires: now + time,
            generation: 1,
            held_since: 1,
            ended: true,
            released: Vec::new(),
        }
    }

    /// The lease after `next` took it at `now`. `calls` says whether the invocation that took it calls
    /// Cognito.
    pub fn taken_by(&self, next: &Self, calls: bool, now: Timestamp) -> Self {
        let released = self.released.iter().filter(|released| released.at > now - Self::REMEMBERED);
        let generation = self.generation + 1;
        Self {
            generation,
            held_since: if self.holder == next.holder { self.held_since } else { generation },
            ended: self.ended && !calls,
            released: released.cloned().collect(),
            ..next.clone()
        }
    }

    /// Ends the lease at `now`, because its holder needs it no more.
    pub fn release(&mut self, now: Timestamp) {
        self.expires = now;
        self.generation += 1;
        self.released.push(Released { holder: self.holder.clone(), at: now });
    }

    /// Whether `execution` has released the lease. Then its run has ended.
    pub fn is_released_by(&self, execution: &str) -> bool {
        self.released.iter().any(|released| released.holder == execution)
    }

    /// What the holder of an export lease does with the pool, after its name.
    pub fn work(&self) -> &'static str {
        let is_of = |verb: &str| self.holder.starts_with(&format!("`cognito-backup {verb}`"));
        if is_of("prune") {
            "removes its snapshots in this table"
        } else if is_of("copy") {
            "copies a snapshot of it into this table"
        } else if is_of("pool apply") {
            "brings it back to an earlier configuration"
        } else if self.is_of_copy() {
            "copies snapshots of it from another account into this table"
        } else if self.is_of_removal() {
            "removes snapshots that no retention rule keeps"
        } else if self.is_of_execution() {
            "exports it to this table"
        } else {
            "exports it to this table, or copies or removes its snapshots there"
        }
    }

    /// When an invocation of an execution took it or renewed it last.
    pub fn taken_at(&self) -> Timestamp {
        self.expires - Self::DURATION
    }

    /// Whether an execution of a state machine holds it, and not a command of an operator.
    pub fn is_of_execution(&self) -> bool {
        self.holder.starts_with("arn:")
    }

    /// Whether an execution of the state machine holds it that removes snapshots.
    pub fn is_of_removal(&self) -> bool {
        self.is_of_machine("-removal")
    }

    /// Whether an execution of the state machine holds it that copies snapshots from another account.
    pub fn is_of_copy(&self) -> bool {
        self.is_of_machine("-copy")
    }

    fn is_of_machine(&self, ending: &str) -> bool {
        self.is_of_execution() && self.holder.rsplit(':').nth(1).is_some_and(|name| name.ends_with(ending))
    }

    /// When the lease ends, in words: `at 2026-11-21 12:20:00 UTC, in 240 seconds`.
    pub fn end(&self, now: Timestamp) -> String {
        let left = self.expires.duration_since(now).as_secs().max(0).unsigned_abs();
        format!("at {}, in {}", time(self.expires), plural(left, "second", "seconds"))
    }

    /// The holder, as errors name it.
    pub fn shown_holder(&self) -> &str {
        holder_name(&self.holder)
    }

    /// Whether `execution` may take the lease over at `now`. No execution takes it again after it released
    /// it: a late invocation would hold the lease, and no other invocation would release it.
    pub fn free_for(&self, execution: &str, now: Timestamp) -> bool {
        !self.is_released_by(execution) && (self.holder == execution || self.expires <= now)
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
    }

    #[test]
    fn a_lease_has_another_generation_after_each_invocation_that_takes_it_and_after_its_release() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut lease = Lease::new("a", now);
        let mut generations = vec![lease.generation];
        for calls in [true, false] {
            lease = lease.taken_by(&Lease::new("a", now), calls, now);
            generations.push(lease.generation);
        }
        lease.release(now);
        generations.push(lease.generation);
        lease = lease.taken_by(&Lease::new("b", now), true, now);
        generations.push(lease.generation);
        assert_eq!(generations, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_lease_tells_whether_another_holder_had_it_meanwhile() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let first = Lease::new("a", now);
        let again = first.taken_by(&Lease::new("a", now), false, now);
        assert_eq!((first.held_since, again.held_since), (1, 1));
        let other = again.taken_by(&Lease::new("b", now), false, now);
        let back = other.taken_by(&Lease::new("a", now), false, now);
        assert_eq!((other.held_since, back.held_since), (3, 4));
    }

    #[test]
    fn a_lease_names_the_state_machine_of_its_holder() {
        let of = |holder: &str| {
            let lease = Lease::new(holder, Timestamp::UNIX_EPOCH);
            (lease.is_of_removal(), lease.is_of_copy())
        };
        let arn = |machine: &str| {
            format!("arn:aws:states:eu-west-1:123456789012:execution:backup{machine}:one-copy")
        };
        assert_eq!(of(&arn("-removal")), (true, false));
        assert_eq!(of(&arn("-copy")), (false, true));
        assert_eq!(of(&arn("-export")), (false, false));
        assert_eq!(of("`cognito-backup copy` (1)"), (false, false));
    }

    #[test]
    fn an_execution_that_released_a_lease_does_not_take_it_again_even_after_others() {
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |minutes| begin + SignedDuration::from_mins(minutes);
        let mut lease = Lease::new("a", begin);
        lease.release(at(1));
        assert!(!lease.free_for("a", at(1)) && lease.free_for("b", at(1)));
        let mut lease = lease.taken_by(&Lease::new("b", at(2)), true, at(2));
        lease.release(at(3));
        assert!(!lease.free_for("a", at(3)) && !lease.free_for("b", at(3)) && lease.free_for("c", at(3)));
        let later = lease.taken_by(&Lease::new("c", at(32)), true, at(32));
        assert!(!later.is_released_by("a") && later.is_released_by("b"));
    }
}
