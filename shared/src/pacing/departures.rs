//! Departures: when the next call may leave, and when the last ones left.
//!
//! 1. **Spacing.** The schedule has a slot every `1 / rate` seconds. A late timer does not shift
//!    it.
//! 2. **Window.** Call `n` leaves no earlier than a window after call `n − rate` left. The window
//!    slides over departures, not over the schedule. So calls that catch up after a stall cannot
//!    exceed the rate.
//!
//! A token bucket, such as governor's GCRA, allows up to `rate + burst` calls in a window. So this
//! is no bucket.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::model::CallStats;

const SECOND: Duration = Duration::from_secs(1);

/// Departures at a rate.
#[derive(Debug)]
pub(super) struct Departures {
    /// Calls in any window, at most.
    rate: u32,
    window: Duration,
    /// The departures of the last `rate` calls, oldest first.
    last: VecDeque<Instant>,
    /// The slot of the next call.
    next_slot: Instant,
}

impl Departures {
    /// Continues after the calls of `earlier`. The calls of its last second count as if all left now. That can
    /// only delay the next calls, by a second at most. The time at which they left stands in `earlier`, but the
    /// clock of another machine measured it.
    pub fn resuming(rate: u32, window: Duration, earlier: &CallStats) -> Self {
        let now = Instant::now();
        let mut last = VecDeque::with_capacity(rate as usize + 1);
        last.extend(std::iter::repeat_n(now, earlier.in_last_second.min(rate) as usize));
        Self { rate, window, last, next_slot: now }
    }

    /// Waits until a call may leave. Returns its slot.
    pub async fn opening(&self) -> Instant {
        let slot = self.next_slot.max(Instant::now());
        let is_full = self.last.len() >= self.rate as usize;
        let window_opens = self.last.front().filter(|_| is_full).map(|oldest| *oldest + self.window);
        sleep_until(window_opens.map_or(slot, |opens| opens.max(slot))).await;
        slot
    }

    /// Records that the call with this slot leaves now.
    pub fn depart(&mut self, slot: Instant) -> Instant {
        self.next_slot = slot + SECOND / self.rate;
        let now = Instant::now();
        if self.last.len() >= self.rate as usize {
            self.last.pop_front();
        }
        self.last.push_back(now);
        now
    }

    /// The calls that left in the second before `now`.
    pub fn in_the_second_before(&self, now: Instant) -> u32 {
        self.last.iter().filter(|&&left_at| left_at + SECOND > now).count() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tps;

    #[tokio::test(start_paused = true)]
    async fn a_call_counts_for_one_second() {
        let rate = Tps::DEFAULT.get();
        let mut departures = Departures::resuming(rate, SECOND, &CallStats::none(Tps::DEFAULT));
        let left_at = departures.depart(Instant::now());
        let just_before = left_at + SECOND - Duration::from_nanos(1);
        assert_eq!(departures.in_the_second_before(just_before), 1);
        assert_eq!(departures.in_the_second_before(left_at + SECOND), 0);
    }
}
