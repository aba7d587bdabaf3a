//! A Lambda function around a step. It reads its environment and builds its clients once, then serves
//! events.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use aws_config::{BehaviorVersion, SdkConfig};
use futures::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::cognito::CognitoPool;
use super::copy_source::CopySource;
use super::dynamodb::DynamoVault;
use super::environment::Environment;
use super::event_bus::EventBus;
use super::heartbeat::Heartbeat;
use super::job_files::LocalJobFiles;
use super::keys::AwsKeys;
use super::log;
use super::sns::Topic;
use shared::model::configuration::ConfigurationKeys;
use shared::model::{BusEvent, Headroom, Metrics, PoolId, Retention, SubMapRetention, Tps};
use shared::pacing::Budget;
use shared::ports::{Announcement, Backend, Clock};
use shared::report::cause;
use shared::steps::unreadable;
use shared::{Error, ErrorKind, Guidance, Result};

/// The backend of a step on AWS.
#[derive(Debug)]
pub struct Aws {
    environment: Environment,
    region: Option<String>,
    cognito: aws_sdk_cognitoidentityprovider::Client,
    vault: DynamoVault,
    copy_source: Option<CopySource>,
    job_files: LocalJobFiles,
    keys: AwsKeys,
    topic: Option<Topic>,
    event_bus: EventBus,
    heartbeat: Option<Heartbeat>,
}

impl Aws {
    pub fn new(environment: Environment, config: &SdkConfig) -> Self {
        let topic = environment.topic.clone().map(|arn| Topic::new(aws_sdk_sns::Client::new(config), arn));
        let heartbeat = environment.heartbeat_parameter.clone();
        let heartbeat = heartbeat.map(|parameter| Heartbeat::new(Heartbeat::client(config), parameter));
        let copy_source =
            environment.copy_source.clone().map(|settings| CopySource::new(config.clone(), settings));
        Self {
            region: config.region().map(ToString::to_string),
            cognito: CognitoPool::client(config),
            vault: DynamoVault::new(DynamoVault::client(config), environment.table.clone()),
            copy_source,
            job_files: LocalJobFiles::new(
                LocalJobFiles::client(config),
                environment.import_job_log_role.clone(),
            ),
            keys: AwsKeys::new(AwsKeys::client(config)),
            topic,
            event_bus: EventBus::new(EventBus::client(config)),
            heartbeat,
            environment,
        }
    }
}

impl Backend for Aws {
    type Pool = CognitoPool;
    type Vault = DynamoVault;
    type CopySource = DynamoVault;
    type JobFiles = LocalJobFiles;
    type Keys = AwsKeys;

    fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    fn pool(&self, id: &PoolId) -> CognitoPool {
        CognitoPool::new(self.cognito.clone(), id.clone())
    }

    fn table(&self) -> &str {
        &self.environment.table
    }

    fn vault(&self) -> DynamoVault {
        self.vault.clone()
    }

    async fn copy_source(&self) -> Result<Option<DynamoVault>> {
        match &self.copy_source {
            Some(source) => source.vault().await.map(Some),
            None => Ok(None),
        }
    }

    fn job_files(&self) -> LocalJobFiles {
        self.job_files.clone()
    }

    fn default_tps(&self) -> Tps {
        self.environment.tps
    }

    fn headroom(&self) -> Option<Headroom> {
        self.environment.headroom
    }

    fn splits_listings(&self) -> bool {
        self.environment.split_listing
    }

    fn captures_configuration(&self) -> bool {
        self.environment.capture_configuration
    }

    fn keys(&self) -> AwsKeys {
        self.keys.clone()
    }

    fn configuration_keys(&self) -> Option<&ConfigurationKeys> {
        self.environment.configuration_keys.as_ref()
    }

    fn requires_pool_tag(&self) -> bool {
        self.environment.requires_pool_tag
    }

    fn retention(&self) -> Option<&Retention> {
        self.environment.retention.as_ref()
    }

    fn sub_map_retention(&self) -> Option<SubMapRetention> {
        self.environment.sub_map_retention
    }

    fn clock(&self) -> Clock {
        Clock::system()
    }

    fn measure(&self, metrics: &Metrics) {
        super::metrics::write(metrics, self.clock().now());
    }

    async fn announce(&self, announcement: &Announcement) -> Result<bool> {
        match &self.topic {
            Some(topic) if self.environment.preference.covers(announcement) => {
                topic.publish(announcement).await.map(|()| true)
            }
            _ => Ok(false),
        }
    }

    async fn put_events(&self, events: &[BusEvent]) -> Result<()> {
        self.event_bus.put(events).await
    }

    async fn send_heartbeat(&self) -> Result<bool> {
        match &self.heartbeat {
            Some(heartbeat) => heartbeat.send().await.map(|()| true),
            None => Ok(false),
        }
    }
}

/// An unparsed event. None if it is no JSON. The step answers an unreadable event with a named error. The
/// runtime would answer with an error of its own, which quotes the event.
struct Event(Option<Value>);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Self(Value::deserialize(deserializer).ok()))
    }
}

/// The error as the Lambda runtime reports it. A state machine matches its kind in `ErrorEquals`.
fn diagnostic(error: &Error) -> Diagnostic {
    Diagnostic { error_type: error.kind().name().to_owned(), error_message: cause(error) }
}

pub type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Serves invocations of `function` with `step` until Lambda ends the environment.
pub async fn serve<T, S>(function: &'static str, step: S) -> std::result::Result<(), lambda_runtime::Error>
where
    T: Serialize,
    S: for<'a> Fn(&'a Aws, Value, Budget) -> Work<'a, T> + Sync,
{
    let filter = std::env::var("RUST_LOG").ok();
    tracing::subscriber::set_global_default(log::subscriber(filter.as_deref(), std::io::stderr))?;
    std::panic::set_hook(Box::new(log::panicked));
    let aws: OnceCell<Aws> = OnceCell::new();
    let (aws, step) = (&aws, &step);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        let (Event(event), context) = event.into_parts();
        let result = async {
            let event = event.ok_or_else(|| unreadable(function))?;
            let aws = aws
                .get_or_try_init(|| async {
                    let environment = Environment::read()?;
                    let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
                    Ok::<_, Error>(Aws::new(environment, &config))
                })
                .await?;
            step(aws, event, Budget::until(context.deadline())).await
        };
        // The message of a panic can hold a name or an address. The runtime would send it to Step Functions.
        let result: Result<T> = AssertUnwindSafe(result).catch_unwind().await.unwrap_or_else(|_| {
            let what = format!("Function {function} panicked. Its log names the place.");
            Err(Error::new(ErrorKind::Internal, what, Guidance::REPORT_THIS))
        });
        match &result {
            Ok(_) => tracing::info!(function, "invocation done"),
            Err(error) => tracing::error!(
                function,
                error = error.kind().name(),
                message = cause(error),
                "invocation failed"
            ),
        }
        result.map_err(|error| diagnostic(&error))
    }))
    .await
}
