//! The name of a table.

use std::fmt;

/// The name of a DynamoDB table: 3 to 255 letters, digits, underscores, hyphens and dots.
///
/// Source: Amazon DynamoDB Developer Guide, "Naming rules".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName(String);

impl TableName {
    /// Reads a name. None if no table can have it.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_name = (3..=255).contains(&text.len()) && text.bytes().all(is_allowed);
        is_name.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
