//! What a topic is told at the end of a run.

/// A message in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// ASCII, at most 100 characters: SNS accepts no more.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Whether it tells of something that went wrong.
    pub is_error: bool,
}
