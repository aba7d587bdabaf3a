//! Creation windows: when a restore may have created the users or groups of a page.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Lease;

/// The times at which a restore may have created entries. Each window begins before the first call that
/// creates one, and lasts longer than the invocation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CreationWindows(Vec<Window>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Window {
    from: Timestamp,
    until: Timestamp,
}

impl CreationWindows {
    /// How long a window lasts.
    const LENGTH: SignedDuration = Lease::MAX_INVOCATION;
    /// How far the clock of Cognito may differ, in seconds.
    const MAX_LAG: i64 = 5;

    /// Opens a window at `now`. If another one is still open, that one lasts longer.
    pub fn open(&mut self, now: Timestamp) {
        self.add(now, now + Self::LENGTH);
    }

    /// Adds the time from `from` to `until`. Windows without a gap between them become one.
    pub fn add(&mut self, from: Timestamp, until: Timestamp) {
        self.0.push(Window { from, until });
        self.0.sort_by_key(|window| window.from);
        self.0.dedup_by(|next, last| {
            let has_no_gap = next.from <= last.until;
            if has_no_gap {
                last.until = last.until.max(next.until);
            }
            has_no_gap
        });
    }

    /// Makes the last window last until `until` at least.
    pub fn prolong(&mut self, until: Timestamp) {
        if let Some(last) = self.0.last_mut() {
            last.until = last.until.max(until);
        }
    }

    /// Whether a user or group that was created at `time` may be of this restore. Cognito tells times in
    /// whole seconds.
    pub fn cover(&self, time: Timestamp) -> bool {
        let is_after = |from: Timestamp| time.as_second() >= from.as_second() - Self::MAX_LAG;
        let is_before = |until: Timestamp| time.as_second() <= until.as_second() + Self::MAX_LAG;
        self.0.iter().any(|window| is_after(window.from) && is_before(window.until))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        "2026-11-21T02:00:00.900Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_window_covers_16_minutes_and_five_seconds_before_and_after_it() {
        let mut windows = CreationWindows::default();
        assert!(!windows.cover(at(0)));
        windows.open(at(0));
        assert!(windows.cover(at(0)) && windows.cover(at(16)) && !windows.cover(at(17)));
        let before = |text: &str| windows.cover(text.parse().unwrap());
        assert!(before("2026-11-21T01:59:55Z") && !before("2026-11-21T01:59:54.999Z"));
        assert!(before("2026-11-21T02:16:05Z") && !before("2026-11-21T02:16:06Z"));
    }

    #[test]
    fn open_windows_become_one_and_a_gap_stays_a_gap() {
        let mut windows = CreationWindows::default();
        [0, 10, 20, 60].into_iter().for_each(|minutes| windows.open(at(minutes)));
        assert_eq!(windows.0.len(), 2);
        assert!(windows.cover(at(36)) && !windows.cover(at(40)) && windows.cover(at(76)));
        // A twin that notes an earlier time later takes nothing away.
        windows.open(at(55));
        assert!(windows.cover(at(76)) && windows.cover(at(60)) && windows.cover(at(55)));
        assert!(windows.cover(at(36)) && !windows.cover(at(40)));
    }

    #[test]
    fn a_window_that_is_prolonged_has_no_gap() {
        let mut windows = CreationWindows::default();
        windows.open(at(0));
        windows.prolong(at(600));
        assert!(windows.cover(at(300)) && windows.cover(at(600)) && !windows.cover(at(601)));
        windows.add(at(-60), at(-30));
        assert!(windows.cover(at(-45)) && !windows.cover(at(-15)) && windows.cover(at(0)));
        windows.prolong(at(10));
        assert!(windows.cover(at(600)) && !windows.cover(at(-15)));
        assert_eq!(
            serde_json::from_value::<CreationWindows>(serde_json::to_value(&windows).unwrap()).unwrap(),
            windows
        );
    }
}
