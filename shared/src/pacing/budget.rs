//! The time that an invocation may use.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How long an invocation may begin new work.
///
/// The time before the deadline of a Lambda function is reserved: for calls under way, for the
/// writes that store their outcome, and for the answer.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    stop_at: Instant,
    last_call_at: Instant,
    last_answer_at: Instant,
}

impl Budget {
    /// The reserve is `min(30 s, time / 5)`.
    pub const MAX_RESERVE: Duration = Duration::from_secs(30);

    /// A budget for an invocation that may last `time` from now.
    ///
    /// No work begins in the reserve. In its first half, work that has begun may still make calls.
    /// In its last sixth, it no longer waits for their answers.
    pub fn for_invocation(time: Duration) -> Self {
        Self::for_work(time, time)
    }

    /// A budget for an invocation that may last `time` from now, and begins work as if it lasted
    /// `work`.
    pub fn for_work(work: Duration, time: Duration) -> Self {
        let reserve = |time: Duration| Self::MAX_RESERVE.min(time / 5);
        let before_end = |time: Duration, rest: Duration| Instant::now() + time.saturating_sub(rest);
        Self {
            stop_at: before_end(work, reserve(work)),
            last_call_at: before_end(time, reserve(time) / 2),
            last_answer_at: before_end(time, reserve(time) / 6),
        }
    }

    /// A budget for a command, which works until it is done.
    pub fn endless() -> Self {
        // The clock of the computer counts further than this.
        Self::for_invocation(Duration::from_secs(100 * 365 * 24 * 3_600))
    }

    /// A budget for an invocation with this deadline.
    pub fn until(deadline: SystemTime) -> Self {
        Self::for_invocation(deadline.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Whether work that takes `time` would end before the budget does.
    pub fn leaves(&self, time: Duration) -> bool {
        Instant::now() + time < self.stop_at
    }

    /// After this, no call may leave.
    pub fn last_call_at(&self) -> Instant {
        self.last_call_at
    }

    /// After this, the invocation waits for no answer.
    pub fn last_answer_at(&self) -> Instant {
        self.last_answer_at
    }

    /// Whether the invocation must begin no new work.
    pub fn is_spent(&self) -> bool {
        Instant::now() >= self.stop_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_fits_if_it_ends_before_the_reserve() {
        let budget = Budget::for_invocation(Duration::from_secs(10));
        assert!(budget.leaves(Duration::from_millis(7_999)));
        assert!(!budget.leaves(Duration::from_secs(8)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_keeps_a_reserve_before_the_deadline() {
        let long = Budget::for_invocation(Duration::from_secs(900));
        let short = Budget::for_invocation(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(short.is_spent() && !long.is_spent());
        tokio::time::advance(Duration::from_secs(862)).await;
        assert!(long.is_spent());
        let left = |at: Instant| at.duration_since(Instant::now()).as_secs();
        assert_eq!((left(long.last_call_at()), left(long.last_answer_at())), (15, 25));
    }
}
