//! Creation windows: when a restore may have created the users or groups of a page.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

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
    /// How long a window lasts: 15 minutes, the longest invocation of a Lambda function, and one minute.
    /// Source: "Lambda quotas", AWS Lambda developer guide.
    const LENGTH: SignedDuration = SignedDuration::from_mins(16);
    /// How far the clock of Cognito may be behind, in seconds.
    const MAX_LAG: i64 = 1;

    /// Opens a window at `now`. If another one is still open, that one lasts longer.
    pub fn open(&mut self, now: Timestamp) {
        match self.0.last() {
            Some(last) if now <= last.until => self.prolong(now),
            _ => self.0.push(Window { from: now, until: now + Self::LENGTH }),
        }
    }

    /// Makes the last window last from its beginning until after `now`.
    pub fn prolong(&mut self, now: Timestamp) {
        match self.0.last_mut() {
            Some(last) => last.until = last.until.max(now + Self::LENGTH),
            None => self.open(now),
        }
    }

    /// Whether a user or group that was created at `time` may be of this restore. Cognito tells times in
    /// whole seconds.
    pub fn cover(&self, time: Timestamp) -> bool {
        let is_after = |from: Timestamp| time.as_second() >= from.as_second() - Self::MAX_LAG;
        self.0.iter().any(|window| is_after(window.from) && time <= window.until)
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
    fn a_window_covers_16_minutes_from_the_second_before_it() {
        let mut windows = CreationWindows::default();
        assert!(!windows.cover(at(0)));
        windows.open(at(0));
        assert!(windows.cover(at(0)) && windows.cover(at(16)) && !windows.cover(at(17)));
        let before = |text: &str| windows.cover(text.parse().unwrap());
        assert!(before("2026-11-21T01:59:59Z") && !before("2026-11-21T01:59:58.999Z"));
    }

    #[test]
    fn open_windows_become_one_and_a_gap_stays_a_gap() {
        let mut windows = CreationWindows::default();
        [0, 10, 20, 60].into_iter().for_each(|minutes| windows.open(at(minutes)));
        assert_eq!(windows.0.len(), 2);
        assert!(windows.cover(at(36)) && !windows.cover(at(40)) && windows.cover(at(76)));
        // A twin that notes an earlier time later takes nothing away.
        windows.open(at(55));
        assert!(windows.cover(at(76)) && windows.cover(at(60)));
    }

    #[test]
    fn a_window_that_is_prolonged_has_no_gap() {
        let mut windows = CreationWindows::default();
        windows.open(at(0));
        windows.prolong(at(600));
        assert!(windows.cover(at(300)) && windows.cover(at(616)) && !windows.cover(at(617)));
        assert_eq!(
            serde_json::from_value::<CreationWindows>(serde_json::to_value(&windows).unwrap()).unwrap(),
            windows
        );
    }
}
