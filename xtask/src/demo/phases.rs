//! The phases of the demo, each with its progress bar.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_dynamodb as dynamodb;
use aws_sdk_sfn as sfn;
use local::aws::{self, REGION, SECONDARY_REGION};
use local::comparison::{self, Comparison};
use local::executions::{self, Outcome};
use local::population::{self, Population};
use local::provision::Deployment;
use serde_json::{Value, json};

use super::header::Header;
use super::report::Replica;
use crate::progress::say;
use crate::progress::{TICK_EVERY, bar, finish, watch};

/// How long the replica may take to catch up.
const REPLICATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The deployment of the demo, and its clients.
pub(super) struct Stage<'a> {
    deployment: &'a Deployment,
    cognito: cognito::Client,
    primary: dynamodb::Client,
    secondary: dynamodb::Client,
    sfn: sfn::Client,
}

impl<'a> Stage<'a> {
    pub fn new(deployment: &'a Deployment) -> Self {
        let [first, second] =
            [REGION, SECONDARY_REGION].map(|region| aws::config(&deployment.endpoint_url, region));
        Self {
            deployment,
            cognito: cognito::Client::new(&first),
            primary: dynamodb::Client::new(&first),
            secondary: dynamodb::Client::new(&second),
            sfn: sfn::Client::new(&first),
        }
    }

    /// Creates the source pool and fills it. Returns its id.
    pub async fn fill(&self, population: &Population) -> Result<String> {
        let pool = population::create_pool(&self.cognito, "demo-source").await?;
        let bar = bar("filling the source pool", population.users.len())?;
        let progress = population::FillProgress::default();
        let filling = population.fill(&self.cognito, &pool, &progress);
        watch(filling, &bar, async || progress.users() as u64).await?;
        finish(&bar)?;
        Ok(pool)
    }

    /// Creates the pool to restore into. Returns its id.
    pub async fn create_target(&self) -> Result<String> {
        population::create_pool(&self.cognito, "demo-target").await
    }

    /// Runs the export state machine. Returns its output.
    pub async fn export(
        &self,
        what: &'static str,
        pool: &str,
        population: &Population,
        tps: u16,
    ) -> Result<Value> {
        let input = json!({"userPoolId": pool, "tps": tps});
        let header = Header::newest_snapshot(pool);
        self.execute(what, &self.deployment.export_state_machine_arn, &input, population, &header)
            .await?
            .success()
    }

    /// Runs the import state machine. Returns its output, or the error of a failure: the comparison shows the
    /// rest.
    pub async fn restore(
        &self,
        source: &str,
        target: &str,
        population: &Population,
        tps: u16,
    ) -> Result<Value> {
        let input =
            json!({"sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": "latest", "tps": tps});
        let header = Header::newest_restore(target);
        let machine = &self.deployment.import_state_machine_arn;
        let ended = self.execute("restore into a fresh pool", machine, &input, population, &header).await?;
        Ok(ended.output.unwrap_or_else(|| {
            json!({
                "operation": "import",
                "status": ended.status.as_str(),
                "error": ended.error,
                "cause": ended.cause,
            })
        }))
    }

    /// Counts the items in both Regions. Waits up to 30 seconds until both hold the same number.
    pub async fn replica(&self) -> Result<Replica> {
        let deadline = Instant::now() + REPLICATION_TIMEOUT;
        loop {
            let (items, replica_items) =
                futures::try_join!(self.count(&self.primary), self.count(&self.secondary))?;
            if items == replica_items || Instant::now() >= deadline {
                return Ok(Replica {
                    region: SECONDARY_REGION.into(),
                    items: replica_items,
                    primary_items: items,
                });
            }
            tokio::time::sleep(TICK_EVERY).await;
        }
    }

    /// Lists both pools and compares them.
    pub async fn compare(&self, source: &str, target: &str) -> Result<Comparison> {
        say("comparing both pools")?;
        comparison::compare_pools(&self.cognito, source, target).await
    }

    async fn execute(
        &self,
        what: &'static str,
        machine: &str,
        input: &Value,
        population: &Population,
        header: &Header,
    ) -> Result<Outcome> {
        let all = population.users.len() + population.groups.len() + population.memberships();
        let bar = bar(what, all)?;
        let before = header.read(&self.primary, &self.deployment.backup_table).await;
        let running = executions::run(&self.sfn, machine, input);
        let entries = async || {
            let now = header.read(&self.primary, &self.deployment.backup_table).await;
            // Before the run has a header, the newest header belongs to the run before.
            if now.as_ref().map(|(id, _)| id) == before.as_ref().map(|(id, _)| id) {
                0
            } else {
                now.map_or(0, |(_, n)| n)
            }
        };
        let ended = watch(running, &bar, entries).await?;
        finish(&bar)?;
        Ok(ended)
    }

    async fn count(&self, client: &dynamodb::Client) -> Result<u64> {
        let table = &self.deployment.backup_table;
        let mut pages = client
            .scan()
            .table_name(table)
            .select(dynamodb::types::Select::Count)
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += u64::try_from(page.with_context(|| format!("cannot count the items of {table}"))?.count)
                .unwrap_or(0);
        }
        Ok(count)
    }
}
