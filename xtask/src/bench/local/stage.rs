//! A local AWS with a recorder in front, in which one pool is measured.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_sdk_cognitoidentityprovider::Client;
use local::build::Executables;
use local::emulator::Settings;
use local::executions;
use local::population::{self, LargeUsers};
use local::provision::{MISLEADING, Options};
use local::recorder::{Action, Call, Traffic};
use local::stack::Stack;
use serde_json::{Value, json};
use tokio::process::Command;

use super::memory::{Memory, Ticks, Watcher, peak_until_end};
use crate::progress::say;

/// How slow Cognito is until the users are listed, so that an export splits its listing.
const SLOW: Duration = Duration::from_secs(12);

/// One execution of a state machine, and the calls that passed the recorder meanwhile.
pub(super) struct Run {
    /// The output of the execution.
    pub output: Value,
    /// All calls of the functions to Cognito and DynamoDB.
    pub traffic: Traffic,
    /// The calls to DynamoDB with their bodies.
    pub table_calls: Vec<Call>,
    /// Processor time.
    pub ticks: Ticks,
}

/// A listing of a pool by a plain client: groups, the members of each group, users, one call after the other.
pub(super) struct Bare {
    /// The number of calls, which is the number of pages.
    pub calls: u64,
    /// From the first call to the last reply.
    pub time: Duration,
}

/// The local AWS and its watchers.
pub(super) struct Stage {
    stack: Stack,
    watcher: Watcher,
    table_calls: Arc<Mutex<Vec<Call>>>,
}

impl Stage {
    pub async fn up(executables: &Executables) -> Result<Self> {
        let stack = Stack::up_to_measure(Settings::default(), Options::default(), executables).await?;
        let table_calls = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&table_calls);
        stack.recorder.inject(move |call| {
            // The calls are read after the run, so that reading them takes no time of the run.
            if call.service.starts_with("DynamoDB_") {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
            }
            Action::Forward
        });
        let watcher = Watcher::start(stack.deployment.pid);
        Ok(Self { stack, watcher, table_calls })
    }

    /// Creates a pool and fills it. Returns its id.
    pub async fn fill(&self, users: usize) -> Result<String> {
        let cognito = self.stack.cognito();
        let pool = population::create_pool(&cognito, "bench-source").await?;
        let population = population::generate(users, 1);
        let filling = async { population.fill(&cognito, &pool, &population::FillProgress::default()).await };
        timed("filling the pool", filling).await?;
        Ok(pool)
    }

    /// Exports a pool.
    pub async fn export(&self, what: &str, pool: &str, tps: u16) -> Result<Run> {
        let input = json!({"userPoolId": pool, "tps": tps});
        let machine = &self.stack.deployment.export_state_machine_arn;
        timed(&format!("{what}, TPS {tps}"), self.execute(machine, &input)).await
    }

    /// Restores the newest snapshot of a pool into a fresh pool. Returns the id of the fresh pool.
    pub async fn restore(&self, source: &str, tps: u16) -> Result<(String, Run)> {
        let target = population::create_pool(&self.stack.cognito(), "bench-target").await?;
        let input =
            json!({"sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": "latest", "tps": tps});
        let machine = &self.stack.deployment.import_state_machine_arn;
        let run =
            timed(&format!("restore into a fresh pool, TPS {tps}"), self.execute(machine, &input)).await?;
        Ok((target, run))
    }

    /// Creates a pool and fills it with large users. Returns its id.
    pub async fn fill_large(&self, users: usize, size: LargeUsers) -> Result<String> {
        let cognito = self.stack.cognito();
        let pool = population::create_pool_for_large_users(&cognito, "bench-source").await?;
        let population = population::generate_large(users, size);
        let filling = async { population.fill(&cognito, &pool, &population::FillProgress::default()).await };
        timed("filling the pool", filling).await?;
        Ok(pool)
    }

    /// Exports a pool that has a snapshot, with a split listing. All calls before the listing of users are slow, so the
    /// export expects slow pages.
    ///
    /// # Errors
    /// If the export makes one listing, or seals one.
    pub async fn split_export(&self, pool: &str, tps: u16) -> Result<Run> {
        self.stack.recorder.inject(|call| {
            let is_before =
                ["DescribeUserPool", "ListGroups", "ListUsersInGroup"].contains(&call.operation.as_str());
            if is_before { Action::Delay(SLOW, Box::new(Action::Forward)) } else { Action::Forward }
        });
        let input = json!({"userPoolId": pool, "tps": tps, "splitListing": true});
        let machine = &self.stack.deployment.export_state_machine_arn;
        let run = timed(&format!("second export, TPS {tps}"), self.execute(machine, &input)).await;
        self.stack.recorder.forward_all();
        let run = run?;
        ensure_split(&run.output)?;
        Ok(run)
    }

    /// Plans a restore into a fresh pool for large users, and carries it out. Returns the id of the fresh pool.
    pub async fn restore_large(&self, source: &str, tps: u16) -> Result<String> {
        let target = population::create_pool_for_large_users(&self.stack.cognito(), "bench-target").await?;
        let machine = &self.stack.deployment.import_state_machine_arn;
        for (what, dry_run) in [("plan", true), ("restore into a fresh pool", false)] {
            let input = json!({
                "sourceUserPoolId": source, "targetUserPoolId": target, "snapshot": "latest", "tps": tps,
                "dryRun": dry_run,
            });
            timed(&format!("{what}, TPS {tps}"), self.execute(machine, &input)).await?;
        }
        Ok(target)
    }

    /// Compares a pool with the newest snapshot of another by the command line. Returns the peak memory of the
    /// command, KB.
    ///
    /// # Errors
    /// If the two differ.
    pub async fn verify(&self, program: &Path, source: &str, target: &str, tps: u16) -> Result<u64> {
        let mut command = Command::new(program);
        command.args(["verify", "--pool", source, "--against", target, "--tps", &tps.to_string(), "--json"]);
        command.envs(self.stack.deployment.environment()).stdout(Stdio::null()).stderr(Stdio::null());
        for variable in MISLEADING {
            command.env_remove(variable);
        }
        let comparing =
            async { peak_until_end(command.spawn().context("cannot run the command line")?).await };
        let (status, peak) =
            timed(&format!("comparison by the command verify, TPS {tps}"), comparing).await?;
        ensure!(status.success(), "verify of {target} against {source} ended with {status}");
        Ok(peak)
    }

    /// Lists a pool with a plain client that calls the emulator directly.
    pub async fn list_bare(&self, pool: &str) -> Result<Bare> {
        timed("listing the restored pool with a plain client", list_bare(&self.stack.cognito(), pool)).await
    }

    /// Ends the local AWS. Returns the peak memory of the functions.
    pub async fn finish(self) -> Result<Memory> {
        self.watcher.finish().await
    }

    async fn execute(&self, machine: &str, input: &Value) -> Result<Run> {
        self.take_table_calls();
        self.stack.recorder.clear();
        let before = self.watcher.ticks();
        let output = executions::run(&self.stack.sfn(), machine, input).await?.success()?;
        Ok(Run {
            output,
            ticks: self.watcher.ticks().since(before),
            traffic: self.stack.recorder.traffic(),
            table_calls: self.take_table_calls(),
        })
    }

    fn take_table_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.table_calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Refuses an export with this output unless it split its listing of users.
fn ensure_split(output: &Value) -> Result<()> {
    let (listing, reason) = (&output["listing"], &output["splitListing"]);
    ensure!(
        listing == "split",
        "NotSplit: the second export was to split its listing of users, and has \"listing\": {listing}, \"splitListing\": {reason}"
    );
    Ok(())
}

async fn list_bare(client: &Client, pool: &str) -> Result<Bare> {
    let started = Instant::now();
    let mut calls = 0;
    let mut groups = Vec::new();
    let mut pages = client.list_groups().user_pool_id(pool).limit(60).into_paginator().send();
    while let Some(page) = pages.next().await {
        calls += 1;
        groups.extend(page.context("ListGroups failed")?.groups.unwrap_or_default());
    }
    for group in groups.into_iter().filter_map(|group| group.group_name) {
        let mut pages = client
            .list_users_in_group()
            .user_pool_id(pool)
            .group_name(group)
            .limit(60)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            calls += 1;
            page.context("ListUsersInGroup failed")?;
        }
    }
    let mut pages = client.list_users().user_pool_id(pool).limit(60).into_paginator().send();
    while let Some(page) = pages.next().await {
        calls += 1;
        page.context("ListUsers failed")?;
    }
    Ok(Bare { calls, time: started.elapsed() })
}

/// Runs `work`, and says what it is and how long it took.
async fn timed<T>(what: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    say(what)?;
    let started = Instant::now();
    let done = work.await.with_context(|| what.to_owned())?;
    say(&format!("  done in {:.1} s", started.elapsed().as_secs_f64()))?;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_does_not_split_its_listing_is_named() -> Result<()> {
        ensure_split(&json!({"listing": "split"}))?;
        let refused = ensure_split(&json!({"listing": "one", "splitListing": "short"}));
        let message = refused.map_err(|error| error.to_string()).expect_err("one listing is refused");
        assert!(message.starts_with("NotSplit") && message.contains("\"short\""), "{message}");
        Ok(())
    }
}
