//! Announcements: messages to the notification topic.

/// A message that a run sends at its end. [`crate::report`] writes its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// ASCII, at most 100 characters: SNS accepts no more.
    pub subject: String,
    pub body: String,
    /// Whether it reports a failure or a loss.
    pub is_error: bool,
}
