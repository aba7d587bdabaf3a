//! Numbers and times in sentences, and words that agree with them.

use jiff::Timestamp;

/// `400,000`: a comma before every three digits.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 user`, `2 users`.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), form(count, one, many))
}

/// The word that agrees with `count`: `is` or `are`.
pub fn form<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// `a`, `a and b`, `a, b and c`.
pub fn listed(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    match parts.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `2026-11-21 02:00:13 UTC`.
pub fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `3 h ago`.
pub fn ago(time: Timestamp, now: Timestamp) -> String {
    format!("{} ago", coarse(seconds_between(time, now)))
}

/// Whole seconds from `from` to `to`. 0 if the clocks make it negative.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// One unit: `45 s`, `12 min`, `3 h`, `5 days`.
fn coarse(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_relative_in_one_unit() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let before = |text: &str| ago(text.parse().unwrap(), now);
        assert_eq!(before("2026-11-21T11:59:15Z"), "45 s ago");
        assert_eq!(before("2026-11-21T11:20:00Z"), "40 min ago");
        assert_eq!(before("2026-11-21T08:59:00Z"), "3 h ago");
        assert_eq!(before("2026-11-16T08:59:00Z"), "5 days ago");
        assert_eq!(before("2026-11-21T12:00:03Z"), "0 s ago");
        assert_eq!(time(now), "2026-11-21 12:00:00 UTC");
    }

    #[test]
    fn numbers_are_grouped_and_agree_with_their_nouns() {
        let texts = [0, 7, 400, 1_000, 40_123, 400_000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "7", "400", "1,000", "40,123", "400,000", "1,234,567"]);
        assert_eq!(
            (plural(1, "user", "users"), plural(2_000, "user", "users")),
            ("1 user".into(), "2,000 users".into())
        );
    }

    #[test]
    fn parts_are_listed() {
        let list = |parts: &[&str]| listed(parts.iter().map(|&part| part.to_owned()));
        assert_eq!(
            [list(&[]), list(&["a"]), list(&["a", "b"]), list(&["a", "b", "c"])],
            ["", "a", "a and b", "a, b and c"]
        );
    }
}
