//! Exponential backoff with full jitter.

use std::cell::Cell;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// Waits of a random length between 0 and a ceiling that grows exponentially.
///
/// backon's own jitter adds to the ceiling. Full jitter draws from the whole range below it, which
/// spreads calls that were refused together. Source: "Exponential Backoff And Jitter", AWS
/// Architecture Blog, 2015.
#[derive(Debug, Clone, Copy)]
pub struct FullJitter(ExponentialBuilder);

impl FullJitter {
    /// Waits between `attempts` attempts. The ceilings double from `first` to `longest`.
    pub fn new(attempts: usize, first: Duration, longest: Duration) -> Self {
        Self(
            ExponentialBuilder::new()
                .with_factor(2.0)
                .with_min_delay(first)
                .with_max_delay(longest)
                .with_max_times(attempts.saturating_sub(1)),
        )
    }
}

impl BackoffBuilder for FullJitter {
    type Backoff = Waits;

    fn build(self) -> Waits {
        Waits(self.0.build())
    }
}

/// The waits between the attempts at one call.
#[derive(Debug)]
pub struct Waits(ExponentialBackoff);

impl Iterator for Waits {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|ceiling| ceiling.mul_f64(random_fraction()))
    }
}

thread_local! {
    /// The state of the waits of this thread, if a test repeats them.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Makes the waits of this thread depend on `seed` alone, so that a test can repeat its schedule. None ends
/// that. Returns the seed of the next wait so far.
pub fn seed_waits(seed: Option<u64>) -> Option<u64> {
    SEED.replace(seed)
}

/// A random number from 0 to 1. It is 0.5 if the system has no random source: a wait is no secret.
fn random_fraction() -> f64 {
    let random = match SEED.get() {
        // Source of the constants: Knuth's MMIX generator.
        Some(seed) => {
            let next = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            SEED.set(Some(next));
            Ok((next >> 32) as u32)
        }
        None => getrandom::u32(),
    };
    random.map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_of_a_seed_can_be_repeated() {
        let waits =
            || FullJitter::new(6, Duration::from_secs(1), Duration::from_secs(9)).build().collect::<Vec<_>>();
        seed_waits(Some(7));
        let first = waits();
        let reached = seed_waits(Some(7));
        assert!(reached.is_some_and(|seed| seed != 7 && seed > 1), "the seed of the next wait");
        assert_eq!(waits(), first);
        assert_eq!(seed_waits(None), reached);
        assert!(first.iter().all(|wait| *wait > Duration::ZERO), "{first:?}");
        assert_eq!(seed_waits(None), None);
    }

    #[test]
    fn waits_differ_and_stay_below_their_growing_ceilings() {
        let ceilings = [100, 200, 400, 500, 500].map(Duration::from_millis);
        let waits = || {
            FullJitter::new(6, Duration::from_millis(100), Duration::from_millis(500))
                .build()
                .collect::<Vec<_>>()
        };
        for _ in 0..100 {
            let waits = waits();
            assert_eq!(waits.len(), ceilings.len());
            assert!(waits.iter().zip(ceilings).all(|(wait, ceiling)| *wait <= ceiling));
        }
        assert_ne!(waits(), waits());
    }
}
