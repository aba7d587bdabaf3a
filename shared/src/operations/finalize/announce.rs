//! Sends the message at the end of a run. [`crate::report`] writes its words.

use crate::ports::{Announcement, Backend};
use crate::report::cause;

/// Sends a message to the topic. Returns whether it was sent.
///
/// The run has ended and is recorded, so an error here does not fail it. The report says that the
/// topic was not notified.
pub(super) async fn announce<B: Backend>(backend: &B, announcement: &Announcement) -> bool {
    match backend.announce(announcement).await {
        Ok(notified) => notified,
        Err(error) => {
            tracing::error!(
                error = error.kind().name(),
                message = cause(&error),
                "the topic was not notified"
            );
            false
        }
    }
}
