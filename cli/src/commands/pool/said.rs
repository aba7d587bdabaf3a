//! How a creation of a pool goes on, on stderr.

use std::time::Duration;

use shared::operations::rebuild::WatchRebuild;
use shared::operations::{WatchReading, WatchWriting};
use shared::ports::pool::Operation;

use crate::watch::Meter;

/// Says on stderr how the creation goes on.
pub struct Said<'a>(pub &'a mut Meter);

impl WatchReading for Said<'_> {
    fn reads(&mut self, _: usize) {}

    fn waits(&mut self, operation: Operation, wait: Duration) {
        self.0.note(&format!(
            "Whether Cognito has carried out {} is not known. The command looks again in {} seconds.",
            operation.name(),
            wait.as_secs()
        ));
    }
}

impl WatchWriting for Said<'_> {
    fn tries_again(&mut self, operation: Operation, wait: Duration) {
        self.0.note(&format!(
            "Cognito refused {}: it may not know a new object yet. The command tries again in {} seconds.",
            operation.name(),
            wait.as_secs()
        ));
    }
}

impl WatchRebuild for Said<'_> {
    fn makes(&mut self, label: &str) {
        self.0.note(&format!("Creating {label}."));
    }

    fn waits_for_domain(&mut self, domains: &str, wait: Duration) {
        self.0.note(&format!(
            "Waiting until the domain {domains} is active. A custom domain takes up to an hour. Next look in {} seconds.",
            wait.as_secs()
        ));
    }
}
