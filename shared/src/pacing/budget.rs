//! The time that an invocation may use.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// How long an invocation may go on starting new work.
///
/// Before a Lambda's deadline some time is reserved: for calls in flight, for the writes that make their outcome last, and for the answer.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    stop_at: Instant,
}

impl Budget {
    /// The most time that is reserved. A shorter invocation reserves a fifth of its time.
    pub const RESERVE: Duration = Duration::from_secs(30);

    /// A budget for an invocation that may last `time` from now.
    pub fn for_invocation(time: Duration) -> Self {
        Self { stop_at: Instant::now() + time.saturating_sub(Self::RESERVE.min(time / 5)) }
    }

    /// A budget up to a Lambda's deadline.
    pub fn until(deadline: SystemTime) -> Self {
        Self::for_invocation(deadline.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Whether work that takes `time` would be done before no new work should be started.
    pub fn leaves(&self, time: Duration) -> bool {
        Instant::now() + time < self.stop_at
    }

    /// Whether no new work should be started.
    pub fn is_spent(&self) -> bool {
        Instant::now() >= self.stop_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_budget_leaves_a_reserve() {
        let long = Budget::for_invocation(Duration::from_secs(900));
        let short = Budget::for_invocation(Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(short.is_spent() && !long.is_spent());
        tokio::time::advance(Duration::from_secs(862)).await;
        assert!(long.is_spent());
    }
}
