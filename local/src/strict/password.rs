//! The password policy of a pool.

use serde_json::Value;

use super::refusal::Refusal;

/// The special characters of
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>. A space counts
/// too, except at the beginning and the end.
const SYMBOLS: &str = "^$*.[]{}()?\"!@#%&/\\,><':;|_~`=+- ";
/// The limit for passwords in every pool.
const MAX_PASSWORD_CHARACTERS: usize = 256;

/// The rules of a pool for passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswordPolicy {
    /// The minimum length in characters.
    pub min_length: usize,
    pub needs_uppercase: bool,
    pub needs_lowercase: bool,
    pub needs_number: bool,
    pub needs_symbol: bool,
}

impl PasswordPolicy {
    /// Reads `Policies` of DescribeUserPool's output. A pool without a policy has Cognito's default policy.
    /// If a policy does not name a class of characters, passwords do not need that class.
    pub fn from_api(policies: &Value) -> Self {
        let policy = &policies["PasswordPolicy"];
        let needs = |name: &str| policy[name].as_bool().unwrap_or(policy.is_null());
        Self {
            min_length: policy["MinimumLength"]
                .as_u64()
                .and_then(|length| length.try_into().ok())
                .unwrap_or(8),
            needs_uppercase: needs("RequireUppercase"),
            needs_lowercase: needs("RequireLowercase"),
            needs_number: needs("RequireNumbers"),
            needs_symbol: needs("RequireSymbols"),
        }
    }

    pub fn check(&self, password: &str) -> Result<(), Refusal> {
        let has = |class: fn(char) -> bool| password.chars().any(class);
        let length = password.chars().count();
        let violations = [
            (length < self.min_length, "Password not long enough"),
            (length > MAX_PASSWORD_CHARACTERS, "Password too long"),
            (
                self.needs_uppercase && !has(|c| c.is_ascii_uppercase()),
                "Password must have uppercase characters",
            ),
            (
                self.needs_lowercase && !has(|c| c.is_ascii_lowercase()),
                "Password must have lowercase characters",
            ),
            (self.needs_number && !has(|c| c.is_ascii_digit()), "Password must have numeric characters"),
            (self.needs_symbol && !has(|c| SYMBOLS.contains(c)), "Password must have symbol characters"),
            (password.trim() != password, "Password must not begin or end with a space"),
        ];
        match violations.iter().find(|(is_violated, _)| *is_violated) {
            None => Ok(()),
            Some((_, rule)) => Err(Refusal::new(
                "InvalidPasswordException",
                format!("Password did not conform with policy: {rule}"),
            )),
        }
    }

    /// A password that satisfies this policy. It is a placeholder and protects nothing.
    pub fn example(&self) -> String {
        let length = self.min_length.clamp(8, MAX_PASSWORD_CHARACTERS);
        "Aa1!".repeat(self.min_length.div_ceil(4).max(2)).chars().take(length).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_needs_the_length_and_every_class_of_its_policy() {
        let policy = PasswordPolicy::from_api(&json!({"PasswordPolicy": {
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
    fn a_password_needs_only_the_classes_that_its_policy_names() {
        let lenient = PasswordPolicy::from_api(&json!({"PasswordPolicy": {"MinimumLength": 6}}));
        assert_eq!(lenient.check("aaaaaa"), Ok(()));
        let default = PasswordPolicy::from_api(&json!({}));
        assert!(default.check("aaaaaaaa").is_err());
        assert_eq!(default.check("Aaaaaa1!"), Ok(()));
    }
}
