//! The message to the topic at the end of a run.

/// A message. [`crate::report`] writes its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// ASCII, at most 100 characters: SNS accepts no more.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Whether something failed.
    pub is_error: bool,
}
