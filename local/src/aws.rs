//! SDK clients that talk to the local AWS.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

/// The first Region: the functions and the user pools are here.
pub const REGION: &str = "us-east-1";
/// The second Region: the replica of the backup table is here.
pub const SECONDARY_REGION: &str = "us-west-2";
/// The access key of all clients. The emulator checks no signature. It takes an access key of 12 digits for
/// an account id.
pub const ACCESS_KEY_ID: &str = "test";
/// The secret key of all clients.
pub const SECRET_ACCESS_KEY: &str = "test";

/// The configuration for one Region of the emulator at `endpoint_url`. It reads nothing from the AWS
/// environment of the caller, so a test can never touch a real account.
pub fn config(endpoint_url: &str, region: &'static str) -> SdkConfig {
    config_of(ACCESS_KEY_ID, endpoint_url, region)
}

/// As [`config`], for the account of an access key. See [`ACCESS_KEY_ID`].
pub fn config_of(access_key_id: &str, endpoint_url: &str, region: &'static str) -> SdkConfig {
    let retry = RetryConfig::standard()
        .with_max_attempts(8)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_secs(2));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(60));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint_url)
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            access_key_id,
            SECRET_ACCESS_KEY,
            None,
            None,
            "local",
        )))
        .retry_config(retry)
        .timeout_config(timeouts.build())
        .build()
}
