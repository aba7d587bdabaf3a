//! Calls per second: the limit, and what a run really sent.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// The configured limit: Cognito calls per second, 1 to 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tps(u32);

impl Tps {
    /// The limit if neither the input nor the environment sets one.
    pub const DEFAULT: Self = Self(10);
    /// No default quota of Cognito is above 120 calls per second.
    pub const MAX: u32 = 200;

    pub fn new(calls_per_second: i64) -> Result<Self, Error> {
        match u32::try_from(calls_per_second) {
            Ok(tps) if (1..=Self::MAX).contains(&tps) => Ok(Self(tps)),
            _ => Err(Self::refuse()),
        }
    }

    /// Parses a whole number from an environment variable or an argument.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text.trim().parse::<i64>().map_err(|_| Self::refuse()).and_then(Self::new)
    }

    /// The error for a value that is no limit. It does not show the value.
    pub fn refuse() -> Error {
        Error::new(
            ErrorKind::InvalidInput,
            "The TPS is not a limit in calls per second.",
            format!("Give a whole number from 1 to {}.", Self::MAX),
        )
    }

    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Tps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Tps {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Tps {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(i64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The calls that a run has sent to Cognito, retries included.
///
/// The numbers travel from invocation to invocation. They tell the next limiter how full the last second
/// was, so the limit holds across two invocations. Calls of an invocation that ended with an error are not
/// counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallStats {
    pub total: u64,
    /// Calls that Cognito refused with TooManyRequestsException.
    pub throttled: u64,
    /// The configured limit, calls per second.
    pub limit_per_second: u32,
    /// The most calls that left in any window of one second.
    pub peak_per_second: u32,
    /// Calls per second on average, from the first call to the last.
    pub mean_per_second: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// Calls in the second that ended with the last call.
    pub in_last_second: u32,
}

impl CallStats {
    pub fn none(limit: Tps) -> Self {
        Self {
            total: 0,
            throttled: 0,
            limit_per_second: limit.get(),
            peak_per_second: 0,
            mean_per_second: 0.0,
            first_at: None,
            last_at: None,
            in_last_second: 0,
        }
    }

    /// Works out the mean: `(total − 1) ÷ (last − first)`, and `total` if the calls took less than a
    /// second. A shorter span would show a rate above the limit.
    ///
    /// Calls leave in groups, so the span may end just before the next group. No mean exceeds the
    /// most calls in one second.
    #[must_use]
    pub fn with_mean(mut self) -> Self {
        self.mean_per_second = match (self.first_at, self.last_at) {
            (Some(first), Some(last)) if last.duration_since(first).as_secs_f64() >= 1.0 => {
                let seconds = last.duration_since(first).as_secs_f64();
                ((self.total.saturating_sub(1)) as f64 / seconds * 1000.0).round() / 1000.0
            }
            _ => self.total as f64,
        };
        let most = if self.peak_per_second > 0 { self.peak_per_second } else { self.limit_per_second };
        self.mean_per_second = self.mean_per_second.min(most.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_from_1_to_200_are_limits() {
        for (text, tps) in [("1", 1), ("10", 10), (" 200 ", 200)] {
            assert_eq!(Tps::parse(text).map(Tps::get), Ok(tps));
        }
        for bad in ["0", "-1", "ten", "1000", "201", "1.5", ""] {
            let error = Tps::parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(*error.guidance(), "Give a whole number from 1 to 200.".into(), "{error}");
        }
    }

    #[test]
    fn the_mean_counts_intervals() {
        let stats = CallStats {
            total: 11,
            first_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            last_at: Some("2026-01-01T00:00:01Z".parse().unwrap()),
            ..CallStats::none(Tps::DEFAULT)
        };
        assert_eq!(stats.with_mean().mean_per_second, 10.0);
        let short = CallStats { total: 5, last_at: Some("2026-01-01T00:00:00.4Z".parse().unwrap()), ..stats };
        assert_eq!(short.with_mean().mean_per_second, 5.0);
        assert_eq!(CallStats::none(Tps::DEFAULT).with_mean().mean_per_second, 0.0);
    }

    #[test]
    fn no_mean_exceeds_the_most_calls_in_one_second() {
        // Three calls leave every 1.005 seconds, and two in the fifth group.
        let stats = CallStats {
            total: 14,
            peak_per_second: 3,
            first_at: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            last_at: Some("2026-01-01T00:00:04.02Z".parse().unwrap()),
            ..CallStats::none(Tps::new(3).unwrap())
        };
        assert_eq!(stats.with_mean().mean_per_second, 3.0);
        let of_few = CallStats { total: 9, peak_per_second: 2, ..stats };
        assert_eq!(of_few.with_mean().mean_per_second, 1.99);
    }
}
