//! The common code of the end-to-end scenarios.
//!
//! Each scenario has its own [`World`]: an emulator with the strict proxy, the real functions behind a
//! recorder, and the real state machines.

pub mod capturing;
pub mod deployed;
pub mod operator;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::types::Environment;
use local::aws;
use local::comparison::{self, Comparison};
use local::emulator::Settings;
use local::executions::{self, Outcome};
use local::form;
use local::population::{self, FillProgress, Population};
use local::provision::{ConfigurationKeys, Options};
use local::recorder::{Action, Call};
use local::stack::Stack;
use serde_json::{Value, json};

/// An item of the backup table.
pub type Item = std::collections::HashMap<String, AttributeValue>;

/// The local AWS of one scenario, with the backup deployed in it. It stops when this value is dropped.
pub struct World {
    /// The deployment, its recorder and its clients.
    pub stack: Stack,
}

impl World {
    /// Deploys the backup with the default options.
    pub async fn new() -> Result<Self> {
        Self::with_options(Options::default()).await
    }

    /// Deploys the backup with these options. The state machines skip their waits, because the scenarios
    /// test that they retry, not how long they wait.
    pub async fn with_options(options: Options) -> Result<Self> {
        let settings = Settings { skip_waits: true, ..Settings::default() };
        Ok(Self { stack: Stack::up(settings, options).await? })
    }

    /// Creates both keys for secrets, and gives them to the function that captures configurations.
    pub async fn keep_secrets(&self) -> Result<()> {
        let keys = ConfigurationKeys::create(aws::ACCESS_KEY_ID, &self.stack.deployment.endpoint_url).await?;
        let (lambda, function) = (self.stack.lambda(), "cognito-backup-export-page");
        let configured = lambda.get_function_configuration().function_name(function).send().await?;
        let mut variables = configured.environment.and_then(|set| set.variables).context("no variables")?;
        variables.extend(keys.variables());
        let set = Environment::builder().set_variables(Some(variables)).build();
        lambda.update_function_configuration().function_name(function).environment(set).send().await?;
        Ok(())
    }

    /// Creates a pool with `users` generated users. The same number gives the same users.
    pub async fn filled_pool(&self, users: usize) -> Result<(String, Population)> {
        let pool = population::create_pool(&self.stack.cognito(), "source").await?;
        let population = population::generate(users, 7);
        population.fill(&self.stack.cognito(), &pool, &FillProgress::default()).await?;
        Ok((pool, population))
    }

    /// Creates a pool without users, with the same settings as [`World::filled_pool`].
    pub async fn empty_pool(&self) -> Result<String> {
        population::create_pool(&self.stack.cognito(), "target").await
    }

    /// Runs the export state machine to its end.
    pub async fn export(&self, input: &Value) -> Result<Outcome> {
        executions::run(&self.stack.sfn(), &self.stack.deployment.export_state_machine_arn, input).await
    }

    /// Runs the import state machine to its end.
    pub async fn import(&self, input: &Value) -> Result<Outcome> {
        executions::run(&self.stack.sfn(), &self.stack.deployment.import_state_machine_arn, input).await
    }

    /// Exports a pool at full speed. Returns the report.
    ///
    /// # Errors
    /// If the export fails.
    pub async fn take_snapshot(&self, pool: &str) -> Result<Value> {
        self.export(&json!({"userPoolId": pool, "tps": 200})).await?.success()
    }

    /// Starts the removal for the snapshot in the report of an export, with an event like that of EventBridge. Returns
    /// its report. This deployment has no rule that would start it.
    ///
    /// # Errors
    /// If the removal fails.
    pub async fn remove_old_snapshots(&self, sealed: &Value) -> Result<Value> {
        let event = json!({
            "source": "cognito-backup",
            "detail-type": "Snapshot Sealed",
            "detail": {"userPoolId": sealed["userPoolId"], "snapshotId": sealed["snapshotId"]},
        });
        let machine = &self.stack.deployment.removal_state_machine_arn;
        executions::run(&self.stack.sfn(), machine, &event).await?.success()
    }

    /// Restores the latest snapshot of `source` into `target` at full speed.
    pub async fn restore(&self, source: &str, target: &str) -> Result<Outcome> {
        self.import(&import_input(source, target)).await
    }

    /// Compares the restored pool `target` with `source`.
    pub async fn compare(&self, source: &str, target: &str) -> Result<Comparison> {
        comparison::compare_pools(&self.stack.cognito(), source, target).await
    }

    /// All items of the backup table, by key.
    pub async fn items(&self) -> Result<BTreeMap<(String, String), Item>> {
        items_of(&self.stack.dynamodb(), &self.stack.deployment.backup_table).await
    }

    /// All items of the backup table except leases, by key. A lease stays after its release, with its generation.
    pub async fn items_without_leases(&self) -> Result<BTreeMap<(String, String), Item>> {
        Ok(without_leases(self.items().await?))
    }

    /// All items of the replica, by key.
    pub async fn replica_items(&self) -> Result<BTreeMap<(String, String), Item>> {
        items_of(&self.stack.dynamodb_replica(), &self.stack.deployment.backup_table).await
    }

    /// Deletes an item of the backup table, to damage a snapshot.
    pub async fn delete_item(&self, (pk, sk): &(String, String)) -> Result<()> {
        let request = self.stack.dynamodb().delete_item().table_name(&self.stack.deployment.backup_table);
        request
            .key("pk", AttributeValue::S(pk.clone()))
            .key("sk", AttributeValue::S(sk.clone()))
            .send()
            .await?;
        Ok(())
    }

    /// Writes an item to the backup table, to damage or to repair a snapshot.
    pub async fn put_item(&self, item: Item) -> Result<()> {
        let request = self.stack.dynamodb().put_item().table_name(&self.stack.deployment.backup_table);
        request.set_item(Some(item)).send().await?;
        Ok(())
    }

    /// From now on, records the messages that the functions publish to the topic. Replaces the recorder's
    /// fault rule.
    pub fn record_messages(&self) -> Messages {
        let messages = Messages::default();
        let recorded = messages.clone();
        self.stack.recorder.inject(move |call: &Call| {
            if call.operation == "Publish" {
                recorded.0.lock().unwrap_or_else(PoisonError::into_inner).push(form::decoded(&call.body));
            }
            Action::Forward
        });
        messages
    }

    /// The number of users in a pool.
    pub async fn user_count(&self, pool: &str) -> Result<usize> {
        Ok(comparison::read(&self.stack.cognito(), pool).await?.users.len())
    }
}

/// The number of users in the pools of a round trip: the environment variable `SCENARIO_USERS`, or 130,
/// which makes 3 pages.
pub fn population_size() -> usize {
    std::env::var("SCENARIO_USERS").ok().and_then(|number| number.parse().ok()).unwrap_or(130)
}

/// The input of an import that restores the latest snapshot at full speed.
pub fn import_input(source: &str, target: &str) -> Value {
    json!({"sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": "latest", "tps": 200})
}

/// The messages that the functions published to the topic.
#[derive(Debug, Clone, Default)]
pub struct Messages(Arc<Mutex<Vec<String>>>);

impl Messages {
    /// The messages so far. Each is the decoded request, with subject and text.
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The items that are neither leases nor the notes of executions. An execution that takes a lease notes which
/// run it carries out. This note expires.
#[must_use]
pub fn without_leases(mut items: BTreeMap<(String, String), Item>) -> BTreeMap<(String, String), Item> {
    items.retain(|(_, sk), _| !sk.starts_with("LEASE#") && sk != "EXECUTION");
    items
}

/// All items of a table, by key.
///
/// # Errors
/// If the table cannot be read.
pub async fn items_of(
    client: &aws_sdk_dynamodb::Client,
    table: &str,
) -> Result<BTreeMap<(String, String), Item>> {
    let mut items = BTreeMap::new();
    let mut after = None;
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(after).send().await?;
        for item in page.items.unwrap_or_default() {
            let text = |name: &str| {
                let value = item.get(name).and_then(|value| value.as_s().ok());
                value.cloned().with_context(|| format!("an item has no {name}"))
            };
            items.insert((text("pk")?, text("sk")?), item);
        }
        match page.last_evaluated_key {
            Some(key) => after = Some(key),
            None => return Ok(items),
        }
    }
}

/// Checks that an execution failed with the error `name`. Returns the error's message.
///
/// # Errors
/// If the execution succeeded or failed with another error.
pub fn error_message(outcome: &Outcome, name: &str) -> Result<String> {
    ensure!(
        outcome.error.as_deref() == Some(name),
        "expected the error {name}, but the execution ended with {outcome:?}"
    );
    outcome.cause.clone().context("the error has no message")
}
