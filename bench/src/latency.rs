//! How long calls take: a constant time with a jitter that is the same in every run of the bench.

use std::cell::Cell;
use std::time::Duration;

use crate::population::mix;

/// The jitter of a call. Its time is `mean × (1 ± MAX_JITTER)`.
const MAX_JITTER: f64 = 0.1;
/// How long a request takes to reach the service. It is short, because the service's own work varies most.
const REQUEST_TIME: Duration = Duration::from_millis(5);

/// Gives each call its time.
#[derive(Debug, Default)]
pub struct Latency {
    calls: Cell<u64>,
}

/// The time of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTime {
    /// From the function to the service.
    pub request: Duration,
    /// The service's work, and the answer's way to the function.
    pub response: Duration,
}

impl CallTime {
    /// From the departure of the request to the arrival of the answer.
    pub fn total(&self) -> Duration {
        self.request + self.response
    }
}

impl Latency {
    /// The time of the next call. The mean over all calls is `mean`.
    pub fn next(&self, mean: Duration) -> CallTime {
        let number = self.calls.get();
        self.calls.set(number + 1);
        let jitter = |salt: u64| {
            MAX_JITTER * ((mix(number << 1 | salt) >> 11) as f64 / (1u64 << 53) as f64 * 2.0 - 1.0)
        };
        let total = mean.mul_f64(1.0 + jitter(0));
        let request = REQUEST_TIME.min(mean / 2).mul_f64(1.0 + jitter(1));
        CallTime { request, response: total.saturating_sub(request) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_calls_is_the_mean_on_average_and_within_the_jitter() {
        let (latency, mean) = (Latency::default(), Duration::from_millis(50));
        let times: Vec<CallTime> = (0..10_000).map(|_| latency.next(mean)).collect();
        assert!(times.iter().all(|time| (45..=55).contains(&time.total().as_millis())));
        let average = times.iter().map(CallTime::total).sum::<Duration>() / 10_000;
        assert!((49_500..=50_500).contains(&average.as_micros()), "{average:?}");
        assert_eq!(Latency::default().next(mean), times[0]);
    }
}
