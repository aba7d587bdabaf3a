//! Goal: the strict proxy refuses exactly the calls that the real Cognito refuses, and the backup makes no
//! such call.
//!
//! Method: an SDK client that never retries calls the strict proxy in front of an emulator.

mod backup;
mod configuration;
mod groups;
mod import_jobs;
mod listings;
mod quotas;
mod users;

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cognitoidentityprovider::operation::admin_create_user::builders::AdminCreateUserFluentBuilder;
use aws_sdk_cognitoidentityprovider::operation::create_user_pool::builders::CreateUserPoolFluentBuilder;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, MessageActionType};
use local::aws::{self, REGION};
use local::emulator::{Emulator, Settings};
use local::strict::StrictProxy;

/// The error of a parameter that Cognito refuses.
const INVALID: &str = "InvalidParameterException";

/// An emulator, a strict proxy in front of it, and clients of both.
struct Fixture {
    strict: StrictProxy,
    /// A client of the strict proxy that never retries.
    client: Client,
    /// A client of the emulator.
    direct_client: Client,
    _emulator: Emulator,
}

impl Fixture {
    async fn new() -> Result<Self> {
        let emulator = Emulator::start(Settings::default()).await?;
        let url = emulator.server().endpoint_url();
        let strict = StrictProxy::start(&url).await?;
        let config =
            aws::config(&strict.url(), REGION).into_builder().retry_config(RetryConfig::disabled()).build();
        Ok(Self {
            client: Client::new(&config),
            direct_client: Client::new(&aws::config(&url, REGION)),
            strict,
            _emulator: emulator,
        })
    }

    /// Creates a pool. `settings` adds parameters to the request. Returns the pool's id.
    async fn create_pool(
        &self,
        settings: impl FnOnce(CreateUserPoolFluentBuilder) -> CreateUserPoolFluentBuilder,
    ) -> Result<String> {
        let created = settings(self.client.create_user_pool().pool_name("pool")).send().await?;
        created.user_pool.and_then(|pool| pool.id).context("the new pool has no id")
    }

    /// A request that creates a user without a message.
    fn create_user(
        &self,
        pool: &str,
        username: &str,
        attributes: &[(&str, &str)],
    ) -> AdminCreateUserFluentBuilder {
        let call = self.client.admin_create_user().user_pool_id(pool).username(username);
        call.set_user_attributes(Some(attributes_of(attributes))).message_action(MessageActionType::Suppress)
    }

    /// Creates a pool with the users `u000`, `u001` and so on.
    async fn pool_with_users(&self, users: usize) -> Result<String> {
        let pool = self.create_pool(|pool| pool).await?;
        for number in 0..users {
            self.create_user(&pool, &format!("u{number:03}"), &[]).send().await?;
        }
        Ok(pool)
    }
}

fn attributes_of(attributes: &[(&str, &str)]) -> Vec<AttributeType> {
    attributes
        .iter()
        .map(|(name, value)| AttributeType::builder().name(*name).value(*value).build().unwrap())
        .collect()
}

/// The name of a call's error, or `none`.
fn error_name<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    result
        .err()
        .map_or_else(|| "none".to_owned(), |error| error.code().unwrap_or("without a name").to_owned())
}
