//! Numbers in sentences.

/// `400,000`: digits in threes.
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
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_named() {
        let texts = [0, 7, 400, 1_000, 40_123, 400_000, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "7", "400", "1,000", "40,123", "400,000", "1,234,567"]);
        assert_eq!((plural(1, "user", "users"), plural(2_000, "user", "users")), ("1 user".into(), "2,000 users".into()));
    }
}
