//! The limiter: in no window of one second more calls leave than the configured TPS allows.

use std::time::Duration;

use tokio::sync::Mutex;

use super::departures::Departures;
use super::{Lapsed, Tenure};
use crate::model::{CallStats, Tps};
use crate::ports::Clock;

/// A little more than a second, because Cognito counts calls when they arrive, and calls take
/// different times to arrive.
const WINDOW: Duration = Duration::from_millis(1005);

/// Gives permits for calls of Cognito, in the order of the requests, and counts them.
#[derive(Debug)]
pub struct Limiter {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    departures: Departures,
    stats: CallStats,
}

impl Limiter {
    /// A limiter that continues after `earlier`, the calls of the execution so far.
    pub fn resuming(tps: Tps, clock: Clock, earlier: CallStats) -> Self {
        let departures = Departures::resuming(tps.get(), WINDOW, &earlier);
        Self {
            clock,
            state: Mutex::new(State {
                departures,
                stats: CallStats { limit_per_second: tps.get(), ..earlier },
            }),
        }
    }

    /// Waits until a call may leave, and counts it. The call leaves within the tenure of the
    /// invocation, if there is one.
    ///
    /// # Errors
    /// If the tenure has lapsed. Then no call is counted.
    pub async fn permit_within(&self, tenure: Option<&Tenure>) -> Result<(), Lapsed> {
        let mut state = self.state.lock().await;
        let slot = state.departures.opening().await;
        if let Some(tenure) = tenure {
            tenure.confirm().await?;
        }
        let now = state.departures.depart(slot);
        let (in_last_second, at) = (state.departures.in_the_second_before(now), self.clock.at(now));
        let stats = &mut state.stats;
        stats.total += 1;
        stats.first_at.get_or_insert(at);
        stats.last_at = Some(at);
        stats.in_last_second = in_last_second;
        stats.peak_per_second = stats.peak_per_second.max(in_last_second);
        Ok(())
    }

    /// Counts a call that Cognito refused with TooManyRequestsException.
    pub async fn count_throttled(&self) {
        self.state.lock().await.stats.throttled += 1;
    }

    /// The calls of the execution so far, those of earlier invocations included.
    pub async fn stats(&self) -> CallStats {
        self.state.lock().await.stats.with_mean()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::time::Instant;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter(tps: i64, earlier: Option<CallStats>) -> Limiter {
        let tps = Tps::new(tps).unwrap();
        let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        Limiter::resuming(tps, clock, earlier.unwrap_or(CallStats::none(tps)))
    }

    fn most_in_any_second(departures: &[Instant]) -> usize {
        let in_window =
            |from: &Instant| departures.iter().filter(|&at| at >= from && *at < *from + SECOND).count();
        departures.iter().map(in_window).max().unwrap_or(0)
    }

    /// An operator may continue a run with another limit.
    #[tokio::test]
    async fn a_run_that_continues_reports_its_own_limit() {
        let limiter = limiter(10, Some(CallStats { total: 7, ..CallStats::none(Tps::new(30).unwrap()) }));
        let stats = limiter.stats().await;
        assert_eq!((stats.limit_per_second, stats.total), (10, 7));
    }

    #[tokio::test]
    async fn refused_calls_are_counted() {
        let limiter = limiter(10, None);
        limiter.count_throttled().await;
        limiter.count_throttled().await;
        assert_eq!(limiter.stats().await.throttled, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_caller_gets_the_full_rate_evenly() {
        for tps in [1, 7, 10, 30, 200] {
            let limiter = limiter(tps, None);
            let started = Instant::now();
            let mut departures = Vec::new();
            for _ in 0..tps * 20 {
                limiter.permit_within(None).await.unwrap();
                departures.push(Instant::now());
            }
            let mean = (departures.len() - 1) as f64 / started.elapsed().as_secs_f64();
            assert!(mean >= tps as f64 * 0.98, "{mean} of {tps}");
            assert!(most_in_any_second(&departures) <= tps as usize);
            let stats = limiter.stats().await;
            assert_eq!(
                (stats.total, stats.peak_per_second as usize),
                (departures.len() as u64, most_in_any_second(&departures))
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// The pauses between calls have any length, and other invocations continue the calls.
        #[test]
        fn no_second_exceeds_the_limit(tps in 1i64..40, pauses in prop::collection::vec((0u64..1500, any::<bool>()), 1..150)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            runtime.block_on(async {
                let clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
                let mut current = limiter(tps, None);
                let mut departures = Vec::new();
                for (pause, new_invocation) in pauses {
                    // Most pauses are 0: the caller is always ready, and stalls now and then.
                    if pause > 1200 {
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                    if new_invocation && pause % 7 == 0 {
                        let earlier = current.stats().await;
                        current = Limiter::resuming(Tps::new(tps).unwrap(), clock, earlier);
                    }
                    current.permit_within(None).await.unwrap();
                    departures.push(Instant::now());
                }
                assert!(most_in_any_second(&departures) <= tps as usize);
            });
        }
    }
}
