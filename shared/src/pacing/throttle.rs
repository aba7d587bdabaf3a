//! The throttle: a category that Cognito throttles slows down and recovers. The other categories
//! keep their rate.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::model::{Category, Ceilings, Tps};

/// Refusals within this time count as one, because Cognito refuses several calls under way at once.
const ONE_REFUSAL_WITHIN: Duration = Duration::from_millis(500);
/// Calls per second that a throttled category keeps.
const MIN_RATE: f64 = 1.0;
/// The share of the full rate that returns in each second without a refusal.
const RECOVERY_PER_SECOND: f64 = 0.05;

/// Additive increase and multiplicative decrease for each category. A refusal halves the rate.
/// After at most 20 seconds without a refusal, the category has its full rate again.
#[derive(Debug)]
pub struct Throttle {
    tps: Tps,
    ceilings: Ceilings,
    slowed: Mutex<HashMap<Category, Pace>>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Calls per second.
    rate: f64,
    since: Instant,
    next_slot: Instant,
}

impl Throttle {
    /// A throttle at full rate. The full rate of a category is its ceiling, or else the limit.
    pub fn new(tps: Tps, ceilings: Ceilings) -> Self {
        Self { tps, ceilings, slowed: Mutex::default() }
    }

    /// The full rate of a category, calls per second.
    fn full(&self, category: Category) -> f64 {
        f64::from(self.ceilings.rate(category, self.tps))
    }

    /// Waits until a call of the category may leave. A category that is not throttled does not
    /// wait.
    pub async fn wait(&self, category: Category) {
        let slot = {
            let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(pace) = slowed.get_mut(&category) else { return };
            let now = Instant::now();
            let quiet = now.saturating_duration_since(pace.since).as_secs_f64();
            let full = self.full(category);
            let rate = pace.rate + full * RECOVERY_PER_SECOND * quiet;
            if rate >= full {
                slowed.remove(&category);
                return;
            }
            let slot = pace.next_slot.max(now);
            pace.next_slot = slot + Duration::from_secs_f64(1.0 / rate);
            slot
        };
        sleep_until(slot).await;
    }

    /// Halves the rate of a category after a refusal.
    pub fn refused(&self, category: Category) {
        let (now, full) = (Instant::now(), self.full(category));
        let mut slowed = self.slowed.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = match slowed.get(&category) {
            Some(pace) if now.saturating_duration_since(pace.since) < ONE_REFUSAL_WITHIN => return,
            Some(pace) => {
                let quiet = now.saturating_duration_since(pace.since).as_secs_f64();
                (pace.rate + full * RECOVERY_PER_SECOND * quiet).min(full)
            }
            None => full,
        };
        let rate = (rate / 2.0).max(MIN_RATE.min(full));
        slowed.insert(
            category,
            Pace { rate, since: now, next_slot: now + Duration::from_secs_f64(1.0 / rate) },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn calls_in(throttle: &Throttle, category: Category, seconds: u64) -> usize {
        let end = Instant::now() + Duration::from_secs(seconds);
        let mut calls = 0;
        while Instant::now() < end {
            throttle.wait(category).await;
            calls += 1;
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        calls
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_category_halves_and_recovers_while_others_keep_their_rate() {
        let throttle = Throttle::new(Tps::new(20).unwrap(), Ceilings::default());
        throttle.refused(Category::UserList);
        throttle.refused(Category::UserList);
        let slowed = calls_in(&throttle, Category::UserList, 1).await;
        assert!((9..=13).contains(&slowed), "{slowed}");
        let before = Instant::now();
        throttle.wait(Category::UserCreation).await;
        assert_eq!(before, Instant::now());
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(calls_in(&throttle, Category::UserList, 1).await, 100);
    }

    /// How long the next call of the category waits, in milliseconds.
    async fn next_wait(throttle: &Throttle, category: Category) -> u128 {
        let before = Instant::now();
        throttle.wait(category).await;
        before.elapsed().as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_halves_the_rate_and_each_second_brings_a_twentieth_of_the_full_rate_back() {
        let (throttle, category) =
            (Throttle::new(Tps::new(20).unwrap(), Ceilings::default()), Category::UserList);
        throttle.refused(category);
        // 10 calls a second.
        assert_eq!(next_wait(&throttle, category).await, 100);
        assert_eq!(next_wait(&throttle, category).await, 100);
        // Half a second after the first refusal, another one counts. The rate has grown to 10.5, and halves.
        tokio::time::advance(Duration::from_millis(300)).await;
        throttle.refused(category);
        let wait = next_wait(&throttle, category).await;
        assert!((190..=192).contains(&wait), "{wait} ms at 5.25 calls a second");
        // Another one at the same time does not.
        throttle.refused(category);
        let wait = next_wait(&throttle, category).await;
        assert!((180..=192).contains(&wait), "{wait} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_category_never_stops() {
        let throttle = Throttle::new(Tps::new(4).unwrap(), Ceilings::default());
        for _ in 0..20 {
            throttle.refused(Category::UserRead);
            tokio::time::advance(ONE_REFUSAL_WITHIN).await;
        }
        assert!(calls_in(&throttle, Category::UserRead, 10).await >= 10);
    }
}
