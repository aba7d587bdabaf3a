//! The forms of usernames, group names, e-mail addresses and phone numbers.

use super::refusal::Refusal;

/// The limit for the name of a user or a group.
const MAX_NAME_CHARACTERS: usize = 128;

/// Checks a name by its length and by Cognito's pattern `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`.
///
/// The pattern excludes separators, control characters, format characters (such as the zero width joiner)
/// and private use characters. The check accepts unassigned characters, because each Unicode version
/// assigns some.
pub(super) fn check(name: &str, field: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    let violated = match length {
        0 => Some("Member must have length greater than or equal to 1"),
        1..=MAX_NAME_CHARACTERS if name.chars().all(is_allowed) => None,
        1..=MAX_NAME_CHARACTERS => {
            Some(r"Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+")
        }
        _ => Some("Member must have length less than or equal to 128"),
    };
    match violated {
        None => Ok(()),
        Some(rule) => {
            let found = format!("1 validation error detected: Value at '{field}'");
            Err(Refusal::invalid(format!("{found} failed to satisfy constraint: {rule}")))
        }
    }
}

fn is_allowed(c: char) -> bool {
    let format = matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}');
    let private = matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    !(c.is_whitespace() || c.is_control() || format || private)
}

/// Whether a text can be an e-mail address. AWS does not publish Cognito's check. This check refuses only
/// texts that cannot be an e-mail address.
pub(super) fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Whether a text is a phone number in the form of E.164: a plus sign and at most 15 digits.
pub(super) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+')
        .is_some_and(|digits| (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_any_script_and_punctuation_but_no_white_space() {
        for name in ["anna", "Ωλγα", "李雷", "a#b/c|d\\e", "👍", "é", "x".repeat(128).as_str()] {
            assert_eq!(check(name, "username"), Ok(()), "{name}");
        }
        for name in
            ["", "a b", "a\tb", "a\u{a0}b", "a\u{200d}b", "a\u{e000}b", "\u{7}", "x".repeat(129).as_str()]
        {
            assert!(check(name, "username").is_err(), "{name:?}");
        }
        assert_eq!(check(&"🙂".repeat(128), "username"), Ok(()), "the limit counts characters, not bytes");
    }

    #[test]
    fn email_addresses_and_phone_numbers_are_recognized() {
        assert!(is_email("a@b") && is_email("Ü.x+1@example.com"));
        assert!(
            !is_email("a@") && !is_email("@b") && !is_email("a@b@c") && !is_email("a b@c") && !is_email("ab")
        );
        assert!(is_phone("+12065550100") && is_phone("+4930123456"));
        assert!(!is_phone("12065550100") && !is_phone("+1234567890123456") && !is_phone("+1-206"));
    }
}
