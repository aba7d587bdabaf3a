//! The adapters for AWS. Only these modules know types of the SDK.

#[cfg(test)]
mod actions;
#[cfg(test)]
mod answers;
pub mod codes;
pub mod cognito;
pub mod copy_source;
pub mod dynamodb;
pub mod environment;
pub mod event_bus;
pub mod function;
pub mod heartbeat;
pub mod job_files;
pub mod keys;
mod log;
pub mod metrics;
#[cfg(test)]
mod quiet;
pub mod sns;

use aws_config::timeout::TimeoutConfig;
use std::time::Duration;

/// The time limits of a call, so that it cannot hang: 3 seconds for a connection, 20 for an answer.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(20))
        .build()
}
