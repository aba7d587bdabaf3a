//! The password policy of a pool.

use serde_json::Value;

use super::refusal::Refusal;

/// What counts as a special character, by
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>; a space within counts, too.
const SYMBOLS: &str = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ";
/// The longest password of any pool, in characters.
const LONGEST: usize = 256;

/// What a pool asks of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswordPolicy {
    pub shortest: usize,
    pub upper: bool,
    pub lower: bool,
    pub number: bool,
    pub symbol: bool,
}

impl PasswordPolicy {
    /// Reads `Policies` of DescribeUserPool. A pool without a policy of its own has Cognito's default one; a class that its
    /// own policy does not name is not asked for.
    pub fn of(policies: &Value) -> Self {
        let policy = &policies["PasswordPolicy"];
        let asks = |name: &str| policy[name].as_bool().unwrap_or(policy.is_null());
        Self {
            shortest: policy["MinimumLength"].as_u64().and_then(|length| length.try_into().ok()).unwrap_or(8),
            upper: asks("RequireUppercase"),
            lower: asks("RequireLowercase"),
            number: asks("RequireNumbers"),
            symbol: asks("RequireSymbols"),
        }
    }

    /// Checks a password.
    pub fn check(&self, password: &str) -> Result<(), Refusal> {
        let has = |class: fn(char) -> bool| password.chars().any(class);
        let length = password.chars().count();
        let broken = [
            (length < self.shortest, "Password not long enough"),
            (length > LONGEST, "Password too long"),
            (self.upper && !has(|c| c.is_ascii_uppercase()), "Password must have uppercase characters"),
            (self.lower && !has(|c| c.is_ascii_lowercase()), "Password must have lowercase characters"),
            (self.number && !has(|c| c.is_ascii_digit()), "Password must have numeric characters"),
            (self.symbol && !has(|c| SYMBOLS.contains(c)), "Password must have symbol characters"),
            (password.trim() != password, "Password must not begin or end with a space"),
        ];
        match broken.iter().find(|(is_so, _)| *is_so) {
            None => Ok(()),
            Some((_, rule)) => {
                Err(Refusal::new("InvalidPasswordException", format!("Password did not conform with policy: {rule}")))
            }
        }
    }

    /// A password that satisfies this policy. It guards nothing.
    pub fn example(&self) -> String {
        "Aa1!".repeat(self.shortest.div_ceil(4).max(2)).chars().take(self.shortest.clamp(8, LONGEST)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn length_and_every_class_are_asked_for() {
        let policy = PasswordPolicy::of(&json!({"PasswordPolicy": {
            "MinimumLength": 10, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true,
            "RequireSymbols": true,
        }}));
        assert_eq!(policy.check("Abcdefg1!x"), Ok(()));
        for password in ["Abcdef1!x", "abcdefg1!x", "ABCDEFG1!X", "Abcdefgh!x", "Abcdefg1hx", " Abcdefg1!x"] {
            assert!(policy.check(password).is_err(), "{password}");
        }
        assert!(policy.check(&"Abcdefg1!x".repeat(26)).is_err(), "longer than 256");
        assert_eq!(policy.check(&policy.example()), Ok(()));
    }

    #[test]
    fn what_a_policy_does_not_name_is_not_asked_for() {
        let lenient = PasswordPolicy::of(&json!({"PasswordPolicy": {"MinimumLength": 6}}));
        assert_eq!(lenient.check("aaaaaa"), Ok(()));
        let default = PasswordPolicy::of(&json!({}));
        assert!(default.check("aaaaaaaa").is_err());
        assert_eq!(default.check("Aaaaaa1!"), Ok(()));
    }
}
