//! The strict Cognito refuses what the real service refuses, and nothing else; and the backup gives it nothing to refuse.

mod backup;
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

/// The error of a parameter that Cognito does not take.
const INVALID: &str = "InvalidParameterException";

/// An emulator, a strict Cognito before it, and a client before that.
struct Front {
    strict: StrictProxy,
    /// Goes through the strict Cognito and never retries.
    client: Client,
    /// Goes to the emulator.
    inside: Client,
    _emulator: Emulator,
}

impl Front {
    async fn new() -> Result<Self> {
        let emulator = Emulator::start(Settings::default()).await?;
        let url = emulator.server().endpoint_url();
        let strict = StrictProxy::start(&url).await?;
        let config = aws::config(&strict.url(), REGION).into_builder().retry_config(RetryConfig::disabled()).build();
        Ok(Self { client: Client::new(&config), inside: Client::new(&aws::config(&url, REGION)), strict, _emulator: emulator })
    }

    /// A pool that `settings` are made of.
    async fn pool(&self, settings: impl FnOnce(CreateUserPoolFluentBuilder) -> CreateUserPoolFluentBuilder) -> Result<String> {
        let created = settings(self.client.create_user_pool().pool_name("pool")).send().await?;
        created.user_pool.and_then(|pool| pool.id).context("a pool without an id")
    }

    /// The call that creates a user, without a message.
    fn create(&self, pool: &str, username: &str, attributes: &[(&str, &str)]) -> AdminCreateUserFluentBuilder {
        let call = self.client.admin_create_user().user_pool_id(pool).username(username);
        call.set_user_attributes(Some(attributes_of(attributes))).message_action(MessageActionType::Suppress)
    }

    /// A pool with the users `u000`, `u001` and so on.
    async fn pool_of(&self, users: usize) -> Result<String> {
        let pool = self.pool(|pool| pool).await?;
        for number in 0..users {
            self.create(&pool, &format!("u{number:03}"), &[]).send().await?;
        }
        Ok(pool)
    }
}

fn attributes_of(attributes: &[(&str, &str)]) -> Vec<AttributeType> {
    attributes.iter().map(|(name, value)| AttributeType::builder().name(*name).value(*value).build().unwrap()).collect()
}

/// The name of the error of a call, or `none`.
fn error<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> String {
    result.err().map_or_else(|| "none".to_owned(), |error| error.code().unwrap_or("without a name").to_owned())
}
