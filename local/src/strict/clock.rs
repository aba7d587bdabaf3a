//! The clock of the strict proxy's rules. A test can stop it and advance it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock that follows the system clock until a test stops or advances it.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    stopped: Option<(Instant, SystemTime)>,
    ahead: Duration,
}

impl Clock {
    /// The time for measuring durations.
    pub fn now(&self) -> Instant {
        let state = self.state();
        state.stopped.map_or_else(Instant::now, |(instant, _)| instant) + state.ahead
    }

    /// Seconds since 1970, for dates in replies.
    pub fn epoch(&self) -> f64 {
        let state = self.state();
        let time = state.stopped.map_or_else(SystemTime::now, |(_, time)| time) + state.ahead;
        time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }

    /// Stops the clock. From now on, only [`Clock::advance`] moves it.
    pub fn stop(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).stopped =
            Some((Instant::now(), SystemTime::now()));
    }

    pub fn advance(&self, time: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ahead += time;
    }

    fn state(&self) -> State {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_moves_only_when_it_is_advanced() {
        let clock = Clock::default();
        clock.stop();
        let (now, epoch) = (clock.now(), clock.epoch());
        assert_eq!(clock.now(), now);
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(clock.now() - now, Duration::from_secs(3_600));
        assert!((clock.epoch() - epoch - 3_600.0).abs() < 1e-3);
    }
}
