//! Arithmetic on times.

use std::time::{Duration, Instant};

/// The percentile by nearest rank, which is always one of the values. Zero if there are none.
pub(super) fn percentile(values: &[Duration], percent: usize) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1));
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// The length of the union of these spans of time. Spans may overlap and be in any order.
pub(super) fn covered(spans: impl IntoIterator<Item = (Instant, Instant)>) -> Duration {
    let mut spans: Vec<_> = spans.into_iter().collect();
    spans.sort_unstable();
    let mut total = Duration::ZERO;
    let mut covered_to: Option<Instant> = None;
    for (from, to) in spans {
        let from = covered_to.map_or(from, |before| before.max(from));
        total += to.saturating_duration_since(from);
        covered_to = Some(covered_to.map_or(to, |before| before.max(to)));
    }
    total
}

/// `count` per second. 0 if no time passed.
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    ratio(count as f64, time.as_secs_f64())
}

/// `part / whole`. 0 if `whole` is 0.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(values: impl IntoIterator<Item = u64>) -> Vec<Duration> {
        values.into_iter().map(Duration::from_millis).collect()
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let twenty = milliseconds((1..=20).rev());
        let of = |percent| percentile(&twenty, percent).as_millis();
        assert_eq!([of(0), of(5), of(50), of(95), of(100)], [1, 1, 10, 19, 20]);
        assert_eq!(percentile(&milliseconds([7]), 50).as_millis(), 7);
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn overlapping_spans_count_once() {
        let start = Instant::now();
        let span = |from, to| (start + Duration::from_millis(from), start + Duration::from_millis(to));
        assert_eq!(covered([]), Duration::ZERO);
        assert_eq!(covered([span(0, 10), span(20, 25)]).as_millis(), 15);
        assert_eq!(covered([span(5, 30), span(0, 10), span(8, 9), span(30, 31)]).as_millis(), 31);
    }

    #[test]
    fn a_ratio_to_zero_is_zero() {
        assert!((per_second(30, Duration::from_secs(2)) - 15.0).abs() < 1e-9);
        assert!(per_second(30, Duration::ZERO).abs() < 1e-9);
        assert!(ratio(1.0, 0.0).abs() < 1e-9);
    }
}
