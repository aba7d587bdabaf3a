//! `cargo xtask demo`: the whole of it in two minutes. Fills a pool with varied people, exports it twice, restores it into a fresh
//! pool, and compares.

mod phases;
mod progress;
mod report;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use local::build::Executables;
use local::emulator::{Emulator, Settings};
use local::population;
use local::provision::{self, Deployment};

use crate::local_up;
use crate::say;
use phases::Stage;
use report::{Report, TpsFigures};

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many users the source pool gets.
    #[arg(long, default_value_t = 2_000)]
    users: usize,
    /// Cognito calls per second of exports and import, 1 to 200. Without it, exports run at 10 and the import at 200: it
    /// takes three calls per user, and would last ten minutes at 10.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=200))]
    tps: Option<u16>,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
    /// Leave the local AWS up, with both pools, for `cargo xtask local env` and a look around.
    #[arg(long)]
    keep: bool,
}

/// Runs the demo. The exit code is 0 only when nothing is missing or different.
pub(crate) async fn run(options: Options) -> Result<ExitCode> {
    ensure!(options.users > 0, "a pool of 0 users shows nothing");
    let [export_tps, restore_tps] = [options.tps.unwrap_or(10), options.tps.unwrap_or(200)];
    // Ends with this function, unless it is to be kept.
    let mut emulator = None;
    let deployment = if options.keep {
        local_up::bring_up(local_up::Options { port: None, tps: export_tps }).await?
    } else {
        let executables = local_up::prepare().await?;
        let started = Emulator::start(Settings::default()).await?;
        let deployed = deploy(&started, &executables, export_tps).await;
        emulator = Some(started);
        deployed?
    };
    let report = show(&deployment, options.users, export_tps, restore_tps).await?;
    drop(emulator);

    let text = if options.json { serde_json::to_string_pretty(&report)? } else { report.table() };
    writeln!(stdout(), "{text}")?;
    if options.keep {
        say("the local AWS stays up: `cargo xtask local env` points at it, `cargo xtask local down` stops it")?;
    }
    let shortcomings = report.shortcomings();
    for shortcoming in &shortcomings {
        say(&format!("not as it should be: {shortcoming}"))?;
    }
    Ok(if shortcomings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn deploy(emulator: &Emulator, executables: &Executables, tps: u16) -> Result<Deployment> {
    let options = provision::Options { tps: tps.to_string(), ..provision::Options::default() };
    let server = emulator.server();
    provision::deploy(&server.endpoint_url(), server.pid(), executables, &options).await
}

/// The phases, one after the other.
async fn show(deployment: &Deployment, users: usize, export_tps: u16, restore_tps: u16) -> Result<Report> {
    let stage = Stage::new(deployment);
    let everybody = population::generate(users, 1);
    let source = stage.fill(&everybody).await?;
    let target = stage.create_target().await?;
    let export = stage.export("first export", &source, &everybody, export_tps).await?;
    let second_export = stage.export("second export, nothing changed", &source, &everybody, export_tps).await?;
    let restore = stage.restore(&source, &target, &everybody, restore_tps).await?;
    let replica = stage.replica().await?;
    let comparison = stage.compare(&source, &target).await?;
    Ok(Report {
        tps: TpsFigures::of(&export, &restore, export_tps, restore_tps),
        source_user_pool_id: source,
        target_user_pool_id: target,
        export,
        second_export,
        restore,
        replica,
        comparison,
    })
}
