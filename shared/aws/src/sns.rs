//! The adapter for the notification topic.

use aws_sdk_sns::Client;

use super::codes::code_of;
use shared::ports::Announcement;
use shared::{Error, ErrorKind, Result};

#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    pub fn new(client: Client, arn: String) -> Self {
        Self { client, arn }
    }

    /// Publishes an announcement. The SDK retries if a retry can help.
    pub async fn publish(&self, announcement: &Announcement) -> Result<()> {
        let request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(&announcement.subject)
            .message(&announcement.body);
        request.send().await.map(drop).map_err(|error| {
            let code = code_of(&error);
            Error::new(
                ErrorKind::CallRefused,
                format!("The message about the run did not reach topic {} ({code}).", self.arn),
                "Check the ARN of the topic, and that the function's role may publish to it and use its KMS key.",
            )
        })
    }
}
