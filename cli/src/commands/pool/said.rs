//! How a command that reads or writes a configuration goes on, on stderr.

use std::time::Duration;

use shared::format::plural;
use shared::model::configuration::apply::Action;
use shared::operations::apply::WatchApply;
use shared::operations::rebuild::WatchRebuild;
use shared::operations::{WatchReading, WatchWriting};
use shared::ports::pool::Operation;

use crate::output::action;
use crate::watch::Meter;

/// Says on stderr how the command goes on.
pub struct Said<'a>(pub &'a mut Meter);

impl WatchReading for Said<'_> {
    fn reads(&mut self, objects: usize) {
        self.0.note(&format!("Still reading. So far: {}.", plural(objects as u64, "object", "objects")));
    }

    fn waits(&mut self, operation: Operation, wait: Duration) {
        let (name, seconds) = (operation.name(), plural(wait.as_secs(), "second", "seconds"));
        self.0.note(&if operation.reads_configuration() {
            format!("Cognito did not answer {name}. The command asks again in {seconds}.")
        } else {
            format!(
                "Whether Cognito has carried out {name} is not known. The command looks again in {seconds}."
            )
        });
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

impl WatchApply for Said<'_> {
    fn applies(&mut self, label: &str, what: Action) {
        self.0.note(&format!("Now: {} {label}.", action(what)));
    }
}
