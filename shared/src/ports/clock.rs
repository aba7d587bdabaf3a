//! The wall clock.

use jiff::Timestamp;
use tokio::time::Instant;

/// The wall clock, derived from tokio's clock: a test that pauses time pauses both.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    wall: Timestamp,
    /// Whether the computer has this clock, and a test does not.
    is_system: bool,
}

impl Clock {
    /// A clock that shows `wall` now.
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { origin: Instant::now(), wall, is_system: false }
    }

    pub fn system() -> Self {
        Self { is_system: true, ..Self::starting_at(Timestamp::now()) }
    }

    /// The time now, to the millisecond.
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// The time that the computer shows now. It counts the time for which the computer sleeps, which [`Self::now`] does not
    /// count on Linux (clock_gettime(2): `CLOCK_MONOTONIC`).
    pub fn shown(&self) -> Timestamp {
        if self.is_system { Timestamp::now() } else { self.now() }
    }

    /// The time at `instant`, to the millisecond.
    pub fn at(&self, instant: Instant) -> Timestamp {
        let millis = match instant.checked_duration_since(self.origin) {
            Some(later) => self.wall.as_millisecond() + later.as_millis() as i64,
            None => self.wall.as_millisecond() - (self.origin - instant).as_millis() as i64,
        };
        Timestamp::from_millisecond(millis).unwrap_or(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_follows_paused_time() {
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:01.5Z");
        assert_eq!(clock.at(Instant::now()), clock.now());
    }
}
