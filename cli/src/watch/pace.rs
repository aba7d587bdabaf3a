//! The rate of a run, and its remaining time.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::position::Position;
use crate::output::text::duration;

/// The recent positions of a run.
#[derive(Debug, Default)]
pub struct Pace {
    seen: VecDeque<(Instant, Position)>,
    /// When the position last changed.
    changed: Option<Instant>,
}

impl Pace {
    /// How far back a rate looks. Headers change every few seconds, or once a minute under a low limit.
    const WINDOW: Duration = Duration::from_secs(180);
    /// The shortest time from which a rate is computed.
    const MIN_SPAN: Duration = Duration::from_secs(5);
    /// The standstill after which the summary mentions it.
    const STANDSTILL_AFTER: Duration = Duration::from_secs(60);

    /// Adds the position at `at`.
    pub fn note(&mut self, at: Instant, position: Position) {
        if self.seen.back().is_none_or(|(_, last)| *last != position) {
            self.changed = Some(at);
        }
        self.seen.push_back((at, position));
        while self.seen.get(1).is_some_and(|(second, _)| at - *second >= Self::WINDOW) {
            self.seen.pop_front();
        }
    }

    /// The rate of `units`, per second.
    fn rate(&self, units: impl Fn(&Position) -> u64) -> Option<f64> {
        let ((from, first), (to, last)) = (self.seen.front()?, self.seen.back()?);
        let span = *to - *from;
        (span >= Self::MIN_SPAN).then(|| units(last).saturating_sub(units(first)) as f64 / span.as_secs_f64())
    }

    /// The remaining time at the current rate.
    pub fn remaining(&self) -> Option<Duration> {
        let rate = self.rate(|position| position.work().0).filter(|rate| *rate > 0.0)?;
        let (done, all) = self.seen.back()?.1.work();
        Some(Duration::from_secs(((all - done) as f64 / rate) as u64))
    }

    /// Position, rate and remaining time of the run.
    pub fn summary(&self) -> Option<String> {
        let (now, position) = self.seen.back()?;
        let mut words = position.summary();
        match (self.rate(Position::users), self.rate(Position::memberships)) {
            (Some(users), _) if users > 0.0 => words += &format!(", {users:.1} users/s"),
            (_, Some(memberships)) if memberships > 0.0 => {
                words += &format!(", {memberships:.1} memberships/s")
            }
            _ => {}
        }
        if let Some(remaining) = self.remaining().filter(|remaining| !remaining.is_zero()) {
            words += &format!(", about {} left", duration(remaining));
        }
        if let Some(still) =
            self.changed.map(|changed| *now - changed).filter(|still| *still >= Self::STANDSTILL_AFTER)
        {
            words += &format!(", no news for {}", duration(still));
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use shared::model::RestoreState;

    use super::*;
    use crate::testing;

    fn position(users: u64, memberships: u64) -> Position {
        let mut restore = testing::restore(RestoreState::Running);
        restore.handled.users = users;
        restore.handled.memberships = memberships;
        Position::from(&restore)
    }

    #[test]
    fn rate_and_remaining_time_come_from_the_last_minutes() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        assert_eq!(pace.summary(), None);
        pace.note(start, position(0, 0));
        assert_eq!(pace.summary().unwrap(), "0 of 400,000 users, 3 of 3 groups, 0 of 7 memberships");
        for second in 1..=300 {
            let users = if second <= 100 { second * 1000 } else { 100_000 + (second - 100) * 100 };
            pace.note(start + Duration::from_secs(second), position(users, 0));
        }
        assert!(pace.seen.len() <= 181);
        assert_eq!(
            pace.summary().unwrap(),
            "120,000 of 400,000 users, 3 of 3 groups, 0 of 7 memberships, 100.0 users/s, about 47 min 46 s left"
        );
    }

    #[test]
    fn memberships_have_a_rate_and_a_standstill_is_mentioned() {
        let (start, mut pace) = (Instant::now(), Pace::default());
        pace.note(start, position(400_000, 0));
        pace.note(start + Duration::from_secs(10), position(400_000, 5));
        assert!(pace.summary().unwrap().contains(", 0.5 memberships/s, about "));
        let mut still = Pace::default();
        still.note(start, position(5, 0));
        still.note(start + Duration::from_secs(10), position(5, 0));
        assert!(still.summary().unwrap().ends_with("0 of 7 memberships"));
        still.note(start + Duration::from_secs(70), position(5, 0));
        assert!(still.summary().unwrap().ends_with("0 of 7 memberships, no news for 1 min 10 s"));
    }
}
