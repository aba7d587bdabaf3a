//! The recorded calls, and figures about them.

use std::time::{Duration, Instant};

/// A recorded call.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The arrival of the request's head.
    pub at: Instant,
    /// The service, as in [`Call::service`](super::Call::service).
    pub service: String,
    /// The operation, such as `ListUsers`.
    pub operation: String,
    /// The size of the request's body.
    pub request_bytes: usize,
    /// The size of the body of the emulator's reply. 0 if the recorder did not forward the call.
    pub response_bytes: usize,
    /// The HTTP status of the reply to the client. `None` before the reply, or if the client got no reply.
    pub status: Option<u16>,
    /// The cost by [`write_units`](super::write_units). 0 if the recorder did not forward the call.
    pub write_units: u64,
    /// The time at which the recorder forwarded the call to the emulator, if it did.
    pub forwarded_at: Option<Instant>,
    /// The time at which the emulator's reply was complete.
    pub replied_at: Option<Instant>,
    /// The time of the reply to the client. `None` before the reply, or if the client got no reply.
    pub done_at: Option<Instant>,
}

impl Entry {
    pub(super) fn new(at: Instant, service: &str, operation: &str, request_bytes: usize) -> Self {
        Self {
            at,
            service: service.to_owned(),
            operation: operation.to_owned(),
            request_bytes,
            response_bytes: 0,
            status: None,
            write_units: 0,
            forwarded_at: None,
            replied_at: None,
            done_at: None,
        }
    }
}

/// A list of calls in the order of their arrival.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traffic {
    entries: Vec<Entry>,
}

impl Traffic {
    pub(super) fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The calls for which `keep` returns `true`.
    pub fn only(&self, keep: impl Fn(&Entry) -> bool) -> Self {
        Self::new(self.entries.iter().filter(|entry| keep(entry)).cloned().collect())
    }

    /// The calls to Cognito user pools.
    pub fn cognito(&self) -> Self {
        self.only(|entry| entry.service == "AWSCognitoIdentityProviderService")
    }

    /// The calls to DynamoDB.
    pub fn dynamodb(&self) -> Self {
        self.only(|entry| entry.service.starts_with("DynamoDB_"))
    }

    /// The calls of one operation.
    pub fn of(&self, operation: &str) -> Self {
        self.only(|entry| entry.operation == operation)
    }

    /// The number of calls.
    pub fn total(&self) -> usize {
        self.entries.len()
    }

    /// The number of calls by operation.
    pub fn counts(&self) -> std::collections::BTreeMap<&str, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for entry in &self.entries {
            *counts.entry(entry.operation.as_str()).or_default() += 1;
        }
        counts
    }

    /// The mean rate in calls per second: `(calls - 1) / (time from the first to the last call)`. 0 for fewer
    /// than 2 calls.
    pub fn mean_per_second(&self) -> f64 {
        match &self.entries[..] {
            [first, .., last] => {
                let seconds = last.at.duration_since(first.at).as_secs_f64();
                if seconds > 0.0 { (self.entries.len() - 1) as f64 / seconds } else { f64::INFINITY }
            }
            _ => 0.0,
        }
    }

    /// The maximum number of calls in a window of one second. See [`Traffic::peak_within`].
    pub fn peak_per_second(&self) -> usize {
        self.peak_within(Duration::from_secs(1))
    }

    /// The maximum number of calls in a window of this length. The window can begin at any time. It is half
    /// open: if two calls are exactly one window apart, it holds one of them.
    pub fn peak_within(&self, window: Duration) -> usize {
        let mut first = 0;
        let mut peak = 0;
        for (last, entry) in self.entries.iter().enumerate() {
            while entry.at.duration_since(self.entries[first].at) >= window && first < last {
                first += 1;
            }
            peak = peak.max(last + 1 - first);
        }
        peak
    }

    /// The size of all request bodies in bytes.
    pub fn request_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.request_bytes).sum()
    }

    /// The size of all bodies of the emulator's replies in bytes.
    pub fn response_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.response_bytes).sum()
    }

    /// The DynamoDB write units in one Region. Each replica uses the same number again.
    pub fn write_units(&self) -> u64 {
        self.entries.iter().map(|entry| entry.write_units).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: &[u64]) -> Traffic {
        let start = Instant::now();
        let entry =
            |ms: &u64| Entry::new(start + Duration::from_millis(*ms), "DynamoDB_20120810", "PutItem", 1);
        Traffic::new(milliseconds.iter().map(entry).collect())
    }

    #[test]
    fn the_peak_window_can_begin_at_any_time() {
        assert_eq!(at(&[]).peak_per_second(), 0);
        assert_eq!(at(&[5]).peak_per_second(), 1);
        // The seconds 0..1000, 1000..2000 and 2000..3000 hold at most 3 calls, but 900..1900 holds 4.
        assert_eq!(at(&[0, 900, 950, 1_000, 1_300, 2_500]).peak_per_second(), 4);
        assert_eq!(at(&[0, 0, 0]).peak_per_second(), 3);
    }

    #[test]
    fn the_peak_window_is_half_open() {
        assert_eq!(at(&[0, 1_000, 2_000]).peak_per_second(), 1);
        assert_eq!(at(&[0, 999, 2_000]).peak_per_second(), 2);
        assert_eq!(at(&[0, 100, 200]).peak_within(Duration::from_millis(200)), 2);
    }

    #[test]
    fn the_mean_rate_divides_intervals_by_time() {
        assert!((at(&[0, 100, 200, 300]).mean_per_second() - 10.0).abs() < 1e-9);
        assert!(at(&[7]).mean_per_second() < 1e-9);
        assert!(at(&[7, 7]).mean_per_second().is_infinite());
    }

    #[test]
    fn traffic_is_counted_and_filtered_by_service_and_operation() {
        let mut traffic = at(&[0, 1, 2]);
        traffic.entries[1].service = "AWSCognitoIdentityProviderService".into();
        traffic.entries[1].operation = "ListUsers".into();
        assert_eq!(traffic.cognito().total(), 1);
        assert_eq!(traffic.dynamodb().total(), 2);
        assert_eq!(traffic.of("PutItem").total(), 2);
        assert_eq!(traffic.counts().into_iter().collect::<Vec<_>>(), [("ListUsers", 1), ("PutItem", 2)]);
        assert_eq!(traffic.request_bytes(), 3);
    }
}
