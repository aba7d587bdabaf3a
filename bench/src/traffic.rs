//! The calls of a run and when they left the function. All rates are computed from these times.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::model::Category;
use shared::ports::pool::Operation;

/// The calls to Cognito, each with the virtual time at which it left the function, in order of time.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    calls: Vec<(Duration, Operation)>,
    /// The calls that Cognito throttled. They are among `calls`, too.
    throttled: Vec<(Duration, Operation)>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Traffic {
    /// Adds a call that left at `at`.
    pub fn add(&mut self, at: Duration, operation: Operation) {
        self.calls.push((at, operation));
    }

    /// Marks a call that left at `at` as throttled.
    pub fn add_throttled(&mut self, at: Duration, operation: Operation) {
        self.throttled.push((at, operation));
    }

    /// How many calls Cognito throttled.
    pub fn throttled(&self) -> u64 {
        self.throttled.len() as u64
    }

    /// The calls of the operations for which `is_counted` returns true.
    pub fn filtered(&self, is_counted: impl Fn(Operation) -> bool) -> Self {
        let filtered = |calls: &[(Duration, Operation)]| {
            calls.iter().copied().filter(|&(_, operation)| is_counted(operation)).collect()
        };
        Self { calls: filtered(&self.calls), throttled: filtered(&self.throttled) }
    }

    /// All calls from the first to the last operation for which `is_limit` returns true.
    pub fn between(&self, is_limit: impl Fn(Operation) -> bool) -> Self {
        let is_limit = |&(_, operation): &(Duration, Operation)| is_limit(operation);
        let first = self.calls.iter().position(is_limit);
        let last = self.calls.iter().rposition(is_limit);
        let Some((first, last)) = first.zip(last) else { return Self::default() };
        let time = self.calls[first].0..=self.calls[last].0;
        let throttled = self.throttled.iter().copied().filter(|(at, _)| time.contains(at)).collect();
        Self { calls: self.calls[first..=last].to_vec(), throttled }
    }

    /// The number of calls, throttled ones included.
    pub fn total(&self) -> u64 {
        self.calls.len() as u64
    }

    /// The number of calls of each operation.
    pub fn by_operation(&self) -> BTreeMap<Operation, u64> {
        let mut counts = BTreeMap::new();
        self.calls.iter().for_each(|&(_, operation)| *counts.entry(operation).or_default() += 1);
        counts
    }

    /// The time from the first call to the last.
    pub fn duration(&self) -> Duration {
        match (self.calls.first(), self.calls.last()) {
            (Some((first, _)), Some((last, _))) => *last - *first,
            _ => Duration::ZERO,
        }
    }

    /// The maximum number of calls that left in any window of one second. The window excludes its end.
    pub fn peak_per_second(&self) -> u64 {
        let (mut oldest, mut peak) = (0, 0);
        for (newest, (now, _)) in self.calls.iter().enumerate() {
            while self.calls[oldest].0 + SECOND <= *now {
                oldest += 1;
            }
            peak = peak.max(newest + 1 - oldest);
        }
        peak as u64
    }

    /// Calls per second from the first call to the last: `(calls − 1) / time`.
    pub fn mean_per_second(&self) -> f64 {
        let seconds = self.duration().as_secs_f64();
        if seconds > 0.0 { (self.total() - 1) as f64 / seconds } else { self.total() as f64 }
    }

    /// The shortest time that the limit and the quotas allow for these calls, as a share of the time that the
    /// calls took. Throttled calls count in the second time only.
    ///
    /// `shortest time = max((calls − 1) / tps, (calls of a category − 1) / its quota, …)`
    pub fn share_of_allowed(&self, tps: u32, quota: impl Fn(Category) -> u32) -> f64 {
        let mut by_category: BTreeMap<Category, u64> = BTreeMap::new();
        self.calls
            .iter()
            .for_each(|&(_, operation)| *by_category.entry(operation.category()).or_default() += 1);
        for (_, operation) in &self.throttled {
            by_category.entry(operation.category()).and_modify(|calls| *calls = calls.saturating_sub(1));
        }
        let seconds_at = |limit: u32, calls: u64| calls.saturating_sub(1) as f64 / f64::from(limit.max(1));
        let by_quotas = by_category.into_iter().map(|(category, calls)| seconds_at(quota(category), calls));
        let by_limit = seconds_at(tps, self.total().saturating_sub(self.throttled()));
        let shortest = by_quotas.fold(by_limit, f64::max);
        let seconds = self.duration().as_secs_f64();
        if seconds > 0.0 { shortest / seconds } else { 1.0 }
    }

    /// The mean calls per second in each of `parts` equal parts of the time. Each has the time of its middle.
    pub fn rate_over_time(&self, parts: usize) -> Vec<(Duration, f64)> {
        let Some(&(first, _)) = self.calls.first() else { return Vec::new() };
        let width = (self.duration() / parts.max(1) as u32).max(Duration::from_millis(1));
        let mut counts = vec![0u64; parts.max(1)];
        for (at, _) in &self.calls {
            let part = ((*at - first).as_nanos() / width.as_nanos()) as usize;
            counts[part.min(parts.max(1) - 1)] += 1;
        }
        let middle = |part: usize| width * part as u32 + width / 2;
        counts
            .into_iter()
            .enumerate()
            .map(|(part, count)| (middle(part), count as f64 / width.as_secs_f64()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(calls: &[(u64, Operation)]) -> Traffic {
        let mut traffic = Traffic::default();
        calls.iter().for_each(|&(at, operation)| traffic.add(Duration::from_millis(at), operation));
        traffic
    }

    #[test]
    fn the_peak_counts_calls_in_a_window_without_its_end() {
        let list = Operation::ListUsers;
        assert_eq!(traffic(&[(0, list), (999, list), (1_000, list)]).peak_per_second(), 2);
        assert_eq!(traffic(&[(0, list), (500, list), (900, list), (1_400, list)]).peak_per_second(), 3);
        assert_eq!(Traffic::default().peak_per_second(), 0);
    }

    #[test]
    fn the_mean_rate_counts_intervals_and_the_allowed_share_the_tightest_quota() {
        let (create, set) = (Operation::AdminCreateUser, Operation::AdminSetUserPassword);
        let calls: Vec<_> = (0..=20).map(|at| (at * 100, if at % 2 == 0 { create } else { set })).collect();
        let traffic = traffic(&calls);
        assert!((traffic.mean_per_second() - 10.0).abs() < 1e-9);
        let quota = |passwords| {
            move |category| if category == Category::UserAccountRecovery { passwords } else { 100 }
        };
        assert!((traffic.share_of_allowed(10, quota(100)) - 1.0).abs() < 1e-9);
        assert!((traffic.share_of_allowed(20, quota(100)) - 0.5).abs() < 1e-9);
        // 10 passwords at 5 calls per second need 9 / 5 = 1.8 of the 2 seconds.
        assert!((traffic.share_of_allowed(20, quota(5)) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_throttled_call_only_costs_time() {
        let list = Operation::ListUsers;
        let mut traffic = traffic(&[(0, list), (500, list), (1_000, list)]);
        traffic.add_throttled(Duration::from_millis(500), list);
        // 2 accepted calls at 2 calls per second need 1 / 2 of the second.
        assert!((traffic.share_of_allowed(2, |_| 100) - 0.5).abs() < 1e-9);
        assert!((traffic.share_of_allowed(200, |_| 2) - 0.5).abs() < 1e-9);
        assert_eq!(traffic.between(|_| true).throttled(), 1);
        assert_eq!(traffic.filtered(|operation| operation != list).throttled(), 0);
    }

    #[test]
    fn a_phase_has_all_calls_from_its_first_to_its_last() {
        let (list, create) = (Operation::ListUsers, Operation::AdminCreateUser);
        let phase = traffic(&[(0, list), (1, create), (2, list), (3, create), (4, list)])
            .between(|operation| operation == create);
        assert_eq!(phase.total(), 3);
        assert_eq!(phase.by_operation()[&create], 2);
        assert_eq!(Traffic::default().between(|_| true).total(), 0);
    }

    #[test]
    fn the_rate_over_time_is_the_mean_of_equal_parts() {
        let list = Operation::ListUsers;
        let rates = traffic(&[(0, list), (500, list), (1_000, list), (2_000, list)]).rate_over_time(2);
        assert_eq!(rates.len(), 2);
        assert!((rates[0].1 - 2.0).abs() < 1e-9 && (rates[1].1 - 2.0).abs() < 1e-9);
    }
}
