//! The calls that left, and when: what is counted per second is counted here.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::model::Category;
use shared::ports::pool::Operation;

/// Calls to Cognito with the virtual time at which they left the function, in that order.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    calls: Vec<(Duration, Operation)>,
    /// When calls left that were refused, and what they were.
    refused: Vec<(Duration, Operation)>,
}

const SECOND: Duration = Duration::from_secs(1);

impl Traffic {
    /// Notes a call.
    pub fn note(&mut self, at: Duration, operation: Operation) {
        self.calls.push((at, operation));
    }

    /// Notes that a call which left at `at` was refused as throttled.
    pub fn note_refused(&mut self, at: Duration, operation: Operation) {
        self.refused.push((at, operation));
    }

    /// How many calls were refused as throttled.
    pub fn refused(&self) -> u64 {
        self.refused.len() as u64
    }

    /// Those of the calls that `keep` wants.
    pub fn only(&self, keep: impl Fn(Operation) -> bool) -> Self {
        let only = |calls: &[(Duration, Operation)]| calls.iter().copied().filter(|&(_, operation)| keep(operation)).collect();
        Self { calls: only(&self.calls), refused: only(&self.refused) }
    }

    /// The calls from the first to the last of those that `ends` wants, others among them.
    pub fn between(&self, ends: impl Fn(Operation) -> bool) -> Self {
        let is_end = |&(_, operation): &(Duration, Operation)| ends(operation);
        let first = self.calls.iter().position(is_end);
        let last = self.calls.iter().rposition(is_end);
        let Some((first, last)) = first.zip(last) else { return Self::default() };
        let time = self.calls[first].0..=self.calls[last].0;
        let refused = self.refused.iter().copied().filter(|(at, _)| time.contains(at)).collect();
        Self { calls: self.calls[first..=last].to_vec(), refused }
    }

    /// How many calls.
    pub fn total(&self) -> u64 {
        self.calls.len() as u64
    }

    /// How many calls of each operation.
    pub fn by_operation(&self) -> BTreeMap<Operation, u64> {
        let mut counts = BTreeMap::new();
        self.calls.iter().for_each(|&(_, operation)| *counts.entry(operation).or_default() += 1);
        counts
    }

    /// From the first call to the last.
    pub fn time(&self) -> Duration {
        match (self.calls.first(), self.calls.last()) {
            (Some((first, _)), Some((last, _))) => *last - *first,
            _ => Duration::ZERO,
        }
    }

    /// The most calls that left in any window of one second.
    pub fn peak_per_second(&self) -> u64 {
        let (mut oldest, mut most) = (0, 0);
        for (at, (now, _)) in self.calls.iter().enumerate() {
            while self.calls[oldest].0 + SECOND <= *now {
                oldest += 1;
            }
            most = most.max(at + 1 - oldest);
        }
        most as u64
    }

    /// Calls per second from the first call to the last: n calls span n − 1 intervals.
    pub fn mean_per_second(&self) -> f64 {
        let seconds = self.time().as_secs_f64();
        if seconds > 0.0 { (self.total() - 1) as f64 / seconds } else { self.total() as f64 }
    }

    /// The rate as a share of the highest that the limit and the quotas allow for calls of these kinds: all of them share `tps`, and
    /// those of each category its quota. A call that was refused is no more than time lost.
    pub fn share_of_allowed(&self, tps: u32, quota: impl Fn(Category) -> u32) -> f64 {
        let mut by_category: BTreeMap<Category, u64> = BTreeMap::new();
        self.calls.iter().for_each(|&(_, operation)| *by_category.entry(operation.category()).or_default() += 1);
        for (_, operation) in &self.refused {
            by_category.entry(operation.category()).and_modify(|calls| *calls = calls.saturating_sub(1));
        }
        let least = |calls: u64, limit: u32| calls.saturating_sub(1) as f64 / f64::from(limit.max(1));
        let of_categories = by_category.into_iter().map(|(category, calls)| least(calls, quota(category)));
        let least = of_categories.fold(least(self.total().saturating_sub(self.refused()), tps), f64::max);
        let seconds = self.time().as_secs_f64();
        if seconds > 0.0 { least / seconds } else { 1.0 }
    }

    /// Calls per second, averaged over each of `parts` equal parts of the time.
    pub fn course(&self, parts: usize) -> Vec<(Duration, f64)> {
        let Some(&(first, _)) = self.calls.first() else { return Vec::new() };
        let width = (self.time() / parts.max(1) as u32).max(Duration::from_millis(1));
        let mut counts = vec![0u64; parts.max(1)];
        for (at, _) in &self.calls {
            let part = ((*at - first).as_nanos() / width.as_nanos()) as usize;
            counts[part.min(parts.max(1) - 1)] += 1;
        }
        let at = |part: usize| width * part as u32 + width / 2;
        counts.into_iter().enumerate().map(|(part, count)| (at(part), count as f64 / width.as_secs_f64())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(calls: &[(u64, Operation)]) -> Traffic {
        let mut traffic = Traffic::default();
        calls.iter().for_each(|&(at, operation)| traffic.note(Duration::from_millis(at), operation));
        traffic
    }

    #[test]
    fn a_window_of_one_second_leaves_out_its_end() {
        let list = Operation::ListUsers;
        assert_eq!(traffic(&[(0, list), (999, list), (1_000, list)]).peak_per_second(), 2);
        assert_eq!(traffic(&[(0, list), (500, list), (900, list), (1_400, list)]).peak_per_second(), 3);
        assert_eq!(Traffic::default().peak_per_second(), 0);
    }

    #[test]
    fn the_mean_counts_intervals_and_the_share_the_tightest_quota() {
        let (create, set) = (Operation::AdminCreateUser, Operation::AdminSetUserPassword);
        let calls: Vec<_> = (0..=20).map(|at| (at * 100, if at % 2 == 0 { create } else { set })).collect();
        let traffic = traffic(&calls);
        assert!((traffic.mean_per_second() - 10.0).abs() < 1e-9);
        let quota = |of_passwords| move |category| if category == Category::UserAccountRecovery { of_passwords } else { 100 };
        assert!((traffic.share_of_allowed(10, quota(100)) - 1.0).abs() < 1e-9);
        assert!((traffic.share_of_allowed(20, quota(100)) - 0.5).abs() < 1e-9);
        // Nine intervals of passwords at 5 a second take 1.8 of the 2 seconds.
        assert!((traffic.share_of_allowed(20, quota(5)) - 0.9).abs() < 1e-9);
    }

    #[test]
    fn a_refused_call_is_time_lost() {
        let list = Operation::ListUsers;
        let mut traffic = traffic(&[(0, list), (500, list), (1_000, list)]);
        traffic.note_refused(Duration::from_millis(500), list);
        // One interval at 2 a second takes half of the second.
        assert!((traffic.share_of_allowed(2, |_| 100) - 0.5).abs() < 1e-9);
        assert!((traffic.share_of_allowed(200, |_| 2) - 0.5).abs() < 1e-9);
        assert_eq!(traffic.between(|_| true).refused(), 1);
        assert_eq!(traffic.only(|operation| operation != list).refused(), 0);
    }

    #[test]
    fn a_phase_reaches_from_its_first_call_to_its_last() {
        let (list, create) = (Operation::ListUsers, Operation::AdminCreateUser);
        let phase =
            traffic(&[(0, list), (1, create), (2, list), (3, create), (4, list)]).between(|operation| operation == create);
        assert_eq!(phase.total(), 3);
        assert_eq!(phase.by_operation()[&create], 2);
        assert_eq!(Traffic::default().between(|_| true).total(), 0);
    }

    #[test]
    fn a_course_averages_over_equal_parts() {
        let list = Operation::ListUsers;
        let course = traffic(&[(0, list), (500, list), (1_000, list), (2_000, list)]).course(2);
        assert_eq!(course.len(), 2);
        assert!((course[0].1 - 2.0).abs() < 1e-9 && (course[1].1 - 2.0).abs() < 1e-9);
    }
}
