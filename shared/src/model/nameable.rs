//! What errors, logs, notifications and reports may name.
//!
//! They repeat no value of an input, of an answer of a service, or of an item of the table. Any of these
//! values can hold a name or an address. They may name:
//!
//! | what | if it is well-formed |
//! |---|---|
//! | ids of pools, snapshots, runs | [`PoolId`](super::PoolId), [`RunId`](super::RunId) |
//! | a `sub`, the id of an import job | [`is_plain_id`] |
//! | error codes | [`ErrorCode`] |
//! | settings that an operator must change: names of attributes and providers, ARNs of roles | [`setting_name`], [`is_role`](super::is_role) |
//! | the holder of a lease | [`holder_name`] |
//! | objects and members of a configuration that changed | [`object_name`], [`member_path`] |
//!
//! Everything else is counted, or named by its place in the input.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Stands for a name that is not well-formed.
const OMISSION: &str = "…";
const MAX_ID: usize = 64;
const MAX_CODE: usize = 80;
const MAX_SETTING: usize = 64;
const MAX_HOLDER: usize = 300;

/// Whether a text looks like an id that a service made: 1 to 64 ASCII letters, digits and hyphens.
pub fn is_plain_id(text: &str) -> bool {
    is_made_of(text, MAX_ID, "-")
}

/// The name of an attribute or of an identity provider, or an omission if it holds other characters than
/// ASCII letters, digits, spaces and `_.:-`.
pub fn setting_name(name: &str) -> &str {
    if is_made_of(name, MAX_SETTING, " _.:-") { name } else { OMISSION }
}

/// The holder of a lease, as errors name it: the ARN of an execution, or a command with its time.
pub fn holder_name(holder: &str) -> &str {
    if is_made_of(holder, MAX_HOLDER, " _.:-/`(),") { holder } else { OMISSION }
}

/// The text of an object of a configuration: `clients/web`. Parts that hold other characters than ASCII letters,
/// digits, spaces and `_.:-()` are left out. An empty part stays, as in `resourceServers/https://api.example.com`.
pub fn object_name(text: &str) -> String {
    let is_shown = |part: &str| part.is_empty() || is_made_of(part, MAX_SETTING, " _.:-()");
    let part = |part| if is_shown(part) { part } else { OMISSION };
    text.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// The path of a member of an object: `Policies.PasswordPolicy.MinimumLength`, `Scopes[read]`. Parts that hold
/// other characters than ASCII letters, digits, spaces and `_:-[],/` are left out.
pub fn member_path(path: &str) -> String {
    let part = |part| if is_made_of(part, MAX_SETTING, " _:-[],/") { part } else { OMISSION };
    path.split('.').map(part).collect::<Vec<_>>().join(".")
}

fn is_made_of(text: &str, max: usize, others: &str) -> bool {
    (1..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// The code of an error of a service: 1 to 80 ASCII letters, digits and periods.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ErrorCode(String);

impl ErrorCode {
    /// The code in an answer, or `UnreadableCode` if the answer holds something else.
    pub fn of(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|| Self("UnreadableCode".to_owned()))
    }

    /// None if the text is no code.
    pub fn parse(text: &str) -> Option<Self> {
        is_made_of(text, MAX_CODE, ".").then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ErrorCode> for String {
    fn from(code: ErrorCode) -> Self {
        code.0
    }
}

impl TryFrom<String> for ErrorCode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("no error code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_well_formed_names_are_named() {
        for name in ["email", "custom:tier", "dev:custom:a_b-c.d", "Login with Amazon"] {
            assert_eq!(setting_name(name), name);
        }
        for name in ["", "custom:anna@example.com", "custom:Имя", "+4930123456", &"a".repeat(65)] {
            assert_eq!(setting_name(name), OMISSION, "{name}");
        }
        let arn = "arn:aws:states:eu-west-1:123456789012:execution:cognito-backup-export:nightly_1";
        for holder in [arn, "`cognito-backup prune` (1970-01-01 00:00:00 UTC, 0123456789abcdef)"] {
            assert_eq!(holder_name(holder), holder);
        }
        assert_eq!(holder_name("anna@example.com"), OMISSION);
        assert_eq!(object_name("clients/web (1a2b)"), "clients/web (1a2b)");
        assert_eq!(object_name("clients/anna@example.com"), "clients/…");
        let server = "resourceServers/https://api.example.com";
        assert_eq!(object_name(server), server);
        assert_eq!(member_path("SchemaAttributes[custom:x].Mutable"), "SchemaAttributes[custom:x].Mutable");
        assert_eq!(member_path("UserPoolTags.\"anna@example.com\""), "UserPoolTags.….…");
        assert!(is_plain_id("617ae49d-f84c-47fc-99bf-1b780e65dec8") && is_plain_id("import-1a"));
        assert!(!is_plain_id("") && !is_plain_id("anna@example.com") && !is_plain_id("anna b"));
    }

    #[test]
    fn a_code_holds_letters_and_digits() {
        for code in ["InvalidParameterException", "502", "Sandbox.Timedout"] {
            assert_eq!(ErrorCode::of(code).as_str(), code);
        }
        for other in ["", "User anna", "anna@example.com", "Имя", &"A".repeat(81)] {
            assert_eq!(ErrorCode::of(other).as_str(), "UnreadableCode", "{other}");
            assert!(serde_json::from_value::<ErrorCode>(other.into()).is_err());
        }
    }
}
