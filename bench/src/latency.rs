//! How long calls take: a constant, and a jitter that is the same in every run.

use std::cell::Cell;
use std::time::Duration;

use crate::population::mix;

/// How much of a call's time is jitter: from this much less to this much more, a share.
const JITTER: f64 = 0.1;
/// The way of a request to the service. What varies is mostly the service's own time.
const WAY: Duration = Duration::from_millis(5);

/// Gives each call its time.
#[derive(Debug, Default)]
pub struct Latency {
    drawn: Cell<u64>,
}

/// The time of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From the function to the service.
    pub there: Duration,
    /// The service's work, and the way back.
    pub back: Duration,
}

impl Latency {
    /// The next call's time, `mean` on average, with the way to the service within it.
    pub fn draw(&self, mean: Duration) -> Times {
        let number = self.drawn.get();
        self.drawn.set(number + 1);
        let draw = |salt: u64| (mix(number << 1 | salt) >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0;
        let whole = mean.mul_f64(1.0 + JITTER * draw(0));
        let there = WAY.min(mean / 2).mul_f64(1.0 + JITTER * draw(1));
        Times { there, back: whole.saturating_sub(there) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_take_the_mean_on_average_and_never_much_more_or_less() {
        let (latency, mean) = (Latency::default(), Duration::from_millis(50));
        let times: Vec<Times> = (0..10_000).map(|_| latency.draw(mean)).collect();
        let whole = |times: &Times| times.there + times.back;
        assert!(times.iter().all(|times| (45..=55).contains(&whole(times).as_millis())));
        let average = times.iter().map(whole).sum::<Duration>() / 10_000;
        assert!((49_500..=50_500).contains(&average.as_micros()), "{average:?}");
        assert_eq!(Latency::default().draw(mean), times[0]);
    }
}
