//! AWS behind the traits: the only modules that know the SDK's types.

#[cfg(test)]
mod actions;
pub mod cognito;
pub mod dynamodb;
pub mod environment;
pub mod function;
pub mod job_files;
pub mod metrics;
pub mod sns;

use aws_config::timeout::TimeoutConfig;
use std::time::Duration;

/// No call may hang: a connection within 3 seconds, an answer within 20.
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).operation_attempt_timeout(Duration::from_secs(20)).build()
}
