//! What the end-to-end scenarios have in common: a world of its own for each, with an emulator, the real functions behind a
//! recorder, and the real state machines.

pub mod deployed;
pub mod operator;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use local::comparison::{self, Comparison};
use local::emulator::Settings;
use local::executions::{self, Outcome};
use local::form;
use local::population::{self, FillProgress, Population};
use local::provision::Options;
use local::recorder::{Action, Call};
use local::stack::Stack;
use serde_json::{Value, json};

/// An item of the backup table.
pub type Item = std::collections::HashMap<String, AttributeValue>;

/// One scenario's world. It ends with this value.
pub struct World {
    /// The deployment, its recorder and its clients.
    pub stack: Stack,
}

impl World {
    /// A deployment with the defaults.
    pub async fn new() -> Result<Self> {
        Self::with(Options::default()).await
    }

    /// A deployment with these options. Waits of the state machines are skipped: what is tested is that they try again, not
    /// how long they wait.
    pub async fn with(options: Options) -> Result<Self> {
        let settings = Settings { skip_waits: true, ..Settings::default() };
        Ok(Self { stack: Stack::up(settings, options).await? })
    }

    /// A pool with `users` varied people in it; always the same ones for the same number.
    pub async fn pool_of(&self, users: usize) -> Result<(String, Population)> {
        let pool = population::create_pool(&self.stack.cognito(), "source").await?;
        let population = population::generate(users, 7);
        population.fill(&self.stack.cognito(), &pool, &FillProgress::default()).await?;
        Ok((pool, population))
    }

    /// A pool without anybody, of the same settings.
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

    /// Takes a snapshot as fast as it goes; returns the report.
    pub async fn snapshot(&self, pool: &str) -> Result<Value> {
        self.export(&json!({"userPoolId": pool, "tps": 200})).await?.success()
    }

    /// Restores the latest snapshot as fast as it goes.
    pub async fn restore(&self, source: &str, target: &str) -> Result<Outcome> {
        self.import(&import_input(source, target)).await
    }

    /// What the restored pool lacks or has otherwise.
    pub async fn compare(&self, source: &str, target: &str) -> Result<Comparison> {
        comparison::compare_pools(&self.stack.cognito(), source, target).await
    }

    /// All items of the backup table, by key.
    pub async fn items(&self) -> Result<BTreeMap<(String, String), Item>> {
        items_of(&self.stack.dynamodb(), &self.stack.deployment.backup_table).await
    }

    /// All items of the replica, by key.
    pub async fn replica_items(&self) -> Result<BTreeMap<(String, String), Item>> {
        items_of(&self.stack.dynamodb_replica(), &self.stack.deployment.backup_table).await
    }

    /// Deletes an item of the backup table, as an accident would.
    pub async fn lose(&self, (pk, sk): &(String, String)) -> Result<()> {
        let request = self.stack.dynamodb().delete_item().table_name(&self.stack.deployment.backup_table);
        request.key("pk", AttributeValue::S(pk.clone())).key("sk", AttributeValue::S(sk.clone())).send().await?;
        Ok(())
    }

    /// Writes an item of the backup table, as an accident would.
    pub async fn write(&self, item: Item) -> Result<()> {
        let request = self.stack.dynamodb().put_item().table_name(&self.stack.deployment.backup_table);
        request.set_item(Some(item)).send().await?;
        Ok(())
    }

    /// From now on, collects what the topic is told.
    pub fn listen(&self) -> Messages {
        let messages = Messages::default();
        let heard = messages.clone();
        self.stack.recorder.inject(move |call: &Call| {
            if call.operation == "Publish" {
                heard.0.lock().unwrap_or_else(PoisonError::into_inner).push(form::decoded(&call.body));
            }
            Action::Forward
        });
        messages
    }

    /// How many users a pool holds.
    pub async fn users_in(&self, pool: &str) -> Result<usize> {
        Ok(comparison::read(&self.stack.cognito(), pool).await?.users.len())
    }
}

/// People of the pools that make a round trip: two pages and a bit, or as many as `AWKWARD_PEOPLE` asks for.
pub fn awkward_people() -> usize {
    std::env::var("AWKWARD_PEOPLE").ok().and_then(|number| number.parse().ok()).unwrap_or(130)
}

/// The input of an import of the latest snapshot as fast as it goes.
pub fn import_input(source: &str, target: &str) -> Value {
    json!({"sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": "latest", "tps": 200})
}

/// What the topic was told.
#[derive(Debug, Clone, Default)]
pub struct Messages(Arc<Mutex<Vec<String>>>);

impl Messages {
    /// The messages so far: subject and text as they were sent.
    pub fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// All items of a table, by key.
///
/// # Errors
/// When the table cannot be read.
pub async fn items_of(client: &aws_sdk_dynamodb::Client, table: &str) -> Result<BTreeMap<(String, String), Item>> {
    let mut items = BTreeMap::new();
    let mut after = None;
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(after).send().await?;
        for item in page.items.unwrap_or_default() {
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().context("an item without a key");
            items.insert((text("pk")?, text("sk")?), item);
        }
        match page.last_evaluated_key {
            Some(key) => after = Some(key),
            None => return Ok(items),
        }
    }
}

/// Checks that an execution failed with the error `name`, and returns its sentence.
///
/// # Errors
/// When it ended otherwise.
pub fn refusal(outcome: &Outcome, name: &str) -> Result<String> {
    ensure!(outcome.error.as_deref() == Some(name), "expected {name}, the execution ended so: {outcome:?}");
    outcome.cause.clone().context("an error without a sentence")
}
