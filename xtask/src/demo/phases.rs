//! The phases of the demo, each with its progress bar.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use aws_sdk_cognitoidentityprovider as cognito;
use aws_sdk_dynamodb as dynamodb;
use aws_sdk_sfn as sfn;
use indicatif::{ProgressBar, ProgressStyle};
use local::aws::{self, REGION, SECONDARY_REGION};
use local::comparison::{self, Comparison};
use local::executions::{self, Outcome};
use local::population::{self, Population};
use local::provision::Deployment;
use serde_json::{Value, json};

use super::progress::Header;
use super::report::Replica;
use crate::say;

/// How often a progress bar moves.
const TICK: Duration = Duration::from_millis(250);
/// How long the replica may take to catch up.
const REPLICATION: Duration = Duration::from_secs(30);

/// Where the demo takes place.
pub(super) struct Stage<'a> {
    deployment: &'a Deployment,
    cognito: cognito::Client,
    primary: dynamodb::Client,
    secondary: dynamodb::Client,
    sfn: sfn::Client,
}

impl<'a> Stage<'a> {
    pub fn new(deployment: &'a Deployment) -> Self {
        let [here, there] = [REGION, SECONDARY_REGION].map(|region| aws::config(&deployment.endpoint_url, region));
        Self {
            deployment,
            cognito: cognito::Client::new(&here),
            primary: dynamodb::Client::new(&here),
            secondary: dynamodb::Client::new(&there),
            sfn: sfn::Client::new(&here),
        }
    }

    /// Creates the source pool and fills it. Returns its id.
    pub async fn fill(&self, everybody: &Population) -> Result<String> {
        let pool = population::create_pool(&self.cognito, "demo-source").await?;
        let bar = bar("filling the source pool", everybody.users.len())?;
        let progress = population::FillProgress::default();
        let filling = everybody.fill(&self.cognito, &pool, &progress);
        watch(filling, &bar, async || progress.users() as u64).await?;
        finish(&bar)?;
        Ok(pool)
    }

    /// Creates the pool to restore into. Returns its id.
    pub async fn create_target(&self) -> Result<String> {
        population::create_pool(&self.cognito, "demo-target").await
    }

    /// Runs the export state machine. Returns its output.
    pub async fn export(&self, what: &'static str, pool: &str, everybody: &Population, tps: u16) -> Result<Value> {
        let input = json!({"userPoolId": pool, "tps": tps});
        let header = Header::newest_snapshot(pool);
        self.execute(what, &self.deployment.export_state_machine_arn, &input, everybody, &header).await?.success()
    }

    /// Runs the import state machine. Returns its output, or how it failed: then the comparison has more to say.
    pub async fn restore(&self, source: &str, target: &str, everybody: &Population, tps: u16) -> Result<Value> {
        let input = json!({"sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": "latest", "tps": tps});
        let header = Header::newest_restore(target);
        let machine = &self.deployment.import_state_machine_arn;
        let ended = self.execute("restore into a fresh pool", machine, &input, everybody, &header).await?;
        Ok(ended.output.unwrap_or_else(|| {
            json!({
                "operation": "import",
                "status": ended.status.as_str(),
                "error": ended.error,
                "cause": ended.cause,
            })
        }))
    }

    /// Counts the items in both Regions, once both hold equally many or the replica has had time enough.
    pub async fn replica(&self) -> Result<Replica> {
        let given_up = Instant::now() + REPLICATION;
        loop {
            let (items, replica_items) = futures::try_join!(self.count(&self.primary), self.count(&self.secondary))?;
            if items == replica_items || Instant::now() >= given_up {
                return Ok(Replica { region: SECONDARY_REGION.into(), items: replica_items, primary_items: items });
            }
            tokio::time::sleep(TICK).await;
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
        everybody: &Population,
        header: &Header,
    ) -> Result<Outcome> {
        let all = everybody.users.len() + everybody.groups.len() + everybody.memberships();
        let bar = bar(what, all)?;
        let before = header.read(&self.primary, &self.deployment.backup_table).await;
        let running = executions::run(&self.sfn, machine, input);
        let entries = async || {
            let now = header.read(&self.primary, &self.deployment.backup_table).await;
            // Until the run has a header of its own, the newest one belongs to the run before.
            if now.as_ref().map(|(id, _)| id) == before.as_ref().map(|(id, _)| id) { 0 } else { now.map_or(0, |(_, n)| n) }
        };
        let ended = watch(running, &bar, entries).await?;
        finish(&bar)?;
        Ok(ended)
    }

    async fn count(&self, client: &dynamodb::Client) -> Result<u64> {
        let table = &self.deployment.backup_table;
        let mut pages =
            client.scan().table_name(table).select(dynamodb::types::Select::Count).consistent_read(true).into_paginator().send();
        let mut count = 0;
        while let Some(page) = pages.next().await {
            count += u64::try_from(page.with_context(|| format!("cannot count the items of {table}"))?.count).unwrap_or(0);
        }
        Ok(count)
    }
}

/// A progress bar on a terminal, a line elsewhere.
fn bar(what: &'static str, length: usize) -> Result<ProgressBar> {
    let bar = ProgressBar::new(length as u64).with_message(what);
    bar.set_style(ProgressStyle::with_template("{msg:32} {bar:32} {pos:>6} of {len} {elapsed:>4}")?);
    if bar.is_hidden() {
        say(what)?;
    }
    Ok(bar)
}

fn finish(bar: &ProgressBar) -> Result<()> {
    bar.set_position(bar.length().unwrap_or_default());
    bar.abandon();
    if bar.is_hidden() { say(&format!("  done in {:.1} s", bar.elapsed().as_secs_f64())) } else { Ok(()) }
}

/// Carries out `work` and moves the bar to where `position` says, now and then.
async fn watch<T>(work: impl Future<Output = Result<T>>, bar: &ProgressBar, position: impl AsyncFn() -> u64) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => bar.set_position(position().await),
        }
    }
}
