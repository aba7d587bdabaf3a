//! Lanes: they space the calls of one category, within the rate of all calls.
//!
//! A lane stands before the limiter, and lets one call at a time wait for it. A call that waits for
//! its category does not delay other categories. The calls of a category leave at the rate of its
//! lane. If all categories together exceed the limit, they take turns.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use super::departures::Departures;
use super::{Lapsed, Limiter, Tenure};
use crate::model::{CallStats, Category, Ceilings, Tps};
use crate::ports::pool::Operation;

/// A little more than a second: calls take different times to reach Cognito, which refuses calls
/// above its quota.
const WINDOW: Duration = Duration::from_millis(1020);

/// Locked by the call that leaves next. It holds departures if the lane is slower than the limiter.
type Lane = Mutex<Option<Departures>>;

/// The lanes of a run. None if it has no ceilings.
#[derive(Debug)]
pub struct Lanes {
    categories: BTreeMap<Category, Lane>,
    /// The lanes of operations that have their own quota.
    operations: BTreeMap<Operation, Lane>,
}

impl Lanes {
    /// Lanes that continue after the calls of `earlier`.
    pub fn resuming(tps: Tps, ceilings: &Ceilings, earlier: &CallStats) -> Self {
        let lane = |ceiling: Option<u32>| {
            let rate = ceiling.filter(|&ceiling| ceiling < tps.get());
            Mutex::new(rate.map(|rate| Departures::resuming(rate, WINDOW, earlier)))
        };
        let all: &[Category] = if ceilings.is_empty() { &[] } else { &Category::ALL };
        let categories = all.iter().map(|&category| (category, lane(ceilings.of(category))));
        let operations = Operation::ALL.iter().filter_map(|&operation| {
            let category = operation.category();
            let quota = category.quota_of_an_operation()?;
            // AWS does not raise this quota. The reads of a configuration come close together, so they keep to it
            // even in a run without ceilings.
            let ceiling = ceilings.of(category).or(operation.reads_configuration().then_some(quota))?;
            Some((operation, lane(Some(quota.min(ceiling)))))
        });
        Self { categories: categories.collect(), operations: operations.collect() }
    }

    /// Waits for the lanes and the limiter until a call may leave. The limiter counts it.
    ///
    /// # Errors
    /// If the tenure has lapsed.
    pub async fn permit(
        &self,
        operation: Operation,
        limiter: &Limiter,
        tenure: Option<&Tenure>,
    ) -> Result<(), Lapsed> {
        let lanes = [self.operations.get(&operation), self.categories.get(&operation.category())];
        let mut held = Vec::new();
        for lane in lanes.into_iter().flatten() {
            let lane = lane.lock().await;
            let slot = match lane.as_ref() {
                Some(departures) => Some(departures.opening().await),
                None => None,
            };
            held.push((lane, slot));
        }
        limiter.permit_within(tenure).await?;
        for (lane, slot) in &mut held {
            if let (Some(departures), Some(slot)) = (lane.as_mut(), *slot) {
                departures.depart(slot);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::ports::Clock;

    fn default_quotas() -> Ceilings {
        let mut ceilings = Ceilings::default();
        Category::ALL.into_iter().for_each(|category| ceilings.set(category, category.default_quota()));
        ceilings
    }

    /// 20 callers each ask for every one of `operations` as often as they can. Returns the calls
    /// that leave, and when.
    async fn departures(
        tps: i64,
        ceilings: &Ceilings,
        operations: &[Operation],
        seconds: u64,
    ) -> Vec<(Duration, Operation)> {
        let (tps, clock) =
            (Tps::new(tps).unwrap(), Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap()));
        let earlier = CallStats::none(tps);
        let lanes = Arc::new(Lanes::resuming(tps, ceilings, &earlier));
        let limiter = Arc::new(Limiter::resuming(tps, clock, earlier));
        let (begun, calls) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let callers =
            operations.iter().flat_map(|&operation| (0..20).map(move |_| operation)).map(|operation| {
                let (lanes, limiter, calls) = (Arc::clone(&lanes), Arc::clone(&limiter), Arc::clone(&calls));
                async move {
                    while begun.elapsed() < Duration::from_secs(seconds) {
                        lanes.permit(operation, &limiter, None).await.unwrap();
                        calls.lock().await.push((begun.elapsed(), operation));
                    }
                }
            });
        join_all(callers).await;
        calls.lock().await.clone()
    }

    fn most_in_any_second(
        departures: &[(Duration, Operation)],
        is_counted: impl Fn(Operation) -> bool,
    ) -> usize {
        let counted: Vec<_> =
            departures.iter().filter(|(_, operation)| is_counted(*operation)).map(|(at, _)| *at).collect();
        let in_second = |from: &Duration| {
            counted.iter().filter(|&at| at >= from && *at < *from + Duration::from_secs(1)).count()
        };
        counted.iter().map(in_second).max().unwrap_or(0)
    }

    #[tokio::test(start_paused = true)]
    async fn each_category_keeps_its_ceiling_within_the_limit_of_all() {
        let operations =
            [Operation::AdminCreateUser, Operation::AdminSetUserPassword, Operation::AdminAddUserToGroup];
        let calls = departures(200, &default_quotas(), &operations, 20).await;
        for (operation, quota) in operations.into_iter().zip([50, 30, 25]) {
            let count = calls.iter().filter(|(_, other)| *other == operation).count();
            assert!(count as f64 >= 0.97 * f64::from(quota) * 20.0, "{operation:?}: {count}");
            assert!(
                most_in_any_second(&calls, |other| other == operation) <= quota as usize,
                "{operation:?}"
            );
        }
        // If all together exceed the limit, it holds, and every category gets its share.
        let calls = departures(30, &default_quotas(), &operations, 20).await;
        assert!(most_in_any_second(&calls, |_| true) <= 30);
        assert!((590..=670).contains(&calls.len()), "{}", calls.len());
        for operation in operations {
            assert!(calls.iter().filter(|(_, other)| *other == operation).count() > 180, "{operation:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_with_its_own_quota_keeps_it() {
        let operations = [Operation::CreateGroup, Operation::UpdateGroup, Operation::GetGroup];
        let calls = departures(100, &default_quotas(), &operations, 20).await;
        for operation in operations {
            assert!(most_in_any_second(&calls, |other| other == operation) <= 5, "{operation:?}");
        }
        assert!(calls.len() >= 280, "{}", calls.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_category_without_a_ceiling_gets_the_limit_of_all() {
        let mut ceilings = Ceilings::default();
        ceilings.set(Category::UserList, 7);
        let calls = departures(10, &ceilings, &[Operation::ListUsers, Operation::ListUsersInGroup], 20).await;
        assert!(most_in_any_second(&calls, |_| true) <= 7);
        let calls = departures(100, &ceilings, &[Operation::AdminGetUser], 20).await;
        assert!(calls.len() > 1_950, "{}", calls.len());
    }
}
