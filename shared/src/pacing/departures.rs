//! A schedule of departures: when the next call may leave, and which ones left last.
//!
//! Two rules hold. Calls are **spaced** evenly along a schedule of one per 1/rate s, which a late timer does not shift. And the n-th call
//! leaves no earlier than a window after the (n − rate)-th **really left**: the window slides over departures, not over the schedule, so
//! catching up after a stall cannot exceed it. A token bucket (governor's GCRA among them) bounds a window to rate plus burst at best, which is
//! why this is no bucket.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::model::CallStats;
use crate::ports::Clock;

const SECOND: Duration = Duration::from_secs(1);

/// Departures at a rate.
#[derive(Debug)]
pub(super) struct Departures {
    /// Calls in any window.
    rate: u32,
    window: Duration,
    /// The last `rate` departures, oldest first.
    last: VecDeque<Instant>,
    /// Where the schedule puts the next call.
    next_slot: Instant,
}

impl Departures {
    /// Goes on where `earlier` left off: its calls of the last second are taken to have left all at its end, which can only delay the
    /// next ones.
    pub fn resuming(rate: u32, window: Duration, clock: Clock, earlier: &CallStats) -> Self {
        let now = Instant::now();
        let mut last = VecDeque::with_capacity(rate as usize + 1);
        if let Some(left) = earlier.last_at.map(|last| clock.instant(last).min(now)) {
            last.extend(std::iter::repeat_n(left, earlier.in_last_second.min(rate) as usize));
        }
        Self { rate, window, last, next_slot: now }
    }

    /// Waits until a call may leave; returns its place on the schedule.
    pub async fn opening(&self) -> Instant {
        let slot = self.next_slot.max(Instant::now());
        let window_opens = match self.last.len() >= self.rate as usize {
            true => self.last.front().map(|oldest| *oldest + self.window),
            false => None,
        };
        sleep_until(window_opens.map_or(slot, |opens| opens.max(slot))).await;
        slot
    }

    /// A call whose place is `slot` leaves now.
    pub fn depart(&mut self, slot: Instant) -> Instant {
        self.next_slot = slot + SECOND / self.rate;
        let now = Instant::now();
        if self.last.len() >= self.rate as usize {
            self.last.pop_front();
        }
        self.last.push_back(now);
        now
    }

    /// How many left in the second before `now`.
    pub fn in_the_second_before(&self, now: Instant) -> u32 {
        self.last.iter().filter(|&&left| left + SECOND > now).count() as u32
    }
}
