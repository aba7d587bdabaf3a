//! Numbers in sentences, and words that agree with them.

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

#[cfg(test)]
mod tests {
    use super::*;

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
